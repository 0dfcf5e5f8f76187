# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to trees that a guest can write: its spool, its run directory, its diff, its process's own root.

A guest may plant anything there, and change it while it is looked at.  So nothing is reached but through a descriptor of the directory:
no symbolic link is followed (openat2(2)), no planted FIFO is waited for, only regular files are read, and no more of them than asked for.
What is removed may be of any depth.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from . import syscalls
from .wait import Deadline

_RULES = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """What a directory has under a name.

    :ivar target: where a symbolic link leads to; empty for anything else.
    """

    name: str
    status: os.stat_result
    target: str


@contextmanager
def _directory(path: Path | str) -> Iterator[int]:
    """A directory, but no link to one."""
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def open_file(directory: Path | int, name: str, access: int = os.O_RDONLY) -> int:
    """Open a regular file that is there, to read it if not told otherwise.

    :param directory: its path, or a descriptor.
    :param name: below it.
    :param access: flags of open(2).
    :raises OSError: also when a link, a FIFO or a device is in the way.
    """
    if not isinstance(directory, int):
        with _directory(directory) as parent:
            return open_file(parent, name, access)
    # A device would notice that it is opened, so what is there is looked at first (open(2), O_PATH).
    place = syscalls.openat2(directory, name, os.O_PATH | os.O_NOFOLLOW, _RULES)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        return os.open(f"/proc/self/fd/{place}", access | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(place)


def overwrite(directory: Path, name: str, data: bytes) -> None:
    """Write a file anew that is there.

    :raises OSError: see :func:`open_file`.
    """
    fd = open_file(directory, name, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def read(directory: Path | int, name: str, limit: int) -> bytes:
    """Read a file that a guest wrote.

    :param limit: how many bytes at the most; one more than that is read so that the caller can see an excess.
    :raises OSError: where it is missing or no regular file.
    """
    with os.fdopen(open_file(directory, name), "rb") as file:
        return file.read(limit + 1)


def tail(directory: Path, name: str, size: int) -> bytes:
    """The end of a file that a guest wrote.

    :param size: bytes at the most.
    :raises OSError: where it is missing or no regular file.
    """
    with os.fdopen(open_file(directory, name), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)


def copy(directory: Path, name: str, limit: int, target: BinaryIO) -> bool:
    """Copy a file that a guest wrote, and may still be writing to.

    :return: whether that was all of it; else it has more than ``limit`` bytes.
    :raises OSError: where it is missing or no regular file, or cannot be copied.
    """
    with os.fdopen(open_file(directory, name), "rb") as source:
        if os.fstat(source.fileno()).st_size > limit:
            return False
        left = limit
        while data := source.read(min(_CHUNK, left + 1)):
            if len(data) > left:
                return False
            target.write(data)
            left -= len(data)
    return True


def status(directory: Path, name: str) -> os.stat_result | None:
    """What is there under a name, be it a link; ``None`` for nothing.

    :param name: one component.
    """
    try:
        with _directory(directory) as parent:
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return None


def exists(directory: Path, name: str) -> bool:
    """Whether anything is there under a name."""
    return status(directory, name) is not None


@contextmanager
def socket_address(directory: Path, name: str) -> Iterator[str]:
    """An address to connect to the socket at a name: that very one, whatever is put in its place meanwhile.

    :raises OSError: where there is none, or a link leads to it.
    """
    with _directory(directory) as parent:
        fd = syscalls.openat2(parent, name, os.O_PATH | os.O_NOFOLLOW, _RULES)
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK), name)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def entries(tree: Path, path: str) -> list[Entry]:
    """All that a directory has, in no order.

    :param path: relative to ``tree``; empty for itself.
    :raises OSError: where it is no directory any more, or its path is longer than paths may be.
    """
    with _directory(tree) as parent:
        fd = syscalls.openat2(parent, path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, _RULES)
    found = []
    try:
        with os.scandir(fd) as listing:
            for entry in listing:
                # Gone meanwhile, or no link any more.
                with suppress(OSError):
                    is_link = entry.is_symlink()
                    target = os.readlink(entry.name, dir_fd=fd) if is_link else ""
                    found.append(Entry(entry.name, entry.stat(follow_symlinks=False), target))
    finally:
        os.close(fd)
    return found


def remove(path: Path, seconds: float | None = None) -> None:
    """Remove a directory and all below it, or whatever is there in its place.

    Directories are moved up to ``path`` itself before they are emptied: a tree may be deeper than any path, stack or number of
    descriptors.

    :param seconds: how long to go on, where a guest may be putting in more all the time.
    :raises OSError: if something cannot be removed.
    """
    try:
        top = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return
    except OSError as exc:
        if exc.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        os.unlink(path)
        return
    deadline = None if seconds is None else Deadline(seconds)
    try:
        mark = f".{secrets.token_hex(8)}-"
        moved = 0
        while True:
            while directories := _empty(top):
                for name in directories:
                    if deadline is not None and deadline.over:
                        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
                    moved = _lift(top, name, mark, moved)
            if _without_content(path, deadline):
                return
    finally:
        os.close(top)


def _without_content(path: Path, deadline: Deadline | None) -> bool:
    """Remove a directory, unless something came into it since it was emptied; whether that was possible."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as exc:
        if exc.errno != errno.ENOTEMPTY or (deadline is not None and deadline.over):
            raise
        return False
    return True


def _empty(directory: int) -> list[str]:
    """Remove all of a directory that is none itself; the names of those that are."""
    directories = []
    for entry in syscalls.entries(directory):
        if entry.is_dir(follow_symlinks=False):
            directories.append(entry.name)
            continue
        with suppress(FileNotFoundError):
            os.unlink(entry.name, dir_fd=directory)
    return directories


def _lift(top: int, name: str, mark: str, moved: int) -> int:
    """Remove a directory after those that it has were moved beside it; how many have been moved so far."""
    try:
        fd = os.open(name, _DIRECTORY, dir_fd=top)
    except (FileNotFoundError, NotADirectoryError):
        # Somebody else may be taking things out too, as a client does that waited for a guest.
        return moved
    try:
        for below in _empty(fd):
            with suppress(FileNotFoundError):
                os.rename(below, f"{mark}{moved}", src_dir_fd=fd, dst_dir_fd=top)
                moved += 1
    finally:
        os.close(fd)
    with suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=top)
    return moved


def printable(data: bytes) -> str:
    """What a guest wrote, in one line that does nothing to the terminal it is shown on."""
    text = " ".join(data.decode("utf-8", "replace").split())
    return "".join(letter if letter.isprintable() else "�" for letter in text)
