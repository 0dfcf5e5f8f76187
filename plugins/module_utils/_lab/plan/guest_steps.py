# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps on a guest: its definition, its process, and what is done inside of it.  Pure; ``run/guest_steps`` carries them out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from ..model.found import Device, Kernel
from ..model.given import Given
from ..model.lab import Command, Guest, Iface, UnionEngine
from ..model.readiness import Ready
from ..model.root import Stack
from .keys import Kind
from .steps import Action, Plan


class GuestAction(Action):
    """Something to do to a guest."""


@dataclass(frozen=True)
class Prepared:
    """What a guest's definition means on this host, found out and checked before anything is changed.

    :ivar master: resolved path of the root file system.
    :ivar engine: the union engine, and why.
    :ivar stack: the layers that may change while it runs.
    :ivar busy: files that the running guest holds open of layers that would come or go.
    :ivar breaks: whether other things fail on purpose in the running guest's union than should.
    :ivar boots: whether it has an init of its own, which takes its time.
    """

    kernel: Kernel
    master: str
    engine: UnionEngine
    why: str
    stack: Stack
    busy: tuple[str, ...] = ()
    breaks: bool = False
    boots: bool = True


@dataclass(frozen=True)
class StoreGuest(GuestAction):
    """Write a definition."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.STORE_GUEST,)
    guest: Guest


@dataclass(frozen=True)
class ForgetGuest(GuestAction):
    """Remove a guest's directory."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.FORGET_GUEST,)
    name: str


@dataclass(frozen=True)
class Start(GuestAction):
    """Start a guest and wait until its control line answers.

    :ivar units: its interfaces with their MAC addresses; the position is the vector driver's unit.
    :ivar taps: those of its TAPs that were there before.
    :ivar carriers: what decides whether its interfaces have carrier (``Lab.carrier_of``).
    :ivar peers: how many other interfaces are in its segments.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.START,)
    guest: Guest
    prepared: Prepared
    units: tuple[tuple[Iface, str], ...]
    taps: tuple[Device, ...] = ()
    carriers: tuple[str, ...] = ()
    peers: int = 0


@dataclass(frozen=True)
class Stop(GuestAction):
    """Stop a guest, cleanly if it lets itself.

    :ivar halt: whether it is not asked to shut itself down.
    :ivar ends: TAPs of interfaces whose carrier depends on it.
    :ivar goes: whether :class:`ForgetGuest` follows, which takes away what its process has left.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.STOP,)
    name: str
    halt: bool = False
    ends: tuple[str, ...] = ()
    goes: bool = False


@dataclass(frozen=True)
class Clean(GuestAction):
    """Take away what an ended or half-started guest left."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.STOP,)
    name: str


@dataclass(frozen=True)
class Pause(GuestAction):
    """Halt a guest's kernel where it is."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.PAUSE,)
    name: str


@dataclass(frozen=True)
class Resume(GuestAction):
    """Let it go on."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.RESUME,)
    name: str


@dataclass(frozen=True)
class Plug(GuestAction):
    """Hot-plug an interface.

    :ivar carrier: what decides whether it has carrier; empty for a kernel that does not know cables.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.PLUG,)
    iface: Iface
    unit: int
    mac: str
    carrier: str = ""


@dataclass(frozen=True)
class SetCable(GuestAction):
    """Tell a guest's kernel what decides from now on whether an interface has carrier."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.CABLE,)
    guest: str
    unit: int
    carrier: str


@dataclass(frozen=True)
class Unplug(GuestAction):
    """Hot-unplug a unit whose link is down."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.UNPLUG,)
    guest: str
    unit: int


@dataclass(frozen=True)
class Configure(GuestAction):
    """Carry out lines for ``ip -batch`` in a guest."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.DOWN, Kind.CONFIGURE)
    guest: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Remember(GuestAction):
    """Write down what a running guest is given."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.WIDEN, Kind.SETTLE_GUEST)
    changes: ClassVar[bool] = False
    guest: str
    given: Given


@dataclass(frozen=True)
class Run(GuestAction):
    """Run a scenario's commands in a guest that was just started."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.RUN,)
    guest: str
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class AwaitReady(GuestAction):
    """Wait until a running guest is ready; that changes nothing."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.READY,)
    changes: ClassVar[bool] = False
    guest: str
    ready: Ready


@dataclass(frozen=True)
class RestartServices(GuestAction):
    """Restart services of a guest."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.SERVICES,)
    guest: str
    services: tuple[str, ...]


def digest(commands: tuple[Command, ...]) -> str:
    """Names a list of commands."""
    return hashlib.sha256(repr(commands).encode()).hexdigest()[:16] if commands else ""


def given_anew(plan: Plan) -> set[str]:
    """The guests in which a plan changes something of the network, or may."""
    actions = [step.action for step in plan.steps]
    found = {each.guest for each in actions if isinstance(each, (Configure, Run, RestartServices, Unplug))}
    return found | {each.iface.guest for each in actions if isinstance(each, Plug)}


def coming_up(plan: Plan) -> set[str]:
    """The guests that a plan starts, or in which it does what belongs to a start."""
    return {guest.name for guest in started(plan)} | {
        step.action.guest for step in plan.steps if isinstance(step.action, Run)
    }


def started(plan: Plan) -> list[Guest]:
    """The guests that a plan starts."""
    return [step.action.guest for step in plan.steps if isinstance(step.action, Start)]
