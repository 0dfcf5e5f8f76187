# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab host in memory, for the tests of what is planned.

It does to dictionaries what the kernel, the guests and the disk do to the real thing, and it refuses what they refuse: a TAP that is
in use is not deleted, a unit that is up is not removed, a bridge is there before a port is plugged into it.  It also forgets what
they forget: the secondary addresses of a prefix with its first one, IPv6 addresses with the link.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import random
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import network, settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import given, readiness
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import (
    Actual,
    Device,
    DeviceKind,
    Inside,
    Kernel,
    Link,
    Live,
    Mark,
    Process,
    userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    HOST_NETNS,
    Bridge,
    Guest,
    Iface,
    Lab,
    Loaded,
    Power,
    UnionEngine,
    link_name,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.root import Stack
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import guest_steps, layer_steps, network_steps
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Wish
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.guest_steps import Prepared
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Key
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.plan import plan
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action, Plan, Step

LAB = "dumm-test"
LOOPBACK = Link("lo", None, "00:00:00:00:00:00", 65536, True, ("127.0.0.1/8",))


class Refused(AssertionError):
    """The host would not have done that."""


def need(condition: bool, complaint: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise Refused(complaint)


def check_keys(what: Plan, actual: Actual, wish: Wish) -> None:
    """Refuse a plan in which a step waits for one that no plan could have."""
    labs, scope = (actual.lab, wish.lab), wish.scope
    guests = {name for lab in labs for name in lab.guests} | scope.guests | {port[0] for port in scope.ifaces}
    bridges = {name for lab in labs for name in lab.bridges} | scope.bridges
    layers = {layer.name for extra in wish.extras.values() for layer in (extra.files, extra.hosts) if layer is not None}

    def could_be(key: Key) -> bool:
        kind = key.kind.value
        if " " not in kind and kind not in ("bridge", "render"):
            guest, colon, name = key.name.partition(":")
            return key.name == "" if kind in ("lab", "netns") else bool(guest in guests and colon and name)
        of = {"bridge": bridges, "guest": guests, "render": layers}
        return key.name in of[kind.rpartition(" ")[2]]

    for step in (*what.first, *what.steps):
        need(step.key.kind in step.action.kinds, f"{step.key}: that is not what {step.action} does")
        for key in (step.key, *step.needs, *step.after):
            need(could_be(key), f"{step.key} waits for {key}, which no step is")


@dataclass
class Unit:
    """A device of a guest's vector driver.  It holds its TAP from when it comes up until it goes down."""

    number: int
    tap: str
    name: str
    mac: str
    mtu: int
    up: bool = False
    attached: bool = False
    carrier: str = ""
    addresses: list[str] = field(default_factory=list)


@dataclass
class Run:
    """What is known of a guest's last process."""

    power: Power
    process: Process
    units: dict[int, Unit] = field(default_factory=dict)
    sysctl: dict[str, str] = field(default_factory=dict)
    routes: dict[str, dict[str, str]] = field(default_factory=dict)
    conditions: dict[str, Conditions] = field(default_factory=dict)
    reason: str | None = None
    seen: frozenset[str] = frozenset()

    def named(self, name: str) -> Unit:
        """The unit that has a name in the guest."""
        for unit in self.units.values():
            if unit.name == name:
                return unit
        raise Refused(f"Cannot find device {name}")


class Host:
    """A host, its disk and its guests.

    :ivar spaces: the devices that bear the lab's mark, for each network namespace.
    :ivar ours: namespaces that the lab made.
    """

    def __init__(self) -> None:
        self.netns: str | None = None
        self.guests: dict[str, Guest] = {}
        self.bridges: dict[str, Bridge] = {}
        self.spaces: dict[str, dict[Mark, Device]] = {HOST_NETNS: {}}
        self.ours: set[str] = set()
        self.runs: dict[str, Run] = {}
        self.strays: dict[str, tuple[int, ...]] = {}
        self.layers: set[str] = set()
        self._asked: Wish | None = None
        self._serial = 1

    # Looking

    @property
    def space(self) -> str:
        """The namespace that the lab lives in."""
        return self.netns or LAB

    @property
    def devices(self) -> dict[Mark, Device]:
        """The lab's devices."""
        return self.spaces.setdefault(self.space, {}) if self.space in self.spaces else {}

    def power(self, name: str) -> Power:
        """What a guest is doing."""
        return self.runs[name].power if name in self.runs else Power.STOPPED

    def observe(self) -> Actual:
        """The host as ``observe`` and ``look_inside`` would tell it."""
        guests = {name: dataclasses.replace(guest, power=self.power(name)) for name, guest in self.guests.items()}
        return Actual(
            lab=Lab(LAB, self.space, guests, dict(self.bridges)),
            netns_exists=self.space in self.spaces,
            netns_ours=self.space in self.ours,
            devices={
                mark: dataclasses.replace(device, carrier=self._is_attached(mark))
                for mark, device in self.devices.items()
            },
            live={name: self._live(name) for name in guests},
            strays={name: pids for name, pids in self.strays.items() if not self.power(name).alive},
        )

    def _live(self, name: str) -> Live:
        run = self.runs.get(name)
        if run is None:
            return Live(None)
        if run.power is not Power.RUNNING:
            return Live(run.process, reason=run.reason, seen=run.seen)
        links = {
            unit.name: Link(unit.name, unit.number, unit.mac, unit.mtu, unit.up, tuple(unit.addresses))
            for unit in run.units.values()
        }
        routes = tuple(run.routes.values())
        return Live(
            run.process,
            Inside(name, {"lo": LOOPBACK, **links}, routes, dict(run.sysctl), dict(run.conditions)),
            seen=run.seen,
        )

    def _is_attached(self, mark: Mark) -> bool:
        return any(
            unit.attached and mark == DeviceKind.TAP.of(unit.tap)
            for run in self.runs.values()
            if run.power.alive
            for unit in run.units.values()
        )

    def plan(self, wish: Wish) -> Plan:
        """What would be done."""
        self._asked = wish
        actual = dataclasses.replace(self.observe(), netns_exists=wish.lab.netns in self.spaces)
        found = plan(actual, wish, {name: prepared(guest) for name, guest in wish.lab.guests.items()})
        check_keys(found, actual, wish)
        return found

    # Doing

    def apply(self, what: Plan, order: random.Random | None = None, stop_after: int | None = None) -> list[str]:
        """Do the steps, in any order that their needs allow; what must be done first, and then what that shows is to be done.

        :param order: picks the next of the steps that could be done; without it they are done as they are listed.
        :param stop_after: how many steps are done before the run is killed.
        :return: the keys of what was done.
        """
        if what.first:
            for step in what.first:
                self._do(step)
            assert self._asked is not None
            what = self.plan(self._asked)
        waiting = list(what.steps)
        keys = {step.key for step in waiting}
        done: list[str] = []
        while waiting and len(done) != stop_after:
            ready = [step for step in waiting if not {str(key) for key in step.waits_for(keys)} - set(done)]
            step = order.choice(ready) if order else ready[0]
            self._do(step)
            waiting.remove(step)
            done.append(str(step.key))
        return done

    def _do(self, step: Step) -> None:
        try:
            self._carry_out(step.action)
        except Refused as exc:
            raise Refused(f"{step.key}: {exc}") from exc

    @functools.singledispatchmethod
    def _carry_out(self, action: Action) -> None:
        raise NotImplementedError(action)

    @_carry_out.register
    def _do_make_namespace(self, action: network_steps.MakeNamespace) -> None:
        need(action.netns == self.space, "the lab does not live there")
        need(bool(self.guests or self.bridges), "nothing would say whose namespace it is")
        if action.netns not in self.spaces:
            self.spaces[action.netns] = {}
            self.ours.add(action.netns)

    @_carry_out.register
    def _do_store_netns(self, action: network_steps.StoreNetns) -> None:
        self.netns = action.netns

    @_carry_out.register
    def _do_remove_namespace(self, action: network_steps.RemoveNamespace) -> None:
        need(not any(run.power.alive for run in self.runs.values()), "a guest still lives there")
        if action.netns in self.ours:
            self.ours.remove(action.netns)
            del self.spaces[action.netns]
        self.netns = None

    @_carry_out.register
    def _do_store_guest(self, action: guest_steps.StoreGuest) -> None:
        self.guests[action.guest.name] = dataclasses.replace(action.guest, power=Power.STOPPED)

    @_carry_out.register
    def _do_forget_guest(self, action: guest_steps.ForgetGuest) -> None:
        need(not self.power(action.name).alive, "it still runs")
        need(not self.strays.get(action.name), "processes of it still run")
        self.guests.pop(action.name, None)
        self.runs.pop(action.name, None)

    @_carry_out.register
    def _do_store_bridge(self, action: network_steps.StoreBridge) -> None:
        self.bridges[action.bridge.name] = action.bridge

    @_carry_out.register
    def _do_forget_bridge(self, action: network_steps.ForgetBridge) -> None:
        plugged = [i.label for g in self.guests.values() for i in g.interfaces.values() if i.bridge == action.name]
        need(not plugged, f"{plugged} still name it")
        self.bridges.pop(action.name, None)

    @_carry_out.register
    def _do_add_bridge(self, action: network_steps.AddBridge) -> None:
        bridge = action.bridge
        self._add_device(
            DeviceKind.BRIDGE.of(bridge.name),
            bridge.name,
            mtu=bridge.mtu or 1500,
            addresses=bridge.addresses or (),
            stp=bridge.stp,
            group_fwd_mask=bridge.group_fwd_mask,
            snooping=bridge.multicast_snooping,
            querier=bridge.multicast_snooping,
            ipv6=bridge.speaks_ipv6(()),
        )

    @_carry_out.register
    def _do_set_bridge(self, action: network_steps.SetBridge) -> None:
        bridge = action.bridge
        found = self._found(DeviceKind.BRIDGE.of(bridge.name), action.found)
        self.devices[DeviceKind.BRIDGE.of(bridge.name)] = dataclasses.replace(
            found,
            mtu=bridge.mtu or found.mtu,
            addresses=found.addresses if bridge.addresses is None else bridge.addresses,
            stp=bridge.stp,
            group_fwd_mask=bridge.group_fwd_mask,
            snooping=bridge.multicast_snooping,
            querier=bridge.multicast_snooping,
            ipv6=bridge.speaks_ipv6(found.addresses),
            up=True,
        )

    @_carry_out.register
    def _do_add_tunnel(self, action: network_steps.AddTunnel) -> None:
        bridge = action.bridge
        assert bridge.span is not None
        spans = [device.span for space in self.spaces.values() for device in space.values() if device.span is not None]
        need(bridge.span.network not in [span.network for span in spans], "the number is taken")
        self._add_device(
            DeviceKind.TUNNEL.of(bridge.name),
            bridge.tunnel_name,
            mtu=action.mtu,
            master=self._bridge_index(bridge.name),
            port_mask=bridge.port_mask,
            span=dataclasses.replace(bridge.span, mtu=None),
        )

    @_carry_out.register
    def _do_set_tunnel(self, action: network_steps.SetTunnel) -> None:
        bridge, mark = action.bridge, DeviceKind.TUNNEL.of(action.bridge.name)
        found = self._found(mark, action.found)
        assert bridge.span is not None and found.span is not None
        need(found.span.network == bridge.span.network, "a tunnel keeps its number")
        self.devices[mark] = dataclasses.replace(
            found,
            master=self._bridge_index(bridge.name),
            mtu=action.mtu,
            up=True,
            port_mask=bridge.port_mask,
            span=dataclasses.replace(bridge.span, mtu=None),
        )

    @_carry_out.register
    def _do_add_tap(self, action: network_steps.AddTap) -> None:
        iface = action.iface
        master = self._bridge_index(iface.bridge)
        mask = 0 if master is None else action.port_mask
        self._add_device(DeviceKind.TAP.of(iface.label), iface.tap_name, mtu=iface.mtu, master=master, port_mask=mask)

    @_carry_out.register
    def _do_set_tap(self, action: network_steps.SetTap) -> None:
        mark = DeviceKind.TAP.of(action.iface.label)
        found = self._found(mark, action.found)
        master = self._bridge_index(action.iface.bridge)
        mask = 0 if master is None else action.port_mask
        self.devices[mark] = dataclasses.replace(found, master=master, mtu=action.iface.mtu, up=True, port_mask=mask)

    @_carry_out.register
    def _do_delete_device(self, action: network_steps.DeleteDevice) -> None:
        mark = action.found.mark
        if mark is None or mark not in self.devices:
            return
        need(not self._is_attached(mark), "a guest is attached to it")
        del self.devices[mark]
        for key, device in self.devices.items():
            if device.master == action.found.index:
                self.devices[key] = dataclasses.replace(device, master=None, port_mask=0)

    @_carry_out.register
    def _do_start(self, action: guest_steps.Start) -> None:
        name = action.guest.name
        need(not self.power(name).alive, "it runs already")
        need(not self.strays.get(name), "processes of an earlier start still run")
        need(dataclasses.replace(action.guest, power=Power.STOPPED) == self.guests.get(name), "it is not stored so")
        need(self.space in self.spaces, "there is no namespace to live in")
        self._check_layers(action.prepared.stack)
        process = process_of(action.guest, action.prepared)
        record = given.of(action.guest, action.prepared.stack)
        run = Run(Power.RUNNING, dataclasses.replace(process, given=record))
        self.runs[name] = run
        for number, (iface, mac) in enumerate(action.units):
            self._plug(run, iface, number, mac)
            run.units[number].carrier = action.carriers[number]
            self._configure(name, network.appear(number, iface))
        self._configure(name, settings.all_lines(action.guest))

    @_carry_out.register
    def _do_stop(self, action: guest_steps.Stop) -> None:
        self.runs.pop(action.name, None)
        self.strays.pop(action.name, None)

    @_carry_out.register
    def _do_clean(self, action: guest_steps.Clean) -> None:
        self.runs.pop(action.name, None)
        self.strays.pop(action.name, None)

    @_carry_out.register
    def _do_swap(self, action: layer_steps.Swap) -> None:
        name = action.guest.name
        need(self.power(name) is Power.RUNNING, "it does not run")
        run = self.runs[name]
        stack = action.prepared.stack
        self._check_layers(stack)
        run.process = dataclasses.replace(run.process, upper=stack.upper, over=stack.over)

    @_carry_out.register
    def _do_render(self, action: layer_steps.Render) -> None:
        self.layers.add(action.layer.name)

    @_carry_out.register
    def _do_write_hosts(self, action: layer_steps.WriteHosts) -> None:
        self.layers.add(action.layer.name)

    @_carry_out.register
    def _do_freshen(self, action: layer_steps.Freshen) -> None:
        need(action.guest in self.guests, "it is not defined")

    @_carry_out.register
    def _do_unscratch(self, action: layer_steps.Unscratch) -> None:
        need(action.guest in self.guests, "it is not defined")

    @_carry_out.register
    def _do_restart_services(self, action: guest_steps.RestartServices) -> None:
        need(self.power(action.guest) is Power.RUNNING, "it does not run")

    @_carry_out.register
    def _do_run(self, action: guest_steps.Run) -> None:
        need(self.power(action.guest) is Power.RUNNING, "it does not run")
        run = self.runs[action.guest]
        run.process = dataclasses.replace(run.process, ran=guest_steps.digest(action.commands))

    @_carry_out.register
    def _do_remember(self, action: guest_steps.Remember) -> None:
        need(self.power(action.guest).alive, "it does not run")
        run = self.runs[action.guest]
        run.process = dataclasses.replace(run.process, given=action.given)

    @_carry_out.register
    def _do_pause(self, action: guest_steps.Pause) -> None:
        need(self.power(action.name) is Power.RUNNING, "it does not run")
        self.runs[action.name].power = Power.PAUSED

    @_carry_out.register
    def _do_resume(self, action: guest_steps.Resume) -> None:
        need(self.power(action.name) is Power.PAUSED, "it is not paused")
        self.runs[action.name].power = Power.RUNNING

    @_carry_out.register
    def _do_plug(self, action: guest_steps.Plug) -> None:
        need(self.power(action.iface.guest) is Power.RUNNING, "its guest does not run")
        run = self.runs[action.iface.guest]
        self._plug(run, action.iface, action.unit, action.mac)
        run.units[action.unit].carrier = action.carrier

    @_carry_out.register
    def _do_set_cable(self, action: guest_steps.SetCable) -> None:
        need(self.power(action.guest) is Power.RUNNING, "its guest does not run")
        need(action.unit in self.runs[action.guest].units, "there is no such unit")
        self.runs[action.guest].units[action.unit].carrier = action.carrier

    @_carry_out.register
    def _do_unplug(self, action: guest_steps.Unplug) -> None:
        need(self.power(action.guest) is Power.RUNNING, "its guest does not run")
        units = self.runs[action.guest].units
        need(action.unit in units, "there is no such unit")
        need(not units[action.unit].up, "the kernel does not remove a unit that is up")
        del units[action.unit]

    @_carry_out.register
    def _do_configure(self, action: guest_steps.Configure) -> None:
        need(self.power(action.guest) is Power.RUNNING, "it does not run")
        self._configure(action.guest, action.lines)

    @_carry_out.register
    def _do_await_ready(self, action: guest_steps.AwaitReady) -> None:
        need(self.power(action.guest) is Power.RUNNING, "it does not run")
        self.runs[action.guest].seen |= {readiness.key(action.ready)}

    def _check_layers(self, stack: Stack) -> None:
        rendered = {layer.removeprefix("rendered/") for layer in stack.over if layer.startswith("rendered/")}
        need(rendered <= self.layers, "there is no such layer")

    def _add_device(self, mark: Mark, full_name: str, **settings: object) -> None:
        need(self.space in self.spaces, "there is no namespace to make it in")
        need(mark not in self.devices, "it is there already")
        name = link_name(full_name)
        need(all(device.name != name for device in self.devices.values()), f"{name} is taken")
        self._serial += 1
        plain = Device(
            index=self._serial,
            name=name,
            mark=mark,
            master=None,
            mtu=1500,
            mac=f"0a:00:00:00:00:{self._serial & 0xFF:02x}",
            up=True,
            carrier=False,
        )
        self.spaces[self.space][mark] = dataclasses.replace(plain, **settings)  # type: ignore[arg-type]

    def _found(self, mark: Mark, found: Device) -> Device:
        device = self.devices.get(mark)
        need(device is not None and device.index == found.index, "it is gone")
        assert device is not None
        return device

    def _bridge_index(self, name: str | None) -> int | None:
        if name is None:
            return None
        device = self.devices.get(DeviceKind.BRIDGE.of(name))
        need(device is not None, f"there is no bridge {name} to plug it into")
        assert device is not None
        return device.index

    # Inside of a guest

    def _plug(self, run: Run, iface: Iface, number: int, mac: str) -> None:
        need(number not in run.units, "the unit is in use")
        mark = DeviceKind.TAP.of(iface.label)
        need(mark in self.devices, "it has no TAP")
        need(self.devices[mark].mtu == iface.mtu, "its TAP has another MTU")
        run.units[number] = Unit(number, iface.label, f"vec{number}", mac, iface.mtu)

    def _configure(self, name: str, lines: list[str] | tuple[str, ...]) -> None:
        run = self.runs[name]
        for line in lines:
            match line.split():
                case ["link", "set", device, "up"]:
                    self._bring_up(run, run.named(device))
                case ["link", "set", device, "down"]:
                    unit = run.named(device)
                    unit.up = unit.attached = False
                    unit.addresses = [address for address in unit.addresses if ":" not in address]
                case ["link", "set", device, "name", new]:
                    need(not run.named(device).up, "Device or resource busy")
                    need(all(unit.name != new for unit in run.units.values()), "File exists")
                    run.named(device).name = new
                case ["link", "set", device, "address", mac]:
                    need(not run.named(device).up, "Device or resource busy")
                    run.named(device).mac = mac
                case ["link", "set", device, "mtu", mtu]:
                    need(int(mtu) <= 1500, "the unit's buffers were made for 1500 bytes")
                    run.named(device).mtu = int(mtu)
                case ["addr", "del", address, "dev", device]:
                    self._drop_address(run.named(device), address)
                case ["addr", "replace", address, "dev", device, *rest]:
                    need(rest == (["nodad"] if ":" in address else []), "duplicates are looked for in IPv6 only")
                    unit = run.named(device)
                    unit.addresses += [] if address in unit.addresses else [address]
                case ["sysctl", key, *value]:
                    run.sysctl[settings.sysctl_path(key)] = " ".join(value)
                case ["route", "replace", to, "via", hop, "proto", "static"]:
                    run.routes[to] = {"dst": to, "gateway": hop, "protocol": "static"}
                case ["route", "del", to, "via", _hop, "proto", "static"]:
                    need(run.routes.pop(to, None) is not None, "No such process")
                case ["qdisc", "del", "dev", device, "root"]:
                    run.conditions.pop(device, None)
                case ["qdisc", "replace", "dev", device, "root", "netem", "limit", _queue, "delay", delay, *_rest]:
                    run.conditions[device] = Conditions(delay=int(delay.removesuffix("us")) / 1000)
                case ["neigh", "flush", "dev", device]:
                    run.named(device)
                case ["sysctl", key, "0"]:
                    need(key.startswith("net/ipv6/conf/"), "no such setting")
                    run.named(key.split("/")[3])
                case _:
                    raise Refused(f"ip does not understand {line!r}")

    def _bring_up(self, run: Run, unit: Unit) -> None:
        if unit.up:
            return
        mark = DeviceKind.TAP.of(unit.tap)
        need(mark in self.devices, f"{unit.name} has no TAP to attach to")
        need(not self._is_attached(mark), f"the TAP of {unit.name} is busy")
        unit.up = unit.attached = True

    @staticmethod
    def _drop_address(unit: Unit, address: str) -> None:
        need(address in unit.addresses, "Cannot assign requested address")
        subnet = ipaddress.ip_interface(address).network
        alike = [each for each in unit.addresses if ipaddress.ip_interface(each).network == subnet]
        first = ":" not in address and alike[0] == address
        unit.addresses = [each for each in unit.addresses if each != address and not (first and each in alike)]


def prepared(guest: Guest) -> Prepared:
    """What a definition means on this host."""
    kernel = Kernel(
        Path("/kernels", guest.kernel, "linux"), "6.18.5", True, True, True, True, True, (), (), None, cables=True
    )
    return Prepared(kernel, f"/masters/{guest.master}", UnionEngine.OVERLAY, "it works here", stack_of(guest))


def stack_of(guest: Guest) -> Stack:
    """The layers that a guest should have."""
    return _stack_of(guest, guest.loaded)


def _stack_of(guest: Guest, loaded: Loaded | None) -> Stack:
    if loaded is None:
        return Stack(f"guests/{guest.name}/diff", guest.layers)
    rendered = (f"rendered/{name}" for name in (loaded.files, loaded.hosts) if name is not None)
    below = _stack_of(guest, loaded.under)
    over = dict.fromkeys((*rendered, below.upper, *below.over))
    return Stack(f"guests/{guest.name}/scratch/{loaded.scenario}", tuple(over))


def process_of(guest: Guest, what: Prepared) -> Process:
    """The process of a guest that was started."""
    return Process(
        pid=4711,
        started=1,
        boot="another boot",
        launch="0123456789ab",
        kernel=str(what.kernel.path),
        release=what.kernel.release,
        master=what.master,
        mem=guest.mem,
        init=guest.init,
        cmdline=guest.cmdline,
        userspace=userspace(guest, what.kernel),
        cpu=guest.cpu or 0,
        confined=guest.confine,
        disk=guest.disk,
        engine=what.engine,
        why=what.why,
        upper=what.stack.upper,
        over=what.stack.over,
        cables=what.kernel.cables,
    )
