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
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..model import notation, rules, settings
from ..model.errors import Invalid, InvalidInput, nearest
from ..model.lab import Bridge, Command, Guest, Iface, Lab, Loaded, Power, Stopping
from ..model.reference import BridgeRef, IfaceRef, Reference
from ..model.root import HostsLayer, RenderedLayer
from ..model.rules import check_netns
from ..model.settings import Setting
from ..scenario.loader import Scenario
from ..scenario.share import Share

Params = Mapping[str, Any]
_MOST_TOLD = 20
T = TypeVar("T")

# The states in which guests run afterwards; only with the first they run the scenario's commands after a start.
_CLEANED = {"restart": ("present",), "network": ("present", "loaded")}
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
    :ivar hosts: a layer with /etc/hosts.
    :ivar hosts_current: whether that is there with this content already.
    :ivar same: names of layers that hold the same files as ``files``, made by an earlier version.
    :ivar commands: run once after each start.
    :ivar services: restarted when the layers of the running guest change.
    :ivar sysctl: where the kernel settings are written, by their files; for messages.
    """

    files: RenderedLayer | None = None
    hosts: HostsLayer | None = None
    hosts_current: bool = False
    same: frozenset[str] = frozenset()
    commands: tuple[Command, ...] = ()
    services: tuple[str, ...] = ()
    sysctl: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class SavePointWish:
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
    :ivar save_points: what is to be done with what guests wrote.
    :ivar warnings: what the user should know, in words.
    :ivar stop: how guests are stopped, whatever is defined for them.
    :ivar later: whether what is to change in a paused guest may wait until that is resumed.
    """

    lab: Lab
    scope: Scope
    restart: frozenset[str] = frozenset()
    renew: frozenset[str] = frozenset()
    timeout: float = 60.0
    extras: Mapping[str, Extra] = field(default_factory=dict)
    force: bool = False
    save_points: Mapping[str, SavePointWish] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    stop: Stopping | None = None
    later: bool = False


def guest(params: Params, lab: Lab) -> Wish:
    """What ``dumm_guest`` asks for."""
    name, state = params["name"], params["state"]
    rules.check_label("guest", name)
    # Earlier versions took any label, and what they made must be stopped and removed.
    if state != "absent" and name not in lab.guests:
        rules.check_guest_name(name)
    scope = Scope(guests=frozenset({name}))
    timeout = float(params["wait_timeout"])
    if state == "absent":
        stop = None if params.get("stop") is None else Stopping(params["stop"])
        return Wish(lab.without_guest(name), scope, timeout=timeout, stop=stop)
    before = lab.guests.get(name, Guest(name))
    given = _given(params, settings.GUEST, before.label, named=True)
    after = dataclasses.replace(before, power=_POWER.get(state, _settled(before.power)), **given)
    return checked(
        lab,
        Wish(
            _in_netns(params, lab).with_guest(after),
            scope,
            restart=scope.guests if params["restart"] else frozenset(),
            force=params["in_use"] == "force",
            renew=scope.guests if state == "restarted" else frozenset(),
            timeout=timeout,
            save_points={name: _save_points(before, params)},
        ),
    )


def _save_points(guest: Guest, params: Params) -> SavePointWish:
    wish = SavePointWish(params.get("remove_save"), params.get("save"), params["reset"], params.get("restore"))
    for point in (wish.remove, wish.save, wish.restore):
        if point is not None:
            rules.check_label(f"saving point of {guest.label}:", point)
    if wish.reset and wish.restore is not None:
        raise InvalidInput(guest.label, "both reset and restore", "give one of them")
    return wish


def iface(params: Params, lab: Lab) -> Wish:
    """What ``dumm_iface`` asks for."""
    owner, name = params["guest"], params["name"]
    rules.check_label("guest", owner)
    rules.check_ifname(owner, name)
    scope = Scope(ifaces=frozenset({(owner, name)}))
    if params["state"] == "absent":
        return Wish(lab.without_iface(owner, name) if owner in lab.guests else lab, scope)
    if owner not in lab.guests:
        raise InvalidInput(
            f"interface {owner}:{name}",
            f"there is no guest {owner}",
            f"make it first with dumm_guest ({nearest(owner, lab.guests)})",
        )
    before = lab.guests[owner].interfaces.get(name, Iface(owner, name))
    given = _given(params, settings.IFACE, f"interface {before.label}")
    return checked(lab, Wish(_in_netns(params, lab).with_iface(dataclasses.replace(before, **given)), scope))


def bridge(params: Params, lab: Lab) -> Wish:
    """What ``dumm_bridge`` asks for."""
    name = params["name"]
    rules.check_label("bridge", name)
    if params["state"] != "absent" and name not in lab.bridges:
        rules.check_bridge_name(name)
    if params["state"] == "absent":
        ports = frozenset((port.guest, port.name) for port in lab.ports(name))
        return Wish(lab.without_bridge(name), Scope(bridges=frozenset({name}), ifaces=ports))
    before = lab.bridges.get(name, Bridge(name))
    given = _given(params, settings.BRIDGE, before.label)
    after = _in_netns(params, lab).with_bridge(dataclasses.replace(before, **given))
    plugged = frozenset(_port(before, text, lab) for text in params.get("interfaces") or ())
    if params["purge_interfaces"] and params.get("interfaces") is None:
        raise InvalidInput(before.label, "purge_interfaces without interfaces", "list the interfaces that shall stay")
    dropped = {(port.guest, port.name) for port in lab.ports(name)} - plugged if params["purge_interfaces"] else set()
    for owner, port in plugged | dropped:
        found = after.guests[owner].interfaces[port]
        after = after.with_iface(dataclasses.replace(found, bridge=name if (owner, port) in plugged else None))
    return checked(lab, Wish(after, Scope(bridges=frozenset({name}), ifaces=plugged | dropped)))


def scenario(
    params: Params, lab: Lab, wanted: Scenario | None, extras: Mapping[str, Extra], shared: Share | None = None
) -> Wish:
    """What ``dumm_scenario`` asks for.

    :param wanted: the scenario as its file has it; not needed to take it away or to unload it.
    :param extras: what it has for its guests beside their definition.
    :param shared: where all guests are, if ``wanted`` is what one of several lab hosts makes.
    """
    name, state = params["name"], params["state"]
    if params["clean"] is not None and state not in _CLEANED[params["clean"]]:
        cause = f"clean: {params['clean']} with state: {state}"
        remedy = f"give it with state: {' or '.join(_CLEANED[params['clean']])}"
        raise InvalidInput(f"scenario {name}", cause, remedy)
    timeout = float(params["wait_timeout"])
    force = params["in_use"] == "force"
    mine = Scope(
        guests=frozenset(key for key, guest in lab.guests.items() if guest.scenario == name),
        bridges=frozenset(key for key, bridge in lab.bridges.items() if bridge.scenario == name),
    )
    if state == "absent":
        bare = _bare(params, lab, lab.guests.keys() - mine.guests)
        after = dataclasses.replace(lab, guests={**lab.guests, **bare})
        scope = dataclasses.replace(mine, guests=mine.guests | bare.keys())
        return Wish(_without(after, mine), _with_ports(lab, scope), timeout=timeout, force=force, later=True)
    if wanted is None:
        return _unloaded(params, lab)
    guests, bridges = _chosen(params, wanted, shared)
    if state == "loaded":
        return _loaded(params, lab, guests, extras)
    if params["prune"] and not params.get("only"):
        _check_guests_are_meant(wanted, mine)
    told = Scope(guests=frozenset(guests), bridges=frozenset(bridges))
    after = _in_netns(params, lab)
    scope = told
    if params["prune"] and not params.get("only"):
        elsewhere = frozenset() if shared is None else shared.elsewhere
        surplus = Scope(guests=mine.guests - told.guests - elsewhere, bridges=mine.bridges - told.bridges)
        after = _without(after, surplus)
        ports = _with_ports(lab, surplus).ifaces
        scope = Scope(told.guests | surplus.guests, ports, told.bridges | surplus.bridges)
    made = {
        name: dataclasses.replace(
            guest,
            power=_scenario_power(params, lab.guests.get(name)),
            loaded=_layers_of(params, extras.get(name), None),
        )
        for name, guest in guests.items()
    }
    after = dataclasses.replace(after, guests={**after.guests, **made}, bridges={**after.bridges, **bridges})
    restart = told.guests if params["restart"] else frozenset[str]()
    renew = told.guests if params["clean"] == "restart" else frozenset[str]()
    return checked(
        lab,
        Wish(
            after,
            scope,
            restart=restart | renew,
            renew=renew,
            stop=Stopping.HALT if renew else None,
            timeout=timeout,
            extras=extras,
            force=force,
            warnings=_renumbered(lab, wanted, guests),
            later=True,
        ),
    )


def _check_guests_are_meant(wanted: Scenario, mine: Scope) -> None:
    """A file that says nothing of guests may have been cut off, or what a template made of nothing.

    :raises InvalidInput: where the run would remove all guests then.
    """
    if wanted.without_guests and mine.guests:
        many = f"guest {next(iter(mine.guests))}" if len(mine.guests) == 1 else f"all {len(mine.guests)} guests"
        raise InvalidInput(
            wanted.without_guests,
            f"nothing is said of guests, and {many} of scenario {wanted.name} would be removed",
            "say guests: {} if there are to be none, or set prune: false",
        )


def _scenario_power(params: Params, before: Guest | None) -> Power:
    """What a guest of a scenario is to do.

    :param before: the guest as it is, if it is there.
    """
    if before is None or params["power"] == "apply":
        return _SCENARIO_POWER[params["state"]]
    return _settled(before.power)


def _settled(power: Power) -> Power:
    """What a guest is to go on doing; one that a killed run was about to start is to run."""
    return Power.RUNNING if power is Power.STARTING else power


def _renumbered(lab: Lab, wanted: Scenario, names: Collection[str]) -> tuple[str, ...]:
    """A warning that names interfaces whose automatic addresses change although nobody has plugged them elsewhere."""
    changes = []
    for (owner, name), sources in wanted.automatic.items():
        before = lab.guests[owner].interfaces.get(name) if owner in lab.guests and owner in names else None
        after = wanted.guests[owner].interfaces[name]
        if before is None or before.bridge != after.bridge:
            continue
        gone = [address for address in before.addresses or () if address not in (after.addresses or ())]
        for address, source in sources.items():
            old = next((each for each in gone if notation.ip_of(each) in source), None)
            if old is not None and address not in (before.addresses or ()):
                changes.append(f"{before.label} {old} → {address}")
    if not changes:
        return ()
    more = f" and {len(changes) - _MOST_TOLD} more" if len(changes) > _MOST_TOLD else ""
    return (
        f"scenario {wanted.name}: automatic addresses change: {', '.join(changes[:_MOST_TOLD])}{more}. To keep them, give these"
        " interfaces an address in the file, or put what is new behind them.",
    )


def _layers_of(params: Params, extra: Extra | None, over: Guest | None) -> Loaded:
    """What is loaded of a scenario.

    :param over: the guest as it is, where it may belong to another scenario, which it goes back to afterwards.
    """
    files = None if extra is None or extra.files is None else extra.files.name
    hosts = None if extra is None or extra.hosts is None else extra.hosts.name
    return Loaded(
        params["name"], params["record"], files, hosts, None if over is None else own_layers(params["name"], over)
    )


def own_layers(name: str, guest: Guest) -> Loaded | None:
    """The layers of the scenario that a guest belongs to, where it has them and they are not those of scenario ``name``."""
    below = guest.loaded
    while below is not None and below.scenario != guest.scenario:
        below = below.under
    return None if below is None or below.scenario == name else dataclasses.replace(below, under=None)


def _loaded(params: Params, lab: Lab, guests: Mapping[str, Guest], extras: Mapping[str, Extra]) -> Wish:
    """The lab with a scenario's layers over those of its guests that are there, and nothing else changed."""
    there = [name for name in guests if name in lab.guests]
    laid = {
        name: dataclasses.replace(lab.guests[name], loaded=_layers_of(params, extras.get(name), lab.guests[name]))
        for name in there
    }
    after = dataclasses.replace(lab, guests={**lab.guests, **laid})
    layers = {name: dataclasses.replace(extra, commands=()) for name, extra in extras.items()}
    return Wish(
        after,
        Scope(guests=frozenset(there)),
        timeout=float(params["wait_timeout"]),
        extras=layers,
        force=params["in_use"] == "force",
        later=True,
    )


def _unloaded(params: Params, lab: Lab) -> Wish:
    """The lab without a scenario's layers."""
    bare = _bare(params, lab, params.get("only") or lab.guests)
    return Wish(
        dataclasses.replace(lab, guests={**lab.guests, **bare}),
        Scope(guests=frozenset(bare)),
        timeout=float(params["wait_timeout"]),
        force=params["in_use"] == "force",
        later=True,
    )


def _bare(params: Params, lab: Lab, names: Collection[str]) -> dict[str, Guest]:
    """Those guests that have a scenario's layers, without these."""
    return {
        name: dataclasses.replace(guest, loaded=guest.loaded.under)
        for name, guest in lab.guests.items()
        if name in names and guest.loaded is not None and guest.loaded.scenario == params["name"]
    }


def _chosen(params: Params, wanted: Scenario, shared: Share | None) -> tuple[Mapping[str, Guest], Mapping[str, Bridge]]:
    """What of a scenario is meant: all, or some guests with the bridges that they are plugged into."""
    only = params.get("only")
    if not only:
        return wanted.guests, wanted.bridges
    known = wanted.guests.keys() if shared is None else shared.placed.keys()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise InvalidInput(f"scenario {wanted.name}", f"it has no guest {unknown[0]}", nearest(unknown[0], known))
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


def checked(before: Lab, wish: Wish) -> Wish:
    """The wish, if what it adds to the lab can be."""
    known = {str(fault) for fault in rules.check(before)}
    faults = [fault for fault in rules.check(wish.lab) if str(fault) not in known]
    if faults:
        raise Invalid(faults)
    return wish


def doubts(wish: Wish) -> list[str]:
    """What of the mentioned objects can be, but is hardly meant, in words."""
    scope = wish.scope
    mentioned: set[Reference] = {BridgeRef(name) for name in scope.bridges}
    mentioned |= {IfaceRef(owner, name) for owner, name in scope.ifaces}
    mentioned |= {IfaceRef(iface.guest, iface.name) for iface in wish.lab.ifaces() if iface.guest in scope.guests}
    return [sentence for about, sentence in rules.doubts(wish.lab) if about in mentioned]


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


def _given(params: Params, rows: Iterable[Setting], subject: str, *, named: bool = False) -> dict[str, Any]:
    """The settings that a module was given, by field.

    :param named: whether errors name the setting; those of addresses name it themselves.
    :raises InvalidInput: naming the object.
    """
    found = {}
    for row in rows:
        if row.option and params.get(row.name) is not None:
            try:
                found[row.field] = row.kind.given(params[row.name])
            except InvalidInput as exc:
                cause = f"{row.name}: {exc.cause}" if named else exc.cause
                raise InvalidInput(subject, cause, exc.remedy) from None
    return found


def _port(bridge: Bridge, text: str, lab: Lab) -> tuple[str, str]:
    owner, colon, name = text.partition(":")
    if not colon:
        raise InvalidInput(bridge.label, f"interface {text!r} has no guest", "write it as alice:eth0")
    if f"guest {owner}" in lab.damaged:
        raise lab.damaged[f"guest {owner}"]
    known = [iface.label for iface in lab.ifaces()]
    if text not in known:
        raise InvalidInput(
            bridge.label,
            f"there is no interface {text}",
            f"make it first with dumm_iface ({nearest(text, known)})",
        )
    return owner, name
