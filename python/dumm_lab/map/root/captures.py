# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets at interfaces of guests: a capture for each request, in a thread, as pcapng through a pipe that the web part gets.

The recorder writes as fast as the browser reads.  What comes meanwhile waits in the kernel, which counts what it has no room for.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, suppress

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.filters import MAX_SNAPLEN
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.record import Bound, Recorder
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.taps import chosen, headed, opened, watched
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError

from .arguments import Arguments
from .room import Room

_MOST = 16
_LONGEST_FILTER = 4096


class Captures:
    """All captures that go on."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._places = threading.BoundedSemaphore(_MOST)

    def open(self, arguments: Arguments) -> int:
        """Begin a capture; what passes from now on is in it.

        :return: descriptor of the pipe's end that is read.
        :raises DummError: where there is no such interface, or the filter is none.
        """
        workdir = Workdir.at(self._room.workdir)
        lab = workdir.load()
        found = chosen(lab, self._labels(arguments.text("at", 4096)))
        only = "" if arguments.given.get("filter") is None else arguments.text("filter", _LONGEST_FILTER)
        count, seconds = arguments.maybe_number("count"), arguments.maybe_number("seconds")
        bound = Bound(None, None if count is None else int(count), seconds)
        if not self._places.acquire(blocking=False):
            raise HostError("map", f"{_MOST} captures go on", "end some of them")
        with ExitStack() as stack:
            stack.callback(self._places.release)
            taps = opened(workdir, lab, found, only, MAX_SNAPLEN)
            for tap in taps:
                stack.callback(tap.close)
            reads, writes = os.pipe2(os.O_CLOEXEC)
            stack.callback(os.close, writes)
            place = stack.enter_context(watched(lab))
            heading = headed(lab, found, "", only, MAX_SNAPLEN)
            later = stack.pop_all()
        thread = threading.Thread(target=_record, args=(later, lambda: Recorder(taps, writes, heading, bound, place)))
        thread.daemon = True
        thread.start()
        return reads

    def _labels(self, at: str) -> list[str]:
        """Interfaces by their labels; a cable's packets all pass its first end."""
        cable = self._room.view["cables"].get(at)
        if cable is None:
            return at.split(",")
        # Of a cable to another lab host, one end is here.
        ends = cable["a"], cable["b"]
        return [next((end for end in ends if end.partition(":")[0] in self._room.lab.guests), ends[0])]


def _record(stack: ExitStack, begun: object) -> None:
    """Record until a bound is reached, or nobody reads any more."""
    assert callable(begun)
    with stack:
        # Nobody wakes it: it ends when the pipe is closed.
        waked, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        stack.callback(os.close, waked)
        stack.callback(os.close, wakes)
        with suppress(BrokenPipeError):
            recorder: Recorder = begun()
            while recorder.end is None:
                recorder.wait(waked)
                recorder.step()
