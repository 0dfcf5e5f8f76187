# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""strongSwan's test suite as a front end of tests: its directories as tests of a run, and labs that run them as they are.

Role ``strongswan`` has brought the suite and the lab that it needs.  Queue, retries, several labs and reports are those of every run
(``body``, ``suite``, ``labs``).  What is the suite's own is in a file of its subject: ``format`` reads lines, ``case`` a test's
directory, ``shell`` evaluates the host's side of a line, ``guests`` and ``testbed`` have the guests, ``trial`` runs a
test, ``known`` says which need what, ``upstream`` writes upstream's files.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ...host import files
from ...host.workdir import Workdir
from ...model.errors import InvalidInput, listed
from ...model.tests import Test
from .. import pressure, source
from ..engine import alone
from ..labs import InLab, Setting, opened
from ..results import TestResult, Verdict
from ..selection import Case
from ..source import Source
from ..suite import Keep
from . import case as case_reader
from . import known, upstream
from .case import Suite
from .guests import Guests
from .shell import HostShell
from .testbed import Testbed
from .trial import Trial

FORMAT = "strongswan"
SCENARIO = "strongswan"
# What charon and swanctl of every guest read; upstream's is compiled in.
ENVIRONMENT = {"STRONGSWAN_CONF": "/etc/strongswan.conf.testing"}
_PLACE = Path("strongswan/testing")
# Seconds that a guest may take to start: they have an init of their own, and start many at a time.
_PATIENCE = 300
_NO_CODE = 255  # of ssh, which cannot reach a host


def understood(workdir: Workdir, params: Mapping[str, Any]) -> Source:
    """The suite's tests, and the scenario of their lab.

    :raises InvalidInput: where there is no suite, or no scenario.
    """
    found = source.understood(workdir, (), params["scenario"] or SCENARIO)
    tests = [test for path in _paths(workdir, params) for test in case_reader.tests(path)]
    return dataclasses.replace(found, tests=tuple(tests))


def _paths(workdir: Workdir, params: Mapping[str, Any]) -> list[Path]:
    return [Path(path) for path in params["src"] or ()] or [workdir.path / _PLACE]


@contextmanager
def labs(workdir: Workdir, setting: Setting, number: int) -> Iterator[tuple[InLab, ...]]:
    """Labs for a run of the suite, as :func:`labs.opened`.  In the end upstream's table is written."""
    record = _Results(setting.results)

    def in_lab(place: Workdir, common: Setting) -> InLab:
        return SuiteLab(place, common, record)

    with opened(workdir, setting, number, in_lab) as ready:
        try:
            yield ready
        finally:
            record.write()


class _Results:
    """What has come of tests in all labs, for upstream's table."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._tests: dict[tuple[str, str], TestResult] = {}
        files.remove_tree(directory / upstream.PLACE)

    def add(self, result: TestResult) -> None:
        """Note the last result of a test."""
        with self._lock:
            self._tests[result.group, result.name] = result

    def write(self) -> None:
        """Write the table."""
        upstream.write_table(self.directory, [self._tests[each] for each in sorted(self._tests)])


class SuiteLab(InLab):
    """Runs tests of the suite in a lab."""

    def __init__(self, workdir: Workdir, setting: Setting, record: _Results) -> None:
        super().__init__(workdir, setting)
        self._record = record
        self._ready: _Ready | None = None

    def run(self, case: Case) -> TestResult:
        """Run a test: what came of it.

        :raises DummError: where the lab cannot be used.
        """
        ready = self._begun(case)
        found = case_reader.read(ready.suite, case.test.group, case.test.name, ready.shell, ready.there)
        reason = found.skip or ready.lacks(found)
        if reason:
            return self._ended(_skipped(case.test, reason))
        gauge = pressure.Gauge()
        keep = self._setting.keep
        result, told = ready.trial.run(found, keep=keep is Keep.FAILED)
        verdict, percent = result.verdict, gauge.percent
        if verdict is Verdict.FAILED and pressure.is_suspect(percent):
            verdict = Verdict.SUSPECT
        result = dataclasses.replace(result, verdict=verdict, pressure=percent)
        self._last = result
        return self._ended(upstream.write_test(self._setting.results, result, told))

    def _ended(self, result: TestResult) -> TestResult:
        self._record.add(result)
        return result

    def _begun(self, case: Case) -> _Ready:
        """The lab with all guests running, and none of them in the middle of a test."""
        if self._ready is None:
            place = Path(case.test.place).parents[2]
            self._stack.enter_context(alone(self._workdir))
            self._ready = _Ready(self._workdir, self._setting, place, self._stack)
        return self._ready

    def end(self) -> None:
        """Give the lab back without the files of any test."""
        with self._stack:
            if self._ready is not None and not self.is_kept:
                self._ready.testbed.end()


class _Ready:
    """What runs tests in a lab that is ready for one.

    :param place: the suite.
    :param stack: what must be undone in the end.
    """

    def __init__(self, workdir: Workdir, setting: Setting, place: Path, stack: ExitStack) -> None:
        self._guests = Guests(str(workdir.path), ENVIRONMENT)
        self.shell = HostShell(self._remote)
        stack.callback(self.shell.close)
        self.suite: Suite = case_reader.open_suite(place, self.shell)
        lab = setting.source.lab
        if lab is None:
            raise InvalidInput(workdir.label, "there is no scenario of the suite's network", "run role strongswan")
        params = lab.params(str(workdir.path), setting.params)
        self.testbed = Testbed(workdir, {**params, "wait_timeout": max(params["wait_timeout"], _PATIENCE)})
        self.testbed.begin()
        self._hosts = [host for host in self.suite.hosts if host in lab.scenario.guests]
        if not self._hosts:
            cause = f"the lab has none of its hosts {listed(self.suite.hosts)}"
            raise InvalidInput(f"suite {place}", cause, "run role strongswan, or give the right scenario")
        self.there = frozenset(self._guests.script(self._hosts[0], known.PROBE).split())
        self.trial = Trial(self._guests, self.testbed, self.shell, setting.publish)

    def lacks(self, case: case_reader.Case) -> str:
        """Why the lab has too few guests for a test; empty where it has all."""
        lost = [host for host in case.hosts if host not in self._hosts]
        return f"It uses {listed(lost)}, and the lab has no such guest." if lost else ""

    def _remote(self, host: str, command: str) -> tuple[int, bytes, bytes]:
        if host not in self._hosts:
            return _NO_CODE, b"", f"there is no host {host}\n".encode()
        return self._guests.run(host, command)


def _skipped(test: Test, why: str) -> TestResult:
    return TestResult(test.name, test.group, Verdict.SKIPPED, time.time(), 0.0, test.description, test.place, cause=why)
