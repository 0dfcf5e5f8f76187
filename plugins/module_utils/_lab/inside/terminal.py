# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A terminal for somebody at the host: a program on a pseudoterminal, whose bytes go through the request's directory.

This is a program of its own that runs in a guest whose agent is a shell script.  The agent that is a program does it by itself; the
protocol is told at the head of its terminal.c (roles/kernel/files/guest).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios

_SEGMENT = 1 << 18
_KEPT = 4
_CHUNK = 16384


class Terminal:
    """A program on a pseudoterminal.

    :param home: the request's directory.
    """

    def __init__(self, home: str) -> None:
        self.home = home
        self.wake, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for number in (signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        # The other end is held open, so that it never hangs up before its time.
        self.master, self.peer = pty.openpty()
        os.set_blocking(self.master, False)
        self.message: bytes | None = None
        self.messages = 0
        self.segment = -1
        self.segments = self.length = 0

    def path(self, kind: str, number: int) -> str:
        """Of a file of the protocol."""
        return f"{self.home}/{kind}{number}"

    def resize(self, size: bytes) -> None:
        """Give the window a size, which is told in rows and columns."""
        rows, columns = map(int, size.split())
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def have_room(self) -> bool:
        """Whether there is a file to write output to; where there is none the host has to read first."""
        if self.segment < 0:
            if self.segments >= _KEPT and os.path.lexists(self.path("o", self.segments - _KEPT)):
                return False
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self.segment = os.open(self.path("o", self.segments), flags, 0o600)
            self.length = 0
        return True

    def read_program(self) -> None:
        """Take output on to the host."""
        data = os.read(self.master, _CHUNK)
        self.length += len(data)
        while data:
            data = data[os.write(self.segment, data) :]
        if self.length >= _SEGMENT:
            os.close(self.segment)
            self.segment = -1
            self.segments += 1

    def next_message(self) -> None:
        """Take up what the host has sent, once all before has been done."""
        while self.message is None:
            try:
                with open(self.path("t", self.messages), "rb") as file:
                    message = file.read()
            except FileNotFoundError:
                return
            if message.startswith(b"i"):
                self.message = message[1:]
                return
            self.resize(message[1:])
            self.finish_message()

    def finish_message(self) -> None:
        """Tell the host that the next may come."""
        self.message = None
        os.unlink(self.path("t", self.messages))
        self.messages += 1

    def write_program(self) -> None:
        """Take input on to the program."""
        if self.message is not None:
            with contextlib.suppress(BlockingIOError):
                self.message = self.message[os.write(self.master, self.message) :]
            if not self.message:
                self.finish_message()
                self.next_message()

    def start(self, words: list[str]) -> int:
        """Run the program."""
        pid = os.fork()
        if pid:
            return pid
        signal.set_wakeup_fd(-1)
        # Python ignores some; the shell that started this, because it did so in the background, those of the keyboard.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(self.peer, termios.TIOCSCTTY, 0)
        for stream in range(3):
            os.dup2(self.peer, stream)
        try:
            os.execvp(words[0], words)
        except OSError as exc:
            os.write(2, f"{words[0]}: {exc.strerror}\n".encode())
        os._exit(127)

    def serve(self, pid: int) -> int:
        """Move bytes until the program has ended and all that it wrote is out; its status."""
        poller = select.poll()
        poller.register(self.wake, select.POLLIN)
        status: int | None = None
        while True:
            room = self.have_room()
            writing = self.message is not None and status is None
            poller.register(self.master, (select.POLLIN if room else 0) | (select.POLLOUT if writing else 0))
            found = dict(poller.poll(0 if status is not None and room else None))
            events = found.get(self.master, 0)
            if status is not None and room and not events & select.POLLIN:
                return status
            if self.wake in found:
                os.read(self.wake, 4096)
                self.next_message()
                if status is None:
                    gone, state = os.waitpid(pid, os.WNOHANG)
                    status = state if gone else None
            if events & select.POLLIN:
                self.read_program()
            if events & select.POLLOUT:
                self.write_program()


def main() -> int:
    """Arguments are the request's directory, rows, columns, and the program with its own."""
    home, rows, columns, *words = sys.argv[1:]
    terminal = Terminal(home)
    terminal.resize(f"{rows} {columns}".encode())
    # The first output file tells the host that signals are awaited.
    terminal.have_room()
    status = terminal.serve(terminal.start(words))
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


if __name__ == "__main__":
    # At once: while an interpreter is taken down signals have their default effect again.
    os._exit(main())
