# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab host answers the others before any of them acts: which guests it has, what it remembers, and what its host has."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..host import disks, namespaces
from ..host.netlink import MARK, is_unfinished
from ..host.rtnetlink import Route
from ..host.workdir import Workdir
from ..model.errors import from_oserror
from ..model.lab import HOST_NETNS, Lab
from ..run import sharing
from ..scenario.lab_hosts import Answer
from . import hosts


def answer(path: str, scenario: str, address: str) -> Answer:
    """What a lab host answers.

    :param path: its working directory.
    :param address: at which the other lab hosts are to reach it.
    :raises DummError: where that cannot be read.
    """
    workdir = Workdir.at(path)
    lab = Lab("", HOST_NETNS)
    leaving: dict[str, str] = {}
    try:
        if workdir.path.is_dir():
            with disks.peek(workdir) as known:
                lab = known.load()
            leaving = {name: target for name in lab.guests if (target := hosts.leaving(workdir, name)) is not None}
        with Route(None) as route:
            mtu = _mtu(route, address)
        guests = {name: 0 if guest.scenario == scenario else guest.mem for name, guest in lab.guests.items()}
        changing = {name for name, bridge in lab.bridges.items() if bridge.scenario == scenario}
        networks = {network: bridge for network, bridge in _networks(workdir) if bridge not in changing}
        return Answer(guests, leaving, _memory(), mtu, networks, sharing.remembered(workdir, scenario))
    except OSError as exc:
        raise from_oserror(workdir.label, "look at", exc) from exc


def _memory() -> int:
    """MB of this host (proc_meminfo(5))."""
    first = Path("/proc/meminfo").read_text().split()
    return int(first[1]) >> 10


def _mtu(route: Route, address: str) -> int | None:
    """The MTU of the device that has an address."""
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return None
    mtus = {link.number: link.mtu for link in route.links()}
    for index, found in route.addresses().items():
        if wanted in {ipaddress.ip_interface(each).ip for each in found}:
            return mtus.get(index)
    return None


def _networks(workdir: Workdir) -> Iterator[tuple[tuple[int, int], str]]:
    """VNIs with their UDP ports that this host's kernel has, as far as their network namespaces have names.

    What a killed run of the lab had begun to make is not among them: the next one removes it.
    """
    lab = workdir.lab_name
    own = f"{MARK} {lab} tunnel "
    place = namespaces.NETNS_DIRECTORY
    named = sorted(place.iterdir()) if place.is_dir() else []
    for path in (None, *map(str, named)):
        # The empty file of a namespace that is gone, or one that goes meanwhile.
        with suppress(OSError), Route(path) as route:
            for device in route.devices():
                if device.span is not None and (device.alias or not is_unfinished(lab, device.name, device.group)):
                    yield device.span.network, device.alias.removeprefix(own) if device.alias.startswith(own) else ""
