# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Four times the lab is four times the work: counted in steps of Python's own, which are the same on a busy host.

What Python does in C, such as looking for a word in a list, does not count; ``tests/bench/scale.py`` measures time.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Actual
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import describe, desired
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.plan import plan
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import document, loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario
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
    return loader.load(yaml.safe_dump(SHAPES[shape](size), sort_keys=False), name="big", place="big.yml")


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


def _spent(text: str) -> float:
    """CPU time that it takes to understand a source, or to refuse it."""
    before = time.process_time()
    with contextlib.suppress(InvalidInput):
        loader.load(text, name="big", place="big.yml")
    return time.process_time() - before


_TEN_MEGABYTES = 10_000_000
_NONSENSE = {
    "unknown keys": "".join(f"k{n}: 1\n" for n in range(700_000)),
    "guests": "guests:\n" + "".join(f"  g{n}:\n" for n in range(900_000)),
    "brackets": "[" * _TEN_MEGABYTES,
    "one text": "description: " + "x" * _TEN_MEGABYTES,
    "aliases": "a: &a x\nb: [" + "*a," * 2_500_000 + "]\n",
    # Just small enough to be looked at.
    "brackets that are read": "[" * document.MAX_BYTES,
    "values that are read": "- a\n" * (document.MAX_BYTES // 4),
    "one text that is read": "description: " + "x" * (document.MAX_BYTES - 20),
    "anchors in anchors": "a: &a [x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
    ),
    "merged anchors in anchors": "a: &a {x: 1}\n"
    + "".join(
        f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n"
        for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
    ),
    "interfaces of one guest": "guests: {a: {interfaces: {"
    + ",".join(f"e{n}: {{address: 10.0.0.1/24}}" for n in range(6000))
    + "}}}",
    "a number in base sixty": f"guests: {{a: {{mem: {':'.join(['1'] * 300_000)}}}}}",
    "a setting with many dots": f"guests: {{a: {{sysctl: {{'a{'.a' * 1000}!': 1}}}}}}",
    "a link with many blanks": f"guests: {{a: }}\nlinks: ['a{' ' * 300_000}b']",
}


@pytest.fixture(scope="module", name="good")
def _good() -> float:
    """CPU time that 1000 guests take."""
    return _spent(yaml.safe_dump(SHAPES["mixed"](1000), sort_keys=False))


@pytest.mark.parametrize("kind", _NONSENSE)
def test_nonsense_costs_less_than_a_thousand_guests(kind: str, good: float) -> None:
    # Twice, because a busy host's caches count, too; what this is about took ten to a thousand times as much.
    assert _spent(_NONSENSE[kind]) < 2 * good


@pytest.mark.parametrize(
    "shared",
    [
        "vars: {" + ",".join(f"v{n}: 1" for n in range(5000)) + "}",
        "run: [" + "x," * 5000 + "]",
        f"vars: {{x: {'x' * 2_000_000}}}",
        "vars: {x: [[" + "1," * 5000 + "]]}",
    ],
    ids=lambda text: text[:10],
)
def test_what_is_written_once_is_given_to_so_many_guests_only(shared: str) -> None:
    guests = "".join(f"  g{n}: {{groups: [g]}}\n" for n in range(2000))
    with pytest.raises(
        Invalid, match=r"groups\.g: guests have more than 3000000 values in all; shorten what is shared"
    ):
        loader.load(f"groups: {{g: {{{shared}}}}}\nguests:\n{guests}", name="big", place="big.yml")


@pytest.mark.parametrize("size", [document.MAX_FAULTS + 5, 20 * document.MAX_FAULTS])
def test_nobody_looks_for_more_than_a_thousand_faults(size: int) -> None:
    with pytest.raises(Invalid, match=r"(?s)unknown key k0.*\nand at least 980 more$") as caught:
        loader.load("".join(f"k{n}: 1\n" for n in range(size)), name="big", place="big.yml")

    assert len(caught.value.faults) == document.MAX_FAULTS
