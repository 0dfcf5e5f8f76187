# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A terminal between a browser and the root part: binary messages are keys and output, texts are the window's size and sentences.

The browser's size comes as ``{"rows": 24, "columns": 80}``; ``{"says": ...}`` goes to it, and at last ``{"ended": 0, "error": null}``.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from .. import terms
from .asking import Asking, Refused

_CHUNK = terms.LARGEST - 1
_ENDED = 1000


async def serve(page: WebSocket, asking: Asking) -> None:
    """Serve a terminal until its program ends or the browser closes it."""
    await page.accept()
    told = page.query_params
    size = {
        key: int(told[key])
        for key in ("rows", "columns")
        if told.get(key, "").isascii() and told.get(key, "").isdigit()
    }
    arguments = {"guest": told.get("guest", ""), "console": "console" in told, "size": size}
    try:
        reply = await asking.ask("terminal", arguments)
    except Refused as exc:
        with suppress(WebSocketDisconnect, RuntimeError):
            await page.send_text(json.dumps({"ended": None, "error": str(exc)}))
            await page.close(_ENDED)
        return
    with socket.socket(fileno=reply.descriptors[0]) as near:
        near.setblocking(False)
        output = asyncio.create_task(_show(page, near))
        try:
            await _type(page, near)
        except OSError:
            # It has ended, and what it said last goes on its way.
            await output
        finally:
            output.cancel()
            with suppress(asyncio.CancelledError):
                await output


async def _show(page: WebSocket, near: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        while packet := await loop.sock_recv(near, terms.LARGEST):
            kind, data = packet[:1], packet[1:]
            if kind == terms.OUTPUT:
                await page.send_bytes(data)
            elif kind == terms.SAYS:
                await page.send_text(json.dumps({"says": data.decode()}))
            elif kind == terms.ENDED:
                await page.send_text(data.decode())
        await page.close(_ENDED)


async def _type(page: WebSocket, near: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        message = await page.receive()
        if message["type"] == "websocket.disconnect":
            return
        data, text = message.get("bytes"), message.get("text")
        for at in range(0, len(data or b""), _CHUNK):
            await loop.sock_sendall(near, terms.INPUT + (data or b"")[at : at + _CHUNK])
        if text is not None and (size := _size(text)) is not None:
            await loop.sock_sendall(near, terms.size_packet(*size))


def _size(text: str) -> tuple[int, int] | None:
    try:
        return terms.size(json.loads(text))
    except (ValueError, RecursionError):
        return None
