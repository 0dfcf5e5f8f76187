# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run pyfuse3 without an event loop: one request after another.

pyfuse3 looks up ``trio`` in its own module when it needs it (its asyncio support works by that), so a stand-in does.  All that a
request waits for is a system call, hence nothing is lost by waiting for it, and each request costs half of what it does under
trio; not loading trio halves the memory and the time to start (docs/internals/unions.md).
"""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
import types
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class _ClosedResourceError(Exception):
    """Never raised; pyfuse3 names it."""


class _Done:
    """What has been done when it is awaited: each request would else make and end a coroutine for each of the things below."""

    def __await__(self) -> Iterator[None]:
        return iter(())


_DONE = _Done()


class _Lock:
    """There is one task, so nobody else can hold it."""

    def __aenter__(self) -> _Done:
        return _DONE

    def __aexit__(self, *exc: object) -> _Done:
        return _DONE


class _Nursery:
    """Keeps the one task that is started in it, and runs it at its end."""

    def __init__(self) -> None:
        self._task: Coroutine[Any, Any, None] | None = None

    async def __aenter__(self) -> _Nursery:
        return self

    def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any, name: str = "") -> None:
        """Take a task."""
        self._task = function(*args)

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            await self._task


class Loop:
    """Runs requests, and between them jobs of other threads.

    :param between: called before it waits for requests.
    """

    def __init__(self, between: Callable[[], None]) -> None:
        self._between = between
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell, self._ring = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._known = -1
        self._begun: Callable[[], None] | None = None

    def pretend_trio(self) -> None:
        """Let ``import trio`` find the stand-in.  To be called before pyfuse3 is imported."""
        task = types.SimpleNamespace(name="requests")
        trio: Any = types.ModuleType("trio")
        trio.Lock = _Lock
        trio.ClosedResourceError = _ClosedResourceError
        trio.open_nursery = _Nursery
        trio.lowlevel = types.SimpleNamespace(
            current_trio_token=lambda: None,
            current_task=lambda: task,
            wait_readable=self._wait,
            notify_closing=lambda fd: None,
        )
        sys.modules["trio"] = trio

    def run(self, main: Coroutine[None, None, None], begun: Callable[[], None]) -> None:
        """Run pyfuse3's main coroutine to its end, which comes when the file system is unmounted.

        :param begun: called when the first request has been answered.
        """
        self._begun = begun
        with suppress(StopIteration):
            main.send(None)

    def _wait(self, fd: int) -> _Done:
        """Wait for a request, and do jobs meanwhile."""
        if fd != self._known:
            self._poll.register(fd, select.POLLIN)
            self._known = fd
            # The first request is there already.
            return _DONE
        if self._begun is not None:
            self._begun()
            self._begun = None
        self._between()
        while True:
            for ready, _events in self._poll.poll():
                if ready == fd:
                    return _DONE
            self._do_jobs()

    def _do_jobs(self) -> None:
        os.read(self._bell, 4096)
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            job()

    def call(self, function: Callable[[], T]) -> T:
        """Have something done between two requests, for another thread."""
        done = threading.Event()
        result: list[T] = []
        errors: list[BaseException] = []

        def job() -> None:
            try:
                result.append(function())
            except BaseException as exc:
                errors.append(exc)
            done.set()

        self._jobs.put(job)
        os.write(self._ring, b"!")
        done.wait()
        if errors:
            raise errors[0]
        return result[0]
