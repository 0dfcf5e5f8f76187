# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter of system calls, run as the kernel runs it: what is refused, how, and what is not."""

from __future__ import annotations

import ctypes
import errno

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import seccomp

X86_64 = 0xC000003E
ALLOWED = "allowed"


def _verdict(number: int, *arguments: int, architecture: int = X86_64) -> str:
    """What becomes of a call (Documentation/networking/filter.rst)."""
    words = {0: number, 4: architecture}
    for index, argument in enumerate(arguments):
        words |= {16 + 8 * index: argument & 0xFFFFFFFF, 20 + 8 * index: argument >> 32}
    instructions, accumulator, place = seccomp.program(), 0, 0
    while True:
        code, true, false, constant = instructions[place]
        place += 1
        if code == 0x20:
            accumulator = words.get(constant, 0)
        elif code == 0x06:
            return ALLOWED if constant == 0x7FFF0000 else errno.errorcode[constant & 0xFFFF]
        else:
            tests = {
                0x15: accumulator == constant,
                0x25: accumulator > constant,
                0x35: accumulator >= constant,
                0x45: bool(accumulator & constant),
            }
            place += true if tests[code] else false


@pytest.mark.parametrize(
    "number",
    [0, 1, 9, 56, 57, 61, 62, 101, 131, 157, 202, 231, 257, 317, 436, 439, 462],
    ids=lambda number: f"call {number}",
)
def test_what_a_kernel_and_its_programs_need_is_allowed(number: int) -> None:
    assert _verdict(number) == ALLOWED


@pytest.mark.parametrize("name", ["mount", "unshare", "setns", "bpf", "io_uring_setup", "keyctl", "reboot"])
def test_what_no_guest_needs_is_refused(name: str) -> None:
    assert _verdict(seccomp._REFUSED[name]) == "EPERM"


def test_a_kernel_that_panics_cannot_send_itself_what_it_would_not_end_by() -> None:
    kill, pid = 62, 1
    assert (_verdict(kill, pid, 6), _verdict(kill, pid, 15), _verdict(kill, pid, 0)) == ("EPERM", ALLOWED, ALLOWED)


def test_no_call_is_in_the_list_twice() -> None:
    assert len(set(seccomp._REFUSED.values())) == len(seccomp._REFUSED)


def test_all_of_the_list_is_refused() -> None:
    assert {_verdict(number) for number in seccomp._REFUSED.values()} == {"EPERM"}


@pytest.mark.parametrize("call", [41, 53])
@pytest.mark.parametrize(
    ("family", "verdict"), [(1, ALLOWED), (0, "EPERM"), (2, "EPERM"), (10, "EPERM"), (16, "EPERM")]
)
def test_sockets_are_unix_sockets(call: int, family: int, verdict: str) -> None:
    assert _verdict(call, family, 1, 0) == verdict


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [
        (0x3D0F00, ALLOWED),
        (0x11, ALLOWED),
        (0x20000, "EPERM"),
        (0x10000011, "EPERM"),
        (0x40000000, "EPERM"),
        (0x80, "EPERM"),
    ],
)
def test_processes_and_threads_are_made_but_no_namespaces(flags: int, verdict: str) -> None:
    assert _verdict(56, flags) == verdict


def test_who_tries_clone3_is_told_that_there_is_none() -> None:
    assert _verdict(435, 1234) == "ENOSYS"


@pytest.mark.parametrize(
    ("code", "verdict"), [(0x5412, "EPERM"), (0x541C, "EPERM"), (0x5401, ALLOWED), (0x400454CA, ALLOWED)]
)
def test_nothing_is_typed_into_terminals(code: int, verdict: str) -> None:
    assert _verdict(16, 0, code) == verdict


@pytest.mark.parametrize(
    ("number", "architecture", "verdict"),
    [
        (463, X86_64, "ENOSYS"),
        (10000, X86_64, "ENOSYS"),
        (0x40000000, X86_64, "EPERM"),
        (1, 0x40000003, "EPERM"),
        (1, 0xC00000B7, "EPERM"),
    ],
)
def test_newer_calls_and_those_of_other_architectures_are_refused(number: int, architecture: int, verdict: str) -> None:
    assert _verdict(number, architecture=architecture) == verdict


def test_nothing_ends_a_process() -> None:
    """UML's own filter traps, and death would come before that."""
    assert {constant >> 16 for code, _true, _false, constant in seccomp.program() if code == 0x06} == {0x7FFF, 0x0005}


def test_numbers_are_those_of_libseccomp() -> None:
    """Another hand's list of the same names.  What is newer than the library is unknown to it."""
    library = ctypes.CDLL("libseccomp.so.2")  # of libseccomp2, which systemd brings to every Debian
    refused = {**seccomp._REFUSED, **seccomp._SOCKETS}
    known = {
        name: number
        for name in refused
        if (number := library.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(X86_64), name.encode())) >= 0
    }

    assert known == {name: refused[name] for name in known}
    assert len(known) > 0.9 * len(refused)
