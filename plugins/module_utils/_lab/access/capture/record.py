# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets of several interfaces into one file, in the order in which they came, until a bound is reached.

Each interface has a socket of its own, so that what one has no room for is counted for it alone.  The sockets are emptied one after
another, while packets go on: one that passes two interfaces may be found at the second first.  So what is younger than the beginning of a
round is held back until the next.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter

from . import pcapng
from .pcapng import Counted, Described
from .sockets import Heard, Tap, close_all

# Packets of an interface in a round.
_BATCH = 4096
# Until what is held back is written, in seconds.
_PAUSE = 0.1
_STATISTICS = 92  # bytes of a block


class End(Enum):
    """Why a capture has ended; the value is what the user is told."""

    STOPPED = "it was stopped"
    PACKETS = "it has as many packets as it may"
    BYTES = "its file is as large as it may be"
    SECONDS = "its time is over"
    GONE = "its interfaces were removed"
    CLOSED = "nobody reads it any more"
    FULL = "there is no space left for its file"

    @property
    def code(self) -> str:
        """The same for programs."""
        return self.name.lower()

    @property
    def is_bound(self) -> bool:
        """Whether packets may have come that it has not."""
        return self not in (End.STOPPED, End.GONE)


@dataclass(frozen=True)
class Bound:
    """When a capture ends by itself.

    :ivar size: bytes of its file; ``None`` for no bound.
    :ivar packets: how many it has at most.
    :ivar seconds: since it began.
    """

    size: int | None = 64 << 20
    packets: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Heading:
    """What a file is to tell before its packets.

    :ivar comment: what the capture is.
    :ivar expression: its filter.
    """

    interfaces: Sequence[Described]
    comment: str = ""
    expression: str = ""
    snaplen: int = 262144


class Namespace:
    """The lab's network namespace: when it loses its name, the lab is gone, and only our sockets keep its devices.

    :param path: where its name is.
    :param watch: an inotify descriptor that is readable when a name is removed there.
    """

    def __init__(self, path: str, watch: int) -> None:
        self.path = path
        self.watch = watch
        self._status = os.stat(path)

    def is_gone(self) -> bool:
        """Whether the lab is gone; what has been heard of it is forgotten."""
        with suppress(BlockingIOError):
            while os.read(self.watch, 65536):
                pass
        try:
            return not os.path.samestat(os.stat(self.path), self._status)
        except FileNotFoundError:
            return True


class Recorder:
    """Writes what sockets hear.

    :param taps: in the order of the heading's interfaces; they are closed at the end.
    :param output: descriptor of a file or a pipe.
    :param place: where the interfaces are; ``None`` for the host's own namespace.
    :ivar packets: how many are written.
    :ivar size: bytes that are written.
    :ivar end: why it has ended; ``None`` while it goes on.
    :ivar gone: labels of interfaces that were removed meanwhile.
    """

    def __init__(
        self, taps: Sequence[Tap], output: int, heading: Heading, bound: Bound, place: Namespace | None
    ) -> None:
        self._taps = dict(enumerate(taps))
        self._all = tuple(taps)
        self._output = output
        self._bound = bound
        self._place = place
        self._held: list[tuple[int, int, Heard]] = []
        self._before = self._first = time.time_ns()
        self._deadline = None if bound.seconds is None else time.monotonic() + bound.seconds
        self.packets = self.size = 0
        self.end: End | None = None
        self.gone: list[str] = []
        self._left = False
        head = [pcapng.section(heading.comment, "dumm.lab")]
        head += [pcapng.interface(each, heading.snaplen, heading.expression) for each in heading.interfaces]
        self._put(b"".join(head))

    @property
    def counted(self) -> dict[str, Counted]:
        """What became of the packets of each interface until now."""
        for tap in self._taps.values():
            tap.count()
        return {tap.label: Counted(tap.received, tap.dropped) for tap in self._all}

    def wait(self, wakes: int, most: float | None = None) -> None:
        """Wait until there may be something to do.

        :param wakes: descriptor that is readable when somebody else wants something.
        :param most: seconds.
        """
        poller = select.poll()
        for tap in self._taps.values():
            poller.register(tap, select.POLLIN)
        poller.register(wakes, select.POLLIN)
        if self._place is not None:
            poller.register(self._place.watch, select.POLLIN)
        left = [] if self._deadline is None else [max(0.0, self._deadline - time.monotonic())]
        left += [_PAUSE] if self._held else []
        left += [] if most is None else [most]
        # Of a pipe, only that nobody reads it any more.
        poller.register(self._output, 0)
        ready = [fd for fd, _event in poller.poll(1000 * min(left) if left else None)]
        if self._output in ready:
            self._close(End.CLOSED)
        if self._place is not None and self._place.watch in ready and self._place.is_gone():
            self._left = True

    def step(self) -> None:
        """Write what has come until now."""
        if self.end is not None:
            return
        is_over = self._deadline is not None and time.monotonic() >= self._deadline
        self._write(self._until_now())
        if self._left:
            for number, tap in list(self._taps.items()):
                self._lose(number, tap)
        if self.end is None and not self._taps:
            self._write(self._held)
            self.finish(End.GONE)
        elif self.end is None and is_over:
            self.finish(End.SECONDS)

    def _until_now(self) -> list[tuple[int, int, Heard]]:
        """What has come, in order, without what may not be all yet."""
        now = time.time_ns()
        # A clock that was set back says nothing of the order.
        horizon = now if now >= self._before else 1 << 64
        self._before = now
        found = self._held
        for number, tap in list(self._taps.items()):
            try:
                heard = tap.take(_BATCH)
            except EOFError:
                self._lose(number, tap)
                continue
            if len(heard) == _BATCH:
                horizon = min(horizon, heard[-1].time)
            found += [(each.time, number, each) for each in heard]
        found.sort(key=itemgetter(0))
        self._held = [each for each in found if each[0] > horizon]
        return found[: len(found) - len(self._held)]

    def _lose(self, number: int, tap: Tap) -> None:
        with suppress(OSError):
            tap.count()
        tap.close()
        del self._taps[number]
        self.gone.append(tap.label)

    def _write(self, heard: list[tuple[int, int, Heard]]) -> None:
        blocks: list[bytes] = []
        size = self.size
        limit = None if self._bound.size is None else self._bound.size - _STATISTICS * len(self._all)
        reached: End | None = None
        for at, number, each in heard:
            block = pcapng.packet(number, at, each.direction, each.data, each.length)
            size += len(block)
            if limit is not None and size > limit:
                reached = End.BYTES
                break
            blocks.append(block)
            if self.packets + len(blocks) == self._bound.packets:
                reached = End.PACKETS
                break
        if blocks and self._put(b"".join(blocks)):
            self.packets += len(blocks)
        if reached is not None:
            self.finish(reached)

    def _put(self, data: bytes) -> bool:
        """Write whole blocks; whether that was possible."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._output, rest) :]
        except OSError as exc:
            if exc.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            self._break(End.CLOSED if exc.errno == errno.EPIPE else End.FULL)
            return False
        self.size += len(data)
        return True

    def _break(self, why: End) -> None:
        """End without a last word; what is in the file of the block that did not fit goes."""
        with suppress(OSError):
            os.ftruncate(self._output, self.size)
        self._close(why)

    def finish(self, why: End) -> None:
        """End, with what became of the packets."""
        if self.end is None:
            last = time.time_ns()
            told = list(enumerate(self.counted.values()))
            if self._put(b"".join(pcapng.statistics(number, self._first, last, each) for number, each in told)):
                self._close(why)

    def stop(self) -> None:
        """End with everything that has come until now."""
        self.step()
        if self.end is None:
            self._write(self._held)
        self.finish(End.STOPPED)

    def _close(self, why: End) -> None:
        self.end = why
        close_all(self._taps.values())
        self._taps.clear()
