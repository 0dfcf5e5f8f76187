# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module arguments → the lab they ask for.  Pure.

An option that was not given leaves what is defined; a new object takes the model's defaults.  The result is always a whole lab
(what is not mentioned is as it was) and a scope: the objects that were mentioned, the only ones to be looked at and changed.
What is in the scope and not in the lab is to be absent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import model, notation, readiness
from .errors import Invalid, InvalidInput
from .model import Bridge, Fault, Guest, Iface, Lab, Loaded, Power, UnionEngine, Userspace
from .rendering import RenderedLayer
from .scenario import Command, Scenario
from .workdir import check_netns

Params = Mapping[str, Any]
T = TypeVar("T")

_WRITTEN: Mapping[str, Callable[[str], str | None]] = {
    "kernel": notation.reference,
    "master": notation.reference,
    "init": notation.init,
    "cmdline": notation.cmdline,
}

_SCENARIO_POWER = {"present": Power.RUNNING, "stopped": Power.STOPPED}
_POWER = {
    "started": Power.RUNNING,
    "restarted": Power.RUNNING,
    "stopped": Power.STOPPED,
    "paused": Power.PAUSED,
}


@dataclass(frozen=True)
class Scope:
    """The objects that were mentioned.

    :ivar guests: with all of their interfaces.
    :ivar ifaces: single ones, as (guest, interface).
    """

    guests: frozenset[str] = frozenset()
    ifaces: frozenset[tuple[str, str]] = frozenset()
    bridges: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Extra:
    """What a scenario has for a guest beside its definition.

    :ivar files: a layer of files.
    :ivar commands: run once after each start.
    :ivar services: restarted when the layers of the running guest change.
    """

    files: RenderedLayer | None = None
    commands: tuple[Command, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keep:
    """What is to be done with what a guest wrote, in this order.

    :ivar remove: name of a saving point.
    :ivar save: name of a saving point; one that is there stays as it is.
    :ivar reset: whether it is thrown away.
    :ivar restore: name of a saving point to go back to.
    """

    remove: str | None = None
    save: str | None = None
    reset: bool = False
    restore: str | None = None


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    :ivar lab: the whole lab as it should be.
    :ivar restart: guests that may be restarted where a change needs it.
    :ivar renew: guests that are restarted in any case.
    :ivar timeout: seconds that a guest may take to come up or go down.
    :ivar extras: what a scenario has for guests beside their definition.
    :ivar force: whether layers change under files that are in use.
    :ivar keep: what is to be done with what guests wrote.
    """

    lab: Lab
    scope: Scope
    restart: frozenset[str] = frozenset()
    renew: frozenset[str] = frozenset()
    timeout: float = 60.0
    extras: Mapping[str, Extra] = field(default_factory=dict)
    force: bool = False
    keep: Mapping[str, Keep] = field(default_factory=dict)


def guest(params: Params, lab: Lab) -> Wish:
    """What ``dumm_guest`` asks for."""
    name, state = params["name"], params["state"]
    model.check_label("guest", name)
    # Earlier versions took any label, and what they made must be stopped and removed.
    if state != "absent" and name not in lab.guests:
        model.check_guest_name(name)
    scope = Scope(guests=frozenset({name}))
    timeout = float(params["wait_timeout"])
    if state == "absent":
        return Wish(lab.without_guest(name), scope, timeout=timeout)
    before = lab.guests.get(name, Guest(name))
    given = {key: params[key] for key in ("kernel", "master", "mem", "init", "cmdline") if params.get(key) is not None}
    given |= {key: _read(before, key, parse, given[key]) for key, parse in _WRITTEN.items() if key in given}
    if params.get("layers") is not None:
        given["layers"] = tuple(_read(before, "layers", notation.directory, layer) for layer in params["layers"])
    if params.get("cpu") is not None:
        given["cpu"] = _read(before, "cpu", notation.cpu, params["cpu"])
    if params.get("disk") is not None:
        given["disk"] = params["disk"] or None
    if params.get("confine") is not None:
        given["confine"] = params["confine"]
    if params.get("userspace") is not None:
        given["userspace"] = Userspace(params["userspace"])
    if params.get("union") is not None:
        given["union"] = UnionEngine(params["union"])
    if params.get("ready") is not None:
        given["ready"] = _read(before, "ready", readiness.parse, params["ready"])
    if params.get("faults") is not None:
        given["faults"] = tuple(
            Fault(fault["path"], tuple(fault["during"] or ()), fault["error"], fault["delay"] or 0.0)
            for fault in params["faults"]
        )
    # A guest that a killed run was about to start is to run.
    was = Power.RUNNING if before.power is Power.STARTING else before.power
    after = dataclasses.replace(before, power=_POWER.get(state, was), **given)
    return _checked(
        lab,
        Wish(
            _in_netns(params, lab).with_guest(after),
            scope,
            restart=scope.guests if params["restart"] else frozenset(),
            force=params["busy"] == "force",
            renew=scope.guests if state == "restarted" else frozenset(),
            timeout=timeout,
            keep={name: _keep(before, params)},
        ),
    )


def _keep(guest: Guest, params: Params) -> Keep:
    keep = Keep(params.get("unsave"), params.get("save"), params["reset"], params.get("restore"))
    for point in (keep.remove, keep.save, keep.restore):
        if point is not None:
            model.check_label(f"saving point of {guest.label}:", point)
    if keep.reset and keep.restore is not None:
        raise InvalidInput(guest.label, "both reset and restore", "give one of them")
    return keep


def iface(params: Params, lab: Lab) -> Wish:
    """What ``dumm_iface`` asks for."""
    owner, name = params["guest"], params["name"]
    model.check_label("guest", owner)
    model.check_ifname(owner, name)
    scope = Scope(ifaces=frozenset({(owner, name)}))
    if params["state"] == "absent":
        return Wish(lab.without_iface(owner, name) if owner in lab.guests else lab, scope)
    if owner not in lab.guests:
        raise InvalidInput(
            f"interface {owner}:{name}",
            f"there is no guest {owner}",
            f"make it first with dumm_guest ({model.nearest(owner, lab.guests)})",
        )
    before = lab.guests[owner].interfaces.get(name, Iface(owner, name))
    subject = f"interface {before.label}"
    given: dict[str, Any] = {key: params[key] for key in ("mtu", "up") if params.get(key) is not None}
    if params.get("bridge") is not None:
        given["bridge"] = params["bridge"] or None
    if params.get("mac") is not None:
        given["mac"] = model.parse_mac(params["mac"], subject) if params["mac"] else None
    if params.get("address") is not None:
        given["addresses"] = _addresses(params["address"], subject)
    return _checked(lab, Wish(_in_netns(params, lab).with_iface(dataclasses.replace(before, **given)), scope))


def bridge(params: Params, lab: Lab) -> Wish:
    """What ``dumm_bridge`` asks for."""
    name = params["name"]
    model.check_label("bridge", name)
    if params["state"] != "absent" and name not in lab.bridges:
        model.check_bridge_name(name)
    if params["state"] == "absent":
        ports = frozenset((port.guest, port.name) for port in lab.ports(name))
        return Wish(lab.without_bridge(name), Scope(bridges=frozenset({name}), ifaces=ports))
    before = lab.bridges.get(name, Bridge(name))
    given: dict[str, Any] = {
        key: params[key]
        for key in ("mtu", "stp", "group_fwd_mask", "multicast_snooping")
        if params.get(key) is not None
    }
    if params.get("address") is not None:
        given["addresses"] = _addresses(params["address"], before.label)
    after = _in_netns(params, lab).with_bridge(dataclasses.replace(before, **given))
    plugged = frozenset(_port(before, text, lab) for text in params.get("interfaces") or ())
    if params["purge_interfaces"] and params.get("interfaces") is None:
        raise InvalidInput(before.label, "purge_interfaces without interfaces", "list the interfaces that shall stay")
    dropped = {(port.guest, port.name) for port in lab.ports(name)} - plugged if params["purge_interfaces"] else set()
    for owner, port in plugged | dropped:
        found = after.guests[owner].interfaces[port]
        after = after.with_iface(dataclasses.replace(found, bridge=name if (owner, port) in plugged else None))
    return _checked(lab, Wish(after, Scope(bridges=frozenset({name}), ifaces=plugged | dropped)))


def scenario(params: Params, lab: Lab, wanted: Scenario | None, extras: Mapping[str, Extra]) -> Wish:
    """What ``dumm_scenario`` asks for.

    :param wanted: the scenario as its file has it; not needed to take it away or to unload it.
    :param extras: what it has for its guests beside their definition.
    """
    name, state = params["name"], params["state"]
    timeout = float(params["wait_timeout"])
    force = params["busy"] == "force"
    mine = Scope(
        guests=frozenset(key for key, guest in lab.guests.items() if guest.scenario == name),
        bridges=frozenset(key for key, bridge in lab.bridges.items() if bridge.scenario == name),
    )
    if state == "absent":
        return Wish(_without(lab, mine), _with_ports(lab, mine), timeout=timeout)
    if wanted is None:
        return _unloaded(params, lab)
    guests, bridges = _chosen(params, wanted)
    if state == "loaded":
        return _loaded(params, lab, guests, extras)
    told = Scope(guests=frozenset(guests), bridges=frozenset(bridges))
    after = _in_netns(params, lab)
    scope = told
    if params["prune"] and not params.get("only"):
        surplus = Scope(guests=mine.guests - told.guests, bridges=mine.bridges - told.bridges)
        after = _without(after, surplus)
        ports = _with_ports(lab, surplus).ifaces
        scope = Scope(told.guests | surplus.guests, ports, told.bridges | surplus.bridges)
    power = _SCENARIO_POWER[state]
    made = {
        name: dataclasses.replace(guest, power=power, loaded=_layers_of(params, extras.get(name)))
        for name, guest in guests.items()
    }
    after = dataclasses.replace(after, guests={**after.guests, **made}, bridges={**after.bridges, **bridges})
    restart = told.guests if params["restart"] else frozenset[str]()
    return _checked(lab, Wish(after, scope, restart=restart, timeout=timeout, extras=extras, force=force))


def _layers_of(params: Params, extra: Extra | None) -> Loaded:
    files = None if extra is None or extra.files is None else extra.files.name
    return Loaded(params["name"], params["record"], files)


def _loaded(params: Params, lab: Lab, guests: Mapping[str, Guest], extras: Mapping[str, Extra]) -> Wish:
    """The lab with a scenario's layers over those of its guests that are there, and nothing else changed."""
    there = [name for name in guests if name in lab.guests]
    laid = {name: dataclasses.replace(lab.guests[name], loaded=_layers_of(params, extras.get(name))) for name in there}
    after = dataclasses.replace(lab, guests={**lab.guests, **laid})
    layers = {name: dataclasses.replace(extra, commands=()) for name, extra in extras.items()}
    return Wish(
        after,
        Scope(guests=frozenset(there)),
        timeout=float(params["wait_timeout"]),
        extras=layers,
        force=params["busy"] == "force",
    )


def _unloaded(params: Params, lab: Lab) -> Wish:
    """The lab without a scenario's layers."""
    only = params.get("only") or lab.guests
    bare = {
        name: dataclasses.replace(guest, loaded=None)
        for name, guest in lab.guests.items()
        if name in only and guest.loaded is not None and guest.loaded.scenario == params["name"]
    }
    return Wish(
        dataclasses.replace(lab, guests={**lab.guests, **bare}),
        Scope(guests=frozenset(bare)),
        timeout=float(params["wait_timeout"]),
        force=params["busy"] == "force",
    )


def _chosen(params: Params, wanted: Scenario) -> tuple[Mapping[str, Guest], Mapping[str, Bridge]]:
    """What of a scenario is meant: all, or some guests with the bridges that they are plugged into."""
    only = params.get("only")
    if not only:
        return wanted.guests, wanted.bridges
    unknown = [name for name in only if name not in wanted.guests]
    if unknown:
        raise InvalidInput(
            f"scenario {wanted.name}", f"it has no guest {unknown[0]}", model.nearest(unknown[0], wanted.guests)
        )
    guests = {name: guest for name, guest in wanted.guests.items() if name in only}
    used = {iface.bridge for guest in guests.values() for iface in guest.interfaces.values()}
    return guests, {name: bridge for name, bridge in wanted.bridges.items() if name in used}


def _without(lab: Lab, scope: Scope) -> Lab:
    """The lab without some objects; what was plugged into one of these bridges is unplugged."""
    return dataclasses.replace(
        lab,
        guests={name: _unplugged(guest, scope) for name, guest in lab.guests.items() if name not in scope.guests},
        bridges={name: bridge for name, bridge in lab.bridges.items() if name not in scope.bridges},
    )


def _unplugged(guest: Guest, scope: Scope) -> Guest:
    if not any(iface.bridge in scope.bridges for iface in guest.interfaces.values()):
        return guest
    interfaces = {
        name: dataclasses.replace(iface, bridge=None) if iface.bridge in scope.bridges else iface
        for name, iface in guest.interfaces.items()
    }
    return dataclasses.replace(guest, interfaces=interfaces)


def _with_ports(lab: Lab, scope: Scope) -> Scope:
    """The scope with the interfaces of others that lose their bridge with it."""
    ports = {
        (port.guest, port.name) for name in scope.bridges for port in lab.ports(name) if port.guest not in scope.guests
    }
    return dataclasses.replace(scope, ifaces=scope.ifaces | ports)


def _checked(before: Lab, wish: Wish) -> Wish:
    """The wish, if what it adds to the lab can be."""
    known = {str(fault) for fault in model.check(before)}
    faults = [fault for fault in model.check(wish.lab) if str(fault) not in known]
    if faults:
        raise Invalid(faults)
    return wish


def doubts(wish: Wish) -> list[str]:
    """What of the mentioned objects can be, but is hardly meant, in words."""
    scope = wish.scope
    mentioned = {f"bridge {name}" for name in scope.bridges}
    mentioned |= {f"interface {owner}:{name}" for owner, name in scope.ifaces}
    mentioned |= {f"interface {iface.label}" for iface in wish.lab.ifaces() if iface.guest in scope.guests}
    return [sentence for label, sentence in model.doubts(wish.lab) if label in mentioned]


def _in_netns(params: Params, lab: Lab) -> Lab:
    wanted = params.get("netns")
    if not wanted or wanted == lab.netns:
        return lab
    check_netns(wanted)
    if lab.guests or lab.bridges:
        raise InvalidInput(
            f"network namespace {wanted}",
            f"this working directory's lab lives in {lab.netns}",
            "leave netns out, or remove the lab's guests and bridges first",
        )
    return dataclasses.replace(lab, netns=wanted)


def _read(guest: Guest, key: str, parse: Callable[[str], T], text: str) -> T:
    """A setting of a guest as it is written.

    :raises InvalidInput: naming the guest and the setting.
    """
    try:
        return parse(text)
    except InvalidInput as exc:
        raise InvalidInput(guest.label, f"{key}: {exc.cause}", exc.remedy) from None


def _addresses(texts: list[str], subject: str) -> tuple[str, ...]:
    # The first address of a prefix is the one that the kernel takes for what it sends.
    return tuple(dict.fromkeys(model.parse_address(text, subject) for text in texts))


def _port(bridge: Bridge, text: str, lab: Lab) -> tuple[str, str]:
    owner, colon, name = text.partition(":")
    if not colon:
        raise InvalidInput(bridge.label, f"interface {text!r} has no guest", "write it as alice:eth0")
    known = [iface.label for iface in lab.ifaces()]
    if text not in known:
        raise InvalidInput(
            bridge.label,
            f"there is no interface {text}",
            f"make it first with dumm_iface ({model.nearest(text, known)})",
        )
    return owner, name
