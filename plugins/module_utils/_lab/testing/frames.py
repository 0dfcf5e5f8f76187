# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A packet as a line of a timeline: ``alice > bob: ICMP echo request, seq 1``.  No I/O.

It tells the layers that tests of networks are about.  What is cut off, or is none of them, is told as far as it can be; nothing raises.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping

_VLAN, _IPV4, _ARP, _IPV6 = 0x8100, 0x0800, 0x0806, 0x86DD
_KINDS = {0x88CC: "LLDP", 0x8847: "MPLS", 0x88E5: "MACsec", 0x888E: "EAPOL", 0x8863: "PPPoE", 0x8864: "PPPoE"}
_TCP, _UDP, _ICMP, _ICMP6, _ESP, _AH = 6, 17, 1, 58, 50, 51
_PROTOCOLS = {
    2: "IGMP",
    4: "IP in IP",
    41: "IPv6 in IP",
    46: "RSVP",
    47: "GRE",
    88: "EIGRP",
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
    132: "SCTP",
}
_PORTS = {
    53: "DNS",
    67: "DHCP",
    68: "DHCP",
    179: "BGP",
    500: "IKE",
    520: "RIP",
    546: "DHCPv6",
    547: "DHCPv6",
    3784: "BFD",
    4500: "IKE or ESP",
    4789: "VXLAN",
    51820: "WireGuard",
}
_ICMP_TYPES = {
    0: "echo reply",
    3: "unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    11: "time exceeded",
    12: "parameter problem",
}
_ICMP_CODES = {
    (3, 0): "no route",
    (3, 1): "host unreachable",
    (3, 3): "port unreachable",
    (3, 4): "too big",
    (3, 13): "prohibited",
}
_ICMP6_TYPES = {
    1: "unreachable",
    2: "too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "listener query",
    131: "listener report",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
    137: "redirect",
    143: "listener report",
}
_FLAGS = "FSRPAU"
# Of IPv6: hop-by-hop, routing, fragment and destination options, whose second byte tells their length.
_EXTENSIONS = (0, 43, 60)
_FRAGMENT = 44


def described(data: bytes, length: int, names: Mapping[str, str]) -> str:
    """A packet with its Ethernet header.

    :param length: bytes that it had on the cable.
    :param names: of guests, by their addresses.
    """
    try:
        return _ethernet(data, length, names)
    except (struct.error, IndexError, ValueError):
        return f"{length} bytes, too short for what it says that it is"


def _ethernet(data: bytes, length: int, names: Mapping[str, str]) -> str:
    (kind,) = struct.unpack_from("!H", data, 12)
    at, tag = 14, ""
    while kind == _VLAN:
        vlan, kind = struct.unpack_from("!HH", data, at)
        at, tag = at + 4, f"{tag}VLAN {vlan & 0xFFF}, "
    if kind == _ARP:
        return f"{tag}{_arp(data[at:], names)}"
    if kind == _IPV4:
        return f"{tag}{_ipv4(data[at:], names)}"
    if kind == _IPV6:
        return f"{tag}{_ipv6(data[at:], names)}"
    # Below 1536 it is a length, of an LLC frame (IEEE 802.3).
    what = "LLC, such as STP" if kind < 1536 else _KINDS.get(kind, f"ethertype {kind:#06x}")
    return f"{tag}{what}, {length} bytes"


def _name(address: bytes, names: Mapping[str, str]) -> str:
    text = str(ipaddress.ip_address(address))
    return names.get(text, text)


def _arp(data: bytes, names: Mapping[str, str]) -> str:
    (operation,) = struct.unpack_from("!H", data, 6)
    sender, target = _name(data[14:18], names), _name(data[24:28], names)
    if operation == 1:
        return f"ARP {sender} asks for {target}"
    return f"ARP {sender} is at {data[8:14].hex(':')}"


def _ipv4(data: bytes, names: Mapping[str, str]) -> str:
    head, total, fragment = (data[0] & 15) * 4, *struct.unpack_from("!H", data, 2), *struct.unpack_from("!H", data, 6)
    source, target = _name(data[12:16], names), _name(data[16:20], names)
    if offset := (fragment & 0x1FFF) * 8:
        return f"{source} > {target}: fragment at {offset}, {total - head} bytes"
    return _payload(data[9], data[head:total], total - head, source, target)


def _ipv6(data: bytes, names: Mapping[str, str]) -> str:
    size, protocol = struct.unpack_from("!HB", data, 4)
    source, target = _name(data[8:24], names), _name(data[24:40], names)
    at, end = 40, 40 + size
    while protocol in (*_EXTENSIONS, _FRAGMENT):
        if protocol == _FRAGMENT:
            (fragment,) = struct.unpack_from("!H", data, at + 2)
            if fragment & 0xFFF8:
                return f"{source} > {target}: fragment at {fragment & 0xFFF8}, {end - at - 8} bytes"
        protocol, at = data[at], at + (8 if protocol == _FRAGMENT else (data[at + 1] + 1) * 8)
    return _payload(protocol, data[at:end], end - at, source, target)


def _payload(protocol: int, data: bytes, size: int, source: str, target: str) -> str:
    if protocol in (_TCP, _UDP):
        return _ports(protocol, data, size, source, target)
    both = f"{source} > {target}"
    if protocol in (_ICMP, _ICMP6):
        return f"{both}: {_icmp(protocol, data)}"
    if protocol == _ESP:
        spi, number = struct.unpack_from("!II", data)
        return f"{both}: ESP spi {spi:#010x}, seq {number}, {size} bytes"
    if protocol == _AH:
        spi, number = struct.unpack_from("!II", data, 4)
        return f"{both}: AH spi {spi:#010x}, seq {number}, {size} bytes"
    return f"{both}: {_PROTOCOLS.get(protocol, f'protocol {protocol}')}, {size} bytes"


def _ports(protocol: int, data: bytes, size: int, source: str, target: str) -> str:
    ours, theirs = struct.unpack_from("!HH", data)
    both = f"{source}.{ours} > {target}.{theirs}"
    name = _PORTS.get(theirs) or _PORTS.get(ours)
    known = f" ({name})" if name else ""
    if protocol == _UDP:
        return f"{both}: UDP{known}, {size - 8} bytes"
    bits = data[13]
    flags = "".join(letter for place, letter in enumerate(_FLAGS) if bits & 1 << place) or "."
    return f"{both}: TCP{known} {flags}, {size - (data[12] >> 4) * 4} bytes"


def _icmp(protocol: int, data: bytes) -> str:
    kind, code = data[0], data[1]
    if protocol == _ICMP:
        told = _ICMP_CODES.get((kind, code)) or _ICMP_TYPES.get(kind, f"type {kind}")
        name, is_echo = "ICMP", kind in (0, 8)
    else:
        told = _ICMP6_TYPES.get(kind, f"type {kind}")
        name, is_echo = "ICMPv6", kind in (128, 129)
        if kind in (135, 136):
            told += f" {ipaddress.ip_address(data[8:24])}"
    return f"{name} {told}, seq {struct.unpack_from('!H', data, 6)[0]}" if is_echo else f"{name} {told}"
