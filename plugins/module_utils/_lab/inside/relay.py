# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Netlink of a guest's kernel, spoken by the host: a program for the guest that passes messages on, and their format.  Pure.

A guest's kernel can be asked in it only, where there may be neither Python nor ip(8) nor a C compiler's work.  So ``/.dumm/netlink`` is so
small that it is written here as machine code (``programs``; User Mode Linux is x86-64): it reads frames from its standard input, sends
each by a socket of its own, and writes all that the kernel answers to its standard output.  A kernel answers a message before
sendmsg(2) returns, and what a dump has left whenever some of it was read (af_netlink.c): when there is nothing to read, that is all.

It reads files, too, which is a third of what they take grep(1): thousands of settings are files of /proc/sys.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..host import programs

_LISTING = """
   0:	bb 00 00 60 00       	mov    ebx,0x600000                     the end of what was read
   5:	31 c0                	xor    eax,eax                          read(2)
   7:	31 ff                	xor    edi,edi
   9:	89 de                	mov    esi,ebx
   b:	ba 00 00 a0 00       	mov    edx,0xa00000
  10:	29 da                	sub    edx,ebx
  12:	0f 05                	syscall
  14:	85 c0                	test   eax,eax
  16:	7e 04                	jle    1c
  18:	01 c3                	add    ebx,eax
  1a:	eb e9                	jmp    5
  1c:	bd 00 00 60 00       	mov    ebp,0x600000                     a frame: protocol, size, messages
  21:	8d 45 08             	lea    eax,[rbp+0x8]
  24:	39 d8                	cmp    eax,ebx
  26:	0f 87 4e 01 00 00    	ja     17a
  2c:	83 7d 00 ff          	cmp    DWORD PTR [rbp+0x0],0xffffffff   paths of files instead of messages
  30:	0f 84 b3 00 00 00    	je     e9
  36:	b8 29 00 00 00       	mov    eax,0x29                         socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
  3b:	bf 10 00 00 00       	mov    edi,0x10
  40:	be 03 00 08 00       	mov    esi,0x80003
  45:	8b 55 00             	mov    edx,DWORD PTR [rbp+0x0]
  48:	0f 05                	syscall
  4a:	85 c0                	test   eax,eax
  4c:	0f 88 8a 00 00 00    	js     dc
  52:	41 89 c4             	mov    r12d,eax
  55:	41 bd 20 00 00 00    	mov    r13d,0x20                        setsockopt(2): SO_SNDBUFFORCE, then SO_RCVBUFFORCE
  5b:	b8 36 00 00 00       	mov    eax,0x36
  60:	44 89 e7             	mov    edi,r12d
  63:	be 01 00 00 00       	mov    esi,0x1
  68:	44 89 ea             	mov    edx,r13d
  6b:	4c 8d 15 11 01 00 00 	lea    r10,[rip+0x111]
  72:	41 b8 04 00 00 00    	mov    r8d,0x4
  78:	0f 05                	syscall
  7a:	41 ff c5             	inc    r13d
  7d:	41 83 fd 21          	cmp    r13d,0x21
  81:	74 d8                	je     5b
  83:	b8 01 00 00 00       	mov    eax,0x1                          write(2): the messages, at once
  88:	44 89 e7             	mov    edi,r12d
  8b:	48 8d 75 08          	lea    rsi,[rbp+0x8]
  8f:	8b 55 04             	mov    edx,DWORD PTR [rbp+0x4]
  92:	0f 05                	syscall
  94:	b8 2d 00 00 00       	mov    eax,0x2d                         recvfrom(2) with MSG_DONTWAIT
  99:	44 89 e7             	mov    edi,r12d
  9c:	be 00 00 a0 00       	mov    esi,0xa00000
  a1:	ba 00 00 01 00       	mov    edx,0x10000
  a6:	41 ba 40 00 00 00    	mov    r10d,0x40
  ac:	45 31 c0             	xor    r8d,r8d
  af:	45 31 c9             	xor    r9d,r9d
  b2:	0f 05                	syscall
  b4:	83 f8 97             	cmp    eax,0xffffff97                   ENOBUFS: an answer was lost, others are there
  b7:	74 db                	je     94
  b9:	85 c0                	test   eax,eax
  bb:	7e 15                	jle    d2
  bd:	89 c2                	mov    edx,eax                          write(2): the answer
  bf:	b8 01 00 00 00       	mov    eax,0x1
  c4:	bf 01 00 00 00       	mov    edi,0x1
  c9:	be 00 00 a0 00       	mov    esi,0xa00000
  ce:	0f 05                	syscall
  d0:	eb c2                	jmp    94
  d2:	b8 03 00 00 00       	mov    eax,0x3                          close(2)
  d7:	44 89 e7             	mov    edi,r12d
  da:	0f 05                	syscall
  dc:	8b 45 04             	mov    eax,DWORD PTR [rbp+0x4]          the next frame
  df:	48 8d 6c 05 08       	lea    rbp,[rbp+rax*1+0x8]
  e4:	e9 38 ff ff ff       	jmp    21
  e9:	4c 8d 65 08          	lea    r12,[rbp+0x8]                    files: each as an answer with its number
  ed:	44 8b 6d 04          	mov    r13d,DWORD PTR [rbp+0x4]
  f1:	4d 01 e5             	add    r13,r12
  f4:	41 be 00 00 b0 00    	mov    r14d,0xb00000
  fa:	4d 39 ec             	cmp    r12,r13
  fd:	73 60                	jae    15f
  ff:	41 ff c7             	inc    r15d
 102:	b8 02 00 00 00       	mov    eax,0x2                          open(2)
 107:	44 89 e7             	mov    edi,r12d
 10a:	be 00 00 08 00       	mov    esi,0x80000
 10f:	0f 05                	syscall
 111:	41 89 c1             	mov    r9d,eax
 114:	85 c0                	test   eax,eax
 116:	78 39                	js     151
 118:	31 c0                	xor    eax,eax                          read(2)
 11a:	44 89 cf             	mov    edi,r9d
 11d:	41 8d 76 10          	lea    esi,[r14+0x10]
 121:	ba 00 10 00 00       	mov    edx,0x1000
 126:	0f 05                	syscall
 128:	85 c0                	test   eax,eax
 12a:	7e 1b                	jle    147
 12c:	8d 50 10             	lea    edx,[rax+0x10]                   the head of the answer
 12f:	41 89 16             	mov    DWORD PTR [r14],edx
 132:	41 c7 46 04 00 40 00 	mov    DWORD PTR [r14+0x4],0x4000
 139:	00
 13a:	45 89 7e 08          	mov    DWORD PTR [r14+0x8],r15d
 13e:	4d 8d 74 16 03       	lea    r14,[r14+rdx*1+0x3]
 143:	49 83 e6 fc          	and    r14,0xfffffffffffffffc
 147:	b8 03 00 00 00       	mov    eax,0x3                          close(2)
 14c:	44 89 cf             	mov    edi,r9d
 14f:	0f 05                	syscall
 151:	41 80 3c 24 00       	cmp    BYTE PTR [r12],0x0               behind the path
 156:	4d 8d 64 24 01       	lea    r12,[r12+0x1]
 15b:	75 f4                	jne    151
 15d:	eb 9b                	jmp    fa
 15f:	b8 01 00 00 00       	mov    eax,0x1                          write(2): all answers
 164:	bf 01 00 00 00       	mov    edi,0x1
 169:	be 00 00 b0 00       	mov    esi,0xb00000
 16e:	44 89 f2             	mov    edx,r14d
 171:	29 f2                	sub    edx,esi
 173:	0f 05                	syscall
 175:	e9 62 ff ff ff       	jmp    dc
 17a:	b8 e7 00 00 00       	mov    eax,0xe7                         exit_group(0)
 17f:	31 ff                	xor    edi,edi
 181:	0f 05                	syscall
"""
_BUFFERS = struct.pack("<I", 1 << 22)
# From here on 4 MB for what it reads, then 1 MB for an answer, and as much for files.
_ROOM = 0x600000

MAX_INPUT = 1 << 22
_HEADER = struct.Struct("=IHHII")
_FRAME = struct.Struct("=II")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR, _DONE, FILE = 2, 3, 0x4000
_FILES = 0xFFFFFFFF
# A value is a page at most.
_MOST_FILES = 200
REQUEST, DUMP, REPLACE, CREATE, APPEND = 0x1, 0x300, 0x100, 0x400, 0x800
_TYPE = 0x3FFF


def program() -> bytes:
    """The program, as an executable file."""
    return programs.elf(programs.code(_LISTING) + _BUFFERS, room=(_ROOM, 0xC00000 - _ROOM))


@dataclass(frozen=True)
class Message:
    """A message, as it is sent or as it came.

    :ivar number: tells which request an answer is for.
    """

    kind: int
    payload: bytes
    flags: int = 0
    number: int = 0

    def packed(self) -> bytes:
        """As the kernel takes it."""
        size = _HEADER.size + len(self.payload)
        return _padded(_HEADER.pack(size, self.kind, self.flags | REQUEST, self.number, 0) + self.payload)


def frame(protocol: int, messages: Iterable[Message]) -> bytes:
    """Messages that are sent at once; of those that dump something, one."""
    data = b"".join(message.packed() for message in messages)
    return _FRAME.pack(protocol, len(data)) + data


def files(paths: Sequence[str]) -> bytes:
    """Frames that have files read; the answer of the first has the number 1, and one that cannot be read has none."""
    frames = b""
    for start in range(0, len(paths), _MOST_FILES):
        data = b"".join(map(text, paths[start : start + _MOST_FILES]))
        frames += _FRAME.pack(_FILES, len(data)) + data
    return frames


def answers(data: bytes) -> Iterator[Message]:
    """All that the kernel answered but for ends of dumps and successes; an error has its number (errno(3)) as the kind, below zero.

    :raises ValueError: where it is no netlink.
    """
    place = 0
    while place < len(data):
        if len(data) - place < _HEADER.size:
            raise ValueError("a message is cut off")
        size, kind, flags, number, _port = _HEADER.unpack_from(data, place)
        if size < _HEADER.size or place + size > len(data):
            raise ValueError("a message is cut off")
        payload = data[place + _HEADER.size : place + size]
        if kind in (_ERROR, _DONE):
            errno = struct.unpack_from("=i", payload)[0] if len(payload) >= 4 else 0
            if errno < 0:
                yield Message(errno, b"", flags, number)
        elif kind > _DONE:
            yield Message(kind, payload, flags, number)
        place += (size + 3) & ~3


def parts(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Attributes in their order: type, and all bytes of each.

    :raises ValueError: where there is none.
    """
    place = offset
    while place + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, place)
        if size < _ATTRIBUTE.size or place + size > len(data):
            raise ValueError("an attribute is cut off")
        yield kind & _TYPE, data[place : place + size]
        place += (size + 3) & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Values of attributes by type; of several of a type the last.

    :raises ValueError: where there is none.
    """
    return {kind: part[_ATTRIBUTE.size :] for kind, part in parts(data, offset)}


def without(data: bytes, offset: int, *kinds: int) -> bytes:
    """What begins at an offset, attributes of some types left out."""
    return b"".join(_padded(part) for kind, part in parts(data, offset) if kind not in kinds)


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute."""
    return _padded(_ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value)


def text(value: str) -> bytes:
    """A name as attributes have it."""
    return value.encode("utf-8", "surrogateescape") + b"\0"


def word(value: bytes) -> str:
    """A name out of an attribute."""
    return value.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
