# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the word at the cursor may become: verbs, names of what there is, and options with their values.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.options import Spec

from .rooms import Room, Takes, Verb


@dataclass(frozen=True)
class Known:
    """Names of what there is.

    :ivar guests: with the names of their interfaces.
    """

    guests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bridges: Sequence[str] = ()
    scenarios: Sequence[str] = ()
    kernels: Sequence[str] = ()
    masters: Sequence[str] = ()


def completions(room: Room, before: Sequence[str], word: str, known: Known) -> list[str]:
    """What a word may become, in order.

    :param before: the words before it.
    :param word: as far as it is typed.
    """
    return sorted({each for each in _candidates(room, before, word, known) if each.startswith(word)})


def _candidates(room: Room, before: Sequence[str], word: str, known: Known) -> Iterable[str]:
    if not before:
        own = _of_kind(room.kind, known) if room.kind and not room.name else ()
        return [*room.verbs, *own]
    verb = room.verbs.get(before[0])
    if verb is None:
        return ()
    if before[0] == "help":
        return room.verbs if len(before) == 1 else ()
    name, equals, _text = word.partition("=")
    if equals:
        option = (verb.options or {}).get(name)
        return () if option is None else [f"{name}={each}" for each in _values(name, option, known)]
    plain = [each for each in before[1:] if "=" not in each]
    named = _named(room, verb, plain, known)
    # What is required comes first.
    return [*named, *(f"{each}=" for each in verb.options or () if not any(w.startswith(f"{each}=") for w in before))]


def _named(room: Room, verb: Verb, plain: Sequence[str], known: Known) -> Iterable[str]:
    if len(plain) >= len(verb.takes):
        return ()
    takes = verb.takes[len(plain)]
    if takes is Takes.IFACE:
        guest = room.name if room.kind == "guest" else plain[-1]
        return known.guests.get(guest, ())
    if takes is Takes.ON_OFF:
        return ("on", "off")
    return (
        _of_kind({Takes.GUEST: "guest", Takes.BRIDGE: "bridge"}.get(takes, "scenario"), known)
        if (takes is not Takes.TEXT)
        else ()
    )


def _of_kind(kind: str, known: Known) -> Iterable[str]:
    return {"guest": known.guests, "bridge": known.bridges, "scenario": known.scenarios}[kind]


def _values(name: str, option: Spec, known: Known) -> Iterable[str]:
    names = {"kernel": known.kernels, "master": known.masters, "bridge": known.bridges}
    if name in names:
        return names[name]
    return ("yes", "no") if option["type"] == "bool" else option.get("choices", ())
