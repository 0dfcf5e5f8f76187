# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of tests: one after the other in each lab, once more where they fail, until all have ended or one failure is enough.

How one test is carried out in one lab is the engine's subject; here a :class:`Runner` does it.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ..model.errors import DummError
from ..run.events import Subscriber, nobody
from .events import SuiteBegan, TestBegan, TestEnded
from .record import Identity
from .results import SuiteResult, TestResult, Verdict
from .selection import Case, longest_first

_FAILURES = (Verdict.FAILED, Verdict.SUSPECT)
# A lab in which so many tests in a row could not be run will not recover.
_HOPELESS = 3

Runner = Callable[[Case], TestResult]


class Keep(enum.Enum):
    """When the lab is left as a test leaves it."""

    NEVER = "never"
    FAILED = "failed"
    ALWAYS = "always"


@dataclass(frozen=True)
class Policy:
    """How a run deals with failures.

    :ivar retry: how many more times a test is run when it fails, at least; a test may say more.
    :ivar stop_on_failure: whether no other test begins after one has failed.
    :ivar keep: ``FAILED`` stops after a failure as well, for the next test would change the lab.
    """

    retry: int = 0
    stop_on_failure: bool = False
    keep: Keep = Keep.NEVER

    @property
    def stops(self) -> bool:
        """Whether the first failure is the last test."""
        return self.stop_on_failure or self.keep is Keep.FAILED


@dataclass
class Suite:
    """A run that is under way.  What has ended so far can be told at any time, also after an interruption.

    :ivar lab: the working directory, for reports.
    :ivar cases: what is to be run; results have their order.
    :ivar publish: gets the events.
    :ivar durations: of an earlier run.
    """

    lab: str
    cases: Sequence[Case]
    policy: Policy = field(default_factory=Policy)
    publish: Subscriber = nobody
    durations: Mapping[Identity, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began, self._clock = time.time(), time.monotonic()
        self._ended: dict[Identity, TestResult] = {}
        self._waiting: list[Case] = []
        self._broken = 0
        self._lock = threading.Lock()
        self._stop = ""

    def run(self, runners: Sequence[Runner]) -> SuiteResult:
        """Run all cases.

        :param runners: one for each lab; with several the tests that take longest begin.
        """
        self.publish(SuiteBegan(len(self.cases), len(runners)))
        self._waiting = [*(longest_first(self.cases, self.durations) if len(runners) > 1 else self.cases)]
        if len(runners) == 1:
            self._work(runners[0])
            return self.result()
        with ThreadPoolExecutor(len(runners)) as pool:
            working = [pool.submit(self._work, runner) for runner in runners]
            try:
                for each in working:
                    each.result()
            except BaseException:
                # The others end after the tests that they have begun.
                self._stop = "the run was interrupted"
                raise
        return self.result()

    def result(self, broken: str = "") -> SuiteResult:
        """What has come of it until now; what has not been run is skipped.

        :param broken: why the lab could not be used, if it could not.
        """
        cause = self._stop or ("the lab is broken" if broken else "the run was interrupted")
        tests = tuple(
            self._ended[case.identity] if case.identity in self._ended else skipped(case, cause) for case in self.cases
        )
        return SuiteResult(self.lab, self._began, time.monotonic() - self._clock, tests, broken)

    def _work(self, runner: Runner) -> None:
        """Run what is waiting, in one lab."""
        while (case := self._next()) is not None:
            result = skipped(case, case.test.skip) if case.test.skip else self._tried(case, runner)
            with self._lock:
                self._ended[case.identity] = result
                self._broken = self._broken + 1 if result.verdict is Verdict.BROKEN else 0
                if not result.verdict.good and self.policy.stops:
                    self._stop = f"{case.test.name} failed before"
                elif self._broken >= _HOPELESS:
                    self._stop = f"the lab is broken: {_HOPELESS} tests in a row could not be run"
            self.publish(TestEnded(result))

    def _next(self) -> Case | None:
        with self._lock:
            return self._waiting.pop(0) if self._waiting and not self._stop else None

    def _tried(self, case: Case, runner: Runner) -> TestResult:
        """Run a case, again if it fails: what passes then is flaky, and tells of its failure."""
        failure: TestResult | None = None
        # Another try would change the lab that is to be looked at.
        most = 1 if self.policy.keep is Keep.FAILED else 1 + max(case.test.retry, self.policy.retry)
        for attempt in range(1, most + 1):
            self.publish(TestBegan(case.test.group, case.test.name, case.variant, attempt))
            result = self._once(case, runner)
            if result.verdict not in _FAILURES:
                break
            failure = failure or result
        result = replace(result, tries=attempt)
        if failure is not None and result.verdict is Verdict.PASSED:
            seconds = failure.seconds + result.seconds
            return replace(failure, verdict=Verdict.FLAKY, tries=attempt, seconds=seconds)
        return result

    def _once(self, case: Case, runner: Runner) -> TestResult:
        began, clock = time.time(), time.monotonic()
        try:
            result = runner(case)
            return replace(result, variant=case.variant or result.variant)
        except DummError as exc:
            return replace(
                skipped(case, str(exc)), verdict=Verdict.BROKEN, began=began, seconds=time.monotonic() - clock
            )


def skipped(case: Case, why: str) -> TestResult:
    """What is told of a test that is not run."""
    test = case.test
    return TestResult(
        test.name,
        test.group,
        Verdict.SKIPPED,
        time.time(),
        0.0,
        test.description,
        test.place,
        case.variant,
        why,
        points=test.points,
    )
