# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of docs/reference that follow from the code are up to date, and have all of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.command.main import VERBS
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import settings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written() -> ModuleType:
    """The program that writes the pages."""
    spec = importlib.util.spec_from_file_location("write_reference", REPOSITORY / "scripts/write_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_REMEDY = "run: PYTHONPATH=.collections .venv/bin/python scripts/write_reference.py"
# Errors get better words each day, and "make docs" writes their index anew; it may lag by so many rows until then.
_LAG = 40


def test_the_pages_are_up_to_date(written: ModuleType) -> None:
    late = [path.name for path, text in written.pages().items() if path.read_text() != text]

    assert [name for name in late if name != "errors.md"] == [], _REMEDY


def test_the_index_of_errors_is_nearly_up_to_date(written: ModuleType) -> None:
    page = (written.REFERENCE / "errors.md").read_text()

    assert len(set(page.splitlines()) ^ set((written.HEAD + written.index()).splitlines())) <= _LAG, _REMEDY


def test_every_setting_of_a_scenario_is_in_the_page_of_keys(written: ModuleType) -> None:
    page = written.keys()

    rows = (*settings.GUEST, *settings.IFACE, *settings.BRIDGE)
    assert [
        row.name for row in rows if row.in_file and row.name != "conditions" and f"\n| `{row.name}` |" not in page
    ] == []


def test_every_verb_has_its_options_and_examples(written: ModuleType) -> None:
    page = written.command()

    for verb in VERBS:
        part = page.partition(f"## dumm {verb}\n")[2].partition("\n## ")[0]
        assert "```\ndumm" in part.replace("$ ", "").replace("# ", ""), verb
    assert "`--wait-timeout N`" in page
    assert "--busy" not in page


def test_every_class_of_errors_has_causes_and_remedies(written: ModuleType) -> None:
    page = written.index()

    for name in written.CLASSES:
        rows = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0].count("\n| ")
        assert rows > 3, name
    assert "| there is no such guest |" in page
