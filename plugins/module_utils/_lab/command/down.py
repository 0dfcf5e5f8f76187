# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm down``: take a scenario, or the whole lab, away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..access.glance import Glance
from ..host.workdir import Workdir
from ..model import options
from ..model.errors import InvalidInput, listed, nearest
from ..run.runner import run_bridge, run_guest, run_scenario
from .bodies import add_options, carried_out, close, given, scenario_name
from .usage import Parser

_OPTIONS = ("in_use", "wait_timeout", "lock_timeout")
_EXAMPLES = """\
  dumm down lab.yml    guests and bridges of the scenario that dumm up made of the file
  dumm down vpn        the same of a scenario by its name
  dumm down --all      all guests and bridges of the lab; kernels and masters stay
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Take away what the words name."""
    parser = Parser("dumm down", "Remove guests and bridges, with all that guests wrote.", _EXAMPLES, workdir)
    parser.add_argument("scenario", metavar="FILE|NAME", nargs="?", help="scenario (default: the only one)")
    parser.add_argument("--all", action="store_true", help="everything, also what belongs to no scenario")
    add_options(parser, options.SCENARIO, _OPTIONS)
    wanted = parser.parse_args(words)
    if wanted.all:
        place = Workdir.at(wanted.workdir)
        for name in place.guest_names():
            carried_out(run_guest, given(wanted, options.GUEST, name=name, state="absent"))
        for name in place.bridge_names():
            carried_out(run_bridge, given(wanted, options.BRIDGE, name=name, state="absent"))
        return 0
    name = _named(wanted.workdir, wanted.scenario)
    close(carried_out(run_scenario, given(wanted, options.SCENARIO, name=name, state="absent")))
    return 0


def _named(workdir: str, word: str | None) -> str:
    """The scenario that is meant.

    :raises InvalidInput: where there is none, or there are several.
    """
    lab = Glance(workdir).lab()
    owners = [each for guest in lab.guests.values() for each in (guest.scenario, guest.loaded)]
    owners += [bridge.scenario for bridge in lab.bridges.values()]
    names = sorted({each for each in owners if each is not None})
    if word is not None:
        name = word if word in names or not Path(word).exists() else scenario_name(word)
        if name not in names:
            raise InvalidInput(f"scenario {name}", "nothing of the lab belongs to it", nearest(name, names))
        return name
    if len(names) != 1:
        cause = f"there are several: {listed(names)}" if names else "there is none"
        raise InvalidInput("scenario", cause, "name one, or give --all" if names else "remove everything with --all")
    return names[0]
