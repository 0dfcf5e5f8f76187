# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From one state of a kernel's network to another: what is removed, what is made, and what is left alone."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import netscript, netstate, relay
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside.netscript import Text
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside.relay import Message

_UP = 1


def _link(index: int, name: str, kind: str = "", flags: int = _UP) -> Message:
    info = relay.attribute(18, relay.attribute(1, relay.text(kind))) if kind else b""
    head = struct.pack("=BxHiII", 0, 1, index, flags, 0)
    return Message(
        16, head + relay.attribute(3, relay.text(name)) + relay.attribute(4, struct.pack("=I", 1500)) + info, 0, 1
    )


def _address(index: int, text: str, lifetime: int = 0xFFFFFFFF) -> Message:
    data = socket.inet_aton(text)
    times = relay.attribute(6, struct.pack("=4I", lifetime, lifetime, 0, 0))
    return Message(
        20,
        struct.pack("=BBBBI", 2, 24, 0x80, 0, index) + relay.attribute(1, data) + relay.attribute(2, data) + times,
        0,
        1,
    )


def _route(index: int, to: str, protocol: int = 3, flags: int = 0) -> Message:
    head = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, protocol, 0, 1, flags)
    return Message(
        24, head + relay.attribute(1, socket.inet_aton(to)) + relay.attribute(4, struct.pack("=I", index)), 0, 1
    )


_BASE = (_link(1, "lo"), _link(2, "eth0"), _address(2, "10.0.0.1"), _address(2, "10.0.0.2"), _route(2, "192.0.2.0"))


def _changed(now: Iterable[Message], then: Iterable[Message] = _BASE) -> tuple[list[str], list[int]]:
    """What is said, and the types of the messages."""
    found = netstate.changes(netstate.understood(now), netstate.understood(then))
    return found.words, [each.kind for messages in found.messages.values() for each in messages]


@pytest.mark.parametrize(
    ("more", "words", "kinds"),
    [
        ([], [], []),
        ([_route(2, "198.51.100.0")], ["1 route"], [25]),
        ([_route(2, "198.51.100.0", protocol=12)], [], []),
        ([_route(2, "198.51.100.0", flags=0x200)], [], []),
        ([_address(2, "10.0.0.9")], ["1 address"], [21]),
        ([_address(2, "10.0.0.9", lifetime=3000)], [], []),
        ([_link(3, "dummy7", "dummy")], ["interface dummy7"], [17, 16]),
        ([_link(3, "tunl0", "ipip", flags=0)], [], []),
        ([_link(3, "tunl0", "ipip")], ["interface tunl0"], [17, 16]),
        # An interface that the lab has plugged in meanwhile.
        ([_link(3, "eth1"), _address(3, "10.1.0.1"), _route(3, "198.51.100.0")], [], []),
        ([_link(2, "eth0", flags=0)], ["interface eth0"], [16]),
    ],
)
def test_what_was_not_there_is_removed(more: list[Message], words: list[str], kinds: list[int]) -> None:
    assert _changed([*_BASE, *more]) == (words, kinds)


def test_what_is_gone_is_made_again_and_addresses_in_their_order() -> None:
    lo, eth0, first, second, route = _BASE

    assert _changed([lo, eth0, first, second]) == (["1 route"], [24])
    assert _changed([lo, eth0, second, route]) == (["2 addresses"], [21, 20, 20])
    assert _changed([lo, eth0, second, first, route]) == (["2 addresses"], [21, 21, 20, 20])
    assert _changed([lo, eth0, first, route]) == (["2 addresses"], [21, 20, 20])


def test_what_was_on_an_interface_that_the_lab_has_unplugged_is_not_missed() -> None:
    lo, *_rest = _BASE

    assert _changed([lo]) == ([], [])


def _text(**sysctl: str) -> Text:
    return Text({f"/proc/sys/net/ipv4/{key}": value for key, value in sysctl.items()})


def test_settings_are_written_in_the_order_in_which_none_undoes_another() -> None:
    now = _text(ip_forward="1", **{"conf/eth0/forwarding": "1", "conf/all/forwarding": "1", "new": "3"})
    then = _text(ip_forward="0", **{"conf/eth0/forwarding": "0", "conf/all/forwarding": "0"})

    found = netscript.restore(now, then)

    assert [line.split(">")[1].split(";")[0].rpartition("ipv4/")[2] for line in found.script.splitlines()] == [
        "ip_forward",
        "conf/all/forwarding",
        "conf/eth0/forwarding",
    ]
    assert found.words == (
        "3 settings (net.ipv4.ip_forward, net.ipv4.conf.eth0.forwarding, net.ipv4.conf.all.forwarding)",
    )


_RULE = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"
_DROPS = "*filter\n:INPUT DROP [0:0]\n:other - [0:0]\nCOMMIT\n"
_EMPTY = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"


@pytest.mark.parametrize(
    ("has", "had", "restored"),
    [
        ("", "", None),
        (_EMPTY, "", None),
        (_RULE + _EMPTY, _RULE, None),
        (_DROPS, "", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"),
        (_DROPS, _RULE, _RULE),
        (_EMPTY, _RULE, _RULE + _EMPTY),
    ],
)
def test_a_table_that_is_left_without_rules_is_as_good_as_none(has: str, had: str, restored: str | None) -> None:
    name = "iptables-legacy-save"
    found = netscript.restore(Text(firewalls={name: has}), Text(firewalls={name: had} if had else {}))

    assert found.words == (() if restored is None else ("iptables-legacy",))
    assert restored is None or f"printf %s '{restored}' | iptables-legacy-restore" in found.script
