# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which CPU of the host a guest runs on.

A guest is one kernel and a process for each of its programs, of which exactly one runs at any time: they hand every system call of the
guest to and fro.  Where the host's scheduler puts them on two CPUs, one wakes the other by an interrupt each time, which takes ten times as
long as all the rest (docs/explanation/performance.md).  So each guest has one CPU, the one with the fewest guests of the lab.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable

from ..model.errors import InvalidInput
from ..model.lab import ANY_CPU, Guest


def usable() -> list[int]:
    """The CPUs that this process may use (sched_setaffinity(2))."""
    return sorted(os.sched_getaffinity(0))


def check(guest: Guest) -> None:
    """:raises InvalidInput: where a guest wants a CPU that there is not."""
    if guest.cpu is not None and guest.cpu != ANY_CPU and guest.cpu not in usable():
        raise InvalidInput(
            guest.label,
            f"there is no CPU {guest.cpu} to run on",
            f"let cpu be auto, any or one of {', '.join(map(str, usable()))}",
        )


class Placement:
    """Hands CPUs out to guests that are started.  Several threads may ask.

    :param lab: its name; labs begin with different CPUs.
    :param taken: the CPUs that its running guests have.
    """

    def __init__(self, lab: str, taken: Iterable[int]) -> None:
        cpus = usable()
        first = zlib.crc32(lab.encode()) % len(cpus)
        self._guests = dict.fromkeys([*cpus[first:], *cpus[:first]], 0)
        self._lock = threading.Lock()
        for cpu in taken:
            self._count(cpu)

    def take(self, guest: Guest) -> int:
        """The CPU for a guest; ``ANY_CPU`` where the host's scheduler is to decide."""
        with self._lock:
            cpu = min(self._guests, key=self._guests.__getitem__) if guest.cpu is None else guest.cpu
            self._count(cpu)
            return cpu

    def _count(self, cpu: int) -> None:
        if cpu in self._guests:
            self._guests[cpu] += 1
