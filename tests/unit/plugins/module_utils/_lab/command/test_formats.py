# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables stand straight, whatever is in them, and do nothing to a terminal; other formats are read back as what went in."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
from typing import Any

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils._lab.command.table import (
    GREEN,
    Column,
    as_csv,
    as_json,
    as_yaml,
    colourful,
    column,
    duration,
    harmless,
    quantity,
    table,
    width,
)

COLUMNS = (
    Column("NAME", lambda found: str(found["name"]), colour=lambda found: GREEN if found["up"] else None),
    column("SIZE", "size", right=True),
    column("MORE", "more", wide=True),
    column("LAST", "last"),
)
RECORDS: list[dict[str, Any]] = [
    {"name": "a", "size": 5, "more": ["x", "y"], "last": "end", "up": True},
    {"name": "longer", "size": 1000, "more": [], "last": None, "up": False},
]


def test_columns_stand_below_their_titles_and_numbers_to_the_right() -> None:
    assert table(RECORDS, COLUMNS) == "NAME    SIZE  LAST\na          5  end\nlonger  1000  -\n"


def test_a_wide_table_has_all_columns() -> None:
    assert table(RECORDS, COLUMNS, wide=True).splitlines()[1] == "a          5  x y   end"


def test_a_table_without_records_is_its_head() -> None:
    assert table([], COLUMNS) == "NAME  SIZE  LAST\n"


def test_colours_take_no_room() -> None:
    lines = table(RECORDS, COLUMNS, colours=True).splitlines()

    assert lines[1] == f"\x1b[{GREEN}ma\x1b[0m          5  end"
    assert "\x1b" not in table(RECORDS, COLUMNS)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("ä", 1), ("a\u0308", 1), ("漢字", 4), ("\uff46", 2), ("\u200b", 0), ("", 0), ("é…→", 3)],
)
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, columns: int) -> None:
    assert width(text) == columns


def test_wide_letters_do_not_shift_what_stands_behind_them() -> None:
    found = table([{**RECORDS[0], "name": "漢字"}, {**RECORDS[0], "name": "e\u0301"}], COLUMNS).splitlines()

    assert [width(line[: line.index("5")]) for line in found[1:]] == [9, 9]


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "a\tb", "\x9b31m", "\u202eabc", "\x00", "\x7f", "\r"])
def test_nothing_reaches_a_terminal_that_it_acts_on(text: str) -> None:
    shown = harmless(text)

    assert shown.isprintable()
    assert "\\" in shown
    for form in (table([{**RECORDS[0], "name": text}], COLUMNS), as_csv([{"a": text}], ["a"]), as_json({"a": text})):
        assert all(line.isprintable() for line in form.splitlines())


def test_formats_are_read_back_as_what_went_in() -> None:
    value = [{"name": '漢字, "x"', "list": ["a", "b"], "none": None, "number": 1.5, "up": True}]

    assert (
        json.loads(as_json(value)) == json.loads(as_json(value, lines=True)) == yaml.safe_load(as_yaml(value)) == value
    )
    assert as_json(value).isascii() and as_json(value, lines=True).count("\n") == 1
    assert list(csv.DictReader(io.StringIO(as_csv(value, list(value[0]))))) == [
        {"name": '漢字, "x"', "list": "a b", "none": "", "number": "1.5", "up": "true"}
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (60, "1m 0s"), (3725, "1h 2m"), (86400 * 3 + 7200, "3d 2h"), (86400, "1d 0h")],
)
def test_a_duration_has_the_two_units_that_count(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 bit/s"), (999.4, "999 bit/s"), (999.6, "1 kbit/s"), (1.234e6, "1.23 Mbit/s"), (5e12, "5e+03 Gbit/s")],
)
def test_a_quantity_has_three_digits(value: float, text: str) -> None:
    assert quantity(value, "bit/s") == text


def test_colours_are_for_terminals_that_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal, io.StringIO() as file:
        assert (colourful(terminal), colourful(file)) == (True, False)
        monkeypatch.setenv("TERM", "dumb")
        assert not colourful(terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        assert not colourful(terminal)
