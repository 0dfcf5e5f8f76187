# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's control groups, in directories that stand for those of either version."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import cgroups
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.cgroups import Limits

LIMITS = Limits(memory=100 << 20, processes=300)


def _mount(monkeypatch: pytest.MonkeyPatch, places: dict[str, Path], *, unified: bool) -> None:
    found = {name: cgroups._Place(path, unified) for name, path in places.items()}
    monkeypatch.setattr(cgroups, "_mounted", lambda: found)
    for path in places.values():
        path.mkdir(exist_ok=True)


def _files(group: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in group.iterdir()}


def test_each_controller_of_version_1_has_a_group_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _mount(monkeypatch, {name: tmp_path / name for name in ("memory", "pids", "cpu")}, unified=False)

    limited = cgroups.join("lab", "alice", 4711, LIMITS)

    assert limited == ("memory", "pids", "cpu")
    assert _files(tmp_path / "memory/dumm/lab/alice") == {
        "memory.limit_in_bytes": "104857600",
        "memory.memsw.limit_in_bytes": "209715200",
        "cgroup.procs": "4711",
    }
    assert _files(tmp_path / "pids/dumm/lab/alice") == {"pids.max": "300", "cgroup.procs": "4711"}
    assert _files(tmp_path / "cpu/dumm/lab/alice")["cpu.cfs_quota_us"] == "100000"


@pytest.mark.parametrize("unified", [False, True])
def test_what_cannot_leave_one_cpu_has_no_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, unified: bool
) -> None:
    _mount(monkeypatch, {"cpu": tmp_path}, unified=unified)
    for above in (tmp_path, tmp_path / "dumm", tmp_path / "dumm/lab"):
        above.mkdir(exist_ok=True)
        (above / "cgroup.subtree_control").write_text("cpu\n")

    assert cgroups.join("lab", "alice", 4711, dataclasses.replace(LIMITS, quota=False)) == ("cpu",)

    assert _files(tmp_path / "dumm/lab/alice") == {"cgroup.procs": "4711"}


def test_those_of_version_2_share_one_which_the_groups_above_let_have_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _mount(monkeypatch, dict.fromkeys(("memory", "cpu"), tmp_path / "unified"), unified=True)
    told = []
    for above in (tmp_path / "unified", tmp_path / "unified/dumm", tmp_path / "unified/dumm/lab"):
        above.mkdir(exist_ok=True)
        (above / "cgroup.subtree_control").write_text("memory\n")
        told.append(above / "cgroup.subtree_control")

    assert cgroups.join("lab", "alice", 4711, LIMITS) == ("memory", "cpu")

    assert _files(tmp_path / "unified/dumm/lab/alice") == {
        "memory.max": "104857600",
        "memory.swap.max": "104857600",
        "cpu.max": "100000 100000",
        "cgroup.procs": "4711",
    }
    assert [control.read_text() for control in told] == ["+cpu"] * 3


def test_a_controller_that_does_not_take_a_limit_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _mount(monkeypatch, {name: tmp_path / name for name in ("memory", "pids")}, unified=False)
    (tmp_path / "memory/dumm").write_text("in the way")

    assert cgroups.join("lab", "alice", 4711, LIMITS) == ("pids",)


def test_groups_go_with_the_guest_and_the_labs_with_the_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _mount(monkeypatch, {"pids": tmp_path / "pids"}, unified=False)
    for guest in ("alice", "bob"):
        (tmp_path / "pids/dumm/lab" / guest).mkdir(parents=True)

    cgroups.leave("lab", "alice")
    assert [path.name for path in (tmp_path / "pids/dumm/lab").iterdir()] == ["bob"]
    cgroups.leave("lab", "bob")
    assert not (tmp_path / "pids/dumm/lab").exists()
    cgroups.leave("lab", "bob")


def test_a_host_without_any_limits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _mount(monkeypatch, {}, unified=False)

    assert cgroups.join("lab", "alice", 4711, LIMITS) == ()
    cgroups.leave("lab", "alice")
