# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's own view of the file system, put together in a private mount namespace by the process that becomes UML.

Inside it there are fixed paths only: ``/fs`` the guest's root, ``/spool``, ``/run``, ``/tmp`` for its memory, the kernel and
the libraries it needs.  No host path reaches the boot line, the guest or a protocol, and the host's mount table stays
as it was: all of it goes with the guest's last process.  (docs/internals/confinement.md, "Design rules")

Where a guest is confined, nothing of it but files below ``/fs``, ``/spool``, ``/run`` and ``/tmp`` can be written, the owners of those are
mapped to the guest's own users (mount_setattr(2)), and ``/proc`` shows its own processes alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ..host import courier, syscalls
from ..host.calls import Calls
from ..host.identity import OWNER_FILE
from ..host.mounts import Users
from ..union.engine import Union
from .confine import Confinement

KERNEL = "/linux"
_DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9), "net/tun": (10, 200)}
# More than the guest's memory: what UML itself keeps in the same file.
_MEMORY_SLACK = 64
# It is one file, of no name.
_MEMORY_FILES = 256
_MORE_NAMESPACES = syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP


@dataclass(frozen=True)
class View:
    """What a guest's process is to see.

    :ivar mountpoint: an empty directory.
    :ivar owner: who owns it: lab, guest, launch; the mark by which its processes are known.
    :ivar kernel: path of the UML binary.
    :ivar libraries: what it is linked against: path on the host, path in the view.
    :ivar union: its root.
    :ivar mem: MB of the guest.
    :ivar confinement: ``None`` where it is not confined.
    """

    mountpoint: str
    owner: dict[str, str]
    kernel: str
    libraries: tuple[tuple[str, str], ...]
    union: Union
    spool: str
    run: str
    mem: int
    confinement: Confinement | None = None

    @property
    def users(self) -> Users | None:
        """Users of the guest's own."""
        return None if self.confinement is None else self.confinement.users


def enter(calls: Calls, view: View, users: Users | None, given: Sequence[int]) -> None:
    """Move a process into the view for good.  It must be free to change its mounts.

    :param calls: what the process is to do.
    :param users: as the process has them.
    :param given: what numbers the union's descriptors have there.
    """
    confined = view.confinement is not None
    calls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | (_MORE_NAMESPACES if confined else 0))
    calls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    calls.mount("dumm", view.mountpoint, "tmpfs", syscalls.MS_NOSUID, "size=1m,mode=755")
    calls.chdir(view.mountpoint)
    for directory in ("fs", "spool", "run", "proc", "dev", "dev/net", "tmp"):
        calls.make_directory(directory)
    calls.write_file(OWNER_FILE, json.dumps(view.owner).encode())
    for name, (major, minor) in _DEVICES.items():
        calls.make_device(f"dev/{name}", os.makedev(major, minor), 0 if users is None else users.first)
    _bind_file(calls, view.kernel, KERNEL.lstrip("/"))
    for library, place in view.libraries:
        _bind_file(calls, library, place.lstrip("/"))
    for source, target in ((view.spool, "spool"), (view.run, "run")):
        # Guest and host both write to it.
        attributes = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV | syscalls.MOUNT_ATTR_NOEXEC
        calls.clone_mount(source, target, attributes, None if users is None else users.namespace)
    # UML maps its memory file executable, so this place must allow that.
    owner = "" if users is None else f",uid={users.first},gid={users.first}"
    size = f"size={view.mem + _MEMORY_SLACK}m,nr_inodes={_MEMORY_FILES},mode=700{owner}"
    calls.mount("memory", "tmp", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, size)
    calls.move_mount(view.union.mount(calls, users, "fs", given), "fs")
    shown = "hidepid=invisible,subset=pid" if confined else ""
    calls.mount("proc", "proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC, shown)
    calls.pivot()
    if confined:
        flags = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NOEXEC
        calls.mount("none", "/", None, flags)
    calls.chdir("/run")


def _bind_file(calls: Calls, source: str, target: str) -> None:
    calls.make_directories(os.path.dirname(target))
    calls.make_file(target)
    calls.mount(source, target, None, syscalls.MS_BIND)
    flags = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
    calls.mount("none", target, None, syscalls.MS_REMOUNT | syscalls.MS_BIND | flags)


def swap(union: Union, pid: int, place: str, first: int | None = None) -> None:
    """Give a running guest's process another union in place of its own.

    The guest's kernel addresses every file by its path, so it sees the new one at its next access.

    :param pid: any process of the guest.
    :param place: an empty directory.
    :param first: the host's user that is root in the guest; ``None`` where its users are the host's.
    :raises OSError: with the path or the purpose as file name; the guest keeps the union that it has then.
    """
    calls = Calls()
    with ExitStack() as stack:
        inside = _opened(stack, f"/proc/{pid}/ns/mnt", os.O_RDONLY)
        # Not always the root of its namespace: whoever started it may have lived in a chroot.
        root = _opened(stack, f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY)
        own = [inside, root, *union.descriptors]
        if first is not None:
            own.append(_opened(stack, f"/proc/{pid}/ns/user", os.O_RDONLY))
        numbers = [*range(courier.FIRST, courier.FIRST + len(own))]
        users = None if first is None else Users(numbers[-1], first)
        calls.unshare(syscalls.CLONE_NEWNS)
        calls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        calls.chdir(os.path.dirname(place))
        fresh = union.mount(calls, users, os.path.basename(place), numbers[2:])
        calls.setns(numbers[0], syscalls.CLONE_NEWNS)
        calls.chroot_to(numbers[1])
        calls.replace_mount(fresh, "/fs")
        calls.end()
        courier.carry_out(calls, own)


def _opened(stack: ExitStack, path: str, flags: int) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd
