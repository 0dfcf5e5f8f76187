# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest is set to beside its links: routes and kernel settings (``conditions`` has those of what it sends).  Pure.

Like ``network``, this makes lines: ``route …`` for ``ip -batch``, ``sysctl key value`` for the kernel.
Only routes of protocol ``static`` are ours; what a routing daemon, a DHCP client or the kernel has made is left alone (ip-route(8)).
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model import conditions
from ..model.lab import Guest, Iface, Route, sysctl_path

_GENERAL = ("all", "default", "")
_PER_INTERFACE = re.compile(r"/proc/sys/net/([^/]+)/(?:conf|neigh)/([^/]+)/([^/]+)")
_FORWARD, _FORWARD_ALL = "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/forwarding"
# In IPv6 each other guest takes two entries of a neighbour table: its address, and the link-local one from which it asks whether this guest
# is still there.  An entry that is in use makes no room for another (neigh_forced_gc, net/core/neighbour.c), so 1024 of them, as the kernel
# has it, are full with 512 others; it looks for room from 512 entries on.
_MANY_PEERS = 250
_NEIGHBOURS = (("gc_thresh2", "4096"), ("gc_thresh3", "8192"))
_CONGESTION = (
    "/proc/sys/net/ipv4/tcp_congestion_control",
    "/proc/sys/net/ipv4/tcp_allowed_congestion_control",
)


def routes_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Route, ...]:
    """The static routes among what ``ip -j route`` tells."""
    return tuple(
        Route(
            to=_prefix(str(entry["dst"])),
            via=entry.get("gateway"),
            dev=entry.get("dev"),
            metric=entry.get("metric"),
        )
        for entry in entries
        if entry.get("protocol") == "static"
    )


def _prefix(text: str) -> str:
    # A route to a single host is told without its length.
    return text if text == "default" else str(ipaddress.ip_network(text, strict=False))


def _is(wanted: Route, found: Route) -> bool:
    """Whether a route that was found is the one wanted; what is not said about that does not matter."""
    same = wanted.to == found.to and wanted.via == found.via
    if found.to == "default" and wanted.via and found.via:
        same = same and (":" in wanted.via) == (":" in found.via)
    return same and wanted.dev in (None, found.dev) and wanted.metric in (None, found.metric)


def usable_routes(guest: Guest) -> tuple[Route, ...]:
    """The routes that a guest can have: the kernel takes none through an interface that is to be down."""
    return tuple(route for route in guest.routes or () if all(iface.up for iface in _ways(route, guest)))


def _ways(route: Route, guest: Guest) -> list[Iface]:
    """The interface that a route leads through, as far as that can be told."""
    if route.dev is not None:
        return [iface for name, iface in guest.interfaces.items() if name == route.dev]
    if route.via is None:
        return []
    hop = ipaddress.ip_address(route.via)
    near = [
        iface
        for iface in guest.interfaces.values()
        if any(hop in ipaddress.ip_interface(address).network for address in iface.addresses or ())
    ]
    return [iface for iface in near if iface.up] or near


def missing_routes(wanted: Iterable[Route], found: Iterable[Route]) -> list[Route]:
    """Routes that are to be made."""
    there = list(found)
    return [route for route in wanted if not any(_is(route, other) for other in there)]


def surplus_routes(wanted: Iterable[Route], found: Iterable[Route]) -> list[Route]:
    """Routes that are to go."""
    stay = list(wanted)
    return [route for route in found if not any(_is(other, route) for other in stay)]


def add_route(route: Route) -> str:
    """Line that makes a route."""
    return f"route replace {_route_words(route)} proto static"


def drop_route(route: Route) -> str:
    """Line that removes a route."""
    return f"route del {_route_words(route)} proto static"


def _route_words(route: Route) -> str:
    words = route.to if route.to != "default" or ":" not in (route.via or "") else "::/0"
    words += f" via {route.via}" if route.via else ""
    words += f" dev {route.dev}" if route.dev else ""
    return words + (f" metric {route.metric}" if route.metric is not None else "")


def set_sysctl(key: str, value: str) -> str:
    """Line that sets a kernel setting."""
    return f"sysctl {key} {value}"


class When(enum.Enum):
    """When a setting is written: before its interface is there, when that has its name but no address yet, or at the end."""

    GENERAL = enum.auto()
    OF_AN_INTERFACE = enum.auto()
    LAST = enum.auto()


@dataclass(frozen=True)
class _OfInterfaces:
    """A setting that each interface has, as a part of its path.

    :ivar family: ``ipv4``, ``ipv6`` or another.
    :ivar whose: ``all``, ``default`` or an interface.
    """

    family: str
    whose: str
    what: str


def _of_interfaces(key: str) -> _OfInterfaces | None:
    found = _PER_INTERFACE.fullmatch(sysctl_path(key))
    return None if found is None else _OfInterfaces(*found.groups())


def interface_of(key: str) -> str | None:
    """The interface that a setting is of."""
    found = _of_interfaces(key)
    return None if found is None or found.whose in _GENERAL else found.whose


def when(key: str) -> When:
    """When a setting is written."""
    if interface_of(key) is not None:
        return When.OF_AN_INTERFACE
    return When.GENERAL if _of_interfaces(key) is not None or sysctl_path(key) == _FORWARD else When.LAST


def rank(key: str) -> int:
    """Among those of one time, the order in which settings are written, so that none undoes another: :func:`_resets`."""
    if sysctl_path(key) in (_FORWARD, _FORWARD_ALL):
        return 0
    found = _of_interfaces(key)
    if found is None:
        return int(sysctl_path(key) == _CONGESTION[1])
    return 1 + 2 * _GENERAL.index(found.whose if found.whose in _GENERAL else "") + int(found.what != "stable_secret")


def _resets(one: str, other: str) -> bool:
    """Whether to write a setting may change another one (net/ipv4/devinet.c, net/ipv6/addrconf.c, net/core/neighbour.c).

    What holds for all interfaces is passed on to each in IPv6, and that for interfaces to come to those that are there already in
    IPv4, as long as nobody has set theirs.
    """
    first, second = sysctl_path(one), sysctl_path(other)
    if (first, second) == _CONGESTION:
        return True
    a, b = _of_interfaces(one), _of_interfaces(other)
    if first in (_FORWARD, _FORWARD_ALL):
        forwards = b is not None and (b.what == "forwarding" or (b.whose, b.what) == ("all", "accept_redirects"))
        return b is not None and b.family == "ipv4" and forwards
    if a is None or b is None or a.family != b.family:
        return False
    passed_on = a.whose in _GENERAL[:2] and a.whose != b.whose and a.what == b.what
    return passed_on or (a.what == "stable_secret" and b.what == "addr_gen_mode")


def due_sysctl(
    wanted: Iterable[tuple[str, str]], found: Mapping[str, str], fresh: Collection[str] = ()
) -> list[tuple[str, str]]:
    """The settings that are to be written: those that are not as wanted, and those that writing these may reset.

    :param found: values by file.
    :param fresh: interfaces that are made, or get IPv6, which then have nothing that they had before.
    """
    ordered = sorted(wanted, key=lambda setting: (when(setting[0]).value, rank(setting[0])))
    due: list[tuple[str, str]] = []
    for key, value in ordered:
        differs = not same_value(value, found.get(sysctl_path(key)))
        if differs or interface_of(key) in fresh or any(_resets(other, key) for other, _value in due):
            due.append((key, value))
    return due


def same_value(wanted: str, found: str | None) -> bool:
    """Whether a setting is as wanted; numbers have several spellings."""
    return found is not None and [_plain(word) for word in wanted.split()] == [_plain(word) for word in found.split()]


def _plain(word: str) -> str:
    try:
        return str(int(word, 0))
    except ValueError:
        return word


def takes_ipv6(due: Iterable[tuple[str, str]]) -> set[str]:
    """The interfaces whose IPv6 addresses go because of what is to be written: their names, or ``all``."""
    named = [_of_interfaces(key) for key, _value in due]
    return {each.whose for each in named if each is not None and (each.family, each.what) == ("ipv6", "disable_ipv6")}


def for_peers(guest: Guest, peers: int) -> list[str]:
    """Lines that give a guest's neighbour tables room for so many others in its segments; what it is set to by its definition stays."""
    if peers < _MANY_PEERS:
        return []
    own = {sysctl_path(key) for key, _value in guest.sysctl}
    speaks_ipv6 = any(":" in address for iface in guest.interfaces.values() for address in iface.addresses or ())
    keys = [
        (f"net/{family}/neigh/default/{key}", value)
        for family in ("ipv4", *(["ipv6"] if speaks_ipv6 else []))
        for key, value in _NEIGHBOURS
    ]
    return [set_sysctl(key, value) for key, value in keys if sysctl_path(key) not in own]


def all_lines(guest: Guest) -> list[str]:
    """Lines for a guest that was just started, after its links have appeared."""
    lines = [set_sysctl(key, value) for key, value in guest.sysctl]
    lines += [add_route(route) for route in usable_routes(guest)]
    lines += [
        conditions.line(iface.name, iface.conditions)
        for iface in guest.interfaces.values()
        if iface.conditions is not None and iface.conditions != conditions.NONE
    ]
    return lines
