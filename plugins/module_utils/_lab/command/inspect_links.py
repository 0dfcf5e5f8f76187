# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cables, ports and segments in tables, with what moves on them now."""

from __future__ import annotations

import ipaddress
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from ..access.seen import UNREADABLE, SeenBridge, SeenDevice, SeenIface, SeenLab
from ..access.stats import LabMeter, Rate, of_guest
from ..model import conditions
from .inspect import Noun
from .table import Column, Record, column, quantity

_RATE = ("tx_bits", "rx_bits", "tx_packets", "rx_packets", "dropped")


def cables(lab: SeenLab) -> Iterator[tuple[str | None, SeenIface, SeenIface | None]]:
    """What joins interfaces: each segment with two ports as one cable, each other port by itself.

    :return: the segment, and one or two ends.  An interface is where it is plugged in now, if there is a TAP of it.
    """
    ports: dict[str | None, list[SeenIface]] = {}
    for guest in lab.guests.values():
        for iface in guest.interfaces:
            tap = lab.taps.get(iface.label)
            ports.setdefault(iface.bridge if tap is None else tap.bridge, []).append(iface)
    for bridge, ends in sorted(ports.items(), key=lambda item: (item[0] is None, item[0] or "")):
        if bridge is not None and len(ends) == 2 and bridge in lab.bridges and not lab.bridges[bridge].addresses:
            yield bridge, ends[0], ends[1]
        else:
            yield from ((bridge, iface, None) for iface in ends)


def prefixes(addresses: Iterable[str]) -> list[str]:
    """The networks of addresses, in their order."""
    found: dict[str, None] = {}
    for address in addresses:
        try:
            found[str(ipaddress.ip_interface(address).network)] = None
        except ValueError:
            continue
    return list(found)


def rates(lab: SeenLab, wanted: Namespace) -> Mapping[str, Rate]:
    """Rates of all interfaces, by label; none where there is nothing to measure."""
    if not lab.present or not wanted.interval:
        return {}
    if wanted.meter is not None:
        found: Mapping[str, Rate] = wanted.meter(lab)
        return found
    with closing(LabMeter()) as meter:
        meter.read(lab)
        time.sleep(wanted.interval)
        return meter.read(lab)


def _links(lab: SeenLab, wanted: Namespace) -> Iterator[Record]:
    found = rates(lab, wanted)
    for bridge, a, b in cables(lab):
        ends = [a] if b is None else [a, b]
        yield {
            "a": a.label,
            "b": bridge if b is None else b.label,
            "bridge": bridge,
            "cable": b is not None,
            "prefix": prefixes(address for end in ends for address in end.addresses or ()),
            "up": all(_is_up(lab, end) for end in ends),
            "conditions": {end.label: dict(end.conditions) for end in ends if end.conditions is not None},
            **_rate(found.get(a.label)),
        }


def _is_up(lab: SeenLab, iface: SeenIface) -> bool:
    tap = lab.taps.get(iface.label)
    return iface.up and tap is not None and tap.bridge is not None and tap.carrier


def _rate(rate: Rate | None) -> Mapping[str, float | None]:
    return dict.fromkeys(_RATE) if rate is None else of_guest(rate)


def _bridges(lab: SeenLab, wanted: Namespace) -> Iterator[Record]:
    found = rates(lab, wanted)
    ports: dict[str | None, list[SeenIface]] = {}
    for bridge, a, b in cables(lab):
        ports.setdefault(bridge, []).extend([a] if b is None else [a, b])
    for name, defined in lab.bridges.items():
        device, ends = lab.devices.get(name), ports.get(name, [])
        leg = list(defined.addresses or () if device is None else device.addresses)
        measured = [found[end.label] for end in ends if end.label in found]
        yield {
            "name": name,
            "state": _state(defined, device),
            "ports": [end.label for end in ends],
            "prefix": prefixes([*leg, *(address for end in ends for address in end.addresses or ())]),
            "address": leg,
            "mtu": defined.mtu if device is None else device.mtu,
            "stp": defined.stp,
            "scenario": defined.scenario,
            "device": None if device is None else device.name,
            "bits": round(sum(rate.rx_bits for rate in measured), 1) if measured else None,
            "packets": round(sum(rate.rx_packets for rate in measured), 1) if measured else None,
        }


def _state(defined: SeenBridge, device: SeenDevice | None) -> str:
    if not defined.readable:
        return UNREADABLE
    if device is None:
        return "absent"
    return "up" if device.up else "down"


def _conditions(found: Record) -> str:
    """What each end sends under, as the scenario's file says it."""
    told = {label: _words(each) for label, each in found["conditions"].items()}
    if len(told) == 2 and len(set(told.values())) == 1:
        return f"<-> {next(iter(told.values()))}"
    arrows = {found["a"]: "->", found["b"]: "<-"}
    return ", ".join(f"{arrows.get(label, '->')} {words}" for label, words in told.items() if words)


def _words(stored: Mapping[str, Any]) -> str:
    known = {key: each for key, each in stored.items() if key in conditions.CONDITIONS and each}
    return conditions.words(conditions.Conditions(**known)) if known else ""


def _rates(found: Record) -> str:
    if found["tx_bits"] is None:
        return ""
    if not found["tx_bits"] and not found["rx_bits"]:
        return "0"
    return f"-> {quantity(found['tx_bits'], 'bit/s')} <- {quantity(found['rx_bits'], 'bit/s')}"


def _packets(found: Record) -> str:
    if found["tx_packets"] is None:
        return ""
    return f"-> {quantity(found['tx_packets'], '/s')} <- {quantity(found['rx_packets'], '/s')}"


_LINK = (
    column("A", "a"),
    column("B", "b"),
    column("PREFIX", "prefix"),
    Column("UP", lambda found: "yes" if found["up"] else "no"),
    Column("CONDITIONS", _conditions),
    column("BRIDGE", "bridge", wide=True),
    Column("PACKETS", _packets, wide=True),
    Column("DROPPED", lambda found: "" if found["dropped"] is None else quantity(found["dropped"], "/s"), wide=True),
    Column("RATE", _rates),
)
_LINK_KEYS = ("a", "b", "bridge", "cable", "prefix", "up", *_RATE)
_BRIDGE = (
    column("BRIDGE", "name"),
    column("STATE", "state"),
    Column("PORTS", lambda found: str(len(found["ports"])), right=True),
    column("PREFIX", "prefix"),
    column("HOST", "address"),
    column("SCENARIO", "scenario", wide=True),
    column("MTU", "mtu", wide=True, right=True),
    Column("STP", lambda found: "yes" if found["stp"] else "no", wide=True),
    column("DEVICE", "device", wide=True),
    column("INTERFACES", "ports", wide=True),
    Column("RATE", lambda found: "" if found["bits"] is None else quantity(found["bits"], "bit/s"), right=True),
)
_BRIDGE_KEYS = (
    *("name", "state", "ports", "prefix", "address", "mtu", "stp", "scenario", "device", "bits", "packets"),
)
NOUNS = {
    "links": Noun(_links, _LINK, _LINK_KEYS, measured=True),
    "bridges": Noun(_bridges, _BRIDGE, _BRIDGE_KEYS, measured=True),
}
