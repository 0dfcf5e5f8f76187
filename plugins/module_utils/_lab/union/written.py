# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest wrote, looked at from outside: what it added, changed and deleted, and whether two copies of it are the same.

A guest wrote all of it, so nothing is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import lookup

_OPAQUE = "trusted.overlay.opaque"


@dataclass
class Written:
    """What is in a layer, against those below it.

    :ivar size: bytes on disk.
    :ivar added: paths, as are the others; a directory stands for all that is in it where it is new or gone as a whole.
    """

    size: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


def written(upper: Path, below: Sequence[Path]) -> Written:
    """What is in a layer.

    :param below: topmost first.
    """
    found = Written()
    if upper.is_dir():
        _compare(found, upper, "", list(below), shown=True)
    for names in (found.added, found.changed, found.deleted):
        names.sort()
    return found


def _compare(found: Written, directory: Path, path: str, below: list[Path], *, shown: bool) -> None:
    for entry in os.scandir(directory):
        status = entry.stat(follow_symlinks=False)
        name = f"{path}/{entry.name}"
        found.size += status.st_blocks * 512
        parts, lower = lookup.merge(below, entry.name)
        if lookup.is_whiteout(status):
            if lower is not None and shown:
                found.deleted.append(name)
        elif not stat.S_ISDIR(status.st_mode):
            if shown:
                (found.added if lower is None else found.changed).append(name)
        elif lower is None or not stat.S_ISDIR(lower.st_mode):
            if shown:
                (found.added if lower is None else found.changed).append(name)
            _compare(found, Path(entry.path), name, [], shown=False)
        else:
            if shown and _attributes(status) != _attributes(lower):
                found.changed.append(name)
            if lookup.is_opaque(Path(entry.path)):
                kept = set(os.listdir(entry.path))
                found.deleted += [f"{name}/{gone}" for gone in _names(parts) if gone not in kept]
            _compare(found, Path(entry.path), name, parts, shown=shown)


def _attributes(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _names(directories: Sequence[Path]) -> set[str]:
    """All names in a merged directory."""
    names = {name for directory in directories for name in os.listdir(directory)}
    return {name for name in names if lookup.merge(list(directories), name)[1] is not None}


def same(one: Path, two: Path) -> bool:
    """Whether two layers hold the same, as far as can be seen without reading files: owner, mode, size and time of each."""
    return dict(_entries(one, "")) == dict(_entries(two, ""))


def _entries(directory: Path, path: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    yield path, (*_attributes(directory.lstat()), lookup.is_opaque(directory))
    for entry in os.scandir(directory):
        status = entry.stat(follow_symlinks=False)
        name = f"{path}/{entry.name}"
        if stat.S_ISDIR(status.st_mode):
            yield from _entries(Path(entry.path), name)
        else:
            target = os.readlink(entry.path) if stat.S_ISLNK(status.st_mode) else ""
            yield name, (*_attributes(status), status.st_size, status.st_mtime_ns, status.st_rdev, target)
