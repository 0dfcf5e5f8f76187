# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab as it was seen becomes the view that pages show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dumm_lab.map.root.live import shown
from dumm_lab.map.root.view import cable_id, view_of

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    SeenBridge,
    SeenDevice,
    SeenGuest,
    SeenIface,
    SeenLab,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.stats import Rate

SLOW = {"delay": "20ms"}
ALICE = SeenGuest(
    "alice",
    "running",
    "default",
    "bookworm",
    128,
    "campus",
    "vpn",
    {"label": "The client", "group": "core, edge"},
    (
        SeenIface("alice", "eth0", "lan", ("10.0.0.1/24", "fd00::1/64")),
        SeenIface("alice", "eth1", "wire", ("10.1.0.1/30",), conditions=SLOW),
    ),
    layers=("vpn", "campus"),
    saves=("fresh",),
)
BOB = SeenGuest(
    "bob",
    "died",
    interfaces=(SeenIface("bob", "eth0", "wire", ("10.1.0.2/30",)),),
    reason="it was killed",
    forwards=True,
)
WIRE, LAN = SeenBridge("wire", is_link=True), SeenBridge("lan", ("10.0.0.254/24",), scenario="campus")
DEVICES = {name: SeenDevice(number, name, None, 1500, True, True) for number, name in enumerate(("wire", "lan"))}
LAB = SeenLab(
    "/srv/lab",
    "lab",
    present=True,
    guests={"alice": ALICE, "bob": BOB},
    bridges={"wire": WIRE, "lan": LAN},
    devices=DEVICES,
    scenarios={"campus": 7},
)
CABLE = "alice:eth1--bob:eth0"


def test_a_guest_is_shown_with_all_that_is_known_of_it() -> None:
    assert view_of(LAB, "campus")["guests"]["alice"] == {
        "state": "running",
        "why": None,
        "role": "host",
        "kernel": "default",
        "mem": 128,
        "scenario": "campus",
        "loaded": ["vpn", "campus"],
        "saves": ["fresh"],
        "label": "The client",
        "groups": ["core", "edge"],
        "lab_host": None,
        "interfaces": {
            "eth0": {
                "segment": "lan",
                "cable": None,
                "addresses": ["10.0.0.1/24", "fd00::1/64"],
                "mac": None,
                "up": True,
                "conditions": None,
            },
            "eth1": {
                "segment": None,
                "cable": CABLE,
                "addresses": ["10.1.0.1/30"],
                "mac": None,
                "up": True,
                "conditions": SLOW,
            },
        },
    }


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("running", "running"),
        ("starting", "starting"),
        ("stopped", "stopped"),
        ("paused", "paused"),
        ("died", "failed"),
        ("unreadable", "failed"),
    ],
)
def test_states_are_those_of_pages(state: str, told: str) -> None:
    assert (
        view_of(replace(LAB, guests={"alice": replace(ALICE, state=state)}), None)["guests"]["alice"]["state"] == told
    )


def test_a_guest_that_ended_tells_why() -> None:
    assert view_of(LAB, None)["guests"]["bob"]["why"] == "it was killed"


@pytest.mark.parametrize(
    ("labels", "forwards", "role"),
    [
        ({}, False, "host"),
        ({}, True, "router"),
        ({"role": "switch"}, True, "switch"),
        ({"role": "host"}, True, "host"),
        ({"role": "x"}, True, "router"),
    ],
)
def test_a_role_is_the_label_or_what_the_kernel_does(labels: dict[str, str], forwards: bool, role: str) -> None:
    guest = replace(ALICE, labels=labels, forwards=forwards)

    assert view_of(replace(LAB, guests={"alice": guest}), None)["guests"]["alice"]["role"] == role


def test_a_link_is_a_cable_whose_conditions_are_those_of_what_travels_there() -> None:
    view = view_of(LAB, None)

    assert view["cables"] == {
        CABLE: {
            "a": "alice:eth1",
            "b": "bob:eth0",
            "segment": "wire",
            "prefix": ["10.1.0.0/30"],
            "to_a": None,
            "to_b": SLOW,
            "state": "up",
        }
    }
    assert list(view["segments"]) == ["lan"]


def test_a_segment_has_the_networks_of_its_addresses_and_the_hosts_leg() -> None:
    assert view_of(LAB, None)["segments"]["lan"] == {
        "prefix": ["10.0.0.0/24", "fd00::/64"],
        "address": [],
        "label": None,
        "groups": [],
        "lab_hosts": [],
        "scenario": "campus",
        "state": "up",
    }


@pytest.mark.parametrize(
    "lab",
    [
        replace(LAB, guests={"alice": ALICE}),
        replace(LAB, bridges={"lan": LAN, "wire": replace(WIRE, addresses=("10.1.0.3/30",))}),
        replace(LAB, bridges={"lan": LAN, "wire": replace(WIRE, is_link=False)}),
    ],
)
def test_what_only_looks_like_a_cable_is_a_segment(lab: SeenLab) -> None:
    view = view_of(lab, None)

    assert view["cables"] == {}
    assert set(view["segments"]) == {"lan", "wire"}
    assert view["guests"]["alice"]["interfaces"]["eth1"]["segment"] == "wire"


def test_what_is_plugged_on_the_host_counts_not_what_was_defined() -> None:
    lab = replace(LAB, taps={"alice:eth0": SeenDevice(9, "tap", None, 1500, True, True)})

    assert view_of(lab, None)["guests"]["alice"]["interfaces"]["eth0"]["segment"] is None


def test_an_interface_is_up_where_both_its_definition_and_its_device_are() -> None:
    down = replace(LAB, taps={"alice:eth1": SeenDevice(9, "tap", "wire", 1500, False, True)})

    assert view_of(down, None)["guests"]["alice"]["interfaces"]["eth1"]["up"] is False
    assert view_of(down, None)["cables"][CABLE]["state"] == "down"


def test_scenarios_are_those_with_a_file_and_those_in_use() -> None:
    assert view_of(LAB, None)["scenarios"] == {
        "campus": {"file": True, "guests": ["alice"], "loaded": ["alice"]},
        "vpn": {"file": False, "guests": [], "loaded": ["alice"]},
    }


def test_what_somebody_wrote_into_a_definition_is_shown_as_it_is() -> None:
    odd = replace(ALICE, interfaces=(SeenIface("alice", "eth0", "lan", ("nonsense", "10.0.0.1/24")),))
    view = view_of(replace(LAB, guests={"alice": odd}), None)

    assert view["guests"]["alice"]["interfaces"]["eth0"]["addresses"] == ["nonsense", "10.0.0.1/24"]
    assert view["segments"]["lan"]["prefix"] == ["10.0.0.0/24"]


def test_the_identifier_of_a_cable_does_not_depend_on_the_order() -> None:
    assert cable_id("b:eth0", "a:eth1") == cable_id("a:eth1", "b:eth0") == "a:eth1--b:eth0"


def test_a_working_directory_without_a_lab_is_an_empty_view() -> None:
    view = view_of(SeenLab("/srv/none", None), None)

    assert view["lab"] == {
        "name": None,
        "workdir": "/srv/none",
        "scenario": None,
        "there": False,
        "lab_host": None,
    }
    assert view["guests"] == view["segments"] == view["cables"] == view["scenarios"] == {}


def test_a_rate_is_told_as_its_guest_sees_it() -> None:
    # The host receives what the guest sends.
    assert shown(Rate(rx_bits=10.4, tx_bits=20.6, rx_packets=1.0, tx_packets=2.0, dropped=0.2)) == [21, 10, 2, 1, 0]
