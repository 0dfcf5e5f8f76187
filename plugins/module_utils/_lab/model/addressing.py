# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses: which ones an interface can have, which ones can be together in a segment, and who gets which by itself.  Pure.

Automatic addresses are hosts of a segment's prefix, and subnets of a pool.

Everyone wants the number of its own position, and takes the next one that is free.  So an address depends only on what stands
before it and on what is given explicitly: adding something at the end changes nobody's, and giving somebody an address of its own
does not move those after it.
"""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar, Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]  # noqa: UP007

Holder = TypeVar("Holder")
_Range = tuple[int, int]
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_EVERYBODY = ipaddress.IPv4Address("255.255.255.255")


@lru_cache(maxsize=1 << 14)
def interface(text: str) -> Interface:
    """An address with prefix length, of text that is known to be one."""
    return ipaddress.ip_interface(text)


@lru_cache(maxsize=1 << 14)
def host(text: str) -> str:
    """An address without its prefix length, as it is written."""
    return str(interface(text).ip)


def unassignable(address: Address) -> str | None:
    """Why no interface can have an address, in words; ``None`` where one can.

    Some of these Linux refuses, some it takes and does nothing with, and 127.0.0.0/8 never leaves a machine (RFC 1122 section 3.2.1.3).
    """
    if address.is_unspecified:
        return "stands for no address at all"
    if address.is_multicast:
        return "is a multicast group"
    if address.is_loopback:
        return "never leaves a machine"
    if address == _EVERYBODY:
        return "is the address of everybody"
    if isinstance(address, ipaddress.IPv4Address):
        return "is none of a host" if address in _THIS_NETWORK else None
    return None if address.ipv4_mapped is None else f"is {address.ipv4_mapped} in the words of IPv6"


def doubtful(address: Interface) -> str | None:
    """Why an address is hardly meant, in words; ``None`` where it is one of a host."""
    network = address.network
    if network.num_addresses <= 2:
        return None
    if address.ip == network.network_address:
        return "names the network itself" if address.version == 4 else "is the any-router address of its prefix"
    if address.version == 4 and address.ip == network.broadcast_address:
        return "is the broadcast address of its prefix"
    return None


def is_host_alone(address: Interface) -> bool:
    """Whether an address says nothing about others in its segment: /32, /128, and what is link-local in IPv6 anyway."""
    return address.network.num_addresses == 1 or (address.version == 6 and address.is_link_local)


def overlaps(held: Iterable[tuple[Interface, Holder]]) -> Iterator[tuple[Interface, Holder, Interface, Holder]]:
    """Addresses of one segment, with whose they are, whose prefixes differ although they overlap; the later of two first."""
    first: dict[Network, tuple[int, Interface, Holder]] = {}
    for number, (address, who) in enumerate(held):
        if not is_host_alone(address):
            first.setdefault(address.network, (number, address, who))
    wide: Network | None = None
    for network in sorted(first, key=lambda each: (each.version, int(each.network_address), each.prefixlen)):
        # In this order a prefix comes directly after the ones that it is in.
        if wide is None or wide.version != network.version or network.network_address not in wide:
            wide = network
            continue
        (address, who), (other, whose) = (
            each[1:] for each in sorted((first[wide], first[network]), key=lambda each: -each[0])
        )
        yield address, who, other, whose


def hosts(prefix: Network, wanted: Sequence[bool], taken: Collection[Address]) -> list[str | None]:
    """Give addresses of a segment to those of its interfaces that want one.

    :param wanted: for each interface, in order, whether it wants one; it keeps its position either way.
    :param taken: addresses that are given already, of any family.
    :return: for each interface its address with prefix length; ``None`` where it wants none or there is none left.
    """
    first, count = _usable(prefix)
    blocked = [(int(a) - first, int(a) - first) for a in taken if a.version == prefix.version and a in prefix]
    numbers = _distribute(count, wanted, blocked)
    return [
        None if number is None else f"{prefix[0] + (first - int(prefix[0])) + number}/{prefix.prefixlen}"
        for number in numbers
    ]


def subnets(pool: Network, size: int, wanted: Sequence[bool], taken: Collection[Network]) -> list[Network | None]:
    """Give subnets of a pool to those of its links that want one.

    :param size: prefix length of a subnet, that of the pool or more.
    :param taken: prefixes that are in use already, of any family.
    :return: as for :func:`hosts`.
    """
    width = pool.max_prefixlen - size
    base = int(pool.network_address)
    blocked = [
        ((int(used.network_address) - base) >> width, (int(used.broadcast_address) - base) >> width)
        for used in taken
        if used.version == pool.version
    ]
    numbers = _distribute(1 << (size - pool.prefixlen), wanted, blocked)
    kind = type(pool)
    return [None if number is None else kind((base + (number << width), size)) for number in numbers]


def _usable(prefix: Network) -> _Range:
    """The first address for a host and how many there are.

    RFC 3021 and RFC 6164 take both addresses of a two-address prefix; else the first names the network (the any-router address in
    IPv6, RFC 4291 section 2.6.1) and IPv4 keeps the last for broadcast.
    """
    first = int(prefix.network_address)
    if prefix.num_addresses <= 2:
        return first, prefix.num_addresses
    return first + 1, prefix.num_addresses - (2 if prefix.version == 4 else 1)


def _distribute(count: int, wanted: Sequence[bool], blocked: Iterable[_Range]) -> list[int | None]:
    """Numbers from 0 to ``count``, less than that, none twice and none in a blocked range."""
    free = _Free(blocked)
    return [free.take(position % count, count) if wants else None for position, wants in enumerate(wanted)]


class _Free:
    """Which numbers are free.

    A number that is not knows one behind it that may be, so that each of thousands of interfaces need not step over all that those before
    it have taken.

    :param blocked: numbers that are not, with gaps or without, overlapping or not.
    """

    def __init__(self, blocked: Iterable[_Range]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for first, last in sorted(blocked):
            if self._ends and first <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], last)
            else:
                self._starts.append(first)
                self._ends.append(last)
        self._behind: dict[int, int] = {}

    def take(self, start: int, count: int) -> int | None:
        """The first free number from ``start`` on, then from 0 on; it is not free any more."""
        number = self._first(start)
        if number >= count:
            number = self._first(0)
            if number >= start:
                return None
        self._behind[number] = number + 1
        return number

    def _first(self, number: int) -> int:
        way = []
        while (behind := self._past(number)) != number:
            way.append(number)
            number = behind
        self._behind.update(dict.fromkeys(way, number))
        return number

    def _past(self, number: int) -> int:
        """A number behind one that is not free; itself if it is."""
        if number in self._behind:
            return self._behind[number]
        place = bisect.bisect_right(self._starts, number) - 1
        return self._ends[place] + 1 if place >= 0 and number <= self._ends[place] else number
