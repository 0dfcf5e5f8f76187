# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``boot.log``: what console 0 of a guest has said, complete while it is short and bounded when it is not.

The guest writes to the end of the file, wherever that is (``O_APPEND``), and nothing stands between: what it has said is there whoever is
killed.  A small process of each guest (``keeper``) takes out the middle of a log that has become too long; its beginning, the guest's boot,
and its end stay, with a line between them that says how much is missing.  Where that process cannot be, or was killed, each run that
changes the lab does the same, and starts it again.  The log of the guest's life before this one is kept beside it.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from ..host import files, syscalls
from ..host.wait import Deadline, poll_until
from ..host.workdir import GuestDir
from . import keeper, seccomp
from .keeper import BEGINNING, END, LARGEST, NOTE

_CHUNK = 1 << 20
_NOTE_SIZE = len(NOTE % 0)
_NOTE_BEGIN = NOTE.partition(b"%")[0]
_END_SECONDS = 5.0
# Of the users of a guest, one that nobody in it is.
_USER = 65532
# Those that this process has started, by their guests' directories, to be reaped.
_STARTED: dict[str, int] = {}


def begin(directory: GuestDir) -> None:
    """Make room for the log of another life."""
    if os.path.lexists(directory.boot_log):
        files.discard(directory.boot_log_before)
        directory.boot_log.replace(directory.boot_log_before)


def keep(directory: GuestDir, agents: Path, pid: int, first: int) -> bool:
    """Have a guest's log kept short until the guest ends, unless that is so already.

    :param agents: directory for the program.
    :param pid: the guest's process.
    :param first: the first of the users that are the guest's own.
    :return: whether it is kept short from now on.
    """
    if not seccomp.supported() or (place := _claim(directory)) is None:
        return False
    opened = [place]
    try:
        opened.append(os.open(directory.boot_log, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
        opened.append(os.pidfd_open(pid))
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((opened[1], place, opened[2]))]
        argv = ["dumm-log", str(first + _USER), str(_missing(opened[1])), str(directory.path)]
        program = _program(agents)
        with syscalls.FORKING:
            _STARTED[argv[-1]] = os.posix_spawn(program, argv, {}, file_actions=actions)
        return True
    except OSError:
        # Without it the log is what it was in earlier versions, shortened by runs.
        return False
    finally:
        for fd in opened:
            os.close(fd)


def is_kept(directory: GuestDir) -> bool:
    """Whether somebody keeps a guest's log short."""
    place = _claim(directory)
    if place is None:
        return True
    os.close(place)
    return False


def _claim(directory: GuestDir) -> int | None:
    """The guest's directory as a descriptor, which is locked as long as anybody has it; ``None`` where somebody else has."""
    place = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(place)
        return None
    return place


@functools.cache
def _program(agents: Path) -> str:
    program = keeper.program()
    path = agents / f"log-{hashlib.sha256(program).hexdigest()[:16]}"
    if not path.exists():
        agents.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Nobody may have it open for writing when it is executed, a child that has not come to its exec either.
        with syscalls.FORKING:
            files.write(path, program, 0o700, durable=False)
    return str(path)


def let_go(directory: GuestDir) -> None:
    """Wait until nobody keeps the log of a guest that has ended."""

    poll_until(lambda: None if is_kept(directory) else True, Deadline(_END_SECONDS), longest=0.01)
    started = _STARTED.pop(str(directory.path), None)
    if started is not None:
        with suppress(ChildProcessError):
            os.waitpid(started, os.WNOHANG)


def trim(directory: GuestDir) -> None:
    """Shorten a log that is too long.  Call it only under the lock.

    :raises OSError: where it cannot be done; nothing but the middle is lost then.
    """
    try:
        log = os.open(directory.boot_log, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(log).st_size
        if size > LARGEST:
            _cut(log, (size - END - BEGINNING) // BEGINNING * BEGINNING)
    finally:
        os.close(log)


def _cut(log: int, missing: int) -> None:
    """Take so many bytes out after the beginning."""
    before = _missing(log)
    try:
        syscalls.collapse(log, BEGINNING, missing)
    except OSError as exc:
        if exc.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        _move_down(log, missing)
    os.pwrite(log, NOTE % (missing + before), BEGINNING - _NOTE_SIZE)


def _missing(log: int) -> int:
    """How many bytes were taken out before."""
    note = os.pread(log, _NOTE_SIZE, BEGINNING - _NOTE_SIZE)
    number = note[len(_NOTE_BEGIN) :].split(b" bytes")[0].strip()
    return int(number) if note.startswith(_NOTE_BEGIN) and number.isdigit() else 0


def _move_down(log: int, missing: int) -> None:
    """Where the file system cannot take out a part of a file: copy what follows, until nothing more has come."""
    place = BEGINNING
    while data := os.pread(log, _CHUNK, place + missing):
        place += os.pwrite(log, data, place)
    os.ftruncate(log, place)
