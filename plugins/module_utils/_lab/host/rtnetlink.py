# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel says of a namespace's devices, read without pyroute2: dumps of rtnetlink(7), and messages about changes.

``netlink`` makes and changes devices, and knows everything about them.  This file is for those who look often or must start fast:
pyroute2 takes 0.1 s to import and 90 ms for 250 devices, of which the kernel itself needs 1 ms.  And for what is changed of each port of a
large segment: several changes are one message to the kernel here.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..model.span import Span
from . import syscalls

# linux/rtnetlink.h, linux/netlink.h, linux/if_link.h
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_SETLINK, _RTM_GETADDR, _RTM_GETSTATS = 16, 17, 18, 19, 22, 94
_RTM_NEWNEIGH, _RTM_DELNEIGH, _RTM_GETNEIGH, _RTM_NEWLINKPROP = 28, 29, 30, 108
_REQUEST, _REQUEST_AND_DUMP, _REQUEST_AND_ANSWER = 0x1, 0x301, 0x5
_EXCLUSIVE, _CREATE, _APPEND = 0x200, 0x400, 0x800
_INTERRUPTED = 0x10
_ERROR, _DONE = 2, 3
_MAC, _IFNAME, _MTU, _MASTER, _PROTINFO, _IFALIAS, _GROUP, _NETNS_FD, _EXT_MASK = 1, 3, 4, 10, 12, 20, 27, 28, 29
_LINKINFO, _STATS64, _AF_SPEC, _CARRIER, _PROP_LIST, _ALT_IFNAME = 18, 23, 26, 33, 52, 53
_INFO_KIND, _INFO_DATA, _TUN_GROUP = 1, 2, 2
_BR_STP_STATE, _BR_GROUP_FWD_MASK, _BR_MCAST_SNOOPING, _BR_MCAST_QUERIER = 5, 9, 23, 25
# Numbers of a bridge's settings, each with the struct of its value.
_OF_BRIDGES = {
    "stp_state": (_BR_STP_STATE, struct.Struct("=I")),
    "group_fwd_mask": (_BR_GROUP_FWD_MASK, struct.Struct("=H")),
    "mcast_snooping": (_BR_MCAST_SNOOPING, struct.Struct("=B")),
    "mcast_querier": (_BR_MCAST_QUERIER, struct.Struct("=B")),
    "mcast_query_response_intvl": (34, struct.Struct("=Q")),
    "mcast_igmp_version": (43, struct.Struct("=B")),
    "mcast_mld_version": (44, struct.Struct("=B")),
}
# linux/ipv6.h: the place of a setting in what a device tells of them.
_INET6_CONF, _DEVCONF_DISABLE_IPV6 = 2, 26
_OF_A_DEVICE = frozenset(
    {_MAC, _IFNAME, _MTU, _MASTER, _IFALIAS, _GROUP, _LINKINFO, _STATS64, _AF_SPEC, _CARRIER, _PROP_LIST}
)
_BRPORT_MULTICAST_ROUTER, _BRPORT_GROUP_FWD_MASK, _BRPORT_ISOLATED = 25, 31, 33
_ROUTER_ALWAYS = 2  # MDB_RTR_TYPE_PERM, linux/if_bridge.h
_VXLAN = "vxlan"
_VXLAN_ID, _VXLAN_LOCAL, _VXLAN_TTL, _VXLAN_LIMIT, _VXLAN_PORT, _VXLAN_LOCAL6 = 1, 4, 5, 9, 15, 17
_TTL = 64
# linux/neighbour.h
_NDA_DST, _NDA_LLADDR = 1, 2
_PERMANENT, _SELF = 0x80, 0x02
EVERYBODY = bytes(6)  # stands for all addresses that a tunnel has not learned
_NESTED = 0x8000
_AF_BRIDGE = 7
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_WITHOUT_STATISTICS = 1 << 3
_STATS_LINK_64 = 1
_RT_SCOPE_LINK = 253
_IFF_UP, _IFF_LOWER_UP = 1, 1 << 16
RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 1, 0x10, 0x100

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_LINK = struct.Struct("=BxHiII")
# As many as an answer to each is sure to have room for.
_AT_ONCE = 100
_ADDRESS = struct.Struct("=BBBBi")
_NUMBER = struct.Struct("=I")
_NEIGHBOUR = struct.Struct("=BxxxiHBx")
_SHORT = struct.Struct("=H")
# Header, struct if_stats_msg, the head of its one attribute, and the first of struct rtnl_link_stats64.
_STATS = struct.Struct("=16x4xi4x4x8Q")
_COUNTERS = struct.Struct("=8Q")
_STATS_REQUEST = struct.Struct("=BBHII")
# A dump's datagrams have 32 KiB (netlink_dump, net/netlink/af_netlink.c), or one device that needs more.
_LARGEST = 1 << 18
_TRIES = 5


class Counted(NamedTuple):
    """What a device has counted since it was made, as the host's side of it does: what a guest sends is received here."""

    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int
    rx_errors: int
    tx_errors: int
    rx_dropped: int
    tx_dropped: int


class Link(NamedTuple):
    """A network device.

    :ivar number: its index.
    :ivar master: index of the bridge that it is plugged into; 0 for none.
    :ivar carrier: whether its other end is there: a TAP's is its guest.
    :ivar alias: what somebody has written on it; our owner mark on ours.
    """

    number: int
    name: str
    master: int
    mtu: int
    up: bool
    carrier: bool
    alias: str


class Described(NamedTuple):
    """A network device with all that is asked of one of ours.  What a kind has that is not its own is not to be asked for.

    :ivar told: its attributes as the kernel sends them, by number.
    """

    number: int
    up: bool
    told: dict[int, bytes]

    @property
    def name(self) -> str:
        """Its name."""
        return _text(self.told.get(_IFNAME, b""))

    @property
    def alias(self) -> str:
        """What somebody has written on it."""
        return _text(self.told.get(_IFALIAS, b""))

    @property
    def others(self) -> tuple[str, ...]:
        """More names that it has."""
        properties = self.told.get(_PROP_LIST, b"")
        return tuple(
            _text(value) for number, value in _attributes(properties, 0, len(properties)) if number == _ALT_IFNAME
        )

    @property
    def mac(self) -> str:
        """Its address on the link."""
        return self.told.get(_MAC, b"").hex(":")

    @property
    def mtu(self) -> int:
        """Bytes."""
        return self._number(_MTU) or 0

    @property
    def master(self) -> int | None:
        """Index of the bridge that it is plugged into."""
        return self._number(_MASTER)

    @property
    def group(self) -> int:
        """Its link group."""
        return self._number(_GROUP) or 0

    @property
    def carrier(self) -> bool:
        """Whether its other end is there."""
        return any(self.told.get(_CARRIER, b""))

    @property
    def counted(self) -> Counted | None:
        """Its counters."""
        told = self.told.get(_STATS64, b"")
        return Counted._make(_COUNTERS.unpack_from(told)) if len(told) >= _COUNTERS.size else None

    @property
    def tap_group(self) -> int | None:
        """The one group of users whose processes may attach to a TAP."""
        told = self._info().get(_TUN_GROUP)
        return None if told is None else _NUMBER.unpack(told)[0]

    @property
    def bridge(self) -> Bridge:
        """What only a bridge has."""
        info = self._info()
        return Bridge(
            any(info.get(_BR_STP_STATE, b"")),
            _SHORT.unpack(info.get(_BR_GROUP_FWD_MASK, bytes(_SHORT.size)))[0],
            any(info.get(_BR_MCAST_SNOOPING, b"")),
            any(info.get(_BR_MCAST_QUERIER, b"")),
            self._ipv6(),
        )

    @property
    def span(self) -> Span | None:
        """What a VXLAN device leads to, without its peers; ``None`` where it is none."""
        kind = _nested(self.told.get(_LINKINFO, b"")).get(_INFO_KIND, b"")
        info = self._info()
        if _text(kind) != _VXLAN or _VXLAN_ID not in info:
            return None
        local = info.get(_VXLAN_LOCAL) or info.get(_VXLAN_LOCAL6)
        port = int.from_bytes(info.get(_VXLAN_PORT, b""), "big")
        return Span(_NUMBER.unpack(info[_VXLAN_ID])[0], "" if local is None else _address(local), port=port)

    def _ipv6(self) -> bool | None:
        families = _nested(self.told.get(_AF_SPEC, b""))
        settings = _nested(families.get(socket.AF_INET6, b"")).get(_INET6_CONF)
        return None if settings is None else not any(settings[4 * _DEVCONF_DISABLE_IPV6 :][:4])

    def _info(self) -> dict[int, bytes]:
        return _nested(_nested(self.told.get(_LINKINFO, b"")).get(_INFO_DATA, b""))

    def _number(self, attribute: int) -> int | None:
        told = self.told.get(attribute)
        number: int | None = None if told is None else _NUMBER.unpack(told)[0]
        return number


class Bridge(NamedTuple):
    """The settings of a bridge.

    :ivar ipv6: whether the host has IPv6 on it; ``None`` where it has none at all.
    """

    stp: bool
    group_fwd_mask: int
    snooping: bool
    querier: bool
    ipv6: bool | None


class Forwarded(NamedTuple):
    """Where a tunnel sends frames for an address.

    :ivar number: index of the tunnel.
    :ivar to: address of a lab host.
    """

    number: int
    mac: bytes
    to: str


class Refused(OSError):
    """A change that the kernel refuses."""

    def __str__(self) -> str:
        return f"({self.errno}, {self.strerror!r})"


def set_link(index: int, *, up: bool = False, **attributes: int | str) -> bytes:
    """A message that changes a device.

    :param up: whether to set it up.
    :param attributes: ``name``, ``alias``, ``group``, ``mtu``, ``master`` (0 for none).
    """
    numbers = {"name": _IFNAME, "alias": _IFALIAS, "group": _GROUP, "mtu": _MTU, "master": _MASTER}
    body = b"".join(
        _packed(numbers[name], value.encode() if isinstance(value, str) else _NUMBER.pack(value))
        for name, value in attributes.items()
    )
    flags = _IFF_UP if up else 0
    return _message(_RTM_SETLINK, _LINK.pack(0, 0, index, flags, flags) + body)


def another_name(index: int, name: str) -> bytes:
    """A message that gives a device one more name."""
    names = _packed(_PROP_LIST | _NESTED, _packed(_ALT_IFNAME, name.encode() + b"\0"))
    return _message(_RTM_NEWLINKPROP, _LINK.pack(0, 0, index, 0, 0) + names, _CREATE | _EXCLUSIVE | _APPEND)


def new_bridge(name: str, group: int, **settings: int) -> bytes:
    """A message that makes a bridge.

    :param group: its link group.
    :param settings: as for :func:`set_bridge`.
    """
    body = _packed(_IFNAME, name.encode() + b"\0") + _packed(_GROUP, _NUMBER.pack(group)) + _of_bridge(settings)
    return _message(_RTM_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + body, _CREATE | _EXCLUSIVE)


def set_bridge(index: int, **settings: int) -> bytes:
    """A message that changes settings of a bridge; times are in hundredths of a second."""
    return _message(_RTM_NEWLINK, _LINK.pack(0, 0, index, 0, 0) + _of_bridge(settings))


def _of_bridge(settings: Mapping[str, int]) -> bytes:
    found = ((*_OF_BRIDGES[name], value) for name, value in settings.items())
    return _info("bridge", b"".join(_packed(number, kind.pack(value)) for number, kind, value in found))


def set_port(
    index: int, *, isolated: bool | None = None, group_fwd_mask: int | None = None, router: bool = False
) -> bytes:
    """A message that changes a bridge's port.

    :param router: whether it is to get all multicast from now on, and who listens.
    """
    body = b"" if isolated is None else _packed(_BRPORT_ISOLATED, bytes([isolated]))
    body += b"" if group_fwd_mask is None else _packed(_BRPORT_GROUP_FWD_MASK, _SHORT.pack(group_fwd_mask))
    body += _packed(_BRPORT_MULTICAST_ROUTER, bytes([_ROUTER_ALWAYS])) if router else b""
    return _message(_RTM_SETLINK, _LINK.pack(_AF_BRIDGE, 0, index, 0, 0) + _packed(_PROTINFO | _NESTED, body))


def new_tunnel(name: str, group: int, span: Span, limit: int, netns: int | None = None) -> bytes:
    """A message that makes a VXLAN device, whose socket is in the namespace that it is sent in.

    :param group: its link group.
    :param limit: how many addresses it learns at the most.
    :param netns: descriptor of the namespace that it is made in, if that is another.
    """
    data = _packed(_VXLAN_ID, _NUMBER.pack(span.vni)) + _packed(_VXLAN_PORT, struct.pack("!H", span.port))
    data += _packed(_VXLAN_TTL, bytes([_TTL])) + _packed(_VXLAN_LIMIT, _NUMBER.pack(limit)) + _local(span.local)
    body = _packed(_IFNAME, name.encode() + b"\0") + _packed(_GROUP, _NUMBER.pack(group)) + _of_vxlan(data)
    body += b"" if netns is None else _packed(_NETNS_FD, _NUMBER.pack(netns))
    return _message(_RTM_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + body, _CREATE | _EXCLUSIVE)


def set_tunnel(index: int, local: str) -> bytes:
    """A message that has a VXLAN device send from another address of the same family."""
    return _message(_RTM_NEWLINK, _LINK.pack(0, 0, index, 0, 0) + _of_vxlan(_local(local)))


def _of_vxlan(data: bytes) -> bytes:
    return _info(_VXLAN, data)


def _info(kind: str, data: bytes) -> bytes:
    return _packed(
        _LINKINFO | _NESTED, _packed(_INFO_KIND, kind.encode() + b"\0") + _packed(_INFO_DATA | _NESTED, data)
    )


def _local(address: str) -> bytes:
    return _packed(_VXLAN_LOCAL6 if ":" in address else _VXLAN_LOCAL, ipaddress.ip_address(address).packed)


def forward(index: int, to: str, mac: bytes = EVERYBODY) -> bytes:
    """A message that has a tunnel send frames for an address to one more lab host."""
    return _neighbour(_RTM_NEWNEIGH, index, to, mac, _CREATE | _APPEND)


def forward_no_more(index: int, to: str, mac: bytes = EVERYBODY) -> bytes:
    """A message that undoes :func:`forward`, or has a tunnel forget what it has learned."""
    return _neighbour(_RTM_DELNEIGH, index, to, mac)


def _neighbour(kind: int, index: int, to: str, mac: bytes, flags: int = 0) -> bytes:
    body = _packed(_NDA_LLADDR, mac) + _packed(_NDA_DST, ipaddress.ip_address(to).packed)
    return _message(kind, _NEIGHBOUR.pack(_AF_BRIDGE, index, _PERMANENT, _SELF) + body, flags)


def delete_link(index: int) -> bytes:
    """A message that deletes a device."""
    return _message(_RTM_DELLINK, _LINK.pack(0, 0, index, 0, 0))


def delete_group(group: int) -> bytes:
    """A message that deletes all devices of a link group."""
    return _message(_RTM_DELLINK, _LINK.pack(0, 0, 0, 0, 0) + _packed(_GROUP, _NUMBER.pack(group)))


def _message(kind: int, body: bytes, flags: int = 0) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_AND_ANSWER | flags, 0, 0) + body


def _packed(number: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(4 + len(value), number) + value + bytes(-len(value) % 4)


class Route:
    """A socket of rtnetlink(7), which stays in the network namespace that it was opened in.  For one thread at a time.

    :param namespace: where to enter it; ``None`` for the one that the calling thread is in.
    :raises OSError: where there is none.
    """

    def __init__(self, namespace: str | None) -> None:
        self._socket = opened(namespace)
        self._sequence = 0

    def fileno(self) -> int:
        """Its descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def __enter__(self) -> Route:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def counters(self) -> dict[int, Counted]:
        """Counters of all devices by index: about 250 bytes a device, and nothing else of it."""
        request = _STATS_REQUEST.pack(0, 0, 0, 0, _STATS_LINK_64)
        unpack, made = _STATS.unpack_from, Counted._make
        found = {}
        for data, at, _end in self._dump(_RTM_GETSTATS, request):
            index, *values = unpack(data, at)
            found[index] = made(values)
        return found

    def links(self) -> list[Link]:
        """All devices."""
        request = _LINK.pack(0, 0, 0, 0, 0) + _ATTRIBUTE.pack(8, _EXT_MASK) + _NUMBER.pack(_WITHOUT_STATISTICS)
        return [_link(*each) for each in self._dump(_RTM_GETLINK, request)]

    def devices(self, index: int = 0) -> list[Described]:
        """All devices with what is asked of them, or one of them.

        :raises OSError: ENODEV where there is none of that index.
        """
        request = _LINK.pack(0, 0, index, 0, 0)
        found = self._dump(_RTM_GETLINK, request) if index == 0 else self._one(_RTM_GETLINK, request)
        return [_described(*each) for each in found]

    def port_masks(self) -> dict[int, int]:
        """By index, the link-local groups that ports of bridges forward beyond those of their bridge, where there are any."""
        found = {}
        for data, at, end in self._dump(_RTM_GETLINK, _LINK.pack(_AF_BRIDGE, 0, 0, 0, 0)):
            index = _LINK.unpack_from(data, at + _HEADER.size)[2]
            port = dict(_attributes(data, at + _HEADER.size + _LINK.size, end)).get(_PROTINFO, b"")
            for number, value in _attributes(port, 0, len(port)):
                if number == _BRPORT_GROUP_FWD_MASK and any(value):
                    found[index] = _SHORT.unpack(value)[0]
        return found

    def forwarded(self, index: int = 0) -> list[Forwarded]:
        """Where tunnels send frames: what they were told, and what they have learned.

        :param index: of one of them; 0 for all.
        """
        found = []
        # The kernel takes the port from a message of that shape (valid_fdb_dump_legacy, net/core/rtnetlink.c).
        for data, at, end in self._dump(_RTM_GETNEIGH, _LINK.pack(_AF_BRIDGE, 0, index, 0, 0)):
            told = dict(_attributes(data, at + _HEADER.size + _NEIGHBOUR.size, end))
            if _NDA_DST in told and _NDA_LLADDR in told:
                number = _NEIGHBOUR.unpack_from(data, at + _HEADER.size)[1]
                found.append(Forwarded(number, told[_NDA_LLADDR], _address(told[_NDA_DST])))
        return found

    def addresses(self) -> dict[int, list[str]]:
        """Addresses of all devices by index, as ``address/prefix``, without those of scope link."""
        return {index: found for (index, link_local), found in self.scoped_addresses().items() if not link_local}

    def scoped_addresses(self) -> dict[tuple[int, bool], list[str]]:
        """Addresses of all devices by index, and whether they are of scope link, as ``address/prefix``."""
        found: dict[tuple[int, bool], list[str]] = {}
        for data, at, end in self._dump(_RTM_GETADDR, bytes(_ADDRESS.size)):
            family, length, _flags, scope, index = _ADDRESS.unpack_from(data, at + _HEADER.size)
            told = dict(_attributes(data, at + _HEADER.size + _ADDRESS.size, end))
            packed = told.get(_IFA_LOCAL) or told.get(_IFA_ADDRESS)
            if packed is not None:
                place = found.setdefault((index, scope == _RT_SCOPE_LINK), [])
                place.append(f"{socket.inet_ntop(family, packed)}/{length}")
        return found

    def change(self, messages: Sequence[bytes]) -> None:
        """Have the kernel carry out changes, one after another.

        :raises Refused: for the first that it refuses; those after it are carried out all the same.
        """
        failed = 0
        for begin in range(0, len(messages), _AT_ONCE):
            some = messages[begin : begin + _AT_ONCE]
            self._socket.send(b"".join(some))
            left = len(some)
            while left:
                data = self._socket.recv(_LARGEST)
                at = 0
                while at < len(data):
                    size, kind, *_rest = _HEADER.unpack_from(data, at)
                    if kind == _ERROR:
                        left -= 1
                        failed = failed or _failure(data, at + _HEADER.size, size - _HEADER.size)
                    at += (size + 3) & ~3
        if failed:
            raise Refused(failed, os.strerror(failed))

    def _dump(self, kind: int, body: bytes) -> list[tuple[bytes, int, int]]:
        """All messages of an answer: a datagram, and where in it the message begins and ends.

        :raises OSError: where the kernel refuses, or devices come and go too fast for a whole answer.
        """
        for _try in range(_TRIES):
            self._sequence += 1
            self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_AND_DUMP, self._sequence, 0) + body)
            found, whole = self._answer()
            if whole:
                return found
        raise OSError(errno.EAGAIN, "its devices change all the time")

    def _one(self, kind: int, body: bytes) -> list[tuple[bytes, int, int]]:
        """The message that answers a request for one object."""
        self._sequence += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST, self._sequence, 0) + body)
        while True:
            data = self._socket.recv(_LARGEST)
            size, kind, _flags, sequence, _port = _HEADER.unpack_from(data, 0)
            if sequence != self._sequence:
                continue
            if kind == _ERROR:
                code = _failure(data, _HEADER.size, size - _HEADER.size)
                raise OSError(code, os.strerror(code))
            return [(data, 0, size)]

    def _answer(self) -> tuple[list[tuple[bytes, int, int]], bool]:
        found: list[tuple[bytes, int, int]] = []
        whole = True
        while True:
            data = self._socket.recv(_LARGEST)
            at = 0
            while at < len(data):
                size, kind, flags, sequence, _port = _HEADER.unpack_from(data, at)
                whole = whole and not flags & _INTERRUPTED
                if kind in (_DONE, _ERROR):
                    code = _failure(data, at + _HEADER.size, size - _HEADER.size)
                    if code:
                        raise OSError(code, os.strerror(code))
                    return found, whole
                if sequence == self._sequence:
                    found.append((data, at, at + size))
                at += (size + 3) & ~3


def opened(namespace: str | None, groups: int = 0) -> socket.socket:
    """A socket of rtnetlink(7) in a network namespace.

    :param groups: ``RTMGRP_*`` whose messages it gets.
    :raises OSError: where there is no such namespace.
    """
    with syscalls.network_namespace(namespace):
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        made.bind((0, groups))
    except OSError:
        made.close()
        raise
    return made


def _failure(data: bytes, at: int, size: int) -> int:
    """Number of the error that ends an answer; 0 for none."""
    return -struct.unpack_from("=i", data, at)[0] if size >= 4 else 0


def _link(data: bytes, at: int, end: int) -> Link:
    _family, _kind, index, flags, _change = _LINK.unpack_from(data, at + _HEADER.size)
    name, alias, master, mtu = "", "", 0, 0
    # A device has 50 attributes: no call for each.
    unpack = _ATTRIBUTE.unpack_from
    at += _HEADER.size + _LINK.size
    while at + 4 <= end:
        size, number = unpack(data, at)
        if number == _IFNAME:
            name = os.fsdecode(data[at + 4 : at + size - 1])
        elif number == _MTU:
            mtu = _NUMBER.unpack_from(data, at + 4)[0]
        elif number == _MASTER:
            master = _NUMBER.unpack_from(data, at + 4)[0]
        elif number == _IFALIAS:
            alias = os.fsdecode(data[at + 4 : at + size].rstrip(b"\0"))
        at += (size + 3) & ~3 or 4
    return Link(index, name, master, mtu, bool(flags & _IFF_UP), bool(flags & _IFF_LOWER_UP), alias)


def _described(data: bytes, at: int, end: int) -> Described:
    _family, _kind, index, flags, _change = _LINK.unpack_from(data, at + _HEADER.size)
    told, unpack = {}, _ATTRIBUTE.unpack_from
    at += _HEADER.size + _LINK.size
    # See _link.
    while at + 4 <= end:
        size, number = unpack(data, at)
        if number & 0x3FFF in _OF_A_DEVICE:
            told[number & 0x3FFF] = data[at + 4 : at + size]
        at += (size + 3) & ~3 or 4
    return Described(index, bool(flags & _IFF_UP), told)


def _text(value: bytes) -> str:
    return os.fsdecode(value.rstrip(b"\0"))


def _address(value: bytes) -> str:
    return str(ipaddress.ip_address(value))


def _nested(value: bytes) -> dict[int, bytes]:
    return dict(_attributes(value, 0, len(value)))


def _attributes(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The attributes between two places of a datagram."""
    while at + 4 <= end:
        size, number = _ATTRIBUTE.unpack_from(data, at)
        if size < 4:
            return
        yield number & 0x3FFF, data[at + 4 : at + size]
        at += (size + 3) & ~3
