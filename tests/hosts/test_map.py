# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The map on one of three lab hosts that have a lab together, in a browser there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import PATIENCE, REPOSITORY
from world import Machine, World

sys.path.append(str(REPOSITORY / "tests/map"))

from browsing import CHROMIUM, Browsing, browsing, until
from hand import Hand
from served import Served

pytestmark = [pytest.mark.long, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium")]
_BOOK = str(REPOSITORY / "playbooks/several-hosts.yml")
_MAP = """
echo $$ >/srv/map.pid
export PYTHONPATH=/srv/checkout/python DUMM_PYTHON=/srv/checkout/.venv/bin/python
exec /srv/checkout/scripts/dumm map --port 0
"""


@contextmanager
def _served(host: Machine) -> Iterator[Served]:
    command = [*host.enter, "sh", "-c", _MAP]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Served(process)
        finally:
            host.run("kill", (host.place / "srv/map.pid").read_text().strip())
            assert process.wait(PATIENCE) == 0


@contextmanager
def _browser(host: Machine, place: Path) -> Iterator[Browsing]:
    """Chromium in the network of a lab host, whose map serves its loopback alone."""
    program = place / "chromium"
    program.write_text(f'#!/bin/sh\nexec nsenter --target {host.pid} --net {CHROMIUM} "$@"\n')
    program.chmod(0o755)
    with browsing(program) as found:
        yield found
        assert found.complaints() == []


def test_a_real_lab_over_three_lab_hosts_is_shown_in_areas(hosts: World, tmp_path: Path) -> None:
    inventory = hosts.write("hosts.ini", hosts.inventory())
    play = ("ansible-playbook", "-i", inventory, _BOOK, "-e", '{"several_prepare": false}')
    hosts.run(*play)
    first = hosts.hosts["lab1"]

    with _served(first) as served, _browser(first, tmp_path) as browser:
        page = browser.open(served.address)
        hand = Hand(page, *(f"guest {kind}{number}" for number in (1, 2, 3) for kind in "hr"))
        page.until("document.getElementById('states').textContent.includes('4 elsewhere')")
        page.until("document.getElementById('states').textContent.includes('2 running')")
        page.until("document.getElementById('ground').dataset.drawn === 'yes'")
        page.shoot("hosts-3-real")
        for number in (1, 2, 3):
            page.evaluate("name => dummPage.map.select([{kind: 'guest', name}])", f"r{number}")
            said = "Terminal" if number == 1 else f"It is on lab host lab{number}. Its state is not known here."
            until(page, lambda: said in page.evaluate("document.getElementById('panel-body').innerText"), said)  # noqa: B023
        hand.sees("guest r3")
        page.shoot("hosts-4-real")
    hosts.run(*play, "-e", "state=absent")
