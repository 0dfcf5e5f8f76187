# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's kernel has of the network, as netlink tells it, and the messages that lead from one such state to another.  Pure.

What the kernel told of an object is, but for counters and the like, what makes that object again (as ``ip route save`` does), so nothing
here has to understand what an object means: an object that is there and was not is removed, one that is not there any more is made.
docs/internals/clean-state.md tells what is compared, and what is left alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import relay
from .relay import CREATE, DUMP, REPLACE, Message

ROUTE, XFRM = 0, 6
_IPV4, _IPV6 = 2, 10
_FOREVER = 0xFFFFFFFF
# Protocols of routes that a daemon has made, or a router told of (linux/rtnetlink.h): they are that daemon's, as long as it runs.
_OF_DAEMONS = frozenset({8, 9, *range(10, 19), 42, 84, 99, 186, 187, 188, 189, 192})
_BY_KERNEL, _LOCAL = 2, 255
_CLONED = 0x200
_ONLINK = 4
_ACCEPT = b"\2\2\2"  # XFRM_USERPOLICY_ACCEPT
_PERMANENT, _PROXY = 0x80, 0x08
_NOARP = 0x40
# Of an interface, what somebody sets: UP, NOARP, PROMISC, ALLMULTI, MULTICAST.
_SETTABLE = 0x1 | 0x80 | 0x100 | 0x200 | 0x1000
_UP = 0x1
# Interfaces that a module brings with it, and keeps.
_OF_MODULES = frozenset(
    {"tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "sit0", "ip6tnl0", "ip6gre0", "ip6gretap0", "ip6_vti0", "teql0"}
)
# Queues without classes, whose options are the same however much they have sent.
_PLAIN_QUEUES = frozenset(
    {"netem", "tbf", "pfifo", "bfifo", "codel", "fq_codel", "sfq", "red", "cake", "ingress", "clsact"}
)
_ROOT, _INGRESS = 0xFFFFFFFF, 0xFFFFFFF1


@dataclass(frozen=True)
class Item:
    """An object that is removed and made as a whole.

    :ivar key: what it is, by which two states are compared.
    :ivar make: payload of the message that makes it.
    :ivar remove: payload of the message that removes it; empty for what is only ever changed.
    :ivar links: numbers of the interfaces that it is of.
    :ivar source: of a route that the kernel made for an address: that address.
    """

    key: Hashable
    make: bytes
    remove: bytes
    links: tuple[int, ...] = ()
    source: bytes | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of objects.

    :ivar noun: singular and plural.
    :ivar dumps: payloads of the requests for all of them.
    :ivar ask: type of these requests.
    :ivar new: type of the message that makes one, and of the answers.
    :ivar gone: type of the message that removes one.
    :ivar item: an answer's payload → the object; ``None`` for what is left alone.
    """

    noun: tuple[str, str]
    protocol: int
    ask: int
    dumps: tuple[bytes, ...]
    new: int
    gone: int
    item: Callable[[bytes], Item | None]
    answer: int = 0


@dataclass(frozen=True)
class Link:
    """An interface.

    :ivar kind: such as ``vlan``; empty for one of a driver, which is the lab's.
    :ivar settings: attributes that can be set.
    :ivar info: ``IFLA_LINKINFO`` as it was told, without what it is a port of.
    :ivar tuned: values of all that ``/proc/sys`` has of it.
    """

    index: int
    name: str
    kind: str
    flags: int
    settings: Mapping[int, bytes]
    info: bytes
    tuned: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Queue:
    """A queueing discipline that somebody has set."""

    link: int
    parent: int
    kind: str
    key: Hashable
    make: bytes


@dataclass(frozen=True)
class State:
    """All of it.

    :ivar items: by kind, in the order in which they were told.
    :ivar queues: by interface.
    :ivar learned: payloads that remove neighbours that the kernel found itself.
    :ivar tables: how neighbours are found, by family and interface.
    :ivar leased: family and interface of addresses that were learned.
    """

    links: Mapping[int, Link] = field(default_factory=dict)
    items: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    queues: Mapping[int, tuple[Queue, ...]] = field(default_factory=dict)
    learned: tuple[bytes, ...] = ()
    tables: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
    leased: frozenset[tuple[int, int]] = frozenset()


# Objects


def _address(payload: bytes) -> Item | None:
    family, length, _flags, scope, index = struct.unpack_from("=BBBBI", payload)
    found = relay.attributes(payload, 8)
    if struct.unpack_from("=4I", found.get(6, struct.pack("=4I", _FOREVER, _FOREVER, 0, 0)))[1] != _FOREVER:
        # It was learned, and is forgotten again.
        return None
    told = struct.unpack("=I", found[8])[0] if 8 in found else _flags
    # HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN: the others are the kernel's.
    kept = told & (0x10 | 0x100 | 0x200 | 0x400)
    key = (family, length, scope, index, kept, *(found.get(kind) for kind in (1, 2, 3, 4, 9)))
    # Nobody else had it before either: detection of duplicates (NODAD) would keep it from being used at once.
    flags = relay.attribute(8, struct.pack("=I", kept | (0x02 if family == _IPV6 else 0)))
    head = struct.pack("=BBBBI", family, length, 0, scope, index)
    return Item(key, head + relay.without(payload, 8, 6, 8) + flags, head + relay.without(payload, 8, 6, 8), (index,))


def _route(payload: bytes) -> Item | None:
    head = list(struct.unpack_from("=BBBBBBBBI", payload))
    found = relay.attributes(payload, 12)
    expires = struct.unpack_from("=i", found[12], 8)[0] if len(found.get(12, b"")) >= 12 else 0
    # The kernel makes and removes them with addresses; in IPv6 when detection of duplicates has ended.
    follows = head[4] == _LOCAL and head[5] == _BY_KERNEL
    if head[8] & _CLONED or head[5] in _OF_DAEMONS or expires or follows:
        return None
    head[8] &= _ONLINK
    hops = b"".join(_padded(part) for kind, part in relay.parts(payload, 12) if kind not in (9, 12, 23))
    many = relay.attribute(9, _hops(found[9])) if 9 in found else b""
    links = [struct.unpack("=I", found[kind])[0] for kind in (4,) if kind in found]
    links += [hop[2] for hop in _each_hop(found.get(9, b""))]
    payload = struct.pack("=BBBBBBBBI", *head) + hops + many
    source = found.get(7, b"") if head[5] == _BY_KERNEL else None
    return Item(payload, payload, payload, tuple(links), source)


def _each_hop(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Flags, weight, interface and attributes of each next hop of a route that has several."""
    place = 0
    while place + 8 <= len(data):
        size, flags, weight, index = struct.unpack_from("=HBBI", data, place)
        if size < 8 or place + size > len(data):
            raise ValueError("a next hop is cut off")
        yield flags, weight, index, data[place + 8 : place + size]
        place += (size + 3) & ~3


def _hops(data: bytes) -> bytes:
    return b"".join(
        _padded(struct.pack("=HBBI", 8 + len(rest), flags & _ONLINK, weight, index) + rest)
        for flags, weight, index, rest in _each_hop(data)
    )


def _rule(payload: bytes) -> Item:
    head = list(struct.unpack_from("=BBBBBBBBI", payload))
    # FIB_RULE_INVERT is the only flag that somebody sets.
    head[8] &= 2
    made = struct.pack("=BBBBBBBBI", *head) + relay.without(payload, 12)
    return Item(made, made, made)


def _neighbour(payload: bytes) -> Item | None:
    family, index, state, flags, _kind = struct.unpack_from("=BxxxiHBB", payload)
    if not state & _PERMANENT and not flags & _PROXY:
        return None
    found = relay.attributes(payload, 12)
    head = struct.pack("=BxxxiHBB", family, index, state, flags, 0)
    made = head + relay.without(payload, 12, 3, 4)
    return Item((family, index, flags, found.get(1), found.get(2)), made, made, (index,))


def _next_hop(payload: bytes) -> Item | None:
    family, _scope, protocol, _reserved, flags = struct.unpack_from("=BBBBI", payload)
    if protocol in _OF_DAEMONS:
        return None
    found = relay.attributes(payload, 8)
    # A group is told with no family of its own.
    head = struct.pack("=BBBBI", family, 0, protocol, 0, flags & _ONLINK)
    made = head + b"".join(_padded(part) for kind, part in relay.parts(payload, 8) if kind <= 11)
    links = (struct.unpack("=I", found[5])[0],) if 5 in found else ()
    return Item(made, made, struct.pack("=BBBBI", 0, 0, 0, 0, 0) + relay.attribute(1, found[1]), links)


def _association(payload: bytes) -> Item | None:
    """A security association, struct xfrm_usersa_info."""
    if payload[72:76] == bytes(4):
        # The kernel waits for somebody to negotiate one.
        return None
    # Counters and times of its use; statistics and sequence number.
    head = payload[:160] + bytes(48) + payload[208:224]
    found = relay.attributes(payload, 224)
    key = (head, relay.without(payload, 224, 10, 15, 23))
    family = payload[212:214]
    spared = {kind: found[kind] for kind in (21,) if kind in found}
    remove = payload[56:76] + family + payload[76:77] + b"\0" + relay.attribute(13, payload[80:96])
    remove += b"".join(relay.attribute(kind, value) for kind, value in spared.items())
    return Item(key, head + relay.without(payload, 224, 15), remove)


def _policy(payload: bytes) -> Item | None:
    """A security policy, struct xfrm_userpolicy_info."""
    index, direction = payload[156:160], payload[160]
    if direction > 2:
        # Of a socket.
        return None
    made = payload[:120] + bytes(32) + payload[152:156] + index + payload[160:168] + relay.without(payload, 168)
    key = (payload[:120], payload[152:156], payload[160:164], relay.without(payload, 168))
    kept = b"".join(_padded(part) for kind, part in relay.parts(payload, 168) if kind in (8, 16, 21, 31))
    return Item(key, made, payload[:56] + index + bytes((direction, 0, 0, 0)) + kept)


def _default_policy(payload: bytes) -> Item | None:
    """What becomes of packets that no policy is for: in, forwarded, out."""
    found = payload[:3]
    return None if found in (_ACCEPT, bytes(3)) else Item(found, found, _ACCEPT)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


_FAMILIES = tuple(bytes((family,)) + bytes(11) for family in (_IPV4, _IPV6))
ADDRESSES = Kind(("address", "addresses"), ROUTE, 22, (bytes(8),), 20, 21, _address)
NEXT_HOPS = Kind(("next hop", "next hops"), ROUTE, 106, (bytes(8),), 104, 105, _next_hop)
ROUTES = Kind(("route", "routes"), ROUTE, 26, _FAMILIES, 24, 25, _route)
RULES = Kind(("rule", "rules"), ROUTE, 34, _FAMILIES, 32, 33, _rule)
NEIGHBOURS = Kind(
    ("neighbour", "neighbours"), ROUTE, 30, (bytes(12), bytes(10) + bytes((_PROXY, 0))), 28, 29, _neighbour
)
ASSOCIATIONS = Kind(("IPsec state", "IPsec states"), XFRM, 18, (b"",), 16, 17, _association)
POLICIES = Kind(("IPsec policy", "IPsec policies"), XFRM, 21, (b"",), 19, 20, _policy)
_DEFAULT_POLICY = Kind(
    ("default policy of IPsec", "default policies of IPsec"), XFRM, 40, (bytes(3),), 39, 39, _default_policy, answer=40
)
# In the order in which they are made; they are removed the other way round.
KINDS = (ADDRESSES, NEXT_HOPS, ROUTES, RULES, NEIGHBOURS, ASSOCIATIONS, POLICIES, _DEFAULT_POLICY)
_LINKS, _QUEUES, _TABLES = 18, 38, 66
# Of what a dump of interfaces tells, no statistics (RTEXT_FILTER_SKIP_STATS).
_ALL_LINKS = bytes(16) + relay.attribute(29, struct.pack("=I", 8))


def questions(protocol: int) -> bytes:
    """Frames that ask for all that one protocol tells."""
    asked = [(each.ask, payload) for each in KINDS if each.protocol == protocol for payload in each.dumps]
    if protocol == ROUTE:
        asked += [(_LINKS, _ALL_LINKS), (_QUEUES, bytes(20)), (_TABLES, bytes(4))]
    # Only dumps can have a payload of any size there; this is a request for one thing.
    return b"".join(
        relay.frame(
            protocol, [Message(ask, payload, 0 if ask == _DEFAULT_POLICY.ask else DUMP, number + protocol * 100)]
        )
        for number, (ask, payload) in enumerate(asked, 1)
    )


def understood(messages: Iterable[Message]) -> State:
    """A state from the answers of both protocols.

    :raises ValueError, struct.error, LookupError: where they are none.
    """
    kinds: dict[tuple[int, int], Kind] = {(each.protocol, each.answer or each.new): each for each in KINDS}
    items: dict[str, dict[Hashable, Item]] = {each.noun[1]: {} for each in KINDS}
    links: dict[int, Link] = {}
    queues: dict[int, list[Queue]] = {}
    learned: list[bytes] = []
    tables: dict[tuple[int, int], bytes] = {}
    leased: set[tuple[int, int]] = set()
    for message in messages:
        protocol = message.number // 100
        if message.kind < 0:
            continue
        if protocol == ROUTE and message.kind == 16:
            link = _link(message.payload)
            links[link.index] = link
        elif protocol == ROUTE and message.kind == 36:
            queue = _queue(message.payload)
            if queue is not None:
                queues.setdefault(queue.link, []).append(queue)
        elif protocol == ROUTE and message.kind == 64:
            tables.update(_table(message.payload))
        elif (kind := kinds.get((protocol, message.kind))) is not None:
            item = kind.item(message.payload)
            if item is not None:
                items[kind.noun[1]].setdefault(item.key, item)
            elif kind is NEIGHBOURS:
                learned += _forgotten(message.payload)
            elif kind is ADDRESSES:
                leased.add((message.payload[0], struct.unpack_from("=I", message.payload, 4)[0]))
    return State(
        links,
        {noun: tuple(found.values()) for noun, found in items.items()},
        {index: tuple(found) for index, found in queues.items()},
        tuple(learned),
        tables,
        frozenset(leased),
    )


def _forgotten(payload: bytes) -> list[bytes]:
    family, index, state, _flags, _kind = struct.unpack_from("=BxxxiHBB", payload)
    found = relay.attributes(payload, 12)
    # What needs no address is there by itself, such as groups.
    if state & _NOARP or 1 not in found:
        return []
    return [struct.pack("=BxxxiHBB", family, index, 0, 0, 0) + relay.attribute(1, found[1])]


def _link(payload: bytes) -> Link:
    _family, _type, index, flags, _change = struct.unpack_from("=BxHiII", payload)
    found = relay.attributes(payload, 16)
    info = relay.attributes(found.get(18, b""))
    kept = b"".join(relay.attribute(kind, info[kind]) for kind in (1, 2) if kind in info)
    settings = {kind: found.get(kind, bytes(4) if kind == 10 else b"") for kind in (1, 4, 5, 10, 13, 20, 27)}
    families = relay.attributes(found.get(26, b""))
    ipv4, ipv6 = relay.attributes(families.get(_IPV4, b"")), relay.attributes(families.get(_IPV6, b""))
    tuned = (ipv4.get(1, b""), ipv6.get(2, b""), ipv6.get(8, b""))
    return Link(index, relay.word(found[3]), relay.word(info.get(1, b"")), flags & _SETTABLE, settings, kept, tuned)


def _table(payload: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """How neighbours are found on an interface, without what the kernel draws by lot."""
    parameters = relay.attributes(payload, 4).get(6, b"")
    index = relay.attributes(parameters).get(1)
    if index is not None:
        yield (payload[0], struct.unpack("=I", index)[0]), relay.without(parameters, 0, 2, 3)


def _queue(payload: bytes) -> Queue | None:
    _family, index, handle, parent, _info = struct.unpack_from("=BxxxiIII", payload)
    found = relay.attributes(payload, 20)
    kind = relay.word(found[1])
    if not handle or parent not in (_ROOT, _INGRESS):
        # The kernel's own; those below another go and come with that.
        return None
    options = found.get(2) if kind in _PLAIN_QUEUES else None
    made = struct.pack("=BxxxiIII", 0, index, handle, parent, 0) + relay.attribute(1, found[1])
    made += b"" if 2 not in found else relay.attribute(2, found[2])
    return Queue(index, parent, kind, (handle, parent, kind, options), made)


# From one state to another


def tuned(now: State, then: State) -> list[str]:
    """Interfaces of which something in ``/proc/sys`` is other than it was."""
    both = now.links.keys() & then.links.keys()
    tables = {key[1] for key in now.tables if key in then.tables and now.tables[key] != then.tables[key]}
    return [
        now.links[index].name for index in both if index in tables or now.links[index].tuned != then.links[index].tuned
    ]


@dataclass
class Changes:
    """What leads from one state to another.

    :ivar messages: by protocol, in their order.
    :ivar words: what they are about, for the user.
    """

    messages: dict[int, list[Message]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def add(self, protocol: int, kind: int, payload: bytes, flags: int = 0) -> None:
        """Add a message."""
        self.messages.setdefault(protocol, []).append(Message(kind, payload, flags))

    def say(self, noun: tuple[str, str], number: int) -> None:
        """Say how many objects of a kind differ."""
        if number:
            self.words.append(f"{number} {noun[0] if number == 1 else noun[1]}")


def changes(now: State, then: State) -> Changes:
    """What makes a state what it was.

    An interface of a driver is the lab's, which plugs and unplugs it: what is of one that is not in both states is left alone.
    """
    found = Changes()
    alien = {index for index in now.links.keys() ^ then.links.keys() if _of_driver(now, then, index)}
    for message in now.learned:
        found.add(ROUTE, NEIGHBOURS.gone, message)
    _change_links(found, now, then, alien)
    _change_queues(found, now, then, alien)
    gone = {each.noun[1]: _less(now, then, each, alien) for each in KINDS}
    made = {each.noun[1]: _less(then, now, each, alien) for each in KINDS}
    _renew_addresses(now, then, gone, made)
    _leave_to_addresses(now, then, gone, made)
    for kind in reversed(KINDS):
        removed = gone[kind.noun[1]]
        if kind is ASSOCIATIONS and removed and not then.items.get(kind.noun[1]):
            # Those that are waited for, too.
            found.add(XFRM, 28, b"\xff")
        for item in removed:
            found.add(kind.protocol, kind.gone, item.remove)
    for kind in KINDS:
        for item in made[kind.noun[1]]:
            # Of routes to the same destination each is one of its own.
            flags = CREATE | (REPLACE if kind in (ADDRESSES, NEIGHBOURS) else 0)
            found.add(kind.protocol, kind.new, item.make, flags)
        found.say(kind.noun, max(len(made[kind.noun[1]]), len(gone[kind.noun[1]])))
    return found


def _of_driver(now: State, then: State, index: int) -> bool:
    link = now.links.get(index) or then.links[index]
    return not link.kind


def _less(state: State, other: State, kind: Kind, alien: set[int]) -> list[Item]:
    """What one state has and another has not."""
    known = {item.key for item in other.items.get(kind.noun[1], ())}
    found = state.items.get(kind.noun[1], ())
    return [item for item in found if item.key not in known and alien.isdisjoint(item.links)]


def _renew_addresses(now: State, then: State, gone: dict[str, list[Item]], made: dict[str, list[Item]]) -> None:
    """Of IPv4 addresses the first of a prefix is the one that packets are sent from: if one is to come, all come again in their order."""
    noun = ADDRESSES.noun[1]
    has, wanted = (
        {
            index: [each for each in state.items.get(noun, ()) if each.make[0] == _IPV4 and index in each.links]
            for index in links
        }
        for links in (now.links.keys() & then.links.keys(),)
        for state in (now, then)
    )
    for index, items in wanted.items():
        stays = [each.key for each in has[index] if each.key in {item.key for item in items}]
        if stays != [each.key for each in items]:
            gone[noun] = [*(each for each in gone[noun] if each not in has[index]), *reversed(has[index])]
            made[noun] = [*(each for each in made[noun] if each not in items), *items]


def _leave_to_addresses(now: State, then: State, gone: dict[str, list[Item]], made: dict[str, list[Item]]) -> None:
    """The kernel's own routes come and go with addresses; those of addresses that were learned are left to it."""
    noun = ROUTES.noun[1]
    lasting = {b"", *(relay.attributes(each.make, 8).get(2) for each in then.items.get(ADDRESSES.noun[1], ()))}
    leased = [item for item in gone[noun] if any((item.make[0], link) in now.leased for link in item.links)]
    gone[noun] = [each for each in gone[noun] if each.source is None or each not in leased]
    made[noun] = [each for each in made[noun] if each.source is None or each.source in lasting]


def _change_links(found: Changes, now: State, then: State, alien: set[int]) -> None:
    names: list[str] = []
    for index in sorted(now.links.keys() - then.links.keys(), reverse=True):
        link = now.links[index]
        if index in alien or (link.name in _OF_MODULES and not link.flags & _UP):
            continue
        names.append(link.name)
        found.add(ROUTE, 17, _ifinfo(index))
        # One that cannot be removed is down at least.
        found.add(ROUTE, 16, _ifinfo(index, 0, _UP))
    for index in sorted(then.links.keys() - now.links.keys() - alien):
        link = then.links[index]
        names.append(link.name)
        settings = b"".join(relay.attribute(kind, link.settings[kind]) for kind in (1, 4, 5) if link.settings[kind])
        named = relay.attribute(3, relay.text(link.name))
        found.add(ROUTE, 16, _ifinfo(index) + named + settings + relay.attribute(18, link.info), CREATE)
        _set_link(found, link, None)
    for index in sorted(now.links.keys() & then.links.keys()):
        if now.links[index].kind != then.links[index].kind:
            # Another one that has got its number.
            names.append(now.links[index].name)
            found.add(ROUTE, 17, _ifinfo(index))
        elif _set_link(found, then.links[index], now.links[index]):
            names.append(then.links[index].name)
    if names:
        found.words.append(f"interface{'' if len(names) == 1 else 's'} {', '.join(names)}")


def _ifinfo(index: int, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, change)


def _set_link(found: Changes, link: Link, now: Link | None) -> bool:
    """Give an interface what it is to have; whether it differs."""
    index = link.index
    if now is None:
        wanted = {kind: value for kind, value in link.settings.items() if kind in (10, 13, 20, 27) and any(value)}
    else:
        # What it is on (IFLA_LINK) stays what it is.
        wanted = {kind: value for kind, value in link.settings.items() if kind != 5 and value != now.settings[kind]}
    renamed = now is not None and now.name != link.name
    if now is not None and not wanted and not renamed and now.flags == link.flags:
        return False
    if renamed or 1 in wanted:
        # The kernel takes another name and another MAC address only while it is down.
        found.add(ROUTE, 16, _ifinfo(index, 0, _UP))
    if renamed:
        found.add(ROUTE, 16, _ifinfo(index) + relay.attribute(3, relay.text(link.name)))
    for kind, value in wanted.items():
        found.add(ROUTE, 16, _ifinfo(index) + relay.attribute(kind, value))
    found.add(ROUTE, 16, _ifinfo(index, link.flags, _SETTABLE))
    return True


def _change_queues(found: Changes, now: State, then: State, alien: set[int]) -> None:
    changed = 0
    for index in sorted((now.queues.keys() | then.queues.keys()) - alien):
        for parent in (_ROOT, _INGRESS):
            has = [each for each in now.queues.get(index, ()) if each.parent == parent]
            wanted = [each for each in then.queues.get(index, ()) if each.parent == parent]
            if [each.key for each in has] == [each.key for each in wanted]:
                continue
            changed += index in then.links
            if has:
                found.add(ROUTE, 37, struct.pack("=BxxxiIII", 0, index, 0, parent, 0))
            for queue in wanted:
                found.add(ROUTE, 36, queue.make, CREATE | REPLACE)
    found.say(("queue", "queues"), changed)
