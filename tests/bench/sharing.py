# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ten lab hosts with 300 guests each, without guests: what each lab host works out before it does anything, and what is sent to it."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import lab_hosts, loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.lab_hosts import Answer, LabHosts, Placement
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.share import share

_HOSTS, _EACH, _LAN = 10, 300, 30
_NAMES = [f"lab{number}" for number in range(_HOSTS)]
T = TypeVar("T")


def measure() -> dict[str, Any]:
    """Once through.

    :return: CPU seconds, bytes, and by way of placement the tunnels and flood entries of the lab host that has the most.
    """
    config = _config(together=False)
    loading, whole = _cpu(lambda: loader.load(config, name="big", place="config"))
    fresh = _asked({})
    first, part = _cpu(lambda: share(whole, fresh))
    placement = part.placement(fresh)
    running = _asked(part.placed, placement)
    again, _same = _cpu(lambda: share(whole, running))
    answers = {name: lab_hosts.plain_answer(host.answer) for name, host in running.hosts.items() if host.answer}
    by_site = loader.load(_config(together=True), name="big", place="config")
    return {
        "guests": _HOSTS * _EACH,
        "cpu": {"load": loading, "share": first, "share again": again},
        "bytes": {"config": len(json.dumps(config)), "answers": len(json.dumps(answers))},
        "remembered": len(json.dumps(lab_hosts.plain_placement(placement))),
        "hash": _tunnels(whole, fresh),
        "together": _tunnels(by_site, fresh),
        "load": os.getloadavg()[0],
    }


def _config(*, together: bool) -> dict[str, Any]:
    """A ring over all guests, and LANs of 30."""
    count = _HOSTS * _EACH
    lans = range(count // _LAN)
    return {
        "guests": {f"g{number}": {"together": f"lan{number // _LAN}"} if together else None for number in range(count)},
        "bridges": {
            f"lan{lan}": {"interfaces": [f"g{lan * _LAN + each}:eth0" for each in range(_LAN)]} for lan in lans
        },
        "links": [f"g{number}:eth1 -- g{(number + 1) % count}:eth2" for number in range(count)],
    }


def _asked(placed: Mapping[str, str], placement: Placement | None = None) -> LabHosts:
    """The lab hosts as they answer, each with its guests."""
    told = {}
    for number, name in enumerate(_NAMES, 1):
        guests = {guest: 128 for guest, place in placed.items() if place == name}
        answer = Answer(guests, memory=1 << 20, mtu=1600, placement=placement if number == 1 else None)
        address = f"10.99.0.{number}"
        told[name] = {"address": address, "workdir": "/w", "answer": lab_hosts.plain_answer(answer)}
    given = {"lab": None, "vxlan_port": 4789, "lost": None, "move": False}
    return lab_hosts.understood({"lab_hosts": told, "lab_host": _NAMES[0], **given})


def _tunnels(whole: Scenario, hosts: LabHosts) -> dict[str, int]:
    """Guests, tunnels and entries for floods of the lab hosts that have the most."""
    parts = [share(whole, dataclasses.replace(hosts, mine=name)).scenario for name in _NAMES]
    spans = [[bridge.span for bridge in part.bridges.values() if bridge.span is not None] for part in parts]
    return {
        "fewest guests": min(len(part.guests) for part in parts),
        "most guests": max(len(part.guests) for part in parts),
        "tunnels": max(map(len, spans)),
        "entries": max(sum(len(span.peers) for span in each) for each in spans),
    }


def _cpu(work: Callable[[], T]) -> tuple[float, T]:
    before = time.process_time()
    made = work()
    return time.process_time() - before, made


def table(found: dict[str, Any]) -> str:
    """What it took."""
    lines = [f"{_HOSTS} LAB HOSTS, {found['guests']} GUESTS, none of them started (load {found['load']:.1f})"]
    lines += [f"  CPU seconds of each: {what:24}{seconds:10.2f}" for what, seconds in found["cpu"].items()]
    lines += [f"  kB sent to each: {what:28}{size / 1000:10.0f}" for what, size in found["bytes"].items()]
    lines.append(f"  kB remembered by each{'':24}{found['remembered'] / 1000:9.0f}")
    for way in ("hash", "together"):
        counts = found[way]
        guests = f"{counts['fewest guests']} to {counts['most guests']} guests"
        lines.append(
            f"  placed by {way:9} {guests}, at most {counts['tunnels']} tunnels and {counts['entries']} flood entries"
        )
    return "\n".join(lines)
