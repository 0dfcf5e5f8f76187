# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of the lab that are steps of a test: what each makes of the lab.  Pure; ``keeping`` carries them out, and takes them back."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from ..model import settings
from ..model.conditions import CONDITIONS, NONE
from ..model.errors import InvalidInput, nearest
from ..model.lab import Bridge, Iface, Lab, Loaded, Power
from ..model.tests import Interface, Link, SetPower
from ..plan import desired
from ..plan.desired import Scope, Wish

_ROWS = {row.name: row for row in settings.IFACE}
# Seconds that a guest may take to come up or go down.
WAIT = 120.0


def link(lab: Lab, action: Link) -> Wish:
    """The lab with another cable: both ends of a link, or an interface on a segment.

    :raises InvalidInput: where there is no such interface, or it is plugged into nothing.
    """
    iface = found(lab, action.interface)
    if iface.bridge is None:
        raise InvalidInput(
            f"interface {iface.label}", "it is plugged into nothing", "plug it in first (interface, bridge)"
        )
    ends = lab.ports(iface.bridge)
    both = ends if len(ends) == 2 and is_cable(lab.bridges.get(iface.bridge)) else [iface]
    for end in both:
        lab = lab.with_iface(changed(end, action.settings))
    return Wish(lab, Scope(ifaces=frozenset((end.guest, end.name) for end in both)), timeout=WAIT)


def is_cable(bridge: Bridge | None) -> bool:
    """Whether a bridge is a link of a scenario's file, which lets everything pass."""
    return bridge is not None and bridge.is_cable


def interface(lab: Lab, action: Interface) -> Wish:
    """The lab with an interface that comes, changes or goes."""
    guest, _colon, name = action.interface.partition(":")
    if guest not in lab.guests:
        raise InvalidInput(f"interface {action.interface}", f"there is no guest {guest}", nearest(guest, lab.guests))
    scope = Scope(ifaces=frozenset({(guest, name)}))
    if action.settings.get("state") == "absent":
        return Wish(lab.without_iface(guest, name), scope, timeout=WAIT)
    before = lab.guests[guest].interfaces.get(name, Iface(guest, name))
    return Wish(lab.with_iface(changed(before, action.settings)), scope, timeout=WAIT)


def changed(iface: Iface, given: Mapping[str, Any]) -> Iface:
    """An interface with settings and conditions as a scenario's file has them; what is not given stays."""
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name in _ROWS:
            texts = [value] if name == "address" and isinstance(value, str) else value
            fields[_ROWS[name].field] = _ROWS[name].kind.given(texts)
    sent = {name: CONDITIONS[name].made(value) for name, value in given.items() if name in CONDITIONS}
    if sent:
        fields["conditions"] = dataclasses.replace(iface.conditions or NONE, **sent)
    return dataclasses.replace(iface, **fields)


def power(lab: Lab, action: SetPower) -> Wish:
    """The lab with guests that do something else."""
    for name in action.guests:
        if name not in lab.guests:
            raise InvalidInput(f"guest {name}", "there is no such guest", nearest(name, lab.guests))
    made = {name: dataclasses.replace(lab.guests[name], power=action.power) for name in action.guests}
    after = dataclasses.replace(lab, guests={**lab.guests, **made})
    names = frozenset(action.guests)
    return Wish(after, Scope(guests=names), renew=names if action.again else frozenset(), timeout=WAIT)


def layer(lab: Lab, name: str, guests: Collection[str]) -> Wish:
    """The lab with a scenario's layer over some guests, which write to one that is thrown away."""
    made = {
        each: dataclasses.replace(
            lab.guests[each], loaded=Loaded(name, under=desired.own_layers(name, lab.guests[each]))
        )
        for each in guests
    }
    after = dataclasses.replace(lab, guests={**lab.guests, **made})
    return Wish(after, Scope(guests=frozenset(guests)), timeout=WAIT)


def found(lab: Lab, label: str) -> Iface:
    """The interface of a label."""
    guest, _colon, name = label.partition(":")
    own = lab.guests[guest].interfaces if guest in lab.guests else {}
    if name not in own:
        known = [iface.label for iface in lab.ifaces()]
        raise InvalidInput(f"interface {label}", "there is no such interface", nearest(label, known))
    return own[name]


def again(power_before: Power) -> Power:
    """What a guest is to do again that did this."""
    return power_before if power_before in (Power.PAUSED, Power.STOPPED) else Power.RUNNING
