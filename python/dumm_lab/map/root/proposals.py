# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is free in a scenario: the next name of an interface, and the next prefix of a cable or a segment.  Pure."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Collection, Iterable, Iterator

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.addressing import Network
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.notation import network_of

from .described import Described

# Where the first cable and the first segment of a lab are; after that next to what there is.
_FIRST_CABLE, _FIRST_SEGMENT = ipaddress.ip_network("10.255.0.0/30"), ipaddress.ip_network("10.1.0.0/24")
_PRIVATE = ipaddress.ip_network("10.0.0.0/8")
_MOST_TRIED = 1 << 16
_NUMBERED = re.compile(r"(.*?)(\d+)")


def interface(state: Described, guest: str, taken: Collection[str] = ()) -> str:
    """The next free name of an interface: with the lowest free number behind what the guest's last one is called."""
    state.check_guest(guest)
    names = [*state.scenario.guests[guest].interfaces]
    found = next((match for name in reversed(names) if (match := _NUMBERED.fullmatch(name))), None)
    base = "eth" if found is None else found[1]
    return next(name for number in itertools.count() if (name := f"{base}{number}") not in {*names, *taken})


def cable_prefix(state: Described) -> str | None:
    """The next free prefix of a cable; ``None`` where a pool gives one."""
    if "links" in state.own("pools"):
        return None
    numbered = [each for link in state.links for each in _listed(link.get("prefix"))]
    return str(_next(state, [ipaddress.ip_network(each) for each in numbered], _FIRST_CABLE))


def segment_prefix(state: Described) -> str:
    """The next free prefix of a segment."""
    numbered = [each for name in state.own("bridges") for each in prefixes(state, name)]
    return str(_next(state, numbered, _FIRST_SEGMENT))


def prefixes(state: Described, segment: str) -> list[Network]:
    """The prefixes that a segment gives addresses from."""
    return [ipaddress.ip_network(each) for each in _listed(state.own("bridges", segment).get("prefix"))]


def segment_name(state: Described) -> str:
    """The next free name of a segment."""
    return next(name for number in itertools.count() if (name := f"net{number}") not in state.scenario.bridges)


def guest_name(state: Described) -> str:
    """The next free name of a guest."""
    return next(name for number in itertools.count(1) if (name := f"guest{number}") not in state.scenario.guests)


def _next(state: Described, like: Iterable[Network], first: Network) -> Network:
    """The first free prefix, as large as the last one of its kind, and near it if there is room."""
    last = next((each for each in reversed([*like]) if each.version == 4 and each.prefixlen > 8), first)
    used = list(_used(state))
    for around in (last.supernet(new_prefix=min(16, last.prefixlen - 1)), last.supernet(new_prefix=8), _PRIVATE):
        if last.prefixlen < around.prefixlen:
            continue
        for found in itertools.islice(_subnets(around, last), _MOST_TRIED):
            if not any(found.overlaps(each) for each in used if each.version == found.version):
                return found
    return first


def _subnets(around: Network, like: Network) -> Iterator[Network]:
    """Those of a prefix, from one on and then from the first on."""
    if not like.subnet_of(around):  # type: ignore[arg-type]
        yield from around.subnets(new_prefix=like.prefixlen)
        return
    size = like.num_addresses
    for start in (int(like.network_address), int(around.network_address)):
        while start <= int(around.broadcast_address):
            yield ipaddress.IPv4Network((start, like.prefixlen))
            start += size


def _used(state: Described) -> Iterator[Network]:
    """All that is in use."""
    told = [link.get("prefix") for link in state.links]
    told += [each.get("prefix") for each in map(dict, _mappings(state, "bridges"))]
    told += [each.get("prefix") for each in map(dict, _mappings(state, "pools"))]
    yield from (ipaddress.ip_network(each) for value in told for each in _listed(value))
    for iface in state.lab.ifaces():
        yield from map(network_of, iface.addresses or ())
    for bridge in state.scenario.bridges.values():
        yield from map(network_of, bridge.addresses or ())


def _mappings(state: Described, key: str) -> Iterator[dict[str, object]]:
    yield from (dict(each) for each in state.own(key).values() if isinstance(each, dict))


def _listed(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [] if value is None else [str(value)]
