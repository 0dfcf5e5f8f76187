# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm events``: what changes in the lab, whoever changes it, as a stream of JSON lines.  docs/reference/events.md describes them."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from contextlib import closing

from ..access.differences import COUNTERS, KINDS, Event, changes, present, stamped
from ..access.stats import LabMeter, counted
from ..access.watch import Watch
from .live import updates
from .table import as_json
from .usage import Parser, seconds

_EXAMPLES = """\
  dumm events                            each change, as a line of JSON
  dumm events --initial                  what is there first, then each change
  dumm events --kind guest | jq -r --unbuffered 'select(.state == "died") | .name'
  dumm events --kind counters            what moves on each interface, each second
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Print events until the user or the reader goes away."""
    parser = Parser("dumm events", "Print each change of the lab as a line of JSON.", _EXAMPLES, workdir)
    parser.add_argument("-i", "--initial", action="store_true", help="print what is there first, as if it were added")
    parser.add_argument(
        "-k",
        "--kind",
        metavar="KINDS",
        type=_kinds,
        default=None,
        help=f"only those, separated by commas: {', '.join((*KINDS, COUNTERS))}",
    )
    parser.add_argument(
        "-c",
        "--counters",
        metavar="SECONDS",
        type=seconds,
        default=0.0,
        help="print so often what moves on interfaces, if anything does (default: do not, or 1 with --kind counters)",
    )
    wanted = parser.parse_args(words)
    kinds = wanted.kind
    if COUNTERS in (kinds or ()) and not wanted.counters:
        wanted.counters = 1.0
    with Watch(wanted.workdir) as watch, closing(LabMeter()) as meter:
        if wanted.initial:
            _print(present(watch.lab), kinds)
        if wanted.counters:
            meter.read(watch.lab)
        for update in updates(watch, wanted.counters):
            _print(counted(meter, watch.lab) if update is None else changes(update.before, update.after), kinds)
    return 0


def _kinds(text: str) -> frozenset[str]:
    found = text.split(",")
    known = (*KINDS, COUNTERS)
    for each in found:
        if each not in known:
            raise ArgumentTypeError(f"there are no events {each!r} (known: {', '.join(known)})")
    return frozenset(found)


def _print(events: Iterable[Event], kinds: frozenset[str] | None) -> None:
    """Each as a line, all of them at once."""
    if lines := [as_json(event, lines=True) for event in stamped(events, kinds, time.time())]:
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
