# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one lock: a working directory is changed by one run at a time.

flock(2) on ``<workdir>/lock``: the kernel drops it with the process, however that ends.  The file's content says who
holds it, for the message of those who wait in vain.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model.errors import LockTimeout
from .wait import Deadline, poll_until


@contextmanager
def hold(path: Path, subject: str, purpose: str, seconds: float) -> Iterator[None]:
    """Hold the lock at ``path``.

    :param subject: what is locked, for the message.
    :param purpose: what for, told to those who wait.
    :param seconds: how long to wait for it.
    :raises LockTimeout: saying who holds it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if poll_until(lambda: _try(fd), Deadline(seconds)) is None:
            raise LockTimeout(
                subject,
                f"another run still held its lock after {seconds:g} s: {_holder(fd)}",
                "wait for that run to end, or raise lock_timeout",
            )
        os.ftruncate(fd, 0)
        # On a full disk nobody is told who holds it.
        with suppress(OSError):
            os.pwrite(fd, json.dumps({"pid": os.getpid(), "purpose": purpose, "since": time.time()}).encode(), 0)
        yield
    finally:
        os.close(fd)


def _try(fd: int) -> bool | None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return True


def _holder(fd: int) -> str:
    try:
        holder = json.loads(os.pread(fd, 4096, 0))
        since = time.time() - float(holder["since"])
        return f"process {holder['pid']} ({holder['purpose']}), since {since:.0f} s"
    except (ValueError, KeyError, TypeError):
        return "an unknown process"
