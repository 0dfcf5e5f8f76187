# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much moves in a lab: counters of its devices, and from two readings of them, rates.

A reading is one dump of RTM_GETSTATS, which takes less than 1 ms of CPU for 250 devices (docs/internals/network.md has the figures), so
that a table or a map can show rates each second.  The host's side of a device counts: what a guest sends, its TAP receives.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from ..host.rtnetlink import Counted, Route
from .differences import COUNTERS, Event
from .seen import SeenLab


class Rate(NamedTuple):
    """What a device has received and sent a second, and dropped, as the host's side of it counts."""

    rx_bits: float
    tx_bits: float
    rx_packets: float
    tx_packets: float
    dropped: float

    @property
    def silent(self) -> bool:
        """Whether nothing came, went or was dropped."""
        return not any(self)


class Meter:
    """Readings of a network namespace's counters, and rates between each two.

    :param namespace: where to enter it; ``None`` for the one that the calling thread is in.
    :ivar counters: the last reading, by index of the device; none yet at first.
    :raises OSError: where there is none.
    """

    def __init__(self, namespace: str | None) -> None:
        self._route = Route(namespace)
        self._at = 0.0
        self.counters: dict[int, Counted] = {}

    def close(self) -> None:
        """Give the socket back."""
        self._route.close()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def read(self) -> dict[int, Rate]:
        """Read all counters, and tell the rates since they were read before.

        :return: by index; of devices that were there at both readings.
        """
        before, began = self.counters, self._at
        self.counters, self._at = self._route.counters(), time.monotonic()
        return rates(before, self.counters, self._at - began)


def rates(before: dict[int, Counted], after: dict[int, Counted], seconds: float) -> dict[int, Rate]:
    """Rates between two readings, of the devices that are in both.

    A device that has counted less than before is another one with its number: indexes are used again where somebody asks for one.

    :param seconds: time between them, above 0.
    """
    return {
        index: _rate(before[index], now, seconds)
        for index, now in after.items()
        if index in before and now.rx_packets >= before[index].rx_packets and now.tx_packets >= before[index].tx_packets
    }


_SILENT = Rate(0.0, 0.0, 0.0, 0.0, 0.0)


def _rate(before: Counted, now: Counted, seconds: float) -> Rate:
    if now == before:
        return _SILENT
    return Rate(
        8 * (now.rx_bytes - before.rx_bytes) / seconds,
        8 * (now.tx_bytes - before.tx_bytes) / seconds,
        (now.rx_packets - before.rx_packets) / seconds,
        (now.tx_packets - before.tx_packets) / seconds,
        (now.rx_dropped + now.tx_dropped - before.rx_dropped - before.tx_dropped) / seconds,
    )


class LabMeter:
    """Rates of a lab, which may go and come again.

    :ivar seconds: time between the last two readings.
    """

    def __init__(self) -> None:
        self._meter: Meter | None = None
        self._place: str | None = None
        self._at = 0.0
        self.seconds = 0.0

    def close(self) -> None:
        """Give the socket back, which would keep the namespace."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def read(self, lab: SeenLab) -> dict[str, Rate]:
        """Rates since they were read before, by label of the interface; none at first."""
        if self._meter is not None and (not lab.present or lab.place != self._place):
            self.close()
        if not lab.present:
            return {}
        if self._meter is None:
            self._meter, self._place = Meter(lab.place), lab.place
        found = self._meter.read()
        before, self._at = self._at, time.monotonic()
        self.seconds = self._at - before
        return {label: found[tap.number] for label, tap in lab.taps.items() if tap.number in found}


def of_guest(rate: Rate) -> dict[str, float]:
    """A rate of a TAP as its guest sees it: what the host receives there, the guest sends."""
    return {
        "tx_bits": round(rate.rx_bits, 1),
        "rx_bits": round(rate.tx_bits, 1),
        "tx_packets": round(rate.rx_packets, 1),
        "rx_packets": round(rate.tx_packets, 1),
        "dropped": round(rate.dropped, 1),
    }


def counted(meter: LabMeter, lab: SeenLab) -> list[Event]:
    """Read a lab's rates: an event, if anything has moved."""
    moved = {label: of_guest(rate) for label, rate in meter.read(lab).items() if not rate.silent}
    return [{"event": COUNTERS, "seconds": round(meter.seconds, 3), "links": moved}] if moved else []
