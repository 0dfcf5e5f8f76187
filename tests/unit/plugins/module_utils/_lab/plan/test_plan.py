# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a lab as it was found and a wish to the steps: what is done, what is said of it, and in which order."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Actual, DeviceKind
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Power, UnionEngine
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import guest_steps, steps
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Scope, Wish
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.guest_steps import Start, Stop
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Key, Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.plan import plan
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action, Plan, Step
from ansible_collections.dumm.lab.tests.unit.helpers.labs import wish
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import (
    Host,
    Refused,
    Run,
    Unit,
    check_keys,
    prepared,
    process_of,
)

BR0, ETH0 = DeviceKind.BRIDGE.of("br0"), DeviceKind.TAP.of("alice:eth0")


def call(host: Host, kind: str, **arguments: Any) -> Plan:
    """Plan a module's call and do it."""
    what = planned(host, kind, **arguments)
    host.apply(what)
    return what


def planned(host: Host, kind: str, **arguments: Any) -> Plan:
    """Plan a module's call."""
    return host.plan(wish(kind, host.observe().lab, **arguments))


def steps_of(actual: Actual, asked: Wish) -> Plan:
    """Plan without a host."""
    return plan(actual, asked, {name: prepared(guest) for name, guest in asked.lab.guests.items()})


def kinds(what: Plan) -> list[str]:
    """The actions of a plan, without what only keeps the record of what a guest was given."""
    return [type(step.action).__name__ for step in what.steps if not isinstance(step.action, guest_steps.Remember)]


def action(what: Plan, kind: type[Action]) -> Any:
    """The one action of a kind."""
    (found,) = [step.action for step in what.steps if isinstance(step.action, kind)]
    return found


@pytest.fixture
def host() -> Host:
    """A host with one running guest, ``alice``, whose ``eth0`` is in ``br0``."""
    fresh = Host()
    call(fresh, "bridge", name="br0", address=["10.0.0.254/24"])
    call(fresh, "guest", name="alice")
    call(fresh, "iface", guest="alice", name="eth0", bridge="br0", address=["10.0.0.1/24"], mac="02:00:00:00:00:01")
    return fresh


def put(host: Host, power: Power) -> None:
    """Have alice be doing that, as if it had happened by itself."""
    if power is Power.STOPPED:
        call(host, "guest", name="alice", state="stopped")
    host_run = host.runs.get("alice")
    if host_run is not None:
        host_run.power = power
        host_run.reason = "kernel panic: oops" if power is Power.DIED else None


# A guest's life.  "-" is nothing.

LIFE: dict[str, dict[Power, str]] = {
    "present": {
        Power.STOPPED: "-",
        Power.STARTING: "Stop Start",
        Power.RUNNING: "-",
        Power.PAUSED: "-",
        Power.DIED: "-",
    },
    "started": {
        Power.STOPPED: "Start",
        Power.STARTING: "Stop Start",
        Power.RUNNING: "-",
        Power.PAUSED: "Resume",
        Power.DIED: "Clean Start",
    },
    "stopped": {
        Power.STOPPED: "-",
        Power.STARTING: "Stop",
        Power.RUNNING: "Stop",
        Power.PAUSED: "Stop",
        Power.DIED: "Clean",
    },
    "paused": {
        Power.STOPPED: "Start Pause",
        Power.STARTING: "Stop Start Pause",
        Power.RUNNING: "Pause",
        Power.PAUSED: "-",
        Power.DIED: "Clean Start Pause",
    },
    "restarted": {
        Power.STOPPED: "Start",
        Power.STARTING: "Stop Start",
        Power.RUNNING: "Stop Start",
        Power.PAUSED: "Stop Start",
        Power.DIED: "Clean Start",
    },
    "absent": {
        Power.STOPPED: "DeleteDevice ForgetGuest",
        Power.STARTING: "Stop DeleteDevice ForgetGuest",
        Power.RUNNING: "Stop DeleteDevice ForgetGuest",
        Power.PAUSED: "Stop DeleteDevice ForgetGuest",
        Power.DIED: "Clean DeleteDevice ForgetGuest",
    },
}


@pytest.mark.parametrize(
    ("state", "was", "actions"), [(state, was, actions) for state, row in LIFE.items() for was, actions in row.items()]
)
def test_a_guest_goes_from_what_it_does_to_what_it_is_to_do(host: Host, state: str, was: Power, actions: str) -> None:
    put(host, was)

    assert " ".join(kinds(planned(host, "guest", name="alice", state=state))) == actions.strip("-")


@pytest.mark.parametrize("state", LIFE)
@pytest.mark.parametrize("was", Power)
def test_a_guest_is_doing_what_was_asked_afterwards(host: Host, state: str, was: Power) -> None:
    put(host, was)

    call(host, "guest", name="alice", state=state)

    expected = {"started": Power.RUNNING, "restarted": Power.RUNNING, "paused": Power.PAUSED}.get(state, Power.STOPPED)
    if state == "present":
        expected = Power.RUNNING if was is Power.STARTING else was
    assert host.power("alice") is expected
    assert ("alice" in host.guests) is (state != "absent")


@pytest.mark.parametrize(
    ("was", "state", "words"),
    [
        (Power.STOPPED, "started", ["start guest alice"]),
        (Power.RUNNING, "stopped", ["stop guest alice"]),
        (Power.RUNNING, "paused", ["pause guest alice"]),
        (Power.PAUSED, "started", ["resume guest alice"]),
        (Power.RUNNING, "restarted", ["stop guest alice", "start guest alice"]),
        (Power.DIED, "started", ["clean up after guest alice, which died: kernel panic: oops", "start guest alice"]),
        (Power.RUNNING, "absent", ["stop guest alice", "remove guest alice"]),
    ],
)
def test_what_becomes_of_a_guest_is_said(host: Host, was: Power, state: str, words: list[str]) -> None:
    put(host, was)

    assert planned(host, "guest", name="alice", state=state).actions == words


def test_a_new_guest_is_defined_before_it_is_started() -> None:
    made = planned(Host(), "guest", name="bob")

    assert kinds(made) == ["StoreGuest", "MakeNamespace", "Start"]
    assert made.actions == ["make guest bob", "make network namespace dumm-test", "start guest bob"]


def test_a_guest_that_is_only_defined_needs_no_network() -> None:
    assert kinds(planned(Host(), "guest", name="bob", state="present")) == ["StoreGuest"]


def test_what_a_guest_that_is_stopped_left_running_is_ended(host: Host) -> None:
    put(host, Power.STOPPED)
    host.strays["alice"] = (99,)

    assert kinds(planned(host, "guest", name="alice", state="stopped")) == ["Clean"]
    assert kinds(planned(host, "guest", name="alice", state="started")) == ["Clean", "Start"]


def test_processes_of_a_guest_that_is_not_defined_are_ended() -> None:
    host = Host()
    host.strays["ghost"] = (99,)

    assert planned(host, "guest", name="ghost", state="absent").actions == ["end what guest ghost left running"]


# What takes a restart.

STALE = [
    ("mem", 64),
    ("kernel", "other"),
    ("master", "other"),
    ("init", "minimal"),
    ("cmdline", "x"),
    ("userspace", "ptrace"),
    ("cpu", "any"),
    ("confine", False),
    ("disk", 64),
]


@pytest.mark.parametrize(("option", "value"), STALE)
def test_what_a_running_guest_cannot_change_is_stored_and_reported(host: Host, option: str, value: Any) -> None:
    found = planned(host, "guest", name="alice", **{option: value})

    assert kinds(found) == ["StoreGuest"]
    assert found.restart_required == {"alice": (option,)}


@pytest.mark.parametrize(("option", "value"), STALE)
def test_it_is_reported_again_until_the_restart(host: Host, option: str, value: Any) -> None:
    call(host, "guest", name="alice", **{option: value})

    again = planned(host, "guest", name="alice")

    assert (again.changed, again.restart_required) == (False, {"alice": (option,)})


@pytest.mark.parametrize(("option", "value"), STALE)
def test_it_takes_effect_where_a_restart_is_allowed(host: Host, option: str, value: Any) -> None:
    found = call(host, "guest", name="alice", restart=True, **{option: value})

    assert kinds(found) == ["StoreGuest", "Stop", "Start"]
    assert found.restart_required == {}
    assert not planned(host, "guest", name="alice", restart=True).changed


@pytest.mark.parametrize(("why", "pending"), [("asked for", {"alice": ("union",)}), ("overlay cannot work here", {})])
def test_a_union_engine_that_was_chosen_is_right_as_long_as_the_guest_runs(
    host: Host, why: str, pending: dict[str, tuple[str, ...]]
) -> None:
    run = host.runs["alice"]
    run.process = dataclasses.replace(run.process, engine=UnionEngine.COWFS, why=why)

    found = planned(host, "guest", name="alice")

    assert (found.changed, found.restart_required) == (False, pending)


def test_a_new_order_of_interfaces_is_stored_and_holds_from_the_next_start_on(host: Host) -> None:
    for name in ("eth2", "eth10"):
        call(host, "iface", guest="alice", name=name)
    lab = host.observe().lab
    order = ["eth10", "eth2", "eth0"]
    turned = dataclasses.replace(
        lab.guests["alice"], interfaces={name: lab.guests["alice"].interfaces[name] for name in order}
    )
    scope = Scope(guests=frozenset({"alice"}))

    found = host.plan(Wish(lab.with_guest(turned), scope))
    host.apply(found)

    assert (kinds(found), found.restart_required) == (["StoreGuest"], {})
    assert not host.plan(Wish(lab.with_guest(turned), scope)).changed
    restarted = call(host, "guest", name="alice", state="restarted")
    assert [iface.name for iface, _mac in action(restarted, Start).units] == order


@pytest.mark.parametrize(
    ("defined", "options", "halts"),
    [
        ("clean", {"state": "stopped"}, False),
        ("clean", {"state": "absent"}, False),
        ("halt", {"state": "stopped"}, True),
        ("halt", {"state": "restarted"}, True),
        ("halt", {"state": "absent"}, True),
        ("halt", {"state": "absent", "stop": "clean"}, False),
        ("clean", {"state": "absent", "stop": "halt"}, True),
        ("clean", {"state": "stopped", "stop": "halt"}, True),
        ("halt", {"mem": 64, "restart": True}, True),
    ],
)
def test_a_guest_is_stopped_as_it_is_defined_or_as_the_call_says(
    host: Host, defined: str, options: dict[str, Any], halts: bool
) -> None:
    call(host, "guest", name="alice", stop=defined)

    assert action(planned(host, "guest", name="alice", **options), Stop).halt is halts


def test_layers_change_while_the_guest_runs(host: Host) -> None:
    found = call(host, "guest", name="alice", layers=["/l"])

    assert kinds(found) == ["StoreGuest", "Swap"]
    assert found.restart_required == {}
    assert not planned(host, "guest", name="alice").changed


def test_a_restart_that_was_allowed_and_is_not_needed_does_not_happen(host: Host) -> None:
    assert not planned(host, "guest", name="alice", restart=True).changed


def test_a_restart_takes_up_what_was_stored_before(host: Host) -> None:
    call(host, "guest", name="alice", mem=64)

    assert kinds(planned(host, "guest", name="alice", restart=True)) == ["Stop", "Start"]


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_a_guest_that_goes_down_needs_no_restart(host: Host, state: str) -> None:
    assert planned(host, "guest", name="alice", state=state, mem=64).restart_required == {}


def test_a_stopped_guest_takes_a_new_setting_without_ado(host: Host) -> None:
    put(host, Power.STOPPED)

    found = planned(host, "guest", name="alice", state="present", mem=64)

    assert (found.actions, found.restart_required) == (["guest alice: set mem 128 → 64"], {})


# Interfaces.


def test_an_interface_of_a_running_guest_is_plugged_at_once_the_tap_first(host: Host) -> None:
    found = call(host, "iface", guest="alice", name="eth1", bridge="br0", address=["10.0.0.2/24", "fd00::2/64"])

    assert kinds(found) == ["StoreGuest", "AddTap", "Plug", "Configure"]
    assert action(found, guest_steps.Plug).unit == 1
    assert action(found, guest_steps.Configure).lines == (
        "link set vec1 name eth1",
        "sysctl net/ipv6/conf/eth1/disable_ipv6 0",
        "addr replace 10.0.0.2/24 dev eth1",
        "addr replace fd00::2/64 dev eth1 nodad",
        "link set eth1 up",
    )


def test_an_interface_is_unplugged_before_its_tap_goes(host: Host) -> None:
    found = call(host, "iface", guest="alice", name="eth0", state="absent")

    assert kinds(found) == ["StoreGuest", "Configure", "Unplug", "DeleteDevice"]
    assert action(found, guest_steps.Configure).lines == ("link set eth0 down",)
    assert found.actions == ["remove interface alice:eth0"]


def test_a_free_unit_is_used_again(host: Host) -> None:
    for name in ("eth1", "eth2"):
        call(host, "iface", guest="alice", name=name)
    call(host, "iface", guest="alice", name="eth1", state="absent")

    assert action(planned(host, "iface", guest="alice", name="eth3"), guest_steps.Plug).unit == 1


def test_an_interface_of_a_stopped_guest_is_only_defined(host: Host) -> None:
    call(host, "guest", name="bob", state="present")

    assert kinds(planned(host, "iface", guest="bob", name="eth0", bridge="br0")) == ["StoreGuest"]


def test_the_taps_of_a_guest_are_made_before_it_starts_and_their_bridges_before_them(host: Host) -> None:
    call(host, "guest", name="bob", state="present")
    call(host, "iface", guest="bob", name="eth0", bridge="br0")
    call(host, "iface", guest="bob", name="eth1", bridge="br0")
    del host.devices[BR0]

    found = planned(host, "guest", name="bob")

    assert [str(step.key) for step in found.steps] == ["bridge br0", "tap bob:eth0", "tap bob:eth1", "start guest bob"]


def test_a_restart_leaves_taps_alone(host: Host) -> None:
    assert kinds(planned(host, "guest", name="alice", state="restarted")) == ["Stop", "Start"]


def test_moving_an_interface_touches_its_tap_and_lets_the_guest_forget_who_was_there(host: Host) -> None:
    call(host, "bridge", name="br1")

    found = planned(host, "iface", guest="alice", name="eth0", bridge="br1")

    assert kinds(found) == ["StoreGuest", "SetTap", "Configure"]
    assert action(found, guest_steps.Configure).lines == ("neigh flush dev eth0",)
    assert found.actions == ["interface alice:eth0: plug into bridge br1"]


@pytest.mark.parametrize(
    ("option", "value", "lines"),
    [
        ("address", ["10.0.0.2/24"], ("addr del 10.0.0.1/24 dev eth0", "addr replace 10.0.0.2/24 dev eth0")),
        ("address", [], ("addr del 10.0.0.1/24 dev eth0",)),
        ("up", False, ("link set eth0 down", "addr replace 10.0.0.1/24 dev eth0")),
        ("mtu", 1400, ("link set eth0 mtu 1400",)),
        (
            "mac",
            "02:00:00:00:00:02",
            (
                "link set eth0 down",
                "link set eth0 address 02:00:00:00:00:02",
                "addr replace 10.0.0.1/24 dev eth0",
                "link set eth0 up",
            ),
        ),
    ],
)
def test_an_interface_is_changed_in_one_request_while_the_guest_runs(
    host: Host, option: str, value: Any, lines: tuple[str, ...]
) -> None:
    found = planned(host, "iface", guest="alice", name="eth0", **{option: value})

    assert action(found, guest_steps.Configure).lines == lines
    assert not {"Plug", "Unplug", "Start", "Stop"} & set(kinds(found))


@pytest.mark.parametrize(("before", "after"), [(1500, 9000), (9000, 1500), (9000, 4000), (1501, 1500)])
def test_an_mtu_over_1500_takes_a_new_unit(host: Host, before: int, after: int) -> None:
    call(host, "iface", guest="alice", name="eth0", mtu=before)

    found = call(host, "iface", guest="alice", name="eth0", mtu=after)

    assert kinds(found) == ["StoreGuest", "Configure", "Unplug", "SetTap", "Plug", "Configure"]
    assert host.devices[ETH0].mtu == after


@pytest.mark.parametrize(("before", "after"), [(1500, 1400), (1400, 1500), (576, 1500)])
def test_an_mtu_up_to_1500_is_changed_in_place(host: Host, before: int, after: int) -> None:
    call(host, "iface", guest="alice", name="eth0", mtu=before)

    assert kinds(planned(host, "iface", guest="alice", name="eth0", mtu=after)) == ["StoreGuest", "SetTap", "Configure"]


def test_a_unit_that_lost_its_tap_is_plugged_anew(host: Host) -> None:
    del host.devices[ETH0]
    host.runs["alice"].units[0].attached = False

    found = call(host, "guest", name="alice")

    assert kinds(found) == ["Configure", "Unplug", "AddTap", "Plug", "Configure"]
    assert "interface alice:eth0: plug anew" in found.actions
    assert not planned(host, "guest", name="alice").changed


def test_a_unit_that_a_killed_run_left_without_a_name_is_unplugged(host: Host) -> None:
    host.runs["alice"].units[1] = Unit(1, "alice:eth1", "vec1", "02:00:00:00:00:09", 1500)

    found = call(host, "guest", name="alice")

    assert found.actions == ["interface alice:vec1: unplug a left-over unit"]
    assert sorted(host.runs["alice"].units) == [0]


def test_a_foreign_interface_of_that_name_is_not_taken(host: Host) -> None:
    found = host.observe()
    inside = found.live["alice"].inside
    assert inside is not None
    own = dataclasses.replace(inside.links["eth0"], name="eth1", unit=None)
    foreign = dataclasses.replace(inside, links={**inside.links, "eth1": own})
    actual = dataclasses.replace(found, live={"alice": dataclasses.replace(found.live["alice"], inside=foreign)})
    asked = wish("iface", actual.lab, guest="alice", name="eth1")

    with pytest.raises(InvalidInput, match="interface alice:eth1: the guest has an interface of that name"):
        steps_of(actual, asked)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"master": None}, "interface alice:eth0: plug into bridge br0 (it was found unplugged)"),
        ({"mtu": 1280}, "interface alice:eth0: set the TAP's mtu 1280 → 1500"),
        ({"up": False}, "interface alice:eth0: set the TAP up"),
    ],
)
def test_a_tap_that_somebody_changed_is_put_right_and_said(host: Host, change: dict[str, Any], sentence: str) -> None:
    right = host.devices[ETH0]
    host.devices[ETH0] = dataclasses.replace(right, **change)

    found = call(host, "iface", guest="alice", name="eth0")

    assert found.actions == [sentence]
    assert host.devices[ETH0] == right


def test_a_tap_that_belongs_to_no_interface_goes_with_the_next_look_at_its_guest(host: Host) -> None:
    stray = dataclasses.replace(host.devices[ETH0], index=77, name="alice-eth7", mark=DeviceKind.TAP.of("alice:eth7"))
    host.devices[DeviceKind.TAP.of("alice:eth7")] = stray

    assert planned(host, "guest", name="alice").actions == ["interface alice:eth7: remove TAP alice-eth7"]


# Bridges.


def test_the_namespace_is_made_first_and_removed_last() -> None:
    host = Host()
    assert kinds(call(host, "bridge", name="br0")) == ["StoreBridge", "MakeNamespace", "AddBridge"]

    found = call(host, "bridge", name="br0", state="absent")

    assert kinds(found) == ["DeleteDevice", "RemoveNamespace", "ForgetBridge"]
    assert found.actions == ["remove bridge br0", "remove network namespace dumm-test"]


def test_the_namespace_stays_while_anything_is_in_the_lab(host: Host) -> None:
    assert "RemoveNamespace" not in kinds(planned(host, "bridge", name="br0", state="absent"))
    assert "RemoveNamespace" not in kinds(planned(host, "guest", name="alice", state="absent"))


@pytest.mark.parametrize("netns", ["host", "theirs"])
def test_a_namespace_that_is_not_ours_is_used_and_left(netns: str) -> None:
    host = Host()
    host.spaces.setdefault(netns, {})
    made = call(host, "bridge", name="br0", netns=netns)

    gone = call(host, "bridge", name="br0", state="absent")

    assert kinds(made) == ["StoreNetns", "StoreBridge", "AddBridge"]
    assert made.actions[0] == f"use network namespace {netns}"
    assert netns in host.spaces
    assert f"remove network namespace {netns}" not in gone.actions


def test_a_bridge_that_is_removed_unplugs_its_ports_and_leaves_the_guest_running(host: Host) -> None:
    found = call(host, "bridge", name="br0", state="absent")

    assert kinds(found) == ["StoreGuest", "SetTap", "SetCable", "DeleteDevice", "ForgetBridge"]
    assert host.guests["alice"].interfaces["eth0"].bridge is None
    assert host.power("alice") is Power.RUNNING


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("address", ["10.0.0.253/24"], "bridge br0: add address 10.0.0.253/24"),
        ("address", [], "bridge br0: remove address 10.0.0.254/24"),
        ("mtu", 1400, "bridge br0: set mtu 1500 → 1400"),
        ("stp", True, "bridge br0: switch stp on"),
        ("group_fwd_mask", 8, "bridge br0: set group_fwd_mask 0 → 8"),
        ("multicast_snooping", False, "bridge br0: switch multicast snooping off"),
    ],
)
def test_a_bridge_is_changed_in_place(host: Host, option: str, value: Any, sentence: str) -> None:
    found = call(host, "bridge", name="br0", **{option: value})

    assert kinds(found)[:2] == ["StoreBridge", "SetBridge"]
    assert sentence in found.actions
    assert not planned(host, "bridge", name="br0", **{option: value}).changed


def test_a_bridge_that_becomes_as_transparent_as_a_cable_has_ports_that_let_lacp_through(host: Host) -> None:
    found = call(host, "bridge", name="br0", group_fwd_mask=65528, multicast_snooping=False)

    assert kinds(found)[-2:] == ["SetBridge", "SetTap"]
    assert found.actions[-1] == "interface alice:eth0: let LACP through"
    assert host.devices[ETH0].port_mask == 4
    assert not planned(host, "guest", name="alice").changed


def test_a_tap_of_an_earlier_version_lets_lacp_through(host: Host) -> None:
    call(host, "bridge", name="br0", group_fwd_mask=65528, multicast_snooping=False)
    host.devices[ETH0] = dataclasses.replace(host.devices[ETH0], port_mask=0)

    assert call(host, "guest", name="alice").actions == ["interface alice:eth0: let LACP through"]


def test_a_running_guest_hears_what_decides_whether_its_interface_has_carrier(host: Host) -> None:
    call(host, "bridge", name="cable", group_fwd_mask=65528, multicast_snooping=False)
    unit = host.runs["alice"].units[0]

    told = [unit.carrier]
    for bridge in ("cable", "", "br0"):
        call(host, "iface", guest="alice", name="eth0", bridge=bridge)
        told.append(unit.carrier)
    call(host, "guest", name="alice", state="restarted")

    assert told == ["carrier=on", "cable=cable", "carrier=off", "carrier=on"]
    assert host.runs["alice"].units[0].carrier == "carrier=on"


def test_a_guest_whose_kernel_knows_no_cables_hears_nothing_of_them(host: Host) -> None:
    run = host.runs["alice"]
    run.process = dataclasses.replace(run.process, cables=False)

    assert "SetCable" not in kinds(call(host, "iface", guest="alice", name="eth0", bridge=""))


def test_a_definition_that_catches_up_with_the_live_bridge_is_said(host: Host) -> None:
    host.devices[BR0] = dataclasses.replace(host.devices[BR0], stp=True)

    assert planned(host, "bridge", name="br0", stp=True).actions == ["define bridge br0 as it is found"]


def test_a_bridge_that_vanished_is_made_again_with_what_was_in_it(host: Host) -> None:
    del host.devices[BR0]
    host.devices[ETH0] = dataclasses.replace(host.devices[ETH0], master=None)

    assert planned(host, "bridge", name="br0").actions == [
        "make bridge br0",
        "bridge br0: add address 10.0.0.254/24",
        "interface alice:eth0: plug into bridge br0",
    ]


def test_a_bridge_of_which_only_the_device_is_left_goes(host: Host) -> None:
    ghost = dataclasses.replace(host.devices[BR0], index=77, name="ghost", mark=DeviceKind.BRIDGE.of("ghost"))
    host.devices[DeviceKind.BRIDGE.of("ghost")] = ghost

    assert planned(host, "bridge", name="ghost", state="absent").actions == ["remove bridge ghost"]


def test_a_stopped_guests_tap_finds_its_bridge_made_again(host: Host) -> None:
    put(host, Power.STOPPED)
    call(host, "guest", name="alice", state="stopped")
    gone = host.devices.pop(BR0)
    host.devices[ETH0] = dataclasses.replace(host.devices[ETH0], master=None)
    assert gone.mark == BR0

    found = call(host, "guest", name="alice", state="stopped")

    assert kinds(found) == ["AddBridge", "SetTap"]


# Nothing to do.


@pytest.mark.parametrize("power", [Power.STOPPED, Power.RUNNING, Power.PAUSED])
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("guest", {"name": "alice", "state": "present"}),
        ("iface", {"guest": "alice", "name": "eth0"}),
        ("bridge", {"name": "br0", "interfaces": ["alice:eth0"], "purge_interfaces": True}),
    ],
)
def test_a_lab_planned_against_itself_has_no_steps(host: Host, power: Power, kind: str, names: dict[str, Any]) -> None:
    put(host, power)

    assert planned(host, kind, **names) == Plan((), {})


@pytest.mark.parametrize(
    ("kind", "names"),
    [("guest", {"name": "x"}), ("iface", {"guest": "alice", "name": "eth9"}), ("bridge", {"name": "x"})],
)
def test_what_is_absent_already_takes_no_steps(host: Host, kind: str, names: dict[str, str]) -> None:
    assert not planned(host, kind, state="absent", **names).changed


def test_an_interface_of_a_guest_that_cannot_be_asked_is_left_alone(host: Host) -> None:
    found = host.observe()
    mute = dataclasses.replace(found, live={"alice": dataclasses.replace(found.live["alice"], inside=None)})

    assert not steps_of(mute, wish("guest", mute.lab, name="alice")).changed


# Order.

KEYS = [Kind.RENDER.of(f"{number}") for number in range(12)]
ELSEWHERE = Kind.RENDER.of("elsewhere")


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    """Steps without circles, in any order, with needs that are not in the plan among them."""
    made = [
        Step(
            key,
            Action(),
            needs=tuple(draw(st.lists(st.sampled_from(KEYS[:number]), max_size=2))) if number else (),
            after=tuple(draw(st.lists(st.sampled_from([*KEYS[:number], ELSEWHERE]), max_size=4))),
        )
        for number, key in enumerate(KEYS)
    ]
    return draw(st.permutations(made))


@given(graphs())
def test_each_step_comes_after_what_it_needs(given_steps: list[Step]) -> None:
    result = steps.ordered(given_steps)

    assert {step.key for step in result} == set(KEYS)
    assert len(result) == len(KEYS)
    place = {step.key: number for number, step in enumerate(result)}
    assert all(place[need] < place[step.key] for step in result for need in step.waits_for(place))


@given(st.permutations([Step(key, Action()) for key in KEYS]))
def test_steps_that_need_nothing_keep_their_order(given_steps: list[Step]) -> None:
    assert list(steps.ordered(given_steps)) == given_steps


def test_a_circle_is_our_own_fault_and_names_its_steps() -> None:
    one, two, three = KEYS[:3]
    circle = [Step(one, Action(), needs=(two,)), Step(two, Action(), after=(one,)), Step(three, Action())]

    with pytest.raises(DummError, match=r"these steps wait for each other: render 0, render 1;"):
        steps.ordered(circle)


def test_a_step_that_needs_one_that_is_not_planned_is_our_own_fault() -> None:
    one, two = KEYS[:2]

    with pytest.raises(DummError, match=r"render 0 needs steps that are not in the plan: render elsewhere; report"):
        steps.ordered([Step(one, Action(), needs=(two, ELSEWHERE)), Step(two, Action())])


def test_keys_are_unique_in_a_plan(host: Host) -> None:
    call(host, "iface", guest="alice", name="eth1", bridge="br0")
    host.runs["alice"].units[2] = Unit(2, "alice:eth2", "vec2", "02:00:00:00:00:09", 1500)
    host.runs["bob"] = Run(Power.STOPPED, process_of(host.guests["alice"], prepared(host.guests["alice"])))

    for state in LIFE:
        keys = [step.key for step in planned(host, "guest", name="alice", state=state, mem=64, restart=True).steps]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    "wrong", [Kind.TAP.of("eth0"), Kind.START.of("guest alice"), Kind.BRIDGE.of("alice"), Kind.NETNS.of("lab")]
)
def test_the_host_in_memory_refuses_a_key_that_no_step_has(host: Host, wrong: Key) -> None:
    asked = wish("guest", host.observe().lab, name="alice", state="stopped")
    step = Step(Kind.STOP.of("alice"), guest_steps.Stop("alice"), after=(wrong,))

    with pytest.raises(Refused, match=f"stop guest alice waits for {wrong}"):
        check_keys(Plan((step,)), host.observe(), asked)
    with pytest.raises(Refused, match="is not what"):
        check_keys(Plan((dataclasses.replace(step, key=Kind.START.of("alice"), after=()),)), host.observe(), asked)
