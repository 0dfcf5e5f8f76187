# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dumm map`` from its options to its end: finds out what is missing, opens the socket, makes the two parts, prints the address."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import os
import secrets
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput

_PAGE = Path(__file__).parent / "page"
_LIBRARIES = ("starlette", "uvicorn", "websockets")
_LOOPBACK = "127.0.0.1"
_BACKLOG = 64


@dataclass(frozen=True)
class Options:
    """What the user asks for.

    :ivar port: of loopback; 0 for any that is free.
    :ivar socket: path of a unix socket instead.
    :ivar group: name of the group that may connect to that without a token.
    """

    workdir: str
    port: int
    socket: str | None = None
    read_only: bool = False
    group: str | None = None


def run(options: Options) -> int:
    """Serve the map until Ctrl-C.

    :return: the exit code.
    :raises DummError: where something is missing, or the web part ends.
    """
    _check(options)
    with _listening(options) as (listening, base):
        token = None if options.group is not None else secrets.token_urlsafe(32)
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            near.close()
            _web(listening, far, token, parent)
        far.close()
        listening.close()
        try:
            _root(options, near, base, token)
        finally:
            near.close()
            _reap(child)
    return 0


def _check(options: Options) -> None:
    if os.geteuid() != 0:
        raise HostError(
            "map",
            "it watches a lab and enters its network namespace, which needs root",
            "run it as root, such as by sudo",
        )
    for name in _LIBRARIES:
        if importlib.util.find_spec(name) is None:
            raise HostError(
                "map",
                f"the Python package {name} is not installed",
                "install 'dumm-lab[map]' with pip; in a checkout, run 'make setup-map'",
            )
    if not (_PAGE / "vendor/cytoscape.min.js").is_file():
        raise HostError(
            "map",
            f"the page's files are missing below {_PAGE}/vendor",
            "run 'make setup-map' in the checkout, or install the wheel that 'make build' makes",
        )
    if not Path(options.workdir).expanduser().is_dir():
        raise InvalidInput(
            f"working directory {options.workdir}",
            "there is no such directory",
            "make a lab there first, or name the directory of one (--workdir, DUMM_WORKDIR)",
        )


@contextmanager
def _listening(options: Options) -> Iterator[tuple[socket.socket, str]]:
    """The socket that browsers connect to, and the address for users."""
    if options.socket is not None:
        raise NotImplementedError
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind((_LOOPBACK, options.port))
        except OSError as exc:
            if exc.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise HostError(
                f"port {options.port}",
                "another program listens there",
                "end that, or choose another one with --port; 0 takes any that is free",
            ) from exc
        own.listen(_BACKLOG)
        yield own, f"http://{_LOOPBACK}:{own.getsockname()[1]}"


def _web(listening: socket.socket, far: socket.socket, token: str | None, parent: int) -> None:
    """Be the web part; this does not return."""
    code = 1
    try:
        from .web import confine, process

        process.run(listening, far, token, confine.user(dict(os.environ)), parent)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _root(options: Options, near: socket.socket, base: str, token: str | None) -> None:
    from .root.room import Room
    from .root.server import Server

    def ready() -> None:
        shown = base if token is None else f"{base}/?token={token}"
        sys.stdout.write(f"map of lab {watch.lab.name} in {watch.lab.workdir}: {shown}\n")
        sys.stdout.flush()

    async def serve() -> None:
        await Server(room, watch, near, ready).serve()

    watch = Watch(options.workdir)
    me = os.environ.get("SUDO_USER") or os.environ.get("USER") or "root"
    room = Room(watch.lab.workdir, watch.lab, read_only=options.read_only, me=me)
    asyncio.run(serve())


def _reap(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(child, 0)
