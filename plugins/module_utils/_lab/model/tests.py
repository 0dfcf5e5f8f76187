# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test of a lab is: named steps that act on guests and cables, or look at them, as immutable values.  No I/O.

A step is one :class:`Action` and how long it may take to hold.  ``scenario/tests`` reads tests from files, ``testing`` runs them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .lab import Power


class Clean(enum.Enum):
    """What is brought back to what the scenario says before a test begins."""

    NONE = "none"
    LAYER = "layer"
    NETWORK = "network"
    RESTART = "restart"


@dataclass(frozen=True)
class Bound:
    """A comparison of a number with another, such as ``>=2``.

    :ivar operator: ``==``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
    """

    operator: str
    number: float


@dataclass(frozen=True)
class Expected:
    """What the output of a command must be.  All that is given must hold.

    :ivar match: regular expressions (:mod:`re`, multi-line) that must be found in the standard output.
    :ivar no_match: those that must not.  A command that cannot be run (exit code 126 or 127) says nothing of what it would print.
    :ivar count: how many lines match all of ``match``; of all lines, where there is none.
    :ivar empty: whether there is no output.
    :ivar json: a JMESPath expression over the output; ``equals`` is what it must yield.
    :ivar code: the exit code.
    """

    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()
    count: Bound | None = None
    empty: bool | None = None
    json: str | None = None
    equals: Any = None
    code: int | None = None


class Action:
    """What a step does."""


@dataclass(frozen=True)
class Run(Action):
    """A command for the shell of each guest of ``on``."""

    on: tuple[str, ...]
    command: str
    expected: Expected


@dataclass(frozen=True)
class Ping(Action):
    """Echo requests from a guest to a guest or an address.

    :ivar count: how many.
    :ivar loss: the most that may be lost, in percent.
    :ivar size: of the payload, in bytes; ``None`` for ping's own.
    :ivar family: 4 or 6; ``None`` for what the target has, IPv4 first.
    :ivar fails: whether none may be answered.
    """

    source: str
    target: str
    count: int = 1
    loss: float = 0.0
    size: int | None = None
    family: int | None = None
    fails: bool = False


@dataclass(frozen=True)
class Http(Action):
    """A request from a guest.

    :ivar status: of the answer; ``None`` for any below 400.
    :ivar match: what the answer's body must contain, as in :class:`Expected`.
    :ivar fails: whether there may be no answer.
    """

    source: str
    url: str
    status: int | None = None
    match: tuple[str, ...] = ()
    fails: bool = False


@dataclass(frozen=True)
class Port(Action):
    """A TCP connection from a guest to a port of a guest or an address."""

    source: str
    target: str
    port: int
    fails: bool = False


@dataclass(frozen=True)
class Saw(Action):
    """Packets that crossed an interface since the test began, seen from the host.

    :ivar interface: such as ``sun:eth0``.
    :ivar filter: in the language of pcap-filter(7), with names of guests; empty for all packets.
    :ivar in_stage: whether only those count that came since the stage began.
    """

    interface: str
    filter: str
    count: Bound
    in_stage: bool = False


@dataclass(frozen=True)
class Link(Action):
    """A cable that changes.

    :ivar interface: one of its ends, or any plugged interface.
    :ivar settings: settings of interfaces, and conditions, as a scenario's file has them: for both ends of a link, or for this interface.
    """

    interface: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Interface(Action):
    """An interface that comes, changes or goes: settings and conditions as a scenario's file has them, with ``state``."""

    interface: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class SetPower(Action):
    """Guests that are started, stopped, paused or resumed.

    :ivar again: whether they are restarted.
    """

    guests: tuple[str, ...]
    power: Power
    again: bool = False


@dataclass(frozen=True)
class LoadLayer(Action):
    """Files of ``scenarios/<name>/diff`` over all guests that it has any for, while they run."""

    name: str


@dataclass(frozen=True)
class Stage(Action):
    """The steps from here on belong together under a name."""

    name: str


@dataclass(frozen=True)
class Pending(Action):
    """What is known only when the test starts, for there are templates in it.

    :ivar kind: the key that says what it does.
    """

    kind: str


@dataclass(frozen=True)
class Wait(Action):
    """A pause, for what has no condition that could be asked for."""

    seconds: float


@dataclass(frozen=True)
class Reach(Action):
    """Every guest pings every other.

    :ivar guests: empty for all of the lab.
    :ivar families: 4, 6 or both; a pair without addresses in common is left out.
    :ivar fails: whether no pair may reach each other.
    """

    guests: tuple[str, ...] = ()
    families: tuple[int, ...] = (4,)
    fails: bool = False


@dataclass(frozen=True)
class Throughput(Action):
    """TCP from one guest to another.

    :ivar at_least: bits a second.
    :ivar seconds: how long it is measured.
    """

    source: str
    target: str
    at_least: float
    seconds: float = 2.0


@dataclass(frozen=True)
class Step:
    """An action, and when it counts as done.

    :ivar text: the step as a line, as the user wrote it; for reports.
    :ivar within: seconds in which it must come to hold; it is retried until then.
    :ivar holds: seconds through which it must go on to hold, from when it first did; ``None`` for once.
    :ivar once: whether it is carried out once, whatever comes of it: a change, not a check.
    :ivar place: file, line and column, for messages.
    """

    action: Action
    text: str
    within: float
    holds: float | None = None
    once: bool = False
    place: str = field(default="", compare=False)


@dataclass(frozen=True)
class Test:
    """A test.

    :ivar name: unique in its lab.
    :ivar group: what reports put together: the file's name without its ending, or the scenario's.
    :ivar layer: files that are loaded before it, as in :class:`LoadLayer`.
    :ivar capture: filter by interface, of packets that are kept.
    :ivar before: steps that make ready; if one fails, the others are left out and ``after`` is carried out.
    :ivar after: steps that are carried out whatever happened.
    :ivar leftover: checks after those; what they find is the test's failure.
    :ivar kernels: the test is run once with each; empty for the lab's own.
    :ivar masters: the same of master root filesystems.
    :ivar retry: how many more times it is run when it fails.
    :ivar points: what it is worth, for grading.
    :ivar skip: why it is not run; empty if it is.
    :ivar written: how its steps are written, where there are templates in them (``scenario/tests``).
    """

    # Not a test of pytest's.
    __test__ = False

    name: str
    group: str
    description: str = ""
    layer: str | None = None
    capture: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    leftover: tuple[Step, ...] = ()
    clean: Clean = Clean.NETWORK
    kernels: tuple[str, ...] = ()
    masters: tuple[str, ...] = ()
    retry: int = 0
    points: float = 1.0
    tags: tuple[str, ...] = ()
    skip: str = ""
    place: str = field(default="", compare=False)
    written: object = field(default=None, compare=False, repr=False)
