# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps → the system.  Steps that do not need each other are done at the same time.

A step that fails stops what has not begun; what runs is finished.  Every step can be done again, so the next run does what is
left.  The error names the object, and what was done is reported with it.  Events report how it goes, to whoever subscribes.
``network_steps``, ``guest_steps`` and ``layer_steps`` carry out the kinds of steps that the files of these names in ``plan`` define.
"""

from __future__ import annotations

import functools
import heapq
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue

from ..host.wait import Deadline
from ..model.errors import DummError, from_oserror, together
from ..plan.guest_steps import GuestAction, Start
from ..plan.keys import Key
from ..plan.layer_steps import LayerAction
from ..plan.network_steps import NetworkAction
from ..plan.steps import Action, Plan, Step
from . import guest_steps, layer_steps, network_steps
from .context import Context
from .events import Finished, Progress, Started, StepBegan, StepDone, StepFailed
from .quiet import Quiet

_PROGRESS_SECONDS = 3.0


class Failed(Exception):
    """A plan that was not carried out to its end.

    :param done: its steps that are done.
    :param errors: of the steps that failed.
    """

    def __init__(self, done: Iterable[Step], errors: list[DummError]) -> None:
        super().__init__(str(together(errors)))
        self.done = tuple(done)
        self.errors = errors


def apply(plan: Plan, context: Context) -> None:
    """Carry a plan out.

    :raises Failed: with what was done.
    """
    waiting = _Waiting(plan)
    done: dict[Key, Step] = {}
    errors: list[DummError] = []
    running: dict[Future[None], Step] = {}
    # To wait for any of many futures takes a look at each of them, for each that ends.
    ended: SimpleQueue[Future[None]] = SimpleQueue()
    begun: dict[Key, float] = {}
    told = Deadline(_PROGRESS_SECONDS)
    context.publish(Started(plan))
    quiet = context.quiet = Quiet(plan, context.workdir, lambda: context.network)
    try:
        with ThreadPoolExecutor(max_workers=context.parallel) as pool:
            while running or (waiting.left and not errors):
                for step in [] if errors else waiting.take(quiet.allow, context.parallel - len(running)):
                    future = pool.submit(_do, step, context, begun)
                    running[future] = step
                    future.add_done_callback(ended.put)
                for future in _all_of(ended) if running else ():
                    step = running.pop(future)
                    try:
                        future.result()
                        done[step.key] = step
                        waiting.done(step)
                        quiet.done(step)
                    except DummError as exc:
                        errors.append(exc)
                        context.publish(StepFailed(step, exc))
                if told.over:
                    context.publish(_progress(plan, done, running.values(), begun))
                    told = Deadline(_PROGRESS_SECONDS)
            try:
                # Some may be up, although not all are.
                quiet.open()
            except DummError as exc:
                errors.append(exc)
    finally:
        context.close()
    context.publish(Finished(plan, tuple(done.values()), tuple(errors)))
    if errors:
        raise Failed(done.values(), errors)


def _all_of(ended: SimpleQueue[Future[None]]) -> list[Future[None]]:
    """Those that have ended; the first is waited for, a while."""
    found = []
    with suppress(Empty):
        found.append(ended.get(timeout=_PROGRESS_SECONDS))
        while True:
            found.append(ended.get_nowait())
    return found


class _Waiting:
    """The steps of a plan that have not begun.

    Those that come first in the plan begin first: a guest starts while the definition of the next is written, and its kernel boots
    while this process waits for the disk.

    :ivar left: how many they are.
    """

    def __init__(self, plan: Plan) -> None:
        self._steps = plan.steps
        places = {step.key: place for place, step in enumerate(plan.steps)}
        self._order = TopologicalSorter(
            {place: [places[key] for key in step.waits_for(places)] for place, step in enumerate(plan.steps)}
        )
        self._order.prepare()
        self._places = places
        self._ready: list[int] = []
        self._held: list[int] = []
        self.left = len(self._steps)

    def take(self, allow: Callable[[Step], bool], most: int) -> list[Step]:
        """Those that may begin now; they do not wait any more.

        :param most: how many at the most.
        """
        for place in self._order.get_ready():
            heapq.heappush(self._ready, place)
        # All of them are held for one reason.
        if self._held and allow(self._steps[self._held[0]]):
            self._ready = sorted([*self._held, *self._ready])
            self._held = []
        taken: list[Step] = []
        while self._ready and len(taken) < most:
            place = heapq.heappop(self._ready)
            if allow(self._steps[place]):
                taken.append(self._steps[place])
            else:
                self._held.append(place)
        self.left -= len(taken)
        return taken

    def done(self, step: Step) -> None:
        """Take notice of a step that is done."""
        self._order.done(self._places[step.key])


def _progress(plan: Plan, done: Mapping[Key, Step], running: Iterable[Step], begun: Mapping[Key, float]) -> Progress:
    starts = [step.key for step in plan.steps if isinstance(step.action, Start)]
    # Others have no thread yet.
    under_way = [(begun[step.key], str(step.key), step) for step in running if step.key in begun]
    now = time.monotonic()
    since, _key, slowest = min(under_way, default=(now, "", None), key=lambda each: each[:2])
    return Progress(
        steps=len(plan.steps),
        done=len(done),
        starts=len(starts),
        up=sum(key in done for key in starts),
        slowest=slowest,
        seconds=now - since,
    )


def _do(step: Step, context: Context, begun: dict[Key, float]) -> None:
    began = begun[step.key] = time.monotonic()
    context.publish(StepBegan(step))
    try:
        carry_out(step.action, context)
    except OSError as exc:
        raise from_oserror(str(step.key), "do what is planned at", exc) from exc
    context.publish(StepDone(step, time.monotonic() - began))


@functools.singledispatch
def carry_out(action: Action, context: Context) -> None:
    """Carry out one step."""
    raise NotImplementedError(action)


carry_out.register(NetworkAction, network_steps.carry_out)
carry_out.register(GuestAction, guest_steps.carry_out)
carry_out.register(LayerAction, layer_steps.carry_out)
