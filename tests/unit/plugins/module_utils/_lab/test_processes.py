# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's process as seen from outside: identity, state, and what became of it."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab import files, processes, uml
from ansible_collections.dumm.lab.plugins.module_utils._lab.errors import GuestError
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import Guest, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.processes import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.workdir import GuestDir, Workdir


def process(pid: int, **changes: object) -> Process:
    """Identity of a process of this host."""
    fields = (pid, processes.start_time(pid) or 0, processes.boot_id(), "x", "/linux", "6.18", "/master", 64, None, "")
    return dataclasses.replace(Process(*fields, "overlay", "it works"), **changes)  # type: ignore[arg-type]


@pytest.fixture
def directory(tmp_path: Path) -> GuestDir:
    """A guest's directory."""
    workdir = Workdir(tmp_path)
    workdir.create()
    workdir.store_guest(Guest("alice"))
    return workdir.guest("alice")


def test_a_process_is_alive_until_it_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = process(child.pid)
        assert identity.alive
        child.kill()

    assert not identity.alive


def test_the_remains_of_a_process_are_not_alive() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert processes.start_time(child.pid) is None
    child.wait()


def test_another_process_of_the_same_number_is_not_the_guest() -> None:
    assert not process(os.getpid(), started=(processes.start_time(os.getpid()) or 0) - 1).alive


def test_a_process_of_an_earlier_boot_of_the_host_is_not_alive() -> None:
    assert not process(os.getpid(), boot="another").alive


def test_a_process_is_known_again_by_what_is_stored(directory: GuestDir) -> None:
    identity = process(os.getpid(), upper="guests/alice/diff", over=("/a", "/b"))
    files.write_json(directory.process, identity.__dict__)

    assert processes.read(directory) == identity


@pytest.mark.parametrize("content", [None, b"", b"{", b"{}", b"[]", b"7", b'{"pid": 1, "over": []}', b'{"over": 7}'])
def test_a_damaged_identity_is_none(directory: GuestDir, content: bytes | None) -> None:
    if content is not None:
        directory.process.write_bytes(content)

    assert processes.read(directory) is None


POWERED_OFF = "[    9.1] reboot: Power down\n"


@pytest.mark.parametrize(
    ("alive", "hello", "log", "power"),
    [
        (True, False, "", Power.STARTING),
        (True, True, "", Power.RUNNING),
        (False, True, POWERED_OFF, Power.STOPPED),
        (False, True, "", Power.DIED),
        (False, False, "", Power.DIED),
    ],
)
def test_what_a_guest_is_doing_is_read_from_its_process(
    directory: GuestDir, alive: bool, hello: bool, log: str, power: Power
) -> None:
    directory.boot_log.write_text(log)
    if hello:
        (directory.spool / "hello").touch()

    assert processes.power(directory, process(os.getpid(), **({} if alive else {"started": 1}))) is power


def test_a_guest_that_was_never_started_is_stopped(directory: GuestDir) -> None:
    assert processes.power(directory, None) is Power.STOPPED


def test_a_guest_that_went_with_the_host_is_stopped(directory: GuestDir) -> None:
    gone = process(os.getpid(), boot="another")

    assert processes.power(directory, gone) is Power.STOPPED
    assert processes.reason(directory, gone) == "the host was rebooted"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (POWERED_OFF, "it powered itself off"),
        ("[    9.1] reboot: System halted\n", "it powered itself off"),
        ("[    9.1] reboot: Restarting system\n", "it rebooted itself"),
        ("Kernel panic - not syncing: sysrq triggered crash\n", "kernel panic: not syncing: sysrq triggered crash"),
        (
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\nCPU: 0 PID: 1\nCall Trace:\n",
            "kernel panic: not syncing: Attempted to kill init! exitcode=0x00000100",
        ),
        ("Linux version\nlast line\n\n", "its process 7 was killed; last words: last line"),
        (
            "Linux version\nFailed to initialize ubd device 0 :Couldn't determine size of device's file\n",
            "its process 7 was killed; last words: Linux version",
        ),
        (
            "Failed to initialize ubd device 0 :Couldn't determine size of device's file\n"
            "SELinux:  Could not open policy file <= /etc/selinux/targeted/policy/policy.35:  No such file or directory\n",
            "its process 7 was killed",
        ),
        (None, "its process 7 was killed"),
    ],
)
def test_why_a_guest_is_gone_is_read_in_its_log(directory: GuestDir, log: str | None, why: str) -> None:
    if log is not None:
        directory.boot_log.write_text(log)

    assert processes.reason(directory, process(7, started=1)) == why


def test_a_guest_that_ended_is_an_error_with_its_last_words(directory: GuestDir) -> None:
    directory.boot_log.write_text("one\ntwo\n")

    processes.check_alive("alice", process(os.getpid()), directory)
    with pytest.raises(GuestError, match=r"guest alice: it ended: .*; see .*/boot\.log; last lines: one \| two"):
        processes.check_alive("alice", process(os.getpid(), started=1), directory)


def test_what_a_process_left_is_taken_away_and_nothing_else(directory: GuestDir) -> None:
    os.mkfifo(directory.line_in)
    directory.union.symlink_to("/proc/7/root/fs")
    (directory.run / "alice").mkdir()
    (directory.spool / "request").mkdir()
    (directory.diff / "etc").mkdir()
    directory.boot_log.write_text("log")
    files.write_json(directory.process, {})

    uml.gone(directory)

    left = {path.name for path in directory.path.iterdir()}
    kept = {
        "alice",
        "boot.log",
        "diff",
        "guest.json",
        "linux",
        "master",
        "mem",
        "outbox",
        "run",
        "scratch",
        "spool",
        "view",
        "work",
    }
    assert left == kept
    assert list(directory.run.iterdir()) == list(directory.spool.iterdir()) == []
    assert (directory.diff / "etc").is_dir()
    assert stat.S_IMODE(directory.spool.stat().st_mode) == 0o700


def test_a_process_may_have_any_name() -> None:
    name = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) Z \\xff(')"
    code = f"{name}\nimport sys, time; print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read(1)

        assert process(child.pid).alive
        child.kill()


@pytest.mark.parametrize(
    "mark",
    [
        b"",
        b"[" * 4096,
        b'{"lab": "x", "guest": ["a"]}',
        b"7",
        b'{"lab": "x"}',
        b'{"lab": "x", "guest": "a"' + b" " * 5000,
    ],
)
def test_an_owner_mark_that_is_none_is_no_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes) -> None:
    (tmp_path / "owner").write_bytes(mark)
    assert owner_in(tmp_path, monkeypatch) is None


@pytest.mark.parametrize("what", ["FIFO", "link", "mark"])
def test_an_owner_mark_is_a_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    (tmp_path / "real").write_text('{"lab": "x", "guest": "a"}')
    match what:
        case "FIFO":
            os.mkfifo(tmp_path / "owner")
        case "link":
            (tmp_path / "owner").symlink_to("real")
        case "mark":
            (tmp_path / "real").rename(tmp_path / "owner")

    assert (owner_in(tmp_path, monkeypatch) is not None) is (what == "mark")


def owner_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str] | None:
    """The owner of a process that has this root directory."""
    really = os.open
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", lambda path, *more: really(root if path == "/proc/1/root" else path, *more))
        return processes.owned_by(1)


def test_a_process_that_is_not_ours_has_no_owner() -> None:
    assert processes.owned_by(os.getpid()) is None
    assert list(processes.of_lab("no-such-lab")) == []
