# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two labs → the ordered steps from one to the other.  Pure: no I/O, and the only place that decides what changes.

A step says in words what it does, which other steps must be done before it, and carries an action.  Check mode and
``--diff`` print the same steps that a real run does.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..model import given, readiness, rules, settings
from ..model.errors import InUse, InvalidInput
from ..model.found import Actual, Device, DeviceKind, Process, bridge_of, userspace
from ..model.given import Given
from ..model.lab import (
    HOST_NETNS,
    Bridge,
    Command,
    Guest,
    Iface,
    Lab,
    Power,
    Readiness,
    Stopping,
    UnionEngine,
    link_name,
    loads,
)
from ..model.link_kinds import plug_words
from ..model.reference import GuestRef
from ..model.root import HostsLayer, Stack
from ..model.rules import in_the_way
from . import guest_steps, layer_steps, network_steps, rewire, tunnels, wording
from .desired import SavePointWish, Wish
from .guest_steps import Prepared
from .keys import Key, Kind
from .steps import Plan, Step, ordered

# What is done to a guest before it is known to have been brought to its definition, and before a scenario's commands are run in it.
_BEFORE_SETTLED = (
    Kind.RESUME,
    Kind.WIDEN,
    Kind.STORE_GUEST,
    Kind.SWAP,
    Kind.SERVICES,
    Kind.BREAK,
    Kind.CONFIGURE,
    Kind.DOWN,
)
_BEFORE_RUN = (
    Kind.START,
    Kind.RESUME,
    Kind.CONFIGURE,
    Kind.SWAP,
    Kind.SERVICES,
    Kind.SETTLE_GUEST,
    Kind.READY,
)


def plan(actual: Actual, wish: Wish, prepared: Mapping[str, Prepared]) -> Plan:
    """Find the steps from the lab as it is to the lab as it should be.

    :param prepared: for each guest of the scope that is to be there.
    """
    planner = _Planner(actual, wish, prepared)
    steps = ordered(list(planner.steps()))
    return Plan(
        steps, planner.restart_required, tuple(planner.waiting), tuple(planner.silent), first=tuple(planner.first)
    )


class _Planner:
    def __init__(self, actual: Actual, wish: Wish, prepared: Mapping[str, Prepared]) -> None:
        self.actual = actual
        self.wish = wish
        self.prepared = prepared
        self.before: Lab = actual.lab
        self.after: Lab = wish.lab
        self.restart_required: dict[str, tuple[str, ...]] = {}
        self.waiting: list[str] = []
        self.silent: list[str] = []
        self.first: list[Step] = []
        self._rendered: set[str] = set()
        self._aims: dict[str, Given] = {}

    def steps(self) -> Iterator[Step]:
        """All steps, those of the network first, so that the order reads as it is done."""
        scope = self.wish.scope
        guests = sorted(scope.guests | {port[0] for port in scope.ifaces if port[0] in self.after.guests})
        fates = {name: self._fate(name) for name in guests}
        self.silent += [name for name, fate in fates.items() if fate.silent]
        used = {bridge for name in guests for bridge in self._bridges_used(name, fates[name])}
        bridges = scope.bridges | {name for name in used if DeviceKind.BRIDGE.of(name) not in self.actual.devices}
        present = sorted(bridge for bridge in bridges if bridge in self.after.bridges)
        if self.after.netns != self.before.netns:
            yield Step(
                Kind.STORE_NETNS.of(),
                network_steps.StoreNetns(self.after.netns),
                (f"use network namespace {self.after.netns}",),
            )
        if not self.actual.netns_exists and (present or any(fate.starts for fate in fates.values())):
            # A definition first: a namespace is never there without something that says whose it is.  One will do, and the first guest can
            # start while the last is not on disk yet.
            stay = [name for name in guests if name in self.after.guests]
            stored = (*map(Kind.STORE_BRIDGE.of, present), *map(Kind.STORE_GUEST.of, stay))
            yield Step(
                Kind.NETNS.of(),
                network_steps.MakeNamespace(self.after.netns),
                (f"make network namespace {self.after.netns}",),
                after=(Kind.STORE_NETNS.of(), *stored[:1]),
            )
        for name in present:
            yield from self._bridge_present(name)
        for name in sorted(used.difference(present) & self.after.bridges.keys()):
            yield from self._tunnel_in_use(self.after.bridges[name])
        for name in guests:
            yield from self._wake(name, fates[name])
        yield from self._hosts()
        for name in guests:
            yield from self._guest(name, fates[name])
        for name in sorted(scope.bridges - set(self.after.bridges)):
            yield from self._bridge_absent(name)
        yield from self._last_one_out()

    # Bridges

    def _bridges_of(self, guest: str) -> set[str]:
        return {iface.bridge for iface in self.after.guests[guest].interfaces.values() if iface.bridge is not None}

    def _bridges_used(self, guest: str, fate: _Fate) -> set[str]:
        """The bridges that the TAPs of a guest are to be plugged into: those it has and, if it runs, those it is to have."""
        wanted = [iface for name in self._in_scope(guest) if (iface := self._wanted(guest, name)) is not None]
        return {
            iface.bridge
            for iface in wanted
            if iface.bridge is not None and (fate.runs or DeviceKind.TAP.of(iface.label) in self.actual.devices)
        }

    def _bridge_present(self, name: str) -> Iterator[Step]:
        bridge = self.after.bridges[name]
        stored = self.before.bridges.get(name)
        found = self.actual.devices.get(DeviceKind.BRIDGE.of(name))
        if found is not None:
            found = found.counting(stored, bridge)
        live = self._with_foreign(bridge, found)
        given = () if stored is None else stored.given
        retired = tuple(address for address in given if address not in (bridge.addresses or ()))
        tunnel = tuple(tunnels.steps(self.actual, self.after, bridge, found))
        if stored != bridge:
            # What a change of the definition means is said by the step on the live bridge.
            kept = dataclasses.replace(bridge, retired=retired)
            says = () if tunnel else self._said_if_live_is_right(live, found)
            yield Step(Kind.STORE_BRIDGE.of(name), network_steps.StoreBridge(kept), says)
        if found is None:
            self._check_name(bridge.label, bridge.name)
            says = (f"make {bridge.label}", *(f"{bridge.label}: add address {a}" for a in bridge.addresses or ()))
            yield Step(
                Kind.BRIDGE.of(name),
                network_steps.AddBridge(bridge),
                says,
                after=(Kind.STORE_NETNS.of(), Kind.NETNS.of(), Kind.STORE_BRIDGE.of(name)),
            )
            yield from self._replug(bridge)
        elif says := wording.bridge_differences(live, found):
            if found.mtu < rules.MIN_IPV6_MTU and bridge.mtu is None:
                # Its MTU is that of its ports, with which it may get IPv6 back.
                ports = tuple(Kind.TAP.of(port.label) for port in self.after.ports(name))
                yield Step(
                    Kind.LEG.of(name),
                    network_steps.SetBridge(live, found),
                    says,
                    after=(Kind.STORE_BRIDGE.of(name), *ports),
                )
            else:
                yield Step(
                    Kind.BRIDGE.of(name),
                    network_steps.SetBridge(live, found),
                    says,
                    after=(Kind.STORE_BRIDGE.of(name),),
                )
        yield from tunnel
        if found is not None:
            yield from self._open_ports(bridge, found.index)
        if retired and bridge.addresses is not None:
            yield Step(
                Kind.SETTLE_BRIDGE.of(name),
                network_steps.StoreBridge(dataclasses.replace(bridge, retired=())),
                after=(Kind.STORE_BRIDGE.of(name), Kind.BRIDGE.of(name), Kind.LEG.of(name)),
            )

    def _tunnel_in_use(self, bridge: Bridge) -> Iterator[Step]:
        """A tunnel has the MTU of the interfaces in its segment, and comes back with the guests that need it."""
        if bridge.span is not None:
            live = self.actual.devices.get(DeviceKind.BRIDGE.of(bridge.name))
            yield from tunnels.steps(self.actual, self.after, bridge, live)

    def _check_name(self, subject: str, full: str) -> None:
        """:raises InvalidInput: where somebody else's device has a name that one of ours is to get."""
        taken = {link_name(full), full} & self.actual.foreign
        if taken:
            raise in_the_way(subject, min(taken, key=len))

    def _with_foreign(self, bridge: Bridge, found: Device | None) -> Bridge:
        """A bridge with the addresses that others have given the host's leg, which stay."""
        if found is None or bridge.addresses is None:
            return bridge
        stored = self.before.bridges.get(bridge.name)
        mine = {*bridge.addresses, *(() if stored is None else stored.given)}
        others = (address for address in found.addresses if address not in mine)
        return dataclasses.replace(bridge, addresses=(*bridge.addresses, *others))

    def _unmentioned_ports(self, bridge: Bridge) -> Iterator[tuple[Iface, Device]]:
        """Interfaces of a bridge that were not mentioned, and their TAPs."""
        scope = self.wish.scope
        for iface in self.after.ports(bridge.name):
            found = self.actual.devices.get(DeviceKind.TAP.of(iface.label))
            mentioned = iface.guest in scope.guests or (iface.guest, iface.name) in scope.ifaces
            if found is not None and not mentioned:
                yield iface, found

    def _open_ports(self, bridge: Bridge, index: int) -> Iterator[Step]:
        """With its bridge changes what a port lets through."""
        for iface, found in self._unmentioned_ports(bridge):
            if found.master == index and found.port_mask != bridge.port_mask:
                action = network_steps.SetTap(iface, found, bridge.port_mask)
                yield Step(
                    Kind.TAP.of(iface.label),
                    action,
                    (self._said_of_mask(iface, bridge.port_mask),),
                    after=(Kind.BRIDGE.of(bridge.name),),
                )

    def _replug(self, bridge: Bridge) -> Iterator[Step]:
        """What was in a bridge when somebody deleted it comes back with it, mentioned or not."""
        for iface, found in self._unmentioned_ports(bridge):
            if found.master is None:
                says = (f"interface {iface.label}: {plug_words(bridge.name)}",)
                yield Step(
                    Kind.TAP.of(iface.label),
                    network_steps.SetTap(iface, found, bridge.port_mask),
                    says,
                    needs=(Kind.BRIDGE.of(bridge.name),),
                )

    def _said_if_live_is_right(self, bridge: Bridge, found: Device | None) -> tuple[str, ...]:
        if found is None or wording.bridge_differences(bridge, found):
            return ()
        stored = self.before.bridges.get(bridge.name)
        if stored is not None and stored.scenario != bridge.scenario:
            return (f"{bridge.label}: {wording.belongs(bridge.scenario)}",)
        return (f"define {bridge.label} as it is found",)

    def _bridge_absent(self, name: str) -> Iterator[Step]:
        label = f"bridge {name}"
        found = self.actual.devices.get(DeviceKind.BRIDGE.of(name))
        yield from tunnels.removal(self.actual, name)
        if found is not None:
            yield Step(
                Kind.BRIDGE.of(name),
                network_steps.DeleteDevice(label, found, self._namespace_goes),
                (f"remove {label}",),
                after=self._ports_released(name),
            )
        if name in self.before.bridges:
            says = () if found is not None else (f"remove {label}",)
            yield Step(
                Kind.FORGET_BRIDGE.of(name),
                network_steps.ForgetBridge(name),
                says,
                after=(
                    Kind.BRIDGE.of(name),
                    Kind.UNTUNNEL.of(name),
                    Kind.NETNS.of(),
                    *self._ports_released(name),
                ),
            )

    def _ports_released(self, name: str) -> tuple[Key, ...]:
        """The definitions of what was plugged in must not name the bridge any more when it is forgotten."""
        return tuple(Kind.STORE_GUEST.of(port.guest) for port in self.before.ports(name))

    # Guests

    def _fate(self, name: str) -> _Fate:
        guest = self.after.guests.get(name)
        was = self.before.guests[name].power if name in self.before.guests else Power.STOPPED
        live = self.actual.live.get(name)
        silent = live is not None and live.unreadable is not None
        if guest is None:
            return _Fate(was, Power.STOPPED, stops=was.alive, starts=False)
        if name not in self.wish.scope.guests:
            return _Fate(was, was, stops=False, starts=False, silent=silent)
        stale = self._stale(guest, live.process if live else None) if was.alive else ()
        restarts = (
            was.alive
            and guest.power.alive
            and (name in self.wish.renew or (bool(stale) and name in self.wish.restart) or was is Power.STARTING)
        )
        if stale and not restarts and guest.power.alive:
            self.restart_required[name] = stale
        stops = restarts or (was.alive and not guest.power.alive)
        return _Fate(
            was,
            guest.power,
            stops=stops,
            silent=silent and not stops,
            starts=guest.power.alive and guest.power is not Power.STARTING and (restarts or not was.alive),
        )

    def _stale(self, guest: Guest, process: Process | None) -> tuple[str, ...]:
        """What of a running guest is not as defined and cannot be changed while it runs."""
        prepared = self.prepared.get(guest.name)
        if process is None or prepared is None:
            return ()
        plain = {row.name: getattr(process, row.field, None) != row.of(guest) for row in settings.GUEST}
        differences = {
            **plain,
            "kernel": process.kernel != str(prepared.kernel.path),
            "master": process.master != prepared.master,
            "userspace": process.userspace not in (None, userspace(guest, prepared.kernel)),
            "confine": process.confined != guest.confine,
            "cpu": guest.cpu is not None and process.cpu not in (None, guest.cpu),
            # What was chosen when it was started is right as long as it runs: another choice would be no better.
            "union": process.engine is not prepared.engine
            and not (guest.union is UnionEngine.AUTO and process.chose_engine),
        }
        return tuple(row.name for row in settings.GUEST if row.restart and differences[row.name])

    def _guest(self, name: str, fate: _Fate) -> Iterator[Step]:
        label = f"guest {name}"
        if name in self.after.guests:
            yield from self._prepare_layers(name, fate)
            yield from self._widen(name, fate)
            yield from self._store(name)
        self._check_mute(name, fate)
        live = self.actual.live.get(name)
        gone_badly = name in self.wish.scope.guests and fate.was is Power.DIED and fate.will is not Power.DIED
        if fate.stops:
            guest = self.after.guests.get(name) or self.before.guests[name]
            halt = (self.wish.stop or guest.stop) is Stopping.HALT
            yield Step(
                Kind.STOP.of(name),
                guest_steps.Stop(name, halt, self._ends(name, *guest.interfaces), name not in self.after.guests),
                (f"stop {label}",),
            )
        elif gone_badly:
            why = live.reason if live and live.reason else "unknown"
            yield Step(Kind.STOP.of(name), guest_steps.Clean(name), (f"clean up after {label}, which died: {why}",))
        elif name in self.wish.scope.guests and self.actual.strays.get(name):
            yield Step(Kind.STOP.of(name), guest_steps.Clean(name), (f"end what {label} left running",))
        yield from self._save_points(name, fate)
        if name not in self.waiting and not fate.silent:
            yield from self._taps(name, fate)
        if fate.starts:
            yield self._start(name)
        changes: list[Step] = []
        if self._stays(fate) and not self._stays_mute(fate) and name in self.after.guests:
            changes = [*self._swap(name), *self._services(name), *self._break(name), *self._rewire(name)]
            changes += self._settle(name, bool(changes))
        yield from changes
        yield from self._await_ready(name, fate)
        yield from self._run(name, fate)
        if name in self.after.guests:
            yield from self._unscratch(name, fate)
        yield from self._pause(name, fate, tuple(step.key for step in changes))
        if name not in self.after.guests and name in self.before.guests:
            yield Step(
                Kind.FORGET_GUEST.of(name),
                guest_steps.ForgetGuest(name),
                (f"remove {label}",),
                after=(Kind.STOP.of(name), Kind.NETNS.of(), *self._tap_keys(name)),
            )

    def _save_points(self, name: str, fate: _Fate) -> Iterator[Step]:
        """What a guest wrote is saved and brought back while it does not run."""
        wish = self.wish.save_points.get(name, SavePointWish())
        says = wording.save_points(f"guest {name}", wish)
        if not says:
            return
        # A copy that goes away is nothing that it uses.
        if fate.was.alive and not fate.stops and wish != SavePointWish(remove=wish.remove):
            raise InvalidInput(
                f"guest {name}",
                "it runs, and what it wrote can only be saved, reset or restored while it does not",
                "stop it (state: stopped), or have it stopped for that (state: restarted)",
            )
        yield Step(
            Kind.KEEP.of(name),
            layer_steps.UseSavePoints(name, wish),
            says,
            after=(Kind.STORE_GUEST.of(name), Kind.STOP.of(name)),
        )

    # What a running guest was brought to

    @staticmethod
    def _stays(fate: _Fate) -> bool:
        """Whether a guest goes on with the process that it has, which can be asked once it is not paused."""
        return fate.was in (Power.RUNNING, Power.PAUSED) and not fate.starts and not fate.stops

    @classmethod
    def _stays_mute(cls, fate: _Fate) -> bool:
        """Whether it can then not be asked what it has, and not be told what it is to have."""
        return cls._stays(fate) and (fate.silent or (fate.was, fate.will) == (Power.PAUSED, Power.PAUSED))

    def _given(self, name: str) -> Given:
        """What a guest was last brought to; where an earlier version has started it, its definition serves."""
        process = self.actual.live[name].process
        if process is not None and process.given is not None:
            return process.given
        return given.of(self.before.guests[name], self._stack(name))

    def _aim(self, name: str) -> Given:
        """What it is to be brought to."""
        if name not in self._aims:
            self._aims[name] = self._aim_of(self.after.guests[name])
        return self._aims[name]

    def _aim_of(self, guest: Guest) -> Given:
        prepared = self.prepared.get(guest.name)
        return given.of(guest, self._stack(guest.name) if prepared is None else prepared.stack)

    def _stack(self, name: str) -> Stack:
        """The layers that a running guest has."""
        process = self.actual.live[name].process
        return Stack("", ()) if process is None else process.stacks[0]

    def _differs(self, name: str) -> bool:
        """Whether something is to change in a guest that cannot be looked into."""
        prepared = self.prepared.get(name)
        unlike = self._given(name).definition != self._aim(name).definition
        return unlike or self._swaps(name) or (prepared is not None and prepared.breaks)

    def _wake(self, name: str, fate: _Fate) -> Iterator[Step]:
        """A paused guest that is to go on and to change does the one before the other: only then it can be asked what it has."""
        if self._stays(fate) and (fate.was, fate.will) == (Power.PAUSED, Power.RUNNING) and self._differs(name):
            step = Step(Kind.RESUME.of(name), guest_steps.Resume(name), (f"resume guest {name}",))
            self.first.append(step)
            yield step

    def _check_mute(self, name: str, fate: _Fate) -> None:
        """What is to change in a guest that cannot be told waits for the run after it can."""
        after = self.after.guests.get(name)
        if not self._stays_mute(fate) or after is None or not self._differs(name):
            return
        if not self.wish.later:
            raise InvalidInput(
                after.label,
                "it is paused, and would have to be changed",
                "resume it first with dumm_guest (state: started)",
            )
        self.waiting.append(name)

    def _widen(self, name: str, fate: _Fate) -> Iterator[Step]:
        """What a guest is about to be given is written down before its definition, and outlives a run that is killed in between."""
        if name not in self.before.guests or not self._stays(fate):
            return
        process, aim = self.actual.live[name].process, self._aim(name)
        now = self._given(name)
        wide = given.wider(now, aim)
        recorded = process is not None and process.given is not None
        if wide != now or (not recorded and now.definition != aim.definition):
            yield Step(Kind.WIDEN.of(name), guest_steps.Remember(name, wide), after=(Kind.RESUME.of(name),))

    def _settle(self, name: str, changes: bool) -> list[Step]:
        """A guest that has been brought to its definition is known to have been."""
        now, aim = self._given(name), self._aim(name)
        names = self._in_scope(name)
        after = given.settled(now, aim, names)
        whole = name in self.wish.scope.guests
        extra = self.wish.extras.get(name)
        if not whole or extra is None or not extra.services:
            # The services that a scenario names hear of other layers in its next run.
            after = dataclasses.replace(after, layers=now.layers)
        if not whole and now.definition != self._aim_of(self.before.guests[name]).definition:
            after = dataclasses.replace(after, definition=now.definition)
        if after == now and not changes:
            return []
        ports = (kind.of(f"{name}:{each}") for kind in (Kind.PLUG, Kind.UNPLUG, Kind.TAP, Kind.CABLE) for each in names)
        keys = (*(kind.of(name) for kind in _BEFORE_SETTLED), *ports)
        return [Step(Kind.SETTLE_GUEST.of(name), guest_steps.Remember(name, after), after=keys)]

    def _store(self, name: str) -> Iterator[Step]:
        after = self.after.guests[name]
        before = self.before.guests.get(name)
        if before is None:
            yield Step(
                Kind.STORE_GUEST.of(name),
                guest_steps.StoreGuest(after),
                (f"make {after.label}", *wording.said_ifaces(after)),
            )
        elif says := wording.guest_differences(before, after):
            # Killed in between, the next run must still know that the guest comes from another scenario.
            yield Step(
                Kind.STORE_GUEST.of(name),
                guest_steps.StoreGuest(after),
                says,
                after=(Kind.FRESHEN.of(name), Kind.WIDEN.of(name)),
            )

    def _start(self, name: str) -> Step:
        guest = self.after.guests[name]
        units = tuple((iface, self.after.mac_of(iface)) for iface in guest.interfaces.values())
        first = (
            Kind.STORE_NETNS.of(),
            Kind.NETNS.of(),
            Kind.STORE_GUEST.of(name),
            Kind.STOP.of(name),
            Kind.KEEP.of(name),
            *self._layer_keys(name),
            *self._tap_keys(name),
            *(kind.of(bridge) for bridge in sorted(self._bridges_of(name)) for kind in (Kind.BRIDGE, Kind.TUNNEL)),
        )
        found = ((iface, self.actual.devices.get(DeviceKind.TAP.of(iface.label))) for iface, _mac in units)
        taps = tuple(
            dataclasses.replace(device, port_mask=self._port_mask(iface))
            for iface, device in found
            if device is not None
        )
        carriers = tuple(self.after.carrier_of(iface) for iface, _mac in units)
        action = guest_steps.Start(guest, self.prepared[name], units, taps, carriers, self.after.peers_of(guest))
        return Step(Kind.START.of(name), action, (f"start {guest.label}",), after=first)

    def _pause(self, name: str, fate: _Fate, changes: tuple[Key, ...]) -> Iterator[Step]:
        label = f"guest {name}"
        if fate.will is Power.PAUSED and (fate.starts or fate.was is Power.RUNNING):
            yield Step(
                Kind.PAUSE.of(name),
                guest_steps.Pause(name),
                (f"pause {label}",),
                needs=changes,
                after=(Kind.START.of(name),),
            )
        woken = any(step.key == Kind.RESUME.of(name) for step in self.first)
        if fate.will is Power.RUNNING and fate.was is Power.PAUSED and not fate.starts and not woken:
            yield Step(Kind.RESUME.of(name), guest_steps.Resume(name), (f"resume {label}",))

    # Layers and commands of a scenario

    def _prepare_layers(self, name: str, fate: _Fate) -> Iterator[Step]:
        guest = self.after.guests[name]
        stored = self.before.guests.get(name)
        if guest.loaded is None or not (
            fate.starts
            or stored is None
            or stored.loaded != guest.loaded
            or (self._swaps(name) and not self._stays_mute(fate))
        ):
            return
        extra = self.wish.extras.get(name)
        files = None if extra is None else extra.files
        # Guests may share a layer, which is made once.
        if files is not None and files.name not in self._rendered:
            self._rendered.add(files.name)
            yield Step(Kind.RENDER.of(files.name), layer_steps.Render(files))
        if self._freshens(name):
            yield Step(Kind.FRESHEN.of(name), layer_steps.Freshen(name, guest.loaded.scenario))

    def _freshens(self, name: str) -> bool:
        """Whether a scenario is loaded anew: not again, and not gone back to."""
        loaded = self.after.guests[name].loaded
        if loaded is None or name not in self.before.guests:
            return False
        before = self.before.guests[name].loaded
        return before is None or loaded.scenario not in (before.scenario, before.under and before.under.scenario)

    def _hosts(self) -> Iterator[Step]:
        """Guests share an /etc/hosts, whose content changes under them."""
        stale: dict[str, HostsLayer] = {}
        for name, extra in self.wish.extras.items():
            if extra.hosts is not None and not extra.hosts_current and name in self.wish.scope.guests:
                stale[extra.hosts.name] = extra.hosts
        had = {guest.loaded.hosts for guest in self.before.guests.values() if guest.loaded is not None}
        said = False
        for layer in stale.values():
            says = ("change the names in /etc/hosts",) if layer.name in had and not said else ()
            said = said or bool(says)
            yield Step(Kind.RENDER.of(layer.name), layer_steps.WriteHosts(layer), says)

    def _swaps(self, name: str) -> bool:
        """Whether a running guest has other layers than it should."""
        live, prepared = self.actual.live.get(name), self.prepared.get(name)
        process = live.process if live else None
        return process is not None and prepared is not None and process.stacks != (prepared.stack,)

    def _layer_keys(self, name: str) -> tuple[Key, ...]:
        extra = self.wish.extras.get(name)
        layers = () if extra is None else (extra.files, extra.hosts)
        return (*(Kind.RENDER.of(layer.name) for layer in layers if layer is not None), Kind.FRESHEN.of(name))

    def _swap(self, name: str) -> Iterator[Step]:
        """Layers change while the guest runs."""
        if not self._swaps(name):
            return
        guest, prepared = self.after.guests[name], self.prepared[name]
        if prepared.busy and not self.wish.force:
            raise InUse(
                GuestRef(name),
                f"its processes hold open what would change under them: {', '.join(prepared.busy)}",
                "end these processes, or run with in_use: force and name what is to be restarted in restart_services",
            )
        stored = self.before.guests.get(name)
        known = stored is not None and (stored.loaded, stored.layers) == (guest.loaded, guest.layers)
        says = (f"{guest.label}: bring its layers up to date",) if known else ()
        first = (Kind.RESUME.of(name), Kind.STORE_GUEST.of(name), *self._layer_keys(name))
        yield Step(Kind.SWAP.of(name), layer_steps.Swap(guest, prepared), says, after=first)

    def _services(self, name: str) -> Iterator[Step]:
        """The user's services are restarted for other layers, but not for another /etc/hosts."""
        extra, prepared = self.wish.extras.get(name), self.prepared.get(name)
        if extra is None or prepared is None or not extra.services:
            return
        alike = {*extra.same, *([extra.files.name] if extra.same and extra.files else [])}
        old, new = (
            [layer for layer in layers if layer.rpartition("/")[2] not in alike]
            for layers in (self._given(name).layers, given.layers_of(prepared.stack))
        )
        if old != new:
            label = f"guest {name}"
            restarts = tuple(f"{label}: restart {service}" for service in extra.services)
            yield Step(
                Kind.SERVICES.of(name),
                guest_steps.RestartServices(name, extra.services),
                restarts,
                after=(Kind.RESUME.of(name), Kind.SWAP.of(name), Kind.READY.of(name)),
            )

    def _break(self, name: str) -> Iterator[Step]:
        """What is to fail on purpose may change while the guest runs."""
        guest, prepared = self.after.guests[name], self.prepared.get(name)
        if prepared is not None and prepared.breaks:
            stored = self.before.guests.get(name)
            known = stored is not None and stored.faults == guest.faults
            says = (f"{guest.label}: bring its faults up to date",) if known else ()
            yield Step(Kind.BREAK.of(name), layer_steps.Break(guest), says, after=(Kind.STORE_GUEST.of(name),))

    def _await_ready(self, name: str, fate: _Fate) -> Iterator[Step]:
        """Nothing is said of it, since nothing changes; a guest that was seen ready since its start need not be waited for."""
        prepared, extra = self.prepared.get(name), self.wish.extras.get(name)
        if prepared is None or fate.will is not Power.RUNNING or not fate.runs or fate.silent:
            return
        works = extra is not None and bool(extra.commands or extra.services)
        ready = readiness.wanted(self.after.guests[name], works=works, boots=prepared.boots)
        live = self.actual.live.get(name)
        seen = live.seen if live is not None and not fate.starts else ()
        if ready is not Readiness.AGENT and readiness.key(ready) not in seen:
            first = (Kind.START.of(name), Kind.RESUME.of(name))
            yield Step(Kind.READY.of(name), guest_steps.AwaitReady(name, ready), after=first)

    def _run(self, name: str, fate: _Fate) -> Iterator[Step]:
        """A scenario's commands are run once after each start of a guest and each load, also if the run that did that was killed."""
        extra = self.wish.extras.get(name)
        if extra is None or not extra.commands or fate.will is not Power.RUNNING or fate.silent:
            return
        if fate.starts or (fate.was is Power.RUNNING and not self._has_run(name, extra.commands)):
            label = f"guest {name}"
            says = tuple(f"{label}: run {command.command}" for command in extra.commands)
            first = tuple(kind.of(name) for kind in _BEFORE_RUN)
            yield Step(Kind.RUN.of(name), guest_steps.Run(name, extra.commands), says, after=first)

    def _has_run(self, name: str, commands: tuple[Command, ...]) -> bool:
        live, prepared = self.actual.live.get(name), self.prepared.get(name)
        process = live.process if live else None
        if process is None or prepared is None or self._freshens(name):
            return False
        upper = prepared.stack.upper
        return (process.ran if process.upper == upper else process.shelved.get(upper)) == guest_steps.digest(commands)

    def _unscratch(self, name: str, fate: _Fate) -> Iterator[Step]:
        before = self.before.guests[name].loaded if name in self.before.guests else None
        after = self.after.guests[name].loaded
        now, later = ({each.scenario for each in loads(loaded) if not each.record} for loaded in (before, after))
        if now - later or (not self._stays_mute(fate) and self._leaves_scratch(name)):
            kinds = (Kind.STORE_GUEST, Kind.SWAP, Kind.STOP, Kind.START)
            first = tuple(kind.of(name) for kind in kinds)
            yield Step(Kind.UNSCRATCH.of(name), layer_steps.Unscratch(name), after=first)

    def _leaves_scratch(self, name: str) -> bool:
        """Whether a running guest leaves such a layer that its definition does not name any more."""
        live = self.actual.live.get(name)
        if live is None or live.process is None or not self._swaps(name):
            return False
        uppers = {stack.upper for stack in live.process.stacks} - {self.prepared[name].stack.upper}
        return any(f"/{name}/scratch/" in upper for upper in uppers)

    # Interfaces

    def _in_scope(self, guest: str) -> list[str]:
        """Names of a guest's interfaces, old and new, that were mentioned."""
        names = list(self._mentioned.get(guest, ()))
        if guest in self.wish.scope.guests:
            for lab in (self.before, self.after):
                names += lab.guests[guest].interfaces if guest in lab.guests else ()
            names += self._tapped.get(guest, ())
        return list(dict.fromkeys(names))

    @functools.cached_property
    def _mentioned(self) -> Mapping[str, list[str]]:
        """Names of interfaces that were mentioned themselves, by guest."""
        return _by_guest(sorted(self.wish.scope.ifaces))

    @functools.cached_property
    def _tapped(self) -> Mapping[str, list[str]]:
        """Names of interfaces that have a TAP, by guest."""
        labels = (mark.name for mark in self.actual.devices if mark.kind is DeviceKind.TAP)
        return _by_guest(label.split(":", 1) for label in labels)

    def _wanted(self, guest: str, name: str) -> Iface | None:
        return self.after.guests[guest].interfaces.get(name) if guest in self.after.guests else None

    def _tap_keys(self, guest: str) -> tuple[Key, ...]:
        return tuple(Kind.TAP.of(f"{guest}:{name}") for name in self._in_scope(guest))

    def _taps(self, guest: str, fate: _Fate) -> Iterator[Step]:
        """TAPs outlive their guest's process, so that its restart never harms a neighbour; they are made when it first runs."""
        if f"guest {guest}" in self.before.damaged and guest in self.after.guests:
            # Which ones it has is not known.
            return
        for name in self._in_scope(guest):
            iface = self._wanted(guest, name)
            label = f"{guest}:{name}"
            found = self.actual.devices.get(DeviceKind.TAP.of(label))
            key = Kind.TAP.of(label)
            if iface is None and found is not None:
                says = () if self._is_said_elsewhere(guest, name) else (f"interface {label}: remove TAP {found.name}",)
                yield Step(
                    key,
                    network_steps.DeleteDevice(f"interface {label}", found, self._namespace_goes),
                    says,
                    after=(Kind.UNPLUG.of(label), Kind.STOP.of(guest), Kind.STORE_GUEST.of(guest)),
                )
            elif iface is not None and found is None and fate.runs:
                self._check_name(f"interface {label}", iface.tap_name)
                says = () if fate.starts else (f"interface {label}: make TAP {link_name(iface.tap_name)}",)
                yield Step(
                    key, network_steps.AddTap(iface, self._port_mask(iface)), says, after=self._before_tap(iface)
                )
            elif iface is not None and found is not None:
                differences = self._tap_differences(iface, found)
                if differences is not None:
                    action = network_steps.SetTap(iface, found, self._port_mask(iface), self._ends(guest, name))
                    yield Step(key, action, differences, after=self._before_tap(iface))

    def _is_said_elsewhere(self, guest: str, name: str) -> bool:
        """A TAP goes unmentioned with its interface or its guest; one that belongs to nothing does not."""
        return guest in self.before.guests and (
            guest not in self.after.guests or name in self.before.guests[guest].interfaces
        )

    def _before_tap(self, iface: Iface) -> tuple[Key, ...]:
        # With over 1500 bytes the unit is made anew, and a TAP in use keeps its size until then.
        bridge = () if iface.bridge is None else (Kind.BRIDGE.of(iface.bridge),)
        lab = (Kind.STORE_NETNS.of(), Kind.NETNS.of())
        return (*lab, Kind.STORE_GUEST.of(iface.guest), Kind.UNPLUG.of(iface.label), *bridge)

    def _tap_differences(self, iface: Iface, found: Device) -> tuple[str, ...] | None:
        """What to say of a TAP that must change; ``None`` where it need not."""
        plugged = bridge_of(self.actual, found)
        # A bridge that is about to be made cannot be found yet.
        mask = self._port_mask(iface)
        if plugged == iface.bridge and found.mtu == iface.mtu and found.up and found.port_mask == mask:
            return None
        stored = self.before.guests[iface.guest].interfaces.get(iface.name)
        if stored != iface:
            return ()
        says = []
        if plugged != iface.bridge:
            says.append(
                f"interface {iface.label}: {plug_words(iface.bridge)} (it was found {wording.plugged_words(plugged)})"
            )
        if found.mtu != iface.mtu:
            says.append(f"interface {iface.label}: set the TAP's mtu {found.mtu} → {iface.mtu}")
        if not found.up:
            says.append(f"interface {iface.label}: set the TAP up")
        if plugged == iface.bridge and found.port_mask != mask:
            says.append(self._said_of_mask(iface, mask))
        return tuple(says)

    def _ends(self, guest: str, *names: str) -> tuple[str, ...]:
        """TAPs at the other ends of the links that interfaces were in and come into."""
        ends = [
            end
            for lab in (self.before, self.after)
            if guest in lab.guests
            for iface in lab.guests[guest].interfaces.values()
            if iface.name in names
            for end in lab.far_ends(iface)
        ]
        return tuple(dict.fromkeys(link_name(end.tap_name) for end in ends))

    def _port_mask(self, iface: Iface) -> int:
        bridge = None if iface.bridge is None else self.after.bridges.get(iface.bridge)
        return 0 if bridge is None else bridge.port_mask

    @staticmethod
    def _said_of_mask(iface: Iface, mask: int) -> str:
        return f"interface {iface.label}: {'let LACP through' if mask else 'let no LACP through'}"

    def _rewire(self, guest: str) -> Iterator[Step]:
        """What is done inside of a guest while it runs."""
        live = self.actual.live[guest]
        if live.inside is None:
            return
        whole = guest in self.wish.scope.guests
        yield from rewire.steps(
            self.before,
            self.after,
            guest,
            self._given(guest),
            live.inside,
            self.actual.devices,
            self._in_scope(guest),
            whole,
            cables=live.process is not None and live.process.cables,
        )

    @property
    def _namespace_goes(self) -> bool:
        empty = not self.after.guests and not self.after.bridges
        return empty and self.actual.netns_ours and self.before.netns != HOST_NETNS

    def _last_one_out(self) -> Iterator[Step]:
        """With its last object a lab's namespace goes too, before the definition, so that a killed run is taken up again."""
        empty = not self.after.guests and not self.after.bridges
        if not empty or not (self.actual.netns_ours or self.before.netns != self.before.name):
            return
        scope = self.wish.scope
        first = [kind.of(name) for name in scope.bridges for kind in (Kind.BRIDGE, Kind.UNTUNNEL)]
        first += [key for name in scope.guests for key in (*self._tap_keys(name), Kind.STOP.of(name))]
        says = (f"remove network namespace {self.before.netns}",) if self._namespace_goes else ()
        yield Step(Kind.NETNS.of(), network_steps.RemoveNamespace(self.before.netns), says, after=tuple(first))


@dataclass(frozen=True)
class _Fate:
    """What happens to a guest's process.

    :ivar silent: whether it goes on, and does not answer.
    """

    was: Power
    will: Power
    stops: bool
    starts: bool
    silent: bool = False

    @property
    def runs(self) -> bool:
        """Whether it has a process afterwards."""
        return self.starts or (self.was.alive and not self.stops)


def _by_guest(ports: Iterable[Iterable[str]]) -> Mapping[str, list[str]]:
    """Guests and names of interfaces, as names by guest."""
    found: dict[str, list[str]] = defaultdict(list)
    for guest, name in ports:
        found[guest].append(name)
    return found
