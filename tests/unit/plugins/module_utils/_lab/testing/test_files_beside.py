# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files tests are read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import source

SCENARIO = "{guests: {alice: , bob: }, tests: {own: {steps: [{ping: alice -> bob}]}}}"
TESTS = "tests: {%s: {steps: [{ping: alice -> bob}]}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A scenario with files beside it, of which not all are tests."""
    (tmp_path / "lab.yml").write_text(SCENARIO)
    beside = tmp_path / "tests"
    beside.mkdir()
    (beside / "b.yml").write_text(f"description: more\n{TESTS % 'more'}")
    (beside / "a.yaml").write_text(TESTS % "first")
    (beside / "play.yml").write_text("- hosts: all\n")
    (beside / "template.yml").write_text("{% for x in y %}")
    (beside / "notes.txt").write_text(TESTS % "none")
    return tmp_path


def names(workdir: Path, *paths: Path | str) -> list[str]:
    found = source.understood(Workdir(workdir), source.read([str(path) for path in paths]), None)
    return [f"{test.group}/{test.name}" for test in found.tests]


def test_files_of_tests_beside_a_scenario_are_read_with_it(project: Path) -> None:
    assert names(project, project / "lab.yml") == ["lab/own", "a/first", "b/more"]


def test_a_file_is_read_once_whoever_names_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert names(project, "lab.yml", "tests/b.yml") == ["lab/own", "a/first", "b/more"]
    assert names(project, project / "tests" / "b.yml", "lab.yml") == ["lab/own", "b/more", "a/first"]


def test_nothing_is_beside_a_file_of_tests(project: Path) -> None:
    (project / "more.yml").write_text(TESTS % "x")
    assert source.files_of(project / "more.yml") == [project / "more.yml"]


def test_what_is_wrong_beside_a_scenario_is_told(project: Path) -> None:
    (project / "tests" / "c.yml").write_text("tests: {x: {steps: [{ping: alice -> bbo}]}\n")
    with pytest.raises(Invalid, match=r"c\.yml:2:1: this is no YAML"):
        names(project, project / "lab.yml")


def test_the_scenario_of_a_working_directory_has_files_beside_it(project: Path, tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    place = tmp_path / "scenarios" / "lab"
    place.mkdir()
    (project / "lab.yml").rename(place / "config")
    (project / "tests").rename(place / "tests")
    found = source.understood(Workdir(tmp_path), [], "lab")
    assert [test.name for test in found.tests] == ["own", "first", "more"]
