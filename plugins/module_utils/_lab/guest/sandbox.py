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
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from ..host import mounts, syscalls
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


def enter(view: View) -> None:
    """Move the calling process into the view for good.  It must be single threaded and free to change its mounts.

    :raises OSError: with the path or the purpose as file name.
    """
    users, confined = view.users, view.confinement is not None
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | (_MORE_NAMESPACES if confined else 0))
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("dumm", view.mountpoint, "tmpfs", syscalls.MS_NOSUID, "size=1m,mode=755")
    os.chdir(view.mountpoint)
    for directory in ("fs", "spool", "run", "proc", "dev/net", "tmp"):
        os.makedirs(directory, mode=0o755)
    _write_owner(view)
    _make_devices(0 if users is None else users.first)
    _bind_file(view.kernel, KERNEL.lstrip("/"))
    for library, place in view.libraries:
        _bind_file(library, place.lstrip("/"))
    _share(view.spool, "spool", users)
    _share(view.run, "run", users)
    # UML maps its memory file executable, so this place must allow that.
    owner = "" if users is None else f",uid={users.first},gid={users.first}"
    size = f"size={view.mem + _MEMORY_SLACK}m,nr_inodes={_MEMORY_FILES},mode=700{owner}"
    syscalls.mount("memory", "tmp", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, size)
    union = view.union.mount(users, "fs")
    syscalls.move_mount(union, "fs", 0)
    os.close(union)
    shown = "hidepid=invisible,subset=pid" if confined else ""
    syscalls.mount("proc", "proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC, shown)
    syscalls.pivot_root(".", ".")
    syscalls.umount(".", syscalls.MNT_DETACH)
    if confined:
        flags = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NOEXEC
        syscalls.mount("none", "/", None, flags)
    os.chdir("/run")


def _write_owner(view: View) -> None:
    with open(OWNER_FILE, "w", encoding="utf-8") as file:
        json.dump(view.owner, file)


def _make_devices(owner: int) -> None:
    for name, (major, minor) in _DEVICES.items():
        os.mknod(f"dev/{name}", stat.S_IFCHR | 0o600, os.makedev(major, minor))
        os.chown(f"dev/{name}", owner, owner)


def _share(source: str, target: str, users: Users | None) -> None:
    """Show a directory that guest and host both write to."""
    if users is None:
        _bind(source, target, syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    else:
        mounts.attach_mapped(source, target, users, syscalls.MOUNT_ATTR_NOEXEC)


def _bind(source: str, target: str, flags: int) -> None:
    syscalls.mount(source, target, None, syscalls.MS_BIND)
    syscalls.mount("none", target, None, syscalls.MS_REMOUNT | syscalls.MS_BIND | flags)


def _bind_file(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target) or ".", mode=0o755, exist_ok=True)
    with open(target, "xb"):
        pass
    _bind(source, target, syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV)


class Swapper:
    """Gives running guests' processes other unions, one after another.

    It does so from a thread that has a mount namespace of its own, and goes into that of each guest and back; a process for each
    would take ten times as long.
    """

    def __init__(self) -> None:
        self._home = self._root = -1
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mounts")

    def _leave(self) -> None:
        """Be in a namespace of one's own, from the first swap on."""
        syscalls.unshare(syscalls.CLONE_FS | syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        self._root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._home = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    def swap(self, union: Union, pid: int, place: str, first: int | None = None) -> None:
        """Give a running guest's process another union in place of its own.

        The guest's kernel addresses every file by its path, so it sees the new one at its next access.

        :param pid: any process of the guest.
        :param place: an empty directory.
        :param first: the host's user that is root in the guest; ``None`` where its users are the host's.
        :raises OSError: with the path or the purpose as file name; the guest keeps the union that it has then.
        """
        self._thread.submit(self._swap, union, pid, place, first).result()

    def _swap(self, union: Union, pid: int, place: str, first: int | None) -> None:
        if self._home < 0:
            self._leave()
        with ExitStack() as stack:
            inside = _opened(stack, f"/proc/{pid}/ns/mnt", os.O_RDONLY)
            # Not always the root of its namespace: whoever started it may have lived in a chroot.
            root = _opened(stack, f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY)
            fresh = union.mount(_users_of(stack, pid, first), place)
            stack.callback(os.close, fresh)
            stack.callback(self._return)
            _move(inside, root)
            mounts.replace(fresh, "/fs")

    def _return(self) -> None:
        _move(self._home, self._root)

    def close(self) -> None:
        """Give the thread and its namespace back."""
        self._thread.shutdown()
        for fd in (self._home, self._root):
            if fd >= 0:
                os.close(fd)


def _users_of(stack: ExitStack, pid: int, first: int | None) -> Users | None:
    return None if first is None else Users(_opened(stack, f"/proc/{pid}/ns/user", os.O_RDONLY), first)


def _opened(stack: ExitStack, path: str, flags: int) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _move(namespace: int, root: int) -> None:
    """Let the calling thread be in a mount namespace, with a root there."""
    syscalls.setns(namespace, syscalls.CLONE_NEWNS)
    os.fchdir(root)
    os.chroot(".")
