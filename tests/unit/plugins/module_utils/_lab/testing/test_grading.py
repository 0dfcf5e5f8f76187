# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a class."""

from __future__ import annotations

import csv

from suites import HOSTILE, made

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import SuiteResult, Verdict
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.runs.grading import Graded, table


def _suite(*tests: object) -> SuiteResult:
    return SuiteResult("/lab", 0.0, 1.0, tests)  # type: ignore[arg-type]


ALICE = Graded("alice", 4.0, _suite(made("there"), made("forwards", points=3.0)))
BOB = Graded("bob", 4.0, _suite(made("there"), made("forwards", Verdict.FAILED, points=3.0)))
CAROL = Graded("carol", 4.0, remark="guests: unknown key\nline two")


def test_each_submission_is_a_line_with_its_points_and_what_came_of_each_test() -> None:
    assert table([ALICE, BOB, CAROL]).splitlines() == [
        "submission,points,of,there,forwards,remark",
        "alice,4,4,passed,passed,",
        "bob,1,4,passed,failed,",
        "carol,0,4,,,guests: unknown key line two",
    ]


def test_no_name_is_a_formula_or_ends_its_cell() -> None:
    (_head, formula, hostile) = csv.reader(
        table([Graded("=cmd()", 1.0), Graded(HOSTILE, 1.0, remark=HOSTILE)]).splitlines()
    )

    assert formula[0] == "'=cmd()"
    assert len(hostile) == 4
    assert hostile[0].startswith("\\x1b[31m</pre>")


def test_a_submission_is_told_in_a_line() -> None:
    assert str(BOB) == "bob: 1 of 4 points: 1 failed, 1 passed in 1.0 s"
    assert str(CAROL) == "carol: broken: guests: unknown key line two"
    assert [each.good for each in (ALICE, BOB, CAROL)] == [True, False, False]
