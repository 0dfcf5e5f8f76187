# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All texts in YAML that the checkout has: examples of the documentation, playbooks, roles, and scenarios in tests."""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import document

TOP = Path(__file__).absolute().parents[3]
_FENCE = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_OF_A_SCENARIO = re.compile(r"^(guests|links|bridges):", re.MULTILINE)


@functools.cache
def real() -> tuple[str, ...]:
    """Each once, those that are valid."""
    return tuple(text for text in dict.fromkeys(_all()) if not document.read(text, "text").faults)


def _all() -> Iterator[str]:
    for page in sorted((*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), *TOP.glob("roles/*/README.md"))):
        yield from (textwrap.dedent(found) for found in _FENCE.findall(page.read_text()))
    for place in ("playbooks", "roles", "examples", "meta", "tests"):
        yield from (path.read_text() for path in sorted((TOP / place).rglob("*.yml")) if path.is_file())
    for program in sorted((*TOP.glob("tests/unit/**/test_*.py"), *TOP.glob("tests/integration/test_*.py"))):
        yield from _scenarios(program.read_text())


def _scenarios(program: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            text = textwrap.dedent(node.value)
            if _OF_A_SCENARIO.search(text):
                yield text
