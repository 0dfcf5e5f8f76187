# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of values that a guest's settings have: how one is given, stored, shown in results, and said in words.  No I/O.

``settings`` has the table of settings; each row names one of these kinds.
"""

from __future__ import annotations

import dataclasses
import enum
import errno
import ipaddress
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from . import notation, readiness_text, stored
from .conditions import exact
from .lab import ANY_CPU, InjectedFault, Readiness, ReadyCommand, Route
from .readiness import Ready
from .stored import Reader, Shape, wrong

_IFNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}", re.ASCII)
_INTEGER = re.compile("0|-?[1-9][0-9]{0,17}")
_NONE = "none"
T = TypeVar("T")

Argument = dict[str, Any]  # of Ansible's argument specs


class Kind(ABC):
    """How the values of a setting are written.

    :ivar shape: where what is stored may have keys of another version.
    """

    shape: Shape | None = None

    @property
    def argument(self) -> Argument:
        """What a module takes."""
        return {"type": "str"}

    def made(self, value: Any) -> Any:
        """The value of plain data that a module or a scenario's file gives and that has been parsed."""
        return value

    def given(self, value: Any) -> Any:
        """The value of a module's argument; raises InvalidInput."""
        return self.made(value)

    @abstractmethod
    def read(self, value: object, place: str, *, newer: bool) -> Any:
        """The value of what is stored; raises ``stored.Unfit``.

        :param newer: whether a newer version has made the lab, whose values may be others.
        """

    def stored(self, value: Any) -> Any:
        """What is stored of a value."""
        return value

    def shown(self, value: Any) -> Any:
        """What results show of it."""
        return self.stored(value)

    def written(self, value: Any) -> Any:
        """What a scenario's file says of it."""
        return self.shown(value)

    def word(self, value: Any) -> str:
        """A value in words."""
        return str(self.shown(value)) or _NONE

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """What changes, in words."""
        return [] if old == new else [f"set {name} {self.word(old)} → {self.word(new)}"]


@dataclass(frozen=True)
class Line(Kind):
    """Text in one line.

    :ivar parse: what the user writes → value.
    :ivar reader: of what is stored.
    """

    parse: Callable[[str], str | None]
    reader: Reader = stored.line

    def given(self, value: Any) -> Any:
        """As it is written."""
        return self.parse(value)

    def read(self, value: object, place: str, *, newer: bool) -> Any:
        """Text."""
        return self.reader(value, place)

    def shown(self, value: Any) -> Any:
        """``auto`` for no text at all."""
        return notation.AUTO if value is None else value


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number; limits are those of what the user gives."""

    minimum: int
    maximum: int | None = None

    @property
    def argument(self) -> Argument:
        """An integer."""
        return {"type": "int"}

    def read(self, value: object, place: str, *, newer: bool) -> int:
        """A number that is not negative."""
        return stored.whole(value, place)


class Limit(Whole):
    """A limit; the user's 0 is none at all, which is ``None``."""

    def made(self, value: Any) -> int | None:
        """0 is no limit."""
        return value or None

    def read(self, value: object, place: str, *, newer: bool) -> Any:
        """A number, or ``null``."""
        return None if value is None else stored.whole(value, place, 1)

    def shown(self, value: Any) -> int:
        """0 is no limit."""
        return value or 0


class Flag(Kind):
    """Yes or no."""

    @property
    def argument(self) -> Argument:
        """A truth value."""
        return {"type": "bool"}

    def read(self, value: object, place: str, *, newer: bool) -> bool:
        """``true`` or ``false``."""
        return stored.flag(value, place)

    def word(self, value: Any) -> str:
        """As YAML has it."""
        return str(value).lower()


@dataclass(frozen=True)
class Choice(Kind):
    """A member of an enumeration, the first of which is the default.

    :ivar listed: the order in which messages list the values.
    """

    members: type[enum.Enum]
    listed: tuple[str, ...]

    @property
    def argument(self) -> Argument:
        """One of them."""
        return {"type": "str", "choices": list(self.listed)}

    def made(self, value: Any) -> Any:
        """The member."""
        return self.members(value)

    def read(self, value: object, place: str, *, newer: bool) -> Any:
        """A value; what only a newer version knows is the default."""
        if value is None or (newer and value not in [each.value for each in self.members]):
            return next(iter(self.members))
        return stored.member(self.members, value, place)

    def stored(self, value: Any) -> Any:
        """Its value."""
        return value.value


class Cpu(Kind):
    """A CPU of the host."""

    def given(self, value: Any) -> int | None:
        """As it is written."""
        return notation.cpu(value)

    def read(self, value: object, place: str, *, newer: bool) -> int | None:
        """A number, or ``null``."""
        return None if value is None else stored.whole(value, place, ANY_CPU, notation.MAX_CPU)

    def shown(self, value: Any) -> str:
        """As :func:`notation.cpu` reads it."""
        return notation.AUTO if value is None else "any" if value == ANY_CPU else str(value)

    def written(self, value: Any) -> str | int:
        """A number where it is one."""
        told = self.shown(value)
        return int(told) if told.isdecimal() else told


def _directory(value: object, place: str) -> str:
    found = stored.text(value, place)
    return stored.absolute(found, place) if found.startswith("/") else stored.below(found, place)


class Directories(Kind):
    """Directories of the host."""

    @property
    def argument(self) -> Argument:
        """A list of paths."""
        return {"type": "list", "elements": "str"}

    def made(self, value: Any) -> tuple[str, ...]:
        """In their order."""
        return tuple(value)

    def given(self, value: Any) -> tuple[str, ...]:
        """As they are written."""
        return tuple(map(notation.directory, value))

    def read(self, value: object, place: str, *, newer: bool) -> tuple[str, ...]:
        """Absolute paths, or below the working directory."""
        return stored.texts(_directory)(value, place)

    def stored(self, value: Any) -> list[str]:
        """A list."""
        return list(value)

    def word(self, value: Any) -> str:
        """One behind the other."""
        return ", ".join(value) or _NONE


class Faults(Kind):
    """Faults that are injected."""

    during = ("create", "open", "read", "remove", "write")
    errors = ("EACCES", "EDQUOT", "EIO", "ENOSPC", "EROFS")
    shape = Shape(frozenset(("path", "during", "error", "delay")), "path")

    @property
    def argument(self) -> Argument:
        """A list of mappings."""
        return {
            "type": "list",
            "elements": "dict",
            "required_one_of": [["error", "delay"]],
            "options": {
                "path": {"type": "str", "required": True},
                "during": {"type": "list", "elements": "str", "choices": list(self.during)},
                "error": {"type": "str", "choices": list(self.errors)},
                "delay": {"type": "float"},
            },
        }

    def given(self, value: Any) -> tuple[InjectedFault, ...]:
        """One for each mapping."""
        return tuple(
            InjectedFault(each["path"], tuple(each["during"] or ()), each["error"], each["delay"] or 0.0)
            for each in value
        )

    def read(self, value: object, place: str, *, newer: bool) -> tuple[InjectedFault, ...]:
        """A list of mappings."""
        return stored.texts(_fault)(value, place)

    def stored(self, value: Any) -> list[Argument]:
        """A list of mappings."""
        return [{**dataclasses.asdict(each), "during": list(each.during)} for each in value]

    def written(self, value: Any) -> list[Argument]:
        """Without what is not given."""
        whole = [{**each, "delay": _whole(each["delay"])} for each in self.stored(value)]
        return [{key: each for key, each in fault.items() if each} for fault in whole]

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """Which come and go, and their order, which counts."""
        return _members("fault", old, new, fault_words)


def _whole(value: float) -> float | int:
    """A number as people write it."""
    return int(value) if value == int(value) else value


def _fault(value: object, place: str) -> InjectedFault:
    own = stored.table(
        value,
        place,
        {
            "path": stored.text,
            "during": stored.texts(stored.text),
            "error": stored.optional(_error),
            "delay": stored.number,
        },
    )
    return InjectedFault(**stored.having("path", own, place))


def _error(value: object, place: str) -> str:
    found = stored.text(value, place)
    if not found.isupper() or not isinstance(getattr(errno, found, None), int):
        wrong(value, place, "a name of an error, such as EIO")
    return found


def fault_words(value: InjectedFault) -> str:
    """An injected fault, in words."""
    words = f"{value.path}: {value.error or 'no error'}"
    words += f" after {value.delay:g} ms" if value.delay else ""
    return words + (f" during {', '.join(value.during)}" if value.during else "")


class WhenReady(Kind):
    """When a guest counts as ready."""

    shape = Shape(frozenset(("run", "within")), "run")

    @property
    def argument(self) -> Argument:
        """Text or a mapping."""
        return {"type": "raw"}

    def made(self, value: Any) -> Ready | None:
        """As it is written."""
        return readiness_text.parse(value)

    def read(self, value: object, place: str, *, newer: bool) -> Ready | None:
        """A word or a mapping; what only a newer version knows is the default."""
        if isinstance(value, dict):
            own = stored.table(value, place, {"run": stored.text, "within": stored.number})
            return ReadyCommand(**stored.having("run", own, place))
        if value is None or (newer and value not in [each.value for each in Readiness]):
            return None
        return stored.member(Readiness, value, place)

    def stored(self, value: Any) -> object:
        """A word or a mapping."""
        return value.value if isinstance(value, Readiness) else dataclasses.asdict(value)

    def shown(self, value: Any) -> object:
        """As it is written."""
        return readiness_text.plain(value)

    def written(self, value: Any) -> object:
        """The bound with its unit, unless it is the default."""
        if not isinstance(value, ReadyCommand):
            return readiness_text.plain(value)
        bound = {} if value.within == ReadyCommand.within else {"within": f"{exact(value.within)}s"}
        return {"run": value.run, **bound}

    def word(self, value: Any) -> str:
        """With the command."""
        return readiness_text.words(value)


class Routes(Kind):
    """Static routes; ``None`` leaves the guest's own alone."""

    shape = Shape(frozenset(("to", "via", "dev", "metric")), "to")

    def read(self, value: object, place: str, *, newer: bool) -> tuple[Route, ...] | None:
        """A list of mappings, or ``null``."""
        return stored.optional(stored.texts(_route))(value, place)

    def stored(self, value: Any) -> list[Argument] | None:
        """A list of mappings."""
        return None if value is None else [dataclasses.asdict(each) for each in value]

    def shown(self, value: Any) -> list[str] | None:
        """In words of ip-route(8)."""
        return None if value is None else [route_words(each) for each in value]

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """Which come and go, and their order."""
        return _members("route", old or (), new or (), route_words)


def _route(value: object, place: str) -> Route:
    own = stored.table(
        value,
        place,
        {
            "to": _destination,
            "via": stored.optional(_hop),
            "dev": stored.optional(ifname),
            "metric": stored.optional(lambda found, where: stored.whole(found, where, 0, notation.MAX_METRIC)),
        },
    )
    return Route(**stored.having("to", own, place))


def ifname(value: object, place: str) -> str:
    """Name of an interface, as it is stored.

    :raises stored.Unfit: where it is none.
    """
    found = stored.text(value, place)
    if not _IFNAME.fullmatch(found):
        wrong(value, place, "a name of an interface")
    return found


def _hop(value: object, place: str) -> str:
    found = stored.text(value, place)
    try:
        ipaddress.ip_address(found)
    except ValueError:
        wrong(value, place, "an IP address")
    return found


def _destination(value: object, place: str) -> str:
    found = stored.text(value, place)
    try:
        return found if found == "default" else str(ipaddress.ip_network(found))
    except ValueError:
        wrong(value, place, "default or a prefix")


def route_words(value: Route) -> str:
    """A route, in words."""
    words = value.to + (f" via {value.via}" if value.via else "") + (f" dev {value.dev}" if value.dev else "")
    return words + (f" metric {value.metric}" if value.metric is not None else "")


class Sysctl(Kind):
    """Settings of the guest's kernel, ordered by name."""

    def made(self, value: Any) -> tuple[tuple[str, str], ...]:
        """Truth values are 0 and 1."""
        words = {key: str(int(each)) if isinstance(each, bool) else str(each) for key, each in value.items()}
        return tuple(sorted(words.items()))

    def read(self, value: object, place: str, *, newer: bool) -> tuple[tuple[str, str], ...]:
        """A mapping."""
        return tuple(sorted(stored.named(stored.line)(value, place).items()))

    def stored(self, value: Any) -> dict[str, str]:
        """A mapping."""
        return dict(value)

    def written(self, value: Any) -> dict[str, str | int]:
        """Numbers as such."""
        return {key: int(each) if _INTEGER.fullmatch(each) else each for key, each in value}

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """What is written, and what is no more."""
        was, now = dict(old), dict(new)
        says = [f"set {key} {value}" for key, value in now.items() if was.get(key) != value]
        return says + [f"leave {key} alone" for key in was if key not in now]


@dataclass(frozen=True)
class Named(Kind):
    """Values by name.

    :ivar what: what one of them is called.
    :ivar reader: of what is stored.
    """

    what: str
    reader: Reader

    def read(self, value: object, place: str, *, newer: bool) -> Mapping[str, Any]:
        """A mapping."""
        found: Mapping[str, Any] = self.reader(value, place)
        return found

    def shown(self, value: Any) -> dict[str, Any]:
        """A mapping."""
        return dict(value)

    def differences(self, name: str, old: Any, new: Any) -> list[str]:
        """Which are set and which are removed."""
        says = [f"set {self.what} {key}" for key in new if key not in old or _differ(old[key], new[key])]
        return says + [f"remove {self.what} {key}" for key in old if key not in new]


class Labels(Named):
    """Text by name."""

    def made(self, value: Any) -> dict[str, str]:
        """As text; truth values as YAML has them."""
        return {key: str(each).lower() if isinstance(each, bool) else str(each) for key, each in value.items()}


def _differ(old: object, new: object) -> bool:
    """As JSON: Python's ``==`` takes ``true`` for ``1``, and mappings of any order for the same."""
    return json.dumps(old) != json.dumps(new)


def _members(what: str, old: Collection[T], new: Collection[T], word: Callable[[T], str]) -> list[str]:
    says = [f"remove {what} {word(value)}" for value in old if value not in new]
    says += [f"add {what} {word(value)}" for value in new if value not in old]
    if reordered(old, new):
        says.append(f"order {what}s {', '.join(map(word, new))}")
    return says


def reordered(old: Collection[T], new: Collection[T]) -> bool:
    """Whether what is in both is in another order; what comes and goes is said anyway."""
    return [value for value in old if value in new] != [value for value in new if value in old]
