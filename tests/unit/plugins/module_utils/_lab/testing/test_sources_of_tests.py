# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where tests come from, and where results go, without any guest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from suites import ALL

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Test
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import source
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.directory import Results
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.selection import Case
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.source import Text

SCENARIO = """\
guests:
  moon: {kernel: old}
  sun: {mem: 64}
links:
- moon:eth0 -- sun:eth0
tests:
  own:
    steps:
    - ping: moon -> sun
"""
TESTS = """\
tests:
  beside:
    steps:
    - ping: moon -> sun
"""


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """An empty working directory."""
    (tmp_path / "lab/guests").mkdir(parents=True)
    return Workdir.at(str(tmp_path / "lab"))


def _names(found: source.Source) -> list[str]:
    return [f"{test.group}/{test.name}" for test in found.tests]


def test_a_scenarios_file_has_its_tests_and_those_of_other_files_follow(workdir: Workdir) -> None:
    found = source.understood(workdir, [Text("tests/beside.yml", TESTS), Text("labs/vpn.yml", SCENARIO)], None)

    assert found.lab is not None
    assert found.lab.scenario.name == "vpn"
    assert _names(found) == ["vpn/own", "beside/beside"]


def test_a_scenario_that_the_working_directory_has_is_named(workdir: Workdir) -> None:
    path = workdir.scenario("vpn")
    path.parent.mkdir(parents=True)
    path.write_text(SCENARIO)

    assert _names(source.understood(workdir, [], "vpn")) == ["vpn/own"]
    assert _names(source.understood(workdir, [Text("beside.yml", TESTS)], "vpn")) == ["beside/beside"]


def test_the_scenario_of_the_lab_need_not_be_named(workdir: Workdir) -> None:
    path = workdir.scenario("vpn")
    path.parent.mkdir(parents=True)
    path.write_text(SCENARIO)
    for name in ("moon", "sun"):
        workdir.store_guest(Guest(name, scenario="vpn"))

    assert _names(source.understood(workdir, [], None)) == ["vpn/own"]


def test_a_lab_that_modules_made_has_no_scenario(workdir: Workdir) -> None:
    for name in ("moon", "sun"):
        workdir.store_guest(Guest(name))

    found = source.understood(workdir, [Text("beside.yml", TESTS)], None)

    assert (found.lab, found.warnings, _names(found)) == (None, (), ["beside/beside"])
    with pytest.raises(InvalidInput, match="its lab belongs to no scenario; give a file of tests"):
        source.understood(workdir, [], None)


def test_a_lab_whose_scenario_is_not_at_hand_is_told_of(workdir: Workdir) -> None:
    for name in ("moon", "sun"):
        workdir.store_guest(Guest(name, scenario="vpn"))

    found = source.understood(workdir, [Text("beside.yml", TESTS)], None)

    assert found.lab is None
    assert found.warnings[0].startswith("scenario vpn: its file is not given")
    with pytest.raises(InvalidInput, match="scenario vpn: cannot read"):
        source.understood(workdir, [], None)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([Text("a.yml", SCENARIO), Text("b.yml", SCENARIO)], r"there are 2 scenarios: a\.yml, b\.yml; give one"),
        (
            [Text("a.yml", SCENARIO), Text("x/t.yml", TESTS), Text("y/t.yml", TESTS)],
            "there are two in group t, at x/t.yml",
        ),
        (
            [Text("a.yml", SCENARIO), Text("t.yml", TESTS.replace("sun", "sum"))],
            "there is no guest sum; did you mean sun",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(texts: list[Text], message: str, workdir: Workdir) -> None:
    with pytest.raises(InvalidInput, match=message):
        source.understood(workdir, texts, None)


def test_a_lab_is_described_as_its_scenario_is(workdir: Workdir) -> None:
    found = source.understood(workdir, [Text("vpn.yml", SCENARIO)], None)
    assert found.lab is not None

    params = found.lab.params("/lab", {"wait_timeout": 5, "netns": None, "src": ["vpn.yml"]})

    expected = {
        "workdir": "/lab",
        "name": "vpn",
        "src": "vpn.yml",
        "content": SCENARIO,
        "config": None,
        "wait_timeout": 5,
    }
    assert {key: params[key] for key in expected} == expected


def test_a_variant_of_the_matrix_overrides_what_guests_have(workdir: Workdir) -> None:
    found = source.understood(workdir, [Text("vpn.yml", SCENARIO)], None)
    assert found.lab is not None

    params = found.lab.params("/lab", {}, Case(Test("own", "vpn"), "new", "bookworm"))

    assert params["config"] == {
        "defaults": {"kernel": "new", "master": "bookworm"},
        "guests": {"moon": {}, "sun": {"mem": 64}},
        "links": ["moon:eth0 -- sun:eth0"],
    }
    assert (params["content"], params["src"], params["restart"]) == (None, None, True)


def test_all_files_of_a_directory_are_read_in_order_but_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "c/d.yml", ".git/x.yml", "readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    assert [text.content for text in source.read([str(tmp_path)])] == ["a.yaml", "b.yml", "c/d.yml"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file"):
        source.read([str(tmp_path)])
    with pytest.raises(InvalidInput, match="there is no such file; give another path"):
        source.read([str(tmp_path / "tests.yml")])


# Results


def test_results_are_written_and_tell_the_next_run_how_long_tests_took(tmp_path: Path) -> None:
    results = Results(tmp_path / "deep/results")

    assert results.begin() == {}
    results.write(ALL)

    assert sorted(path.name for path in results.path.iterdir()) == ["junit.xml", "report.html", "results.json"]
    assert json.loads((results.path / "results.json").read_text())["format"] == 1
    assert results.begin()["vpn", "failover", ""] == 11.5


def test_a_new_run_removes_what_the_one_before_has_left_and_nothing_else(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.begin()
    results.write(ALL)
    (tmp_path / "evidence/vpn").mkdir(parents=True)
    (tmp_path / "mine.txt").touch()

    results.begin()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "results.json"]


@pytest.mark.parametrize("name", ["junit.xml", "results.json", "report.html", "evidence"])
def test_a_file_of_somebody_else_is_not_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(InvalidInput, match=f"there is {name}, which no run of tests has written"):
        Results(tmp_path).begin()

    assert (tmp_path / name).read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DummError, match=r"results .*/file/results: cannot write"):
        Results(tmp_path / "file/results").begin()
