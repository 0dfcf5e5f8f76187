# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses with which the kernel has ways of its own: link-local ones, IPv6 with a small MTU, those that nobody can have."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab, Refused
from testbed import Config

by_both_agents = pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True, scope="module")


def _all_addresses(lab: Lab, guest: str, name: str) -> set[str]:
    return {f"{each['local']}/{each['prefixlen']}" for each in lab.link(guest, name)["addr_info"]}


def _leg(lab: Lab, name: str) -> set[str]:
    return {f"{each['local']}/{each['prefixlen']}" for each in lab.devices()[name]["addr_info"]}


@pytest.fixture(scope="module")
def _alice(shared: Lab) -> Lab:
    shared.bridge("br0")
    shared.guest("alice", state="present", mem=64)
    shared.iface("alice", "eth0", bridge="br0", address=["10.7.0.1/24"])
    shared.guest("alice")
    return shared


@pytest.fixture
def alice(_alice: Lab) -> Lab:
    """A running guest with a plain address."""
    _alice.iface("alice", "eth0", address=["10.7.0.1/24"], mtu=1500)
    return _alice


@by_both_agents
def test_a_link_local_address_that_is_given_is_found_and_goes_when_it_is_taken_out(alice: Lab) -> None:
    own = _all_addresses(alice, "alice", "eth0") - {"10.7.0.1/24"}
    assert len(own) == 1 and own.pop().startswith("fe80::")
    own = _all_addresses(alice, "alice", "eth0") - {"10.7.0.1/24"}

    for addresses in (
        ["10.7.0.1/24", "fe80::77/64"],
        ["fe80::1/64", "fe90::2/10", "fd00::1/64"],
        ["fe80::1/64"],
        [],
        ["169.254.3.4/16", "::1.2.3.4/96", "fec0::1/64"],
    ):
        result = alice.iface("alice", "eth0", address=addresses)
        again = alice.iface("alice", "eth0", address=addresses)

        assert result["changed"] and (again["changed"], again["actions"]) == (False, [])
        spelt = {"::1.2.3.4/96": "::102:304/96"}
        assert set(again["iface"]["address"]) == {spelt.get(each, each) for each in addresses}
        assert _all_addresses(alice, "alice", "eth0") == own | set(addresses)


@by_both_agents
def test_link_local_addresses_of_others_are_left_alone(alice: Lab) -> None:
    alice.read("alice", "ip addr add fe80::99/64 dev eth0 nodad")

    assert not alice.iface("alice", "eth0", address=["10.7.0.1/24"])["changed"]
    alice.iface("alice", "eth0", address=["10.7.0.2/24", "fe80::1/64"])

    assert {"fe80::99/64", "fe80::1/64"} <= _all_addresses(alice, "alice", "eth0")
    alice.read("alice", "ip addr del fe80::99/64 dev eth0")


def test_a_link_local_address_comes_back_when_somebody_took_it_away(alice: Lab) -> None:
    alice.iface("alice", "eth0", address=["fe80::1/64"])
    alice.read("alice", "ip link set eth0 down; ip link set eth0 up")

    result = alice.iface("alice", "eth0")

    assert result["actions"] == ["interface alice:eth0: give fe80::1/64 in the guest"]
    assert "fe80::1/64" in _all_addresses(alice, "alice", "eth0")


def test_an_ipv6_address_is_given_although_somebody_has_switched_ipv6_off(alice: Lab) -> None:
    alice.read("alice", "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6")

    alice.iface("alice", "eth0", address=["fd00::1/64"])

    assert "fd00::1/64" in _all_addresses(alice, "alice", "eth0")
    assert not alice.iface("alice", "eth0")["changed"]


@pytest.mark.parametrize("quiet", [True, False])
def test_the_hosts_leg_has_link_local_addresses_that_are_given(lab: Lab, quiet: bool) -> None:
    lab.bridge("br0", multicast_snooping=not quiet)
    own = _leg(lab, "br0")
    for addresses in (["fe80::254/64"], ["10.0.0.254/24", "fe80::253/64"], ["10.0.0.254/24"], []):
        result = lab.bridge("br0", address=addresses)
        again = lab.bridge("br0", address=addresses)

        assert result["changed"] and (again["changed"], again["actions"]) == (False, [])
        assert again["bridge"]["address"] == addresses
        assert {each for each in _leg(lab, "br0") if len(each) < 16} == set(addresses)
    assert _leg(lab, "br0") == own


SMALL = "is too small for IPv6, which"


def _segment(**leg: Any) -> Config:
    return {
        "defaults": {"mem": 64},
        "guests": {"moon": {"interfaces": {"eth0": {"bridge": "lan", "address": "10.0.0.1/24"}}}},
        "bridges": {"lan": {**leg}},
    }


def test_ipv6_with_a_small_mtu_is_refused_before_anything_is_changed(alice: Lab) -> None:
    alice.iface("alice", "eth0", address=["10.7.0.1/24", "fd00::1/64"])

    for options in ({"mtu": 1279}, {"mtu": 1000, "address": ["fd00::1/64"]}):
        with pytest.raises(
            Refused, match=rf"interface alice:eth0: mtu {options['mtu']} {SMALL} fd00::1/64 needs; use 1280"
        ):
            alice.iface("alice", "eth0", **options)

    assert alice.link("alice", "eth0")["mtu"] == 1500
    assert alice.addresses("alice", "eth0") == {"10.7.0.1/24", "fd00::1/64"}
    alice.iface("alice", "eth0", mtu=1280)
    assert alice.addresses("alice", "eth0") == {"10.7.0.1/24", "fd00::1/64"}


@pytest.mark.parametrize("explicit", [True, False])
def test_the_hosts_leg_gets_ipv6_with_the_mtu_that_allows_it(lab: Lab, explicit: bool) -> None:
    """A bridge without an MTU of its own takes over the smallest of its ports."""
    small, large = _segment(), _segment(address=["10.0.0.254/24", "fd00::fe/64"])
    small["guests"]["moon"]["interfaces"]["eth0"]["mtu"] = 1000
    if explicit:
        small["bridges"]["lan"]["mtu"], large["bridges"]["lan"]["mtu"] = 1000, 1500
    lab.scenario("leg", small)

    lab.scenario("leg", large)

    assert lab.scenario("leg", large)["actions"] == []
    assert {"10.0.0.254/24", "fd00::fe/64"} <= _leg(lab, "lan")
    for refused in ({"mtu": 1279}, {}):
        config = _segment(address=["fd00::fe/64"], **refused)
        config["guests"]["moon"]["interfaces"]["eth0"]["mtu"] = 1279
        with pytest.raises(Refused, match=rf"mtu 1279.* {SMALL} fd00::fe/64 of the host's leg needs"):
            lab.scenario("leg", config)
    assert lab.scenario("leg", large)["actions"] == []


def test_hardly_meant_addresses_are_warned_of_where_they_are_mentioned(lab: Lab) -> None:
    odd = ["10.0.0.0/24", "10.0.0.255/24", "fd02::/64"]
    lab.bridge("br0", address=["10.9.0.254/24"])
    lab.guest("alice", state="present", mem=64)

    for check in (True, False):
        warned = lab.iface("alice", "eth0", check=check, bridge="br0", address=odd)["warnings"]
        assert [warning.split("; ")[0] for warning in warned] == [
            "interface alice:eth0: address 10.0.0.0/24 names the network itself, which is hardly meant",
            "interface alice:eth0: address 10.0.0.255/24 is the broadcast address of its prefix, which is hardly meant",
            "interface alice:eth0: address fd02::/64 is the any-router address of its prefix, which is hardly meant",
        ]
    assert lab.bridge("br0")["warnings"] == []
    assert len(lab.bridge("br0", address=["10.9.0.255/24"])["warnings"]) == 1
    fine = ["10.0.0.0/31", "10.0.1.0/32", "fd02::/127", "fd03::/128"]
    assert lab.iface("alice", "eth0", address=fine)["warnings"] == []
