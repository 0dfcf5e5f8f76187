# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a confined guest must not be able to do is refused, and was worth refusing: with its protection switched off it succeeds."""

from __future__ import annotations

import pytest
from attack import Attack, Outcome, Tally
from attacks import ATTACKS, BY_GUEST_ROOT
from stage import SECRET, Stage

_BY_PROGRAM = [pytest.param(kind, attack, id=attack.name) for kind, attacks in ATTACKS.items() for attack in attacks]


def _judge(stage: Stage, kind: str, attack: Attack, outcome: Outcome, said: str, tally: Tally) -> None:
    if stage.confined:
        tally.note(kind, attack.name, outcome, protected=True)
        assert outcome is not Outcome.SUCCEEDED, said
        assert stage.secret.read_text() == SECRET
        return
    if outcome is Outcome.REFUSED and not attack.is_possible(stage.places):
        outcome = Outcome.ABSENT
    tally.note(kind, attack.name, outcome, protected=False)
    assert outcome is not Outcome.REFUSED, said


@pytest.mark.parametrize(("kind", "attack"), _BY_PROGRAM)
def test_who_runs_in_place_of_the_kernel_cannot(stage: Stage, kind: str, attack: Attack, tally: Tally) -> None:
    _judge(stage, kind, attack, *stage.attack(attack), tally)


@pytest.mark.parametrize("attack", BY_GUEST_ROOT, ids=lambda attack: attack.name)
def test_root_of_a_guest_cannot(mallory: Stage, attack: Attack, tally: Tally) -> None:
    _judge(mallory, "root of a guest, by hostfs", attack, *mallory.by_root(attack), tally)


@pytest.fixture(scope="module")
def mallory(stage: Stage) -> Stage:
    """A stage with a guest of a real kernel, whose root attacks."""
    stage.lab.guest("mallory", mem=64, **stage.options())
    return stage
