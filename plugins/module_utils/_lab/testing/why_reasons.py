# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a packet dies, and why: what was seen at the cables of its way, and what the guests of the way tell of themselves.  No I/O.

The last place where the packet was seen tells the hop.  For the reason, what a guest's kernel does by all means comes first (it forwards
nothing, it has no route), then what it has counted meanwhile (rules of filters, packets that came the wrong way), then what neighbours have
not answered.  Where nothing tells, the verdict says that, too.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..model.lab import Iface, Lab, Power
from .why_ask import Route, Rule, Told
from .why_seen import Probe, Sight, What

_PROBES = (What.REQUEST, What.REPLY, What.REFUSAL)
# What the kernel says of a packet that comes by another interface than its source is reached by: EXDEV, or EINVAL in newer ones.
_WRONG_WAY = ("Invalid cross-device link", "Invalid argument")
_NO_ROUTE = ("Network is unreachable", "No route to host")
_REFUSED_ROUTES = {"Permission denied": "prohibit", "Invalid argument": "blackhole", "No route to host": "unreachable"}
# Hooks of filters that a packet passes, and the chains of iptables.
_HOOKS = {
    "source": ("output", "postrouting"),
    "router": ("prerouting", "forward", "postrouting", "ingress"),
    "target": ("prerouting", "input", "output", "postrouting", "ingress"),
}


@dataclass(frozen=True)
class Hop:
    """A guest of the way.

    :ivar device: by which the packet comes; empty at its source.
    :ivar route: by which it leaves.
    :ivar reverse: the way back to its source.
    """

    guest: str
    device: str = ""
    route: Route = field(default_factory=Route)
    reverse: Route = field(default_factory=Route)


@dataclass(frozen=True)
class Post:
    """A place where the packet should be seen.

    :ivar label: of the interface.
    :ivar inward: whether the guest gets it there.
    :ivar hop: number of its hop.
    :ivar count: how often it was seen.
    """

    label: str
    inward: bool
    hop: int
    count: int = 0

    @property
    def guest(self) -> str:
        """Its guest."""
        return self.label.partition(":")[0]


@dataclass(frozen=True)
class Case:
    """All that is known.

    :ivar sent: how many requests were sent.
    :ivar before: what guests told before the probe was sent.
    :ivar after: and afterwards.
    :ivar unasked: guests that could not be asked, and why.
    :ivar there: the way of the requests, as far as routes lead.
    :ivar back: the way of the replies.
    """

    lab: Lab
    probe: Probe
    sent: int
    powers: Mapping[str, Power]
    before: Mapping[str, Told]
    after: Mapping[str, Told]
    unasked: Mapping[str, str]
    there: Sequence[Hop]
    back: Sequence[Hop]
    sights: Sequence[Sight]

    def grown(self, guest: str, name: str) -> int:
        """By how much a counter of a guest has grown meanwhile."""
        before, after = (
            each[guest].counters.get(name, 0) if guest in each else 0 for each in (self.before, self.after)
        )
        return max(0, after - before)

    def seen(self, label: str, inward: bool, *what: What) -> list[Sight]:
        """What was seen of a kind at an interface."""
        return [each for each in self.sights if each.what in what and (each.interface, each.inward) == (label, inward)]

    def posts(self, hops: Sequence[Hop], *what: What) -> list[Post]:
        """Where a packet should be seen on its way, and how often it was."""
        counts = Counter((each.interface, each.inward) for each in self.sights if each.what in what)
        found = []
        for number, hop in enumerate(hops):
            for device, inward in ((hop.device, True), ("" if hop.route.local else hop.route.dev, False)):
                label = self.label(hop.guest, device)
                if label:
                    found.append(Post(label, inward, number, counts[label, inward]))
        return found

    def label(self, guest: str, device: str) -> str:
        """Label of the interface that a device of a guest is made on; empty for none of the lab."""
        name = self.before[guest].cable_of(device) if guest in self.before else device
        return f"{guest}:{name}" if name in self.lab.guests[guest].interfaces else ""

    def iface(self, label: str) -> Iface:
        """The interface of a label."""
        guest, _colon, name = label.partition(":")
        return self.lab.guests[guest].interfaces[name]


@dataclass(frozen=True)
class Verdict:
    """What became of the packet.

    :ivar hop: the guest or the segment where it died; empty if it did not.
    :ivar reason: a sentence.
    :ivar remedy: what to do; empty where that is not known.
    """

    hop: str
    reason: str
    remedy: str = ""
    there: tuple[Post, ...] = ()
    back: tuple[Post, ...] = ()

    @property
    def good(self) -> bool:
        """Whether all replies came."""
        return not self.hop


@dataclass(frozen=True)
class Reason:
    """Why a packet dies somewhere."""

    sentence: str
    remedy: str = ""
    hop: str = field(default="")


def judged(case: Case) -> Verdict:
    """Where the packet died, and why."""
    there = case.posts(case.there, What.REQUEST)
    back = case.posts(case.back, What.REPLY, What.REFUSAL)
    answers = back[-1].count if back and back[-1].inward else 0
    if case.there and case.there[0].route.local:
        return Verdict(case.there[0].guest, "it has that address itself", "name another", tuple(there), tuple(back))
    reason = _reason(case, there, back, answers)
    if reason is None:
        told = f"{answers} of {case.sent} answered"
        if case.seen(back[-1].label, True, What.REFUSAL):
            return Verdict(
                back[0].guest, _refused(case, back[0].guest), "start what is to listen there", tuple(there), tuple(back)
            )
        return Verdict("", told, "", tuple(there), tuple(back))
    return Verdict(reason.hop, reason.sentence, reason.remedy, tuple(there), tuple(back))


def _refused(case: Case, guest: str) -> str:
    return f"{guest} refuses it: nothing listens at TCP port {case.probe.port} of {case.probe.target}"


def _reason(case: Case, there: Sequence[Post], back: Sequence[Post], answers: int) -> Reason | None:
    replied = any(post.count for post in back)
    if not replied:
        last = _last(there)
        end = case.there[-1]
        if last is None or last < len(there) - 1 or not end.route.local:
            found = _on_way(case, case.there, there, last)
            if found is not None:
                return found
        return _at_target(case, case.there[-1])
    if answers < case.sent:
        last = _last_full(back) if answers else _last(back)
        return _on_way(case, case.back, back, last) or Reason(
            f"{case.sent - answers} of {case.sent} replies were lost", "try again", case.back[0].guest
        )
    return None


def _last(posts: Sequence[Post]) -> int | None:
    """Number of the last place where the packet was seen."""
    return max((number for number, post in enumerate(posts) if post.count), default=None)


def _last_full(posts: Sequence[Post]) -> int | None:
    """The last place before the first that saw fewer."""
    most = posts[0].count
    fewer = next((number for number, post in enumerate(posts) if post.count < most), len(posts))
    return fewer - 1


def _on_way(case: Case, hops: Sequence[Hop], posts: Sequence[Post], last: int | None) -> Reason | None:
    """Why the packet was not seen behind a place."""
    if last is None:
        return _in_guest(case, hops[0], "source", hops)
    post = posts[last]
    if post.inward:
        hop = hops[post.hop]
        is_target = hop.route.local or (
            post.hop == len(hops) - 1 and case.before.get(hop.guest, Told()).has(_target(case, hops))
        )
        return None if is_target else _in_guest(case, hop, "router", hops)
    following = posts[last + 1] if last + 1 < len(posts) else None
    return _in_segment(case, hops, post, following)


def _target(case: Case, hops: Sequence[Hop]) -> str:
    """Address that the packet of a way goes to."""
    return case.probe.target if hops is case.there else case.probe.source


# In a guest


def _in_guest(case: Case, hop: Hop, role: str, hops: Sequence[Hop]) -> Reason:
    """Why a guest does not send on what it has got, or is to send itself."""
    looks: Sequence[Callable[[Case, Hop, str, str], Reason | None]] = (
        _power,
        _unasked,
        _wrong_neighbour,
        _owns,
        _forwarding,
        _reverse_path,
        _routing,
        _filters,
        _neighbour,
        _queue,
        _ipsec,
        _error,
        _silent_filters,
        _next_interface,
    )
    target = _target(case, hops)
    for look in looks:
        if (found := look(case, hop, role, target)) is not None:
            return Reason(found.sentence, found.remedy, found.hop or hop.guest)
    got = "sends nothing" if role == "source" else "gets it and does not send it on"
    return Reason(
        f"{hop.guest} {got}, and nothing that it tells says why{_other_counters(case, hop.guest)}", "", hop.guest
    )


def _at_target(case: Case, hop: Hop) -> Reason:
    """Why a guest does not answer."""
    looks: Sequence[Callable[[Case, Hop, str, str], Reason | None]] = (
        _power,
        _unasked,
        _wrong_neighbour,
        _reverse_path,
        _ignores,
        _filters,
    )
    for look in looks:
        if (found := look(case, hop, "target", case.probe.target)) is not None:
            return Reason(found.sentence, found.remedy, found.hop or hop.guest)
    if case.back:
        first = case.back[0]
        for look in (_routing_back, _neighbour, _queue, _ipsec, _silent_filters):
            if (found := look(case, first, "target", case.probe.source)) is not None:
                return Reason(found.sentence, found.remedy, found.hop or hop.guest)
    return Reason(
        f"{hop.guest} gets it and does not answer, and nothing that it tells says why{_other_counters(case, hop.guest)}",
        "",
        hop.guest,
    )


def _power(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    power = case.powers.get(hop.guest, Power.STOPPED)
    if power is Power.RUNNING:
        return None
    remedy = "resume it" if power is Power.PAUSED else "start it"
    return Reason(f"guest {hop.guest} is {power.value}", remedy)


def _unasked(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    if hop.guest in case.before and "ip" in case.before[hop.guest].tools:
        return None
    why = case.unasked.get(hop.guest, "it has no command ip")
    return Reason(
        f"the packet dies in {hop.guest}, which cannot be asked why: {why}",
        "install iproute2 there, or look for yourself",
    )


def _owns(case: Case, hop: Hop, role: str, target: str) -> Reason | None:
    """A guest that is to have the address, and has it not."""
    if role != "router" or case.before[hop.guest].has(target):
        return None
    for iface in case.lab.guests[hop.guest].interfaces.values():
        if any(each.partition("/")[0] == target for each in iface.addresses or ()):
            has = ", ".join(case.before[hop.guest].addresses.get(iface.name, ())) or "none"
            return Reason(f"{iface.label} should have address {target}, and has {has}", f"give it to {iface.label}")
    return None


def _forwarding(case: Case, hop: Hop, role: str, _target: str) -> Reason | None:
    if role != "router":
        return None
    told = case.before[hop.guest].settings
    general = "ipv4/ip_forward" if case.probe.version == 4 else "ipv6/conf/all/forwarding"
    own = f"ipv{case.probe.version}/conf/{hop.device}/forwarding"
    if told.get(own, told.get(general)) != "0":
        return None
    name = general if told.get(general) == "0" else own
    setting = f"net.{name.replace('/', '.')}"
    return Reason(f"{hop.guest} does not forward it: {setting} is 0", f"set sysctl {setting}: 1 of {hop.guest}")


def _wrong_neighbour(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    """A bridge floods what is sent to a MAC address that nobody has."""
    label = case.label(hop.guest, hop.device)
    device = case.before[hop.guest].devices.get(label.partition(":")[2])
    macs = {each.mac for each in case.seen(label, True, *_PROBES)} if label else set()
    if not macs or device is None or not device.mac or device.mac in macs:
        return None
    sender = next(
        (before.guest for way in (case.there, case.back) for before, own in itertools.pairwise(way) if own == hop), ""
    )
    return _sent_to(sender, macs, f"{hop.guest}:{device.name}", device.mac)


def _sent_to(sender: str, macs: Iterable[str], label: str, mac: str) -> Reason:
    return Reason(
        f"{sender} sends it to MAC address {', '.join(sorted(macs))}, and {label} has {mac}",
        f"flush the neighbours of {sender}: ip neigh flush all",
        sender,
    )


def _reverse_path(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    if not _comes_wrong(case, hop) and not case.grown(hop.guest, "TcpExt.IPReversePathFilter"):
        return None
    settings = case.before[hop.guest].settings
    strict = max(settings.get(f"ipv4/conf/{name}/rp_filter", "0") for name in ("all", hop.device))
    return Reason(
        f"the reverse path filter of {hop.guest} drops it: {case.probe.source} comes by {hop.device}, and {hop.guest} has another way"
        f" to it, or none (rp_filter is {strict})",
        f"give {hop.guest} a route to {case.probe.source} by {hop.device}, or set net.ipv4.conf.*.rp_filter to 0",
        hop.guest,
    )


def _comes_wrong(case: Case, hop: Hop) -> bool:
    """Whether a guest's kernel refuses a packet for the interface by which it comes."""
    settings = case.before[hop.guest].settings
    strict = max(settings.get(f"ipv4/conf/{name}/rp_filter", "0") for name in ("all", hop.device))
    wrong = hop.reverse.dev != hop.device if strict == "1" else not hop.reverse.dev
    return hop.route.error in _WRONG_WAY and strict != "0" and wrong


def _routing(case: Case, hop: Hop, _role: str, target: str) -> Reason | None:
    if hop.route.dev:
        return None
    down = _down(case, hop.guest, target)
    if down is not None:
        return down
    kind = _REFUSED_ROUTES.get(hop.route.error)
    if kind is not None and hop.route.error not in _NO_ROUTE:
        return Reason(f"{hop.guest} has a route that drops it ({kind}) to {target}", "remove that route")
    return Reason(f"{hop.guest} has no route to {target}: {hop.route.error}", f"add one (routes of {hop.guest})")


def _routing_back(case: Case, hop: Hop, role: str, target: str) -> Reason | None:
    found = _routing(case, hop, role, target)
    if found is None:
        return None
    return Reason(found.sentence.replace("has no route to", "gets it, and has no route back to"), found.remedy)


def _down(case: Case, guest: str, target: str) -> Reason | None:
    """An interface that is down, where the way would lead."""
    told = case.before[guest]
    for iface in case.lab.guests[guest].interfaces.values():
        device = told.devices.get(iface.name)
        if device is not None and not device.up and _leads_to(case.lab, iface, guest, target):
            return Reason(
                f"interface {iface.label} is down, and {guest} has no route to {target}", f"set {iface.label} up"
            )
    return None


def _leads_to(lab: Lab, iface: Iface, guest: str, target: str) -> bool:
    """Whether the lab sends a packet to a target by an interface: its network, or that of a router of the guest."""
    networks = [ipaddress.ip_interface(each).network for each in iface.addresses or ()]
    ways = [ipaddress.ip_address(target)]
    for route in lab.guests[guest].routes or ():
        to = (
            ipaddress.ip_network("0.0.0.0/0" if ways[0].version == 4 else "::/0")
            if route.to == "default"
            else ipaddress.ip_network(route.to)
        )
        if route.dev == iface.name or (route.via and to.version == ways[0].version and ways[0] in to):
            ways += [ipaddress.ip_address(route.via)] if route.via else []
    return any(way in network for way in ways for network in networks if network.version == way.version)


def _filters(case: Case, hop: Hop, role: str, _target: str) -> Reason | None:
    """A rule that has dropped something meanwhile."""
    for rule, _count in _rules(case, hop.guest, role, counting=True):
        return Reason(f"a filter of {hop.guest} drops it: {rule.text}", "remove or change that rule")
    return None


def _silent_filters(case: Case, hop: Hop, role: str, _target: str) -> Reason | None:
    for rule, _count in _rules(case, hop.guest, role, counting=False):
        remedy = "give the rule a counter, or remove it, and try again"
        return Reason(f"a filter of {hop.guest} may drop it, which does not count: {rule.text}", remedy)
    return None


def _rules(case: Case, guest: str, role: str, *, counting: bool) -> Iterator[tuple[Rule, int]]:
    before = Counter(rule.hook + rule.text.split(" counter ")[0] for rule in case.before[guest].rules)
    numbers = {_key(rule): rule.packets or 0 for rule in case.before[guest].rules}
    for rule in case.after.get(guest, case.before[guest]).rules:
        if rule.hook and rule.hook not in _HOOKS[role]:
            continue
        if counting and rule.packets is not None and rule.packets > numbers.get(_key(rule), 0):
            yield rule, rule.packets
        if not counting and rule.packets is None and before:
            yield rule, 0


def _key(rule: Rule) -> str:
    """A rule without what it has counted."""
    head, _counter, rest = rule.text.partition(" counter packets ")
    return f"{rule.hook} {head} {rest.split(' ', 3)[-1]}" if rest else f"{rule.hook} {rule.text}"


def _neighbour(case: Case, hop: Hop, _role: str, target: str) -> Reason | None:
    """Nobody who answers for the next router."""
    wanted = hop.route.via or target
    label = case.label(hop.guest, hop.route.dev)
    if not label:
        return None
    asked = [each for each in case.seen(label, False, What.ASKS) if each.about == wanted]
    told = [each for each in case.seen(label, True, What.TELLS) if each.about == wanted]
    if not asked or told:
        return None
    what = "ARP" if case.probe.version == 4 else "neighbour discovery"
    place = case.iface(label).bridge
    if place is None:
        return Reason(f"{label} is plugged into no segment, so nobody answers {what} for {wanted}", f"plug {label} in")
    silent = _silent_owner(case, wanted, place)
    if silent is not None:
        return silent
    more, remedy = _owner(case, wanted, place)
    return Reason(f"nobody answers {what} for {wanted} on {place}{more}", remedy)


def _silent_owner(case: Case, address: str, place: str) -> Reason | None:
    """Why a guest that has an address, and gets the question for it, does not answer."""
    for iface in case.lab.ports(place):
        if iface.guest not in case.before or not case.before[iface.guest].has(address):
            continue
        for hop in (*case.there, *case.back):
            if hop.guest == iface.guest and _comes_wrong(case, hop):
                return _reverse_path(case, hop, "", address)
        lost = _lost(case, iface)
        if lost and case.seen(iface.label, True, What.ASKS):
            return Reason(lost, f"take the conditions of {iface.label} away", iface.guest)
    return None


def _owner(case: Case, address: str, place: str) -> tuple[str, str]:
    """What is known of who should answer for an address, and what to do."""
    for iface in case.lab.ifaces():
        if any(each.partition("/")[0] == address for each in iface.addresses or ()):
            return _absent(case, iface, address, place)
    holders = sorted(name for name, told in case.before.items() if told.has(address))
    if holders:
        return (
            f"; {holders[0]} has that address, and does not get the question",
            f"see where {holders[0]} is plugged in",
        )
    return "; no guest has that address", "see who is to have it"


def _absent(case: Case, iface: Iface, address: str, place: str) -> tuple[str, str]:
    power = case.powers.get(iface.guest, Power.STOPPED)
    if power is not Power.RUNNING:
        return f": guest {iface.guest}, whose address it is, is {power.value}", f"start guest {iface.guest}"
    if iface.bridge is None:
        return f": {iface.label}, whose address it is, is unplugged", f"plug {iface.label} into {place}"
    if iface.bridge != place:
        return f": {iface.label}, whose address it is, is plugged into {iface.bridge}", f"plug it into {place}"
    told = case.before.get(iface.guest)
    if told is None:
        return f": it is the address of {iface.label}", f"look at {iface.label}"
    device = told.devices.get(iface.name)
    if device is not None and not device.up:
        return f": {iface.label}, whose address it is, is down", f"set {iface.label} up"
    if not told.has(address):
        has = ", ".join(told.addresses.get(iface.name, ())) or "none"
        return (
            f": {iface.label} should have that address, and has {has}",
            f"give it that address, or run dumm_guest for {iface.guest}",
        )
    if not case.seen(iface.label, True, What.ASKS):
        return f": the question does not come to {iface.label}", f"look at bridge {place}"
    return (
        f": {iface.guest} has that address, gets the question, and does not answer",
        f"look at {iface.label}",
    )


def _queue(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    label = case.label(hop.guest, hop.route.dev)
    if not label:
        return None
    lost = _lost(case, case.iface(label))
    return Reason(lost, f"take the conditions of {label} away") if lost else None


def _lost(case: Case, iface: Iface) -> str:
    """What the queue of an interface has dropped."""
    dropped = case.grown(iface.guest, f"queue {iface.name}")
    conditions = iface.conditions
    loss = conditions.loss if conditions is not None else 0.0
    if not dropped and loss < 100:
        return ""
    told = (
        f": its conditions lose {loss:g} % of what it sends" if loss else f": its queue has dropped {dropped} packets"
    )
    return f"the cable loses it at {iface.label}{told}"


def _ipsec(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    names = [
        name
        for name in case.after.get(hop.guest, Told()).counters
        if name.startswith("Xfrm") and case.grown(hop.guest, name)
    ]
    if not names:
        return None
    return Reason(
        f"IPsec of {hop.guest} drops it: {', '.join(names)} has grown (/proc/net/xfrm_stat)",
        "look at its policies: ip xfrm policy",
    )


def _error(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    own = {
        each.partition("/")[0]
        for each in (address for all_of in case.before[hop.guest].addresses.values() for address in all_of)
    }
    for each in case.sights:
        if each.what is What.ERROR and each.sender in own:
            return Reason(
                f"{hop.guest} sends it back with an ICMP error, type and code {each.about}",
                "see RFC 792 or RFC 4443 for it",
            )
    return None


def _ignores(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    name = "ipv4/icmp_echo_ignore_all" if case.probe.version == 4 else "ipv6/icmp/echo_ignore_all"
    if case.probe.port or case.before[hop.guest].settings.get(name) != "1":
        return None
    setting = f"net.{name.replace('/', '.')}"
    return Reason(f"{hop.guest} answers no echo requests: {setting} is 1", "set it to 0, or try another probe (--tcp)")


def _next_interface(case: Case, hop: Hop, _role: str, _target: str) -> Reason | None:
    label = case.label(hop.guest, hop.route.dev)
    device = case.before[hop.guest].devices.get(hop.route.dev)
    if label and device is not None and not device.up:
        return Reason(f"interface {label} is down", f"set {label} up")
    if not label and hop.route.dev:
        return Reason(
            f"{hop.guest} sends it by {hop.route.dev}, which is no cable of the lab, and it comes out nowhere",
            f"look at {hop.route.dev}",
        )
    if any(
        each.what is What.ENCRYPTED and each.interface.startswith(f"{hop.guest}:") and not each.inward
        for each in case.sights
    ):
        return Reason(
            f"{hop.guest} sends something on encrypted (ESP), and what comes out of that is seen nowhere",
            "look at the other end of the tunnel",
        )
    return None


def _other_counters(case: Case, guest: str) -> str:
    """Counters of errors that have grown, as a hint."""
    words = ("Discard", "Error", "NoRoute", "Drop", "Unreach")
    names = [
        name
        for name in case.after.get(guest, Told()).counters
        if any(word in name for word in words) and not name.startswith("queue") and case.grown(guest, name)
    ]
    return f" (these of its counters have grown: {', '.join(names)})" if names else ""


# Between guests


def _in_segment(case: Case, hops: Sequence[Hop], post: Post, following: Post | None) -> Reason:
    """Why what a guest has sent does not come to the next."""
    place = case.iface(post.label).bridge
    if place is None:
        return Reason(f"{post.label} is plugged into no segment", f"plug {post.label} in", post.label)
    hop = hops[post.hop]
    wanted = hop.route.via or _target(case, hops)
    if following is None:
        more, remedy = _owner(case, wanted, place)
        macs = {each.mac for each in case.seen(post.label, False, *_PROBES)}
        return Reason(
            f"{post.label} sends it to {wanted} at {', '.join(sorted(macs))}, and no interface has this MAC address on {place}{more}",
            remedy,
            place,
        )
    other = case.iface(following.label)
    power = case.powers.get(other.guest, Power.STOPPED)
    if power is not Power.RUNNING:
        return Reason(f"guest {other.guest} is {power.value}", f"start guest {other.guest}", other.guest)
    told = case.before.get(other.guest)
    device = told.devices.get(other.name) if told is not None else None
    if device is not None and not device.up:
        return Reason(f"interface {other.label} is down", f"set {other.label} up", other.label)
    macs = {each.mac for each in case.seen(post.label, False, *_PROBES)}
    if device is not None and device.mac and device.mac not in macs:
        return _sent_to(hop.guest, macs, other.label, device.mac)
    return Reason(f"{post.label} sends it, and it does not come to {other.label}", f"look at bridge {place}", place)
