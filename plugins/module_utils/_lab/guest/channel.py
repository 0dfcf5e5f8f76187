# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run commands in a guest over its control line: no network, no kernel patch, no process on the host's side.

A request is a directory of the guest's spool, which the guest sees through hostfs; its name, written to a FIFO, is the doorbell.
The agent in the guest (``inside.agent``) runs it and leaves the output as files, which are awaited with inotify.
Any number of clients may do this at once.  Why it is built so, and what it costs: docs/internals/control-channel.md.

The guest owns what it writes: everything is read with bounds, and without following what it may have planted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Optional

from ..host import beneath, disks, files, syscalls
from ..host.wait import Deadline, Lookout, Watch, poll_until
from ..host.workdir import GuestDir
from ..model.errors import GuestError, Unreachable, WaitTimeout, from_oserror
from ..model.found import Process
from ..model.lab import Power
from . import doorbell, processes
from .processes import check_alive, is_cut_off, power

BOOT = "boot"
MAX_OUTPUT = 1 << 30
_RING_AGAIN = 3.0
_NUDGE_AFTER = 0.05
_AFTER_KILL = 5.0
_SHELL_SIGNAL = 128
_LAST_WORDS = 4096
_SIGNALS = signal.valid_signals()

# Closing an inotify instance takes the host 10 ms and more (it waits for all CPUs), and a guard is a process.  Commands that
# end sooner than this are asked for in short pauses.
_SHORT = 0.25
# Where many guests are asked at once, all of them wait for the host's CPUs, and a guard for each would be more work than they do.
_CROWDED, _LONGEST_LOOK = 4.0, 0.5
_FIRST_PAUSE = 0.0003
_LONGEST_PAUSE = 0.004
# Each look at a full line is a look at all who wait with it.
_LONGEST_WAIT = 0.2
# A command is heard of an eighth later than it ended, whatever it takes.
_GROWTH = 1.125
# A guest's own Python is not started for callers that want little of it.
_FEW = 4
_PYTHON = "/usr/bin/python3"
LOST = -1
# Ends a request when its client is gone: arguments are request, bell, FIFO, and the file of doorbell.py with its bound.
_GUARD = r"""
read -r done && exit
cd "$1" 2>/dev/null || exit
if [ ! -e exit ] && [ -p "$3" ]; then
  name=${1##*/}
  rung=
  tries=0
  exec 9<>"$4"
  while [ ! -e exit ] && [ $tries -lt 50 ]; do
    if [ -z "$rung" ]; then
      flock 9 2>/dev/null
      read -r written heard agent <"$4"
      if [ $((${written:-0} - ${heard:-0})) -lt "$5" ]; then
        echo "!$name" 1<>"$3"
        echo "$((${written:-0} + ${#name} + 2)) ${heard:-0} ${agent:--}" 1<>"$4"
        rung=yes
      fi
      flock -u 9 2>/dev/null
    fi
    sleep 0.1
    tries=$((tries + 1))
  done
fi
cd / && rm -rf -- "$1" "$2"
"""

# Is called again and again while a request runs, with its directory, and once more when it has ended.
Follow = Callable[[Path], None]
Ending = tuple[int, Optional[signal.Signals]]  # noqa: UP045 - pylint takes the other way for an operation


@dataclass(frozen=True)
class Script:
    """That a request is nothing but a Python that reads a script from its standard input, so that a warm one may do it.

    :ivar python: absolute path of the interpreter.
    :ivar environment: what is added to the agent's own.
    """

    python: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Completed:
    """What became of a script.

    :ivar code: its exit status, 128 + N where signal N ended it, as shells say.
    :ivar signal: the signal that ended the script itself (or what it put into its place with ``exec``).
    """

    code: int
    stdout: bytes
    stderr: bytes
    signal: signal.Signals | None = None


class Channel:
    """A guest's control line, seen from the host.

    :param directory: the guest's directory.
    :param process: the guest's process; waiting ends when it does.
    """

    def __init__(self, directory: GuestDir, process: Process) -> None:
        self._directory = directory
        self._process = process
        self._subject = f"guest {directory.name}"
        self._runs = 0
        self._lent = False

    def run(
        self,
        script: str,
        stdin: bytes | BinaryIO = b"",
        timeout: float = 60.0,
        max_output: int = MAX_OUTPUT,
        stdout: BinaryIO | None = None,
        warm: Script | None = None,
        ops: str = "",
        answer: float | None = None,
        follow: Follow | None = None,
        lookout: Lookout | None = None,
    ) -> Completed:
        """Run a shell script in the guest.

        :param stdin: bytes, or an open file that is copied whole.
        :param ops: the same as operations that an agent that is a program (role kernel) carries out without a shell.
        :param timeout: seconds; the command and all of its process group are killed then.
        :param max_output: bytes of each output at the most; the command is killed when it has written more.
        :param stdout: a file to write the output to, instead of returning it.
        :param warm: what the script is, where a warm Python may do the same.
        :param answer: seconds that the guest may take to begin, where that is less than the timeout.
        :param lookout: where many guests are asked at the same time, for something that may be asked in vain.
        :param follow: takes the outputs out of the request's directory as they grow; they are not returned then.
        :raises WaitTimeout: after the timeout.
        :raises Unreachable: where the line does not answer.
        :raises GuestError: where the guest ended meanwhile or wrote too much.
        """
        deadline = Deadline(timeout)
        begin = timeout if answer is None else min(answer, timeout)
        request = self._write_request(script, stdin, self._hint(warm), ops)
        with ExitStack() as later:
            later.callback(self._put_away, request)
            try:
                self._ring(request.name, Deadline(begin))
                look = self._look(request, deadline, max_output, begin, follow)
                ended = self._awaited(request, look, timeout, lookout)
                if ended is None:
                    later.enter_context(self._guarded(request))
                    watch = later.enter_context(self._watched(request, growing=follow is not None))
                    ended = watch.until(look, deadline)
                    if ended is None:
                        check_alive(self._directory.name, self._process, self._directory)
                        raise self._give_up(request, watch, timeout)
            except BaseException:
                self._kill(request)
                raise
            if follow is not None:
                return Completed(self._code(ended), b"", b"", ended[1])
            return self._completed(request, ended, max_output, stdout)

    @contextmanager
    def opened(self, script: str, deadline: Deadline) -> Iterator[Path]:
        """Begin a script that talks with this process through its request's directory; it is killed if it has not ended in the end.

        It finds that directory in ``OLDPWD``.

        :param deadline: for the guest's line to take the request.
        :raises Unreachable: where the line does not answer.
        """
        request = self._write_request(script, b"", None, "")
        with ExitStack() as later:
            later.callback(self._put_away, request)
            later.callback(self._kill, request)
            self._ring(request.name, deadline)
            later.enter_context(self._guarded(request))
            yield request

    def _awaited(
        self, request: Path, look: Callable[[], Ending | None], timeout: float, lookout: Lookout | None
    ) -> Ending | None:
        """Wait for a command that takes a short time; ``None`` where it takes longer, or its guest has ended."""
        if lookout is None:
            return poll_until(look, Deadline(min(_SHORT, timeout)), _FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH)
        deadline, pause = Deadline(min(_CROWDED, timeout)), _NUDGE_AFTER
        while (found := look()) is None and not deadline.over and processes.is_alive(self._process):
            lookout.until(str(request / "exit"), self._process.pid, Deadline(min(pause, deadline.left)))
            pause = min(2 * pause, _LONGEST_LOOK)
        return found

    def _hint(self, warm: Script | None) -> str | None:
        """What a request says about Python; whoever asks often has one started."""
        self._runs += 1
        if warm is not None:
            return f"{warm.python}\n{json.dumps(dict(warm.environment))}\n"
        return f"{_PYTHON}\n" if self._runs > _FEW else None

    def _completed(self, request: Path, ended: Ending, limit: int, stdout: BinaryIO | None) -> Completed:
        code, by_signal = self._code(ended), ended[1]
        error = self._read(request, "err", limit)
        if stdout is None:
            return Completed(code, self._read(request, "out", limit), error, by_signal)
        self._copy(request, "out", limit, stdout)
        return Completed(code, b"", error, by_signal)

    def _code(self, ended: Ending) -> int:
        if ended[0] == LOST:
            raise GuestError(self._subject, "what runs its commands was killed while one ran", "run it again")
        return ended[0]

    def _watched(self, request: Path, *, growing: bool) -> Watch:
        try:
            return Watch(str(request), self._process.pid, growing=growing)
        except (FileNotFoundError, NotADirectoryError) as exc:
            check_alive(self._directory.name, self._process, self._directory)
            raise GuestError(self._subject, "its spool was emptied while a command ran", "run it again") from exc

    @contextmanager
    def _guarded(self, request: Path) -> Iterator[None]:
        """Have a request killed should this process be, which nobody in the guest would notice."""
        place = self._directory
        paths = (request, place.outbox / f"{request.name}.bell", place.line_in, place.doorbell_lock, doorbell.MOST)
        with syscalls.FORKING:
            guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "dumm-guard", *map(str, paths)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        try:
            yield
        finally:
            with suppress(BrokenPipeError):
                guard.communicate(b"done\n")

    def _kill(self, request: Path) -> None:
        """End a request that nobody waits for any more."""
        if beneath.exists(request, "ack") and ending(request) is None and processes.is_alive(self._process):
            with suppress(GuestError, Unreachable):
                self._ring(f"!{request.name}", Deadline(_AFTER_KILL))
                # The guest must have looked up what to kill before the request is put away.
                poll_until(lambda: ending(request), Deadline(_AFTER_KILL))

    def _write_request(self, script: str, stdin: bytes | BinaryIO, hint: str | None, ops: str) -> Path:
        if power(self._directory, self._process) is Power.PAUSED:
            raise Unreachable(self._subject, "it is paused", "let it go on first (state: started)")
        name = doorbell.new_name()
        # Made where the guest has no hands, so that nothing it plants can lead a write of ours elsewhere.
        fresh = self._directory.outbox / name
        self._lent = disks.make_room(self._directory)
        try:
            write_request(fresh, script, stdin, ops)
            if hint is not None:
                (fresh / "warm").write_text(hint, encoding="utf-8")
            return fresh.rename(self._directory.spool / name)
        except OSError as exc:
            shutil.rmtree(fresh, ignore_errors=True)
            raise from_oserror(self._subject, "write a request to", exc) from exc

    def _ring(self, text: str, deadline: Deadline) -> None:
        """Write a line to the guest, once its serial line has room for it."""
        if poll_until(lambda: self._ring_now(text) or None, deadline, longest=_LONGEST_WAIT) is None:
            check_alive(self._directory.name, self._process, self._directory)
            raise Unreachable(
                self._subject,
                f"its control channel did not take a request within {deadline.seconds:g} s",
                "restart the guest (state: restarted)",
            )

    def _ring_now(self, text: str) -> bool:
        try:
            if doorbell.write(self._directory, text):
                return True
        except OSError as exc:
            check_alive(self._directory.name, self._process, self._directory)
            cause = f"its control channel is gone ({exc.strerror})"
            if is_cut_off(self._directory, self._process):
                cause = (
                    "it runs with files that are not in its directory any more: the working directory was moved to another"
                    " file system, or restored, while it ran"
                )
            raise Unreachable(self._subject, cause, "restart the guest (state: restarted)") from exc
        check_alive(self._directory.name, self._process, self._directory)
        return False

    def _put_away(self, request: Path) -> None:
        doorbell.put_away(self._directory, request)
        if self._lent:
            disks.save_spares(self._directory)
            self._lent = False

    def _look(
        self, request: Path, deadline: Deadline, limit: int, begin: float, follow: Follow | None
    ) -> Callable[[], Ending | None]:
        """What says whether a request has ended.

        The agent may have been started anew and its predecessor's bells with it, so the bell is rung again; asked twice it still
        runs once.  Ever more rarely, and only if the line has room, so that who asks still looks at the answer.
        """
        again, nudged = _RING_AGAIN, _NUDGE_AFTER

        def look() -> Ending | None:
            nonlocal again, nudged
            ended = ending(request)
            if follow is not None:
                # After that: it ended when all was written.
                follow(request)
            waited = deadline.seconds - deadline.left
            if ended is not None or waited < _NUDGE_AFTER:
                return ended
            if _largest(request) > limit:
                raise self._too_much(limit)
            if waited > nudged and not beneath.exists(request, "ack"):
                nudged *= 2
                nudge(self._directory)
                if begin < waited < deadline.seconds and power(self._directory, self._process) is not Power.PAUSED:
                    raise self._not_begun(begin)
                if waited > again and self._ring_now(request.name):
                    again *= 2
            return ended

        return look

    def _give_up(self, request: Path, watch: Watch, timeout: float) -> GuestError | WaitTimeout:
        """Kill what was asked for; the error that says why."""
        picked_up = beneath.exists(request, "ack")
        paused = power(self._directory, self._process) is Power.PAUSED
        if picked_up and not paused:
            self._ring(f"!{request.name}", Deadline(_AFTER_KILL))
            watch.until(lambda: ending(request), Deadline(_AFTER_KILL))
        if paused:
            return WaitTimeout(self._subject, f"it was paused while a command ran ({timeout:g} s)", "let it go on")
        if (missing := disks.full(self._directory.spool)) is not None:
            return GuestError(
                self._subject,
                f"it did not answer within {timeout:g} s: the file system of {self._directory.path} has no {missing} left",
                "free some space there, in the guest or by state: restarted with a larger disk",
            )
        if not picked_up:
            return self._not_begun(timeout)
        late = WaitTimeout(
            self._subject, f"a command did not end within {timeout:g} s and was killed", "raise its time limit"
        )
        with suppress(OSError):
            late.said = beneath.tail(request, "out", _LAST_WORDS)
        return late

    def _not_begun(self, seconds: float) -> Unreachable:
        return Unreachable(
            self._subject,
            f"its agent did not take up a request within {seconds:g} s",
            f"look at {self._directory.boot_log}, or restart the guest (state: restarted)",
        )

    def _read(self, request: Path, name: str, limit: int) -> bytes:
        try:
            data = beneath.read(request, name, limit)
        except FileNotFoundError:
            # Nothing was written.
            return b""
        except OSError as exc:
            raise GuestError(
                self._subject, f"the answer of a command cannot be read ({name}: {exc.strerror})", "run it again"
            ) from exc
        if len(data) > limit:
            raise self._too_much(limit)
        return data

    def _copy(self, request: Path, name: str, limit: int, target: BinaryIO) -> None:
        try:
            if not beneath.copy(request, name, limit, target):
                raise self._too_much(limit)
        except OSError as exc:
            raise from_oserror(self._subject, "copy the answer of", exc) from exc

    def _too_much(self, limit: int) -> GuestError:
        return GuestError(self._subject, f"a command wrote more than {limit} bytes", "let it write less")


def poke(directory: GuestDir, name: str) -> bool:
    """Tell a request that there is something for it in its directory.  Do so once for each answer, or ever more rarely.

    :return: whether it was told; otherwise try again a little later.  A line that is gone is not complained of: a request that is
        asked for an answer finds that out.
    """
    try:
        return doorbell.write(directory, f"+{name}")
    except OSError:
        return True


def nudge(directory: GuestDir) -> None:
    """Make a guest look at all that has come for it: at its line, its console and its interfaces.

    The kernels of distributions may fall asleep over what arrives in the microseconds before, until anything else arrives (the collection's
    kernel patch 0003).  An empty line is that, and means nothing to the agent.
    """
    doorbell.nudge(directory)


def write_request(request: Path, script: str, stdin: bytes | BinaryIO = b"", ops: str = "") -> Path:
    """Make a request directory.

    :param ops: see :meth:`Channel.run`.
    :raises OSError: as the file system says.
    """
    home = str(request)
    os.mkdir(home, 0o700)
    prelude = "cd /root 2>/dev/null || cd /\n"
    # Whatever this user's locale is; and a file's name in the guest may be any bytes (PEP 383).
    _write(f"{home}/cmd", f"{prelude}{script}\n".encode("utf-8", "surrogateescape"))
    if ops:
        _write(f"{home}/op", ops.encode())
    # What becomes ``exit`` where the command has left no inode for it.
    _write(f"{home}/.exit", b"", 0o600)
    if isinstance(stdin, bytes):
        _write(f"{home}/in", stdin)
    else:
        with open(f"{home}/in", "wb") as file:
            shutil.copyfileobj(stdin, file, 1 << 20)
    return request


def _write(path: str, data: bytes, mode: int = 0o666) -> None:
    """Make a file, with fewer system calls than by a file object."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        files.write_all(fd, data)
    finally:
        os.close(fd)


def ending(request: Path) -> Ending | None:
    """Exit status and signal that a guest left for a request; ``None`` while there are none."""
    if not os.path.lexists(request / "exit"):
        # Asked again and again; to read it safely takes ten times as long.
        return None
    try:
        text = beneath.read(request, "exit", 16)
    except OSError:
        return None
    if text == b"lost\n":
        return LOST, None
    told = re.fullmatch(rb"(\d{1,3})( signal)?\n", text)
    if told is None:
        return None
    code = int(told[1])
    return code, signal.Signals(code - _SHELL_SIGNAL) if told[2] and code - _SHELL_SIGNAL in _SIGNALS else None


def _largest(request: Path) -> int:
    """Bytes of the longer output so far."""
    found = (beneath.status(request, name) for name in ("out", "err"))
    return max((status.st_size for status in found if status is not None), default=0)
