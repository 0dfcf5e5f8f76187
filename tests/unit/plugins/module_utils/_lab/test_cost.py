# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Four times the lab is four times the work: counted in steps of Python's own, which are the same on a busy host.

What Python does in C, such as looking for a word in a list, does not count; ``tests/bench/scale.py`` measures time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab import describe, desired, scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import Lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.observe import Actual
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import plan
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import Scenario
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import prepared
from ansible_collections.dumm.lab.tests.unit.helpers.scale import SHAPES

FEW, MANY = 40, 120
# Some of the work is the same for every lab, and none may grow faster than the lab.
MOST = 1.05 * MANY / FEW


def steps_of(work: Callable[[], Any]) -> int:
    """How many instructions of Python's own some work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def loaded(shape: str, size: int) -> Scenario:
    """A scenario of so many guests."""
    return scenario.load(yaml.safe_dump(SHAPES[shape](size), sort_keys=False), name="big", place="big.yml")


def planned(wanted: Scenario) -> None:
    """All that is done without a host from a scenario to a plan, to what was found, and to a lab without it."""
    params = {key: each.get("default") for key, each in _spec.SCENARIO.items()}
    params |= {"name": "big", "state": "present"}
    empty = Lab("dumm-test", "dumm-test")
    wish = desired.scenario(params, empty, wanted, {})
    ready = {name: prepared(guest) for name, guest in wish.lab.guests.items()}
    plan(Actual(empty), wish, ready)
    there = Actual(wish.lab)
    describe.found_lab(there)
    describe.mentioned(wish.lab, wish.scope)
    desired.scenario({**params, "state": "absent"}, wish.lab, None, {})


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scenario_is_understood_in_linear_time(shape: str) -> None:
    few, many = (steps_of(lambda size=size: loaded(shape, size)) for size in (FEW, MANY))

    assert many / few < MOST


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scenario_is_planned_in_linear_time(shape: str) -> None:
    few, many = (loaded(shape, size) for size in (FEW, MANY))

    assert steps_of(lambda: planned(many)) / steps_of(lambda: planned(few)) < MOST
