# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a guest's kernel: all of them hold after one run, whichever resets which, and at the next start."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lab import BASE, Lab, Refused
from testbed import Config

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import settings

IPV4 = ("forwarding", "accept_redirects", "send_redirects", "rp_filter", "proxy_arp", "arp_ignore")
IPV6 = ("forwarding", "disable_ipv6", "accept_ra", "accept_redirects", "autoconf", "addr_gen_mode", "accept_dad")
SETTINGS: dict[str, tuple[int, ...]] = {
    "net.ipv4.ip_forward": (0, 1),
    "net.ipv4.neigh.default.gc_stale_time": (50, 60),
    "net.ipv4.neigh.eth0.gc_stale_time": (60, 70),
    "net.ipv4.neigh.eth1.gc_stale_time": (60, 70),
    **{f"net.ipv4.conf.{whose}.{what}": (0, 1) for whose in ("all", "default", "eth0", "eth1") for what in IPV4},
    **{f"net.ipv6.conf.{whose}.{what}": (0, 1) for whose in ("all", "default", "eth0", "eth1") for what in IPV6},
}
# The same as ip_forward.
del SETTINGS["net.ipv4.conf.all.forwarding"]
ROUNDS = 30


def _config(sysctl: dict[str, Any], *interfaces: dict[str, Any]) -> Config:
    told = {f"eth{number}": {"bridge": "lan", **each} for number, each in enumerate(interfaces)}
    return {
        "defaults": {"mem": 64},
        "bridges": {"lan": {}},
        "guests": {"router": {"interfaces": told, "sysctl": sysctl}},
    }


def _values(lab: Lab, keys: list[str]) -> dict[str, str]:
    files = " ".join(f"/proc/sys/{key.replace('.', '/')}" for key in keys)
    told = lab.read("router", f"grep -H '' {files}").splitlines() if keys else []
    return {key: line.rpartition(":")[2] for key, line in zip(keys, told, strict=True)}


def _any_settings(chance: random.Random) -> dict[str, int]:
    """Some settings, half of the time about few things, which then meet often."""
    keys = list(SETTINGS)
    if chance.random() < 0.5:
        topics = chance.sample([*IPV4, *IPV6, "ip_forward", "gc_stale_time"], 3)
        keys = [key for key in keys if key.rpartition(".")[2] in topics]
    chosen = chance.sample(keys, chance.randint(0, min(len(keys), 20)))
    return {key: chance.choice(SETTINGS[key]) for key in chosen}


def _has_ipv6(sysctl: dict[str, int], name: str) -> bool:
    key = "net.ipv6.conf.{}.disable_ipv6".format
    return not sysctl.get(key(name), sysctl.get(key("all"), 0))


@pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True)
def test_any_settings_hold_after_one_run_and_at_the_next_start(lab: Lab, kernel: str) -> None:
    chance = random.Random(f"settings of {kernel}")
    for number in range(ROUNDS):
        sysctl = _any_settings(chance)
        interfaces: list[dict[str, Any]] = []
        for place in range(chance.choice((1, 2, 2))):
            address = [f"10.{place}.0.1/24"] if chance.random() < 0.5 else []
            address += [f"fd0{place}::1/64", f"fe80::{place + 7}/64"] if _has_ipv6(sysctl, f"eth{place}") else []
            # Over 1500 it is plugged anew.
            interfaces.append({"address": address, "mtu": chance.choice((1500, 1500, 1500, 9000))})
        if len(interfaces) == 1:
            sysctl = {key: value for key, value in sysctl.items() if ".eth1." not in key}
        config = _config(sysctl, *interfaces)

        lab.scenario("settings", config)
        if number % 10 == 9:
            lab.guest("router", state="restarted")

        assert _values(lab, list(sysctl)) == {key: str(value) for key, value in sysctl.items()}, number
        again = lab.scenario("settings", config)
        assert (again["changed"], again["actions"]) == (False, []), sysctl
        for place, each in enumerate(interfaces):
            found = {f"{a['local']}/{a['prefixlen']}" for a in lab.link("router", f"eth{place}")["addr_info"]}
            assert set(each["address"]) <= found, (number, sysctl)


def test_one_setting_that_changes_brings_those_back_that_it_resets(lab: Lab) -> None:
    kept = {"net.ipv4.conf.eth0.forwarding": 0, "net.ipv4.conf.all.accept_redirects": 1}
    plain = {"address": ["10.0.0.1/24", "fd00::1/64"]}
    lab.scenario("settings", _config({**kept, "net.ipv4.ip_forward": 0}, plain))

    result = lab.scenario("settings", _config({**kept, "net.ipv4.ip_forward": 1}, plain))

    assert result["actions"] == [
        "guest router: set net.ipv4.ip_forward 1",
        "guest router: set net.ipv4.ip_forward 0 → 1 in the guest",
    ]
    assert _values(lab, list(kept)) == {key: str(value) for key, value in kept.items()}


def test_settings_of_an_interface_hold_when_it_alone_is_plugged_anew(lab: Lab) -> None:
    sysctl = {"net.ipv4.conf.eth0.proxy_arp": 1, "net.ipv6.conf.eth0.accept_ra": 0}
    lab.scenario("settings", _config(sysctl, {"address": ["10.0.0.1/24"]}))

    for mtu in (9000, 1400):
        lab.iface("router", "eth0", mtu=mtu)
        assert _values(lab, list(sysctl)) == {key: str(value) for key, value in sysctl.items()}, mtu


def test_settings_of_an_interface_hold_when_it_gets_ipv6_back(lab: Lab) -> None:
    """Below 1280 bytes the kernel takes IPv6 off an interface, and its settings with it."""
    sysctl = {"net.ipv6.conf.eth0.accept_ra": 0}
    lab.scenario("settings", _config({}, {"mtu": 1000}))
    config = _config(sysctl, {"mtu": 1280, "address": ["fd00::1/64"]})

    lab.scenario("settings", config)
    assert lab.scenario("settings", config)["actions"] == []
    lab.read("router", "ip link set eth0 mtu 1000")
    lab.iface("router", "eth0")

    assert _values(lab, list(sysctl)) == {key: str(value) for key, value in sysctl.items()}
    assert lab.addresses("router", "eth0") == {"fd00::1/64"}
    assert lab.scenario("settings", config)["actions"] == []


def test_an_interface_that_is_plugged_in_later_has_its_ipv6_addresses_although_new_ones_are_to_have_none(
    lab: Lab,
) -> None:
    sysctl = {"net.ipv6.conf.default.disable_ipv6": 1}
    lab.scenario("settings", _config(sysctl, {"address": ["fd00::1/64"]}))
    config = _config(sysctl, {"address": ["fd00::1/64"]}, {"address": ["fd01::1/64"]})

    lab.scenario("settings", config)

    assert (lab.addresses("router", "eth0"), lab.addresses("router", "eth1")) == ({"fd00::1/64"}, {"fd01::1/64"})
    assert lab.scenario("settings", config)["actions"] == []


@pytest.mark.parametrize(
    ("sysctl", "said"),
    [
        (
            {"net.ipv6.conf.all.disable_ipv6": 1},
            "interface router:eth0: address fd00::1/64 is IPv6, which net.ipv6.conf.all.disable_ipv6 forbids; leave",
        ),
        (
            {"net.ipv6.conf.all.disable_ipv6": 0, "net/ipv6/conf/eth0/disable_ipv6": 1},
            "address fd00::1/64 is IPv6, which net/ipv6/conf/eth0/disable_ipv6 forbids",
        ),
        (
            {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.forwarding": 0},
            "guest router: sysctl net.ipv4.conf.all.forwarding and net.ipv4.ip_forward are one setting",
        ),
    ],
)
def test_settings_that_cannot_hold_are_refused_before_anything_is_changed(
    lab: Lab, sysctl: dict[str, int], said: str
) -> None:
    with pytest.raises(Refused) as refused:
        lab.scenario("settings", _config(sysctl, {"address": ["fd00::1/64"]}))

    assert said in str(refused.value)
    assert lab.info()["guests"] == {}


def test_a_guest_among_many_has_room_for_its_neighbours(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a segment of 250.
    monkeypatch.setattr(settings, "_MANY_PEERS", 2)
    ports = {"interfaces": {"eth0": {"bridge": "lan"}}}
    lab.scenario(
        "crowd",
        {
            "defaults": {"mem": 48, "init": "minimal"},
            "bridges": {"lan": {"prefix": ["10.0.0.0/24", "fd00:1::/64"]}},
            "guests": {
                "program": ports,
                "scripts": {**ports, "kernel": str(BASE / "kernels" / "scripts" / "linux")},
                "own": {**ports, "sysctl": {"net.ipv6.neigh.default.gc_thresh3": 2000}},
            },
        },
    )
    for guest, ipv6 in (("program", "8192"), ("scripts", "8192"), ("own", "2000")):
        told = lab.read(guest, "cd /proc/sys/net; cat ipv[46]/neigh/default/gc_thresh3")
        assert told.split() == ["8192", ipv6]
