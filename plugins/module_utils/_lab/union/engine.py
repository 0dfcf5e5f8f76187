# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a union engine is: whatever makes a guest's root out of layers.

Engines share one on-disk format (overlayfs whiteouts and opaque marks): a diff written by one is read by the other.  A union is mounted
in the private mount namespace of its guest; the mount lives and dies with the guest's processes, so there is none to leak.  Modules
of this package implement :class:`Engine`, and ``engines`` lists them; outside of it no engine is named.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..host.calls import Calls, Result
from ..host.mounts import Users
from ..host.workdir import GuestDir, Workdir
from ..model.lab import Guest, InjectedFault
from ..model.root import Stack


@dataclass(frozen=True)
class Unusable:
    """Why an engine cannot be used."""

    cause: str
    remedy: str


@dataclass(frozen=True)
class Parts:
    """What a union is made of.

    :ivar home: a directory that holds ``upper`` and ``work``, which are relative to it.
    :ivar upper: the layer that is written to.
    :ivar work: its work directory.
    :ivar lower: read-only layers, topmost first.
    """

    home: str
    upper: str
    work: str
    lower: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """All layers, topmost first."""
        return [os.path.join(self.home, self.upper), *self.lower]

    @property
    def work_path(self) -> str:
        """The work directory."""
        return os.path.join(self.home, self.work)


@dataclass(frozen=True)
class Client:
    """The guest that a union is for.

    :ivar agents: directory for copies of our own programs.
    :ivar subject: the guest, for messages.
    :ivar faults: what is to fail on purpose.
    :ivar cpu: number of the host's CPU that it runs on; ``None`` where that is not known.
    :ivar first_user: the host's user that is root in the guest.
    :ivar xattrs: whether its kernel asks for extended attributes.
    """

    directory: GuestDir
    agents: Path
    subject: str
    faults: Sequence[InjectedFault]
    cpu: int | None
    first_user: int
    xattrs: bool


class Union(Protocol):
    """A union that is to be mounted by the process that will see it."""

    @property
    def descriptors(self) -> Sequence[int]:
        """Descriptors that this process needs for it."""

    def mount(self, calls: Calls, users: Users | None, place: str, given: Sequence[int]) -> int | Result:
        """Make its mount, attached nowhere yet.

        :param calls: what the process is to do; its working directory is the same afterwards.
        :param users: whose its files are to be, as the process has them; ``None`` where the guest's users are the host's.
        :param place: an empty directory, whose name is one component.
        :param given: what number each of ``descriptors`` has in that process.
        :return: descriptor of the mount there.
        """


@dataclass(frozen=True)
class MountedUnion:
    """A union that is mounted already, attached nowhere.

    :ivar descriptor: of the mount; it stays whose it is.
    """

    descriptor: int

    @property
    def descriptors(self) -> Sequence[int]:
        """As :class:`Union` has them."""
        return (self.descriptor,)

    def mount(self, _calls: Calls, _users: Users | None, _place: str, given: Sequence[int]) -> int | Result:
        """As :class:`Union` does it."""
        return given[0]


class Change(Protocol):
    """Other layers for a running guest, as far as they are the same for all engines."""

    def noted(self) -> AbstractContextManager[None]:
        """Write down that the guest's layers change, and at the end that they are changed."""

    def put(self, union: Union) -> None:
        """Put a union into the place of the guest's.

        :raises HostError: where that could not be done; the guest keeps the one that it has then.
        """


class Engine(Protocol):
    """A way to make a guest's root out of layers."""

    def fault(self, directory: Path) -> Unusable | None:
        """Why what a guest writes cannot be kept below ``directory`` (which need not be there yet); ``None`` where it can."""

    def trial(self, works: Path) -> Unusable | None:
        """Why no union can be mounted whose work directories are in ``works``, tried out; ``None`` where nothing is against it."""

    def check(self, workdir: Workdir, guest: Guest, master: Path, stack: Stack) -> None:
        """Look at what a guest asks for.

        :raises InvalidInput: where this engine cannot do that.
        """

    def mapped(self, parts: Parts) -> Sequence[str]:
        """Layers whose owners the host's kernel has to map for a guest that has users of its own."""

    def union(self, client: Client, parts: Parts) -> AbstractContextManager[Union]:
        """A union for a guest that is started meanwhile.

        :raises HostError: where there is none, or none at the end.
        :raises OSError: where it cannot be mounted.
        """

    def replace(self, directory: GuestDir, parts: Parts, change: Change) -> None:
        """Give a running guest other layers; what its processes hold open stays what it was.

        :raises HostError: where that could not be done; it keeps those that it has then.
        """

    def is_lost(self, directory: GuestDir) -> bool:
        """Whether a guest, if it runs, has lost its union."""

    def serve_again(self, client: Client, work: Path, change: Change) -> None:
        """Give a guest that has lost its union another one of the same layers.

        :raises HostError: where that could not be done.
        """

    def fails_otherwise(self, directory: GuestDir, guest: Guest) -> bool:
        """Whether something else fails on purpose in a running guest's union than should."""

    def fail(self, directory: GuestDir, guest: Guest) -> None:
        """Have fail on purpose in a running guest's union what should.

        :raises HostError: where that could not be done.
        """

    def follow(self, directory: GuestDir, before: Path) -> None:
        """Write down the paths of a guest's layers as they are after the working directory was moved from ``before``."""

    def end(self, directory: GuestDir, subject: str) -> None:
        """Wait until everything of a guest that is gone is written, and forget its union.

        :raises HostError: where that does not come about.
        """
