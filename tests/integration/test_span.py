# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments that go on on other lab hosts.

The lab hosts are network namespaces of this machine, joined by a cable; each has a working directory of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, PREFIX, Lab, Refused, Result, fresh_lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import placing
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import bridges, syscalls, tunnels
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.netlink import Network
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.span import Span
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import lab_hosts
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.lab_hosts import Answer

VNI = 4711
# For tests that look at all lab hosts of this machine.
OWN_VNI = 100_000 + 10 * (os.getpid() % 1_000_000)
_NUMBERS = itertools.count()
LEFT, RIGHT = "10.99.0.1", "10.99.0.2"
BOTH = [LEFT, RIGHT]


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


class Host:
    """A lab host: a network namespace, and a lab whose modules run in it."""

    def __init__(self, lab: Lab, place: str, address: str) -> None:
        self.lab = lab
        self.place = place
        self.address = address

    @contextmanager
    def there(self) -> Iterator[None]:
        """What this thread does, and those that it starts, is done on the lab host."""
        with syscalls.network_namespace(f"/run/netns/{self.place}"):
            yield

    def bridge(self, name: str = "wan", *, lab: Lab | None = None, **options: Any) -> Result:
        """``dumm_bridge`` on the lab host."""
        with self.there():
            return (lab or self.lab).bridge(name, **options)

    def span(self, **options: Any) -> dict[str, Any]:
        """The tunnel of the shared segment."""
        return {"span": {"vni": VNI, "local": self.address, "peers": BOTH, **options}}

    def answer(self) -> Answer:
        """What the lab host answers those that share scenario ``big`` with it."""
        return placing.answer(str(self.lab.workdir.path), "big", self.address)

    def ip(self, *words: str) -> str:
        """``ip`` on the lab host."""
        return _run("ip", "-n", self.place, *words)

    def tunnel(self) -> dict[str, Any]:
        """The device that leads to the other one."""
        found: dict[str, Any] = json.loads(_run("ip", "-n", self.lab.name, "-j", "-d", "link", "show", "wan-span"))[0]
        return found

    def forwards(self) -> list[tuple[str, str]]:
        """Address of a frame and where the tunnel sends it."""
        told = self.lab.host("bridge", "-j", "fdb", "show", "dev", "wan-span").stdout
        return [(entry["mac"], entry["dst"]) for entry in json.loads(told) if "dst" in entry]

    def listens(self) -> bool:
        """Whether a VXLAN socket is open on the lab host."""
        with self.there():
            return ":12B5 " in Path("/proc/thread-self/net/udp").read_text()


@contextmanager
def _hosts() -> Iterator[tuple[Host, Host]]:
    places = [f"{PREFIX}{next(_NUMBERS)}-{side}" for side in ("left", "right")]
    with ExitStack() as stack:
        for place in places:
            _run("ip", "netns", "add", place)
            stack.callback(subprocess.run, ["ip", "netns", "delete", place], check=False)
        _run("ip", "-n", places[0], "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", places[1])
        hosts = []
        for place, address in zip(places, BOTH, strict=True):
            _run("ip", "-n", place, "address", "add", f"{address}/24", "dev", "wire")
            _run("ip", "-n", place, "link", "set", "wire", "up")
            with syscalls.network_namespace(f"/run/netns/{place}"):
                # An address that goes takes no other one with it.
                Path("/proc/sys/net/ipv4/conf/wire/promote_secondaries").write_text("1")
            hosts.append(Host(stack.enter_context(fresh_lab()), place, address))
        yield hosts[0], hosts[1]


@pytest.fixture
def empty() -> Iterator[tuple[Host, Host]]:
    """Two lab hosts with nothing on them."""
    with _hosts() as hosts:
        yield hosts


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    """Two lab hosts that share a segment: alice is on the left one, bob on the right one."""
    with _hosts() as (left, right):
        for host, name, number in ((left, "alice", 1), (right, "bob", 2)):
            host.bridge(**host.span(), group_fwd_mask=16384)
            host.lab.guest(name, state="present")
            host.lab.iface(name, "eth0", bridge="wan", address=[f"10.0.0.{number}/24", f"fd00::{number}/64"])
            host.lab.guest(name)
        yield left, right


def _reach_each_other(left: Host, right: Host) -> None:
    for address in ("10.0.0.2", "fd00::2"):
        assert left.lab.reaches("alice", address)
    assert right.lab.reaches("bob", "10.0.0.1")


def test_guests_of_two_lab_hosts_are_in_one_segment(hosts: tuple[Host, Host]) -> None:
    left, right = hosts

    _reach_each_other(left, right)
    again = left.bridge(**left.span())

    assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"]
    span = {"vni": VNI, "local": LEFT, "peers": [RIGHT], "port": 4789, "mtu": None}
    assert again["bridge"]["span"] == left.lab.info()["bridges"]["wan"]["span"] == span
    assert again["bridge"]["tunnel"]["device"] == "wan-span" and again["bridge"]["tunnel"]["mtu"] == 1500
    assert again["bridge"]["tunnel"]["counters"]["tx_packets"] > 0
    assert left.lab.info()["orphans"] == []
    # Without the option what is there stays.
    assert not left.bridge()["changed"]


@pytest.mark.parametrize(
    ("version", "group"),
    [("net.ipv4.conf.eth0.force_igmp_version=2", "239.1.1.7"), ("net.ipv6.conf.eth0.force_mld_version=1", "ff15::7")],
)
def test_who_listens_by_an_old_protocol_is_heard_on_other_lab_hosts(
    hosts: tuple[Host, Host], version: str, group: str
) -> None:
    left, right = hosts
    length = 128 if ":" in group else 32

    right.lab.read("bob", f"sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0 {version}")
    right.lab.read("bob", f"ip address add {group}/{length} dev eth0 autojoin")

    assert left.lab.reaches("alice", group, "-I eth0 -t 1 -c 1 -w 60")
    right.lab.read("bob", f"ip address del {group}/{length} dev eth0; sysctl -qw {version.partition('=')[0]}=0")


def test_broadcast_reaches_other_lab_hosts(hosts: tuple[Host, Host]) -> None:
    left, right = hosts
    right.lab.read("bob", "sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0")

    assert left.lab.reaches("alice", "10.0.0.255", "-b -c 1 -w 60")


def test_what_is_too_large_for_the_network_between_is_answered_and_not_lost(hosts: tuple[Host, Host]) -> None:
    left, right = hosts

    # The kernel answers for the tunnel, and the guest then knows better.
    told = left.lab.run("alice", "ping -M do -s 1472 -c 3 -i 0.2 -W 60 10.0.0.2").stdout.decode()
    assert re.search(r"mtu ?= ?1450", told), told
    assert "1450" in left.lab.read("alice", "ip route get 10.0.0.2")
    assert left.lab.reaches("alice", "10.0.0.2", "-M do -s 1422 -c 1 -w 60")
    # What may be cut goes in pieces.
    assert right.lab.reaches("bob", "10.0.0.1", "-M dont -s 1472 -c 1 -w 60")


def test_lldp_passes_to_other_lab_hosts_where_the_segment_forwards_it(hosts: tuple[Host, Host]) -> None:
    left, right = hosts
    listen = (
        "import socket,struct;"
        "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x88cc));s.bind(('eth0',0x88cc));"
        "s.setsockopt(263,1,struct.pack('IHH8s',2,0,6,bytes.fromhex('0180c200000e')));"
        "open('/root/ready','w').close();s.settimeout(200);s.recv(2000);open('/root/heard','w').close()"
    )
    send = (
        "import socket;"
        "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('eth0',0x88cc));"
        "s.send(bytes.fromhex('0180c200000e')+s.getsockname()[4]+b'\\x88\\xcc'+bytes(60))"
    )
    right.lab.read("bob", f'rm -f /root/ready /root/heard; setsid python3 -c "{listen}" >/root/out 2>&1 & echo')
    right.lab.read("bob", "while [ ! -e /root/ready ]; do sleep .05; done")

    left.lab.read("alice", f'python3 -c "{send}"')

    assert (
        right.lab.run("bob", "for i in $(seq 1200); do [ -e /root/heard ] && exit; sleep .05; done; exit 1").code == 0
    )


def test_a_lab_hosts_address_changes_without_a_lost_packet(hosts: tuple[Host, Host]) -> None:
    left, right = hosts
    new = "10.99.0.11"
    left.ip("address", "add", f"{new}/24", "dev", "wire")
    index = left.tunnel()["ifindex"]
    right.lab.read("bob", "setsid ping -i 0.2 -c 60 -W 120 10.0.0.1 >/root/pinged 2>&1 & echo")
    _wait(right.lab, "bob", "grep -q icmp_seq /root/pinged")

    moved = left.bridge(span={"vni": VNI, "local": new, "peers": [RIGHT]})
    followed = right.bridge(span={"vni": VNI, "local": RIGHT, "peers": [new]})

    assert moved["actions"] == [f"bridge wan: reach its lab hosts from {new} (it was {LEFT})"]
    assert followed["actions"] == [f"bridge wan: leave lab host {LEFT}", f"bridge wan: join lab host {new}"]
    left.ip("address", "del", f"{LEFT}/24", "dev", "wire")
    # What was learned of the address before would lead nowhere for minutes.
    assert {to for _mac, to in right.forwards()} == {new}
    _wait(right.lab, "bob", "grep -q transmitted /root/pinged")
    assert "60 packets transmitted, 60 received" in right.lab.read("bob", "cat /root/pinged")
    assert left.tunnel()["ifindex"] == index
    assert not left.bridge(span={"vni": VNI, "local": new, "peers": [RIGHT]})["changed"]

    left.ip("address", "add", f"{LEFT}/24", "dev", "wire")
    for host in hosts:
        host.bridge(**host.span())
    left.ip("address", "del", f"{new}/24", "dev", "wire")
    _reach_each_other(left, right)


def _wait(lab: Lab, guest: str, command: str) -> None:
    assert lab.run(guest, f"for i in $(seq 2400); do {command} && exit; sleep .1; done; exit 1").code == 0


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (["link", "del", "wan-span"], ["bridge wan: join VXLAN 4711 of 10.99.0.2"]),
        (["link", "set", "wan-span", "nomaster"], ["bridge wan: plug its tunnel in"]),
        (["link", "set", "wan-span", "down"], ["bridge wan: set its tunnel up"]),
        (["link", "set", "wan-span", "mtu", "1450"], ["bridge wan: set the mtu of its tunnel 1450 → 1500"]),
        (
            ["link", "del", "wan"],
            ["make bridge wan", "interface alice:eth0: plug into bridge wan", "bridge wan: plug its tunnel in"],
        ),
    ],
    ids=["tunnel deleted", "unplugged", "down", "too small", "bridge deleted"],
)
def test_a_damaged_tunnel_is_mended(hosts: tuple[Host, Host], damage: list[str], says: list[str]) -> None:
    left, _right = hosts
    _run("ip", "-n", left.lab.name, *damage)

    mended = left.bridge(**left.span())

    assert mended["actions"] == says
    assert not left.bridge(**left.span())["changed"]
    assert left.lab.reaches("alice", "10.0.0.2")


def test_a_lost_peer_comes_back(hosts: tuple[Host, Host]) -> None:
    left, _right = hosts
    left.lab.host("bridge", "fdb", "del", "00:00:00:00:00:00", "dev", "wan-span", "dst", RIGHT)

    assert left.bridge(**left.span())["actions"] == [f"bridge wan: join lab host {RIGHT}"]


def test_a_tunnel_comes_back_with_the_guest_that_needs_it(hosts: tuple[Host, Host]) -> None:
    left, _right = hosts
    _run("ip", "-n", left.lab.name, "link", "del", "wan-span")

    with left.there():
        done = left.lab.iface("alice", "eth0", mtu=1400)

    assert "bridge wan: join VXLAN 4711 of 10.99.0.2" in done["actions"]
    assert left.lab.reaches("alice", "10.0.0.2")
    with left.there():
        left.lab.iface("alice", "eth0", mtu=1500)


def test_a_namespace_that_has_lost_its_name_is_found_with_its_tunnel(hosts: tuple[Host, Host]) -> None:
    left, right = hosts
    index = left.tunnel()["ifindex"]
    _run("ip", "netns", "delete", left.lab.name)

    found = left.bridge(**left.span())

    assert not found["changed"] and "has it again" in " ".join(found["warnings"])
    assert left.tunnel()["ifindex"] == index
    _reach_each_other(left, right)


def test_another_number_makes_the_tunnel_anew(hosts: tuple[Host, Host]) -> None:
    left, right = hosts
    for host in hosts:
        changed = host.bridge(**host.span(vni=VNI + 1, port=14789))
        assert changed["actions"][0] == "bridge wan: leave VXLAN 4711"
    assert left.lab.reaches("alice", "10.0.0.2")

    for host in hosts:
        host.bridge(**host.span())
    _reach_each_other(left, right)


def test_a_number_that_this_host_has_is_refused_before_anything_is_changed(hosts: tuple[Host, Host]) -> None:
    left, _right = hosts
    config = {
        "defaults": {"mem": 64},
        "guests": {"carol": None},
        "bridges": {"lan": {"interfaces": ["carol:eth0"]}},
    }
    with fresh_lab() as other:
        other.scenario("other", config, state="stopped")
        before = other.snapshot()
        for check in (True, False):
            with pytest.raises(Refused) as refused:
                left.bridge("lan", lab=other, check=check, **left.span())
            assert str(refused.value).startswith(
                "bridge lan: VXLAN 4711 on UDP port 4789 is in use on this host, by bridge wan"
            )
        assert other.snapshot() == before
    assert not left.bridge(**left.span())["changed"]


def test_an_address_that_the_lab_host_does_not_have_is_refused(hosts: tuple[Host, Host]) -> None:
    left, _right = hosts

    with pytest.raises(
        Refused, match=r"bridge wan: 10.99.0.77 is no address of this host \(.*\); give local the address"
    ):
        left.bridge(span={"vni": VNI, "local": "10.99.0.77", "peers": [RIGHT]})

    assert not left.bridge(**left.span())["changed"]


def test_frames_that_do_not_fit_are_told_of_and_given_ones_refused(hosts: tuple[Host, Host]) -> None:
    left, _right = hosts
    elsewhere = {"vni": VNI, "local": LEFT, "peers": [RIGHT, "10.99.0.3"]}

    said = left.bridge(check=True, span=elsewhere)["warnings"]
    roomy = left.bridge(check=True, span={**elsewhere, "mtu": 1550})["warnings"]
    lost = left.bridge(check=True, span={**elsewhere, "peers": ["192.0.2.9"]})["warnings"]
    with left.there(), pytest.raises(Refused) as refused:
        left.lab.iface("alice", "eth1", bridge="wan", mtu=9000)

    assert len(said) == 1 and "frames of 1450 bytes fit between the lab hosts without fragments" in said[0]
    assert roomy == []
    assert lost == ["this host knows no way to lab host 192.0.2.9: nothing will arrive there until it does"]
    assert "bridge wan: interface alice:eth1 has mtu 9000, and frames of 1450 bytes fit" in str(refused.value)


def test_a_segment_leaves_the_other_lab_hosts(hosts: tuple[Host, Host]) -> None:
    left, right = hosts

    alone = left.bridge(span={})

    assert alone["actions"] == ["bridge wan: leave VXLAN 4711"]
    assert alone["bridge"]["span"] is None and alone["bridge"]["tunnel"] is None
    assert not left.bridge(span={})["changed"] and not left.listens()
    assert left.lab.run("alice", "ping -c 1 -W 2 10.0.0.2").code != 0
    left.bridge(**left.span())
    _reach_each_other(left, right)


def test_nothing_is_left_of_a_tunnel(empty: tuple[Host, Host]) -> None:
    left, _right = empty
    made = left.bridge(**left.span())
    assert left.listens() and left.lab.name in made["actions"][0]
    # Nothing of it is in the lab host's own namespace.
    assert set(left.ip("-br", "link").split()) & {"wan", "wan-span"} == set()

    left.bridge(state="absent")

    assert not left.listens() and left.lab.leftovers() == []


def test_a_tunnel_over_ipv6(empty: tuple[Host, Host]) -> None:
    addresses = ["2001:db8::1", "2001:db8::2"]
    for host, address in zip(empty, addresses, strict=True):
        host.ip("address", "add", f"{address}/64", "dev", "wire", "nodad")
        span = {"vni": VNI, "local": address, "peers": addresses}
        host.bridge(span=span, address=[f"10.0.0.{address[-1]}/24"])
        assert not host.bridge(span=span)["changed"]

    assert empty[0].lab.host("ping", "-c", "1", "-w", "60", "10.0.0.2").returncode == 0
    # From one family to the other the tunnel is made anew.
    for host in empty:
        host.bridge(**host.span())
    assert empty[0].lab.host("ping", "-c", "1", "-w", "60", "10.0.0.2").returncode == 0


def test_a_tunnel_is_closed_with_its_segment(empty: tuple[Host, Host]) -> None:
    left, _right = empty
    left.bridge()
    wan = Bridge("wan", span=Span.among(VNI, LEFT, BOTH))
    isolated = []

    def look() -> None:
        isolated.append(left.tunnel()["linkinfo"]["info_slave_data"]["isolated"])

    with left.there(), Network(left.lab.name, left.lab.name) as network:
        tunnels.add(network, wan, bridges.index_of(network, "wan"), 1500, closed=True)
        look()
        bridges.open_segments(network, 0)
        look()
        tunnels.close(network, ["wan", "other"])
        look()
        bridges.open_segments(network, 0)
        look()

    assert isolated == [True, False, True, False]
    left.bridge(**left.span())


def test_a_port_that_somebody_else_uses_is_named(empty: tuple[Host, Host]) -> None:
    left, _right = empty
    with left.there():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with taken:
        taken.bind(("0.0.0.0", 4789))
        with pytest.raises(Refused, match="another program of this host uses UDP port 4789; end it, or give the span"):
            left.bridge(**left.span())
    # What was begun is taken up again.
    assert "bridge wan: join VXLAN 4711 of 10.99.0.2" in left.bridge(**left.span())["actions"]


def test_what_a_killed_run_leaves_of_a_tunnel_is_taken_up(empty: tuple[Host, Host]) -> None:
    left, _right = empty
    span = left.span(vni=OWN_VNI)
    with left.there():
        deeds = left.lab.deeds("bridge", name="wan", **span)
        for number in range(len(deeds), 0, -3):
            left.lab.bridge("wan", state="absent")
            left.lab.deeds("bridge", number, name="wan", **span)
            # To the other lab hosts nobody else has its number, and a run that only looks says so, too.
            assert left.answer().networks.get((OWN_VNI, 4789), "wan") == "wan"
            left.lab.bridge("wan", check=True, **span)
            left.lab.bridge("wan", **span)

            assert not left.lab.bridge("wan", **span)["changed"]
            assert left.forwards() == [("00:00:00:00:00:00", RIGHT)] and left.lab.info()["orphans"] == []


def test_a_number_goes_from_one_bridge_of_a_scenario_to_another(empty: tuple[Host, Host]) -> None:
    left, _right = empty
    answers = {"left": left.answer, "right": lambda: Answer(mtu=1500, memory=1 << 20)}

    def make(*bridges: str) -> Result:
        known = {name: {"vni": OWN_VNI + number} for number, name in enumerate(bridges)}
        guests = {
            name: {
                "lab_host": name,
                "interfaces": {f"eth{number}": {"bridge": bridge} for number, bridge in enumerate(bridges)},
            }
            for name in answers
        }
        hosts = {
            name: {"address": address, "weight": 1, "workdir": "/x", "answer": lab_hosts.plain_answer(answers[name]())}
            for name, address in zip(answers, BOTH, strict=True)
        }
        given = {"lab_hosts": json.loads(json.dumps(hosts)), "lab_host": "left", "state": "stopped"}
        return left.lab.scenario("big", {"bridges": known, "guests": guests}, **given)

    with left.there():
        assert f"bridge one: join VXLAN {OWN_VNI} of {RIGHT}" in make("one", "two")["actions"]
        assert f"bridge two: join VXLAN {OWN_VNI} of {RIGHT}" in make("two", "one")["actions"]
        assert f"bridge three: join VXLAN {OWN_VNI} of {RIGHT}" in make("three", "one")["actions"]
        assert not make("three", "one")["changed"]

        left.lab.guest("own", state="present", mem=96)
        assert left.answer().guests == {"left": 0, "own": 96}
        left.lab.bridge("own", **left.span(vni=OWN_VNI + 2))
        with pytest.raises(Refused, match=rf"VXLAN {OWN_VNI + 2} .* in use on lab host left, by bridge own there"):
            make("three", "one", "four")
