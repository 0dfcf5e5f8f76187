# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Union engines: all are in the registry, and outside of ``union`` nothing depends on which one a guest has."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import UnionEngine
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import engines

LAB = Path(lab.__file__).absolute().parents[1]
PLUGINS = LAB.parents[1]
NAMES = re.compile("|".join([*(each.name for each in UnionEngine if each is not UnionEngine.AUTO), "serving"]), re.I)
# Files outside of union/ that name an engine, and why.
MAY_NAME = {
    "module_utils/_lab/model/lab.py": "values of the option",
    "modules/dumm_guest.py": "text of the option",
    "doc_fragments/workdir.py": "what a host needs",
    "module_utils/_lab/scenario/spec.py": "text of the option",
    "module_utils/_lab/access/user_union.py": "a program that mounts a union of this engine, without a guest",
}


def named(source: str) -> Iterator[str]:
    """Words of a program that name an engine: identifiers, and text that is not documentation."""
    tree = ast.parse(source)
    documentation = {
        node.body[0].value.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_program = token.type != tokenize.COMMENT and token.start[0] not in documentation
        if is_program and NAMES.search(token.string):
            yield f"{token.start[0]}: {token.string}"


def outside() -> dict[str, Path]:
    """Files of the collection's plugins that are no union's."""
    union = LAB / "union"
    return {str(path.relative_to(PLUGINS)): path for path in PLUGINS.rglob("*.py") if union not in path.parents}


def test_every_engine_is_in_the_registry() -> None:
    for each in UnionEngine:
        if each is not UnionEngine.AUTO:
            assert engines.of(each)


def test_no_engine_is_named_outside_of_unions() -> None:
    found = {name: list(named(path.read_text())) for name, path in outside().items() if name not in MAY_NAME}

    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("name", MAY_NAME)
def test_who_may_name_an_engine_does(name: str) -> None:
    assert list(named(outside()[name].read_text()))


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("from ..union import cowfs", True),
        ("from ..union import engines", False),
        ("engine is UnionEngine.OVERLAY", True),
        ("engine == 'cowfs'", True),
        ('def f():\n    """As overlayfs does it."""', False),
        ("pass  # for cowfs", False),
    ],
)
def test_a_name_is_found_in_a_program_and_not_in_its_comments(source: str, is_one: bool) -> None:
    assert bool(list(named(source))) is is_one
