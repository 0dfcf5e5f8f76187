# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest's network is read and changed from inside."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import network, settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions, is_same
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import line as line_of
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Link
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, sysctl_path

MAC = "02:00:00:00:00:01"
ETH0: dict[str, Any] = {
    "ifname": "eth0",
    "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    "mtu": 1500,
    "address": MAC,
    "addr_info": [
        {"family": "inet", "local": "10.0.0.1", "prefixlen": 24, "scope": "global"},
        {"family": "inet6", "local": "fd00::1", "prefixlen": 64, "scope": "global"},
        {"family": "inet6", "local": "fd00::5054", "prefixlen": 64, "scope": "global", "dynamic": True},
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
    ],
}
LO: dict[str, Any] = {"ifname": "lo", "flags": ["LOOPBACK"], "mtu": 65536, "addr_info": []}
UNIT = "/sys/class/net/eth0/device /sys/devices/platform/uml-vector.3"


def answer(
    addresses: str = json.dumps([LO, {}, ETH0]), routes: str = "[]", routes6: str = "", rest: str = f"alice\n{UNIT}\n"
) -> bytes:
    """What the script writes."""
    return "--dumm--\n".join([addresses, routes, routes6, "", "", rest]).encode()


def test_an_answer_tells_interfaces_addresses_and_hostname() -> None:
    inside = network.parse("alice", answer())

    assert inside.hostname == "alice"
    assert inside.links["eth0"] == Link(
        "eth0", 3, MAC, 1500, True, ("10.0.0.1/24", "fd00::1/64"), link_local=("fe80::1/64",)
    )
    assert inside.links["lo"] == Link("lo", None, "", 65536, False, ())


def test_a_port_of_a_bond_keeps_the_bonds_mac_and_one_of_a_bridge_does_not() -> None:
    def lines(**told: str) -> list[str]:
        addresses = json.dumps([{**ETH0, "address": "02:00:00:00:00:02", **told}])
        link = network.parse("alice", answer(addresses)).links["eth0"]
        return network.change(link, Iface("alice", "eth0"), MAC, ())

    assert lines(master="bond0", permaddr=MAC) == []
    assert (
        lines(permaddr=MAC)
        == lines(master="br0")
        == [
            "link set eth0 down",
            f"link set eth0 address {MAC}",
            *[line for line in lines(master="br0") if line.startswith(("addr", "sysctl"))],
            "link set eth0 up",
        ]
    )


def test_a_link_local_address_counts_where_it_is_defined_now_or_was_before() -> None:
    link = network.parse("alice", answer()).links["eth0"]
    named, other = wanted("fe80::1/64"), wanted("fe80::2/64")

    assert "fe80::1/64" in link.counting(named, other).addresses
    assert "fe80::1/64" in link.counting(None, named).addresses
    assert link.counting(other, None) == link
    assert network.change(link.counting(named, named), named, MAC, ("10.0.0.1/24", "fd00::1/64"))[:2] == [
        "addr del fd00::1/64 dev eth0",
        "addr del 10.0.0.1/24 dev eth0",
    ]
    assert "addr del fe80::1/64 dev eth0" in network.change(link.counting(named, other), other, MAC, ("fe80::1/64",))


@pytest.mark.parametrize(
    ("told", "address"), [("::102:304", "::102:304/96"), ("::1.2.3.4", "::102:304/96"), ("1.2.3.4", "1.2.3.4/96")]
)
def test_an_address_is_told_in_one_spelling(told: str, address: str) -> None:
    entry = {**ETH0, "addr_info": [{"local": told, "prefixlen": 96, "scope": "global"}]}

    assert network.parse("alice", answer(json.dumps([entry]))).links["eth0"].addresses == (address,)


def test_an_answer_tells_the_routes_of_both_families() -> None:
    inside = network.parse("alice", answer(routes='[{"dst":"default"}]', routes6='[{"dst":"fd00::/64"}]'))

    assert [route["dst"] for route in inside.routes] == ["default", "fd00::/64"]


@pytest.mark.parametrize(
    "rest", ["alice\n", "alice\n/sys/class/net/eth0/device /sys/devices/pci0000:00/virtio0\n"], ids=["none", "another"]
)
def test_an_interface_of_another_driver_has_no_unit(rest: str) -> None:
    assert network.parse("alice", answer(rest=rest)).links["eth0"].unit is None


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"rubbish",
        answer()[:-60],
        answer(addresses="{"),
        answer(addresses='[{"ifname": "eth0"}]'),
        answer(addresses='["eth0"]'),
        answer(addresses='[{"ifname":"eth0","mtu":"x","flags":[]}]'),
        answer(rest=""),
        answer(rest="alice\nnospace\n"),
        answer(rest="alice\nx /uml-vector.1\n"),
        answer(addresses="[" * 100_000),
        answer(addresses='[{"ifname":"eth0","mtu":Infinity,"flags":[]}]'),
        answer(routes="[1]"),
        answer(routes='[{"dst":"rubbish","protocol":"static"}]'),
        answer(routes='[{"dst":["default"],"protocol":"static"}]'),
    ],
)
def test_an_answer_that_cannot_be_understood_names_the_guest(output: bytes) -> None:
    with pytest.raises(GuestError, match="guest alice: its network configuration cannot be understood"):
        network.parse("alice", output)


@given(st.binary() | st.text().map(lambda text: answer(rest=text)))
def test_no_answer_makes_parsing_crash(output: bytes) -> None:
    with contextlib.suppress(GuestError):
        network.parse("alice", output)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ifname", "mtu", "flags", "addr_info", "dst", "protocol", "gateway", "kind", "options"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON, _JSON, _JSON)
def test_no_json_makes_parsing_crash_nor_what_is_done_with_it(one: object, two: object, three: object) -> None:
    parts = [json.dumps(one), json.dumps(two), "[]", json.dumps(three), "", "alice\n"]
    try:
        inside = network.parse("alice", "--dumm--\n".join(parts).encode())
    except GuestError:
        return
    settings.routes_of(inside.routes)
    json.dumps([inside.hostname, *inside.routes, *inside.links])


def link(*addresses: str, mac: str = MAC, mtu: int = 1500, up: bool = True) -> Link:
    """eth0 as it is found."""
    return Link("eth0", 0, mac, mtu, up, addresses)


def wanted(*addresses: str, mtu: int = 1500, up: bool = True) -> Iface:
    """eth0 as it should be."""
    return Iface("alice", "eth0", mtu=mtu, up=up, addresses=addresses)


@pytest.mark.parametrize(
    ("found", "iface", "lines"),
    [
        pytest.param(link("10.0.0.1/24"), wanted("10.0.0.1/24"), [], id="as it should be"),
        pytest.param(
            link("10.0.0.1/24", "10.0.0.2/24"), wanted("10.0.0.2/24", "10.0.0.1/24"), [], id="in another order"
        ),
        pytest.param(
            link(),
            wanted("10.0.0.1/24", "fd00::1/64"),
            [
                "sysctl net/ipv6/conf/eth0/disable_ipv6 0",
                "addr replace 10.0.0.1/24 dev eth0",
                "addr replace fd00::1/64 dev eth0 nodad",
            ],
            id="add, without detection of duplicates",
        ),
        pytest.param(
            link("10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"),
            wanted("10.0.0.2/24"),
            [
                "addr del 10.0.0.3/24 dev eth0",
                "addr del 10.0.0.1/24 dev eth0",
                "addr replace 10.0.0.2/24 dev eth0",
            ],
            id="the first of a prefix goes last, and what stays is said again",
        ),
        pytest.param(link(up=False), wanted(), ["link set eth0 up"], id="up"),
        pytest.param(link(), wanted(up=False), ["link set eth0 down"], id="down"),
        pytest.param(
            link("fd00::1/64"),
            wanted("fd00::1/64", up=False),
            [
                "link set eth0 down",
                "sysctl net/ipv6/conf/eth0/disable_ipv6 0",
                "addr replace fd00::1/64 dev eth0 nodad",
            ],
            id="down with IPv6, which the kernel forgets",
        ),
        pytest.param(
            link("fd00::1/64", mac="02:00:00:00:00:09"),
            wanted("fd00::1/64"),
            [
                "link set eth0 down",
                f"link set eth0 address {MAC}",
                "sysctl net/ipv6/conf/eth0/disable_ipv6 0",
                "addr replace fd00::1/64 dev eth0 nodad",
                "link set eth0 up",
            ],
            id="another MAC address only while it is down",
        ),
        pytest.param(
            link("10.0.0.1/24", mac="02:00:00:00:00:09"),
            Iface("alice", "eth0"),
            [
                "link set eth0 down",
                f"link set eth0 address {MAC}",
                "addr replace 10.0.0.1/24 dev eth0",
                "link set eth0 up",
            ],
            id="the guest's own addresses come back after that",
        ),
        pytest.param(link("10.0.0.1/24"), Iface("alice", "eth0"), [], id="the guest's own addresses are left alone"),
        pytest.param(link(mtu=1400), wanted(), ["link set eth0 mtu 1500"], id="mtu"),
    ],
)
def test_an_interface_is_made_what_it_should_be(found: Link, iface: Iface, lines: list[str]) -> None:
    assert network.change(found, iface, MAC, found.addresses) == lines


@pytest.mark.parametrize(
    ("found", "iface", "ours", "lines"),
    [
        pytest.param(link("10.0.0.1/24", "10.0.0.9/24"), wanted("10.0.0.1/24"), (), [], id="left alone"),
        pytest.param(link("10.0.0.9/24"), wanted(), (), [], id="where none is wanted"),
        pytest.param(
            link("10.0.0.9/24"), wanted(), ("10.0.0.9/24",), ["addr del 10.0.0.9/24 dev eth0"], id="the lab's is not"
        ),
        pytest.param(
            link("10.0.0.1/24", "10.0.0.9/24", "10.1.0.9/24"),
            wanted("10.0.0.2/24"),
            ("10.0.0.1/24",),
            [
                "addr del 10.0.0.1/24 dev eth0",
                "addr replace 10.0.0.2/24 dev eth0",
                "addr replace 10.0.0.9/24 dev eth0",
                "addr replace 10.1.0.9/24 dev eth0",
            ],
            id="given again where it may have gone with another",
        ),
    ],
)
def test_what_others_have_given_an_interface_stays(
    found: Link, iface: Iface, ours: tuple[str, ...], lines: list[str]
) -> None:
    assert network.change(found, iface, MAC, ours) == lines


@pytest.mark.parametrize(
    ("iface", "lines"),
    [
        (Iface("a", "eth0"), ["link set vec2 name eth0", "link set eth0 up"]),
        (Iface("a", "eth0", up=False), ["link set vec2 name eth0"]),
        (
            Iface("a", "eth0", addresses=("fd00::1/64", "10.0.0.1/24")),
            [
                "link set vec2 name eth0",
                "sysctl net/ipv6/conf/eth0/disable_ipv6 0",
                "addr replace fd00::1/64 dev eth0 nodad",
                "addr replace 10.0.0.1/24 dev eth0",
                "link set eth0 up",
            ],
        ),
    ],
)
def test_a_unit_becomes_an_interface(iface: Iface, lines: list[str]) -> None:
    assert network.appear(2, iface) == lines


def test_an_interface_is_down_before_its_unit_goes() -> None:
    assert network.disappear(link()) == ["link set eth0 down"]


@pytest.mark.parametrize(
    ("line", "loads"),
    [
        ("addr replace fd00::1/64 dev eth0 nodad", True),
        ("addr replace 10.0.0.1/24 dev eth0", False),
        ("link set eth0 up", False),
    ],
)
def test_ipv6_is_loaded_only_for_an_ipv6_address(line: str, loads: bool) -> None:
    script, stdin = network.script(["link set lo up", line])

    assert ("modprobe ipv6" in script) is loads
    assert stdin == f"link set lo up\n{line}\n--\n".encode()


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
@pytest.mark.parametrize(
    "script",
    [
        network.read(),
        network.read(["net.ipv4.ip_forward"], conditions=True),
        network.script(["link set lo up", "addr replace fd00::1/64 dev eth0", "qdisc del dev eth0 root"])[0],
        network.script(["sysctl net.ipv4.ip_forward 1", "route replace default via 10.0.0.1 proto static"])[0],
    ],
    ids=["read", "read all", "change", "set"],
)
def test_the_scripts_are_shell(shell: str, script: str) -> None:
    assert subprocess.run([shell, "-n"], input=script.encode(), check=False).returncode == 0


def test_words_say_what_the_script_says_in_its_order() -> None:
    lines = [
        "sysctl kernel.panic 1",
        "sysctl net.ipv4.conf.eth0.forwarding 0",
        "sysctl net.ipv6.conf.eth0.addr_gen_mode 0",
        "sysctl net.ipv6.conf.eth0.stable_secret ::1",
        "qdisc replace dev eth0 root netem delay 5ms",
        "link set vec0 name eth0",
        "addr replace 10.0.0.1/24 dev eth0",
        "link set eth0 up",
        "sysctl net.ipv6.conf.default.forwarding 1",
        "sysctl net.ipv6.conf.all.forwarding 1",
        "sysctl net.ipv4.conf.all.accept_redirects 1",
        "sysctl net.ipv4.ip_forward 1",
        "route del 10.9.0.0/16 via 10.0.0.2 proto static",
        "link set eth1 mtu 1300",
        "link set eth1 down",
        "addr del 10.0.1.1/24 dev eth1",
    ]

    assert network.ops(lines).splitlines() == [
        "configure",
        "link set vec0 name eth0",
        "route del 10.9.0.0/16 via 10.0.0.2 proto static",
        "link set eth1 mtu 1300",
        "link set eth1 down",
        "addr del 10.0.1.1/24 dev eth1",
        "sysctl /proc/sys/net/ipv4/ip_forward 1",
        "sysctl /proc/sys/net/ipv6/conf/all/forwarding 1",
        "sysctl /proc/sys/net/ipv4/conf/all/accept_redirects 1",
        "sysctl /proc/sys/net/ipv6/conf/default/forwarding 1",
        "sysctl /proc/sys/net/ipv6/conf/eth0/stable_secret ::1",
        "sysctl /proc/sys/net/ipv4/conf/eth0/forwarding 0",
        "sysctl /proc/sys/net/ipv6/conf/eth0/addr_gen_mode 0",
        "addr replace 10.0.0.1/24 dev eth0",
        "link set eth0 up",
        "qdisc replace dev eth0 root netem delay 5ms",
        "sysctl /proc/sys/kernel/panic 1",
    ]
    script, stdin = network.script(lines)
    told = [line for line in script.splitlines() if line.startswith(("echo", "tc"))]
    first, last, rest = stdin.decode().split("--\n")
    assert [line.split()[1] for line in told] == ["1"] * 4 + ["::1", "0", "0", "qdisc", "1"]
    assert [first.splitlines()[0], *last.splitlines(), rest] == [
        "link set vec0 name eth0",
        "addr replace 10.0.0.1/24 dev eth0",
        "link set eth0 up",
        "",
    ]


FORWARD, REDIRECTS = ("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.all.accept_redirects", "1")
ETH1_STAYS = ("net.ipv4.conf.eth1.forwarding", "0")


@pytest.mark.parametrize(
    ("wanted", "found", "due"),
    [
        pytest.param([FORWARD], {"net.ipv4.ip_forward": "1"}, [], id="as it should be"),
        pytest.param([("kernel.sysrq", "0x1f")], {"kernel.sysrq": "31"}, [], id="in another spelling"),
        pytest.param([("net.ipv4.tcp_rmem", "1 2  3")], {"net.ipv4.tcp_rmem": "1\t2\t3"}, [], id="several numbers"),
        pytest.param([FORWARD], {}, ["net.ipv4.ip_forward"], id="not there yet"),
        pytest.param(
            [REDIRECTS, ETH1_STAYS, FORWARD],
            {"net.ipv4.ip_forward": "0", REDIRECTS[0]: "1", ETH1_STAYS[0]: "0"},
            ["net.ipv4.ip_forward", REDIRECTS[0], ETH1_STAYS[0]],
            id="with what ip_forward resets",
        ),
        pytest.param(
            [REDIRECTS, ETH1_STAYS, FORWARD],
            {"net.ipv4.ip_forward": "1", REDIRECTS[0]: "0", ETH1_STAYS[0]: "0"},
            [REDIRECTS[0]],
            id="what resets nothing alone",
        ),
        pytest.param(
            [("net.ipv6.conf.eth0.disable_ipv6", "0"), ("net.ipv6.conf.all.disable_ipv6", "1")],
            {"net.ipv6.conf.eth0.disable_ipv6": "0", "net.ipv6.conf.all.disable_ipv6": "0"},
            ["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.eth0.disable_ipv6"],
            id="what all interfaces get",
        ),
        pytest.param(
            [("net.ipv4.conf.eth1.rp_filter", "0"), ("net.ipv4.conf.default.rp_filter", "1")],
            {"net.ipv4.conf.eth1.rp_filter": "0", "net.ipv4.conf.default.rp_filter": "0"},
            ["net.ipv4.conf.default.rp_filter", "net.ipv4.conf.eth1.rp_filter"],
            id="what interfaces of IPv4 take over",
        ),
        pytest.param(
            [("net.ipv4.tcp_allowed_congestion_control", "reno"), ("net.ipv4.tcp_congestion_control", "cubic")],
            {"net.ipv4.tcp_allowed_congestion_control": "reno", "net.ipv4.tcp_congestion_control": "reno"},
            ["net.ipv4.tcp_congestion_control", "net.ipv4.tcp_allowed_congestion_control"],
            id="congestion control",
        ),
        pytest.param(
            [("net/ipv4/conf/eth1.7/forwarding", "0"), FORWARD],
            {"net.ipv4.ip_forward": "0", "net/ipv4/conf/eth1.7/forwarding": "0"},
            ["net.ipv4.ip_forward", "net/ipv4/conf/eth1.7/forwarding"],
            id="of an interface with a dot",
        ),
    ],
)
def test_what_a_setting_resets_is_written_again_after_it(
    wanted: list[tuple[str, str]], found: dict[str, str], due: list[str]
) -> None:
    by_file = {sysctl_path(key): value for key, value in found.items()}

    assert [key for key, _value in settings.due_sysctl(wanted, by_file)] == due


def test_settings_of_an_interface_that_is_made_are_written_whatever_the_one_before_had() -> None:
    found = {sysctl_path(ETH1_STAYS[0]): "0", sysctl_path(FORWARD[0]): "1"}

    assert settings.due_sysctl([FORWARD, ETH1_STAYS], found, {"eth1"}) == [ETH1_STAYS]


_BOTH = Guest("moon", interfaces={"eth0": Iface("moon", "eth0", addresses=("10.0.0.1/16", "fd00::1/64"))})
_IPV4 = Guest(
    "moon", interfaces={"eth0": Iface("moon", "eth0", addresses=("10.0.0.1/16",)), "eth1": Iface("moon", "eth1")}
)


@pytest.mark.parametrize(
    ("guest", "peers", "lines"),
    [
        (_BOTH, 249, []),
        (
            _BOTH,
            250,
            [
                "sysctl net/ipv4/neigh/default/gc_thresh2 4096",
                "sysctl net/ipv4/neigh/default/gc_thresh3 8192",
                "sysctl net/ipv6/neigh/default/gc_thresh2 4096",
                "sysctl net/ipv6/neigh/default/gc_thresh3 8192",
            ],
        ),
        # No IPv6 is loaded for a guest that has none.
        (
            _IPV4,
            1000,
            ["sysctl net/ipv4/neigh/default/gc_thresh2 4096", "sysctl net/ipv4/neigh/default/gc_thresh3 8192"],
        ),
        (
            dataclasses.replace(_IPV4, sysctl=(("net.ipv4.neigh.default.gc_thresh3", "2000"),)),
            1000,
            ["sysctl net/ipv4/neigh/default/gc_thresh2 4096"],
        ),
    ],
)
def test_a_guest_among_many_has_room_for_its_neighbours(guest: Guest, peers: int, lines: list[str]) -> None:
    assert settings.for_peers(guest, peers) == lines


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.7/forwarding", "/proc/sys/net/ipv4/conf/eth0.7/forwarding"),
        ("net.ipv4.conf.eth0/7.forwarding", "/proc/sys/net/ipv4/conf/eth0.7/forwarding"),
    ],
)
def test_a_setting_is_a_file(key: str, path: str) -> None:
    assert sysctl_path(key) == path


@pytest.mark.parametrize(
    ("conditions", "line"),
    [
        (Conditions(), "qdisc del dev eth0 root"),
        (Conditions(delay=5), "delay 5000us 0us loss 0% duplicate 0% corrupt 0% reorder 0% rate 0bit slot 0us 0us"),
        (Conditions(rate=9), "delay 0us 0us loss 0% duplicate 0% corrupt 0% reorder 0% rate 9bit slot 0us 0us"),
        (
            Conditions(slot=(10.0, 30.0)),
            "delay 0us 0us loss 0% duplicate 0% corrupt 0% reorder 0% rate 0bit slot 10000us 30000us",
        ),
        (Conditions(jitter=3), "delay 1us 3000us loss 0% duplicate 0% corrupt 0% reorder 0% rate 0bit slot 0us 0us"),
        (
            Conditions(0.0001, 0, 0.1, 2, 3.5, 100),
            "delay 1us 0us loss 0.1% duplicate 2% corrupt 3.5% reorder 100% rate 0bit slot 0us 0us",
        ),
    ],
)
def test_every_condition_is_said_because_the_kernel_keeps_what_is_not(conditions: Conditions, line: str) -> None:
    whole = line if line.startswith("qdisc") else f"qdisc replace dev eth0 root netem limit 10000 {line}"
    assert line_of("eth0", conditions) == whole


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        (Conditions(), None, True),
        (Conditions(), Conditions(), False),
        (Conditions(delay=0.0001), None, False),
        (Conditions(delay=0.001), Conditions(), True),
        (Conditions(delay=12345.678), Conditions(delay=12345.7), True),
        (Conditions(delay=5), Conditions(delay=5.002), False),
        (Conditions(loss=0.001), Conditions(loss=0.00100001), True),
        (Conditions(loss=0.001), Conditions(), False),
        (Conditions(delay=1, loss=0.001), Conditions(delay=1), False),
        (Conditions(slot=(1.0, 2.0)), Conditions(slot=(1.0, 2.001)), True),
        (Conditions(slot=(1.0, 2.0)), Conditions(slot=(1.0, 3.0)), False),
        (Conditions(delay=1, slot=(1.0, 2.0)), Conditions(delay=1), False),
        (Conditions(delay=1, slot=(0.0001, 0.0001)), Conditions(delay=1), True),
        (Conditions(rate=15), Conditions(rate=8), True),
        (Conditions(rate=16), Conditions(rate=8), False),
        (Conditions(delay=5), Conditions(delay=5, rate=8), False),
    ],
)
def test_conditions_are_the_same_as_far_as_tc_tells_them(
    wanted: Conditions, found: Conditions | None, same: bool
) -> None:
    assert is_same(wanted, found) is same


@pytest.mark.parametrize("conditions", [True, False])
def test_words_ask_for_settings_and_conditions(conditions: bool) -> None:
    asked = network.read_ops(["net.ipv4.ip_forward"], conditions).splitlines()

    assert asked == ["look", *(["conditions"] if conditions else []), "/proc/sys/net/ipv4/ip_forward"]


def test_what_is_managed_of_a_guest_is_what_any_of_its_definitions_has() -> None:
    before = Guest("alice", sysctl=(("a.b", "1"), ("a.c", "1")))
    after = Guest(
        "alice", sysctl=(("a.c", "2"),), interfaces={"eth0": Iface("alice", "eth0", conditions=Conditions(5.0))}
    )

    assert network.managed([before, after]) == (["a.b", "a.c"], True)
    assert network.managed([before]) == (["a.b", "a.c"], False)
