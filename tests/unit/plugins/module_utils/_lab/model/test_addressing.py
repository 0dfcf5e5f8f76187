# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Automatic addresses: nobody shares one, all lie in the prefix, and they stay where they are."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.addressing import (
    doubtful,
    hosts,
    interface,
    is_host_alone,
    overlaps,
    subnets,
)

V4 = ipaddress.ip_network("10.0.0.0/24")


def ips(*texts: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [ipaddress.ip_address(text) for text in texts]


@pytest.mark.parametrize(
    ("prefix", "wanted", "taken", "expected"),
    [
        ("10.0.0.0/24", [True, True], [], ["10.0.0.1/24", "10.0.0.2/24"]),
        ("10.0.0.0/24", [], [], []),
        ("10.0.0.0/24", [True, False, True], [], ["10.0.0.1/24", None, "10.0.0.3/24"]),
        ("10.0.0.0/24", [True, True], ["10.0.0.1"], ["10.0.0.2/24", "10.0.0.3/24"]),
        ("10.0.0.0/24", [False, True], ["10.0.0.1"], [None, "10.0.0.2/24"]),
        ("10.0.0.0/24", [True], ["10.9.0.1", "fd00::1"], ["10.0.0.1/24"]),
        ("10.0.0.0/30", [True, True, True], [], ["10.0.0.1/30", "10.0.0.2/30", None]),
        ("10.0.0.0/30", [False, False, True], ["10.9.9.9"], [None, None, "10.0.0.1/30"]),
        ("10.0.0.0/31", [True, True, True], [], ["10.0.0.0/31", "10.0.0.1/31", None]),
        ("10.0.0.7/32", [True, True], [], ["10.0.0.7/32", None]),
        ("fd00::/64", [True, True], [], ["fd00::1/64", "fd00::2/64"]),
        ("fd00::/127", [True, True], ["fd00::"], ["fd00::1/127", None]),
        ("fd00::/126", [True, True, True, True], [], ["fd00::1/126", "fd00::2/126", "fd00::3/126", None]),
    ],
)
def test_everyone_gets_the_host_of_its_position_or_the_next_free_one(prefix, wanted, taken, expected):
    assert hosts(ipaddress.ip_network(prefix), wanted, ips(*taken)) == expected


@pytest.mark.parametrize(
    ("pool", "size", "wanted", "taken", "expected"),
    [
        ("10.255.0.0/16", 31, [True, True], [], ["10.255.0.0/31", "10.255.0.2/31"]),
        ("10.255.0.0/16", 30, [True, False, True], [], ["10.255.0.0/30", None, "10.255.0.8/30"]),
        ("10.255.0.0/16", 31, [True, True], ["10.255.0.0/30"], ["10.255.0.4/31", "10.255.0.6/31"]),
        ("10.255.0.0/16", 31, [True], ["10.0.0.0/8"], [None]),
        ("10.255.0.0/16", 31, [True], ["fd00::/8", "10.254.0.0/16"], ["10.255.0.0/31"]),
        ("10.255.0.0/30", 31, [True, True, True], [], ["10.255.0.0/31", "10.255.0.2/31", None]),
        ("10.255.0.0/31", 31, [True, True], [], ["10.255.0.0/31", None]),
        ("fd00::/48", 64, [True, True], [], ["fd00::/64", "fd00:0:0:1::/64"]),
        ("fd00::/64", 127, [True, True], [], ["fd00::/127", "fd00::2/127"]),
    ],
)
def test_every_link_gets_the_subnet_of_its_position_or_the_next_free_one(pool, size, wanted, taken, expected):
    found = subnets(ipaddress.ip_network(pool), size, wanted, [ipaddress.ip_network(text) for text in taken])
    assert [None if subnet is None else str(subnet) for subnet in found] == expected


prefixes = st.sampled_from(
    ["10.0.0.0/24", "10.0.0.0/28", "10.0.0.0/30", "10.0.0.0/31", "fd00::/64", "fd00::/124", "fd00::/127"]
)
wishes = st.lists(st.booleans(), max_size=40)


@st.composite
def taken_addresses(draw: st.DrawFn, prefix: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    network = ipaddress.ip_network(prefix)
    return [network[n] for n in draw(st.sets(st.integers(0, min(40, network.num_addresses - 1)), max_size=10))]


@given(st.data(), prefixes, wishes)
def test_addresses_are_unique_free_and_inside_the_prefix(data, prefix, wanted):
    network = ipaddress.ip_network(prefix)
    taken = data.draw(taken_addresses(prefix))
    found = [ipaddress.ip_interface(text) for text in hosts(network, wanted, taken) if text is not None]
    assert len(set(found)) == len(found)
    assert not {interface.ip for interface in found} & set(taken)
    assert all(interface.network == network for interface in found)
    if network.num_addresses > 2:
        assert network.network_address not in {interface.ip for interface in found}
        assert network.version == 6 or network.broadcast_address not in {interface.ip for interface in found}


@given(st.data(), prefixes, wishes)
def test_nobody_goes_without_while_there_is_one_left(data, prefix, wanted):
    network = ipaddress.ip_network(prefix)
    taken = data.draw(taken_addresses(prefix))
    found = hosts(network, wanted, taken)
    if any(wants and address is None for wants, address in zip(wanted, found, strict=True)):
        usable = set(network.hosts()) if network.num_addresses > 2 else set(network)
        assert {ipaddress.ip_interface(text).ip for text in found if text} == usable - set(taken)


@given(st.data(), prefixes, wishes, st.booleans())
def test_one_more_at_the_end_changes_nobody(data, prefix, wanted, more):
    network = ipaddress.ip_network(prefix)
    taken = data.draw(taken_addresses(prefix))
    assert hosts(network, [*wanted, more], taken)[: len(wanted)] == hosts(network, wanted, taken)


@given(st.integers(1, 200), st.integers(0, 199))
def test_one_that_takes_an_address_outside_moves_nobody(count, who):
    wanted = [True] * count
    without = [position != who for position in range(count)]
    changed = hosts(V4, without, ips("10.9.0.1"))
    assert all(new == old for new, old in zip(changed, hosts(V4, wanted, []), strict=True) if new is not None)


@given(wishes, st.sets(st.integers(0, 30), max_size=6))
def test_subnets_of_a_pool_do_not_overlap_with_anything(wanted, blocks):
    pool = ipaddress.ip_network("10.255.0.0/24")
    taken = [ipaddress.ip_network(f"10.255.0.{block * 8}/29") for block in blocks]
    found = [subnet for subnet in subnets(pool, 31, wanted, taken) if subnet is not None]
    assert len(set(found)) == len(found)
    assert all(subnet.subnet_of(pool) for subnet in found)
    assert not any(subnet.overlaps(used) for subnet in found for used in taken)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0/24", "names the network itself"),
        ("10.0.0.255/24", "is the broadcast address of its prefix"),
        ("fd02::/64", "is the any-router address of its prefix"),
        ("10.0.0.1/24", None),
        ("10.0.0.0/31", None),
        ("10.0.0.1/31", None),
        ("10.0.0.0/32", None),
        ("fd02::/127", None),
        ("fd02::/128", None),
        ("fd02::ffff:ffff:ffff:ffff/64", None),
        ("10.0.255.0/16", None),
    ],
)
def test_an_address_that_is_hardly_meant(text: str, why: str | None) -> None:
    assert doubtful(interface(text)) == why


_near = st.builds(
    lambda last, length: interface(f"10.0.{last // 256}.{last % 256}/{length}"),
    st.integers(0, 1023),
    st.integers(20, 32),
)


@given(st.lists(_near, max_size=8))
def test_prefixes_of_a_segment_that_overlap_are_told_if_and_only_if_there_are_any(held: list[Any]) -> None:
    told = list(overlaps((address, str(number)) for number, address in enumerate(held)))

    counting = [address for address in held if not is_host_alone(address)]
    expected = any(a.network != b.network and a.network.overlaps(b.network) for a in counting for b in counting)
    assert bool(told) is expected
    for address, who, other, whose in told:
        assert int(who) > int(whose)
        assert address.network != other.network and address.network.overlaps(other.network)
