# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands in guests, and what their output must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..guest.channel import Completed
from ..model import checking
from ..model.errors import DummError
from ..model.tests import Expected, Run
from ..scenario import queries
from .bench import Bench, at_once
from .outcome import Outcome, shown, text_of, together

# Of a shell: there is no such command, or it cannot be executed.
_NOT_RUN = (126, 127)
# What shells say of a command in a pipe, whose exit code nobody hears.
_NOT_FOUND = re.compile(r"(?:^\S+: (?:line )?\d+: \S+: not found|^.*: command not found)$", re.MULTILINE)
_MOST_SEARCHED = 100_000  # bytes of standard error
_LONGEST = 200  # letters of a value in a sentence


def run(bench: Bench, action: Run, seconds: float) -> Outcome:
    """Run a command in each of its guests, at the same time."""

    def one(guest: str) -> Outcome:
        try:
            done = bench.ask(guest, action.command, seconds)
        except DummError as exc:
            return bench.failed(guest, exc)
        return judged(action.expected, done)

    return together(at_once(action.on, one))


def judged(expected: Expected, done: Completed) -> Outcome:
    """Whether what a command did is what was expected."""
    output = text_of(done.stdout)
    wrong = list(faults(expected, done, output))
    said = [shown(output)] if output.strip() else []
    if done.stderr.strip() and (wrong or not said):
        said.append(f"stderr: {shown(text_of(done.stderr))}")
    return Outcome(not wrong, shown("\n".join([*wrong, *(said or ["it printed nothing"])]), 2 * 2000))


def faults(expected: Expected, done: Completed, output: str) -> Iterator[str]:
    """What is not as expected, in words."""
    if done.signal is not None:
        yield f"it was killed by {done.signal.name}"
    elif expected.code is not None and done.code != expected.code:
        yield f"exit code {done.code} instead of {expected.code}"
    elif expected.code is None and done.code in _NOT_RUN:
        # Otherwise a misspelt command would never print what it must not.
        yield f"it could not be run (exit code {done.code})"
    elif is_negative(expected) and (found := _NOT_FOUND.search(text_of(done.stderr[:_MOST_SEARCHED]))):
        yield f"a command of it could not be run ({shown(found[0])})"
    for pattern in expected.match:
        if not checking.searched(pattern, output):
            yield f"{pattern!r} is not in the output"
    for pattern in expected.no_match:
        if checking.searched(pattern, output):
            yield f"{pattern!r} is in the output"
    if expected.count is not None:
        number = counted(expected, output)
        if not checking.holds(expected.count, number):
            what = "lines match" if expected.match else "lines in the output"
            yield f"{number} {what}"
    if expected.empty is not None and expected.empty != (not output.strip()):
        yield "the output is not empty" if expected.empty else "the output is empty"
    if expected.json is not None:
        yield from _json_faults(expected.json, expected.equals, output)


def is_negative(expected: Expected) -> bool:
    """Whether a command that did nothing at all would be right."""
    none = expected.count is None or checking.holds(expected.count, 0)
    return none and not expected.match and not expected.json and expected.empty is not False and expected.code is None


def counted(expected: Expected, output: str) -> int:
    """How many lines match all patterns; of all lines, where there is none."""
    lines = output.splitlines()
    return sum(all(checking.searched(pattern, line) for pattern in expected.match) for line in lines)


def _json_faults(expression: str, wanted: Any, output: str) -> Iterator[str]:
    try:
        data = json.loads(output)
    except (ValueError, RecursionError) as exc:
        yield f"the output is no JSON: {exc}"
        return
    try:
        found = queries.ask(expression, data)
    except DummError as exc:
        yield str(exc)
        return
    if not is_same(found, wanted):
        yield f"{expression} is {_value(found)} instead of {_value(wanted)}"


def is_same(found: Any, wanted: Any) -> bool:
    """Whether two values of JSON are the same; to Python ``true`` is 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(is_same(found[key], wanted[key]) for key in found)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(is_same, found, wanted))
    return bool(found == wanted)


def _value(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "something that is nested too deep"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def wanted(action: Run) -> str:
    """What is expected of a command, in words."""
    expected = action.expected
    told = [f"{pattern!r} in the output" for pattern in expected.match]
    told += [f"no {pattern!r} in the output" for pattern in expected.no_match]
    if expected.count is not None:
        told.append(f"{bound(expected.count.operator, expected.count.number)} {'such ' if expected.match else ''}lines")
    if expected.empty is not None:
        told.append("no output" if expected.empty else "some output")
    if expected.json is not None:
        told.append(f"{expression(expected.json)} is {_value(expected.equals)}")
    if expected.code is not None:
        told.append(f"exit code {expected.code}")
    return ", ".join(told)


def expression(text: str) -> str:
    """A JMESPath expression on one line."""
    return re.sub(r"\s+", " ", text)


def bound(operator: str, number: float) -> str:
    """A bound in words: ``at least 2``."""
    words = {"==": "", "!=": "not ", "<": "fewer than ", "<=": "at most ", ">": "more than ", ">=": "at least "}
    return f"{words[operator]}{number:g}"
