# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages do to guests at once, without a draft: power, saved states, and layers of scenarios.  Each can be planned first.

Many guests are one run, so that they start and stop at the same time, under one lock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import PAUSED, RUNNING, SeenGuest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, listed
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import desired
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Wish
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_change, run_scenario

from . import plans
from .drafts import Drafts
from .room import Room

_STATES = {"start": "started", "stop": "stopped", "restart": "restarted", "pause": "paused", "resume": "started"}
# What a guest must be doing, for states that would otherwise mean something else.
_ONLY = {"pause": (RUNNING, PAUSED), "resume": (PAUSED, RUNNING)}
_SECONDS = 60


class Power:
    """Guests of a room."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def bring(self, guests: Sequence[SeenGuest], state: str, *, plan: bool) -> plans.Told:
        """Start, stop, restart, pause or resume guests.

        :raises DummError: where it cannot be done, or not for all of them.
        """
        if state not in _STATES:
            raise InvalidInput("request guest.power", f"{state!r} is no state", f"choose one of {', '.join(_STATES)}")
        wrong = [each for each in guests if state in _ONLY and each.state not in _ONLY[state]]
        if wrong:
            wanted = "paused" if state == "resume" else "running"
            names = listed(each.name for each in wrong)
            raise InvalidInput(
                f"guest {names}", f"it is {wrong[0].state}, not {wanted}", f"leave it out to {state} others"
            )
        given = [{"name": each.name, "state": _STATES[state]} for each in guests]
        return self._guests(f"{state} {_named(guests)}", given, plan=plan)

    def save(self, guests: Sequence[SeenGuest], what: str, name: str | None, *, plan: bool) -> plans.Told:
        """Make, restore or remove a saved state of guests, or throw away what they wrote; a guest that runs is restarted for that.

        :param what: ``save``, ``restore``, ``remove_save`` or ``reset``, as ``dumm_guest`` has it.
        """
        value: Any = True if what == "reset" else name
        if not value:
            raise InvalidInput("request save", "no name is given", "name the saved state")
        if what == "restore":
            lacking = [each for each in guests if name not in each.saves]
            if lacking:
                known = listed(lacking[0].saves) or "none"
                raise InvalidInput(
                    f"guest {lacking[0].name}", f"it has no saved state {name}", f"choose one that it has ({known})"
                )
        given = [
            {
                "name": each.name,
                what: value,
                "state": "restarted" if each.alive and what != "remove_save" else "present",
            }
            for each in guests
        ]
        says = {"save": f"save {_named(guests)} as {name}", "restore": f"bring {_named(guests)} back to {name}"}
        told = says.get(
            what, f"{'remove saved state ' + str(name) + ' of' if what == 'remove_save' else 'reset'} {_named(guests)}"
        )
        return self._guests(told, given, plan=plan)

    def layer(self, scenario: str, guests: Sequence[SeenGuest], state: str, *, plan: bool) -> plans.Told:
        """Lay a scenario's layers over guests, or take them away.

        :param guests: none for all that it is about.
        :param state: ``loaded`` or ``unloaded``.
        """
        drafts = self._room.of(Drafts)
        given: dict[str, Any] = {"name": scenario, "state": state, "only": [each.name for each in guests] or None}
        if state == "loaded":
            text = drafts.sources.text(scenario)
            if text is None:
                raise InvalidInput(f"scenario {scenario}", "its file is not stored here", "save it first")
            given |= {"content": text, "src": str(drafts.sources.place(scenario))}
        params = options.completed(options.SCENARIO, workdir=self._room.workdir, **given)
        says = f"{'load' if state == 'loaded' else 'unload'} scenario {scenario}"
        return self._done(says, run_scenario, params, plan=plan)

    def _guests(self, says: str, given: Iterable[Mapping[str, Any]], *, plan: bool) -> plans.Told:
        wanted = [options.completed(options.GUEST, workdir=self._room.workdir, **each) for each in given]
        if not wanted:
            raise InvalidInput("request", "no guest is named", "select some")

        def body(params: Mapping[str, Any], **more: Any) -> Report:
            return run_change(params, lambda lab: together(lab, wanted), **more)

        params = {"workdir": self._room.workdir, "name": says, "lock_timeout": 0, "wait_timeout": _SECONDS}
        return self._done(says, body, params, plan=plan)

    def _done(self, says: str, body: Callable[..., Report], params: Mapping[str, Any], *, plan: bool) -> plans.Told:
        names = self._room.lab.guests
        if plan:
            return plans.plan(body, params, names)
        drafts = self._room.of(Drafts)
        with drafts.alone(says):
            return drafts.carried_out(says, body, params, names)


def together(lab: Lab, wanted: Sequence[Mapping[str, Any]]) -> Wish:
    """What several runs of ``dumm_guest`` ask for, as one.

    :param wanted: their arguments, complete; at least one.
    :raises DummError: as they do.
    """
    wishes: list[Wish] = []
    for params in wanted:
        wishes.append(desired.guest(params, wishes[-1].lab if wishes else lab))
    last = wishes[-1]
    return dataclasses.replace(
        last,
        scope=desired.Scope(frozenset().union(*(each.scope.guests for each in wishes))),
        restart=frozenset().union(*(each.restart for each in wishes)),
        renew=frozenset().union(*(each.renew for each in wishes)),
        save_points={name: point for each in wishes for name, point in each.save_points.items()},
        warnings=tuple(dict.fromkeys(told for each in wishes for told in each.warnings)),
    )


def _named(guests: Sequence[SeenGuest]) -> str:
    return f"guest {guests[0].name}" if len(guests) == 1 else f"{len(guests)} guests"
