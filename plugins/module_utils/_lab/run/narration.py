# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subscribers of a run: its steps in words, its progress in lines, and how long each step took."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .events import Event, Progress, Started, StepBegan, StepDone
from .report import Duration


class Narrator:
    """Reports in words what a run does.

    :param tell: is called with each sentence of the plan when its step begins, once for all objects of which it says the same.
    :param progress: is called with a line now and then, while a run takes long.
    """

    def __init__(self, tell: Callable[[str], object], progress: Callable[[str], object]) -> None:
        self._tell = tell
        self._progress = progress
        self._spoken: Mapping[str, str] = {}
        self._said: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Report an event."""
        if isinstance(event, Started):
            self._spoken, self._said = event.plan.spoken, set()
        elif isinstance(event, StepBegan):
            for sentence in dict.fromkeys(self._spoken.get(each, each) for each in event.step.says):
                if sentence not in self._said:
                    self._said.add(sentence)
                    self._tell(sentence)
        elif isinstance(event, Progress):
            self._progress(how_far(event))


def how_far(event: Progress) -> str:
    """One line: how much is done, how many guests are up, and what has taken the longest so far."""
    up = f", {event.up} of {event.starts} guests up" if event.starts else ""
    slow = "" if event.slowest is None else f"; {event.slowest.key} has taken {event.seconds:.0f} s so far"
    return f"{event.done} of {event.steps} steps done{up}{slow}"


class Stopwatch:
    """How long the steps of a run took."""

    def __init__(self) -> None:
        self._plans: list[dict[str, float]] = []

    def __call__(self, event: Event) -> None:
        """Take notice of an event."""
        if isinstance(event, Started):
            self._plans.append({})
        elif isinstance(event, StepDone):
            self._plans[-1][str(event.step.key)] = event.seconds

    @property
    def durations(self) -> tuple[Duration, ...]:
        """Those of each plan, the slowest step first."""
        return tuple(
            Duration(step, round(seconds, 4))
            for plan in self._plans
            for step, seconds in sorted(plan.items(), key=lambda item: -item[1])
        )
