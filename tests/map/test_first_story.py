# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The story that is part of ``make test``: the map shows a lab, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import Browsing, Page, until
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


def guests(page: Page) -> dict[str, Any]:
    """What a page was told of the guests until now."""
    found: dict[str, Any] = {}
    for message in map(json.loads, page.told):
        if message["type"] == "view":
            found = message["view"]["guests"]
        elif message["type"] == "change":
            found |= message["set"].get("guests", {})
    return found


def test_a_guest_that_is_killed_outside_is_told_to_the_page(lab: Lab, browser: Browsing) -> None:
    with served(lab.path) as here:
        page = browser.open(here.address)
        until(page, lambda: {"alice", "moon"} == guests(page).keys(), "both guests")
        assert {each["state"] for each in guests(page).values()} == {"running"}
        assert guests(page)["moon"]["role"] == "router"

        os.kill(lab.process("moon").pid, signal.SIGKILL)

        until(page, lambda: guests(page)["moon"]["state"] == "failed", "the end of moon")
        page.shoot("first-guest-killed")
