# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences in words: what check mode prints and a run reports.  Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import TypeVar

from ..model import settings
from ..model.found import Device, Link, foreign
from ..model.kinds import reordered
from ..model.lab import Bridge, Guest, Iface, Loaded
from ..model.settings import Setting
from .desired import SavePointWish

T = TypeVar("T", Guest, Iface)
# The order in which differences have always been said; a new setting comes last.
_SAID = settings.in_order(
    settings.GUEST,
    *("kernel", "master", "mem", "init", "cmdline", "userspace", "confine", "layers", "union", "disk", "cpu"),
    *("ready", "routes", "sysctl", "labels", "vars", "faults"),
)
_SAID_BEFORE_LOADED = _SAID[: [row.name for row in _SAID].index("faults")]
_SAID_AFTER_LOADED = _SAID[len(_SAID_BEFORE_LOADED) :]
_SAID_OF_IFACES = settings.in_order(settings.IFACE, "bridge", "mtu", "mac", "up", "conditions", "address")


def guest_differences(before: Guest, after: Guest) -> tuple[str, ...]:
    """What changes in a guest's definition, in words."""
    label, says = after.label, _changes(before, after, _SAID_BEFORE_LOADED)
    if before.loaded != after.loaded:
        says.append(f"{label}: {_load_words(before.loaded, after.loaded)}")
    says += _changes(before, after, _SAID_AFTER_LOADED)
    if before.scenario != after.scenario:
        says.append(f"{label}: {belongs(after.scenario)}")
    for name, iface in after.interfaces.items():
        if name not in before.interfaces:
            says += [f"make interface {iface.label}", *_said_iface(iface)]
        else:
            says += iface_differences(before.interfaces[name], iface)
    says += [f"remove interface {before.name}:{name}" for name in before.interfaces if name not in after.interfaces]
    if reordered(before.interfaces, after.interfaces):
        # Its kernel numbers them when it starts; what runs stays as it is.
        says.append(f"{after.label}: order interfaces {', '.join(after.interfaces)} from its next start on")
    return tuple(says)


def iface_differences(before: Iface, after: Iface) -> list[str]:
    """What changes in an interface's definition, in words."""
    return [f"interface {said}" for said in _changes(before, after, _SAID_OF_IFACES)]


def _changes(before: T, after: T, rows: Iterable[Setting]) -> list[str]:
    differences = (row.kind.differences(row.name, row.of(before), row.of(after)) for row in rows)
    return [f"{after.label}: {said}" for each in differences for said in each]


def save_points(label: str, wish: SavePointWish) -> tuple[str, ...]:
    """What is done with what a guest wrote, in words."""
    says = [f"{label}: remove saving point {wish.remove}"] if wish.remove is not None else []
    says += [f"{label}: save what it wrote as {wish.save}"] if wish.save is not None else []
    says += [f"{label}: throw away what it wrote"] if wish.reset else []
    says += [f"{label}: go back to saving point {wish.restore}"] if wish.restore is not None else []
    return tuple(says)


def _load_words(before: Loaded | None, after: Loaded | None) -> str:
    if after is None:
        return f"unload scenario {before.scenario if before else ''}"
    if before is not None and before.under == after:
        return f"unload scenario {before.scenario}, go back to {after.scenario}"
    if before is not None and (before.scenario, before.record) == (after.scenario, after.record):
        return f"change the files of scenario {after.scenario}"
    return f"load scenario {after.scenario}, {'recording' if after.record else 'discarding'} what it writes"


def belongs(scenario: str | None) -> str:
    """Whose an object is, in words."""
    return "belongs to no scenario" if scenario is None else f"belongs to scenario {scenario}"


def link_differences(link: Link, iface: Iface, mac: str, ours: Collection[str]) -> list[str]:
    """What differs between a guest's interface as it is found and as it should be, in words.

    :param ours: addresses that the lab has given or may have given.
    """
    says = []
    if link.mac != mac and not link.bonded:
        says.append(f"change mac {link.mac} → {mac} in the guest")
    if link.mtu != iface.mtu:
        says.append(f"change mtu {link.mtu} → {iface.mtu} in the guest")
    if link.up != iface.up:
        says.append(f"bring {'up' if iface.up else 'down'} in the guest")
    if iface.addresses is not None:
        stay = {*iface.addresses, *foreign(link, iface, ours)}
        says += [f"take {address} away in the guest" for address in link.addresses if address not in stay]
        says += [f"give {address} in the guest" for address in iface.addresses if address not in link.addresses]
    return says


def bridge_differences(bridge: Bridge, found: Device) -> tuple[str, ...]:
    """What differs between a bridge as it is found and as it should be, in words.

    :param bridge: with the addresses that others have given.
    """
    says = []
    if bridge.mtu is not None and bridge.mtu != found.mtu:
        says.append(f"{bridge.label}: set mtu {found.mtu} → {bridge.mtu}")
    if bridge.stp != found.stp:
        says.append(f"{bridge.label}: switch stp {'on' if bridge.stp else 'off'}")
    if bridge.group_fwd_mask != found.group_fwd_mask:
        says.append(f"{bridge.label}: set group_fwd_mask {found.group_fwd_mask} → {bridge.group_fwd_mask}")
    if bridge.multicast_snooping != found.snooping:
        says.append(f"{bridge.label}: switch multicast snooping {_on(bridge.multicast_snooping)}")
    elif bridge.multicast_snooping != found.querier:
        says.append(f"{bridge.label}: switch the multicast querier {_on(bridge.multicast_snooping)}")
    if found.ipv6 and not bridge.speaks_ipv6(found.addresses):
        says.append(f"{bridge.label}: switch the host's IPv6 off")
    elif found.ipv6 is False and any(":" in address for address in bridge.addresses or ()):
        says.append(f"{bridge.label}: switch the host's IPv6 on")
    if not found.up:
        says.append(f"{bridge.label}: set up")
    if bridge.addresses is not None:
        says += [f"{bridge.label}: remove address {a}" for a in found.addresses if a not in bridge.addresses]
        says += [f"{bridge.label}: add address {a}" for a in bridge.addresses if a not in found.addresses]
    return tuple(says)


def _on(value: bool) -> str:
    return "on" if value else "off"


def said_ifaces(guest: Guest) -> list[str]:
    """A new guest's interfaces, in words."""
    return [
        words for iface in guest.interfaces.values() for words in (f"make interface {iface.label}", *_said_iface(iface))
    ]


def _said_iface(iface: Iface) -> list[str]:
    return iface_differences(dataclasses.replace(Iface(iface.guest, iface.name), addresses=None), iface)


def plugged_words(bridge: str | None) -> str:
    """How an interface was found, in words."""
    return "unplugged" if bridge is None else f"in {bridge}"
