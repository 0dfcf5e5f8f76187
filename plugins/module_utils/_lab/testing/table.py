# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results for the terminal: a table of all tests, and what is to be known of each step that failed."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..model.errors import plain
from .paint import Paint
from .results import Attempt, StepResult, SuiteResult, TestResult, Verdict
from .wording import are_graded, cause_of, duration, full_title, line, number, phase_word, points, short, summary

# A machine on which tasks wait so much of the time is told of (percent).
_BUSY = 50.0
_MOST_LINES = 20  # of what a step got
_MOST_ATTEMPTS = 8
_SHOWN = 100  # letters of a remark, which is told in full above the table


def report(suite: SuiteResult, paint: Paint | None = None) -> str:
    """All of it, as text that can be shown."""
    paint = paint or Paint()
    parts = [
        *(failure(test, paint) for test in suite.tests if not test.verdict.good),
        table(suite, paint),
        closing(suite, paint),
    ]
    return "\n\n".join(filter(None, parts))


def table(suite: SuiteResult, paint: Paint) -> str:
    """A line for each test, in columns."""
    if not suite.tests:
        return ""
    graded = are_graded(suite.tests)
    head = ["result", "test", "time", *(["points"] if graded else []), "remarks"]
    rows = [head, *(_row(test, graded) for test in suite.tests)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    lines = []
    for row, verdict in zip(rows, [None, *(test.verdict for test in suite.tests)], strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        cells[0] = paint.faint(cells[0]) if verdict is None else paint(verdict, cells[0])
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _row(test: TestResult, graded: bool) -> list[str]:
    earned = [f"{number(test.points if test.verdict.good else 0)} of {number(test.points)}"] if graded else []
    return [test.verdict.value, full_title(test), duration(test.seconds), *earned, remarks(test)]


def remarks(test: TestResult) -> str:
    """What else is to be known of a test, in a line."""
    told = []
    if test.verdict in (Verdict.SKIPPED, Verdict.BROKEN):
        told.append(short(cause_of(test), _SHOWN))
    if test.tries > 1:
        told.append(f"{test.tries} tries")
    if test.pressure is not None and test.pressure >= _BUSY:
        told.append(f"tasks waited for a CPU {test.pressure:.0f} % of the time")
    return ", ".join(filter(None, told))


def failure(test: TestResult, paint: Paint) -> str:
    """What is to be known of a test that failed."""
    head = paint(test.verdict, f"{test.verdict.value.upper()} {full_title(test)}")
    lines = [f"{head}: {cause_of(test)}" if cause_of(test) else head]
    for step in test.steps:
        if not step.verdict.good:
            lines += (f"  {each}".rstrip() for each in step_lines(step))
    if test.verdict is Verdict.SUSPECT and test.pressure is not None:
        lines.append(
            f"  suspect: tasks waited for a CPU {test.pressure:.0f} % of the time; run it again on a calm machine"
        )
    if test.evidence:
        place = os.path.commonpath([os.path.dirname(path) for path in test.evidence.values()])
        lines.append(f"  evidence: {len(test.evidence)} files in {line(place) or '.'}")
    return "\n".join(lines)


def step_lines(step: StepResult) -> Iterator[str]:
    """A step that failed: where it is written, what was to be, what was, and how that changed."""
    phase = phase_word(step.phase)
    stage = f"stage {line(step.stage)}" if step.stage else ""
    context = ", ".join(filter(None, [line(step.place), phase, stage]))
    yield f"{line(step.text)}{f'  ({context})' if context else ''}"
    if step.expected:
        yield from _labelled("expected", step.expected)
    yield from _labelled(f"got, after {duration(step.seconds)}", step.got or "nothing")
    if len(step.attempts) > 1:
        yield "  before that:"
        yield from (f"    {each}" for each in changes(step.attempts[:-1]))
    if step.why:
        yield from _labelled("why", step.why)


def changes(attempts: tuple[Attempt, ...]) -> Iterator[str]:
    """How what was found changed over the retries, a line for each change."""
    left_out = len(attempts) - _MOST_ATTEMPTS
    for each in attempts[:1] if left_out > 0 else ():
        yield _attempt(each)
    if left_out > 0:
        yield f"... {left_out} more changes ..."
    yield from map(_attempt, attempts[1 - _MOST_ATTEMPTS :] if left_out > 0 else attempts)


def _attempt(attempt: Attempt) -> str:
    lines = plain(attempt.got).splitlines() or ["nothing"]
    more = f" (and {len(lines) - 1} lines more)" if len(lines) > 1 else ""
    times = f" ({attempt.times} times)" if attempt.times > 1 else ""
    return f"at {attempt.at:.1f} s{times}: {lines[0]}{more}"


def _labelled(label: str, text: str) -> Iterator[str]:
    """One line behind the label, or several below it."""
    lines = plain(text).splitlines() or [""]
    if len(lines) == 1:
        yield f"  {label}: {lines[0]}"
        return
    yield f"  {label}:"
    left_out = len(lines) - _MOST_LINES
    if left_out > 0:
        yield f"    ... {left_out} lines, all of them in the other reports ..."
    yield from (f"    {each}" for each in lines[-_MOST_LINES:])


def closing(suite: SuiteResult, paint: Paint) -> str:
    """The last line or two: how many tests ended how, and what they are worth."""
    lines = []
    if suite.broken:
        lines.append(f"{paint(Verdict.BROKEN, 'BROKEN')} {plain(suite.broken)}")
    verdict = {0: Verdict.PASSED, 2: Verdict.SKIPPED, 3: Verdict.BROKEN}.get(suite.exit_code, Verdict.FAILED)
    total = (
        f", {number(points(suite.tests)[0])} of {number(points(suite.tests)[1])} points"
        if are_graded(suite.tests)
        else ""
    )
    lines.append(paint(verdict, f"{summary(suite)}{total}"))
    return "\n".join(lines)
