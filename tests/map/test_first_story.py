# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The story that is part of ``make test``: the map shows a lab, and what becomes of it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest
from browsing import Browsing, Page, until
from hand import Hand
from lab import Lab
from served import lab_of, served

pytestmark = pytest.mark.first

CAMPUS = """\
guests:
  alice: {interfaces: {eth0: {bridge: lan}}}
  moon: {interfaces: {eth0: {bridge: lan}}, sysctl: {net.ipv4.ip_forward: 1}}
bridges:
  lan: {prefix: 10.1.0.0/24}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two guests on a segment."""
    with lab_of(CAMPUS) as made:
        yield made


def colour(page: Page, what: str) -> tuple[int, ...]:
    """Red, green and blue of the border of something on the map."""
    told = page.evaluate("id => dummPage.map.cy.getElementById(id).style('border-color')", what)
    return tuple(map(int, re.findall(r"\d+", told)[:3]))


def is_red(page: Page, what: str) -> bool:
    red, green, blue = colour(page, what)
    return red > 2 * max(green, blue)


def test_the_lab_is_shown_a_terminal_pings_and_a_guest_that_is_killed_outside_turns_red(
    lab: Lab, browser: Browsing
) -> None:
    with served(lab.path) as here:
        page = browser.open(here.address)
        hand = Hand(page, "guest alice", "guest moon", "bridge lan")
        assert "token" not in page.tab.url
        page.until("document.getElementById('states').textContent.includes('2 running')")
        assert not is_red(page, "guest moon")
        page.shoot("first-1-open")

        hand.tab.mouse.dblclick(*hand.point("guest alice"))
        hand.terminal_says("alice", "#")
        hand.tab.keyboard.type("ping -c 1 -w 60 10.1.0.2\n")
        hand.terminal_says("alice", "1 packets transmitted, 1 received, 0% packet loss")
        page.shoot("first-2-terminal")

        os.kill(lab.process("moon").pid, signal.SIGKILL)

        until(page, lambda: is_red(page, "guest moon"), "moon to be red")
        page.until("document.getElementById('states').textContent.includes('1 failed')")
        assert not is_red(page, "guest alice")
        page.shoot("first-3-killed")
