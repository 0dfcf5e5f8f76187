# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many packets of a packet socket at once: recvmmsg(2), which Python lacks.

A call for each packet costs Python twice as much as everything that is done with it.  A ring (PACKET_RX_RING) would be faster still, but
shows a packet only when its block is full or its time over: whoever asks what has come until now would not be told.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
import threading
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

# asm-generic/socket.h, linux/if_packet.h
_TIMESTAMPNS, _AUXDATA = 35, 8
_MSG_DONTWAIT = 0x40
COUNT = 128
# Of a packet with what stands before it; the largest are segments that travel as one.
SIZE = 1 << 17
# sockaddr_ll: the kind of a packet.
_NAME = struct.Struct("=10xB21x")
# A time and what the kernel says of a packet, each after its cmsghdr, as long as a long is.
_CONTROL = struct.Struct("@NiiqqNiiIIIHHHHi")
# The kinds of both, the time, and of struct tpacket_auxdata the status, the length and the VLAN tag.
_FIELDS = itemgetter(2, 3, 4, 7, 8, 9, 13, 14)


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = [("header", _Header), ("size", ctypes.c_uint)]


class Taken(NamedTuple):
    """A packet of a batch.

    :ivar start: where it lies in the batch's memory.
    :ivar size: bytes there, with what stands before the packet.
    :ivar time: nanoseconds since 1970.
    :ivar way: kind of the packet (packet(7)).
    :ivar status: what the kernel says of it, and its VLAN tag.
    :ivar length: bytes that it had.
    """

    start: int
    size: int
    time: int
    way: int
    status: int
    length: int
    tag: int
    tag_kind: int


class Batch:
    """Memory for packets that are taken at once."""

    def __init__(self) -> None:
        # Pages that no packet was written to take no memory.
        self.memory = mmap.mmap(-1, COUNT * SIZE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._names = ctypes.create_string_buffer(COUNT * _NAME.size)
        self._control = ctypes.create_string_buffer(COUNT * _CONTROL.size)
        self._vectors = (_Vector * COUNT)()
        self._messages = (_Message * COUNT)()
        for number in range(COUNT):
            self._vectors[number].base, self._vectors[number].length = base + SIZE * number, SIZE
            message = self._messages[number].header
            message.name = ctypes.addressof(self._names) + number * _NAME.size
            message.name_length = _NAME.size
            message.vectors = ctypes.addressof(self._vectors[number])
            message.vector_count = 1
            message.control = ctypes.addressof(self._control) + number * _CONTROL.size
            message.control_length = _CONTROL.size
        # The kernel writes lengths there.
        self._fresh = bytes(self._messages)
        self._sizes = struct.Struct(f"={_Message.size.offset}xI{ctypes.sizeof(_Message) - _Message.size.offset - 4}x")
        self._receive = ctypes.CDLL(None, use_errno=True).recvmmsg

    def take(self, own: socket.socket) -> list[Taken]:
        """Packets that have come, in order; not more than :data:`COUNT`.  They lie in ``memory`` until the next are taken.

        :raises BlockingIOError: where there are none.
        :raises OSError: as recv(2).
        """
        ctypes.memmove(self._messages, self._fresh, len(self._fresh))
        count = self._receive(own.fileno(), self._messages, COUNT, _MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            raise OSError(number, errno.errorcode.get(number, ""))
        return list(self._understood(count))

    def _understood(self, count: int) -> Iterator[Taken]:
        sizes = self._sizes.iter_unpack(memoryview(self._messages).cast("B")[: count * self._sizes.size])
        ways = _NAME.iter_unpack(memoryview(self._names).cast("B")[: count * _NAME.size])
        controls = _CONTROL.iter_unpack(memoryview(self._control).cast("B")[: count * _CONTROL.size])
        start = 0
        for (size,), (way,), told in zip(sizes, ways, controls, strict=True):
            first, seconds, rest, second, status, length, tag, kind = _FIELDS(told)
            if (first, second) != (_TIMESTAMPNS, _AUXDATA):
                raise OSError(errno.EPROTO, "the kernel tells of packets in an order that is not known")
            yield Taken(start, size, seconds * 1_000_000_000 + rest, way, status, length, tag, kind)
            start += SIZE


class _Own(threading.local):
    batch: Batch | None = None


_OWN = _Own()


def own() -> Batch:
    """The memory of this thread, which all its sockets use in turns."""
    if _OWN.batch is None:
        _OWN.batch = Batch()
    return _OWN.batch
