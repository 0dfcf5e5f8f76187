# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab is, and what it cannot be."""

from __future__ import annotations

import re

import pytest
from ansible.constants import LOCALHOST
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import addressing, rules
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.addressing import Address
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, nearest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    Bridge,
    Guest,
    Iface,
    Power,
    Route,
    derived_mac,
    link_name,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.reference import (
    BridgeRef,
    GuestRef,
    IfaceRef,
    LegRef,
    Reference,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.span import Span
from ansible_collections.dumm.lab.tests.unit.helpers.labs import guest, lab

# Three lab hosts: this one, and the peers of its spans.
HOSTS = ("192.0.2.1", ("192.0.2.2", "192.0.2.3"))

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize("name", ["a", "alice", "ALICE", "web-1", "0", "a" * 63])
def test_a_dns_label_names_a_guest_or_a_bridge(name: str) -> None:
    rules.check_label("guest", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "a.b",
        "a_b",
        "a b",
        "a/b",
        "..",
        "a\n",
        "ä",
        "\u212a",
        "\u0661",
        "a" * 64,
        "/",
        "a\0",
        "alice:eth0",
    ],
)
def test_nothing_else_names_a_guest_or_a_bridge(name: str) -> None:
    with pytest.raises(InvalidInput, match="DNS label") as caught:
        rules.check_label("guest", name)

    assert caught.value.subject == f"guest {name!r}"


@pytest.mark.parametrize("name", ["R1", "host", "10", "vec0", "dumm-guests", "All", "all-1", "local", "default", "lo"])
def test_a_guest_may_have_a_name_that_means_nothing_else(name: str) -> None:
    rules.check_guest_name(name)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("all", "Ansible's group of all hosts"),
        ("ungrouped", "Ansible's group of the hosts without a group"),
        ("localhost", "the controller to Ansible, and each machine to itself"),
        ("LocalHost", "the controller to Ansible, and each machine to itself"),
        ("ip6-localhost", "each machine to itself, in /etc/hosts"),
        ("ip6-loopback", "each machine to itself, in /etc/hosts"),
    ],
)
def test_a_guest_cannot_have_a_name_that_means_something_else(name: str, meaning: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.check_guest_name(name)

    assert str(caught.value) == f"guest {name}: the name {name} is {meaning}; give the guest another name"


def test_what_ansible_takes_for_the_controller_cannot_be_a_guest() -> None:
    """Should Ansible come to know another name for it."""
    for name in LOCALHOST:
        with pytest.raises(InvalidInput):
            rules.check_guest_name(name)


@pytest.mark.parametrize("name", ["lo", "all", "default"])
def test_a_bridge_cannot_have_a_name_that_each_namespace_has(name: str) -> None:
    with pytest.raises(
        InvalidInput, match=f"^bridge {name}: the name {name} is taken by the kernel; give the bridge another"
    ):
        rules.check_bridge_name(name)


@pytest.mark.parametrize("name", ["eth0", "e", "ens3f0np0", "eth0.100", "wg_0", "a@b", "vec", "vecx1", "A" * 15])
def test_an_interface_has_a_name_that_linux_takes(name: str) -> None:
    rules.check_ifname("alice", name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a:b", "eth0\n", "-eth0", "a" * 16, "é", "a%d"])
def test_other_names_of_interfaces_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"(?s)interface alice:.*Linux takes"):
        rules.check_ifname("alice", name)


@pytest.mark.parametrize("name", ["lo", "vec0", "vec17", "all", "default", "bonding_masters"])
def test_names_that_the_guests_kernel_gives_itself_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="taken by the guest's kernel"):
        rules.check_ifname("alice", name)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.1/24", "10.0.0.1/24"),
        ("10.0.0.1/255.255.255.0", "10.0.0.1/24"),
        ("192.0.2.7/32", "192.0.2.7/32"),
        ("fd00::1/64", "fd00::1/64"),
        ("FD00:0:0:0::0001/64", "fd00::1/64"),
    ],
)
def test_an_address_has_one_spelling(text: str, canonical: str) -> None:
    assert rules.parse_address(text, "interface alice:eth0") == canonical


@pytest.mark.parametrize("text", ["10.0.0.1", "fd00::1", ""])
def test_an_address_without_prefix_length_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"no prefix length; write it as .*/24"):
        rules.parse_address(text, "interface alice:eth0")


@pytest.mark.parametrize(
    "text", ["10.0.0/24", "10.0.0.1/33", "fd00::1/129", "moon/24", "10.0.0.1/", "/24", "1.2.3.4/a"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"interface alice:eth0.*no IP address"):
        rules.parse_address(text, "interface alice:eth0")


@given(st.ip_addresses(), st.integers(0, 32))
def test_reading_a_canonical_address_changes_nothing(address: Address, length: int) -> None:
    assume(addressing.unassignable(address) is None)
    once = rules.parse_address(f"{address}/{length}", "interface alice:eth0")

    assert rules.parse_address(once, "interface alice:eth0") == once


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0/0", "stands for no address at all"),
        ("::/64", "stands for no address at all"),
        ("224.0.0.1/24", "is a multicast group"),
        ("ff02::1/64", "is a multicast group"),
        ("127.0.0.5/8", "never leaves a machine"),
        ("::1/128", "never leaves a machine"),
        ("0.1.2.3/8", "is none of a host"),
        ("255.255.255.255/32", "is the address of everybody"),
        ("::ffff:1.2.3.4/96", "is 1.2.3.4 in the words of IPv6"),
    ],
)
def test_an_address_that_no_interface_can_have_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=f"^interface alice:eth0: address [^ ]+ {why}; give one of a host"):
        rules.parse_address(text, "interface alice:eth0")


@pytest.mark.parametrize("text", ["169.254.1.1/16", "240.0.0.1/4", "100.64.0.1/10", "fe80::1/64", "fec0::1/64"])
def test_an_address_of_a_special_kind_that_works_is_taken(text: str) -> None:
    assert rules.parse_address(text, "interface alice:eth0") == text


def test_an_address_with_a_zone_is_refused_with_the_one_without() -> None:
    with pytest.raises(InvalidInput, match=r"address 'fe80::1%eth0/64' names an interface; write fe80::1/64;"):
        rules.parse_address("fe80::1%eth0/64", "interface alice:eth0")


@pytest.mark.parametrize("text", ["02:00:00:00:00:01", "02-00-00-00-00-01"])
def test_a_mac_address_has_one_spelling(text: str) -> None:
    assert rules.parse_mac(text.upper(), "interface alice:eth0") == "02:00:00:00:00:01"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:0g",
        "0200.0000.0001",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "0:0:0:0:0:0",
        "00:00:00:00:00:00",
        "02:00:00:00:00:01\n",
    ],
)
def test_what_is_no_unicast_mac_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no unicast MAC address"):
        rules.parse_mac(text, "interface alice:eth0")


@given(labels, labels)
def test_a_derived_mac_address_is_stable_local_and_unicast(lab_name: str, label: str) -> None:
    mac = derived_mac(lab_name, label)

    assert mac == derived_mac(lab_name, label) == rules.parse_mac(mac, "")
    assert int(mac[:2], 16) & 0b11 == 0b10


def test_derived_mac_addresses_differ_between_labs_guests_and_interfaces() -> None:
    macs = {derived_mac(name, f"{owner}:eth{n}") for name in "abc" for owner in "abc" for n in range(20)}

    assert len(macs) == 3 * 3 * 20


def test_an_interface_without_a_mac_address_of_its_own_has_the_derived_one() -> None:
    given_mac = Iface("alice", "eth0", mac="02:00:00:00:00:01")
    derived = Iface("alice", "eth1")
    host = lab(guest("alice", given_mac, derived))

    assert host.mac_of(given_mac) == "02:00:00:00:00:01"
    assert host.mac_of(derived) == derived_mac(host.name, "alice:eth1")


@given(labels, st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,14}", fullmatch=True))
def test_a_device_has_a_short_stable_name(owner: str, name: str) -> None:
    full = Iface(owner, name).tap_name

    short = link_name(full)

    assert short == link_name(full)
    assert len(short.encode()) <= 15
    assert (short == full) == (len(full) <= 15)
    assert re.fullmatch(r"[a-z0-9_.-]+", short)


def test_long_names_with_a_common_beginning_stay_apart() -> None:
    names = {link_name(f"a-rather-long-name-{number}-eth0") for number in range(2000)}

    assert len(names) == 2000


# check: what cannot be.  Each case names who is at fault and a word of why.

TWICE = "is already that of"


@pytest.mark.parametrize(
    ("objects", "fault"),
    [
        pytest.param([guest("a", mem=31)], "guest a: mem: 31 MB is too little", id="too little memory"),
        pytest.param([guest("a", mem=3)], "guest a: mem: 3 MB is too little", id="much too little memory"),
        pytest.param(
            [guest("a", Iface("a", "eth0", mtu=1279, addresses=("10.0.0.1/24", "fd00::1/64")))],
            "interface a:eth0: mtu 1279 is too small for IPv6, which fd00::1/64 needs; use 1280 or more",
            id="mtu too small for an IPv6 address",
        ),
        pytest.param(
            [guest("a", Iface("a", "eth0", mtu=1000), routes=(Route("fd00::/64", dev="eth0"),))],
            "interface a:eth0: mtu 1000 is too small for IPv6, which fd00::/64 needs",
            id="mtu too small for an IPv6 route",
        ),
        pytest.param(
            [guest("a", Iface("a", "eth0", mtu=1000), sysctl=(("net.ipv6.conf.eth0.accept_ra", "0"),))],
            "interface a:eth0: mtu 1000 is too small for IPv6, which net.ipv6.conf.eth0.accept_ra needs",
            id="mtu too small for a setting of IPv6",
        ),
        pytest.param(
            [Bridge("br0", addresses=("fd00::1/64",), mtu=1000)],
            "bridge br0: mtu 1000 is too small for IPv6, which fd00::1/64 of the host's leg needs",
            id="mtu of a bridge too small for its leg",
        ),
        pytest.param(
            [Bridge("br0", addresses=("fd00::1/64",)), guest("a", Iface("a", "eth0", "br0", mtu=1000))],
            "bridge br0: mtu 1000 of interface a:eth0, which the bridge takes over, is too small for IPv6",
            id="mtu of a port too small for the leg",
        ),
        pytest.param(
            [guest("a", Iface("a", "eth0", addresses=("10.0.0.1/24", "10.0.0.1/16")))],
            "interface a:eth0: address 10.0.0.1/16 is given twice; leave one of them",
            id="an address twice on an interface",
        ),
        pytest.param(
            [
                guest(
                    "a",
                    Iface("a", "eth0", addresses=("10.0.0.1/24",)),
                    Iface("a", "eth1", addresses=("10.0.0.1/24",)),
                )
            ],
            "interface a:eth1: address 10.0.0.1/24 is that of interface a:eth0 too; give it another, or the same with /32",
            id="an address twice in a guest",
        ),
        pytest.param(
            [
                Bridge("br0"),
                guest("a", Iface("a", "eth0", "br0", addresses=("10.0.0.1/24",))),
                guest("b", Iface("b", "eth0", "br0", addresses=("10.0.0.2/16",))),
            ],
            "interface b:eth0: address 10.0.0.2/16 is in a prefix that overlaps that of 10.0.0.1/24 of interface a:eth0 on"
            " bridge br0; give both the same prefix length, or this one /32",
            id="overlapping prefixes in a segment",
        ),
        pytest.param(
            [
                Bridge("br0", addresses=("fd00::1/48",)),
                guest("b", Iface("b", "eth0", "br0", addresses=("fd00:0:0:7::2/64",))),
            ],
            "interface b:eth0: address fd00:0:0:7::2/64 is in a prefix that overlaps that of fd00::1/48 of the host's leg",
            id="a prefix that overlaps that of the leg",
        ),
        pytest.param([guest("a", Iface("a", "eth0", mtu=67))], "interface a:eth0: mtu 67", id="mtu too small"),
        pytest.param([guest("a", Iface("a", "eth0", mtu=65522))], "interface a:eth0: mtu 65522", id="mtu too large"),
        pytest.param([Bridge("br0", mtu=67)], "bridge br0: mtu 67", id="mtu of a bridge too small"),
        pytest.param([Bridge("br0", mtu=65522)], "bridge br0: mtu 65522", id="mtu of a bridge too large"),
        pytest.param([Bridge("br0", group_fwd_mask=1)], "bridge br0: group_fwd_mask 1", id="mask with STP's bit"),
        pytest.param([Bridge("br0", group_fwd_mask=4)], "bridge br0: group_fwd_mask 4", id="mask with LACP's bit"),
        pytest.param([Bridge("br0", group_fwd_mask=65536)], "bridge br0: group_fwd_mask 65536", id="mask too large"),
        pytest.param([Bridge("br0", group_fwd_mask=-8)], "bridge br0: group_fwd_mask -8", id="mask below zero"),
        pytest.param([Bridge("br0", span=Span(0, HOSTS[0]))], "bridge br0: vni 0 is out of range", id="no vni"),
        pytest.param([Bridge("br0", span=Span(1 << 24, HOSTS[0]))], "vni 16777216 is out of", id="vni too large"),
        pytest.param([Bridge("br0", span=Span(1, HOSTS[0], port=65536))], "port 65536 is out of", id="port too large"),
        pytest.param([Bridge("br0", span=Span(1, HOSTS[0], mtu=100))], "mtu 100 between lab hosts", id="no room"),
        pytest.param(
            [Bridge("br0", span=Span(1, HOSTS[0], ("2001:db8::2",)))],
            "bridge br0: it spans 192.0.2.1, 2001:db8::2, which are of two families; give all lab hosts an IPv4 address",
            id="lab hosts of two families",
        ),
        pytest.param(
            [Bridge("br0", span=Span(7, HOSTS[0])), Bridge("br1", span=Span(7, HOSTS[0]))],
            "bridge br1: vni 7 is already that of bridge br0; give one of them another",
            id="a vni twice",
        ),
        pytest.param(
            [Bridge("wan", span=Span(7, HOSTS[0])), Bridge("wan-span")],
            "its device would be wan-span, as that of bridge wan",
            id="the name of a tunnel",
        ),
        pytest.param(
            [Bridge("br0"), guest("a", Iface("a", "eth0", "bro"))],
            "interface a:eth0: there is no bridge bro; make it first with dumm_bridge (did you mean br0?",
            id="unknown bridge",
        ),
        pytest.param(
            [guest("a", Iface("a", "eth0", "br0"))], "there is no bridge br0; make it first", id="no bridge at all"
        ),
        pytest.param(
            [
                Bridge("br0"),
                guest("a", Iface("a", "eth0", "br0", addresses=("10.0.0.1/24",))),
                guest("b", Iface("b", "eth0", "br0", addresses=("10.0.0.1/16",))),
            ],
            f"interface b:eth0: address 10.0.0.1 {TWICE} interface a:eth0 on bridge br0",
            id="an address twice in a segment",
        ),
        pytest.param(
            [
                Bridge("br0", addresses=("fd00::1/64",)),
                guest("b", Iface("b", "eth0", "br0", addresses=("fd00:0::0:1/64",))),
            ],
            f"interface b:eth0: address fd00::1 {TWICE} the host's leg of bridge br0",
            id="an IPv6 address twice, spelt differently",
        ),
        pytest.param(
            [
                Bridge("br0"),
                guest("a", Iface("a", "eth0", "br0", mac="02:00:00:00:00:01")),
                guest("b", Iface("b", "eth0", "br0", mac="02:00:00:00:00:01")),
            ],
            f"interface b:eth0: MAC address 02:00:00:00:00:01 {TWICE} interface a:eth0",
            id="a MAC address twice in a segment",
        ),
        pytest.param(
            [
                Bridge("br0"),
                guest("a", Iface("a", "eth0", "br0")),
                guest("b", Iface("b", "eth0", "br0", mac=derived_mac("dumm-test", "a:eth0"))),
            ],
            f"interface b:eth0: MAC address {derived_mac('dumm-test', 'a:eth0')} {TWICE}",
            id="a MAC address that another one's is derived as",
        ),
        pytest.param(
            [guest("a-b", Iface("a-b", "c")), guest("a", Iface("a", "b-c"))],
            "interface a:b-c: its device would be a-b-c, as that of interface a-b:c",
            id="two TAPs of one name",
        ),
        pytest.param(
            [guest("a", Iface("a", "eth0")), Bridge("a-eth0")],
            "bridge a-eth0: its device would be a-eth0, as that of interface a:eth0",
            id="a bridge named as a TAP",
        ),
        pytest.param(
            [Bridge("br0"), *(guest("a", *(Iface("a", f"e{n}", "br0") for n in range(1024))),)],
            "bridge br0: 1024 ports",
            id="more ports than a bridge has",
        ),
    ],
)
def test_a_lab_cannot_be_so(objects: list[Guest | Bridge], fault: str) -> None:
    faults = rules.check(lab(*objects))

    assert [fault in str(each) for each in faults] == [True], faults
    assert [str(each.about) for each in faults] == [each.subject for each in faults]


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([], id="nothing"),
        pytest.param([guest("a", mem=32)], id="32 MB"),
        pytest.param([guest("a", Iface("a", "e0", mtu=68), Iface("a", "e1", mtu=65521))], id="the limits of an mtu"),
        pytest.param([guest("a", Iface("a", "eth0", mtu=1000, addresses=("10.0.0.1/24",)))], id="small mtu with IPv4"),
        pytest.param([guest("a", Iface("a", "eth0", mtu=1280, addresses=("fd00::1/64",)))], id="smallest mtu of IPv6"),
        pytest.param(
            [
                Bridge("br0", addresses=("fd00::1/64",), mtu=1500),
                guest("a", Iface("a", "eth0", "br0", mtu=1000, addresses=("10.0.0.1/24",))),
            ],
            id="a bridge with an mtu of its own",
        ),
        pytest.param(
            [
                guest(
                    "a",
                    Iface("a", "eth0", addresses=("10.9.9.1/32", "fe80::1/64")),
                    Iface("a", "eth1", addresses=("10.9.9.1/32", "fe80::1/64")),
                    Iface("a", "eth2", addresses=("10.0.0.1/24",)),
                    Iface("a", "eth3", addresses=("10.0.0.1/24",), up=False),
                )
            ],
            id="unnumbered and link-local on several interfaces, and one that stands by",
        ),
        pytest.param(
            [
                Bridge("br0", addresses=("10.0.1.254/24",)),
                guest("a", Iface("a", "eth0", "br0", addresses=("10.0.0.1/24", "10.0.0.100/32", "fe80::1/10"))),
                guest("b", Iface("b", "eth0", "br0", addresses=("10.0.0.2/24", "fd00::2/128", "fe80::2/64"))),
                guest("c", Iface("c", "eth0", "br0", addresses=("fd00::3/64",))),
            ],
            id="several prefixes in a segment, and addresses of hosts alone",
        ),
        pytest.param(
            [
                Bridge("br0"),
                Bridge("br1"),
                guest("a", Iface("a", "eth0", "br0", addresses=("10.0.0.1/24",))),
                guest("b", Iface("b", "eth0", "br1", addresses=("10.0.0.1/16",))),
            ],
            id="the same address in two segments",
        ),
        pytest.param([Bridge("br0", group_fwd_mask=0xFFF8, mtu=68)], id="all groups that Linux lets through"),
        pytest.param([Bridge("br0", span=Span((1 << 24) - 1, *HOSTS, port=65535, mtu=65535))], id="a large span"),
        pytest.param(
            [Bridge("br0", span=Span(7, HOSTS[0])), Bridge("br1", span=Span(7, HOSTS[0], port=14789))],
            id="a vni on two ports",
        ),
        pytest.param([Bridge("wan"), Bridge("wan-span")], id="the name of no tunnel"),
        pytest.param([guest("a", Iface("a", "eth0"))], id="an interface in no bridge"),
        pytest.param(
            [
                Bridge("br0"),
                Bridge("br1"),
                guest("a", Iface("a", "eth0", "br0", "02:00:00:00:00:01", addresses=("10.0.0.1/24",))),
                guest("b", Iface("b", "eth0", "br1", "02:00:00:00:00:01", addresses=("10.0.0.1/24",))),
            ],
            id="the same addresses in two segments",
        ),
        pytest.param(
            [
                guest("a", Iface("a", "eth0", addresses=("10.0.0.1/24",))),
                guest("b", Iface("b", "eth0", addresses=("10.0.0.1/24",))),
            ],
            id="the same address where nothing is plugged in",
        ),
        pytest.param(
            [Bridge("br0"), guest("a", *(Iface("a", f"e{n}", "br0") for n in range(1023)))],
            id="as many ports as it has",
        ),
    ],
)
def test_a_lab_can_be_so(objects: list[Guest | Bridge]) -> None:
    assert rules.check(lab(*objects)) == []


def test_every_fault_is_named() -> None:
    broken = lab(Bridge("br0", mtu=1), guest("a", Iface("a", "eth0", "br1", mtu=1), mem=1))

    assert [fault.subject for fault in rules.check(broken)] == [
        "guest a",
        "interface a:eth0",
        "interface a:eth0",
        "bridge br0",
    ]


@pytest.mark.parametrize(
    ("objects", "about", "setting"),
    [
        ([guest("a", mem=1)], GuestRef("a"), "mem"),
        ([guest("a", disk=rules.MAX_DISK + 1)], GuestRef("a"), "disk"),
        ([guest("a", layers=("/l", "/l"))], GuestRef("a"), "layers"),
        ([guest("a", sysctl=(("a.b", "0"), ("a/b", "1")))], GuestRef("a"), None),
        ([guest("a", Iface("a", "eth0", mtu=1))], IfaceRef("a", "eth0"), "mtu"),
        ([guest("a", Iface("a", "eth0", "br0"))], IfaceRef("a", "eth0"), None),
        ([guest("a", Iface("a", "eth0", addresses=("10.0.0.1/24",) * 2))], IfaceRef("a", "eth0"), "address"),
        ([Bridge("br0", mtu=1)], BridgeRef("br0"), "mtu"),
        ([Bridge("br0", group_fwd_mask=1)], BridgeRef("br0"), "group_fwd_mask"),
        ([Bridge("br0", span=Span(0, "192.0.2.1"))], BridgeRef("br0"), "span"),
        ([Bridge("br0", addresses=("10.0.0.1/24",) * 2)], LegRef("br0"), "address"),
        (
            [Bridge("br0"), *(guest(name, Iface(name, "eth0", "br0", mac="02:00:00:00:00:01")) for name in "ab")],
            IfaceRef("b", "eth0"),
            "mac",
        ),
    ],
)
def test_a_fault_carries_its_object_and_its_setting(
    objects: list[Guest | Bridge], about: Reference, setting: str | None
) -> None:
    assert [(fault.about, fault.setting) for fault in rules.check(lab(*objects))] == [(about, setting)]


def test_removing_a_bridge_unplugs_its_ports_and_no_others() -> None:
    before = lab(Bridge("br0"), Bridge("br1"), guest("a", Iface("a", "eth0", "br0"), Iface("a", "eth1", "br1")))

    after = before.without_bridge("br0")

    assert set(after.bridges) == {"br1"}
    assert [iface.bridge for iface in after.ifaces()] == [None, "br1"]
    assert [iface.bridge for iface in before.ifaces()] == ["br0", "br1"]


@pytest.mark.parametrize(
    ("power", "alive"),
    [
        (Power.STOPPED, False),
        (Power.STARTING, True),
        (Power.RUNNING, True),
        (Power.PAUSED, True),
        (Power.DIED, False),
    ],
)
def test_a_guest_has_a_process_or_not(power: Power, alive: bool) -> None:
    assert power.alive is alive


@pytest.mark.parametrize(
    ("name", "known", "remedy"),
    [
        ("alcie", ["alice", "bob"], "did you mean alice? (known: alice, bob)"),
        ("zzz", ["bob", "alice"], "known: alice, bob"),
        ("alice", [], "there is none yet"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_known(name: str, known: list[str], remedy: str) -> None:
    assert nearest(name, known) == remedy


def test_of_many_known_names_the_most_alike_are_told() -> None:
    known = [*(f"option{number}" for number in range(20)), "mem", "name"]

    assert nearest("ram", known).startswith("known: mem, name, option")
    assert nearest("ram", known).endswith(", and 12 more")
    assert nearest("gast7", [f"guest{number:04}" for number in range(3000)]).endswith("guest0009, and 2990 more")
