# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a guest's confinement, and how much of the host it may have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import confine, seccomp
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.confine import Confinement, Users
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

LIMITS = confine._limits(64)
WHOLE = Confinement(LIMITS, 1 << 30, Users(3, 1 << 30))
ALL = ("memory", "pids", "cpu")


@pytest.fixture(autouse=True)
def _supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine.seccomp, "supported", lambda: True)
    monkeypatch.setattr(confine, "_release", lambda: (6, 7))


def test_a_guest_that_is_confined_in_every_way_has_no_gaps() -> None:
    assert confine.gaps(WHOLE, ALL, apart=True, disk=64, in_host_netns=False) == ()


@pytest.mark.parametrize(
    ("confinement", "changed", "gap"),
    [
        (None, {}, "the host's root"),
        (Confinement(LIMITS, 1 << 30, None, "it is too old"), {}, "user 0, without most of its rights: it is too old"),
        (WHOLE, {"limited": ("pids",)}, "no limit of memory, cpu"),
        (WHOLE, {"disk": None}, "fill the file system"),
        (WHOLE, {"apart": False}, "may outlive its kernel"),
        (WHOLE, {"in_host_netns": True}, "abstract UNIX sockets"),
    ],
)
def test_each_gap_is_told(confinement: Confinement | None, changed: dict[str, Any], gap: str) -> None:
    (told,) = confine.gaps(
        confinement, **{"limited": ALL, "apart": True, "disk": 64, "in_host_netns": False, **changed}
    )
    assert gap in told


def test_without_users_and_processes_of_its_own_it_reaches_those_of_root() -> None:
    confinement = Confinement(LIMITS, 1 << 30, None, "it is too old")
    told, _outlive = confine.gaps(confinement, ALL, apart=False, disk=64, in_host_netns=False)
    assert "send signals to its processes and trace other guests with this gap: it is too old" in told


def test_a_kernel_whose_bridges_have_no_bound_on_what_they_learn_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "_release", lambda: (6, 6))

    (told,) = confine.gaps(WHOLE, ALL, apart=True, disk=64, in_host_netns=False)

    assert told == "it may fill the forwarding tables of its segments: the host's kernel is older than 6.7"


def test_limits_grow_with_the_guests_memory() -> None:
    small, large = confine._limits(32), confine._limits(1024)

    assert small.processes < large.processes
    assert small.memory < large.memory
    assert large.memory > 1024 << 20


def test_a_file_system_is_tried_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried = []

    def mapped_mount(path: str, _users: int, _attributes: int) -> int:
        tried.append(path)
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(syscalls, "mapped_mount", mapped_mount)
    monkeypatch.setattr(confine, "_MAPPED", set())
    monkeypatch.setattr(confine, "_trial_namespace", lambda: 3)
    monkeypatch.setattr(confine, "_release", lambda: (6, 1))

    why = confine._why_not_mapped([str(tmp_path), str(tmp_path)])

    assert why == f"owners of files below {tmp_path} cannot be mapped (Invalid argument)"
    assert tried == [str(tmp_path)]


def test_a_file_system_that_can_be_mapped_is_not_tried_for_the_next_guest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = []

    def mapped_mount(path: str, _users: int, _attributes: int) -> int:
        tried.append(path)
        return os.open(path, os.O_RDONLY)

    monkeypatch.setattr(syscalls, "mapped_mount", mapped_mount)
    monkeypatch.setattr(confine, "_MAPPED", set())
    monkeypatch.setattr(confine, "_trial_namespace", lambda: 3)
    monkeypatch.setattr(confine, "_release", lambda: (6, 1))

    assert [confine._why_not_mapped([str(tmp_path)]) for _guest in range(3)] == [None, None, None]
    assert tried == [str(tmp_path)]


def test_an_old_kernel_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(confine, "_release", lambda: (5, 10))

    with confine.confinement(64, 1 << 30, [str(tmp_path)]) as found:
        assert (found.users, found.why_not) == (None, "the host's kernel is older than 5.19")


@pytest.mark.parametrize(
    ("pinned", "filtered", "quota"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_what_may_move_to_another_cpu_has_a_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, pinned: bool, filtered: bool, quota: bool
) -> None:
    monkeypatch.setattr(confine, "_release", lambda: (5, 10))
    monkeypatch.setattr(seccomp, "supported", lambda: filtered)

    with confine.confinement(64, 1 << 30, [str(tmp_path)], pinned=pinned) as found:
        assert found.limits.quota is quota
