# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses a scenario's interfaces have: their own, those of their segment's prefix, and prefixes from pools.  Pure.

How numbers are given out is in ``addressing``; here is who asks for one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..model import addressing
from ..model.addressing import Network
from ..model.notation import AUTO, ip_of, network_of
from .cabling import DEFAULT_POOL, Cabling, Label, Port, Segment, Settings, listed, names, one_a_family
from .document import Document, KeyPath

Addresses = tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """Addresses of all interfaces.

    :ivar addresses: of each; ``None`` leaves them to the guest.
    :ivar automatic: those that were found here, each with what it was taken from: the segment's prefix, or that of a pool.
    """

    addresses: Mapping[Label, Addresses | None]
    automatic: Mapping[Label, Mapping[str, Network]]


def number(cabling: Cabling, pools: Mapping[str, Settings], document: Document) -> Numbers:
    """Find every interface's addresses."""
    numbered, sources = _with_prefixes(cabling, pools, document)
    automatic: dict[Label, dict[str, Network]] = {}
    for segment in numbered.segments.values():
        ports = [numbered.ports[label] for label in segment.ports]
        for prefix in segment.prefixes:
            for port, address in _in_prefix(segment, prefix, ports, document):
                automatic.setdefault((port.guest, port.name), {})[address] = sources.get(prefix, prefix)
    addresses = {label: _addresses(port, automatic.get(label), document) for label, port in numbered.ports.items()}
    return Numbers(addresses, automatic)


def leg_of(segment: Segment) -> Addresses | None:
    """Addresses of the host in a segment."""
    return tuple(dict.fromkeys(listed(segment.settings["address"]))) if "address" in segment.settings else None


def _in_prefix(segment: Segment, prefix: Network, ports: list[Port], document: Document) -> Iterator[tuple[Port, str]]:
    taken = [ip_of(address) for address in leg_of(segment) or ()]
    taken += [ip_of(address) for port in ports for address in _own(port)]
    wanted = [_wants(port) for port in ports]
    for port, wants, address in zip(ports, wanted, addressing.hosts(prefix, wanted, taken), strict=True):
        if address is not None:
            yield port, address
        elif wants:
            document.blame(
                port.path,
                f"prefix {prefix} has no address left for {port.label}",
                "give the segment a larger prefix, or the interface an address of its own",
            )


def _own(port: Port) -> list[str]:
    """The addresses that are given explicitly."""
    given = listed(port.settings["address"]) if "address" in port.settings else []
    return [address for address in given if address != AUTO]


def _wants(port: Port) -> bool:
    return "address" not in port.settings or AUTO in listed(port.settings["address"])


def _addresses(port: Port, automatic: Iterable[str] | None, document: Document) -> Addresses | None:
    if "address" not in port.settings:
        return None if automatic is None else tuple(automatic)
    found: list[str] = []
    for address in listed(port.settings["address"]):
        found += [address] if address != AUTO else automatic or []
    if AUTO in listed(port.settings["address"]) and automatic is None and not document.blames(port.path):
        document.blame(
            port.where("address"),
            f"address: auto, and there is no prefix for {port.label}",
            "give its bridge or link a prefix",
        )
    return tuple(dict.fromkeys(found))


# Pools


@dataclass(frozen=True)
class _Pool:
    """:ivar sizes: prefix length of a link, for each prefix of the pool."""

    name: str
    sizes: Mapping[Network, int]


def _with_prefixes(
    cabling: Cabling, pools: Mapping[str, Settings], document: Document
) -> tuple[Cabling, Mapping[Network, Network]]:
    """Give a prefix to every link that takes it from a pool.

    :return: also for each of these prefixes that of the pool.
    """
    understood = {name: _pool(name, settings, document) for name, settings in pools.items()}
    users: dict[str, list[Segment]] = {}
    for segment in cabling.segments.values():
        name = _pool_of(segment, understood, document)
        if name is not None:
            users.setdefault(name, []).append(segment)
    taken = list(_used(cabling))
    sources: dict[Network, Network] = {}
    segments = dict(cabling.segments)
    for name, links in users.items():
        wanted = [not link.prefixes and any(_wants(cabling.ports[label]) for label in link.ports) for link in links]
        for segment in _from_pool(understood[name], links, wanted, taken, document):
            if segment.prefixes != segments[segment.name].prefixes:
                sources |= dict(zip(segment.prefixes, understood[name].sizes, strict=False))
            segments[segment.name] = segment
            taken += segment.prefixes
    return dataclasses.replace(cabling, segments=segments), sources


def _pool_of(segment: Segment, pools: Mapping[str, _Pool], document: Document) -> str | None:
    """The pool in which a link has its position, also where its prefix is given explicitly."""
    if not segment.is_link:
        return None
    name = segment.pool or DEFAULT_POOL
    there = names(document, "pools")
    if segment.pool is not None and there is not None and name not in there:
        document.blame_unknown((*segment.path, "pool"), f"there is no pool {name}", name, pools)
    return name if name in pools else None


def _from_pool(
    pool: _Pool, links: list[Segment], wanted: list[bool], taken: list[Network], document: Document
) -> list[Segment]:
    found: list[list[Network]] = [[] for _link in links]
    for prefix, size in pool.sizes.items():
        for index, subnet in enumerate(addressing.subnets(prefix, size, wanted, taken)):
            if subnet is not None:
                found[index].append(subnet)
            elif wanted[index]:
                document.blame(
                    links[index].path,
                    f"pool {pool.name} has no /{size} of {prefix} left for this link",
                    "give the pool a larger prefix, or the link a prefix or pool of its own",
                )
    return [
        dataclasses.replace(link, prefixes=tuple(prefixes)) if wants else link
        for link, prefixes, wants in zip(links, found, wanted, strict=True)
    ]


def _used(cabling: Cabling) -> Iterator[Network]:
    """The prefixes that no link may get any more."""
    for segment in cabling.segments.values():
        yield from segment.prefixes
        yield from (network_of(address) for address in leg_of(segment) or ())
    for port in cabling.ports.values():
        yield from (network_of(address) for address in _own(port))


def _pool(name: str, settings: Settings, document: Document) -> _Pool:
    path: KeyPath = ("pools", name)
    prefixes = one_a_family(listed(settings["prefix"]), (*path, "prefix"), document)
    given = settings.get("subnet")
    sizes = [prefix.max_prefixlen - 1 for prefix in prefixes] if given is None else listed(given)
    if len(sizes) != len(prefixes):
        document.blame(
            (*path, "subnet"),
            f"{len(prefixes)} prefixes and {len(sizes)} prefix lengths of a link",
            "give a list with one for each prefix, in the same order",
        )
    fitting: dict[Network, int] = {}
    for prefix, size in zip(prefixes, sizes, strict=False):
        if prefix.prefixlen <= size < prefix.max_prefixlen:
            fitting[prefix] = size
        else:
            document.blame(
                (*path, "subnet" if given is not None else "prefix"),
                f"{prefix} holds no /{size} for the two ends of a link",
                f"give subnet as {prefix.prefixlen} to {prefix.max_prefixlen - 1}, or a larger prefix",
            )
    return _Pool(name, fitting)
