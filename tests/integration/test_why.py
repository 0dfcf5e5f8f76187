# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``why``: in a lab that was broken in one way, the hop and the reason are named.

alice - lan-a - moon - lan-b - bob, and carol beside bob.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab import BASE, PATIENCE, REPOSITORY, SERVICES, TUNED, Lab, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.bench import Bench
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.why import Found, sentence, why

HAS_FILTERS = (BASE / "kernels" / TUNED).exists() and (BASE / "masters" / SERVICES).exists()
FILTERS = {"kernel": TUNED, "master": SERVICES, "init": "minimal", "mem": 128} if HAS_FILTERS else {}
LINK = {"a": "alice:eth0", "b": "moon:eth0", "name": "lan-a"}
CONFIG = {
    "defaults": {"mem": 64},
    "links": [LINK],
    "bridges": {"lan-b": {"prefix": "10.2.0.0/24"}},
    "guests": {
        "alice": {
            "interfaces": {"eth0": {"address": ["10.1.0.10/24", "fd01::10/64"]}},
            "routes": ["default via 10.1.0.1", "default via fd01::1"],
        },
        "moon": {
            "interfaces": {
                "eth0": {"address": ["10.1.0.1/24", "fd01::1/64"]},
                "eth1": {"bridge": "lan-b", "address": ["10.2.0.1/24", "fd02::1/64"]},
            },
            "sysctl": {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1},
            **FILTERS,
        },
        "bob": {
            "interfaces": {"eth0": {"bridge": "lan-b", "address": ["10.2.0.10/24", "fd02::10/64"]}},
            "routes": ["default via 10.2.0.1", "default via fd02::1"],
        },
        "carol": {"interfaces": {"eth0": {"bridge": "lan-b", "address": ["10.2.0.11/24"]}}},
    },
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with fresh_lab() as fresh:
        fresh.scenario("way", CONFIG)
        yield fresh


def ask(lab: Lab, source: str = "alice", target: str = "bob", **options: int) -> Found:
    return why(Bench(lab.workdir, lab.workdir.load()), source, target, **options)


@contextmanager
def broken(lab: Lab, guest: str, command: str, repair: str) -> Iterator[None]:
    forget(lab)
    lab.read(guest, command)
    try:
        yield
    finally:
        lab.read(guest, repair)


def forget(lab: Lab) -> None:
    """Neighbours that a test has made unreachable are asked for again at once."""
    for guest in CONFIG["guests"]:  # type: ignore[attr-defined]
        lab.run(guest, "ip neigh flush all")


@pytest.mark.parametrize("options", [{}, {"family": 6}], ids=str)
def test_a_whole_way_is_shown(lab: Lab, options: dict[str, int]) -> None:
    # A guest may sleep over a packet (docs/explanation/architecture.md).
    found = until(lambda: answer if (answer := ask(lab, **options)).verdict.good else None, "an answer to each request")

    labels = ["alice:eth0", "moon:eth0", "moon:eth1", "bob:eth0"]
    assert [(post.label, post.inward, post.count) for post in found.verdict.there] == [
        (label, inward, 3) for label, inward in zip(labels, (False, True, False, True), strict=True)
    ]
    assert [post.label for post in found.verdict.back] == labels[::-1]
    assert found.text.splitlines()[-1].endswith(" of 3 answered")


DROP = "nft -f - <<'END'\ntable inet f { chain c { type filter hook forward priority 0; icmp type echo-request counter drop; }; }\nEND"
SILENT = DROP.replace("counter ", "")
LEGACY = "iptables-legacy"
# By name: in which guest, what breaks it, what repairs it, where the packet dies, and what is said of it.
WAYS = {
    "no route at the source": (
        "alice",
        "ip route del default",
        "ip route add default via 10.1.0.1",
        "alice",
        "alice has no route to 10.2.0.10",
    ),
    "no route on the way": (
        "moon",
        "ip route del 10.2.0.0/24",
        "ip route add 10.2.0.0/24 dev eth1 src 10.2.0.1",
        "moon",
        "moon has no route to 10.2.0.10",
    ),
    "forwarding off": (
        "moon",
        "sysctl -qw net.ipv4.ip_forward=0",
        "sysctl -qw net.ipv4.ip_forward=1",
        "moon",
        "moon does not forward it: net.ipv4.ip_forward is 0; set sysctl net.ipv4.ip_forward: 1 of moon",
    ),
    "no way back": (
        "bob",
        "ip route del default",
        "ip route add default via 10.2.0.1",
        "bob",
        "bob gets it, and has no route back to 10.1.0.10",
    ),
    "a route that drops": (
        "moon",
        "ip route add blackhole 10.2.0.10",
        "ip route del blackhole 10.2.0.10",
        "moon",
        "moon has a route that drops it (blackhole) to 10.2.0.10",
    ),
    "another address": (
        "bob",
        "ip addr del 10.2.0.10/24 dev eth0; ip addr add 10.2.0.77/24 dev eth0",
        "ip addr flush dev eth0 scope global; ip addr add 10.2.0.10/24 dev eth0; ip addr add fd02::10/64 dev eth0;"
        " ip route replace default via 10.2.0.1; ip route replace default via fd02::1",
        "moon",
        "nobody answers ARP for 10.2.0.10 on lan-b: bob:eth0 should have that address, and has 10.2.0.77/24",
    ),
    "an interface down at the target": (
        "bob",
        "ip link set eth0 down",
        "ip link set eth0 up; ip addr replace fd02::10/64 dev eth0; ip route add default via 10.2.0.1;"
        " ip route replace default via fd02::1",
        "moon",
        "nobody answers ARP for 10.2.0.10 on lan-b: bob:eth0, whose address it is, is down; set bob:eth0 up",
    ),
    "an interface down on the way": (
        "moon",
        "ip link set eth1 down",
        "ip link set eth1 up; ip addr replace fd02::1/64 dev eth1",
        "moon",
        "interface moon:eth1 is down, and moon has no route to 10.2.0.10",
    ),
    "everything is lost": (
        "moon",
        "tc qdisc add dev eth1 root netem loss 100%",
        "tc qdisc del dev eth1 root",
        "moon",
        "the cable loses it at moon:eth1: its queue has dropped",
    ),
    "replies are lost": (
        "bob",
        "tc qdisc add dev eth0 root netem loss 100%",
        "tc qdisc del dev eth0 root",
        "bob",
        "the cable loses it at bob:eth0: its queue has dropped",
    ),
    "the reverse path of a question": (
        "moon",
        "sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route add 10.1.0.10/32 dev eth1",
        "sysctl -qw net.ipv4.conf.all.rp_filter=0; ip route del 10.1.0.10/32 dev eth1",
        "moon",
        "the reverse path filter of moon drops it: 10.1.0.10 comes by eth0, and moon has another way to it",
    ),
    "the reverse path": (
        "moon",
        "ping -c 1 -W 30 10.1.0.10; sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route add 10.1.0.10/32 dev eth1",
        "sysctl -qw net.ipv4.conf.all.rp_filter=0; ip route del 10.1.0.10/32 dev eth1",
        "moon",
        "the reverse path filter of moon drops it: 10.1.0.10 comes by eth0, and moon has another way to it",
    ),
    "echoes ignored": (
        "bob",
        "sysctl -qw net.ipv4.icmp_echo_ignore_all=1",
        "sysctl -qw net.ipv4.icmp_echo_ignore_all=0",
        "bob",
        "bob answers no echo requests: net.ipv4.icmp_echo_ignore_all is 1",
    ),
    "a wrong neighbour": (
        "moon",
        "ip neigh replace 10.2.0.10 lladdr 02:00:00:00:00:09 dev eth1 nud permanent",
        "ip neigh del 10.2.0.10 dev eth1",
        "moon",
        "moon sends it to MAC address 02:00:00:00:00:09, and bob:eth0 has",
    ),
}
FILTERED = {
    "a rule of nftables": (
        "moon",
        DROP,
        "nft delete table inet f",
        "moon",
        "a filter of moon drops it: icmp type echo-request counter",
    ),
    "a rule without a counter": (
        "moon",
        SILENT,
        "nft delete table inet f",
        "moon",
        "a filter of moon may drop it, which does not count: icmp type",
    ),
    "a rule of iptables": (
        "moon",
        f"{LEGACY} -A FORWARD -p icmp -j DROP",
        f"{LEGACY} -D FORWARD -p icmp -j DROP",
        "moon",
        "a filter of moon drops it: -A FORWARD -p icmp -j DROP",
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        *WAYS,
        *(pytest.param(each, marks=pytest.mark.skipif(not HAS_FILTERS, reason="no tuned kernel")) for each in FILTERED),
    ],
)
def test_the_hop_and_the_reason_are_named(lab: Lab, name: str) -> None:
    guest, command, repair, hop, reason = {**WAYS, **FILTERED}[name]
    with broken(lab, guest, command, repair):
        found = ask(lab)

    assert (found.verdict.hop, reason in sentence(found.verdict)) == (hop, True), found.text


def test_a_segment_that_is_unplugged_is_named(lab: Lab) -> None:
    forget(lab)
    lab.iface("bob", "eth0", bridge="")
    try:
        found = ask(lab)
    finally:
        lab.scenario("way", CONFIG)

    assert found.verdict.hop == "moon", found.text
    assert (
        "nobody answers ARP for 10.2.0.10 on lan-b: bob:eth0, whose address it is, is unplugged" in found.verdict.reason
    )


def test_conditions_of_a_link_are_named(lab: Lab) -> None:
    lossy = {**LINK, "a": {"guest": "alice", "interface": "eth0", "loss": "100%"}}
    forget(lab)
    lab.scenario("way", {**CONFIG, "links": [lossy]})
    try:
        found = ask(lab)
    finally:
        lab.scenario("way", CONFIG)

    assert found.verdict.hop == "alice", found.text
    assert "the cable loses it at alice:eth0: its conditions lose 100 % of what it sends" in found.verdict.reason


def test_a_paused_guest_is_named(lab: Lab) -> None:
    lab.guest("bob", state="paused")
    try:
        found = ask(lab)
    finally:
        lab.guest("bob")

    assert "bob" in found.verdict.reason and "paused" in found.verdict.reason, found.text


def test_a_guest_without_a_route_to_a_neighbour_is_not_the_source(lab: Lab) -> None:
    """carol has no way back, and alice's own way is whole."""
    found = ask(lab, target="carol")

    assert found.verdict.hop == "carol", found.text
    assert "carol gets it, and has no route back to 10.1.0.10" in found.verdict.reason


def test_a_port_that_nobody_listens_at_is_named(lab: Lab) -> None:
    found = ask(lab, port=81)

    assert found.verdict.hop == "bob", found.text
    assert found.verdict.reason == "bob refuses it: nothing listens at TCP port 81 of 10.2.0.10"


def test_a_guest_that_has_no_ip_cannot_be_asked(lab: Lab) -> None:
    with broken(lab, "bob", "mv $(readlink -f $(command -v ip)) /root/ip", "mv /root/ip /usr/bin/ip"):
        found = ask(lab)

    assert "without a command ip: bob" in found.text


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("nobody", "bob", "nobody: it is neither a guest nor an interface of one"),
        ("alice:eth7", "bob", "alice:eth7: it is neither a guest nor an interface of one"),
        ("alice", "nobody", "nobody: it is neither a guest nor an address"),
        ("alice", "bbo", "bbo: it is neither a guest nor an address; did you mean bob"),
    ],
)
def test_ends_that_are_not_there_are_refused(lab: Lab, source: str, target: str, told: str) -> None:
    with pytest.raises((InvalidInput, GuestError), match=told):
        ask(lab, source, target)


def test_the_command_names_the_hop_and_fails(lab: Lab) -> None:
    command = [REPOSITORY / "scripts/dumm", "why", "--workdir", lab.path]
    with broken(lab, "moon", "sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"):
        done = subprocess.run([*command, "alice -> bob"], capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "alice (10.1.0.10) -> bob (10.2.0.10): 3 echo requests",
        "              requests  replies",
        "  alice:eth0  3 out",
        "  moon:eth0   3 in",
        "moon does not forward it: net.ipv4.ip_forward is 0; set sysctl net.ipv4.ip_forward: 1 of moon",
    ]
