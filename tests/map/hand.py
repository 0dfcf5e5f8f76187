# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person does on a page of the map: point, drag, choose, type, read."""

from __future__ import annotations

from typing import Any

from browsing import Page, until
from playwright.sync_api import Locator

_MIDDLE = """id => {
  const element = dummPage.map.cy.getElementById(id), box = dummPage.map.cy.container().getBoundingClientRect();
  if (element.empty()) return null;
  const at = element.isNode() ? element.renderedPosition() : element.renderedMidpoint();
  return [at.x + box.left, at.y + box.top];
}"""
_LINES = """title => {
  const rows = document.querySelectorAll(`.dock-page[aria-label="${title}"] .xterm-rows > div`);
  return [...rows].map(each => each.textContent.trimEnd()).join("\\n");
}"""


# A message goes after seconds, and a slow machine looks later than that.
_REMEMBER = """() => {
  window.toasted = "";
  const remember = records => {
    for (const node of records.flatMap(each => [...each.addedNodes])) window.toasted += `${node.textContent}\\n`;
  };
  new MutationObserver(remember).observe(document.getElementById("toasts"), {childList: true});
}"""


class Hand:
    """A person at a page.

    :param page: whose map is to be used as soon as it shows what is named.
    """

    def __init__(self, page: Page, *shown: str) -> None:
        self.page, self.tab = page, page.tab
        page.until("() => Boolean(window.dummPage?.model().view)")
        page.evaluate(_REMEMBER)
        for each in shown:
            self.sees(each)
        # Until the map is laid out, what is on it moves.
        self._at_rest()

    def sees(self, what: str) -> None:
        """Wait for something on the map, such as ``guest alice``."""
        self.page.until("id => dummPage.map.cy.getElementById(id).nonempty()", what)

    def misses(self, what: str) -> None:
        """Wait until something is no more on the map."""
        self.page.until("id => dummPage.map.cy.getElementById(id).empty()", what)

    def point(self, what: str) -> tuple[float, float]:
        """Where something is in the window."""
        x, y = self.page.until(_MIDDLE, what)
        return x, y

    def _at_rest(self) -> None:
        before: list[Any] = []

        def still() -> bool:
            nonlocal before
            now = self.page.evaluate("dummPage.map.cy.nodes().map(each => [each.id(), each.renderedPosition()])")
            # Until it is laid out, all lies in one place.
            is_laid_out = len({tuple(at.values()) for _name, at in now}) == len(now)
            same, before = bool(now == before), now
            return same and is_laid_out

        until(self.page, still, "the map is at rest")

    def drag(self, a: str, b: str) -> None:
        """Draw from one thing to another."""
        self._at_rest()
        x, y = self.point(a)
        to_x, to_y = self.point(b)
        self.tab.mouse.move(x, y)
        self.tab.mouse.down()
        self.tab.mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=4)
        self.tab.mouse.move(to_x, to_y, steps=4)
        self.tab.mouse.up()

    def choose(self, *subjects: dict[str, str]) -> None:
        """Select."""
        self.page.evaluate("all => dummPage.map.select(all)", list(subjects))

    def press(self, key: str) -> None:
        """A key, on the map."""
        self.tab.locator("#mirror").focus()
        self.tab.keyboard.press(key)

    def button(self, name: str) -> Locator:
        """A button, by its name."""
        return self.tab.get_by_role("button", name=name, exact=True)

    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.tab.locator("dialog[open]").last

    def field(self, name: str) -> Locator:
        """A field of the dialog that is open."""
        return self.dialog().get_by_label(name, exact=True)

    def changed(self) -> list[str]:
        """What the map shows as other than the lab has it."""
        found: list[str] = self.page.evaluate(
            "dummPage.map.cy.$('.comes, .goes, .changes').map(each => each.id()).sort()"
        )
        return found

    def bar_text(self) -> str:
        """What the draft bar says; empty where there is none."""
        return str(self.page.evaluate("document.querySelector('.draftbar:not([hidden])')?.innerText ?? ''"))

    def bar_says(self, what: str) -> None:
        """Wait until the draft bar says something."""
        until(self.page, lambda: what in self.bar_text(), f"{what} in the draft bar")

    def carried_out(self, way: str) -> None:
        """Plan what is pending, and carry it out by a button of the plan."""
        self.button("Plan …").click()
        doer = self.dialog().get_by_role("button", name=way, exact=True)
        until(self.page, doer.is_enabled, "the plan")
        doer.click()
        until(self.page, lambda: not self.tab.locator("dialog[open]").count() or self.trouble(), "the end of the run")
        assert self.trouble() == ""

    def trouble(self) -> str:
        """The error that the dialog shows."""
        return str(self.page.evaluate("document.querySelector('dialog[open] .trouble:not([hidden])')?.innerText ?? ''"))

    def terminal_says(self, title: str, what: str) -> str:
        """Wait until a terminal shows something, and return all that it shows."""
        found = ""

        def look() -> bool:
            nonlocal found
            found = self.page.evaluate(_LINES, title)
            return what in found

        until(self.page, look, f"{what!r} in terminal {title}")
        return found

    def toasts(self) -> str:
        """What the page has told in passing."""
        return str(self.page.evaluate("window.toasted"))


def guest(name: str) -> dict[str, str]:
    """A guest, as the page names it."""
    return {"kind": "guest", "name": name}


def cable(identifier: str) -> dict[str, str]:
    """A cable, as the page names it."""
    return {"kind": "cable", "id": identifier}
