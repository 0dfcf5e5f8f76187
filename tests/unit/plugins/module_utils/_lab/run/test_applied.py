# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was applied last is known, for root only, until it is gone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import applied

TEXT = "guests:\n  alice:\n"


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """An empty working directory."""
    return Workdir(tmp_path)


def note(workdir: Workdir, **given: Any) -> None:
    """Note what a run was given."""
    params = options.completed(options.SCENARIO, workdir=str(workdir.path), name="lab", **given)
    applied.note(workdir, params, left=params["state"] != "absent")


def test_a_text_is_kept_as_it_came(workdir: Workdir) -> None:
    note(workdir, content=TEXT, src="/srv/lab.yml")
    assert applied.told(workdir, "lab") == {"format": 1, "place": "/srv/lab.yml", "text": TEXT}
    assert stat.S_IMODE(workdir.applied("lab").stat().st_mode) == 0o600
    assert stat.S_IMODE(workdir.applied("lab").parent.stat().st_mode) == 0o700


def test_variables_are_kept_in_their_order(workdir: Workdir) -> None:
    note(workdir, config={"links": [], "guests": {"b": None, "a": {"mem": 64}}})
    found = applied.told(workdir, "lab") or {}
    assert (list(found["config"]), list(found["config"]["guests"])) == (["links", "guests"], ["b", "a"])


def test_variables_are_known_as_text_as_well(workdir: Workdir) -> None:
    note(workdir, config={"guests": {"b": None, "a": {"mem": 64, "run": ["true"]}}})
    assert applied.text(workdir, "lab") == 'guests:\n  b:\n  a: {mem: 64, run: ["true"]}\n'
    note(workdir, content=TEXT)
    assert applied.text(workdir, "lab") == TEXT


@pytest.mark.parametrize("said", ["guests: []\n", "x: [\n", ""])
def test_what_is_no_scenario_any_more_is_no_text(workdir: Workdir, said: str) -> None:
    note(workdir, content=said)
    assert applied.text(workdir, "lab") is None


def test_a_file_on_the_lab_host_is_read(workdir: Workdir, tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(TEXT)
    note(workdir, src=str(tmp_path / "lab.yml"))
    assert (applied.told(workdir, "lab") or {})["text"] == TEXT


def test_what_is_known_is_not_written_again(workdir: Workdir) -> None:
    note(workdir, content=TEXT)
    before = workdir.applied("lab").stat()
    note(workdir, content=TEXT)
    assert workdir.applied("lab").stat() == before


@pytest.mark.parametrize(
    "given", [{"content": "x", "only": ["a"]}, {"content": "x", "state": "loaded"}, {"state": "unloaded"}]
)
def test_a_part_of_a_scenario_is_not_noted(workdir: Workdir, given: dict[str, Any]) -> None:
    note(workdir, content=TEXT)
    note(workdir, **given)
    assert (applied.told(workdir, "lab") or {})["text"] == TEXT


@pytest.mark.parametrize("given", [{"state": "absent"}, {}, {"config": {"guests": object()}}, {"content": "\ud800"}])
def test_nothing_is_left_where_it_is_gone_stored_or_no_text(workdir: Workdir, given: dict[str, Any]) -> None:
    note(workdir, content=TEXT)
    note(workdir, **given)
    assert applied.told(workdir, "lab") is None
    assert list(workdir.path.iterdir()) == []


@pytest.mark.parametrize(
    "said", ["", "{", "[]", '{"format": 2, "text": ""}', '{"format": 1}', '{"format": 1, "text": "", "config": {}}']
)
def test_what_cannot_be_understood_is_not_known(workdir: Workdir, said: str) -> None:
    workdir.applied("lab").parent.mkdir()
    workdir.applied("lab").write_text(said)
    assert applied.told(workdir, "lab") is None


def test_of_an_empty_lab_nothing_is_known(workdir: Workdir) -> None:
    note(workdir, content=TEXT)
    applied.forget_all(workdir)
    assert list(workdir.path.iterdir()) == []
