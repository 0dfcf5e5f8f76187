# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One guest's process as seen from outside: who it is, what it does, and what became of it.

There is no daemon: a process is known by its number, its start time, the owner mark in its root directory and the spool that it sees
(``identity``), all read back from ``/proc``.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ..host import beneath, files, identity
from ..host.workdir import GuestDir, Workdir
from ..model import given, stored
from ..model.errors import GuestError
from ..model.found import Kernel, Process, userspace
from ..model.lab import ANY_CPU, Guest, Power, UnionEngine, Userspace
from ..model.root import Stack
from . import kernels, pulse

BOOTED = "booted"
# That Ansible's tasks have waited.
TASKS = "tasks"
REBOOTED = "it rebooted itself"


_MANY = stored.texts(stored.text)
_MAYBE_NUMBER = stored.optional(stored.whole)
_BELOW = stored.texts(stored.absolute)
_READERS: Mapping[str, stored.Reader] = {
    # A signal to 0, to -1 or to init would be for others.
    "pid": lambda value, place: stored.whole(value, place, 2, 2**31 - 1),
    "started": stored.whole,
    **dict.fromkeys(("boot", "launch", "release", "cmdline", "why", "ran"), stored.text),
    **dict.fromkeys(("kernel", "master"), stored.absolute),
    "engine": lambda value, place: stored.member(UnionEngine, value, place, UnionEngine.AUTO),
    "userspace": lambda value, place: None if value == "" else stored.member(Userspace, value, place, Userspace.AUTO),
    "mem": stored.whole,
    "init": stored.optional(stored.text),
    "cpu": stored.optional(lambda value, place: stored.whole(value, place, ANY_CPU)),
    "confined": stored.flag,
    "stopping": stored.flag,
    "cables": stored.flag,
    "first_user": _MAYBE_NUMBER,
    "disk": _MAYBE_NUMBER,
    **dict.fromkeys(("limited", "gaps", "limits"), _MANY),
    **dict.fromkeys(("over", "next_over"), _BELOW),
    **dict.fromkeys(("upper", "next_upper"), lambda value, place: "" if value == "" else stored.below(value, place)),
    "shelved": lambda value, place: {
        upper: stored.text(ran, f"{place}.{upper}") for upper, ran in stored.mapping(value, place).items()
    },
    "given": given.read,
}
_NEEDED = [
    each.name
    for each in dataclasses.fields(Process)
    if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
]


def read(directory: GuestDir) -> Process | None:
    """The process that was last started for a guest and not seen stopped since; ``None`` also where that is damaged (:func:`damage`).

    None of another lab's, of whose directory the guest's is a copy.  What it was started with is told as the paths are now.
    """
    process = _record(directory)
    if process is None or (is_alive(process) and not _is_own(directory, process)):
        return None
    return _followed(process, str(identity.of(directory.workdir).path), str(directory.workdir))


def stranger(directory: GuestDir) -> str | None:
    """What lab a process belongs to that the record of a guest names and that is not the guest's; ``None`` where there is none."""
    process = _record(directory)
    if process is None or not is_alive(process) or _is_own(directory, process):
        return None
    found = _seen(process.pid)
    return found.owner["lab"] if found is not None else "that it was copied from"


def why_none(directory: GuestDir) -> str:
    """Why there is no process to talk to, where none has ended."""
    other = stranger(directory)
    if other is None:
        return "it is not running"
    return f"it is not running: the process in its record belongs to the lab {other}; this directory was copied"


def is_cut_off(directory: GuestDir, process: Process) -> bool:
    """Whether a guest runs with files that are not those of its directory: this was moved to another file system, or restored."""
    found = _seen(process.pid)
    return found is not None and found.in_guest(directory.real or directory.path) is not True


def _record(directory: GuestDir) -> Process | None:
    try:
        return _read(directory)
    except (OSError, stored.Unfit):
        return None


def damage(directory: GuestDir) -> str | None:
    """What is wrong with the record of a guest's process; ``None`` for nothing, and where there is none."""
    try:
        _read(directory)
    except FileNotFoundError:
        return None
    except stored.Unfit as exc:
        return f"{directory.process} cannot be understood ({exc}); what still runs of the guest is ended when it is started or stopped"
    except OSError as exc:
        return f"{directory.process} cannot be read ({exc.strerror})"
    return None


def _read(directory: GuestDir) -> Process:
    """:raises stored.Unfit: where it is not what any version has stored."""
    own = stored.table(stored.parse(files.read(directory.process)), "", _READERS)
    missing = [each for each in _NEEDED if each not in own]
    if missing:
        raise stored.Unfit(f"it has no {missing[0]}")
    return Process(**own)


def is_noted(directory: GuestDir, flag: str) -> bool:
    """Whether a flag may be set in the record of a guest's process: what tells that few need to be read as a whole."""
    try:
        return f'"{flag}": true'.encode() in files.read(directory.process)
    except (OSError, stored.Unfit):
        return False


def _seen(pid: int) -> identity.Seen | None:
    try:
        return identity.seen(pid)
    except OSError:
        return None


def _is_own(directory: GuestDir, process: Process) -> bool:
    """Whether a process that lives was started in this directory, wherever that was then."""
    try:
        found = identity.seen(process.pid)
    except OSError:
        # It is about to end.
        return True
    if found is None:
        return _has_line(directory, process.pid)
    if found.owner.get("launch") != process.launch:
        return False
    own = found.in_guest(directory.real or directory.path)
    return found.owner["lab"] == Workdir(directory.workdir).lab_name if own is None else own


def _has_line(directory: GuestDir, pid: int) -> bool:
    """Whether a process that is on its way into its root directory has the guest's control line; of a copy none has."""
    try:
        line = directory.line_in.stat()
    except OSError:
        return True
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            if os.path.samestat(os.stat(entry.path), line):
                return True
    return False


def _followed(process: Process, before: str, now: str) -> Process:
    """A process as it is told after its working directory was moved."""
    if before == now:
        return process

    def follow(path: str) -> str:
        is_below = path.startswith(f"{before}/") and not path.startswith(f"{now}/")
        return now + path.removeprefix(before) if is_below else path

    told = process.given
    return dataclasses.replace(
        process,
        kernel=follow(process.kernel),
        master=follow(process.master),
        over=tuple(map(follow, process.over)),
        next_over=tuple(map(follow, process.next_over)),
        given=None if told is None else dataclasses.replace(told, layers=tuple(map(follow, told.layers))),
    )


def follow(directory: GuestDir, before: Path) -> None:
    """Write down what a guest was started with as it is told now.

    :param before: the working directory's path until it was moved.
    """
    process = _record(directory)
    if process is not None:
        moved = _followed(process, str(before), str(directory.workdir))
        if moved != process:
            store(directory, moved)


def store(directory: GuestDir, process: Process) -> None:
    """Write down what is to be known of a guest's process; it does not outlive the host's boot."""
    told = None if process.given is None else process.given.__dict__
    runs_by = "" if process.userspace is None else process.userspace.value
    fresh = {**process.__dict__, "engine": process.engine.value, "userspace": runs_by, "given": told}
    before = files.read_json(directory.process)
    if isinstance(before, dict) and before.get("launch") == process.launch:
        # What another version knows of the same process stays.
        if told is not None:
            fresh["given"] = stored.with_unknown(given.KNOWN, before.get("given"), told)
        fresh = stored.with_unknown(frozenset(_READERS), before, fresh)
    files.write_json(directory.process, fresh, durable=False)


def seen(directory: GuestDir, process: Process) -> frozenset[str]:
    """What was seen of a guest on its way to being ready since its process was started, see :func:`note`."""
    found = files.read_json(directory.ready)
    names = found.get("seen") if isinstance(found, dict) and found.get("launch") == process.launch else None
    return frozenset(each for each in names if isinstance(each, str)) if isinstance(names, list) else frozenset()


def note(directory: GuestDir, process: Process, what: str) -> None:
    """Write down what was seen of a guest: a key of ``readiness``, or ``TASKS``.

    That is a file of its own beside the identity, since Ansible's tasks write it without the working directory's lock.  What is lost when
    two do so at the same time is found out again.
    """
    known = seen(directory, process) | {what}
    files.write_json(directory.ready, {"launch": process.launch, "seen": sorted(known)}, durable=False)


@functools.cache
def boot_id() -> str:
    """Tells one boot of the host from another."""
    return identity.boot_id()


def is_alive(process: Process) -> bool:
    """Whether a guest's process still runs."""
    return process.boot == boot_id() and pulse.start_time(process.pid) == process.started


def is_apart(process: Process) -> bool:
    """Whether a guest's process is the first in a PID namespace of its own: it ends after all others there (pid_namespaces(7))."""
    try:
        return os.readlink(f"/proc/{process.pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    except OSError:
        return False


def power(directory: GuestDir, process: Process | None) -> Power:
    """What a guest is doing, read from its process."""
    if process is None:
        return Power.STOPPED
    if is_alive(process):
        if not beneath.exists(directory.spool, "hello"):
            return Power.STARTING
        return Power.PAUSED if pulse.is_paused(process.pid) else Power.RUNNING
    return Power.STOPPED if ended_by_itself(directory, process) else Power.DIED


def ended_by_itself(directory: GuestDir, process: Process) -> bool:
    """Whether a process that is gone ended as the guest wanted, or with the host."""
    return process.boot != boot_id() or "reboot: " in "\n".join(files.tail(directory.boot_log, 5))


# What each guest's kernel says: there is no disk, and on Debian's no policy.
_HARMLESS = re.compile("Failed to initialize ubd device|SELinux: +Could not open policy file")


def reason(directory: GuestDir, process: Process) -> str:
    """Why a guest has no process any more, from its log."""
    if process.boot != boot_id():
        return "the host was rebooted"
    last = [line for line in files.tail(directory.boot_log, 40) if not _HARMLESS.match(line)]
    for line in reversed(last):
        if "Kernel panic" in line:
            return f"kernel panic:{line.partition('Kernel panic')[2].lstrip(' -')}".replace("panic:not", "panic: not")
        if "reboot: Restarting system" in line:
            return REBOOTED
        if "reboot: " in line:
            return "it powered itself off"
    return f"its process {process.pid} was killed" + (f"; last words: {last[-1]}" if last else "")


def new_identity(
    guest: Guest, kernel: Kernel, master: str, engine: UnionEngine, why: str, stack: Stack, cpu: int
) -> Process:
    """Identity of a process to be started."""
    return Process(
        pid=0,
        started=0,
        boot=boot_id(),
        launch=os.urandom(6).hex(),
        kernel=str(kernel.path),
        release=kernel.release,
        master=master,
        mem=guest.mem,
        init=guest.init,
        cmdline=guest.cmdline,
        userspace=userspace(guest, kernel),
        cpu=cpu,
        disk=guest.disk,
        limits=kernels.limits(kernel),
        xattrs=kernel.xattrs,
        cables=kernel.cables,
        engine=engine,
        why=why,
        upper=stack.upper,
        over=stack.over,
        given=given.of(guest, stack),
    )


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to a guest's process, and to nobody who has its number after it."""
    with _opened(process.pid) as fd, suppress(ProcessLookupError):
        if fd is not None and is_alive(process):
            signal.pidfd_send_signal(fd, number)


def end(found: identity.Seen) -> None:
    """Kill a process that was seen to be a guest's, and nobody who has its number after it."""
    with _opened(found.pid) as fd, suppress(ProcessLookupError):
        now = _seen(found.pid)
        if fd is not None and now is not None and now.owner == found.owner:
            signal.pidfd_send_signal(fd, signal.SIGKILL)


@contextmanager
def _opened(pid: int) -> Iterator[int | None]:
    """A descriptor of a process; ``None`` for one that has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def owned_by(pid: int) -> dict[str, str] | None:
    """Owner mark of a process's root directory: lab, guest and launch; ``None`` for a process that is not ours."""
    found = _seen(pid)
    return None if found is None else found.owner


def of_lab(workdir: Workdir) -> Iterator[identity.Seen]:
    """All processes of a lab's guests, whatever became of who started them."""
    name = workdir.lab_name
    return (each for each in identity.census() if each.owner["lab"] == name and not each.is_elsewhere(workdir.path))


def check_alive(guest: str, process: Process, directory: GuestDir) -> None:
    """:raises GuestError: with the reason, where the process has ended."""
    if not is_alive(process):
        raise GuestError(
            f"guest {guest}",
            f"it ended: {reason(directory, process)}",
            f"see {directory.boot_log}; last lines: {' | '.join(files.tail(directory.boot_log, 5))}",
        )
