# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running guest was last brought to, where a look at it cannot tell that from what others have done in it.  Pure.

A service may add an address (keepalived its virtual one), somebody may set a queue: what the lab did not give it does not take away.
It is kept with the guest's process and ends with it.  What is about to be given is added before the definition is stored, and the
record follows the definition when the guest has been brought to it, so that the run after a killed one, and the one that resumes a
paused guest, know what there is to take back.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import stored
from .lab import Guest
from .root import CHANGING, Stack


@dataclass(frozen=True)
class Given:
    """The record.

    :ivar definition: names what of the definition takes effect in the running guest.
    :ivar addresses: by interface, those that the lab gave or was about to give.
    :ivar bridges: by interface, where its cable led.
    :ivar conditions: interfaces whose conditions the lab has set.
    :ivar layers: what its services were started with: the layer that is written to and those over the master, without /etc/hosts.
    """

    definition: str = ""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bridges: Mapping[str, str | None] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


def of(guest: Guest, stack: Stack) -> Given:
    """What a guest is given that is brought to its definition."""
    ifaces = guest.interfaces.values()
    live = (sorted(guest.interfaces.items()), guest.routes, guest.sysctl, guest.faults, guest.loaded, guest.layers)
    return Given(
        definition=hashlib.sha256(repr(_plain(live)).encode()).hexdigest()[:16],
        addresses={iface.name: iface.addresses for iface in ifaces if iface.addresses is not None},
        bridges={iface.name: iface.bridge for iface in ifaces},
        conditions=tuple(sorted(iface.name for iface in ifaces if iface.conditions is not None)),
        layers=layers_of(stack),
    )


def _plain(value: Any) -> Any:
    """A value without what has its default, so that a setting that a later version knows changes nothing where it is not used."""
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    told = [(each.name, getattr(value, each.name), each.default) for each in dataclasses.fields(value)]
    return [(name, _plain(found)) for name, found, default in told if found != default]


def layers_of(stack: Stack) -> tuple[str, ...]:
    """The layers of a stack that services may mind."""
    names = ((layer, layer.rpartition("/")[2]) for layer in stack.over)
    return (stack.upper, *(layer for layer, name in names if not name.startswith(CHANGING)))


def wider(before: Given, after: Given) -> Given:
    """What a guest may have been given while it is brought from the one to the other."""
    both = {**before.addresses, **after.addresses}
    return dataclasses.replace(
        before,
        addresses={
            name: tuple(dict.fromkeys((*before.addresses.get(name, ()), *after.addresses.get(name, ()))))
            for name in both
        },
        conditions=tuple(sorted({*before.conditions, *after.conditions})),
    )


def settled(before: Given, after: Given, names: Collection[str]) -> Given:
    """What a guest was given that has been brought there as far as these interfaces go.

    Addresses that are not managed any more stay the lab's.
    """
    there = [name for name in after.bridges if name in names]
    others = [name for name in before.bridges if name not in names]
    old = {name: before.addresses[name] for name in (*others, *there) if name in before.addresses}
    return dataclasses.replace(
        after,
        addresses={**old, **{name: after.addresses[name] for name in there if name in after.addresses}},
        bridges={name: before.bridges[name] if name in others else after.bridges[name] for name in (*others, *there)},
        conditions=tuple(
            sorted(
                [each for each in before.conditions if each in others]
                + [each for each in after.conditions if each in there]
            )
        ),
    )


def read(value: object, place: str) -> Given | None:
    """The record as it is stored; ``None`` where an earlier version has started the guest.

    :raises stored.Unfit: where it is not what this version writes.
    """
    if value is None:
        return None
    own = stored.table(value, place, _READERS)
    if len(own) < len(_READERS):
        raise stored.Unfit(f"{place} has no {next(each for each in _READERS if each not in own)}")
    return Given(**own)


def _named(reader: stored.Reader) -> stored.Reader:
    return lambda value, place: {
        name: reader(each, f"{place}.{name}") for name, each in stored.mapping(value, place).items()
    }


_READERS: Mapping[str, stored.Reader] = {
    "definition": stored.text,
    "addresses": _named(stored.texts(stored.text)),
    "bridges": _named(stored.optional(stored.text)),
    "conditions": stored.texts(stored.text),
    "layers": stored.texts(stored.text),
}
KNOWN = frozenset(_READERS)
