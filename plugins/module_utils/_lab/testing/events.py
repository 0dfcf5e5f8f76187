# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run of tests publishes while it works: for the lines of a terminal, of a playbook, and of a front end to come.

They are events of a run as any other (``run/events``), so that one subscriber is told of the lab's changes and of its tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..run.events import Event
from .results import StepResult, TestResult


@dataclass(frozen=True)
class SuiteBegan(Event):
    """Tests are to be run.

    :ivar total: how many, each variant of a matrix counted.
    :ivar labs: how many labs they are run in side by side.
    """

    total: int
    labs: int = 1


@dataclass(frozen=True)
class TestBegan(Event):
    """A test has begun, or is run again.

    :ivar variant: kernel and master of a matrix; empty without one.
    :ivar attempt: 1 for the first time.
    """

    # Not a test of pytest's.
    __test__ = False

    group: str
    name: str
    variant: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class TestStepEnded(Event):
    """A step of a test has ended."""

    __test__ = False

    group: str
    name: str
    variant: str
    result: StepResult


@dataclass(frozen=True)
class TestEnded(Event):
    """A test has ended, after its last try."""

    __test__ = False

    result: TestResult
