# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as text for a terminal: lines while tests run, the table, the steps that failed."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from suites import ALL, FAILED, LOST, REACHED, hostile, made

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import table
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.events import (
    SuiteBegan,
    TestBegan,
    TestEnded,
    TestStepEnded,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.narration import TestNarrator
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.paint import Paint
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import Attempt, SuiteResult, Verdict
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.wording import duration

PLAIN = Paint()


def test_each_test_that_ends_is_a_line_with_its_place_among_all() -> None:
    lines: list[str] = []
    narrator = TestNarrator(lines.append, lambda _line: None)

    narrator(SuiteBegan(12))
    for test in (made("tunnel"), FAILED, made("trap", Verdict.FLAKY, tries=2, variant="kernel tuned")):
        narrator(TestBegan(test.group, test.name))
        narrator(TestEnded(test))

    assert lines == [
        "[ 1/12] passed  vpn/tunnel (3.2 s)",
        "[ 2/12] failed  vpn/failover (11.5 s): ping: alice -> carol: no route to host: sun: no route to 10.2.0.0/16",
        "[ 3/12] flaky   vpn/trap [kernel tuned] (3.2 s after 2 tries)",
    ]


def test_details_tell_of_each_step_and_each_try() -> None:
    details: list[str] = []
    narrator = TestNarrator(lambda _line: None, details.append)

    narrator(TestBegan("vpn", "failover"))
    narrator(TestStepEnded("vpn", "failover", "", REACHED))
    narrator(TestBegan("vpn", "failover", attempt=2))

    assert details == [
        "failover: begins",
        "failover: passed after 12 ms: ping: alice -> bob",
        "failover: begins, try 2",
    ]


def test_the_table_has_a_line_for_each_test() -> None:
    assert table.table(ALL, PLAIN).splitlines() == [
        "result   test          time    remarks",
        "passed   vpn/tunnel    3.2 s",
        "failed   vpn/failover  11.5 s",
        "suspect  vpn/rekey     3.2 s   tasks waited for a CPU 98 % of the time",
        "flaky    vpn/trap      3.2 s   2 tries",
        "skipped  vpn/ikev1     0 ms    the kernel has no IPComp",
        "broken   other/gone    3.2 s   guest sun does not answer",
    ]


def test_points_are_told_where_tests_differ_in_them() -> None:
    suite = SuiteResult("/lab", 0.0, 5.0, (made("easy"), made("hard", Verdict.FAILED, points=2.5)))

    assert table.table(suite, PLAIN).splitlines() == [
        "result  test      time   points    remarks",
        "passed  vpn/easy  3.2 s  1 of 1",
        "failed  vpn/hard  3.2 s  0 of 2.5",
    ]
    assert table.closing(suite, PLAIN) == "1 failed, 1 passed in 5.0 s, 1 of 3.5 points"


def test_a_failed_step_tells_what_was_to_be_what_was_how_it_changed_and_where_it_is_written() -> None:
    assert table.failure(FAILED, PLAIN).splitlines() == [
        "FAILED vpn/failover: ping: alice -> carol: no route to host: sun: no route to 10.2.0.0/16",
        "  ping: alice -> carol  (tests/vpn.yml, line 9, column 7, stage failover)",
        "    expected: 1 of 1 answered",
        "    got, after 10.0 s:",
        "      no route to host",
        "      ping: connect",
        "    before that:",
        "      at 1.0 s (12 times): 0 of 1 answered",
        "    why: sun: no route to 10.2.0.0/16",
        "  evidence: 2 files in failover",
    ]


def test_a_long_output_and_many_changes_are_cut_and_say_so() -> None:
    long = replace(LOST, attempts=tuple(Attempt(float(at), "\n".join(map(str, range(50)))) for at in range(20)))

    lines = [*table.step_lines(long)]

    assert "    ... 30 lines, all of them in the other reports ..." in lines
    assert "    ... 11 more changes ..." in lines
    assert len(lines) < 40


def test_the_report_closes_with_counts() -> None:
    assert table.report(ALL).splitlines()[-1] == "1 broken, 1 failed, 1 suspect, 1 flaky, 1 skipped, 1 passed in 34.2 s"


def test_a_broken_lab_is_told_without_any_test() -> None:
    assert table.report(SuiteResult("/lab", 0.0, 1.0, (), "guest sun: it does not answer")).splitlines() == [
        "BROKEN guest sun: it does not answer",
        "no test was run in 1.0 s",
    ]


def test_no_text_of_a_guest_commands_a_terminal() -> None:
    told = table.report(hostile(), Paint(colours=False))
    lines: list[str] = []
    narrator = TestNarrator(lines.append, lines.append)
    (test,) = hostile().tests
    narrator(TestStepEnded(test.group, test.name, test.variant, test.steps[0]))
    narrator(TestEnded(test))

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told + "".join(lines))


@pytest.mark.parametrize(
    ("terminal", "variables", "coloured"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals(
    terminal: bool, variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)

    assert (Paint.of(stream)(Verdict.FAILED, "x") == "\x1b[1;31mx\x1b[0m") is coloured


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "0 ms"), (0.0123, "12 ms"), (3.21, "3.2 s"), (120.0, "2 min"), (125.4, "2 min 5 s")]
)
def test_times_are_told_as_people_say_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told
