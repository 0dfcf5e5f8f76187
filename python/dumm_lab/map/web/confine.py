# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives up everything that the web part does not need: rights, files, networks, other processes.

It keeps its sockets.  What it needs of files it has read before: it lives in an empty directory that has no name any more, so not even root
could make a file there.  In a network namespace of its own it reaches nobody; the socket that it listens on stays in the one in which
it was made (network_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import tempfile
from collections.abc import Collection
from dataclasses import dataclass

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWNET = 0x00020000, 0x08000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class User:
    """Who the web part is."""

    uid: int
    gid: int


NOBODY = User(65534, 65534)


def user(environment: dict[str, str]) -> User:
    """Who ran ``sudo``, or nobody."""
    try:
        found = User(int(environment["SUDO_UID"]), int(environment["SUDO_GID"]))
    except (KeyError, ValueError):
        return NOBODY
    return found if found.uid > 0 and found.gid > 0 else NOBODY


def confine(who: User, parent: int, keep: Collection[int]) -> None:
    """Give up what is not needed; nothing brings it back.

    :param parent: process that this one ends with.
    :param keep: descriptors beside the standard streams.
    :raises OSError: where the kernel does not grant that.
    """
    # Ctrl-C is for the other part.
    os.setsid()
    _close_others(keep)
    _check(_libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWNS), "unshare")
    _enter_nothing()
    os.setgroups([])
    os.setresgid(who.gid, who.gid, who.gid)
    os.setresuid(who.uid, who.uid, who.uid)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)
    # Neither files nor cores.
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    # Last, because a change of user takes it back.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _close_others(keep: Collection[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:
                # That of the listing itself.
                continue


def _enter_nothing() -> None:
    path = tempfile.mkdtemp(prefix="dumm-map-", dir="/run")
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.rmdir(path)
    os.fchdir(fd)
    os.close(fd)
    os.chroot(".")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
