# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a guest's process and change what it sees.

The only place that starts a process which outlives the run: UML is started detached.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..host import cgroups, courier, files, syscalls
from ..host.calls import Calls
from ..host.courier import Courier
from ..host.mounts import Users
from ..host.workdir import GuestDir
from ..model.errors import HostError, from_oserror
from ..model.found import Process
from ..model.lab import ANY_CPU
from ..model.root import Stack
from ..union.engine import Union
from . import confine, logs, processes, pulse, sandbox, seccomp


def launch(
    directory: GuestDir,
    view: sandbox.View,
    argv: list[str],
    netns: str | None,
    identity: Process,
    subject: str,
    beside: Callable[[int], object],
) -> Process:
    """Start a guest's process, of whose earlier ones nothing is left (:func:`gone`).

    Its identity is on disk before it does anything: a run that is killed at any moment leaves nothing unknown behind.

    :param netns: path of the network namespace.
    :param identity: what to store; number and start time are filled in.
    :param beside: what to do with its number while it sets itself up.
    :raises HostError: where it could not be set up; it is gone then.
    """
    if not courier.supported():
        raise HostError(subject, "cannot start its kernel: this Python is none of x86-64", "use one of 64 bits")
    _make_line(directory)
    logs.begin(directory)
    # A panic ends the first process of a PID namespace by that filter alone.
    apart = view.confinement is not None and seccomp.supported()
    with _descriptors(directory, netns, view, subject) as inherited, _started(inherited, apart, subject) as child:
        calls = _becoming_uml(view, argv, identity.cpu, inherited)
        process = _protected(_identified(identity, child.pid), view, in_host_netns=netns is None)
        processes.store(directory, process)
        # Before it begins, too: no later run makes it for a guest that a killed run has started.
        files.symlink(directory.union, f"/proc/{child.pid}/root/fs")
        child.carry_out(calls)
        beside(child.pid)
        complaint = child.complaint(calls)
    if complaint is not None:
        directory.process.unlink(missing_ok=True)
        directory.union.unlink(missing_ok=True)
        raise HostError(subject, f"cannot start its kernel: {complaint}", "see dmesg and what role dumm.lab.host says")
    return process


def _started(inherited: _Inherited, apart: bool, subject: str) -> Courier:
    try:
        return Courier(inherited.standard, inherited.own, apart=apart)
    except OSError as exc:
        raise from_oserror(subject, "start the process of", exc) from exc


@dataclass(frozen=True)
class Change:
    """Other layers for a running guest (``union.engine.Change``).

    :ivar stack: those that it is to have.
    """

    directory: GuestDir
    process: Process
    stack: Stack
    subject: str

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Write down which layers the guest may have from now on, and at the end those that it has.

        A run that is killed in between leaves that unknown.
        """
        process, stack = self.process, self.stack
        processes.store(self.directory, dataclasses.replace(process, next_upper=stack.upper, next_over=stack.over))
        yield
        # What commands of a scenario have written is in the layer that was written to.
        shelved = {**process.shelved, process.upper: process.ran}
        ran = shelved.pop(stack.upper, "")
        now = dataclasses.replace(
            process, upper=stack.upper, over=stack.over, ran=ran, shelved=shelved, next_upper="", next_over=()
        )
        processes.store(self.directory, now)

    def put(self, union: Union) -> None:
        """Put a union into the place of the guest's.

        :raises HostError: where that could not be done; the guest keeps the one that it has then.
        """
        try:
            sandbox.swap(union, self.process.pid, str(self.directory.view), self.process.first_user)
        except OSError as exc:
            processes.store(self.directory, self.process)
            cause = f"cannot change its layers: {exc}"
            raise HostError(self.subject, cause, "see dmesg, or restart the guest") from exc


def _identified(identity: Process, pid: int) -> Process:
    return Process(**{**identity.__dict__, "pid": pid, "started": pulse.start_time(pid) or 0})


def _protected(process: Process, view: sandbox.View, *, in_host_netns: bool) -> Process:
    """A process with limits to what it may have, and with what is to be known of its confinement."""
    confinement = view.confinement
    apart = processes.is_apart(process)
    limited: tuple[str, ...] = ()
    if confinement is not None:
        limited = cgroups.join(view.owner["lab"], view.owner["guest"], process.pid, confinement.limits)
    return dataclasses.replace(
        process,
        confined=confinement is not None,
        first_user=None if view.users is None else view.users.first,
        limited=limited,
        gaps=confine.gaps(confinement, limited, apart=apart, disk=process.disk, in_host_netns=in_host_netns),
    )


def _make_line(directory: GuestDir) -> None:
    for fifo in (directory.line_in, directory.line_out, directory.console_in):
        os.mkfifo(fifo, 0o600)


@dataclass(frozen=True)
class _Inherited:
    """The descriptors of a guest's first process.

    :ivar standard: those that UML inherits, in the order of their numbers there.
    :ivar proc: number of the host's ``/proc``; what only the way to UML takes is named by its number there.
    """

    standard: list[int]
    own: list[int]
    proc: int
    netns: int | None
    users: int | None
    union: list[int]

    @property
    def end(self) -> int:
        """The first number that is not in use."""
        return courier.FIRST + len(self.own)


@contextmanager
def _descriptors(directory: GuestDir, netns: str | None, view: sandbox.View, subject: str) -> Iterator[_Inherited]:
    """Open them.

    FIFOs are opened for both directions, so that they never end while UML lives and anybody may open them by path later.
    """
    with ExitStack() as stack:

        def opened(path: Path | str, flags: int) -> int:
            fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, fd)
            return fd

        try:
            null = opened("/dev/null", os.O_RDWR | os.O_NOFOLLOW)
            log = opened(directory.boot_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW)
            fifos = (directory.line_in, directory.line_out, directory.console_in)
            line = [opened(path, os.O_RDWR | os.O_NOFOLLOW) for path in fifos]
            own = [opened("/proc", os.O_PATH | os.O_DIRECTORY)]
            network = users = None
            if netns is not None:
                network = courier.FIRST + len(own)
                own.append(opened(netns, os.O_RDONLY))
            if view.users is not None:
                users = courier.FIRST + len(own)
                own.append(view.users.namespace)
            begin = courier.FIRST + len(own)
            own += view.union.descriptors
        except OSError as exc:
            raise from_oserror(subject, "open", exc) from exc
        union = [*range(begin, courier.FIRST + len(own))]
        yield _Inherited([null, log, log, *line, log], own, courier.FIRST, network, users, union)


def _becoming_uml(view: sandbox.View, argv: list[str], cpu: int | None, inherited: _Inherited) -> Calls:
    """What a process does to become a guest's kernel."""
    calls = Calls()
    # Two that are launched at the same time would else wait for each other, should who launches them be killed.
    calls.alone(inherited.end, courier.SAYS)
    if cpu is not None and cpu != ANY_CPU:
        calls.run_on(cpu)
    # A panic aborts: no image of the guest's memory, please.  And each file open in the guest is one open here.
    calls.limit(resource.RLIMIT_CORE, 0, 0)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    calls.limit(resource.RLIMIT_NOFILE, most, most)
    if inherited.netns is not None:
        calls.setns(inherited.netns, syscalls.CLONE_NEWNET)
    users = None if view.users is None else Users(inherited.users or 0, view.users.first)
    sandbox.enter(calls, view, users, inherited.union)
    if view.confinement is not None:
        confine.give_up(calls, view.confinement, inherited.users or 0, inherited.proc)
    if "seccomp=on" not in argv:
        # Kernels of that age waste memory on a randomised address space (docs/internals/uml-kernel.md).
        calls.no_randomness()
    calls.close_from(courier.SAYS + 1)
    calls.execute(sandbox.KERNEL, argv, ["TMPDIR=/tmp", "HOME=/"])
    return calls


def gone(directory: GuestDir) -> None:
    """Forget a process that has ended, with what it left behind.

    Nothing of it may be seen by the next one: UML takes a random name where its old directory is (umid.c).
    """
    there = {
        entry.path: entry.is_dir(follow_symlinks=False)
        for place in dict.fromkeys((directory.path, directory.own))
        for entry in os.scandir(place)
    }
    fifos = (directory.line_in, directory.line_out, directory.console_in)
    for each in (directory.process, directory.ready, directory.union, *fifos):
        if str(each) in there:
            files.discard(each)
    for tree in (directory.run, directory.spool, directory.outbox, directory.works, directory.view):
        is_kept = tree in (directory.works, directory.view)
        if there.get(str(tree)) and (is_kept or not os.listdir(tree)):
            continue
        files.remove_tree(tree)
        tree.mkdir(mode=0o700)
    if not there.get(str(directory.names), True):
        files.discard(directory.names)
    lock = directory.doorbell_lock
    if str(lock) in there and not stat.S_ISREG(os.lstat(lock).st_mode):
        files.discard(lock)
