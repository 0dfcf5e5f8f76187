# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain values → YAML as a person writes it: one line where that is short, quotes only where YAML needs them.  Pure.

``edit`` puts it into the text of a scenario, ``adopt`` writes a whole one.  PyYAML's own writer knows neither the column that it
writes at nor what stands around.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from ..model.errors import InvalidInput
from . import document

Plain: TypeAlias = "Mapping[str, Plain] | list[Plain] | str | int | float | bool | None"

WIDTH = 120
_LONGEST_FLOAT = 30
# A plain scalar that no reader of YAML 1.1 or 1.2 takes for something else (yaml.org/spec/1.1, 9.1.3).
_SAFE = re.compile(r"[\w/.$(+;^~=\\<-][^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]*")
_NO_PLAIN = re.compile(r": |:$| #|^[-?:=<~]$|^[-?:] |^---|^\.\.\.|^<<$| $")
_FLOW = re.compile(r"[,\[\]{}?]|::|^:")
_RAW = re.compile("[^\\x20-\\x7e\\xa1-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]|[\\u2028\\u2029]")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\\": "\\\\", '"': '\\"'}
# A literal block shows nothing of blanks at the ends of lines, and its first line says how deep it is.
_LITERAL = re.compile(r"(?!\n* )[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*\n", re.DOTALL)


@dataclass(frozen=True)
class Style:
    """How things are written around.

    :ivar step: columns from a mapping's key to those in it.
    :ivar dash: columns from a key to the dashes of its list.
    :ivar quote: for text that needs quotes.
    :ivar width: of a line, where there is a choice.
    """

    step: int = 2
    dash: int = 2
    quote: str = '"'
    width: int = WIDTH


@dataclass(frozen=True)
class Written:
    """A value as text.

    :ivar head: what stands on the line of its key or dash.
    :ivar lines: what stands below, with indentation.
    """

    head: str
    lines: tuple[str, ...] = ()


def check(value: object, said: str) -> None:
    """:raises InvalidInput: where a value cannot be written in a scenario file.

    :param said: what the error calls it.
    """
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                raise InvalidInput(said, f"the key {key!r} is not text", "give it as text")
            check(each, said)
    elif isinstance(value, (list, tuple)):
        for each in value:
            check(each, said)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(said, f"{value} is not a number that JSON has", "give another")
    elif value is not None and not isinstance(value, (str, int, float, bool)):
        raise InvalidInput(said, f"a value is of type {type(value).__name__}", "give plain data")


def inline(value: Any, style: Style = Style(), *, flow: bool = False) -> str:
    """A value on one line.

    :param flow: whether it is in brackets.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(_pair(key, each, style) for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(inline(each, style, flow=True) for each in value) + "]"
    if isinstance(value, str):
        return text(value, style, flow=flow)
    if isinstance(value, float):
        return _float(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def _pair(key: str, value: Any, style: Style) -> str:
    return f"{text(key, style, flow=True)}: {inline(value, style, flow=True)}"


def text(value: str, style: Style = Style(), *, flow: bool = False) -> str:
    """Text, in quotes where it needs them."""
    plain = _SAFE.fullmatch(value) and not _NO_PLAIN.search(value) and not (flow and _FLOW.search(value))
    if plain and document.is_text(value):
        return value
    single = style.quote == "'" or ("\\" in value or '"' in value)
    if single and "'" not in value and not _RAW.search(value) and value:
        return f"'{value}'"
    return '"' + _RAW.sub(_escape, re.sub(r'[\\"]', _escape, value)) + '"'


def _escape(found: re.Match[str]) -> str:
    letter = found[0]
    code = ord(letter)
    return _ESCAPES.get(letter) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def _float(value: float) -> str:
    """As people write it; to YAML 1.1 what has an exponent and no dot is text."""
    told = repr(value)
    if "e" not in told:
        return told
    plain = format(Decimal(told), "f")
    if len(plain) <= _LONGEST_FLOAT:
        return plain if "." in plain else f"{plain}.0"
    mantissa, _e, exponent = told.partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent}"


def written(value: Any, column: int, style: Style, *, block: bool | None = None, room: int = 0) -> Written:
    """A value behind its key or dash.

    :param column: of the key, or of what stands behind the dash less a step.
    :param block: whether a list or a mapping is written in lines of its own; ``None`` where it is too long for one.
    :param room: columns that its own line has taken already.
    """
    if isinstance(value, str) and "\n" in value and _LITERAL.fullmatch(value):
        indent = " " * (column + style.step)
        keep = "|+" if value.endswith("\n\n") or not value.strip("\n") else "|"
        return Written(keep, tuple(indent + line if line else "" for line in value[:-1].split("\n")))
    if not value or not isinstance(value, (Mapping, list, tuple)):
        return Written(inline(value, style))
    short = inline(value, style)
    if block is None:
        block = room + len(short) > style.width or _is_deep(value) or _has_lines(value)
    if not block:
        return Written(short)
    if isinstance(value, Mapping):
        return Written("", tuple(_entries(value, column + style.step, style)))
    return Written("", tuple(_items(value, column + style.dash, style)))


def _is_deep(value: Any) -> bool:
    """Whether there are mappings in mappings, which nobody reads in braces."""
    return isinstance(value, Mapping) and any(isinstance(each, Mapping) and each for each in value.values())


def _has_lines(value: Any) -> bool:
    """Whether there is text of several lines in it, which is not to be read in one."""
    if isinstance(value, Mapping):
        return any(_has_lines(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_lines(each) for each in value)
    return isinstance(value, str) and "\n" in value.rstrip("\n")


def _entries(value: Mapping[str, Any], column: int, style: Style) -> Iterator[str]:
    for key, each in value.items():
        yield from entry(key, each, column, style)


def entry(key: str, value: Any, column: int, style: Style, *, block: bool | None = None) -> Iterator[str]:
    """The lines of an entry of a mapping."""
    begin = f"{' ' * column}{text(key, style)}:"
    made = Written("") if value is None else written(value, column, style, block=block, room=len(begin) + 1)
    yield f"{begin} {made.head}" if made.head else begin
    yield from made.lines


def _items(value: list[Any] | tuple[Any, ...], column: int, style: Style) -> Iterator[str]:
    for each in value:
        yield from item(each, column, style)


def item(value: Any, column: int, style: Style, *, block: bool | None = None) -> Iterator[str]:
    """The lines of an item of a list."""
    made = written(value, column + 2 - style.step, style, block=block, room=column + 2)
    if made.head:
        yield f"{' ' * column}- {made.head}"
        yield from made.lines
        return
    if isinstance(value, (list, tuple)):
        made = Written("", tuple(_items(value, column + 2, style)))
    first, *rest = made.lines
    yield f"{' ' * column}- {first.lstrip(' ')}"
    yield from rest
