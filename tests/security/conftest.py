# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stages for the attacks, with the fixtures of the integration tests, and the sum of it all at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "integration"), str(Path(__file__).parent)]

from attack import Tally  # noqa: E402
from lab import PREFIX, fresh_lab  # noqa: E402
from stage import CAN_CONFINE, Stage, build, staged  # noqa: E402

_tally = Tally()


@pytest.fixture(scope="session")
def program() -> Iterator[Path]:
    """The attack program."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build the attack program with")
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place:
        yield build(Path(place))


@pytest.fixture(scope="module", params=[False, True], ids=["unconfined", "confined"])
def stage(request: pytest.FixtureRequest, program: Path) -> Iterator[Stage]:
    """A lab whose attackers are confined, and one where they are not."""
    if request.param and not CAN_CONFINE:
        pytest.skip("guests cannot be confined yet")
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX) as place,
        fresh_lab() as lab,
        staged(lab, program, Path(place), confined=request.param) as made,
    ):
        yield made


@pytest.fixture(scope="session")
def tally() -> Tally:
    """How the attacks went."""
    return _tally


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how the attacks went."""
    for line in _tally.lines():
        terminalreporter.write_line(line)
