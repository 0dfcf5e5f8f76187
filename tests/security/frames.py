# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames that a guest sends to disturb others, as bytes."""

from __future__ import annotations

import ipaddress
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_ICMP, _UDP, _ICMPV6 = 1, 17, 58


def mac(text: str) -> bytes:
    """An Ethernet address."""
    return bytes.fromhex(text.replace(":", ""))


def ethernet(target: str, source: str, kind: int, payload: bytes) -> bytes:
    """A frame."""
    return mac(target) + mac(source) + struct.pack("!H", kind) + payload


def plain(target: str, source: str) -> bytes:
    """One of the kind for local experiments."""
    return ethernet(target, source, 0x88B5, b"attack")


def arp_reply(target: str, source: str, address: str, told: str) -> bytes:
    """Tell somebody who an address belongs to.

    :param told: address of who is told.
    """
    sender, receiver = (ipaddress.IPv4Address(each).packed for each in (address, told))
    body = struct.pack("!HHBBH", 1, _IPV4, 6, 4, 2) + mac(source) + sender + mac(target) + receiver
    return ethernet(target, source, _ARP, body)


def _sum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ipv4(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + ends
    return head[:10] + struct.pack("!H", _sum(head)) + head[12:] + payload


def udp(to: str, source: str, addresses: tuple[str, str], port: int, data: bytes) -> bytes:
    """A datagram without a checksum.

    :param addresses: source and target.
    """
    return ethernet(to, source, _IPV4, _ipv4(*addresses, _UDP, struct.pack("!HHHH", 9, port, 8 + len(data), 0) + data))


def redirect(to: str, source: str, router: str, victim: str, better: str, target: str) -> bytes:
    """ICMP by which a router tells somebody of a better way to a target."""
    had = _ipv4(victim, target, _ICMP, bytes(8))
    body = struct.pack("!BBH", 5, 1, 0) + ipaddress.IPv4Address(better).packed + had
    return ethernet(
        to, source, _IPV4, _ipv4(router, victim, _ICMP, body[:2] + struct.pack("!H", _sum(body)) + body[4:])
    )


def _icmpv6(source: str, target: str, body: bytes) -> bytes:
    ends = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed
    check = _sum(ends + struct.pack("!II", len(body), _ICMPV6) + body)
    body = body[:2] + struct.pack("!H", check) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 255) + ends + body


def router_advertisement(source: str, router: str, prefix: str) -> bytes:
    """Claim to be a router of a prefix."""
    option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 86400, 0) + ipaddress.IPv6Address(prefix).packed
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + option
    return ethernet("33:33:00:00:00:01", source, _IPV6, _icmpv6(router, "ff02::1", body))
