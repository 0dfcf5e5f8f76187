# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps → the system.  Steps that do not need each other are done at the same time.

A step that fails stops what has not begun; what runs is finished.  Every step can be done again, so the next run does what is
left.  The error names the object, and what was done is reported with it.  ``network_steps``, ``guest_steps`` and ``layer_steps``
carry out the kinds of steps that the files of these names in ``plan`` define.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from ..host.wait import Deadline
from ..model.errors import DummError, from_oserror, together
from ..plan.guest_steps import GuestAction, Start
from ..plan.keys import Key
from ..plan.layer_steps import LayerAction
from ..plan.network_steps import NetworkAction
from ..plan.steps import Action, Plan, Step, grouped
from . import guest_steps, layer_steps, network_steps
from .context import Context
from .quiet import Quiet

_PROGRESS_SECONDS = 3.0


class Failed(Exception):
    """A plan that was not carried out to its end.

    :param done: in words.
    :param errors: of the steps that failed.
    """

    def __init__(self, done: list[str], errors: list[DummError]) -> None:
        super().__init__(str(together(errors)))
        self.done = done
        self.errors = errors


def apply(plan: Plan, context: Context) -> None:
    """Carry a plan out.

    :raises Failed: with what was done.
    """
    waiting = _Waiting(plan)
    done: dict[Key, Step] = {}
    errors: list[DummError] = []
    running: dict[Future[None], Step] = {}
    told = Deadline(_PROGRESS_SECONDS)
    context.spoken, context.said = plan.spoken, set()
    quiet = context.quiet = Quiet(plan, context.workdir, lambda: context.network)
    try:
        with ThreadPoolExecutor(max_workers=context.parallel) as pool:
            while running or (waiting.left and not errors):
                for step in [] if errors else waiting.take(quiet.allow):
                    running[pool.submit(_do, step, context)] = step
                for future in wait(running, timeout=_PROGRESS_SECONDS, return_when=FIRST_COMPLETED).done:
                    step = running.pop(future)
                    try:
                        future.result()
                        done[step.key] = step
                        waiting.done(step)
                        quiet.done(step)
                    except DummError as exc:
                        errors.append(exc)
                if told.over:
                    context.progress(_how_far(plan, done, running.values(), context))
                    told = Deadline(_PROGRESS_SECONDS)
            try:
                # Some may be up, although not all are.
                quiet.open()
            except DummError as exc:
                errors.append(exc)
    finally:
        context.close()
    if errors:
        said = grouped([sentence for step in done.values() for sentence in step.says])
        raise Failed(list(dict.fromkeys(said.values())), errors)


class _Waiting:
    """The steps of a plan that have not begun.

    :ivar left: how many they are.
    """

    def __init__(self, plan: Plan) -> None:
        self._steps = {step.key: step for step in plan.steps}
        self._order = TopologicalSorter({key: step.waits_for(self._steps) for key, step in self._steps.items()})
        self._order.prepare()
        self._held: list[Step] = []
        self.left = len(self._steps)

    def take(self, allow: Callable[[Step], bool]) -> list[Step]:
        """Those that may begin now; they do not wait any more."""
        taken: list[Step] = []
        held: list[Step] = []
        for step in (*self._held, *map(self._steps.__getitem__, self._order.get_ready())):
            (taken if allow(step) else held).append(step)
        self._held = held
        self.left -= len(taken)
        return taken

    def done(self, step: Step) -> None:
        """Take notice of a step that is done."""
        self._order.done(step.key)


def _how_far(plan: Plan, done: Mapping[Key, Step], running: Iterable[Step], context: Context) -> str:
    """One line: how much is done, how many guests are up, and what has taken the longest so far."""
    starts = [step.key for step in plan.steps if isinstance(step.action, Start)]
    up = f", {sum(key in done for key in starts)} of {len(starts)} guests up" if starts else ""
    now = time.monotonic()
    waits = sorted((context.begun[key], key) for step in running if (key := str(step.key)) in context.begun)
    slow = f"; {waits[0][1]} has taken {now - waits[0][0]:.0f} s so far" if waits else ""
    return f"{len(done)} of {len(plan.steps)} steps done{up}{slow}"


def _do(step: Step, context: Context) -> None:
    key = str(step.key)
    began = context.begun[key] = time.monotonic()
    for sentence in step.says:
        told = context.spoken.get(sentence, sentence)
        if told not in context.said:
            context.said.add(told)
            context.tell(told)
    try:
        carry_out(step.action, context)
    except OSError as exc:
        raise from_oserror(key, "do what is planned at", exc) from exc
    context.durations[key] = time.monotonic() - began


@functools.singledispatch
def carry_out(action: Action, context: Context) -> None:
    """Carry out one step."""
    raise NotImplementedError(action)


carry_out.register(NetworkAction, network_steps.carry_out)
carry_out.register(GuestAction, guest_steps.carry_out)
carry_out.register(LayerAction, layer_steps.carry_out)
