# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of a guest's logs as events of a test: journald's, and those of syslog daemons in both of their usual formats.  No I/O."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .results import Happening

_JOURNAL = re.compile(r"(\d+\.\d+) \S+ (.*)")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) \S+ (.*)")
_TRADITIONAL = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) \S+ (.*)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST = 2000


@dataclass(frozen=True)
class Clock:
    """A guest's clock, read once.

    :ivar epoch: what it showed, in seconds since the epoch.
    :ivar at: when, in seconds since the test began.
    :ivar offset: of its local time, in seconds.
    """

    epoch: float
    at: float
    offset: int = 0

    @classmethod
    def read(cls, said: str, at: float) -> Clock | None:
        """From what ``date '+%s.%N %z'`` says; ``None`` if that is no time."""
        found = re.match(r"(\d+\.\d+) ([+-])(\d\d)(\d\d)", said.strip())
        if found is None:
            return None
        offset = (int(found[3]) * 60 + int(found[4])) * 60
        return cls(float(found[1]), at, -offset if found[2] == "-" else offset)

    def in_test(self, epoch: float) -> float:
        """A time of this clock in seconds since the test began."""
        return round(epoch - self.epoch + self.at, 6)


def happenings(guest: str, log: str, clock: Clock | None) -> Iterator[Happening]:
    """The lines of a log that have a time, with that; the last of them, if they are very many."""
    if clock is None:
        return
    found = []
    for line in log.splitlines():
        timed = _timed(line, clock)
        if timed is not None:
            found.append(Happening(clock.in_test(timed[0]), guest, "log", timed[1]))
    yield from found[-_MOST:]


def _timed(line: str, clock: Clock) -> tuple[float, str] | None:
    """Time and text of a line."""
    if found := _JOURNAL.fullmatch(line):
        return float(found[1]), found[2]
    zone = datetime.timezone(datetime.timedelta(seconds=clock.offset))
    try:
        if found := _ISO.fullmatch(line):
            when = datetime.datetime.fromisoformat(found[1].replace("Z", "+00:00"))
            return (when if when.tzinfo else when.replace(tzinfo=zone)).timestamp(), found[2]
        if found := _TRADITIONAL.fullmatch(line):
            year = datetime.datetime.fromtimestamp(clock.epoch, zone).year
            day, hour, minute, second = map(int, found.groups()[1:5])
            when = datetime.datetime(year, _MONTHS.index(found[1]) + 1, day, hour, minute, second, tzinfo=zone)
            return when.timestamp(), found[6]
    except (ValueError, OverflowError):
        return None
    return None
