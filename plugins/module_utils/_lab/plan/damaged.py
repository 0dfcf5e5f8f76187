# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run does not do, because a definition cannot be understood: it blocks its own object and nothing else.  Pure.

Such an object can be removed, and a guest can be stopped: what the host has of it is found by its marks.  Anything else would compare with
settings that are not known, and would change a guest that runs to the defaults.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from ..model.errors import DummError, HostError
from ..model.found import DeviceKind, Mark
from ..model.lab import Guest, Lab, Power
from .desired import Scope, Wish


def set_aside(wish: Wish, lab: Lab, devices: Collection[Mark], *, stopped: bool) -> tuple[Wish, list[DummError]]:
    """The wish without what cannot be done, and why.

    :param lab: the lab as it is.
    :param devices: owners of the lab's devices that are there.
    :param stopped: whether the run is there to stop a guest, and nothing is to be said if that is all.
    """
    if not lab.damaged:
        return wish, []
    refused: list[DummError] = []
    guests, bridges = dict(wish.lab.guests), dict(wish.lab.bridges)
    touched = wish.scope.guests | {owner for owner, _name in wish.scope.ifaces}
    left_out = set()
    for name in sorted(touched & guests.keys()):
        damage = lab.damaged.get(f"guest {name}")
        if damage is None:
            continue
        wanted, found = guests[name], lab.guests[name]
        stops = name in wish.scope.guests and not wanted.power.alive and found.power.alive
        guests[name] = dataclasses.replace(found, power=Power.STOPPED) if stops else found
        if not stops:
            left_out.add(name)
        if not stopped or wanted != guests[name]:
            refused.append(damage)
    for name in sorted(wish.scope.bridges & bridges.keys()):
        damage = lab.damaged.get(f"bridge {name}")
        if damage is not None:
            bridges[name] = lab.bridges[name]
            refused.append(damage)
    lost = {name for name in bridges if _is_lost(name, lab, devices)}
    for name in sorted((touched - left_out) & guests.keys()):
        for error in _unpluggable(guests[name], lost, lab):
            refused.append(error)
            left_out.add(name)
            if name in lab.guests:
                guests[name] = lab.guests[name]
            else:
                del guests[name]
            break
    wish = dataclasses.replace(
        wish,
        lab=dataclasses.replace(wish.lab, guests=guests, bridges=bridges),
        scope=_without(wish.scope, left_out, {name for name in bridges if f"bridge {name}" in lab.damaged}),
        save_points={name: each for name, each in wish.save_points.items() if f"guest {name}" not in lab.damaged},
    )
    return wish, refused


def warnings(wish: Wish, lab: Lab, refused: Collection[DummError]) -> Iterator[str]:
    """What is to be said of other damaged objects that stay."""
    labels = {f"guest {name}" for name in wish.lab.guests} | {f"bridge {name}" for name in wish.lab.bridges}
    for label, damage in lab.damaged.items():
        if label in labels and damage not in refused:
            yield f"{damage}. Until then nothing but its removal is possible, and it is taken for part of no scenario."


def _is_lost(bridge: str, lab: Lab, devices: Collection[Mark]) -> bool:
    """Whether a bridge would have to be made anew, and nobody knows how."""
    return f"bridge {bridge}" in lab.damaged and DeviceKind.BRIDGE.of(bridge) not in devices


def _unpluggable(guest: Guest, lost: Collection[str], lab: Lab) -> Iterator[DummError]:
    for iface in guest.interfaces.values() if guest.power.alive else ():
        if iface.bridge in lost:
            yield HostError(
                guest.label,
                f"its {iface.name} is plugged into bridge {iface.bridge}, which is not there and cannot be made",
                f"see to bridge {iface.bridge} first: {lab.damaged[f'bridge {iface.bridge}'].cause}",
            )


def _without(scope: Scope, guests: Collection[str], bridges: Collection[str]) -> Scope:
    return Scope(
        guests=scope.guests - set(guests),
        ifaces=frozenset(port for port in scope.ifaces if port[0] not in guests),
        bridges=scope.bridges - set(bridges),
    )
