# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario's text and a lab that has changed since → the text with as little changed as makes it describe the lab.  Pure.

The text is edited in rounds: what it says after a round is compared with the lab, and where a group, a default or a prefix still says
otherwise, the next round writes that out.  A text that cannot follow is written anew by ``adopt``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model import notation, settings
from ..model.errors import InvalidInput
from ..model.lab import Bridge, Guest, Iface, Lab
from . import adopt, loader
from .cabling import derived_name
from .document import KeyPath, read
from .edit import Append, Edit, Remove, Set, edited, plain
from .loader import Scenario

_ROUNDS = 6
_MERGED = ("sysctl", "vars", "labels")  # by key, as of ``loader``
_Data = Mapping[str, Any]


def follow(text: str, lab: Lab, *, name: str, place: str) -> str:
    """The text of a scenario, such that it describes a lab.

    :param text: what describes what the lab was.
    :param name: of the scenario.
    :param place: how messages call the text, such as the file's path.
    :raises Invalid: where the text is no scenario, or its tests need a guest that is not there any more.
    :raises DummError: where the definition of something in the lab cannot be understood.
    """
    known = loader.load(text, name=name, place=place)
    anew = _anew(text, lab, known)
    try:
        for _round in range(_ROUNDS):
            found = loader.load(text, name=name, place=place)
            if adopt.matches(found, lab, in_order=False):
                return text
            text = edited(text, list(_Follower(text, found, lab).edits()), source=place)
    except InvalidInput:
        # An anchor, or something that only its whole surroundings could say.
        pass
    loader.load(anew, name=name, place=place)
    return anew


def _anew(text: str, lab: Lab, known: Scenario) -> str:
    """The text of the lab, with what a scenario says to people and to tests."""
    told = plain(read(text, "").root)
    kept = [Set((key,), told[key]) for key in ("description", "tests") if key in told]
    return edited(adopt.adopt(lab, known), kept, source="")


class _Follower:
    """The edits of one round."""

    def __init__(self, text: str, found: Scenario, lab: Lab) -> None:
        self.data: _Data = plain(read(text, "").root)
        self.lab = lab
        self.was = Lab(lab.name, lab.netns, found.guests, found.bridges)

    def edits(self) -> Iterator[Edit]:
        """Unplug first: what is taken away must not be mentioned any more."""
        moved = self._moved()
        yield from self._unplugged(moved)
        for name in [name for name in self.was.bridges if name in self._at("bridges") and name not in self.lab.bridges]:
            yield Remove(("bridges", name))
        for name in [name for name in self.was.guests if name not in self.lab.guests]:
            yield Remove(("guests", name))
        for bridge in self.lab.bridges.values():
            yield from self._bridge(bridge)
        for guest in self.lab.guests.values():
            yield from self._guest(guest)
        yield from self._plugged(moved)

    def _at(self, *path: str) -> _Data:
        """A mapping of the text, empty if there is none."""
        data: Any = self.data
        for key in path:
            data = (data or {}).get(key)
        return data if isinstance(data, dict) else {}

    # Who is plugged into what

    def _moved(self) -> set[tuple[str, str]]:
        """Interfaces whose segment is another one, or nothing, or not there any more."""
        now = {(each.guest, each.name): each.bridge for each in self.lab.ifaces()}
        was = {(each.guest, each.name): each.bridge for each in self.was.ifaces()}
        return {key for key in {**was, **now} if was.get(key) != now.get(key) or (key in was) != (key in now)}

    def _unplugged(self, moved: set[tuple[str, str]]) -> Iterator[Edit]:
        for index, link in reversed(list(enumerate(self.data.get("links") or []))):
            ends = notation.cable(link) if isinstance(link, str) else (_label(link["a"]), _label(link["b"]))
            if any(end in moved for end in ends):
                yield Remove(("links", index))
        for name, bridge in self._at("bridges").items():
            listed = (bridge or {}).get("interfaces") or []
            for index in reversed([index for index, each in enumerate(listed) if _label(each) in moved]):
                yield Remove(("bridges", name, "interfaces", index))
        for guest, name in sorted(key for key in moved if key[0] in self.lab.guests):
            path: KeyPath = ("guests", guest, "interfaces", name)
            own = self._at(*map(str, path))
            if name not in self.lab.guests[guest].interfaces:
                if name in self._at("guests", guest, "interfaces"):
                    yield Remove(path)
            elif "bridge" in own and self.lab.guests[guest].interfaces[name].bridge in (None, *self._links()):
                yield Remove((*path, "bridge"))

    def _links(self) -> list[str]:
        return [bridge.name for bridge in self.lab.bridges.values() if adopt.is_link(self.lab, bridge)]

    def _plugged(self, moved: set[tuple[str, str]]) -> Iterator[Edit]:
        """New cables, and those that were taken out above because their other end was."""
        links = self._links()
        taken = [name for name in self.lab.bridges if name not in links]
        for name in links:
            ends = self.lab.ports(name)
            if name not in self.was.bridges or any((end.guest, end.name) in moved for end in ends):
                a, b = labels = [end.label for end in ends]
                named = derived_name(labels, taken) != name
                yield Append(("links",), {"a": a, "b": b, "name": name} if named else f"{a} -- {b}")
            taken.append(name)

    # Settings

    def _bridge(self, bridge: Bridge) -> Iterator[Edit]:
        path: KeyPath = ("bridges", bridge.name)
        was = self.was.bridges.get(bridge.name)
        if was is None:
            if not adopt.is_link(self.lab, bridge):
                yield Set(path, adopt.bridge_settings(bridge) or None)
            return
        own = self._at("bridges", bridge.name)
        for row in settings.BRIDGE:
            if row.in_file and row.of(bridge) != row.of(was):
                yield from self._one(
                    (*path, row.name), own, row.of(bridge) == row.of(Bridge("")), row.kind.written(row.of(bridge))
                )

    def _guest(self, guest: Guest) -> Iterator[Edit]:
        path: KeyPath = ("guests", guest.name)
        was = self.was.guests.get(guest.name)
        shared = self._at("defaults")
        if was is None:
            told = {key: value for key, value in adopt.guest_settings(guest).items() if shared.get(key) != value}
            interfaces = {iface.name: self._new_iface(iface) or None for iface in guest.interfaces.values()}
            yield Set(path, {**told, **({"interfaces": interfaces} if interfaces else {})} or None)
            return
        own = self._at("guests", guest.name)
        for row in settings.GUEST:
            value, before = row.of(guest), row.of(was)
            if value == before:
                continue
            if row.name in _MERGED:
                yield from self._merged((*path, row.name), row.kind.written(value), row.kind.written(before))
            else:
                yield from self._one((*path, row.name), own, value == row.of(Guest("")), row.kind.written(value))
        for iface in guest.interfaces.values():
            old = was.interfaces.get(iface.name)
            if old is None:
                told = self._new_iface(iface)
                if told or iface.bridge not in self._links():
                    yield Set((*path, "interfaces", iface.name), told or None)
            else:
                yield from self._iface((*path, "interfaces", iface.name), iface, old)

    def _new_iface(self, iface: Iface) -> dict[str, Any]:
        """What a new interface says; an address that its segment gives by itself is written if it is another one."""
        told = adopt.iface_settings(self.lab, iface)
        bridge = None if iface.bridge is None or iface.bridge in self._links() else iface.bridge
        if bridge is not None and "prefix" in self._at("bridges", bridge):
            told.pop("address", None)
        return {**({} if bridge is None else {"bridge": bridge}), **told}

    def _iface(self, path: KeyPath, iface: Iface, was: Iface) -> Iterator[Edit]:
        if iface.bridge != was.bridge and iface.bridge is not None and iface.bridge not in self._links():
            yield Set((*path, "bridge"), iface.bridge)
        own = self._at(*map(str, path))
        now, before = (adopt.iface_settings(self.lab, each) for each in (iface, was))
        for key in {**before, **now}:
            if now.get(key) != before.get(key):
                if key in now:
                    yield Set((*path, key), now[key])
                elif key in own:
                    yield Remove((*path, key))
                else:
                    yield Set((*path, key), _NEUTRAL.get(key, 0))

    @staticmethod
    def _one(path: KeyPath, own: _Data, is_default: bool, value: Any) -> Iterator[Edit]:
        """A setting; the default is that of a guest that says nothing, unless somebody else says something for it."""
        yield Remove(path) if is_default and path[-1] in own else Set(path, value)

    def _merged(self, path: KeyPath, now: _Data, before: _Data) -> Iterator[Edit]:
        own = self._at(*map(str, path))
        for key in before:
            if key not in now and key in own:
                yield Remove((*path, key))
        for key, value in now.items():
            if key not in before or repr(before[key]) != repr(value):
                yield Set((*path, key), value)


# What says that there is none of a setting, where somebody else has given one.
_NEUTRAL = {"mtu": Iface.mtu, "up": True}


def _label(end: Any) -> tuple[str, str]:
    """An interface as a link or a bridge names it."""
    if isinstance(end, dict):
        return str(end["guest"]), str(end["interface"])
    guest, _colon, name = str(end).strip().partition(":")
    return guest, name
