# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps on the lab's network on the host: its namespace, bridges, tunnels and TAPs.  Pure; ``run/network_steps`` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..model.found import Device
from ..model.lab import Bridge, Iface
from .keys import Kind
from .steps import Action


class NetworkAction(Action):
    """Something to do to the lab's network on the host."""


@dataclass(frozen=True)
class MakeNamespace(NetworkAction):
    """Make the lab's network namespace."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.NETNS,)
    netns: str


@dataclass(frozen=True)
class StoreNetns(NetworkAction):
    """Remember where the lab's network is."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.STORE_NETNS,)
    netns: str


@dataclass(frozen=True)
class RemoveNamespace(NetworkAction):
    """Remove it."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.NETNS,)
    netns: str


@dataclass(frozen=True)
class StoreBridge(NetworkAction):
    """Write a definition."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.STORE_BRIDGE, Kind.SETTLE_BRIDGE)
    bridge: Bridge


@dataclass(frozen=True)
class ForgetBridge(NetworkAction):
    """Remove a definition."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.FORGET_BRIDGE,)
    name: str


@dataclass(frozen=True)
class AddBridge(NetworkAction):
    """Make a bridge."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.BRIDGE,)
    bridge: Bridge


@dataclass(frozen=True)
class SetBridge(NetworkAction):
    """Change a bridge."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.BRIDGE, Kind.LEG)
    bridge: Bridge
    found: Device


@dataclass(frozen=True)
class AddTunnel(NetworkAction):
    """Join a bridge to those of other lab hosts.

    :ivar mtu: of the tunnel.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TUNNEL,)
    bridge: Bridge
    mtu: int


@dataclass(frozen=True)
class SetTunnel(NetworkAction):
    """Change what joins it.

    :ivar mtu: of the tunnel.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TUNNEL,)
    bridge: Bridge
    found: Device
    mtu: int


@dataclass(frozen=True)
class AddTap(NetworkAction):
    """Make a TAP.

    :ivar port_mask: link-local groups that it forwards as its bridge's port (``Bridge.port_mask``).
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TAP,)
    iface: Iface
    port_mask: int = 0


@dataclass(frozen=True)
class SetTap(NetworkAction):
    """Change a TAP.

    :ivar port_mask: as that of :class:`AddTap`.
    :ivar ends: TAPs of interfaces whose carrier depends on where it is plugged into.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TAP,)
    iface: Iface
    found: Device
    port_mask: int = 0
    ends: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeleteDevice(NetworkAction):
    """Delete a device of ours.

    :ivar with_namespace: whether its network namespace goes in the same plan, and it with that.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.BRIDGE, Kind.UNTUNNEL, Kind.TAP)
    subject: str
    found: Device
    with_namespace: bool = False
