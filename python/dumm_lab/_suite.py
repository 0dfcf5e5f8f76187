# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in YAML by the collection's engine, for the pytest plugin.

Imported only when the collection was found (``_collection``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import disks
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import nobody
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import labs, source, table
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.paint import Paint
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import Verdict
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.selection import Case, cases
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.suite import Keep, Policy, Suite
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.wording import cause_of, title

from ._bodies import told

__all__ = ["Case", "Ended", "Found", "Running", "found", "running"]


@dataclass(frozen=True)
class Found:
    """The tests of a file.

    :ivar cases: them by their names.
    """

    workdir: Path
    source: source.Source
    cases: list[tuple[str, Case]]


@dataclass(frozen=True)
class Ended:
    """What came of a test.

    :ivar cause: in one sentence.
    :ivar text: what is to be shown of it; nothing if it simply passed.
    """

    good: bool
    skipped: bool
    cause: str
    text: str


def found(place: Path, file: Path) -> Found:
    """The tests of a file.

    :raises LabError: with all that is wrong.
    """
    with told(), disks.peek(Workdir(place)) as home:
        understood = source.understood(home, source.read([str(file)]), None)
    named = [(title(case.test.name, case.variant), case) for case in cases(understood.tests)]
    return Found(place, understood, named)


@contextmanager
def running(tests: Found, results: Path, retry: int) -> Iterator[Running]:
    """A lab that is ready for tests, which is given back in the end.

    :param results: directory for evidence.
    :raises LabError: where it cannot be used.
    """
    params = options.completed(options.TEST, workdir=str(tests.workdir), retry=retry)
    setting = labs.Setting(tests.source, params, results, Keep.NEVER, nobody)
    with told(), labs.opened(Workdir(tests.workdir), setting, 1) as (lab,):
        yield Running(tests, results, Policy(retry), lab)


class Running:
    """A lab whose tests are run one by one."""

    def __init__(self, tests: Found, results: Path, policy: Policy, lab: labs.InLab) -> None:
        self._tests = tests
        self._results = results
        self._policy = policy
        self._lab = lab

    def run(self, case: Case) -> Ended:
        """Run a test."""
        (result,) = Suite(str(self._tests.workdir), [case], self._policy).run([self._lab.run]).tests
        text = ""
        if result.verdict not in (Verdict.PASSED, Verdict.SKIPPED):
            text = table.failure(result, Paint())
        if text and result.evidence:
            text += f"\n  directory: {self._results}"
        return Ended(result.verdict.good, result.verdict is Verdict.SKIPPED, cause_of(result), text)
