# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``/proc`` says of a process of a guest: since when it runs, whether it is paused, how much memory it has.

Those ask who look at hundreds of guests, so that nothing is read through more than one call, and nothing is imported that takes long to
import.  Whose process it is ``processes`` knows.
"""

from __future__ import annotations

import os
from contextlib import suppress

# poll(2) and clock_nanosleep(2) in arch/x86/entry/syscalls/syscall_64.tbl
_IDLE_CALLS = (b"7", b"230")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SIZE = 4096


def start_time(pid: int) -> int | None:
    """Start time of a process in ticks since the host booted; ``None`` where there is none or only its remains."""
    try:
        # A process gives itself a name, of any bytes.
        stat = _read(f"/proc/{pid}/stat")
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


def uptime(started: int) -> float:
    """Seconds since a process was started.

    :param started: its start time.
    """
    now = float(_read("/proc/uptime").split()[0])
    return max(0.0, now - started / _TICKS)


def resident(pid: int) -> int:
    """Memory of a guest's main process in MB, the guest's own memory included."""
    try:
        pages = int(_read(f"/proc/{pid}/statm").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * _PAGE // 2**20


def is_paused(pid: int) -> bool:
    """A paused kernel waits for its management console, whose socket blocks then (mconsole_stop, arch/um/drivers/mconsole_kern.c).

    Else all that its interrupts come from is asynchronous and does not block (os_set_fd_async).  What call it is in says little: a
    paused one handles its timer's signals still.  But one that is idle is not paused, and that is found out the fastest.
    """
    try:
        if _read(f"/proc/{pid}/syscall").split()[0] in _IDLE_CALLS:
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
        fields = _read(f"/proc/{pid}/fdinfo/{fd}").split()
    except FileNotFoundError:
        return 0
    return int(fields[fields.index(b"flags:") + 1], 8)


def _read(path: str) -> bytes:
    """A file of ``/proc``, which gives all of itself at once."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _SIZE)
    finally:
        os.close(fd)
