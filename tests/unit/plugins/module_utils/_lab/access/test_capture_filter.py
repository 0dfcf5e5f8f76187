# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expressions of filters: names of guests become addresses, and nothing else is asked for."""

from __future__ import annotations

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import filters
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.filters import Filter, replaced
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

NAMES = {
    "moon": ("10.1.0.1", "192.168.0.1", "fd00::1"),
    "moon:eth0": ("192.168.0.1",),
    "sun": ("192.168.0.2",),
    "tcp": ("10.9.0.1",),
    "web-1": ("10.9.0.2",),
    "bare": (),
}
BOTH = "(10.1.0.1 or 192.168.0.1 or fd00::1)"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("esp and src moon", f"esp and src {BOTH}"),
        ("src host sun", "src host 192.168.0.2"),
        ("src moon:eth0", "src 192.168.0.1"),
        ("src or dst sun", "src or dst 192.168.0.2"),
        ("src and dst sun", "src and dst 192.168.0.2"),
        ("host moon or sun", f"host {BOTH} or 192.168.0.2"),
        ("not host (sun or web-1)", "not host (192.168.0.2 or 10.9.0.2)"),
        ("host sun and tcp", "host 192.168.0.2 and tcp"),
        ("host tcp and tcp", "host 10.9.0.1 and tcp"),
        ("src sun and dst web-1 and port 80", "src 192.168.0.2 and dst 10.9.0.2 and port 80"),
        ("ip src moon", "ip src (10.1.0.1 or 192.168.0.1)"),
        ("ip6 src moon", "ip6 src fd00::1"),
        ("ip6 src moon or src moon", f"ip6 src fd00::1 or src {BOTH}"),
        ("arp host moon", "arp host (10.1.0.1 or 192.168.0.1)"),
        ("ip host (moon or sun)", "ip host (10.1.0.1 or 192.168.0.1 or 192.168.0.2)"),
        ("host moon and moon", f"host {BOTH} and {BOTH}"),
        ("src (sun and not web-1)", "src (192.168.0.2 and not 10.9.0.2)"),
        ("host (sun or moon) and not (src sun)", f"host (192.168.0.2 or {BOTH[1:-1]}) and not (src 192.168.0.2)"),
        # What is no name of a guest stays.
        ("src net 10.0.0.0/8", "src net 10.0.0.0/8"),
        ("host 10.0.0.1 or fd00::2", "host 10.0.0.1 or fd00::2"),
        ("ether host 02:00:00:00:00:01", "ether host 02:00:00:00:00:01"),
        ("tcp[tcpflags] & tcp-syn != 0", "tcp[tcpflags] & tcp-syn != 0"),
        ("icmp[icmptype] = icmp-echo or icmp[0] = 0", "icmp[icmptype] = icmp-echo or icmp[0] = 0"),
        ("udp port 500 or domain", "udp port 500 or domain"),
        ("ip proto \\icmp", "ip proto \\icmp"),
        ("vlan 5 && icmp", "vlan 5 && icmp"),
        ("!arp", "!arp"),
        ("", ""),
    ],
)
def test_names_of_guests_become_their_addresses(expression: str, expected: str) -> None:
    assert replaced(expression, NAMES) == expected
    if expression:
        Filter(expression, NAMES)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("host mon", r"filter: host 'mon': there is no such guest; did you mean moon\?"),
        ("src moon or example.org", "host 'example.org': there is no such guest"),
        ("moon", "'moon' is not known; write the name of a guest after host, src or dst"),
        ("tcp and moon", "'moon' is not known"),
        ("host bare", "host 'bare': it has no address that the lab knows"),
        ("ip6 host sun", "host 'sun': it has no IPv6 address"),
        ("src sun and inbound", "inbound is not known"),
        ("host (moon and sun)", "a list in parentheses has a guest with several addresses"),
        ("host (sun and moon)", "a list in parentheses has a guest with several addresses"),
        ("tcp port", "syntax error"),
        ("host moon\0", "there is a NUL in it"),
    ],
)
def test_what_cannot_be_understood_is_refused(expression: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Filter(expression, NAMES)


def _frame(kind: int, rest: bytes) -> bytes:
    return bytes(12) + kind.to_bytes(2, "big") + rest


PING = _frame(0x0800, bytes.fromhex("4500001c000000004001000a0a010001c0a80002") + bytes(8))
TAGGED = PING[:12] + b"\x81\0\0\x05" + PING[12:]


@pytest.mark.parametrize(
    ("expression", "data", "expected"),
    [
        ("icmp and src moon and dst sun", PING, True),
        ("icmp and src sun", PING, False),
        ("icmp", TAGGED, False),
        ("vlan 5 and icmp", TAGGED, True),
        ("vlan 6", TAGGED, False),
        ("less 42", PING, True),
        ("less 41", PING, False),
        ("icmp", b"", False),
    ],
)
def test_a_packet_that_was_captured_is_matched(expression: str, data: bytes, expected: bool) -> None:
    assert Filter(expression, NAMES).matches(data) is expected


def test_the_length_of_a_packet_counts_that_was_not_kept_whole() -> None:
    assert Filter("greater 1000", NAMES).matches(PING, 1500)


def test_a_host_without_libpcap_is_told_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_LIBRARY", "libnosuch.so")
    filters._library.cache_clear()
    try:
        with pytest.raises(filters.HostError, match=r"libpcap.* is missing on the lab host; install libpcap0\.8"):
            Filter("icmp")
    finally:
        filters._library.cache_clear()
