# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``why`` understands of what a guest tells, and of packets."""

from __future__ import annotations

import ipaddress
import json
import struct
from dataclasses import dataclass

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import why_ask
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.why_ask import Device, Route, Rule
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.why_seen import Probe, Sight, What, sights


def answer(**parts: str) -> str:
    return "".join(f"\n{why_ask._TOKEN} {name}\n{text}" for name, text in {"tools": "ip\ntc\n", **parts}.items())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "10.2.0.10 via 10.1.0.1 dev eth0 src 10.1.0.10 uid 0 \n    cache\n",
            Route("eth0", "10.1.0.1", "10.1.0.10"),
        ),
        ("10.2.0.10 from 10.1.0.10 dev eth1 \n    cache iif eth0\n", Route("eth1")),
        ("local 10.2.0.10 from 10.1.0.10 dev lo table local \n    cache <local> iif eth0\n", Route("lo", local=True)),
        (
            "fd02::10 from :: via fd01::1 dev eth0 src fd01::10 metric 1024 pref medium\n",
            Route("eth0", "fd01::1", "fd01::10"),
        ),
        ("10.2.0.10 via inet6 fe80::1 dev eth0 src 10.1.0.10 uid 0", Route("eth0", "fe80::1", "10.1.0.10")),
        ("RTNETLINK answers: Network is unreachable\n", Route(error="Network is unreachable")),
        ("RTNETLINK answers: Invalid cross-device link\n", Route(error="Invalid cross-device link")),
        ("", Route(error="it has no route")),
    ],
)
def test_routes_are_understood(text: str, expected: Route) -> None:
    assert why_ask.understood(answer(route=text)).route == expected


def test_a_guest_without_tools_tells_what_proc_has() -> None:
    told = why_ask.understood(
        answer(
            tools="",
            route="sh: ip: not found",
            settings="/proc/sys/net/ipv4/ip_forward:0\n/proc/sys/net/ipv4/conf/eth0/rp_filter:1\n",
            pairs="Ip: Forwarding InReceives\nIp: 2 15\nTcpExt: IPReversePathFilter X\nTcpExt: 3 -1\n",
            lines="Ip6InReceives     \t7\nXfrmInNoPols \t2\n",
        )
    )

    assert told.route == Route()
    assert told.settings == {"ipv4/ip_forward": "0", "ipv4/conf/eth0/rp_filter": "1"}
    assert told.counters["TcpExt.IPReversePathFilter"] == 3
    assert (told.counters["Ip.InReceives"], told.counters["XfrmInNoPols"]) == (15, 2)


def test_devices_on_others_lead_to_a_cable() -> None:
    told = why_ask.understood(
        answer(
            addresses="1: lo    inet 127.0.0.1/8 scope host lo\\ valid_lft\n3: eth0.5    inet 10.5.0.1/24 scope global eth0.5\\\n",
            links="2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 \\    link/ether 02:00:00:00:00:01 brd ff:ff\n"
            "3: eth0.5@eth0: <BROADCAST> mtu 1500 \\    link/ether 02:00:00:00:00:01 brd ff\n4: ip_vti0@NONE: <NOARP> mtu 1480\n",
        )
    )

    assert told.devices["eth0.5"] == Device("eth0.5", False, "02:00:00:00:00:01", "eth0")
    assert (told.devices["eth0"].up, told.devices["ip_vti0"].parent) == (True, "")
    assert (told.cable_of("eth0.5"), told.cable_of("eth0")) == ("eth0", "eth0")
    assert told.has("10.5.0.1") and not told.has("10.5.0.2")


def test_queues_are_told_apart() -> None:
    text = (
        "qdisc noqueue 0: dev lo root refcnt 2 \n Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) \n"
        "qdisc netem 8001: dev eth0 root refcnt 2 limit 1000 loss 100%\n Sent 0 bytes 0 pkt (dropped 7, overlimits 0 requeues 0)\n"
    )

    assert why_ask.understood(answer(queues=text)).counters == {"queue lo": 0, "queue eth0": 7}


def test_rules_that_drop_are_found_in_each_kind_of_filter() -> None:
    tables = "*filter\n:INPUT ACCEPT [1:2]\n:FORWARD DROP [5:60]\n[3:252] -A FORWARD -p icmp -j DROP\n[0:0] -A INPUT -j ACCEPT\nCOMMIT\n"
    rule = {"family": "inet", "table": "f", "chain": "c"}
    found = [
        {"metainfo": {}},
        {"chain": {"family": "inet", "table": "f", "name": "c", "hook": "input", "policy": "drop"}},
        {"rule": {**rule, "handle": 4, "expr": [{"counter": {"packets": 2, "bytes": 9}}, {"drop": None}]}},
        {"rule": {**rule, "handle": 5, "expr": [{"accept": None}]}},
    ]
    nft = json.dumps({"nftables": found})
    shown = "table inet f { # handle 1\n\t\ticmp type echo-request counter packets 2 bytes 9 drop # handle 4\n"

    assert why_ask.understood(answer(iptables=tables, nft=nft, rules=shown)).rules == (
        Rule("policy DROP of chain FORWARD", "forward", 5),
        Rule("-A FORWARD -p icmp -j DROP", "forward", 3),
        Rule("icmp type echo-request counter packets 2 bytes 9 drop (table inet f, chain c)", "input", 2),
        Rule("policy drop of chain c (table inet f)", "input", None),
    )


@pytest.mark.parametrize("nft", ["nonsense", "[]", '{"nftables": null}'])
def test_what_is_no_answer_of_nft_is_nothing(nft: str) -> None:
    assert why_ask.understood(answer(nft=nft)).rules == ()


@pytest.mark.parametrize("text", ["", "nonsense", f"\n{why_ask._TOKEN} "])
def test_whatever_a_guest_says_is_no_error(text: str) -> None:
    assert why_ask.understood(text).addresses == {}


@dataclass(frozen=True)
class Seen:
    data: bytes
    interface: str = "moon:eth0"
    inward: bool = True


MARK = bytes(range(16))
ICMP = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"\0" * 16 + MARK


def ip(protocol: int, payload: bytes, source: str = "10.1.0.10", target: str = "10.2.0.10") -> bytes:
    ends = b"".join(ipaddress.ip_address(each).packed for each in (source, target))
    return (
        bytes(6)
        + bytes(6)
        + b"\x08\0"
        + struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
        + ends
        + payload
    )


def tcp(source: int, target: int, flags: int) -> bytes:
    return ip(6, struct.pack("!HHIIBBHHH", source, target, 0, 0, 80, flags, 0, 0, 0))


def arp(operation: int, sender: str, target: str) -> bytes:
    packed = [ipaddress.ip_address(each).packed for each in (sender, target)]
    return (
        bytes(12)
        + b"\x08\x06"
        + struct.pack("!HHBBH", 1, 0x800, 6, 4, operation)
        + bytes(6)
        + packed[0]
        + bytes(6)
        + packed[1]
    )


@pytest.mark.parametrize(
    ("probe", "data", "what", "about"),
    [
        (Probe("10.2.0.10", mark=MARK), ip(1, ICMP), What.REQUEST, ""),
        (Probe("10.2.0.10", mark=MARK), ip(1, b"\0" + ICMP[1:], "10.2.0.10", "192.0.2.1"), What.REPLY, ""),
        # In a tunnel that does not encrypt, with a tag, and with addresses that were translated.
        (Probe("10.2.0.10", mark=MARK), ip(47, b"\0\0\x08\0" + ip(1, ICMP)[14:]), What.REQUEST, ""),
        (
            Probe("10.2.0.10", mark=MARK),
            bytes(12) + b"\x81\0\0\5" + ip(1, ICMP, "1.1.1.1", "2.2.2.2")[12:],
            What.REQUEST,
            "",
        ),
        (Probe("10.2.0.10", mark=MARK), ip(1, ICMP.replace(MARK, bytes(16))), None, ""),
        (Probe("10.2.0.10"), ip(1, ICMP), What.REQUEST, ""),
        (Probe("10.2.0.10"), ip(1, ICMP, target="10.2.0.11"), None, ""),
        (Probe("10.2.0.10", mark=MARK), ip(1, b"\3\1" + bytes(6) + ip(1, ICMP)[14:], "10.1.0.1"), What.ERROR, "3/1"),
        (Probe("10.2.0.10", port=80), tcp(5000, 80, 2), What.REQUEST, ""),
        (Probe("10.2.0.10", port=80), tcp(80, 5000, 18), What.REPLY, ""),
        (Probe("10.2.0.10", port=80), tcp(80, 5000, 20), What.REFUSAL, ""),
        (Probe("10.2.0.10", port=80), tcp(5000, 80, 16), None, ""),
        (Probe("10.2.0.10"), arp(1, "10.2.0.1", "10.2.0.10"), What.ASKS, "10.2.0.10"),
        (Probe("10.2.0.10"), arp(2, "10.2.0.10", "10.2.0.1"), What.TELLS, "10.2.0.10"),
        (Probe("10.2.0.10"), ip(50, bytes(40)), What.ENCRYPTED, ""),
        (Probe("10.2.0.10"), ip(17, struct.pack("!HHHH", 4500, 4500, 8, 0)), What.ENCRYPTED, ""),
        (Probe("10.2.0.10"), bytes(13), None, ""),
        (Probe("10.2.0.10"), ip(1, b""), None, ""),
    ],
)
def test_packets_of_a_probe_are_known(probe: Probe, data: bytes, what: What | None, about: str) -> None:
    found = list(sights([Seen(data)], probe))

    assert [(each.what, each.about) for each in found] == ([] if what is None else [(what, about)])


def test_a_sight_tells_where_it_was_and_for_whom() -> None:
    frame = bytes.fromhex("020000000009") + ip(1, ICMP)[6:]

    assert list(sights([Seen(frame)], Probe("10.2.0.10"))) == [
        Sight(What.REQUEST, "moon:eth0", True, "02:00:00:00:00:09", "", "10.1.0.10")
    ]
