# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of strongSwan's suite in a lab that role ``strongswan`` has made: which tests, what became of them, and upstream's files.

``run_suite`` is what the module and the command call.  Every test of a run has the guests for itself; with several labs, as many tests
are run at a time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...model.errors import DummError
from ...run.events import Subscriber, nobody
from ..events import SuiteBegan, TestBegan, TestEnded
from ..results import SuiteResult, TestResult, Verdict
from . import known, upstream
from .case import Case, Suite, choose, open_suite, read
from .guests import Guests
from .shell import HostShell
from .testbed import Testbed
from .trial import Trial, variant

# What charon and swanctl of every guest read; upstream's is compiled in.
ENVIRONMENT = {"STRONGSWAN_CONF": "/etc/strongswan.conf.testing"}
_PROBED = "moon"
_PLACE = "strongswan/testing"


@dataclass(frozen=True)
class Wanted:
    """What is to be run.

    :ivar labs: working directories whose labs have the suite's topology, one for each test at a time.
    :ivar tests: patterns such as ``ikev2/*``; empty for all.
    :ivar source: the suite; the one of the first lab's role if it is not given.
    :ivar scenario: that has the topology.
    :ivar results: directory for upstream's files.
    :ivar retry: how many more times a test is run that fails.
    :ivar stop: whether the first failure ends the run.
    """

    labs: tuple[str, ...]
    tests: tuple[str, ...] = ()
    source: Path | None = None
    scenario: str = "strongswan"
    results: Path | None = None
    retry: int = 0
    stop: bool = False


class Lab:
    """A lab and what runs tests in it."""

    def __init__(self, workdir: str, scenario: str, subscriber: Subscriber) -> None:
        self.guests = Guests(workdir, ENVIRONMENT)
        self.shell = HostShell(self._remote)
        self.testbed = Testbed(workdir, scenario)
        self.trial = Trial(self.guests, self.testbed, self.shell, subscriber)
        self.hosts: tuple[str, ...] = ()

    def _remote(self, host: str, command: str) -> tuple[int, bytes, bytes]:
        if host not in self.hosts:
            return 255, b"", f"there is no host {host}\n".encode()
        return self.guests.run(host, command)


def list_suite(wanted: Wanted) -> tuple[str, ...]:
    """Names of the tests that would be run, such as ``ikev2/rw-cert``."""
    shell = HostShell(lambda host, command: (255, b"", b""))
    try:
        suite = open_suite(_source(wanted), shell)
        return tuple(f"{group}/{name}" for group, name in choose(suite, wanted.tests))
    finally:
        shell.close()


def _source(wanted: Wanted) -> Path:
    return wanted.source or Path(wanted.labs[0]) / _PLACE


def run_suite(wanted: Wanted, subscriber: Subscriber = nobody) -> SuiteResult:
    """Run tests of the suite.

    :raises InvalidInput: where there is no suite, or no such test.
    """
    began, start = time.time(), time.monotonic()
    labs = [Lab(workdir, wanted.scenario, subscriber) for workdir in wanted.labs]
    try:
        suite = open_suite(_source(wanted), labs[0].shell)
        chosen = choose(suite, wanted.tests)
        subscriber(SuiteBegan(len(chosen), len(labs)))
        run = _Run(wanted, suite, subscriber)
        try:
            run.prepare(labs)
            run.work(labs, chosen)
        except DummError as exc:
            run.broken = str(exc)
        results = [run.results[each] for each in chosen if each in run.results]
        return SuiteResult(wanted.labs[0], began, time.monotonic() - start, tuple(results), run.broken)
    finally:
        for lab in labs:
            lab.shell.close()


class _Run:
    def __init__(self, wanted: Wanted, suite: Suite, subscriber: Subscriber) -> None:
        self._wanted = wanted
        self._suite = suite
        self._subscriber = subscriber
        self._there: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.results: dict[tuple[str, str], TestResult] = {}
        self.broken = ""

    def prepare(self, labs: Sequence[Lab]) -> None:
        """Bring every lab to where a test may begin, and ask what its guests have."""
        for lab in labs:
            lab.hosts = self._suite.hosts
            lab.testbed.recover()
        self._there = frozenset(labs[0].guests.script(_PROBED, known.PROBE).split())

    def work(self, labs: Sequence[Lab], chosen: Iterable[tuple[str, str]]) -> None:
        """Run the tests, each lab one at a time."""
        waiting: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        for each in chosen:
            waiting.put(each)
        threads = [threading.Thread(target=self._drain, args=(lab, waiting)) for lab in labs]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            # The tests under way come to their end, so that their guests are left clean.
            self._over.set()
            for thread in threads:
                thread.join()
            raise
        if self._wanted.results is not None:
            upstream.write_table(self._wanted.results, list(self.results.values()))

    def _drain(self, lab: Lab, waiting: queue.SimpleQueue[tuple[str, str]]) -> None:
        try:
            while not self._over.is_set():
                try:
                    group, name = waiting.get_nowait()
                except queue.Empty:
                    break
                self._one(lab, group, name)
            lab.testbed.end()
        except DummError as exc:
            self._over.set()
            self.broken = self.broken or str(exc)

    def _one(self, lab: Lab, group: str, name: str) -> None:
        case = read(self._suite, group, name, lab.shell, self._there)
        result = _skipped(case) if case.skip else self._tried(lab, case)
        with self._lock:
            self.results[group, name] = result
        self._subscriber(TestEnded(result))
        if self._wanted.stop and not result.verdict.good:
            self._over.set()

    def _tried(self, lab: Lab, case: Case) -> TestResult:
        for attempt in range(1, self._wanted.retry + 2):
            self._subscriber(TestBegan(case.group, case.name, variant(case), attempt))
            result, record = lab.trial.run(case)
            result = replace(result, tries=attempt)
            if self._wanted.results is not None:
                result = upstream.write_test(self._wanted.results, result, record)
            if result.verdict is Verdict.PASSED:
                return replace(result, verdict=Verdict.FLAKY) if attempt > 1 else result
        return result


def _skipped(case: Case) -> TestResult:
    return TestResult(
        case.name,
        case.group,
        Verdict.SKIPPED,
        time.time(),
        0.0,
        description=case.description,
        place=str(case.path),
        cause=case.skip,
    )
