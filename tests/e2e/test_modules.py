# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of every module by a playbook, in both ways, with its effect.  The cases are in ``cases``."""

from __future__ import annotations

import batch
import pytest
from case import Case
from cases import CASES
from way import Way

WAYS = pytest.mark.parametrize("way_name", ["local", "remote"])


@pytest.fixture
def outcome(outcomes: dict[str, batch.Running], way_name: str, case: Case) -> batch.Outcome:
    """What came out of a case."""
    return outcomes[way_name].of(case)


@WAYS
def test_a_body_runs_in_the_controller_or_as_a_module_of_the_lab_host(
    way_name: str, request: pytest.FixtureRequest
) -> None:
    way: Way = request.getfixturevalue(way_name)
    options = f"workdir={way.lab.path}"

    output = way.run("ansible", "-i", way.inventory(), way.host, "-m", "dumm.lab.dumm_info", "-a", options, "-vvv")

    assert ("/usr/bin/python3 " in output and "AnsiballZ_dumm_info" in output) is way.remote, output


def _expect_nothing(wrong: str) -> None:
    if wrong:
        pytest.fail(wrong, pytrace=False)


@WAYS
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_task_does_what_it_says_once(case: Case, way_name: str, outcome: batch.Outcome) -> None:
    _expect_nothing(batch.check(case, outcome))


@WAYS
@pytest.mark.parametrize(
    ("case", "option"),
    [pytest.param(case, option, id=f"{case.name}-{option}") for case in CASES for option in case.sees],
)
def test_an_option_has_its_effect(case: Case, option: str, outcome: batch.Outcome) -> None:
    _expect_nothing(batch.check_look(case.sees[option], outcome, option))
