# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that keeps a guest's ``boot.log`` short while nobody runs anything (``logs`` starts one for each guest).

It is machine code, since a process of each guest's own must be small: a Python takes 10 MB and 30 ms, this one some pages and less than a
millisecond, and there need not be a compiler.  It sleeps until something is written to a file of the guest's directory (dnotify, which
unlike inotify has no limit for a user's instances and is closed at once), takes the middle out of a log that is too long, and ends
with the guest.  It gives up root first.

Its descriptors are the log (0), the guest's directory (1) and the guest's process (2, pidfd_open(2)); its arguments are the number
of its user and group, and how many bytes are missing already.
"""

from __future__ import annotations

import struct

LARGEST = 4 << 20
# Of whole blocks, as fallocate(2) wants it; no file system has larger ones.
BEGINNING = 1 << 16
END = 1 << 20
# The number of bytes goes to the end of the spaces.
NOTE = b"\n[... %15d bytes are missing here ...]\n"

# Made by GNU as of what stands beside it; numbers of calls are those of arch/x86/entry/syscalls/syscall_64.tbl.
_LISTING = """
488b7c2410           | _start: mov rdi, [rsp+16]                   # the first argument
e813010000           |         call number
89c3                 |         mov ebx, eax
488b7c2418           |         mov rdi, [rsp+24]                   # the second
e807010000           |         call number
4989c4               |         mov r12, rax
b8b4010000           |         mov eax, 436                        # close_range(3, all)
bf03000000           |         mov edi, 3
beffffffff           |         mov esi, -1
31d2                 |         xor edx, edx
0f05                 |         syscall
b870000000           |         mov eax, 112                        # setsid()
0f05                 |         syscall
488d3d12020000       |         lea rdi, root[rip]
b850000000           |         mov eax, 80                         # chdir("/")
0f05                 |         syscall
b874000000           |         mov eax, 116                        # setgroups(0, none)
31ff                 |         xor edi, edi
31f6                 |         xor esi, esi
0f05                 |         syscall
b877000000           |         mov eax, 119                        # setresgid(number)
e8de000000           |         call become
b875000000           |         mov eax, 117                        # setresuid(number)
e8d4000000           |         call become
4881ec00100100       |         sub rsp, 0x11000                    # room for what is read and copied
4889e5               |         mov rbp, rsp
48c7450000000010     |         mov qword ptr [rbp], 0x10000000     # of signals, SIGIO
b80e000000           |         mov eax, 14                         # sigprocmask(SIG_BLOCK)
31ff                 |         xor edi, edi
4889ee               |         mov rsi, rbp
31d2                 |         xor edx, edx
41ba08000000         |         mov r10d, 8
0f05                 |         syscall
b821010000           |         mov eax, 289                        # signalfd4(-1, SFD_NONBLOCK)
bfffffffff           |         mov edi, -1
4889ee               |         mov rsi, rbp
ba08000000           |         mov edx, 8
41ba00080000         |         mov r10d, 0x800
0f05                 |         syscall
4189c6               |         mov r14d, eax
b848000000           | again:  mov eax, 72                         # fcntl(directory, F_NOTIFY, DN_MODIFY)
bf01000000           |         mov edi, 1
be02040000           |         mov esi, 1026
ba02000000           |         mov edx, 2
0f05                 |         syscall
4898                 |         cdqe
41bfffffffff         |         mov r15d, -1
4885c0               |         test rax, rax
7906                 |         jns armed
41bfe8030000         |         mov r15d, 1000                      # no such thing: look each second
e89a000000           | armed:  call check
44897508             |         mov [rbp+8], r14d                   # poll also for the signal
c7450c01000000       |         mov dword ptr [rbp+12], 1
be02000000           |         mov esi, 2
4489fa               |         mov edx, r15d
e865000000           |         call wait
7524                 |         jnz end
b800000000           |         mov eax, 0                          # read(signal)
4489f7               |         mov edi, r14d
488d7540             |         lea rsi, [rbp+64]
ba80000000           |         mov edx, 128
0f05                 |         syscall
be01000000           |         mov esi, 1
ba64000000           |         mov edx, 100                        # what comes in this time is one thing
e841000000           |         call wait
7494                 |         jz again
e857000000           | end:    call check                          # the guest has ended
b83c000000           |         mov eax, 60
31ff                 |         xor edi, edi
0f05                 |         syscall
31c0                 | number: xor eax, eax
0fb60f               | digit:  movzx ecx, byte ptr [rdi]
83e930               |         sub ecx, 48
720c                 |         jb numbered
486bc00a             |         imul rax, rax, 10
4801c8               |         add rax, rcx
48ffc7               |         inc rdi
ebec                 |         jmp digit
c3                   | numbered: ret
89df                 | become: mov edi, ebx
89de                 |         mov esi, ebx
89da                 |         mov edx, ebx
0f05                 |         syscall
4885c0               |         test rax, rax
7801                 |         js left
c3                   |         ret
b83c000000           | left:   mov eax, 60
bf01000000           |         mov edi, 1
0f05                 |         syscall
c7450002000000       | wait:   mov dword ptr [rbp], 2              # poll(guest, and what else)
c7450401000000       |         mov dword ptr [rbp+4], 1
4889ef               |         mov rdi, rbp
b807000000           |         mov eax, 7
0f05                 |         syscall
f6450601             |         test byte ptr [rbp+6], 1
c3                   |         ret
b805000000           | check:  mov eax, 5                          # fstat(log)
31ff                 |         xor edi, edi
488d7540             |         lea rsi, [rbp+64]
0f05                 |         syscall
488b5570             |         mov rdx, [rbp+112]
4881fa00004000       |         cmp rdx, 0x400000                   # is it long?
0f86c2000000         |         jbe checked
4881ea00001100       |         sub rdx, 0x110000
4881e20000ffff       |         and rdx, -0x10000
4989d5               |         mov r13, rdx
4901d4               |         add r12, rdx
4989d2               |         mov r10, rdx
b81d010000           |         mov eax, 285                        # fallocate(log, FALLOC_FL_COLLAPSE_RANGE)
31ff                 |         xor edi, edi
be08000000           |         mov esi, 8
ba00000100           |         mov edx, 0x10000
0f05                 |         syscall
4885c0               |         test rax, rax
744b                 |         jz note
41b800000100         |         mov r8d, 0x10000
b811000000           | copy:   mov eax, 17                         # pread64(log)
31ff                 |         xor edi, edi
488db500100000       |         lea rsi, [rbp+0x1000]
ba00000100           |         mov edx, 0x10000
4f8d1428             |         lea r10, [r8+r13]
0f05                 |         syscall
4885c0               |         test rax, rax
7e1d                 |         jle cut
89c2                 |         mov edx, eax
b812000000           |         mov eax, 18                         # pwrite64(log)
4d89c2               |         mov r10, r8
0f05                 |         syscall
4885c0               |         test rax, rax
7e0c                 |         jle cut
4901c0               |         add r8, rax
4981f800004000       |         cmp r8, 0x400000
72c5                 |         jb copy
b84d000000           | cut:    mov eax, 77                         # ftruncate(log)
4c89c6               |         mov rsi, r8
0f05                 |         syscall
488d3544000000       | note:   lea rsi, text[rip]
488d7d40             |         lea rdi, [rbp+64]
b932000000           |         mov ecx, 50
f3a4                 |         rep movsb
4c89e0               |         mov rax, r12
488d7d55             |         lea rdi, [rbp+64+21]
b90a000000           |         mov ecx, 10
31d2                 | figure: xor edx, edx                        # the number of bytes, from its last figure
48f7f1               |         div rcx
83c230               |         add edx, 48
48ffcf               |         dec rdi
8817                 |         mov [rdi], dl
4885c0               |         test rax, rax
75ee                 |         jnz figure
b812000000           |         mov eax, 18                         # pwrite64(log)
31ff                 |         xor edi, edi
488d7540             |         lea rsi, [rbp+64]
ba32000000           |         mov edx, 50
41baceff0000         |         mov r10d, 0xffce
0f05                 |         syscall
c3                   | checked: ret
"""
_BASE, _HEADERS = 0x400000, 64 + 56


def program() -> bytes:
    """The program, as a file in ELF (elf(5)) whose only segment is all of it."""
    code = bytes.fromhex("".join(line.partition("|")[0] for line in _LISTING.splitlines()))
    text = code + b"/\0" + NOTE.replace(b"%15d", b" " * 15)
    size = _HEADERS + len(text)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return ident + header + segment + text
