# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two states of a lab → the bodies of modules that lead back from one to the other.  Pure.

What guests wrote has no copy, so a guest that was removed comes back empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Lab, Power

_STATES = {
    Power.RUNNING: "started",
    Power.STARTING: "started",
    Power.PAUSED: "paused",
    Power.STOPPED: "stopped",
    Power.DIED: "stopped",
}


@dataclass(frozen=True)
class Snapshot:
    """A lab at a time.

    :ivar lab: as it is defined, and what its guests are doing.
    :ivar texts: of scenarios, by name.
    """

    lab: Lab
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A body of a module.

    :ivar kind: ``guest``, ``iface``, ``bridge`` or ``scenario``.
    """

    kind: str
    given: Mapping[str, Any]


def scenarios_back(before: Snapshot, now: Snapshot) -> Iterator[Call]:
    """First: what only a scenario can say of its guests is as it was."""
    lab = before.lab
    for name, text in before.texts.items():
        owned = _owned(lab, name)
        lost = owned - _owned(now.lab, name)
        if owned and (lost or now.texts.get(name) != text):
            yield Call("scenario", {"name": name, "content": text, "power": "keep", "prune": False})
    for name in now.texts.keys() - before.texts.keys():
        # What was there before was only taken over.
        there = {*(("guest", each) for each in lab.guests), *(("bridge", each) for each in lab.bridges)}
        if not there & _owned(now.lab, name):
            yield Call("scenario", {"name": name, "state": "absent"})


def _owned(lab: Lab, scenario: str) -> set[tuple[str, str]]:
    """Kinds and names of what belongs to a scenario."""
    guests = {("guest", each.name) for each in lab.guests.values() if each.scenario == scenario}
    return guests | {("bridge", each.name) for each in lab.bridges.values() if each.scenario == scenario}


def objects_back(before: Lab, now: Lab) -> Iterator[Call]:
    """Then: each guest, bridge and interface is as it was."""
    for name in now.guests.keys() - before.guests.keys():
        yield Call("guest", {"name": name, "state": "absent"})
    for name, bridge in before.bridges.items():
        given = _changed(settings.BRIDGE, bridge, now.bridges.get(name))
        if given or name not in now.bridges:
            yield Call("bridge", {"name": name, **given})
    for name, guest in before.guests.items():
        was = now.guests.get(name)
        given = _changed(settings.GUEST, guest, was)
        state = _STATES[guest.power]
        if given or was is None or _STATES[was.power] != state:
            yield Call("guest", {"name": name, "state": state, **given})
        yield from _ifaces(guest, was)
    for name in now.bridges.keys() - before.bridges.keys():
        yield Call("bridge", {"name": name, "state": "absent"})


def _ifaces(guest: Guest, now: Guest | None) -> Iterator[Call]:
    there = {} if now is None else now.interfaces
    for name in there.keys() - guest.interfaces.keys():
        yield Call("iface", {"guest": guest.name, "name": name, "state": "absent"})
    for name, iface in guest.interfaces.items():
        given = _changed(settings.IFACE, iface, there.get(name))
        if given or name not in there:
            yield Call("iface", {"guest": guest.name, "name": name, **given})


def _changed(rows: tuple[settings.Setting, ...], wanted: object, now: object | None) -> dict[str, Any]:
    """Options for all that is other now, as a user would give them."""
    return {
        row.name: _given(row, wanted)
        for row in rows
        if row.option and (now is None or row.of(wanted) != row.of(now)) and not _unsaid(row, wanted, now)
    }


def _unsaid(row: settings.Setting, wanted: object, now: object | None) -> bool:
    """Whether it is what something new has anyhow."""
    return now is None and row.of(wanted) is None


def _given(row: settings.Setting, owner: object) -> Any:
    value = row.of(owner)
    if value is None:
        # None of it: no bridge, no MAC address of its own, no addresses.
        return [] if row.kind.argument["type"] == "list" else row.kind.shown(value) or ""
    return row.kind.shown(value)
