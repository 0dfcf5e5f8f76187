# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab as plain data, for results and ``--diff``: before and after are told by the same words.  Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..model import readiness, settings
from ..model.found import (
    Actual,
    DeviceKind,
    Live,
    Mark,
    Process,
    foreign,
    found_iface,
    given_addresses,
    ordered,
)
from ..model.lab import ANY_CPU, HOST_NETNS, USERS_OF_A_GUEST, Bridge, Guest, Iface, Lab, Power, Readiness
from ..model.span import Span
from .desired import Scope

Described = dict[str, Any]
# State of what has a definition that cannot be understood.
UNREADABLE = "unreadable"


def iface(lab: Lab, value: Iface) -> Described:
    """An interface's settings."""
    return {
        **{row.name: row.kind.shown(row.of(value)) for row in settings.IFACE},
        "mac": lab.mac_of(value),
    }


def guest(lab: Lab, value: Guest) -> Described:
    """A guest's settings; nothing but its state where they are not known."""
    told = _guest(lab, value)
    if value.label in lab.damaged:
        told = {**dict.fromkeys(told), "state": told["state"], "interfaces": {}, "interface_order": []}
    return told


def _guest(lab: Lab, value: Guest) -> Described:
    return {
        "state": value.power.value,
        **{row.key: row.kind.shown(row.of(value)) for row in settings.GUEST},
        "scenario": value.scenario,
        "loaded": None if value.loaded is None else value.loaded.scenario,
        "record": value.loaded is not None and value.loaded.record,
        "interfaces": {name: iface(lab, each) for name, each in value.interfaces.items()},
        # Ansible sorts the keys of what it prints.
        "interface_order": list(value.interfaces),
    }


def bridge(lab: Lab, value: Bridge) -> Described:
    """A bridge's settings; nothing but its ports where they are not known."""
    told = _bridge(lab, value)
    if value.label in lab.damaged:
        told = {**dict.fromkeys(told), "interfaces": told["interfaces"]}
    return told


def _bridge(lab: Lab, value: Bridge) -> Described:
    return {
        "interfaces": sorted(port.label for port in lab.ports(value.name)),
        **{row.name: row.kind.shown(row.of(value)) for row in settings.BRIDGE},
        "scenario": value.scenario,
    }


def mentioned(lab: Lab, scope: Scope) -> Described:
    """All objects of a scope that are in a lab."""
    told: Described = {}
    for name in sorted(scope.bridges & set(lab.bridges)):
        told[f"bridge {name}"] = bridge(lab, lab.bridges[name])
    for name in sorted(scope.guests & set(lab.guests)):
        told[f"guest {name}"] = guest(lab, lab.guests[name])
    for owner, name in sorted(scope.ifaces):
        if owner in lab.guests and name in lab.guests[owner].interfaces:
            told[f"interface {owner}:{name}"] = iface(lab, lab.guests[owner].interfaces[name])
    return told


def found_lab(actual: Actual) -> Lab:
    """The lab as it was found: definitions, with what the host and the guests show in place of them where they can."""
    guests = {
        name: dataclasses.replace(
            guest, interfaces={key: found_iface(actual, value) for key, value in guest.interfaces.items()}
        )
        for name, guest in actual.lab.guests.items()
    }
    bridges = {name: _found_bridge(actual, bridge) for name, bridge in actual.lab.bridges.items()}
    return dataclasses.replace(actual.lab, guests=guests, bridges=bridges)


def _found_bridge(actual: Actual, defined: Bridge) -> Bridge:
    device = actual.devices.get(DeviceKind.BRIDGE.of(defined.name))
    if device is None:
        return defined
    mine = {*device.counting(defined).addresses} & {*defined.given}
    return dataclasses.replace(
        defined,
        addresses=None if defined.addresses is None else ordered(mine, defined.addresses),
        mtu=None if defined.mtu is None else device.mtu,
        stp=device.stp,
        group_fwd_mask=device.group_fwd_mask,
        multicast_snooping=device.snooping,
        span=_found_span(actual, defined),
    )


def _found_span(actual: Actual, defined: Bridge) -> Span | None:
    """What leads to other lab hosts; what they carry is nothing that its device knows."""
    device = actual.devices.get(DeviceKind.TUNNEL.of(defined.name))
    if device is None or device.span is None:
        return None
    return dataclasses.replace(device.span, mtu=None if defined.span is None else defined.span.mtu)


def live_iface(actual: Actual, value: Iface) -> Described:
    """What is found of an interface beyond its settings: its TAP, and what the guest shows."""
    device = actual.devices.get(DeviceKind.TAP.of(value.label))
    live = actual.live.get(value.guest)
    link = live.inside.links.get(value.name) if live and live.inside else None
    told: Described = {
        "guest": value.guest,
        "name": value.name,
        "tap": None if device is None else device.name,
        "carrier": bool(device and device.carrier),
        "counters": {} if device is None else dict(device.counters),
    }
    if link is not None:
        counted = link.counting(value)
        told["address"] = list(ordered(counted.addresses, value.addresses or ()))
        others = counted.addresses
        if value.addresses is not None:
            others = foreign(counted, value, given_addresses(live, value.name))
        told["other_address"] = sorted(others)
        told["unit"] = link.unit
    return told


def live_guest(actual: Actual, name: str) -> Described:
    """What is found of a guest beyond its settings."""
    live = actual.live[name]
    process = live.process
    told: Described = {"name": name, "pid": None, "uptime": None, "memory_used": None, "reason": live.reason}
    told["ready_after"] = live.ready_after
    told["saves"] = list(live.saves)
    if process is not None and live.alive:
        told |= {
            "pid": process.pid,
            "uptime": None if live.uptime is None else round(live.uptime, 1),
            "memory_used": live.memory,
            "running": {
                "kernel": process.kernel,
                "release": process.release,
                "master": process.master,
                "mem": process.mem,
                "init": process.init or "auto",
                "cmdline": process.cmdline,
                "userspace": "" if process.userspace is None else process.userspace.value,
                "cpu": None if process.cpu == ANY_CPU else process.cpu,
                "protection": _protection(process),
                "limits": list(process.limits),
                "writes_to": process.upper,
                "layers": list(process.over),
                "union": process.engine.value,
                "union_reason": process.why,
                "ready": _is_ready(actual.lab.guests[name], live),
            },
        }
    if live.inside is not None:
        told |= {
            "hostname": live.inside.hostname,
            "routes": [dict(route) for route in live.inside.routes],
            "other_interfaces": {
                link.name: {"mac": link.mac, "mtu": link.mtu, "up": link.up, "address": list(link.addresses)}
                for link in live.inside.links.values()
                if link.name not in actual.lab.guests[name].interfaces
            },
        }
    if live.unreadable is not None:
        told["unreadable"] = str(live.unreadable)
    return told


def _is_ready(guest: Guest, live: Live) -> bool | None:
    """Whether a guest is ready; ``None`` where it was not asked."""
    ready = readiness.for_tasks(guest.ready)
    if guest.power is Power.STARTING:
        return False
    if ready is Readiness.AGENT or readiness.key(ready) in live.seen:
        return True
    return live.booted if ready is Readiness.BOOTED else False


def _protection(process: Process) -> Described:
    """What keeps a guest's root from being the host's, and what does not."""
    first = process.first_user
    return {
        "confined": process.confined,
        "users": None if first is None else [first, first + USERS_OF_A_GUEST - 1],
        "limited": list(process.limited),
        "disk": process.disk or 0,
        "gaps": list(process.gaps),
    }


def live_bridge(actual: Actual, name: str) -> Described:
    """What is found of a bridge beyond its settings."""
    device = actual.devices.get(DeviceKind.BRIDGE.of(name))
    told: Described = {"name": name, "device": None if device is None else device.name}
    if device is not None:
        found = device.counting(actual.lab.bridges.get(name)).addresses
        told |= {
            "mtu": device.mtu,
            "address": list(found),
            "other_address": [address for address in found if address not in actual.lab.bridges[name].given],
            "mac": device.mac,
            "counters": dict(device.counters),
        }
    tunnel = actual.devices.get(DeviceKind.TUNNEL.of(name))
    told["tunnel"] = (
        None if tunnel is None else {"device": tunnel.name, "mtu": tunnel.mtu, "counters": dict(tunnel.counters)}
    )
    return told


def whole_guest(actual: Actual, lab: Lab, name: str) -> Described:
    """All about a guest, with its interfaces.

    :param lab: the lab as it was found.
    """
    told = {**guest(lab, lab.guests[name]), **live_guest(actual, name)}
    if (damage := lab.damaged.get(f"guest {name}")) is not None:
        told |= {"state": UNREADABLE, "reason": str(damage)}
    told["interfaces"] = {key: whole_iface(actual, lab, value) for key, value in lab.guests[name].interfaces.items()}
    return told


def whole_iface(actual: Actual, lab: Lab, value: Iface) -> Described:
    """All about an interface."""
    return {**iface(lab, value), **live_iface(actual, value)}


def whole_bridge(actual: Actual, lab: Lab, name: str) -> Described:
    """All about a bridge."""
    told = {**bridge(lab, lab.bridges[name]), **live_bridge(actual, name)}
    if (damage := lab.damaged.get(f"bridge {name}")) is not None:
        told |= {"state": UNREADABLE, "reason": str(damage)}
    return told


def orphans(actual: Actual) -> list[Described]:
    """What bears our mark and belongs to nothing that is defined."""
    marks = {DeviceKind.TAP.of(each.label) for each in actual.lab.ifaces()}
    marks |= {DeviceKind.BRIDGE.of(name) for name in actual.lab.bridges}
    marks |= {DeviceKind.TUNNEL.of(name) for name, each in actual.lab.bridges.items() if each.span is not None}
    told: list[Described] = [
        {"kind": "device", "name": device.name, "owner": str(mark)}
        for mark, device in sorted(actual.devices.items(), key=lambda item: str(item[0]))
        if mark not in marks and not _may_be_defined(mark, actual.lab)
    ]
    told += [
        {"kind": "process", "name": str(pid), "owner": f"guest {name}"}
        for name, pids in sorted(actual.strays.items())
        for pid in pids
    ]
    empty = not actual.lab.guests and not actual.lab.bridges
    if empty and actual.netns_ours and actual.lab.netns != HOST_NETNS:
        told.append({"kind": "network namespace", "name": actual.lab.netns, "owner": "lab"})
    return told


def _may_be_defined(mark: Mark, lab: Lab) -> bool:
    """Which interfaces a guest has is not known where its definition is damaged, nor whether a bridge has a tunnel."""
    if mark.kind is DeviceKind.TUNNEL:
        return f"bridge {mark.name}" in lab.damaged
    return mark.kind is DeviceKind.TAP and f"guest {mark.name.partition(':')[0]}" in lab.damaged


def is_odd(actual: Actual) -> bool:
    """Whether there is something that a run which is under way may have caused."""
    return bool(orphans(actual)) or any(live.unreadable is not None for live in actual.live.values())


def confirmed(actual: Actual, later: Actual) -> Actual:
    """A lab as it was found, without what was odd and is not so any more.

    :param later: the same at another look, which was not into guests.
    """
    known = {(each["kind"], each["name"], each["owner"]) for each in orphans(actual)}
    still = {(each["kind"], each["name"], each["owner"]) for each in orphans(later)}
    past = {(kind, name) for kind, name, owner in known - still}
    strays = {
        name: tuple(pid for pid in pids if ("process", str(pid)) not in past) for name, pids in actual.strays.items()
    }
    guests, live = dict(actual.lab.guests), dict(actual.live)
    for name, each in actual.live.items():
        if each.unreadable is not None and not _is_same(each, later.live.get(name)):
            guests.pop(name)
            live.pop(name)
            if name in later.live:
                guests[name], live[name] = later.lab.guests[name], later.live[name]
    return dataclasses.replace(
        actual,
        lab=dataclasses.replace(actual.lab, guests=guests),
        netns_ours=actual.netns_ours and ("network namespace", actual.lab.netns) not in past,
        devices={mark: each for mark, each in actual.devices.items() if ("device", each.name) not in past},
        strays={name: pids for name, pids in strays.items() if pids},
        live=live,
    )


def _is_same(live: Live, later: Live | None) -> bool:
    """Whether a guest goes on with the process that it had."""
    processes_of = [None if each is None or each.process is None else each.process.launch for each in (live, later)]
    return processes_of[0] == processes_of[1] and later is not None and later.process is not None and later.alive


def whole_lab(actual: Actual, workdir: str) -> Described:
    """All that is known."""
    lab = found_lab(actual)
    return {
        "workdir": workdir,
        "name": lab.name,
        "netns": lab.netns,
        "netns_exists": actual.netns_exists,
        "guests": {name: whole_guest(actual, lab, name) for name in lab.guests},
        "bridges": {name: whole_bridge(actual, lab, name) for name in lab.bridges},
        "orphans": orphans(actual),
    }
