# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of nftables that a guest has, whoever made them (nft, iptables-nft, a daemon), and the batch that makes them again.  Pure.

One transaction removes all and makes what was there, so that no packet meets half of it (linux/netfilter/nf_tables.h).  The kernel counts
transactions: where its number is the same, nothing has changed, and nothing else is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import relay
from .relay import APPEND, CREATE, DUMP, Message

NETFILTER = 12
_SUBSYSTEM = 10 << 8
_BEGIN, _END = 0x10, 0x11
_TABLE, _DELETE_TABLE, _CHAIN, _RULE, _SET, _ELEMENTS, _OBJECT, _FLOWTABLE = 0, 2, 3, 6, 9, 12, 18, 22
_NEW_GENERATION, _GENERATION = 15, 16
# In the order in which they can be made.
_ORDER = (_TABLE, _OBJECT, _SET, _CHAIN, _FLOWTABLE, _ELEMENTS, _RULE)
# Attributes that the kernel gives: handles, counts of users, and counters of chains; then those of a rule's place.
_GIVEN = {_TABLE: (3, 4), _OBJECT: (5, 6), _SET: (16, 19, 20), _CHAIN: (2, 6, 8), _FLOWTABLE: (4, 5), _RULE: (3, 6)}
_COUNTING_OBJECTS = (1, 2, 5)  # counter, quota, connlimit
_ASK = {_TABLE: 1, _CHAIN: 4, _RULE: 7, _SET: 10, _ELEMENTS: 13, _OBJECT: 19, _FLOWTABLE: 23}
_SET_ID = 10


@dataclass(frozen=True)
class Ruleset:
    """All rules.

    :ivar generation: number of the last transaction; ``None`` for a kernel that has no nftables, or has not loaded it.
    :ivar parts: payloads by type of message, in their order.
    """

    generation: int | None = None
    parts: tuple[tuple[int, bytes], ...] = ()

    @property
    def sets(self) -> list[bytes]:
        """What names each set: family, table and name."""
        return [_named(payload) for kind, payload in self.parts if kind == _SET]


def _named(payload: bytes) -> bytes:
    found = relay.attributes(payload, 4)
    return payload[:4] + relay.attribute(1, found[1]) + relay.attribute(2, found[2])


def questions() -> bytes:
    """Frames that ask for all but the elements of sets."""
    asked = [(_GENERATION, 0), *((_ASK[kind], DUMP) for kind in _ORDER if kind != _ELEMENTS)]
    return b"".join(
        relay.frame(NETFILTER, [Message(_SUBSYSTEM | ask, bytes(4), flags, NETFILTER * 100 + number)])
        for number, (ask, flags) in enumerate(asked, 1)
    )


def questions_of_sets(rules: Ruleset) -> bytes:
    """Frames that ask for the elements of all sets."""
    return b"".join(
        relay.frame(NETFILTER, [Message(_SUBSYSTEM | _ASK[_ELEMENTS], named, DUMP, NETFILTER * 100 + 50)])
        for named in rules.sets
    )


def understood(messages: Iterable[Message]) -> Ruleset:
    """Rules from answers.

    :raises ValueError, struct.error, LookupError: where they are none.
    """
    generation = None
    parts: list[tuple[int, bytes]] = []
    for message in messages:
        if message.number // 100 != NETFILTER or message.kind < 0:
            continue
        kind = message.kind & 0xFF
        if kind == _NEW_GENERATION:
            generation = struct.unpack(">I", relay.attributes(message.payload, 4)[1])[0]
        elif kind in _ORDER:
            parts.append((kind, message.payload))
    return Ruleset(generation, tuple(sorted(parts, key=lambda part: _ORDER.index(part[0]))))


def alike(one: Ruleset, other: Ruleset) -> bool:
    """Whether two rulesets are the same but for counters."""
    return _compared(one) == _compared(other)


def replace(rules: Ruleset) -> list[Message]:
    """The batch that removes all rules and makes these."""
    batch = struct.pack(">BBH", 0, 0, _SUBSYSTEM >> 8)
    made = [
        Message(_SUBSYSTEM | kind, _made(kind, payload, number), CREATE | (APPEND if kind == _RULE else 0))
        for number, (kind, payload) in enumerate(rules.parts, 1)
    ]
    return [Message(_BEGIN, batch), Message(_SUBSYSTEM | _DELETE_TABLE, bytes(4)), *made, Message(_END, batch)]


def _made(kind: int, payload: bytes, number: int) -> bytes:
    head = payload[:2] + bytes(2)
    if kind == _ELEMENTS:
        return head + relay.without(payload, 4)
    rest = relay.without(payload, 4, *_GIVEN[kind])
    return head + rest + (relay.attribute(_SET_ID, struct.pack(">I", number)) if kind == _SET else b"")


def _compared(rules: Ruleset) -> object:
    """What is compared of rules: without what packets change, and elements of a set in any order, which a hash makes up."""
    others = [_compared_part(kind, payload) for kind, payload in rules.parts if kind != _ELEMENTS]
    sets: dict[bytes, set[bytes]] = {}
    for kind, payload in rules.parts:
        if kind == _ELEMENTS:
            elements = relay.attributes(payload, 4).get(3, b"")
            sets.setdefault(_named(payload[:1] + bytes(3) + payload[4:]), set()).update(_elements(elements))
    return others, sets


def _compared_part(kind: int, payload: bytes) -> object:
    found = relay.attributes(payload, 4)
    kept = {key: value for key, value in found.items() if key not in _GIVEN[kind]}
    if kind == _RULE:
        return kind, payload[0], {**kept, 4: list(_expressions(found.get(4, b"")))}
    if kind == _OBJECT and struct.unpack(">I", found[3])[0] in _COUNTING_OBJECTS:
        kept.pop(4, None)
    return kind, payload[0], kept


def _elements(data: bytes) -> Iterator[bytes]:
    """Elements of a set, without their counters, but not those that are forgotten after a while."""
    for _kind, part in relay.parts(data):
        if 5 not in relay.attributes(part, 4):
            yield relay.without(part, 4, 7, 11)


def _expressions(data: bytes) -> Iterator[object]:
    """Expressions of a rule, without what they count."""
    for _kind, part in relay.parts(data):
        found = relay.attributes(part, 4)
        name, own = relay.word(found[1]), found.get(2, b"")
        if name in ("counter", "last"):
            yield name
        elif name == "quota":
            # NFTA_QUOTA_CONSUMED
            yield name, relay.without(own, 0, 4)
        else:
            yield name, own
