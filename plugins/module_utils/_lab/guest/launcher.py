# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a guest's process and change what it sees.

The only place that starts a process which outlives the run: UML is started detached.
"""

from __future__ import annotations

import dataclasses
import fcntl
import gc
import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..host import cgroups, files, syscalls
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
    _make_line(directory)
    logs.begin(directory)
    with _descriptors(directory, subject) as inherited:
        go_read, go_write = os.pipe2(os.O_CLOEXEC)
        said_read, said_write = os.pipe2(os.O_CLOEXEC)
        # A panic ends the first process of a PID namespace by that filter alone.
        pid = _fork(apart=view.confinement is not None and seccomp.supported())
        if pid == 0:
            os.close(go_write)
            _become_uml(view, argv, netns, identity.cpu, inherited, go_read, said_write)
        os.close(go_read)
        os.close(said_write)
    try:
        process = _protected(_identified(identity, pid), view, in_host_netns=netns is None)
        processes.store(directory, process)
        # Before it begins, too: no later run makes it for a guest that a killed run has started.
        files.symlink(directory.union, f"/proc/{pid}/root/fs")
        os.write(go_write, b"go")
        os.close(go_write)
        go_write = -1
        beside(pid)
        with os.fdopen(said_read, "rb", closefd=False) as said:
            complaint = said.read().decode("utf-8", "replace")
    finally:
        os.close(said_read)
        if go_write >= 0:
            # The child sees the end of the pipe and leaves.
            os.close(go_write)
    if complaint:
        os.waitpid(pid, 0)
        directory.process.unlink(missing_ok=True)
        directory.union.unlink(missing_ok=True)
        raise HostError(subject, f"cannot start its kernel: {complaint}", "see dmesg and what role dumm.lab.host says")
    return process


@dataclass(frozen=True)
class Change:
    """Other layers for a running guest (``union.engine.Change``).

    :ivar stack: those that it is to have.
    """

    directory: GuestDir
    swapper: sandbox.Swapper
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
            self.swapper.swap(union, self.process.pid, str(self.directory.view), self.process.first_user)
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


class _descriptors:
    """The descriptors that UML inherits, in the order of their numbers there.

    FIFOs are opened for both directions, so that they never end while UML lives and anybody may open them by path later.
    """

    def __init__(self, directory: GuestDir, subject: str) -> None:
        self._directory = directory
        self._subject = subject
        self._open: list[int] = []

    def __enter__(self) -> list[int]:
        place = self._directory
        try:
            null = self._add("/dev/null", os.O_RDWR)
            log = self._add(place.boot_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            line = [self._add(path, os.O_RDWR) for path in (place.line_in, place.line_out, place.console_in)]
        except OSError as exc:
            self.__exit__()
            raise from_oserror(self._subject, "open", exc) from exc
        return [null, log, log, *line, log]

    def _add(self, path: Path | str, flags: int) -> int:
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._open.append(fd)
        return fd

    def __exit__(self, *exc: object) -> None:
        for fd in self._open:
            os.close(fd)
        self._open = []


def _fork(*, apart: bool) -> int:
    """Fork.

    :param apart: whether into a PID namespace of its own, where the host can.
    """
    with warnings.catch_warnings():
        # Python warns of threads; the child calls nothing but system calls and execve.
        warnings.simplefilter("ignore", DeprecationWarning)
        with syscalls.FORKING:
            if apart:
                with suppress(OSError):
                    return syscalls.fork_apart()
            return os.fork()


def _become_uml(
    view: sandbox.View, argv: list[str], netns: str | None, cpu: int | None, inherited: list[int], go: int, say: int
) -> NoReturn:
    try:
        gc.disable()
        namespaces = [] if view.users is None else [view.users.namespace]
        _keep_only([0, 1, 2, *inherited, go, say, *view.union.descriptors, *namespaces])
        if os.read(go, 2) != b"go":
            os._exit(1)
        os.setsid()
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0)
        if cpu is not None and cpu != ANY_CPU:
            os.sched_setaffinity(0, {cpu})
        # A panic aborts: no image of the guest's memory, please.  And each file open in the guest is one open here.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in (*inherited, say)]
        if netns is not None:
            syscalls.setns(os.open(netns, os.O_RDONLY | os.O_CLOEXEC), syscalls.CLONE_NEWNET)
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        sandbox.enter(view)
        if view.confinement is not None:
            confine.give_up(view.confinement, proc)
        if "seccomp=on" not in argv:
            # Kernels of that age waste memory on a randomised address space (docs/internals/uml-kernel.md).
            syscalls.personality(syscalls.ADDR_NO_RANDOMIZE)
        say = high.pop()
        for number, fd in enumerate(high):
            os.dup2(fd, number)
        os.dup2(say, len(high), inheritable=False)
        say = len(high)
        syscalls.close_range(say + 1, os.sysconf("SC_OPEN_MAX"))
        os.execve(sandbox.KERNEL, argv, {"TMPDIR": "/tmp", "HOME": "/"})
    except BaseException as exc:
        os.write(say, str(exc).encode() or repr(exc).encode())
    os._exit(127)


def _keep_only(descriptors: list[int]) -> None:
    """Close all others.  Two that are launched at the same time would else wait for each other, should who launches them be killed."""
    kept = sorted(set(descriptors))
    for low, high in zip([-1, *kept], [*kept, os.sysconf("SC_OPEN_MAX")], strict=True):
        if high - low > 1:
            syscalls.close_range(low + 1, high - 1)


def gone(directory: GuestDir) -> None:
    """Forget a process that has ended, with what it left behind.

    Nothing of it may be seen by the next one: UML takes a random name where its old directory is (umid.c).
    """
    fifos = (directory.line_in, directory.line_out, directory.console_in)
    for each in (directory.process, directory.ready, directory.union, *fifos):
        files.discard(each)
    for tree in (directory.run, directory.spool, directory.outbox):
        if _is_directory(tree) and not os.listdir(tree):
            continue
        files.remove_tree(tree)
        tree.mkdir(mode=0o700)
    for tree in (directory.works, directory.view):
        if not _is_directory(tree):
            files.remove_tree(tree)
            tree.mkdir(mode=0o700)
    if not _is_directory(directory.names):
        files.discard(directory.names)
    if not directory.doorbell_lock.is_file() or directory.doorbell_lock.is_symlink():
        files.discard(directory.doorbell_lock)


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
