# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tunnels that join bridges to those of other lab hosts (VXLAN, RFC 7348).

A tunnel is made in the lab's network namespace at once, as a port of its bridge, while its UDP socket stays in the namespace of who
asks: the lab host's own.  It has no name there, and goes with the lab's namespace.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from ..model.errors import HostError
from ..model.found import Device, DeviceKind
from ..model.lab import Bridge, link_name
from ..model.span import Span
from . import learning, rtnetlink, syscalls
from .namespaces import NETNS_DIRECTORY
from .netlink import MARK, Network, refusals
from .rtnetlink import EVERYBODY, Forwarded, Refused, Route

# linux/in.h, linux/in6.h
_MTU_OF = {4: (socket.AF_INET, socket.IPPROTO_IP, 14), 6: (socket.AF_INET6, socket.IPPROTO_IPV6, 24)}
_PROBE = "dumm~probe"
# Another run may just be looking whether the same number is free, or a namespace be on its way out.
_TRIES, _PAUSE = 10, 0.1


def add(network: Network, bridge: Bridge, index: int, mtu: int, closed: bool = False) -> None:
    """Join a bridge to those of the same segment on other lab hosts.

    All that is set comes before name and mark: what has them is whole.

    :param index: of the bridge.
    :param closed: whether it exchanges frames with the bridge alone until :func:`bridges.open_segments`.
    """
    span = bridge.spanning
    subject, mark, full = _subject(bridge), DeviceKind.TUNNEL.of(bridge.name), bridge.tunnel_name
    with network.lock:
        made = network.make_by(subject, mark, lambda name: _make(network, subject, name, span))
        try:
            with refusals(subject, "set"):
                unnamed = network.unnamed(mark)
                network.inside(lambda: network.keep_silent(unnamed))
                changes = [rtnetlink.set_link(made, mtu=mtu), rtnetlink.set_link(made, master=index)]
                # A port must be one before it has settings of one.  Those who know IGMPv2 and MLDv1 report to where routers are, and
                # nowhere else.
                changes.append(rtnetlink.set_port(made, isolated=closed, group_fwd_mask=bridge.port_mask, router=True))
                changes += [rtnetlink.forward(made, peer) for peer in span.peers]
                network.inside(lambda: network.route.change(changes))
        except HostError:
            network.drop(subject, made)
            raise
        with _port_in_use(subject, span):
            network.finish(subject, mark, made, link_name(full))
        network.add_altname(made, link_name(full), full)


def change(network: Network, found: Device, bridge: Bridge, index: int, mtu: int, closed: bool = False) -> None:
    """Give an existing tunnel its bridge, MTU, own address and peers, while it goes on carrying frames.

    :param index: of the bridge.
    :param closed: as for :func:`add`.
    """
    span = bridge.spanning
    before = found.span or span
    subject, number = _subject(bridge), found.index
    changes = [rtnetlink.set_link(number, mtu=mtu), rtnetlink.set_link(number, master=index)]
    changes.append(rtnetlink.set_port(number, isolated=closed, group_fwd_mask=bridge.port_mask, router=True))
    changes += [rtnetlink.forward(number, peer) for peer in span.peers if peer not in before.peers]
    moves = before.local != span.local
    if moves:
        changes.append(rtnetlink.set_tunnel(number, span.local))
        # The kernel remembers the way to a peer, with the address before as its own, as long as the entry is there.
        stay = [peer for peer in span.peers if peer in before.peers]
        changes += [
            message(number, peer) for peer in stay for message in (rtnetlink.forward_no_more, rtnetlink.forward)
        ]
    gone = {*before.peers} - {*span.peers}
    with refusals(subject, "set"):
        network.inside(lambda: network.route.change(changes))
        _forget(network, number, lambda entry: entry.to in gone or (moves and entry.mac != EVERYBODY))
    with _port_in_use(subject, span), refusals(subject, "set"):
        network.inside(lambda: network.route.change([rtnetlink.set_link(number, up=True)]))


def close(network: Network, bridges: Iterable[str]) -> None:
    """Let the tunnels of bridges exchange frames with nobody who is isolated, until :func:`bridges.open_segments`."""
    owned = network.owned()
    found = [owned[mark] for mark in map(DeviceKind.TUNNEL.of, bridges) if mark in owned]
    changes = [rtnetlink.set_port(each.index, isolated=True) for each in found if each.master is not None]
    with refusals(f"network namespace {network.name}", "set the tunnels of"):
        network.inside(lambda: network.route.change(changes))


def _forget(network: Network, index: int, gone: Callable[[Forwarded], bool]) -> None:
    """Send nothing where it would be lost: what was learned of a lab host is forgotten only after 300 s."""
    known = network.inside(lambda: network.route.forwarded(index))
    for entry in known:
        if entry.number == index and gone(entry):
            _forget_one(network, rtnetlink.forward_no_more(index, entry.to, entry.mac))


def _forget_one(network: Network, message: bytes) -> None:
    # It may have been forgotten, or learned elsewhere, meanwhile.
    with suppress(Refused):
        network.inside(lambda: network.route.change([message]))


def _make(network: Network, subject: str, name: str, span: Span) -> None:
    """Make the device from the namespace that the calling thread is in, which its socket stays in."""
    with syscalls.FORKING, Route(None) as here:
        where = None if network.path is None else os.open(network.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            message = rtnetlink.new_tunnel(name, network.group, span, learning.MOST, where)
            for left in reversed(range(_TRIES)):
                try:
                    here.change([message])
                    return
                except Refused as exc:
                    if exc.errno != errno.EEXIST:
                        with refusals(subject, "add"):
                            raise
                    if not left:
                        raise taken(subject, span) from exc
                time.sleep(_PAUSE)
        finally:
            if where is not None:
                os.close(where)


def taken(subject: str, span: Span) -> HostError:
    """The error for a number that another tunnel of this host has, in whatever namespace that is."""
    holder = _holder(span)
    cause = f"VXLAN {span.vni} on UDP port {span.port} is in use on this host, by {holder or 'somebody else'}"
    return HostError(subject, cause, "give the segment another vni, or the lab another word to count its vnis from")


def _holder(span: Span) -> str | None:
    """Who has a tunnel of that number, as far as it can be found."""
    for path in sorted(NETNS_DIRECTORY.iterdir()) if NETNS_DIRECTORY.is_dir() else ():
        with suppress(OSError), Route(str(path)) as route:
            for each in route.devices():
                if each.span is not None and each.span.network == span.network:
                    words = each.alias.split(" ", 3)
                    mine = len(words) == 4 and words[0] == MARK
                    return f"bridge {words[3]} of lab {words[1]}" if mine else f"network namespace {path.name}"
    return None


def in_use(spans: Mapping[str, Span]) -> list[HostError]:
    """What of tunnels that are to be made this host has already: only its kernel knows, so they are made, elsewhere, and deleted.

    :param spans: by what errors are about.
    """
    if not spans:
        return []
    with ThreadPoolExecutor(max_workers=1) as apart:
        apart.submit(syscalls.unshare, syscalls.CLONE_NEWNET).result()
        elsewhere, where = apart.submit(_here).result()
        try:
            with elsewhere, Route(None) as host:
                return list(_refused(spans, host, elsewhere, where))
        finally:
            os.close(where)


def _here() -> tuple[Route, int]:
    return Route(None), os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _refused(spans: Mapping[str, Span], host: Route, elsewhere: Route, where: int) -> Iterator[HostError]:
    group, left = 1, dict(spans)
    for tries in reversed(range(_TRIES)):
        refused: dict[str, Span] = {}
        for number, (subject, span) in enumerate(left.items()):
            message = rtnetlink.new_tunnel(f"{_PROBE}{number}", group, span, learning.MOST, where)
            try:
                host.change([message])
            except Refused as exc:
                if exc.errno != errno.EEXIST:
                    with refusals(subject, "add"):
                        raise
                refused[subject] = span
        if len(refused) < len(left):
            elsewhere.change([rtnetlink.delete_group(group)])
        left = refused
        if not left:
            return
        if tries:
            time.sleep(_PAUSE)
    for subject, span in left.items():
        yield taken(subject, span)


def path_mtu(span: Span, peer: str) -> int | None:
    """Bytes of an IP packet that the way to a lab host carries, as far as this host's kernel knows; ``None`` where it knows no way.

    :raises HostError: where this host does not have the tunnel's own address.
    """
    family, level, option = _MTU_OF[6 if ":" in peer else 4]
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
        try:
            asked.bind((span.local, 0))
        except OSError as exc:
            cause = f"{span.local} is no address of this host ({exc.strerror})"
            raise HostError(
                "span", cause, "give local the address at which the other lab hosts reach this one"
            ) from exc
        try:
            asked.connect((peer, span.port))
            return asked.getsockopt(level, option)
        except OSError:
            return None


@contextmanager
def _port_in_use(subject: str, span: Span) -> Iterator[None]:
    """A tunnel gets its socket when it comes up."""
    try:
        yield
    except HostError as exc:
        if errno.EADDRINUSE in (getattr(exc.__cause__, key, None) for key in ("code", "errno")):
            cause = f"another program of this host uses UDP port {span.port}"
            raise HostError(subject, cause, "end it, or give the span another port, the same on all lab hosts") from exc
        raise


def _subject(bridge: Bridge) -> str:
    return f"tunnel of {bridge.label}"
