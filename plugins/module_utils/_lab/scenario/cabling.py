# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is plugged into what: the interfaces, bridges and links of a scenario file become ports and segments.  Pure.

An interface may be described in its guest, in a bridge's list and in a link; here the three become one, and what they say against each
other is a fault.  A link is a segment of its own with two ports.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.addressing import Network
from ..model.settings import LINK
from .document import Document, KeyPath, Table
from .schema import right

MAX_LABEL = 63  # RFC 1035 section 2.3.4
DEFAULT_POOL = "links"

Label = tuple[str, str]  # guest, interface
Settings = Mapping[str, Any]  # what schema.check made of a struct


@dataclass(frozen=True)
class Port:
    """An interface of a guest.

    :ivar path: where it is described, or else first mentioned.
    :ivar origins: where each of its settings is written.
    :ivar segment: what it is plugged into; ``plugged_by`` is where that is said.
    """

    guest: str
    name: str
    path: KeyPath
    settings: Settings = field(default_factory=dict)
    origins: Mapping[str, KeyPath] = field(default_factory=dict)
    segment: str | None = None
    plugged_by: KeyPath = ()

    @property
    def label(self) -> str:
        """``alice:eth0``."""
        return f"{self.guest}:{self.name}"

    def where(self, key: str) -> KeyPath:
        """Where a setting is written, or would be."""
        return self.origins.get(key, (*self.path, key))


@dataclass(frozen=True)
class Segment:
    """A bridge of the file, or a link.

    :ivar settings: of a bridge as in the file; a link has none.
    :ivar ports: in the order that counts for addresses.
    :ivar pool: where a link takes its prefix from.
    """

    name: str
    path: KeyPath
    settings: Settings = field(default_factory=dict)
    prefixes: tuple[Network, ...] = ()
    ports: tuple[Label, ...] = ()
    is_link: bool = False
    pool: str | None = None


@dataclass(frozen=True)
class Cabling:
    """All ports, those of a guest in order, and all segments: bridges, then links."""

    ports: Mapping[Label, Port]
    segments: Mapping[str, Segment]

    @functools.cached_property
    def by_guest(self) -> Mapping[str, list[Port]]:
        """The ports of each guest that has any."""
        found: dict[str, list[Port]] = {}
        for port in self.ports.values():
            found.setdefault(port.guest, []).append(port)
        return found


def cable(data: Settings, document: Document) -> Cabling:
    """Plug everything in.

    :param data: the checked scenario file.
    """
    return _Cabler(data, document).cabling()


def names(document: Document, key: str) -> Collection[str] | None:
    """All names that are given below a top-level key, right or not; ``None`` where there are things without a name."""
    root = document.root
    node = root.entries.get(key) if isinstance(root, Table) else None
    if isinstance(node, Table):
        return node.entries.keys()
    return () if node is None else None


def listed(value: Any) -> list[Any]:
    """One thing or a list of them, as a list of what is right."""
    return [item for _index, item in right(value)] if isinstance(value, list) else [value]


class _Cabler:
    def __init__(self, data: Settings, document: Document) -> None:
        self.data = data
        self.document = document
        self.guests: dict[str, dict[str, Port]] = {name: {} for name in data.get("guests", {})}
        self.links: list[Segment] = []

    def cabling(self) -> Cabling:
        for name, guest in self.data.get("guests", {}).items():
            for port, settings in guest.get("interfaces", {}).items():
                self._own(name, port, settings)
        for name, bridge in self.data.get("bridges", {}).items():
            for index, label in right(bridge.get("interfaces", [])):
                self._listed(name, label, ("bridges", name, "interfaces", index))
        links = [_link(index, link) for index, link in right(self.data.get("links", []))]
        taken = {*self.data.get("bridges", {})}
        for link in links:
            self._name_is_free(link, taken)
        for link in links:
            self._linked(link, taken)
        return Cabling(
            {(port.guest, port.name): port for ports in self.guests.values() for port in ports.values()},
            {segment.name: segment for segment in (*self._bridges(), *self.links)},
        )

    # Interfaces that guests describe

    def _own(self, guest: str, name: str, settings: Settings) -> None:
        path = ("guests", guest, "interfaces", name)
        bridge = settings.get("bridge")
        if bridge is not None and self._is_unknown("bridges", bridge):
            known = self.data.get("bridges", {})
            cause = f"there is no bridge {bridge}"
            self.document.blame_unknown((*path, "bridge"), cause, bridge, known, none="describe it under bridges")
        self.guests[guest][name] = Port(
            guest,
            name,
            path,
            {key: value for key, value in settings.items() if key != "bridge"},
            {key: (*path, key) for key in settings},
            bridge if bridge in self.data.get("bridges", {}) else None,
            (*path, "bridge") if bridge is not None else (),
        )

    # Interfaces in the list of a bridge

    def _listed(self, bridge: str, label: Label, path: KeyPath) -> None:
        if not self._has_guest(label[0], path):
            return
        port = self._port(label, path)
        if not port.plugged_by:
            self._put(dataclasses.replace(port, segment=bridge, plugged_by=path))
        elif port.segment not in (None, bridge) or port.plugged_by[:-1] == path[:-1]:
            self._blame_twice(port, path)

    # Links

    def _name_is_free(self, link: _Link, taken: set[str]) -> None:
        name = link.settings.get("name")
        if name is None:
            return
        if name in taken:
            self.document.blame(
                (*link.path, "name"), f"the name {name} is taken by another segment", "give the link another", key=name
            )
        taken.add(name)

    def _linked(self, link: _Link, taken: set[str]) -> None:
        name = link.settings.get("name") or derived_name([f"{end.label[0]}:{end.label[1]}" for end in link.ends], taken)
        taken.add(name)
        ends = list(zip(link.ends, ("a", "b"), strict=True))
        there = [self._has_guest(end.label[0], (*link.path, key)) for end, key in ends]
        if not all(there):
            return
        for end, key in ends:
            port = self._port(end.label, (*link.path, key))
            if port.plugged_by:
                self._blame_twice(port, (*link.path, key))
            else:
                self._put(self._plugged(port, link, end, key, name))
        if "pool" in link.settings and "prefix" in link.settings:
            self.document.blame((*link.path, "pool"), "prefix and pool cannot both be given", "give one of them")
        self.links.append(
            Segment(
                name,
                link.path,
                prefixes=self._prefixes(link.settings, link.path),
                ports=tuple(end.label for end in link.ends),
                is_link=True,
                pool=link.settings.get("pool"),
            )
        )

    def _plugged(self, port: Port, link: _Link, end: _End, key: str, segment: str) -> Port:
        """The port with what the link says about it: the link's settings, those of the interface, those of the end."""
        both = {name: link.settings[name] for name in LINK if name in link.settings}
        down = {"up": False} if link.settings.get("state") == "down" else {}
        origins = {
            **{name: (*link.path, name) for name in both},
            **port.origins,
            **{name: (*link.path, key, name) for name in end.settings},
        }
        settings = {**both, **port.settings, **end.settings, **down}
        return dataclasses.replace(
            port, settings=settings, origins=origins, segment=segment, plugged_by=(*link.path, key)
        )

    # Segments

    def _bridges(self) -> Iterator[Segment]:
        plugged: dict[str | None, list[Label]] = {}
        for ports in self.guests.values():
            for port in ports.values():
                plugged.setdefault(port.segment, []).append((port.guest, port.name))
        for name, settings in self.data.get("bridges", {}).items():
            path = ("bridges", name)
            yield Segment(name, path, settings, self._prefixes(settings, path), tuple(plugged.get(name, ())))

    def _prefixes(self, settings: Settings, path: KeyPath) -> tuple[Network, ...]:
        prefixes = listed(settings["prefix"]) if "prefix" in settings else []
        return one_a_family(prefixes, (*path, "prefix"), self.document)

    # What all of them need

    def _port(self, label: Label, path: KeyPath) -> Port:
        return self.guests[label[0]].get(label[1], Port(*label, path))

    def _put(self, port: Port) -> None:
        self.guests[port.guest][port.name] = port

    def _is_unknown(self, kind: str, name: str) -> bool:
        """Whether nothing is called so; what is there with a fault of its own is not unknown."""
        there = names(self.document, kind)
        return there is not None and name not in there

    def _has_guest(self, name: str, path: KeyPath) -> bool:
        if self._is_unknown("guests", name):
            self.document.blame_unknown(path, f"there is no guest {name}", name, self.guests)
        return name in self.guests

    def _blame_twice(self, port: Port, path: KeyPath) -> None:
        line = self.document.place(port.plugged_by).line
        self.document.blame(
            path,
            f"{port.label} is already plugged in by {_who(port.plugged_by)}{'' if line is None else f', in line {line}'}",
            "leave one of them, or use another interface",
            key=port.label,
        )


@dataclass(frozen=True)
class _End:
    label: Label
    settings: Settings


@dataclass(frozen=True)
class _Link:
    path: KeyPath
    ends: tuple[_End, _End]
    settings: Settings


def _link(index: int, link: Any) -> _Link:
    if isinstance(link, tuple):
        return _Link(("links", index), (_End(link[0], {}), _End(link[1], {})), {})
    return _Link(("links", index), (_end(link["a"]), _end(link["b"])), link)


def _end(end: Any) -> _End:
    if isinstance(end, tuple):
        return _End(end, {})
    rest = {key: value for key, value in end.items() if key not in ("guest", "interface")}
    return _End((end["guest"], end["interface"]), rest)


def derived_name(ends: Iterable[str], taken: Collection[str]) -> str:
    """Name of a link between two interfaces, such as ``alice:eth0``.

    The same whichever end comes first; a DNS label, hashed where the ends' own names do not make one.
    """
    full = "--".join(sorted(ends))
    name = re.sub(r"[^A-Za-z0-9-]", "-", full)
    if len(name) <= MAX_LABEL and name not in taken and not name.endswith("-"):
        return name
    return f"{name[: MAX_LABEL - 9]}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def _who(path: KeyPath) -> str:
    """What says where an interface is plugged in."""
    return {"links": "a link", "bridges": f"bridge {path[1]}"}.get(str(path[0]), "its guest")


def one_a_family(prefixes: list[Network], path: KeyPath, document: Document) -> tuple[Network, ...]:
    """Prefixes of which none is of the same IP version as another; those that are have a fault."""
    found: dict[int, Network] = {}
    for prefix in prefixes:
        if prefix.version in found:
            cause = f"{found[prefix.version]} and {prefix} are both IPv{prefix.version}"
            document.blame(path, cause, "give at most one prefix of each IP version")
        else:
            found[prefix.version] = prefix
    return tuple(found.values())
