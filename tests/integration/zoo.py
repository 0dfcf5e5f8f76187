# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small lab that has guests in all states, for those that look at labs."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from lab import HANG, Lab, until

# Of a scenario with a segment, and a cable that is slow in one direction.
ZOO: dict[str, Any] = {
    "bridges": {"lan": {"prefix": "10.1.0.0/24", "address": "10.1.0.254/24"}},
    "guests": {
        "alice": {"mem": 96, "labels": {"role": "router"}, "interfaces": {"eth0": {"bridge": "lan"}}},
        "bob": {"mem": 64, "disk": 32, "interfaces": {"eth0": {"bridge": "lan"}}},
        "carol": {"mem": 64, "interfaces": {"eth0": {"bridge": "lan"}, "eth9": {}}},
    },
    "links": [
        {"a": {"guest": "alice", "interface": "eth1", "delay": "30ms"}, "b": "bob:eth1", "prefix": "10.2.0.0/30"}
    ],
}
STATES = {
    "alice": "running",
    "bob": "paused",
    "carol": "stopped",
    "dave": "died",
    "erin": "unreadable",
    "frank": "starting",
    "grace": "stopped",
}


def populate(lab: Lab) -> None:
    """Have guests of all states in a lab: :data:`STATES`."""
    lab.scenario("zoo", ZOO)
    lab.guest("bob", state="paused")
    lab.guest("carol", state="stopped")
    lab.guest("dave")
    os.kill(lab.process("dave").pid, signal.SIGKILL)
    until(lambda: lab.info(inside=False)["guests"]["dave"]["state"] == "died", "dave to be dead")
    lab.guest("erin", state="present")
    lab.directory("erin").definition.write_text('{"interfaces": ["eth0"]}')
    # It has never run.
    lab.guest("grace", state="present", mem=32)
    _hang(lab, "frank")


def _hang(lab: Lab, name: str) -> None:
    """Have a guest that boots into something that never answers; the run that started it is killed."""
    run = subprocess.Popen(lab.command("guest", name=name, mem=64, cmdline=HANG), stdout=subprocess.DEVNULL)
    try:
        until(lambda: lab.info(inside=False)["guests"].get(name, {}).get("state") == "starting", f"{name} to start")
    finally:
        run.kill()
        run.wait()
