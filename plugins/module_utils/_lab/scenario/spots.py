# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where everything stands in a scenario's text: its nodes with their extent, and what lies between them.  Pure.

``document`` says what a text means, this says where; ``edit`` changes it there.  The end that YAML's reader gives a block is where the
next thing begins, behind blank lines and comments; here a node ends with its last letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import document
from .document import Mark

_BREAKS = "\n\r\x85\u2028\u2029"
_PROPERTY = re.compile(r"[&!][^ \t\n\r]*")
_COMMENT_LINE = re.compile(r"([ \t]*)#[^\n\r\x85\u2028\u2029]*")


@dataclass(frozen=True)
class Entry:
    """An entry of a mapping or a list.

    :ivar start: of its first letter: that of the key, ``?`` or ``-``.
    :ivar lead: offset behind ``:`` or ``-``; behind the key where there is no ``:``.
    :ivar key: what a mapping's key says; a key that is no text, or ``<<``, counts, too.
    """

    start: int
    lead: int
    value: Spot
    key: str = ""
    merge: bool = False

    @property
    def end(self) -> int:
        """Behind its last letter."""
        return max(self.lead, self.value.end)


@dataclass(frozen=True)
class Spot:
    """A node.

    :ivar kind: as of :class:`document.Mark`.
    :ivar start: of what is written first, an anchor and a tag included.
    :ivar body: of what is written behind these.
    :ivar end: behind its last letter.
    """

    kind: str
    start: int
    body: int
    end: int
    name: str | None = None
    flow: bool = False
    style: str = ""
    value: str = ""
    entries: tuple[Entry, ...] = field(default=(), repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written at all."""
        return self.kind == "scalar" and self.start == self.end

    @property
    def is_block(self) -> bool:
        """Whether it is a list or a mapping in lines of its own."""
        return self.kind in ("list", "mapping") and not self.flow


def walk(spot: Spot) -> Iterator[Spot]:
    """A node and all in it."""
    yield spot
    for entry in spot.entries:
        yield from walk(entry.value)


def spots(text: str) -> Spot | None:
    """The root of a text that ``document`` has found no fault in; ``None`` where there is none."""
    marks = list(document.marks(text))
    return _Builder(text, marks).node() if marks else None


class _Builder:
    def __init__(self, text: str, marks: list[Mark]) -> None:
        self.text = text
        self.marks = marks
        self.at = 0

    def _next(self) -> Mark:
        self.at += 1
        return self.marks[self.at - 1]

    def node(self) -> Spot:
        mark = self._next()
        if mark.kind in ("scalar", "alias"):
            end = self._end_of_scalar(mark)
            body = min(behind_properties(self.text, mark.start), end) if mark.kind == "scalar" else mark.start
            return Spot(mark.kind, mark.start, body, end, mark.name, False, mark.style, mark.value)
        body = behind_properties(self.text, mark.start)
        inside = body + 1 if mark.flow else body
        entries = tuple(self._entries(inside, mark))
        end = self.marks[self.at - 1].end if mark.flow else max(body, entries[-1].end if entries else body)
        return Spot(mark.kind, mark.start, body, end, mark.name, mark.flow, "", "", entries)

    def _entries(self, here: int, mark: Mark) -> Iterator[Entry]:
        while self.marks[self.at].kind != "end":
            entry = self._of_mapping(here) if mark.kind == "mapping" else self._of_list(here, flow=mark.flow)
            here = entry.end
            yield entry
        self._next()

    def _of_mapping(self, here: int) -> Entry:
        before = skip(self.text, here, "," if self.text[here - 1 : here] != "," else "")
        key = self.node()
        start = before if self.text[before : before + 1] == "?" and before < key.start else key.start
        colon = skip(self.text, key.end)
        lead = colon + 1 if self.text[colon : colon + 1] == ":" else key.end
        return Entry(start, lead, self.node(), key.value, key.kind == "scalar" and key.value == "<<" and not key.style)

    def _of_list(self, here: int, *, flow: bool) -> Entry:
        if flow:
            value = self.node()
            return Entry(value.start, value.start, value)
        dash = skip(self.text, here)
        return Entry(dash, dash + 1, self.node())

    def _end_of_scalar(self, mark: Mark) -> int:
        if mark.style not in ("|", ">"):
            return mark.end
        written = self.text[mark.start : mark.end]
        header = written.split("\n", 1)[0]
        if "+" in header.split("#", 1)[0]:
            # Its last blank lines are of it; the line behind them begins with the next thing.
            return (
                mark.start + len(written.removesuffix("\n").removesuffix("\r")) if written.endswith("\n") else mark.end
            )
        return mark.start + len(written.rstrip(f"{_BREAKS} \t"))


def behind_properties(text: str, here: int) -> int:
    """Behind a node's anchor and tag."""
    found = _PROPERTY.match(text, here)
    while found:
        here = skip(text, found.end())
        found = _PROPERTY.match(text, here)
    return here


def behind_anchor(text: str, here: int, end: int) -> int:
    """Behind an anchor and a tag in the rest of a key's line, before its comment."""
    while (found := _PROPERTY.match(text, here + len(text[here:end]) - len(text[here:end].lstrip(" \t")))) is not None:
        here = found.end()
    return here


def skip(text: str, here: int, also: str = "") -> int:
    """Behind blanks, line breaks and comments.

    :param also: letters to skip, too.
    """
    while here < len(text):
        if text[here] == "#" and (here == 0 or text[here - 1] in f" \t,[{{{_BREAKS}"):
            here = line_end(text, here)
        elif text[here] in f" \t{_BREAKS}{also}":
            here += 1
        else:
            break
    return here


def line_start(text: str, here: int) -> int:
    """Where the line begins that a place is in."""
    while here > 0 and text[here - 1] not in _BREAKS:
        here -= 1
    return here


def line_end(text: str, here: int) -> int:
    """Where the line ends that a place is in, before its break."""
    while here < len(text) and text[here] not in _BREAKS:
        here += 1
    return here


def behind_break(text: str, here: int) -> int:
    """Behind a line break."""
    if text[here : here + 2] == "\r\n":
        return here + 2
    return here + 1 if text[here : here + 1] and text[here] in _BREAKS else here


def begins_line(text: str, here: int) -> bool:
    """Whether there are only blanks before a place in its line."""
    return not text[line_start(text, here) : here].strip(" \t")


def column(text: str, here: int) -> int:
    """Of a place in its line, counted from 0."""
    return here - line_start(text, here)


def tail(text: str, end: int, at_column: int) -> int:
    """The end of the line that something ends in, or of the comments below it that are indented deeper than it."""
    here = line_end(text, end)
    while True:
        below = behind_break(text, here)
        comment = _COMMENT_LINE.match(text, below)
        if below == here or comment is None or len(comment[1]) <= at_column:
            return here
        here = comment.end()


def newline(text: str) -> str:
    """How the lines of a text end."""
    end = line_end(text, 0)
    return text[end : behind_break(text, end)] or "\n"
