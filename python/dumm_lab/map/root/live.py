# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as it changes: what the watch hears of becomes a difference for the pages, and while a page is open, rates once a second.

Nothing is asked for again and again: as long as nothing changes and no page is open, this process sleeps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.stats import LabMeter, Rate
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError

from .room import Room

_SECOND = 1.0


class Live:
    """Follows a lab in a running event loop.

    :param watch: of the lab.
    :param failed: is called where the lab cannot be watched any more.
    """

    def __init__(self, room: Room, watch: Watch, failed: Callable[[Exception], None]) -> None:
        self._room, self._watch, self._failed = room, watch, failed
        self._loop = asyncio.get_running_loop()
        self._meter = LabMeter()
        self._timer: asyncio.TimerHandle | None = None
        self._told: set[str] = set()
        self._loop.add_reader(watch.fileno(), self._step)

    def close(self) -> None:
        """Give everything back."""
        self._loop.remove_reader(self._watch.fileno())
        self.sleep()

    def _step(self) -> None:
        try:
            update = self._watch.step()
        except (DummError, OSError) as exc:
            # What it has not taken in, it would be called for again and again.
            self._loop.remove_reader(self._watch.fileno())
            self._failed(exc)
            return
        # A guest may have moved between two other lab hosts: nothing in this lab is another then.
        if not self._room.placed.look() and update is None:
            return
        if update is not None:
            self._room.lab = update.after
        self._room.renew()
        for each in self._room.watchers:
            each()

    def wake(self) -> None:
        """A page is open: tell rates."""
        if self._timer is None:
            self._read()

    def sleep(self) -> None:
        """No page is open."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._meter.close()
        self._told.clear()

    def _read(self) -> None:
        self._timer = self._loop.call_later(_SECOND, self._read)
        try:
            found = self._meter.read(self._room.lab)
        except OSError:
            # The namespace is gone, which the watch will hear of.
            return
        moved = {label: shown(rate) for label, rate in found.items() if not rate.silent}
        # What has come to rest is told once.
        rates = moved | {label: [0, 0, 0, 0, 0] for label in self._told - moved.keys()}
        self._told = set(moved)
        if rates:
            self._room.tell({"type": "rates", "at": round(time.time(), 3), "rates": rates})


def shown(rate: Rate) -> list[int]:
    """A rate as the guest sees it: bits in and out, packets in and out, drops, each a second.  What the host receives, the guest sends."""
    return [round(each) for each in (rate.tx_bits, rate.rx_bits, rate.tx_packets, rate.rx_packets, rate.dropped)]
