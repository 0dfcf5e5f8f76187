# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as it was seen, as the view that pages show.  Pure.

A link of a scenario is a cable, whose identifier is made of its two ends; a link that has lost an end is shown as a segment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    DIED,
    UNREADABLE,
    SeenBridge,
    SeenGuest,
    SeenIface,
    SeenLab,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.addressing import Interface as Address
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.addressing import interface

from ..messages import Cable, Guest, Interface, Role, Scenario, Segment, State, View
from .elsewhere import NOTHING, Elsewhere

_ROLES = ("router", "host", "switch")


def view_of(lab: SeenLab, scenario: str | None, others: Elsewhere = NOTHING) -> View:
    """A lab as pages show it.

    :param scenario: that pages change; ``None`` for none.
    :param others: what is on other lab hosts.
    """
    here = lab
    lab = replace(here, guests={**here.guests, **others.guests}, bridges={**here.bridges, **others.bridges})
    ports = _ports(lab)
    cables = {bridge: each for bridge, own in ports.items() if (each := _cable_ends(lab, bridge, own)) is not None}
    names = {bridge: cable_id(a.label, b.label) for bridge, (a, b) in cables.items()}
    return {
        "lab": {
            "name": lab.name,
            "workdir": lab.workdir,
            "scenario": scenario,
            "there": lab.present,
            "lab_host": others.here,
        },
        "guests": {name: _guest(lab, guest, names, others.host(name)) for name, guest in lab.guests.items()},
        "segments": {
            name: _segment(lab, bridge, ports.get(name, ()), others)
            for name, bridge in lab.bridges.items()
            if name not in names
        },
        "cables": {names[bridge]: _cable(lab, bridge, *ends, others) for bridge, ends in cables.items()},
        "scenarios": _scenarios(here),
    }


def cable_id(a: str, b: str) -> str:
    """The identifier of a cable between two interfaces, whichever is named first."""
    return "--".join(sorted((a, b)))


def plugged(lab: SeenLab, iface: SeenIface) -> str | None:
    """The bridge that an interface is plugged into now, or is to be while it has no TAP."""
    tap = lab.taps.get(iface.label)
    return iface.bridge if tap is None else tap.bridge


def is_up(lab: SeenLab, iface: SeenIface) -> bool:
    """Whether an interface is up, as far as the host can tell."""
    tap = lab.taps.get(iface.label)
    return iface.up and (tap is None or tap.up)


def _ports(lab: SeenLab) -> dict[str, list[SeenIface]]:
    found: dict[str, list[SeenIface]] = defaultdict(list)
    for guest in lab.guests.values():
        for iface in guest.interfaces:
            bridge = plugged(lab, iface)
            if bridge is not None:
                found[bridge].append(iface)
    return found


def _cable_ends(lab: SeenLab, name: str, own: list[SeenIface]) -> tuple[SeenIface, SeenIface] | None:
    """The two ends of what is a cable; a link in which the host has got an address is more."""
    bridge = lab.bridges.get(name)
    if bridge is None or not bridge.is_link or bridge.addresses or len(own) != 2:
        return None
    # As its label: "b:eth0 -- a:eth0" is the same.
    a, b = sorted(own, key=lambda iface: iface.label)
    return a, b


def _guest(lab: SeenLab, guest: SeenGuest, cables: Mapping[str, str], lab_host: str | None) -> Guest:
    own = {iface.name: _interface(lab, iface, cables) for iface in guest.interfaces}
    return {
        "state": _state(guest),
        "why": guest.reason,
        "role": _role(guest),
        "kernel": guest.kernel,
        "mem": guest.mem,
        "scenario": guest.scenario,
        "loaded": list(guest.layers),
        "saves": list(guest.saves),
        "label": guest.labels.get("label"),
        "groups": [each.strip() for each in guest.labels.get("group", "").split(",") if each.strip()],
        "lab_host": lab_host,
        "interfaces": own,
    }


def _state(guest: SeenGuest) -> State:
    return "failed" if guest.state in (DIED, UNREADABLE) else cast(State, guest.state)


def _role(guest: SeenGuest) -> Role:
    """What its label says, or else a router where it forwards."""
    told = guest.labels.get("role")
    if told in _ROLES:
        return cast(Role, told)
    return "router" if guest.forwards else "host"


def _interface(lab: SeenLab, iface: SeenIface, cables: Mapping[str, str]) -> Interface:
    bridge = plugged(lab, iface)
    cable = None if bridge is None else cables.get(bridge)
    return {
        "segment": None if cable is not None else bridge,
        "cable": cable,
        "addresses": None if iface.addresses is None else list(iface.addresses),
        "mac": iface.mac,
        "up": is_up(lab, iface),
        "conditions": None if iface.conditions is None else dict(iface.conditions),
    }


def _segment(lab: SeenLab, bridge: SeenBridge, ports: Iterable[SeenIface], others: Elsewhere) -> Segment:
    device = lab.devices.get(bridge.name)
    address = list((bridge.addresses or ()) if device is None else device.addresses)
    return {
        "prefix": _prefixes([*address, *(each for port in ports for each in port.addresses or ())]),
        "address": address,
        "label": None,
        "groups": [],
        "lab_hosts": sorted({host for port in ports if (host := others.host(port.guest)) is not None}),
        "scenario": bridge.scenario,
        "state": "up" if bridge.name in others.bridges or (device is not None and device.up) else "down",
    }


def _cable(lab: SeenLab, bridge: str, a: SeenIface, b: SeenIface, others: Elsewhere) -> Cable:
    is_there = bridge in lab.devices or bridge in others.bridges
    return {
        "a": a.label,
        "b": b.label,
        "segment": bridge,
        "prefix": _prefixes(each for port in (a, b) for each in port.addresses or ()),
        # What a guest sends is what the other one gets.
        "to_a": None if b.conditions is None else dict(b.conditions),
        "to_b": None if a.conditions is None else dict(a.conditions),
        "state": "up" if is_up(lab, a) and is_up(lab, b) and is_there else "down",
    }


def _prefixes(addresses: Iterable[str]) -> list[str]:
    """The network of each IP version that most of the addresses are in."""
    given = [each for address in addresses if (each := _parsed(address)) is not None]
    found: list[str] = []
    for version in (4, 6):
        counted = Counter(each.network for each in given if each.version == version and each.network.num_addresses > 1)
        found += [str(network) for network, _number in counted.most_common(1)]
    return found


def _parsed(address: str) -> Address | None:
    """An address; ``None`` where somebody has written something else into a definition."""
    try:
        return interface(address)
    except ValueError:
        return None


def _scenarios(lab: SeenLab) -> dict[str, Scenario]:
    used = {name for guest in lab.guests.values() for name in (guest.scenario, *guest.layers) if name is not None}
    return {
        name: {
            "file": name in lab.scenarios,
            "guests": [each.name for each in lab.guests.values() if each.scenario == name],
            "loaded": [each.name for each in lab.guests.values() if name in each.layers],
        }
        for name in sorted({*lab.scenarios, *used})
    }
