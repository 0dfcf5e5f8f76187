# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest is set to beside its links: routes, kernel settings, and the conditions of what it sends.  Pure.

Like ``network``, this makes lines: ``route …`` for ``ip -batch``, ``qdisc …`` for ``tc -batch``, ``sysctl key value`` for the kernel.
Only routes of protocol ``static`` are ours; what a routing daemon, a DHCP client or the kernel has made is left alone (ip-route(8)).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Conditions, Guest, Iface, Route

_NONE = Conditions()
# Packets that may be under way in a delayed link; the kernel's own 1000 would drop at 100 Mbit/s and 150 ms.
_QUEUE = 10000


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


def sysctl_path(key: str) -> str:
    """File of a kernel setting; in a name with slashes a dot is a dot (sysctl(8))."""
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))


def set_conditions(name: str, conditions: Conditions) -> str:
    """Line that lets a guest's interface send under conditions (tc-netem(8)); none at all takes the queue away."""
    if conditions == _NONE:
        return f"qdisc del dev {name} root"
    words = [f"qdisc replace dev {name} root netem limit {_QUEUE}"]
    if conditions.delay or conditions.jitter:
        words.append(f"delay {_milliseconds(conditions.delay)} {_milliseconds(conditions.jitter)}")
    for share in ("loss", "duplicate", "corrupt", "reorder"):
        value = getattr(conditions, share)
        if value:
            words.append(f"{share} {value:g}%")
    if conditions.rate:
        words.append(f"rate {conditions.rate}bit")
    return " ".join(words)


def _milliseconds(value: float) -> str:
    return f"{round(value * 1000)}us"


def conditions_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, Conditions]:
    """Conditions by interface, of what ``tc -j qdisc`` tells."""
    return {
        str(entry["dev"]): _conditions(entry.get("options", {}))
        for entry in entries
        if entry.get("kind") == "netem" and entry.get("root")
    }


def _conditions(options: Mapping[str, Any]) -> Conditions:
    delay = options.get("delay") or {}
    return Conditions(
        delay=_number(delay.get("delay", 0) * 1000),
        jitter=_number(delay.get("jitter", 0) * 1000),
        loss=_share(options, "loss-random", "loss"),
        duplicate=_share(options, "duplicate", "duplicate"),
        corrupt=_share(options, "corrupt", "corrupt"),
        reorder=_share(options, "reorder", "reorder"),
        # Told in bytes a second.
        rate=int((options.get("rate") or {}).get("rate", 0)) * 8,
    )


def _share(options: Mapping[str, Any], key: str, inner: str) -> float:
    return _number((options.get(key) or {}).get(inner, 0) * 100)


def _number(value: float) -> float:
    # The kernel keeps shares as 32-bit fractions and times in ticks.
    return round(float(value), 3)


def same_conditions(wanted: Conditions, found: Conditions | None) -> bool:
    """Whether a guest's interface sends under these conditions, as exactly as the kernel can tell."""
    other = found or _NONE
    numbers = ("delay", "jitter", "loss", "duplicate", "corrupt", "reorder")
    close = all(abs(getattr(wanted, key) - getattr(other, key)) <= 0.002 for key in numbers)
    return close and abs(wanted.rate - other.rate) < 8


def all_lines(guest: Guest) -> list[str]:
    """Lines for a guest that was just started, after its links have appeared."""
    lines = [set_sysctl(key, value) for key, value in guest.sysctl]
    lines += [add_route(route) for route in usable_routes(guest)]
    lines += [
        set_conditions(iface.name, iface.conditions)
        for iface in guest.interfaces.values()
        if iface.conditions is not None and iface.conditions != _NONE
    ]
    return lines
