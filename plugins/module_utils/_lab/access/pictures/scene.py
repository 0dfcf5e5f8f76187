# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a picture of a lab shows: guests, segments, and the lines between them with what stands at their ends.  Pure.

A segment that only joins two interfaces is a line, as a cable is, and no node.  At an end stand the interface and the host's part of its
addresses, the prefix stands in the middle.  The writers of formats and the layout know nothing of a lab beyond this.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ...model import conditions
from ...model.addressing import Network, interface
from ...model.lab import Bridge, Guest, Iface, Lab, Power
from ...model.roles import forwards, is_link

_MOST_ADDRESSES = 2  # at an end of a line; the rest is in its title


class Kind(enum.Enum):
    """What a node is."""

    HOST = "host"
    ROUTER = "router"
    SEGMENT = "segment"


@dataclass(frozen=True)
class Node:
    """A guest or a segment.

    :ivar key: unique, and the same as long as the object exists: ``guest moon``.
    :ivar note: what stands beside the name, such as the prefix of a segment.
    :ivar title: all there is to tell, in lines.
    :ivar state: what a guest is doing; ``None`` for a segment, and where that is not known.
    """

    key: str
    kind: Kind
    name: str
    note: str = ""
    title: str = ""
    state: Power | None = None


@dataclass(frozen=True)
class End:
    """An end of a line.

    :ivar node: key of the node.
    :ivar text: what stands there; empty at a segment.
    """

    node: str
    text: str = ""


@dataclass(frozen=True)
class Line:
    """What joins two nodes.

    :ivar key: unique.
    :ivar prefix: of a segment that is a line, behind its name if somebody has given it one.
    :ivar conditions: in words.
    :ivar title: all there is to tell, in lines.
    :ivar down: whether an end is down.
    """

    key: str
    a: End
    b: End
    prefix: str = ""
    conditions: str = ""
    title: str = ""
    down: bool = False


@dataclass(frozen=True)
class Scene:
    """All that a picture shows, in the order of the lab."""

    name: str
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]


def scene(lab: Lab, name: str, *, states: bool) -> Scene:
    """What a picture of a lab shows.

    :param name: of the picture.
    :param states: whether it is known what the guests are doing.
    """
    lines = [bridge for bridge in lab.bridges.values() if _is_line(lab, bridge)]
    segments = [bridge for bridge in lab.bridges.values() if bridge not in lines]
    nodes = [_guest(lab, guest, states=states) for guest in lab.guests.values()]
    nodes += [_segment(lab, bridge) for bridge in segments]
    drawn = [_port(lab, bridge, port) for bridge in segments for port in lab.ports(bridge.name)]
    drawn += [_line(lab, bridge) for bridge in lines]
    order = {node.key: number for number, node in enumerate(nodes)}
    drawn.sort(key=lambda line: (order[line.a.node], order[line.b.node], line.key))
    return Scene(name, tuple(nodes), tuple(drawn))


def _is_line(lab: Lab, bridge: Bridge) -> bool:
    """Whether a segment only joins two guests; one in which the host has an address is more."""
    ports = lab.ports(bridge.name)
    return len(ports) == 2 and not bridge.addresses and ports[0].guest != ports[1].guest


def _is_cable(bridge: Bridge) -> bool:
    """Whether it is a link of a scenario, whose name says no more than its ends do."""
    return is_link(bridge.group_fwd_mask, multicast_snooping=bridge.multicast_snooping)


def _guest(lab: Lab, guest: Guest, *, states: bool) -> Node:
    told = [f"guest {guest.name}"]
    told += [f"{key}: {value}" for key, value in guest.labels.items()]
    told += [
        " ".join((iface.name, *(iface.addresses or ()), *([] if iface.bridge else ["unplugged"]), *_is_down(iface)))
        for iface in guest.interfaces.values()
    ]
    state = guest.power if states else None
    return Node(
        guest.label,
        Kind.ROUTER if forwards(guest.sysctl) else Kind.HOST,
        guest.name,
        title="\n".join(told),
        state=state,
    )


def _is_down(iface: Iface) -> list[str]:
    return [] if iface.up else ["down"]


def _segment(lab: Lab, bridge: Bridge) -> Node:
    prefixes = _prefixes(lab.ports(bridge.name), bridge)
    told = [f"segment {bridge.name}", *map(str, prefixes)]
    told += [f"host {address}" for address in bridge.addresses or ()]
    return Node(bridge.label, Kind.SEGMENT, bridge.name, " ".join(map(str, prefixes)), "\n".join(told))


def _port(lab: Lab, bridge: Bridge, port: Iface) -> Line:
    prefixes = _prefixes(lab.ports(bridge.name), bridge)
    return Line(
        port.label,
        End(f"guest {port.guest}", _end(port, prefixes)),
        End(bridge.label),
        conditions=_conditions([port]),
        title="\n".join([f"{port.label} in {bridge.name}", *(port.addresses or ())]),
        down=not port.up,
    )


def _line(lab: Lab, bridge: Bridge) -> Line:
    a, b = ports = lab.ports(bridge.name)
    prefixes = _prefixes(ports, bridge)
    return Line(
        bridge.name,
        End(f"guest {a.guest}", _end(a, prefixes)),
        End(f"guest {b.guest}", _end(b, prefixes)),
        prefix=" ".join([*([] if _is_cable(bridge) else [bridge.name]), *map(str, prefixes)]),
        conditions=_conditions(ports),
        title="\n".join(" ".join((port.label, *(port.addresses or ()))) for port in ports),
        down=not (a.up and b.up),
    )


def _prefixes(ports: Iterable[Iface], bridge: Bridge) -> list[Network]:
    """The prefix of each IP version that most of the segment's addresses are in."""
    given = [interface(address) for port in ports for address in port.addresses or ()]
    given += [interface(address) for address in bridge.addresses or ()]
    found = []
    for version in (4, 6):
        counted = Counter(each.network for each in given if each.version == version and each.network.num_addresses > 1)
        found += [network for network, _number in counted.most_common(1)]
    return found


def _end(port: Iface, prefixes: Sequence[Network]) -> str:
    told = [_host_part(address, prefixes) for address in port.addresses or ()]
    more = ["…"] if len(told) > _MOST_ADDRESSES else []
    return " ".join((port.name, *told[:_MOST_ADDRESSES], *more))


def _host_part(text: str, prefixes: Sequence[Network]) -> str:
    """``.1`` of 10.0.0.1/24 in a segment of this prefix; the whole of any other."""
    address = interface(text)
    if address.network not in prefixes:
        return text
    if isinstance(address.ip, IPv4Address):
        octets = str(address.ip).split(".")
        return "." + ".".join(octets[min(address.network.prefixlen // 8, 3) :])
    host = int(address.ip) & int(address.network.hostmask)
    return "::" + str(IPv6Address(host)).lstrip(":")


def _conditions(ports: Sequence[Iface]) -> str:
    """Conditions of a line: of both directions where they are the same, otherwise with whose they are."""
    told = [", ".join(_words(port)) for port in ports]
    if len(set(told)) == 1:
        return told[0]
    return "; ".join(f"{port.guest} {each}" for port, each in zip(ports, told, strict=True) if each)


def _words(port: Iface) -> Iterator[str]:
    if port.conditions is not None:
        for name, value in conditions.written(port.conditions).items():
            yield f"{name} {value}"
