# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A link is a cable: all that an end sends arrives at the other, and nothing else does.  A bridge can be made as quiet."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from lab import Lab, Result, until
from testbed import Config, pair, pids, pinging

# Prints the sender and the receiver of each frame that comes from outside.
HEAR = """python3 -u -c "
import socket
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
heard.bind(('{name}', 0))
heard.setsockopt(263, 1, __import__('struct').pack('IHH8s', socket.if_nametoindex('{name}'), 1, 0, b''))
print('listens')
while True:
    frame, source = heard.recvfrom(2000)
    if source[2] != 4:
        print(frame[6:12].hex(':'), frame[:6].hex(':'))
" """
SEND = """python3 -c "
import socket
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(('eth0', 0))
mac = wire.getsockname()[4]
for group in ({groups}):
    wire.send(bytes.fromhex(group) + mac + bytes.fromhex('88b5') + bytes(50))
" """
# STP, LACP, 802.1X, LLDP, PVST, a group of IPv4 that nobody has joined, one of IPv6, and broadcast.
GROUPS = [
    "0180c2000000",
    "0180c2000002",
    "0180c2000003",
    "0180c200000e",
    "01000ccccccd",
    "01005e070707",
    "33330000beef",
    "ffffffffffff",
]


def _data(device: Result) -> Result:
    data: Result = device.get("linkinfo", {}).get("info_data", {})
    return data


def _multicast(lab: Lab, name: str) -> tuple[int, int, str]:
    """Whether a bridge snoops and asks, and whether the host has no IPv6 there."""
    data = _data(lab.devices()[name])
    silent = lab.host("cat", f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").stdout.strip()
    return data["mcast_snooping"], data["mcast_querier"], silent


SILENT, ASKING = (0, 0, "1"), (1, 1, "0")


@contextmanager
def _heard(lab: Lab, guest: str, name: str = "eth0") -> Iterator[list[tuple[str, str]]]:
    """Sender and receiver of all frames that come to an interface meanwhile."""
    lab.read(guest, f"rm -f /run/heard; setsid {HEAR.format(name=name)} >/run/heard 2>&1 & echo $! >/run/hears")
    until(lambda: lab.read(guest, "cat /run/heard").startswith("listens"), "the guest to listen")
    frames: list[tuple[str, str]] = []
    yield frames
    lab.read(guest, "pkill -f AF_PACKET")
    for line in lab.read(guest, "cat /run/heard").splitlines()[1:]:
        sender, _space, receiver = line.partition(" ")
        frames.append((sender, receiver))


def _on_a_segment(**settings: Any) -> Config:
    return {
        "defaults": {"mem": 64},
        "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in ("moon", "sun")},
        "bridges": {"lan": {"prefix": "10.0.0.0/24", **settings}},
    }


def _heard_from(lab: Lab, bridge: str) -> set[str]:
    """Who is heard by moon while sun restarts and a bridge that asks who listens does so often."""
    often = ("mcast_query_interval", "100", "mcast_startup_query_interval", "100")
    assert lab.host("ip", "link", "set", bridge, "type", "bridge", *often).returncode == 0
    with _heard(lab, "moon") as frames:
        lab.guest("sun", state="restarted")
        lab.read("moon", "sleep 5")
    return {sender for sender, _receiver in frames}


@pytest.mark.parametrize(
    ("config", "bridge"),
    [
        pytest.param(pair(), "cable", id="link"),
        pytest.param(_on_a_segment(multicast_snooping=False), "lan", id="quiet bridge"),
    ],
)
def test_nothing_is_on_a_cable_that_no_end_has_sent(lab: Lab, config: Config, bridge: str) -> None:
    lab.scenario("cable", config)

    assert _heard_from(lab, bridge) == {lab.link("sun", "eth0")["address"]}


def test_on_a_segment_the_host_asks_who_listens(lab: Lab) -> None:
    lab.scenario("cable", _on_a_segment())

    assert len(_heard_from(lab, "lan") - {lab.link("sun", "eth0")["address"]}) == 1


def test_a_cable_carries_every_group_whether_anybody_has_joined_it_or_not(lab: Lab) -> None:
    lab.scenario("cable", pair())
    mac = lab.link("moon", "eth0")["address"]
    with _heard(lab, "sun") as frames:
        lab.read("moon", SEND.format(groups=", ".join(f"'{group}'" for group in GROUPS)))
        until(lambda: "ff:ff:ff:ff:ff:ff" in lab.read("sun", "cat /run/heard"), "the last frame to arrive")

    came = [receiver.replace(":", "") for sender, receiver in frames if sender == mac]
    assert [group for group in came if group in GROUPS] == GROUPS


def test_a_cable_of_an_earlier_version_lets_lacp_through(lab: Lab) -> None:
    lab.scenario("cable", pair())
    taps = [lab.devices()[f"{guest}-eth0"]["ifname"] for guest in ("moon", "sun")]
    for tap in taps:
        mask = ("type", "bridge_slave", "group_fwd_mask", "0")
        assert lab.host("ip", "link", "set", tap, *mask).returncode == 0

    result = lab.scenario("cable", pair())

    assert result["actions"] == [f"interface {guest}:eth0: let LACP through" for guest in ("moon", "sun")]
    assert not lab.scenario("cable", pair())["changed"]


def test_a_bridge_that_becomes_as_transparent_as_a_link_lets_lacp_through(lab: Lab) -> None:
    lab.scenario("cable", _on_a_segment())

    result = lab.bridge("lan", group_fwd_mask=65528, multicast_snooping=False)

    assert {f"interface {guest}:eth0: let LACP through" for guest in ("moon", "sun")} <= set(result["actions"])
    back = lab.bridge("lan", group_fwd_mask=0, multicast_snooping=False)
    assert {f"interface {guest}:eth0: let no LACP through" for guest in ("moon", "sun")} <= set(back["actions"])


def test_a_link_of_an_earlier_version_becomes_a_cable_without_an_interruption(lab: Lab) -> None:
    lab.scenario("cable", pair())
    stored = json.loads((lab.path / "bridges/cable.json").read_text())
    del stored["multicast_snooping"]
    (lab.path / "bridges/cable.json").write_text(json.dumps(stored))
    lab.host("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/cable/disable_ipv6")
    lab.host("ip", "link", "set", "cable", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1")
    before = pids(lab, "moon", "sun")
    index = lab.devices()["cable"]["ifindex"]

    with pinging(lab, "moon", "10.0.0.2"):
        result = lab.scenario("cable", pair())

    assert result["actions"] == [
        "bridge cable: switch multicast snooping off",
        "bridge cable: switch the host's IPv6 off",
    ]
    assert not lab.scenario("cable", pair())["changed"]
    assert _multicast(lab, "cable") == SILENT
    assert (pids(lab, "moon", "sun"), lab.devices()["cable"]["ifindex"]) == (before, index)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ip link set cable type bridge mcast_snooping 1", "switch multicast snooping off"),
        ("ip link set cable type bridge mcast_querier 1", "switch the multicast querier off"),
        ("echo 0 >/proc/sys/net/ipv6/conf/cable/disable_ipv6", "switch the host's IPv6 off"),
    ],
)
def test_what_somebody_changed_of_a_cable_is_put_right(shared: Lab, change: str, said: str) -> None:
    shared.scenario("cable", pair(), state="stopped")
    assert shared.host("sh", "-c", change).returncode == 0
    assert _multicast(shared, "cable") != SILENT

    result = shared.scenario("cable", pair(), state="stopped")

    assert result["actions"] == [f"bridge cable: {said}"]
    assert _multicast(shared, "cable") == SILENT
    assert not shared.scenario("cable", pair(), state="stopped")["changed"]


@pytest.mark.parametrize("address", [[], ["10.0.0.254/24"], ["fd00::fe/64"]], ids=str)
def test_a_bridge_is_made_quiet_and_back_in_place(lab: Lab, address: list[str]) -> None:
    speaks = "0" if "fd00::fe/64" in address else "1"
    lab.bridge("br0", address=address)
    index = lab.devices()["br0"]["ifindex"]
    assert _multicast(lab, "br0") == ASKING

    for wanted, expected in ((False, (0, 0, speaks)), (True, ASKING), (False, (0, 0, speaks))):
        result = lab.bridge("br0", multicast_snooping=wanted)
        assert result["changed"] and result["bridge"]["multicast_snooping"] is wanted
        assert result["bridge"]["address"] == address
        assert _multicast(lab, "br0") == expected
        assert not lab.bridge("br0", multicast_snooping=wanted)["changed"]
    lab.bridge("br0", address=[])
    assert _multicast(lab, "br0") == SILENT
    lab.bridge("br0", address=["fd00::1/64"])
    assert _multicast(lab, "br0") == (0, 0, "0")
    assert lab.devices()["br0"]["ifindex"] == index


def test_a_large_quiet_bridge_stays_quiet_when_its_guests_have_started(lab: Lab) -> None:
    """While many guests start their segments are closed, and asked afterwards (segments)."""
    guests = {f"g{number}": {"interfaces": {"eth0": {"bridge": "lan"}}} for number in range(8)}
    config = {
        "defaults": {"mem": 64},
        "guests": guests,
        "bridges": {"lan": {"prefix": "10.0.0.0/24", "multicast_snooping": False}},
        "links": ["g0:eth1 -- g1:eth1"],
    }

    lab.scenario("many", config)

    quiet = [_multicast(lab, name) for name, device in lab.devices().items() if "bridge_id" in _data(device)]
    assert quiet == [SILENT, SILENT]
    assert not lab.scenario("many", config)["changed"]
    assert lab.reaches("g0", "10.0.0.8")


def test_a_tap_in_a_namespace_that_somebody_else_made_has_no_ipv6_of_the_host(lab: Lab) -> None:
    """In a namespace of ours none has, by default."""
    name = f"{lab.name}-own"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        lab.scenario("cable", pair(), netns=name)
        read = ["ip", "netns", "exec", name, "cat", "/proc/sys/net/ipv6/conf/moon-eth0/disable_ipv6"]
        told = subprocess.run(read, capture_output=True, text=True, check=True).stdout

        assert told == "1\n"
        lab.scenario("cable", state="absent")
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)
