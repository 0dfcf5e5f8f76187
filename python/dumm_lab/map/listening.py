# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The socket that browsers connect to: a port of loopback, or a unix socket.  There is no way to have it listen elsewhere.

It is opened here, with root's rights, so that nobody can connect before its mode is right, and the web part needs no right to open any.
"""

from __future__ import annotations

import errno
import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput, from_oserror

LOOPBACK = "127.0.0.1"
# Where sockets for groups are, if the user names no other place.
SOCKETS = "/run/dumm-map"
_BACKLOG = 64
_LONGEST_PATH = 107


@contextmanager
def on_port(port: int) -> Iterator[socket.socket]:
    """A socket on a port of loopback.

    :param port: 0 takes any that is free.
    :raises HostError: where another program listens there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind((LOOPBACK, port))
            own.listen(_BACKLOG)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise from_oserror(f"port {port}", "listen there:", exc) from exc
            raise HostError(
                f"port {port}",
                "another program listens there, perhaps another 'dumm map'",
                "end that, or choose another one with --port; 0 takes any that is free",
            ) from None
        yield own


@contextmanager
def at_path(path: str, group: str | None) -> Iterator[socket.socket]:
    """A unix socket, which is gone afterwards.

    :param group: whose users may connect; ``None`` for none but the user.
    :raises DummError: where it cannot be made there, or there is no such group.
    """
    subject = f"socket {path}"
    number = -1 if group is None else _group(group)
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise InvalidInput(
            subject, f"its path is longer than {_LONGEST_PATH} bytes", "name a shorter one with --socket"
        )
    try:
        if os.path.dirname(path) == SOCKETS:
            os.makedirs(SOCKETS, mode=0o755, exist_ok=True)
        _remove_dead(path, subject)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as own:
            before = os.umask(0o177)
            try:
                own.bind(path)
            finally:
                os.umask(before)
            try:
                # Nobody can connect before it listens.
                os.chown(path, _user(), number)
                os.chmod(path, 0o600 if group is None else 0o660)
                own.listen(_BACKLOG)
                yield own
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(path)
    except OSError as exc:
        raise from_oserror(subject, "listen there:", exc) from exc


def _user() -> int:
    with suppress(KeyError, ValueError):
        return int(os.environ["SUDO_UID"])
    return os.geteuid()


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise InvalidInput(
            f"group {name}", "this machine has no such group", "make it with groupadd(8), or name another one"
        ) from None


def _remove_dead(path: str, subject: str) -> None:
    """Remove what a map has left that was killed.

    :raises HostError: where something else is there.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise HostError(subject, "something else is in its place", "remove that, or name another path with --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise HostError(
        subject, "another program listens there, perhaps another 'dumm map'", "end that, or name another with --socket"
    )
