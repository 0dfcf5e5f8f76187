# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of the web part itself to the root part: for terminals, captures and pictures."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..wire import Frame, Kind, Wire


class Refused(Exception):
    """The root part has refused something; the sentence is for the user."""


@dataclass(frozen=True)
class Reply:
    """What came back.

    :ivar descriptors: the receiver's to close.
    """

    value: Any
    descriptors: tuple[int, ...]


class Asking:
    """Requests that wait for their replies."""

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Frame]] = {}

    async def ask(self, verb: str, arguments: Mapping[str, Any]) -> Reply:
        """Ask, and wait for the reply.

        :raises Refused: where the root part refuses.
        """
        assert self.wire is not None
        self._number += 1
        number = self._number
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.wire.send(Kind.OWN, number, json.dumps({"verb": verb, "arguments": arguments}).encode())
        try:
            frame = await future
        finally:
            self._waiting.pop(number, None)
        told = json.loads(frame.payload)
        if "error" in told:
            raise Refused(told["error"])
        return Reply(told.get("value"), frame.descriptors)

    def heard(self, frame: Frame) -> None:
        """Take a reply."""
        future = self._waiting.get(frame.number)
        if future is not None and not future.done():
            future.set_result(frame)
            return
        # Whoever asked is gone.
        for fd in frame.descriptors:
            os.close(fd)
