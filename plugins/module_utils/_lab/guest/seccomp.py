# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system calls that a confined guest's process is refused (seccomp(2), Documentation/userspace-api/seccomp_filter.rst).

A list of what is refused, not of what is allowed: what a kernel and its C library call differs from one to the next, and a guest that
ended by a call that nobody thought of would be worse than one that can make it.  But calls that are newer than this list are refused.

They are refused with an error, never with death: UML's processes inherit this filter beside one of UML's own, whose traps come before
errors and behind deaths, so a guest's program could otherwise end the process that stands for it.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import sys

from ..host.calls import Calls

# arch/x86/entry/syscalls/syscall_64.tbl
# fmt: off
_REFUSED = {
    # SysV and POSIX message queues, semaphores, shared memory: memory that belongs to nobody
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "shmdt": 67, "msgget": 68,
    "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "semtimedop": 220, "mq_open": 240, "mq_unlink": 241,
    # mounts, namespaces, roots
    "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "unshare": 272, "setns": 308, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    "statmount": 457, "listmount": 458, "quotactl": 179, "quotactl_fd": 443,
    # the machine
    "uselib": 134, "ustat": 136, "sysfs": 139, "vhangup": 153, "_sysctl": 156, "adjtimex": 159, "acct": 163,
    "settimeofday": 164, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "create_module": 174, "init_module": 175, "delete_module": 176, "syslog": 103,
    "nfsservctl": 180, "clock_settime": 227, "kexec_load": 246, "clock_adjtime": 305, "finit_module": 313,
    "kexec_file_load": 320, "lookup_dcookie": 212,
    # large parts of the kernel that no guest needs
    "add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298, "fanotify_init": 300, "bpf": 321,
    "fanotify_mark": 301, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "memfd_secret": 447, "lsm_get_self_attr": 459, "lsm_set_self_attr": 460, "lsm_list_modules": 461,
    # other processes, their memory and descriptors, CPUs
    "sched_setaffinity": 203, "mbind": 237, "set_mempolicy": 238, "migrate_pages": 256, "move_pages": 279,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "pidfd_getfd": 438, "process_madvise": 440,
    # files by handle
    "name_to_handle_at": 303, "open_by_handle_at": 304,
}
# fmt: on
_NEWEST = 462  # mseal
_X32 = 0x40000000
_SOCKETS = {"socket": 41, "socketpair": 53}
_CLONE, _CLONE3, _IOCTL, _KILL = 56, 435, 16, 62
# Nothing ends the first process of a PID namespace by a signal of its own: a kernel that panics would send itself this one for ever.  It
# leaves where it cannot send it (uml_abort, arch/um/os-Linux/util.c).
_SIGABRT = 6
_NAMESPACES = 0x7E020080
# Typing into a terminal that others read from (ioctl_tty(2)): TIOCSTI, TIOCLINUX.  And what of a TAP is the host's, though whoever has it
# open may change it (include/uapi/linux/if_tun.h): whether it stays (TUNSETPERSIST), whose it is (TUNSETOWNER, TUNSETGROUP), its type
# (TUNSETLINK) and the host's address of it (SIOCSIFHWADDR), which a bridge takes for its own.
_REFUSED_CONTROLS = (0x5412, 0x541C, 0x400454CB, 0x400454CC, 0x400454CE, 0x400454CD, 0x8924)
_AF_UNIX = 1

_AUDIT_ARCH_X86_64 = 0xC000003E
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
# struct seccomp_data: number, architecture, instruction pointer, arguments of 64 bits each
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
# include/uapi/linux/bpf_common.h
_LOAD, _EQUAL, _GREATER, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06

Instruction = tuple[int, int, int, int]
_INSTRUCTION = struct.Struct("=HBBI")


def supported() -> bool:
    """Whether the list is right for this machine's programs."""
    return sys.maxsize > 2**32 and os.uname().machine == "x86_64"


def program() -> list[Instruction]:
    """The filter, as instructions of classic BPF: code, jumps where true and false, constant."""
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        *_refuse_unless(_EQUAL, _AUDIT_ARCH_X86_64, errno.EPERM),
        (_LOAD, 0, 0, _NUMBER),
        *_refuse_if(_GREATER_EQUAL, _X32, errno.EPERM),
        *_refuse_if(_GREATER, _NEWEST, errno.ENOSYS),
        # Its flags are in memory, where a filter does not see them; the C library then takes clone.
        *_refuse_if(_EQUAL, _CLONE3, errno.ENOSYS),
        *_by_argument(_CLONE, 0, _refuse_if(_ANY_BIT, _NAMESPACES, errno.EPERM)),
        *_by_argument(
            _IOCTL, 1, [each for code in _REFUSED_CONTROLS for each in _refuse_if(_EQUAL, code, errno.EPERM)]
        ),
        *_by_argument(_KILL, 1, _refuse_if(_EQUAL, _SIGABRT, errno.EPERM)),
        *(
            each
            for number in _SOCKETS.values()
            for each in _by_argument(number, 0, _refuse_unless(_EQUAL, _AF_UNIX, errno.EPERM))
        ),
        *(each for low, high in _ranges() for each in _refuse_range(low, high)),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _ranges() -> list[tuple[int, int]]:
    """The refused numbers: first and last of those in a row, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(_REFUSED.values()):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _refuse_range(low: int, high: int) -> list[Instruction]:
    """Numbers above go on to the next range; those below are in none, which most calls find out soon: each call of the guest comes here."""
    return [
        (_GREATER, 3, 0, high),
        (_GREATER_EQUAL, 0, 1, low),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _refuse_if(test: int, constant: int, error: int) -> list[Instruction]:
    return [(test, 0, 1, constant), (_RETURN, 0, 0, _ERRNO | error)]


def _refuse_unless(test: int, constant: int, error: int) -> list[Instruction]:
    return [(test, 1, 0, constant), (_RETURN, 0, 0, _ERRNO | error)]


def _by_argument(number: int, argument: int, tests: list[Instruction]) -> list[Instruction]:
    """Tests of the lower half of an argument of one call, which is allowed where none of them refuses it."""
    then = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(then), number), *then]


def install(calls: Calls) -> None:
    """Refuse these calls to a process and all that it becomes or starts.  It must have given up gaining privileges."""
    code = _code()
    calls.filter_calls(code, len(code) // _INSTRUCTION.size)


@functools.cache
def _code() -> bytes:
    return b"".join(_INSTRUCTION.pack(*each) for each in program())
