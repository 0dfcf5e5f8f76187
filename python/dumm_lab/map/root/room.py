# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verbs of the root part share: the working directory, the lab as it was seen last, the pages, and a way to tell them something.

Verbs run in threads, a change of the lab is seen in the event loop: :meth:`Room.tell` may be called from both.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenLab

from ..messages import Message, View, difference
from ..wire import Kind, Wire
from .elsewhere import Placed, elsewhere
from .view import view_of

_Part = TypeVar("_Part")


class Room:
    """What all verbs know.

    :param workdir: path of the working directory.
    :param lab: as it was seen.
    :param me: who runs the map.
    :ivar files: of scenarios that the map was started with, by their names.
    :ivar placed: scenarios that are on several lab hosts.
    :ivar view: of the lab, with its number: that of the last change.
    :ivar greetings: are called for each new page; what they return is sent to it, ``None`` is nothing.
    :ivar watchers: are called in the event loop after each change of the lab.
    :ivar comers: are called there with the number of each page that was opened.
    :ivar leavers: are called there with the number of each page that was closed.
    """

    def __init__(self, workdir: str, lab: SeenLab, *, read_only: bool, me: str) -> None:
        self.workdir, self.lab, self.read_only, self.me = workdir, lab, read_only, me
        self.scenario: str | None = None
        self.files: Mapping[str, Path] = {}
        self.pages: set[int] = set()
        self.number = 0
        self.placed = Placed(workdir)
        self.placed.look()
        self.view: View = self._seen()
        self.greetings: list[Callable[[], Message | None]] = []
        self.watchers: list[Callable[[], None]] = []
        self.comers: list[Callable[[int], None]] = []
        self.leavers: list[Callable[[int], None]] = []
        self._parts: dict[type[Any], Any] = {}
        self._parting = threading.RLock()
        self._wire: Wire | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def of(self, kind: type[_Part]) -> _Part:
        """The one object of a class in this room, made with the room as its argument when it is asked for first."""
        with self._parting:
            if kind not in self._parts:
                self._parts[kind] = kind(self)  # type: ignore[call-arg]
            part: _Part = self._parts[kind]
        return part

    def connect(self, wire: Wire) -> None:
        """Tell things over this from now on; called in the event loop."""
        self._wire, self._loop = wire, asyncio.get_running_loop()

    def may_know(self, message: Message) -> bool:
        """Whether pages may get a message: who may only watch gets no text of a scenario, which may have keys in it."""
        return not self.read_only or message["type"] != "draft"

    def tell(self, message: Message, page: int | None = None) -> None:
        """Send a message to a page, or to all pages, from any thread."""
        if self._loop is not None and self.may_know(message):
            kind, number = (Kind.PAGES, 0) if page is None else (Kind.PAGE, page)
            self._loop.call_soon_threadsafe(self._send, kind, number, encoded(message))

    def _send(self, kind: Kind, number: int, payload: bytes) -> None:
        if self._wire is not None and (self.pages if kind is Kind.PAGES else number in self.pages):
            self._wire.send(kind, number, payload)

    def choose(self, scenario: str | None) -> None:
        """Have pages know which scenario they change, from any thread."""
        self.scenario = scenario
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.renew)

    def renew(self) -> None:
        """Make the view anew and tell the pages what differs; in the event loop."""
        after = self._seen()
        change = difference(self.view, after)
        if change is None:
            return
        self.view, self.number = after, self.number + 1
        self._send(Kind.PAGES, 0, encoded({"type": "change", "number": self.number, **change}))

    def _seen(self) -> View:
        return view_of(self.lab, self.scenario, elsewhere(self.lab, self.placed.shared.values()))

    def whole(self) -> Message:
        """The message with the whole view."""
        return {"type": "view", "number": self.number, "view": self.view}


def encoded(message: Message) -> bytes:
    """A message as pages get it."""
    return json.dumps(message, separators=(",", ":"), default=str).encode()
