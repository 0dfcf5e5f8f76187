# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of runs as pages get them, and several guests as one run."""

from __future__ import annotations

from typing import Any

import pytest
from dumm_lab.map.root import plans
from dumm_lab.map.root.plans import about, steps
from dumm_lab.map.root.power import together

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError, InvalidInput, LockTimeout
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Lab, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import SavePointWish, Scope
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import grouped
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report, RunFailed

GUESTS = ("alice", "bob", "carol", "dave", "x-y")
LAB = Lab("lab", "lab", {name: Guest(name, power=Power.RUNNING) for name in GUESTS})


def test_a_step_that_stands_for_many_names_their_guests() -> None:
    spoken = grouped([*(f"guest {name}: load scenario vpn" for name in GUESTS), "make bridge lan", "start guest x-y"])
    report = Report("scenario", None, actions=("serve it again", *dict.fromkeys(spoken.values())), spoken=spoken)
    assert steps(report, GUESTS) == [
        {"says": "serve it again", "guests": [], "count": 1},
        {"says": "5 guests: load scenario vpn", "guests": list(GUESTS), "count": 5},
        {"says": "make bridge lan", "guests": [], "count": 1},
        {"says": "start guest x-y", "guests": ["x-y"], "count": 1},
    ]


@pytest.mark.parametrize(
    "sentence, guests",
    [
        ("interface alice:eth0: plug into bridge bob", ["alice"]),
        ("make interface x-y:eth0", ["x-y"]),
        ("guest bob: change the files of scenario carol", ["bob"]),
        ("guest nobody: start", []),
    ],
)
def test_guests_are_found_where_a_sentence_names_them(sentence: str, guests: list[str]) -> None:
    assert about((sentence,), GUESTS) == guests


def test_what_waits_for_a_restart_is_told_once() -> None:
    warning = "guest a: mem will take effect when it is restarted (restart: true does it)"
    report = Report("scenario", None, warnings=(warning, "mind that"), restart_required={"a": ("mem",)})
    told = plans.plan(lambda *_words, **_more: report, {}, GUESTS)
    assert (told["warnings"], told["restart_required"]) == (["mind that"], {"a": ["mem"]})


def failing(error: Exception, done: tuple[str, ...] = ()) -> Any:
    """A body that fails."""

    def body(*_words: Any, **_more: Any) -> Report:
        raise RunFailed(error, done=done, warnings=("mind that",))  # type: ignore[arg-type]

    return body


def test_a_plan_that_cannot_be_made_says_why() -> None:
    told = plans.plan(failing(InvalidInput("guest a", "it is none", "choose another")), {}, GUESTS)
    assert (told["failed"], told["warnings"]) == ("guest a: it is none; choose another", ["mind that"])


@pytest.mark.parametrize(
    "error, done, refused, said",
    [
        (
            LockTimeout("workdir", "another run has it", "raise lock_timeout"),
            (),
            True,
            "wait for that run to end, and try again",
        ),
        (InvalidInput("guest a", "it is none", "choose another"), (), True, "choose another"),
        (InvalidInput("guest a", "it is none", "choose another"), ("resume guest b",), False, "choose another"),
        (GuestError("guest a", "it is silent", "restart it"), (), False, "restart it"),
    ],
)
def test_a_run_that_fails_says_whether_it_had_begun(
    error: Exception, done: tuple[str, ...], refused: bool, said: str
) -> None:
    with pytest.raises(plans.Outcome) as caught:
        plans.run(failing(error, done), {}, lambda _says: None)
    assert (caught.value.refused, caught.value.done) == (refused, list(done))
    assert str(caught.value).endswith(said)


def test_several_guests_are_one_wish() -> None:
    given = [
        options.completed(options.GUEST, name="alice", state="stopped"),
        options.completed(options.GUEST, name="bob", state="restarted", save="good"),
        options.completed(options.GUEST, name="carol", state="paused"),
    ]
    wish = together(LAB, given)
    assert wish.scope == Scope(frozenset(("alice", "bob", "carol")))
    assert wish.renew == {"bob"}
    assert {name: guest.power for name, guest in wish.lab.guests.items()} == {
        "alice": Power.STOPPED,
        "bob": Power.RUNNING,
        "carol": Power.PAUSED,
        "dave": Power.RUNNING,
        "x-y": Power.RUNNING,
    }
    assert wish.save_points["bob"] == SavePointWish(save="good")
