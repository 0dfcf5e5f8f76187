# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What passes one interface, from its TAP on the host: a packet socket (packet(7)) in the lab's network namespace.

A TAP shows what the guest sends as received and what it is to get as sent.  Three things are not as they would be on a wire, and are put
right here: the VLAN tag lies beside the frame, the checksum of what a guest sends is left to a network card that it has not, and the
kernel says of both what is to be done (PACKET_AUXDATA, PACKET_VNET_HDR).  Segments that travel as one through the lab stay one.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from . import batch, filters
from .batch import Taken
from .filters import Filter
from .pcapng import Direction

# linux/if_ether.h, linux/if_packet.h, asm-generic/socket.h
_ETH_P_ALL = 3
_SOL_PACKET, _PACKET_AUXDATA, _PACKET_STATISTICS, _PACKET_VNET_HDR = 263, 8, 6, 15
_PACKET_OUTGOING = 4
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 26, 33, 35
_TAGGED, _TYPED = 1 << 4, 1 << 6
_VLAN = 0x8100
# linux/virtio_net.h: of a frame whose checksum is missing, where it begins and where it goes.
_OFFLOAD = struct.Struct("<BBHHHH")
_NEEDS_CHECKSUM = 1
_BEFORE = _OFFLOAD.size
_IN, _OUT = Direction.IN.value, Direction.OUT.value
_AT_ONCE = 32  # sockets that are closed
_BUFFER = 8 << 20  # bytes of packets that may wait; the kernel takes them when they come


class Heard(NamedTuple):
    """A packet as a socket told it.

    :ivar time: nanoseconds since 1970.
    :ivar direction: value of a :class:`Direction`.
    :ivar length: bytes that it had on the wire.
    """

    time: int
    direction: int
    data: bytes
    length: int


class Tap:
    """A socket on the TAP of an interface.

    :param own: the socket, as :func:`unbound` makes it.
    :param only: what it keeps; everything without.
    """

    def __init__(self, label: str, own: socket.socket, only: Filter | None) -> None:
        self.label = label
        self.socket = own
        self.received = self.dropped = self.unreadable = 0
        self.only = only

    def bind(self, device: str) -> None:
        """Hear a device from now on.

        :raises OSError: where there is none of that name.
        """
        self.socket.bind((device, _ETH_P_ALL))

    def fileno(self) -> int:
        """Its descriptor."""
        return self.socket.fileno()

    def is_gone(self) -> bool:
        """Whether its TAP is no more; one that is down only may come up again."""
        try:
            return not self.socket.getsockname()[0]
        except OSError:
            return True

    def take(self, most: int) -> list[Heard]:
        """Packets that have come, in order.

        :param most: how many at most.
        :raises EOFError: where there are none, nor will be, since the TAP is gone.
        """
        buffer = batch.own()
        found: list[Heard] = []
        while len(found) < most:
            try:
                taken = buffer.take(self.socket)
            except BlockingIOError:
                break
            except OSError as exc:
                if exc.errno == errno.EINVAL:
                    # Pieces that a TAP has no word for, such as those of a tunnel (virtio_net_hdr_from_skb).
                    self.unreadable += 1
                    continue
                if exc.errno != errno.ENETDOWN:
                    raise
                if self.is_gone():
                    if found:
                        break
                    raise EOFError(self.label) from None
                continue
            found += [heard for each in taken if (heard := self._heard(buffer.memory, each)) is not None]
        return found

    def _heard(self, memory: mmap.mmap, taken: Taken) -> Heard | None:
        start, size, time, way, status, length, tag, kind = taken
        data = memory[start + _BEFORE : start + size]
        if memory[start] & _NEEDS_CHECKSUM and len(data) == length:
            data = _with_checksum(data, memory[start : start + _BEFORE])
        if status & _TAGGED:
            data = data[:12] + struct.pack(">HH", kind if status & _TYPED else _VLAN, tag) + data[12:]
            length += 4
            if self.only is not None and not self.only.matches(data, length):
                return None
        self.received += 1
        return Heard(time, _IN if way == _PACKET_OUTGOING else _OUT, data, length)

    def count(self) -> None:
        """Ask the kernel how many packets it had no room for, since it was asked last (PACKET_STATISTICS)."""
        _seen, lost = struct.unpack("=II", self.socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self.dropped += lost + self.unreadable
        self.unreadable = 0

    def close(self) -> None:
        """Give it back."""
        self.socket.close()


def close_all(taps: Collection[Tap]) -> None:
    """Give sockets back at the same time: the kernel waits for each until nobody uses it, 15 ms for one and 30 ms for many together."""
    if len(taps) > 1:
        with ThreadPoolExecutor(min(_AT_ONCE, len(taps))) as pool:
            list(pool.map(Tap.close, taps))
    else:
        for tap in taps:
            tap.close()


def _with_checksum(data: bytes, told: bytes) -> bytes:
    """A packet with its checksum, where its guest has left the sum of what does not belong to the packet (struct virtio_net_hdr)."""
    _flags, _kind, _header, _segment, start, offset = _OFFLOAD.unpack(told)
    place = start + offset
    if place + 2 > len(data):
        return data
    covered = data[start:]
    # The sum of 16-bit words in one's complement is the remainder by 65535.
    found = int.from_bytes(covered + b"\0" * (len(covered) & 1), "big") % 0xFFFF
    return data[:place] + (~found & 0xFFFF).to_bytes(2, "big") + data[place + 2 :]


def unbound(only: Filter | None, snaplen: int) -> socket.socket:
    """A socket in this thread's network namespace.  Nothing comes before it is bound, so nothing comes past its filter.

    :param snaplen: bytes of each packet that it keeps at most.
    :raises OSError: where the user may not have one.
    """
    own = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    try:
        _attach(own, filters.everything(snaplen) if only is None else only.for_socket(snaplen))
        own.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        own.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        own.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        own.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    except OSError:
        own.close()
        raise
    return own


def _attach(own: socket.socket, program: bytes) -> None:
    """SO_ATTACH_FILTER (struct sock_fprog of linux/filter.h)."""
    code = ctypes.create_string_buffer(program, len(program))
    own.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
