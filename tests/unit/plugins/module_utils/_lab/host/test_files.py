# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files are written as a whole, and removed so that no half of them is seen."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_file_is_written_with_its_mode_and_nothing_else_is_left(tmp_path: Path) -> None:
    files.write(tmp_path / "a", b"new", mode=0o640)

    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "rename", "fchmod"])
def test_a_write_that_fails_leaves_the_old_content_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space") as caught:
        files.write(tmp_path / "a", b"new")

    assert caught.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_reader_sees_the_old_or_the_new_content_and_never_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _fd: None)  # what is read does not depend on it, and it is slow
    path = tmp_path / "a"
    files.write(path, b"0" * 100_000)
    stop = threading.Event()

    def rewrite() -> None:
        for number in range(200):
            files.write(path, str(number % 10).encode() * 100_000)
        stop.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not stop.is_set():
        content = path.read_bytes()
        seen.add((len(content), len(set(content))))
    writer.join()

    assert seen == {(100_000, 1)}


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a", {"b": [1, None, "ä"]})

    assert files.read_json(tmp_path / "a") == {"b": [1, None, "ä"]}


@pytest.mark.parametrize("content", [b"", b"{", b"\0\0\0\0", b"\xff\xfe", b'{"a": 1'])
def test_damaged_json_is_taken_for_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)

    assert files.read_json(tmp_path / "a") is None


def test_json_that_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert files.read_json(tmp_path / "a") is None
    assert files.read_json(tmp_path / "file" / "a") is None


@pytest.mark.parametrize("before", ["nothing", "file", "link"])
def test_a_link_replaces_what_was_there(tmp_path: Path, before: str) -> None:
    path = tmp_path / "a"
    if before == "file":
        path.touch()
    if before == "link":
        path.symlink_to("elsewhere")

    files.symlink(path, "target")

    assert os.readlink(path) == "target"
    assert names(tmp_path) == ["a"]


# Root file systems.


@pytest.mark.parametrize(
    ("target", "path", "exists"),
    [
        (None, "/bin/sh", True),
        (None, "bin/sh", True),
        (None, "/bin/bash", False),
        ("/bin/sh", "/sbin/init", True),
        ("../bin/sh", "/sbin/init", True),
        ("../../../../bin/sh", "/sbin/init", True),
        ("/bin/nothing", "/sbin/init", False),
        ("/etc/passwd", "/sbin/init", False),
        ("init", "/sbin/init", False),
    ],
)
def test_links_of_a_root_file_system_lead_inside_of_it(
    tmp_path: Path, target: str | None, path: str, exists: bool
) -> None:
    for directory in ("bin", "sbin"):
        (tmp_path / directory).mkdir()
    (tmp_path / "bin" / "sh").touch()
    if target is not None:
        (tmp_path / "sbin" / "init").symlink_to(target)

    assert files.exists_in_root(tmp_path, path) is exists


def test_nothing_exists_in_a_root_that_is_not_there(tmp_path: Path) -> None:
    assert files.exists_in_root(tmp_path / "none", "/bin/sh") is False


# Taking away.


def test_a_tree_is_removed_whole_and_links_in_it_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "link").symlink_to(tmp_path / "kept")

    files.remove_tree(tmp_path / "tree")

    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["file"]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    files.remove_tree(tmp_path / "none")


def test_a_removal_that_is_interrupted_leaves_nothing_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "guest" / "diff").mkdir(parents=True)

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.beneath, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        files.remove_tree(tmp_path / "guest")
    monkeypatch.undo()

    assert not (tmp_path / "guest").exists()
    files.sweep(tmp_path)
    assert names(tmp_path) == []


def test_sweeping_takes_what_is_half_made_or_half_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".new-alice", ".gone-bob-1", "alice", ".hidden"):
        (tmp_path / name / "sub").mkdir(parents=True)
    (tmp_path / ".new-link").symlink_to("alice")
    (tmp_path / ".gone-file").touch()

    files.sweep(tmp_path)

    assert names(tmp_path) == [".hidden", "alice"]


def test_sweeping_where_nothing_is_is_no_error(tmp_path: Path) -> None:
    files.sweep(tmp_path / "none")


# Logs.


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (b"", []),
        (b"one\ntwo\nthree\n", ["two", "three"]),
        (b"one\r\n\n  \ntwo", ["one", "two"]),
        (b"one\n\x1b[2Jtwo\x07\n", ["one", "�[2Jtwo�"]),
        (b"\xff\xfe\ntwo\n", ["��", "two"]),
        (b"x" * 100_000 + b"\nend\n", ["x" * (8192 - 5), "end"]),
    ],
)
def test_the_last_lines_of_a_log_are_told(tmp_path: Path, content: bytes, last: list[str]) -> None:
    (tmp_path / "log").write_bytes(content)

    assert files.tail(tmp_path / "log", 2) == last


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert files.tail(tmp_path / "none", 5) == []
