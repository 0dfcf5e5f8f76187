# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that writes files.  What a guest may have written is read through ``beneath``.

A file of ours is replaced as a whole (temporary name, fsync, rename), so that a reader, also one after a power cut, sees the
old or the new content and never half of it.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..model import stored
from ..model.errors import REMEDIES, HostError
from . import beneath, syscalls

GONE = ".gone-"
PATH_MAX = 4096  # limits.h
_MOST_SAID = 300
_MOST = 64 << 20  # bytes of JSON; a guest's variables may be as large as its scenario's file
_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def read_at_most(path: Path, size: int) -> bytes:
    """The beginning of a file that may be of any size, such as a device.

    :param size: bytes.
    :raises OSError: where it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(size)


def read(path: Path, limit: int = _MOST) -> bytes:
    """Read a file of ours.  Whatever somebody has put in its place, a FIFO too, is not waited for.

    :param limit: bytes.
    :raises FileNotFoundError: where there is nothing.
    :raises stored.Unfit: where there is no regular file, or one that is larger.
    :raises OSError: where it cannot be read.
    """
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno == errno.ELOOP or path.is_symlink():
            raise stored.Unfit("it is a link that leads to nothing") from None
        raise
    try:
        status = os.fstat(place)
        if not stat.S_ISREG(status.st_mode):
            raise stored.Unfit(f"it is a {_KINDS.get(stat.S_IFMT(status.st_mode), 'thing')} and must be a file")
        if status.st_size > limit:
            raise stored.Unfit(f"it is larger than {limit} bytes")
        with open(f"/proc/self/fd/{place}", "rb", opener=_without_waiting) as file:
            return file.read(limit)
    finally:
        os.close(place)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def write(
    path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True, owner: tuple[int, int] | None = None
) -> None:
    """Replace ``path`` with ``data`` atomically.

    :param owner: user and group; ``None`` for those of this process.
    :param durable: also safe from a power cut, which takes a few milliseconds; what means nothing after one need not be.
    :raises OSError: the old content is still there then.
    """
    # mkstemp(3) in Python takes four times as long.
    temporary = f"{path.parent}/.new-{path.name}.{os.urandom(4).hex()}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, data)
            if owner is not None:
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError as exc:
        Path(temporary).unlink(missing_ok=True)
        exc.filename = str(path)
        raise


def write_all(fd: int, data: bytes) -> None:
    """Write all of it: a full disk takes the first part, and says so at the next."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def write_json(path: Path, value: object, *, durable: bool = True) -> None:
    """Replace ``path`` with ``value`` as JSON, see :func:`write`; what does not last is on one line."""
    # Python takes ten times as long to write it on several.
    text = json_text(value) if durable else json.dumps(value) + "\n"
    write(path, text.encode(), durable=durable)


def json_text(value: object) -> str:
    """What is written of ``value``; unlike Python's ``==`` it tells ``true`` from ``1``, and one order of keys from another.

    The order stays: that of a guest's interfaces is the order in which its kernel numbers them.
    """
    return json.dumps(value, indent=1) + "\n"


def is_same_json(one: object, other: object) -> bool:
    """Whether the same is written of both, see :func:`json_text`."""
    return json.dumps(one) == json.dumps(other)


def read_json(path: Path) -> Any:
    """Read JSON; ``None`` where there is no file or it holds none (as after a crash of the host's file system)."""
    try:
        return stored.parse(read(path))
    except (FileNotFoundError, NotADirectoryError, stored.Unfit):
        return None


def symlink(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``, atomically, whatever was there."""
    with suppress(FileExistsError):
        os.symlink(target, path)
        return
    temporary = path.with_name(f".new-{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(path)


def exists_in_root(root: Path, path: str) -> bool:
    """Whether ``path`` exists when ``root`` is taken as the root directory, symbolic links resolved inside of it."""
    return status_in_root(root, path) is not None


def status_in_root(root: Path, path: str) -> os.stat_result | None:
    """What ``path`` is when ``root`` is taken as the root directory, symbolic links resolved inside of it."""
    try:
        top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        rules = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
        found = syscalls.openat2(top, path.lstrip("/"), os.O_PATH, rules)
        try:
            return os.fstat(found)
        finally:
            os.close(found)
    except OSError:
        return None
    finally:
        os.close(top)


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it: first out of sight by a rename, so that a half-removed one is never seen."""
    doomed = path.with_name(f"{GONE}{path.name}-{os.getpid()}")
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    beneath.remove(doomed)


def discard(path: Path) -> None:
    """Remove what is there, be it a directory that somebody has put in the place of a file."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except OSError:
        remove_tree(path)


def copy_tree(source: Path, target: Path, subject: str, purpose: str) -> None:
    """Copy a directory with all that belongs to its files; data is shared where the file system can.

    :param target: what is there already stays.
    :param purpose: for the message: ``copy what it wrote``.
    :raises HostError: where it cannot be copied; some of it is there then.
    """
    command = ["cp", "--archive", "--reflink=auto", "--no-target-directory", "--", str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["cp failed"])[0]
        why = said.rpartition(": ")[2]
        remedies = [remedy for number, remedy in REMEDIES.items() if os.strerror(number) == why]
        if why == os.strerror(errno.ENAMETOOLONG):
            raise too_deep(subject, purpose)
        # A name may be as long as a path; how it ends tells the cause.
        told = said if len(said) <= _MOST_SAID else f"{said[: _MOST_SAID // 2]}…{said[-_MOST_SAID // 2 :]}"
        raise HostError(
            subject, f"cannot {purpose}: {told}", remedies[0] if remedies else "look at the path and run again"
        )


def too_deep(subject: str, purpose: str) -> HostError:
    """The error for directories that lie so deep in each other that their paths are longer than Linux takes."""
    return HostError(
        subject,
        f"cannot {purpose}: directories lie so deep in each other that their paths are longer than {PATH_MAX} bytes",
        "remove the deepest in the guest, and run again",
    )


def measure(top: Path) -> tuple[int, int]:
    """Bytes of the longest path below a directory, at most ``PATH_MAX``, and on disk of all that is there."""
    longest, size, todo = 0, 0, [""]
    while todo:
        path = todo.pop()
        try:
            entries = beneath.entries(top, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as exc:
            if exc.errno != errno.ENAMETOOLONG:
                raise
            return PATH_MAX, size
        for entry in entries:
            below = f"{path}/{entry.name}".lstrip("/")
            longest = max(longest, len(os.fsencode(below)))
            if stat.S_ISDIR(entry.status.st_mode):
                todo.append(below)
            else:
                # A file with several names is there once.
                size += entry.status.st_blocks * 512 // entry.status.st_nlink
    return longest, size


def sweep(directory: Path) -> None:
    """Remove what interrupted runs left half made or half removed.  Call it only under the lock."""
    if not directory.is_dir():
        return
    for entry in os.scandir(directory):
        if entry.name.startswith((GONE, ".new-")):
            if entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    beneath.remove(Path(entry.path))
            else:
                os.unlink(entry.path)


def tail(path: Path, lines: int, limit: int = 8192) -> list[str]:
    """Last lines of a log, unprintable bytes replaced; none of what is no file."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return []
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            text = file.read(limit)
    except OSError:
        return []
    return [line for line in map(beneath.printable, text.splitlines()) if line][-lines:]
