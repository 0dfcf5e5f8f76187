# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order the steps of a plan begin."""

from __future__ import annotations

from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action, Plan, Step
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import apply

GUESTS = ("a", "b", "c")


def plan() -> Plan:
    """Definitions, and guests that start when theirs is there."""
    stores = [Step(Kind.STORE_GUEST.of(name), Action()) for name in GUESTS]
    starts = [Step(Kind.START.of(name), Action(), after=(Kind.STORE_GUEST.of(name),)) for name in GUESTS]
    readies = [Step(Kind.READY.of(name), Action(), after=(Kind.START.of(name),)) for name in GUESTS]
    return Plan(tuple(step for steps in zip(stores, starts, readies, strict=True) for step in steps))


def begun(waiting: apply._Waiting, most: int, *, held: bool = False) -> list[str]:
    """What begins now, and is done at once."""
    steps = waiting.take(lambda step: not (held and step.key.kind is Kind.READY), most)
    for step in steps:
        waiting.done(step)
    return [str(step.key) for step in steps]


def test_a_guest_starts_before_the_next_is_stored() -> None:
    waiting = apply._Waiting(plan())
    assert [begun(waiting, 1)[0] for _step in range(5)] == [
        "store guest a",
        "start guest a",
        "ready guest a",
        "store guest b",
        "start guest b",
    ]
    assert waiting.left == 4


def test_no_more_begin_than_there_is_room_for() -> None:
    waiting = apply._Waiting(plan())
    assert begun(waiting, 0) == []
    assert begun(waiting, 2) == ["store guest a", "store guest b"]
    assert begun(waiting, 9) == ["start guest a", "start guest b", "store guest c"]


def test_those_that_are_held_let_others_pass_and_begin_later() -> None:
    waiting = apply._Waiting(plan())
    first = [begun(waiting, 1, held=True) for _step in range(6)]
    assert first == [[f"{what} guest {name}"] for name in GUESTS for what in ("store", "start")]
    assert begun(waiting, 9, held=True) == []
    assert waiting.left == 3
    assert begun(waiting, 9) == [f"ready guest {name}" for name in GUESTS]
    assert waiting.left == 0
