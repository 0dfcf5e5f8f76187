# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as JUnit's XML, which CI systems read: a testsuite for each group, a testcase for each test.

Jenkins's schema (junit-10.xsd of its xunit plugin) is the strictest of those that readers check; there are neither ``file`` nor ``line``
in it, so that the place of a failure is in its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..model.errors import plain
from .record import instant
from .results import SuiteResult, TestResult, Verdict
from .table import step_lines
from .wording import cause_of, line, title

# What no XML document may have, escaped or not (https://www.w3.org/TR/xml/#charsets), and ``plain`` lets through.
_ILLEGAL = re.compile("[\ufffe\uffff]")
_FAILURES = (Verdict.FAILED, Verdict.SUSPECT)
_NO_GROUP = "tests"


def junit(suite: SuiteResult) -> bytes:
    """The document."""
    root = Element("testsuites", name="dumm")
    _count(root, suite.tests, broken=bool(suite.broken))
    for group, tests in _grouped(suite.tests):
        below = SubElement(root, "testsuite", name=_text(line(group or _NO_GROUP)))
        _count(below, tests)
        below.set("skipped", str(sum(test.verdict is Verdict.SKIPPED for test in tests)))
        below.set("timestamp", instant(min(test.began for test in tests)).rstrip("Z"))
        for test in tests:
            _add(below, group or _NO_GROUP, test)
    if suite.broken:
        _add_broken(root, suite)
    indent(root)
    found: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _grouped(tests: Iterable[TestResult]) -> list[tuple[str, list[TestResult]]]:
    ordered = sorted(tests, key=lambda test: test.group)
    return [(group, list(some)) for group, some in groupby(ordered, key=lambda test: test.group)]


def _count(element: Element, tests: Iterable[TestResult], *, broken: bool = False) -> None:
    tests = list(tests)
    element.set("tests", str(len(tests) + broken))
    element.set("failures", str(sum(test.verdict in _FAILURES for test in tests)))
    element.set("errors", str(sum(test.verdict is Verdict.BROKEN for test in tests) + broken))
    element.set("time", f"{sum(test.seconds for test in tests):.3f}")


def _add(parent: Element, group: str, test: TestResult) -> None:
    case = SubElement(
        parent,
        "testcase",
        classname=_text(line(group)),
        name=_text(title(test.name, test.variant)),
        time=f"{test.seconds:.3f}",
    )
    cause = _text(cause_of(test))
    if test.verdict in _FAILURES:
        _text_of(SubElement(case, "failure", message=cause, type=test.verdict.value), _details(test))
    elif test.verdict is Verdict.BROKEN:
        _text_of(SubElement(case, "error", message=cause, type=test.verdict.value), _details(test))
    elif test.verdict is Verdict.SKIPPED:
        SubElement(case, "skipped", message=cause)
    elif test.verdict is Verdict.FLAKY:
        SubElement(case, "flakyFailure", message=f"passed after {test.tries} tries. {cause}".strip(), type="flaky")


def _details(test: TestResult) -> str:
    lines = [line(test.place)] if test.place else []
    for step in test.steps:
        if not step.verdict.good:
            lines += step_lines(step)
    if test.pressure is not None:
        lines.append(f"tasks waited for a CPU {test.pressure:.0f} % of the time")
    lines += (f"{line(what)}: {line(path)}" for what, path in test.evidence.items())
    return "\n".join(lines)


def _add_broken(root: Element, suite: SuiteResult) -> None:
    below = SubElement(
        root,
        "testsuite",
        name="lab",
        tests="1",
        failures="0",
        errors="1",
        time=f"{suite.seconds:.3f}",
        skipped="0",
        timestamp=instant(suite.began).rstrip("Z"),
    )
    case = SubElement(below, "testcase", classname="lab", name="lab", time=f"{suite.seconds:.3f}")
    _text_of(SubElement(case, "error", message=_text(line(suite.broken)), type="broken"), suite.broken)


def _text_of(element: Element, text: str) -> None:
    element.text = _text(text)


def _text(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", plain(text))
