# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written to a guest's control line: never more than its serial line can hold unread.

A serial line of UML hears nothing any more once about 3968 bytes lie unread in it: line_throttle (arch/um/drivers/line.c of Linux)
takes its descriptor out of epoll, and line_unthrottle does not put it back.  The host cannot see what a guest has read.  But a request
that is acknowledged was read, and so was all that was written before it.  So whoever writes adds up, in the file that is locked
meanwhile, and waits above a bound.  Where no request is under way that would tell what was read, an empty one is sent that does.
More: docs/internals/control-channel.md.
"""

from __future__ import annotations

import dataclasses
import fcntl
import math
import os
import secrets
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..host import beneath
from ..host.workdir import GuestDir

# Bytes.  An agent that was started anew may find as much again: what its predecessor had not read.
MOST = 1500
# A nudge has to come through when all else waits, since the kernel may be asleep; the rest is its reserve.
_MOST_NUDGED = 1900
# Seconds after which those under way are taken for lost, with the agent that had read them; ever longer, for they are bytes, too.
_LOST_AFTER = 10.0
_LETTERS = string.ascii_lowercase + string.digits
_NAME = 10
_REMOVE_SECONDS = 5.0


@dataclass(frozen=True)
class _Count:
    """Bytes of a line, from its first one on.

    :ivar written: how many there are.
    :ivar heard: how many of them the guest has read for sure.
    :ivar agent: which of the guest's agents reads; what was written for another is of no concern.
    """

    written: int = 0
    heard: int = 0
    agent: str = "-"

    @property
    def unread(self) -> int:
        """How many the guest may not have read."""
        return self.written - self.heard


def new_name() -> str:
    """A name for a request."""
    return "".join(map(secrets.choice, [_LETTERS] * _NAME))


def write(directory: GuestDir, text: str) -> bool:
    """Write a line to a guest, if it has room for it.

    :param text: a request's name, or that with ``!`` or ``+`` before it.
    :return: whether it was written; otherwise try again a little later.
    :raises OSError: where the line is gone.
    """
    return _write(directory, text, MOST)


def nudge(directory: GuestDir) -> None:
    """Write an empty line, which means nothing; a line that is full or gone is not complained of."""
    with suppress(OSError):
        _write(directory, "", _MOST_NUDGED)


def put_away(directory: GuestDir, request: Path) -> None:
    """Take a request away; one that was rung for and not heard stays as an empty directory until it is."""
    heard = beneath.exists(request, "ack")
    bell = _bell(directory, request.name)
    if heard:
        _remove(request)
    with suppress(OSError), _locked(directory) as lock:
        if heard:
            count = _read(lock, directory)
            _store(lock, dataclasses.replace(count, heard=max(count.heard, _position(bell, count))))
            bell.unlink(missing_ok=True)
            return
        # Under the lock: whoever looks at the bells meanwhile would take it for given up, and the directory would stay for good.
        _remove(request)
        if bell.exists():
            request.mkdir(mode=0o700)


def _write(directory: GuestDir, text: str, most: int) -> bool:
    with _locked(directory) as lock:
        count, silent = _look(directory, _read(lock, directory))
        fits = count.unread + len(text) + 1 <= most
        if fits:
            count, fits = _send(directory, count, text)
        elif silent > _LOST_AFTER * 2 ** max(0, (count.unread - MOST) // _NAME):
            asking = directory.spool / new_name()
            asking.mkdir(mode=0o700)
            asked = False
            try:
                count, asked = _send(directory, count, asking.name)
            finally:
                if not asked:
                    asking.rmdir()
        _store(lock, count)
        return fits


def _send(directory: GuestDir, count: _Count, text: str) -> tuple[_Count, bool]:
    """Write a line; whether that was possible at once."""
    line = os.open(directory.line_in, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    data = f"{text}\n".encode()
    after = dataclasses.replace(count, written=count.written + len(data))
    bell = _bell(directory, text)
    # One that is rung for again keeps its first place: whoever has read it there has read all before.
    new = text.isalnum() and not bell.exists()
    try:
        if new:
            bell.touch(0o600)
            # Not in the file: there may be an inode left, but no block.
            os.utime(bell, (after.written, after.written))
        os.write(line, data)
    except BlockingIOError:
        if new:
            bell.unlink()
        return count, False
    finally:
        os.close(line)
    return after, True


def _look(directory: GuestDir, count: _Count) -> tuple[_Count, float]:
    """What the guest has read, and for how many seconds none of those was rung for that will tell more; infinite where there is none."""
    heard, silent = count.heard, math.inf
    for bell in directory.outbox.glob("*.bell"):
        request, position = directory.spool / bell.stem, _position(bell, count)
        if beneath.exists(request, "ack"):
            heard = max(heard, position)
        elif position > count.heard and os.path.lexists(request):
            with suppress(OSError):
                silent = min(silent, time.time() - bell.stat().st_ctime)
            continue
        if not beneath.exists(request, "cmd"):
            # It was given up before it was heard.
            _remove(request)
            bell.unlink(missing_ok=True)
    return dataclasses.replace(count, heard=heard), silent


def _bell(directory: GuestDir, name: str) -> Path:
    return directory.outbox / f"{name}.bell"


def _position(bell: Path, count: _Count) -> int:
    """How many bytes had been written when a request was rung for; 0 where that is not known, as of bells of earlier versions."""
    with suppress(OSError):
        position = int(bell.stat().st_mtime)
        if position <= count.written:
            return position
    return 0


@contextmanager
def _locked(directory: GuestDir) -> Iterator[int]:
    lock = os.open(directory.doorbell_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _read(lock: int, directory: GuestDir) -> _Count:
    try:
        written, heard, agent = os.pread(lock, 200, 0).partition(b"\n")[0].decode("ascii").split(" ")
        count = _Count(int(written), int(heard), agent)
    except ValueError:
        count = _Count()
    agent = _agent(directory)
    return count if agent == count.agent else _Count(count.written, count.written, agent)


def _store(lock: int, count: _Count) -> None:
    # On a full disk nothing is added up.
    with suppress(OSError):
        os.pwrite(lock, f"{count.written} {count.heard} {count.agent}\n".encode(), 0)


def _agent(directory: GuestDir) -> str:
    """Which agent said hello last."""
    try:
        status = os.lstat(directory.spool / "hello")
    except OSError:
        return "-"
    return f"{status.st_ino}.{status.st_mtime_ns}"


def _remove(request: Path) -> None:
    """Take a request away, as far as a guest that puts in more all the time allows; the rest goes when the guest does."""
    with suppress(OSError):
        beneath.remove(request, _REMOVE_SECONDS)
