# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounts: what a directory lies on, with whose owners it is shown, and one in place of another."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from . import syscalls


@dataclass(frozen=True)
class Users:
    """Users of a guest that are not the host's.

    :ivar namespace: descriptor of their user namespace.
    :ivar first: the host's user that is their root.
    """

    namespace: int
    first: int


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


def attach_mapped(source: str, target: str, users: Users, attributes: int) -> None:
    """Show a directory without devices and setuid programs, with its files' owners mapped to a guest's users.

    :param attributes: more of them, ``MOUNT_ATTR_*``.
    """
    attributes |= syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
    mapped = syscalls.mapped_mount(source, users.namespace, attributes)
    try:
        syscalls.move_mount(mapped, target, 0)
    finally:
        os.close(mapped)


def replace(mount: int, target: str) -> None:
    """Put a mount into the place of the one at ``target``, without a gap where the kernel can (Linux 6.5)."""
    try:
        syscalls.move_mount(mount, target, syscalls.MOVE_MOUNT_BENEATH)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        syscalls.umount(target, syscalls.MNT_DETACH)
        syscalls.move_mount(mount, target, 0)
    else:
        # What is on top goes, and uncovers the new one.
        syscalls.umount(target, syscalls.MNT_DETACH)
