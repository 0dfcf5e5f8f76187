# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm_capture`` through Ansible, inside the controller and as a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab import Lab, Result, capturing_processes
from programs import Ansible

PING = "ping -c 3 -i 0.2 -W 30 10.0.0.2"
TUNNEL = {"name": "tunnel", "interfaces": ["br0"], "filter": "icmp[icmptype] = icmp-echo", "seconds": 3600}


@pytest.mark.parametrize(
    "environment", [{}, pytest.param({"LC_ALL": "C.UTF-8"}, marks=pytest.mark.long)], ids=["controller", "module"]
)
def test_a_capture_is_started_once_stopped_once_and_removed(
    shared_pair: Lab, tmp_path: Path, environment: dict[str, str]
) -> None:
    ansible = Ansible(shared_pair, tmp_path)

    def task(*arguments: str, **options: Any) -> Result:
        return ansible.task("dumm.lab.dumm_capture", {**TUNNEL, **options}, environment, *arguments)

    foreseen = task("--check", "--diff")
    assert (foreseen["changed"], foreseen["capture"]["running"]) == (True, True)
    assert shared_pair.info(inside=False)["captures"] == {}
    started = task("--diff")
    assert (started["actions"], started["diff"]) == (["start capture tunnel"], foreseen["diff"])
    assert started["capture"]["interfaces"] == ["alice:eth0", "bob:eth0"]
    assert not task()["changed"]
    refused = task(filter="host carol")
    assert (refused["failed"], "there is no such guest" in refused["msg"]) == (True, True)

    shared_pair.run("alice", PING)
    assert task("--check", state="stopped")["changed"]
    stopped = task(state="stopped")
    assert (stopped["changed"], stopped["capture"]["ended"], stopped["capture"]["packets"]) == (True, "stopped", 6)
    assert Path(stopped["capture"]["file"]).stat().st_size == stopped["capture"]["bytes"]
    assert not task(state="stopped")["changed"]

    again = task(interfaces=["alice"], packets=7)
    assert (again["actions"], again["capture"]["packets"]) == (["restart capture tunnel"], 0)
    removed = task("--diff", state="absent")
    assert (removed["changed"], removed["capture"], removed["diff"]["after"]) == (True, None, {})
    assert not task(state="absent")["changed"]
    assert not capturing_processes(shared_pair.path)
