# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definition of a guest or a bridge as it is stored.  Pure.

Limits that came later than the first release are not checked here: what an earlier version has stored must be understood.
"""

from __future__ import annotations

import dataclasses
import enum
import errno
import ipaddress
import re
from collections.abc import Mapping
from typing import TypeVar

from . import rules
from .conditions import CONDITIONS, Conditions
from .errors import InvalidInput
from .lab import (
    ANY_CPU,
    Bridge,
    Guest,
    Iface,
    InjectedFault,
    Loaded,
    Readiness,
    ReadyCommand,
    Route,
    UnionEngine,
    Userspace,
)
from .stored import (
    Reader,
    Shape,
    Stored,
    Unfit,
    absolute,
    flag,
    kept,
    line,
    mapping,
    member,
    named,
    number,
    optional,
    part,
    table,
    text,
    texts,
    whole,
    wrong,
)

_MAX_CPU = 8191  # as notation
_IFNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}", re.ASCII)
E = TypeVar("E", bound=enum.Enum)


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
    own = table(value, "", _guest_readers(newer))
    interfaces = {key: _iface(name, key, each) for key, each in own.pop("interfaces", {}).items()}
    return Guest(name, **own, interfaces=interfaces)


def _guest_readers(newer: bool) -> Mapping[str, Reader]:
    return {
        "init": optional(_init),
        "cmdline": line,
        "userspace": lambda value, place: _member(Userspace, Userspace.AUTO, value, place, newer),
        "cpu": optional(lambda value, place: whole(value, place, ANY_CPU, _MAX_CPU)),
        "confine": flag,
        "disk": optional(lambda value, place: whole(value, place, 1)),
        "layers": texts(absolute),
        "union": lambda value, place: _member(UnionEngine, UnionEngine.AUTO, value, place, newer),
        "routes": optional(texts(_route)),
        "sysctl": lambda value, place: tuple(sorted(named(line)(value, place).items())),
        "scenario": optional(label),
        "labels": named(text),
        "vars": mapping,
        "loaded": optional(_loaded),
        "ready": lambda value, place: _ready(value, place, newer),
        "faults": texts(_fault),
        "interfaces": mapping,
    }


def bridge(name: str, value: object) -> Bridge:
    """A bridge as it is stored.

    :raises Unfit: where it is not what any version has stored.
    """
    own = table(value, "", _BRIDGE)
    if own.pop("name", name) != name:
        raise Unfit(f"it is that of bridge {mapping(value, '')['name']}")
    return Bridge(name, **own)


def _member(kind: type[E], default: E, value: object, place: str, newer: bool) -> E:
    if value is None or (newer and value not in [each.value for each in kind]):
        return default
    return member(kind, value, place)


def _init(value: object, place: str) -> str:
    found = line(value, place)
    if found != "minimal" and (not found.startswith("/") or " " in found):
        wrong(value, place, "a path in the guest, or minimal")
    return found


def _ifname(value: object, place: str) -> str:
    found = text(value, place)
    if not _IFNAME.fullmatch(found):
        wrong(value, place, "a name of an interface")
    return found


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


def _hop(value: object, place: str) -> str:
    found = text(value, place)
    try:
        ipaddress.ip_address(found)
    except ValueError:
        wrong(value, place, "an IP address")
    return found


def _destination(value: object, place: str) -> str:
    found = text(value, place)
    try:
        return found if found == "default" else str(ipaddress.ip_network(found))
    except ValueError:
        wrong(value, place, "default or a prefix")


def _route(value: object, place: str) -> Route:
    return Route(**_with("to", table(value, place, _ROUTE), place))


def _fault(value: object, place: str) -> InjectedFault:
    return InjectedFault(**_with("path", table(value, place, _FAULT), place))


def _conditions(value: object, place: str) -> Conditions:
    return Conditions(**table(value, place, _CONDITIONS))


def _loaded(value: object, place: str) -> Loaded:
    return Loaded(**_with("scenario", table(value, place, _LOADED), place))


def _iface(owner: str, name: str, value: object) -> Iface:
    place = f"interfaces.{name}"
    return Iface(owner, _ifname(name, f"{place}: its name"), **table(value, place, _IFACE))


def _ready(value: object, place: str, newer: bool) -> Readiness | ReadyCommand | None:
    if isinstance(value, dict):
        return ReadyCommand(**_with("run", table(value, place, {"run": text, "within": number}), place))
    if value is None or (newer and value not in [each.value for each in Readiness]):
        return None
    return member(Readiness, value, place)


def _error(value: object, place: str) -> str:
    found = text(value, place)
    if not found.isupper() or not isinstance(getattr(errno, found, None), int):
        wrong(value, place, "a name of an error, such as EIO")
    return found


def _with(needed: str, own: Stored, place: str) -> Stored:
    if needed not in own:
        raise Unfit(f"{place} has no {needed}")
    return own


def _mtu(value: object, place: str) -> int:
    return whole(value, place, 1, 2**31 - 1)


_CONDITIONS: Mapping[str, Reader] = {name: kind.stored for name, kind in CONDITIONS.items()}
_ROUTE: Mapping[str, Reader] = {
    "to": _destination,
    "via": optional(_hop),
    "dev": optional(_ifname),
    "metric": optional(lambda value, place: whole(value, place, 0, 2**32 - 1)),
}
_FAULT: Mapping[str, Reader] = {
    "path": text,
    "during": texts(text),
    "error": optional(_error),
    "delay": number,
}
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
    fresh: Stored = {
        "init": value.init,
        "cmdline": value.cmdline,
        "userspace": value.userspace.value,
        "cpu": value.cpu,
        "confine": value.confine,
        "disk": value.disk,
        "layers": list(value.layers),
        "union": value.union.value,
        "routes": None if value.routes is None else [dataclasses.asdict(route) for route in value.routes],
        "sysctl": dict(value.sysctl),
        "scenario": value.scenario,
        "faults": [dataclasses.asdict(fault) for fault in value.faults],
        **({} if value.ready is None else {"ready": _plain_ready(value.ready)}),
        "labels": value.labels,
        "vars": value.vars,
        "loaded": None if value.loaded is None else dataclasses.asdict(value.loaded),
        "interfaces": {
            name: {key: each for key, each in dataclasses.asdict(iface).items() if key not in ("guest", "name")}
            for name, iface in value.interfaces.items()
        },
    }
    return kept(_GUEST_SHAPE, before, fresh)


def _plain_ready(ready: Readiness | ReadyCommand) -> object:
    return ready.value if isinstance(ready, Readiness) else dataclasses.asdict(ready)


def plain_bridge(value: Bridge, before: object) -> Stored:
    """What is to be stored of a bridge.

    :param before: as :func:`plain_guest`.
    """
    return kept(Shape(frozenset(_BRIDGE)), before, dataclasses.asdict(value))


_LOADED_SHAPE = Shape(frozenset(_LOADED), "scenario", {"under": Shape(frozenset(_LOADED), "scenario")})
_GUEST_SHAPE = Shape(
    frozenset(_guest_readers(newer=False)),
    parts={
        "routes": Shape(frozenset(_ROUTE), "to"),
        "faults": Shape(frozenset(_FAULT), "path"),
        "loaded": _LOADED_SHAPE,
        "ready": Shape(frozenset(("run", "within")), "run"),
    },
    named={
        "interfaces": Shape(frozenset(_IFACE), parts={"conditions": Shape(frozenset(_CONDITIONS))}),
    },
)
