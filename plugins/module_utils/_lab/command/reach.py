# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm reach``: does every guest reach every other?  The step ``reach: all`` of tests, without a test."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..access.glance import Glance
from ..access.seen import RUNNING
from ..host.wait import Deadline, poll_until
from ..host.workdir import Workdir
from ..model.errors import InvalidInput, nearest, plain
from ..model.tests import Reach
from ..testing.bench import Bench
from ..testing.outcome import Outcome
from ..testing.probes import Reaching
from .usage import Parser, WrongUsage, seconds

_LOOK_SECONDS = 20.0
_EXAMPLES = """\
  dumm reach                    ping between all running guests, by IPv4
  dumm reach alice bob carol    between these
  dumm reach --within 30        again and again, until all reach each other or 30 s have passed
  dumm reach -6                 by IPv6
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Ping as the words say; 1 where some guest does not reach another."""
    parser = Parser("dumm reach", "Ping between guests, all pairs at once.", _EXAMPLES, workdir)
    parser.add_argument("guests", metavar="GUEST", nargs="*", help="names of guests (default: all that run)")
    parser.add_argument("-4", dest="families", action="append_const", const=4, help="by IPv4 (default)")
    parser.add_argument("-6", dest="families", action="append_const", const=6, help="by IPv6; with -4, by both")
    parser.add_argument(
        "--within", metavar="SECONDS", type=seconds, default=0.0, help="try again until then (default: 0)"
    )
    wanted = parser.parse_args(words)
    outcome = _reached(wanted.workdir, wanted.guests, tuple(dict.fromkeys(wanted.families or [4])), wanted.within)
    sys.stdout.write(f"{plain(outcome.got)}\n")
    return 0 if outcome.good else 1


def _reached(path: str, names: Sequence[str], families: tuple[int, ...], within: float) -> Outcome:
    there = Glance(path).guests()
    for name in names:
        if name not in there:
            raise InvalidInput(f"guest {name}", "there is no such guest", nearest(name, there))
    guests = tuple(names or [name for name, guest in there.items() if guest.state == RUNNING])
    if len(guests) < 2:
        raise WrongUsage("dumm reach", "there are no two guests", "start some, or name more")
    workdir = Workdir.at(path)
    reaching = Reaching(Bench(workdir, workdir.load()), Reach(guests, families))
    last: list[Outcome] = []

    def look() -> Outcome | None:
        last.append(reaching.look(_LOOK_SECONDS))
        return last[-1] if last[-1].good or last[-1].final else None

    return poll_until(look, Deadline(within), first=0.5, longest=2.0) or last[-1]
