# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a draft describes, as the same view that pages have of the lab, with the same identifiers.  Pure."""

from __future__ import annotations

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    STOPPED,
    SeenBridge,
    SeenGuest,
    SeenIface,
    SeenLab,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import TRANSPARENT, Bridge, Guest, Iface
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.roles import forwards
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario

from ..messages import View
from .described import Described
from .view import view_of

_CONDITIONS = next(row.kind for row in settings.IFACE if row.name == "conditions")


def wanted_view(state: Described, workdir: str) -> View:
    """A text as a view, of guests that are stopped."""
    scenario = state.scenario
    bridges = {name: _bridge(scenario, bridge) for name, bridge in scenario.bridges.items()}
    guests = {name: _guest(guest) for name, guest in scenario.guests.items()}
    view = view_of(SeenLab(workdir, scenario.name, guests=guests, bridges=bridges), scenario.name)
    # It has no devices; its segments are up, and its cables as their ends are.
    for name, segment in view["segments"].items():
        segment["state"] = "up"
        # Where nothing is plugged in, there is no address that it could be known from.
        segment["prefix"] = segment["prefix"] or _listed(state.own("bridges", name).get("prefix"))
    for cable in view["cables"].values():
        cable["state"] = "up" if all(_is_up(view, end) for end in (cable["a"], cable["b"])) else "down"
    return view


def _listed(prefix: object) -> list[str]:
    return [str(each) for each in prefix] if isinstance(prefix, list) else [str(prefix)] if prefix else []


def _is_up(view: View, end: str) -> bool:
    guest, _colon, name = end.partition(":")
    return view["guests"][guest]["interfaces"][name]["up"]


def _bridge(scenario: Scenario, bridge: Bridge) -> SeenBridge:
    is_link = bridge.group_fwd_mask == TRANSPARENT and not bridge.multicast_snooping
    return SeenBridge(bridge.name, bridge.addresses, bridge.mtu, bridge.stp, scenario.name, is_link=is_link)


def _guest(guest: Guest) -> SeenGuest:
    return SeenGuest(
        guest.name,
        STOPPED,
        guest.kernel,
        guest.master,
        guest.mem,
        guest.scenario,
        labels=dict(guest.labels),
        interfaces=tuple(map(_iface, guest.interfaces.values())),
        forwards=forwards(guest.sysctl),
    )


def _iface(iface: Iface) -> SeenIface:
    conditions = None if iface.conditions is None else _CONDITIONS.stored(iface.conditions)
    return SeenIface(iface.guest, iface.name, iface.bridge, iface.addresses, iface.mac, iface.mtu, iface.up, conditions)
