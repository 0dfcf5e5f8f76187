# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest is set to beside its links: routes, kernel settings, and the conditions of what it sends.  Pure.

Like ``network``, this makes lines: ``route …`` for ``ip -batch``, ``qdisc …`` for ``tc -batch``, ``sysctl key value`` for the kernel.
Only routes of protocol ``static`` are ours; what a routing daemon, a DHCP client or the kernel has made is left alone (ip-route(8)).
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Conditions, Guest, Iface, Route

_NONE = Conditions()
_SHARES = ("loss", "duplicate", "corrupt", "reorder")
# How exactly conditions can be found again: six digits, 64 ns of which tc(8) tells whole microseconds (in ms), and the 32 bits of
# a share (in percent).
_DIGITS, _TICK, _SHARE = 6e-6, 0.0015, 100 / 2**32
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
    """Line that lets a guest's interface send under conditions (tc-netem(8)); none at all takes the queue away.

    All of them are named: a netem keeps what is not given (netem_change, net/sched/sch_netem.c), and with it the packets that
    are under way, which go with a queue that is taken away.
    """
    if conditions == _NONE:
        return f"qdisc del dev {name} root"
    # tc(8) shows no jitter without a delay, and takes reorder only with one.
    delay = _microseconds(conditions.delay) or int(bool(conditions.jitter or conditions.reorder))
    words = [f"qdisc replace dev {name} root netem limit {_QUEUE}"]
    words.append(f"delay {delay}us {_microseconds(conditions.jitter)}us")
    words += [f"{share} {getattr(conditions, share):g}%" for share in _SHARES]
    words.append(f"rate {conditions.rate}bit")
    return " ".join(words)


def _microseconds(milliseconds: float) -> int:
    return round(milliseconds * 1000)


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
    # tc(8) tells six digits.
    return float(f"{float(value):.6g}")


def same_conditions(wanted: Conditions, found: Conditions | None) -> bool:
    """Whether a guest's interface sends under these conditions, as exactly as the kernel keeps them and tc(8) tells them.

    :param found: ``None`` where it has no such queue.
    """
    if found is None or wanted == _NONE:
        return found is None and wanted == _NONE
    times = all(_is_close(getattr(wanted, key), getattr(found, key), _TICK) for key in ("delay", "jitter"))
    shares = all(_is_close(getattr(wanted, key), getattr(found, key), _SHARE) for key in _SHARES)
    # Kept in bytes a second.
    return times and shares and wanted.rate // 8 == found.rate // 8


def _is_close(wanted: float, found: float, unit: float) -> bool:
    return math.isclose(wanted, found, rel_tol=_DIGITS, abs_tol=unit)


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
