# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest may have planted, of whatever kind, size and depth, does no harm."""

from __future__ import annotations

import io
import os
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import beneath


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"hello")

    assert beneath.read(tmp_path, "out", 100) == b"hello"


def test_one_byte_more_than_the_limit_is_read_so_that_an_excess_is_seen(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        file.truncate(1 << 40)

    assert len(beneath.read(tmp_path, "out", 10)) == 11


def plant(directory: Path, what: str) -> str:
    """Put something nasty there; the name to read it by."""
    secret = directory.parent / "secret"
    secret.write_text("secret")
    match what:
        case "absolute link":
            (directory / "out").symlink_to(secret)
        case "relative link":
            (directory / "out").symlink_to("../secret")
        case "link to a file beside it":
            (directory / "own").write_text("own")
            (directory / "out").symlink_to("own")
        case "link in the path":
            (directory / "sub").symlink_to("..")
            return "sub/secret"
        case "path upwards":
            return "../secret"
        case "absolute path":
            return str(secret)
        case "FIFO":
            os.mkfifo(directory / "out")
        case "directory":
            (directory / "out").mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                here = os.open(directory, os.O_PATH)
                listener.bind(f"/proc/self/fd/{here}/out")
                os.close(here)
        case "magic link":
            (directory / "out").symlink_to("/proc/self/root/etc/hostname")
        case "nothing":
            pass
    return "out"


PLANTED = ["absolute link", "relative link", "link to a file beside it", "link in the path", "path upwards"]
PLANTED += ["absolute path", "FIFO", "directory", "socket", "magic link", "nothing"]


@pytest.mark.parametrize("what", PLANTED)
def test_what_a_guest_planted_is_neither_followed_nor_waited_for(tmp_path: Path, what: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    name = plant(tree, what)
    descriptors = len(os.listdir("/proc/self/fd"))

    with pytest.raises(OSError):
        beneath.read(tree, name, 100)

    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_link_in_place_of_the_tree_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "out").touch()
    (tmp_path / "tree").symlink_to("real")

    with pytest.raises(OSError):
        beneath.read(tmp_path / "tree", "out", 100)


@pytest.mark.parametrize(("size", "whole"), [(0, True), (10, True), (11, False), (1 << 40, False)])
def test_a_file_is_copied_up_to_the_limit(tmp_path: Path, size: int, whole: bool) -> None:
    with (tmp_path / "out").open("wb") as file:
        file.truncate(size)
    target = io.BytesIO()

    assert beneath.copy(tmp_path, "out", 10, target) is whole
    assert len(target.getvalue()) == (size if whole else 0)


def test_a_file_that_grows_while_it_is_copied_is_not_copied_beyond_the_limit(tmp_path: Path) -> None:
    source = (tmp_path / "out").open("wb", buffering=0)
    source.write(b"x")

    class Growing(io.BytesIO):
        """Each write to it makes the source longer."""

        def write(self, data: object) -> int:
            source.write(b"x" * 5)
            return super().write(data)  # type: ignore[arg-type]

    target = Growing()
    with source:
        assert beneath.copy(tmp_path, "out", 10, target) is False
    assert len(target.getvalue()) <= 10


def test_links_and_what_is_behind_them_are_no_entries(tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("tree")
    (tmp_path / "tree" / "dangling").symlink_to("nowhere")

    assert beneath.exists(tmp_path, "link")
    assert not beneath.exists(tmp_path / "link", "sub")
    assert beneath.exists(tmp_path / "tree", "dangling")
    with pytest.raises(OSError):
        beneath.entries(tmp_path, "link")
    found = {entry.name: entry.target for entry in beneath.entries(tmp_path, "tree")}
    assert found == {"sub": "", "dangling": "nowhere"}


@pytest.mark.parametrize("what", [*PLANTED[:7], "directory", "magic link", "nothing"])
def test_only_a_socket_is_an_address(tmp_path: Path, what: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    name = plant(tree, what)

    with pytest.raises(OSError), beneath.socket_address(tree, name):
        pass


def test_an_address_stays_that_of_the_socket_that_was_looked_at(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as right,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bad,
    ):
        right.bind(str(tmp_path / "console"))
        bad.bind(str(tmp_path / "bad"))
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
            beneath.socket_address(tmp_path, "console") as address,
        ):
            (tmp_path / "console").unlink()
            (tmp_path / "console").symlink_to("bad")
            client.connect(address)
            client.send(b"stop")

        assert right.recv(10) == b"stop"


# Taking away.


@pytest.mark.parametrize("depth", [1, 3000])
def test_a_tree_of_any_depth_is_removed(tmp_path: Path, depth: int) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("tree", dir_fd=here)
    for name in ["tree", *["d"] * depth]:
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
        os.mkdir("d", dir_fd=here)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)

    beneath.remove(tmp_path / "tree")

    assert os.listdir(tmp_path) == []


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), max_size=12))
def test_nothing_of_a_tree_is_left_and_all_that_its_links_lead_to(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    place = tmp_path_factory.mktemp("place")
    (place / "kept" / "sub").mkdir(parents=True)
    (place / "tree").mkdir()
    for number, path in enumerate(paths):
        directory = (place / "tree").joinpath(*path)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"link{number}").symlink_to(place / "kept")
        (directory / f"file{number}").touch()
    try:
        beneath.remove(place / "tree")

        assert sorted(os.listdir(place)) == ["kept"]
        assert os.listdir(place / "kept") == ["sub"]
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("what", ["link", "file", "FIFO", "nothing"])
def test_what_is_there_in_place_of_a_directory_is_removed_itself(tmp_path: Path, what: str) -> None:
    (tmp_path / "kept").mkdir()
    match what:
        case "link":
            (tmp_path / "tree").symlink_to("kept")
        case "file":
            (tmp_path / "tree").touch()
        case "FIFO":
            os.mkfifo(tmp_path / "tree")

    beneath.remove(tmp_path / "tree")

    assert os.listdir(tmp_path) == ["kept"]


def test_what_comes_into_a_directory_after_it_was_emptied_is_removed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    remove, late = os.rmdir, ["first", "second"]

    def rmdir(path: Path) -> None:
        if late:
            (tree / late.pop()).touch()
        remove(path)

    monkeypatch.setattr(os, "rmdir", rmdir)

    beneath.remove(tree)

    assert not late and not tree.exists()


def test_a_removal_gives_up_in_its_time(tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)

    with pytest.raises(OSError, match="busy"):
        beneath.remove(tmp_path / "tree", seconds=0)


# Words.


@given(st.binary(max_size=200))
def test_what_a_guest_says_does_nothing_to_a_terminal(data: bytes) -> None:
    told = beneath.printable(data)

    assert told == told.strip() and (told.isprintable() or told == "")


def test_what_a_guest_says_is_one_line() -> None:
    assert beneath.printable(b"one\n  two\x1b]0;title\x07 \xff") == "one two�]0;title� �"
