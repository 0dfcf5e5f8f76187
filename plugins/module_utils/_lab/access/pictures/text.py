# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much room text takes, and how it is made harmless in each format.  Pure.

Nobody knows the reader's fonts.  The widths are those of DejaVu Sans, which is wider than what most systems draw, in hundredths of
the font's size.
"""

from __future__ import annotations

import re
import unicodedata
from xml.sax.saxutils import escape as _escape

_NARROW, _SMALL, _USUAL, _WIDE, _FULL = 28, 39, 61, 83, 100
_WIDTHS = {
    **dict.fromkeys("iljI|'", _NARROW),
    **dict.fromkeys(' .,:;/frt-()[]!`"', _SMALL),
    **dict.fromkeys("ACDEFGHKNOQRUVXYZ&", 76),
    **dict.fromkeys("wMW%@…m", 98),
}
# What XML cannot hold at all (XML 1.0, 2.2), and what turns text around.
_NO_XML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def width(text: str, size: float) -> float:
    """Room that a line of text takes, in the unit of the size; more rather than less."""
    return sum(_of(letter) for letter in text) * size / 100


def _of(letter: str) -> int:
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    if unicodedata.combining(letter):
        return 0
    return _FULL if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0x2190 else _USUAL


def short(text: str, most: int) -> str:
    """Text of so many letters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def xml(text: str) -> str:
    """Text in XML, in an attribute too."""
    plain = _NO_XML.sub("\ufffd", text)
    return _escape(plain, {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def quoted(text: str) -> str:
    """Text in double quotes, as DOT and D2 have it, on one line."""
    plain = _NO_XML.sub("\ufffd", text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + plain.replace("\n", "\\n") + '"'


def entities(text: str) -> str:
    """Text for double quotes in Mermaid, which knows no escapes but entities by number."""
    return re.sub(r"[^\w .,:/…-]", lambda found: f"#{ord(found[0])};", _NO_XML.sub("\ufffd", text))
