# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditions of what a guest sends through an interface (tc-netem(8)): all that concerns one of them follows from its row.  No I/O.

The fields of :class:`Conditions` are the rows.  Each carries its kind, which knows how a value is stored, set with ``tc``, found again,
compared and put in words; ``scenario.spec`` makes what a file may say from the same rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from . import stored

# What tc(8) and the kernel keep: 32 bits of 64 ns for a delay, 31 bits of ns for jitter, and whole bytes a second.
MAX_DELAY = 274_877  # ms
MAX_JITTER = 2_147  # ms
MIN_RATE, MAX_RATE = 8, 10**15  # bits a second
# How exactly conditions can be found again: six digits, 64 ns of which tc(8) shows whole microseconds (in ms), and the 32 bits of
# a share (in percent).
_DIGITS, _TICK, _SHARE = 6e-6, 0.0015, 100 / 2**32
# Packets that may be under way in a delayed link; the kernel's own 1000 would drop at 100 Mbit/s and 150 ms.
_QUEUE = 10000

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Condition(ABC):
    """A kind of condition.

    :ivar description: a sentence's beginning for the user, without the unit.
    :ivar maximum: the largest value.
    """

    description: str
    maximum: int

    def made(self, value: Any) -> Any:
        """The value of what a scenario's file gives."""
        return value

    @abstractmethod
    def stored(self, value: object, place: str) -> Any:
        """The value of what is stored; raises ``stored.Unfit``."""

    @abstractmethod
    def netem(self, name: str, conditions: Conditions) -> str:
        """The words of tc-netem(8) that set it."""

    @abstractmethod
    def found(self, name: str, options: Options) -> Any:
        """The value in the options that ``tc -j qdisc`` shows."""

    @abstractmethod
    def is_same(self, wanted: Any, found: Any) -> bool:
        """Whether it is as wanted, as exactly as the kernel keeps it and tc(8) shows it."""

    @abstractmethod
    def words(self, name: str, value: Any) -> str:
        """The same for the user."""

    @abstractmethod
    def written(self, value: Any) -> str | int:
        """As a scenario's file has it."""


class Time(Condition):
    """Milliseconds."""

    def stored(self, value: object, place: str) -> float:
        """A number."""
        return stored.number(value, place)

    def netem(self, name: str, conditions: Conditions) -> str:
        """Whole microseconds."""
        return f"{name} {_microseconds(getattr(conditions, name))}us"

    def found(self, name: str, options: Options) -> float:
        """Shown in seconds; what varies it stands beside it."""
        return _number((options.get("delay") or {}).get(name, 0) * 1000)

    def is_same(self, wanted: Any, found: Any) -> bool:
        """Up to a tick."""
        return _is_close(wanted, found, _TICK)

    def words(self, name: str, value: Any) -> str:
        """With its unit."""
        return f"{name} {value:g} ms"

    def written(self, value: Any) -> str:
        """With its unit."""
        return f"{exact(value)}ms"


class Delay(Time):
    """A time that others need: tc(8) shows no jitter without a delay, and takes reorder only with one."""

    def netem(self, name: str, conditions: Conditions) -> str:
        """At least a microsecond for those that need it."""
        least = int(bool(conditions.jitter or conditions.reorder))
        return f"{name} {_microseconds(getattr(conditions, name)) or least}us"


class Jitter(Time):
    """A time that stands behind the delay."""

    def netem(self, name: str, conditions: Conditions) -> str:
        """Without its name."""
        return f"{_microseconds(getattr(conditions, name))}us"


@dataclass(frozen=True)
class Share(Condition):
    """Percent of the frames.

    :ivar shown: key under which ``tc -j qdisc`` shows it, if that is not its name.
    """

    maximum: int = 100
    shown: str = ""

    def stored(self, value: object, place: str) -> float:
        """A number."""
        return stored.number(value, place)

    def netem(self, name: str, conditions: Conditions) -> str:
        """Percent."""
        return f"{name} {getattr(conditions, name):g}%"

    def found(self, name: str, options: Options) -> float:
        """Shown as a part of 1."""
        return _number((options.get(self.shown or name) or {}).get(name, 0) * 100)

    def is_same(self, wanted: Any, found: Any) -> bool:
        """Up to the kernel's smallest share."""
        return _is_close(wanted, found, _SHARE)

    def words(self, name: str, value: Any) -> str:
        """With its unit."""
        return f"{name} {value:g} %"

    def written(self, value: Any) -> str:
        """With its unit."""
        return f"{exact(value)}%"


class Rate(Condition):
    """Bits a second; 0 for no limit."""

    def stored(self, value: object, place: str) -> int:
        """An integer."""
        return stored.whole(value, place)

    def netem(self, name: str, conditions: Conditions) -> str:
        """Bits a second."""
        return f"{name} {getattr(conditions, name)}bit"

    def found(self, name: str, options: Options) -> int:
        """Shown in bytes a second."""
        return int((options.get(name) or {}).get(name, 0)) * 8

    def is_same(self, wanted: Any, found: Any) -> bool:
        """Kept in bytes a second."""
        return bool(wanted // 8 == found // 8)

    def words(self, name: str, value: Any) -> str:
        """With its unit."""
        return f"{name} {value} bit/s"

    def written(self, value: Any) -> str | int:
        """In the largest unit that it is whole in."""
        units = ((10**9, "gbit"), (10**6, "mbit"), (1000, "kbit"))
        return next((f"{value // size}{unit}" for size, unit in units if not value % size), int(value))


class Slot(Condition):
    """Milliseconds between two times at which frames are sent: the least and the most; empty for no slots."""

    def made(self, value: Any) -> tuple[float, ...]:
        """One number is both; 0 is no slots."""
        times = value if isinstance(value, tuple) else (value, value)
        return times if any(times) else ()

    def stored(self, value: object, place: str) -> tuple[float, ...]:
        """A list of two numbers, or of none."""
        found = stored.texts(stored.number)(value, place)
        if len(found) not in (0, 2):
            stored.wrong(value, place, "a list of two numbers")
        return found

    def netem(self, name: str, conditions: Conditions) -> str:
        """Whole microseconds; 0 is no slots."""
        least, most = map(_microseconds, getattr(conditions, name) or (0, 0))
        return f"{name} {least}us {most}us"

    def found(self, name: str, options: Options) -> tuple[float, ...]:
        """Shown in seconds."""
        shown = options.get(name) or {}
        return self.made(tuple(_number(shown.get(key, 0) * 1000) for key in ("min-delay", "max-delay")))

    def is_same(self, wanted: Any, found: Any) -> bool:
        """Up to a tick."""
        pairs = zip(wanted or (0, 0), found or (0, 0), strict=True)
        return all(_is_close(one, other, _TICK) for one, other in pairs)

    def words(self, name: str, value: Any) -> str:
        """With its unit."""
        least, most = value
        return f"{name} {least:g} ms" if least == most else f"{name} {least:g} to {most:g} ms"

    def written(self, value: Any) -> str:
        """One time, or two."""
        return " ".join(f"{exact(each)}ms" for each in dict.fromkeys(value))


def _row(kind: Condition) -> Mapping[str, Condition]:
    return {"kind": kind}


@dataclass(frozen=True)
class Conditions:
    """What happens to frames that a guest sends through an interface, in the order in which ``tc`` takes it."""

    delay: float = field(default=0.0, metadata=_row(Delay("How long what is sent is held back", MAX_DELAY)))
    jitter: float = field(default=0.0, metadata=_row(Jitter("By how much that varies, to either side", MAX_JITTER)))
    loss: float = field(default=0.0, metadata=_row(Share("Share of the frames that is lost", shown="loss-random")))
    duplicate: float = field(default=0.0, metadata=_row(Share("Share of the frames that is sent twice")))
    corrupt: float = field(default=0.0, metadata=_row(Share("Share of the frames that gets an error in one bit")))
    reorder: float = field(
        default=0.0,
        metadata=_row(Share("Share of the frames that is sent at once and so overtakes the delayed ones")),
    )
    rate: int = field(default=0, metadata=_row(Rate("Limit", MAX_RATE)))
    slot: tuple[float, ...] = field(
        default=(),
        metadata=_row(
            Slot("How long what is sent is gathered, to be sent at once: a time, or the least and the most", MAX_DELAY)
        ),
    )


CONDITIONS: Mapping[str, Condition] = {each.name: each.metadata["kind"] for each in fields(Conditions)}
NONE = Conditions()


def line(interface: str, conditions: Conditions) -> str:
    """Line for ``tc -batch`` that lets an interface send under conditions; none at all takes the queue away.

    All of them are named: a netem keeps what is not given (netem_change, net/sched/sch_netem.c), and with it the packets that
    are under way, which go with a queue that is taken away.
    """
    if conditions == NONE:
        return f"qdisc del dev {interface} root"
    words = (kind.netem(name, conditions) for name, kind in CONDITIONS.items())
    return f"qdisc replace dev {interface} root netem limit {_QUEUE} {' '.join(words)}"


def found(entries: Iterable[Options]) -> dict[str, Conditions]:
    """Conditions by interface, of what ``tc -j qdisc`` shows."""
    return {
        str(entry["dev"]): Conditions(
            **{name: kind.found(name, entry.get("options", {})) for name, kind in CONDITIONS.items()}
        )
        for entry in entries
        if entry.get("kind") == "netem" and entry.get("root")
    }


def is_same(wanted: Conditions, seen: Conditions | None) -> bool:
    """Whether an interface sends under these conditions.

    :param seen: ``None`` where it has no such queue.
    """
    if seen is None or wanted == NONE:
        return seen is None and wanted == NONE
    return all(kind.is_same(getattr(wanted, name), getattr(seen, name)) for name, kind in CONDITIONS.items())


def words(conditions: Conditions | None) -> str:
    """Conditions in words."""
    told = ((name, kind, getattr(conditions or NONE, name)) for name, kind in CONDITIONS.items())
    return ", ".join(kind.words(name, value) for name, kind, value in told if value) or "no conditions"


def written(conditions: Conditions) -> dict[str, str | int]:
    """Conditions as a scenario's file has them, without those that are none."""
    told = ((name, kind, getattr(conditions, name)) for name, kind in CONDITIONS.items())
    return {name: kind.written(value) for name, kind, value in told if value}


def exact(value: float) -> str:
    """A number without an exponent."""
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")


def _microseconds(milliseconds: float) -> int:
    return round(milliseconds * 1000)


def _number(value: float) -> float:
    # tc(8) shows six digits.
    return float(f"{float(value):.6g}")


def _is_close(wanted: float, seen: float, unit: float) -> bool:
    return math.isclose(wanted, seen, rel_tol=_DIGITS, abs_tol=unit)
