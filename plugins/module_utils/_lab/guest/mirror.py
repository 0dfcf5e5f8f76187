# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's network as its agent tells it without being asked.

The agent that is a program keeps a file in the spool that is there as long as the guest's network is so (``seen.c`` of role kernel).  It
hears of a change before its kernel is idle again.  So where the kernel is idle, and only then, the file has all that was changed before;
where it works, or an agent of another kind or none has the file, the guest is to be asked.  More: docs/internals/control-channel.md.
"""

from __future__ import annotations

import fcntl
import os
import signal

from ..host import beneath
from ..host.workdir import GuestDir
from ..model.found import Process

_NAME = "seen"
_LARGEST = 1 << 18
# x86-64, as all kernels that idle so are: poll(descriptors, any number, for ever).
_POLL, _FOR_EVER = b"7", frozenset({b"0xffffffff", b"0xffffffffffffffff"})


def network(directory: GuestDir, process: Process) -> bytes | None:
    """What the script of ``inside.network.read`` would tell, without kernel settings.

    :return: ``None`` where the guest has to be asked.
    """
    try:
        if not is_idle(process.pid):
            return None
        file = beneath.open_file(directory.spool, _NAME)
    except OSError:
        return None
    try:
        told = os.read(file, _LARGEST)
        return told if len(told) < _LARGEST and _is_open(file) else None
    except OSError:
        return None
    finally:
        os.close(file)


def is_idle(pid: int) -> bool:
    """Whether a guest's kernel has nothing to do: all that could run in the guest has run.

    :raises OSError: where the host does not tell (proc_pid_syscall(5)).
    """
    file = os.open(f"/proc/{pid}/syscall", os.O_RDONLY | os.O_CLOEXEC)
    try:
        words = os.read(file, 200).split()
    finally:
        os.close(file)
    return len(words) > 3 and words[0] == _POLL and words[3] in _FOR_EVER


def _is_open(file: int) -> bool:
    """Whether somebody can write to a file: a lease for reading is refused then (F_SETLEASE(2const)).

    One for writing is refused where others only read, too, such as another run that looks at the same time.

    :raises OSError: where that cannot be found out, as on some file systems.
    """
    # Who opens it meanwhile has us told by a signal, and SIGIO would end this process.
    fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    return False
