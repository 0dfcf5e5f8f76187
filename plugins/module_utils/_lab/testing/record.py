# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as plain data: ``results.json``, which docs/reference/test-results.md describes, and what the module returns of a test.

The format has a number.  Keys may be added to it without a new one; a reader ignores those that it does not know.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from .results import Happening, StepResult, SuiteResult, TestResult
from .wording import points, tally

FORMAT = 1

Data = dict[str, Any]
# A test of a run: its group, its name, its variant.
Identity = tuple[str, str, str]


def instant(epoch: float) -> str:
    """A time as ``2026-11-30T12:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def suite_data(suite: SuiteResult) -> Data:
    """A whole run."""
    earned, total = points(suite.tests)
    return {
        "format": FORMAT,
        "lab": suite.lab,
        "began": instant(suite.began),
        "seconds": _seconds(suite.seconds),
        "exit_code": suite.exit_code,
        "broken": suite.broken,
        "counts": {verdict.value: number for verdict, number in tally(suite.tests).items()},
        "points": {"earned": earned, "of": total},
        "tests": [{**test_data(test), "timeline": [*map(_happening, test.timeline)]} for test in suite.tests],
    }


def test_data(test: TestResult) -> Data:
    """A test, without its timeline."""
    return {
        "name": test.name,
        "group": test.group,
        "variant": test.variant,
        "result": test.verdict.value,
        "began": instant(test.began),
        "seconds": _seconds(test.seconds),
        "description": test.description,
        "place": test.place,
        "cause": test.cause,
        "pressure": test.pressure,
        "tries": test.tries,
        "points": test.points,
        "phases": {phase: _seconds(seconds) for phase, seconds in test.phases.items()},
        "steps": [*map(_step, test.steps)],
        "evidence": dict(test.evidence),
    }


def returned_data(test: TestResult) -> Data:
    """What a module returns of a test: what decides, and of steps that held only that they did."""
    data = test_data(test)
    kept = ("name", "group", "variant", "result", "seconds", "cause", "tries", "points", "evidence")
    steps = [
        each if each["result"] != "passed" else {key: each[key] for key in ("text", "result", "seconds")}
        for each in data["steps"]
    ]
    return {**{key: data[key] for key in kept}, "steps": steps}


def _step(step: StepResult) -> Data:
    return {
        "text": step.text,
        "place": step.place,
        "phase": step.phase,
        "stage": step.stage,
        "result": step.verdict.value,
        "at": _seconds(step.at),
        "seconds": _seconds(step.seconds),
        "guests": list(step.guests),
        "expected": step.expected,
        "attempts": [{"at": _seconds(each.at), "got": each.got, "times": each.times} for each in step.attempts],
        "why": step.why,
    }


def _happening(happening: Happening) -> Data:
    return {"at": _seconds(happening.at), "where": happening.where, "kind": happening.kind, "text": happening.text}


def _seconds(value: float) -> float:
    return round(value, 4)


def durations(data: object) -> dict[Identity, float]:
    """How long each test took in an earlier run; nothing of what is no such record."""
    tests = data.get("tests") if isinstance(data, Mapping) else None
    found: dict[Identity, float] = {}
    for test in tests if isinstance(tests, Iterable) else ():
        if isinstance(test, Mapping) and isinstance(seconds := test.get("seconds"), (int, float)):
            found[str(test.get("group")), str(test.get("name")), str(test.get("variant"))] = float(seconds)
    return found
