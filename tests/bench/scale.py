# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a large scenario file costs before anything is done: ten times the guests, side by side in one run.

    PYTHONPATH=.collections python tests/bench/scale.py [ROUNDS]

Seconds of CPU, the best of some rounds in which the sizes take turns; a ratio of 10 is linear.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict

import yaml

from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.tests.unit.helpers.scale import SHAPES

SIZES = (300, 3000)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name, shape in SHAPES.items():
        texts = {size: yaml.safe_dump(shape(size), sort_keys=False) for size in SIZES}
        taken: dict[int, list[float]] = defaultdict(list)
        for _round in range(rounds):
            for size, text in texts.items():
                begun = time.process_time()
                loader.load(text, name="big", place="big.yml")
                taken[size].append(time.process_time() - begun)
        few, many = (min(taken[size]) for size in SIZES)
        print(f"{name:6}  {few:6.2f} s  {many:6.2f} s  ratio {many / few:5.1f}", flush=True)


if __name__ == "__main__":
    main()
