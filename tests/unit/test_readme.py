# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What README.md shows of commands is what the tutorial shows, whose commands are run (tests/integration/test_tutorial.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """The commands of a page with their outputs."""
    return _BLOCK.findall((REPOSITORY / page).read_text())


@pytest.mark.parametrize("block", blocks("README.md"), ids=lambda text: text.splitlines()[0])
def test_the_readme_shows_what_the_tutorial_shows(block: str) -> None:
    tutorial = "".join(blocks("docs/tutorial/first-lab.md"))
    if block == "$ make test\n":  # CI runs it
        return

    assert [
        line for line in block.replace("scripts/dumm", "dumm").splitlines() if line not in tutorial.splitlines()
    ] == []


def test_the_readme_has_its_two_first_commands_and_a_picture() -> None:
    text = (REPOSITORY / "README.md").read_text()

    assert "$ make lab\n" in text and "$ make test\n" in text
    assert (REPOSITORY / re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)[0]).is_file()
