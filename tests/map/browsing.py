# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian's chromium, driven by playwright.

Its ``wait_for_function`` needs eval, which the page's policy forbids, so :meth:`Page.until` asks again and again; and what is asked must
not end in an object of cytoscape, which takes minutes to hand over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import PATIENCE
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, sync_playwright
from playwright.sync_api import Page as Tab

CHROMIUM = Path("/usr/bin/chromium")
OUTPUT = Path(__file__).parents[1] / "output/map"
_OPTIONS = [
    # As root, and with nobody to talk to but this machine.
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-proxy-server",
    ),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
_AGAIN = 0.1


class Page:
    """A page of the map.

    :ivar tab: playwright's page.
    :ivar told: what the server has told it over ``/live``, each message as text.
    """

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.told: list[str] = []
        self.complaints: list[str] = []
        tab.set_default_timeout(1000 * PATIENCE)
        tab.on("console", self._hear_console)
        tab.on("pageerror", lambda error: self.complaints.append(f"{error}"))
        tab.on("websocket", lambda socket: socket.on("framereceived", self._hear_frame))

    def _hear_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _hear_frame(self, payload: str | bytes) -> None:
        if isinstance(payload, str):
            self.told.append(payload)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """The value of an expression, or of a function of the argument."""
        return self.tab.evaluate(script, argument)

    def until(self, script: str, argument: Any = None) -> Any:
        """Wait until an expression, or a function of the argument, is true, and return its value."""
        return until(self, lambda: self.evaluate(script, argument), script)

    def shoot(self, name: str) -> Path:
        """Keep a picture of the page in tests/output/map."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        path = OUTPUT / f"{name}.png"
        self.tab.screenshot(path=path)
        return path


def until(page: Page, look: Callable[[], Any], what: str) -> Any:
    """Wait until something is true, while the browser goes on, and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := look():
            return found
        # Time passes in the browser as well, and its events come in.
        page.tab.wait_for_timeout(1000 * _AGAIN)
    raise AssertionError(f"not within {PATIENCE:g} s: {what}")


class Browsing:
    """The browser and its pages."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []
        self.pages: list[Page] = []

    def blank(self, *, dark: bool = False, width: int = 1440, height: int = 900) -> Page:
        """A window without any past, which shows nothing yet."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        self._contexts.append(context)
        page = Page(context.new_page())
        self.pages.append(page)
        return page

    def open(self, address: str, *, dark: bool = False, width: int = 1440, height: int = 900) -> Page:
        """Follow an address in a window without any past."""
        page = self.blank(dark=dark, width=width, height=height)
        page.tab.goto(address)
        return page

    def open_beside(self, page: Page) -> Page:
        """Open the same map in another tab of the same window."""
        other = Page(page.tab.context.new_page())
        self.pages.append(other)
        other.tab.goto(page.tab.url)
        return other

    def complaints(self) -> list[str]:
        """What the consoles of the pages have said."""
        return [each for page in self.pages for each in page.complaints]

    def close_pages(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()
        self.pages.clear()


@contextmanager
def browsing(program: Path = CHROMIUM) -> Iterator[Browsing]:
    """A browser that is gone afterwards.

    :param program: what starts it.
    """
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        try:
            yield Browsing(chromium)
        finally:
            chromium.close()
