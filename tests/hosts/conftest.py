# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three lab hosts and a controller for the tests of labs that are on several machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_INTEGRATION = Path(__file__).parents[1] / "integration"
sys.path[:0] = [str(_INTEGRATION), str(Path(__file__).parent)]

from surroundings import nothing_is_left_on_the_host, pytest_sessionstart, tmp_path  # noqa: E402
from world import World, world  # noqa: E402

__all__ = ["nothing_is_left_on_the_host", "pytest_sessionstart", "tmp_path"]


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "long: what make test leaves out, for make test-hosts and make test-all")


@pytest.fixture(scope="session")
def site(nothing_is_left_on_the_host: None) -> Iterator[World]:
    """The machines, which all tests share."""
    with world() as made:
        yield made


@pytest.fixture
def hosts(site: World) -> Iterator[World]:
    """The machines, all on, and nothing of a lab on any of them afterwards."""
    yield site
    site.clear()
