# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenario files that are mangled at random: accepted, or refused in few words; ``make test-soak`` tries more of them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import mangle
import pytest
from badfiles import BadFiles
from lab import Lab

FILES = 500


@pytest.mark.long
def test_a_mangled_file_is_accepted_or_a_bounded_error_with_its_place(lab: Lab, tmp_path: Path) -> None:
    seed = os.environ.get("SOAK_SEED", "1")
    files = BadFiles(lab, tmp_path)
    before = lab.snapshot()

    wrong = []
    for number in range(FILES):
        dice = random.Random(f"{seed} {number}")
        bad = mangle.heavy(dice) if number == 0 else mangle.mangled(dice)
        if said := files.try_one(bad).wrong:
            wrong.append(f"file {number} of seed {seed} ({bad.how}): {said}")

    assert not wrong, "\n".join(wrong)
    assert FILES / 2 < files.refused < FILES
    assert lab.snapshot() == before
