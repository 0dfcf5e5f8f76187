# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest wrote, looked at from outside: what it added, changed and deleted, and whether two copies of it are the same.

A guest wrote all of it, so nothing is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..host import beneath
from ..model.errors import plain
from . import lookup


@dataclass
class Written:
    """What is in a layer, against those below it.

    :ivar size: bytes on disk.
    :ivar added: paths, as are the others; a directory stands for all that is in it where it is new or gone as a whole.  Bytes that are
        not UTF-8 and control characters are escaped.
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
        # A guest may have made more directories in each other than there is room for calls in each other.
        todo = [_Pair("", list(below), shown=True)]
        while todo:
            todo += _compare(found, upper, todo.pop())
    # A guest gives its files names of any bytes, but JSON and the user's terminal take text only.
    found.added, found.changed, found.deleted = (
        sorted(map(plain, names)) for names in (found.added, found.changed, found.deleted)
    )
    return found


@dataclass(frozen=True)
class _Pair:
    """A directory of a layer, and what is below it.

    :ivar path: from the layer's top.
    :ivar shown: whether what is in it is told, and not only that it is there.
    """

    path: str
    below: list[Path]
    shown: bool


def _compare(found: Written, upper: Path, pair: _Pair) -> list[_Pair]:
    """Tell what is in one directory; the directories in it."""
    deeper = []
    for entry in _entries(upper, pair.path):
        status, name = entry.status, f"{pair.path}/{entry.name}"
        found.size += status.st_blocks * 512
        parts, lower = lookup.merge(pair.below, entry.name)
        if lookup.is_whiteout(status):
            if lower is not None and pair.shown:
                found.deleted.append(name)
        elif not stat.S_ISDIR(status.st_mode):
            if pair.shown:
                (found.added if lower is None else found.changed).append(name)
        elif lower is None or not stat.S_ISDIR(lower.st_mode):
            if pair.shown:
                (found.added if lower is None else found.changed).append(name)
            deeper.append(_Pair(name, [], shown=False))
        else:
            if pair.shown and _attributes(status) != _attributes(lower):
                found.changed.append(name)
            if lookup.is_opaque(Path(f"{upper}{name}")):
                kept = {each.name for each in _entries(upper, name)}
                found.deleted += [f"{name}/{gone}" for gone in _names(parts) if gone not in kept]
            deeper.append(_Pair(name, parts, pair.shown))
    return deeper


def _entries(layer: Path, path: str) -> list[beneath.Entry]:
    """What a directory of a layer has; nothing where its path is longer than paths may be, or it is gone."""
    try:
        return beneath.entries(layer, path.lstrip("/"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        if exc.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        return []


def _attributes(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _names(directories: Sequence[Path]) -> set[str]:
    """All names in a merged directory."""
    names = {name for directory in directories for name in os.listdir(directory)}
    return {name for name in names if lookup.merge(list(directories), name)[1] is not None}


def same(one: Path, two: Path) -> bool:
    """Whether two layers hold the same, as far as can be seen without reading files: owner, mode, size and time of each."""
    return dict(_everything(one)) == dict(_everything(two))


def _everything(layer: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    yield "", (*_attributes(layer.lstat()), lookup.is_opaque(layer))
    todo = [""]
    while todo:
        path = todo.pop()
        for entry in _entries(layer, path):
            status, name = entry.status, f"{path}/{entry.name}"
            if stat.S_ISDIR(status.st_mode):
                todo.append(name)
                yield name, (*_attributes(status), lookup.is_opaque(Path(f"{layer}{name}")))
            else:
                about = (status.st_size, status.st_mtime_ns, status.st_rdev, entry.target)
                yield name, (*_attributes(status), *about)
