# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm logs``: what the kernel and the consoles of a guest printed (``boot.log``)."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections import deque
from collections.abc import Iterator, Sequence

from ..access.line import known
from ..host import syscalls
from ..host.workdir import GuestDir, Workdir
from ..model.errors import InvalidInput, from_oserror
from .usage import Parser, WrongUsage, whole

_CHUNK = 1 << 16
_LONGEST = 1 << 20
_EXAMPLES = """\
  dumm logs alice           all that alice's kernel and init printed
  dumm logs alice -n 20     the last 20 lines
  dumm logs -f alice        go on with what is printed, also after restarts, until Ctrl-C
  dumm logs --before alice  of its life before this one
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Print a guest's log as the words say."""
    parser = Parser("dumm logs", "Print what a guest's kernel and consoles printed.", _EXAMPLES, workdir)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is printed from now on")
    parser.add_argument("-n", "--lines", metavar="N", type=whole, help="only the last lines")
    parser.add_argument("-b", "--before", action="store_true", help="the log of the guest's life before")
    parser.add_argument(
        "--raw", action="store_true", help="bytes as they are, also those that a terminal acts on (default if piped)"
    )
    parser.add_argument("guest", metavar="GUEST", help="name of the guest")
    wanted = parser.parse_args(words)
    if wanted.before and wanted.follow:
        raise WrongUsage("dumm logs", "a life that has ended goes on no more", "leave --before or --follow out")
    directory = known(Workdir.at(wanted.workdir), wanted.guest)
    out = _Out(raw=wanted.raw or not os.isatty(1))
    path = str(directory.boot_log_before if wanted.before else directory.boot_log)
    with _Log(directory, path) as log:
        out.write(_last(log.read(), wanted.lines))
        if wanted.follow:
            for data in log.follow():
                out.write([data])
    out.end()
    return 0


def _last(chunks: Iterator[bytes], lines: int | None) -> Iterator[bytes]:
    """The last lines of a log; ``None`` for all."""
    if lines is None:
        yield from chunks
        return
    kept: deque[bytes] = deque(maxlen=max(0, lines))
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).splitlines(keepends=True) or [b""]
        kept.extend(whole)
        if rest.endswith(b"\n"):
            kept.append(rest)
            rest = b""
    if rest:
        kept.append(rest)
    yield from kept


class _Out:
    """Where a log goes.  A guest writes what it likes, and a terminal is not to act on it.

    :param raw: whether that does not matter.
    """

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw
        self._rest = b""

    def write(self, chunks: Iterator[bytes] | list[bytes]) -> None:
        """Show some of it; an unfinished line waits for its end."""
        for chunk in chunks:
            if self._raw:
                self._put(chunk)
                continue
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._put(b"".join(map(_harmless, lines)))
            if len(self._rest) > _LONGEST:
                self.end()

    def end(self) -> None:
        """Show what has no end."""
        if self._rest:
            self._put(_harmless(self._rest))
            self._rest = b""

    def _put(self, data: bytes) -> None:
        while data:
            data = data[os.write(1, data) :]


def _harmless(line: bytes) -> bytes:
    text = line.rstrip(b"\r").decode("utf-8", "replace").expandtabs()
    shown = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return f"{shown}\n".encode(sys.stdout.encoding or "utf-8", "backslashreplace")


class _Log:
    """A log that grows, is shortened in its middle, and begins anew when its guest is restarted."""

    def __init__(self, directory: GuestDir, path: str) -> None:
        self._path = path
        self._news = syscalls.inotify_init()
        syscalls.inotify_add_watch(
            self._news,
            str(directory.path),
            syscalls.IN_MODIFY | syscalls.IN_CREATE | syscalls.IN_MOVED_TO | syscalls.IN_DONT_FOLLOW,
        )
        self._subject = f"guest {directory.name}"
        self._file = self._opened()

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._file)
        os.close(self._news)

    def _opened(self) -> int:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise InvalidInput(self._subject, "it has no log: it was never started", "start it") from None
        except OSError as exc:
            raise from_oserror(self._subject, "read", exc) from None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise InvalidInput(self._subject, f"{self._path} is no file", "remove it, and restart the guest")
        return file

    def read(self) -> Iterator[bytes]:
        """What is there, and was not read yet."""
        if os.fstat(self._file).st_size < os.lseek(self._file, 0, os.SEEK_CUR):
            # Its middle was taken out; what was added in that moment is in the file.
            os.lseek(self._file, 0, os.SEEK_END)
        while data := os.read(self._file, _CHUNK):
            yield data

    def follow(self) -> Iterator[bytes]:
        """What is added from now on.

        :raises BrokenPipeError: as soon as nobody reads any more.
        """
        poller = select.poll()
        poller.register(self._news, select.POLLIN)
        if not stat.S_ISREG(os.fstat(1).st_mode):
            poller.register(1, 0)
        while True:
            yield from self.read()
            if self._is_another():
                yield from self.read()
                os.close(self._file)
                self._file = self._opened()
                continue
            for fd, events in poller.poll():
                if fd == 1 and events & (select.POLLERR | select.POLLHUP):
                    raise BrokenPipeError
                if fd == self._news:
                    os.read(fd, _CHUNK)

    def _is_another(self) -> bool:
        """Whether another log has taken its place."""
        try:
            return not os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._file))
        except FileNotFoundError:
            return False
