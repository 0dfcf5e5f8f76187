# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which kernel can what: a table of docs/reference/kernel.md, which the conformance suite expects to be right, and which it fills.

``DUMM_KERNEL_FOUND=FILE`` lets the suite write what it finds to a file instead of comparing it with the table, and
``python tests/integration/kernel_matrix.py FILE`` writes the table from it.  A row is a subsystem: the features that are tried, then for
each kernel "all", "none", or the features that it lacks.  A kernel that was not tried keeps its column.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/reference/kernel.md"
BEGIN, END = "<!-- what works: tests/integration/kernel_matrix.py -->", "<!-- end of what works -->"
# Names of kernels in the tests' base begin like this, and are called so in the table.
COLUMNS = {"tuned": "tuned 7.3", "debian-7.2": "Debian's 7.2", "debian-6.12": "Debian's 6.12"}
FOUND = os.environ.get("DUMM_KERNEL_FOUND")

# By subsystem: the features, in the order in which they are tried, and by kernel those that it lacks.
Rows = dict[str, tuple[list[str], dict[str, list[str]]]]


def column(kernel: str) -> str:
    """The key in ``COLUMNS`` of a kernel's name."""
    return next(each for each in COLUMNS if kernel.startswith(each))


def read(text: str) -> Rows:
    """What the table tells."""
    rows: Rows = {}
    for line in text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]:
        subsystem, features, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        tried = re.findall(r"`([^`]+)`", features)
        lacks = {
            key: tried if cell == "none" else re.findall(r"`([^`]+)`", cell)
            for key, cell in zip(COLUMNS, cells, strict=True)
        }
        rows[subsystem] = (tried, lacks)
    return rows


def render(rows: Rows) -> str:
    """The table."""
    lines = [f"| | tried | {' | '.join(COLUMNS.values())} |", f"|---|---|{'---|' * len(COLUMNS)}"]
    for subsystem, (tried, lacks) in rows.items():
        cells = " | ".join(_cell(tried, lacks.get(key, tried)) for key in COLUMNS)
        lines.append(f"| {subsystem} | {_names(tried)} | {cells} |")
    return "\n".join(lines)


def _cell(tried: list[str], lacks: list[str]) -> str:
    lost = [each for each in tried if each in lacks]
    return "all" if not lost else "none" if lost == tried else f"not {_names(lost)}"


def _names(features: list[str]) -> str:
    return ", ".join(f"`{each}`" for each in features)


@functools.lru_cache(maxsize=1)
def _documented() -> Rows:
    return read(DOCUMENT.read_text())


def check(subsystem: str, feature: str, kernel: str, works: bool) -> None:
    """Compare what was found with the table, or write it down."""
    if FOUND:
        with Path(FOUND).open("a", encoding="utf-8") as file:
            file.write(json.dumps([subsystem, feature, column(kernel), works]) + "\n")
        return
    tried, lacks = _documented().get(subsystem, ([], {}))
    assert feature in tried, f"docs/reference/kernel.md does not know {subsystem}: {feature}; see kernel_matrix.py"
    expected = feature not in lacks[column(kernel)]
    assert works is expected, (
        f"{feature} {'works' if works else 'does not work'} with {kernel}, docs/reference/kernel.md differs"
    )


def merge(rows: Rows, found: list[tuple[str, str, str, bool]]) -> Rows:
    """A table with what was found in it; features that were tried by nobody now go."""
    merged: Rows = {}
    for subsystem, feature, _kernel, _works in found:
        tried, _lacks = merged.setdefault(subsystem, ([], {}))
        if feature not in tried:
            tried.append(feature)
    for subsystem, (tried, lacks) in merged.items():
        for key in COLUMNS:
            results = {feature: works for row, feature, kernel, works in found if (row, kernel) == (subsystem, key)}
            before, lacked = rows.get(subsystem, ([], {}))
            lacks[key] = [
                each for each in tried if not results.get(each, each in before and each not in lacked.get(key, ()))
            ]
    return merged


def main() -> None:
    """Write the table from what the suite has found."""
    found = [tuple(json.loads(line)) for line in Path(sys.argv[1]).read_text().splitlines()]
    text = DOCUMENT.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{render(merge(read(text), found))}\n\n{END}{after}")


if __name__ == "__main__":
    main()
