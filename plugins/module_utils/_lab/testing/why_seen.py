# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which packets of a capture belong to a probe of ``why``: its requests, their replies, errors about it, and who asks for MAC addresses.

A request is known by a mark in its payload, which it keeps through translations of addresses and through tunnels that do not encrypt; by
its addresses where the guest's tool cannot mark it.  No I/O.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

_VLANS, _IPV4, _ARP, _IPV6 = (0x8100, 0x88A8), 0x0800, 0x0806, 0x86DD
_ICMP, _TCP, _UDP, _ESP, _ICMP6 = 1, 6, 17, 50, 58
_SYN, _RST, _ACK = 2, 4, 16
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ERRORS = {_ICMP: (3, 11, 12), _ICMP6: (1, 2, 3, 4)}
_REQUESTS, _REPLIES = {_ICMP: 8, _ICMP6: 128}, {_ICMP: 0, _ICMP6: 129}
_IPSEC_PORT = 4500
# ping(8) writes the time before the mark: ICMP header and struct timeval.
_BEFORE_MARK = 24


class What(Enum):
    """What a packet is to the probe."""

    REQUEST = "request"
    REPLY = "reply"
    REFUSAL = "refusal"  # a TCP port that nobody listens at
    ERROR = "error"
    ASKS = "asks"  # for the MAC address of somebody
    TELLS = "tells"
    ENCRYPTED = "encrypted"


@dataclass(frozen=True)
class Sight:
    """A packet that was seen.

    :ivar interface: its label.
    :ivar inward: whether the guest gets it.
    :ivar mac: whom it is sent to in its segment.
    :ivar about: of an error, its type and code; of a question for a MAC address, the address that it is about.
    :ivar sender: address that it comes from.
    """

    what: What
    interface: str
    inward: bool
    mac: str = ""
    about: str = ""
    sender: str = ""


@dataclass(frozen=True)
class Probe:
    """What is sent.

    :ivar source: empty where it is not known.
    :ivar port: of TCP; 0 for echo requests.
    :ivar mark: in their payload.
    """

    target: str
    source: str = ""
    port: int = 0
    mark: bytes = b""

    @property
    def version(self) -> int:
        """Of IP."""
        return 6 if ":" in self.target else 4


class Packet(Protocol):
    """A packet of a capture (``access/capture/live``)."""

    @property
    def interface(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    @property
    def inward(self) -> bool: ...


def sights(packets: Iterable[Packet], probe: Probe) -> Iterator[Sight]:
    """Those packets that say something, in order."""
    for packet in packets:
        try:
            found = _looked(packet.data, probe)
        except (struct.error, IndexError, ValueError):
            continue
        if found is not None:
            what, about, sender = found
            yield Sight(what, packet.interface, packet.inward, packet.data[:6].hex(":"), about, sender)


def _looked(data: bytes, probe: Probe) -> tuple[What, str, str] | None:
    (kind,) = struct.unpack_from("!H", data, 12)
    at = 14
    while kind in _VLANS:
        (kind,) = struct.unpack_from("!H", data, at + 2)
        at += 4
    if kind == _ARP:
        (operation,) = struct.unpack_from("!H", data, at + 6)
        asked, teller = _text(data[at + 24 : at + 28]), _text(data[at + 14 : at + 18])
        return (What.ASKS, asked, teller) if operation == 1 else (What.TELLS, teller, teller)
    if kind == _IPV4:
        head = (data[at] & 15) * 4
        return _inner(data, at + head, data[at + 9], data[at + 12 : at + 16], data[at + 16 : at + 20], probe)
    if kind == _IPV6:
        return _inner(data, at + 40, data[at + 6], data[at + 8 : at + 24], data[at + 24 : at + 40], probe)
    return None


def _inner(
    data: bytes, at: int, protocol: int, source: bytes, target: bytes, probe: Probe
) -> tuple[What, str, str] | None:
    sender = _text(source)
    if protocol in _ERRORS and data[at] in _ERRORS[protocol]:
        ours = (probe.mark and probe.mark in data) or _packed(probe.target) in data[at + 8 :]
        return (What.ERROR, f"{data[at]}/{data[at + 1]}", sender) if ours else None
    if protocol == _ICMP6 and data[at] in (_SOLICITATION, _ADVERTISEMENT):
        asked = _text(data[at + 8 : at + 24])
        return (What.ASKS, asked, sender) if data[at] == _SOLICITATION else (What.TELLS, asked, sender)
    if protocol == _TCP and probe.port:
        return _tcp(data, at, sender, probe)
    if probe.mark and (place := data.find(probe.mark)) >= _BEFORE_MARK:
        kind = data[place - _BEFORE_MARK]
        return (What.REPLY if kind in _REPLIES.values() else What.REQUEST, "", sender)
    if protocol in _REQUESTS and not probe.mark and not probe.port:
        if data[at] == _REQUESTS[protocol] and target == _packed(probe.target):
            return What.REQUEST, "", sender
        if data[at] == _REPLIES[protocol] and source == _packed(probe.target):
            return What.REPLY, "", sender
    if protocol == _ESP or (protocol == _UDP and _IPSEC_PORT in struct.unpack_from("!HH", data, at)):
        return What.ENCRYPTED, "", sender
    return None


def _tcp(data: bytes, at: int, sender: str, probe: Probe) -> tuple[What, str, str] | None:
    source, target = struct.unpack_from("!HH", data, at)
    flags = data[at + 13]
    if target == probe.port and flags & (_SYN | _ACK) == _SYN:
        return What.REQUEST, "", sender
    if source == probe.port and flags & _RST:
        return What.REFUSAL, "", sender
    if source == probe.port and flags & (_SYN | _ACK) == _SYN | _ACK:
        return What.REPLY, "", sender
    return None


def _text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed
