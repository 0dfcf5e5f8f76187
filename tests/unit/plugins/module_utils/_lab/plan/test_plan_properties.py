# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run makes the lab what was asked for, whatever it was before, and a second run finds nothing to do.

Random module calls meet a lab host in memory, with accidents in between: guests die, devices vanish, somebody changes addresses
by hand, a run is killed half way.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import event, given, note
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import DeviceKind, Mark, Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import HOST_NETNS, Guest, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Wish
from ansible_collections.dumm.lab.tests.unit.helpers import labs
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import LAB, Host, Run

GUESTS = ["alice", "bob"]
IFACES = ["eth0", "eth1"]
BRIDGES = ["br0", "br1"]
ADDRESSES = ["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24", "10.1.0.1/16", "fd00::1/64", "fd00::2/64"]


@dataclass(frozen=True)
class Call:
    """A call of a module."""

    kind: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Accident:
    """Something that happens to the host between two runs."""

    what: str
    pick: int


SPANS = st.fixed_dictionaries(
    {
        "vni": st.sampled_from([7, 8]),
        "local": st.sampled_from(["192.0.2.1", "192.0.2.9", "2001:db8::1"]),
        "peers": st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]), max_size=2, unique=True),
        "port": st.sampled_from([4789, 14789]),
    }
)


def optional(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the options."""
    return st.fixed_dictionaries({}, optional=options)


def calls() -> st.SearchStrategy[Call]:
    """Calls of the three modules that change something."""
    addresses = st.lists(st.sampled_from(ADDRESSES), max_size=3, unique=True)
    guest = st.builds(
        lambda name, state, rest: Call("guest", {"name": name, "state": state, **rest}),
        st.sampled_from(GUESTS),
        st.sampled_from(["present", "started", "started", "stopped", "paused", "restarted", "absent"]),
        optional(
            mem=st.sampled_from([64, 128]),
            kernel=st.sampled_from(["default", "tuned"]),
            init=st.sampled_from(["auto", "minimal"]),
            restart=st.booleans(),
            netns=st.sampled_from([LAB, HOST_NETNS, "testbed"]),
        ),
    )
    iface = st.builds(
        lambda owner, name, state, rest: Call("iface", {"guest": owner, "name": name, "state": state, **rest}),
        st.sampled_from(GUESTS),
        st.sampled_from(IFACES),
        st.sampled_from(["present", "present", "present", "absent"]),
        optional(
            bridge=st.sampled_from([*BRIDGES, ""]),
            mac=st.sampled_from(["", "02:00:00:00:00:01", "02:00:00:00:00:02"]),
            mtu=st.sampled_from([1400, 1500, 9000]),
            address=addresses,
            up=st.booleans(),
        ),
    )
    bridge = st.builds(
        lambda name, state, rest: Call("bridge", {"name": name, "state": state, **rest}),
        st.sampled_from(BRIDGES),
        st.sampled_from(["present", "present", "present", "absent"]),
        optional(
            interfaces=st.lists(
                st.builds("{}:{}".format, st.sampled_from(GUESTS), st.sampled_from(IFACES)), max_size=3, unique=True
            ),
            purge_interfaces=st.booleans(),
            address=st.lists(st.sampled_from(["10.0.0.254/24", "fd00::fe/64"]), max_size=2, unique=True),
            mtu=st.sampled_from([1500, 9000]),
            stp=st.booleans(),
            group_fwd_mask=st.sampled_from([0, 8, 16384]),
            multicast_snooping=st.booleans(),
            span=st.one_of(st.just({}), SPANS),
            netns=st.sampled_from([LAB, HOST_NETNS]),
        ),
    )
    return st.one_of(guest, iface, bridge)


def of_guest(host: Host, pick: int, powers: set[Power], change: Callable[[str], None]) -> None:
    names = sorted(name for name in host.runs if host.power(name) in powers)
    if names:
        change(names[pick % len(names)])


def happen(host: Host, accident: Accident) -> None:
    """Let the accident happen to the host, where there is anything it could happen to."""

    def died(name: str) -> None:
        host.runs[name].power = Power.DIED
        host.runs[name].reason = "kernel panic"
        host.strays[name] = (99,)

    def powered_off(name: str) -> None:
        host.runs[name].power = Power.STOPPED
        host.runs[name].reason = "it powered itself off"

    def still_starting(name: str) -> None:
        host.runs[name].power = Power.STARTING

    def changed_inside(name: str) -> None:
        for unit in host.runs[name].units.values():
            if accident.what == "taken down":
                host._configure(name, [f"link set {unit.name} down"])
            elif accident.what == "address added":
                host._configure(name, [f"addr replace 10.9.0.9/24 dev {unit.name}"])
            elif accident.what == "addresses lost":
                unit.addresses.clear()
            elif accident.what == "mac changed":
                unit.mac = "02:99:99:99:99:99"
            elif accident.what == "mtu changed":
                unit.mtu = 1300
            elif unit.name != f"vec{unit.number}":
                host._configure(name, [f"link set {unit.name} down", f"link set {unit.name} name vec{unit.number}"])

    alive = {Power.RUNNING, Power.PAUSED, Power.STARTING}
    marks = sorted(host.devices, key=str)
    mark = marks[accident.pick % len(marks)] if marks else None
    match accident.what:
        case "died":
            of_guest(host, accident.pick, alive, died)
        case "powered off":
            of_guest(host, accident.pick, {Power.RUNNING}, powered_off)
        case "still starting":
            of_guest(host, accident.pick, {Power.RUNNING}, still_starting)
        case "device deleted" if mark:
            for run in host.runs.values():
                for unit in run.units.values():
                    unit.attached &= DeviceKind.TAP.of(unit.tap) != mark
            gone = host.devices.pop(mark)
            for key, device in host.devices.items():
                if device.master == gone.index:
                    host.devices[key] = dataclasses.replace(device, master=None)
        case "device changed" if mark:
            host.devices[mark] = dataclasses.replace(
                host.devices[mark], up=False, mtu=1280, master=None, stp=True, addresses=("10.0.0.77/24",)
            )
        case "bridge talks" if mark:
            host.devices[mark] = dataclasses.replace(host.devices[mark], snooping=True, querier=True, ipv6=True)
        case "bridge is silent" if mark:
            host.devices[mark] = dataclasses.replace(host.devices[mark], querier=False, ipv6=False)
        case "host rebooted":
            host.spaces = {HOST_NETNS: {}}
            host.ours.clear()
            host.strays.clear()
            for name in list(host.runs):
                powered_off(name)
        case "device deleted" | "device changed" | "bridge talks" | "bridge is silent":
            pass
        case _:
            of_guest(host, accident.pick, {Power.RUNNING}, changed_inside)


INSIDE = ["taken down", "address added", "addresses lost", "mac changed", "mtu changed", "name lost"]
OUTSIDE = ["died", "powered off", "still starting", "device deleted", "device changed", "host rebooted"]
OUTSIDE += ["bridge talks", "bridge is silent"]
accidents = st.builds(Accident, st.sampled_from([*INSIDE, *OUTSIDE]), st.integers(0, 5))
happenings = st.builds(
    lambda furnished, what: [*(FURNITURE if furnished else []), *what],
    st.sampled_from([True, True, True, False]),
    st.lists(st.one_of(calls(), calls(), accidents), min_size=1, max_size=12),
)
FURNITURE = [
    Call("bridge", {"name": "br0", "state": "present", "address": ["10.0.0.254/24"]}),
    Call("bridge", {"name": "br1", "state": "present", "span": {"vni": 7, "local": "192.0.2.1", "peers": []}}),
    Call("guest", {"name": "alice", "state": "started"}),
    Call("guest", {"name": "bob", "state": "present"}),
    Call("iface", {"guest": "alice", "name": "eth0", "state": "present", "bridge": "br0", "address": ["10.0.0.1/24"]}),
    Call("iface", {"guest": "alice", "name": "eth1", "state": "present", "bridge": "br1", "mtu": 9000}),
    Call("iface", {"guest": "bob", "name": "eth0", "state": "present", "bridge": "br0", "address": ["fd00::2/64"]}),
]


def understood(host: Host, call: Call) -> Wish | None:
    """The wish, ``None`` where the call is refused."""
    try:
        wish = labs.wish(call.kind, host.observe().lab, **call.arguments)
    except InvalidInput:
        return None
    # The runner refuses to change interfaces of a guest that it cannot ask.
    mute = any(host.power(owner) in (Power.PAUSED, Power.STARTING) for owner, _name in wish.scope.ifaces)
    return None if mute else wish


def again(call: Call) -> Call:
    """The same call as one that has an end: ``restarted`` restarts each time."""
    state = "started" if call.arguments["state"] == "restarted" else call.arguments["state"]
    return Call(call.kind, {**call.arguments, "state": state})


def assert_nothing_to_do(host: Host, call: Call) -> None:
    """The same call finds nothing to do."""
    wish = understood(host, again(call))
    assert wish is not None
    left = host.plan(wish)
    assert [(str(step.key), step.says) for step in left.steps] == []


def outside_of(host: Host, wish: Wish) -> Callable[[], dict[str, Any]]:
    """Tells all that is outside of a wish's scope."""
    scope = wish.scope
    ports = {DeviceKind.TAP.of(f"{guest}:{name}") for guest, name in scope.ifaces}
    # A bridge that an interface of the scope is plugged into is made where it is missing.
    missing = set(wish.lab.bridges) - {mark.name for mark in host.devices if mark.kind is DeviceKind.BRIDGE}
    # A bridge that has vanished comes back with all of its ports.
    ports |= {DeviceKind.TAP.of(iface.label) for name in missing for iface in wish.lab.ports(name)}

    # So does the tunnel of one that they are plugged into, which takes the largest of their frames.
    used = {
        iface.bridge
        for iface in wish.lab.ifaces()
        if iface.guest in scope.guests or (iface.guest, iface.name) in scope.ifaces
    }

    def is_outside(mark: Mark) -> bool:
        if mark.kind is DeviceKind.TUNNEL:
            return mark.name not in scope.bridges | missing | used
        if mark.kind is DeviceKind.BRIDGE:
            return mark.name not in scope.bridges | missing
        return mark not in ports and mark.name.partition(":")[0] not in scope.guests

    def rest(guest: Guest) -> Guest:
        kept = {name: iface for name, iface in guest.interfaces.items() if (guest.name, name) not in scope.ifaces}
        return dataclasses.replace(guest, interfaces=kept)

    def process(name: str, run: Run) -> Process:
        """With the record of what it was given, unless one of its interfaces is in the scope."""
        changes = any(owner == name for owner, _name in scope.ifaces)
        return dataclasses.replace(run.process, given=None) if changes else run.process

    def tell() -> dict[str, Any]:
        others = {name: run for name, run in host.runs.items() if name not in scope.guests}
        return {
            "guests": {name: rest(guest) for name, guest in host.guests.items() if name not in scope.guests},
            "bridges": {name: bridge for name, bridge in host.bridges.items() if name not in scope.bridges},
            "devices": {owner: device for owner, device in host.devices.items() if is_outside(owner)},
            "processes": {name: (run.power, process(name, run)) for name, run in others.items()},
            "units": {
                (name, unit.name): dataclasses.astuple(unit)
                for name, run in others.items()
                for unit in run.units.values()
                if (name, unit.name) not in scope.ifaces
            },
        }

    return tell


@given(happenings)
def test_the_second_run_finds_nothing_to_do(what: list[Call | Accident]) -> None:
    host = Host()
    for happening in what:
        note(str(happening))
        if isinstance(happening, Accident):
            happen(host, happening)
            continue
        wish = understood(host, happening)
        if wish is None:
            event("refused")
            continue
        done = host.plan(wish)
        note(str([str(step.key) for step in done.steps]))
        host.apply(done)
        assert_nothing_to_do(host, happening)


@given(happenings, st.integers(0, 2**32))
def test_every_order_that_the_needs_of_the_steps_allow_leads_there(what: list[Call | Accident], seed: int) -> None:
    host = Host()
    order = random.Random(seed)
    for happening in what:
        note(str(happening))
        if isinstance(happening, Accident):
            happen(host, happening)
        elif wish := understood(host, happening):
            note(str(host.apply(host.plan(wish), order)))
            assert_nothing_to_do(host, happening)


@given(happenings, calls(), st.integers(0, 2**32), st.integers(0, 12))
def test_what_a_killed_run_left_is_done_by_the_next(
    what: list[Call | Accident], call: Call, seed: int, stop_after: int
) -> None:
    host = Host()
    order = random.Random(seed)
    for happening in what:
        if isinstance(happening, Accident):
            happen(host, happening)
        elif wish := understood(host, happening):
            host.apply(host.plan(wish), order)
    wish = understood(host, call)
    if wish is None:
        return

    note(f"{call} cut after {host.apply(host.plan(wish), order, stop_after)}")

    wish = understood(host, again(call))
    if wish is not None:
        note(str(host.apply(host.plan(wish), order)))
        assert_nothing_to_do(host, call)


@given(happenings)
def test_nothing_outside_of_the_scope_is_ever_touched(what: list[Call | Accident]) -> None:
    host = Host()
    for happening in what:
        note(str(happening))
        if isinstance(happening, Accident):
            happen(host, happening)
        elif wish := understood(host, happening):
            outside = outside_of(host, wish)
            before = outside()
            host.apply(host.plan(wish))
            after = outside()
            if not host.guests and not host.bridges:
                # With the last object the namespace goes, and with it what belongs to nothing.
                before["devices"] = after["devices"]
            assert after == before


@given(happenings)
def test_a_lab_that_is_taken_away_leaves_nothing_on_the_host(what: list[Call | Accident]) -> None:
    host = Host()
    for happening in what:
        if isinstance(happening, Accident):
            happen(host, happening)
        elif wish := understood(host, happening):
            host.apply(host.plan(wish))

    for name in GUESTS:
        host.apply(host.plan(labs.wish("guest", host.observe().lab, name=name, state="absent")))
    for name in BRIDGES:
        host.apply(host.plan(labs.wish("bridge", host.observe().lab, name=name, state="absent")))

    assert (host.guests, host.bridges, host.runs, host.strays) == ({}, {}, {}, {})
    assert host.netns is None
    assert host.spaces == {HOST_NETNS: {}}
