# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web part from its first to its last moment, in a process of its own.

Everything is imported and read while there still are files; then rights are given up (``confine``), and only then is anybody listened to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from ..wire import Frame, Kind, Wire
from . import assets
from .app import application
from .asking import Asking
from .confine import User, confine
from .guard import Keys
from .pages import LARGEST_MESSAGE, Pages

# Of a message of the root part: the view of a very large lab.
_LARGEST = 256 << 20


class _Server(uvicorn.Server):
    """One that leaves signals alone: it ends with its parent."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """Wait for ever; uvicorn's own wakes ten times a second, for a date that no answer has here."""
        await asyncio.Event().wait()


def run(listening: socket.socket, own: socket.socket, token: str | None, who: User, parent: int) -> None:
    """Serve until the root part ends.

    :param listening: where browsers connect.
    :param own: to the root part.
    :param token: that is worth a cookie; ``None`` where whoever can connect may ask.
    """
    pages, keys = Pages(), None if token is None else Keys(token)
    asking = Asking()
    app = application(assets.load(), pages, asking, keys)
    config = _config(app)
    config.load()
    try:
        confine(who, parent, (listening.fileno(), own.fileno()))
    except OSError as exc:
        sys.stderr.write(
            f"dumm: map: its web part cannot give up its rights: {exc.strerror}; run it where root may make namespaces\n"
        )
        return
    asyncio.run(_serve(_Server(config), listening, own, pages, asking, keys))


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="websockets-sansio",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=16 << 10,
        limit_concurrency=200,
        timeout_keep_alive=30,
    )


async def _serve(
    server: uvicorn.Server,
    listening: socket.socket,
    own: socket.socket,
    pages: Pages,
    asking: Asking,
    keys: Keys | None,
) -> None:
    def heard(frame: Frame) -> None:
        if frame.kind is not Kind.OWN:
            pages.heard(frame)
        elif frame.number:
            asking.heard(frame)
        elif keys is not None:
            keys.add(json.loads(frame.payload)["token"])

    # Connections end with the process.
    pages.wire = asking.wire = Wire(own, largest=_LARGEST, takes=True, heard=heard, ended=lambda: os._exit(0))
    pages.wire.send(Kind.OWN, 0, b'{"verb":"ready"}')
    await server.serve([listening])
