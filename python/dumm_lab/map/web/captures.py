# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets as a download that goes on until its bound, or until the browser has enough.

A pipe is read only as fast as the browser takes what is in it; when the browser goes, the pipe is closed, which ends the capture.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_CHUNK = 1 << 16


class Stream(Response):
    """What comes out of a pipe.

    :param fd: of the pipe; it is closed here.
    :param name: of the file.
    """

    def __init__(self, fd: int, name: str) -> None:
        super().__init__(media_type="application/x-pcapng")
        self._fd = fd
        # Its length is not known.
        del self.headers["content-length"]
        self.headers["Content-Disposition"] = f'attachment; filename="{name}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        os.set_blocking(self._fd, False)
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await task
            os.close(self._fd)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while data := await self._read():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(BlockingIOError):
                return os.read(self._fd, _CHUNK)
            ready = loop.create_future()
            loop.add_reader(self._fd, ready.set_result, None)
            try:
                await ready
            finally:
                loop.remove_reader(self._fd)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
