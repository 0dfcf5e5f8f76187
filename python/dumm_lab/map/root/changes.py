# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An edit of a scenario → changes of its text at paths of keys, and what of the lab is meant to change by that.  Pure.

A thing is written where the text has it already: an interface in its guest, in a bridge's list or in a link; a condition at the end, in
the interface or in the link.  What the loader finds wrong afterwards is not looked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.notation import AUTO, ip_of
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import Append, Remove, Set
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import Edit as Change

from . import proposals
from .described import Described, End, Link
from .edits import (
    AddCable,
    AddGuest,
    AddSegment,
    Edit,
    Path,
    Plug,
    Port,
    RemoveCable,
    RemoveGuest,
    RemoveInterface,
    RemoveSegment,
    SetAddress,
    SetCable,
    SetGuest,
    SetSegment,
    SetState,
    Unplug,
    label,
)


@dataclass(frozen=True)
class Touched:
    """What an edit is about; all else is to stay as it is.

    :ivar guests: with all of their interfaces.
    """

    guests: frozenset[str] = frozenset()
    ports: frozenset[Port] = frozenset()
    segments: frozenset[str] = frozenset()


def settled(state: Described, edit: Edit) -> Edit:
    """An edit in which names and prefixes that were left open are those that are free now."""
    if isinstance(edit, AddCable):
        a = edit.a[0], edit.a[1] or proposals.interface(state, edit.a[0])
        taken = {a[1]} if edit.b[0] == edit.a[0] else set()
        b = edit.b[0], edit.b[1] or proposals.interface(state, edit.b[0], taken)
        told = dict(edit.settings)
        if told.get("prefix") == AUTO:
            told |= {"prefix": proposals.cable_prefix(state)}
        return AddCable(a, b, {key: value for key, value in told.items() if value is not None})
    if isinstance(edit, Plug) and edit.interface is None:
        return Plug(edit.guest, proposals.interface(state, edit.guest), edit.segment, edit.address)
    if isinstance(edit, AddSegment) and edit.settings.get("prefix") == AUTO:
        return AddSegment(edit.name, {**edit.settings, "prefix": proposals.segment_prefix(state)})
    return edit


def changes(state: Described, edit: Edit) -> list[Change]:
    """The changes of the text, in order.

    :param edit: nothing of it is open.
    :raises InvalidInput: where it names what is not there, or is there already.
    """
    make: Callable[[Described, Any], Iterator[Change]] = _MAKERS[type(edit)]
    return list(make(state, edit))


def touched(state: Described, edit: Edit) -> Touched:
    """What of the lab an edit is about."""
    if isinstance(edit, (AddGuest, SetGuest)):
        return Touched(guests=frozenset((edit.name,)))
    if isinstance(edit, RemoveGuest):
        far = {end.port for link in state.links for end in link.ends if any(e.port[0] == edit.name for e in link.ends)}
        return Touched(guests=frozenset((edit.name,)), ports=frozenset(far))
    if isinstance(edit, (AddSegment, RemoveSegment, SetSegment)):
        ports = frozenset((port.guest, port.name) for port in state.lab.ports(edit.name))
        return Touched(ports=ports, segments=frozenset((edit.name,)))
    if isinstance(edit, AddCable):
        return Touched(ports=frozenset(_port(each) for each in (edit.a, edit.b)))
    if isinstance(edit, (RemoveCable, SetCable)):
        return _with_segment(state, state.cable(edit.id))
    if isinstance(edit, SetState):
        return _with_segment(state, state.cable(edit.cable) if edit.cable else (edit.interface,))
    port = _port((edit.guest, edit.interface))
    link = state.link_at(port)
    return Touched(ports=frozenset((port,) if link is None else (link.a.port, link.b.port)))


def _with_segment(state: Described, ports: tuple[Port, ...]) -> Touched:
    found = state.iface(ports[0])
    names = {found.bridge} if found is not None and found.bridge is not None and len(ports) == 2 else set()
    return Touched(ports=frozenset(ports), segments=frozenset(names))


def _port(end: tuple[str, str | None]) -> Port:
    """:raises InvalidInput: where its interface is still open, which is our own fault."""
    if end[1] is None:
        raise InvalidInput(f"guest {end[0]}", "no interface of it is named", "name one")
    return end[0], end[1]


# Guests and segments


def _add_guest(state: Described, edit: AddGuest) -> Iterator[Change]:
    if edit.name in state.scenario.guests:
        raise InvalidInput(f"guest {edit.name}", "there is one already", "choose another name")
    yield Set(("guests", edit.name), dict(edit.settings) or None)


def _remove_guest(state: Described, edit: RemoveGuest) -> Iterator[Change]:
    state.check_guest(edit.name)
    for link in reversed(state.links):
        if any(end.port[0] == edit.name for end in link.ends):
            yield Remove(("links", link.index))
            yield from _without_auto(state, *(end for end in link.ends if end.port[0] != edit.name))
    yield from (Remove(("bridges", name, "interfaces", index)) for name, index in state.listings(edit.name))
    yield Remove(("guests", edit.name))


def _set_guest(state: Described, edit: SetGuest) -> Iterator[Change]:
    state.check_guest(edit.name)
    yield from _set(state, ("guests", edit.name), edit.path, edit.value, f"guest {edit.name}")


def _add_segment(state: Described, edit: AddSegment) -> Iterator[Change]:
    if edit.name in state.scenario.bridges:
        raise InvalidInput(f"segment {edit.name}", "there is one already", "choose another name")
    yield Set(("bridges", edit.name), dict(edit.settings) or None)


def _remove_segment(state: Described, edit: RemoveSegment) -> Iterator[Change]:
    state.check_segment(edit.name)
    for port in state.lab.ports(edit.name):
        own = state.own("guests", port.guest, "interfaces", port.name)
        if "bridge" in own:
            yield Remove(("guests", port.guest, "interfaces", port.name, "bridge"))
        yield from _without_auto(state, End((port.guest, port.name)))
    yield Remove(("bridges", edit.name))


def _set_segment(state: Described, edit: SetSegment) -> Iterator[Change]:
    state.check_segment(edit.name)
    yield from _set(state, ("bridges", edit.name), edit.path, edit.value, f"segment {edit.name}")


def _set(state: Described, top: Path, path: Path, value: Any, said: str) -> Iterator[Change]:
    """A setting, which is taken away by ``None``."""
    if value is not None:
        yield Set((*top, *path), value)
        return
    there: Any = state.data
    for key in (*top, *path):
        known = there if isinstance(there, Mapping) else dict(enumerate(there)) if isinstance(there, list) else {}
        if key not in known:
            told = ".".join(map(str, path))
            raise InvalidInput(said, f"the text does not set {told} there", "give it a value, or edit where it is set")
        there = known[key]
    yield Remove((*top, *path))


# Interfaces


def _plug(state: Described, edit: Plug) -> Iterator[Change]:
    port = _port((edit.guest, edit.interface))
    state.check_guest(edit.guest)
    state.check_segment(edit.segment)
    link = state.link_at(port)
    if link is not None:
        far = label(link.far(port))
        raise InvalidInput(f"interface {label(port)}", f"it has a cable to {far}", "remove that first")
    known = state.iface(port)
    if known is not None and known.bridge == edit.segment and edit.address is None:
        raise InvalidInput(
            f"interface {label(port)}", f"it is plugged into {edit.segment} already", "choose another segment"
        )
    told = {"bridge": edit.segment, **({} if edit.address is None else {"address": edit.address})}
    yield from _unlisted(state, port)
    path: Path = ("guests", port[0], "interfaces", port[1])
    own = state.own(*map(str, path))
    if not own:
        yield Set(path, told)
        return
    yield from (Set((*path, key), value) for key, value in told.items())
    if edit.address is None and "address" in own and not _suits(state, own["address"], edit.segment):
        yield Remove((*path, "address"))


def _suits(state: Described, address: Any, segment: str) -> bool:
    """Whether addresses stay when an interface is plugged into a segment: where that gives none, or has them in its prefix."""
    prefixes = [prefix for prefix in proposals.prefixes(state, segment) if prefix is not None]
    listed = address if isinstance(address, list) else [address]
    if not prefixes or not listed:
        return True
    return all(each == AUTO or any(ip_of(each) in prefix for prefix in prefixes) for each in listed)


def _unplug(state: Described, edit: Unplug) -> Iterator[Change]:
    port = edit.guest, edit.interface
    if state.known_iface(port).bridge is None:
        raise InvalidInput(f"interface {label(port)}", "it is not plugged in", "plug it into a segment")
    link = state.link_at(port)
    if link is not None:
        yield from _unlinked(state, link)
        return
    path: Path = ("guests", *port[:1], "interfaces", port[1])
    if "bridge" in state.own(*map(str, path)):
        yield Remove((*path, "bridge"))
    listed = list(_unlisted(state, port))
    yield from listed
    if listed and port[1] not in state.own("guests", port[0], "interfaces"):
        yield Set(path, None)
    yield from _without_auto(state, End(port))


def _remove_interface(state: Described, edit: RemoveInterface) -> Iterator[Change]:
    port = edit.guest, edit.interface
    state.known_iface(port)
    link = state.link_at(port)
    if link is not None:
        yield Remove(("links", link.index))
        yield from _without_auto(state, *(end for end in link.ends if end.port != port))
    yield from _unlisted(state, port)
    if port[1] in state.own("guests", port[0], "interfaces"):
        yield Remove(("guests", port[0], "interfaces", port[1]))


def _unlisted(state: Described, port: Port) -> Iterator[Change]:
    """Out of the lists of bridges."""
    yield from (Remove(("bridges", name, "interfaces", index)) for name, index in state.listings(*port))


def _without_auto(state: Described, *ends: End) -> Iterator[Change]:
    """``auto`` means nothing any more to interfaces that are unplugged."""
    for guest, name in (end.port for end in ends):
        path: Path = ("guests", guest, "interfaces", name, "address")
        told = state.own("guests", guest, "interfaces", name).get("address")
        if isinstance(told, list) and AUTO in told:
            rest = [each for each in told if each != AUTO]
            yield Set(path, rest) if rest else Remove(path)
        elif told == AUTO:
            yield Remove(path)


def _set_address(state: Described, edit: SetAddress) -> Iterator[Change]:
    port = edit.guest, edit.interface
    state.known_iface(port)
    path = place(state, port, "address")
    if edit.address is not None:
        yield Set(path, edit.address)
    elif _has(state, path):
        yield Remove(path)
    else:
        raise InvalidInput(f"interface {label(port)}", "the text gives it no address", "give it one")


def place(state: Described, port: Port, key: str) -> Path:
    """Where a setting of an interface is written: at its end of a link if that has it, or else in its guest."""
    link = state.link_at(port)
    if link is not None:
        for name, end in (("a", link.a), ("b", link.b)):
            if end.port == port and key in (end.settings or {}):
                return ("links", link.index, name, key)
    return ("guests", port[0], "interfaces", port[1], key)


def _has(state: Described, path: Path) -> bool:
    there: Any = state.data
    for key in path:
        known = there if isinstance(there, Mapping) else dict(enumerate(there)) if isinstance(there, list) else {}
        if key not in known:
            return False
        there = known[key]
    return True


# Cables


def _add_cable(state: Described, edit: AddCable) -> Iterator[Change]:
    a, b = _port(edit.a), _port(edit.b)
    for port in (a, b):
        state.check_guest(port[0])
    if a == b:
        raise InvalidInput(f"interface {label(a)}", "a cable has two ends", "connect it with another interface")
    told = dict(edit.settings)
    for port in (a, b):
        own = state.own("guests", port[0], "interfaces", port[1])
        if told.get("prefix") and _listed(own.get("address")):
            raise InvalidInput(
                f"interface {label(port)}",
                "the text gives it an address already",
                "leave out the prefix, or that address",
            )
    yield Append(("links",), {"a": label(a), "b": label(b), **told} if told else f"{label(a)} -- {label(b)}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _remove_cable(state: Described, edit: RemoveCable) -> Iterator[Change]:
    one, _other = state.cable(edit.id)
    link = state.link_at(one)
    if link is not None:
        yield from _unlinked(state, link)
        return
    segment = state.known_iface(one).bridge
    yield from _remove_segment(state, RemoveSegment(str(segment)))


def _unlinked(state: Described, link: Link) -> Iterator[Change]:
    yield Remove(("links", link.index))
    yield from _without_auto(state, *link.ends)


def _set_cable(state: Described, edit: SetCable) -> Iterator[Change]:
    a, b = state.cable(edit.id)
    senders = {"both": (a, b), "to_a": (b,), "to_b": (a,)}[edit.direction]
    link = state.link_at(a)
    found = _Cable(state, link)
    for key, value in edit.conditions.items():
        found.set(senders, key, value)
    yield from found.changes()


class _Cable:
    """What a text says of a cable's conditions: that of the link, of the interface, and of the end; the later wins."""

    def __init__(self, state: Described, link: Link | None) -> None:
        self._state, self._link = state, link
        self._both: dict[str, Any] = {}
        self._ends: dict[Port, dict[str, Any]] = {}
        if link is not None:
            self._both = {key: value for key, value in (link.settings or {}).items() if key not in ("a", "b")}
            self._ends = {end.port: dict(end.settings or {}) for end in link.ends}
        self._was = self._written()
        self._rest: list[Change] = []

    def set(self, senders: tuple[Port, ...], key: str, value: Any) -> None:
        """Give senders a condition; ``None`` takes it away."""
        if self._link is not None and len(senders) == len(self._ends):
            self.set_both(key, value)
            for port in senders:
                self._ends[port].pop(key, None)
                self._set_in_guest(port, key, None)
            return
        for port in senders:
            end = self._ends.get(port)
            if end is None or (key in self._own(port) and key not in end):
                self._set_in_guest(port, key, 0 if value is None and key in self._both else value)
            elif value is not None:
                end[key] = value
            elif key in self._both or key in self._own(port):
                # Something else would give it.
                end[key] = 0
            else:
                end.pop(key, None)

    def set_both(self, key: str, value: Any) -> None:
        """Give the link itself a setting."""
        if value is None:
            self._both.pop(key, None)
        else:
            self._both[key] = value

    def changes(self) -> Iterator[Change]:
        """The link as it is to be written, and the rest."""
        if self._link is not None and self._written() != self._was:
            yield Set(("links", self._link.index), self._written())
        yield from self._rest

    def _own(self, port: Port) -> Mapping[str, Any]:
        return self._state.own("guests", port[0], "interfaces", port[1])

    def _set_in_guest(self, port: Port, key: str, value: Any) -> None:
        path: Path = ("guests", port[0], "interfaces", port[1], key)
        if value is not None:
            self._rest.append(Set(path, value))
        elif key in self._own(port):
            self._rest.append(Remove(path))

    def _written(self) -> dict[str, Any]:
        """The link, in the order of the text."""
        if self._link is None:
            return {}
        told = {"a": self._end(self._link.a), "b": self._end(self._link.b), **self._both}
        return {key: told[key] for key in dict.fromkeys((*(self._link.settings or {}), *told)) if key in told}

    def _end(self, end: End) -> Any:
        own = self._ends[end.port]
        if not own and end.settings is None:
            return label(end.port)
        return {"guest": end.port[0], "interface": end.port[1], **own}


def _set_state(state: Described, edit: SetState) -> Iterator[Change]:
    if edit.cable is None:
        state.known_iface(edit.interface)
        link = state.link_at(edit.interface)
        if edit.up and link is not None and link.get("state") == "down":
            # It takes both ends down: from now on only the other one.
            yield Remove(("links", link.index, "state"))
            yield from _set_up(state, link.far(edit.interface), up=False)
        yield from _set_up(state, edit.interface, up=edit.up)
        return
    a, b = state.cable(edit.cable)
    link = state.link_at(a)
    if link is None:
        for port in (a, b):
            yield from _set_up(state, port, up=edit.up)
        return
    if not edit.up:
        found = _Cable(state, link)
        found.set_both("state", "down")
        yield from found.changes()
        return
    if link.get("state") is not None:
        yield Remove(("links", link.index, "state"))
    for port in (a, b):
        yield from _set_up(state, port, up=True)


def _set_up(state: Described, port: Port, *, up: bool) -> Iterator[Change]:
    path = place(state, port, "up")
    if not up:
        yield Set(path, False)
    elif _has(state, path):
        yield Remove(path)


_MAKERS: Mapping[type[Any], Callable[[Described, Any], Iterator[Change]]] = {
    AddGuest: _add_guest,
    RemoveGuest: _remove_guest,
    SetGuest: _set_guest,
    AddSegment: _add_segment,
    RemoveSegment: _remove_segment,
    SetSegment: _set_segment,
    AddCable: _add_cable,
    RemoveCable: _remove_cable,
    SetCable: _set_cable,
    Plug: _plug,
    Unplug: _unplug,
    RemoveInterface: _remove_interface,
    SetAddress: _set_address,
    SetState: _set_state,
}
