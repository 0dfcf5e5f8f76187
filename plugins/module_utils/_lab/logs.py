# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``boot.log``: what console 0 of a guest has said, complete while it is short and bounded when it is not.

Nobody runs on a guest's behalf, so it is each run that changes the lab which looks whether a log has become too long.  Its beginning, the
guest's boot, and its end stay, with a line between them that says how much is missing.  The guest writes on meanwhile, to the end of the
file wherever that is (``O_APPEND``).  The log of the guest's life before this one is kept beside it.
"""

from __future__ import annotations

import errno
import os

from . import files, syscalls
from .workdir import GuestDir

LARGEST = 4 << 20
# Of whole blocks, as fallocate(2) wants it; no file system has larger ones.
_BEGINNING = 1 << 16
_END = 1 << 20
_CHUNK = 1 << 20


def begin(directory: GuestDir) -> None:
    """Make room for the log of another life."""
    if os.path.lexists(directory.boot_log):
        files.discard(directory.boot_log_before)
        directory.boot_log.replace(directory.boot_log_before)


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
            _cut(log, (size - _END - _BEGINNING) // _BEGINNING * _BEGINNING)
    finally:
        os.close(log)


def _cut(log: int, missing: int) -> None:
    """Take so many bytes out after the beginning."""
    try:
        syscalls.collapse(log, _BEGINNING, missing)
    except OSError as exc:
        if exc.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        _move_down(log, missing)
    note = f"\n[... {missing} bytes are missing here ...]\n".encode()
    os.pwrite(log, note, _BEGINNING - len(note))


def _move_down(log: int, missing: int) -> None:
    """Where the file system cannot take out a part of a file: copy what follows, until nothing more has come."""
    place = _BEGINNING
    while data := os.pread(log, _CHUNK, place + missing):
        place += os.pwrite(log, data, place)
    os.ftruncate(log, place)
