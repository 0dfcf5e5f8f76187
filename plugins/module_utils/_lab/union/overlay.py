# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's overlayfs as a union engine (Documentation/filesystems/overlayfs.rst; docs/internals/unions.md)."""

from __future__ import annotations

import errno
import functools
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..host import mounts, privileges, syscalls
from ..host.calls import Calls, Result
from ..host.mounts import Users
from ..host.workdir import GuestDir, Workdir
from ..model.errors import InvalidInput
from ..model.lab import Guest
from ..model.root import Stack
from . import works as work_directories
from .engine import Change, Client, Parts, Union, Unusable

# With any of these on, the on-disk format would no longer be the one that all engines read.  Redirects that are found in a layer are not
# followed either, which ``off`` leaves to the kernel's default: whoever gave us the layer chose where they lead.
OPTIONS = "index=off,redirect_dir=nofollow,metacopy=off,xino=off"
# Kernels give up beyond this depth of lower layers (OVL_MAX_STACK, fs/overlayfs/params.h).
MAX_LAYERS = 500
# The agent, the kernel's modules, the guest's own name, and the master (lifecycle).
_OWN_LAYERS = 4


def fault(directory: Path) -> Unusable | None:
    """Why what a guest writes cannot be kept below ``directory`` (which need not be there yet); ``None`` where it can."""
    if not _supported():
        return Unusable("the host's kernel has no overlayfs", "load it (modprobe overlay) or use a kernel that has it")
    kind = mounts.filesystem(next(place for place in (directory, *directory.parents) if place.exists()))
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
                f"the kernel does not mount overlayfs with a layer on {mounts.filesystem(works)} ({exc.strerror}; see dmesg)",
                "set union: cowfs or auto, or put the working directory (workdir) on ext4, xfs, btrfs or tmpfs",
            )
    return None


def check(workdir: Workdir, guest: Guest, master: Path, stack: Stack) -> None:
    """Refuse layers that overlayfs does not take, and faults, of which it has none."""
    _check_apart(workdir, guest, master)
    _check_number(guest, stack)
    if guest.faults:
        raise InvalidInput(
            guest.label,
            "union overlay cannot fail on purpose (faults)",
            "set union: cowfs, or leave faults out",
        )


def mapped(parts: Parts) -> Sequence[str]:
    """All of them."""
    return parts.paths


@dataclass(frozen=True)
class Layered:
    """A union that is still to be mounted (``engine.Union``)."""

    parts: Parts

    @property
    def descriptors(self) -> Sequence[int]:
        """None: it is mounted by the paths of its layers."""
        return ()

    def mount(self, calls: Calls, users: Users | None, place: str, _given: Sequence[int]) -> int | Result:
        """Mount it."""
        return _write_down(calls, self.parts, users, place)


@contextmanager
def union(_client: Client, parts: Parts) -> Iterator[Union]:
    """The guest's process mounts it by itself."""
    yield Layered(parts)


def replace(directory: GuestDir, parts: Parts, change: Change) -> None:
    """Put a fresh mount into the place of the guest's."""
    work = os.path.basename(parts.work)
    work_directories.make(directory.works, work)
    with change.noted():
        change.put(Layered(parts))
    with suppress(OSError):
        # The old mount lives on while something of it is open, and its work directory with it.
        work_directories.tidy(directory.works, keep=work)


def is_lost(_directory: GuestDir) -> bool:
    """Never: it is in the host's kernel."""
    return False


def serve_again(_client: Client, _work: Path, _change: Change) -> None:
    """It is never lost."""


def fails_otherwise(_directory: GuestDir, _guest: Guest) -> bool:
    """Nothing of it fails on purpose."""
    return False


def fail(_directory: GuestDir, _guest: Guest) -> None:
    """It cannot (:func:`check`)."""


def follow(_directory: GuestDir, _before: Path) -> None:
    """No paths are written down."""


def end(_directory: GuestDir, _subject: str) -> None:
    """It has ended with the guest's last process."""


def _supported() -> bool:
    if "overlay" in Path("/proc/filesystems").read_text().split():
        return True
    # Where overlayfs is a module, mounting loads it; this only says whether there is one to load.
    release = os.uname().release
    return any(Path("/lib/modules", release).glob("kernel/fs/overlayfs/overlay.ko*"))


def mount(lower: list[str], upper: str, work: str) -> int:
    """Make the union, attached nowhere yet.  Paths are relative and short, so that odd characters of host paths do not matter.

    :param lower: read-only layers, topmost first.
    :return: descriptor of the mount.
    """
    try:
        return syscalls.detached_mount("overlay", _options(lower, upper, work, one_by_one=True))
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
    return syscalls.detached_mount("overlay", _options(lower, upper, work, one_by_one=False))


def _options(lower: list[str], upper: str, work: str, *, one_by_one: bool) -> list[tuple[str, str]]:
    """:param one_by_one: a kernel before Linux 6.7 takes all layers as one value, which bounds how many they are."""
    layers = [("lowerdir+", layer) for layer in lower] if one_by_one else [("lowerdir", ":".join(lower))]
    more = [(name, value) for name, _equals, value in (option.partition("=") for option in OPTIONS.split(","))]
    return [("source", "overlay"), *layers, ("upperdir", upper), ("workdir", work), *more]


def _write_down(calls: Calls, parts: Parts, users: Users | None, place: str) -> Result:
    """What a process has to do to mount a union, attached nowhere yet.

    Overlayfs copies the mounts that it is given, so they need a place for a moment only: their names there are short, and odd characters
    of the host's paths do not matter.  It works on them as whoever made it, who has to be somebody there is in them.
    """
    namespace = None if users is None else users.namespace
    calls.mount("layers", place, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=64k,mode=700")
    calls.chdir(place)
    # The layer that is written to and its work directory have to be in the same mount.
    home = os.path.commonpath([parts.paths[0], parts.work_path])
    upper, work = (os.path.relpath(path, home) for path in (parts.paths[0], parts.work_path))
    names = [str(number) for number in range(1 + len(parts.lower))]
    for source, name in zip([home, *parts.lower], names, strict=True):
        calls.make_directory(name)
        attributes = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
        attributes |= 0 if name == names[0] else syscalls.MOUNT_ATTR_RDONLY
        calls.clone_mount(source, name, attributes, namespace)
    with calls.as_user(0 if users is None else users.first, privileges.capabilities()):
        options = _options(names[1:], f"{names[0]}/{upper}", f"{names[0]}/{work}", one_by_one=_takes_them_one_by_one())
        attributes = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
        mount = calls.detached_mount("overlay", options, attributes)
    calls.chdir("..")
    calls.umount(place, syscalls.MNT_DETACH)
    return mount


@functools.cache
def _takes_them_one_by_one() -> bool:
    """Whether this kernel's overlayfs is told of its lower layers one by one, as from Linux 6.7 on."""
    return syscalls.takes_option("overlay", "lowerdir+", "/")


def _check_apart(workdir: Workdir, guest: Guest, master: Path) -> None:
    """Overlayfs takes no layer that is another one, or lies in one of the same file system (ovl_check_layer, fs/overlayfs/super.c)."""
    if not guest.layers:
        return
    own = workdir.guest(guest.name).path
    ours = (own if own.is_dir() else workdir.guests, workdir.agents)
    others = {os.path.realpath(path): f"the lab's own {path}" for path in ours if path.is_dir()}
    others[os.path.realpath(master)] = f"master {master}"
    for layer in guest.layers:
        path = os.path.realpath(workdir.layer(layer))
        for other, said in others.items():
            is_within = os.path.commonpath([path, other]) in (path, other)
            if is_within and os.stat(path).st_dev == os.stat(other).st_dev:
                cause = f"layer {layer} and {said} are one directory, or lie one in the other, which overlayfs refuses"
                raise InvalidInput(guest.label, cause, "give directories beside each other, or set union: cowfs")
        others[path] = f"layer {layer}"


def _check_number(guest: Guest, stack: Stack) -> None:
    most = MAX_LAYERS - _OWN_LAYERS
    if len(stack.over) > most:
        cause = f"{len(stack.over)} layers are more than overlayfs takes beside the lab's own"
        raise InvalidInput(guest.label, cause, f"give it {most} or fewer, or set union: cowfs")
