# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab, as it is defined or found → the text of a scenario file that describes it, as a person would write it.  Pure.

The way back from ``loader``: what it reads from the text is the same lab.  What has its default is left out, what all guests have in
common is said once, a cable is a line, and a segment has a prefix where the addresses of its interfaces follow from that.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..model import addressing, settings
from ..model.addressing import Network
from ..model.lab import TRANSPARENT, Bridge, Command, Guest, Iface, Lab, derived_mac
from ..model.link_kinds import Sent
from ..model.notation import AUTO, ip_of, network_of
from . import cabling, writing
from .loader import File, Scenario
from .writing import Style

_Data = dict[str, Any]
_OF_ENDS = {row.name: row for row in settings.IFACE if row.name not in ("bridge", "address")}
_CABLE = Bridge("cable", group_fwd_mask=TRANSPARENT, multicast_snooping=False)


def adopt(lab: Lab, known: Scenario | None = None) -> str:
    """The text of a scenario that describes a whole lab.

    :param known: what the guests' scenario says that no lab shows: files, commands, services.
    :raises DummError: where the definition of something cannot be understood.
    """
    for damage in lab.damaged.values():
        raise damage
    told = _Adopter(lab, known).scenario()
    return "\n".join(_lines(told)) + "\n"


def matches(scenario: Scenario, lab: Lab, *, in_order: bool = True) -> bool:
    """Whether a scenario describes a lab, but for whose its objects are and what its guests are doing.

    :param in_order: whether the interfaces of a guest are to have their order as well.
    """
    return _plain(Lab("", "", scenario.guests, scenario.bridges), in_order) == _plain(lab, in_order)


def _plain(lab: Lab, in_order: bool) -> tuple[Any, ...]:
    """A lab without its name, in which derived addresses are those that nobody gave."""
    guests = {}
    for name, guest in lab.guests.items():
        interfaces = {iface.name: without_mac(lab, iface) for iface in guest.interfaces.values()}
        plain = dataclasses.replace(guest, scenario=None, loaded=None, power=Guest("").power, interfaces=interfaces)
        guests[name] = plain, list(interfaces) if in_order else None
    return guests, {name: dataclasses.replace(bridge, scenario=None) for name, bridge in lab.bridges.items()}


def guest_settings(guest: Guest) -> _Data:
    """A guest's own settings, but for its interfaces."""
    default = Guest("")
    return {row.name: row.kind.written(row.of(guest)) for row in settings.GUEST if row.of(guest) != row.of(default)}


def iface_settings(lab: Lab, iface: Iface) -> _Data:
    """An interface's own settings, but for its bridge."""
    default = Iface("", "")
    iface = without_mac(lab, iface)
    told: _Data = {} if iface.addresses is None else {"address": one(iface.addresses)}
    for row in _OF_ENDS.values():
        if row.of(iface) != row.of(default):
            value = row.kind.written(row.of(iface))
            told |= value if isinstance(row.kind, Sent) else {row.name: value}
    return told


def bridge_settings(bridge: Bridge) -> _Data:
    """A segment's own settings."""
    default = Bridge("")
    given = (row for row in settings.BRIDGE if row.in_file and row.of(bridge) != row.of(default))
    return {row.name: row.kind.written(row.of(bridge)) for row in given}


def is_link(lab: Lab, bridge: Bridge) -> bool:
    """Whether a segment can be written as a link."""
    plain = dataclasses.replace(bridge, name=_CABLE.name, scenario=None, span=None)
    return plain == _CABLE and len(lab.ports(bridge.name)) == 2


def without_mac(lab: Lab, iface: Iface) -> Iface:
    """An interface whose MAC address is not given, if that is the derived one."""
    return dataclasses.replace(iface, mac=None) if iface.mac == derived_mac(lab.name, iface.label) else iface


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Sections in lines of their own, and in them a line for what is short."""
    style = Style()
    for number, (key, value) in enumerate(told.items()):
        if number:
            yield ""
        block = bool(value) and (key != "defaults" or None)
        yield from writing.entry(key, value, 0, style, block=block)


class _Adopter:
    def __init__(self, lab: Lab, known: Scenario | None) -> None:
        self.lab = lab
        self.known = known or Scenario("")
        self.links = [name for name in lab.bridges if is_link(lab, lab.bridges[name])]
        self.linked: list[Iface] = []  # ends of links in the order of the text
        self.shared = self._common(
            [guest_settings(guest) for guest in lab.guests.values()] if len(lab.guests) > 1 else []
        )
        # What an interface says of itself: a segment's prefix or a link may say it, too.
        self.own = {iface.label: iface_settings(lab, iface) for iface in lab.ifaces()}

    def scenario(self) -> _Data:
        bridges = {
            name: self._bridge(bridge) or None for name, bridge in self.lab.bridges.items() if name not in self.links
        }
        links = list(self._links())
        guests = {name: self._guest(guest) or None for name, guest in self.lab.guests.items()}
        told: _Data = {"defaults": self.shared, "bridges": bridges, "guests": guests, "links": links}
        return {
            **({} if self.known.hosts else {"hosts": False}),
            **{key: value for key, value in told.items() if value or key == "guests"},
        }

    # Guests

    def _common(self, all_settings: Sequence[_Data]) -> _Data:
        """What all guests have alike."""
        first = all_settings[0] if all_settings else {}
        return {key: value for key, value in first.items() if all(each.get(key) == value for each in all_settings[1:])}

    def _guest(self, guest: Guest) -> _Data:
        own = {key: value for key, value in guest_settings(guest).items() if key not in self.shared}
        interfaces = self._interfaces(guest)
        told = {**own, **({"interfaces": interfaces} if interfaces else {})}
        files = self.known.files.get(guest.name, ())
        run = self.known.run.get(guest.name, ())
        services = self.known.restart_services.get(guest.name, ())
        if files:
            told["files"] = {each.path: _file(each) for each in files}
        if run:
            told["run"] = [_command(each) for each in run]
        if services:
            told["restart_services"] = list(services)
        places = {"lab_host": self.known.lab_hosts, "together": self.known.together}
        return {**told, **{key: found[guest.name] for key, found in places.items() if guest.name in found}}

    def _interfaces(self, guest: Guest) -> _Data:
        """Those that are described: all of them, unless those that only links mention come last by themselves."""
        told: _Data = {}
        for iface in guest.interfaces.values():
            plug = {} if iface.bridge is None or iface.bridge in self.links else {"bridge": iface.bridge}
            told[iface.name] = {**plug, **self.own[iface.label]}
        by_links = [end.name for end in self.linked if end.guest == guest.name]
        described = [name for name, value in told.items() if value or name not in by_links]
        rest = [name for name in by_links if name not in described]
        if [*described, *rest] == list(guest.interfaces):
            told = {name: told[name] for name in described}
        return {name: value or None for name, value in told.items()}

    # Segments

    def _bridge(self, bridge: Bridge) -> _Data:
        told = bridge_settings(bridge)
        if bridge.name in self.known.vnis:
            told["vni"] = self.known.vnis[bridge.name]
        prefixes = self._numbered(self.lab.ports(bridge.name), bridge.addresses or ())
        return {"prefix": one(prefixes), **told} if prefixes else told

    def _numbered(self, ports: Sequence[Iface], leg: Iterable[str]) -> list[str]:
        """The prefixes from which most addresses of a segment follow, if there are any; the addresses are taken from who has them."""
        if not ports or any(port.addresses is None for port in ports):
            return []
        both = list(_prefixes(ports))
        ways = [(prefixes, _with_prefixes(prefixes, ports, leg)) for prefixes in (both, both[:1], both[1:]) if prefixes]
        prefixes, told = max(ways, key=lambda way: way[1].count(None), default=([], []))
        if told.count(None) * 2 <= len(ports):
            return []
        for port, address in zip(ports, told, strict=True):
            own = self.own[port.label]
            own.pop("address", None)
            if address is not None:
                self.own[port.label] = {"address": address, **own}
        return [str(each) for each in prefixes]

    # Links

    def _links(self) -> Iterator[str | _Data]:
        taken = {name for name in self.lab.bridges if name not in self.links}
        for name in self.links:
            ends = self.lab.ports(name)
            told: _Data = {}
            if name != cabling.derived_name([end.label for end in ends], taken):
                told["name"] = name
            taken.add(name)
            ends, prefixes = self._numbered_link(ends)
            if prefixes:
                told["prefix"] = one(prefixes)
            told |= self._of_both(ends)
            self.linked += ends
            a, b = [end.label for end in ends]
            yield {"a": a, "b": b, **told} if told else f"{a} -- {b}"

    def _numbered_link(self, ends: list[Iface]) -> tuple[list[Iface], list[str]]:
        """The end that has the first address comes first."""
        for order in (ends, ends[::-1]):
            told = _with_prefixes(list(_prefixes(order)), order, ())
            if all(end.addresses for end in ends) and told == [None, None]:
                return order, self._numbered(order, ())
        return ends, []

    def _of_both(self, ends: Sequence[Iface]) -> _Data:
        """What is alike at both ends is said of the link."""
        first, second = (self.own[end.label] for end in ends)
        told: _Data = {key: first[key] for key in first if key in settings.LINK and first[key] == second.get(key)}
        if first.get("up") is False and second.get("up") is False:
            told["state"] = "down"
        for own in (first, second):
            for key in told:
                own.pop("up" if key == "state" else key, None)
        return told


def _prefixes(ports: Iterable[Iface]) -> Iterator[Network]:
    """The prefix of each IP version that most addresses of a segment are in."""
    for version in (4, 6):
        found = Counter(
            network
            for port in ports
            for network in {network_of(each) for each in port.addresses or ()}
            if network.version == version and not network.is_link_local and network.num_addresses > 1
        )
        if found:
            yield found.most_common(1)[0][0]


def _with_prefixes(prefixes: Sequence[Network], ports: Sequence[Iface], leg: Iterable[str]) -> list[Any]:
    """What each interface must say of its addresses in a segment with prefixes; ``None`` for nothing at all."""
    legs = [ip_of(address) for address in leg]
    told: list[Any] = [None for _port in ports]
    while True:
        wants = [each is None or AUTO in _listed(each) for each in told]
        taken = [*legs, *(ip_of(each) for own in told for each in _listed(own or []) if each != AUTO)]
        automatic = [
            tuple(found for found in each if found is not None)
            for each in zip(*(addressing.hosts(prefix, wants, taken) for prefix in prefixes), strict=True)
        ] or [()] * len(ports)
        after = [
            each if each is not None and AUTO not in _listed(each) else _said(port.addresses or (), auto)
            for port, auto, each in zip(ports, automatic, told, strict=True)
        ]
        if after == told:
            return told
        told = after


def _said(addresses: tuple[str, ...], automatic: tuple[str, ...]) -> Any:
    """What an interface says of addresses of which some come by themselves."""
    if addresses == automatic and addresses:
        return None
    size = len(automatic)
    for start in range(len(addresses) - size + 1 if size else 0):
        if addresses[start : start + size] == automatic:
            return [*addresses[:start], AUTO, *addresses[start + size :]]
    return one(addresses)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def one(values: Sequence[Any]) -> Any:
    """One thing without brackets."""
    return values[0] if len(values) == 1 else list(values)


def _file(file: File) -> Any:
    named = {key: getattr(file, key) for key in ("content", "template", "owner", "group")}
    told = {key: value for key, value in named.items() if value is not None}
    if file.mode != File("").mode:
        told["mode"] = f"{file.mode:04o}"
    return file.content if list(told) == ["content"] else told


def _command(command: Command) -> Any:
    told = {key: value for key, value in dataclasses.asdict(command).items() if value is not None}
    return command.command if list(told) == ["command"] else told
