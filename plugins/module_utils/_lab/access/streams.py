# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command in a guest whose input and outputs are files of this process, handed on as they come.

The guest's agent writes both outputs to files of the request's directory, which the host sees grow (``guest/channel``).  What has been
handed on is given back to the file system, so a command may write without end.  Input is the request's file ``in`` where all of it is
there.  Where it is not, as in a pipe, it goes in pieces: the host puts files ``i0``, ``i1``, ... into the directory, one at a time, and a
shell in the guest hands each on to the command and removes it, which asks for the next.  SIGUSR1 tells that shell to look (``poke``).

The directory is the guest's: everything in it is reached through a descriptor, and only regular files are read.
"""

from __future__ import annotations

import os
import select
import shlex
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..guest import channel
from ..host import beneath, syscalls
from ..host.wait import Deadline, poll_until
from ..host.workdir import GuestDir
from ..model.errors import GuestError, from_oserror

_CHUNK = 1 << 20
# Bytes handed on after which their room is given back.
_KEPT = 8 << 20
_POKE_AFTER = 0.05
# Runs the command in the background, so that this shell is free for its input.  wait(1) returns at SIGUSR1 as well as at the end.
_FED = r"""place=$OLDPWD
trap : USR1
mkfifo "$place/f" || exit 255
(
trap - USR1
unset place OLDPWD
%s
) <"$place/f" &
exec 3>"$place/f"
: >"$place/fed"
piece=0
while :; do
  if [ -e "$place/i$piece" ] && [ -z "$closed" ]; then
    if [ -s "$place/i$piece" ] && cat "$place/i$piece" >&3 2>/dev/null; then :; else closed=yes; exec 3>&-; fi
    rm -f "$place/i$piece"
    piece=$((piece + 1))
    continue
  fi
  wait $!
  status=$?
  kill -0 $! 2>/dev/null || exit $status
done
"""


def fed(script: str) -> str:
    """A script that reads what a :class:`Feeder` reads.

    Its own text is one word, so that nothing in it ends the shell that feeds it.
    """
    return _FED % f"eval {shlex.quote(script)}"


class Followed:
    """Hands the outputs of a request on to descriptors; :meth:`look` is for ``Channel.run``.

    :param guest: name of the guest, for messages.
    """

    def __init__(self, guest: str, stdout: int, stderr: int) -> None:
        self._outputs = [_Output(guest, "out", stdout), _Output(guest, "err", stderr)]

    def look(self, request: Path) -> None:
        """Hand on what has come.

        :raises OSError: where it is not taken; :class:`BrokenPipeError` where nobody reads any more.
        """
        for output in self._outputs:
            output.look(request)

    def close(self) -> None:
        """Give the descriptors back."""
        for output in self._outputs:
            output.close()


class _Output:
    """One output of a request."""

    def __init__(self, guest: str, name: str, target: int) -> None:
        self._subject = f"guest {guest}"
        self._name = name
        self._target = target
        self._source = -1
        self._taken = self._given_back = 0

    def look(self, request: Path) -> None:
        """Hand on as much as there is now."""
        if self._source < 0 and not self._open(request):
            return
        size = os.fstat(self._source).st_size
        if size < self._taken:
            # A program has opened it anew (>/dev/stdout), which empties it.
            self._taken = self._given_back = 0
        while self._taken < size:
            data = os.pread(self._source, min(_CHUNK, size - self._taken), self._taken)
            if not data:
                return
            self._taken += len(data)
            try:
                _hand_on(self._target, data)
            except BrokenPipeError:
                raise
            except OSError as exc:
                raise from_oserror(f"what a command in {self._subject} printed", "write it:", exc) from exc
            self._give_back()

    def _open(self, request: Path) -> bool:
        if not os.path.lexists(request / self._name):
            return False
        try:
            self._source = beneath.open_file(request, self._name, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError as exc:
            cause = f"the answer of a command cannot be read ({self._name}: {exc.strerror})"
            raise GuestError(self._subject, cause, "run it again") from exc
        return True

    def _give_back(self) -> None:
        if self._taken - self._given_back >= _KEPT:
            self._given_back = self._taken
            # Not every file system can.
            with suppress(OSError):
                syscalls.punch(self._source, self._taken)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._source >= 0:
            os.close(self._source)
            self._source = -1


def _hand_on(target: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:
            # Whoever shares the terminal with us may have set that.
            select.select([], [target], [])


class Feeder:
    """Hands input on to a request as it comes; :meth:`look` is for ``Channel.run``, of a script of :func:`fed`.

    It reads in a thread of its own, which ends with this process at the latest: what it waits for may never come.

    :param source: descriptor.
    """

    def __init__(self, directory: GuestDir, source: int) -> None:
        self._directory = directory
        self._source = source
        self._begun = False

    def look(self, request: Path) -> None:
        """Begin, once the guest is ready for it."""
        if not self._begun and os.path.lexists(request / "fed"):
            self._begun = True
            threading.Thread(target=self._feed, args=(request,), daemon=True).start()

    def _feed(self, request: Path) -> None:
        # The request is put away when the command has ended.
        with suppress(OSError):
            place = os.open(request, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                for number, piece in enumerate(_pieces(self._source)):
                    self._give(request, place, f"i{number}", piece)
            finally:
                os.close(place)

    def _give(self, request: Path, place: int, name: str, data: bytes) -> None:
        """Put a piece into the request, and wait until it is taken; an empty one is the end.

        :raises OSError: where the request is not there any more.
        """
        # Made where the guest has no hands.
        fresh = self._directory.outbox / f"{request.name}.{name}"
        try:
            fresh.write_bytes(data)
            os.rename(fresh, name, dst_dir_fd=place)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        again = _POKE_AFTER
        while True:
            # A kernel may be asleep, and the shell may have looked just before: it is told again, ever more rarely.
            channel.poke(self._directory, request.name)
            if poll_until(lambda: _is_taken(place, name), Deadline(again), first=0.0005):
                return
            again *= 2


def _pieces(source: int) -> Iterator[bytes]:
    """Input as it comes, as much at a time as is there; an empty piece is the end."""
    is_open = True
    while is_open:
        piece = bytearray()
        patience = None
        while len(piece) < _CHUNK and select.select([source], [], [], patience)[0]:
            patience = 0
            try:
                data = os.read(source, _CHUNK)
            except BlockingIOError:
                # Somebody else has read it.
                break
            piece += data
            if not data:
                is_open = False
                break
        if piece:
            yield bytes(piece)
    yield b""


def _is_taken(place: int, name: str) -> bool | None:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return True
    return None
