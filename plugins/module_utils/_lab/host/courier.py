# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that carries out system calls which were written down before (``calls``), and is the first of a guest's.

It is machine code (``programs``), since it must be small and need no compiler, as ``relay`` and ``keeper`` are.  It waits for the calls
on descriptor 8, so that nothing of it happens before it is told, or at all where whoever started it is gone.  It says on descriptor 7
which one failed.  It is started by vfork(2), which copies no page.
"""

from __future__ import annotations

import errno
import functools
import os
import platform
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from . import programs, syscalls
from .calls import BASE, LARGEST, Calls

# Its own descriptors, and the first of those that it is given besides.
SAYS, READS, FIRST = 7, 8, 9

_LISTING = """
   0:	bb 00 00 60 00       	mov    ebx,0x600000                     read(8): the calls, until they are all there
   5:	31 c0                	xor    eax,eax
   7:	bf 08 00 00 00       	mov    edi,0x8
   c:	89 de                	mov    esi,ebx
   e:	ba 00 00 a0 00       	mov    edx,0xa00000
  13:	29 da                	sub    edx,ebx
  15:	0f 05                	syscall
  17:	85 c0                	test   eax,eax
  19:	0f 8e 9c 00 00 00    	jle    bb                               nobody tells any more
  1f:	01 c3                	add    ebx,eax
  21:	8d 93 00 00 a0 ff    	lea    edx,[rbx-0x600000]
  27:	83 fa 10             	cmp    edx,0x10
  2a:	72 d9                	jb     5
  2c:	3b 14 25 00 00 60 00 	cmp    edx,DWORD PTR ds:0x600000
  33:	72 d0                	jb     5
  35:	bd 10 00 60 00       	mov    ebp,0x600010                     the first call
  3a:	48 83 ec 40          	sub    rsp,0x40
  3e:	31 c9                	xor    ecx,ecx                          six arguments
  40:	48 8b 44 cd 08       	mov    rax,QWORD PTR [rbp+rcx*8+0x8]
  45:	8b 55 38             	mov    edx,DWORD PTR [rbp+0x38]
  48:	0f a3 ca             	bt     edx,ecx
  4b:	73 03                	jae    50
  4d:	48 8b 00             	mov    rax,QWORD PTR [rax]              what an earlier call returned
  50:	48 89 04 cc          	mov    QWORD PTR [rsp+rcx*8],rax
  54:	ff c1                	inc    ecx
  56:	83 f9 06             	cmp    ecx,0x6
  59:	72 e5                	jb     40
  5b:	48 8b 3c 24          	mov    rdi,QWORD PTR [rsp]
  5f:	48 8b 74 24 08       	mov    rsi,QWORD PTR [rsp+0x8]
  64:	48 8b 54 24 10       	mov    rdx,QWORD PTR [rsp+0x10]
  69:	4c 8b 54 24 18       	mov    r10,QWORD PTR [rsp+0x18]
  6e:	4c 8b 44 24 20       	mov    r8,QWORD PTR [rsp+0x20]
  73:	4c 8b 4c 24 28       	mov    r9,QWORD PTR [rsp+0x28]
  78:	8b 45 00             	mov    eax,DWORD PTR [rbp+0x0]
  7b:	0f 05                	syscall
  7d:	48 89 45 40          	mov    QWORD PTR [rbp+0x40],rax
  81:	48 3d 00 f0 ff ff    	cmp    rax,0xfffffffffffff000
  87:	76 0a                	jbe    93
  89:	48 3b 45 48          	cmp    rax,QWORD PTR [rbp+0x48]         an error that is none
  8d:	75 0a                	jne    99
  8f:	48 03 6d 50          	add    rbp,QWORD PTR [rbp+0x50]
  93:	48 83 c5 60          	add    rbp,0x60                         the next
  97:	eb a5                	jmp    3e
  99:	b8 01 00 00 00       	mov    eax,0x1                          write(7): which call, and its error
  9e:	bf 07 00 00 00       	mov    edi,0x7
  a3:	48 8d 34 24          	lea    rsi,[rsp]
  a7:	48 89 2c 24          	mov    QWORD PTR [rsp],rbp
  ab:	48 8b 55 40          	mov    rdx,QWORD PTR [rbp+0x40]
  af:	48 89 54 24 08       	mov    QWORD PTR [rsp+0x8],rdx
  b4:	ba 10 00 00 00       	mov    edx,0x10
  b9:	0f 05                	syscall
  bb:	b8 e7 00 00 00       	mov    eax,0xe7                         exit_group(127)
  c0:	bf 7f 00 00 00       	mov    edi,0x7f
  c5:	0f 05                	syscall
"""
_ANSWER = 16
# Above all that the process is given.
_HIGH = 64
# include/uapi/linux/memfd.h
_MFD_CLOEXEC, _MFD_EXEC = 1, 0x10
# Handlers go with the old program; what a run ignores (Python SIGPIPE, Ansible SIGHUP) would not.
_DEFAULTS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def supported() -> bool:
    """Whether this machine's programs are those of x86-64."""
    return sys.maxsize > 2**32 and platform.machine() == "x86_64"


def program() -> bytes:
    """The program, as an executable file with room for the calls."""
    return programs.elf(programs.code(_LISTING), room=(BASE, LARGEST))


@functools.cache
def _file() -> int:
    """The program as a file without a name (memfd_create(2)), whose descriptor is above all that are given on."""
    try:
        made = os.memfd_create("dumm", _MFD_CLOEXEC | _MFD_EXEC)
    except OSError:
        # Linux before 6.3 knows no other.
        made = os.memfd_create("dumm", _MFD_CLOEXEC)
    try:
        os.write(made, program())
        return syscalls.duplicate(made, _HIGH)
    finally:
        os.close(made)


class Courier:
    """A process that was started, and waits to be told its calls.

    :param given: descriptors that it gets, as numbers from 0 on; ``SAYS`` and ``READS`` are its own, and must not be in use there.
    :param own: more of them, as numbers from ``FIRST`` on.
    :param apart: whether it is the first in a PID namespace of its own, where the host can.
    :raises OSError: where it cannot be started.
    """

    def __init__(self, given: Sequence[int], own: Sequence[int], *, apart: bool) -> None:
        reads, self._tell = os.pipe2(os.O_CLOEXEC)
        self._told, says = os.pipe2(os.O_CLOEXEC)
        high: list[int] = []
        try:
            wanted = [*enumerate(given), (SAYS, says), (READS, reads), *enumerate(own, FIRST)]
            for _number, fd in wanted:
                high.append(syscalls.duplicate(fd, _HIGH))
            actions = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, (number, _fd) in zip(high, wanted, strict=True)]
            self.pid = _spawn(actions, apart)
        except BaseException:
            self.close()
            raise
        finally:
            for fd in (reads, says, *high):
                os.close(fd)

    def carry_out(self, calls: Calls) -> None:
        """Tell it what to do."""
        # Where it is gone already, what it says tells that.
        with suppress(BrokenPipeError):
            image = calls.image()
            while image:
                image = image[os.write(self._tell, image) :]
        self._close_tell()

    def complaint(self, calls: Calls) -> OSError | None:
        """Wait until it is another program or has ended: the error of the call that failed, if one did; it is reaped then."""
        answer = b""
        while more := os.read(self._told, _ANSWER):
            answer += more
        if not answer:
            return None
        os.waitpid(self.pid, 0)
        return calls.failed(answer)

    def _close_tell(self) -> None:
        if self._tell >= 0:
            os.close(self._tell)
            self._tell = -1

    def close(self) -> None:
        """Be done with it.  If it was not told what to do, it ends."""
        self._close_tell()
        if self._told >= 0:
            os.close(self._told)
            self._told = -1

    def __enter__(self) -> Courier:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _spawn(actions: list[tuple[int, int, int]], apart: bool) -> int:
    def spawn() -> int:
        path = f"/proc/self/fd/{_file()}"
        return os.posix_spawn(path, ["dumm"], {}, file_actions=actions, setsigdef=_DEFAULTS, setsigmask=())

    with syscalls.FORKING:
        return syscalls.start_apart(spawn) if apart else spawn()


def carry_out(calls: Calls, own: Sequence[int]) -> None:
    """Have calls carried out by a process that ends then.

    :param own: descriptors that it gets, as numbers from ``FIRST`` on.
    :raises OSError: of the call that failed.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        with Courier([null, null, null], own, apart=False) as courier:
            courier.carry_out(calls)
            failed = courier.complaint(calls)
            if failed is not None:
                raise failed
            if os.waitpid(courier.pid, 0)[1]:
                raise ChildProcessError(errno.ECHILD, "the process that does it was killed")
    finally:
        os.close(null)
