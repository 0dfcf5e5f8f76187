# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stories of the map in a real browser, on real guests: a lab, ``dumm map`` as users start it, and pages of chromium."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / "integration"), str(Path(__file__).parent)]

from browsing import Browsing, browsing  # noqa: E402
from surroundings import nothing_is_left_on_the_host, pytest_sessionstart, tmp_path  # noqa: E402

__all__ = ["nothing_is_left_on_the_host", "pytest_sessionstart", "tmp_path"]


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "first: the story that is part of make test")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browsing]:
    """A browser for all stories; each page of it has a past of its own."""
    with browsing() as found:
        yield found


@pytest.fixture
def browser(chromium: Browsing) -> Iterator[Browsing]:
    """The browser, for one story, whose pages are closed at its end; what their consoles say against them fails it."""
    try:
        yield chromium
        assert chromium.complaints() == []
    finally:
        chromium.close_pages()
