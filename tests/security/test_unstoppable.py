# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest that means to stay is stopped and removed all the same: by one run, with all that it left behind.

Each trick is played on who stops as one would at first: by SIGTERM, by the number of its main process, by writing down what it does,
by removing a tree as it comes.  That has to fail, or the trick would be none.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from attack import Outcome, Tally
from lab import fresh_lab, processes_of, until
from shared import DISK, MEM

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import beneath
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError

_KIND = "make itself unstoppable"
_PATIENCE = 300.0


@dataclass(frozen=True)
class Trick:
    """How a guest means to stay.

    :ivar command: for the attack program.
    :ivar fools: whether it outlasts a simple way to stop, given the attack program and a directory.
    """

    name: str
    command: str
    fools: Callable[[Path, Path], bool]
    disk: int = 0


@contextmanager
def _apart(*command: object) -> Iterator[tuple[str, str]]:
    """Run a program as nobody's guest in a PID namespace, whose first process is a shell: the shell's number, and what it said."""
    line = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@" & read line', "sh", *command]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            yield _children(process.pid)[0], said
        finally:
            process.kill()


def _children(pid: int | str) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _field(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def _outlasts_sigterm(command: str) -> Callable[[Path, Path], bool]:
    def fools(program: Path, _place: Path) -> bool:
        with _apart(program, "attack", *command.split(), "-") as (shell, said):
            assert said == "succeeded\n"
            pid = int(next(each for each in _children(shell) if _field(int(each), "Name") == program.name))
            if command == "leave stop_parent":
                until(lambda: _field(pid, "State") == "T", "it to stop itself", _PATIENCE)
            os.kill(pid, signal.SIGTERM)
            bit = 1 << signal.SIGTERM - 1
            kept = any(int(_field(pid, name), 16) & bit for name in ("SigIgn", "SigBlk"))
            return kept or _field(pid, "State") == "T"

    return fools


def _outlasts_its_main_process(way: str) -> Callable[[Path, Path], bool]:
    def fools(program: Path, _place: Path) -> bool:
        # The main process ends by itself.
        with _apart(program, "attack", "leave", way) as (shell, said):
            assert said == "succeeded\n"
            until(lambda: _companions(shell), "what it left behind", _PATIENCE)
            return True

    return fools


def _companions(pid: str) -> list[str]:
    """Other processes in a process's PID namespace."""
    own = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for entry in os.scandir("/proc"):
        with suppress(OSError):
            if entry.name.isdigit() and entry.name != pid and os.readlink(f"{entry.path}/ns/pid") == own:
                found.append(entry.name)
    return found


def _outlasts_a_write(command: str) -> Callable[[Path, Path], bool]:
    """Whether nothing can be written down on the file system that a guest has filled."""

    def fools(program: Path, place: Path) -> bool:
        script = (
            f'mount -t tmpfs -o size=1m,nr_inodes=100 none {place} && "$@" && cp /proc/version {place}/process.json'
        )
        line = ["unshare", "--mount", "sh", "-c", script, "sh", program, "attack", *command.format(fs=place).split()]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        assert done.stdout == "succeeded\n", done
        return os.strerror(errno.ENOSPC) in done.stderr

    return fools


def _outlasts_removal(program: Path, place: Path) -> bool:
    tree = place / "tree"
    tree.mkdir()
    subprocess.run([program, "attack", "deep", tree], check=True, capture_output=True, timeout=_PATIENCE)
    try:
        shutil.rmtree(tree)
    except (OSError, RecursionError):
        return True
    finally:
        beneath.remove(tree)
    return False


_LEFT = {
    "orphan": "leave a process of another session that ignores signals",
    "stopped": "leave a process that has stopped itself",
    "renamed": "leave a process by the name of a kernel's thread",
    "traced": "leave a process that is stopped by its tracer",
    "crowd": "leave 200 processes",
    "hydra": "leave processes that end at once, each after it made another",
}
TRICKS = [
    Trick("ignore all signals", "ignore", _outlasts_sigterm("ignore")),
    Trick("block all signals", "block", _outlasts_sigterm("block")),
    Trick("stop its main process", "leave stop_parent", _outlasts_sigterm("leave stop_parent")),
    *(Trick(name, f"leave {way}", _outlasts_its_main_process(way)) for way, name in _LEFT.items()),
    Trick("fill the inodes of its disk", "hoard {fs}", _outlasts_a_write("hoard {fs}"), DISK),
    Trick("fill the blocks of its disk", "hoard_blocks {fs}/bomb", _outlasts_a_write("hoard_blocks {fs}/bomb"), DISK),
    Trick("leave a tree that is deeper than any path", "deep {fs}", _outlasts_removal),
]
_NAMES = {f"evil{number}": trick for number, trick in enumerate(TRICKS)}


@pytest.fixture(scope="module")
def removed(program: Path) -> Iterator[dict[str, str]]:
    """What went wrong, by guest, when a lab was taken away while each of its guests played a trick."""
    with fresh_lab() as lab:
        guests = {
            name: {"kernel": str(program), "mem": MEM, "disk": trick.disk, "confine": True}
            for name, trick in _NAMES.items()
        }
        lab.scenario("crowd", {"guests": guests})
        wrong = {}
        pids = {name: lab.process(name).pid for name in _NAMES}
        for name, trick in _NAMES.items():
            # One that has stopped itself, or filled its disk, does not answer.
            with suppress(DummError):
                done = lab.run(name, f"attack {trick.command.format(fs='/fs')}", timeout=3)
                if done.code != 0:
                    wrong[name] = f"it did not play its trick: {done}"
        lab.scenario("crowd", state="absent", wait_timeout=1)
        for pid, name in processes_of({lab.name}).items():
            wrong[name] = f"process {pid} is there"
        for name, pid in pids.items():
            if lab.directory(name).path.exists() or Path(f"/proc/{pid}/root/owner").exists():
                wrong[name] = "it is there"
            if any((group / name).exists() for group in lab.control_groups()):
                wrong[name] = "its control group is there, so a process is"
        yield wrong


@pytest.mark.parametrize("name", _NAMES, ids=[trick.name for trick in TRICKS])
def test_a_guest_that_means_to_stay_is_removed(removed: dict[str, str], name: str, tally: Tally) -> None:
    outcome = Outcome.SUCCEEDED if name in removed else Outcome.REFUSED
    tally.note(_KIND, _NAMES[name].name, outcome, protected=True)
    assert name not in removed, removed[name]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_who_stops_it_as_it_comes_is_fooled(trick: Trick, program: Path, tmp_path: Path, tally: Tally) -> None:
    outcome = Outcome.SUCCEEDED if trick.fools(program, tmp_path) else Outcome.REFUSED
    tally.note(_KIND, trick.name, outcome, protected=False)
    assert outcome is Outcome.SUCCEEDED
