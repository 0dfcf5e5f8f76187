# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan is made of: steps, each an action, what is said of it, and what comes before it.  Pure.

Kinds of actions are in ``network_steps``, ``guest_steps`` and ``layer_steps``; files of these names in ``run`` carry them out.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..model.errors import DummError
from .keys import Key, Kind

# As many objects as it takes to be told of together.
_MANY = 4
_ABOUT = re.compile(r"(?P<kind>guest|interface|bridge) \S+: (?P<what>.*)", re.DOTALL)


class Action:
    """Something to do, with what it takes; ``run`` has how each kind is carried out.

    :cvar kinds: what the step may be that it makes; others wait for it by that.
    :cvar changes: whether it changes anything, which waiting and our own record do not.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ()
    changes: ClassVar[bool] = True


@dataclass(frozen=True)
class Step:
    """One thing to do.

    :ivar key: unique in the plan.
    :ivar says: in words; a step that only serves another says nothing.
    :ivar needs: steps of the plan that come first.
    :ivar after: steps that come first where they are in the plan.
    """

    key: Key
    action: Action
    says: tuple[str, ...] = ()
    needs: tuple[Key, ...] = ()
    after: tuple[Key, ...] = ()

    def waits_for(self, planned: Collection[Key]) -> set[Key]:
        """Those of some steps that come before it."""
        return {key for key in (*self.needs, *self.after) if key in planned}


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :ivar restart_required: for each guest, what of it takes effect only at its next start.
    :ivar waiting: guests that are paused or do not answer, in which something is to change when they can be told.
    :ivar silent: guests that go on, and do not answer.
    :ivar first: what must be done before the rest can be planned: paused guests that are to go on and to change are resumed.
    """

    steps: tuple[Step, ...]
    restart_required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    first: tuple[Step, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is changed."""
        return any(step.action.changes for step in self.steps)

    @property
    def actions(self) -> list[str]:
        """All steps in words, in order, see :func:`grouped`."""
        return list(dict.fromkeys(self.spoken.values()))

    @property
    def spoken(self) -> Mapping[str, str]:
        """How each sentence is told."""
        return grouped([sentence for step in self.steps for sentence in step.says])


def grouped(sentences: Iterable[str]) -> dict[str, str]:
    """How each sentence is told: one for all that say the same of many objects, such as ``8 guests: load scenario vpn``."""
    about = {sentence: found for sentence in sentences if (found := _ABOUT.fullmatch(sentence))}
    counts = Counter(found.group("kind", "what") for found in about.values())

    def told(sentence: str) -> str:
        kind, what = about[sentence].group("kind", "what") if sentence in about else ("", "")
        count = counts[kind, what]
        return f"{count} {kind}s: {what}" if count >= _MANY else sentence

    return {sentence: told(sentence) for sentence in sentences}


def ordered(steps: list[Step]) -> tuple[Step, ...]:
    """The steps, each behind all that it needs, else in the order given.

    :raises DummError: for a circle, or a step that needs one that is not there, which would be our own fault.
    """
    places = {step.key: place for place, step in enumerate(steps)}
    for step in steps:
        if lost := [str(need) for need in step.needs if need not in places]:
            raise _own_fault(f"{step.key} needs steps that are not in the plan: {', '.join(lost)}")
    missing = [step.waits_for(places) for step in steps]
    waiting: dict[Key, list[int]] = {}
    for place, needs in enumerate(missing):
        for need in needs:
            waiting.setdefault(need, []).append(place)
    ready = [place for place, needs in enumerate(missing) if not needs]
    result: list[Step] = []
    while ready:
        step = steps[heapq.heappop(ready)]
        result.append(step)
        for place in waiting.get(step.key, ()):
            missing[place].discard(step.key)
            if not missing[place]:
                heapq.heappush(ready, place)
    if len(result) < len(steps):
        circle = ", ".join(str(step.key) for step, needs in zip(steps, missing, strict=True) if needs)
        raise _own_fault(f"these steps wait for each other: {circle}")
    return tuple(result)


def _own_fault(cause: str) -> DummError:
    return DummError("plan", cause, "report this as a fault of dumm.lab")
