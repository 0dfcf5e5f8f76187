# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest of a lab."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ._errors import CommandFailed
from ._results import Capture, Change, Result

if TYPE_CHECKING:
    from ._lab import Lab

_SHOWN = 2000


class Guest:
    """A guest, see :meth:`Lab.guest`."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self._bodies: Any = lab._bodies

    def __repr__(self) -> str:
        return f"{self.lab!r}.guest({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guest) and (self.lab.workdir, self.name) == (other.lab.workdir, other.name)

    def __hash__(self) -> int:
        return hash((self.lab.workdir, self.name))

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        input: bytes | str | BinaryIO = b"",
        timeout: float = 60.0,
    ) -> Result:
        """Run a command in the guest, as its root.

        :param command: a line for the guest's shell; or a program and its arguments, which reach it as they are.
        :param check: whether another exit code than 0 is an error.
        :param input: what the command reads; an open file is copied whole.
        :param timeout: seconds; the command and all that it started are killed then.
        :raises CommandFailed: where the exit code is not 0, unless ``check`` is false.
        :raises CommandTimeout: after the timeout.
        :raises GuestUnreachable: where the guest does not answer.
        :raises LabError: where the guest ended meanwhile.
        """
        data = input.encode() if isinstance(input, str) else input
        words = [command] if isinstance(command, str) else list(command)
        done: Result = self._bodies.run(self.lab.workdir, self.name, words, data, timeout, self.lab.ready_timeout)
        if check and not done.ok:
            raise CommandFailed(f"guest {self.name}: {_told(command)}: exit code {done.code}: {_end_of(done)}", done)
        return done

    def copy(self, src: str | os.PathLike[str] | bytes, dest: str, *, mode: int | None = None) -> None:
        """Copy a file into the guest.

        :param src: its path on this machine, or its content.
        :param dest: its path in the guest; a file there is written anew.
        :param mode: its mode; that of the file here, or 0o644 for content.
        :raises LabError: where one of them cannot be read or written.
        """
        source = src if isinstance(src, bytes) else Path(src)
        self._bodies.copy(self.lab.workdir, self.name, source, dest, mode, self.lab.ready_timeout)

    def fetch(self, src: str, dest: str | os.PathLike[str]) -> None:
        """Copy a file out of the guest; a file here is replaced when all of it is there.

        :param src: its path in the guest.
        :param dest: its path on this machine.
        :raises LabError: where one of them cannot be read or written.
        """
        self._bodies.fetch(self.lab.workdir, self.name, src, Path(dest), self.lab.ready_timeout)

    @contextmanager
    def capture(
        self, *interfaces: str, file: str | os.PathLike[str] | None = None, only: str = ""
    ) -> Iterator[Capture]:
        """Capture packets on the guest's cables, see :meth:`Lab.capture`.

        :param interfaces: their names, such as ``eth0``; all of the guest without.
        """
        labels = [f"{self.name}:{name}" for name in interfaces] or [self.name]
        with self.lab.capture(*labels, file=file, only=only) as running:
            yield running

    @property
    def state(self) -> str:
        """``running``, ``paused``, ``starting``, ``stopped`` or ``died``."""
        found: str = self._bodies.state(self.lab.workdir, self.name)
        return found

    @property
    def addresses(self) -> dict[str, list[str]]:
        """The addresses that the lab gives the guest's interfaces, with the length of their prefix, by interface."""
        found: dict[str, list[str]] = self._bodies.addresses(self.lab.workdir, self.name)
        return found

    def start(self, *, wait_timeout: int = 60) -> Change:
        """Have the guest running: start it, or let a paused one go on.

        :param wait_timeout: seconds that it may take to answer.
        """
        return self._bring("started", wait_timeout)

    def stop(self, *, wait_timeout: int = 60) -> Change:
        """Have the guest stopped.

        :param wait_timeout: seconds that it may take to shut itself down; after them it is ended.
        """
        return self._bring("stopped", wait_timeout)

    def restart(self, *, wait_timeout: int = 60) -> Change:
        """Stop the guest and start it."""
        return self._bring("restarted", wait_timeout)

    def pause(self) -> Change:
        """Have the guest paused, so that nothing in it goes on."""
        return self._bring("paused", 60)

    def _bring(self, state: str, wait_timeout: int) -> Change:
        change: Change = self._bodies.guest(self.lab.workdir, self.name, state, wait_timeout)
        return change


def _told(command: str | Sequence[str]) -> str:
    text = command if isinstance(command, str) else " ".join(command)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _end_of(done: Result) -> str:
    said = (done.stderr or done.stdout)[-_SHOWN:].decode("utf-8", "replace").strip()
    return said or "it printed nothing"
