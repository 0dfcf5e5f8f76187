# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which users of the host are a guest's own: 65536 in a row for each guest, that no other guest and nobody else has.

On the disk a guest's users have the numbers that they have in the guest.  The block is what its process and its TAPs belong to while it
runs, so it has to be its own among all guests of this boot, of whatever lab: ``/run/dumm/users/N`` is a link to the guest's directory,
which remembers N.  A directory that was copied or moved finds out by that link.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model.errors import HostError
from ..model.lab import USERS_OF_A_GUEST
from . import files
from .workdir import GuestDir

# Used by nothing and nobody else (systemd's "Users, Groups, UIDs and GIDs on systemd Systems"; login.defs(5) has SUB_UID_MAX far below).
FIRST, _END = 0x70000000, 0x7FFE0000
_BLOCKS = (_END - FIRST) // USERS_OF_A_GUEST
_CLAIMS = Path("/run/dumm/users")
_NUMBER_BYTES = 32
_DELEGATED = ("/etc/subuid", "/etc/subgid")


def claim(directory: GuestDir) -> int:
    """The first user of a guest's block; it gets one where it has none or another guest has taken it.

    :raises HostError: where there is none left.
    """
    had = _own(directory)
    if had is not None:
        return _first(had)
    _CLAIMS.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone():
        # Somebody else may have claimed it for the guest meanwhile.
        block = _own(directory)
        if block is None:
            block = _free(directory, _stored(directory))
            # In this order: of a run that is killed in between, nothing is left that nobody would release.
            files.write(directory.users, f"{block}\n".encode(), durable=False)
            claimed = _CLAIMS / str(block)
            claimed.unlink(missing_ok=True)
            claimed.symlink_to(directory.path)
    return _first(block)


def follow(directory: GuestDir, before: Path) -> None:
    """Keep a guest's block although the guest's directory was moved.

    :param before: the path that it had.
    """
    block = _stored(directory)
    if block is not None and _holder(block) == str(before) != str(directory.path):
        files.symlink(_CLAIMS / str(block), str(directory.path))


def place(directory: GuestDir) -> Path | None:
    """The path that a guest's directory had when it got its block; ``None`` for none."""
    block = _stored(directory)
    holder = None if block is None else _holder(block)
    return None if holder is None else Path(holder)


def release(directory: GuestDir) -> None:
    """Give a guest's block back."""
    block = _own(directory)
    if block is not None:
        (_CLAIMS / str(block)).unlink(missing_ok=True)
        return
    # What it remembers of it may be damaged.
    for claimed in _CLAIMS.iterdir() if _CLAIMS.is_dir() else ():
        if _holder_of(claimed) == str(directory.path):
            claimed.unlink(missing_ok=True)


def _first(block: int) -> int:
    return FIRST + block * USERS_OF_A_GUEST


def _own(directory: GuestDir) -> int | None:
    """The block that is a guest's; ``None`` where it has none, or has lost it to another."""
    block = _stored(directory)
    return block if block is not None and _holder(block) == str(directory.path) else None


def _stored(directory: GuestDir) -> int | None:
    try:
        block = int(files.read(directory.users, _NUMBER_BYTES))
    except (OSError, ValueError):
        return None
    return block if 0 <= block < _BLOCKS else None


def _holder(block: int) -> str | None:
    """Path of the guest's directory that has claimed a block."""
    return _holder_of(_CLAIMS / str(block))


def _holder_of(claimed: Path) -> str | None:
    try:
        return os.readlink(claimed)
    except OSError:
        return None


def _free(directory: GuestDir, had: int | None) -> int:
    """A block that nobody has; that which the guest had before, or any.  Guests begin to look in different places."""
    delegated = _delegated()
    begin = zlib.crc32(os.fsencode(directory.path)) if had is None else had
    for number in range(_BLOCKS):
        block = (begin + number) % _BLOCKS
        if not _is_held(block) and not any(
            low < _first(block) + USERS_OF_A_GUEST and _first(block) < high for low, high in delegated
        ):
            return block
    raise HostError(
        f"guest {directory.name}",
        f"no users of the host are left for it: {_BLOCKS} guests have theirs",
        "remove guests of other labs, or start it with confine: false",
    )


def _is_held(block: int) -> bool:
    holder = _holder(block)
    if holder is None:
        return False
    # A guest's directory that was removed by hand, or copied from another, holds nothing; one that was moved does while the guest runs.
    return _stored(GuestDir(Path(holder))) == block or _runs(block)


def _runs(block: int) -> bool:
    """Whether a process belongs to a user of a block."""
    users = range(_first(block), _first(block) + USERS_OF_A_GUEST)
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError, ValueError):
            line = next(line for line in status.read_bytes().splitlines() if line.startswith(b"Uid:"))
            if not set(map(int, line.split()[1:])).isdisjoint(users):
                return True
    return False


def _delegated() -> list[tuple[int, int]]:
    """Users that somebody was given to hand out (subuid(5)): the first, and the first beyond."""
    ranges = []
    for path in _DELEGATED:
        with suppress(OSError):
            for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
                fields = line.split(":")
                with suppress(ValueError, IndexError):
                    ranges.append((int(fields[1]), int(fields[1]) + int(fields[2])))
    return ranges


@contextmanager
def _alone() -> Iterator[None]:
    """Labs are changed at the same time, and each has a lock of its own."""
    lock = os.open(_CLAIMS.with_name("users.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
