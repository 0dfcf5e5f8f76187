# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a path means in layers that are not mounted, by the rules of overlayfs (Documentation/filesystems/overlayfs.rst).

A directory of a layer lends the merged one its owner and mode, and hides a symbolic link of its name: who adds a layer must know what
is below.  One layer may have been written by a guest: no link is followed but within the layers.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ..model.root import Directory

_MAX_LINKS = 40  # as the kernel, MAXSYMLINKS in include/linux/namei.h


def place(layers: Sequence[Path], path: str) -> tuple[str, tuple[Directory, ...]]:
    """Where a file of a path lies when symbolic links to directories are followed, and the directories that it lies in, topmost first.

    :param layers: topmost first.
    :param path: absolute; what is missing of it is taken for plain directories.
    :raises OSError: where something that is no directory is in the way.
    """
    todo = path.strip("/").split("/")
    name = todo.pop()
    found: list[Directory] = []
    merged: list[list[Path]] = [list(layers)]
    links = 0
    while todo:
        part = todo.pop(0)
        if part == ".." and found:
            found.pop()
            merged.pop()
        if part in ("", ".", ".."):
            continue
        here = f"{found[-1].path if found else ''}/{part}"
        below, status = merge(merged[-1], part)
        if status is not None and stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), here)
            target = os.readlink(below[0])
            if target.startswith("/"):
                found, merged = [], merged[:1]
            todo[:0] = target.split("/")
            continue
        if status is None:
            found.append(Directory(here))
        elif stat.S_ISDIR(status.st_mode):
            found.append(Directory(here, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))
        else:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), here)
        merged.append(below)
    return f"{found[-1].path if found else ''}/{name}", tuple(found)


def merge(directories: list[Path], name: str) -> tuple[list[Path], os.stat_result | None]:
    """An entry of a merged directory: what it is made of, and what the topmost part of it is."""
    parts: list[Path] = []
    top: os.stat_result | None = None
    for directory in directories:
        path = directory / name
        try:
            status = path.lstat()
        except OSError as exc:
            # A guest may have made a path that is too long with the directory's own before it.
            if exc.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise
            continue
        if is_whiteout(status):
            break
        is_directory = stat.S_ISDIR(status.st_mode)
        if top is None or is_directory:
            parts.append(path)
            top = top or status
        if not is_directory or is_opaque(path):
            break
    return parts, top


def is_whiteout(status: os.stat_result) -> bool:
    """Whether an entry of a layer stands for nothing."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(path: Path) -> bool:
    """Whether a directory of a layer hides what is below it."""
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False
