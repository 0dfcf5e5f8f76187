# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of tests, as immutable values: the engine makes them, reports (table, JUnit, JSON, HTML) are made from them.  No I/O."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Verdict(enum.Enum):
    """How a test, or a step, ended.

    ``SUSPECT`` is a failure while the machine was under pressure, ``FLAKY`` a test that passed when it was run again, ``SKIPPED`` was
    not run, and ``BROKEN`` says that the lab could not be used: neither the test nor what it tests is to blame.
    """

    PASSED = "passed"
    FAILED = "failed"
    SUSPECT = "suspect"
    FLAKY = "flaky"
    SKIPPED = "skipped"
    BROKEN = "broken"

    @property
    def good(self) -> bool:
        """Whether a run with such tests only is a success."""
        return self in (Verdict.PASSED, Verdict.FLAKY, Verdict.SKIPPED)


@dataclass(frozen=True)
class Attempt:
    """A try of a step.  Of equal ones in a row only the first is kept.

    :ivar at: seconds since the test began.
    :ivar got: what was found, bounded, printable.
    :ivar times: how many in a row had the same outcome.
    """

    at: float
    got: str
    times: int = 1


@dataclass(frozen=True)
class StepResult:
    """What came of a step.

    :ivar text: the step as a line.
    :ivar place: where it is written.
    :ivar phase: ``before``, ``steps``, ``after`` or ``leftover``.
    :ivar stage: name of the stage that it belongs to; empty before the first.
    :ivar at: when it began, in seconds since the test began.
    :ivar expected: what was to be, for a failed step.
    :ivar attempts: how what was found changed; the last one is what was got.
    :ivar why: for a failed ping: where the packet died.
    """

    text: str
    place: str
    phase: str
    verdict: Verdict
    at: float
    seconds: float
    stage: str = ""
    guests: tuple[str, ...] = ()
    expected: str = ""
    attempts: tuple[Attempt, ...] = ()
    why: str = ""

    @property
    def got(self) -> str:
        """What was found last."""
        return self.attempts[-1].got if self.attempts else ""


@dataclass(frozen=True)
class Happening:
    """Something of a test's timeline: a line of a log, a packet, what a command said.

    :ivar at: seconds since the test began.
    :ivar where: guest, or interface such as ``sun:eth0``.
    :ivar kind: ``log``, ``packet`` or ``command``.
    """

    at: float
    where: str
    kind: str
    text: str


@dataclass(frozen=True)
class TestResult:
    """What came of a test.

    :ivar variant: kernel and master of a matrix; empty without one.
    :ivar began: seconds since the epoch.
    :ivar cause: one sentence: why it failed or was skipped.
    :ivar pressure: share of the time in which some task waited for a CPU (/proc/pressure/cpu), in percent; ``None`` if unknown.
    :ivar tries: how often it was run.
    :ivar phases: seconds by phase: ``clean``, ``before``, ``steps``, ``after``, ``leftover``, ``evidence``.
    :ivar evidence: files in the directory of results, by what they are (``moon: boot.log``).
    """

    # Not a test of pytest's.
    __test__ = False

    name: str
    group: str
    verdict: Verdict
    began: float
    seconds: float
    description: str = ""
    place: str = ""
    variant: str = ""
    cause: str = ""
    steps: tuple[StepResult, ...] = ()
    pressure: float | None = None
    tries: int = 1
    points: float = 1.0
    phases: Mapping[str, float] = field(default_factory=dict)
    timeline: tuple[Happening, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SuiteResult:
    """What came of a run.

    :ivar lab: the working directory.
    :ivar began: seconds since the epoch.
    :ivar broken: why the lab could not be used, if it could not.
    """

    lab: str
    began: float
    seconds: float
    tests: tuple[TestResult, ...] = ()
    broken: str = ""

    @property
    def exit_code(self) -> int:
        """0 if all passed, 1 if some failed, 2 if there was nothing to run, 3 if the lab is broken."""
        if self.broken or any(test.verdict is Verdict.BROKEN for test in self.tests):
            return 3
        if all(test.verdict is Verdict.SKIPPED for test in self.tests):
            return 2
        return 0 if all(test.verdict.good for test in self.tests) else 1
