# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as upstream's users know them: ``console.log`` of every test, logs and states of its hosts, and a table of all."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..results import TestResult, Verdict
from .trial import Record

PLACE = "strongswan"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_GREEN = frozenset({Verdict.PASSED, Verdict.FLAKY})


def write_test(results: Path, result: TestResult, record: Record) -> TestResult:
    """Write what a test has left.

    :return: the result with the names of the files.
    """
    directory = results / PLACE / result.group / result.name
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"console.log": "\n".join(record.console) + "\n"}
    texts |= {name: text for name, text in record.files.items() if _SAFE.fullmatch(name)}
    for old in directory.iterdir():
        old.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, errors="replace")
    if result.verdict is Verdict.PASSED:
        return result
    where = directory.relative_to(results)
    return replace(result, evidence={_title(name): str(where / name) for name in texts})


def _title(name: str) -> str:
    """``moon.daemon.log`` as ``moon: daemon.log``."""
    host, _dot, what = name.partition(".")
    return f"{host}: {what}" if name != "console.log" else name


def write_table(results: Path, tests: Sequence[TestResult]) -> None:
    """Write ``all.html``, upstream's table of all tests."""
    directory = results / PLACE
    directory.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(_row(number, test) for number, test in enumerate(tests, 1))
    passed = sum(test.verdict in _GREEN for test in tests)
    skipped = sum(test.verdict is Verdict.SKIPPED for test in tests)
    seconds = sum(test.seconds for test in tests)
    counts = {"Passed": passed, "Failed": len(tests) - passed - skipped, "Skipped": skipped, "Time [s]": round(seconds)}
    foot = "\n".join(f"<tr><td><b>{name}</b></td><td><b>{count}</b></td></tr>" for name, count in counts.items())
    (directory / "all.html").write_text(
        "<!DOCTYPE html>\n<html><head><meta charset='utf-8'><title>strongSwan tests</title></head><body>\n"
        "<h2>All Tests</h2>\n<table cellspacing='2' cellpadding='2'>\n"
        "<tr align='left'><th>Number</th><th>Test</th><th align='right'>Time [s]</th><th>Result</th><th>Cause</th></tr>\n"
        f"{rows}\n{foot}\n</table>\n</body></html>\n"
    )


def _row(number: int, test: TestResult) -> str:
    name = html.escape(f"{test.group}/{test.name}")
    colour = "green" if test.verdict in _GREEN else "gray" if test.verdict is Verdict.SKIPPED else "red"
    verdict = f"<font color='{colour}'>{test.verdict.value}</font>"
    if test.verdict is not Verdict.SKIPPED:
        verdict = f"<a href='{name}/console.log'>{verdict}</a>"
    why = html.escape("; ".join(filter(None, (test.variant, test.cause))))
    return f"<tr><td>{number}</td><td>{name}</td><td align='right'>{test.seconds:.0f}</td><td>{verdict}</td><td>{why}</td></tr>"
