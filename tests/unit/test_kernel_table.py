# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of docs/reference/kernel.md: what is in the tuned kernel is what its fragments ask for, and what works is told evenly."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).parents[2]
# The table tells that the tuned kernel lacks them.
LACKING = {"SECURITY_SELINUX", "DEBUG_INFO_BTF", "KPROBES", "PERF_EVENTS", "FTRACE", "SMP"}


def _program(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, REPOSITORY / path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table, matrix = _program("scripts/kernel_table.py"), _program("tests/integration/kernel_matrix.py")


def test_the_column_of_the_tuned_kernel_is_what_its_fragments_ask_for() -> None:
    text = table.DOCUMENT.read_text()

    assert table.render(text, {"tuned": table.tuned()}) == text, "run scripts/kernel_table.py"
    assert "?" not in {each for cells in table.read(text).values() for each in cells.values()}


def test_the_table_names_options_that_the_fragments_have() -> None:
    named = {option for rows in table.SUBSYSTEMS.values() for options in rows.values() for option in options.split()}

    assert named - table.tuned().keys() <= LACKING


def test_every_fragment_is_a_part_of_the_kernel() -> None:
    assert {path.name for path in table.fragments()} == {path.name for path in table.FRAGMENTS.glob("*.config")}


def test_a_row_is_built_in_or_a_module_or_in_part() -> None:
    found = table.settings("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n# CONFIG_C is not set\n")

    cells = {options: table.cell(found, options.split()) for options in ("A", "B", "C", "A B", "A C", "B C")}

    assert cells == {"A": "yes", "B": "module", "C": "no", "A B": "module", "A C": "in part", "B C": "in part, module"}


def test_what_was_found_goes_into_the_table_and_what_was_not_tried_stays() -> None:
    text = (
        f"x\n{matrix.BEGIN}\n\n"
        + "| | tried | a | b | c |\n|---|---|---|---|---|\n| nets | `one`, `two` | all | not `one` | none |\n\n"
    )
    rows = matrix.read(f"{text}{matrix.END}\ny")

    assert rows == {"nets": (["one", "two"], {"tuned": [], "debian-7.2": ["one"], "debian-6.12": ["one", "two"]})}
    merged = matrix.merge(rows, [("nets", "one", "tuned", False), ("nets", "two", "tuned", True)])
    assert merged == {
        "nets": (["one", "two"], {"tuned": ["one"], "debian-7.2": ["one"], "debian-6.12": ["one", "two"]})
    }
    assert matrix.render(merged).splitlines()[2] == "| nets | `one`, `two` | not `one` | not `one` | none |"


def test_the_table_of_what_works_is_as_it_would_be_written() -> None:
    text = matrix.DOCUMENT.read_text()

    assert matrix.render(matrix.read(text)) == text.partition(matrix.BEGIN)[2].partition(matrix.END)[0].strip()
