# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pointer in a comment, in a message or in a page leads somewhere: the page exists, and so does the heading that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SUFFIXES = {".py", ".md", ".sh", ".yml", ".c", ".h", ".patch", ""}
# docs/internals/unions.md, "Format on disk"
POINTER = re.compile(r"(?<![\w/.(])((?:docs|reference)/[\w./-]*\.md|[A-Z]{4,}\.md)(?:, \"([^\"\n]+)\")?")
LINK = re.compile(r"\]\(((?!https?:|#)[^)\s]*)\)")
OWN = {"README.md", "CHANGELOG.md", "SKILL.md"}


def sources() -> Iterator[Path]:
    """All files of the repository in which people look for reasons."""
    for top in ("plugins", "roles", "scripts", "tests", "playbooks", "examples", "python", "docs"):
        for path in sorted((REPOSITORY / top).rglob("*")):
            if (
                path.is_file()
                and path.suffix in SUFFIXES
                and not {"__pycache__", "node_modules", "vendor", "build"} & set(path.parts)
                and path != Path(__file__)
            ):
                yield path
    yield REPOSITORY / "README.md"


def anchors(page: Path) -> set[str]:
    """The headings of a page as a forge links to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def faults(path: Path) -> Iterator[str]:
    """The pointers of a file that lead nowhere."""
    text = path.read_text(errors="replace")
    for pointer, heading in POINTER.findall(text):
        page = REPOSITORY / pointer
        if not page.is_file() and pointer not in OWN:
            yield pointer
        elif heading and page.is_file() and not re.search(rf"^(#+ |\*)?{re.escape(heading)}\b", page.read_text(), re.M):
            yield f'{pointer}, "{heading}"'
    for target in LINK.findall(text) if path.suffix == ".md" else ():
        file, _hash, anchor = target.partition("#")
        page = (path.parent / file).resolve()
        if not page.exists() or (anchor and page.suffix == ".md" and anchor not in anchors(page)):
            yield target


@pytest.mark.parametrize(
    "text", ["see docs/nowhere.md", 'docs/explanation/security.md, "No such heading"', "DESIGN.md section 3"]
)
def test_a_pointer_that_leads_nowhere_is_found(tmp_path: Path, text: str) -> None:
    page = tmp_path / "comment.py"
    page.write_text(f"# {text}\n")

    assert list(faults(page))


def test_all_pointers_lead_somewhere() -> None:
    assert {str(path.relative_to(REPOSITORY)): found for path in sources() if (found := list(faults(path)))} == {}
