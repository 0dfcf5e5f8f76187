# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection plugin: commands and files over a guest's control line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound

from ansible_collections.dumm.lab.plugins.connection import dumm
from ansible_collections.dumm.lab.plugins.module_utils._lab.channel import Completed, Script
from ansible_collections.dumm.lab.plugins.module_utils._lab.errors import Unreachable


class Guest:
    """A guest that answers: what it was asked, and what it says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, float]] = []
        self.answer: Completed | Exception = Completed(0, b"out", b"err")
        self.alive = True
        self.warm: list[Script | None] = []

    def run(
        self, script: str, stdin: Any, timeout: float, _most: int, stdout: BinaryIO | None, warm: Script | None
    ) -> Completed:
        """Stands for the channel."""
        self.asked.append((script, stdin if isinstance(stdin, bytes) else stdin.read(), timeout))
        self.warm.append(warm)
        if isinstance(self.answer, Exception):
            raise self.answer  # pylint: disable=raising-non-exception
        if stdout is not None:
            stdout.write(self.answer.stdout)
        return self.answer


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    """A guest that answers."""
    made = Guest()
    monkeypatch.setattr(dumm.processes, "read", lambda _directory: made)
    monkeypatch.setattr(dumm, "Channel", lambda _directory, _process: made)
    return made


@pytest.fixture
def connection(guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dumm.Connection:
    """A connection to it."""
    options = {
        "remote_addr": "alice",
        "workdir": str(tmp_path),
        "command_timeout": 7,
        "max_output": 100,
        "warm": True,
        "start": "rebooted",
    }
    made = dumm.Connection.__new__(dumm.Connection)
    made._channel = made._process = None
    monkeypatch.setattr(dumm.Connection, "get_option", lambda _self, name: options[name])
    monkeypatch.setattr(dumm.Connection, "_connected", False, raising=False)
    return made


def test_a_command_runs_in_the_guest_with_its_input_and_time_limit(connection: dumm.Connection, guest: Guest) -> None:
    guest.answer = Completed(3, b"out\xff", b"err")

    assert connection.exec_command("echo hello", in_data=b"\0in") == (3, b"out\xff", b"err")
    assert guest.asked == [("echo hello", b"\0in", 7.0)]
    assert guest.warm == [None]


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("/bin/sh -c '/usr/bin/python3 && sleep 0'", Script("/usr/bin/python3", {})),
        ("/bin/sh -c 'A=b /usr/bin/python3.11 && sleep 0'", Script("/usr/bin/python3.11", {"A": "b"})),
        ("/bin/sh -c 'sudo /usr/bin/python3'", None),
        ("/bin/sh -c 'A=$B /usr/bin/python3'", None),
        ("/bin/sh -c '/usr/bin/perl'", None),
        ("/usr/bin/python3", None),
    ],
)
def test_what_is_nothing_but_a_python_may_be_run_by_a_warm_one(
    connection: dumm.Connection, guest: Guest, command: str, script: Script | None
) -> None:
    connection.exec_command(command, in_data=b"print()")

    assert guest.warm == [script]


@pytest.mark.parametrize(
    ("path", "quoted"), [("/tmp/a", "/tmp/a"), ("/tmp/a b", "'/tmp/a b'"), ("/tmp/$(x)'y", "'/tmp/$(x)'\"'\"'y'")]
)
def test_a_file_is_written_by_the_guest_itself(
    connection: dumm.Connection, guest: Guest, tmp_path: Path, path: str, quoted: str
) -> None:
    (tmp_path / "file").write_bytes(b"\0content")

    connection.put_file(str(tmp_path / "file"), path)

    assert guest.asked == [(f"exec cat >{quoted}", b"\0content", 7.0)]


def test_a_file_is_read_by_the_guest_itself(connection: dumm.Connection, guest: Guest, tmp_path: Path) -> None:
    guest.answer = Completed(0, b"\0content", b"")

    connection.fetch_file("/etc/a b", str(tmp_path / "file"))

    assert guest.asked[0][0] == "exec cat <'/etc/a b'"
    assert (tmp_path / "file").read_bytes() == b"\0content"


def test_a_file_that_the_guest_cannot_read_leaves_nothing_here(
    connection: dumm.Connection, guest: Guest, tmp_path: Path
) -> None:
    guest.answer = Completed(1, b"", b"cat: /etc/x: No such file\n")

    with pytest.raises(AnsibleError, match=r"cannot read /etc/x: cat: /etc/x: No such file$"):
        connection.fetch_file("/etc/x", str(tmp_path / "file"))

    assert not (tmp_path / "file").exists()


def test_a_file_that_the_guest_cannot_write_is_an_error_with_its_words(
    connection: dumm.Connection, guest: Guest, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    guest.answer = Completed(1, b"", b"sh: cannot create /x: Read-only file system\n")

    with pytest.raises(AnsibleError, match="cannot write /x: sh: cannot create /x: Read-only"):
        connection.put_file(str(tmp_path / "file"), "/x")


def test_a_file_that_is_not_here_is_not_sent(connection: dumm.Connection, guest: Guest, tmp_path: Path) -> None:
    with pytest.raises(AnsibleFileNotFound, match="none does not exist"):
        connection.put_file(str(tmp_path / "none"), "/x")

    assert guest.asked == []


def test_a_guest_that_does_not_run_is_unreachable_with_the_remedy(connection: dumm.Connection, guest: Guest) -> None:
    guest.alive = False

    with pytest.raises(AnsibleConnectionFailure, match=r"there is no guest alice in /.*; start it with dumm_guest"):
        connection.exec_command("true")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Unreachable("guest alice", "it is paused", "let it go on"), "guest alice: it is paused; let it go on"),
        (PermissionError(13, "Permission denied"), "cannot reach guest alice: .*Permission denied; run as root"),
    ],
)
def test_a_line_that_does_not_answer_is_unreachable(
    connection: dumm.Connection, guest: Guest, error: Exception, message: str
) -> None:
    guest.answer = error

    with pytest.raises(AnsibleConnectionFailure, match=message):
        connection.exec_command("true")
