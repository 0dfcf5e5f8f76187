# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lint of our words: what it finds, what it leaves alone, and what it takes for a sentence that addresses the reader."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def words() -> ModuleType:
    """The program."""
    path = Path(__file__).parents[2] / "scripts/words.py"
    spec = importlib.util.spec_from_file_location("words", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "line", "phrase"),
    [
        ("# Page\n\nThe module tells that it failed.\n", 3, "tells that"),
        ("A row.\nWhoever is root may do it.\n", 2, "Whoever"),
        ("The guest is\ntold its name.\n", 1, "is told"),
    ],
)
def test_a_phrase_of_the_list_is_found_with_its_line(words: ModuleType, text: str, line: int, phrase: str) -> None:
    assert [found[:2] for found in words.found_in(text, words.phrases())] == [(line, phrase)]


@pytest.mark.parametrize(
    "text",
    [
        "```\nit tells that\n```\n",
        "Run `says that`.\n",
        "[a](says-that.md)\n",
        "Tell your colleagues.\n",
        "<!-- whoever -->\n",
    ],
)
def test_code_and_links_and_plain_words_are_left_alone(words: ModuleType, text: str) -> None:
    assert list(words.found_in(text, words.phrases())) == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("You can undo the last change.", True),
        ("Run the tests of the file.", True),
        ("To keep the changes, set `record: true`.", True),
        ("If a guest does not boot, read its log.", True),
        ("The guest keeps its changes.", False),
        ("A run returns what it did.", False),
    ],
)
def test_a_sentence_addresses_the_reader(words: ModuleType, sentence: str, expected: bool) -> None:
    assert words.addresses(sentence) is expected


def test_cells_and_items_are_sentences_of_their_own_and_headings_are_none(words: ModuleType) -> None:
    text = "# A heading of some words\n\n| one cell with words | another cell with words |\n|---|---|\n\n* An item of a list.\n"

    assert words.sentences(text) == ["one cell with words", "another cell with words", "* An item of a list."]
