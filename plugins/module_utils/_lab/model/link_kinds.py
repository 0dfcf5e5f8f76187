# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of values that only interfaces and bridges have, as ``kinds`` has those of guests.  No I/O."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from collections.abc import Mapping
from typing import Any

from . import conditions, rules, stored
from .conditions import CONDITIONS, Conditions
from .errors import InvalidInput
from .kinds import Argument, Flag, Kind, Whole
from .span import MAX_VNI, PORT, Span
from .stored import Reader, Shape, wrong


class Cable(Kind):
    """The bridge that an interface is plugged into; ``None`` for none."""

    def made(self, value: Any) -> str | None:
        """An empty text is none."""
        return value or None

    def read(self, value: object, place: str, *, newer: bool) -> str | None:
        """A name, or ``null``."""
        return stored.optional(label)(value, place)

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """What is done to it."""
        return [] if old == new else [plug_words(new)]


def plug_words(bridge: str | None) -> str:
    """What is done to an interface, in words."""
    return "unplug from its bridge" if bridge is None else f"plug into bridge {bridge}"


def label(value: object, place: str) -> str:
    """Name of a guest, a bridge or a scenario, as it is stored.

    :raises stored.Unfit: where it is none.
    """
    found = stored.text(value, place)
    try:
        rules.check_label(place, found)
    except InvalidInput:
        wrong(value, place, "a name of letters, digits and hyphens")
    return found


class Mac(Kind):
    """A MAC address; ``None`` for one that is derived from names."""

    def given(self, value: Any) -> str | None:
        """An empty text is none."""
        return rules.parse_mac(value, value) if value else None

    def read(self, value: object, place: str, *, newer: bool) -> str | None:
        """An address, or ``null``."""
        if value is None:
            return None
        try:
            return rules.parse_mac(stored.text(value, place), place)
        except InvalidInput:
            wrong(value, place, "a unicast MAC address")

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """What it becomes."""
        return [] if old == new else [f"set mac {new or 'derived from its name'}"]


class Mtu(Whole):
    """An MTU in bytes; ``None`` follows that of others."""

    def read(self, value: object, place: str, *, newer: bool) -> int:
        """A number."""
        return stored.whole(value, place, 1, 2**31 - 1)


class OptionalMtu(Mtu):
    """An MTU in bytes; ``None`` follows that of others."""

    def read(self, value: object, place: str, *, newer: bool) -> Any:
        """A number, or ``null``."""
        return None if value is None else super().read(value, place, newer=newer)


class Addresses(Kind):
    """Addresses with prefix length; ``None`` leaves them to others."""

    @property
    def argument(self) -> Argument:
        """A list."""
        return {"type": "list", "elements": "str"}

    def given(self, value: Any) -> tuple[str, ...]:
        """Each once; the first address of a prefix is the one that the kernel takes for what it sends."""
        return tuple(dict.fromkeys(rules.parse_address(text, text) for text in value))

    def read(self, value: object, place: str, *, newer: bool) -> tuple[str, ...] | None:
        """A list, or ``null``."""
        return stored.optional(addresses)(value, place)

    def stored(self, value: Any) -> list[str] | None:
        """A list, or ``null``."""
        return None if value is None else list(value)

    def written(self, value: Any) -> Any:
        """One without brackets."""
        return value[0] if value is not None and len(value) == 1 else self.stored(value)

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """Which come and go, and their order, which counts."""
        was, now = set(old or ()), set(new or ())
        says = [f"remove address {address}" for address in sorted(was - now)]
        says += [f"add address {address}" for address in sorted(now - was)]
        if was and was == now and old != new:
            says.append(f"order addresses {', '.join(new or ())}")
        if not was and not now and old != new:
            says.append("manage no addresses" if new is None else "keep free of addresses")
        return says


def _address(value: object, place: str) -> str:
    """An address with prefix length, which may be one that is refused by now."""
    found = stored.text(value, place)
    try:
        ipaddress.ip_interface(found)
    except ValueError:
        wrong(value, place, "an IP address with prefix length")
    if "/" not in found:
        wrong(value, place, "an IP address with prefix length")
    return found


addresses = stored.texts(_address)


class Up(Flag):
    """Whether an interface is up."""

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """What it becomes."""
        return [] if old == new else [f"set {'up' if new else 'down'}"]


class Bits(Whole):
    """A mask of 16 bits."""

    def read(self, value: object, place: str, *, newer: bool) -> int:
        """A number."""
        return stored.whole(value, place, 0, 0xFFFF)


class Sent(Kind):
    """Conditions of what is sent; ``None`` leaves the guest's queueing alone."""

    shape = Shape(frozenset(CONDITIONS))
    _readers: Mapping[str, Reader] = {name: kind.stored for name, kind in CONDITIONS.items()}

    def read(self, value: object, place: str, *, newer: bool) -> Conditions | None:
        """A mapping, or ``null``."""
        return None if value is None else Conditions(**stored.table(value, place, self._readers))

    def stored(self, value: Any) -> Argument | None:
        """A mapping, or ``null``."""
        if value is None:
            return None
        told = dataclasses.asdict(value)
        return {name: list(each) if isinstance(each, tuple) else each for name, each in told.items()}

    def written(self, value: Any) -> Argument | None:
        """With units, and without those that are none; the least that says "none at all" where there are no others."""
        return None if value is None else conditions.written(value) or {"delay": 0}

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """What they become."""
        return [] if old == new else [conditions.words(new)]


def _host(value: object, place: str) -> str:
    """Address of a lab host."""
    found = stored.text(value, place)
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        wrong(value, place, "an IP address")


class Spanning(Kind):
    """The other lab hosts of a segment; ``None`` for none."""

    shape = Shape(frozenset(("vni", "local", "peers", "port", "mtu")))
    _readers: Mapping[str, Reader] = {
        "vni": functools.partial(stored.whole, most=MAX_VNI),
        "local": _host,
        "peers": stored.texts(_host),
        "port": functools.partial(stored.whole, least=1, most=0xFFFF),
        "mtu": stored.optional(stored.whole),
    }

    @property
    def argument(self) -> Argument:
        """A mapping; an empty one is for no other lab host."""
        return {
            "type": "dict",
            "options": {
                "vni": {"type": "int"},
                "local": {"type": "str"},
                "peers": {"type": "list", "elements": "str"},
                "port": {"type": "int"},
                "mtu": {"type": "int"},
            },
        }

    def given(self, value: Any) -> Span | None:
        """What is left out has its default; number and own address have none."""
        told = {key: each for key, each in value.items() if each is not None}
        if not told:
            return None
        for key in ("vni", "local"):
            if key not in told:
                remedy = "give vni, local and peers, or span: {} for a segment of this lab host alone"
                raise InvalidInput("span", f"span has no {key}", remedy)
        local, *peers = (rules.parse_host(each) for each in (told["local"], *told.get("peers", ())))
        return Span.among(told["vni"], local, peers, told.get("port", PORT), told.get("mtu"))

    def read(self, value: object, place: str, *, newer: bool) -> Span | None:
        """A mapping, or ``null``."""
        if value is None:
            return None
        own = stored.table(value, place, self._readers)
        return Span(**stored.having("vni", stored.having("local", own, place), place))

    def stored(self, value: Any) -> Argument | None:
        """A mapping, or ``null``."""
        return None if value is None else {**dataclasses.asdict(value), "peers": list(value.peers)}
