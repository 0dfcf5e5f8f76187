# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the map over a lab that is made up: its files from the disk, its WebSocket played by the test.

So it is shown labs of 300 and 1000 guests, rare states and lost connections, which no real lab gives in seconds.  The security policy is
the server's own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from browsing import Browsing, Page
from dumm_lab.map.web.app import _POLICY as POLICY
from dumm_lab.map.web.assets import _TYPES, PAGE
from labs import Plain
from playwright.sync_api import Route, WebSocketRoute

# Browsers take it for safe, so that the clipboard is there as it is with the real one.
ADDRESS = "http://127.0.0.1:1"
# The map is arranged, or there is nothing to arrange.
_ARRANGED = (
    "document.getElementById('map')?.dataset.arranged === 'yes' || document.getElementById('empty')?.hidden === false"
)


class Server:
    """What answers a page.

    :ivar asked: requests of the page, ``places.move`` and the like.
    :ivar answers: by verb, the value of its reply, or an error.
    :ivar is_down: whether it answers nobody.
    :ivar refuses: whether it does not know the page's cookie.
    :ivar visits: how often a page has come.
    """

    def __init__(self, lab: Plain, *messages: Plain, readonly: bool = False) -> None:
        self.lab = lab
        self.asked: list[Plain] = []
        self.answers: dict[str, Any] = {}
        self.is_down = False
        self.refuses = False
        self.visits = 0
        self._messages = messages
        self._readonly = readonly
        self._socket: WebSocketRoute | None = None
        self._number = 0

    def serve(self, route: Route) -> None:
        """Answer a request for a file."""
        path = route.request.url.removeprefix(ADDRESS).partition("?")[0]
        if self.refuses:
            route.fulfill(status=403, body="This needs the address that dumm map prints.")
            return
        file = PAGE / ("index.html" if path == "/" else path.removeprefix("/static/"))
        if path.startswith("/picture."):
            route.fulfill(status=200, body=f"picture {Path(path).suffix}", content_type="text/plain")
        elif file.is_file():
            headers = {
                "Content-Type": _TYPES[file.suffix],
                "Content-Security-Policy": POLICY.format(nonce=" 'nonce-x'"),
            }
            route.fulfill(status=200, body=file.read_bytes(), headers=headers)
        else:
            route.fulfill(status=404, body="There is no such file.")

    def meet(self, socket: WebSocketRoute) -> None:
        """Welcome a page, as the server does."""
        if self.is_down:
            socket.close(code=1011, reason="down")
            return
        self._socket = socket
        self.visits += 1
        socket.on_message(self._hear)
        self.say(
            type="hello",
            readonly=self._readonly,
            workdir=self.lab["lab"]["workdir"],
            lab=None,
            scenarios=list(self.lab["scenarios"]),
            version="1",
            me="anna",
            page=1,
        )
        self.whole()
        for message in self._messages:
            self.say(**message)

    def whole(self) -> None:
        """Tell the whole lab."""
        self._number += 1
        self.say(type="view", number=self._number, view=self.lab)

    def say(self, **message: Any) -> None:
        """Send a message."""
        assert self._socket is not None
        self._socket.send(json.dumps(message))

    def change(self, *, skip: int = 0, gone: Plain | None = None, **objects: Plain) -> None:
        """Change objects of the lab, ``guests={...}``, and tell it; ``skip`` changes are lost before this one."""
        for kind, named in objects.items():
            self.lab[kind] |= named
        for kind, names in (gone or {}).items():
            for name in names:
                del self.lab[kind][name]
        self._number += 1 + skip
        self.say(type="change", number=self._number, set=objects, gone=gone or {})

    def fall(self) -> None:
        """End, and answer no more."""
        self.is_down = True
        assert self._socket is not None
        self._socket.close(code=1011, reason="down")

    def arguments(self, verb: str) -> list[Plain]:
        """Of all requests for a verb."""
        return [each["arguments"] for each in self.asked if each["verb"] == verb]

    def _hear(self, message: str | bytes) -> None:
        told = json.loads(message)
        self.asked.append(told)
        verb = told["verb"]
        answer = {"number": self._number, "view": self.lab} if verb == "view" else self.answers.get(verb)
        if isinstance(answer, Exception):
            self.say(type="reply", id=told["id"], ok=False, error=str(answer))
        else:
            self.say(type="reply", id=told["id"], ok=True, value=answer)


def visit(browser: Browsing, server: Server, *, dark: bool = False, width: int = 1440, height: int = 900) -> Page:
    """Open a page, and wait until its map is arranged."""
    page = browser.blank(dark=dark, width=width, height=height)
    page.tab.route("**/*", server.serve)
    page.tab.route_web_socket(f"{ADDRESS.replace('http', 'ws')}/live", server.meet)
    page.tab.goto(ADDRESS + "/")
    page.until(_ARRANGED)
    settle(page)
    return page


def settle(page: Page) -> None:
    """Wait until the page has painted what it was told: two frames, since texts are placed in the first one."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))"
    )
