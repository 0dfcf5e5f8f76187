# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""System calls that Python lacks, as functions that raise :class:`OSError`.

Mounts and namespaces (mount(2), pivot_root(2), unshare(2), setns(2)), inotify(7), timers and openat2(2); for users and capabilities see
``privileges``.  Only thin wrappers: what is done with them is decided in ``sandbox``, ``union``, ``netlink``, ``files``, ``beneath``
and ``wait``.
Numbers are those of x86, the only architecture UML runs on (arch/x86/entry/syscalls/syscall_64.tbl and _32.tbl;
openat2 has the same number everywhere).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

# Held while a process is forked, and while a TAP is open: a child has all descriptors until its exec, and a TAP that anybody has open
# cannot be opened by a guest.
FORKING = threading.Lock()

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
ADDR_NO_RANDOMIZE = 0x0040000

IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_DONT_FOLLOW = 0x2000000
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = os.O_CLOEXEC

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_BENEATH = 0x200

_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
RENAME_WHITEOUT = 4

_FALLOC_FL_KEEP_SIZE = 1
_FALLOC_FL_PUNCH_HOLE = 2
_FALLOC_FL_COLLAPSE_RANGE = 8

_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
_MOUNT_ATTR_IDMAP = 0x00100000
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE = 1
_SYS_RENAMEAT2 = 316 if sys.maxsize > 2**32 else 353
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_FSOPEN = 430
_SYS_FSCONFIG = 431
_SYS_FSMOUNT = 432
_SYS_OPENAT2 = 437
_SYS_MOUNT_SETATTR = 442

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, *names: str) -> int:
    """What the C library's function returned.

    :raises OSError: where that says that it failed.
    """
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), *names[:1])
    return result


def mount(source: str, target: str, fstype: str | None, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    kind = None if fstype is None else fstype.encode()
    check(libc.mount(os.fsencode(source), os.fsencode(target), kind, ctypes.c_ulong(flags), options.encode()), target)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    check(libc.umount2(os.fsencode(target), flags), target)


def detached_mount(fstype: str, options: Iterable[tuple[str, str]], flags: tuple[str, ...] = ()) -> int:
    """A mount that is attached nowhere, as a descriptor: fsopen(2), fsconfig(2), fsmount(2).

    :param options: names and values; the kernel takes at most 255 bytes for a value (vfs_fsconfig_locked, fs/fsopen.c).
    :param flags: options without a value.
    """
    context = check(libc.syscall(_SYS_FSOPEN, fstype.encode(), _FSOPEN_CLOEXEC), fstype)
    try:
        for key, value in options:
            given = (key.encode(), os.fsencode(value))
            check(libc.syscall(_SYS_FSCONFIG, context, _FSCONFIG_SET_STRING, *given, 0), f"{key}={value}")
        for flag in flags:
            check(libc.syscall(_SYS_FSCONFIG, context, _FSCONFIG_SET_FLAG, flag.encode(), None, 0), flag)
        check(libc.syscall(_SYS_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0), fstype)
        return check(
            libc.syscall(_SYS_FSMOUNT, context, _FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), fstype
        )
    finally:
        os.close(context)


def takes_option(fstype: str, name: str, value: str) -> bool:
    """Whether a file system knows a mount option; also where that cannot be asked."""
    context = libc.syscall(_SYS_FSOPEN, fstype.encode(), _FSOPEN_CLOEXEC)
    if context < 0:
        return True
    try:
        done = libc.syscall(_SYS_FSCONFIG, context, _FSCONFIG_SET_STRING, name.encode(), os.fsencode(value), 0)
        return done >= 0 or ctypes.get_errno() != errno.EINVAL
    finally:
        os.close(context)


def mapped_mount(path: str, users: int, attributes: int) -> int:
    """What is mounted at a directory once more, attached nowhere, with the owners of its files mapped: open_tree(2), mount_setattr(2).

    :param users: descriptor of a user namespace; what is its root's there is root's on the disk.
    :param attributes: ``MOUNT_ATTR_*``.
    :return: descriptor of the mount.
    """
    tree = check(libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(path), _OPEN_TREE_CLONE | os.O_CLOEXEC), path)
    try:
        wanted = struct.pack("=QQQQ", attributes | _MOUNT_ATTR_IDMAP, 0, 0, users)
        check(libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, wanted, ctypes.c_size_t(len(wanted))), path)
    except OSError:
        os.close(tree)
        raise
    return tree


def move_mount(mount_fd: int, target: str, flags: int) -> None:
    """move_mount(2) of a detached mount."""
    check(
        libc.syscall(_SYS_MOVE_MOUNT, mount_fd, b"", _AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH | flags),
        target,
    )


def unshare(flags: int) -> None:
    """unshare(2), for the calling thread."""
    check(libc.unshare(flags))


def setns(fd: int, kind: int) -> None:
    """setns(2), for the calling thread."""
    check(libc.setns(fd, kind))


def start_apart(start: Callable[[], int]) -> int:
    """Start a process that is the first in a PID namespace of its own (pid_namespaces(7)), where one can be made.

    Nothing that it starts outlives it.

    :param start: starts it: its number.
    """
    before = os.open("/proc/thread-self/ns/pid_for_children", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            unshare(CLONE_NEWPID)
        except OSError:
            return start()
        try:
            return start()
        finally:
            setns(before, CLONE_NEWPID)
    finally:
        os.close(before)


def duplicate(fd: int, lowest: int) -> int:
    """Another number for a descriptor, from one on."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)


@contextmanager
def network_namespace(path: str | None) -> Iterator[None]:
    """Put the calling thread into the network namespace at ``path``; ``None`` leaves it where it is.

    A socket belongs to the namespace its maker was in, so what is opened inside stays usable outside.
    """
    if path is None:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_network_namespace(path)
        try:
            yield
        finally:
            setns(before, CLONE_NEWNET)
    finally:
        os.close(before)


def enter_network_namespace(path: str | None) -> None:
    """Put the calling thread into the network namespace at ``path`` for good; ``None`` leaves it where it is."""
    if path is not None:
        namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(namespace, CLONE_NEWNET)
        finally:
            os.close(namespace)


def die_with_parent(signal: int) -> None:
    """prctl(PR_SET_PDEATHSIG); 0 takes it back."""
    check(libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal), 0, 0, 0))


def renameat2(old: int, name: bytes, new: int, target: bytes, flags: int) -> None:
    """renameat2(2): ``RENAME_*``."""
    check(libc.syscall(_SYS_RENAMEAT2, old, name, new, target, ctypes.c_uint(flags)))


def syncfs(fd: int) -> None:
    """syncfs(2)."""
    check(libc.syncfs(fd))


def collapse(fd: int, offset: int, length: int) -> None:
    """Take a part out of a file, so that what follows takes its place: fallocate(2), ``FALLOC_FL_COLLAPSE_RANGE``."""
    check(libc.fallocate(fd, _FALLOC_FL_COLLAPSE_RANGE, ctypes.c_longlong(offset), ctypes.c_longlong(length)))


def punch(fd: int, length: int) -> None:
    """Give the beginning of a file back to its file system: fallocate(2), ``FALLOC_FL_PUNCH_HOLE``."""
    mode = _FALLOC_FL_PUNCH_HOLE | _FALLOC_FL_KEEP_SIZE
    check(libc.fallocate(fd, mode, ctypes.c_longlong(0), ctypes.c_longlong(length)))


def close_range(first: int, last: int) -> None:
    """Close every descriptor from ``first`` to ``last``."""
    os.closerange(first, last + 1)


def inotify_init() -> int:
    """inotify_init1(2): a non-blocking descriptor."""
    return check(libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))


def inotify_add_watch(fd: int, path: str, mask: int) -> int:
    """inotify_add_watch(2)."""
    return check(libc.inotify_add_watch(fd, os.fsencode(path), ctypes.c_uint32(mask)), path)


def timer() -> int:
    """timerfd_create(2): a descriptor that is readable once the time of :func:`set_timer` has passed."""
    return check(libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))


def set_timer(fd: int, seconds: float) -> None:
    """timerfd_settime(2), once.

    :param seconds: from now; 0 takes it back.
    """
    whole = int(seconds)
    when = struct.pack("=llll" if sys.maxsize < 2**32 else "=qqqq", 0, 0, whole, int((seconds - whole) * 1e9))
    check(libc.timerfd_settime(fd, 0, when, None))


def openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    """openat2(2): open ``path`` below the directory descriptor with ``RESOLVE_*`` rules."""
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, resolve)
    return check(libc.syscall(_SYS_OPENAT2, directory, os.fsencode(path), how, ctypes.c_size_t(len(how))), path)


def entries(directory: int) -> Iterator[os.DirEntry[str]]:
    """What a directory has now.

    btrfs lists by a descriptor what was there when that was opened, or rewound last (``last_index`` in fs/btrfs/inode.c), so whoever
    keeps one open for long cannot list by it.
    """
    now = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        with os.scandir(now) as listing:
            yield from listing
    finally:
        os.close(now)
