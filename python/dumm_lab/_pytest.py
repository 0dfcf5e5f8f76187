# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pytest plugin: the fixture ``lab``, tests that are written in YAML as items of pytest, and guests as hosts of testinfra.

Every run of pytest loads it where the package is installed, so it imports nothing of the collection before somebody wants a lab.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import _collection
from ._errors import LabError
from ._lab import Lab

if TYPE_CHECKING:
    from ._suite import Case, Found, Running

_ENDINGS = (".yml", ".yaml")
_FILES = "dumm_files"
_TESTS = re.compile(rb"^(tests|[\"']tests[\"'])\s*:", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("dumm", "dumm.lab")
    group.addoption(
        "--dumm-workdir",
        metavar="DIRECTORY",
        help="working directory of the lab (default: DUMM_WORKDIR, or /var/lib/dumm)",
    )
    group.addoption(
        "--dumm-retry", metavar="N", type=int, default=0, help="run a test in YAML that fails so many more times"
    )
    group.addoption("--dumm-results", metavar="DIRECTORY", help="where evidence of tests in YAML that fail is kept")
    parser.addini(
        _FILES, "files of tests in YAML (default: *.dumm.yml)", type="args", default=["*.dumm.yml", "*.dumm.yaml"]
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make ``--hosts dumm://alice`` known, where testinfra is installed."""
    if "testinfra.plugin" in sys.modules:
        from . import testinfra

        testinfra.use(config.getoption("--dumm-workdir"))


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab of ``--dumm-workdir``."""
    return _lab(request.config)


def _lab(config: pytest.Config) -> Lab:
    return Lab(config.getoption("--dumm-workdir"))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> LabFile | None:
    """A file that has tests in YAML: one of those named so, or any that is given on the command line."""
    if file_path.suffix not in _ENDINGS:
        return None
    named = any(file_path.match(pattern) for pattern in parent.config.getini(_FILES))
    if not named and not parent.session.isinitpath(file_path):
        return None
    # An inventory has such a name, too.
    if not _TESTS.search(file_path.read_bytes()):
        return None
    collected: LabFile = LabFile.from_parent(parent, path=file_path)
    return collected


class LabFile(pytest.File):
    """A scenario's file with tests, or a file of tests.  Its lab is tested by nobody else from its first test to its last."""

    _found: Found | None = None
    _running: Running | None = None

    def collect(self) -> Iterable[LabTest]:
        """Its tests, once for each kernel and master that they want."""
        try:
            _collection.find()
            from . import _suite

            self._found = _suite.found(_lab(self.config).workdir, self.path)
        except LabError as exc:
            raise self.CollectError(str(exc)) from None
        for name, case in self._found.cases:
            item: LabTest = LabTest.from_parent(self, name=name, case=case)
            yield item

    def setup(self) -> None:
        """Open the lab."""
        from . import _suite

        assert self._found is not None
        results = self.config.getoption("--dumm-results")
        # Beside the directories that pytest gives tests, of which it keeps the last three.
        factory: pytest.TempPathFactory = self.config._tmp_path_factory  # type: ignore[attr-defined]
        place = Path(results).absolute() if results else factory.mktemp("dumm-results")
        self._stack = ExitStack()
        self._running = self._stack.enter_context(
            _suite.running(self._found, place, self.config.getoption("--dumm-retry"))
        )

    def teardown(self) -> None:
        """Give the lab back."""
        self._stack.close()

    def run(self, case: Case) -> Any:
        """Run a test; its result."""
        assert self._running is not None
        return self._running.run(case)


class _Failed(Exception):
    """A test in YAML failed; its text is for people."""


class LabTest(pytest.Item):
    """A test in YAML."""

    def __init__(self, *, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self._case = case
        self.extra_keyword_matches.update(case.test.tags)

    def runtest(self) -> None:
        """Run it."""
        parent = self.parent
        assert isinstance(parent, LabFile)
        ended = parent.run(self._case)
        if ended.skipped:
            pytest.skip(ended.cause)
        if not ended.good:
            raise _Failed(ended.text)
        if ended.text:
            self.warn(pytest.PytestWarning(ended.text))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is shown of a failure: the step, what was expected and what was found."""
        if isinstance(excinfo.value, (_Failed, LabError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is written."""
        line = re.search(r":(\d+)(:\d+)?:? ", f"{self._case.test.place} ")
        return self.path, int(line[1]) - 1 if line else None, self.name


def pytest_report_header(config: pytest.Config) -> Iterator[str] | list[str]:
    """Name the lab, where one is given."""
    given = config.getoption("--dumm-workdir")
    return [f"dumm.lab: {given}"] if given else []
