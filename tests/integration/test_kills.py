# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ``ansible-playbook`` that are killed with all that they have started; ``make test-soak`` kills more of them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from kills import killing

KILLS = 20


@pytest.mark.long
def test_a_playbook_that_is_killed_at_a_random_moment_is_put_right_by_the_next(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    seed = os.environ.get("SOAK_SEED", "1")
    with killing(tmp_path) as kills:
        for number in range(KILLS):
            try:
                kills.turn(random.Random(f"{seed} {number}"))
            except AssertionError as exc:
                raise AssertionError(f"turn {number} of seed {seed}: {exc}") from exc
        kills.end()
    record_property("killed while they worked", kills.tally.working)
    assert kills.tally.killed >= KILLS
