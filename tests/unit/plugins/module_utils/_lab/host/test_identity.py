# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lab a working directory is, wherever it came from."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import identity
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import settle


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(identity, "_CLAIMS", tmp_path / "run/labs")


def lab(path: Path) -> Workdir:
    """A working directory that is a lab's since a run has changed it."""
    workdir = Workdir(path)
    workdir.create()
    workdir.store_guest(Guest("alice"))
    workdir.store_format()
    settle.store(workdir)
    return workdir


def copy(workdir: Workdir, path: Path) -> Workdir:
    """A copy, as ``cp -a`` makes one."""
    shutil.copytree(workdir.path, path, symlinks=True)
    return Workdir(path)


def names(*workdirs: Workdir) -> list[str]:
    """Names of the labs after a run in each, one after another; a second one changes none."""
    for workdir in workdirs:
        settle.settle(workdir)
    found = [workdir.lab_name for workdir in workdirs]
    assert [settle.settle(workdir) for workdir in workdirs] == [None] * len(workdirs)
    assert [workdir.lab_name for workdir in workdirs] == found
    return found


def test_a_lab_keeps_its_name_where_it_is(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")

    assert names(first) == [identity.derived(first.path)]
    assert settle.settle(first) is None


def test_a_copy_is_another_lab_and_a_copy_of_it_a_third(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    second = copy(first, tmp_path / "k2")
    early = copy(second, tmp_path / "k3")
    told = settle.settle(second)
    late = copy(second, tmp_path / "k4")

    assert told is not None and first.lab_name in told and second.lab_name in told
    assert len(set(names(first, second, early, late))) == 4
    assert settle.settle(second) is None


@pytest.mark.parametrize("netns", ["", "testbed"])
def test_a_copy_has_a_network_namespace_of_its_own_unless_the_user_gave_one(tmp_path: Path, netns: str) -> None:
    first = lab(tmp_path / "k1")
    first.store_netns(netns or first.lab_name)
    second = copy(first, tmp_path / "k2")

    assert second.load().netns == (netns or second.lab_name)
    settle.settle(second)
    assert second.load().netns == (netns or second.lab_name)
    assert first.load().netns == (netns or first.lab_name)


def test_a_moved_directory_is_the_same_lab_and_what_is_made_in_its_place_another(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    name = first.lab_name
    moved = Workdir(first.path.rename(tmp_path / "k2"))

    assert names(moved) == [name]
    fresh, same = names(lab(tmp_path / "k1"), moved)
    assert fresh != same == name


def test_one_of_two_that_have_a_name_from_before_a_move_gives_it_up(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    name = first.lab_name
    moved = Workdir(first.path.rename(tmp_path / "k2"))

    # No run has been in the moved one, and nothing of it is there.
    fresh = lab(tmp_path / "k1")

    assert names(fresh, moved) == [name, identity.derived(moved.path)]


def test_a_directory_that_is_there_anew_is_the_same_lab(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    name = first.lab_name
    saved = copy(first, tmp_path / "saved")
    shutil.rmtree(first.path)
    restored = copy(saved, tmp_path / "k1")

    assert names(restored, saved) == [name, identity.derived(saved.path)]


def test_a_copy_whose_original_is_gone_is_the_same_lab(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    name = first.lab_name
    copies = [copy(first, tmp_path / name) for name in ("k2", "k3")]
    shutil.rmtree(first.path)

    assert names(copies[0]) == [name]
    assert names(*copies) == [name, identity.derived(copies[1].path)]


def test_a_copy_stays_another_lab_when_the_original_is_moved(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    name = first.lab_name
    second = copy(first, tmp_path / "k2")
    moved = Workdir(first.path.rename(tmp_path / "k3"))

    assert names(moved) == [name]
    assert names(moved, second) == [name, identity.derived(second.path)]


@pytest.mark.parametrize("moved", [False, True])
def test_devices_may_have_other_numbers_after_a_boot_of_the_host(tmp_path: Path, moved: bool) -> None:
    first = lab(tmp_path / "k1")
    name = first.lab_name
    stored = json.loads(first.identity.read_text())
    stored["place"] |= {"boot": "another", "device": stored["place"]["device"] + 1}
    first.identity.write_text(json.dumps(stored))
    now = Workdir(first.path.rename(tmp_path / "k2")) if moved else first

    assert names(now) == [name]
    assert json.loads(now.identity.read_text())["place"] == {
        "path": str(now.path),
        "device": now.path.stat().st_dev,
        "inode": now.path.stat().st_ino,
        "boot": identity.boot_id(),
    }


def test_a_lab_that_is_gone_leaves_its_name_to_the_next(tmp_path: Path) -> None:
    first = lab(tmp_path / "k1")
    assert os.listdir(tmp_path / "run/labs") == [first.lab_name]

    first.forget()
    first.forget()

    assert os.listdir(tmp_path / "run/labs") == []
    assert names(first) == [identity.derived(first.path)]


@pytest.mark.parametrize(
    "stored",
    [
        {"name": 7},
        {"name": "dumm-x"},
        {"name": "dumm-x", "place": 7},
        {"name": "dumm-x", "place": {"path": 7}},
        {"name": "dumm/../../x", "place": {"path": "/x"}},
        {"name": "dumm\nx", "place": {"path": "/x"}},
        {"name": "../x", "place": {"path": "/x"}},
        {"name": "dumm" * 30, "place": {"path": "/x"}},
    ],
)
def test_an_identity_that_cannot_be_is_none(tmp_path: Path, stored: dict[str, Any]) -> None:
    first = lab(tmp_path / "k1")
    first.identity.write_text(json.dumps({**stored, "ours": [1]}))

    assert names(first) == [identity.derived(first.path)]
    assert json.loads(first.identity.read_text())["ours"] == [1]


def test_a_run_that_has_nothing_there_stores_nothing(tmp_path: Path) -> None:
    empty = Workdir(tmp_path / "k1")
    empty.create()

    assert settle.settle(empty) is None
    assert not empty.identity.exists()
