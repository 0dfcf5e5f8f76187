# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guests' agent in C: a file uses only files below it, and a header declares what the file of its name defines."""

from __future__ import annotations

import graphlib
import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "roles/kernel/files/guest"


def test_no_file_uses_one_that_uses_it() -> None:
    uses = {
        path.stem: set(re.findall(r'^#include "(\w+)\.h"', path.read_text(), re.MULTILINE)) - {path.stem}
        for path in SOURCES.glob("*.c")
    }

    assert {"main", "line", "network", "netlink"} <= set(graphlib.TopologicalSorter(uses).static_order())


def test_a_header_declares_what_the_file_of_its_name_defines() -> None:
    for header in SOURCES.glob("*.h"):
        declared = re.findall(r"^[\w *]*?(\w+)\([^;{]*\);$", header.read_text(), re.MULTILINE)
        source = header.with_suffix(".c")
        defined = re.findall(r"^[\w *]*?(\w+)\([^;{]*\)$", source.read_text(), re.MULTILINE) if declared else []
        assert set(declared) <= set(defined), header.name
