# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is stored of a lab, as plain data: checked like input when it is read back, and kept where this version does not know it.  Pure.

Anybody may have edited a file, a full or broken disk may have cut it, another version of the collection may have written it.  What is
missing has its default, for earlier versions did not store it; what is there must be what it is said to be, since names become paths,
numbers become arguments of the kernel, and a default in place of a damaged setting would be applied to a guest that runs.

Limits that came later than the first release are not checked here: what an earlier version has stored must be understood.
"""

from __future__ import annotations

import dataclasses
import enum
import errno
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from . import rules
from .errors import InvalidInput
from .lab import (
    ANY_CPU,
    Bridge,
    Conditions,
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

MAX_DEPTH = 150  # a scenario's file has 100 (document)
_MOST = 2**63 - 1
_MAX_CPU = 8191  # as notation
_IFNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}", re.ASCII)

Stored = dict[str, Any]
Reader = Callable[[object, str], Any]
T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)


class Unfit(ValueError):
    """What is stored is not what it must be; the text says what is wrong."""


# JSON


def parse(data: bytes) -> Any:
    """Read JSON (RFC 8259) as strictly as it is written.

    :raises Unfit: also for what Python's reader takes: keys that are given twice, NaN, and what no text can show.
    """
    if not data.strip():
        raise Unfit("it is empty")
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise Unfit(f"byte {exc.start} is not UTF-8") from None
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise Unfit("it is nested too deeply") from None
    except json.JSONDecodeError as exc:
        raise Unfit(f"it is no JSON: {exc.msg}, line {exc.lineno}, column {exc.colno}") from None
    except Unfit:
        raise
    except ValueError:
        # Python itself refuses to read a very long one (sys.set_int_max_str_digits).
        raise Unfit("a number in it is too long") from None
    _check_tree(found)
    return found


def _once(pairs: list[tuple[str, Any]]) -> Stored:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        raise Unfit(f"key {next(name for name in names if names.count(name) > 1)!a} is given twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise Unfit(f"{text} is no number")


def _check_tree(top: Any) -> None:
    """Neither deeper than it can be written again, nor with halves of a letter (PEP 383)."""
    level, depth = [top], 0
    while level:
        if depth > MAX_DEPTH:
            raise Unfit(f"it is nested more than {MAX_DEPTH} levels deep")
        depth += 1
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                deeper += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                deeper += value
            elif isinstance(value, str) and not value.isascii() and _is_broken(value):
                raise Unfit(f"{value!a} is no text")
        level = deeper


def _is_broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


# Values.  ``place`` names one in the message, such as ``interfaces.eth0.mtu``.


def mapping(value: object, place: str) -> Stored:
    """A mapping.

    :raises Unfit: where it is none.
    """
    if not isinstance(value, dict):
        _wrong(value, place, "a mapping")
    return value


def listing(value: object, place: str) -> list[Any]:
    """A list.

    :raises Unfit: where it is none.
    """
    if not isinstance(value, list):
        _wrong(value, place, "a list")
    return value


def text(value: object, place: str) -> str:
    """A text without NUL, which neither a path nor an argument can have.

    :raises Unfit: where it is none.
    """
    if not isinstance(value, str) or "\0" in value:
        _wrong(value, place, "a text")
    return value


def line(value: object, place: str) -> str:
    """A text in one line of printable letters.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if not found.isprintable():
        _wrong(value, place, "a line of text")
    return found


def whole(value: object, place: str, least: int = 0, most: int = _MOST) -> int:
    """An integer within its limits.

    :raises Unfit: where it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        _wrong(value, place, f"a whole number from {least} to {most}")
    return value


def number(value: object, place: str) -> float:
    """A number that is not negative; an integer stays one.

    :raises Unfit: where it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST:
        _wrong(value, place, "a number that is not negative")
    return value


def flag(value: object, place: str) -> bool:
    """``true`` or ``false``.

    :raises Unfit: for anything else.
    """
    if not isinstance(value, bool):
        _wrong(value, place, "true or false")
    return value


def absolute(value: object, place: str) -> str:
    """An absolute path.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if not found.startswith("/"):
        _wrong(value, place, "an absolute path")
    return found


def below(value: object, place: str) -> str:
    """A path below a directory, which leads nowhere else.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if any(part in ("", ".", "..") for part in found.split("/")):
        _wrong(value, place, "a path below the working directory")
    return found


def part(value: object, place: str) -> str:
    """A name that becomes one component of a path.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if not _PART.fullmatch(found):
        _wrong(value, place, "a name")
    return found


def label(value: object, place: str) -> str:
    """Name of a guest, a bridge or a scenario.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    try:
        rules.check_label(place, found)
    except InvalidInput:
        _wrong(value, place, "a name of letters, digits and hyphens")
    return found


def optional(reader: Callable[[object, str], T]) -> Callable[[object, str], T | None]:
    """A reader that takes ``null``, too."""
    return lambda value, place: None if value is None else reader(value, place)


def texts(reader: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    """A reader of a list of what another one reads."""
    return lambda value, place: tuple(reader(each, f"{place}[{at}]") for at, each in enumerate(listing(value, place)))


def _named(reader: Callable[[object, str], T]) -> Callable[[object, str], dict[str, T]]:
    return lambda value, place: {
        text(name, f"a name in {place}"): reader(each, f"{place}.{name}")
        for name, each in mapping(value, place).items()
    }


def table(value: object, place: str, readers: Mapping[str, Reader]) -> Stored:
    """What of a mapping is known, each read by its reader; what is missing is left out.

    :raises Unfit: where one is not what it must be.
    """
    found = mapping(value, place)
    prefix = f"{place}." if place else ""
    return {name: reader(found[name], f"{prefix}{name}") for name, reader in readers.items() if name in found}


def member(kind: type[E], value: object, place: str) -> E:
    """A member of an enumeration.

    :raises Unfit: where it is none.
    """
    known = [each.value for each in kind]
    if value not in known:
        _wrong(value, place, f"one of {', '.join(known)}")
    return kind(value)


def _wrong(value: object, place: str, expected: str) -> NoReturn:
    told = json.dumps(value) if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__
    kind = {"dict": "a mapping", "list": "a list"}.get(told, told if len(told) <= 40 else f"{told[:40]}…")
    raise Unfit(f"{place or 'it'} is {kind} and must be {expected}")


# What a lab is made of


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
        "sysctl": lambda value, place: tuple(sorted(_named(line)(value, place).items())),
        "scenario": optional(label),
        "labels": _named(text),
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
        _wrong(value, place, "a path in the guest, or minimal")
    return found


def _ifname(value: object, place: str) -> str:
    found = text(value, place)
    if not _IFNAME.fullmatch(found):
        _wrong(value, place, "a name of an interface")
    return found


def _mac(value: object, place: str) -> str:
    try:
        return rules.parse_mac(text(value, place), place)
    except InvalidInput:
        _wrong(value, place, "a unicast MAC address")


def _address(value: object, place: str) -> str:
    """An address with prefix length, which may be one that is refused by now."""
    found = text(value, place)
    try:
        ipaddress.ip_interface(found)
    except ValueError:
        _wrong(value, place, "an IP address with prefix length")
    if "/" not in found:
        _wrong(value, place, "an IP address with prefix length")
    return found


def _hop(value: object, place: str) -> str:
    found = text(value, place)
    try:
        ipaddress.ip_address(found)
    except ValueError:
        _wrong(value, place, "an IP address")
    return found


def _destination(value: object, place: str) -> str:
    found = text(value, place)
    try:
        return found if found == "default" else str(ipaddress.ip_network(found))
    except ValueError:
        _wrong(value, place, "default or a prefix")


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
        _wrong(value, place, "a name of an error, such as EIO")
    return found


def _with(needed: str, own: Stored, place: str) -> Stored:
    if needed not in own:
        raise Unfit(f"{place} has no {needed}")
    return own


def _mtu(value: object, place: str) -> int:
    return whole(value, place, 1, 2**31 - 1)


_CONDITIONS: Mapping[str, Reader] = {
    **{each.name: number for each in dataclasses.fields(Conditions)},
    "rate": whole,
}
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


# The other way


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
    return _kept(_GUEST_SHAPE, before, fresh)


def _plain_ready(ready: Readiness | ReadyCommand) -> object:
    return ready.value if isinstance(ready, Readiness) else dataclasses.asdict(ready)


def plain_bridge(value: Bridge, before: object) -> Stored:
    """What is to be stored of a bridge.

    :param before: as :func:`plain_guest`.
    """
    return _kept(_Shape(frozenset(_BRIDGE)), before, dataclasses.asdict(value))


def with_unknown(known: frozenset[str], before: object, fresh: Stored) -> Stored:
    """A mapping with the keys of another version that are stored."""
    return _kept(_Shape(known), before, fresh)


@dataclass(frozen=True)
class _Shape:
    """Where a mapping may have keys of another version.

    :ivar known: keys that this version gives and takes away.
    :ivar same: the key by which two are taken for the same thing, which one then replaces; without it, the place tells.
    :ivar parts: mappings in it, or lists of such.
    :ivar named: mappings from names to such.
    """

    known: frozenset[str]
    same: str = ""
    parts: Mapping[str, _Shape] = field(default_factory=dict)
    named: Mapping[str, _Shape] = field(default_factory=dict)


_LOADED_SHAPE = _Shape(frozenset(_LOADED), "scenario", {"under": _Shape(frozenset(_LOADED), "scenario")})
_GUEST_SHAPE = _Shape(
    frozenset(_guest_readers(newer=False)),
    parts={
        "routes": _Shape(frozenset(_ROUTE), "to"),
        "faults": _Shape(frozenset(_FAULT), "path"),
        "loaded": _LOADED_SHAPE,
        "ready": _Shape(frozenset(("run", "within")), "run"),
    },
    named={
        "interfaces": _Shape(frozenset(_IFACE), parts={"conditions": _Shape(frozenset(_CONDITIONS))}),
    },
)


def _kept(shape: _Shape, before: object, fresh: Stored) -> Stored:
    if not isinstance(before, dict) or (shape.same and before.get(shape.same) != fresh.get(shape.same)):
        return fresh
    parts = {key: _kept_part(each, before.get(key), fresh[key]) for key, each in shape.parts.items() if key in fresh}
    named = {key: _kept_names(each, before.get(key), fresh[key]) for key, each in shape.named.items() if key in fresh}
    unknown = {key: value for key, value in before.items() if key not in shape.known}
    return {**fresh, **parts, **named, **unknown}


def _kept_part(shape: _Shape, before: object, fresh: object) -> object:
    if isinstance(fresh, dict):
        return _kept(shape, before, fresh)
    if not isinstance(fresh, list) or not isinstance(before, list):
        return fresh
    known = {str(each.get(shape.same)): each for each in reversed(before) if isinstance(each, dict)}
    return [_kept(shape, known.get(str(each[shape.same])), each) for each in fresh]


def _kept_names(shape: _Shape, before: object, fresh: Mapping[str, Stored]) -> Stored:
    known = before if isinstance(before, dict) else {}
    return {name: _kept(shape, known.get(name), each) for name, each in fresh.items()}
