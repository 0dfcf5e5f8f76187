# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm test``: tests of a lab, as ``dumm_test`` runs them.

Exit codes: 0 all passed, 1 some failed, 2 there was nothing to run, 3 the lab is broken or could not be used.
"""

from __future__ import annotations

import shutil
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from ..model import options
from ..model.errors import DummError, InvalidInput, plain
from ..run.report import RunFailed
from ..testing import table
from ..testing.narration import TestNarrator
from ..testing.paint import Paint
from ..testing.runs.body import TestReport, run_tests
from ..testing.runs.grading import grade
from .usage import Parser, WrongUsage, complain

_EXAMPLES = """\
  dumm test vpn.yml                       all tests of a scenario's file, or of a file of tests
  dumm test vpn.yml 'rekey*' --retry 2    those of them that match, each up to three times
  dumm test --list                        the tests of the lab's own scenario
  dumm test vpn.yml --keep                leave the lab as the first failure leaves it
  dumm test tests.yml --submissions DIR   grade the labs of a class

The exit code is 0 if all tests passed, 1 if some failed, 2 if there was nothing to run, 3 if the lab is broken.
"""
_NOTHING, _BROKEN = 2, 3


def run(words: Sequence[str], workdir: str) -> int:
    """Run tests as the words say; the exit code."""
    wanted = _parser(workdir).parse_args(words)
    screen = Screen(sys.stdout)
    try:
        return _graded(wanted, screen) if wanted.submissions is not None else _run(wanted, screen)
    except (DummError, OSError):
        raise
    except Exception:
        # A fault of ours is not to look like a test that failed.
        traceback.print_exc()
        return _BROKEN


def _run(wanted: Namespace, screen: Screen) -> int:
    narrator = TestNarrator(screen.line, screen.now, screen.paint)
    try:
        report = run_tests(_params(wanted), check=wanted.list, subscriber=narrator)
    except RunFailed as failed:
        if isinstance(failed.error, InvalidInput):
            return complain(f"dumm: {failed}", _NOTHING)
        if not isinstance(failed.report, TestReport):
            raise
        report = failed.report
        _warn(failed.warnings)
    else:
        _warn(report.warnings)
    return _listed(report) if wanted.list else _told(report, screen)


def _parser(workdir: str) -> Parser:
    parser = Parser("dumm test", "Run tests in a lab.", _EXAMPLES, workdir)
    parser.add_argument(
        "wanted",
        metavar="FILE|NAME",
        nargs="*",
        help="files or directories of tests; names or tags of tests, with wildcards",
    )
    parser.add_argument(
        "-s",
        "--scenario",
        metavar="NAME|FILE",
        help="scenario of the lab (default: that of the file, or of its guests)",
    )
    parser.add_argument("-l", "--list", action="store_true", help="list the tests, and run none")
    parser.add_argument("-t", "--tag", metavar="TAG", action="append", help="only tests with this tag; may be repeated")
    parser.add_argument(
        "-r", "--results", metavar="DIR", help="directory for reports (default: results in the working directory)"
    )
    parser.add_argument(
        "-p", "--parallel", metavar="N", type=int, default=1, help="run tests in so many labs at the same time"
    )
    parser.add_argument("--retry", metavar="N", type=int, default=0, help="run a test that fails so many more times")
    parser.add_argument("-x", "--stop-on-failure", action="store_true", help="run no further test after one has failed")
    parser.add_argument(
        "-k",
        "--keep",
        nargs="?",
        const="failed",
        default="never",
        choices=["failed", "always", "never"],
        help="leave the lab as a test left it: the first that fails (without a value), or always the last",
    )
    parser.add_argument(
        "--submissions", metavar="DIR", help="run the tests against each scenario in DIR, and write grades.csv"
    )
    parser.add_argument(
        "--format", default="dumm", choices=["dumm", "strongswan"], help="what the files are written in"
    )
    return parser


def _params(wanted: Namespace) -> dict[str, Any]:
    """The arguments of the module."""
    paths = [word for word in wanted.wanted if is_path(word)]
    names = [word for word in wanted.wanted if not is_path(word)]
    scenario = wanted.scenario
    if scenario is not None and is_path(scenario):
        paths, scenario = [scenario, *paths], None
    own = ("workdir", "results", "parallel", "retry", "stop_on_failure", "keep", "format")
    given = {key: getattr(wanted, key) for key in own}
    arguments = options.completed(options.TEST, **given, src=paths or None, scenario=scenario, tests=names or None)
    return {**arguments, "tags": wanted.tag}


def is_path(word: str) -> bool:
    """Whether a word is a file, not the name of a test: it is there, or its ending says so."""
    return word.endswith((".yml", ".yaml")) or ("/" in word and Path(word).exists()) or Path(word).is_dir()


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        complain(plain(f"dumm: {warning}"), 0)


def _graded(wanted: Namespace, screen: Screen) -> int:
    """Run tests against many labs in a row."""
    if wanted.list or wanted.scenario is not None or wanted.keep != "never":
        raise WrongUsage(
            "dumm test", "--submissions goes with neither --list, --scenario nor --keep", "leave these out"
        )
    narrator = TestNarrator(screen.now, screen.now, screen.paint)
    try:
        graded, table_ = grade(_params(wanted), Path(wanted.submissions), tell=screen.line, subscriber=narrator)
    except InvalidInput as exc:
        return complain(f"dumm: {exc}", _NOTHING)
    screen.line(f"grades: {plain(str(table_))}")
    return 0 if all(each.good for each in graded) else 1


def _listed(report: TestReport) -> int:
    """Show what would be run."""
    tests: dict[str, Any] = report.subject or {}
    width = max(map(len, tests), default=0)
    for name, test in tests.items():
        skip = f"skipped: {test['skip']}" if test.get("skip") else ""
        about = skip or test.get("description", "")
        sys.stdout.write(plain(f"{name:<{width}}  {about}").rstrip() + "\n")
    return 0 if tests else _NOTHING


def _told(report: TestReport, screen: Screen) -> int:
    """Show what came of all."""
    suite = report.suite
    if suite is None or not (suite.tests or suite.broken):
        return _NOTHING
    screen.line("")
    screen.line(table.report(suite, screen.paint))
    screen.line(f"results: {plain(report.results)}/report.html")
    return suite.exit_code


class Screen:
    """Where lines go.  A terminal has one line more, of what is under way, which the next line replaces."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self.paint = Paint.of(stream)

    def line(self, text: str) -> None:
        """A line that stays."""
        self._stream.write(f"{self._erased}{text}\n")
        self._stream.flush()

    def now(self, text: str) -> None:
        """What is under way."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"{self._erased}{text[:width]}")
            self._stream.flush()

    @property
    def _erased(self) -> str:
        return "\r\x1b[K" if self._live else ""
