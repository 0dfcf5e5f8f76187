# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layout of ``_lab``: packages whose imports point downwards, and packages that do no I/O.

The imports are read from the source, those inside functions too.
"""

from __future__ import annotations

import ast
import functools
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import lab

LAB = Path(lab.__file__).absolute().parents[1]
PACKAGE = lab.__name__.rsplit(".", 2)[0]

# What each package may import from, lowest first.
MAY_IMPORT = {
    "model": [],
    "scenario": ["model"],
    "host": ["model"],
    "union.server": ["model", "host"],
    "union": ["model", "host", "union.server"],
    "inside": ["model", "host"],
    "guest": ["model", "host", "union", "inside"],
    "plan": ["model", "scenario", "inside"],
    "run": ["model", "scenario", "host", "union", "inside", "guest", "plan"],
    "access": ["model", "scenario", "host", "union.server", "union", "inside", "guest", "run"],
    "access.capture": ["model", "host", "run", "access"],
    "access.pictures": ["model"],
    "testing": ["model", "scenario", "host", "guest", "plan", "run", "access", "access.capture"],
    "testing.strongswan": ["model", "host", "guest", "run", "access", "testing"],
    "testing.runs": ["model", "scenario", "host", "run", "testing", "testing.strongswan"],
    "command": [
        "model",
        "scenario",
        "host",
        "plan",
        "run",
        "access",
        "access.capture",
        "access.pictures",
        "testing",
        "testing.runs",
    ],
}
PURE = ("model", "scenario", "plan")
# Packages that do I/O, and libraries that take long to import.
BLOCKED = ("host", "union", "guest", "run", "access", "testing", "command")
SLOW = ("pyroute2", "pyfuse3")
OF_THE_SYSTEM = {
    "concurrent",
    "ctypes",
    "fcntl",
    "mmap",
    "resource",
    "select",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
}


@dataclass(frozen=True)
class Import:
    """One import statement's name.

    :ivar source: file that has it, such as ``plan.steps``.
    :ivar target: file of ``_lab`` that it names, or another module.
    :ivar deferred: whether it stands in a function.
    """

    source: str
    target: str
    deferred: bool


def _name(path: Path) -> str:
    return ".".join(path.relative_to(LAB).with_suffix("").parts)


FILES = {_name(path): path for path in sorted(LAB.rglob("*.py")) if path.name != "__init__.py"}


def package_of(name: str) -> str:
    """The package of a file."""
    return name.rpartition(".")[0]


@functools.cache
def imports() -> tuple[Import, ...]:
    """All imports of all files."""
    return tuple(found for name in FILES for found in _imports_of(name))


def _imports_of(name: str) -> Iterator[Import]:
    tree = ast.parse(FILES[name].read_text())
    at_once = {id(node) for node in _outside_functions(tree)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for target in _targets(name, node):
                yield Import(name, target, id(node) not in at_once)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _outside_functions(child)


def _targets(name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    above = [] if node.level == 0 else name.split(".")[: -node.level]
    base = ".".join([*above, *([node.module] if node.module else [])])
    for alias in node.names:
        full = f"{base}.{alias.name}".lstrip(".")
        yield full if full in FILES else base


def inner() -> list[Import]:
    """Imports of a file of ``_lab`` by another."""
    return [each for each in imports() if each.target in FILES]


def test_every_file_is_in_a_package_of_the_table() -> None:
    assert {package_of(name) for name in FILES} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_from_packages_below_it_only(package: str) -> None:
    allowed = {package, *MAY_IMPORT[package]}

    assert [
        each for each in inner() if package_of(each.source) == package and package_of(each.target) not in allowed
    ] == []


def test_the_table_points_downwards() -> None:
    lower: set[str] = set()
    for package, allowed in MAY_IMPORT.items():
        assert set(allowed) <= lower
        lower.add(package)


def test_every_arrow_of_the_table_is_an_import() -> None:
    found = {(package_of(each.source), package_of(each.target)) for each in inner()}

    assert {(package, each) for package, allowed in MAY_IMPORT.items() for each in allowed} <= found


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph: dict[str, set[str]] = {name: set() for name in FILES}
    for each in inner():
        graph[each.source].add(each.target)

    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(FILES)


def test_relative_imports_name_files_that_exist() -> None:
    lost = [each for each in imports() if each.target.split(".")[0] in {name.split(".")[0] for name in FILES}]

    assert [each for each in lost if each.target not in FILES] == []


def test_only_what_takes_long_to_import_is_imported_inside_functions() -> None:
    deferred = [each for each in inner() if each.deferred]

    assert deferred
    assert [each for each in deferred if not _reaches(each.target, SLOW)] == []


def _reaches(name: str, wanted: tuple[str, ...]) -> bool:
    """Whether a file, or one that it imports, imports one of these; the server of a union is a program with pyfuse3."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        here = todo.pop()
        if package_of(here) == "union.server" or here in wanted:
            return True
        if here not in seen:
            seen.add(here)
            todo += [each.target for each in imports() if each.source == here]
    return False


@pytest.mark.parametrize("library", SLOW)
def test_one_file_imports_a_slow_library(library: str) -> None:
    assert len({each.source for each in imports() if each.target.split(".")[0] == library}) == 1


def test_packages_have_an_empty_init() -> None:
    # AnsiballZ sends that of every ancestor, and follows its imports.
    for package in MAY_IMPORT:
        assert (LAB / package.replace(".", "/") / "__init__.py").read_bytes() == b""


_ALONE = """
import importlib, importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if any(name == each or name.startswith(each + ".") for each in {blocked!r}):
            raise ImportError(name + " does I/O")

sys.meta_path.insert(0, Refuse())
for name in {names!r}:
    importlib.import_module(name)
"""


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_imports_without_those_that_do_io(package: str) -> None:
    names = [f"{PACKAGE}.{name}" for name in FILES if package_of(name) == package]
    blocked = [*(f"{PACKAGE}.{each}" for each in BLOCKED), *SLOW]
    program = _ALONE.format(blocked=blocked, names=names)
    place = str(LAB.parents[5])

    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {place!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_needs_nothing_of_the_system(package: str) -> None:
    named = [each for each in imports() if package_of(each.source) == package]

    assert [each for each in named if each.target.split(".")[0] in OF_THE_SYSTEM] == []


def test_a_package_that_does_io_is_refused_there() -> None:
    program = _ALONE.format(blocked=[f"{PACKAGE}.host"], names=[f"{PACKAGE}.guest.processes"])
    place = str(LAB.parents[5])

    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {place!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert "_lab.host does I/O" in done.stderr
