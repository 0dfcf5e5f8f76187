# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures: packets on the cables of a lab, seen from the host.  No guest has a part in it or a tool for it.

In this process, for a test or a script::

    with capture.started("/var/lib/dumm", ["moon:eth0", "sun:eth0"]) as cables:
        ...                                                # ping, change cables, restart guests
        cables.count("esp and src moon", interface="sun:eth0")   # 3
        for packet in cables.packets("icmp"):
            print(packet.interface, packet.direction, packet.length)

``record`` writes the file, ``sockets`` hears one interface, ``filters`` understands expressions, ``pcapng``
is the file's format.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...host.workdir import Workdir
from ...model.errors import HostError, InvalidInput, nearest
from ...model.lab import Lab
from . import pcapng
from .filters import MAX_SNAPLEN, Filter
from .pcapng import Counted, Direction, Packet
from .record import Bound, End, Recorder
from .taps import chosen, created, headed, names, opened, watched

__all__ = ["Bound", "Capture", "Counted", "Direction", "End", "Filter", "Packet", "started"]

DEFAULT = Bound()


@dataclass(frozen=True)
class Mark:
    """A moment in a capture; what came before it is not counted (:meth:`Capture.mark`)."""

    place: int


class Capture:
    """A capture that goes on in this process, until its ``with`` block ends or it reaches a bound.

    :ivar file: where its packets are, as pcapng; a file without a name if none was wanted.
    """

    def __init__(self, workdir: Workdir, lab: Lab, recorder: Recorder, file: int, names: dict[int, str]) -> None:
        self._workdir = workdir
        self._lab = lab
        self._recorder = recorder
        self._names = names
        self._file = file
        self._start = recorder.size
        self._counts: dict[tuple[str, str | None, int], tuple[int, int]] = {}
        self._filters: dict[str, Filter] = {}
        self._lock = threading.Lock()
        self._waked, self._wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._record, name="capture", daemon=True)
        self._thread.start()

    def _record(self) -> None:
        try:
            while self._recorder.end is None:
                self._recorder.wait(self._waked)
                with self._lock:
                    if self._stops():
                        return
                    self._recorder.step()
        except Exception as exc:
            self._failure = exc

    def _stops(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self._waked, 1))
        return False

    def count(self, expression: str = "", *, interface: str | None = None, since: Mark | None = None) -> int:
        """How many packets there are, with all that came before this question.

        The sockets are emptied first: what a guest has sent before its command ended, or another guest has got, is counted.  Asked again,
        only what is new is looked at.

        :param expression: pcap-filter(7); guests may have their names in it (``esp and src moon``); empty for all packets.
        :param interface: of which, by its label ``moon:eth0``; all without.
        :param since: leave out what came before.
        :raises InvalidInput: for an expression that cannot be understood.
        :raises HostError: where libpcap is missing; and if the capture has ended at a bound, since packets that came later are not in it.
        """
        self._check_interface(interface)
        only = self._filter(expression)
        self._settle()
        key = (expression, interface, self._start if since is None else since.place)
        place, count = self._counts.get(key, (key[2], 0))
        for end, packet in pcapng.packets(self._file, place, self._names):
            place = end
            count += interface in (None, packet.interface) and (
                only is None or only.matches(packet.data, packet.length)
            )
        self._counts[key] = (place, count)
        return count

    def packets(
        self, expression: str = "", *, interface: str | None = None, since: Mark | None = None
    ) -> Iterator[Packet]:
        """The packets that :meth:`count` counts, in the order in which they came; also of a capture that has ended."""
        self._check_interface(interface)
        only = self._filter(expression)
        self._step()
        for _place, packet in pcapng.packets(self._file, self._start if since is None else since.place, self._names):
            if interface in (None, packet.interface) and (only is None or only.matches(packet.data, packet.length)):
                yield packet

    def mark(self) -> Mark:
        """This moment, for ``since``."""
        self._step()
        return Mark(self._recorder.size)

    @property
    def counted(self) -> dict[str, Counted]:
        """By interface, how many packets came, and how many were dropped since they came too fast: more than 8 MB at once."""
        with self._lock:
            return self._recorder.counted

    @property
    def dropped(self) -> int:
        """How many packets of all interfaces were dropped; while it is 0, the counts are exact."""
        return sum(each.dropped for each in self.counted.values())

    @property
    def ended(self) -> End | None:
        """Why it has ended; ``None`` while it goes on."""
        return self._recorder.end

    @property
    def gone(self) -> tuple[str, ...]:
        """Interfaces that were removed while it went on, which it sees nothing of any more.

        A guest that restarts, a cable that is plugged elsewhere and an interface that is down keep their TAP, and the capture goes on.
        """
        return tuple(self._recorder.gone)

    def _check_interface(self, label: str | None) -> None:
        known = list(self._names.values())
        if label is not None and label not in known:
            raise InvalidInput(f"interface {label}", "it is not captured", nearest(label, known))

    def _filter(self, expression: str) -> Filter | None:
        if expression and expression not in self._filters:
            self._filters[expression] = Filter(expression, names(self._workdir, self._lab, expression))
        return self._filters.get(expression)

    def _settle(self) -> None:
        """:raises HostError: where packets may have come that are not in the file."""
        self._step()
        end = self._recorder.end
        if end is not None and end.is_bound:
            raise HostError(
                self._label, f"packets cannot be counted, since {end.value}", "give it a larger bound, or a filter"
            )

    def _step(self) -> None:
        with self._lock:
            if self._failure is None:
                self._recorder.step()
        if self._failure is not None:
            raise self._failure

    @property
    def _label(self) -> str:
        return f"capture of {', '.join(self._names.values())}"

    def stop(self) -> None:
        """End it, with all that has come until now; its file stays readable for :meth:`packets`."""
        with suppress(BlockingIOError, OSError):
            os.write(self._wakes, b"s")
        self._thread.join()
        with self._lock:
            if self._failure is None:
                self._recorder.stop()

    def close(self) -> None:
        """Give everything back."""
        self.stop()
        for each in (self._waked, self._wakes, self._file):
            os.close(each)


@contextmanager
def started(
    workdir: str,
    interfaces: Iterable[str],
    *,
    file: Path | None = None,
    only: str = "",
    snaplen: int = MAX_SNAPLEN,
    bound: Bound = DEFAULT,
    comment: str = "",
) -> Iterator[Capture]:
    """Capture meanwhile.

    :param workdir: path of the working directory.
    :param interfaces: labels such as ``moon:eth0``; ``moon`` means all interfaces of that guest.
    :param file: where the packets are to stay, as pcapng; it is written anew.
    :param only: keep only packets that this expression means (pcap-filter(7), with names of guests).
    :param snaplen: bytes of each packet to keep at most.
    :param comment: what the file tells of the capture.
    :raises InvalidInput: where there is no such interface, or the expression cannot be understood.
    :raises HostError: where its packets cannot be seen, as without root, or the file cannot be written.
    """
    home = Workdir.at(workdir)
    lab = home.load()
    found = chosen(lab, interfaces)
    with ExitStack() as stack:
        taps = opened(home, lab, found, only, snaplen)
        for tap in taps:
            stack.callback(tap.close)
        heading = headed(lab, found, comment, only, snaplen)
        output = _file(file)
        try:
            recorder = Recorder(taps, output, heading, bound, stack.enter_context(watched(lab)))
        except BaseException:
            os.close(output)
            raise
        running = Capture(home, lab, recorder, output, {number: iface.label for number, iface in enumerate(found)})
        stack.callback(running.close)
        yield running


def _file(path: Path | None) -> int:
    if path is None:
        file, name = tempfile.mkstemp(prefix="dumm-capture-")
        os.unlink(name)
        return file
    return created(path)
