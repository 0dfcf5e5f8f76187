# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole scenario → what of it one of several lab hosts makes.  Pure, and the same whoever asks.

Every lab host is given the same scenario and the same answers of all lab hosts (``lab_hosts``), and finds its own share.  Nobody
coordinates them, and they do not act at the same time: what one of them has done already must not change what another one finds.
So a guest without a place goes where a hash says, and not where there is most room.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ..model.errors import Invalid, InvalidInput, listed, nearest
from ..model.lab import Bridge, Guest, Iface, Lab, derived_mac
from ..model.reference import BridgeRef, GuestRef
from ..model.span import MAX_VNI, Span
from .lab_hosts import LabHost, LabHosts, Placement
from .loader import Scenario

T = TypeVar("T")
# Lower ones are left to those who give numbers by hand.
_FIRST_VNI = 1 << 12


@dataclass(frozen=True)
class Share:
    """What one of several lab hosts makes.

    :ivar scenario: its part of the scenario.
    :ivar placed: the lab host of each guest.
    :ivar moving: guests that are somewhere else than they are to be, each with the lab host that it is on now.
    :ivar coming: those of them that are to be on this lab host.
    :ivar elsewhere: guests that this lab host leaves alone if it has them; what has arrived elsewhere is not among them.
    """

    scenario: Scenario
    placed: Mapping[str, str]
    moving: Mapping[str, str] = field(default_factory=dict)
    coming: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()

    def placement(self, hosts: LabHosts) -> Placement:
        """What this lab host is to remember: where guests are, and for those that move, where they are until then."""
        found = {**self.placed, **self.moving}
        weights = {name: host.weight for name, host in hosts.hosts.items()}
        before = hosts.placement
        same = (before.guests, before.weights) == (found, weights)
        return before if same else Placement(before.serial + 1, found, weights)


def share(whole: Scenario, hosts: LabHosts, lab: Lab | None = None) -> Share:
    """What a lab host makes of a scenario.

    :param lab: its lab as it is; interfaces that are there keep their MAC addresses.
    :raises Invalid: naming everything that cannot be, the same on all lab hosts.
    """
    faults: list[InvalidInput] = []
    there = whereabouts(whole, hosts, faults)
    placed = place(whole, hosts, there, faults)
    if faults:
        raise Invalid(faults)
    numbers = vnis(whole, hosts)
    segments = _segments(whole, placed, hosts.hosts)
    faults += _taken(segments, numbers, hosts)
    faults += _crowded(whole, hosts, placed)
    for segment in segments.values():
        faults += segment.too_large(whole, hosts)
    if faults:
        raise Invalid(faults)
    mine = {name for name, host in placed.items() if host == hosts.mine}
    seed = f"{hosts.lab}/{whole.name}"
    guests = {name: _with_macs(whole.guests[name], seed, lab) for name in whole.guests if name in mine}
    bridges = {
        name: segment.bridge(hosts, numbers[name]) for name, segment in segments.items() if hosts.mine in segment.hosts
    }
    # What was here when this lab host was asked, and is not any more, has arrived where it is to be.
    left = {name for name, host in there.items() if host == hosts.mine and lab is not None and name not in lab.guests}
    moving = {name: there[name] for name, host in placed.items() if there.get(name, host) != host and name not in left}
    return Share(
        _part(whole, guests, bridges),
        placed,
        moving,
        {name: source for name, source in moving.items() if name in mine},
        frozenset(placed.keys() - mine - _arrived(hosts)),
    )


# Where guests are


def whereabouts(whole: Scenario, hosts: LabHosts, faults: list[InvalidInput]) -> dict[str, str]:
    """The lab host of each guest of a scenario that is on one.

    What a lab host answers counts; of those that cannot be asked, what is remembered.

    :param faults: what cannot be is added to it.
    """
    found: dict[str, list[str]] = {}
    all_of_them: dict[str, list[str]] = {}
    for host in hosts.hosts.values():
        for guest in host.answer.guests if host.answer is not None else ():
            if guest in whole.guests:
                all_of_them.setdefault(guest, []).append(host.name)
                if (place := _counting(guest, host, hosts)) is not None:
                    found.setdefault(guest, []).append(place)
    # Where moves to and fro were cut off, nobody can tell which one counts.
    found = {**all_of_them, **found}
    for guest, names in found.items():
        if len(names) > 1:
            cause = f"it is on lab hosts {' and '.join(names)}"
            faults.append(InvalidInput(GuestRef(guest), cause, "remove it on all but one of them (dumm_guest)"))
    there = {guest: names[0] for guest, names in found.items()}
    for guest, name in hosts.placement.guests.items():
        known = hosts.hosts.get(name)
        if guest in whole.guests and guest not in there and (known is None or known.answer is None):
            there[guest] = name
    return there


def _counting(guest: str, host: LabHost, hosts: LabHosts) -> str | None:
    """Where a guest is that a lab host has; ``None`` if that is what a move has not removed yet.

    A move that was cut off may have brought it to a lab host that cannot be asked.
    """
    target = hosts.hosts.get(host.answer.leaving.get(guest, "")) if host.answer is not None else None
    if target is None:
        return host.name
    if target.answer is None:
        return target.name
    return None if guest in target.answer.guests else host.name


def _arrived(hosts: LabHosts) -> set[str]:
    """Guests that this lab host has still, and another has for good."""
    leaving = {} if hosts.me.answer is None else hosts.me.answer.leaving
    return {
        guest
        for guest, name in leaving.items()
        if name in hosts.hosts and (answer := hosts.hosts[name].answer) is not None and guest in answer.guests
    }


def place(whole: Scenario, hosts: LabHosts, there: Mapping[str, str], faults: list[InvalidInput]) -> dict[str, str]:
    """The lab host of each guest.

    A guest is on the lab host that its file names; otherwise where it is; otherwise where those are that are to be together with it;
    otherwise where weighted rendezvous hashing puts it.  So a guest that comes or goes moves no other, nor does a lab host that comes.

    :param there: where guests are.
    :param faults: what cannot be is added to it.
    """
    placed: dict[str, str] = {}
    for name in whole.guests:
        pin, now = whole.lab_hosts.get(name), there.get(name)
        if pin is not None and pin not in hosts.hosts:
            cause = f"lab_host {pin} is not one of lab_hosts"
            faults.append(InvalidInput(GuestRef(name), cause, nearest(pin, hosts.hosts), setting="lab_host"))
            continue
        if now is not None and now not in hosts.hosts:
            faults.append(_on_none(name, now))
            continue
        emptied = now is not None and hosts.move and not hosts.hosts[now].weight
        if pin is not None:
            placed[name] = pin
        elif now is not None and not emptied:
            placed[name] = now
        if now is not None and pin not in (None, now):
            faults.extend(_moves(name, now, placed[name], hosts))
    fellows = _fellows(whole, placed)
    for name in whole.guests:
        if name not in placed and there.get(name) in (None, *hosts.hosts):
            word = whole.together.get(name)
            counts = fellows.get(word, {}) if word is not None else {}
            placed[name] = _chosen(f"together {word}" if word else name, hosts, counts)
            if name in there:
                faults.extend(_moves(name, there[name], placed[name], hosts))
    return {name: placed[name] for name in whole.guests if name in placed}


def _on_none(guest: str, host: str) -> InvalidInput:
    return InvalidInput(
        GuestRef(guest),
        f"it is on lab host {host}, which is not one of lab_hosts",
        "keep that lab host with dumm_weight 0 and move: true until it is empty; if it is gone for good, name it in lost",
    )


def _moves(guest: str, source: str, target: str, hosts: LabHosts) -> Iterator[InvalidInput]:
    """What speaks against moving a guest."""
    if source == target:
        return
    if not hosts.move:
        yield InvalidInput(
            GuestRef(guest),
            f"it is on lab host {source}, and is to be on {target}, where it would begin anew",
            "let it stay (lab_host), or take it there with all that it wrote (move: true)",
            setting="lab_host",
        )
    for name in (source, target):
        if hosts.hosts[name].answer is None:
            yield InvalidInput(
                GuestRef(guest),
                f"it cannot be moved from lab host {source} to {target}: {name} cannot be reached",
                f"run again when {name} is back, or let the guest stay (lab_host)",
                setting="lab_host",
            )


def _fellows(whole: Scenario, placed: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """How many of the guests that are to be together are where, by word."""
    found: dict[str, dict[str, int]] = {}
    for name, word in whole.together.items():
        if name in placed:
            counts = found.setdefault(word, {})
            counts[placed[name]] = counts.get(placed[name], 0) + 1
    return found


def _chosen(key: str, hosts: LabHosts, counts: Mapping[str, int]) -> str:
    """A lab host for what has none.

    :param counts: how many are where that are to be together with it; of lab hosts with as many, the hash decides.
    """
    return max(
        hosts.hosts.values(), key=lambda host: (host.weight > 0 and counts.get(host.name, 0), _score(key, host))
    ).name


def _score(key: str, host: LabHost) -> float:
    """Weighted rendezvous hashing: of all lab hosts the one with the highest has it, which is one of N with its share of the weights."""
    if not host.weight:
        return -math.inf
    digest = int.from_bytes(hashlib.sha256(f"{host.name}/{key}".encode()).digest()[:8], "big")
    return -host.weight / math.log((digest + 1) / (2.0**64 + 1))


# Segments


def vnis(whole: Scenario, hosts: LabHosts) -> dict[str, int]:
    """A number for each segment, whether it spans lab hosts now or later.

    :return: those that the file gives, and others made from names, so that a segment that comes changes no other's.
    """
    found = dict(whole.vnis)
    taken = set(found.values())
    for name in sorted(whole.bridges.keys() - found.keys()):
        digest = hashlib.sha256(f"{hosts.lab}/{whole.name}/{name}".encode()).digest()
        vni = int.from_bytes(digest[:4], "big") % (MAX_VNI + 1 - _FIRST_VNI) + _FIRST_VNI
        while vni in taken:
            vni = _FIRST_VNI if vni == MAX_VNI else vni + 1
        taken.add(vni)
        found[name] = vni
    return found


@dataclass(frozen=True)
class _Segment:
    """A segment with its interfaces, and its lab hosts in the order of the inventory."""

    defined: Bridge
    ports: tuple[Iface, ...]
    hosts: tuple[str, ...]

    def bridge(self, hosts: LabHosts, vni: int) -> Bridge:
        """The bridge that a lab host has of it.  The host's leg is on the first one."""
        addresses = self.defined.addresses if hosts.mine == self.hosts[0] else None
        span = None
        if len(self.hosts) > 1:
            known = (hosts.hosts[name] for name in self.hosts)
            span = Span.among(vni, hosts.me.address, (host.address for host in known), hosts.port, self._mtu(hosts))
        return dataclasses.replace(self.defined, addresses=addresses, span=span)

    def _mtu(self, hosts: LabHosts) -> int | None:
        """What the network between its lab hosts carries, as far as that is known."""
        return min((mtu for name in self.hosts if (mtu := hosts.hosts[name].mtu) is not None), default=None)

    def too_large(self, whole: Scenario, hosts: LabHosts) -> Iterator[InvalidInput]:
        """Interfaces that were given an MTU whose frames the network between the lab hosts does not carry in one piece.

        Of those that have theirs by default, each lab host warns.
        """
        mtu = self._mtu(hosts)
        if len(self.hosts) < 2 or mtu is None:
            return
        span = Span(1, hosts.me.address)
        most = span.carries(mtu)
        large = [port for port in self.ports if port.mtu > most and (port.guest, port.name) in whole.sized]
        if large:
            size = max(port.mtu for port in large)
            yield InvalidInput(
                BridgeRef(self.defined.name),
                f"it spans lab hosts {listed(self.hosts)}, between which packets of {most} bytes fit, and"
                f" {listed(port.label for port in large)} {'has' if len(large) == 1 else 'have'} mtu {size}",
                f"set mtu {most}, or have the network between the lab hosts carry {span.needs(size)} bytes (dumm_mtu)",
                setting="mtu",
            )


def _segments(whole: Scenario, placed: Mapping[str, str], known: Iterable[str]) -> dict[str, _Segment]:
    """The segments of a scenario, each with the lab hosts that have an interface in it; one without interfaces is on the first lab host."""
    first = (min(known),)
    lab = Lab(whole.name, whole.name, whole.guests, whole.bridges)
    found = {}
    for name, bridge in whole.bridges.items():
        ports = tuple(lab.ports(name))
        hosts = tuple(sorted({placed[port.guest] for port in ports}))
        found[name] = _Segment(bridge, ports, hosts or first)
    return found


def _taken(segments: Mapping[str, _Segment], numbers: Mapping[str, int], hosts: LabHosts) -> Iterator[InvalidInput]:
    """Segments whose number somebody else has on a lab host."""
    for name, segment in segments.items():
        if len(segment.hosts) < 2:
            continue
        network = (numbers[name], hosts.port)
        users = {
            host: user
            for host in segment.hosts
            if (answer := hosts.hosts[host].answer) is not None and (user := answer.networks.get(network, name)) != name
        }
        if users:
            own = listed(f"bridge {user} there" for user in sorted({*users.values()} - {""}))
            yield InvalidInput(
                BridgeRef(name),
                f"VXLAN {network[0]} on UDP port {network[1]} is in use on lab host {listed(users)}, by"
                f" {own or 'another lab or somebody else'}",
                "give the bridge another vni, or the lab another word (lab)",
                setting="vni",
            )


def _crowded(whole: Scenario, hosts: LabHosts, placed: Mapping[str, str]) -> Iterator[InvalidInput]:
    """Lab hosts whose guests are to have more memory than they may have."""
    wanted = dict.fromkeys(hosts.hosts, 0)
    for guest, place in placed.items():
        wanted[place] += whole.guests[guest].mem
    for name, host in hosts.hosts.items():
        if host.answer is None or host.memory is None:
            continue
        others = sum(mem for guest, mem in host.answer.guests.items() if guest not in whole.guests)
        if wanted[name] and wanted[name] + others > host.memory:
            more = f", and others there {others} MB" if others else ""
            yield InvalidInput(
                f"lab host {name}",
                f"guests of scenario {whole.name} are to have {wanted[name]} MB there{more}, and it has {host.memory} MB",
                "add a lab host, place guests on another one (lab_host), or give them less mem; dumm_memory is the limit",
            )


# A lab host's part


def _part(whole: Scenario, guests: Mapping[str, Guest], bridges: Mapping[str, Bridge]) -> Scenario:
    """What of a scenario is about some guests and bridges."""
    return dataclasses.replace(
        whole,
        guests=guests,
        bridges=bridges,
        run=_of(guests, whole.run),
        files=_of(guests, whole.files),
        restart_services=_of(guests, whole.restart_services),
        sysctl=_of(guests, whole.sysctl),
        layers=_of(guests, whole.layers),
        automatic={label: each for label, each in whole.automatic.items() if label[0] in guests},
    )


def _of(guests: Mapping[str, Guest], values: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in values.items() if name in guests}


def _with_macs(guest: Guest, seed: str, lab: Lab | None) -> Guest:
    """A guest whose MAC addresses are the same on whichever lab host it is.

    A MAC address is otherwise derived from the working directory's name.  An interface that has such a one already keeps it.
    """
    before = None if lab is None else lab.guests.get(guest.name)
    interfaces = {}
    for name, iface in guest.interfaces.items():
        found = None if before is None else before.interfaces.get(name)
        derived = iface.mac is None and not (found is not None and found.mac is None)
        interfaces[name] = dataclasses.replace(iface, mac=derived_mac(seed, iface.label)) if derived else iface
    return dataclasses.replace(guest, interfaces=interfaces)
