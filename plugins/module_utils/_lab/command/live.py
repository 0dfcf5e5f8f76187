# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes on for ever: looks at a lab, one at each change and one at each tick, until the user or the reader goes away."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Iterator

from ..access.watch import Update, Watch


def updates(watch: Watch, tick: float = 0.0) -> Iterator[Update | None]:
    """Each change of a lab, and ``None`` at each tick.

    :param tick: seconds; 0 for none.
    :raises BrokenPipeError: as soon as nobody reads standard output any more, although nothing is written.
    """
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    if not stat.S_ISREG(os.fstat(1).st_mode):
        # It tells of errors, asked or not.
        poller.register(1, 0)
    due = time.monotonic() + tick
    while True:
        left = max(0.0, due - time.monotonic()) if tick else None
        for fd, events in poller.poll(None if left is None else 1000 * left):
            if fd == 1 and events & (select.POLLERR | select.POLLHUP):
                raise BrokenPipeError
        if (update := watch.step()) is not None:
            yield update
        if tick and time.monotonic() >= due:
            # What took long is not made up for.
            due = max(due + tick, time.monotonic())
            yield None
