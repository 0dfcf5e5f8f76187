# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest wrote comes to another lab host as it was, or not at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import moving
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir, load_guest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, Loaded
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import sharing
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.lab_hosts import Placement

WROTE = Guest(
    "alice", mem=96, scenario="big", interfaces={"eth0": Iface("alice", "eth0")}, loaded=Loaded("big", files="f")
)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is done to guests: removed for good, and nothing else, since none of them runs."""
    told: list[tuple[str, str]] = []

    def do(workdir: Workdir, name: str, state: str, _timeout: float) -> None:
        told.append((name, state))
        if state == "absent":
            workdir.forget_guest(name)

    monkeypatch.setattr(moving, "_done", do)
    return told


@pytest.fixture
def labs(tmp_path: Path, done: list[tuple[str, str]]) -> tuple[Workdir, Workdir]:
    """Two lab hosts, and a guest on the first that wrote something."""
    one, two = (Workdir(tmp_path / name) for name in ("one", "two"))
    one.create()
    one.store_guest(WROTE)
    diff = one.guest("alice").diff
    (diff / "etc").mkdir(mode=0o750)
    (diff / "etc/motd").write_text("hello\n")
    os.chmod(diff / "etc/motd", 0o4711)
    os.utime(diff / "etc/motd", ns=(1, 1_234_567_891_234_567_890))
    os.link(diff / "etc/motd", diff / "etc/again")
    (diff / "etc/link").symlink_to("nowhere")
    os.mkfifo(diff / "fifo")
    os.setxattr(diff / "etc", "user.word", b"\x00\xff")
    with (diff / "sparse").open("wb") as file:
        file.truncate(1 << 24)
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(diff / "sock"))
    scratch = one.guest("alice").scratch / "big"
    scratch.mkdir()
    (scratch / "\udcff").write_bytes(b"no UTF-8")
    (one.guest("alice").saves / "before").mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(diff / "etc/motd", 1000, 50)
        os.mknod(diff / "gone", 0o020000, os.makedev(0, 0))
        # As overlayfs does.
        os.link(diff / "gone", one.guest("alice").works / "whiteout")
        os.link(diff / "gone", diff / "etc/gone")
        os.setxattr(diff / "etc", "trusted.overlay.opaque", b"y")
    return one, two


def carry(one: Workdir, two: Workdir, change: Callable[[bytes], bytes] = lambda data: data) -> dict[str, Any]:
    """What the controller does between leaving and arriving."""
    told = moving.leave(str(one.path), "alice", "lab2", 1)
    offset = 0
    while data := moving.piece(str(one.path), "alice", offset):
        moving.put(str(two.path), "alice", offset, change(data))
        offset += len(data)
    return told


def trees(workdir: Workdir) -> dict[str, str]:
    place = workdir.guest("alice").path
    return {key: moving.digest(place / key) for key in ("diff", "scratch", "saves")}


def test_all_that_a_guest_wrote_goes_with_it(
    labs: tuple[Workdir, Workdir], done: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = labs
    monkeypatch.setattr(moving, "PIECE", 700)
    before = trees(one)
    told = carry(one, two)
    moving.arrive(str(two.path), "alice", told, 1)

    assert trees(two) == before
    guest = load_guest(two.guest("alice"))
    assert (guest.mem, guest.scenario, guest.interfaces) == (96, "big", {})
    assert guest.loaded == Loaded("big")
    sparse = (two.guest("alice").diff / "sparse").stat()
    assert sparse.st_size == 1 << 24
    assert sparse.st_blocks < 1000
    # It is there twice until its old lab host hears of it.
    assert trees(one) == before
    assert one.guest("alice").leaving.read_text() == "lab2\n"

    sharing.remember(one, "big", Placement(4, {"alice": "lab1", "bob": "lab1"}, {}))
    moving.left(str(one.path), "alice", "lab2", "big", 1)
    assert not one.guest("alice").path.exists()
    assert done == [("alice", "stopped"), ("alice", "absent")]
    assert sharing.remembered(one, "big") == Placement(6, {"alice": "lab2", "bob": "lab1"}, {})
    assert not [path.name for lab in labs for path in lab.path.glob("moving")]


def test_what_is_recorded_into_a_scenario_goes_with_it(tmp_path: Path, done: list[tuple[str, str]]) -> None:
    one, two = (Workdir(tmp_path / name) for name in ("one", "two"))
    one.create()
    one.store_guest(Guest("alice", scenario="big", loaded=Loaded("big", record=True)))
    recorded = one.scenario_layer("big", "alice")
    (recorded / "etc").mkdir(parents=True)
    (recorded / "etc/word").write_text("recorded")
    os.link(recorded / "etc/word", recorded / "etc/again")
    (recorded / "etc/link").symlink_to("./alice/etc/word")
    before = moving.digest(recorded)
    moving.arrive(str(two.path), "alice", carry(one, two), 1)

    assert (two.scenario_layer("big", "alice") / "etc/word").read_text() == "recorded"
    assert moving.digest(two.scenario_layer("big", "alice")) == before
    assert load_guest(two.guest("alice")).loaded == Loaded("big", record=True)


def cut(data: bytes) -> bytes:
    return data[:-1]


def turned(data: bytes) -> bytes:
    return bytes([*data[:-1], data[-1] ^ 1])


@pytest.mark.parametrize("change", [cut, turned])
def test_what_was_changed_on_its_way_does_not_arrive(
    labs: tuple[Workdir, Workdir], change: Callable[[bytes], bytes]
) -> None:
    one, two = labs
    before = trees(one)
    told = carry(one, two, change)

    with pytest.raises(DummError, match="what came here is not what was packed"):
        moving.arrive(str(two.path), "alice", told, 1)
    assert not two.guest("alice").path.exists()
    assert trees(one) == before
    moving.arrive(str(two.path), "alice", carry(one, two), 1)
    assert trees(two) == before


def test_what_a_file_system_does_not_keep_does_not_arrive(labs: tuple[Workdir, Workdir]) -> None:
    one, two = labs
    told = carry(one, two)
    told["trees"]["diff"] = "of other files"

    with pytest.raises(DummError, match="its diff is not the same here as where it comes from"):
        moving.arrive(str(two.path), "alice", told, 1)
    assert not two.guest("alice").path.exists()


def test_a_guest_of_that_name_is_not_replaced(labs: tuple[Workdir, Workdir]) -> None:
    one, two = labs
    told = carry(one, two)
    two.store_guest(Guest("alice", mem=32))

    with pytest.raises(DummError, match="guest alice: this lab host has one of that name"):
        moving.arrive(str(two.path), "alice", told, 1)
    assert load_guest(two.guest("alice")).mem == 32


def test_what_a_move_from_here_left_is_replaced_when_the_guest_comes_back(labs: tuple[Workdir, Workdir]) -> None:
    one, two = labs
    told = carry(one, two)
    moving.arrive(str(two.path), "alice", told, 1)
    (two.guest("alice").diff / "new").touch()

    back = moving.leave(str(two.path), "alice", "lab1", 1)
    moving.put(str(one.path), "alice", 0, moving.piece(str(two.path), "alice", 0))
    moving.arrive(str(one.path), "alice", back, 1)
    assert (one.guest("alice").diff / "new").exists()
    assert not one.guest("alice").leaving.exists()


def test_a_guest_that_goes_to_another_lab_host_is_not_removed(labs: tuple[Workdir, Workdir]) -> None:
    one, two = labs
    carry(one, two)

    with pytest.raises(DummError, match="it was not to go to lab host lab3"):
        moving.left(str(one.path), "alice", "lab3", "big", 1)
    assert one.guest("alice").path.is_dir()


def test_a_digest_tells_trees_apart(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    seen = {moving.digest(top)}
    for change in (
        lambda: (top / "a").write_text("x"),
        lambda: os.utime(top / "a", ns=(0, 0)),
        lambda: (top / "a").chmod(0o600),
        lambda: os.setxattr(top / "a", "user.x", b""),
        lambda: os.setxattr(top / "a", "user.x", b"1"),
        lambda: os.link(top / "a", top / "b"),
        lambda: (top / "c").symlink_to("a"),
        (top / "d").mkdir,
        lambda: (top / "d").chmod(0o701),
    ):
        change()
        seen.add(moving.digest(top))

    assert len(seen) == 10
