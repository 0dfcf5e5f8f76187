# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What observing a lab returns: devices, kernels, processes, guests seen from inside, as immutable values.  No I/O.

``netlink``, ``kernels``, ``processes``, ``network`` and ``observe`` make them; ``plan`` and ``describe`` compare them with definitions.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .conditions import Conditions
from .errors import DummError, InvalidInput
from .given import Given
from .lab import ASKED_FOR, Bridge, Guest, Iface, Lab, UnionEngine, Userspace
from .root import Stack
from .span import Span


class DeviceKind(Enum):
    """What a network device of the lab is; the value is how its mark begins."""

    TAP = "iface"
    BRIDGE = "bridge"
    # What joins a bridge to those of other lab hosts.
    TUNNEL = "tunnel"
    # The loopback device of a namespace that the lab made.
    NETNS = "netns"
    # Of a version that makes more kinds than this one.
    OTHER = ""

    def of(self, name: str = "") -> Mark:
        """The mark of the device of an object: an interface's label, a bridge's name."""
        return Mark(self, name)


@dataclass(frozen=True)
class Mark:
    """What a device of the lab is and which object it belongs to, as its ifalias tells it after the lab's name."""

    kind: DeviceKind
    name: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind.value, self.name) if part)

    @classmethod
    def parse(cls, text: str) -> Mark:
        """The mark that a text is."""
        kind, _space, name = text.partition(" ")
        named = {each.value: each for each in (DeviceKind.TAP, DeviceKind.BRIDGE, DeviceKind.TUNNEL)}
        if name and kind in named:
            return cls(named[kind], name)
        return cls(DeviceKind.NETNS) if text == DeviceKind.NETNS.value else cls(DeviceKind.OTHER, text)


@dataclass(frozen=True)
class Device:
    """A network device in the lab's namespace as the kernel shows it.

    :ivar mark: what it is; ``None`` where the device is not ours.
    :ivar addresses: all but those of scope link, of which the kernel makes some by itself, and of those that :meth:`counting` names.
    :ivar link_local: the others.
    :ivar snooping: whether a bridge of ours forwards a multicast group only to those who have joined it.
    :ivar querier: whether it asks them.
    :ivar ipv6: whether the host has IPv6 on a bridge of ours; ``None`` where it has none at all.
    :ivar others: more names that it has, where it is not ours.
    :ivar group: the one group whose members may attach to it, where it is a TAP of ours.
    :ivar link_group: its link group.
    :ivar port_mask: link-local groups that it forwards as a bridge's port, beyond those of the bridge.
    :ivar span: what a tunnel of ours leads to; its own address is empty where it has none.
    :ivar counters: ``rx_bytes`` and so on, as the host's side of the device counts them.
    """

    index: int
    name: str
    mark: Mark | None
    master: int | None
    mtu: int
    mac: str
    up: bool
    carrier: bool
    addresses: tuple[str, ...] = ()
    link_local: tuple[str, ...] = ()
    stp: bool = False
    group_fwd_mask: int = 0
    snooping: bool = True
    querier: bool = True
    ipv6: bool | None = None
    others: tuple[str, ...] = ()
    group: int | None = None
    link_group: int = 0
    port_mask: int = 0
    span: Span | None = None
    counters: Mapping[str, int] = field(default_factory=dict)

    def counting(self, *defined: Bridge | None) -> Device:
        """The same, where addresses of scope link count that a definition names: the wanted one, or the one before."""
        named = {address for each in defined if each is not None for address in each.given}
        ours = tuple(address for address in self.link_local if address in named)
        if not ours:
            return self
        rest = tuple(address for address in self.link_local if address not in named)
        return dataclasses.replace(self, addresses=self.addresses + ours, link_local=rest)


@dataclass(frozen=True)
class Kernel:
    """A UML binary and what it can do.

    :ivar release: as it names itself, ``6.1.176``.
    :ivar seccomp: whether ``seccomp=on`` replaces ptrace, which is faster.
    :ivar owners: whether a new file belongs to the user in the guest who makes it.
    :ivar awake: whether an idle guest notices all that arrives while it falls asleep.
    :ivar tells_time: whether the CPU time of programs and that of the kernel are told apart.
    :ivar savings: boot arguments that leave out what is of no use in a lab.
    :ivar libraries: what it is linked against: path on the host, path in the guest's view.
    :ivar modules: directory with ``usr/lib/modules/<release>``, if it has modules.
    :ivar agent: the guest's side as a program (role kernel compiles it); scripts do the same where there is none.
    :ivar xattrs: whether files of the guest's root have extended attributes, and with them capabilities and ACLs.
    :ivar cables: whether an interface has no carrier while its cable or the other end of it is down.
    """

    path: Path
    release: str
    seccomp: bool
    noreboot: bool
    owners: bool
    awake: bool
    tells_time: bool
    savings: tuple[str, ...]
    libraries: tuple[tuple[str, str], ...]
    modules: Path | None
    agent: Path | None = None
    xattrs: bool = False
    cables: bool = False


def userspace(guest: Guest, kernel: Kernel) -> Userspace:
    """How a guest's kernel is to run its processes: seccomp, which is faster, where it can and is not forbidden.

    :raises InvalidInput: where the kernel cannot do what the guest asks for.
    """
    if guest.userspace is Userspace.SECCOMP and not kernel.seccomp:
        raise InvalidInput(
            guest.label,
            f"kernel {kernel.release} ({kernel.path}) cannot run its processes by seccomp",
            "let userspace be auto or ptrace, or use a kernel of the series 7",
        )
    return Userspace.SECCOMP if kernel.seccomp and guest.userspace is not Userspace.PTRACE else Userspace.PTRACE


@dataclass(frozen=True)
class Link:
    """An interface as the guest shows it.

    :ivar unit: number of the vector driver's device; ``None`` for any other interface.
    :ivar addresses: all but those of scope link, of which the kernel makes some by itself, and of those that :meth:`counting` names.
    :ivar link_local: the others.
    :ivar bonded: whether its MAC address is that of the bond or team that it is a port of.
    """

    name: str
    unit: int | None
    mac: str
    mtu: int
    up: bool
    addresses: tuple[str, ...]
    link_local: tuple[str, ...] = ()
    bonded: bool = False

    def counting(self, *defined: Iface | None) -> Link:
        """The same, where addresses of scope link count that a definition names: the wanted one, or the one before."""
        return self.with_named({address for each in defined if each is not None for address in each.addresses or ()})

    def with_named(self, named: Collection[str]) -> Link:
        """The same, where those addresses of scope link count that are among these."""
        ours = tuple(address for address in self.link_local if address in named)
        if not ours:
            return self
        rest = tuple(address for address in self.link_local if address not in named)
        return dataclasses.replace(self, addresses=self.addresses + ours, link_local=rest)


@dataclass(frozen=True)
class Inside:
    """A guest's configuration.

    :ivar routes: as ``ip -j route`` tells them, both families.
    :ivar sysctl: values of the settings that were asked for, by file.
    :ivar conditions: of the interfaces that have any, if they were asked for.
    """

    hostname: str
    links: Mapping[str, Link]
    routes: tuple[Mapping[str, Any], ...]
    sysctl: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, Conditions] = field(default_factory=dict)


def foreign(link: Link, iface: Iface, ours: Collection[str]) -> tuple[str, ...]:
    """Addresses that somebody else has given, such as a service in the guest.

    :param ours: addresses that the lab has given or may have given.
    """
    mine = {*ours, *(iface.addresses or ())}
    return tuple(address for address in link.addresses if address not in mine)


@dataclass(frozen=True)
class Process:
    """Identity of a guest's process, as written before it becomes UML, and what it was started with.

    :ivar started: start time in clock ticks since the host booted (proc_pid_stat(5), field 22).
    :ivar boot: the host's boot id.
    :ivar kernel: resolved path of the binary.
    :ivar master: resolved path of the root file system.
    :ivar engine: union engine, and why.
    :ivar userspace: how its kernel gets hold of system calls; ``None`` where an older version started it.
    :ivar cpu: number of the host's CPU that it runs on, ``ANY_CPU`` for all; ``None`` where an older version started it.
    :ivar confined: whether it has given up what ``confine`` says.
    :ivar first_user: the host's user that is root in the guest; ``None`` where its users are the host's.
    :ivar disk: how many MB it may write; ``None`` for no limit.
    :ivar limited: control group controllers that limit it.
    :ivar gaps: what does not protect the host from it, in words.
    :ivar limits: what its kernel cannot do, in words.
    :ivar cables: whether its kernel knows of cables (:class:`Kernel`).
    :ivar upper: layer that its writes go to, relative to the working directory.
    :ivar over: layers over the master that may change while it runs.
    :ivar ran: hash of the scenario's commands that were run in it, since it has been writing to this layer.
    :ivar shelved: the same for layers that it wrote to before and may come back to.
    :ivar given: what it was last brought to; ``None`` where an earlier version started it.
    :ivar stopping: whether a run has begun to stop it.
    :ivar next_upper: what its writes go to if a run that changed its layers, and was killed, had come that far; empty for no such run.
    :ivar next_over: its layers over the master then.
    :ivar xattrs: whether its kernel asks for extended attributes.
    """

    pid: int
    started: int
    boot: str
    launch: str
    kernel: str
    release: str
    master: str
    mem: int
    init: str | None
    cmdline: str
    engine: UnionEngine
    why: str
    userspace: Userspace | None = None
    cpu: int | None = None
    confined: bool = False
    first_user: int | None = None
    disk: int | None = None
    limited: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    cables: bool = False
    upper: str = ""
    over: tuple[str, ...] = ()
    ran: str = ""
    next_upper: str = ""
    next_over: tuple[str, ...] = ()
    xattrs: bool = False
    shelved: Mapping[str, str] = field(default_factory=dict)
    given: Given | None = None
    stopping: bool = False

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The layers that may change while it runs: those that it has, or where that is unknown, those that it may have."""
        known = Stack(self.upper, self.over)
        return (known, Stack(self.next_upper, self.next_over)) if self.next_upper else (known,)

    @property
    def chose_engine(self) -> bool:
        """Whether its union engine was chosen for it when it was started."""
        return self.why != ASKED_FOR


@dataclass(frozen=True)
class Live:
    """What is found of a guest beyond its definition.

    :ivar inside: its own network configuration; ``None`` where it was not asked for or cannot be read.
    :ivar unreadable: why it cannot.
    :ivar ready_after: seconds from its launch until it answered, where this run has started it.
    :ivar reason: why it is not running although it was started.
    :ivar saves: its saving points.
    :ivar seen: what was seen of it on its way to being ready (:func:`readiness.key`).
    :ivar booted: whether it has booted; ``None`` where it was not asked.
    :ivar uptime: seconds since its process was started.
    :ivar memory: MB that its main process has, the guest's own memory included.
    """

    process: Process | None
    inside: Inside | None = None
    unreadable: DummError | None = None
    reason: str | None = None
    ready_after: float | None = None
    saves: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()
    booted: bool | None = None
    uptime: float | None = None
    memory: int | None = None

    @property
    def alive(self) -> bool:
        """Whether it had a process when it was looked at."""
        return self.uptime is not None


@dataclass(frozen=True)
class Actual:
    """A lab as it was found.

    :ivar lab: definitions, with what each guest is doing.
    :ivar devices: the lab's devices on the host.
    :ivar foreign: names of devices beside them that are not ours.
    :ivar unfinished: devices that a run has begun to make; where none is under way, what a killed one has left.
    :ivar strays: processes that bear the lab's mark and a guest's name that is not defined, or not theirs.
    """

    lab: Lab
    netns_exists: bool = False
    netns_ours: bool = False
    devices: Mapping[Mark, Device] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    unfinished: tuple[Device, ...] = ()
    live: Mapping[str, Live] = field(default_factory=dict)
    strays: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @functools.cached_property
    def bridge_names(self) -> Mapping[int | None, str]:
        """The lab's bridges by their index."""
        return {device.index: mark.name for mark, device in self.devices.items() if mark.kind is DeviceKind.BRIDGE}


def found_iface(actual: Actual, iface: Iface) -> Iface:
    """An interface as it was found: the definition, with what the host and the guest show in place of it where they can."""
    device = actual.devices.get(DeviceKind.TAP.of(iface.label))
    live = actual.live.get(iface.guest)
    link = live.inside.links.get(iface.name) if live and live.inside else None
    if device is not None:
        iface = _with(iface, bridge=bridge_of(actual, device))
    if link is not None:
        given = given_addresses(live, iface.name)
        found = link.with_named({*given, *(iface.addresses or ())})
        others = foreign(found, iface, given)
        mine = [address for address in found.addresses if address not in others]
        addresses = iface.addresses if iface.addresses is None else ordered(mine, iface.addresses)
        mac = iface.mac if link.bonded else link.mac
        iface = _with(iface, mac=mac, mtu=link.mtu, up=link.up, addresses=addresses)
    return iface


def _with(iface: Iface, **found: Any) -> Iface:
    """An interface with what was found; most are as they were."""
    is_so = all(getattr(iface, name) == value for name, value in found.items())
    return iface if is_so else dataclasses.replace(iface, **found)


def ordered(found: Iterable[str], defined: Sequence[str]) -> tuple[str, ...]:
    """Addresses in the order of the definition, others behind: the kernel's own order is another one for each family."""
    places = {address: number for number, address in enumerate(defined)}
    return tuple(sorted(found, key=lambda address: (places.get(address, len(places)), address)))


def given_addresses(live: Live | None, name: str) -> tuple[str, ...]:
    """Addresses of an interface that the lab has given or may have given its guest since that was started."""
    record = live.process.given if live is not None and live.process is not None else None
    return () if record is None else record.addresses.get(name, ())


def bridge_of(actual: Actual, device: Device) -> str | None:
    """Name of our bridge that a device is plugged into."""
    return actual.bridge_names.get(device.master)
