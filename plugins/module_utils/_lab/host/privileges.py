# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users and capabilities by system calls that Python lacks, as functions that raise :class:`OSError`.

user_namespaces(7), capabilities(7), prctl(2), setfsuid(2).  What is given up, and when, is decided in ``confine`` and ``sandbox``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from contextlib import suppress

from . import syscalls
from .syscalls import check, libc

# include/uapi/linux/capability.h
CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SYS_RESOURCE = 0, 1, 3, 4, 24

_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION = 0x20080522
_CAPABILITIES = struct.Struct("=6I")
_CLONE_VM, _CLONE_FILES = 0x00000100, 0x00000400
_STACK = 1 << 16
# Longer than it takes to write two lines, and not so long that what a killed run leaves would be noticed.
_SLEEP_SECONDS = 10


def user_namespace(first: int, count: int) -> int:
    """A user namespace whose users 0 to ``count`` - 1 are the host's from ``first`` on, and groups likewise; its descriptor.

    A process has to live in it while its users are written down.  That one is the C library's ``sleep`` in this process's memory:
    to fork Python takes longer than all the rest.
    """
    stack = ctypes.create_string_buffer(_STACK)
    top = (ctypes.addressof(stack) + _STACK) & ~15
    flags = syscalls.CLONE_NEWUSER | _CLONE_VM | _CLONE_FILES | signal.SIGCHLD
    sleep = ctypes.cast(libc.sleep, ctypes.c_void_p)
    pid = check(libc.clone(sleep, ctypes.c_void_p(top), flags, ctypes.c_void_p(_SLEEP_SECONDS)), "user namespace")
    try:
        for name in ("uid_map", "gid_map"):
            file = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(file, f"0 {first} {count}".encode())
            finally:
                os.close(file)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def use_files_as(user: int) -> None:
    """Let the calling thread use files as a user and the group of that number, with all capabilities but those over the host's reserves.

    Nothing that is written takes what file systems keep for root.

    :raises OSError: where it may not.
    """
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    effective, *rest = capabilities()
    _set_capabilities([effective & ~(1 << CAP_SYS_RESOURCE), *rest])
    _use_files_as(user)


def capabilities() -> list[int]:
    """Those of the calling thread: effective, permitted, inheritable, and the upper halves of these."""
    capabilities = ctypes.create_string_buffer(_CAPABILITIES.size)
    check(libc.capget(_capability_header(), capabilities), "capget")
    return list(_CAPABILITIES.unpack(capabilities.raw))


def _set_capabilities(capabilities: list[int]) -> None:
    check(libc.capset(_capability_header(), _CAPABILITIES.pack(*capabilities)), "capset")


def _capability_header() -> bytes:
    # Of the calling thread.
    return struct.pack("=Ii", _CAPABILITY_VERSION, 0)


def _use_files_as(user: int) -> None:
    for change in (libc.setfsgid, libc.setfsuid):
        change(ctypes.c_uint(user))
        # It tells of no error, only of the number that it found (setfsuid(2)).
        if ctypes.c_uint(change(ctypes.c_uint(0xFFFFFFFF))).value != user:
            raise PermissionError(1, os.strerror(1), "setfsuid")


def _prctl(option: int, value: int) -> None:
    check(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")
