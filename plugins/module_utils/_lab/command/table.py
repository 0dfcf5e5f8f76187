# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records as a table for people, and as JSON, CSV and YAML for programs.

A table shows nothing that a terminal acts on, whoever has written it, and its columns stand below each other also where letters are
wide or have none (East Asian Width, UAX #11).  It has colours on a terminal only, and not where NO_COLOR is set (no-color.org).
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from ..model.errors import plain

TABLE, JSON, CSV, YAML = FORMATS = ("table", "json", "csv", "yaml")
GREEN, YELLOW, RED, CYAN, MAGENTA, FAINT = "32", "33", "31", "36", "35", "2"
_NOTHING = "-"
_GAP = "  "

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    :ivar text: what it has of a record; empty for nothing.
    :ivar wide: whether only a wide table has it.
    :ivar right: whether it has numbers.
    :ivar colour: of a record's cell.
    """

    title: str
    text: Callable[[Record], str]
    wide: bool = False
    right: bool = False
    colour: Callable[[Record], str | None] | None = None


def column(title: str, key: str, *, wide: bool = False, right: bool = False) -> Column:
    """A column of what records have under a key."""

    return Column(title, lambda record: _plain(record[key]), wide=wide, right=right)


def colourful(stream: TextIO) -> bool:
    """Whether a stream is a terminal that is to have colours."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def table(records: Iterable[Record], columns: Sequence[Column], *, wide: bool = False, colours: bool = False) -> str:
    """A head, and a line for each record."""
    shown = [each for each in columns if wide or not each.wide]
    known = list(records)
    cells = [[harmless(each.text(record)) or _NOTHING for each in shown] for record in known]
    titles = [each.title for each in shown]
    widths = [max(map(width, each)) for each in zip(titles, *cells, strict=True)]
    lines = [_line(shown, titles, widths, [FAINT if colours else None] * len(shown))]
    for record, row in zip(known, cells, strict=True):
        paint = [each.colour(record) if colours and each.colour is not None else None for each in shown]
        lines.append(_line(shown, row, widths, paint))
    return "".join(f"{line}\n" for line in lines)


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], paint: Sequence[str | None]) -> str:
    parts = []
    for number, (each, cell, size, code) in enumerate(zip(columns, cells, widths, paint, strict=True)):
        blanks = " " * (size - width(cell))
        text = cell if code is None else f"\x1b[{code}m{cell}\x1b[0m"
        # Nothing stands behind the last one.
        parts.append(f"{blanks}{text}" if each.right else text if number == len(columns) - 1 else f"{text}{blanks}")
    return _GAP.join(parts)


def as_json(value: object, *, lines: bool = False) -> str:
    """JSON (RFC 8259), of ASCII only.

    :param lines: whether it is to be one line, of a stream of such.
    """
    return json.dumps(value, indent=None if lines else 1) + "\n"


def as_csv(records: Iterable[Record], keys: Sequence[str]) -> str:
    """CSV with a head (RFC 4180); several values stand in one field, with blanks between them."""
    return "".join(
        ",".join(map(_field, row)) + "\n" for row in [keys, *([each[key] for key in keys] for each in records)]
    )


def _field(value: object) -> str:
    text = harmless(_plain(value))
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",') else text


def _plain(value: object) -> str:
    """A value as text: lists with blanks between their parts, truth as JSON has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        value = [f"{key}={each}" for key, each in value.items()]
    return "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def as_yaml(value: object) -> str:
    """YAML."""
    # It takes as long to import as all else together.
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False))


def harmless(text: str) -> str:
    """Text in one line that does nothing to a terminal."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def width(text: str) -> int:
    """How many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def quantity(value: float, unit: str) -> str:
    """``1.2 Mbit/s``: a number with three digits and the prefix that it needs."""
    for prefix in ("", "k", "M", "G"):
        if value < 999.5 or prefix == "G":
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """``3d 4h``, ``2h 5m``, ``7m 3s``, ``12s``: the two units that count."""
    left = int(seconds)
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (left, "s")]
    first = next((number for number, (value, _unit) in enumerate(parts) if value), 3)
    return " ".join(f"{value}{unit}" for value, unit in parts[first : first + 2])
