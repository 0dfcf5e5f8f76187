# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definition of a guest or a bridge as it is stored.  Pure.

Limits that came later than the first release are not checked here: what an earlier version has stored must be understood.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from collections.abc import Mapping

from . import rules, settings
from .conditions import CONDITIONS, Conditions
from .errors import InvalidInput
from .kinds import ifname
from .lab import Bridge, Guest, Iface, Loaded
from .stored import (
    Reader,
    Shape,
    Stored,
    Unfit,
    flag,
    having,
    kept,
    mapping,
    optional,
    part,
    table,
    text,
    texts,
    whole,
    wrong,
)


def label(value: object, place: str) -> str:
    """Name of a guest, a bridge or a scenario.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    try:
        rules.check_label(place, found)
    except InvalidInput:
        wrong(value, place, "a name of letters, digits and hyphens")
    return found


def guest(name: str, value: object, *, newer: bool = False) -> Guest:
    """A guest as it is stored; ``mem``, ``kernel`` and ``master`` are stored elsewhere.

    :param newer: whether a newer version has made the lab, whose values may be others.
    :raises Unfit: where it is not what any version has stored.
    """
    own = table(value, "", {**_settings(newer), **_GUEST})
    interfaces = {key: _iface(name, key, each) for key, each in own.pop("interfaces", {}).items()}
    return Guest(name, **own, interfaces=interfaces)


def _settings(newer: bool) -> Mapping[str, Reader]:
    return {row.name: functools.partial(row.kind.read, newer=newer) for row in _ROWS}


def bridge(name: str, value: object) -> Bridge:
    """A bridge as it is stored.

    :raises Unfit: where it is not what any version has stored.
    """
    own = table(value, "", _BRIDGE)
    if own.pop("name", name) != name:
        raise Unfit(f"it is that of bridge {mapping(value, '')['name']}")
    return Bridge(name, **own)


def _mac(value: object, place: str) -> str:
    try:
        return rules.parse_mac(text(value, place), place)
    except InvalidInput:
        wrong(value, place, "a unicast MAC address")


def _address(value: object, place: str) -> str:
    """An address with prefix length, which may be one that is refused by now."""
    found = text(value, place)
    try:
        ipaddress.ip_interface(found)
    except ValueError:
        wrong(value, place, "an IP address with prefix length")
    if "/" not in found:
        wrong(value, place, "an IP address with prefix length")
    return found


def _conditions(value: object, place: str) -> Conditions:
    return Conditions(**table(value, place, _CONDITIONS))


def _loaded(value: object, place: str) -> Loaded:
    return Loaded(**having("scenario", table(value, place, _LOADED), place))


def _iface(owner: str, name: str, value: object) -> Iface:
    place = f"interfaces.{name}"
    return Iface(owner, ifname(name, f"{place}: its name"), **table(value, place, _IFACE))


def _mtu(value: object, place: str) -> int:
    return whole(value, place, 1, 2**31 - 1)


_CONDITIONS: Mapping[str, Reader] = {name: kind.stored for name, kind in CONDITIONS.items()}
_LOADED: Mapping[str, Reader] = {
    "scenario": label,
    "record": flag,
    "files": optional(part),
    "hosts": optional(part),
    "under": optional(_loaded),
}
_IFACE: Mapping[str, Reader] = {
    "bridge": optional(label),
    "mac": optional(_mac),
    "mtu": _mtu,
    "addresses": optional(texts(_address)),
    "up": flag,
    "conditions": optional(_conditions),
}
_BRIDGE: Mapping[str, Reader] = {
    "name": label,
    "addresses": optional(texts(_address)),
    "mtu": optional(_mtu),
    "stp": flag,
    "group_fwd_mask": lambda value, place: whole(value, place, 0, 0xFFFF),
    "scenario": optional(label),
    "multicast_snooping": flag,
    "retired": texts(_address),
}


def plain_guest(value: Guest, before: object) -> Stored:
    """What is to be stored of a guest.

    :param before: what is stored, of which stays what only another version knows.
    """
    told = {row.name: (row, getattr(value, row.name)) for row in _ROWS}
    fresh: Stored = {
        **{name: row.kind.stored(each) for name, (row, each) in told.items() if not row.sparse or each is not None},
        "scenario": value.scenario,
        "loaded": None if value.loaded is None else dataclasses.asdict(value.loaded),
        "interfaces": {
            name: {key: each for key, each in dataclasses.asdict(iface).items() if key not in ("guest", "name")}
            for name, iface in value.interfaces.items()
        },
    }
    fresh = {name: fresh[name] for name in dict.fromkeys((*_ORDER, *fresh)) if name in fresh}
    return kept(_GUEST_SHAPE, before, fresh)


def plain_bridge(value: Bridge, before: object) -> Stored:
    """What is to be stored of a bridge.

    :param before: as :func:`plain_guest`.
    """
    return kept(Shape(frozenset(_BRIDGE)), before, dataclasses.asdict(value))


_ROWS = tuple(row for row in settings.GUEST if row.stored)
_GUEST: Mapping[str, Reader] = {"scenario": optional(label), "loaded": optional(_loaded), "interfaces": mapping}
# What earlier versions wrote in this order stays in it.
_ORDER = (
    *("init", "cmdline", "userspace", "cpu", "confine", "disk", "layers", "union", "routes", "sysctl", "scenario"),
    *("faults", "ready", "labels", "vars", "loaded", "interfaces"),
)
_LOADED_SHAPE = Shape(frozenset(_LOADED), "scenario", {"under": Shape(frozenset(_LOADED), "scenario")})
_GUEST_SHAPE = Shape(
    frozenset((*_GUEST, *(row.name for row in _ROWS))),
    parts={"loaded": _LOADED_SHAPE, **{row.name: row.kind.shape for row in _ROWS if row.kind.shape is not None}},
    named={
        "interfaces": Shape(frozenset(_IFACE), parts={"conditions": Shape(frozenset(_CONDITIONS))}),
    },
)
