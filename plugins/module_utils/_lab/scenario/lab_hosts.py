# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab hosts of one lab, as all of them know each other before any of them acts.  Pure.

The action plugin of ``dumm_scenario`` asks every lab host where guests are and what it remembers, and passes the answers to the
module on each of them.  All modules decide from the same answers, so they come to the same end, or refuse with the same error (``share``).
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..model import stored
from ..model.errors import Invalid, InvalidInput, listed, nearest
from ..model.span import PORT

_ADDRESS = "dumm_address in the inventory to an address of its own, at which the other lab hosts reach it"


@dataclass(frozen=True)
class Placement:
    """On which lab host each guest is, as a lab host was told last.

    :ivar serial: the higher, the later.
    :ivar guests: name of its lab host by guest.
    :ivar weights: of the lab hosts at that time.
    """

    serial: int = 0
    guests: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a lab host answers before anything is changed.

    :ivar guests: MB of each guest in its working directory, whoever has made it; 0 for those of the scenario, which says itself what
        they are to have, and takes away what it does not name.
    :ivar leaving: guests that a run has begun to move, each with the lab host that it goes to.
    :ivar memory: MB of the host.
    :ivar mtu: of the device that has the lab host's address; ``None`` if none has it.
    :ivar networks: VNIs in use there, with their UDP ports; each with the lab's own bridge that has it, or an empty text.  Those of the
        scenario's bridges are not among them: it may give them to others.
    :ivar placement: what it remembers of the scenario.
    """

    guests: Mapping[str, int] = field(default_factory=dict)
    leaving: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    mtu: int | None = None
    networks: Mapping[tuple[int, int], str] = field(default_factory=dict)
    placement: Placement | None = None


@dataclass(frozen=True)
class LabHost:
    """A machine that has a part of the lab.

    :ivar name: as the inventory calls it.
    :ivar address: at which the other lab hosts reach it.
    :ivar weight: how much of the lab it takes, compared with the others; 0 for nothing but what is given to it.
    :ivar mtu: bytes of an IP packet that the network between the lab hosts carries; ``None`` if that is not known.
    :ivar memory: MB that its guests may have in all; ``None`` if that is not known.
    :ivar answer: ``None`` if it cannot be asked; ``why`` tells the reason then.
    """

    name: str
    address: str
    weight: float = 1.0
    mtu: int | None = None
    workdir: str = ""
    memory: int | None = None
    answer: Answer | None = None
    why: str = ""


@dataclass(frozen=True)
class LabHosts:
    """All lab hosts of a lab, and the one that asks.

    :ivar mine: name of the one that asks.
    :ivar lab: a word for the lab, by which its segments and MAC addresses differ from those of another.
    :ivar port: UDP port of the tunnels between them.
    :ivar move: whether a guest may be taken to another lab host.
    :ivar placement: what is remembered of the scenario; of several the latest.
    """

    mine: str
    hosts: Mapping[str, LabHost]
    lab: str = ""
    port: int = PORT
    move: bool = False
    placement: Placement = field(default_factory=Placement)

    @property
    def me(self) -> LabHost:
        """The one that asks."""
        return self.hosts[self.mine]


def understood(params: Mapping[str, Any]) -> LabHosts:
    """The lab hosts that a module is given.

    :param params: ``lab_hosts``, ``lab_host``, ``lab``, ``vxlan_port``, ``lost`` and ``move``.
    :raises InvalidInput: where they cannot be the hosts of one lab, with the same text on all of them.
    """
    given, mine = params["lab_hosts"], params["lab_host"]
    if not isinstance(given, Mapping) or not all(isinstance(each, Mapping) for each in given.values()):
        cause = "what is known of each lab host is missing"
        raise InvalidInput("lab_hosts", cause, "run dumm_scenario as a task on these hosts, which finds that out")
    try:
        answers = {name: _answer(name, each) for name, each in given.items()}
    except stored.Unfit as exc:
        raise InvalidInput("lab_hosts", str(exc), "install the same version of dumm.lab on all lab hosts") from None
    told = [each.placement for each in answers.values() if each is not None and each.placement is not None]
    placement = _without_lost(max(told, key=lambda each: each.serial, default=Placement()), params, given)
    hosts = {name: _host(name, each, answers[name], placement) for name, each in given.items()}
    if faults := list(_faults(hosts)):
        raise Invalid(faults)
    if mine not in hosts:
        raise InvalidInput(f"lab host {mine}", "it is not one of lab_hosts", nearest(str(mine), hosts))
    port = params["vxlan_port"]
    if not 1 <= port <= 0xFFFF:
        raise InvalidInput("vxlan_port", f"{port} is no UDP port", "use 1 to 65535")
    return LabHosts(mine, hosts, _lab(params.get("lab"), hosts), port, params["move"], placement)


def _without_lost(placement: Placement, params: Mapping[str, Any], given: Mapping[str, Any]) -> Placement:
    """What is remembered, but of the lab hosts that are gone for good.

    :raises InvalidInput: where one of them is here.
    """
    lost = params.get("lost") or ()
    for name in lost:
        if name in given:
            raise InvalidInput(f"lab host {name}", "it is one of lab_hosts, and lost", "leave it out of one of them")
    guests = {guest: name for guest, name in placement.guests.items() if name not in lost}
    return replace(placement, guests=guests)


def _host(name: str, given: Mapping[str, Any], answer: Answer | None, placement: Placement) -> LabHost:
    memory = given.get("memory")
    if memory is None and answer is not None:
        memory = answer.memory
    mtu = given.get("mtu")
    if mtu is None and answer is not None:
        mtu = answer.mtu
    known = placement.weights.get(name)
    weight = given.get("weight")
    if weight is None:
        weight = float(answer.memory) if answer is not None else known
    text = str(given.get("address") or "")
    address = _address(text)
    return LabHost(
        name,
        text if address is None else str(address),
        math.nan if weight is None else float(weight),
        mtu,
        str(given.get("workdir") or ""),
        memory,
        answer,
        str(given.get("why") or ""),
    )


def _faults(hosts: Mapping[str, LabHost]) -> Iterator[InvalidInput]:
    if len(hosts) > 1:
        yield from _addresses(hosts)
    for name, host in hosts.items():
        if not host.weight >= 0:
            yield _unknown(f"lab host {name}", host)
    if not any(host.weight > 0 or math.isnan(host.weight) for host in hosts.values()):
        yield InvalidInput("lab_hosts", "all lab hosts have weight 0", "give at least one a dumm_weight")


def _addresses(hosts: Mapping[str, LabHost]) -> Iterator[InvalidInput]:
    """Addresses at which lab hosts cannot reach each other."""
    seen: dict[str, str] = {}
    families: dict[int, str] = {}
    for name, host in hosts.items():
        address = _address(host.address)
        if address is None:
            cause = f"{host.address!r} is no IP address" if host.address else "it has no address"
            yield InvalidInput(f"lab host {name}", cause, f"set {_ADDRESS}")
            continue
        families.setdefault(address.version, name)
        if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
            yield InvalidInput(f"lab host {name}", f"no other lab host can reach it at {address}", f"set {_ADDRESS}")
        elif (other := seen.setdefault(str(address), name)) != name:
            cause = f"it has address {address}, as lab host {other}"
            yield InvalidInput(f"lab host {name}", cause, f"set {_ADDRESS}")
        elif host.answer is not None and host.answer.mtu is None:
            yield InvalidInput(f"lab host {name}", f"none of its interfaces has address {address}", f"set {_ADDRESS}")
    if len(families) > 1:
        yield InvalidInput(
            "lab_hosts",
            f"lab host {families[4]} has an IPv4 address and lab host {families[6]} an IPv6 address",
            "give all of them addresses of one family (dumm_address)",
        )


def _unknown(subject: str, host: LabHost) -> InvalidInput:
    """A lab host whose weight is none."""
    if not math.isnan(host.weight):
        return InvalidInput(subject, f"weight {host.weight:g} is negative", "give 0 or more (dumm_weight)")
    return InvalidInput(
        subject,
        f"it cannot be asked what it has, and no other lab host remembers it{f' ({host.why})' if host.why else ''}",
        "see that it can be reached, or leave it out of lab_hosts",
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _lab(given: object, hosts: Mapping[str, LabHost]) -> str:
    """The lab's word: what is given, or the working directory."""
    if given:
        return str(given)
    found = {host.workdir: name for name, host in reversed(list(hosts.items()))}
    if len(found) > 1:
        several = listed(f"{name} has {path}" for path, name in sorted(found.items()))
        raise InvalidInput("lab_hosts", f"their working directories differ: {several}", "give the lab a word (lab)")
    return next(iter(found), "")


# Answers go through a wire


def _answer(name: str, given: Mapping[str, Any]) -> Answer | None:
    return None if given.get("answer") is None else read_answer(given["answer"], f"the answer of lab host {name}")


def read_answer(value: object, place: str) -> Answer:
    """An answer as plain data has it.

    :raises stored.Unfit: where it is none, such as that of another version.
    """
    own = stored.table(
        value,
        place,
        {
            "guests": stored.named(stored.whole),
            "leaving": stored.named(stored.text),
            "memory": stored.whole,
            "mtu": stored.optional(stored.whole),
            "networks": stored.texts(_network),
            "placement": stored.optional(read_placement),
        },
    )
    return Answer(**{**own, "networks": dict(own.get("networks", ()))})


def _network(value: object, place: str) -> tuple[tuple[int, int], str]:
    parts = stored.listing(value, place)
    if len(parts) != 3:
        stored.wrong(value, place, "a VNI, a port and a bridge")
    return (stored.whole(parts[0], place), stored.whole(parts[1], place)), stored.text(parts[2], place)


def read_placement(value: object, place: str) -> Placement:
    """A placement as plain data has it.

    :raises stored.Unfit: where it is none.
    """
    own = stored.table(
        value,
        place,
        {
            "serial": stored.whole,
            "guests": stored.named(stored.text),
            "weights": stored.named(stored.number),
        },
    )
    return Placement(**own)


def plain_placement(placement: Placement) -> dict[str, Any]:
    """A placement as plain data."""
    return {
        "serial": placement.serial,
        "guests": dict(sorted(placement.guests.items())),
        "weights": dict(sorted(placement.weights.items())),
    }


def plain_answer(answer: Answer) -> dict[str, Any]:
    """An answer as plain data."""
    return {
        "guests": dict(answer.guests),
        "leaving": dict(answer.leaving),
        "memory": answer.memory,
        "mtu": answer.mtu,
        "networks": [[vni, port, bridge] for (vni, port), bridge in sorted(answer.networks.items())],
        "placement": None if answer.placement is None else plain_placement(answer.placement),
    }
