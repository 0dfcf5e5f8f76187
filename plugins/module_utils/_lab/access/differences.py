# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has changed between two looks at a lab, as plain data: an event for each object, for streams of JSON and for whoever acts on them.

docs/reference/events.md describes the events.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .seen import SeenBridge, SeenGuest, SeenIface, SeenLab

LAB, BRIDGE, GUEST, LINK, SCENARIO = KINDS = ("lab", "bridge", "guest", "link", "scenario")
COUNTERS = "counters"
ADDED, CHANGED, REMOVED = "added", "changed", "removed"

Event = dict[str, Any]
_Objects = dict[tuple[str, str], dict[str, Any]]
# Of a scenario, a number that says nothing to a user.
_FILE = "file"


def changes(before: SeenLab, after: SeenLab) -> Iterator[Event]:
    """An event for each object that is not as it was: it has all that is known of the object now, and what is other was before."""
    old, new = _objects(before), _objects(after)
    for kind, name in dict.fromkeys((*new, *old)):
        was, now = old.get((kind, name)), new.get((kind, name))
        if was == now:
            continue
        if now is None:
            yield _event(kind, name, REMOVED, {})
        elif was is None:
            yield _event(kind, name, ADDED, now)
        else:
            changed = [key for key, value in now.items() if value != was[key]]
            told = {key: was[key] for key in changed if (kind, key) != (SCENARIO, _FILE)}
            yield {**_event(kind, name, CHANGED, now), "changed": changed, "before": told}


def present(lab: SeenLab) -> Iterator[Event]:
    """An event for each object, as if all had been added now."""
    return (_event(kind, name, ADDED, now) for (kind, name), now in _objects(lab).items())


def stamped(events: Iterable[Event], kinds: Collection[str] | None, seconds: float) -> list[Event]:
    """Events with the time.

    :param kinds: of which they may be; ``None`` for all.
    :param seconds: since the epoch.
    """
    now = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [{"time": now, **event} for event in events if kinds is None or event["event"] in kinds]


def _event(kind: str, name: str, change: str, now: Mapping[str, Any]) -> Event:
    known = {key: value for key, value in now.items() if (kind, key) != (SCENARIO, _FILE)}
    return {"event": kind, "name": name, "change": change, **known}


def _objects(lab: SeenLab) -> _Objects:
    if lab.name is None:
        return {}
    found: _Objects = {(LAB, lab.name): {"workdir": lab.workdir, "netns": lab.netns, "netns_exists": lab.present}}
    found |= {(BRIDGE, name): _bridge(lab, bridge) for name, bridge in lab.bridges.items()}
    for name, guest in lab.guests.items():
        found[GUEST, name] = _guest(guest)
        found |= {(LINK, iface.label): _link(lab, iface) for iface in guest.interfaces}
    scenarios = {each.scenario for each in lab.guests.values()} | {each.loaded for each in lab.guests.values()}
    for scenario in sorted(filter(None, {*lab.scenarios, *scenarios})):
        found[SCENARIO, scenario] = {
            "guests": [name for name, guest in lab.guests.items() if guest.scenario == scenario],
            "loaded": [name for name, guest in lab.guests.items() if guest.loaded == scenario],
            _FILE: lab.scenarios.get(scenario),
        }
    return found


def _guest(guest: SeenGuest) -> dict[str, Any]:
    return {
        "state": guest.state,
        "reason": guest.reason,
        "pid": guest.pid,
        "kernel": guest.kernel,
        "master": guest.master,
        "mem": guest.mem,
        "scenario": guest.scenario,
        "loaded": guest.loaded,
        "labels": dict(guest.labels),
    }


def _link(lab: SeenLab, iface: SeenIface) -> dict[str, Any]:
    tap = lab.taps.get(iface.label)
    return {
        "guest": iface.guest,
        "interface": iface.name,
        "bridge": iface.bridge if tap is None else tap.bridge,
        "up": iface.up and tap is not None and tap.up,
        "carrier": tap is not None and tap.carrier,
        "address": None if iface.addresses is None else list(iface.addresses),
        "mtu": iface.mtu,
        "conditions": None if iface.conditions is None else dict(iface.conditions),
    }


def _bridge(lab: SeenLab, bridge: SeenBridge) -> dict[str, Any]:
    device = lab.devices.get(bridge.name)
    return {
        "up": device is not None and device.up,
        "address": list(bridge.addresses or () if device is None else device.addresses),
        "mtu": bridge.mtu if device is None else device.mtu,
        "stp": bridge.stp,
        "scenario": bridge.scenario,
    }
