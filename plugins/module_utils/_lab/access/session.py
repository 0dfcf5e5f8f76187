# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A terminal in a guest, over its control line: a program there on a pseudoterminal, and its bytes here.

It is a request like any other (``channel``), so what holds for those holds for it: any number at once, and when the client is killed, so
is what it runs.  Its bytes go through files in the request's directory; the protocol is told at the head of terminal.c
(roles/kernel/files/guest).  The directory is the guest's: everything in it is reached through a descriptor, and read with bounds.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..guest import channel
from ..guest.channel import Channel
from ..guest.processes import check_alive, power
from ..host import beneath, syscalls
from ..host.wait import Deadline, poll_until
from ..host.workdir import GuestDir
from ..inside.home import HOME
from ..model.errors import GuestError
from ..model.found import Process
from ..model.lab import Power

_NEWS = (
    syscalls.IN_CREATE
    | syscalls.IN_DELETE
    | syscalls.IN_MODIFY
    | syscalls.IN_CLOSE_WRITE
    | syscalls.IN_DONT_FOLLOW
    | syscalls.IN_ONLYDIR
)
# Of one message, and of input that waits for its turn.
_MOST_AT_ONCE = 16384
MOST_WAITING = 65536
_CHUNK = 65536
_COMPLAINT = 4096
_START_SECONDS = 30.0
_POKE_AFTER = 0.05

Size = tuple[int, int]


class Session:
    """A terminal that runs, see :func:`opened`.

    :ivar news: a descriptor that is readable when :meth:`work` has something to do.
    """

    def __init__(self, directory: GuestDir, process: Process, request: Path) -> None:
        self._directory = directory
        self._process = process
        self._request = request
        self._subject = f"guest {directory.name}"
        self._place = os.open(request, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.news = syscalls.inotify_init()
        syscalls.inotify_add_watch(self.news, str(request), _NEWS)
        self._input = bytearray()
        self._size: Size | None = None
        self._messages = 0
        self._sent: Deadline | None = None
        self._segments = 0
        self._segment = -1
        self._begun = self._owes_poke = False

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in (self._segment, self._place, self.news):
            if fd >= 0:
                os.close(fd)

    def send(self, data: bytes) -> None:
        """Have input wait for its turn."""
        self._input += data

    def resize(self, size: Size) -> None:
        """Give the window a size, in rows and columns."""
        self._size = size

    @property
    def waiting(self) -> int:
        """Bytes of input that the guest has not been given yet."""
        return len(self._input)

    @property
    def answers(self) -> bool:
        """Whether the guest has taken up all that it was given."""
        return self._sent is None and not self._owes_poke

    @property
    def paused(self) -> bool:
        """Whether the guest is paused."""
        return power(self._directory, self._process) is Power.PAUSED

    def begun(self) -> bool:
        """Whether the terminal is, or was, there."""
        self._begun = self._begun or self._exists("o0")
        return self._begun

    def work(self) -> None:
        """Give the guest the next message, if it has done the one before.

        :raises GuestError: where it has put something into the message's place.
        """
        with suppress(BlockingIOError):
            while os.read(self.news, _CHUNK):
                pass
        self._tell_room()
        if self._sent is not None:
            if self._exists(self._name):
                if self._sent.over:
                    self._poke(2 * self._sent.seconds)
                return
            self._sent = None
            self._messages += 1
        message = self._next_message()
        if message is not None:
            self._write(message)
            self._poke(_POKE_AFTER)

    def _next_message(self) -> bytes | None:
        if self._size is not None:
            message = b"w%d %d" % self._size
            self._size = None
            return message
        if self._input:
            message = b"i" + self._input[:_MOST_AT_ONCE]
            del self._input[:_MOST_AT_ONCE]
            return message
        return None

    @property
    def _name(self) -> str:
        return f"t{self._messages}"

    def _write(self, message: bytes) -> None:
        # Made where the guest has no hands.
        fresh = self._directory.outbox / f"{self._request.name}.{self._name}"
        try:
            fresh.write_bytes(message)
            os.rename(fresh, self._name, dst_dir_fd=self._place)
        except OSError as exc:
            fresh.unlink(missing_ok=True)
            raise GuestError(self._subject, f"its terminal takes no input ({exc.strerror})", "attach again") from exc

    def _poke(self, again: float) -> None:
        """Tell the guest of the message; it is told again, ever more rarely, while it does not answer: it may be asleep."""
        channel.poke(self._directory, self._request.name)
        self._sent = Deadline(again)

    def _exists(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._place, follow_symlinks=False)
        except OSError:
            return False
        return True

    def read(self) -> bytes:
        """Output that has come, or nothing for now.

        :raises GuestError: where the guest has put something else into its place.
        """
        try:
            while True:
                if self._segment < 0:
                    if not self._exists(f"o{self._segments}"):
                        return b""
                    self._segment = beneath.open_file(self._place, f"o{self._segments}")
                # In this order: what was written before the next one was begun is there.
                finished = self._exists(f"o{self._segments + 1}")
                data = os.read(self._segment, _CHUNK)
                if data or not finished:
                    return data
                self._drop_segment()
        except OSError as exc:
            raise GuestError(
                self._subject, f"its terminal's output cannot be read ({exc.strerror})", "attach again"
            ) from exc

    def _drop_segment(self) -> None:
        os.close(self._segment)
        self._segment = -1
        os.unlink(f"o{self._segments}", dir_fd=self._place)
        self._segments += 1
        # The program may wait for it: it has to be told.
        self._owes_poke = True
        self._tell_room()

    def _tell_room(self) -> None:
        if self._owes_poke:
            self._owes_poke = not channel.poke(self._directory, self._request.name)

    def ended(self) -> int | None:
        """The program's exit status, once it has ended.  Ask before :meth:`read`: nothing comes after it.

        :raises GuestError: where the guest ended, or what runs its commands.
        """
        ending = channel.ending(self._request)
        if ending is None:
            check_alive(self._directory.name, self._process, self._directory)
            return None
        code, _signal = ending
        if code == channel.LOST:
            raise GuestError(
                self._subject, "what runs its commands was killed, and the terminal with it", "attach again"
            )
        if not self.begun():
            raise self._not_begun(code)
        return code

    def _not_begun(self, code: int) -> GuestError:
        try:
            said = beneath.printable(beneath.read(self._request, "err", _COMPLAINT))
        except OSError:
            said = ""
        return GuestError(
            self._subject,
            f"it cannot give a terminal (exit code {code}): {said or 'it said nothing'}",
            "give its kernel the compiled agent (role dumm.lab.kernel), or install python3 in the guest",
        )


@contextmanager
def opened(directory: GuestDir, process: Process, command: str | None, size: Size, term: str) -> Iterator[Session]:
    """A terminal in a guest, which ends with this context.

    :param command: for the guest's shell; ``None`` for root's shell itself.
    :param size: of the window, in rows and columns.
    :param term: what the terminal understands (term(7)).
    :raises GuestError: where the guest gives none.
    """
    deadline = Deadline(_START_SECONDS)
    with Channel(directory, process).opened(_script(command, size, term), deadline) as request:
        session = Session(directory, process, request)
        try:
            poll_until(lambda: session.begun() or session.ended() is not None or None, deadline)
            if not session.begun():
                raise GuestError(
                    f"guest {directory.name}",
                    f"it gave no terminal within {deadline.seconds:g} s",
                    f"look at {directory.boot_log}",
                )
            yield session
        finally:
            session.close()


def _script(command: str | None, size: Size, term: str) -> str:
    program = '"$SHELL" -l' if command is None else f'"$SHELL" -c {shlex.quote(command)}'
    return f"""place=$OLDPWD
TERM={shlex.quote(term)} USER=root LOGNAME=root SHELL=/bin/bash
[ -x "$SHELL" ] || SHELL=/bin/sh
export TERM USER LOGNAME SHELL
unset OLDPWD
exec {HOME}/terminal "$place" {size[0]} {size[1]} {program}"""
