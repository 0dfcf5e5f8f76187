# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain data as it is stored: checked like input when it is read back, and kept where this version does not know it.  Pure.

Anybody may have edited a file, a full or broken disk may have cut it, another version of the collection may have written it.  What is
missing has its default, for earlier versions did not store it; what is there must be what it is said to be, since names become paths,
numbers become arguments of the kernel, and a default in place of a damaged setting would be applied to a guest that runs.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

MAX_DEPTH = 150  # a scenario's file has 100 (document)
_MOST = 2**63 - 1
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}", re.ASCII)

Stored = dict[str, Any]
Reader = Callable[[object, str], Any]
T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)


class Unfit(ValueError):
    """What is stored is not what it must be; the text says what is wrong."""


# JSON


def parse(data: bytes) -> Any:
    """Read JSON (RFC 8259) as strictly as it is written.

    :raises Unfit: also for what Python's reader takes: keys that are given twice, NaN, and what no text can show.
    """
    if not data.strip():
        raise Unfit("it is empty")
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise Unfit(f"byte {exc.start} is not UTF-8") from None
    try:
        found = _DECODER.decode(text)
    except RecursionError:
        raise Unfit("it is nested too deeply") from None
    except json.JSONDecodeError as exc:
        raise Unfit(f"it is no JSON: {exc.msg}, line {exc.lineno}, column {exc.colno}") from None
    except Unfit:
        raise
    except ValueError:
        # Python itself refuses to read a very long one (sys.set_int_max_str_digits).
        raise Unfit("a number in it is too long") from None
    if not _is_plain(text):
        _check_tree(found)
    return found


def _is_plain(text: str) -> bool:
    """Whether nothing can be wrong with a tree, as its text shows: halves of letters are escapes there, and each level opens a bracket.

    To look at each value takes ten times as long as to read them all, and all files of a lab's guests are read in each run.
    """
    return "\\u" not in text and text.count("{") + text.count("[") < MAX_DEPTH


def _once(pairs: list[tuple[str, Any]]) -> Stored:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        raise Unfit(f"key {next(name for name in names if names.count(name) > 1)!a} is given twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise Unfit(f"{text} is no number")


# To make one takes as long as to read a guest's file.
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _check_tree(top: Any) -> None:
    """Neither deeper than it can be written again, nor with halves of a letter (PEP 383)."""
    level, depth = [top], 0
    while level:
        if depth > MAX_DEPTH:
            raise Unfit(f"it is nested more than {MAX_DEPTH} levels deep")
        depth += 1
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                deeper += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                deeper += value
            elif isinstance(value, str) and not value.isascii() and _is_broken(value):
                raise Unfit(f"{value!a} is no text")
        level = deeper


def _is_broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


# Values.  ``place`` names one in the message, such as ``interfaces.eth0.mtu``.


def mapping(value: object, place: str) -> Stored:
    """A mapping.

    :raises Unfit: where it is none.
    """
    if not isinstance(value, dict):
        wrong(value, place, "a mapping")
    return value


def listing(value: object, place: str) -> list[Any]:
    """A list.

    :raises Unfit: where it is none.
    """
    if not isinstance(value, list):
        wrong(value, place, "a list")
    return value


def text(value: object, place: str) -> str:
    """A text without NUL, which neither a path nor an argument can have.

    :raises Unfit: where it is none.
    """
    if not isinstance(value, str) or "\0" in value:
        wrong(value, place, "a text")
    return value


def line(value: object, place: str) -> str:
    """A text in one line of printable letters.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if not found.isprintable():
        wrong(value, place, "a line of text")
    return found


def whole(value: object, place: str, least: int = 0, most: int = _MOST) -> int:
    """An integer within its limits.

    :raises Unfit: where it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        wrong(value, place, f"a whole number from {least} to {most}")
    return value


def number(value: object, place: str) -> float:
    """A number that is not negative; an integer stays one.

    :raises Unfit: where it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST:
        wrong(value, place, "a number that is not negative")
    return value


def flag(value: object, place: str) -> bool:
    """``true`` or ``false``.

    :raises Unfit: for anything else.
    """
    if not isinstance(value, bool):
        wrong(value, place, "true or false")
    return value


def absolute(value: object, place: str) -> str:
    """An absolute path.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if not found.startswith("/"):
        wrong(value, place, "an absolute path")
    return found


def below(value: object, place: str) -> str:
    """A path below a directory, which leads nowhere else.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if any(part in ("", ".", "..") for part in found.split("/")):
        wrong(value, place, "a path below the working directory")
    return found


def part(value: object, place: str) -> str:
    """A name that becomes one component of a path.

    :raises Unfit: where it is none.
    """
    found = text(value, place)
    if not _PART.fullmatch(found):
        wrong(value, place, "a name")
    return found


def optional(reader: Callable[[object, str], T]) -> Callable[[object, str], T | None]:
    """A reader that takes ``null``, too."""
    return lambda value, place: None if value is None else reader(value, place)


def texts(reader: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    """A reader of a list of what another one reads."""
    return lambda value, place: tuple(reader(each, f"{place}[{at}]") for at, each in enumerate(listing(value, place)))


def named(reader: Callable[[object, str], T]) -> Callable[[object, str], dict[str, T]]:
    """A reader of a mapping from names to what another one reads."""
    return lambda value, place: {
        text(name, f"a name in {place}"): reader(each, f"{place}.{name}")
        for name, each in mapping(value, place).items()
    }


def table(value: object, place: str, readers: Mapping[str, Reader]) -> Stored:
    """What of a mapping is known, each read by its reader; what is missing is left out.

    :raises Unfit: where one is not what it must be.
    """
    found = mapping(value, place)
    prefix = f"{place}." if place else ""
    return {name: reader(found[name], f"{prefix}{name}") for name, reader in readers.items() if name in found}


def having(needed: str, own: Stored, place: str) -> Stored:
    """The same mapping.

    :raises Unfit: where it lacks a key.
    """
    if needed not in own:
        raise Unfit(f"{place} has no {needed}")
    return own


def member(kind: type[E], value: object, place: str, *besides: E) -> E:
    """A member of an enumeration.

    :param besides: members that do not count.
    :raises Unfit: where it is none.
    """
    known = [each.value for each in kind if each not in besides]
    if value not in known:
        wrong(value, place, f"one of {', '.join(known)}")
    return kind(value)


def wrong(value: object, place: str, expected: str) -> NoReturn:
    """:raises Unfit: naming the place, what is there and what must be."""
    told = json.dumps(value) if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__
    kind = {"dict": "a mapping", "list": "a list"}.get(told, told if len(told) <= 40 else f"{told[:40]}…")
    raise Unfit(f"{place or 'it'} is {kind} and must be {expected}")


# Keys of another version


def with_unknown(known: frozenset[str], before: object, fresh: Stored) -> Stored:
    """A mapping with the keys of another version that are stored."""
    return kept(Shape(known), before, fresh)


@dataclass(frozen=True)
class Shape:
    """Where a mapping may have keys of another version.

    :ivar known: keys that this version gives and takes away.
    :ivar same: the key by which two are taken for the same thing, which one then replaces; without it, the place tells.
    :ivar parts: mappings in it, or lists of such.
    :ivar named: mappings from names to such.
    """

    known: frozenset[str]
    same: str = ""
    parts: Mapping[str, Shape] = field(default_factory=dict)
    named: Mapping[str, Shape] = field(default_factory=dict)


def kept(shape: Shape, before: object, fresh: Stored) -> Stored:
    """What is to be stored, with what is stored by another version.

    :param before: what is stored.
    """
    if not isinstance(before, dict) or (shape.same and before.get(shape.same) != fresh.get(shape.same)):
        return fresh
    parts = {key: _kept_part(each, before.get(key), fresh[key]) for key, each in shape.parts.items() if key in fresh}
    named = {key: _kept_names(each, before.get(key), fresh[key]) for key, each in shape.named.items() if key in fresh}
    unknown = {key: value for key, value in before.items() if key not in shape.known}
    return {**fresh, **parts, **named, **unknown}


def _kept_part(shape: Shape, before: object, fresh: object) -> object:
    if isinstance(fresh, dict):
        return kept(shape, before, fresh)
    if not isinstance(fresh, list) or not isinstance(before, list):
        return fresh
    known = {str(each.get(shape.same)): each for each in reversed(before) if isinstance(each, dict)}
    return [kept(shape, known.get(str(each[shape.same])), each) for each in fresh]


def _kept_names(shape: Shape, before: object, fresh: Mapping[str, Stored]) -> Stored:
    known = before if isinstance(before, dict) else {}
    return {name: kept(shape, known.get(name), each) for name, each in fresh.items()}
