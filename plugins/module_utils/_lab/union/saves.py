# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saving points: copies of what a guest wrote, under names, to go back to.

It is the layer that the guest writes to: its ``diff``, or while a scenario is loaded that scenario's (``layers``).  Only a guest that does
not run is copied.  A copy is made aside and renamed when it is whole; where the file system can, it shares
its data with the original (cp(1), ``--reflink``) until either is written to.  Hard links would not do: guests write into files
where they are.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..host import files, syscalls
from ..host.workdir import GuestDir, is_label
from ..model.errors import HostError
from . import written


def names(directory: GuestDir) -> list[str]:
    """All saving points of a guest."""
    if not directory.saves.is_dir():
        return []
    # A saving point is laid over a guest's root, which nothing but a directory can be.
    found = (entry.name for entry in os.scandir(directory.saves) if entry.is_dir(follow_symlinks=False))
    return sorted(name for name in found if is_label(name))


def is_empty(layer: Path) -> bool:
    """Whether nothing was written to a layer."""
    return not layer.is_dir() or not any(os.scandir(layer))


def holds(directory: GuestDir, layer: Path, name: str) -> bool:
    """Whether what was written to a layer is what a saving point has."""
    return layer.is_dir() and written.same(layer, directory.saves / name)


def save(directory: GuestDir, layer: Path, name: str) -> None:
    """Make a saving point.

    :param layer: the one that the guest writes to.
    :raises HostError: where it cannot be copied; there is none then.
    """
    directory.saves.mkdir(mode=0o700, exist_ok=True)
    fresh = directory.saves / f".new-{name}"
    _copy(directory, _made(layer), fresh)
    fresh.rename(directory.saves / name)


def restore(directory: GuestDir, layer: Path, name: str) -> None:
    """Go back to a saving point.

    :raises HostError: where it cannot be copied; the guest keeps what it has then.
    """
    fresh = directory.path / ".new-diff"
    _copy(directory, directory.saves / name, fresh)
    _exchange(_made(layer), fresh)


def reset(directory: GuestDir, layer: Path) -> None:
    """Forget what was written to a layer."""
    fresh = directory.path / ".new-diff"
    files.remove_tree(fresh)
    fresh.mkdir()
    status = layer.stat()
    fresh.chmod(status.st_mode & 0o7777)
    os.chown(fresh, status.st_uid, status.st_gid)
    _exchange(layer, fresh)


def remove(directory: GuestDir, name: str) -> None:
    """Remove a saving point."""
    files.remove_tree(directory.saves / name)


def _made(layer: Path) -> Path:
    """A layer that is there; one is made when a guest is first started with it."""
    if not layer.is_dir():
        layer.mkdir(parents=True)
        layer.chmod(0o755)
    return layer


def _exchange(layer: Path, fresh: Path) -> None:
    here, there = (os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in (fresh, layer))
    try:
        syscalls.renameat2(here, os.fsencode(fresh.name), there, os.fsencode(layer.name), syscalls.RENAME_EXCHANGE)
    finally:
        os.close(here)
        os.close(there)
    files.remove_tree(fresh)


def _copy(directory: GuestDir, source: Path, target: Path) -> None:
    files.remove_tree(target)
    try:
        files.copy_tree(source, target, f"guest {directory.name}", "copy what it wrote")
    except HostError:
        files.remove_tree(target)
        raise
