# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public API returns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Result:
    """What became of a command in a guest.

    :ivar code: its exit code, 128 + N if signal N ended it.
    :ivar stdout: all that it printed.
    :ivar stderr: its complaints.
    """

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.code == 0

    @property
    def text(self) -> str:
        """The output as text, without the ends of lines after it; bytes that are no UTF-8 stay what they are (PEP 383)."""
        return self.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    @property
    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.text.splitlines()

    def json(self) -> Any:
        """The output of a command that prints JSON, such as ``ip -j addr``.

        :raises ValueError: where it is none.
        """
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Change:
    """What became of a change.

    :ivar changed: whether anything was done; the same change again does nothing.
    :ivar actions: sentences, in order.
    :ivar warnings: what the user should know.
    """

    changed: bool
    actions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packet:
    """A packet on the cable of an interface.

    :ivar interface: ``alice:eth0``.
    :ivar time: nanoseconds since 1970.
    :ivar direction: as the guest sees it.
    :ivar data: its bytes, from the Ethernet header on.
    :ivar length: bytes that it had; ``data`` may be less.
    """

    interface: str
    time: int
    direction: Literal["in", "out"]
    data: bytes
    length: int


class Capture(Protocol):
    """A capture that goes on, see :meth:`Lab.capture`."""

    @property
    def file(self) -> Path | None:
        """Where the packets are, as pcapng."""

    def count(self, expression: str = "", *, interface: str | None = None) -> int:
        """How many packets there are, with all that came before this question.

        :param expression: pcap-filter(7); guests may have their names in it (``esp and src moon``); empty for all packets.
        :param interface: of which, such as ``moon:eth0``; all without.
        """

    def packets(self, expression: str = "", *, interface: str | None = None) -> Iterator[Packet]:
        """The packets that :meth:`count` counts, in the order in which they came."""
