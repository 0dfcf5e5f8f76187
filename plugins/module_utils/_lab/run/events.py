# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run publishes while it works, to any number of subscribers: ``-v``, lines of progress, durations, a console, a map.

Steps run at the same time, each in a thread of its own.  A :class:`Publisher` passes one event on at a time, in the thread in which
it happens, so that a subscriber needs no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..model.errors import DummError
from ..plan.steps import Plan, Step


class Event:
    """Something that happened in a run."""


@dataclass(frozen=True)
class Started(Event):
    """A plan is to be carried out.  A run that first resumes guests has two, one after the other."""

    plan: Plan


@dataclass(frozen=True)
class StepBegan(Event):
    """A step has begun."""

    step: Step


@dataclass(frozen=True)
class StepDone(Event):
    """A step is done.

    :ivar seconds: how long it took.
    """

    step: Step
    seconds: float


@dataclass(frozen=True)
class StepFailed(Event):
    """A step could not be done.  No other begins then."""

    step: Step
    error: DummError


@dataclass(frozen=True)
class Progress(Event):
    """How far a plan is, published now and then while it takes long.

    :ivar done: how many of its steps are done.
    :ivar starts: how many guests it starts.
    :ivar up: how many of them are up.
    :ivar slowest: of the steps that are under way, the one that began first.
    :ivar seconds: how long ago that was.
    """

    steps: int
    done: int
    starts: int
    up: int
    slowest: Step | None
    seconds: float


@dataclass(frozen=True)
class Finished(Event):
    """A plan was carried out, up to the first errors.

    :ivar done: its steps that are done, in the order in which they ended.
    """

    plan: Plan
    done: tuple[Step, ...]
    errors: tuple[DummError, ...]


Subscriber = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """A subscriber that ignores all events."""


class Publisher:
    """Passes events on."""

    def __init__(self, *subscribers: Subscriber) -> None:
        self._subscribers = subscribers
        self._one_at_a_time = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Pass an event on to all subscribers."""
        with self._one_at_a_time:
            for subscriber in self._subscribers:
                subscriber(event)
