# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root part: takes requests from the web part, runs verbs, and tells the pages what changes.

The web part is not trusted: it gets no path, it may name only what is in the lab, and it may ask for what is in two tables, the verbs of
pages (``verbs``) and its own (:data:`OWN`).
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import VERSION
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import (
    DummError,
    HostError,
    InvalidInput,
    nearest,
)

from ..messages import Message
from ..wire import Frame, Kind, Wire
from . import looking
from .arguments import Arguments
from .captures import Captures
from .live import Live
from .room import Room, encoded
from .terminals import Terminals
from .verbs import PARTS, VERBS, Verb

# Of a request: the text of a scenario is the largest.
LARGEST_REQUEST = 4 << 20
_THREADS = 8
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Requests that may wait for a thread before no more are read.
_MOST_WAITING = 64


class Server:
    """Serves one web part.

    :param ready: is called when the web part is.
    """

    def __init__(self, room: Room, watch: Watch, own: socket.socket, ready: Callable[[], None]) -> None:
        self._room, self._ready = room, ready
        self._live = Live(room, watch, self._fail)
        self._pool = ThreadPoolExecutor(_THREADS, "verb")
        self._end = asyncio.Event()
        self._running = 0
        self._failure: Exception | None = None
        self._wire = Wire(own, largest=LARGEST_REQUEST, takes=False, heard=self._heard, ended=self._lost)
        room.connect(self._wire)
        for part in PARTS:
            room.of(part)

    async def serve(self) -> None:
        """Until a signal asks for the end, or the web part ends.

        :raises DummError: where the web part has ended by itself, or the lab cannot be watched any more.
        """
        loop = asyncio.get_running_loop()
        for number in _ENDS:
            loop.add_signal_handler(number, self._end.set)
        try:
            await self._end.wait()
        finally:
            for number in _ENDS:
                loop.remove_signal_handler(number)
            self._live.close()
            self._wire.close()
            self._finish()
        if self._failure is not None:
            raise self._failure

    def _finish(self) -> None:
        """Wait for what is being done: a run that is cut off would leave the lab half changed."""
        if self._running:
            sys.stderr.write("dumm: map: waiting for what is being done; Ctrl-C again ends at once\n")
        self._pool.shutdown(wait=True, cancel_futures=True)

    def admit(self, token: str) -> None:
        """Have one more token hold once."""
        self._wire.send(Kind.OWN, 0, encoded({"token": token}))

    def _lost(self) -> None:
        self._fail(HostError("map", "its web part has ended", "start it again; what it wrote is above"))

    def _fail(self, why: Exception) -> None:
        self._failure = why
        self._end.set()

    def _heard(self, frame: Frame) -> None:
        try:
            told = json.loads(frame.payload)
            if not isinstance(told, dict) or not isinstance(told.get("verb"), str):
                raise ValueError("no request")
        except (ValueError, RecursionError):
            # It keeps to the protocol, or it is not ours any more.
            self._wire.close()
            self._lost()
            return
        if frame.kind is Kind.OWN:
            self._own(frame.number, told)
        elif frame.kind is Kind.PAGE and frame.number in self._room.pages:
            self._ask(frame.number, told)

    # The web part's own

    def _own(self, number: int, told: dict[str, Any]) -> None:
        verb = told["verb"]
        if verb == "ready":
            self._ready()
        elif verb == "page.opened":
            self._open(number)
        elif verb == "page.closed":
            self._close(number)
        elif verb in OWN:
            self._begin(number, verb, told)

    def _begin(self, number: int, verb: str, told: dict[str, Any]) -> None:
        """Do what the web part itself asks for, in a thread, and reply."""
        loop = asyncio.get_running_loop()
        task = loop.run_in_executor(self._pool, begun, self._room, verb, told)

        def reply(done: asyncio.Future[tuple[bytes, tuple[int, ...]]]) -> None:
            if not done.cancelled():
                self._wire.send(Kind.OWN, number, *done.result())

        task.add_done_callback(reply)

    def _open(self, page: int) -> None:
        room = self._room
        room.pages.add(page)
        for message in (self._hello(page), room.whole(), *(each() for each in room.greetings)):
            if message is not None and room.may_know(message):
                self._wire.send(Kind.PAGE, page, encoded(message))
        for each in room.comers:
            each(page)
        self._live.wake()

    def _close(self, page: int) -> None:
        self._room.pages.discard(page)
        for each in self._room.leavers:
            each(page)
        if not self._room.pages:
            self._live.sleep()

    def _hello(self, page: int) -> Message:
        room = self._room
        return {
            "type": "hello",
            "readonly": room.read_only,
            "workdir": room.workdir,
            "lab": room.lab.name,
            "scenarios": sorted(room.lab.scenarios),
            "version": VERSION,
            "me": room.me,
            "page": page,
        }

    # Pages

    def _ask(self, page: int, told: dict[str, Any]) -> None:
        self._running += 1
        if self._running == _MOST_WAITING:
            self._wire.hold()
        loop = asyncio.get_running_loop()
        task = loop.run_in_executor(self._pool, answer, self._room, page, told)
        task.add_done_callback(lambda done: self._replied(page, done))

    def _replied(self, page: int, done: asyncio.Future[bytes]) -> None:
        if self._running == _MOST_WAITING:
            self._wire.go_on()
        self._running -= 1
        if not done.cancelled():
            self._wire.send(Kind.PAGE, page, done.result())


# What the web part itself may ask for: terminals and captures, whose descriptor comes with the reply, and pictures.
OWN: Mapping[str, Callable[[Room, Arguments], object]] = {
    "terminal": lambda room, arguments: room.of(Terminals).open(arguments),
    "capture": lambda room, arguments: room.of(Captures).open(arguments),
    "picture": lambda room, arguments: looking.picture(room, arguments, 0),
}
_DESCRIPTORS = ("terminal", "capture")
# With --read-only: a terminal can do anything, and packets may have in them what is not for all who may look.
_REFUSED = ("terminal", "capture")


def begun(room: Room, verb: str, told: dict[str, Any]) -> tuple[bytes, tuple[int, ...]]:
    """The reply to the web part's own request, and the descriptors that go with it."""
    try:
        if room.read_only and verb in _REFUSED:
            raise read_only(verb)
        value = OWN[verb](room, Arguments(verb, told.get("arguments", {})))
    except DummError as exc:
        return encoded({"error": str(exc)}), ()
    except Exception as exc:
        return encoded({"error": unexpected(verb, exc)}), ()
    return (encoded({}), (int(str(value)),)) if verb in _DESCRIPTORS else (encoded({"value": value}), ())


def unexpected(verb: str, exc: Exception) -> str:
    """What a page is told where there is a fault in the program, whose traceback is printed."""
    traceback.print_exc(file=sys.stderr)
    return f"request {verb}: it failed unexpectedly ({type(exc).__name__}); the terminal of 'dumm map' has more"


def read_only(verb: str) -> InvalidInput:
    """What is to be raised where something would change the lab."""
    return InvalidInput(
        f"request {verb}", "this map is read-only", "ask whoever started it for one without --read-only"
    )


def answer(room: Room, page: int, told: dict[str, Any]) -> bytes:
    """The reply to a page's request."""
    number = told.get("id")
    name = told["verb"]
    try:
        verb = _verb(room, name)
        value = verb.run(room, Arguments(name, told.get("arguments", {})), page)
        return encoded({"type": "reply", "id": number, "ok": True, "value": value})
    except DummError as exc:
        said = str(exc)
    except Exception as exc:
        said = unexpected(name, exc)
    return encoded({"type": "reply", "id": number, "ok": False, "error": said})


def _verb(room: Room, name: str) -> Verb:
    if name not in VERBS:
        raise InvalidInput(f"request {name[:80]}", "the map has no such request", nearest(name[:80], VERBS))
    if room.read_only and not VERBS[name].looks:
        raise read_only(name)
    return VERBS[name]
