# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the process of a guest gives up before it becomes the guest's kernel, so that root of the guest is nobody on the host.

It has users of its own (``uids``) in a user namespace, the four capabilities that owning files takes, and none over anything but files
that belong to those users; it can gain nothing, make no namespaces, and make no system calls that are not a guest's (``seccomp``).  What it
sees is the matter of ``sandbox``, how much it may have of ``cgroups``.  Where the host's kernel or a file system cannot do all of that,
the rest is done, and :func:`gaps` says what is missing.  (docs/internals/confinement.md)
"""

from __future__ import annotations

import errno
import functools
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..host import cgroups, learning, limits, privileges, syscalls, uids
from ..host.calls import Calls
from ..host.cgroups import Limits
from ..host.mounts import Users
from ..model.lab import USERS_OF_A_GUEST
from . import seccomp

# A process of the guest takes more than 64 kB of the guest's memory: its stack in the kernel, its page tables, its own pages.
_PROCESSES_PER_MB = 16
_MORE_PROCESSES = 256
# What the host has to have for each of a guest's processes: another stack, other page tables.
_HOST_KB_PER_PROCESS = 128
_MORE_MEMORY = 192
_MB = 1 << 20
# A group of the guest's own that no user of it is in.  Its process is, but not what is written to its root: the reserve of its disk, which
# is for this group, keeps its answers coming when that is full (``disks``).
LINE_GROUP = 65533
# user_namespaces(7), clone(2)
_WHY_NONE = {
    errno.EPERM: "none can be made in a chroot",
    errno.ENOSPC: "see /proc/sys/user/max_user_namespaces",
    errno.EINVAL: "the host's kernel has none, CONFIG_USER_NS",
}
# A kernel has a timer for each of its CPUs; all that it queues besides is sent at once.  They are counted for the host's root as well.
_PENDING_SIGNALS = 256
# user_namespaces(7), namespaces(7): settings of a user namespace.
_COUNTED = (
    "max_user_namespaces",
    "max_inotify_instances",
    "max_inotify_watches",
    "max_fanotify_groups",
    "max_fanotify_marks",
)
# Devices of file systems whose owners can be mapped, as this process has seen.
_MAPPED: set[int] = set()
# Overlayfs takes layers with mapped owners from 5.19 on.
_MAPS_LAYERS = (5, 19)


@dataclass(frozen=True)
class Confinement:
    """How a guest's process is confined.

    :ivar limits: how much of the host it may have.
    :ivar first: the first of the host's users and groups that nobody else has.
    :ivar users: its own users; ``None`` where it has the host's.
    :ivar why_not: why that is so.
    """

    limits: Limits
    first: int
    users: Users | None
    why_not: str = ""

    @property
    def groups(self) -> list[int]:
        """Groups of its process, as that sees them: that of its TAPs, and that of the reserve of its disk."""
        base = self.first if self.users is None else 0
        return [base, base + LINE_GROUP]


@contextmanager
def confinement(mem: int, first: int, paths: Iterable[str], *, pinned: bool = False) -> Iterator[Confinement]:
    """How a guest is confined as well as this host can.

    :param mem: MB of the guest.
    :param first: the first of the host's users that are to be its own.
    :param paths: directories whose files are to belong to them.
    :param pinned: whether its process is put on one CPU.
    """
    # What may not move its processes to another CPU either (seccomp) has the time of one.
    allowed, why_not = _limits(mem, quota=not (pinned and seccomp.supported())), _why_not_mapped(paths)
    if why_not is not None:
        yield Confinement(allowed, first, None, why_not)
        return
    namespace = privileges.user_namespace(first, USERS_OF_A_GUEST)
    try:
        yield Confinement(allowed, first, Users(namespace, first))
    finally:
        os.close(namespace)


def _limits(mem: int, *, quota: bool = True) -> Limits:
    """More than a guest of so many MB can take, caches aside."""
    processes = _MORE_PROCESSES + _PROCESSES_PER_MB * mem
    return Limits((mem + _MORE_MEMORY) * _MB + processes * _HOST_KB_PER_PROCESS * 1024, processes, quota)


def give_up(calls: Calls, confinement: Confinement, namespace: int, proc: int) -> None:
    """Give up what a guest is not to have.  The process has its view already.

    :param calls: what the process is to do; it must not go on where one fails.
    :param namespace: the descriptor that the user namespace has there, if there is one.
    :param proc: that of the host's ``/proc``.
    """
    if confinement.users is not None:
        # Not before: what was made until now, its mounts above all, belongs to the host, and its root has no say in it.
        calls.setns(namespace, syscalls.CLONE_NEWUSER)
        _none_of_the_makers(calls, proc)
    calls.groups(confinement.groups)
    given = limits.allowed(resource.RLIMIT_NPROC, confinement.limits.processes)
    calls.limit(resource.RLIMIT_NPROC, given, given)
    for nothing in (resource.RLIMIT_MSGQUEUE, resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE, resource.RLIMIT_MEMLOCK):
        calls.limit(nothing, 0, 0)
    # Timers too are pending signals.
    given = limits.allowed(resource.RLIMIT_SIGPENDING, _PENDING_SIGNALS)
    calls.limit(resource.RLIMIT_SIGPENDING, given, given)
    calls.become(0)
    calls.keep_capabilities(
        privileges.CAP_CHOWN, privileges.CAP_DAC_OVERRIDE, privileges.CAP_FOWNER, privileges.CAP_FSETID
    )
    calls.no_new_privileges()
    if seccomp.supported():
        seccomp.install(calls)


def _none_of_the_makers(calls: Calls, proc: int) -> None:
    """Forbid what the host counts for who made a user namespace, too, which is its root: it has few of them itself.

    In a user namespace below this one, moreover, a process would have all capabilities again.
    """
    for name in _COUNTED:
        # A kernel may have been built without one.
        setting = calls.open_at(proc, f"sys/user/{name}", os.O_WRONLY | os.O_CLOEXEC, unless=errno.ENOENT, skips=2)
        calls.write(setting, b"0", name)
        calls.close(setting)


def _why_not_mapped(paths: Iterable[str]) -> str | None:
    """Why the owners of files below these directories cannot be a guest's own users; ``None`` where they can."""
    if _release() < _MAPS_LAYERS:
        return "the host's kernel is older than 5.19"
    # Tried, once for each file system: there is no other way to find out.
    try:
        namespace = _trial_namespace()
    except OSError as exc:
        return f"no user namespace can be made ({exc.strerror}; {_WHY_NONE.get(exc.errno or 0, 'see dmesg')})"
    places = {os.stat(path).st_dev: path for path in paths}
    for device, path in places.items():
        if device in _MAPPED:
            continue
        try:
            os.close(syscalls.mapped_mount(path, namespace, syscalls.MOUNT_ATTR_RDONLY))
        except OSError as exc:
            return f"owners of files below {path} cannot be mapped ({exc.strerror})"
        _MAPPED.add(device)
    return None


@functools.cache
def _trial_namespace() -> int:
    return privileges.user_namespace(uids.FIRST, USERS_OF_A_GUEST)


def _release() -> tuple[int, int]:
    major, _dot, rest = os.uname().release.partition(".")
    minor = rest.partition(".")[0]
    with suppress(ValueError):
        return int(major), int(minor)
    return _MAPS_LAYERS


def gaps(
    confinement: Confinement | None, limited: Iterable[str], *, apart: bool, disk: int | None, in_host_netns: bool
) -> tuple[str, ...]:
    """What does not protect the host from a guest's root, in words.

    :param limited: control group controllers that limit it.
    :param apart: whether it has a PID namespace of its own.
    :param disk: how many MB it may write; ``None`` for no limit.
    """
    if confinement is None:
        return ("root of this guest is the host's root (confine: false)",)
    found = []
    if confinement.users is None:
        what = "" if apart else ", and may send signals to its processes and trace other guests with this gap"
        found.append(f"it is the host's user 0, without most of its rights{what}: {confinement.why_not}")
    if not apart:
        found.append("what it starts may outlive its kernel until the next run: no PID namespace can be made")
    missing = [name for name in cgroups.CONTROLLERS if name not in limited]
    if missing:
        found.append(f"no limit of {', '.join(missing)}: the host offers no control groups for that")
    if disk is None:
        found.append("it may fill the file system of the working directory (disk: 0)")
    if not seccomp.supported():
        found.append("all system calls are allowed: there is no list for this architecture")
    if _release() < learning.SINCE:
        found.append("it may fill the forwarding tables of its segments: the host's kernel is older than 6.7")
    if in_host_netns:
        found.append("abstract UNIX sockets of the host are within its reach (netns: host)")
    return tuple(found)
