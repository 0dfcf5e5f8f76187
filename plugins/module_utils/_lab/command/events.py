# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm events``: what changes in the lab, whoever changes it, as a stream of JSON lines.  docs/events.md describes them."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime

from ..access import differences
from ..access.seen import SeenLab
from ..access.stats import Meter
from ..access.watch import Watch
from .live import updates
from .table import as_json
from .usage import Parser, seconds

COUNTERS = "counters"
_EXAMPLES = """\
  dumm events                            each change, as a line of JSON
  dumm events --initial                  what is there first, then each change
  dumm events --kind guest | jq -r --unbuffered 'select(.state == "died") | .name'
  dumm events --kind counters --counters 1
                                         what moves on each interface, each second
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
        help=f"only those, separated by commas: {', '.join((*differences.KINDS, COUNTERS))}",
    )
    parser.add_argument(
        "-c",
        "--counters",
        metavar="SECONDS",
        type=seconds,
        default=0.0,
        help="print so often what moves on interfaces, where anything does (default: do not)",
    )
    wanted = parser.parse_args(words)
    kinds = wanted.kind
    with Watch(wanted.workdir) as watch, closing(_Counters()) as counters:
        if wanted.initial:
            _print(differences.present(watch.lab), kinds)
        if wanted.counters:
            counters.read(watch.lab)
        for update in updates(watch, wanted.counters):
            if update is not None:
                _print(differences.changes(update.before, update.after), kinds)
            else:
                _print(counters.read(watch.lab), kinds)
    return 0


def _kinds(text: str) -> frozenset[str]:
    found = text.split(",")
    known = (*differences.KINDS, COUNTERS)
    for each in found:
        if each not in known:
            raise ArgumentTypeError(f"there are no events {each!r} (known: {', '.join(known)})")
    return frozenset(found)


def _print(events: Iterable[differences.Event], kinds: frozenset[str] | None) -> None:
    """Each as a line, with the time; all of them at once."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = [
        as_json({"time": now, **event}, lines=True) for event in events if kinds is None or event["event"] in kinds
    ]
    if lines:
        sys.stdout.write("".join(lines))
        sys.stdout.flush()


class _Counters:
    """Rates of the lab's interfaces since they were read before."""

    def __init__(self) -> None:
        self._meter: Meter | None = None
        self._place: str | None = None
        self._at = 0.0

    def close(self) -> None:
        """Give the socket back, which would keep the namespace."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def read(self, lab: SeenLab) -> list[differences.Event]:
        """One event, if anything has moved."""
        if not lab.present:
            self.close()
            return []
        if self._meter is None or self._place != lab.place:
            self.close()
            self._meter, self._place = Meter(lab.place), lab.place
        rates = self._meter.read()
        before, self._at = self._at, time.monotonic()
        moved = {
            label: {
                "tx_bits": round(rate.rx_bits, 1),
                "rx_bits": round(rate.tx_bits, 1),
                "tx_packets": round(rate.rx_packets, 1),
                "rx_packets": round(rate.tx_packets, 1),
                "dropped": round(rate.dropped, 1),
            }
            for label, tap in lab.taps.items()
            if (rate := rates.get(tap.number)) is not None and not rate.silent
        }
        return [{"event": COUNTERS, "seconds": round(self._at - before, 3), "links": moved}] if moved else []
