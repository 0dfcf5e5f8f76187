# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages as programs: the commands of a page of ``docs/``, what it says that they print, and the files that it tells the reader to write.

Blocks of ``console`` hold commands after ``$`` and their output; ``...`` stands for lines that are left out.  In a block that starts
``dumm console``, lines with a prompt of the lab are typed there.  A block of ``yaml`` is written to the file that the line before it names
(``Save this as `NAME```), or added to it (``Add this to the end of `NAME```).  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<kind>console|yaml)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?P<how>Save this as|Add this to the end of) `(?P<name>[\w.-]+)`:$")
_PROMPT = re.compile(r"^(?:(?:guest|bridge|scenario)(?:/[\w-]+)?)?# (?P<line>.*)$")
# What differs from run to run, and what is written for it.
_VARIABLE = re.compile(
    r"(?P<path>/var/lib/dumm\b)|(?P<space>\b(?:dumm-dumm)\b)|(?P<all>\b100%)|(?P<percent>\b\d+%)|(?P<age>(?:\b\d+[hms] ?)+(?=\s|$))"
    r"|(?P<still>(?<=\s)0$)|(?P<took>\b\d+\.\d+ s\b)|(?P<number>\d+(?:\.\d+)?)|(?P<bad>FAILED|failed\b)|(?P<blank>\s+)"
)
# Addresses are no numbers that differ, and neither is what belongs to a name or a place in a file.
_FIXED = re.compile(
    r"\d+\.\d+\.\d+\.\d+(?:/\d+)?|\[\w*\d+\]|\b(?:eth|br)\d+|office\.yml:[\d:]+|ip_?v?4\S*|-[cW] \d+|within:? \d+ ?s\b|delay:? [\d.]+"
)
# What differs by whether a guest still has its neighbour in its cache.
_OPEN = "nobody answers ARP for 10.0.0.2"
_WRITTEN = {
    "path": r"\S+",
    "space": r"dumm-\S+",
    "all": "100%",
    "percent": r"(?!100%)\d+(?:\.\d+)?%",
    "age": r"(?:\d+[hms] ?)+",
    # A rate of a table, where something passes meanwhile.
    "still": r"(?:0|[-<].*)",
    "took": r"(?:\d+ min )?\d+(?:\.\d+)? s",
    "number": r"\d+(?:\.\d+)?",
    "bad": "(?:FAILED|failed|SUSPECT|suspect)",
    "blank": r"\s+",
}


@dataclass(frozen=True)
class File:
    """A file that the reader writes.

    :ivar more: whether it is added to the file.
    """

    name: str
    text: str
    more: bool


@dataclass(frozen=True)
class Command:
    """A command that the reader types.

    :ivar typed: lines that are typed to it.
    :ivar output: lines that it prints, as the page has them.
    :ivar whole: whether these are all of them.
    """

    line: str
    typed: tuple[str, ...]
    output: tuple[str, ...]
    whole: bool

    def missing(self, printed: str) -> list[str]:
        """Lines of the page that are not among what was printed."""
        lines = [line.strip() for line in printed.splitlines()]
        return [line for line in self.output if not any(_pattern(line).fullmatch(each) for each in lines)]

    def unknown(self, printed: str) -> list[str]:
        """Lines that were printed and are not in the page, if it has all of them."""
        if not self.whole:
            return []
        patterns = [_pattern(line) for line in self.output]
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        return [line for line in lines if not any(pattern.fullmatch(line) for pattern in patterns)]


def steps(page: str) -> Iterator[File | Command]:
    """What the reader of a page does, in order."""
    for block in _BLOCK.finditer(page):
        if block["kind"] == "yaml":
            file = _FILE.search(block["before"])
            if file:
                yield File(file["name"], block["text"], more=file["how"].startswith("Add"))
        else:
            yield from _commands(block["text"])


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *rest = part.splitlines()
        typed = (
            tuple(found["line"] for each in rest if (found := _PROMPT.match(each))) if line == "dumm console" else ()
        )
        output = [each.strip() for each in rest if not (typed and _PROMPT.match(each))]
        yield Command(line, typed, tuple(each for each in output if each not in {"", "..."}), whole="..." not in output)


def _pattern(line: str) -> re.Pattern[str]:
    """What a line of a page stands for; more may follow, as where a busy machine is remarked."""
    made = ""
    at = 0
    if line.startswith(_OPEN):
        made, at = ".*", len(_OPEN)
    for fixed in [*_FIXED.finditer(line, at), None]:
        end = len(line) if fixed is None else fixed.start()
        made += _tolerant(line[at:end])
        if fixed is not None:
            made += re.escape(fixed[0])
            at = fixed.end()
    return re.compile(rf"(?:line \d+: )?{made}(?:\s{{2,}}.*)?")


def _tolerant(text: str) -> str:
    made = ""
    at = 0
    for found in _VARIABLE.finditer(text):
        made += re.escape(text[at : found.start()]) + _WRITTEN[str(found.lastgroup)]
        at = found.end()
    return made + re.escape(text[at:])
