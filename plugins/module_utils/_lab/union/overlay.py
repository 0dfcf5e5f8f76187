# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's overlayfs as a union engine (Documentation/filesystems/overlayfs.rst; docs/internals/unions.md)."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..host import beneath, syscalls

# With any of these on, the on-disk format would no longer be the one that all engines read.  Redirects that are found in a layer are not
# followed either, which ``off`` leaves to the kernel's default: whoever gave us the layer chose where they lead.
OPTIONS = "index=off,redirect_dir=nofollow,metacopy=off,xino=off"
# Kernels give up beyond this depth of lower layers (OVL_MAX_STACK, fs/overlayfs/params.h).
MAX_LAYERS = 500


@dataclass(frozen=True)
class Unusable:
    """Why overlayfs cannot be used."""

    cause: str
    remedy: str


def fault(directory: Path) -> Unusable | None:
    """Why what a guest writes cannot be kept below ``directory`` (which need not be there yet); ``None`` where it can."""
    if not _supported():
        return Unusable("the host's kernel has no overlayfs", "load it (modprobe overlay) or use a kernel that has it")
    kind = filesystem(next(place for place in (directory, *directory.parents) if place.exists()))
    if kind in ("overlay", "fuse", "nfs", "nfs4", "vfat", "9p"):
        return Unusable(
            f"{directory} lies on {kind}, which overlayfs does not take for the layer that is written",
            "put the working directory (workdir) on ext4, xfs, btrfs or tmpfs, for example by a tmpfs mounted there",
        )
    return None


def trial(works: Path) -> Unusable | None:
    """Why no union can be mounted whose work directories are in ``works``; ``None`` where it can.

    Tried: what a file system lacks (FUSE and network ones above all), and what a container may not do, is known to the kernel alone.
    """
    with tempfile.TemporaryDirectory(dir=works, prefix=".new-trial-") as place:
        for name in ("lower", "upper", "work"):
            os.mkdir(f"{place}/{name}", 0o700)
        try:
            os.close(mount([f"{place}/lower"], f"{place}/upper", f"{place}/work"))
        except OSError as exc:
            return Unusable(
                f"the kernel does not mount overlayfs with a layer on {filesystem(works)} ({exc.strerror}; see dmesg)",
                "set union: cowfs or auto, or put the working directory (workdir) on ext4, xfs, btrfs or tmpfs",
            )
    return None


def _supported() -> bool:
    if "overlay" in Path("/proc/filesystems").read_text().split():
        return True
    # Where overlayfs is a module, mounting loads it; this only says whether there is one to load.
    release = os.uname().release
    return any(Path("/lib/modules", release).glob("kernel/fs/overlayfs/overlay.ko*"))


def filesystem(directory: Path) -> str:
    """Type of the file system that a directory is on, from the mount table (proc_pid_mountinfo(5))."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kind = ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        point = fields[4].encode().decode("unicode_escape")
        if fields[2] == wanted or (not kind and os.path.ismount(point) and os.stat(point).st_dev == device):
            kind = fields[fields.index("-") + 1]
    return kind


def prepare(works: Path, name: str) -> None:
    """Make a fresh work directory: each mount of the same upper layer wants one (docs/internals/unions.md)."""
    (works / name).mkdir(mode=0o700)


def tidy(works: Path, keep: str = "") -> None:
    """Take away work directories of mounts that are gone."""
    for old in os.scandir(works):
        if old.name != keep:
            beneath.remove(Path(old.path))


def mount(lower: list[str], upper: str, work: str) -> int:
    """Make the union, attached nowhere yet.  Paths are relative and short, so that odd characters of host paths do not matter.

    :param lower: read-only layers, topmost first.
    :return: descriptor of the mount.
    """
    own = [("upperdir", upper), ("workdir", work)]
    own += [(name, value) for name, _equals, value in (option.partition("=") for option in OPTIONS.split(","))]
    try:
        return _mount([("lowerdir+", layer) for layer in lower], own)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
    # A kernel before Linux 6.7 takes all of them as one value, which bounds how many they are.
    return _mount([("lowerdir", ":".join(lower))], own)


def _mount(lower: list[tuple[str, str]], options: list[tuple[str, str]]) -> int:
    return syscalls.detached_mount("overlay", [("source", "overlay"), *lower, *options])


def replace(union: int, target: str) -> None:
    """Put a union into the place of the one that is mounted at ``target``, without a gap where the kernel can (Linux 6.5)."""
    try:
        syscalls.move_mount(union, target, syscalls.MOVE_MOUNT_BENEATH)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        syscalls.umount(target, syscalls.MNT_DETACH)
        syscalls.move_mount(union, target, 0)
    else:
        # What is on top goes, and uncovers the new one.
        syscalls.umount(target, syscalls.MNT_DETACH)
