# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's process as seen from outside: identity, state, and what became of it."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import launcher, processes, pulse
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.identity import Seen
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import GuestDir, Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.given import Given
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Power, UnionEngine, Userspace


def process(pid: int, **changes: object) -> Process:
    """Identity of a process of this host."""
    fields = (pid, pulse.start_time(pid) or 0, processes.boot_id(), "x", "/linux", "6.18", "/master", 64, None, "")
    return dataclasses.replace(Process(*fields, UnionEngine.OVERLAY, "it works"), **changes)  # type: ignore[arg-type]


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
        assert processes.is_alive(identity)
        child.kill()

    assert not processes.is_alive(identity)


def test_the_remains_of_a_process_are_not_alive() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert pulse.start_time(child.pid) is None
    child.wait()


def test_another_process_of_the_same_number_is_not_the_guest() -> None:
    assert not processes.is_alive(process(os.getpid(), started=(pulse.start_time(os.getpid()) or 0) - 1))


def test_a_process_of_an_earlier_boot_of_the_host_is_not_alive() -> None:
    assert not processes.is_alive(process(os.getpid(), boot="another"))


def test_a_process_is_known_again_by_what_is_stored(directory: GuestDir) -> None:
    identity = process(os.getpid(), upper="guests/alice/diff", over=("/a", "/b"))
    processes.store(directory, identity)

    assert processes.read(directory) == identity
    assert json.loads(directory.process.read_text())["engine"] == "overlay"


@pytest.mark.parametrize(("userspace", "text"), [(None, ""), (Userspace.PTRACE, "ptrace")])
def test_how_its_processes_are_run_is_known_where_it_was_stored(
    directory: GuestDir, userspace: Userspace | None, text: str
) -> None:
    identity = process(os.getpid(), userspace=userspace)
    processes.store(directory, identity)

    assert processes.read(directory) == identity
    assert json.loads(directory.process.read_text())["userspace"] == text


@pytest.mark.parametrize(
    ("key", "known"), [("engine", "one of overlay, cowfs"), ("userspace", "one of seccomp, ptrace")]
)
@pytest.mark.parametrize("value", ["auto", "zfs", None, 7, []])
def test_an_identity_with_an_engine_or_a_userspace_that_is_none_is_damaged(
    directory: GuestDir, key: str, known: str, value: object
) -> None:
    processes.store(directory, process(os.getpid()))
    files.write_json(directory.process, {**json.loads(directory.process.read_text()), key: value})

    assert processes.read(directory) is None
    assert known in str(processes.damage(directory))


@pytest.mark.parametrize("content", [None, b"", b"{", b"{}", b"[]", b"7", b'{"pid": 1, "over": []}', b'{"over": 7}'])
def test_a_damaged_identity_is_none(directory: GuestDir, content: bytes | None) -> None:
    if content is not None:
        directory.process.write_bytes(content)

    assert processes.read(directory) is None


@pytest.fixture
def copied(directory: GuestDir, tmp_path_factory: pytest.TempPathFactory) -> GuestDir:
    """The same guest in a copy of the working directory."""
    for each in (directory.spool, directory.run):
        each.mkdir(exist_ok=True)
    os.mkfifo(directory.line_in)
    place = tmp_path_factory.mktemp("copy") / "lab"
    subprocess.run(["cp", "-a", str(directory.workdir), str(place)], check=True)
    return Workdir(place).guest("alice")


def test_a_process_is_the_guests_whose_spool_it_sees_and_nobodys_in_a_copy(
    directory: GuestDir, copied: GuestDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = process(os.getpid())
    for each in (directory, copied):
        processes.store(each, identity)
    (directory.path / "owner").write_text('{"lab": "dumm-x", "guest": "alice", "launch": "x"}')

    with rooted(os.getpid(), directory.path, monkeypatch):
        assert processes.read(directory) == identity
        assert processes.stranger(directory) is None
        assert processes.read(copied) is None
        assert processes.stranger(copied) == "dumm-x"
        assert "belongs to the lab dumm-x; this directory was copied" in processes.why_none(copied)


def test_a_process_of_another_launch_is_not_the_guests(directory: GuestDir, monkeypatch: pytest.MonkeyPatch) -> None:
    processes.store(directory, process(os.getpid()))
    directory.spool.mkdir(exist_ok=True)
    (directory.path / "owner").write_text('{"lab": "dumm-x", "guest": "alice", "launch": "y"}')

    with rooted(os.getpid(), directory.path, monkeypatch):
        assert processes.read(directory) is None


def test_a_process_whose_spool_was_removed_is_that_of_the_lab_that_its_mark_names(
    directory: GuestDir, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path_factory.mktemp("root")
    identity = process(os.getpid())
    processes.store(directory, identity)
    with rooted(os.getpid(), root, monkeypatch):
        for lab, own in ((Workdir(directory.workdir).lab_name, True), ("dumm-x", False)):
            (root / "owner").write_text(json.dumps({"lab": lab, "guest": "alice", "launch": "x"}))
            assert (processes.read(directory) == identity) is own
        assert processes.is_cut_off(directory, identity)


def test_a_process_on_its_way_into_its_root_is_the_guests_whose_line_it_has(
    directory: GuestDir, copied: GuestDir
) -> None:
    line = os.open(directory.line_in, os.O_RDWR)
    with subprocess.Popen(["sleep", "600"], pass_fds=[line]) as child:
        for each in (directory, copied):
            processes.store(each, process(child.pid))

        assert processes.read(directory) == process(child.pid)
        assert processes.read(copied) is None
        child.kill()
    os.close(line)


def test_a_signal_reaches_nobody_else(directory: GuestDir) -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        known = process(child.pid)
        for other in (
            dataclasses.replace(known, started=known.started - 1),
            dataclasses.replace(known, boot="another"),
        ):
            processes.send(other, signal.SIGKILL)
        processes.end(Seen(child.pid, {"lab": "x", "guest": "alice"}, None))
        assert child.poll() is None

        processes.send(known, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    processes.send(known, signal.SIGKILL)
    processes.end(Seen(child.pid, {"lab": "x", "guest": "alice"}, None))


def test_what_a_process_was_started_with_follows_a_moved_directory(directory: GuestDir) -> None:
    now, before = directory.workdir, Path("/before")
    layers = ("/before/rendered/a", "/beforehand/b", "/c")
    paths = {"kernel": "/before/kernels/k/linux", "master": "/before/masters/m", "over": layers, "next_over": layers}
    processes.store(directory, process(os.getpid(), **paths, given=Given(layers=("guests/alice/diff", *layers))))
    moved = (f"{now}/rendered/a", "/beforehand/b", "/c")

    for _time in range(2):
        processes.follow(directory, before)

        found = processes.read(directory)
        assert found is not None and found.given is not None
        assert (found.kernel, found.master) == (f"{now}/kernels/k/linux", f"{now}/masters/m")
        assert (found.over, found.next_over) == (moved, moved)
        assert found.given.layers == ("guests/alice/diff", *moved)


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

    launcher.gone(directory)

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

        assert processes.is_alive(process(child.pid))
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
    with rooted(1, root, monkeypatch):
        return processes.owned_by(1)


@contextmanager
def rooted(pid: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a process have this root directory."""
    really, place = os.open, f"/proc/{pid}/root"
    with monkeypatch.context() as patched:
        patched.setattr(
            os, "open", lambda path, *more, **named: really(root if path == place else path, *more, **named)
        )
        yield


def test_a_process_that_is_not_ours_has_no_owner(tmp_path: Path) -> None:
    assert processes.owned_by(os.getpid()) is None
    assert list(processes.of_lab(Workdir(tmp_path))) == []
