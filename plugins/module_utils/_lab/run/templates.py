# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates of a scenario's file, rendered in a process of their own that has bounds.

Whoever writes a template can keep Python busy, fill its memory or exhaust its stack, in one expression that no check between two
expressions would stop (``'x' * 10**10``), and what renders it may be a thread of Ansible's controller.  So one child renders all
templates of a run, in Jinja2's sandbox: the kernel bounds its memory and its time, and it ends with the run.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import struct
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..host import syscalls

try:
    import jinja2
    import jinja2.sandbox
except ImportError:
    HAS_JINJA2 = False
else:
    HAS_JINJA2 = True

MAX_SECONDS = 5.0  # of CPU time for one template
MAX_SECONDS_IN_ALL = 60  # of CPU time
_MAX_WAIT = 300.0  # seconds without an answer, on a host that is far too busy
MAX_SIZE = 4 * 2**20  # letters that one template makes
_MAX_MEMORY = 512 * 2**20  # bytes more than the process that renders has at its beginning
_MAX_SAID = 500  # letters of an error, in which a value may be quoted
_ENDED = (
    f"it needs too deep a stack or too much memory, or takes more than {MAX_SECONDS:g} s,"
    f" or all templates together more than {MAX_SECONDS_IN_ALL} s"
)
_HEAD = struct.Struct("<?QQ")  # whether it was rendered, line, size of what follows


@dataclass(frozen=True)
class Job:
    """A template and what it knows."""

    text: str
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """Why a template could not be rendered.

    :ivar line: of the template, counted from 1.
    """

    line: int
    cause: str


class _TooLong(Exception):
    """It takes too much time, or makes too much."""


def render(jobs: Iterable[Job], number: int) -> Iterator[str | Failure]:
    """What templates make, one after another, or why one of them cannot be rendered; nothing comes after the first failure.

    :param jobs: each is made when its turn comes, in the child.
    :param number: how many there are.
    """
    read, write = os.pipe2(os.O_CLOEXEC)
    pid = _fork()
    if pid == 0:
        _serve(jobs, write)
    os.close(write)
    try:
        with os.fdopen(read, "rb", buffering=0) as pipe:
            yield from _answers(pipe.fileno(), number)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of threads; what holds a lock in another one is not used in the child.
        warnings.simplefilter("ignore", DeprecationWarning)
        with syscalls.FORKING:
            return os.fork()


def _answers(pipe: int, number: int) -> Iterator[str | Failure]:
    for _number in range(number):
        head = _received(pipe, _HEAD.size)
        rendered, line, size = _HEAD.unpack(head) if len(head) == _HEAD.size else (False, 1, 0)
        text = _received(pipe, size).decode("utf-8", "surrogatepass") if size else ""
        if not rendered:
            yield Failure(line, text or _ENDED)
            return
        yield text


def _received(pipe: int, size: int) -> bytes:
    """So many bytes, fewer at the end or where nothing comes for too long."""
    parts: list[bytes] = []
    while size > 0:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        part = os.read(pipe, min(size, 2**20)) if poll.poll(_MAX_WAIT * 1000) else b""
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# In the child


def _serve(jobs: Iterable[Job], pipe: int) -> NoReturn:
    status = 1
    try:
        gc.disable()
        syscalls.die_with_parent(signal.SIGKILL)
        _limit()
        # A lock that the run holds is not to be held by what is left of a run that was killed.
        os.dup2(pipe, 3)
        syscalls.close_range(4, 2**31 - 2)
        environment = _environment()
        known: dict[str, Any] = {}
        for job in jobs:
            rendered, line, text = _answer(environment, known, job)
            body = text.encode("utf-8", "surrogatepass")
            _send(3, _HEAD.pack(rendered, line, len(body)) + body)
        status = 0
    finally:
        os._exit(status)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + _MAX_MEMORY)
    _lower(resource.RLIMIT_CPU, MAX_SECONDS_IN_ALL)
    _lower(resource.RLIMIT_CORE, 0)
    signal.signal(signal.SIGPROF, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])


def _lower(kind: int, value: int) -> None:
    most = resource.getrlimit(kind)[1]
    least = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (least, least))


def _stop(_signal: int, _frame: object) -> None:
    raise _TooLong(f"it takes more than {MAX_SECONDS:g} s")


def _environment() -> Any:
    return jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)


def _answer(environment: Any, known: dict[str, Any], job: Job) -> tuple[bool, int, str]:
    """Whether a template was rendered, the line of what went wrong, and what came of it."""
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS, 0.1)
    try:
        try:
            text = _rendered(environment, known, job)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except MemoryError as exc:
        return False, _line(exc), f"it takes more than {_MAX_MEMORY // 2**20} MB of memory"
    except Exception as exc:  # whatever Python raises for what is written in a template
        return False, _line(exc), str(exc)[:_MAX_SAID] or type(exc).__name__
    return True, 0, text


def _rendered(environment: Any, known: dict[str, Any], job: Job) -> str:
    """What Ansible's module ``template`` makes of it by default."""
    if job.text not in known:
        known[job.text] = environment.from_string(job.text)
    pieces: list[str] = []
    size = 0
    generator = known[job.text].generate(job.variables)
    for piece in generator:
        pieces.append(piece)
        size += len(piece)
        if size > MAX_SIZE:
            # In the template, where Jinja knows the line.
            generator.throw(_TooLong(f"it makes more than {MAX_SIZE // 2**20} MB"))
    text = "".join(pieces)
    if not pieces:
        return text
    # Jinja drops the last newline, and trim_blocks the one after a block that ends the template.
    return text + "\n" * max(0, _last_newlines(job.text) - _last_newlines(text))


def _last_newlines(text: str) -> int:
    return len(text) - len(text.rstrip("\n"))


def _line(exc: Exception) -> int:
    """Line of a template that an error is about."""
    if isinstance(exc, jinja2.TemplateSyntaxError):
        return exc.lineno
    lines = [line for frame, line in traceback.walk_tb(exc.__traceback__) if frame.f_code.co_filename == "<template>"]
    return next((line for line in reversed(lines) if line), 1)


def _send(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]
