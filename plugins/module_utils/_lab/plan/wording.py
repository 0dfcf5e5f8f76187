# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences in words: what check mode prints and a run reports.  Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection
from typing import TypeVar

from ..model import conditions, readiness_text
from ..model.found import Device, Link, foreign
from ..model.lab import ANY_CPU, Bridge, Guest, Iface, InjectedFault, Loaded, Route, UnionEngine, Userspace
from .desired import Keep

T = TypeVar("T")


def cpu(number: int | None) -> str:
    """Which CPU of the host a guest runs on, as :func:`notation.cpu` reads it."""
    return "auto" if number is None else "any" if number == ANY_CPU else str(number)


def guest_differences(before: Guest, after: Guest) -> tuple[str, ...]:
    """What changes in a guest's definition, in words."""
    says = []
    for key in ("kernel", "master", "mem", "init", "cmdline", "userspace", "confine", "layers", "union"):
        old, new = getattr(before, key), getattr(after, key)
        if old != new:
            says.append(f"{after.label}: set {key} {_word(old)} → {_word(new)}")
    if before.disk != after.disk:
        says.append(f"{after.label}: set disk {before.disk or 0} → {after.disk or 0}")
    if before.cpu != after.cpu:
        says.append(f"{after.label}: set cpu {cpu(before.cpu)} → {cpu(after.cpu)}")
    if before.ready != after.ready:
        says.append(
            f"{after.label}: set ready {readiness_text.words(before.ready)} → {readiness_text.words(after.ready)}"
        )
    says += _differences(f"{after.label}: ", "route", before.routes or (), after.routes or (), route)
    old, new = dict(before.sysctl), dict(after.sysctl)
    says += [f"{after.label}: set {key} {value}" for key, value in new.items() if old.get(key) != value]
    says += [f"{after.label}: leave {key} alone" for key in old if key not in new]
    for what, was, now in (("label", before.labels, after.labels), ("variable", before.vars, after.vars)):
        says += [f"{after.label}: set {what} {key}" for key in now if key not in was or _differ(was[key], now[key])]
        says += [f"{after.label}: remove {what} {key}" for key in was if key not in now]
    if before.loaded != after.loaded:
        says.append(f"{after.label}: {_load_words(before.loaded, after.loaded)}")
    says += _differences(f"{after.label}: ", "fault", before.faults, after.faults, fault)
    if before.scenario != after.scenario:
        says.append(f"{after.label}: {belongs(after.scenario)}")
    for name, iface in after.interfaces.items():
        if name not in before.interfaces:
            says += [f"make interface {iface.label}", *_said_iface(iface)]
        else:
            says += iface_differences(before.interfaces[name], iface)
    says += [f"remove interface {before.name}:{name}" for name in before.interfaces if name not in after.interfaces]
    if _reordered(before.interfaces, after.interfaces):
        # Its kernel numbers them when it starts; what runs stays as it is.
        says.append(f"{after.label}: order interfaces {', '.join(after.interfaces)} from its next start on")
    return tuple(says)


def _differ(old: object, new: object) -> bool:
    """As JSON: Python's ``==`` takes ``true`` for ``1``, and mappings of any order for the same."""
    return json.dumps(old) != json.dumps(new)


def _reordered(old: Collection[T], new: Collection[T]) -> bool:
    """Whether what is in both is in another order; what comes and goes is said anyway."""
    return [value for value in old if value in new] != [value for value in new if value in old]


def iface_differences(before: Iface, after: Iface) -> list[str]:
    """What changes in an interface's definition, in words."""
    label = f"interface {after.label}"
    says = []
    if before.bridge != after.bridge:
        says.append(f"{label}: {plug_words(after.bridge)}")
    if before.mtu != after.mtu:
        says.append(f"{label}: set mtu {before.mtu} → {after.mtu}")
    if before.mac != after.mac:
        says.append(f"{label}: set mac {after.mac or 'derived from its name'}")
    if before.up != after.up:
        says.append(f"{label}: set {'up' if after.up else 'down'}")
    if before.conditions != after.conditions:
        says.append(f"{label}: {conditions.words(after.conditions)}")
    old, new = set(before.addresses or ()), set(after.addresses or ())
    says += [f"{label}: remove address {address}" for address in sorted(old - new)]
    says += [f"{label}: add address {address}" for address in sorted(new - old)]
    if old and old == new and before.addresses != after.addresses:
        says.append(f"{label}: order addresses {', '.join(after.addresses or ())}")
    if not old and not new and before.addresses != after.addresses:
        says.append(f"{label}: {'manage no addresses' if after.addresses is None else 'keep free of addresses'}")
    return says


def _differences(prefix: str, what: str, old: Collection[T], new: Collection[T], word: Callable[[T], str]) -> list[str]:
    says = [f"{prefix}remove {what} {word(value)}" for value in old if value not in new]
    says += [f"{prefix}add {what} {word(value)}" for value in new if value not in old]
    if _reordered(old, new):
        says.append(f"{prefix}order {what}s {', '.join(map(word, new))}")
    return says


def keeps(label: str, keep: Keep) -> tuple[str, ...]:
    """What is done with what a guest wrote, in words."""
    says = [f"{label}: remove saving point {keep.remove}"] if keep.remove is not None else []
    says += [f"{label}: save what it wrote as {keep.save}"] if keep.save is not None else []
    says += [f"{label}: throw away what it wrote"] if keep.reset else []
    says += [f"{label}: go back to saving point {keep.restore}"] if keep.restore is not None else []
    return tuple(says)


def route(value: Route) -> str:
    """A route, in words."""
    words = value.to + (f" via {value.via}" if value.via else "") + (f" dev {value.dev}" if value.dev else "")
    return words + (f" metric {value.metric}" if value.metric is not None else "")


def fault(value: InjectedFault) -> str:
    """A fault, in words."""
    words = f"{value.path}: {value.error or 'no error'}"
    words += f" after {value.delay:g} ms" if value.delay else ""
    return words + (f" during {', '.join(value.during)}" if value.during else "")


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
    if link.mac != mac:
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


def _word(value: object) -> str:
    if isinstance(value, (UnionEngine, Userspace)):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "auto" if value is None else str(value) or "none"


def plug_words(bridge: str | None) -> str:
    """What is done to an interface, in words."""
    return "unplug from its bridge" if bridge is None else f"plug into bridge {bridge}"


def plugged_words(bridge: str | None) -> str:
    """How an interface was found, in words."""
    return "unplugged" if bridge is None else f"in {bridge}"
