# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario's text with what it means: the lab, and where its cables are written.  Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    STOPPED,
    SeenBridge,
    SeenGuest,
    SeenIface,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, nearest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import TRANSPARENT, Bridge, Guest, Iface, Lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.notation import cable, end
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.roles import forwards
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.document import read
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import plain
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario

from .edits import Port, label

_CONDITIONS = next(row.kind for row in settings.IFACE if row.name == "conditions")


@dataclass(frozen=True)
class End:
    """An end of a link.

    :ivar settings: that the end has of its own; ``None`` where it is written as text.
    """

    port: Port
    settings: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Link:
    """A cable that the text has in ``links``.

    :ivar index: in that list.
    :ivar settings: ``None`` where it is written as text.
    """

    index: int
    a: End
    b: End
    settings: Mapping[str, Any] | None = None

    @property
    def ends(self) -> tuple[End, End]:
        """Both."""
        return self.a, self.b

    def far(self, port: Port) -> Port:
        """The other end than one."""
        return self.b.port if port == self.a.port else self.a.port

    def get(self, key: str) -> Any:
        """A setting of the link; ``None`` where it has none."""
        return (self.settings or {}).get(key)


@dataclass(frozen=True)
class Described:
    """A text that is a scenario.

    :ivar data: what the text says, as plain data.
    """

    text: str
    name: str
    place: str
    scenario: Scenario
    data: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, text: str, *, name: str, place: str) -> Described:
        """A text understood; an empty one has nothing yet.

        :raises Invalid: with all that is wrong.
        """
        found = plain(read(text, place).root)
        scenario = loader.load(text, name=name, place=place) if text.strip() else Scenario(name)
        return cls(text, name, place, scenario, found if isinstance(found, dict) else {})

    @functools.cached_property
    def lab(self) -> Lab:
        """What it describes."""
        return Lab(self.name, self.name, self.scenario.guests, self.scenario.bridges)

    def own(self, *path: str) -> Mapping[str, Any]:
        """A mapping of the text; empty where there is none."""
        found: Any = self.data
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    # Objects, by name

    def check_guest(self, name: str) -> None:
        """:raises InvalidInput: where there is no such guest."""
        if name not in self.scenario.guests:
            raise InvalidInput(
                f"guest {name}", f"scenario {self.name} has no such guest", nearest(name, self.scenario.guests)
            )

    def check_segment(self, name: str) -> None:
        """:raises InvalidInput: where the text has no such segment."""
        known = self.own("bridges")
        if name not in known:
            raise InvalidInput(f"segment {name}", f"scenario {self.name} has no such segment", nearest(name, known))

    def iface(self, port: Port) -> Iface | None:
        """An interface, if there is one."""
        guest = self.scenario.guests.get(port[0])
        return None if guest is None else guest.interfaces.get(port[1])

    def known_iface(self, port: Port) -> Iface:
        """:raises InvalidInput: where there is no such interface."""
        self.check_guest(port[0])
        found = self.iface(port)
        if found is None:
            there = self.scenario.guests[port[0]].interfaces
            raise InvalidInput(f"interface {label(port)}", "there is no such interface", nearest(port[1], there))
        return found

    # Cables

    @functools.cached_property
    def links(self) -> tuple[Link, ...]:
        """All links, in the order of the text."""
        listed = self.data.get("links")
        return tuple(_link(index, each) for index, each in enumerate(listed if isinstance(listed, list) else ()))

    def link_at(self, port: Port) -> Link | None:
        """The link that an interface is an end of."""
        return next((link for link in self.links if port in (link.a.port, link.b.port)), None)

    def cable(self, identifier: str) -> tuple[Port, Port]:
        """The ends of a cable of a view, in the order of its name.

        :raises InvalidInput: where there is no such cable.
        """
        for one, other in self.pairs():
            if identifier in (f"{label(one)}--{label(other)}", f"{label(other)}--{label(one)}"):
                return (one, other) if identifier.startswith(f"{label(one)}--") else (other, one)
        known = [f"{label(one)}--{label(other)}" for one, other in self.pairs()]
        raise InvalidInput(f"cable {identifier}", f"scenario {self.name} has no such cable", nearest(identifier, known))

    def pairs(self) -> Iterator[tuple[Port, Port]]:
        """The ends of each cable."""
        yield from ((link.a.port, link.b.port) for link in self.links)
        for name in self.own("bridges"):
            # Also what says by hand all that makes a link of a segment is shown as a cable.
            bridge, ports = self.scenario.bridges[name], self.lab.ports(name)
            if len(ports) == 2 and bridge.group_fwd_mask == TRANSPARENT and not bridge.multicast_snooping:
                yield (ports[0].guest, ports[0].name), (ports[1].guest, ports[1].name)

    def listings(self, guest: str, interface: str | None = None) -> Iterator[tuple[str, int]]:
        """Where lists of bridges name an interface, or all of a guest: bridge and index, the last first."""
        for name, bridge in self.own("bridges").items():
            listed = (bridge or {}).get("interfaces") or []
            for index in reversed(range(len(listed))):
                port = end(str(listed[index]))
                if port[0] == guest and interface in (None, port[1]):
                    yield name, index


def _link(index: int, told: Any) -> Link:
    if isinstance(told, str):
        one, other = cable(told)
        return Link(index, End(one), End(other))
    return Link(index, _end(told["a"]), _end(told["b"]), told)


def _end(told: Any) -> End:
    if isinstance(told, str):
        return End(end(told))
    rest = {key: value for key, value in told.items() if key not in ("guest", "interface")}
    return End((str(told["guest"]), str(told["interface"])), rest)


# As what is seen of a lab


def seen_guest(guest: Guest) -> SeenGuest:
    """A guest of a scenario as it is seen while it is stopped."""
    return SeenGuest(
        guest.name,
        STOPPED,
        guest.kernel,
        guest.master,
        guest.mem,
        guest.scenario,
        labels=dict(guest.labels),
        interfaces=tuple(map(_seen_iface, guest.interfaces.values())),
        forwards=forwards(guest.sysctl),
    )


def seen_bridge(scenario: Scenario, bridge: Bridge) -> SeenBridge:
    """A segment of a scenario as it is seen."""
    is_link = bridge.group_fwd_mask == TRANSPARENT and not bridge.multicast_snooping
    return SeenBridge(bridge.name, bridge.addresses, bridge.mtu, bridge.stp, scenario.name, is_link=is_link)


def _seen_iface(iface: Iface) -> SeenIface:
    conditions = None if iface.conditions is None else _CONDITIONS.stored(iface.conditions)
    return SeenIface(iface.guest, iface.name, iface.bridge, iface.addresses, iface.mac, iface.mtu, iface.up, conditions)
