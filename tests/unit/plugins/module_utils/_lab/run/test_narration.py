# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subscribers of a run: what they make of its events."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action, Plan, Step
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import (
    Event,
    Progress,
    Publisher,
    Started,
    StepBegan,
    StepDone,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.narration import Narrator, Stopwatch, how_far
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Duration


def _start(guest: str, *says: str) -> Step:
    return Step(Kind.START.of(guest), Action(), says)


def _told(plan: Plan) -> list[str]:
    told: list[str] = []
    narrator = Narrator(told.append, told.append)
    for event in (Started(plan), *map(StepBegan, plan.steps)):
        narrator(event)
    return told


def test_each_step_is_told_when_it_begins() -> None:
    assert _told(Plan((_start("a", "start guest a"), _start("b"), _start("c", "x", "y")))) == [
        "start guest a",
        "x",
        "y",
    ]


def test_what_is_the_same_of_many_is_told_once_as_the_report_has_it() -> None:
    plan = Plan(tuple(_start(name, f"guest {name}: load scenario vpn", f"start guest {name}") for name in "abcd"))

    assert _told(plan) == plan.actions
    assert plan.actions[0] == "4 guests: load scenario vpn"


def test_a_second_plan_may_say_the_same() -> None:
    told: list[str] = []
    narrator, step = Narrator(told.append, told.append), _start("a", "start guest a")

    for event in [Started(Plan((step,))), StepBegan(step)] * 2:
        narrator(event)

    assert told == ["start guest a"] * 2


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(9, 2, 0, 0, None, 0.0), "2 of 9 steps done"),
        (Progress(9, 2, 4, 1, None, 0.0), "2 of 9 steps done, 1 of 4 guests up"),
        (
            Progress(9, 2, 4, 1, _start("a"), 7.6),
            "2 of 9 steps done, 1 of 4 guests up; start guest a has taken 8 s so far",
        ),
    ],
)
def test_progress_is_a_line(progress: Progress, line: str) -> None:
    told: list[str] = []
    Narrator(lambda _sentence: pytest.fail("no step has begun"), told.append)(progress)

    assert told == [line] == [how_far(progress)]


def test_durations_are_those_of_each_plan_the_slowest_first() -> None:
    watch = Stopwatch()

    for plan in [{"a": 0.1, "b": 0.30006}, {"c": 0.2}]:
        watch(Started(Plan(())))
        for guest, seconds in plan.items():
            watch(StepDone(_start(guest), seconds))

    assert watch.durations == (
        Duration("start guest b", 0.3001),
        Duration("start guest a", 0.1),
        Duration("start guest c", 0.2),
    )


def test_every_subscriber_gets_every_event_in_order_and_one_at_a_time() -> None:
    inside = threading.Lock()
    seen: list[list[Event]] = [[], []]

    def first(event: Event) -> None:
        assert inside.acquire(blocking=False)
        seen[0].append(event)

    def second(event: Event) -> None:
        seen[1].append(event)
        inside.release()

    publish = Publisher(first, second)
    threads = [
        threading.Thread(target=lambda: [publish(StepBegan(_start(str(number)))) for number in range(200)])
        for _each in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen[0]) == 800
    assert seen[0] == seen[1]
