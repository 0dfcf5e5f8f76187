# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets as lines, made by hand after the RFCs."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.frames import described

NAMES = {"10.0.0.1": "alice", "10.0.0.2": "bob", "fec0::1": "alice"}
MACS = bytes.fromhex("020000000002020000000001")


def ethernet(kind: int, payload: bytes) -> bytes:
    """A frame."""
    return MACS + struct.pack("!H", kind) + payload


def ipv4(protocol: int, payload: bytes, source: str = "10.0.0.1", target: str = "10.0.0.2", fragment: int = 0) -> bytes:
    """A frame with an IPv4 packet, padded as Ethernet does."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0)
    frame = ethernet(0x0800, head + socket.inet_aton(source) + socket.inet_aton(target) + payload)
    return frame.ljust(60, b"\0")


def ipv6(following: int, payload: bytes) -> bytes:
    """A frame with an IPv6 packet."""
    addresses = socket.inet_pton(socket.AF_INET6, "fec0::1") + socket.inet_pton(socket.AF_INET6, "fec0::2")
    return ethernet(0x86DD, struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + addresses + payload)


ECHO = struct.pack("!BBHHH", 8, 0, 0, 7, 3)
ARP = (
    struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    + MACS[6:]
    + socket.inet_aton("10.0.0.1")
    + bytes(6)
    + socket.inet_aton("10.0.0.2")
)
SOLICITATION = struct.pack("!BBHI", 135, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, "fec0::2")


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (ipv4(1, ECHO), "alice > bob: ICMP echo request, seq 3"),
        (ipv4(1, struct.pack("!BBHI", 3, 0, 0, 0)), "alice > bob: ICMP no route"),
        (ipv4(1, struct.pack("!BBHI", 11, 0, 0, 0)), "alice > bob: ICMP time exceeded"),
        (ipv4(50, struct.pack("!II", 0xC4F1A2B3, 5) + bytes(40)), "alice > bob: ESP spi 0xc4f1a2b3, seq 5, 48 bytes"),
        (ipv4(51, struct.pack("!BBHII", 4, 4, 0, 0xC4F1A2B3, 5)), "alice > bob: AH spi 0xc4f1a2b3, seq 5, 12 bytes"),
        (ipv4(89, bytes(44), target="224.0.0.5"), "alice > 224.0.0.5: OSPF, 44 bytes"),
        (ipv4(200, bytes(4)), "alice > bob: protocol 200, 4 bytes"),
        (ipv4(17, struct.pack("!HHHH", 500, 500, 28, 0) + bytes(20)), "alice.500 > bob.500: UDP (IKE), 20 bytes"),
        (
            ipv4(6, struct.pack("!HHIIBBHHH", 40000, 179, 0, 0, 0x60, 0x12, 0, 0, 0) + bytes(4 + 19)),
            "alice.40000 > bob.179: TCP (BGP) SA, 19 bytes",
        ),
        (ipv4(17, bytes(24), fragment=185), "alice > bob: fragment at 1480, 24 bytes"),
        (ethernet(0x0806, ARP), "ARP alice asks for bob"),
        (ethernet(0x0806, ARP[:7] + b"\2" + ARP[8:]), "ARP alice is at 02:00:00:00:00:01"),
        (ethernet(0x8100, b"\x00\x07" + ethernet(0x0806, ARP)[12:]), "VLAN 7, ARP alice asks for bob"),
        (ipv6(58, struct.pack("!BBHHH", 128, 0, 0, 7, 1)), "alice > fec0::2: ICMPv6 echo request, seq 1"),
        (ipv6(58, SOLICITATION), "alice > fec0::2: ICMPv6 neighbour solicitation fec0::2"),
        (
            ipv6(0, bytes([58, 0]) + bytes(6) + struct.pack("!BBHHH", 143, 0, 0, 0, 1)),
            "alice > fec0::2: ICMPv6 listener report",
        ),
        (ipv6(44, bytes([17, 0]) + struct.pack("!H", 1448) + bytes(24)), "alice > fec0::2: fragment at 1448, 20 bytes"),
        (ethernet(0x88CC, bytes(46)), "LLDP, 60 bytes"),
        (ethernet(0x9999, bytes(46)), "ethertype 0x9999, 60 bytes"),
        (ethernet(0x0026, bytes(46)), "LLC, such as STP, 60 bytes"),
        (ipv4(1, ECHO)[:20], "20 bytes, too short for what it says that it is"),
        (b"", "0 bytes, too short for what it says that it is"),
    ],
)
def test_a_packet_is_a_line(frame: bytes, told: str) -> None:
    assert described(frame, len(frame), NAMES) == told


@given(st.binary(max_size=80), st.sampled_from([0x0800, 0x86DD, 0x0806, 0x8100]))
def test_no_packet_is_too_odd(payload: bytes, kind: int) -> None:
    assert described(ethernet(kind, payload), 14 + len(payload), {})
