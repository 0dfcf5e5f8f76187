# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UML's management console: one datagram each way (arch/um/drivers/mconsole_user.c, mconsole_kern.h).

Used for hot plug, pause, and the hard ways to stop.  Not for commands in the guest: stock kernels have none.
The socket is reached through a descriptor of the guest's run directory, so that no path is too long for a socket address;
our own end is an abstract address in the lab's network namespace, the only kind that the guest's process can answer
wherever its root is.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from ..host import beneath, syscalls
from ..host.wait import Deadline
from ..model.errors import GuestError

MAGIC = 0xCAFEBABE
VERSION = 2
MAX_COMMAND = 511
REPLY_TIMEOUT = 5.0
_NUDGE_AFTER = 0.05
# Parts of an answer at the most, of 512 bytes each where a kernel sends them.
_MAX_PARTS = 1024
_REQUEST = struct.Struct("=III512s")
_REPLY = struct.Struct("=III")


def encode(command: str) -> bytes:
    """A request as it goes over the socket.

    :raises ValueError: for a command over 511 bytes.
    """
    data = command.encode()
    if len(data) > MAX_COMMAND:
        raise ValueError(f"mconsole command of {len(data)} bytes")
    return _REQUEST.pack(MAGIC, VERSION, len(data), data)


def decode(datagram: bytes) -> tuple[bool, bool, str]:
    """A reply's (failed, more follows, text).

    :raises ValueError: for what is no reply.
    """
    if len(datagram) < _REPLY.size:
        raise ValueError("mconsole reply too short")
    failed, more, length = _REPLY.unpack_from(datagram)
    text = datagram[_REPLY.size : _REPLY.size + length]
    return bool(failed), bool(more), text.rstrip(b"\0").decode("utf-8", "replace")


def _no_nudge() -> None:
    """Where there is nothing to wake the guest with."""


def ask(
    run: Path,
    guest: str,
    netns_path: str | None,
    command: str,
    timeout: float = REPLY_TIMEOUT,
    nudge: Callable[[], None] = _no_nudge,
) -> str:
    """Send a command to a guest's kernel.

    :param run: the guest's run directory.
    :param netns_path: the namespace that its process lives in.
    :param timeout: seconds until all of the answer is there.
    :param nudge: wakes a guest that sleeps over the question (``channel.nudge``).
    :return: the answer.
    :raises GuestError: where the kernel says no, or nothing.
    """
    subject = f"guest {guest}"
    try:
        return _exchange(run, guest, netns_path, command, timeout, nudge)
    except TimeoutError:
        raise GuestError(
            subject, f"its kernel did not answer {command.split()[0]!r} within {timeout:g} s", "look at its boot.log"
        ) from None
    except (OSError, ValueError) as exc:
        raise GuestError(
            subject, f"its management console failed: {exc}", "restart the guest (state: restarted)"
        ) from exc


def _exchange(
    run: Path, guest: str, netns_path: str | None, command: str, timeout: float, nudge: Callable[[], None]
) -> str:
    # A link to another guest's console would have that one do what this one is told.
    with beneath.socket_address(run, f"{guest}/mconsole") as address:
        with syscalls.network_namespace(netns_path):
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        with peer:
            # An empty name asks the kernel for an unused abstract one (unix(7), autobind).
            peer.bind("")
            peer.connect(address)
            peer.send(encode(command))
            failed, answer = _answer(peer, Deadline(timeout), nudge)
    if failed:
        said = beneath.printable(answer.encode())
        raise GuestError(f"guest {guest}", f"its kernel refused {command!r}: {said}", "run again")
    return answer


def _answer(peer: socket.socket, deadline: Deadline, nudge: Callable[[], None]) -> tuple[bool, str]:
    """All parts of an answer, which may come from whoever runs in place of a kernel."""
    parts: list[str] = []
    while len(parts) < _MAX_PARTS:
        failed, more, text = decode(_received(peer, deadline, nudge))
        parts.append(text)
        if not more:
            return failed, "".join(parts)
    raise ValueError("an mconsole reply without an end")


def _received(peer: socket.socket, deadline: Deadline, nudge: Callable[[], None]) -> bytes:
    pause = _NUDGE_AFTER
    while not deadline.over:
        peer.settimeout(min(pause, deadline.left) or pause)
        try:
            return peer.recv(4096)
        except TimeoutError:
            nudge()
            pause *= 2
    raise TimeoutError
