# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Automatic addresses: who gets which host of a segment's prefix, and which link gets which subnet of a pool.  Pure.

Everyone wants the number of its own position, and takes the next one that is free.  So an address depends only on what stands
before it and on what is given explicitly: adding something at the end changes nobody's, and giving somebody an address of its own
does not move those after it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007

_Range = tuple[int, int]


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


def _distribute(count: int, wanted: Sequence[bool], blocked: list[_Range]) -> list[int | None]:
    """Numbers from 0 to ``count``, less than that, none twice and none in a blocked range."""
    ranges = sorted(blocked)
    given: set[int] = set()
    numbers: list[int | None] = []
    for position, wants in enumerate(wanted):
        number = _free(position % count, count, given, ranges) if wants else None
        if number is not None:
            given.add(number)
        numbers.append(number)
    return numbers


def _free(start: int, count: int, given: set[int], ranges: list[_Range]) -> int | None:
    """The first free number from ``start`` on, then from 0 on."""
    for begin, end in ((start, count), (0, start)):
        number = begin
        while number < end:
            past = next((last + 1 for low, last in ranges if low <= number <= last), None)
            if past is None and number not in given:
                return number
            number = number + 1 if past is None else past
    return None
