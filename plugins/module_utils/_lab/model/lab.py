# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab is: guests, their interfaces, and the bridges that join them, as immutable values.  No I/O.

The same classes say what is wanted, what is defined on disk and what is found running; ``plan`` compares them.
``rules`` names everything about a lab that cannot be.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .conditions import Conditions
from .errors import DummError
from .span import Span

DEFAULT_MEM = 128
ANY_CPU = -1
DEFAULT_MTU = 1500
MAX_IFNAME = 15  # IFNAMSIZ less the final zero (linux/if.h)
HOST_NETNS = "host"
# Bits of link-local groups 01:80:c2:00:00:0X: all that Linux lets a bridge forward, such as LLDP and 802.1X, and LACP.
TRANSPARENT = 0xFFF8
LACP = 0b100
# An interface of the tuned kernel that always has carrier, as it is where nothing is said (``Lab.carrier_of``).
ALWAYS = "carrier=on"
USERS_OF_A_GUEST = 65536

UNIT_NAME = re.compile(r"vec(\d+)", re.ASCII)


class Power(enum.Enum):
    """What a guest is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DIED = "died"

    @property
    def alive(self) -> bool:
        """Whether it has a process."""
        return self in (Power.STARTING, Power.RUNNING, Power.PAUSED)


class UnionEngine(enum.Enum):
    """What makes a guest's root out of its layers."""

    AUTO = "auto"
    OVERLAY = "overlay"
    COWFS = "cowfs"


# Why an engine was taken that the guest's definition names.
ASKED_FOR = "asked for"


class Userspace(enum.Enum):
    """How a guest's kernel gets hold of the system calls of its processes."""

    AUTO = "auto"
    SECCOMP = "seccomp"
    PTRACE = "ptrace"


class Stopping(enum.Enum):
    """How a guest is stopped."""

    CLEAN = "clean"
    HALT = "halt"


class Readiness(enum.Enum):
    """When a guest counts as ready."""

    AGENT = "agent"
    BOOTED = "booted"


@dataclass(frozen=True)
class ReadyCommand:
    """A command that succeeds in a guest as soon as it is ready.

    :ivar run: for the guest's shell; it is retried.
    :ivar within: seconds.
    """

    run: str
    within: float = 60.0


@dataclass(frozen=True)
class Command:
    """A command that a guest runs after its boot (``sh -c``).

    :ivar creates: path in the guest; the command is left out where it exists.
    :ivar unless: command; the other one is left out where this one succeeds.
    """

    command: str
    creates: str | None = None
    unless: str | None = None


@dataclass(frozen=True)
class Route:
    """A route of a guest (ip-route(8)).

    :ivar to: ``default`` or a prefix as :mod:`ipaddress` writes it.
    :ivar via: address of the next hop.
    :ivar dev: interface; the kernel finds it by ``via`` where it is ``None``.
    """

    to: str
    via: str | None = None
    dev: str | None = None
    metric: int | None = None


@dataclass(frozen=True)
class Iface:
    """An interface of a guest.

    :ivar bridge: the bridge it is plugged into; ``None`` leaves it unplugged.
    :ivar mac: lower case; ``None`` derives one from the names.
    :ivar addresses: ``address/prefix`` as :mod:`ipaddress` writes it; ``None`` leaves the guest's own alone.
    :ivar conditions: of what the guest sends; ``None`` leaves the guest's queueing alone.
    """

    guest: str
    name: str
    bridge: str | None = None
    mac: str | None = None
    mtu: int = DEFAULT_MTU
    addresses: tuple[str, ...] | None = None
    up: bool = True
    conditions: Conditions | None = None

    @property
    def label(self) -> str:
        """``alice:eth0``."""
        return f"{self.guest}:{self.name}"

    @property
    def tap_name(self) -> str:
        """Full name of its TAP, which may be longer than Linux allows for a name."""
        return f"{self.guest}-{self.name}"


@dataclass(frozen=True)
class Loaded:
    """A scenario's layers over a guest's root.

    :ivar record: whether the guest writes into the scenario; else into a layer that is thrown away.
    :ivar files: name of the layer of files that the scenario's file itself has.
    :ivar hosts: name of the layer with the lab's /etc/hosts.
    :ivar under: what unloading goes back to: the layers of the scenario that the guest belongs to, where they were loaded before.
    """

    scenario: str
    record: bool = False
    files: str | None = None
    hosts: str | None = None
    under: Loaded | None = None


def loads(loaded: Loaded | None) -> Iterator[Loaded]:
    """What is loaded, and what is gone back to when that is unloaded."""
    while loaded is not None:
        yield loaded
        loaded = loaded.under


@dataclass(frozen=True)
class InjectedFault:
    """Something that fails on purpose in a guest's union, or takes its time.

    :ivar path: pattern of absolute paths in the guest.
    :ivar during: what it is met by, such as ``read``; everything where it is empty.
    :ivar error: name of an error, such as ``EIO``.
    :ivar delay: milliseconds.
    """

    path: str
    during: tuple[str, ...] = ()
    error: str | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Guest:
    """A guest.

    :ivar kernel: a name below ``kernels/`` or an absolute path of a UML binary.
    :ivar master: a name below ``masters/`` or an absolute path of a root file system.
    :ivar mem: MB.
    :ivar init: path in the guest, ``minimal`` for the collection's own, ``None`` for ``/sbin/init`` or else that.
    :ivar cmdline: more kernel arguments.
    :ivar userspace: ``AUTO`` takes seccomp where the kernel can.
    :ivar cpu: number of the host's CPU that it runs on, ``ANY_CPU`` for all of them, ``None`` for whichever has the fewest guests.
    :ivar confine: whether its root is nobody on the host.
    :ivar disk: how many MB it may write; ``None`` for no limit.
    :ivar layers: absolute paths, or below the working directory, topmost first, between the master and what the guest writes.
    :ivar routes: all static routes; ``None`` leaves the guest's own alone.
    :ivar sysctl: settings of the guest's kernel, dotted names as in sysctl(8), ordered by name.
    :ivar scenario: name of the scenario that it belongs to.
    :ivar loaded: the scenario whose layers lie over its root.
    :ivar faults: what is to fail on purpose.
    :ivar ready: when it counts as ready; ``None`` for ``BOOTED`` where commands or services wait for that, else ``AGENT``.
    :ivar stop: whether its own init shuts it down, or its kernel ends at once.
    :ivar labels: what the user calls it besides its name.
    :ivar vars: its Ansible variables, as JSON has them.
    """

    name: str
    kernel: str = "default"
    master: str = "default"
    mem: int = DEFAULT_MEM
    init: str | None = None
    cmdline: str = ""
    userspace: Userspace = Userspace.AUTO
    cpu: int | None = None
    confine: bool = True
    disk: int | None = None
    layers: tuple[str, ...] = ()
    union: UnionEngine = UnionEngine.AUTO
    power: Power = Power.STOPPED
    interfaces: Mapping[str, Iface] = field(default_factory=dict)
    routes: tuple[Route, ...] | None = None
    sysctl: tuple[tuple[str, str], ...] = ()
    scenario: str | None = None
    loaded: Loaded | None = None
    faults: tuple[InjectedFault, ...] = ()
    ready: Readiness | ReadyCommand | None = None
    stop: Stopping = Stopping.CLEAN
    labels: Mapping[str, str] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``guest alice``."""
        return f"guest {self.name}"


@dataclass(frozen=True)
class Bridge:
    """A segment.

    :ivar addresses: the host's leg; ``None`` leaves it alone.
    :ivar mtu: ``None`` follows the ports, as Linux does by itself.
    :ivar group_fwd_mask: link-local groups 01:80:c2:00:00:0X that are forwarded, one bit each.
    :ivar scenario: name of the scenario that it belongs to.
    :ivar multicast_snooping: whether it asks at its ports who listens to which group, and forwards a group there only; a link does not.
    :ivar span: how it goes on on other lab hosts; ``None`` where it ends on this one.
    :ivar retired: addresses that the host's leg had by earlier definitions, and may have still.
    """

    name: str
    addresses: tuple[str, ...] | None = None
    mtu: int | None = None
    stp: bool = False
    group_fwd_mask: int = 0
    scenario: str | None = None
    multicast_snooping: bool = True
    span: Span | None = None
    retired: tuple[str, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """``bridge br0``."""
        return f"bridge {self.name}"

    @property
    def spanning(self) -> Span:
        """Its span, where it is known to have one."""
        if self.span is None:
            raise ValueError(f"{self.label} has no span")
        return self.span

    @property
    def tunnel_name(self) -> str:
        """Full name of the device that leads to other lab hosts."""
        return f"{self.name}-span"

    @property
    def is_cable(self) -> bool:
        """Whether it is as transparent as a link of a scenario, which lets everything pass."""
        return self.group_fwd_mask == TRANSPARENT and not self.multicast_snooping

    @property
    def port_mask(self) -> int:
        """Link-local groups that its ports forward beyond ``group_fwd_mask``: Linux refuses that of LACP to a bridge, not to a port."""
        return LACP if self.is_cable else 0

    @property
    def given(self) -> tuple[str, ...]:
        """All addresses of the host's leg that the lab has given or may have given."""
        return tuple(dict.fromkeys((*(self.addresses or ()), *self.retired)))

    def speaks_ipv6(self, found: Iterable[str]) -> bool:
        """Whether the host itself has IPv6 in the segment: for an address of its own, or to ask who listens (RFC 3810).

        :param found: addresses that the host's leg has, which count where the bridge leaves them alone.
        """
        addresses = found if self.addresses is None else self.addresses
        return self.multicast_snooping or any(":" in address for address in addresses)


@dataclass(frozen=True)
class Lab:
    """All guests and bridges of one working directory.

    :ivar name: unique on the host; MAC addresses and owner marks derive from it.
    :ivar netns: name of the network namespace, or ``host`` for the host's own.
    :ivar damaged: by label, why the definition of a guest or a bridge cannot be understood; it stands here with the defaults.
    """

    name: str
    netns: str
    guests: Mapping[str, Guest] = field(default_factory=dict)
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    damaged: Mapping[str, DummError] = field(default_factory=dict, compare=False)

    def ifaces(self) -> Iterator[Iface]:
        """All interfaces of all guests."""
        for guest in self.guests.values():
            yield from guest.interfaces.values()

    def ports(self, bridge: str) -> list[Iface]:
        """The interfaces that are plugged into a bridge."""
        return list(self._ports.get(bridge, ()))

    def peers_of(self, guest: Guest) -> int:
        """How many other interfaces are in the segments of a guest."""
        segments = [iface.bridge for iface in guest.interfaces.values() if iface.bridge is not None]
        return sum(len(self._ports[bridge]) - 1 for bridge in segments)

    @functools.cached_property
    def _ports(self) -> Mapping[str | None, list[Iface]]:
        """All interfaces by what they are plugged into."""
        found: dict[str | None, list[Iface]] = {}
        for iface in self.ifaces():
            found.setdefault(iface.bridge, []).append(iface)
        return found

    def carrier_of(self, iface: Iface) -> str:
        """What decides whether an interface has carrier, as the tuned kernel's driver is told: its place, or a link's other end."""
        if iface.bridge is None:
            return "carrier=off"
        bridge = self.bridges.get(iface.bridge)
        return f"cable={link_name(iface.bridge)}" if bridge is not None and bridge.is_cable else ALWAYS

    def far_ends(self, iface: Iface) -> tuple[Iface, ...]:
        """What is at the other end of an interface's link, for which it is the other end."""
        bridge = None if iface.bridge is None else self.bridges.get(iface.bridge)
        if bridge is None or not bridge.is_cable:
            return ()
        return tuple(port for port in self.ports(bridge.name) if port.label != iface.label)

    def mac_of(self, iface: Iface) -> str:
        """The interface's own MAC address or the derived one."""
        return iface.mac or derived_mac(self.name, iface.label)

    def with_guest(self, guest: Guest) -> Lab:
        """This lab with one guest added or replaced."""
        return dataclasses.replace(self, guests={**self.guests, guest.name: guest})

    def without_guest(self, name: str) -> Lab:
        """This lab without one guest."""
        return dataclasses.replace(self, guests={key: value for key, value in self.guests.items() if key != name})

    def with_iface(self, iface: Iface) -> Lab:
        """This lab with one interface added to its guest or replaced."""
        guest = self.guests[iface.guest]
        return self.with_guest(dataclasses.replace(guest, interfaces={**guest.interfaces, iface.name: iface}))

    def without_iface(self, guest_name: str, name: str) -> Lab:
        """This lab without one interface."""
        guest = self.guests[guest_name]
        rest = {key: value for key, value in guest.interfaces.items() if key != name}
        return self.with_guest(dataclasses.replace(guest, interfaces=rest))

    def with_bridge(self, bridge: Bridge) -> Lab:
        """This lab with one bridge added or replaced."""
        return dataclasses.replace(self, bridges={**self.bridges, bridge.name: bridge})

    def without_bridge(self, name: str) -> Lab:
        """This lab without one bridge; what was plugged into it is unplugged."""
        lab = dataclasses.replace(self, bridges={key: value for key, value in self.bridges.items() if key != name})
        for iface in self.ports(name):
            lab = lab.with_iface(dataclasses.replace(iface, bridge=None))
        return lab


def derived_mac(lab: str, label: str) -> str:
    """A stable, locally administered unicast address (IEEE 802, section 8.2: second-lowest bit of the first octet)."""
    digest = hashlib.sha256(f"{lab}/{label}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


def link_name(full: str) -> str:
    """A name that Linux takes for a network device: ``full`` itself, or a short stable one with a hash in it."""
    if len(full) <= MAX_IFNAME:
        return full
    return f"{full[:8]}-{hashlib.sha256(full.encode()).hexdigest()[:6]}"


def sysctl_path(key: str) -> str:
    """File of a kernel setting: after a first slash a dot is a dot, after a first dot a slash is (sysctl(8))."""
    first = re.search("[./]", key)
    dotted = first is not None and first[0] == "."
    return "/proc/sys/" + (key.translate(str.maketrans("./", "/.")) if dotted else key)
