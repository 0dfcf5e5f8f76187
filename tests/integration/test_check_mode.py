# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode tells exactly what the real run then does, and changes nothing itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from conftest import make_pair
from lab import Lab, until

Call = tuple[str, dict[str, Any]]


def _nothing(lab: Lab) -> None:
    """An empty working directory."""


def _bridge(lab: Lab) -> None:
    lab.bridge("br0")


def _defined(lab: Lab) -> None:
    lab.bridge("br0")
    lab.guest("alice", state="present")
    lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])


def _started(lab: Lab) -> None:
    make_pair(lab)
    lab.bridge("br1")


def _paused(lab: Lab) -> None:
    _started(lab)
    lab.guest("alice", state="paused")


def _killed(lab: Lab) -> None:
    _started(lab)
    os.kill(lab.process("alice").pid, signal.SIGKILL)
    until(lambda: lab.info(inside=False)["guests"]["alice"]["state"] == "died", "alice to be dead")


def _spoiled(lab: Lab) -> None:
    _started(lab)
    lab.read("alice", "ip addr flush dev eth0; ip link set eth0 mtu 1300")
    lab.host("ip", "link", "set", "bob-eth0", "nomaster")
    lab.host("ip", "link", "delete", "br1")


def guest(**options: Any) -> Call:
    return "guest", {"name": "alice", **options}


def iface(**options: Any) -> Call:
    return "iface", {"guest": "alice", "name": "eth0", **options}


def bridge(**options: Any) -> Call:
    return "bridge", {"name": "br0", **options}


CASES: list[tuple[Callable[[Lab], None], Call]] = [
    (_nothing, guest()),
    (_nothing, guest(state="present", mem=96, init="minimal", cmdline="quiet")),
    (_nothing, guest(state="stopped")),
    (_nothing, guest(state="paused")),
    (_nothing, guest(state="absent")),
    (_nothing, bridge(address=["10.0.0.254/24"], stp=True, mtu=1400, group_fwd_mask=8)),
    (_nothing, bridge(state="absent")),
    (_bridge, bridge(address=["10.0.0.254/24"], stp=True, mtu=1400, group_fwd_mask=8)),
    (_bridge, bridge(state="absent")),
    (_defined, guest()),
    (_defined, guest(state="absent")),
    (_defined, iface(address=[], mtu=9000, up=False, bridge="")),
    (_defined, iface(name="eth1")),
    (_defined, iface(state="absent")),
    (_defined, bridge(state="absent")),
    (_started, guest()),
    (_started, guest(mem=160)),
    (_started, guest(mem=160, restart=True)),
    (_started, guest(state="restarted")),
    (_started, guest(state="stopped")),
    (_started, guest(state="paused")),
    (_started, guest(state="absent")),
    (_started, iface()),
    (_started, iface(name="eth1", bridge="br1", address=["10.1.0.1/24", "fd01::1/64"], mtu=9000)),
    (_started, iface(address=["10.0.0.9/24", "fd00::9/64"])),
    (_started, iface(address=[])),
    (_started, iface(mtu=1400, mac="02:00:00:00:00:01")),
    (_started, iface(mtu=9000)),
    (_started, iface(up=False)),
    (_started, iface(bridge="br1")),
    (_started, iface(bridge="")),
    (_started, iface(state="absent")),
    (_started, bridge(interfaces=["alice:eth0"], purge_interfaces=True)),
    (_started, bridge(state="absent")),
    (_paused, guest()),
    (_paused, guest(state="stopped")),
    (_killed, guest()),
    (_killed, guest(state="stopped")),
    (_killed, guest(state="absent")),
    (_killed, iface(address=["10.0.0.9/24"])),
    (_spoiled, iface()),
    (_spoiled, guest()),
    (_spoiled, bridge(interfaces=["alice:eth0", "bob:eth0"])),
    (_spoiled, bridge(name="br1")),
]


def _name(case: tuple[Callable[[Lab], None], Call]) -> str:
    arrange, (module, options) = case
    words = [
        f"{key}={value}" for key, value in options.items() if key != "name" or value not in ("alice", "br0", "eth0")
    ]
    return f"{arrange.__name__[1:]}-{module}-{','.join(words)}"


@pytest.mark.parametrize(("arrange", "act"), CASES, ids=map(_name, CASES))
def test_check_mode_tells_what_the_real_run_does_and_changes_nothing(
    lab: Lab, arrange: Callable[[Lab], None], act: Call
) -> None:
    arrange(lab)
    before = lab.snapshot()

    checked = lab.call(*act, check=True)
    between = lab.snapshot()
    real = lab.call(*act, check=False)
    settled = lab.call(*act, check=True)

    assert between == before
    for key in ("changed", "actions", "restart_required"):
        assert checked[key] == real[key], key
    assert checked["diff"] == real["diff"]
    if act[1].get("state") != "restarted":
        assert not settled["changed"], settled["actions"]
    if real["changed"]:
        assert real["actions"]


@pytest.mark.parametrize("act", [guest(), iface(state="absent"), bridge(), bridge(state="absent")])
def test_check_mode_makes_no_working_directory(lab: Lab, act: Call) -> None:
    nowhere = Lab(lab.path / "nowhere")
    kernel, master = lab.path / "kernels/default/linux", lab.path / "masters/default"
    module, options = act
    if module == "guest":
        options = {**options, "kernel": str(kernel), "master": str(master)}

    nowhere.call(module, options, check=True)
    assert nowhere.info()["guests"] == {}

    assert not nowhere.path.exists()
