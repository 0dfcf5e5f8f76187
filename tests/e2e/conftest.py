# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as users get it, and the ways they go; all with the fixtures and the labs of the integration tests."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_INTEGRATION = Path(__file__).parents[1] / "integration"
sys.path[:0] = [str(_INTEGRATION), str(Path(__file__).parent)]

import way  # noqa: E402
from batch import Running  # noqa: E402
from case import Case  # noqa: E402
from cases import CASES  # noqa: E402
from installed import Installed, build, environment, install, pinned  # noqa: E402
from lab import PREFIX  # noqa: E402
from openssh import Server, served  # noqa: E402
from surroundings import nothing_is_left_on_the_host, pytest_sessionstart, tmp_path  # noqa: E402
from way import Way  # noqa: E402

__all__ = ["nothing_is_left_on_the_host", "pytest_sessionstart", "tmp_path"]


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "debian13: on Debian 13 with the newest Ansible, for make test-all")
    config.addinivalue_line("markers", "ecosystem: with the tools around Ansible, for make test-all")


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A directory for all that is made."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made:
        yield Path(made)


@pytest.fixture(scope="session")
def tarball(place: Path) -> Path:
    """The built collection."""
    (place / "build").mkdir()
    return build(place / "build", environment(pinned()) / "bin")


@pytest.fixture(scope="session")
def user(place: Path, tarball: Path) -> Installed:
    """A user with the pinned versions."""
    (place / "user").mkdir()
    return install(place / "user", environment(pinned()) / "bin", tarball)


@pytest.fixture(scope="session")
def server(nothing_is_left_on_the_host: None) -> Iterator[Server]:
    """The SSH server of the lab host that is another machine."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made, served(Path(made)) as running:
        yield running


@pytest.fixture(scope="session")
def local(place: Path, user: Installed, nothing_is_left_on_the_host: None) -> Iterator[Way]:
    """The controller itself."""
    (place / "local").mkdir()
    with way.local(user, place / "local") as made:
        yield made


@pytest.fixture(scope="session")
def remote(place: Path, user: Installed, server: Server) -> Iterator[Way]:
    """Another machine."""
    (place / "remote").mkdir()
    with way.remote(user, place / "remote", server) as made:
        yield made


def _asked_for(request: pytest.FixtureRequest, name: str) -> list[Case]:
    """The cases of the tests that are to be run."""
    wanted: set[str] = set()
    for item in request.session.items:
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        case = given.get("case")
        if isinstance(case, Case) and given.get("way_name") == name:
            wanted.add(case.name)
    return [case for case in CASES if case.name in wanted]


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[str, Running]]:
    """What comes out of the cases in each way in which they are asked for."""
    asked_for = {name: cases for name in ("local", "remote") if (cases := _asked_for(request, name))}
    made = {name: Running(request.getfixturevalue(name), cases) for name, cases in asked_for.items()}
    yield made
    for running in made.values():
        running.end()
