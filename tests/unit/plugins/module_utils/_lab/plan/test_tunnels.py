# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments that go on on other lab hosts: what is done for their tunnels, and in which order."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import DeviceKind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import describe, network_steps
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Plan
from ansible_collections.dumm.lab.tests.unit.helpers.labs import wish
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import Host

SPAN = {"vni": 7, "local": "192.0.2.1", "peers": ["192.0.2.2"], "port": None, "mtu": None}
WAN, TUNNEL = DeviceKind.BRIDGE.of("wan"), DeviceKind.TUNNEL.of("wan")


def call(host: Host, kind: str, **arguments: Any) -> Plan:
    """Plan a module's call and do it; the second time there is nothing to do."""
    what = host.plan(wish(kind, host.observe().lab, **arguments))
    host.apply(what)
    assert not host.plan(wish(kind, host.observe().lab, **arguments)).steps
    return what


def said(what: Plan) -> list[str]:
    """What is said of a plan's steps, in order."""
    return [sentence for step in what.steps for sentence in step.says]


@pytest.fixture
def host() -> Host:
    """A lab host with alice in the segment wan, which has one peer."""
    fresh = Host()
    call(fresh, "bridge", name="wan", span=SPAN)
    call(fresh, "guest", name="alice")
    call(fresh, "iface", guest="alice", name="eth0", bridge="wan")
    return fresh


def test_a_tunnel_is_a_port_of_its_bridge(host: Host) -> None:
    assert host.devices[TUNNEL].master == host.devices[WAN].index
    assert host.devices[TUNNEL].name == "wan-span"


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"peers": []}, ["bridge wan: leave lab host 192.0.2.2"]),
        (
            {"peers": ["192.0.2.3"]},
            ["bridge wan: leave lab host 192.0.2.2", "bridge wan: join lab host 192.0.2.3"],
        ),
        ({"local": "192.0.2.9"}, ["bridge wan: reach its lab hosts from 192.0.2.9 (it was 192.0.2.1)"]),
        ({"vni": 8}, ["bridge wan: leave VXLAN 7", "bridge wan: join VXLAN 8 of 192.0.2.2"]),
        ({"port": 14789}, ["bridge wan: leave VXLAN 7", "bridge wan: join VXLAN 7 of 192.0.2.2"]),
        (
            {"local": "2001:db8::1", "peers": ["2001:db8::2"]},
            ["bridge wan: leave VXLAN 7", "bridge wan: join VXLAN 7 of 2001:db8::2"],
        ),
        ({"mtu": 1600}, ["define bridge wan as it is found"]),
    ],
)
def test_what_can_change_in_place_does(host: Host, changes: dict[str, Any], sentences: list[str]) -> None:
    assert said(call(host, "bridge", name="wan", span={**SPAN, **changes})) == sentences


def test_an_empty_mapping_ends_the_segment_here(host: Host) -> None:
    assert said(call(host, "bridge", name="wan", span=dict.fromkeys(SPAN))) == ["bridge wan: leave VXLAN 7"]
    assert TUNNEL not in host.devices and host.bridges["wan"].span is None


def test_two_segments_can_swap_their_numbers(host: Host) -> None:
    call(host, "bridge", name="lan", span={**SPAN, "vni": 8})
    lab = host.observe().lab
    bridges = {
        name: dataclasses.replace(lab.bridges[name], span=lab.bridges[other].span)
        for name, other in (("wan", "lan"), ("lan", "wan"))
    }
    wanted = wish("bridge", lab, name="wan")
    both = dataclasses.replace(wanted.scope, bridges=frozenset(bridges))
    wanted = dataclasses.replace(wanted, lab=dataclasses.replace(lab, bridges=bridges), scope=both)

    host.apply(host.plan(wanted))

    assert host.devices[TUNNEL].span == bridges["wan"].span
    assert not host.plan(wanted).steps


def test_it_takes_the_largest_frames_of_its_interfaces_and_never_less_than_it_did(host: Host) -> None:
    grown = call(host, "iface", guest="alice", name="eth0", mtu=9000)
    assert "bridge wan: set the mtu of its tunnel 1500 → 9000" in said(grown)

    shrunk = call(host, "iface", guest="alice", name="eth0", mtu=1400)
    assert not [step for step in shrunk.steps if isinstance(step.action, network_steps.SetTunnel)]
    assert host.devices[TUNNEL].mtu == 9000


def test_it_comes_back_with_its_bridge_and_with_the_guest_that_needs_it(host: Host) -> None:
    host.devices.pop(WAN)
    host.devices[TUNNEL] = dataclasses.replace(host.devices[TUNNEL], master=None)
    assert "bridge wan: plug its tunnel in" in said(call(host, "guest", name="alice"))

    host.devices.pop(TUNNEL)
    assert said(call(host, "guest", name="alice")) == ["bridge wan: join VXLAN 7 of 192.0.2.2"]


def test_it_goes_before_its_bridge_is_forgotten(host: Host) -> None:
    call(host, "guest", name="alice", state="absent")

    gone = call(host, "bridge", name="wan", state="absent")

    assert [str(step.key) for step in gone.steps] == [
        "remove tunnel of bridge wan",
        "bridge wan",
        "netns",
        "forget bridge wan",
    ]


def test_what_is_left_of_a_killed_run_is_an_orphan_until_the_next(host: Host) -> None:
    host.bridges["wan"] = dataclasses.replace(host.bridges["wan"], span=None)

    assert describe.orphans(host.observe()) == [{"kind": "device", "name": "wan-span", "owner": "tunnel wan"}]
    assert said(call(host, "bridge", name="wan")) == ["bridge wan: leave VXLAN 7"]
