# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm up``: make the lab what a scenario's file says, once or at each save of the file."""

from __future__ import annotations

import os
import select
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..host import syscalls
from ..model import options
from ..model.errors import InvalidInput
from ..run.report import RunFailed
from ..run.runner import run_scenario
from .bodies import add_options, carried_out, close, difference, given, scenario_name
from .usage import Parser, WrongUsage, complain

_OPTIONS = (
    "only",
    "power",
    "prune",
    "restart",
    "record",
    "in_use",
    "parallel",
    "wait_timeout",
    "lock_timeout",
    "netns",
)
_EXAMPLES = """\
  dumm up lab.yml                 make the lab what the file says
  dumm up lab.yml --watch         and again at each save of the file, until Ctrl-C
  dumm up lab.yml --only alice    of that, only what concerns alice
  dumm up lab.yml --diff          show what changes
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Apply a scenario as the words say."""
    parser = scenario_parser("dumm up", "Make the lab what a scenario file describes.", _EXAMPLES, workdir)
    parser.add_argument("--watch", action="store_true", help="apply the file at each save, and go on after errors")
    parser.add_argument("--diff", action="store_true", help="show what changes")
    add_options(parser, options.SCENARIO, _OPTIONS)
    wanted = parser.parse_args(words)
    params = scenario_params(wanted)
    if not wanted.watch:
        _apply(params, wanted)
        return 0
    if not wanted.file:
        raise WrongUsage("dumm up", "--watch needs a file", "name the scenario's file")
    _follow(params, wanted)
    return 0


def scenario_parser(name: str, summary: str, examples: str, workdir: str) -> Parser:
    """What reads a scenario's file and name."""
    parser = Parser(name, summary, examples, workdir)
    parser.add_argument("file", metavar="FILE", nargs="?", help="scenario file (default: the one that is stored)")
    parser.add_argument("-n", "--name", metavar="NAME", help="name of the scenario (default: that of the file)")
    return parser


def scenario_params(wanted: Namespace) -> dict[str, Any]:
    """Arguments of ``dumm_scenario``."""
    if wanted.file is None and wanted.name is None:
        raise WrongUsage("dumm", "there is no scenario", "name a file, or a stored scenario with --name")
    if wanted.file is not None and not os.path.exists(wanted.file):
        raise InvalidInput(f"file {wanted.file}", "there is none", "name the scenario's file")
    src = None if wanted.file is None else str(Path(wanted.file).absolute())
    name = wanted.name or scenario_name(wanted.file)
    return given(wanted, options.SCENARIO, name=name, src=src)


def _apply(params: dict[str, Any], wanted: Namespace) -> None:
    report = carried_out(run_scenario, params)
    if wanted.diff:
        sys.stdout.write(difference(report.diff))
    close(report)


def _follow(params: dict[str, Any], wanted: Namespace) -> None:
    """Apply a file at each save, until the user goes away.

    Editors write a file in place, or put another one in its place, so it is its directory that is watched.
    """
    path = Path(wanted.file).absolute()
    news = syscalls.inotify_init()
    syscalls.inotify_add_watch(news, str(path.parent), syscalls.IN_CLOSE_WRITE | syscalls.IN_MOVED_TO)
    while True:
        try:
            _apply(params, wanted)
        except RunFailed as failed:
            complain(f"dumm: {failed}", 0)
        sys.stdout.write(f"waiting for a change of {wanted.file} (Ctrl-C ends)\n")
        sys.stdout.flush()
        _await_save(news, path.name)


def _await_save(news: int, name: str) -> None:
    saved = False
    while not saved:
        select.select([news], [], [])
        data = os.read(news, 1 << 16)
        saved = f"{name}\0".encode() in data
