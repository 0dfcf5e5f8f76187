# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of packets: pcapng, written and read (draft-ietf-opsawg-pcapng).  No system calls but on the file that is given.

A file is a section header, a description of each interface, a block for each packet, and at the end statistics of each interface.  Blocks
are only ever added, so what a process that was killed has written can be read; the last block may be cut (:func:`whole`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_MAGIC = 0x1A2B3C4D
_ETHERNET = 1
_COMMENT, _END = 1, 0
# Options of the section, of an interface, of a packet and of statistics.
_HARDWARE, _SYSTEM, _PROGRAM = 2, 3, 4
_NAME, _DESCRIPTION, _MAC, _RESOLUTION, _FILTER = 2, 3, 6, 9, 11
_FLAGS = 2
_FIRST, _LAST, _RECEIVED, _DROPPED = 2, 3, 4, 7
_NANOSECONDS = b"\x09"
_HEAD = struct.Struct("<II")
_PACKET_HEAD = struct.Struct("<IIIIIII")
# Of a packet: the option with its direction, the end of options, and the length of the block.
_PACKET_TAIL = struct.Struct("<HHIHHI")
_OVERHEAD = _PACKET_HEAD.size + _PACKET_TAIL.size
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_BROADCAST = b"\xff" * 6
_LONGEST_BLOCK = 1 << 24
_CHUNK = 1 << 20


class Direction(Enum):
    """Which way a packet goes, as the guest sees it; the value is that of pcapng."""

    IN = 1
    OUT = 2


@dataclass(frozen=True)
class Packet:
    """A packet on the cable of an interface.

    :ivar interface: its label, ``alice:eth0``.
    :ivar time: nanoseconds since 1970.
    :ivar length: bytes that it had; ``data`` may be less.
    """

    interface: str
    time: int
    direction: Direction
    data: bytes
    length: int

    @property
    def inward(self) -> bool:
        """Whether the guest gets it."""
        return self.direction is Direction.IN


@dataclass(frozen=True)
class Described:
    """What a file tells of an interface.

    :ivar name: its label, ``alice:eth0``.
    :ivar description: what it is plugged into, and its addresses.
    """

    name: str
    description: str = ""
    mac: str = ""


@dataclass(frozen=True)
class Counted:
    """What became of the packets of an interface.

    :ivar received: packets that the filter let through.
    :ivar dropped: how many of these are not in the file, since they came too fast.
    """

    received: int = 0
    dropped: int = 0


def section(comment: str, program: str) -> bytes:
    """The beginning of a file."""
    options = _option(_COMMENT, comment.encode()) if comment else b""
    options += _option(_SYSTEM, os.uname().sysname.encode()) + _option(_PROGRAM, program.encode())
    return _block(_SECTION, struct.pack("<IHHq", _MAGIC, 1, 0, -1) + options + _option(_END, b""))


def interface(told: Described, snaplen: int, expression: str) -> bytes:
    """An interface; they are numbered from 0 in the order in which they stand in the file.

    :param snaplen: bytes of a packet that are kept at most.
    :param expression: the filter, if there is one.
    """
    options = _option(_NAME, told.name.encode())
    if told.description:
        options += _option(_DESCRIPTION, told.description.encode())
    if told.mac:
        options += _option(_MAC, bytes.fromhex(told.mac.replace(":", "")))
    options += _option(_RESOLUTION, _NANOSECONDS)
    if expression:
        options += _option(_FILTER, b"\0" + expression.encode())
    return _block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, snaplen) + options + _option(_END, b""))


def packet(number: int, time: int, direction: int, data: bytes, length: int) -> bytes:
    """A packet.

    :param number: of its interface.
    :param direction: the value of a :class:`Direction`.
    """
    size = len(data)
    total = _OVERHEAD + size + (-size & 3)
    # Bits 2 to 4 tell whom it is for: 1 one, 2 a group, 3 all.
    flags = direction | (4 if not data or not data[0] & 1 else 12 if data.startswith(_BROADCAST) else 8)
    head = _PACKET_HEAD.pack(_PACKET, total, number, time >> 32, time & 0xFFFFFFFF, size, length)
    return head + data + _PADDING[size & 3] + _PACKET_TAIL.pack(_FLAGS, 4, flags, _END, 0, total)


def statistics(number: int, first: int, last: int, counted: Counted) -> bytes:
    """What became of an interface's packets.

    :param first: when the capture began, in nanoseconds.
    :param last: when it ended.
    """
    options = b"".join(
        _option(code, struct.pack("<II", at >> 32, at & 0xFFFFFFFF)) for code, at in ((_FIRST, first), (_LAST, last))
    )
    options += _option(_RECEIVED, struct.pack("<Q", counted.received))
    options += _option(_DROPPED, struct.pack("<Q", counted.dropped))
    return _block(
        _STATISTICS, struct.pack("<III", number, last >> 32, last & 0xFFFFFFFF) + options + _option(_END, b"")
    )


def _option(code: int, value: bytes) -> bytes:
    value = value[:0xFFFF]
    return struct.pack("<HH", code, len(value)) + value + _PADDING[len(value) & 3]


def _block(kind: int, body: bytes) -> bytes:
    total = 12 + len(body)
    return _HEAD.pack(kind, total) + body + struct.pack("<I", total)


def _blocks(file: int, start: int) -> Iterator[tuple[int, int, bytes]]:
    """Kind, place of the end, and body of each whole block from a place on."""
    buffer, at = b"", start
    while True:
        if len(buffer) < 8 or len(buffer) < _HEAD.unpack_from(buffer)[1]:
            more = os.pread(file, _CHUNK, at + len(buffer))
            if not more:
                return
            buffer += more
            continue
        used = 0
        while len(buffer) - used >= 8:
            kind, total = _HEAD.unpack_from(buffer, used)
            if not 12 <= total <= _LONGEST_BLOCK or total & 3:
                return
            if len(buffer) - used < total:
                break
            used += total
            yield kind, at + used, buffer[used - total + 8 : used - 4]
        buffer, at = buffer[used:], at + used


def packets(file: int, start: int = 0, names: Mapping[int, str] | None = None) -> Iterator[tuple[int, Packet]]:
    """The packets of a file that was written here, each with the place of its end.

    :param file: descriptor.
    :param start: the end of a packet that was read before.
    :param names: of the interfaces, where it is not read from its beginning.
    """
    known = dict(names or {})
    for kind, end, body in _blocks(file, start):
        if kind == _INTERFACE:
            options = dict(_options(body[8:]))
            known[len(known)] = options.get(_NAME, b"").decode(errors="replace")
        elif kind == _PACKET:
            number, high, low, size, length = struct.unpack_from("<IIIII", body)
            flags = dict(_options(body[20 + size + (-size & 3) :])).get(_FLAGS, b"\2")
            direction = Direction.IN if flags[0] & 3 == Direction.IN.value else Direction.OUT
            yield end, Packet(known.get(number, ""), high << 32 | low, direction, body[20 : 20 + size], length)


def counts(file: int) -> dict[str, Counted]:
    """The statistics of a file that was written here, by interface."""
    names: list[str] = []
    found: dict[str, Counted] = {}
    for kind, _end, body in _blocks(file, 0):
        if kind == _INTERFACE:
            names.append(dict(_options(body[8:])).get(_NAME, b"").decode(errors="replace"))
        elif kind == _STATISTICS:
            options = dict(_options(body[12:]))
            received, dropped = (int.from_bytes(options.get(code, b""), "little") for code in (_RECEIVED, _DROPPED))
            found[names[struct.unpack_from("<I", body)[0]]] = Counted(received, dropped)
    return found


def whole(file: int) -> int:
    """Where the last whole block of a file ends."""
    return max((end for _kind, end, _body in _blocks(file, 0)), default=0)


def _options(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(body):
        code, size = struct.unpack_from("<HH", body, at)
        if code == _END:
            return
        yield code, body[at + 4 : at + 4 + size]
        at += 4 + size + (-size & 3)
