# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab as front ends show it: what is defined and what is found, as immutable values that are cheap to make and to compare.

``glance`` and ``closely`` make them, ``differences`` compares them.  Everything about a lab is in ``model.found.Actual``; it takes ten
times as long to find out, and to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STOPPED, STARTING, RUNNING, PAUSED, DIED = "stopped", "starting", "running", "paused", "died"
# Its definition cannot be understood.
UNREADABLE = "unreadable"
ALIVE = frozenset((STARTING, RUNNING, PAUSED))


@dataclass(frozen=True, slots=True)
class SeenIface:
    """An interface as it is defined.

    :ivar bridge: that it is to be plugged into; ``None`` for none.
    :ivar addresses: ``None`` where the guest's own are left alone.
    :ivar conditions: of what the guest sends, as stored; ``None`` for none.
    """

    guest: str
    name: str
    bridge: str | None = None
    addresses: tuple[str, ...] | None = None
    mac: str | None = None
    mtu: int | None = None
    up: bool = True
    conditions: Mapping[str, Any] | None = None

    @property
    def label(self) -> str:
        """``alice:eth0``."""
        return f"{self.guest}:{self.name}"


@dataclass(frozen=True, slots=True)
class SeenGuest:
    """A guest.

    :ivar mem: MB that it has; ``None`` where that cannot be understood.
    :ivar loaded: the scenario whose layers lie over its root.
    :ivar layers: all such scenarios, the uppermost first.
    :ivar saves: names of its saved states.
    :ivar forwards: whether it is a router.
    :ivar pid: of its process; ``None`` where there is none.
    :ivar started: start time of that in ticks since the host booted.
    :ivar reason: why it is not running although it was started, or what is wrong with its definition.
    """

    name: str
    state: str
    kernel: str | None = None
    master: str | None = None
    mem: int | None = None
    scenario: str | None = None
    loaded: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[SeenIface, ...] = ()
    pid: int | None = None
    started: int | None = None
    reason: str | None = None
    layers: tuple[str, ...] = ()
    saves: tuple[str, ...] = ()
    forwards: bool = False

    @property
    def alive(self) -> bool:
        """Whether it has a process."""
        return self.state in ALIVE


@dataclass(frozen=True, slots=True)
class SeenBridge:
    """A segment.

    :ivar addresses: of the host's leg, as they are defined; ``None`` where they are left alone.
    :ivar readable: whether its definition can be understood.
    :ivar is_link: whether it is a link of a scenario.
    """

    name: str
    addresses: tuple[str, ...] | None = None
    mtu: int | None = None
    stp: bool = False
    scenario: str | None = None
    readable: bool = True
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class SeenDevice:
    """A device of the lab on the host: an interface's TAP, or a bridge.

    :ivar bridge: the bridge of the lab that it is plugged into now.
    :ivar carrier: whether its guest has it open.
    :ivar addresses: of the host on it.
    """

    number: int
    name: str
    bridge: str | None
    mtu: int
    up: bool
    carrier: bool
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenLab:
    """A lab.

    :ivar name: ``None`` where there is no working directory.
    :ivar place: where to enter its network namespace; ``None`` for the host's own.
    :ivar present: whether that is there.
    :ivar taps: by label of the interface.
    :ivar devices: bridges by name.
    :ivar scenarios: files of scenarios by name, each as a number that changes with its content.
    """

    workdir: str
    name: str | None
    netns: str | None = None
    place: str | None = None
    present: bool = False
    guests: Mapping[str, SeenGuest] = field(default_factory=dict)
    bridges: Mapping[str, SeenBridge] = field(default_factory=dict)
    taps: Mapping[str, SeenDevice] = field(default_factory=dict)
    devices: Mapping[str, SeenDevice] = field(default_factory=dict)
    scenarios: Mapping[str, int] = field(default_factory=dict)
