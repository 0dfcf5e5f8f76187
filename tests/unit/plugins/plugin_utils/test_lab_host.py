# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a lab host is another machine, and what is asked of it, with a connection that runs everything here."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import remote
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput, Unreachable
from ansible_collections.dumm.lab.plugins.plugin_utils import _lab_host


class Here:
    """A connection to a machine whose login shell is talkative."""

    become = None

    def __init__(self, home: Path) -> None:
        self._home = home
        self.sent: list[int] = []

    def exec_command(self, cmd: str, in_data: bytes) -> tuple[int, bytes, bytes]:
        """Run a command in this machine, with another home directory."""
        self.sent.append(len(in_data))
        there = cmd.replace("pwd.getpwuid(os.geteuid()).pw_dir", f'"{self._home}"')
        assert there != cmd
        done = subprocess.run(["sh", "-c", f"echo Welcome; {there}"], input=in_data, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def connection(tmp_path: Path) -> Here:
    return Here(tmp_path)


@pytest.fixture
def lab_host(connection: Here) -> _lab_host.LabHost:
    host = _lab_host.LabHost("lab1", {})
    host._connection = connection
    return host


@pytest.mark.parametrize(
    ("variables", "user", "direct"),
    [
        ({"ansible_connection": "local"}, 1000, True),
        ({"ansible_connection": "ansible.builtin.local"}, 0, True),
        ({"ansible_connection": "local", "ansible_become": "yes"}, 0, True),
        ({"ansible_connection": "local", "ansible_become": True}, 1000, False),
        ({"ansible_connection": "ssh"}, 0, False),
        ({}, 0, False),
    ],
)
def test_a_lab_host_is_the_controller_where_nobody_else_is_to_be_reached_or_become(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any], user: int, direct: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    assert (_lab_host.reached("lab1", variables) is None) is direct


@pytest.mark.parametrize(
    ("variables", "becomes"),
    [
        ({}, False),
        ({"ansible_become": True}, True),
        ({"ansible_become": True, "ansible_user": "admin"}, True),
        ({"ansible_become": True, "ansible_user": "root"}, False),
        ({"ansible_become": True, "ansible_user": "root", "ansible_become_user": "labs"}, True),
    ],
)
def test_nobody_becomes_the_user_as_whom_he_logs_in(variables: dict[str, Any], becomes: bool) -> None:
    host = _lab_host.LabHost("lab1", {"ansible_connection": "local", **variables})

    assert (host._reached().become is not None) is becomes


def test_the_program_is_sent_once(lab_host: _lab_host.LabHost, connection: Here, tmp_path: Path) -> None:
    for _time in range(2):
        assert lab_host.guests(str(tmp_path / "none")) is None

    size = len(_lab_host._program()[1])
    assert [sent == size for sent in connection.sent] == [False, True, False, False]
    assert len(list((tmp_path / ".cache/dumm").iterdir())) == 1


def test_errors_are_those_of_the_lab_host(lab_host: _lab_host.LabHost, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HostError, match=f"^working directory {tmp_path}/file: cannot read"):
        lab_host.guests(str(tmp_path / "file"))
    with pytest.raises(Unreachable, match=r"^guest nobody of .*: there is no such guest; make it with dumm_guest$"):
        lab_host.line(str(tmp_path), "nobody").run("true", timeout=1, max_output=1)


def test_a_lab_host_without_a_python_is_told(connection: Here) -> None:
    host = _lab_host.LabHost("lab1", {"ansible_python_interpreter": "/nowhere/python3"})
    host._connection = connection

    with pytest.raises(
        _lab_host.AnsibleConnectionFailure, match="lab1: /nowhere/python3 ended with exit code 127; see"
    ):
        host.guests("/")


@pytest.mark.parametrize("token", ["", "../../../etc/passwd", "a" * 9, "/etc/aaa"])
def test_only_what_waits_can_be_asked_for(token: str) -> None:
    with pytest.raises(InvalidInput, match="is no file that waits"):
        remote._get(io.BytesIO(), token, 0)


def test_what_is_put_in_pieces_comes_back_in_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remote, "_spool", lambda: tmp_path / "spool")
    monkeypatch.setattr(remote, "PIECE", 4)
    token = ""
    for piece in (b"abcd", b"efgh", b"i"):
        token = remote._put(io.BytesIO(piece), token)[0]["token"]

    assert [remote._get(io.BytesIO(), token, offset)[1] for offset in (0, 4, 8, 9)] == [b"abcd", b"efgh", b"i", b""]
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_nobody_asked_for_is_forgotten_after_a_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remote, "_spool", lambda: tmp_path)
    (tmp_path / "recent00").touch()
    (tmp_path / "forgotten").touch()
    os.utime(tmp_path / "forgotten", (0, 0))

    made = remote._Spooled.create()

    assert {path.name for path in tmp_path.iterdir()} == {"recent00", made.token}
