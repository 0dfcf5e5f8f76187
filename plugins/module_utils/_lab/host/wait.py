# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that waits: a deadline on the monotonic clock, and descriptors that say when to look again."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from . import syscalls

# Milliseconds; a guest comes up in 15 at the least.  Where the host has other work nothing comes for a while, and to look takes from those
# who are to come.
_LOOKS_AGAIN, _LOOKS_AT_LEAST, _LOOKS_GROWTH = 4.0, 24.0, 1.25
T = TypeVar("T")
# Of the directory itself: a guest may have put a link in its place.
_NEWS = (
    syscalls.IN_CREATE | syscalls.IN_CLOSE_WRITE | syscalls.IN_MOVED_TO | syscalls.IN_DONT_FOLLOW | syscalls.IN_ONLYDIR
)


class Deadline:
    """A moment in the future.

    :param seconds: how far away.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self.left <= 0


def poll_until(
    look: Callable[[], T | None], deadline: Deadline, first: float = 0.002, longest: float = 0.05, growth: float = 1.5
) -> T | None:
    """Call ``look`` with growing pauses until it returns something or the deadline passes.

    :param growth: how much longer each pause is than the one before.
    :return: what ``look`` returned, ``None`` after the deadline.
    """
    pause = first
    while (found := look()) is None:
        if deadline.over:
            return None
        time.sleep(min(pause, deadline.left))
        pause = min(pause * growth, longest)
    return found


def until_ended(pid: int, seconds: float) -> None:
    """Wait until a process has ended, or so many seconds have passed."""
    ended = _pidfd(pid)
    try:
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        poller.poll(1000 * seconds)
    finally:
        os.close(ended)


class Lookout:
    """Looks out for files that processes make, for many threads at once: it takes a tenth of what each takes for itself.

    There is nothing to close: its thread is there as long as anybody waits.  It looks again and again, since to close an
    inotify instance takes the host 10 ms and more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._awaited: dict[int, tuple[str, threading.Event]] = {}
        self._looks = False

    def until(self, path: str, pid: int, deadline: Deadline) -> None:
        """Wait until there is something at a path, or a process has ended, or the deadline has passed."""
        ended, news = _pidfd(pid), threading.Event()
        try:
            with self._lock:
                self._awaited[ended] = (path, news)
                if not self._looks:
                    threading.Thread(target=self._look, name="lookout", daemon=True).start()
                    self._looks = True
            news.wait(deadline.left)
        finally:
            with self._lock:
                self._awaited.pop(ended)
            os.close(ended)

    def _look(self) -> None:
        pause = _LOOKS_AGAIN
        while True:
            with self._lock:
                awaited = dict(self._awaited)
                if not awaited:
                    self._looks = False
                    return
                poller = select.poll()
                for ended in awaited:
                    poller.register(ended, select.POLLIN)
            # A descriptor that was closed meanwhile says so.
            gone = {fd for fd, _event in poller.poll(pause)}
            pause = min(pause * _LOOKS_GROWTH, _LOOKS_AT_LEAST)
            for ended, (path, news) in awaited.items():
                if ended in gone or os.path.lexists(path):
                    news.set()
                    pause = _LOOKS_AGAIN


class Watch:
    """Wakes up when something in a directory is created, written or renamed, or when a process ends (inotify(7), pidfd).

    :param growing: whether to wake up at each write as well, and not only when a file that was written is closed.
    """

    def __init__(self, directory: str, pid: int | None = None, *, growing: bool = False) -> None:
        self._inotify = syscalls.inotify_init()
        self._pidfd = -1
        try:
            syscalls.inotify_add_watch(self._inotify, directory, _NEWS | (syscalls.IN_MODIFY if growing else 0))
            if pid is not None:
                self._pidfd = _pidfd(pid)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in (self._inotify, self._pidfd):
            if fd >= 0:
                os.close(fd)
        self._inotify = self._pidfd = -1

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def until(self, look: Callable[[], T | None], deadline: Deadline, longest: float = 1.0) -> T | None:
        """Call ``look`` at every event, and every ``longest`` seconds, until it returns something.

        :return: what ``look`` returned; ``None`` after the deadline or when the process has ended.
        """
        poller = select.poll()
        poller.register(self._inotify, select.POLLIN)
        if self._pidfd >= 0:
            poller.register(self._pidfd, select.POLLIN)
        while True:
            if (found := look()) is not None:
                return found
            if deadline.over:
                return None
            for fd, _events in poller.poll(1000 * min(longest, deadline.left)):
                if fd == self._pidfd:
                    # What it did last may still have to be seen.
                    return look()
                self._drain()

    def _drain(self) -> None:
        try:
            while os.read(self._inotify, 65536):
                pass
        except BlockingIOError:
            pass


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        # Gone already: a descriptor that is readable at once says the same.
        read, write = os.pipe()
        os.close(write)
        return read
