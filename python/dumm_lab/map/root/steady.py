# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An edit carried out in a text, such that nothing changes that it is not about.  Pure.

Automatic addresses follow positions: who comes before others in the file, or goes away, moves them.  The first that would move keeps its
address by having it written; if others still would, they have theirs written, too.  So has what is new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, listed
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Iface
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.notation import network_of
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import edit as texts
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.adopt import one
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import Edit as Change
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import Set

from .changes import Touched, changes, place, settled, touched
from .described import Described
from .edits import Edit, Port, label

_ROUNDS = 4


def edited(state: Described, edit: Edit) -> tuple[Described, Edit]:
    """A text with an edit.

    :return: also the edit, with what was left open in it.
    :raises InvalidInput: where it cannot be made, or would change something else as well; nothing is changed then.
    """
    edit = settled(state, edit)
    about = touched(state, edit)
    after = _changed(state, changes(state, edit))
    pinned: set[str | None] = set()
    for number in range(_ROUNDS):
        moved = _moved(state, after, about)
        if not moved:
            break
        pins = moved if number else _first_of_each(state, moved)
        pinned |= {state.known_iface(port).bridge for port in moved}
        after = _changed(after, list(_pins(state, after, pins)))
    if pinned:
        after = _changed(after, list(_new(state, after, about, pinned)))
    _check(state, after, about)
    return after, edit


def _changed(state: Described, wanted: list[Change]) -> Described:
    text = texts.edited(state.text, wanted, source=state.place)
    return Described.of(text, name=state.name, place=state.place)


def _moved(before: Described, after: Described, about: Touched) -> list[Port]:
    """Interfaces that would have other addresses."""
    return [
        port
        for port, iface in _ports(before)
        if not _is_touched(port, about) and (now := after.iface(port)) is not None and now.addresses != iface.addresses
    ]


def _ports(state: Described) -> Iterator[tuple[Port, Iface]]:
    yield from (((iface.guest, iface.name), iface) for iface in state.lab.ifaces())


def _is_touched(port: Port, about: Touched) -> bool:
    return port in about.ports or port[0] in about.guests


def _first_of_each(state: Described, ports: list[Port]) -> list[Port]:
    """The first of each segment, and of the links that take their prefixes from pools: those behind it may stay then by themselves."""
    found: dict[str | None, list[Port]] = {}
    for port in _in_order(state, ports):
        segment = state.known_iface(port).bridge
        kind = None if state.link_at(port) is not None else segment
        known = found.setdefault(kind, [])
        if not known or (kind is None and state.known_iface(known[0]).bridge == segment):
            known.append(port)
    return [port for each in found.values() for port in each]


def _in_order(state: Described, ports: list[Port]) -> list[Port]:
    """As they get their addresses: in the order of guests, and those of links in the order of links."""
    places = {end.port: link.index for link in state.links for end in link.ends}
    return sorted(ports, key=lambda port: places.get(port, -1))


def _pins(before: Described, after: Described, ports: list[Port]) -> Iterator[Change]:
    """What keeps addresses: the prefix of a link whose pool is not named, or else addresses."""
    linked: set[int] = set()
    for port in ports:
        addresses = before.known_iface(port).addresses or ()
        link = after.link_at(port)
        if link is not None and link.get("pool") is None and _is_automatic(after, port):
            if link.index not in linked:
                linked.add(link.index)
                prefixes = one([str(network_of(each)) for each in addresses])
                told = {"a": label(link.a.port), "b": label(link.b.port)} if link.settings is None else link.settings
                yield Set(("links", link.index), {**told, "prefix": prefixes})
        elif before.known_iface(port).addresses is None:
            continue
        else:
            yield Set(place(after, port, "address"), one(addresses))


def _is_automatic(state: Described, port: Port) -> bool:
    """Whether all addresses of an interface are given by its position."""
    iface = state.known_iface(port)
    return bool(iface.addresses) and set(iface.addresses or ()) == set(state.scenario.automatic.get(port, {}))


def _new(before: Described, after: Described, about: Touched, pinned: set[str | None]) -> Iterator[Change]:
    """What is new among those whose addresses are written has its own written, too."""
    for port in sorted(about.ports):
        iface, was = after.iface(port), before.iface(port)
        is_new = iface is not None and (was is None or was.bridge != iface.bridge)
        if iface is not None and is_new and iface.bridge in pinned and _is_automatic(after, port):
            yield Set(place(after, port, "address"), one(iface.addresses or ()))


def _check(before: Described, after: Described, about: Touched) -> None:
    """:raises InvalidInput: where something else would change."""
    others = [each for one, other in ((before, after), (after, before)) for each in _others(one, other, about)]
    if others:
        raise InvalidInput(
            f"scenario {before.name}",
            f"this would also change {listed(dict.fromkeys(others))}",
            "edit the text instead",
        )


def _others(before: Described, after: Described, about: Touched) -> Iterator[str]:
    for name, guest in before.scenario.guests.items():
        if name in about.guests:
            continue
        now = after.scenario.guests.get(name)
        if now is None or dataclasses.replace(now, interfaces={}) != dataclasses.replace(guest, interfaces={}):
            yield guest.label
            continue
        for iface in guest.interfaces.values():
            port = iface.guest, iface.name
            if port not in about.ports and now.interfaces.get(iface.name) != iface:
                yield f"interface {iface.label}"
    for name, bridge in before.scenario.bridges.items():
        ports = [(port.guest, port.name) for port in before.lab.ports(name)]
        free = name in about.segments or (
            name not in before.own("bridges") and any(_is_touched(p, about) for p in ports)
        )
        if not free and after.scenario.bridges.get(name) != bridge:
            yield f"segment {name}"
    for kind in ("files", "run", "restart_services"):
        told, now_told = getattr(before.scenario, kind), getattr(after.scenario, kind)
        yield from (f"guest {name}" for name in told if name not in about.guests and now_told.get(name) != told[name])
