# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which users of the host are a guest's: its own, whatever is copied, moved or removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import uids
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import GuestDir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import USERS_OF_A_GUEST


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(uids, "_CLAIMS", tmp_path / "run/users")
    monkeypatch.setattr(uids, "_DELEGATED", (str(tmp_path / "subuid"),))


def _guest(tmp_path: Path, name: str) -> GuestDir:
    path = tmp_path / "guests" / name
    path.mkdir(parents=True)
    return GuestDir(path)


def test_guests_have_users_of_their_own_and_keep_them(tmp_path: Path) -> None:
    guests = [_guest(tmp_path, f"g{number}") for number in range(50)]

    first = [uids.claim(guest) for guest in guests]

    assert len(set(first)) == len(guests)
    assert [uids.claim(guest) for guest in guests] == first
    assert all((number - uids.FIRST) % USERS_OF_A_GUEST == 0 for number in first)


def test_a_guest_keeps_its_users_over_a_restart_of_the_host(tmp_path: Path) -> None:
    alice = _guest(tmp_path, "alice")
    first = uids.claim(alice)
    shutil.rmtree(tmp_path / "run")

    assert uids.claim(alice) == first


def test_a_copied_directory_gets_others(tmp_path: Path) -> None:
    alice = _guest(tmp_path, "alice")
    first = uids.claim(alice)
    shutil.copytree(alice.path, tmp_path / "copy")

    assert uids.claim(GuestDir(tmp_path / "copy")) != first
    assert uids.claim(alice) == first


def test_a_moved_directory_keeps_them(tmp_path: Path) -> None:
    alice = _guest(tmp_path, "alice")
    first = uids.claim(alice)
    alice.path.rename(tmp_path / "moved")

    assert uids.claim(GuestDir(tmp_path / "moved")) == first


@pytest.mark.parametrize("gone", ["released", "removed by hand"])
def test_users_of_a_guest_that_is_gone_are_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gone: str) -> None:
    monkeypatch.setattr(uids, "_BLOCKS", 1)
    alice, bob = _guest(tmp_path, "alice"), _guest(tmp_path, "bob")
    first = uids.claim(alice)
    with pytest.raises(HostError, match="guest bob: no users of the host are left for it: 1 guests have theirs"):
        uids.claim(bob)

    if gone == "released":
        uids.release(alice)
    else:
        shutil.rmtree(alice.path)

    assert uids.claim(bob) == first


def test_who_has_lost_its_users_does_not_release_those_of_another(tmp_path: Path) -> None:
    alice, bob = _guest(tmp_path, "alice"), _guest(tmp_path, "bob")
    first = uids.claim(alice)
    bob.users.write_text(alice.users.read_text())

    uids.release(bob)

    assert uids.claim(alice) == first
    assert uids.claim(bob) != first


def test_users_that_were_given_to_somebody_to_hand_out_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(uids, "_BLOCKS", 4)
    taken = uids.FIRST + USERS_OF_A_GUEST
    (tmp_path / "subuid").write_text(f"# nonsense\nlxd:x\neve:{taken + 5}:70000\n")

    claimed = {uids.claim(_guest(tmp_path, name)) for name in ("a", "b")}

    assert claimed == {uids.FIRST, uids.FIRST + 3 * USERS_OF_A_GUEST}
    with pytest.raises(HostError):
        uids.claim(_guest(tmp_path, "c"))


@pytest.mark.parametrize("text", ["", "x", "-1", "99999999"])
def test_nonsense_in_a_guests_directory_is_as_good_as_nothing(tmp_path: Path, text: str) -> None:
    alice = _guest(tmp_path, "alice")
    alice.users.write_text(text)

    assert uids.claim(alice) == uids.claim(alice) >= uids.FIRST


def test_a_guest_that_was_moved_while_it_ran_keeps_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks that this process belongs to one of.
    monkeypatch.setattr(uids, "FIRST", os.getuid() // USERS_OF_A_GUEST * USERS_OF_A_GUEST)
    monkeypatch.setattr(uids, "_BLOCKS", 1)
    alice, bob = _guest(tmp_path, "alice"), _guest(tmp_path, "bob")
    first = uids.claim(alice)
    moved = GuestDir(alice.path.rename(alice.path.with_name("moved")))
    with pytest.raises(HostError, match="no users of the host are left"):
        uids.claim(bob)

    uids.follow(moved, alice.path)

    assert uids.claim(moved) == first
    assert uids.place(moved) == moved.path
    uids.release(moved)
    assert uids.claim(bob) == first


def test_the_block_of_another_guest_is_not_taken_along(tmp_path: Path) -> None:
    alice = _guest(tmp_path, "alice")
    first = uids.claim(alice)
    shutil.copytree(alice.path, tmp_path / "guests/copy")

    uids.follow(GuestDir(tmp_path / "guests/copy"), tmp_path / "elsewhere")

    assert uids.claim(alice) == first
    assert uids.place(alice) == alice.path
