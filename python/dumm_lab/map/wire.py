# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames over the socket pair between the two parts of the map: a head, a payload, and descriptors that travel with it (unix(7)).

A frame is for all pages, for one page, or between the parts themselves.  Payloads for pages are JSON that the web part passes on as it is.
The socket is a stream, since a view is larger than what a packet may have.  Nothing blocks: what does not fit waits, and the other side
is read from only as fast as it is served.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

_HEAD = struct.Struct("=IBBQ")
_CHUNK = 1 << 18
_MOST_DESCRIPTORS = 8
# Frames that the other side has not read: it is not ours any more.
_MOST_WAITING = 10000


class Kind(IntEnum):
    """Whom a frame is for."""

    PAGES = 0
    PAGE = 1
    OWN = 2


@dataclass(frozen=True)
class Frame:
    """What travels.

    :ivar number: of the page, or of the request between the parts.
    :ivar descriptors: that came with it, now the receiver's to close.
    """

    kind: Kind
    number: int
    payload: bytes
    descriptors: tuple[int, ...] = ()


class Wire:
    """One end, in a running event loop.

    :param largest: bytes of a payload that the other side may send.
    :param takes: whether it may send descriptors.
    :param heard: is called with each frame.
    :param ended: is called once, where the other side is gone or does not keep to the rules.
    """

    def __init__(
        self,
        own: socket.socket,
        *,
        largest: int,
        takes: bool,
        heard: Callable[[Frame], None],
        ended: Callable[[], None],
    ) -> None:
        self._socket, self._largest, self._takes, self._heard, self._ended = own, largest, takes, heard, ended
        self._loop = asyncio.get_running_loop()
        self._in = bytearray()
        self._descriptors: deque[int] = deque()
        self._out: deque[tuple[memoryview, tuple[int, ...]]] = deque()
        self.closed = False
        own.setblocking(False)
        self._loop.add_reader(own, self._read)

    @property
    def waiting(self) -> int:
        """How many frames have not been sent yet."""
        return len(self._out)

    def hold(self) -> None:
        """Read nothing until :meth:`go_on`."""
        self._loop.remove_reader(self._socket)

    def go_on(self) -> None:
        """Read again."""
        if not self.closed:
            self._loop.add_reader(self._socket, self._read)

    def send(self, kind: Kind, number: int, payload: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a frame when there is room; its descriptors are closed here afterwards."""
        if self.closed:
            for fd in descriptors:
                os.close(fd)
            return
        head = _HEAD.pack(len(payload), len(descriptors), kind, number)
        self._out.append((memoryview(head + payload), tuple(descriptors)))
        if len(self._out) == 1:
            self._write()
        elif len(self._out) > _MOST_WAITING:
            self._end()

    def close(self) -> None:
        """Give everything back, also what was not sent."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for fd in (*self._descriptors, *(fd for _data, fds in self._out for fd in fds)):
            os.close(fd)
        self._out.clear()
        self._descriptors.clear()

    def _end(self) -> None:
        if not self.closed:
            self.close()
            self._ended()

    def _write(self) -> None:
        try:
            while self._out:
                data, fds = self._out[0]
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
                sent = self._socket.sendmsg([data], rights)
                for fd in fds:
                    os.close(fd)
                if sent < len(data):
                    self._out[0] = (data[sent:], ())
                else:
                    self._out.popleft()
            self._loop.remove_writer(self._socket)
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._write)
        except OSError:
            self._end()

    def _read(self) -> None:
        space = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, rights, flags, _address = self._socket.recvmsg(_CHUNK, space, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            self._end()
            return
        for _level, _kind, raw in rights:
            fds = array.array("i")
            fds.frombytes(raw[: len(raw) - len(raw) % fds.itemsize])
            self._descriptors += fds
        if not data or flags & socket.MSG_CTRUNC or (self._descriptors and not self._takes):
            self._end()
            return
        self._in += data
        self._take_frames()

    def _take_frames(self) -> None:
        at = 0
        while len(self._in) - at >= _HEAD.size:
            size, count, kind, number = _HEAD.unpack_from(self._in, at)
            if size > self._largest or count > len(self._descriptors) or kind not in tuple(Kind):
                self._end()
                return
            if len(self._in) - at < _HEAD.size + size:
                break
            payload = bytes(memoryview(self._in)[at + _HEAD.size : at + _HEAD.size + size])
            at += _HEAD.size + size
            fds = tuple(self._descriptors.popleft() for _each in range(count))
            self._heard(Frame(Kind(kind), number, payload, fds))
            if self.closed:
                return
        with suppress(BufferError):
            del self._in[:at]
