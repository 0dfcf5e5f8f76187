# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Terminals in guests, and their consoles 0: each in a thread, its bytes over a socket that the web part gets.

What a browser does not read stops the program in the guest, as a slow terminal does: as long as output waits here, no more is taken.
When the socket is closed, the program in the guest ends.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import line
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.session import MOST_WAITING, Session, opened
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import GuestDir, Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, HostError, Unreachable
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process

from .. import terms
from .arguments import Arguments
from .room import Room

_TERM = "xterm-256color"
_MOST = 64
_LONGEST_WAIT = 1.0
_CHUNK = terms.LARGEST - 1
_SHOWN_OF_LOG = 1 << 16
# What a console takes at once: more than 4 KB that its reader has not read would make it deaf (docs/internals/control-channel.md).
_CONSOLE_CHUNK = 256


class Terminals:
    """All terminals that are open."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._places = threading.BoundedSemaphore(_MOST)

    def open(self, arguments: Arguments) -> int:
        """Begin a terminal.

        :return: descriptor of the web part's end.
        :raises DummError: where there is no such guest, or it is not running.
        """
        guest = arguments.guest(self._room.lab).name
        workdir = Workdir.at(self._room.workdir)
        talk: Callable[[socket.socket], None]
        if arguments.flag("console"):
            console = _Console(line.known(workdir, guest))
            talk = console.run
        else:
            directory, process = line.running(workdir, guest)
            size = terms.size(arguments.given.get("size")) or (24, 80)
            talk = _Shell(directory, process, size).run
        if not self._places.acquire(blocking=False):
            raise HostError("map", f"{_MOST} terminals are open", "close some of them")
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        near.setblocking(False)
        # This process waits for it at its end: the program in the guest is told to end before the guard of its request is let go.
        threading.Thread(target=self._run, args=(near, talk), name=f"terminal {guest}", daemon=False).start()
        return far.detach()

    def _run(self, near: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        try:
            with near:
                try:
                    talk(near)
                except DummError as exc:
                    _last(near, None, str(exc))
        finally:
            self._places.release()


class _Gone(Exception):
    """Nobody is at the other end any more."""


class _Shell:
    """A program on a terminal in a guest."""

    def __init__(self, directory: GuestDir, process: Process, size: tuple[int, int]) -> None:
        self._directory, self._process, self._size = directory, process, size
        self._waiting: deque[bytes] = deque()

    def run(self, near: socket.socket) -> None:
        with (
            suppress(_Gone),
            opened(self._directory, self._process, None, self._size, _TERM) as session,
            _end_of(self._process) as pidfd,
        ):
            self._talk(near, session, pidfd)

    def _talk(self, near: socket.socket, session: Session, pidfd: int) -> None:
        told_paused = False
        while True:
            # In this order: nothing comes after the end.
            code = session.ended()
            data = b"" if self._waiting else session.read()
            self._waiting += (terms.OUTPUT + data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))
            while self._waiting and _sent(near, self._waiting[0]):
                self._waiting.popleft()
            busy = bool(data) and not self._waiting
            if code is not None and not busy and not self._waiting:
                _last(near, code, None)
                return
            session.work()
            paused = not session.answers and session.paused
            if paused and not told_paused:
                _say(near, "the guest is paused; the terminal goes on when the guest does")
            told_paused = paused
            self._wait(near, session, pidfd, busy)

    def _wait(self, near: socket.socket, session: Session, pidfd: int, busy: bool) -> None:
        poller = select.poll()
        wanted = select.POLLIN if session.waiting < MOST_WAITING else 0
        poller.register(near, wanted | (select.POLLOUT if self._waiting else 0))
        poller.register(pidfd, select.POLLIN)
        if not self._waiting:
            poller.register(session.news, select.POLLIN)
        longest = _LONGEST_WAIT if session.answers else 0.05
        events = dict(poller.poll(0 if busy else 1000 * longest))
        if events.get(near.fileno(), 0) & ~select.POLLOUT:
            for packet in _packets(near):
                if packet[:1] == terms.INPUT:
                    session.send(packet[1:])
                elif packet[:1] == terms.SIZE and (size := terms.parsed_size(packet)):
                    session.resize(size)


class _Console:
    """Console 0 of a guest: what its kernel says, and keys for it."""

    def __init__(self, directory: GuestDir) -> None:
        self._directory = directory
        try:
            self._log = os.open(directory.boot_log, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as exc:
            raise Unreachable(f"guest {directory.name}", "it was never started", "start it first") from exc
        self._keys = b""
        self._waiting = b""

    def run(self, near: socket.socket) -> None:
        news = syscalls.inotify_init()
        try:
            syscalls.inotify_add_watch(news, str(self._directory.boot_log), syscalls.IN_MODIFY)
            os.lseek(self._log, max(0, os.fstat(self._log).st_size - _SHOWN_OF_LOG), os.SEEK_SET)
            with suppress(_Gone):
                while True:
                    self._step(near, news)
        finally:
            os.close(news)
            os.close(self._log)

    def _step(self, near: socket.socket, news: int) -> None:
        with suppress(BlockingIOError):
            while os.read(news, _CHUNK):
                pass
        if not self._waiting:
            self._read()
        if self._waiting and _sent(near, self._waiting):
            self._waiting = b""
            # There may be more.
            self._read()
        if self._keys:
            self._type()
        poller = select.poll()
        poller.register(near, (0 if self._keys else select.POLLIN) | (select.POLLOUT if self._waiting else 0))
        poller.register(news, select.POLLIN)
        events = dict(poller.poll(100 if self._keys else None))
        if events.get(near.fileno(), 0) & ~select.POLLOUT:
            self._keys += b"".join(packet[1:] for packet in _packets(near) if packet[:1] == terms.INPUT)

    def _read(self) -> None:
        if os.fstat(self._log).st_size < os.lseek(self._log, 0, os.SEEK_CUR):
            # It was shortened (``logs``); what was added in that moment is in the file.
            os.lseek(self._log, 0, os.SEEK_END)
        # Each end of a line gets a byte more.
        data = os.read(self._log, _CHUNK // 2)
        if data:
            # The guest's own lines end in CR LF, those of its kernel need not.
            self._waiting = terms.OUTPUT + data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def _type(self) -> None:
        """A little at a time, so that the guest can read what came before."""
        try:
            fifo = os.open(self._directory.console_in, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            # It does not run.
            self._keys = b""
            return
        try:
            with suppress(BlockingIOError):
                self._keys = self._keys[os.write(fifo, self._keys[:_CONSOLE_CHUNK]) :]
        finally:
            os.close(fifo)


def _packets(near: socket.socket) -> Iterator[bytes]:
    """What has come.

    :raises _Gone: where the other end is closed.
    """
    while True:
        try:
            packet = near.recv(terms.LARGEST)
        except BlockingIOError:
            return
        except OSError:
            raise _Gone from None
        if not packet:
            raise _Gone
        yield packet


def _sent(near: socket.socket, packet: bytes) -> bool:
    """Send a packet, if there is room for it.

    :raises _Gone: where the other end is closed.
    """
    try:
        near.send(packet)
    except BlockingIOError:
        return False
    except OSError:
        raise _Gone from None
    return True


def _say(near: socket.socket, sentence: str) -> None:
    with suppress(BlockingIOError):
        _sent(near, terms.says(sentence))


def _last(near: socket.socket, code: int | None, error: str | None) -> None:
    """Send the end, however long it takes until it is read."""
    near.setblocking(True)
    with suppress(OSError):
        near.send(terms.ended(code, error))


@contextmanager
def _end_of(process: Process) -> Iterator[int]:
    """A descriptor that is readable when a process has ended.

    :raises GuestError: where it has.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise Unreachable("guest", "it has ended", "start it again") from None
    try:
        yield fd
    finally:
        os.close(fd)
