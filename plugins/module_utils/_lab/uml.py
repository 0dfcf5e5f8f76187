# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One guest's process: what its kernel can do, its boot line, its launch, and what became of it.

The only place that starts a process which outlives the run.  There is no daemon: UML is started detached and known by its
number, its start time and the owner mark in its root directory (``sandbox``), all read back from ``/proc``.
Facts about kernels and boot arguments: reference/uml-kernel.md sections 3, 4 and 12.
"""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import gc
import json
import os
import re
import resource
import signal
import struct
import subprocess
import uuid
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from . import files, sandbox, syscalls
from .errors import GuestError, HostError, InvalidInput, from_oserror
from .layers import Stack
from .model import Guest, Iface, Power, link_name
from .workdir import GuestDir

# Costs 0.85 s of every boot and says nothing in a lab: the first name is for 6.x, the second for 7.x.
_SKIP_RAID6 = "initcall_blacklist=raid6_select_algo,raid6_init"
# Any value will do (reference/uml-kernel.md section 4); it saves the calibration, 70 ms.
_LOOPS_PER_JIFFY = "lpj=30000000"
# COMMAND_LINE_SIZE of arch/um/include/uapi/asm/setup.h, less the final zero.
MAX_BOOT_LINE = 4095
_PROBE_SECONDS = 20.0
# recvfrom(2) in arch/x86/entry/syscalls/syscall_64.tbl
_SYS_RECVFROM = "45"
_PT_INTERP = 3
# Since then the room for registers is what the CPU needs (arch/x86/um/os-Linux/registers.c); before it was 2696 bytes.
_SAVES_AMX = (6, 13)


@dataclass(frozen=True)
class Kernel:
    """A UML binary and what it can do.

    :ivar release: as it names itself, ``6.1.176``.
    :ivar seccomp: whether ``seccomp=on`` replaces ptrace, which is faster.
    :ivar libraries: what it is linked against: path on the host, path in the guest's view.
    :ivar modules: directory with ``usr/lib/modules/<release>``, if it has modules.
    """

    path: Path
    release: str
    seccomp: bool
    noreboot: bool
    libraries: tuple[tuple[str, str], ...]
    modules: Path | None


def inspect(path: Path, subject: str) -> Kernel:
    """Find out what a kernel can.

    It is read, not run: one brought from another release of the distribution would need its own C library even to say
    ``--help``, and a path that names something else should not be run at all.

    :raises InvalidInput: where it is missing, no UML binary, or cannot work on this host's CPU.
    """
    try:
        stamp = path.stat()
        kernel = _inspect(path.resolve(), (stamp.st_dev, stamp.st_ino, stamp.st_mtime_ns))
    except OSError as exc:
        raise InvalidInput(
            subject,
            f"no kernel at {path} ({exc.strerror})",
            "make it with role dumm.lab.kernel, or give kernel a name below kernels/ or a path",
        ) from None
    if kernel is None:
        raise InvalidInput(subject, f"{path} is no UML kernel", "give kernel a binary built with ARCH=um")
    if _too_large_registers() and _version(kernel.release) < _SAVES_AMX:
        raise InvalidInput(
            subject,
            f"kernel {kernel.release} ({path}) cannot run a program on this CPU: AMX registers are more than it can save",
            "use a kernel of 6.13 or later (role dumm.lab.kernel fetches one by default)",
        )
    return kernel


@functools.lru_cache(maxsize=64)
def _inspect(path: Path, _stamp: tuple[int, int, int]) -> Kernel | None:
    image = path.read_bytes()
    release = re.search(rb"Linux version (\d\S*) ", image)
    if not image.startswith(b"\x7fELF") or release is None or b"User Mode Linux v" not in image:
        return None
    seccomp = re.search(rb"[\0\n]seccomp=", image) is not None
    noreboot = re.search(rb"[\0\n]noreboot\n", image) is not None
    modules = path.with_name("modules")
    return Kernel(path, release[1].decode(), seccomp, noreboot, _libraries(path), modules if modules.is_dir() else None)


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:2])


def has_module(kernel: Kernel, name: str) -> bool | None:
    """Whether a kernel has a module, built in or loadable; ``None`` where nothing tells.

    :param name: as in modules.builtin, such as ``sch_netem``.
    """
    if kernel.modules is None:
        return None
    tree = kernel.modules / "usr/lib/modules" / kernel.release
    built_in = tree / "modules.builtin"
    if built_in.is_file() and f"/{name}.ko" in built_in.read_text():
        return True
    return any(tree.rglob(f"{name}.ko*"))


@functools.cache
def _too_large_registers() -> bool:
    """Whether the CPU has AMX, whose registers are more than older UML kernels have room for (measured: 6.1, 6.12)."""
    return " amx_tile" in Path("/proc/cpuinfo").read_text()


def _libraries(path: Path) -> tuple[tuple[str, str], ...]:
    """What the kernel is linked against, nothing for a static one (elf(5), ld.so(8)).

    A directory ``lib`` beside the kernel goes before the host's own libraries.
    """
    loader = _interpreter(path)
    if loader is None:
        return ()
    own = path.with_name("lib")
    if own.is_dir():
        brought = [(str(own / Path(loader).name), loader)]
        return (
            *brought,
            *((entry.path, f"/lib/{entry.name}") for entry in os.scandir(own) if entry.path != brought[0][0]),
        )
    listed = subprocess.run(
        [loader, "--list", path], capture_output=True, timeout=_PROBE_SECONDS, check=False, text=True
    ).stdout
    found = [loader, *re.findall(r"=> (/\S+)", listed)]
    # Loaded by name at every clean exit (pthread_cancel), so never listed.
    found += [
        str(helper)
        for helper in (Path(library).with_name("libgcc_s.so.1") for library in found if "/libc.so" in library)
        if helper.exists()
    ]
    return tuple((library, library) for library in dict.fromkeys(found))


def _interpreter(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(64)
        wide = head[4:5] == b"\2"
        table, size, count = struct.unpack_from("<Q14xHH" if wide else "<I10xHH", head, 32 if wide else 28)
        for number in range(count):
            file.seek(table + number * size)
            entry = file.read(size)
            if struct.unpack_from("<I", entry)[0] == _PT_INTERP:
                offset, length = struct.unpack_from("<8xQ16xQ", entry) if wide else struct.unpack_from("<4xI8xI", entry)
                file.seek(offset)
                return file.read(length).rstrip(b"\0").decode()
    return None


def boot_line(guest: Guest, kernel: Kernel, units: list[tuple[Iface, str]]) -> list[str]:
    """Arguments of a guest's kernel.  They name no path of the host.

    :param units: interfaces with their MAC addresses; the position is the unit of the vector driver.
    :raises InvalidInput: where they are more than the kernel takes.
    """
    line = [
        "linux",
        f"mem={guest.mem}M",
        f"umid={guest.name}",
        "uml_dir=/run/",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/fs",
        "rw",
        "init=/.dumm/init",
        "con=null",
        "con0=fd:5,fd:6",
        "ssl=null",
        "ssl0=fd:3,fd:4",
        "quiet",
        _LOOPS_PER_JIFFY,
        _SKIP_RAID6,
        "pty.legacy_count=0",
        f"dumm_name={guest.name}",
        f"dumm_init={guest.init or 'auto'}",
        # systemd would else take a name from the master's /etc/hostname.
        f"systemd.hostname={guest.name}",
    ]
    line += ["noreboot"] if kernel.noreboot else []
    line += ["seccomp=on"] if kernel.seccomp else []
    line += guest.cmdline.split()
    line += [f"vec{unit}:{transport(iface, mac)}" for unit, (iface, mac) in enumerate(units)]
    if sum(len(word) + 1 for word in line) > MAX_BOOT_LINE:
        raise InvalidInput(
            guest.label,
            f"its kernel's command line would be longer than {MAX_BOOT_LINE} bytes",
            "shorten cmdline, or add some interfaces while the guest runs",
        )
    return line


def transport(iface: Iface, mac: str) -> str:
    """How a unit of the vector driver reaches its TAP.

    Without gro=1 bulk TCP towards the guest stalls: the host sends 64 KB frames into MTU-sized buffers.
    """
    return f"transport=tap,ifname={link_name(iface.tap_name)},mac={mac},mtu={iface.mtu},gro=1"


@dataclass(frozen=True)
class Process:
    """Identity of a guest's process, as written before it becomes UML, and what it was started with.

    :ivar started: start time in clock ticks since the host booted (proc_pid_stat(5), field 22).
    :ivar boot: the host's boot id.
    :ivar kernel: resolved path of the binary.
    :ivar master: resolved path of the root file system.
    :ivar engine: union engine, and why.
    :ivar upper: layer that its writes go to, relative to the working directory.
    :ivar over: layers over the master that may change while it runs.
    :ivar ran: hash of the scenario's commands that were run in it, since it has been writing to this layer.
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
    upper: str = ""
    over: tuple[str, ...] = ()
    ran: str = ""

    @property
    def stack(self) -> Stack:
        """The layers that may change while it runs."""
        return Stack(self.upper, self.over)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.boot == boot_id() and start_time(self.pid) == self.started


def read_process(directory: GuestDir) -> Process | None:
    """The process that was last started for a guest and not seen stopped since."""
    stored = files.read_json(directory.process)
    try:
        # Another version of the collection may have written it.
        known = {field.name for field in dataclasses.fields(Process)}
        return Process(
            **{**{key: value for key, value in stored.items() if key in known}, "over": tuple(stored.get("over", ()))}
        )
    except (TypeError, AttributeError):
        return None


def store(directory: GuestDir, process: Process) -> None:
    """Write down what is to be known of a guest's process."""
    files.write_json(directory.process, process.__dict__)


@functools.cache
def boot_id() -> str:
    """Tells one boot of the host from another (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Start time of a process; ``None`` where there is none or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
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
        if not (directory.spool / "hello").exists():
            return Power.STARTING
        return Power.PAUSED if _is_paused(process.pid) else Power.RUNNING
    return Power.STOPPED if ended_by_itself(directory, process) else Power.DIED


def _is_paused(pid: int) -> bool:
    """A paused kernel does nothing but wait in recvfrom(2) on its management console (mconsole_stop, mconsole_kern.c)."""
    try:
        call = Path(f"/proc/{pid}/syscall").read_text().split()
    except OSError:
        return False
    return call[0] == _SYS_RECVFROM


def ended_by_itself(directory: GuestDir, process: Process) -> bool:
    """Whether a process that is gone ended as the guest wanted, or with the host."""
    return process.boot != boot_id() or "reboot: " in "\n".join(files.tail(directory.boot_log, 5))


def reason(directory: GuestDir, process: Process) -> str:
    """Why a guest has no process any more, from its log."""
    if process.boot != boot_id():
        return "the host was rebooted"
    last = files.tail(directory.boot_log, 40)
    for line in reversed(last):
        if "Kernel panic" in line:
            return f"kernel panic:{line.partition('Kernel panic')[2].lstrip(' -')}".replace("panic:not", "panic: not")
        if "reboot: Restarting system" in line:
            return "it rebooted itself"
        if "reboot: " in line:
            return "it powered itself off"
    return f"its process {process.pid} was killed" + (f"; last words: {last[-1]}" if last else "")


def launch(
    directory: GuestDir, view: sandbox.View, argv: list[str], netns: str | None, identity: Process, subject: str
) -> Process:
    """Start a guest's process.

    Its identity is on disk before it does anything: a run that is killed at any moment leaves nothing unknown behind.

    :param netns: path of the network namespace.
    :param identity: what to store; number and start time are filled in.
    :raises HostError: where it could not be set up; it is gone then.
    """
    _make_fresh(directory)
    with _descriptors(directory, subject) as inherited:
        go_read, go_write = os.pipe2(os.O_CLOEXEC)
        said_read, said_write = os.pipe2(os.O_CLOEXEC)
        pid = _fork()
        if pid == 0:
            os.close(go_write)
            _become_uml(view, argv, netns, inherited, go_read, said_write)
        os.close(go_read)
        os.close(said_write)
    try:
        process = _identified(identity, pid)
        store(directory, process)
        os.write(go_write, b"go")
        os.close(go_write)
        go_write = -1
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
        raise HostError(subject, f"cannot start its kernel: {complaint}", "see dmesg and what role dumm.lab.host says")
    files.symlink(directory.union, f"/proc/{pid}/root/fs")
    return process


def swap_union(directory: GuestDir, layers: sandbox.Layers, process: Process, stack: Stack, subject: str) -> None:
    """Give a running guest another union.

    :raises HostError: where that could not be done; it keeps the one it has then.
    """
    said_read, said_write = os.pipe2(os.O_CLOEXEC)
    pid = _fork()
    if pid == 0:
        try:
            gc.disable()
            sandbox.swap(str(directory.view), layers, process.pid)
        except BaseException as exc:
            os.write(said_write, str(exc).encode() or repr(exc).encode())
        os._exit(0)
    os.close(said_write)
    with os.fdopen(said_read, "rb") as said:
        complaint = said.read().decode("utf-8", "replace")
    os.waitpid(pid, 0)
    if complaint:
        raise HostError(subject, f"cannot change its layers: {complaint}", "see dmesg, or restart the guest")
    # What commands of a scenario have written is in the layer that was written to.
    ran = process.ran if process.upper == stack.upper else ""
    store(directory, dataclasses.replace(process, upper=stack.upper, over=stack.over, ran=ran))


def new_identity(guest: Guest, kernel: Kernel, master: str, engine: str, why: str, stack: Stack) -> Process:
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
        engine=engine,
        why=why,
        upper=stack.upper,
        over=stack.over,
    )


def _identified(identity: Process, pid: int) -> Process:
    return Process(**{**identity.__dict__, "pid": pid, "started": start_time(pid) or 0})


def _make_fresh(directory: GuestDir) -> None:
    """Nothing of an earlier start may be seen by this one: UML takes a random name where its old directory is (umid.c)."""
    files.remove_tree(directory.run)
    directory.run.mkdir(mode=0o700)
    for fifo in (directory.line_in, directory.line_out, directory.console_in):
        fifo.unlink(missing_ok=True)
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


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of threads; the child calls nothing but system calls and execve.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _become_uml(
    view: sandbox.View, argv: list[str], netns: str | None, inherited: list[int], go: int, say: int
) -> NoReturn:
    try:
        gc.disable()
        if os.read(go, 2) != b"go":
            os._exit(1)
        os.setsid()
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0)
        # A panic aborts: no image of the guest's memory, please.  And each file open in the guest is one open here.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in (*inherited, say)]
        if netns is not None:
            syscalls.setns(os.open(netns, os.O_RDONLY | os.O_CLOEXEC), syscalls.CLONE_NEWNET)
        sandbox.enter(view)
        if "seccomp=on" not in argv:
            # Kernels of that age waste memory on a randomised address space (reference/uml-kernel.md section 3).
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


def owned_by(pid: int) -> dict[str, str] | None:
    """Owner mark of a process's root directory: lab, guest and launch; ``None`` for a process that is not ours."""
    try:
        with open(f"/proc/{pid}/root/{sandbox.OWNER_FILE}", "rb") as file:
            owner = json.loads(file.read(4096))
    except (OSError, ValueError):
        return None
    return owner if isinstance(owner, dict) and "lab" in owner and "guest" in owner else None


def processes(lab: str) -> Iterator[tuple[int, str]]:
    """All processes of a lab's guests with their guests' names, whatever became of who started them."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            owner = owned_by(int(entry.name))
            if owner is not None and owner["lab"] == lab:
                yield int(entry.name), owner["guest"]


def gone(directory: GuestDir) -> None:
    """Forget a process that has ended, with what it left behind."""
    directory.process.unlink(missing_ok=True)
    directory.union.unlink(missing_ok=True)
    for fifo in (directory.line_in, directory.line_out, directory.console_in):
        fifo.unlink(missing_ok=True)
    for tree in (directory.run, directory.spool, directory.outbox):
        files.remove_tree(tree)
        tree.mkdir(mode=0o700)


def check_alive(guest: str, process: Process, directory: GuestDir) -> None:
    """:raises GuestError: with the reason, where the process has ended."""
    if not process.alive:
        raise GuestError(
            f"guest {guest}",
            f"it ended: {reason(directory, process)}",
            f"see {directory.boot_log}; last lines: {' | '.join(files.tail(directory.boot_log, 5))}",
        )
