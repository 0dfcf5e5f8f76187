# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root part of the map in a process of its own, asked over its socket pair as the web part does, without a browser.

``python map_root.py FD WORKDIR [NAME=FILE]`` is that process.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_HEAD = struct.Struct("=IBBQ")
_PAGES, _PAGE, _OWN = 0, 1, 2
_PATIENCE = 300.0

Message = dict[str, Any]


class MapRefused(Exception):
    """The reply to a request was an error."""


class RootPart:
    """A root part with pages.

    :param arguments: ``NAME=FILE`` for scenarios that the map is started with.
    """

    def __init__(self, workdir: Path, *arguments: str, pages: int = 1) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._own = near
        command = [sys.executable, __file__, str(far.fileno()), str(workdir), *arguments]
        self.process = subprocess.Popen(command, pass_fds=(far.fileno(),))
        far.close()
        self._in = b""
        self._number = 0
        self.told: dict[int, list[Message]] = {page: [] for page in range(1, pages + 1)}
        self._replies: dict[int, Message] = {}
        for page in self.told:
            self._send(_OWN, page, {"verb": "page.opened"})
        self.until(lambda: all(self.last("draft", page) for page in self.told), "the pages are told of the draft")

    def close(self) -> None:
        """End it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(_PATIENCE)
        self._own.close()

    def kill(self) -> None:
        """End it as nobody should."""
        self.process.kill()
        self.process.wait()
        self._own.close()

    def begin(self, verb: str, page: int = 1, **arguments: Any) -> int:
        """Ask for something; the number of the request."""
        self._number += 1
        self._send(_PAGE, page, {"id": self._number, "verb": verb, "arguments": arguments})
        return self._number

    def end(self, number: int) -> Any:
        """The value of the reply.

        :raises MapRefused: where it is an error.
        """
        reply = self.until(lambda: self._replies.pop(number, None), f"reply {number}")
        if not reply["ok"]:
            raise MapRefused(reply["error"])
        return reply["value"]

    def ask(self, verb: str, page: int = 1, **arguments: Any) -> Any:
        """Ask for something, and wait for it."""
        return self.end(self.begin(verb, page, **arguments))

    def edit(self, *edits: Message, page: int = 1) -> Any:
        """Edit the draft."""
        return self.ask("draft.edit", page, edits=list(edits))

    def last(self, kind: str, page: int = 1) -> Message | None:
        """The last message of a kind."""
        return next((each for each in reversed(self.told[page]) if each["type"] == kind), None)

    @property
    def draft(self) -> Message:
        """The draft as the first page knows it."""
        found: Message = (self.last("draft") or {})["draft"]
        return found

    def until(self, look: Any, what: str) -> Any:
        """Wait until something is true."""
        end = time.monotonic() + _PATIENCE
        while not (found := look()):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"not told within {_PATIENCE:g} s: {what}")
            if select.select([self._own], [], [], 1)[0]:
                self._read()
        return found

    def _send(self, kind: int, number: int, told: Message) -> None:
        payload = json.dumps(told).encode()
        self._own.sendall(_HEAD.pack(len(payload), 0, kind, number) + payload)

    def _read(self) -> None:
        data = self._own.recv(1 << 18)
        assert data, "the root part has hung up"
        self._in += data
        while len(self._in) >= _HEAD.size:
            size, _descriptors, kind, number = _HEAD.unpack_from(self._in)
            if len(self._in) < _HEAD.size + size:
                return
            payload, self._in = self._in[_HEAD.size : _HEAD.size + size], self._in[_HEAD.size + size :]
            if kind != _OWN:
                self._heard(json.loads(payload), [*self.told] if kind == _PAGES else [number])

    def _heard(self, message: Message, pages: list[int]) -> None:
        if message["type"] == "reply":
            self._replies[message["id"]] = message
        else:
            for page in pages:
                self.told[page].append(message)


def main() -> None:
    """Be a root part."""
    from dumm_lab.map.root.room import Room
    from dumm_lab.map.root.server import Server

    from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch

    own, workdir, *files = sys.argv[1:]
    watch = Watch(workdir)
    room = Room(watch.lab.workdir, watch.lab, read_only=False, me="tester")
    room.files = {name: Path(path) for name, _sign, path in (each.partition("=") for each in files)}

    async def serve() -> None:
        await Server(room, watch, socket.socket(fileno=int(own)), lambda: None).serve()

    os.environ.pop("DUMM_WORKDIR", None)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
