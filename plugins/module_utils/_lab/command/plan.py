# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm plan``: what ``dumm up`` would do, and nothing of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..model import options
from ..run.runner import run_scenario
from .bodies import add_options, carried_out, close, difference
from .up import scenario_params, scenario_parser

CHANGES = 3
_OPTIONS = ("only", "power", "prune", "restart", "record", "netns")
_EXAMPLES = """\
  dumm plan lab.yml                what dumm up would do, step by step, and what is different then
  dumm plan lab.yml --exit-code    exit code 3 if that is anything
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Print the plan for a scenario."""
    parser = scenario_parser("dumm plan", "Show what dumm up would do. Nothing is changed.", _EXAMPLES, workdir)
    parser.add_argument("--no-diff", action="store_true", help="show the steps only")
    parser.add_argument("--exit-code", action="store_true", help=f"exit with {CHANGES} if something would change")
    add_options(parser, options.SCENARIO, _OPTIONS)
    wanted = parser.parse_args(words)
    report = carried_out(run_scenario, scenario_params(wanted), check=True)
    sys.stdout.write("".join(f"{action}\n" for action in report.actions))
    if report.actions and not wanted.no_diff:
        sys.stdout.write(difference(report.diff))
    close(report)
    return CHANGES if wanted.exit_code and report.changed else 0
