# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a confined guest must not be able to do is refused, and was worth refusing: without confinement it succeeds."""

from __future__ import annotations

from collections import Counter

import pytest
from attacks import ATTACKS, BY_GUEST_ROOT, Attack
from stage import SECRET, Stage


def _judge(stage: Stage, attack: Attack, succeeded: bool, said: str, tally: Counter[tuple[bool, bool]]) -> None:
    tally[stage.confined, succeeded] += 1
    expected = False if stage.confined else attack.unconfined
    assert expected in (None, succeeded), said
    if stage.confined:
        assert stage.secret.read_text() == SECRET


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_who_runs_in_place_of_the_kernel_cannot(
    stage: Stage, attack: Attack, tally: Counter[tuple[bool, bool]]
) -> None:
    _judge(stage, attack, *stage.attack(attack), tally)


@pytest.mark.parametrize("attack", BY_GUEST_ROOT, ids=lambda attack: attack.name)
def test_root_of_a_guest_cannot(mallory: Stage, attack: Attack, tally: Counter[tuple[bool, bool]]) -> None:
    _judge(mallory, attack, *mallory.by_root(attack), tally)


@pytest.fixture(scope="module")
def mallory(stage: Stage) -> Stage:
    """A stage with a guest of a real kernel, whose root attacks."""
    stage.lab.guest("mallory", mem=64, **stage.options())
    return stage
