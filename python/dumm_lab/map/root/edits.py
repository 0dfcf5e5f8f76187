# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page asks to have changed in a scenario, as values with types, each with a sentence for the list of edits.  Pure.

``changes`` makes changes of the text out of them.  They mean something, not a place in a text, so that they can be made again in a text
that somebody else has changed meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import CONDITIONS
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, nearest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.notation import end as parsed_end

Port = tuple[str, str]  # guest, interface
Path = tuple[str | int, ...]
Direction = Literal["both", "to_a", "to_b"]
_DIRECTIONS: tuple[Direction, ...] = ("both", "to_a", "to_b")
_DEEPEST, _LONGEST = 20, 1 << 20


def label(port: Port) -> str:
    """``alice:eth0``."""
    return f"{port[0]}:{port[1]}"


def ends_of(identifier: str) -> tuple[str, str]:
    """Both interfaces that the identifier of a cable names; a name of a guest may have ``--`` in it, too."""
    found = re.fullmatch(r"([^:]*:.*?)--([^:]*:.*)", identifier)
    return (identifier, "") if found is None else (found[1], found[2])


@dataclass(frozen=True)
class AddGuest:
    """A new guest, with settings of a scenario's file."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says(self) -> str:
        return f"add guest {self.name}"


@dataclass(frozen=True)
class RemoveGuest:
    """A guest is taken away, with its cables."""

    name: str

    @property
    def says(self) -> str:
        return f"remove guest {self.name}"


@dataclass(frozen=True)
class SetGuest:
    """A setting of a guest.

    :ivar path: keys below the guest.
    :ivar value: ``None`` takes the key away.
    """

    name: str
    path: Path
    value: Any

    @property
    def says(self) -> str:
        return f"guest {self.name}: {_set(self.path, self.value)}"


@dataclass(frozen=True)
class AddSegment:
    """A new segment."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says(self) -> str:
        return f"add segment {self.name}"


@dataclass(frozen=True)
class RemoveSegment:
    """A segment is taken away; what is plugged into it is unplugged."""

    name: str

    @property
    def says(self) -> str:
        return f"remove segment {self.name}"


@dataclass(frozen=True)
class SetSegment:
    """A setting of a segment, see :class:`SetGuest`."""

    name: str
    path: Path
    value: Any

    @property
    def says(self) -> str:
        return f"segment {self.name}: {_set(self.path, self.value)}"


@dataclass(frozen=True)
class AddCable:
    """A cable between two interfaces.

    :ivar a: without an interface it gets the next one that is free.
    :ivar settings: of the link, such as ``prefix``; ``prefix: auto`` is the next one that is free.
    """

    a: tuple[str, str | None]
    b: tuple[str, str | None]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says(self) -> str:
        return f"connect {_loose(self.a)} with {_loose(self.b)}"


@dataclass(frozen=True)
class RemoveCable:
    """A cable is taken away.

    :ivar id: as in a view: both ends.
    """

    id: str

    @property
    def says(self) -> str:
        return f"remove the cable {' -- '.join(ends_of(self.id))}"


@dataclass(frozen=True)
class SetCable:
    """Conditions of a cable.

    :ivar direction: ``to_a`` is what ``b`` sends.
    :ivar conditions: ``None`` takes one away.
    """

    id: str
    direction: Direction
    conditions: Mapping[str, Any]

    @property
    def says(self) -> str:
        told = ", ".join(f"{key} {'none' if value is None else value}" for key, value in self.conditions.items())
        a, b = ends_of(self.id)
        where = {"both": "", "to_a": f" to {a}", "to_b": f" to {b}"}[self.direction]
        return f"cable {a} -- {b}{where}: {told}"


@dataclass(frozen=True)
class Plug:
    """An interface is plugged into a segment.

    :ivar interface: ``None`` for the next one that is free.
    :ivar address: ``None`` for what the segment gives.
    """

    guest: str
    interface: str | None
    segment: str
    address: Any = None

    @property
    def says(self) -> str:
        return f"plug {_loose((self.guest, self.interface))} into {self.segment}"


@dataclass(frozen=True)
class Unplug:
    """An interface is unplugged, and stays."""

    guest: str
    interface: str

    @property
    def says(self) -> str:
        return f"unplug {self.guest}:{self.interface}"


@dataclass(frozen=True)
class RemoveInterface:
    """An interface is taken away."""

    guest: str
    interface: str

    @property
    def says(self) -> str:
        return f"remove interface {self.guest}:{self.interface}"


@dataclass(frozen=True)
class SetAddress:
    """Addresses of an interface; ``None`` leaves them to its segment, or else to the guest."""

    guest: str
    interface: str
    address: Any

    @property
    def says(self) -> str:
        told = self.address if isinstance(self.address, str) else ", ".join(map(str, self.address or ()))
        return f"interface {self.guest}:{self.interface}: address {told or ('none' if self.address == [] else 'by itself')}"


@dataclass(frozen=True)
class SetState:
    """A cable is up or down, or else a single interface."""

    cable: str | None
    interface: Port
    up: bool

    @property
    def says(self) -> str:
        what = f"cable {' -- '.join(ends_of(self.cable))}" if self.cable else f"interface {label(self.interface)}"
        return f"{what}: {'up' if self.up else 'down'}"


Edit: TypeAlias = (
    "AddGuest | RemoveGuest | SetGuest | AddSegment | RemoveSegment | SetSegment | AddCable | RemoveCable | SetCable"
    " | Plug | Unplug | RemoveInterface | SetAddress | SetState"
)


def given_of(edit: Edit) -> dict[str, Any]:
    """An edit as a page would send it, see :func:`understood`."""
    told: dict[str, Any] = {"do": _DONE[type(edit)]}
    if isinstance(edit, AddCable):
        return {**told, "a": _loose(edit.a), "b": _loose(edit.b), "settings": dict(edit.settings)}
    if isinstance(edit, SetState):
        state = {"state": "up" if edit.up else "down"}
        return told | state | ({"cable": edit.cable} if edit.cable else {"iface": label(edit.interface)})
    own = {key: getattr(edit, key) for key in edit.__dataclass_fields__}
    return told | {key: list(value) if isinstance(value, tuple) else value for key, value in own.items()}


def _set(path: Path, value: Any) -> str:
    return f"{'.'.join(map(str, path))} {'none' if value is None else value}"


def _loose(end: tuple[str, str | None]) -> str:
    return end[0] if end[1] is None else f"{end[0]}:{end[1]}"


def understood(given: object) -> Edit:
    """An edit as a page sends it.

    :raises InvalidInput: where it is none.
    """
    reader = _Reader(given)
    made = _KINDS.get(reader.what)
    if made is None:
        raise InvalidInput(f"edit {reader.what!r}", "there is no such edit", nearest(reader.what, _KINDS))
    return made(reader)


class _Reader:
    """The parts of an edit, each read with its type."""

    def __init__(self, given: object) -> None:
        if not isinstance(given, Mapping):
            raise InvalidInput("edit", "it is no object", "reload the page")
        self.given = given
        self.what = str(given.get("do"))

    def text(self, key: str) -> str:
        found = self.given.get(key)
        if not isinstance(found, str) or not found or len(found) > _LONGEST:
            raise self.wrong(key, "text")
        return found

    def maybe_text(self, key: str) -> str | None:
        return None if self.given.get(key) in (None, "") else self.text(key)

    def port(self, key: str) -> tuple[str, str | None]:
        """An interface, or a guest."""
        found = self.text(key)
        return parsed_end(found) if ":" in found else (found, None)

    def mapping(self, key: str) -> Mapping[str, Any]:
        found = self.given.get(key) or {}
        if not isinstance(found, Mapping):
            raise self.wrong(key, "an object")
        return {name: _plain(value) for name, value in found.items()}

    def path(self) -> Path:
        found = self.given.get("path")
        keys = [found] if isinstance(found, str) else found
        if not isinstance(keys, Sequence) or not 0 < len(keys) <= _DEEPEST:
            raise self.wrong("path", "a list of keys")
        if not all(isinstance(key, (str, int)) and not isinstance(key, bool) for key in keys):
            raise self.wrong("path", "a list of keys")
        return tuple(keys)

    def value(self, key: str = "value") -> Any:
        return _plain(self.given.get(key))

    def conditions(self) -> Mapping[str, Any]:
        found = self.mapping("conditions")
        for name in found:
            if name not in (*CONDITIONS, "mtu"):
                raise InvalidInput(f"edit {self.what}", f"there is no condition {name}", nearest(name, CONDITIONS))
        if not found:
            raise self.wrong("conditions", "an object with conditions")
        return found

    def direction(self) -> Direction:
        found = self.given.get("direction", "both")
        known = next((each for each in _DIRECTIONS if each == found), None)
        if known is None:
            raise self.wrong("direction", "both, to_a or to_b")
        return known

    def up(self) -> bool:
        found = self.given.get("state")
        if found not in ("up", "down"):
            raise self.wrong("state", "up or down")
        return bool(found == "up")

    def wrong(self, key: str, wanted: str) -> InvalidInput:
        return InvalidInput(f"edit {self.what}", f"{key!r} is not {wanted}", "reload the page")


def _plain(value: Any, depth: int = 0) -> Any:
    """JSON that a scenario's file can have; ``edit`` checks the rest."""
    if depth > _DEEPEST:
        raise InvalidInput("edit", f"its value is nested more than {_DEEPEST} levels deep", "edit the text")
    if isinstance(value, Mapping):
        return {str(key): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, depth + 1) for each in value]
    return value


def _segment(reader: _Reader) -> AddSegment:
    prefix = reader.value("prefix")
    return AddSegment(reader.text("name"), {**({"prefix": prefix} if prefix else {}), **reader.mapping("settings")})


def _cable(reader: _Reader) -> AddCable:
    prefix = reader.value("prefix")
    settings = {**({"prefix": prefix} if prefix else {}), **reader.mapping("conditions"), **reader.mapping("settings")}
    return AddCable(reader.port("a"), reader.port("b"), settings)


def _state(reader: _Reader) -> SetState:
    cable = reader.maybe_text("cable")
    if cable is not None:
        return SetState(cable, ("", ""), reader.up())
    return SetState(None, parsed_end(reader.text("iface")), reader.up())


_KINDS: Mapping[str, Callable[[_Reader], Edit]] = {
    "guest.add": lambda its: AddGuest(its.text("name"), its.mapping("settings")),
    "guest.remove": lambda its: RemoveGuest(its.text("name")),
    "guest.set": lambda its: SetGuest(its.text("name"), its.path(), its.value()),
    "segment.add": _segment,
    "segment.remove": lambda its: RemoveSegment(its.text("name")),
    "segment.set": lambda its: SetSegment(its.text("name"), its.path(), its.value()),
    "cable.add": _cable,
    "cable.remove": lambda its: RemoveCable(its.text("id")),
    "cable.set": lambda its: SetCable(its.text("id"), its.direction(), its.conditions()),
    "plug": lambda its: Plug(its.text("guest"), its.maybe_text("interface"), its.text("segment"), its.value("address")),
    "unplug": lambda its: Unplug(its.text("guest"), its.text("interface")),
    "interface.remove": lambda its: RemoveInterface(its.text("guest"), its.text("interface")),
    "address.set": lambda its: SetAddress(its.text("guest"), its.text("interface"), its.value("address")),
    "state.set": _state,
}

_DONE: Mapping[type[Any], str] = {
    AddGuest: "guest.add",
    RemoveGuest: "guest.remove",
    SetGuest: "guest.set",
    AddSegment: "segment.add",
    RemoveSegment: "segment.remove",
    SetSegment: "segment.set",
    AddCable: "cable.add",
    RemoveCable: "cable.remove",
    SetCable: "cable.set",
    Plug: "plug",
    Unplug: "unplug",
    RemoveInterface: "interface.remove",
    SetAddress: "address.set",
    SetState: "state.set",
}
