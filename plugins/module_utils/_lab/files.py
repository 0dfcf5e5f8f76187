# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that writes files, and the one that reads what a guest may have written.

A file of ours is replaced as a whole (temporary name, fsync, rename), so that a reader, also one after a power cut, sees the
old or the new content and never half of it.  A tree that a guest can write is only opened through :func:`open_beneath`:
no symbolic links, no waiting on a planted FIFO, regular files only, bounded sizes.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import syscalls


def write(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Replace ``path`` with ``data`` atomically.

    :param durable: also safe from a power cut, which takes a few milliseconds; what means nothing after one need not be.
    :raises OSError: the old content is still there then.
    """
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".new-{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError as exc:
        Path(temporary).unlink(missing_ok=True)
        exc.filename = str(path)
        raise


def write_json(path: Path, value: object, *, durable: bool = True) -> None:
    """Replace ``path`` with ``value`` as JSON, see :func:`write`."""
    write(path, json_text(value).encode(), durable=durable)


def json_text(value: object) -> str:
    """What is written of ``value``; unlike Python's ``==`` it tells ``true`` from ``1``."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def read_json(path: Path) -> Any:
    """Read JSON; ``None`` where there is no file or it holds none (as after a crash of the host's file system)."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def symlink(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``, atomically, whatever was there."""
    temporary = path.with_name(f".new-{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(path)


def open_beneath(directory: Path, name: str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file below a directory that a guest can write.

    :raises OSError: also when a link, a FIFO or a device is in the way.
    """
    parent = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        rules = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS
        fd = syscalls.openat2(parent, name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, rules)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(22, "not a regular file", str(directory / name))
    return fd


def read_beneath(directory: Path, name: str, limit: int) -> bytes:
    """Read a file that a guest wrote.

    :param limit: how many bytes at the most; one more than that is read so that the caller can see an excess.
    :raises OSError: where it is missing or no regular file.
    """
    with os.fdopen(open_beneath(directory, name), "rb") as file:
        return file.read(limit + 1)


def exists_in_root(root: Path, path: str) -> bool:
    """Whether ``path`` exists when ``root`` is taken as the root directory, symbolic links resolved inside of it."""
    try:
        top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        rules = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
        os.close(syscalls.openat2(top, path.lstrip("/"), os.O_PATH, rules))
    except OSError:
        return False
    finally:
        os.close(top)
    return True


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it: first out of sight by a rename, so that a half-removed one is never seen."""
    doomed = path.with_name(f".gone-{path.name}-{os.getpid()}")
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    while os.path.lexists(doomed):
        # Somebody else may be taking things out of it meanwhile, as a client does that waited for a guest.
        with suppress(FileNotFoundError):
            shutil.rmtree(doomed)


def sweep(directory: Path) -> None:
    """Remove what interrupted runs left half made or half removed.  Call it only under the lock."""
    if not directory.is_dir():
        return
    for entry in os.scandir(directory):
        if entry.name.startswith((".gone-", ".new-")):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def tail(path: Path, lines: int, limit: int = 8192) -> list[str]:
    """Last lines of a log, unprintable bytes replaced."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            text = file.read(limit).decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
