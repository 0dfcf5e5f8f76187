# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dumm_bridge: segments, the host's leg in them, and what is plugged in."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest
from lab import Lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.confine import _release
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import learning
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.netlink import Network


def _ports(lab: Lab, bridge: str) -> set[str]:
    return {name for name, device in lab.devices().items() if device.get("master") == bridge}


def test_a_bridge_is_made_in_the_labs_namespace_only(lab: Lab) -> None:
    result = lab.bridge("br0")

    assert result["changed"] and result["bridge"]["device"] == "br0"
    assert lab.devices()["br0"]["linkinfo"]["info_kind"] == "bridge"
    assert "UP" in lab.devices()["br0"]["flags"]
    assert "br0" not in os.listdir("/sys/class/net")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"address": ["10.0.0.254/24", "fd00::fe/64"]},
        {"address": []},
        {"mtu": 1400},
        {"stp": True},
        {"group_fwd_mask": 16384},
        {"mtu": 9000, "stp": True, "group_fwd_mask": 8, "address": ["10.0.0.254/24"]},
    ],
)
def test_a_bridge_with_its_settings_is_made_once(lab: Lab, options: dict[str, Any]) -> None:
    first = lab.bridge("br0", **options)
    index = lab.devices()["br0"]["ifindex"]
    second = lab.bridge("br0", **options)

    assert first["changed"] and not second["changed"]
    assert second["diff"]["before"] == second["diff"]["after"]
    assert {key: first["bridge"][key] for key in options if key != "address"} == {
        key: value for key, value in options.items() if key != "address"
    }
    assert set(first["bridge"]["address"]) == set(options.get("address", ()))
    assert lab.devices()["br0"]["ifindex"] == index


def test_devices_are_seen_as_iproute2_tells_of_them(lab: Lab) -> None:
    lab.bridge("br0", address=["10.0.0.254/24", "fd00::fe/64", "fe80::7/64"], stp=True, group_fwd_mask=16384, mtu=1400)
    for command in (
        "ip link add other type veth peer third",
        "ip link property add dev other altname another altname yet.another",
        "ip link set third master br0 up",
        "ip addr add 192.0.2.1 peer 192.0.2.2/32 dev other",
    ):
        assert lab.host(*command.split()).returncode == 0

    told = lab.host("ip", "-d", "-s", "-j", "link")
    addresses = {each["ifname"]: each["addr_info"] for each in json.loads(lab.host("ip", "-j", "addr").stdout)}
    with Network(lab.name, lab.name) as network:
        found = {device.name: device for device in network.devices()}

    assert set(found) == set(addresses) > {"lo", "br0", "other"}
    for link in json.loads(told.stdout):
        device, info = found[link["ifname"]], link.get("linkinfo", {}).get("info_data", {})
        assert (device.index, device.mtu, device.up) == (link["ifindex"], link["mtu"], "UP" in link["flags"])
        assert device.master == (found[link["master"]].index if "master" in link else None)
        assert device.carrier == ("LOWER_UP" in link["flags"])
        assert device.others == (() if device.mark else tuple(link.get("altnames", ())))
        all_of_them = addresses[device.name]
        assert [*device.addresses, *device.link_local] == [
            f"{each['local']}/{each['prefixlen']}"
            for link_local in (False, True)
            for each in all_of_them
            if (each["scope"] == "link") == link_local
        ]
        if device.mark is not None:
            assert device.mac == link["address"]
            assert set(device.counters) == {
                f"{way}_{what}" for way in ("rx", "tx") for what in ("packets", "bytes", "dropped")
            }
        if device.name == "br0":
            assert (device.stp, device.group_fwd_mask, device.snooping) == (True, 16384, True)
            assert int(info["group_fwd_mask"], 16) == 16384 and info["stp_state"] == 1
            assert device.querier == bool(info["mcast_querier"])
            assert device.ipv6 is True


@pytest.mark.parametrize(
    ("option", "value", "back"), [("mtu", 1400, 1500), ("stp", True, False), ("group_fwd_mask", 16384, 0)]
)
def test_a_setting_of_a_bridge_in_use_changes_in_place(lab: Lab, option: str, value: Any, back: Any) -> None:
    lab.bridge("br0")
    index = lab.devices()["br0"]["ifindex"]

    for wanted in (value, back):
        result = lab.bridge("br0", **{option: wanted})
        assert result["changed"] and result["bridge"][option] == wanted
        assert not lab.bridge("br0", **{option: wanted})["changed"]
    assert lab.devices()["br0"]["ifindex"] == index


def test_the_hosts_leg_reaches_the_guests(pair: Lab) -> None:
    pair.bridge("br0", address=["10.0.0.254/24", "fd00::fe/64"])
    pair.iface("alice", "eth0", address=["10.0.0.1/24", "fd00::1/64"])

    assert pair.host("ping", "-c", "2", "-i", "0.1", "-w", "60", "10.0.0.1").returncode == 0
    assert pair.host("ping", "-c", "2", "-i", "0.1", "-w", "60", "fd00::1").returncode == 0
    assert pair.reaches("bob", "10.0.0.254")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["10.0.0.254/24"], []),
        (["10.0.0.254/24"], ["10.0.0.253/24"]),
        (["10.0.0.253/24", "10.0.0.254/24"], ["10.0.0.254/24"]),
        (["10.0.0.254/24", "fd00::fe/64"], ["fd00::fe/64", "10.1.0.254/16"]),
    ],
)
def test_the_hosts_leg_has_the_addresses_that_are_asked_for(lab: Lab, before: list[str], after: list[str]) -> None:
    lab.bridge("br0", address=before)

    result = lab.bridge("br0", address=after)

    found = lab.devices()["br0"]["addr_info"]
    assert {f"{a['local']}/{a['prefixlen']}" for a in found if a["scope"] == "global"} == set(after)
    assert set(result["bridge"]["address"]) == set(after)
    assert not lab.bridge("br0", address=after)["changed"]
    assert not lab.bridge("br0")["changed"]


def test_interfaces_are_plugged_in_and_others_stay(pair: Lab) -> None:
    pair.iface("bob", "eth1")
    pair.bridge("br1")

    result = pair.bridge("br0", interfaces=["bob:eth1"])

    assert result["changed"]
    assert result["bridge"]["interfaces"] == ["alice:eth0", "bob:eth0", "bob:eth1"]
    assert _ports(pair, "br0") == {"alice-eth0", "bob-eth0", "bob-eth1"}
    assert not pair.bridge("br0", interfaces=["bob:eth1"])["changed"]


def test_interfaces_move_from_another_bridge(pair: Lab) -> None:
    pair.bridge("br1", interfaces=["alice:eth0", "bob:eth0"])

    assert (_ports(pair, "br0"), _ports(pair, "br1")) == (set(), {"alice-eth0", "bob-eth0"})
    assert pair.info()["guests"]["alice"]["interfaces"]["eth0"]["bridge"] == "br1"
    assert pair.reaches("alice", "10.0.0.2")


@pytest.mark.parametrize("stay", [["alice:eth0"], []])
def test_purge_unplugs_whatever_is_not_named(pair: Lab, stay: list[str]) -> None:
    result = pair.bridge("br0", interfaces=stay, purge_interfaces=True)

    assert result["changed"] and result["bridge"]["interfaces"] == stay
    assert _ports(pair, "br0") == {name.replace(":", "-") for name in stay}
    assert pair.links("bob") == {"eth0"}
    assert not pair.bridge("br0", interfaces=stay, purge_interfaces=True)["changed"]


def test_an_absent_bridge_leaves_its_interfaces_unplugged(pair: Lab) -> None:
    result = pair.bridge("br0", state="absent")
    again = pair.bridge("br0", state="absent")

    assert result["changed"] and result["bridge"] is None
    assert not again["changed"]
    assert "br0" not in pair.devices()
    assert pair.addresses("alice", "eth0") == {"10.0.0.1/24"}
    assert pair.info()["guests"]["alice"]["interfaces"]["eth0"]["bridge"] is None
    pair.bridge("br0", interfaces=["alice:eth0", "bob:eth0"])
    assert pair.reaches("alice", "10.0.0.2")


def test_a_bridge_that_somebody_deleted_is_made_anew_with_its_ports(pair: Lab) -> None:
    pair.host("ip", "link", "delete", "br0")

    result = pair.bridge("br0")

    assert {f"interface {name}:eth0: plug into bridge br0" for name in ("alice", "bob")} < set(result["actions"])
    assert pair.reaches("alice", "10.0.0.2")
    assert not pair.bridge("br0")["changed"]
    assert not pair.guest("alice")["changed"]


def test_a_guest_that_moves_to_another_bridge_finds_who_has_an_address_there(pair: Lab) -> None:
    """What it knew of the bridge before would lead it astray for seconds."""
    pair.bridge("br1")
    pair.guest("carol", state="present", mem=96)
    pair.iface("carol", "eth0", bridge="br1", address=["10.0.0.2/24"])
    pair.guest("carol")
    assert pair.reaches("alice", "10.0.0.2")
    known = pair.link("bob", "eth0")["address"]
    assert known in pair.read("alice", "ip neigh show dev eth0")

    pair.iface("alice", "eth0", bridge="br1")

    assert known not in pair.read("alice", "ip neigh show dev eth0")
    assert pair.reaches("alice", "10.0.0.2")
    assert pair.link("carol", "eth0")["address"] in pair.read("alice", "ip neigh show dev eth0")


@pytest.mark.parametrize("setting", ["mtu", "mode"])
def test_what_somebody_else_changed_on_a_bridge_is_put_right(pair: Lab, setting: str) -> None:
    pair.bridge("br0", mtu=1500, address=["10.0.0.254/24"])
    pair.host("ip", "link", "set", "br0", *(("mtu", "1300") if setting == "mtu" else ("down",)))

    result = pair.bridge("br0", mtu=1500, address=["10.0.0.254/24"])

    assert result["changed"]
    assert pair.host("ping", "-c", "1", "-w", "60", "10.0.0.1").returncode == 0
    assert not pair.bridge("br0", mtu=1500, address=["10.0.0.254/24"])["changed"]


def test_lldp_passes_only_with_its_bit_in_group_fwd_mask(pair: Lab) -> None:
    """The IEEE's group 0x0e goes no further than the bridge unless it is told to forward it."""
    listen = (
        "import socket,sys;"
        "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x88cc));s.bind(('eth0',0x88cc));"
        "s.setsockopt(263,1,__import__('struct').pack('IHH8s',2,0,6,bytes.fromhex('0180c200000e')));"
        "open('/root/ready','w').close();s.settimeout(float(sys.argv[1]));s.recv(2000);print('heard')"
    )
    send = (
        "import socket,time,os;"
        "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('eth0',0x88cc));"
        "m=bytes.fromhex('0180c200000e')+s.getsockname()[4]+b'\\x88\\xcc'+bytes(60);"
        "[(s.send(m),time.sleep(.1)) for _ in range(10)]"
    )

    def heard(seconds: float) -> bool:
        pair.read("bob", f'rm -f /root/ready; python3 -c "{listen}" {seconds} >/root/out 2>&1 & echo')
        pair.read("bob", "while [ ! -e /root/ready ]; do sleep .05; done")
        pair.read("alice", f'python3 -c "{send}"')
        return "heard" in pair.read("bob", f"sleep {seconds}; cat /root/out")

    assert not heard(1.5)
    pair.bridge("br0", group_fwd_mask=16384)
    assert heard(1.5)


# A port of the bridge br0 whose other end sends from ever new addresses.
_FLOOD = r"""
import fcntl, os, struct, subprocess, sys
port = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(port, 0x400454CA, struct.pack("16sH22x", b"flood", 0x1002))
for setting in ("up", "master br0"):
    subprocess.run(["ip", "link", "set", "flood", *setting.split()], check=True)
def learned():
    shown = subprocess.run(["bridge", "fdb", "show", "br", "br0"], capture_output=True, check=True).stdout
    return len(shown.splitlines())
# The host drops frames that come too fast for it.
for _round in range(100):
    full = learned() >= int(sys.argv[1])
    for number in range(int(sys.argv[1]) + 2000):
        os.write(port, b"\xff" * 6 + b"\x02\x00" + struct.pack(">I", number) + b"\x88\xb5" + bytes(46))
    if full:
        break
print(learned())
"""


@pytest.mark.skipif(_release() < learning.SINCE, reason="the host's bridges have no bound on what they learn")
def test_a_bridge_learns_no_more_addresses_than_a_switch_has_room_for(lab: Lab) -> None:
    lab.bridge("br0")

    done = lab.host(sys.executable, "-c", _FLOOD, str(learning.MOST))

    assert done.returncode == 0, done.stderr
    # With those of the bridge and its port.
    assert learning.MOST <= int(done.stdout) < learning.MOST + 100
    assert lab.info()["bridges"]["br0"]["device"] == "br0"
