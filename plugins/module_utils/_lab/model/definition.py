# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definition of a guest or a bridge as it is stored.  Pure.

Limits that came later than the first release are not checked here: what an earlier version has stored must be understood.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping

from . import settings
from .kinds import ifname
from .lab import Bridge, Guest, Iface, Loaded
from .link_kinds import addresses, label
from .settings import Setting
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
)


def guest(name: str, value: object, *, newer: bool = False) -> Guest:
    """A guest as it is stored; ``mem``, ``kernel`` and ``master`` are stored elsewhere.

    :param newer: whether a newer version has made the lab, whose values may be others.
    :raises Unfit: where it is not what any version has stored.
    """
    own = table(value, "", {**_readers(_ROWS, newer=newer), **_GUEST})
    interfaces = {key: _iface(name, key, each) for key, each in own.pop("interfaces", {}).items()}
    return Guest(name, **own, interfaces=interfaces)


def _readers(rows: Iterable[Setting], *, newer: bool = False) -> Mapping[str, Reader]:
    return {row.field: functools.partial(row.kind.read, newer=newer) for row in rows}


def bridge(name: str, value: object) -> Bridge:
    """A bridge as it is stored.

    :raises Unfit: where it is not what any version has stored.
    """
    own = table(value, "", _BRIDGE)
    if own.pop("name", name) != name:
        raise Unfit(f"it is that of bridge {mapping(value, '')['name']}")
    return Bridge(name, **own)


def _loaded(value: object, place: str) -> Loaded:
    return Loaded(**having("scenario", table(value, place, _LOADED), place))


def _iface(owner: str, name: str, value: object) -> Iface:
    place = f"interfaces.{name}"
    return Iface(owner, ifname(name, f"{place}: its name"), **table(value, place, _IFACE))


_LOADED: Mapping[str, Reader] = {
    "scenario": label,
    "record": flag,
    "files": optional(part),
    "hosts": optional(part),
    "under": optional(_loaded),
}


def plain_guest(value: Guest, before: object) -> Stored:
    """What is to be stored of a guest.

    :param before: what is stored, of which stays what only another version knows.
    """
    told = {row.field: (row, row.of(value)) for row in _ROWS}
    fresh: Stored = {
        **{
            name: row.kind.stored(each)
            for name, (row, each) in told.items()
            if not row.sparse or each != row.of(_DEFAULTS)
        },
        "scenario": value.scenario,
        "loaded": None if value.loaded is None else dataclasses.asdict(value.loaded),
        "interfaces": {
            name: {row.field: row.kind.stored(row.of(iface)) for row in settings.IFACE}
            for name, iface in value.interfaces.items()
        },
    }
    fresh = {name: fresh[name] for name in dict.fromkeys((*_ORDER, *fresh)) if name in fresh}
    return kept(_GUEST_SHAPE, before, fresh)


def plain_bridge(value: Bridge, before: object) -> Stored:
    """What is to be stored of a bridge.

    :param before: as :func:`plain_guest`.
    """
    fresh = dataclasses.asdict(value)
    for row in settings.BRIDGE:
        if row.sparse and row.of(value) == row.of(_PLAIN_BRIDGE):
            del fresh[row.field]
    return kept(_BRIDGE_SHAPE, before, fresh)


def _shapes(rows: Iterable[Setting]) -> Mapping[str, Shape]:
    return {row.field: row.kind.shape for row in rows if row.kind.shape is not None}


_IFACE = _readers(settings.IFACE)
_BRIDGE: Mapping[str, Reader] = {
    "name": label,
    "scenario": optional(label),
    "retired": addresses,
    **_readers(settings.BRIDGE),
}
_PLAIN_BRIDGE = Bridge("")
_BRIDGE_SHAPE = Shape(frozenset(_BRIDGE), parts=_shapes(settings.BRIDGE))
_ROWS = tuple(row for row in settings.GUEST if row.stored)
_GUEST: Mapping[str, Reader] = {"scenario": optional(label), "loaded": optional(_loaded), "interfaces": mapping}
_DEFAULTS = Guest("")
# What earlier versions wrote in this order stays in it.
_ORDER = (
    *("init", "cmdline", "userspace", "cpu", "confine", "disk", "layers", "union", "routes", "sysctl", "scenario"),
    *("faults", "ready", "labels", "vars", "loaded", "interfaces"),
)
_LOADED_SHAPE = Shape(frozenset(_LOADED), "scenario", {"under": Shape(frozenset(_LOADED), "scenario")})
_GUEST_SHAPE = Shape(
    frozenset((*_GUEST, *_readers(_ROWS))),
    parts={"loaded": _LOADED_SHAPE, **_shapes(_ROWS)},
    named={"interfaces": Shape(frozenset(_IFACE), parts=_shapes(settings.IFACE))},
)
