#!/usr/bin/env python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold our texts to our list of words (scripts/words.txt), and see that they speak to the reader.

``words.py`` checks all pages for users and the documentation of modules, and fails if a phrase of the list is found, a link leads
nowhere, or too few sentences address the reader.  ``words.py --measure`` prints the share of each page.  It downloads nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
LEAST = 15  # percent of the sentences of all pages for users that people write
_WRITTEN = {"keys.md", "command.md", "errors.md"}  # by scripts/write_reference.py
_CODE = re.compile(r"^```.*?^```$|<!--.*?-->", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`[^`]*`|\]\([^)]*\)")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[\"'*`\[(]*[A-Z`*])|\n\s*\n|\n(?=\s*(?:[*-]|\d+\.) )|\s*\|\s*")
_YOU = re.compile(r"\b(?:you|your|yours|yourself)\b", re.IGNORECASE)
# Verbs in the imperative: at the beginning, or after a clause that names the condition or the aim.
_VERBS = (
    "add|address|allow|apply|ask|attach|avoid|begin|bring|build|call|change|check|choose|click|compare|compile|copy|count|create|define|delete|describe|do|"
    "draw|edit|end|export|find|fix|follow|forward|free|get|give|go|install|keep|let|list|look|mail|make|measure|move|name|note|omit|open|pass|pick|"
    "pipe|plug|prefix|print|put|quote|raise|read|remove|repair|repeat|replace|report|restart|restore|return|review|run|save|see|send|set|show|"
    "spell|start|stop|take|tell|test|throw|try|type|undo|unpack|update|use|watch|work|write"
)
_IMPERATIVE = re.compile(
    r"^[\W\d]*(?:(?:\*\*)?(?:Note|Warning):(?:\*\*)?\s*)?"
    r"(?:(?:To|If|In|For|On|With|Before|After|When|Instead|Otherwise|Then|There|Now|Else|At)\b[^.]*?,\s*(?:then\s+)?)?"
    rf"(?:(?:please|then|first|always|never|do not|don't)\s+)?(?:{_VERBS})\b",
    re.IGNORECASE,
)


class Phrase(NamedTuple):
    """A phrase that our texts do without, and what to write instead."""

    pattern: re.Pattern[str]
    advice: str


def phrases() -> list[Phrase]:
    """The list of words."""
    lines = (REPOSITORY / "scripts/words.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.partition("\t") for line in lines if line and not line.startswith("#"))
    return [
        Phrase(re.compile(rf"\b(?:{pattern})".replace(" ", r"\s+"), re.IGNORECASE), advice)
        for pattern, _tab, advice in rows
    ]


def pages() -> list[Path]:
    """The pages for users."""
    docs = REPOSITORY / "docs"
    own = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    found = [
        *own,
        *docs.glob("*.md"),
        *(page for kind in ("tutorial", "howto", "reference", "explanation") for page in docs.glob(f"{kind}/*.md")),
    ]
    every = {*found, *REPOSITORY.glob("roles/*/README.md"), *REPOSITORY.glob("examples/**/README.md")}
    return sorted(page for page in every if page.name not in _WRITTEN)


def documentation() -> Iterator[tuple[Path, str]]:
    """What modules and plugins say of themselves, as text."""
    for path in sorted(REPOSITORY.glob("plugins/*/dumm*.py")):
        found = re.search(
            r'^DOCUMENTATION = r?"""\n(.*?)^"""', path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        if found:
            yield path, "\n\n".join(_texts(yaml.safe_load(found[1])))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key in {"description", "short_description", "details", "notes"}:
                yield from ([each] if isinstance(each, str) else (str(line) for line in each))
            else:
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def prose(text: str) -> str:
    """A page without its code, links and quotations of code; lines stay where they are."""
    blanked = _CODE.sub(lambda found: "\n" * found[0].count("\n"), text)
    return _INLINE.sub("`x`", blanked)


def sentences(text: str) -> list[str]:
    """The sentences of a page; cells of tables and headings of a few words are none."""
    lines = "\n".join(
        line for line in prose(text).splitlines() if not line.startswith("#") and not re.fullmatch(r"[|\s:-]+", line)
    )
    found = (" ".join(each.split()) for each in _SENTENCE.split(lines) if each)
    return [each for each in found if len(each.split()) > 3]


def addresses(sentence: str) -> bool:
    """Whether a sentence speaks to the reader."""
    return bool(_YOU.search(sentence) or _IMPERATIVE.match(sentence))


def found_in(text: str, listed: Iterable[Phrase]) -> Iterator[tuple[int, str, str]]:
    """Line, phrase and advice for each that a text should not have."""
    plain = prose(text)
    for phrase in listed:
        for found in phrase.pattern.finditer(plain):
            yield plain.count("\n", 0, found.start()) + 1, " ".join(found[0].split()), phrase.advice


def main() -> int:
    """Check, or measure."""
    texts = {path: path.read_text(encoding="utf-8") for path in pages()}
    split = {path: sentences(text) for path, text in texts.items()}
    shares = {path: (sum(map(addresses, each)), len(each)) for path, each in split.items()}
    speaking, total = (sum(column) for column in zip(*shares.values(), strict=True))
    if "--measure" in sys.argv[1:]:
        for path, (some, every) in sorted(shares.items(), key=lambda row: row[1][0] / max(row[1][1], 1)):
            print(f"{100 * some / max(every, 1):4.0f} %  {some:3d} of {every:3d}  {path.relative_to(REPOSITORY)}")
    print(f"{100 * speaking / total:.0f} % of {total} sentences address the reader; at least {LEAST} % shall")
    listed = phrases()
    faults = [
        f"{path.relative_to(REPOSITORY)}:{line}: {phrase!r}: {advice}"
        for path, text in (*texts.items(), *documentation())
        for line, phrase, advice in found_in(text, listed)
    ]
    print("\n".join(faults))
    return int(bool(faults) or 100 * speaking < LEAST * total)


if __name__ == "__main__":
    sys.exit(main())
