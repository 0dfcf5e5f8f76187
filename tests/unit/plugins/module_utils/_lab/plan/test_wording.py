# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors and differences, in words for the person who must act."""

from __future__ import annotations

import dataclasses
import errno
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import (
    DummError,
    HostError,
    Invalid,
    InvalidInput,
    LockTimeout,
    WaitTimeout,
    from_oserror,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Actual, Device, DeviceKind, Link, Mark
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    ANY_CPU,
    Bridge,
    Guest,
    Iface,
    InjectedFault,
    Lab,
    Route,
    UnionEngine,
    Userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import describe, wording
from ansible_collections.dumm.lab.tests.unit.helpers.labs import guest

IFACE = Iface("alice", "eth0")
MAC = "02:00:00:00:00:01"


def test_an_error_names_object_cause_and_remedy() -> None:
    error = HostError("guest alice", "it broke", "mend it")

    assert str(error) == "guest alice: it broke; mend it"
    assert (error.subject, error.cause, error.remedy) == ("guest alice", "it broke", "mend it")
    assert isinstance(error, DummError)


def test_an_error_without_a_remedy_has_no_loose_end() -> None:
    assert str(DummError("several objects", "all broke", "")) == "several objects: all broke"


def test_faults_of_one_request_are_told_together() -> None:
    faults = [InvalidInput("a", "x", "y"), InvalidInput("b", "x", "z")]

    error = Invalid(faults)

    assert str(error) == "a: x; y\nb: x; z"
    assert error.faults == faults


def test_a_lock_that_is_not_had_in_time_is_a_time_limit() -> None:
    assert issubclass(LockTimeout, WaitTimeout)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "run as root"),
        (errno.EPERM, "run as root"),
        (errno.EROFS, "writable file system"),
        (errno.EIO, "look at the path"),
    ],
)
def test_an_error_of_the_system_says_where_and_what_to_do(code: int, remedy: str) -> None:
    told = from_oserror("guest alice", "write", OSError(code, "No way", "/x/y"))

    assert str(told).startswith("guest alice: cannot write /x/y: No way; ")
    assert remedy in told.remedy


def test_an_error_of_the_system_without_words_is_told_too() -> None:
    assert str(from_oserror("a", "write", OSError("odd"))) == "a: cannot write: odd; look at the path and run again"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mem": 64}, "guest alice: set mem 128 → 64"),
        ({"kernel": "x"}, "guest alice: set kernel default → x"),
        ({"init": "minimal"}, "guest alice: set init auto → minimal"),
        ({"cmdline": "x"}, "guest alice: set cmdline none → x"),
        ({"userspace": Userspace.PTRACE}, "guest alice: set userspace auto → ptrace"),
        ({"cpu": 1}, "guest alice: set cpu auto → 1"),
        ({"cpu": ANY_CPU}, "guest alice: set cpu auto → any"),
        ({"disk": 64}, "guest alice: set disk 0 → 64"),
        ({"confine": False}, "guest alice: set confine true → false"),
        ({"layers": ("/a", "/b")}, "guest alice: set layers none → /a, /b"),
        ({"union": UnionEngine.OVERLAY}, "guest alice: set union auto → overlay"),
        ({"faults": (InjectedFault("/x", ("read",), "EIO"),)}, "guest alice: add fault /x: EIO during read"),
        ({"faults": (InjectedFault("/x", (), None, 5),)}, "guest alice: add fault /x: no error after 5 ms"),
    ],
)
def test_a_change_of_a_guest_is_told_with_both_values(change: dict[str, Any], sentence: str) -> None:
    assert wording.guest_differences(Guest("alice"), dataclasses.replace(Guest("alice"), **change)) == (sentence,)


ROUTES = (Route("10.1.0.0/24", dev="eth0"), Route("default", "10.1.0.1"))
FAULTS = (InjectedFault("/x/*", (), "EIO"), InjectedFault("/x/y", (), None, 5))


@pytest.mark.parametrize(
    ("field", "before", "after", "sentence"),
    [
        ("routes", ROUTES, ROUTES[::-1], "order routes default via 10.1.0.1, 10.1.0.0/24 dev eth0"),
        ("faults", FAULTS, FAULTS[::-1], "order faults /x/y: no error after 5 ms, /x/*: EIO"),
        ("layers", ("/a", "/b"), ("/b", "/a"), "set layers /a, /b → /b, /a"),
        ("vars", {"v": {"b": 1, "a": 2}}, {"v": {"a": 2, "b": 1}}, "set variable v"),
    ],
)
def test_what_changes_its_order_only_is_told(field: str, before: Any, after: Any, sentence: str) -> None:
    old, new = (dataclasses.replace(Guest("alice"), **{field: value}) for value in (before, after))

    assert wording.guest_differences(old, new) == (f"guest alice: {sentence}",)


def test_interfaces_that_change_their_order_only_are_told() -> None:
    names = ("eth2", "eth10", "eth1")
    old, new = (guest("alice", *(Iface("alice", name) for name in order)) for order in (names, names[::-1]))

    assert wording.guest_differences(old, new) == (
        "guest alice: order interfaces eth1, eth10, eth2 from its next start on",
    )


def test_an_interface_that_comes_between_others_is_no_change_of_their_order() -> None:
    old, new = (guest("alice", *(Iface("alice", name) for name in order)) for order in (("a", "c"), ("a", "b", "c")))

    assert wording.guest_differences(old, new) == ("make interface alice:b",)


@pytest.mark.parametrize(("field", "what"), [("labels", "label"), ("vars", "variable")])
def test_what_a_guest_is_called_comes_and_goes_in_words(field: str, what: str) -> None:
    before = dataclasses.replace(Guest("alice"), **{field: {"a": 1, "b": [1], "c": 1, "d": 1}})
    after = dataclasses.replace(Guest("alice"), **{field: {"a": 1, "b": [2], "c": True, "e": None}})

    assert wording.guest_differences(before, after) == (
        f"guest alice: set {what} b",
        f"guest alice: set {what} c",
        f"guest alice: set {what} e",
        f"guest alice: remove {what} d",
    )


def test_a_guests_interfaces_come_and_go_in_words() -> None:
    before, after = guest("alice", IFACE), guest("alice", Iface("alice", "eth1", "br0"))

    assert wording.guest_differences(before, after) == (
        "make interface alice:eth1",
        "interface alice:eth1: plug into bridge br0",
        "remove interface alice:eth0",
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"bridge": "br0"}, {"bridge": None}, ["unplug from its bridge"]),
        ({"bridge": "br0"}, {"bridge": "br1"}, ["plug into bridge br1"]),
        ({}, {"mtu": 9000}, ["set mtu 1500 → 9000"]),
        ({}, {"mac": MAC}, [f"set mac {MAC}"]),
        ({"mac": MAC}, {"mac": None}, ["set mac derived from its name"]),
        ({}, {"up": False}, ["set down"]),
        ({"up": False}, {"up": True}, ["set up"]),
        ({"addresses": ("a/1", "b/1")}, {"addresses": ("c/1",)}, ["remove address a/1", "remove address b/1", "add address c/1"]),
        ({"addresses": ("a/1", "b/1")}, {"addresses": ("b/1", "a/1")}, ["order addresses b/1, a/1"]),
        ({"addresses": None}, {"addresses": ()}, ["keep free of addresses"]),
        ({"addresses": ()}, {"addresses": None}, ["manage no addresses"]),
        ({}, {}, []),
    ],
)  # fmt: skip
def test_a_change_of_an_interface_is_told(before: dict[str, Any], after: dict[str, Any], said: list[str]) -> None:
    old, new = dataclasses.replace(IFACE, **before), dataclasses.replace(IFACE, **after)

    assert wording.iface_differences(old, new) == [f"interface alice:eth0: {each}" for each in said]


def test_no_change_of_an_interface_goes_without_words() -> None:
    for name, value in {"bridge": "x", "mac": MAC, "mtu": 1, "addresses": ("x/1",), "up": False}.items():
        assert wording.iface_differences(IFACE, dataclasses.replace(IFACE, **{name: value})), name


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, []),
        ({"mac": "02:00:00:00:00:09"}, [f"change mac 02:00:00:00:00:09 → {MAC} in the guest"]),
        ({"mtu": 1400}, ["change mtu 1400 → 1500 in the guest"]),
        ({"up": False}, ["bring up in the guest"]),
        ({"addresses": ("b/1",)}, ["take b/1 away in the guest", "give a/1 in the guest"]),
    ],
)
def test_what_somebody_changed_in_a_guest_is_told(found: dict[str, Any], said: list[str]) -> None:
    link = dataclasses.replace(Link("eth0", 0, MAC, 1500, True, ("a/1",)), **found)

    assert wording.link_differences(link, dataclasses.replace(IFACE, addresses=("a/1",)), MAC, link.addresses) == said


def test_what_others_gave_an_interface_is_no_difference() -> None:
    link = Link("eth0", 0, MAC, 1500, True, ("a/1", "b/2"))

    assert wording.link_differences(link, dataclasses.replace(IFACE, addresses=("a/1",)), MAC, ("a/1",)) == []


DEVICE = Device(2, "br0", DeviceKind.BRIDGE.of("br0"), None, 1500, MAC, True, False)


@pytest.mark.parametrize(
    ("bridge", "found", "said"),
    [
        ({}, {}, []),
        ({"mtu": None}, {"mtu": 9000}, []),
        ({"mtu": 1400}, {}, ["set mtu 1500 → 1400"]),
        ({"stp": True}, {}, ["switch stp on"]),
        ({}, {"stp": True}, ["switch stp off"]),
        ({}, {"up": False}, ["set up"]),
        (
            {"multicast_snooping": False},
            {"ipv6": True},
            ["switch multicast snooping off", "switch the host's IPv6 off"],
        ),
        ({"multicast_snooping": False}, {"snooping": False}, ["switch the multicast querier off"]),
        ({"multicast_snooping": False}, {"snooping": False, "querier": False, "ipv6": False}, []),
        ({}, {"querier": False}, ["switch the multicast querier on"]),
        ({}, {"snooping": False, "ipv6": False}, ["switch multicast snooping on"]),
        ({}, {"ipv6": None}, []),
        ({}, {"ipv6": False}, []),
        ({"addresses": ("fd00::1/64",)}, {"ipv6": False, "addresses": ("fd00::1/64",)}, ["switch the host's IPv6 on"]),
        (
            {"multicast_snooping": False, "addresses": None},
            {"snooping": False, "querier": False, "ipv6": True, "addresses": ("fd00::1/64",)},
            [],
        ),
        ({"addresses": None}, {"addresses": ("a/1",)}, []),
        ({"addresses": ("b/1",)}, {"addresses": ("a/1",)}, ["remove address a/1", "add address b/1"]),
    ],
)
def test_what_differs_in_a_bridge_is_told(bridge: dict[str, Any], found: dict[str, Any], said: list[str]) -> None:
    told = wording.bridge_differences(Bridge("br0", **bridge), dataclasses.replace(DEVICE, **found))

    assert told == tuple(f"bridge br0: {each}" for each in said)


# Plain data.

LAB = Lab("dumm-test", "dumm-test", {"alice": guest("alice", Iface("alice", "eth0", "br0"))}, {"br0": Bridge("br0")})


def test_what_bears_our_mark_and_belongs_to_nothing_is_told() -> None:
    devices = {
        mark: dataclasses.replace(DEVICE, name=mark.name, mark=mark)
        for text in ("bridge br0", "iface alice:eth0", "bridge ghost", "iface ghost:eth0", "vxlan v0")
        if (mark := Mark.parse(text))
    }

    told = describe.orphans(Actual(LAB, devices=devices, strays={"ghost": (7,)}))

    assert [(each["kind"], each["name"], each["owner"]) for each in told] == [
        ("device", "ghost", "bridge ghost"),
        ("device", "ghost:eth0", "iface ghost:eth0"),
        ("device", "vxlan v0", "vxlan v0"),
        ("process", "7", "guest ghost"),
    ]


@pytest.mark.parametrize(
    ("lab", "ours", "told"),
    [
        (Lab("x", "x"), True, ["network namespace"]),
        (Lab("x", "x"), False, []),
        (Lab("x", "host"), True, []),
        (LAB, True, []),
    ],
)
def test_a_namespace_without_a_lab_is_told(lab: Lab, ours: bool, told: list[str]) -> None:
    assert [each["kind"] for each in describe.orphans(Actual(lab, netns_ours=ours))] == told


def test_a_lab_is_told_as_it_is_found() -> None:
    tap = DeviceKind.TAP.of("alice:eth0")
    devices = {
        DeviceKind.BRIDGE.of("br0"): dataclasses.replace(DEVICE, index=2, stp=True),
        tap: dataclasses.replace(DEVICE, index=3, mark=tap, master=None),
    }

    found = describe.found_lab(Actual(LAB, devices=devices))

    assert found.guests["alice"].interfaces["eth0"].bridge is None
    assert found.bridges["br0"].stp is True
