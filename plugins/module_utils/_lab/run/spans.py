# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this host can join segments to other lab hosts as it is planned: looked at before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator

from ..host import tunnels
from ..model.errors import DummError, HostError, Invalid, InvalidInput, listed, together
from ..model.found import Actual, DeviceKind
from ..model.lab import DEFAULT_MTU, Bridge, Lab
from ..model.reference import BridgeRef
from ..plan.network_steps import AddTunnel, SetTunnel
from ..plan.steps import Plan

_Ways = dict[tuple[str, str], "int | None"]


def check(actual: Actual, lab: Lab, steps: Plan) -> list[str]:
    """What is to be said of the tunnels that are made or changed.

    :param lab: as it is to be.
    :raises DummError: where one cannot be, or is not to be.
    """
    actions = [step.action for step in steps.steps]
    bridges = [action.bridge for action in actions if isinstance(action, (AddTunnel, SetTunnel))]
    if not bridges:
        return []
    ways = _look(bridges)
    own = [device for mark, device in actual.devices.items() if mark.kind is DeviceKind.TUNNEL]
    # What a killed run had begun to make goes before anything is made.
    held = {device.span.network for device in (*own, *actual.unfinished) if device.span is not None}
    new = {action.bridge.label: action.bridge.spanning for action in actions if isinstance(action, AddTunnel)}
    taken = tunnels.in_use({label: span for label, span in new.items() if span.network not in held})
    if taken:
        raise together(taken)
    if too_large := [fault for bridge in bridges for fault in _too_large(lab, bridge, ways)]:
        raise Invalid(too_large)
    return [*_unreachable(bridges, ways), *_in_fragments(lab, bridges, ways)]


def _look(bridges: list[Bridge]) -> _Ways:
    """What the ways to all peers carry; one is looked at once."""
    ways: _Ways = {}
    errors: list[DummError] = []
    for bridge in bridges:
        span = bridge.spanning
        try:
            for peer in span.peers:
                if (span.local, peer) not in ways:
                    ways[span.local, peer] = tunnels.path_mtu(span, peer)
        except HostError as exc:
            errors.append(HostError(bridge.label, exc.cause, exc.remedy))
    if errors:
        raise together(errors)
    return ways


def _carries(bridge: Bridge, ways: _Ways) -> int | None:
    """The largest MTU of interfaces whose frames go to all lab hosts of a bridge in one piece; ``None`` where nobody knows."""
    span = bridge.spanning
    known = [way for peer in span.peers if (way := ways[span.local, peer]) is not None]
    mtu = span.mtu if span.mtu is not None else min(known, default=None)
    return None if mtu is None or not span.peers else span.carries(mtu)


def _too_large(lab: Lab, bridge: Bridge, ways: _Ways) -> Iterator[InvalidInput]:
    """An MTU that somebody has given and that does not fit is an error."""
    room = _carries(bridge, ways)
    given = [(port.mtu, f"interface {port.label} has") for port in lab.ports(bridge.name) if port.mtu != DEFAULT_MTU]
    given += [(bridge.mtu, "it has")] if bridge.mtu not in (None, DEFAULT_MTU) else []
    if room is not None and given and max(given)[0] > room:
        mtu, whose = max(given)
        cause = f"{whose} mtu {mtu}, and frames of {room} bytes fit between its lab hosts"
        remedy = f"give it mtu {room} or less, or the network between the lab hosts {bridge.spanning.needs(mtu)}"
        yield InvalidInput(BridgeRef(bridge.name), cause, remedy, setting="span")


def _unreachable(bridges: list[Bridge], ways: _Ways) -> Iterator[str]:
    lost = sorted(
        {peer for bridge in bridges for peer in bridge.spanning.peers if ways[bridge.spanning.local, peer] is None}
    )
    if lost:
        yield f"this host knows no way to lab host {', '.join(lost)}: nothing will arrive there until it does"


def _in_fragments(lab: Lab, bridges: list[Bridge], ways: _Ways) -> Iterator[str]:
    """Frames of the usual size that do not fit: it works, and some networks drop what is in fragments."""
    cramped: dict[tuple[int, int], list[str]] = {}
    for bridge in bridges:
        room = _carries(bridge, ways)
        if room is not None and any(port.mtu > room for port in lab.ports(bridge.name)):
            cramped.setdefault((room, bridge.spanning.needs(DEFAULT_MTU)), []).append(bridge.name)
    for (room, needed), names in cramped.items():
        yield (
            f"bridge {listed(names)}: interfaces have mtu {DEFAULT_MTU}, and frames of {room} bytes fit between the lab hosts without"
            f" fragments, which some networks drop; give these interfaces mtu {room}, or the network between the lab hosts {needed}"
        )
