# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bridge's tunnel to other lab hosts as it is and as it should be → the steps between.  Pure.

Number and UDP port of a tunnel are as it was made, and so is the family of its addresses: for another one it is made anew.  A kernel
has each number once, so what is left behind is deleted before anything is made that may have its number.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.found import Actual, Device, DeviceKind
from ..model.lab import DEFAULT_MTU, Bridge, Lab
from ..model.span import Span
from . import network_steps
from .keys import Key, Kind
from .steps import Step


def steps(actual: Actual, after: Lab, bridge: Bridge, live: Device | None) -> Iterator[Step]:
    """What is done for the tunnel of a bridge that is to be there.

    :param live: the bridge as it is found.
    """
    name, span = bridge.name, bridge.span
    found = actual.devices.get(DeviceKind.TUNNEL.of(name))
    first = (Kind.STORE_NETNS.of(), Kind.NETNS.of(), Kind.STORE_BRIDGE.of(name), Kind.BRIDGE.of(name))
    if found is not None and (span is None or not _can_become(found, span)):
        left = "remove its tunnel" if found.span is None else f"leave VXLAN {found.span.vni}"
        yield _removal(name, found, (f"{bridge.label}: {left}",), after=(Kind.STORE_BRIDGE.of(name),))
        found = None
    if span is None:
        return
    mtu = mtu_of(after, bridge)
    if found is None:
        action = network_steps.AddTunnel(bridge, mtu)
        joined = f"join VXLAN {span.vni} of {', '.join(span.peers) or 'no other lab host yet'}"
        made = (*first, Kind.UNTUNNEL.of(name), *_holders(actual, span))
        yield Step(Kind.TUNNEL.of(name), action, (f"{bridge.label}: {joined}",), after=made)
    elif says := tuple(f"{bridge.label}: {words}" for words in differences(bridge, found, live, mtu)):
        yield Step(Kind.TUNNEL.of(name), network_steps.SetTunnel(bridge, found, max(found.mtu, mtu)), says, after=first)


def removal(actual: Actual, name: str) -> Iterator[Step]:
    """What is done for the tunnel of a bridge that goes.

    It does not go with its network namespace: the kernel takes its time for that, and the number is taken until then.
    """
    found = actual.devices.get(DeviceKind.TUNNEL.of(name))
    if found is not None:
        yield _removal(name, found, ())


def mtu_of(lab: Lab, bridge: Bridge) -> int:
    """The MTU of a bridge's tunnel, so that the kernel answers for it what is too large for the network between the lab hosts.

    With less than the guests', frames vanish in it; with ``df`` set, too (docs/internals/network.md).  With more, nothing changes, so it
    never shrinks.
    """
    own = DEFAULT_MTU if bridge.mtu is None else bridge.mtu
    return max((port.mtu for port in lab.ports(bridge.name)), default=own)


def differences(bridge: Bridge, found: Device, live: Device | None, mtu: int) -> Iterator[str]:
    """What differs between a tunnel as it is found and as it should be, in words."""
    span = bridge.spanning
    was = found.span or span
    if was.local != span.local:
        yield f"reach its lab hosts from {span.local} (it was {was.local or 'any address'})"
    yield from (f"leave lab host {peer}" for peer in was.peers if peer not in span.peers)
    yield from (f"join lab host {peer}" for peer in span.peers if peer not in was.peers)
    if found.mtu < mtu:
        yield f"set the mtu of its tunnel {found.mtu} → {mtu}"
    if live is None or found.master != live.index:
        yield "plug its tunnel in"
    elif found.port_mask != bridge.port_mask:
        yield f"let {'LACP' if bridge.port_mask else 'no LACP'} through its tunnel"
    if not found.up:
        yield "set its tunnel up"


def _can_become(found: Device, span: Span) -> bool:
    was = found.span
    return was is not None and was.network == span.network and (":" in was.local) == (":" in span.local)


def _removal(name: str, found: Device, says: tuple[str, ...], after: tuple[Key, ...] = ()) -> Step:
    action = network_steps.DeleteDevice(f"tunnel of bridge {name}", found)
    return Step(Kind.UNTUNNEL.of(name), action, says, after=after)


def _holders(actual: Actual, span: Span) -> tuple[Key, ...]:
    """The removal of the lab's tunnels that have a number, in case they go."""
    return tuple(
        Kind.UNTUNNEL.of(mark.name)
        for mark, device in actual.devices.items()
        if mark.kind is DeviceKind.TUNNEL and device.span is not None and device.span.network == span.network
    )
