# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm map`` from its options to its end: finds out what is missing, opens the socket, makes the two parts, prints the address."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput

from . import listening

_PAGE = Path(__file__).parent / "page"
_LIBRARIES = ("starlette", "uvicorn", "websockets")
# One of the files that npm brings; where it is missing, all are.
_BROUGHT = "vendor/cytoscape.min.js"


@dataclass(frozen=True)
class Options:
    """What the user asks for.

    :ivar port: of loopback; 0 for any that is free.
    :ivar socket: path of a unix socket instead.
    :ivar group: name of the group that may connect to a socket without a token.
    :ivar files: of scenarios that are edited where they are, by their names.
    """

    workdir: str
    port: int
    socket: str | None = None
    read_only: bool = False
    group: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)


def run(options: Options) -> int:
    """Serve the map until Ctrl-C.

    :return: the exit code.
    :raises DummError: where something is missing, or the web part ends.
    """
    _check(options)
    with ExitStack() as stack:
        watch = stack.enter_context(Watch(options.workdir))
        place = _socket(options, watch.lab.name or "lab")
        opened = listening.on_port(options.port) if place is None else listening.at_path(place, options.group)
        own = stack.enter_context(opened)
        entry = _Entry(own, place, None if options.group is not None else secrets.token_urlsafe(32))
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        stack.enter_context(near)
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _web(own, far, entry.token, parent)
        stack.callback(_reap, child)
        far.close()
        own.close()
        _root(options, watch, near, entry)
    return 0


def _check(options: Options) -> None:
    """:raises DummError: where something is missing."""
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
    if not (_PAGE / _BROUGHT).is_file():
        raise HostError(
            "map",
            f"files of the page are missing in {_PAGE}/vendor",
            "run 'make setup-map' in the checkout, or install the wheel that 'make build' makes",
        )
    if not Path(options.workdir).expanduser().is_dir():
        raise InvalidInput(
            f"working directory {options.workdir}",
            "there is no such directory",
            "make a lab there first, or name the directory of one (--workdir, DUMM_WORKDIR)",
        )


def _socket(options: Options, lab: str) -> str | None:
    """Path of the unix socket that is asked for."""
    if options.socket is None and options.group is not None:
        return f"{listening.SOCKETS}/{lab}.sock"
    return None if options.socket is None else os.path.abspath(options.socket)


class _Entry:
    """How users get in.

    :ivar token: the first one; ``None`` where none is needed.
    """

    def __init__(self, own: socket.socket, place: str | None, token: str | None) -> None:
        self.token = token
        self._place = place
        # At the near end of a tunnel, the port may be another one.
        self._base = (
            "http://localhost:8765" if place is not None else f"http://{listening.LOOPBACK}:{own.getsockname()[1]}"
        )

    def address(self, token: str | None) -> str:
        """What a browser is to open."""
        return f"{self._base}/" if token is None else f"{self._base}/?token={token}"

    def tell(self, watch: Watch) -> None:
        """Print the address."""
        lines = [f"map of lab {watch.lab.name} in {watch.lab.workdir}: {self.address(self.token)}"]
        if self._place is not None:
            lines.append(f"first, on the machine of the browser: ssh -N -L 8765:{self._place} {socket.gethostname()}")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def _web(own: socket.socket, far: socket.socket, token: str | None, parent: int) -> None:
    """Be the web part; this does not return."""
    code = 1
    try:
        # Only this part needs them, and a server in the other one would be one more thing to be wary of.
        from .web import confine, process

        process.run(own, far, token, confine.user(dict(os.environ)), parent)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _root(options: Options, watch: Watch, near: socket.socket, entry: _Entry) -> None:
    # The web part was forked off before: it has nothing of them.
    from .root.room import Room
    from .root.server import Server

    me = os.environ.get("SUDO_USER") or os.environ.get("USER") or "root"
    room = Room(watch.lab.workdir, watch.lab, read_only=options.read_only, me=me)
    room.files = options.files

    async def serve() -> None:
        server = Server(room, watch, near, lambda: entry.tell(watch))
        if entry.token is not None:
            _invite_by_enter(server.admit, entry)
        await server.serve()

    asyncio.run(serve())


def _invite_by_enter(admit: Callable[[str], None], entry: _Entry) -> None:
    """Print one more address whenever the user presses Enter in this terminal."""
    loop = asyncio.get_running_loop()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    # Of a program in the background; reading fails then.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def typed() -> None:
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(0)
            return
        token = secrets.token_urlsafe(32)
        admit(token)
        sys.stdout.write(f"{entry.address(token)}\n")
        sys.stdout.flush()

    loop.add_reader(0, typed)


def _reap(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(child, 0)
