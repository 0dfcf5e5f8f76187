# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program ``dumm-attach``: the user's terminal on one in a guest, or on the guest's console 0.

It needs nothing but Python, root and the lab's working directory; docs/howto/console.md tells how to start it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from ..guest import processes
from ..host import syscalls
from ..host.workdir import DEFAULT, GuestDir, Workdir
from ..model.errors import DummError, InvalidInput, Unreachable
from ..model.found import Process
from . import line
from .session import MOST_WAITING, Session, Size, opened

# Ctrl-], as telnet has it.  Alone: what is pasted may have it in it.
_LEAVE = b"\x1d"
_CHUNK = 16384
_LONGEST_WAIT = 1.0
_FAILED = 255
_SHOWN_OF_LOG = 4096
# What a console takes at once: more than 4 KB that its reader has not read would make it deaf (docs/internals/control-channel.md).
_CONSOLE_CHUNK = 256


class _Window:
    """The user's terminal."""

    def __init__(self) -> None:
        self.resized = False
        self.wake, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def size(self) -> Size:
        """Rows and columns."""
        rows, columns, _x, _y = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
        return rows, columns

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Have every key handed on as it is, and the terminal as it was afterwards, whatever happens."""
        before = termios.tcgetattr(0)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        signal.signal(signal.SIGWINCH, self._note_size)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        try:
            # What was typed ahead is kept.
            tty.setraw(0, termios.TCSADRAIN)
            yield
        finally:
            signal.set_wakeup_fd(-1)
            termios.tcsetattr(0, termios.TCSADRAIN, before)

    def _note_size(self, _number: int, _frame: FrameType | None) -> None:
        self.resized = True

    def awake(self) -> None:
        """Forget the signals that have been heard of."""
        with suppress(BlockingIOError):
            while os.read(self.wake, _CHUNK):
                pass


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _show(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _say(sentence: str) -> None:
    """In a line of its own, also where the terminal is raw."""
    _show(f"\r\n[dumm: {sentence}]\r\n".encode())


def _attach(directory: GuestDir, process: Process, command: str | None) -> int:
    """A terminal in the guest, until its program ends or the user leaves; the exit status."""
    window = _Window()
    term = os.environ.get("TERM", "vt100")
    with opened(directory, process, command, window.size, term) as session:
        # It may have changed before that was noticed.
        session.resize(window.size)
        _show(f"[dumm: guest {directory.name}; Ctrl-] leaves]\n".encode())
        with window.raw():
            return _Talk(session, window, process).run()


class _Talk:
    """Moves bytes between the user's terminal and the guest's."""

    def __init__(self, session: Session, window: _Window, process: Process) -> None:
        self._session = session
        self._window = window
        self._pidfd = _opened_process(process)
        self._leaving = self._told_paused = False

    def run(self) -> int:
        """The program's exit status, or 0 when the user left."""
        session = self._session
        try:
            while True:
                code = session.ended()
                while data := session.read():
                    _show(data)
                    if code is None:
                        break
                if code is not None:
                    return code
                session.work()
                self._tell_pause()
                self._wait(bool(data))
                if self._leaving:
                    return 0
        finally:
            os.close(self._pidfd)

    def _wait(self, busy: bool) -> None:
        """Until anything comes; ``busy`` where output is there already."""
        session, window = self._session, self._window
        poller = select.poll()
        for fd in (session.news, window.wake, self._pidfd):
            poller.register(fd, select.POLLIN)
        if session.waiting < MOST_WAITING:
            poller.register(0, select.POLLIN)
        longest = _LONGEST_WAIT if session.answers else 0.05
        events = dict(poller.poll(0 if busy else 1000 * longest))
        if window.wake in events:
            window.awake()
        if window.resized:
            window.resized = False
            session.resize(window.size)
        if 0 in events:
            self._read_keys()

    def _read_keys(self) -> None:
        data = os.read(0, _CHUNK)
        self._leaving = data in (b"", _LEAVE)
        self._session.send(data)

    def _tell_pause(self) -> None:
        paused = not self._session.answers and self._session.paused
        if paused and not self._told_paused:
            _say("the guest is paused; it goes on with state: started, Ctrl-] leaves")
        self._told_paused = paused


def _opened_process(process: Process) -> int:
    try:
        return os.pidfd_open(process.pid)
    except ProcessLookupError:
        # What is always readable says the same.
        read, write = os.pipe()
        os.close(write)
        return read


class _Console:
    """Console 0: the log and what is added to it, and keys."""

    def __init__(self, directory: GuestDir) -> None:
        self._directory = directory
        self._process = processes.read(directory)
        try:
            self._log = os.open(directory.boot_log, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as exc:
            raise Unreachable(f"guest {directory.name}", "it was never started", "start it with dumm_guest") from exc
        self._news = syscalls.inotify_init()
        syscalls.inotify_add_watch(self._news, str(directory.boot_log), syscalls.IN_MODIFY)
        self._pending = b""
        self._pidfd = -1

    def run(self) -> int:
        """Until the guest ends or the user leaves."""
        window = _Window()
        os.lseek(self._log, max(0, os.fstat(self._log).st_size - _SHOWN_OF_LOG), os.SEEK_SET)
        _show(f"[dumm: console 0 of guest {self._directory.name}; Ctrl-] leaves]\n".encode())
        process = self._process
        with window.raw():
            while process is not None and processes.is_alive(process):
                self._show_news()
                if self._keys(window, process) == _LEAVE:
                    return 0
            self._show_news()
        reason = "" if process is None else f": {processes.reason(self._directory, process)}"
        _say(f"the guest is not running{reason}")
        return _FAILED

    def _show_news(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._news, _CHUNK):
                pass
        if os.fstat(self._log).st_size < os.lseek(self._log, 0, os.SEEK_CUR):
            # It was shortened (``logs``); what was added in that moment is in the file.
            os.lseek(self._log, 0, os.SEEK_END)
        while data := os.read(self._log, _CHUNK):
            # The guest's own lines end in CR LF, those of its kernel need not.
            _show(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def _keys(self, window: _Window, process: Process) -> bytes:
        """Wait for anything, and hand keys on; the key that leaves where it was pressed."""
        if self._pidfd < 0:
            self._pidfd = _opened_process(process)
        poller = select.poll()
        for fd in (self._news, window.wake, self._pidfd):
            poller.register(fd, select.POLLIN)
        if not self._pending:
            poller.register(0, select.POLLIN)
        events = dict(poller.poll(100 if self._pending else 1000 * _LONGEST_WAIT))
        window.awake()
        if 0 in events:
            self._pending = os.read(0, _CHUNK) or _LEAVE
            if self._pending == _LEAVE:
                return _LEAVE
        if self._pending:
            self._send()
        return b""

    def _send(self) -> None:
        """A little at a time, so that the guest can read what came before."""
        try:
            fifo = os.open(self._directory.console_in, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            # It is about to end, which is noticed elsewhere.
            return
        try:
            with suppress(BlockingIOError):
                self._pending = self._pending[os.write(fifo, self._pending[:_CONSOLE_CHUNK]) :]
        finally:
            os.close(fifo)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dumm-attach", description="A terminal in a guest of a lab.")
    parser.add_argument(
        "-w", "--workdir", default=os.environ.get("DUMM_WORKDIR") or str(DEFAULT), help="working directory"
    )
    parser.add_argument("-c", "--console", action="store_true", help="console 0 instead: what the guest's kernel says")
    parser.add_argument("guest", help="name of the guest")
    parser.add_argument("command", nargs="?", help="for the guest's shell, instead of a shell to type to")
    return parser.parse_args(words)


def attach(workdir: str, guest: str, command: str | None, *, console: bool) -> int:
    """A terminal in a guest, or its console 0, until its program ends or the user leaves.

    :param workdir: path of the working directory, as the user wrote it.
    :param command: for the guest's shell; ``None`` for a shell to type to.
    :return: the program's exit status; 255 where the guest of a console is not running.
    :raises DummError: where there is no such guest, or no terminal here or there.
    """
    if not (os.isatty(0) and os.isatty(1)):
        raise InvalidInput("this terminal", "there is none", "use 'dumm exec' for commands without one")
    place = Workdir.at(workdir)
    if console:
        return _Console(line.known(place, guest)).run()
    return _attach(*line.running(place, guest), command)


def main(words: Sequence[str] | None = None) -> int:
    """Attach as the words say; the exit status: the guest's program's own, 255 where there is none."""
    wanted = _arguments(words)
    try:
        return attach(wanted.workdir, wanted.guest, wanted.command, console=wanted.console)
    except DummError as exc:
        sys.stderr.write(f"dumm-attach: {exc}\n")
    except PermissionError as exc:
        sys.stderr.write(f"dumm-attach: {exc.filename}: {exc.strerror}; run as root\n")
    return _FAILED


if __name__ == "__main__":
    raise SystemExit(main())
