# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that all reports of tests use: one spelling of a verdict, of a time, of a test's name."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from ..model.errors import plain
from .results import SuiteResult, TestResult, Verdict

# In the order in which people want to know.
ORDER = (Verdict.BROKEN, Verdict.FAILED, Verdict.SUSPECT, Verdict.FLAKY, Verdict.SKIPPED, Verdict.PASSED)
_MINUTE = 60.0
_UNUSABLE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_FILE = 80


def line(text: str) -> str:
    """Text that can be shown, in one line."""
    return plain(" ".join(text.split()))


def short(text: str, most: int) -> str:
    """The beginning of a text, in one line that can be shown."""
    told = line(text)
    return told if len(told) <= most else f"{told[:most]}..."


def slug(text: str, otherwise: str) -> str:
    """A name of a file that a shell and a browser take as it is; another for another text.

    :param otherwise: the beginning where nothing of the text can be used.
    """
    usable = _UNUSABLE.sub("-", text).strip(".-")[:_LONGEST_FILE] or otherwise
    # Two texts may look alike without what no file can have.
    return usable if usable == text else f"{usable}-{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:6]}"


def title(name: str, variant: str = "") -> str:
    """A test as people call it: ``tunnel``, ``tunnel [kernel tuned]``."""
    return line(f"{name} [{variant}]" if variant else name)


def full_title(test: TestResult) -> str:
    """The same with its group: ``vpn/tunnel``."""
    return f"{line(test.group)}/{title(test.name, test.variant)}" if test.group else title(test.name, test.variant)


def duration(seconds: float) -> str:
    """``4 ms``, ``3.2 s``, ``2 min 5 s``."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), int(_MINUTE))
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def tally(tests: Iterable[TestResult]) -> dict[Verdict, int]:
    """How many tests ended in which way, without those that are none."""
    found = Counter(test.verdict for test in tests)
    return {verdict: found[verdict] for verdict in ORDER if found[verdict]}


def summary(suite: SuiteResult) -> str:
    """``1 failed, 5 passed in 34.2 s``."""
    counts = tally(suite.tests)
    told = ", ".join(f"{number} {verdict.value}" for verdict, number in counts.items()) or "no test was run"
    return f"{told} in {duration(suite.seconds)}"


def points(tests: Iterable[TestResult]) -> tuple[float, float]:
    """What the tests are worth that succeeded, and what all are worth that were not skipped."""
    counted = [test for test in tests if test.verdict is not Verdict.SKIPPED]
    return sum(test.points for test in counted if test.verdict.good), sum(test.points for test in counted)


def are_graded(tests: Iterable[TestResult]) -> bool:
    """Whether points say more than counts: some test is worth other than one."""
    return any(test.points != 1.0 for test in tests)


def number(value: float) -> str:
    """``3``, ``2.5``."""
    return f"{value:g}"


def phase_word(phase: str) -> str:
    """What people read for a phase of a test; nothing for that of its own steps."""
    return {"before": "preparation", "after": "cleaning up", "leftover": "left over"}.get(phase, "")


def cause_of(test: TestResult) -> str:
    """Why a test ended as it did, in one sentence; for a packet that died, where and why it did."""
    bad = next((step for step in test.steps if not step.verdict.good), None)
    cause = test.cause or ("" if bad is None else bad.text)
    reason = bad.why.strip().rpartition("\n")[2] if bad is not None and bad.why else ""
    return line(f"{cause}: {reason}" if reason else cause)
