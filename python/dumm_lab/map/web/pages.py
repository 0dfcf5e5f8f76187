# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that are open: what the root part tells goes out to them, and what they ask goes in.

Each page has a queue of its own with an end: a browser that does not read is dropped, and gets the whole view when it comes again.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..wire import Frame, Kind, Wire

LARGEST_MESSAGE = 4 << 20
_MOST_WAITING = 256
_TRY_AGAIN, _TOO_LARGE, _UNSUITABLE = 1013, 1009, 1007


class Pages:
    """All pages of one server."""

    def __init__(self) -> None:
        self._queues: dict[int, asyncio.Queue[bytes | None]] = {}
        self._greeted: set[int] = set()
        self._number = 0
        self.wire: Wire | None = None

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._queues)

    def heard(self, frame: Frame) -> None:
        """Hand on what the root part tells."""
        if frame.kind is Kind.PAGE:
            self._greeted.add(frame.number)
            self._put(frame.number, frame.payload)
        else:
            # One that was not greeted yet gets a view that is younger.
            for number in [each for each in self._queues if each in self._greeted]:
                self._put(number, frame.payload)

    def _put(self, number: int, payload: bytes) -> None:
        queue = self._queues.get(number)
        if queue is None:
            return
        if queue.full():
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
            self._forget(number)
        else:
            queue.put_nowait(payload)

    def _forget(self, number: int) -> None:
        if self._queues.pop(number, None) is not None:
            self._greeted.discard(number)
            self._tell(number, "page.closed")

    def _tell(self, number: int, verb: str) -> None:
        if self.wire is not None:
            self.wire.send(Kind.OWN, number, json.dumps({"verb": verb}).encode())

    async def serve(self, socket: WebSocket) -> None:
        """Serve a page until it is closed."""
        await socket.accept()
        self._number += 1
        number = self._number
        queue = self._queues[number] = asyncio.Queue(_MOST_WAITING)
        self._tell(number, "page.opened")
        sending = asyncio.create_task(self._send(socket, queue))
        try:
            await self._receive(socket, number)
        finally:
            self._forget(number)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _send(self, socket: WebSocket, queue: asyncio.Queue[bytes | None]) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while (payload := await queue.get()) is not None:
                await socket.send_text(payload.decode())
            await socket.close(_TRY_AGAIN, "it does not read what it is sent")

    async def _receive(self, socket: WebSocket, number: int) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or not _is_request(text):
                await socket.close(_UNSUITABLE, "this is no request")
                return
            if self.wire is not None:
                self.wire.send(Kind.PAGE, number, text.encode())


def _is_request(text: str) -> bool:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and isinstance(told.get("verb"), str)
