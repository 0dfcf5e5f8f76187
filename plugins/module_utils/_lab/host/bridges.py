# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's bridges on the host: their settings, the host's own addresses there, and when their segments are closed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..model.errors import HostError
from ..model.found import Device, DeviceKind
from ..model.lab import Bridge, link_name
from . import learning, rtnetlink, syscalls
from .netlink import Network, refusals

# Hundredths of a second; RFC 3810, 9.3, has 10 s.
_AT_ONCE, _RESPONSE_INTERVAL = 1, 1000
# So many ports that each guest's answer must not go to all others: a bridge floods those of the newest versions whatever it knows
# (br_ip6_multicast_mld2_report, net/bridge/br_multicast.c), and older ones to where routers are.  Guests answer as they are asked.
_CROWDED = 100
# A guest's part in the answer to a query, when all are asked at once.
_ANSWER_SECONDS = 0.001


def add(network: Network, bridge: Bridge, closed: bool = False) -> None:
    """Make a bridge, up and marked.

    Multicast snooping has a querier, since flooding is what bends the curve of large segments (docs/internals/network.md);
    the querier needs the bridge's IPv6 link-local address.  A new querier counts when the time for responses to its
    first query has passed (br_multicast_set_querier, net/bridge/br_multicast.c), so that time is short until then.
    Without snooping and an IPv6 address of its own the host has no IPv6 there, and says nothing.

    :param closed: whether the querier is left to :func:`open_segments`.
    """
    name = link_name(bridge.name)
    with network.lock:
        mark = DeviceKind.BRIDGE.of(bridge.name)
        index = network.make_by(
            bridge.label,
            mark,
            lambda unnamed: network.change(
                bridge.label,
                "add",
                rtnetlink.new_bridge(
                    unnamed,
                    network.group,
                    mcast_query_response_intvl=_AT_ONCE,
                    mcast_mld_version=2,
                    mcast_igmp_version=3,
                    mcast_snooping=int(bridge.multicast_snooping),
                    stp_state=int(bridge.stp),
                    group_fwd_mask=bridge.group_fwd_mask,
                ),
            ),
        )
        _allow_ipv6(network, network.unnamed(mark), bridge.speaks_ipv6(()))
        _take_no_redirects(network, network.unnamed(mark))
        asks = bridge.multicast_snooping and not closed
        more = [rtnetlink.set_bridge(index, mcast_querier=int(asks))]
        if bridge.mtu is not None:
            more.append(rtnetlink.set_link(index, mtu=bridge.mtu))
        network.finish(bridge.label, mark, index, name, *more)
        if asks:
            _set_responses(network, bridge.label, index)
        with suppress(OSError):
            # A kernel may have been built without what else it takes; the lab works without a bound.
            network.inside(lambda: learning.bound(index))
        network.add_altname(index, name, bridge.name)
        change_addresses(network, bridge.label, index, (), bridge.addresses or ())


def change(network: Network, found: Device, bridge: Bridge, closed: bool = False) -> None:
    """Give an existing bridge its settings and addresses, while it goes on carrying frames.

    :param closed: as for :func:`add`.
    """
    settings: dict[str, int | str] = {} if bridge.mtu is None else {"mtu": bridge.mtu}
    speaks = bridge.speaks_ipv6(found.addresses)
    network.change(
        bridge.label,
        "set",
        rtnetlink.set_bridge(
            found.index,
            stp_state=int(bridge.stp),
            group_fwd_mask=bridge.group_fwd_mask,
            mcast_snooping=int(bridge.multicast_snooping),
            mcast_querier=int(bridge.multicast_snooping and not closed),
        ),
        rtnetlink.set_link(found.index, up=True, **settings),
    )
    if speaks and not found.ipv6:
        # With an MTU that was too small for it there was nothing to allow before.
        _allow_ipv6(network, found.name, True)
    if bridge.addresses is not None:
        change_addresses(network, bridge.label, found.index, found.addresses, bridge.addresses)
    if found.ipv6 and not speaks:
        _allow_ipv6(network, found.name, False)


def index_of(network: Network, name: str) -> int:
    """Index of a bridge of this lab.

    :raises HostError: where there is none with our mark.
    """
    index = network.index_of(DeviceKind.BRIDGE.of(name))
    if index is None:
        raise HostError(f"bridge {name}", "it is gone from the host", "run again, it will be made anew")
    return index


def change_addresses(network: Network, subject: str, index: int, before: Iterable[str], after: Iterable[str]) -> None:
    """Replace a device's addresses, those that stay untouched."""
    old, new = list(before), list(after)
    # With the first address of an IPv4 prefix the kernel drops the others of it (promote_secondaries, ip-sysctl.rst), so the
    # last goes first, and those that stay are said again.
    dropped = [("del", address) for address in reversed(old) if address not in new]
    said = [("replace", address) for address in new if dropped or address not in old]
    for verb, address in (*dropped, *said):
        ip, length = address.split("/")
        network.request(subject, "addr", verb, index=index, address=ip, prefixlen=int(length))


def close_segments(network: Network, fewest: int) -> None:
    """Let the lab's bridges ask nobody who listens, until :func:`open_segments`.

    :param fewest: how many ports those have at least.
    """
    for bridge, _ports in _segments(network, fewest):
        if bridge.snooping:
            _set_querier(network, bridge, False)


def open_segments(network: Network, fewest: int) -> None:
    """Let the lab's bridges ask who listens, and their ports exchange frames: what was left out where they were made closed.

    :param fewest: how many ports those have at least.
    """
    segments = _segments(network, fewest)
    asking = [(bridge, ports) for bridge, ports in segments if bridge.snooping]
    for bridge, ports in asking:
        _set_querier(network, bridge, True, crowded=len(ports) >= _CROWDED)
    # What they answer now is heard by the bridge alone; later it would be flooded to all ports.
    time.sleep(_ANSWER_SECONDS * sum(len(ports) for _bridge, ports in asking))
    opened = [rtnetlink.set_port(port.index, isolated=False) for _bridge, ports in segments for port in ports]
    with refusals(f"network namespace {network.name}", "set the ports of"):
        network.inside(lambda: network.route.change(opened))
    for bridge, _ports in asking:
        _set_responses(network, f"bridge {bridge.name}", bridge.index)


def _segments(network: Network, fewest: int) -> list[tuple[Device, list[Device]]]:
    """The lab's bridges with their ports."""
    owned = network.owned()
    bridges = [device for mark, device in owned.items() if mark.kind is DeviceKind.BRIDGE]
    ports: dict[int | None, list[Device]] = defaultdict(list)
    for device in owned.values():
        ports[device.master].append(device)
    return [(bridge, ports[bridge.index]) for bridge in bridges if len(ports[bridge.index]) >= fewest]


def _set_querier(network: Network, bridge: Device, asks: bool, crowded: bool = False) -> None:
    asked = rtnetlink.set_bridge(
        bridge.index,
        mcast_query_response_intvl=_AT_ONCE,
        mcast_querier=int(asks),
        mcast_mld_version=1 if crowded else 2,
        mcast_igmp_version=2 if crowded else 3,
    )
    network.change(f"bridge {bridge.name}", "set", asked)


def _set_responses(network: Network, subject: str, index: int) -> None:
    """Give guests the usual time to answer the querier."""
    network.change(subject, "set", rtnetlink.set_bridge(index, mcast_query_response_intvl=_RESPONSE_INTERVAL))


def _allow_ipv6(network: Network, device: str, allowed: bool) -> None:
    """Let the host have IPv6 on a bridge, or not; of what others say there it makes no addresses of its own."""
    settings = {
        "accept_ra": 0,
        "accept_redirects": 0,
        "autoconf": 0,
        "accept_dad": 0,
        "disable_ipv6": int(not allowed),
    }
    _set_kernel(network, {f"ipv6/conf/{device}/{key}": value for key, value in settings.items()})


def _take_no_redirects(network: Network, device: str) -> None:
    """Let no guest tell the host by ICMP which way to go.

    A device that does not forward takes them where either it or all of its namespace's do.
    """
    names = (device,) if network.path is None else (device, "all")
    _set_kernel(network, {f"ipv4/conf/{name}/accept_redirects": 0 for name in names})


def _set_kernel(network: Network, settings: dict[str, int]) -> None:
    """Set what is there of the kernel's settings below ``net``."""
    with syscalls.network_namespace(network.path):
        for key, value in settings.items():
            with suppress(FileNotFoundError):
                Path(f"/proc/sys/net/{key}").write_text(str(value))
