# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a controller that is another machine asks of the lab host: one request a process, over any connection of Ansible's.

The request is a line of JSON on standard input, and bytes after it; the answer is one after :data:`MARK` on standard output, and bytes
after it, since a login shell may have written something of its own before.  Connections collect an answer in memory, so that it is
bounded: larger outputs and files wait in a spool of this user's, and are asked for by and by (``plugin_utils/_lab_host.py``).
"""

from __future__ import annotations

import json
import os
import pwd
import re
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ..guest.channel import Script
from ..model.errors import DummError, InvalidInput, from_oserror
from ..scenario import lab_hosts
from . import hosts, moving, placing
from .line import Line

MARK = b"\ndumm.lab: "
# Also of what is sent at a time.
PIECE = 4 << 20
_TOKEN = re.compile("[a-z0-9_]{8}")
_OLD = 86400.0

Answer = tuple[dict[str, Any], bytes]


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.stdin.buffer.readline())
    _end_with_the_controller()
    try:
        told, data = answered(request.pop("what"), sys.stdin.buffer, request)
    except DummError as exc:
        told, data = {"error": [exc.subject, exc.cause, exc.remedy], "kind": type(exc).__name__}, b""
    sys.stdout.buffer.write(MARK + json.dumps({**told, "size": len(data)}).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


def answered(what: str, data: BinaryIO, asked: dict[str, Any]) -> Answer:
    """Answer a request, of another machine or of this one.

    :raises DummError: as what answers it does.
    """
    return _ANSWERS[what](data, **asked)


def _end_with_the_controller() -> None:
    """Have this process ended when nobody is left who would read the answer, and with it what runs in the guest."""

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_await_end_of_output, daemon=True).start()


def _await_end_of_output() -> None:
    poller = select.poll()
    # What is always told: that the other end is closed.
    poller.register(sys.stdout.fileno(), 0)
    poller.poll()
    os.kill(os.getpid(), signal.SIGTERM)


def _run(
    data: BinaryIO,
    workdir: str,
    guest: str,
    script: str,
    stdin: str,
    timeout: float,
    max_output: int,
    warm: list[Any] | None,
    ready: float,
) -> Answer:
    """:param stdin: token of what was put before, else it is ``data``."""
    suited = None if warm is None else Script(*warm)
    given = _Spooled(stdin) if stdin else None
    try:
        with data if given is None else given.path.open("rb") as source, _Spooled.create() as output:
            with output.path.open("wb") as target:
                done = Line(workdir, guest).run(
                    script, source, timeout=timeout, max_output=max_output, stdout=target, warm=suited, ready=ready
                )
            told = {"code": done.code, "stderr": done.stderr.decode("utf-8", "surrogateescape")}
            if output.path.stat().st_size <= PIECE:
                return {**told, "rest": ""}, output.path.read_bytes()
            return {**told, "rest": output.kept()}, b""
    finally:
        if given is not None:
            given.forget()


def _start(_data: BinaryIO, workdir: str, guest: str, options: dict[str, Any]) -> Answer:
    return {"warnings": Line(workdir, guest).start(options)}, b""


def _inventory(_data: BinaryIO, workdir: str) -> Answer:
    found = hosts.look(workdir)
    return {}, json.dumps(found).encode()


def _place(_data: BinaryIO, **asked: str) -> Answer:
    return {}, json.dumps(lab_hosts.plain_answer(placing.answer(**asked))).encode()


def _leave(_data: BinaryIO, **asked: Any) -> Answer:
    return {"told": moving.leave(**asked)}, b""


def _piece(_data: BinaryIO, **asked: Any) -> Answer:
    return {}, moving.piece(**asked)


def _take(data: BinaryIO, **asked: Any) -> Answer:
    moving.put(**asked, data=data.read())
    return {}, b""


def _arrive(_data: BinaryIO, **asked: Any) -> Answer:
    moving.arrive(**asked)
    return {}, b""


def _left(_data: BinaryIO, **asked: Any) -> Answer:
    moving.left(**asked)
    return {}, b""


def _put(data: BinaryIO, token: str) -> Answer:
    """Take a piece of a file, the next one after those that were put by the same token."""
    spooled = _Spooled(token) if token else _Spooled.create()
    with spooled.path.open("ab") as file:
        file.write(data.read())
    return {"token": spooled.token}, b""


def _get(_data: BinaryIO, token: str, offset: int) -> Answer:
    """Give a piece of an output; the last one is empty, and the output forgotten then."""
    spooled = _Spooled(token)
    with spooled.path.open("rb") as file:
        file.seek(offset)
        piece = file.read(PIECE)
    if not piece:
        spooled.forget()
    return {}, piece


_ANSWERS: dict[str, Callable[..., Answer]] = {
    "run": _run,
    "start": _start,
    "inventory": _inventory,
    "place": _place,
    "leave": _leave,
    "piece": _piece,
    "take": _take,
    "arrive": _arrive,
    "left": _left,
    "put": _put,
    "get": _get,
}


class _Spooled:
    """A file that waits between two requests.

    :param token: its name, as given by :meth:`create`.
    """

    def __init__(self, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise InvalidInput("this request", f"{token!r} is no file that waits", "run the task again")
        self.token = token
        self.path = _spool() / token
        self._keep = False

    @classmethod
    def create(cls) -> _Spooled:
        """An empty one."""
        try:
            spool = _spool()
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            _forget_old(spool)
            fd, path = tempfile.mkstemp(dir=spool, prefix="")
            os.close(fd)
        except OSError as exc:
            raise from_oserror("the lab host", "keep output", exc) from exc
        return cls(Path(path).name)

    def kept(self) -> str:
        """Its token, and that it outlives this request."""
        self._keep = True
        return self.token

    def forget(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> _Spooled:
        return self

    def __exit__(self, *_exc: object) -> None:
        if not self._keep:
            self.forget()


def _spool() -> Path:
    """Of this user, whatever the environment says: with become, ``HOME`` may be that of another."""
    return Path(pwd.getpwuid(os.geteuid()).pw_dir, ".cache/dumm/spool")


def _forget_old(spool: Path) -> None:
    """Remove what nobody has asked for since its controller was killed."""
    for entry in os.scandir(spool):
        with suppress(FileNotFoundError):
            if entry.stat().st_mtime < time.time() - _OLD:
                os.unlink(entry.path)
