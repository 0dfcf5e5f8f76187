# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that keeps a guest's ``boot.log`` short while nobody runs anything (``logs`` starts one for each guest).

It is machine code (``programs``), since a process of each guest's own must be small: a Python takes 10 MB and 30 ms, this one some
pages and less than a millisecond, and there need not be a compiler.  It sleeps until something is written to a file of the guest's
directory (dnotify, which unlike inotify has no limit for a user's instances and is closed at once), takes the middle out of a log that
is too long, and ends with the guest.  It gives up root first.

Its descriptors are the log (0), the guest's directory (1) and the guest's process (2, pidfd_open(2)); its arguments are the number
of its user and group, and how many bytes are missing already.
"""

from __future__ import annotations

from ..host import programs

LARGEST = 4 << 20
# Of whole blocks, as fallocate(2) wants it; no file system has larger ones.
BEGINNING = 1 << 16
END = 1 << 20
# The number of bytes goes to the end of the spaces.
NOTE = b"\n[... %15d bytes are missing here ...]\n"

# Numbers of calls are those of arch/x86/entry/syscalls/syscall_64.tbl; a word with a colon is where others jump to.
_LISTING = """
   0:	48 8b 7c 24 10       	mov    rdi,QWORD PTR [rsp+0x10]        _start: the first argument
   5:	e8 13 01 00 00       	call   0x11d
   a:	89 c3                	mov    ebx,eax
   c:	48 8b 7c 24 18       	mov    rdi,QWORD PTR [rsp+0x18]        the second
  11:	e8 07 01 00 00       	call   0x11d
  16:	49 89 c4             	mov    r12,rax
  19:	b8 b4 01 00 00       	mov    eax,0x1b4                       close_range(3, all)
  1e:	bf 03 00 00 00       	mov    edi,0x3
  23:	be ff ff ff ff       	mov    esi,0xffffffff
  28:	31 d2                	xor    edx,edx
  2a:	0f 05                	syscall
  2c:	b8 70 00 00 00       	mov    eax,0x70                        setsid()
  31:	0f 05                	syscall
  33:	48 8d 3d 12 02 00 00 	lea    rdi,[rip+0x212]
  3a:	b8 50 00 00 00       	mov    eax,0x50                        chdir("/")
  3f:	0f 05                	syscall
  41:	b8 74 00 00 00       	mov    eax,0x74                        setgroups(0, none)
  46:	31 ff                	xor    edi,edi
  48:	31 f6                	xor    esi,esi
  4a:	0f 05                	syscall
  4c:	b8 77 00 00 00       	mov    eax,0x77                        setresgid(number)
  51:	e8 de 00 00 00       	call   0x134
  56:	b8 75 00 00 00       	mov    eax,0x75                        setresuid(number)
  5b:	e8 d4 00 00 00       	call   0x134
  60:	48 81 ec 00 10 01 00 	sub    rsp,0x11000                     room for what is read and copied
  67:	48 89 e5             	mov    rbp,rsp
  6a:	48 c7 45 00 00 00 00 	mov    QWORD PTR [rbp+0x0],0x10000000  of signals, SIGIO
  71:	10
  72:	b8 0e 00 00 00       	mov    eax,0xe                         sigprocmask(SIG_BLOCK)
  77:	31 ff                	xor    edi,edi
  79:	48 89 ee             	mov    rsi,rbp
  7c:	31 d2                	xor    edx,edx
  7e:	41 ba 08 00 00 00    	mov    r10d,0x8
  84:	0f 05                	syscall
  86:	b8 21 01 00 00       	mov    eax,0x121                       signalfd4(-1, SFD_NONBLOCK)
  8b:	bf ff ff ff ff       	mov    edi,0xffffffff
  90:	48 89 ee             	mov    rsi,rbp
  93:	ba 08 00 00 00       	mov    edx,0x8
  98:	41 ba 00 08 00 00    	mov    r10d,0x800
  9e:	0f 05                	syscall
  a0:	41 89 c6             	mov    r14d,eax
  a3:	b8 48 00 00 00       	mov    eax,0x48                        again: fcntl(directory, F_NOTIFY, DN_MODIFY)
  a8:	bf 01 00 00 00       	mov    edi,0x1
  ad:	be 02 04 00 00       	mov    esi,0x402
  b2:	ba 02 00 00 00       	mov    edx,0x2
  b7:	0f 05                	syscall
  b9:	48 98                	cdqe
  bb:	41 bf ff ff ff ff    	mov    r15d,0xffffffff
  c1:	48 85 c0             	test   rax,rax
  c4:	79 06                	jns    0xcc
  c6:	41 bf e8 03 00 00    	mov    r15d,0x3e8                      no such thing: look each second
  cc:	e8 9a 00 00 00       	call   0x16b                           armed
  d1:	44 89 75 08          	mov    DWORD PTR [rbp+0x8],r14d        poll also for the signal
  d5:	c7 45 0c 01 00 00 00 	mov    DWORD PTR [rbp+0xc],0x1
  dc:	be 02 00 00 00       	mov    esi,0x2
  e1:	44 89 fa             	mov    edx,r15d
  e4:	e8 65 00 00 00       	call   0x14e
  e9:	75 24                	jne    0x10f
  eb:	b8 00 00 00 00       	mov    eax,0x0                         read(signal)
  f0:	44 89 f7             	mov    edi,r14d
  f3:	48 8d 75 40          	lea    rsi,[rbp+0x40]
  f7:	ba 80 00 00 00       	mov    edx,0x80
  fc:	0f 05                	syscall
  fe:	be 01 00 00 00       	mov    esi,0x1
 103:	ba 64 00 00 00       	mov    edx,0x64                        what comes in this time is one thing
 108:	e8 41 00 00 00       	call   0x14e
 10d:	74 94                	je     0xa3
 10f:	e8 57 00 00 00       	call   0x16b                           end: the guest has ended
 114:	b8 3c 00 00 00       	mov    eax,0x3c
 119:	31 ff                	xor    edi,edi
 11b:	0f 05                	syscall
 11d:	31 c0                	xor    eax,eax                         number
 11f:	0f b6 0f             	movzx  ecx,BYTE PTR [rdi]              digit
 122:	83 e9 30             	sub    ecx,0x30
 125:	72 0c                	jb     0x133
 127:	48 6b c0 0a          	imul   rax,rax,0xa
 12b:	48 01 c8             	add    rax,rcx
 12e:	48 ff c7             	inc    rdi
 131:	eb ec                	jmp    0x11f
 133:	c3                   	ret                                    numbered
 134:	89 df                	mov    edi,ebx                         become
 136:	89 de                	mov    esi,ebx
 138:	89 da                	mov    edx,ebx
 13a:	0f 05                	syscall
 13c:	48 85 c0             	test   rax,rax
 13f:	78 01                	js     0x142
 141:	c3                   	ret
 142:	b8 3c 00 00 00       	mov    eax,0x3c                        left
 147:	bf 01 00 00 00       	mov    edi,0x1
 14c:	0f 05                	syscall
 14e:	c7 45 00 02 00 00 00 	mov    DWORD PTR [rbp+0x0],0x2         wait: poll(guest, and what else)
 155:	c7 45 04 01 00 00 00 	mov    DWORD PTR [rbp+0x4],0x1
 15c:	48 89 ef             	mov    rdi,rbp
 15f:	b8 07 00 00 00       	mov    eax,0x7
 164:	0f 05                	syscall
 166:	f6 45 06 01          	test   BYTE PTR [rbp+0x6],0x1
 16a:	c3                   	ret
 16b:	b8 05 00 00 00       	mov    eax,0x5                         check: fstat(log)
 170:	31 ff                	xor    edi,edi
 172:	48 8d 75 40          	lea    rsi,[rbp+0x40]
 176:	0f 05                	syscall
 178:	48 8b 55 70          	mov    rdx,QWORD PTR [rbp+0x70]
 17c:	48 81 fa 00 00 40 00 	cmp    rdx,0x400000                    is it long?
 183:	0f 86 c2 00 00 00    	jbe    0x24b
 189:	48 81 ea 00 00 11 00 	sub    rdx,0x110000
 190:	48 81 e2 00 00 ff ff 	and    rdx,0xffffffffffff0000
 197:	49 89 d5             	mov    r13,rdx
 19a:	49 01 d4             	add    r12,rdx
 19d:	49 89 d2             	mov    r10,rdx
 1a0:	b8 1d 01 00 00       	mov    eax,0x11d                       fallocate(log, FALLOC_FL_COLLAPSE_RANGE)
 1a5:	31 ff                	xor    edi,edi
 1a7:	be 08 00 00 00       	mov    esi,0x8
 1ac:	ba 00 00 01 00       	mov    edx,0x10000
 1b1:	0f 05                	syscall
 1b3:	48 85 c0             	test   rax,rax
 1b6:	74 4b                	je     0x203
 1b8:	41 b8 00 00 01 00    	mov    r8d,0x10000
 1be:	b8 11 00 00 00       	mov    eax,0x11                        copy: pread64(log)
 1c3:	31 ff                	xor    edi,edi
 1c5:	48 8d b5 00 10 00 00 	lea    rsi,[rbp+0x1000]
 1cc:	ba 00 00 01 00       	mov    edx,0x10000
 1d1:	4f 8d 14 28          	lea    r10,[r8+r13*1]
 1d5:	0f 05                	syscall
 1d7:	48 85 c0             	test   rax,rax
 1da:	7e 1d                	jle    0x1f9
 1dc:	89 c2                	mov    edx,eax
 1de:	b8 12 00 00 00       	mov    eax,0x12                        pwrite64(log)
 1e3:	4d 89 c2             	mov    r10,r8
 1e6:	0f 05                	syscall
 1e8:	48 85 c0             	test   rax,rax
 1eb:	7e 0c                	jle    0x1f9
 1ed:	49 01 c0             	add    r8,rax
 1f0:	49 81 f8 00 00 40 00 	cmp    r8,0x400000
 1f7:	72 c5                	jb     0x1be
 1f9:	b8 4d 00 00 00       	mov    eax,0x4d                        cut: ftruncate(log)
 1fe:	4c 89 c6             	mov    rsi,r8
 201:	0f 05                	syscall
 203:	48 8d 35 44 00 00 00 	lea    rsi,[rip+0x44]                  note
 20a:	48 8d 7d 40          	lea    rdi,[rbp+0x40]
 20e:	b9 32 00 00 00       	mov    ecx,0x32
 213:	f3 a4                	rep movs BYTE PTR es:[rdi],BYTE PTR ds:[rsi]
 215:	4c 89 e0             	mov    rax,r12
 218:	48 8d 7d 55          	lea    rdi,[rbp+0x55]
 21c:	b9 0a 00 00 00       	mov    ecx,0xa
 221:	31 d2                	xor    edx,edx                         figure: the number of bytes, from its last figure
 223:	48 f7 f1             	div    rcx
 226:	83 c2 30             	add    edx,0x30
 229:	48 ff cf             	dec    rdi
 22c:	88 17                	mov    BYTE PTR [rdi],dl
 22e:	48 85 c0             	test   rax,rax
 231:	75 ee                	jne    0x221
 233:	b8 12 00 00 00       	mov    eax,0x12                        pwrite64(log)
 238:	31 ff                	xor    edi,edi
 23a:	48 8d 75 40          	lea    rsi,[rbp+0x40]
 23e:	ba 32 00 00 00       	mov    edx,0x32
 243:	41 ba ce ff 00 00    	mov    r10d,0xffce
 249:	0f 05                	syscall
 24b:	c3                   	ret                                    checked
"""


def program() -> bytes:
    """The program, as an executable file."""
    return programs.elf(programs.code(_LISTING) + b"/\0" + NOTE.replace(b"%15d", b" " * 15))
