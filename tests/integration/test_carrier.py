# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guests of the tuned kernel see of their cables: speed, carrier, and time stamps and checksums of what is sent.

Patches 0020 to 0023 of role kernel.  Two guests, moon and sun, with three links; ``eth3`` of both is in a segment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab import BASE, PATIENCE, TUNED, Lab, until
from testbed import Config, described, pinging, restored

TOOLS = BASE / "masters/test-tools-bookworm"

pytestmark = pytest.mark.skipif(
    not (BASE / "kernels" / TUNED / "linux").exists() or not TOOLS.is_dir(),
    reason="the tuned kernel is not in the cache: 'make kernel' builds it",
)

# The bond looks at its links so seldom that only the event of a loss of carrier can make it leave a link in time.
BOND = """
ip link add bond0 type bond mode 802.3ad miimon 2000 lacp_rate fast xmit_hash_policy layer2
for port in eth0 eth1; do ip link set $port down; ip link set $port master bond0; ip link set $port up; done
ip addr add 10.9.0.{me}/24 dev bond0
ip link set bond0 up
"""
TREE = """
ip link add tree type bridge stp_state 1 forward_delay 200 hello_time 100 priority {priority}
for port in eth0 eth1; do ip link set $port master tree; done
ip link set tree up
"""
FORGET = "for each in bond0 tree; do ip link del $each 2>/dev/null; done; for each in eth0 eth1 eth2; do ip link set $each up; done"
STAMPS = """python3 -c "
import socket, struct
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
# SO_TIMESTAMPING: of what is sent, in software.
wire.setsockopt(socket.SOL_SOCKET, 37, 1 << 1 | 1 << 4)
wire.sendto(b'hello', ('10.1.2.2', 9))
import select
poll = select.poll()
poll.register(wire, select.POLLERR)
poll.poll(60000)
_data, told, _flags, _from = wire.recvmsg(1000, 1000, socket.MSG_ERRQUEUE)
print(*(struct.unpack('qq', data[:16])[0] for level, kind, data in told if kind == 37))
" """
# Whether the checksum of what is sent is the one of the packet, as a packet socket sees it.
CHECKSUM = """python3 -c "
import socket, struct
seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
seen.bind(('eth2', 0))
seen.settimeout(60)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello!', ('10.1.2.2', 9))
while True:
    packet, source = seen.recvfrom(2000)
    if source[2] == 4 and packet[9:10] == b'\\\\x11':
        break
udp = packet[20:]
words = struct.unpack('!13H', packet[12:20] + b'\\\\0\\\\x11' + udp[4:6] + udp)
total = sum(words)
while total > 0xffff:
    total = (total & 0xffff) + (total >> 16)
print(total == 0xffff)
" """


def _config(first: dict[str, Any] | None = None, **link: Any) -> Config:
    """The lab.

    :param first: settings of the first link.
    :param link: settings of the third link.
    """
    interfaces = {"eth3": {"bridge": "lan"}}
    return {
        "defaults": {"mem": 64, "master": str(TOOLS), "kernel": TUNED, "init": "minimal"},
        "guests": {"moon": {"interfaces": interfaces}, "sun": {"interfaces": interfaces}},
        "bridges": {"lan": {"prefix": "10.1.3.0/24"}},
        "links": [
            {"a": "moon:eth0", "b": "sun:eth0", "name": "first", "prefix": "10.1.0.0/24", **(first or {})},
            {"a": "moon:eth1", "b": "sun:eth1", "name": "second", "prefix": "10.1.1.0/24"},
            {"a": "moon:eth2", "b": "sun:eth2", "name": "third", "prefix": "10.1.2.0/24", **link},
        ],
    }


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    """The lab of all tests here."""
    with described(_config()) as lab:
        yield lab


@pytest.fixture
def lab(site: Lab) -> Iterator[Lab]:
    """The lab as it was described, with nothing left of a test before."""
    with restored(site, _config(), FORGET):
        _await(site, ("moon", "eth2", True), ("sun", "eth2", True))
        yield site


def _has_carrier(lab: Lab, guest: str, name: str) -> bool:
    return "LOWER_UP" in lab.link(guest, name)["flags"]


def _await(lab: Lab, *ends: tuple[str, str, bool]) -> None:
    for guest, name, carrier in ends:
        what = f"{guest}:{name} to have {'carrier' if carrier else 'no carrier'}"
        until(lambda end=(guest, name), wanted=carrier: _has_carrier(lab, *end) is wanted, what)


def test_an_end_loses_carrier_with_the_other_one_and_gets_it_back(lab: Lab) -> None:
    before = int(lab.read("sun", "cat /sys/class/net/eth2/carrier_changes"))

    lab.read("moon", "ip link set eth2 down")
    _await(lab, ("sun", "eth2", False))
    found = lab.link("sun", "eth2")
    lab.read("moon", "ip link set eth2 up")
    _await(lab, ("sun", "eth2", True), ("moon", "eth2", True))

    assert ("UP" in found["flags"], found["operstate"]) == (True, "DOWN")
    assert int(lab.read("sun", "cat /sys/class/net/eth2/carrier_changes")) == before + 2
    until(lambda: lab.reaches("moon", "10.1.2.2"), "an answer")


def test_a_link_that_is_taken_down_has_no_carrier_at_the_end_that_is_up(lab: Lab) -> None:
    lab.iface("moon", "eth2", up=False)
    _await(lab, ("sun", "eth2", False))

    lab.iface("moon", "eth2", up=True)

    _await(lab, ("sun", "eth2", True))


def test_an_interface_that_is_unplugged_has_no_carrier_and_neither_has_the_other_end(lab: Lab) -> None:
    lab.iface("moon", "eth2", bridge="")
    _await(lab, ("moon", "eth2", False), ("sun", "eth2", False))
    unplugged = lab.iface("moon", "eth2", bridge="")["changed"]

    lab.iface("moon", "eth2", bridge="lan")
    _await(lab, ("moon", "eth2", True))
    elsewhere = _has_carrier(lab, "sun", "eth2")
    lab.iface("moon", "eth2", bridge="third")

    _await(lab, ("moon", "eth2", True), ("sun", "eth2", True))
    assert (unplugged, elsewhere) == (False, False)


def test_a_guest_that_starts_sees_whether_the_other_end_is_there(lab: Lab) -> None:
    lab.guest("sun", state="stopped")
    _await(lab, ("moon", "eth2", False))
    lab.guest("moon", state="restarted")
    alone = _has_carrier(lab, "moon", "eth2")

    lab.guest("sun")

    _await(lab, ("moon", "eth2", True), ("sun", "eth2", True))
    assert not alone


def test_a_guest_that_is_killed_takes_the_carrier_along(lab: Lab) -> None:
    os.kill(lab.process("sun").pid, signal.SIGKILL)

    _await(lab, ("moon", "eth2", False))
    lab.guest("sun")


def test_a_port_of_a_segment_has_carrier_whoever_else_is_there(lab: Lab) -> None:
    lab.read("sun", "ip link set eth3 down; ip link set eth2 down")
    _await(lab, ("moon", "eth2", False))
    found = _has_carrier(lab, "moon", "eth3")
    lab.read("sun", "ip link set eth3 up")

    assert found


def test_a_guest_can_pull_its_own_cable(lab: Lab) -> None:
    lab.read("moon", "ip link set eth2 carrier off")
    pulled = _has_carrier(lab, "moon", "eth2")
    lab.read("moon", "ip link set eth2 carrier on")

    assert (pulled, _has_carrier(lab, "moon", "eth2")) == (False, True)


def test_speed_and_duplex_are_shown_and_can_be_set(lab: Lab) -> None:
    before = lab.read("moon", "ethtool eth2")
    lab.read("moon", "ethtool -s eth2 speed 1000 duplex half autoneg off")
    after = lab.read("moon", "ethtool eth2")
    lab.read("moon", "ethtool -s eth2 speed 10000 duplex full autoneg off")

    assert ("Speed: 10000Mb/s" in before, "Duplex: Full" in before, "Link detected: yes" in before) == (True,) * 3
    assert ("Speed: 1000Mb/s" in after, "Duplex: Half" in after) == (True, True)


def test_what_is_sent_has_a_time_stamp(lab: Lab) -> None:
    assert "software-transmit" in lab.read("moon", "ethtool -T eth2")
    assert int(lab.read("moon", STAMPS)) > 0


def test_without_offload_a_capture_shows_the_checksums_of_the_wire(lab: Lab) -> None:
    offloaded = lab.read("moon", CHECKSUM).strip()
    lab.read("moon", "ethtool -K eth2 tx off; ip link set eth2 down; ip link set eth2 up")
    _await(lab, ("moon", "eth2", True))
    filled_in = lab.read("moon", CHECKSUM).strip()
    stays = lab.read("moon", "ethtool -k eth2 | grep tx-checksum-ip-generic")
    lab.read("moon", "ethtool -K eth2 tx on tso on")

    assert (offloaded, filled_in, "off" in stays) == ("False", "True", True)


def _bonded(lab: Lab, guest: str) -> bool:
    """Whether both ports of its bond have found the other guest's, and collect and distribute."""
    told = lab.read(guest, "cat /proc/net/bonding/bond0")
    return told.count("port state: 63") == 4


def _lost(lab: Lab, guest: str, port: str) -> bool:
    """Whether a guest's bond knows that a port has no carrier, long before LACP would miss its partner."""
    told = lab.read(guest, "cat /proc/net/bonding/bond0").split("Slave Interface: ")
    return any(each.startswith(port) and "MII Status: down" in each for each in told)


@pytest.mark.parametrize(
    "ends", [pytest.param(("moon",), marks=pytest.mark.long), ("moon", "sun")], ids=["one end", "both ends"]
)
def test_a_bond_of_two_links_loses_either_without_losing_a_ping(lab: Lab, ends: tuple[str, ...]) -> None:
    for me, guest in enumerate(("moon", "sun"), 1):
        lab.read(guest, BOND.format(me=me))
    macs = [lab.link("moon", name)["address"] for name in ("eth0", "eth1", "bond0")]
    assert len(set(macs)) == 1
    assert not lab.scenario("site", _config())["changed"]
    for name in ("eth0", "eth1"):
        for guest in ("moon", "sun"):
            until(lambda guest=guest: _bonded(lab, guest), f"the bond of {guest}")
        lab.read("moon", "ping -c 1 -w 60 10.9.0.2")

        for guest in ends:
            lab.iface(guest, name, up=False)
        _await(lab, ("moon", name, False), ("sun", name, False))
        # One request each, and nothing of what is sent from now on is lost.
        for guest, peer in (("moon", "10.9.0.2"), ("sun", "10.9.0.1")):
            assert lab.reaches(guest, peer, f"-c 1 -W {PATIENCE:.0f}")
        for guest in ("moon", "sun"):
            until(lambda end=(guest, name): _lost(lab, *end), f"the bond of {guest} to do without {name}")
        with pinging(lab, "moon", "10.9.0.2"):
            lab.read("moon", "sleep 0.5")

        for guest in ends:
            lab.iface(guest, name, up=True)
    assert [lab.link("moon", name)["address"] for name in ("eth0", "eth1", "bond0")] == macs


# What becomes of the link, by the guest's own hand and from outside; then how it comes back.
PULLS: dict[str, tuple[Callable[[Lab], object], Callable[[Lab], object]]] = {
    "the other end is down": (
        lambda lab: lab.read("moon", "ip link set eth0 down"),
        lambda lab: lab.read("moon", "ip link set eth0 up"),
    ),
    "the link is down": (
        lambda lab: lab.scenario("site", _config(first={"state": "down"})),
        lambda lab: lab.scenario("site", _config()),
    ),
    "the cable is unplugged": (
        lambda lab: lab.iface("sun", "eth0", bridge=""),
        lambda lab: lab.iface("sun", "eth0", bridge="first"),
    ),
}


@pytest.mark.parametrize(
    "pull", [pytest.param(pull, marks=[pytest.mark.long] * (pull != "the cable is unplugged")) for pull in PULLS]
)
def test_a_spanning_tree_takes_the_other_link_when_one_has_no_carrier(lab: Lab, pull: str) -> None:
    lab.read("moon", TREE.format(priority=4096))
    lab.read("sun", TREE.format(priority=8192))
    cut, mend = PULLS[pull]

    def states() -> dict[str, str]:
        told = lab.read("sun", "for port in eth0 eth1; do echo $port $(cat /sys/class/net/$port/brport/state); done")
        return dict(line.split() for line in told.splitlines())

    # BR_STATE_FORWARDING, BR_STATE_BLOCKING, BR_STATE_DISABLED of linux/if_bridge.h.
    until(lambda: states() == {"eth0": "3", "eth1": "4"}, "one way to be blocked")
    cut(lab)
    until(lambda: states() == {"eth0": "0", "eth1": "3"}, "the other way")
    mend(lab)

    until(lambda: states() == {"eth0": "3", "eth1": "4"}, "the first way again")
