# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A line for each test while tests run: a subscriber of their events (``events``)."""

from __future__ import annotations

from collections.abc import Callable

from ..run.events import Event
from .events import SuiteBegan, TestBegan, TestEnded, TestStepEnded
from .paint import Paint
from .results import StepResult, TestResult, Verdict
from .wording import cause_of, duration, full_title, line, short, title

_WIDTH = max(len(verdict.value) for verdict in Verdict)
_SHOWN = 160  # of a cause, which reports have in full


class TestNarrator:
    """Reports in lines what becomes of tests.

    :param tell: is called with a line for each test that ended.
    :param detail: is called with a line for each test that begins and each of its steps that ended.
    :param paint: colours of the lines.
    """

    # Not a test of pytest's.
    __test__ = False

    def __init__(
        self, tell: Callable[[str], object], detail: Callable[[str], object], paint: Paint | None = None
    ) -> None:
        self._tell = tell
        self._detail = detail
        self._paint = paint or Paint()
        self._total = 0
        self._ended = 0

    def __call__(self, event: Event) -> None:
        """Report an event."""
        if isinstance(event, SuiteBegan):
            self._total, self._ended = event.total, 0
        elif isinstance(event, TestBegan):
            again = "" if event.attempt == 1 else f", try {event.attempt}"
            self._detail(f"{title(event.name, event.variant)}: begins{again}")
        elif isinstance(event, TestStepEnded):
            self._detail(f"{title(event.name, event.variant)}: {_step(event.result)}")
        elif isinstance(event, TestEnded):
            self._ended += 1
            self._tell(self._ending(event.result))

    def _ending(self, test: TestResult) -> str:
        digits = len(str(self._total))
        place = f"[{self._ended:>{digits}}/{self._total}] " if self._total else ""
        verdict = self._paint(test.verdict, f"{test.verdict.value:<{_WIDTH}}")
        tries = f" after {test.tries} tries" if test.tries > 1 else ""
        return f"{place}{verdict} {full_title(test)} ({duration(test.seconds)}{tries}){_why(test)}"


def _why(test: TestResult) -> str:
    if test.verdict is Verdict.PASSED:
        return ""
    cause = short(cause_of(test), _SHOWN)
    return f": {cause}" if cause else ""


def _step(step: StepResult) -> str:
    return f"{step.verdict.value} after {duration(step.seconds)}: {line(step.text)}"
