# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One guest's process as seen from outside: who it is, what it does, and what became of it.

There is no daemon: a process is known by its number, its start time and the owner mark in its root directory (``sandbox``),
all read back from ``/proc``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import beneath, files, given, kernels, sandbox, stored
from .errors import GuestError
from .given import Given
from .kernels import Kernel
from .layers import Stack
from .model import ANY_CPU, ASKED_FOR, Guest, Power
from .workdir import GuestDir

# poll(2) and clock_nanosleep(2) in arch/x86/entry/syscalls/syscall_64.tbl
_IDLE_CALLS = ("7", "230")
_OWNER_SIZE = 4096
BOOTED = "booted"
# That Ansible's tasks have waited.
TASKS = "tasks"
REBOOTED = "it rebooted itself"


@dataclass(frozen=True)
class Process:
    """Identity of a guest's process, as written before it becomes UML, and what it was started with.

    :ivar started: start time in clock ticks since the host booted (proc_pid_stat(5), field 22).
    :ivar boot: the host's boot id.
    :ivar kernel: resolved path of the binary.
    :ivar master: resolved path of the root file system.
    :ivar engine: union engine, and why.
    :ivar userspace: ``seccomp`` or ``ptrace``.
    :ivar cpu: number of the host's CPU that it runs on, ``ANY_CPU`` for all; ``None`` where an older version started it.
    :ivar confined: whether it has given up what ``confine`` says.
    :ivar first_user: the host's user that is root in the guest; ``None`` where its users are the host's.
    :ivar disk: how many MB it may write; ``None`` for no limit.
    :ivar limited: control group controllers that limit it.
    :ivar gaps: what does not protect the host from it, in words.
    :ivar limits: what its kernel cannot do, in words.
    :ivar upper: layer that its writes go to, relative to the working directory.
    :ivar over: layers over the master that may change while it runs.
    :ivar ran: hash of the scenario's commands that were run in it, since it has been writing to this layer.
    :ivar shelved: the same for layers that it wrote to before and may come back to.
    :ivar given: what it was last brought to; ``None`` where an earlier version started it.
    :ivar stopping: whether a run has begun to stop it.
    :ivar next_upper: what its writes go to if a run that changed its layers, and was killed, had come that far; empty for no such run.
    :ivar next_over: its layers over the master then.
    """

    pid: int
    started: int
    boot: str
    launch: str
    kernel: str
    release: str
    master: str
    mem: int
    init: str | None
    cmdline: str
    engine: str
    why: str
    userspace: str = ""
    cpu: int | None = None
    confined: bool = False
    first_user: int | None = None
    disk: int | None = None
    limited: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    upper: str = ""
    over: tuple[str, ...] = ()
    ran: str = ""
    next_upper: str = ""
    next_over: tuple[str, ...] = ()
    shelved: Mapping[str, str] = field(default_factory=dict)
    given: Given | None = None
    stopping: bool = False

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The layers that may change while it runs: those that it has, or where that is unknown, those that it may have."""
        known = Stack(self.upper, self.over)
        return (known, Stack(self.next_upper, self.next_over)) if self.next_upper else (known,)

    @property
    def chose_engine(self) -> bool:
        """Whether its union engine was chosen for it when it was started."""
        return self.why != ASKED_FOR

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.boot == boot_id() and start_time(self.pid) == self.started


_MANY = stored.texts(stored.text)
_MAYBE_NUMBER = stored.optional(stored.whole)
_BELOW = stored.texts(stored.absolute)
_READERS: Mapping[str, stored.Reader] = {
    # A signal to 0, to -1 or to init would be for others.
    "pid": lambda value, place: stored.whole(value, place, 2, 2**31 - 1),
    "started": stored.whole,
    **dict.fromkeys(("boot", "launch", "release", "cmdline", "engine", "why", "userspace", "ran"), stored.text),
    **dict.fromkeys(("kernel", "master"), stored.absolute),
    "mem": stored.whole,
    "init": stored.optional(stored.text),
    "cpu": stored.optional(lambda value, place: stored.whole(value, place, ANY_CPU)),
    "confined": stored.flag,
    "stopping": stored.flag,
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
    """The process that was last started for a guest and not seen stopped since; ``None`` also where that is damaged (:func:`damage`)."""
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


def store(directory: GuestDir, process: Process) -> None:
    """Write down what is to be known of a guest's process; it does not outlive the host's boot."""
    told = None if process.given is None else process.given.__dict__
    fresh = {**process.__dict__, "given": told}
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
    """Tells one boot of the host from another (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Start time of a process; ``None`` where there is none or only its remains."""
    try:
        # A process gives itself a name, of any bytes.
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(b")")[2].split()
    if fields[0] in (b"Z", b"X"):
        _reap(pid)
        return None
    return int(fields[19])


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def uptime(process: Process) -> float:
    """Seconds since the process was started."""
    now = float(Path("/proc/uptime").read_text().split()[0])
    return max(0.0, now - process.started / os.sysconf("SC_CLK_TCK"))


def resident(pid: int) -> int:
    """Memory of a guest's main process in MB, the guest's own memory included."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def power(directory: GuestDir, process: Process | None) -> Power:
    """What a guest is doing, read from its process."""
    if process is None:
        return Power.STOPPED
    if process.alive:
        if not beneath.exists(directory.spool, "hello"):
            return Power.STARTING
        return Power.PAUSED if _is_paused(process.pid) else Power.RUNNING
    return Power.STOPPED if ended_by_itself(directory, process) else Power.DIED


def _is_paused(pid: int) -> bool:
    """A paused kernel waits for its management console, whose socket blocks then (mconsole_stop, arch/um/drivers/mconsole_kern.c).

    Else all that its interrupts come from is asynchronous and does not block (os_set_fd_async).  What call it is in says little: a
    paused one handles its timer's signals still.  But one that is idle is not paused, and that is found out the fastest.
    """
    try:
        if Path(f"/proc/{pid}/syscall").read_text().split()[0] in _IDLE_CALLS:
            return False
        sockets = [entry.name for entry in os.scandir(f"/proc/{pid}/fd") if _is_socket(entry.path)]
        return any(_flags(pid, fd) & (os.O_ASYNC | os.O_NONBLOCK) == os.O_ASYNC for fd in sockets)
    except OSError:
        return False


def _is_socket(path: str) -> bool:
    try:
        return os.readlink(path).startswith("socket:")
    except FileNotFoundError:
        # The guest has closed it meanwhile.
        return False


def _flags(pid: int, fd: str) -> int:
    """Flags that a process has a file open with (proc_pid_fdinfo(5))."""
    try:
        fields = Path(f"/proc/{pid}/fdinfo/{fd}").read_text().split()
    except FileNotFoundError:
        return 0
    return int(fields[fields.index("flags:") + 1], 8)


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


def new_identity(guest: Guest, kernel: Kernel, master: str, engine: str, why: str, stack: Stack, cpu: int) -> Process:
    """Identity of a process to be started."""
    return Process(
        pid=0,
        started=0,
        boot=boot_id(),
        launch=uuid.uuid4().hex[:12],
        kernel=str(kernel.path),
        release=kernel.release,
        master=master,
        mem=guest.mem,
        init=guest.init,
        cmdline=guest.cmdline,
        userspace=kernels.userspace(guest, kernel).value,
        cpu=cpu,
        disk=guest.disk,
        limits=kernels.limits(kernel),
        engine=engine,
        why=why,
        upper=stack.upper,
        over=stack.over,
        given=given.of(guest, stack),
    )


def owned_by(pid: int) -> dict[str, str] | None:
    """Owner mark of a process's root directory: lab, guest and launch; ``None`` for a process that is not ours."""
    try:
        # Anybody's process may have a root of its own making, with anything under that name.
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        owner = json.loads(beneath.read(root, sandbox.OWNER_FILE, _OWNER_SIZE))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(root)
    known = isinstance(owner, dict) and all(isinstance(owner.get(key), str) for key in ("lab", "guest"))
    return owner if known else None


class _Census:
    """Looks at all processes of the host, once for all threads that want to know at the same time: that takes 20 ms for a thousand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = self._done = 0
        self._found: list[tuple[int, dict[str, str]]] = []

    def take(self) -> list[tuple[int, dict[str, str]]]:
        """The guests' processes with their owner marks, as they are now or were since this was called."""
        wanted = self._begun + 1
        with self._lock:
            if self._done < wanted:
                self._begun += 1
                pids = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
                self._found = [(pid, owner) for pid in pids if (owner := owned_by(pid)) is not None]
                self._done = self._begun
            return self._found


_CENSUS = _Census()


def of_lab(lab: str) -> Iterator[tuple[int, str]]:
    """All processes of a lab's guests with their guests' names, whatever became of who started them."""
    return ((pid, owner["guest"]) for pid, owner in _CENSUS.take() if owner["lab"] == lab)


def check_alive(guest: str, process: Process, directory: GuestDir) -> None:
    """:raises GuestError: with the reason, where the process has ended."""
    if not process.alive:
        raise GuestError(
            f"guest {guest}",
            f"it ended: {reason(directory, process)}",
            f"see {directory.boot_log}; last lines: {' | '.join(files.tail(directory.boot_log, 5))}",
        )
