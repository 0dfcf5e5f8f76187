# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How strictly JSON is read: what could not be written again, or shown, is refused, wherever in the file it is."""

from __future__ import annotations

import json

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import stored


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud800"',
        r'{"a": ["\udfff"]}',
        r'{"\ud83d": 1}',
        "[" * (stored.MAX_DEPTH + 2) + "]" * (stored.MAX_DEPTH + 2),
        '{"a":' * (stored.MAX_DEPTH + 2) + "1" + "}" * (stored.MAX_DEPTH + 2),
    ],
)
def test_halves_of_letters_and_what_is_nested_too_deeply_are_refused(text: str) -> None:
    with pytest.raises(stored.Unfit):
        stored.parse(text.encode())


@pytest.mark.parametrize(
    "text",
    [r'"\ud83d\ude00"', '"é😀"', r'"\u00e9"', "[" + "[1]," * 1000 + "1]", "[" * 100 + "]" * 100, r'"\\ud800"'],
)
def test_everything_else_is_read(text: str) -> None:
    assert stored.parse(text.encode()) == json.loads(text)
