# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of a YAML file, or the same as Ansible variables → a tree of plain values that know their place.  Pure.

The only file that imports PyYAML.  It stops at YAML's nodes, which know line, column and how a value was written; what YAML 1.1
makes of ``on`` and ``10:20`` is told instead of taken.  Ansible variables have a path of keys only, and their text may be of a
class of Ansible's own.
"""

from __future__ import annotations

import datetime
import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .errors import MAX_TOLD, InvalidInput
from .model import closest, nearest

IMPORT_ERROR: str | None = None
try:
    import yaml
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

Path: TypeAlias = "tuple[str | int, ...]"

MAX_NODES = 500_000  # anchors that are used in anchors grow without bound
_TAG = "tag:yaml.org,2002:"
MAX_INTEGER_BITS = 64
_LONGEST = 1000  # letters of a cause or a remedy, in which a whole file's content may be quoted
# What YAML's reader refuses, with a place that is counted in bytes (yaml.org/spec/1.1, 5.1).
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[\w:-]+")


@dataclass(frozen=True)
class Place:
    """Where something is written.

    :ivar source: what the user calls the file, or what stands for it.
    :ivar line: counted from 1, as the column; ``None`` in Ansible variables.
    """

    source: str
    path: Path = ()
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """``ring.yml:4:10: guests.alice.mem``."""
        position = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        return f"{position}: {shown(self.path)}" if self.path else position


class Fault(InvalidInput):
    """Something in the source that cannot be.

    :ivar key: the word that is wrong, where it is one.
    :ivar nearest: the known word that is most like it.
    """

    def __init__(
        self, place: Place, cause: str, remedy: str, *, key: str | None = None, nearest: str | None = None
    ) -> None:
        super().__init__(str(place), cause, remedy)
        self.place = place
        self.key = key
        self.nearest = nearest


@dataclass(frozen=True)
class _Found:
    """A fault that may not be told, because there are too many.

    :ivar remedy: what to do where no word is known.
    :ivar known: the words that would be right.
    """

    place: Place
    cause: str
    remedy: str
    key: str | None
    known: Collection[str]

    def fault(self, *, helped: bool) -> Fault:
        """As an error.

        :param helped: whether the word is compared with those that are known, which takes milliseconds where these are thousands.
        """
        remedy, close = self.remedy, None
        if self.known and self.key is not None and helped:
            remedy, close = nearest(self.key, self.known), closest(self.key, self.known)
        return Fault(self.place, _cut(self.cause), _cut(remedy), key=self.key, nearest=close)


@dataclass(frozen=True)
class Scalar:
    """A single value.

    :ivar written: its text in the file, where YAML reads that as something else than text.
    """

    place: Place
    value: str | int | float | bool | datetime.date | None
    written: str | None = None


@dataclass(frozen=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Table:
    """A mapping.

    :ivar keys: places of the keys.
    """

    place: Place
    entries: Mapping[str, Node]
    keys: Mapping[str, Place]


Node: TypeAlias = "Scalar | Sequence | Table"


@dataclass
class Document:
    """A whole source.

    :ivar root: ``None`` where the source could not be understood at all.
    :ivar faults: everything found so far; whoever finds more adds it by :meth:`blame`.
    :ivar misspelt: keys that have a fault themselves, so that what is right about them need not be asked.
    """

    source: str
    root: Node | None = None
    faults: list[_Found] = field(default_factory=list)
    places: dict[Path, Place] = field(default_factory=dict)
    misspelt: set[Path] = field(default_factory=set)
    _told: set[tuple[object, str]] = field(default_factory=set)
    _blamed: set[Path] = field(default_factory=set)

    def place(self, path: Path) -> Place:
        """Where something is written, or else the nearest thing around it that is."""
        for end in range(len(path), -1, -1):
            known = self.places.get(path[:end])
            if known is not None:
                return Place(self.source, path, known.line, known.column)
        return Place(self.source, path)

    def blame(self, where: Path | Place, cause: str, remedy: str, *, key: str | None = None) -> None:
        """Add a fault.

        :param key: the word that is wrong.
        """
        self._found(where, cause, remedy, key)

    def blame_unknown(
        self, where: Path | Place, cause: str, key: str, known: Collection[str], *, none: str = "there is none yet"
    ) -> None:
        """Add a fault that is a word which is not known.

        :param known: the words that would be right; those most like ``key`` are named.
        :param none: what to do where there are none.
        """

        self._found(where, cause, none, key, known)

    def _found(
        self, where: Path | Place, cause: str, remedy: str, key: str | None, known: Collection[str] = ()
    ) -> None:
        place = where if isinstance(where, Place) else self.place(where)
        # What an alias brings to many places is written, and wrong, in one.
        where_written = place.path if place.line is None else (place.line, place.column)
        if (where_written, cause) not in self._told:
            self._told.add((where_written, cause))
            self.faults.append(_Found(place, cause, remedy, key, known))
            self._blamed.update(place.path[:end] for end in range(len(place.path) + 1))

    def blames(self, *paths: Path) -> bool:
        """Whether anything at or below one of these places is wrong."""
        return any(path in self._blamed for path in paths)

    def sorted_faults(self) -> list[InvalidInput]:
        """All faults in the order of the file."""
        found = sorted(self.faults, key=lambda each: (each.place.line or 0, each.place.column or 0))
        return [each.fault(helped=number < MAX_TOLD) for number, each in enumerate(found)]


def _cut(text: str) -> str:
    """Text on one line, the middle of a long one left out."""
    line = text.replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST * 3 // 4]} … {line[-_LONGEST // 4 :]}"


def decoded(raw: bytes, source: str) -> str:
    """Text of a file.

    :raises Fault: naming the line, unless it is UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        begin = raw.rfind(b"\n", 0, exc.start) + 1
        place = Place(source, (), raw.count(b"\n", 0, exc.start) + 1, len(raw[begin : exc.start].decode()) + 1)
        cause = f"the byte {raw[exc.start]:#04x} is not UTF-8"
    raise Fault(place, cause, "save the file as UTF-8")


def check_library() -> None:
    """:raises InvalidInput: where PyYAML is missing."""
    if IMPORT_ERROR is not None:
        raise InvalidInput("python library PyYAML", "it is not installed", "install python3-yaml (role dumm.lab.host)")


def shown(path: Path) -> str:
    """``guests.alice.routes[0].via``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def read(source: str | Mapping[str, Any], name: str) -> Document:
    """Understand a source as far as that goes without knowing what it is about.

    :param name: what messages call it.
    """
    if isinstance(source, str):
        check_library()
        return _File(name).document(_plain(source))
    return _Variables(name).document(source)


class _Reader:
    def __init__(self, source: str) -> None:
        self.result = Document(source)
        self.nodes = 0

    def scalar(self, place: Place, value: Any, written: str | None = None) -> Scalar:
        self.result.places[place.path] = place
        if isinstance(value, str):
            self.check_letters(place, value)
        elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
            # Python itself refuses to write a very long one (sys.int_info.str_digits_check_threshold).
            self.result.blame(place, "the number is too large", "give a smaller one, or put it in quotes")
            return Scalar(place, None)
        return Scalar(place, value, written)

    def table(self, place: Place, entries: Mapping[str, Node], keys: Mapping[str, Place]) -> Table:
        self.result.places[place.path] = place
        return Table(place, entries, keys)

    def sequence(self, place: Place, items: Iterable[Node]) -> Sequence:
        self.result.places[place.path] = place
        return Sequence(place, tuple(items))

    def check_letters(self, place: Place, text: str) -> None:
        """A file cannot hold half of a surrogate pair, nor can the name of one."""
        if _NOT_UTF8.search(text):
            self.result.blame(place, "there is half of a surrogate pair, which is no letter", "leave it out")

    def blame_key(self, place: Place, found: str, written: str) -> None:
        self.result.misspelt.add((*place.path, written))
        self.result.blame(place, f"the key {found}, and keys are text", f'put it in quotes: "{written}"', key=written)


class _Variables(_Reader):
    """Ansible variables."""

    def document(self, source: Mapping[str, Any]) -> Document:
        self.result.root = self.node((), source)
        return self.result

    def node(self, path: Path, value: Any) -> Node:
        place = Place(self.result.source, path)
        if isinstance(value, Mapping):
            return self._mapping(place, value)
        if isinstance(value, (list, tuple)):
            return self.sequence(place, (self.node((*path, index), item) for index, item in enumerate(value)))
        return self.scalar(place, _plain(value))

    def _mapping(self, place: Place, value: Mapping[Any, Any]) -> Table:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key, item in value.items():
            name = str.__str__(key) if isinstance(key, str) else str(key)
            if not isinstance(key, str):
                self.blame_key(place, f"{key!r} is {kind_of(key)}", name)
            self.check_letters(place, name)
            entries[name] = self.node((*place.path, name), item)
            keys[name] = Place(place.source, (*place.path, name))
        return self.table(place, entries, keys)


# In this order: a boolean is an integer to Python.  str() itself may keep the class.
_COPY: dict[type, Callable[[Any], Any]] = {str: str.__str__, bool: bool, int: int.__int__, float: float.__float__}


def _plain(value: Any) -> Any:
    """Of Python's own class: Ansible's subclasses carry where a value comes from, and whether it may be templated."""
    for kind, copy in _COPY.items():
        if isinstance(value, kind):
            return copy(value)
    return value


class _File(_Reader):
    """Text in YAML."""

    def document(self, source: str) -> Document:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        strange = _NOT_YAML.search(source)
        if strange is not None:
            self._blame_letter(source, strange)
            return self.result
        try:
            root = yaml.compose(source, Loader=loader)
            if root is not None:
                self.result.root = self.node((), root, ())
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            self._not_yaml(" ".join(str(part) for part in (exc.context, exc.problem) if part), mark)
        except yaml.YAMLError as exc:
            self._not_yaml(" ".join(str(exc).split()), None)
        except (_TooMuch, RecursionError):
            self._not_yaml("it is nested too deep, or refers to itself too often", None)
        return self.result

    def _blame_letter(self, source: str, strange: re.Match[str]) -> None:
        before = source[: strange.start()]
        line, column = before.count("\n") + 1, strange.start() - before.rfind("\n")
        code = strange[0].encode("unicode_escape").decode()
        remedy = f'leave it out, or write "{code}" in double quotes'
        self.result.blame(Place(self.result.source, (), line, column), f"there is the control character {code}", remedy)

    def _not_yaml(self, problem: str, mark: Any) -> None:
        self.result.root = None
        self.result.blame(self._at((), mark), f"this is no YAML: {problem}", "correct it")

    def _at(self, path: Path, mark: Any) -> Place:
        if mark is None:
            return Place(self.result.source, path)
        return Place(self.result.source, path, mark.line + 1, mark.column + 1)

    def node(self, path: Path, node: Any, around: tuple[int, ...], key: Place | None = None) -> Node:
        """:param around: the nodes that this one is in, by identity.
        :param key: where the key of this value is; a person looks for a block there, and for a value at the value.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooMuch
        place = self._at(path, node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(place if node.value or key is None else key, node)
        if id(node) in around:
            self.result.blame(key or place, "it contains itself", "leave the alias out")
            return self.scalar(key or place, None)
        inside = (*around, id(node))
        if isinstance(node, yaml.SequenceNode):
            items = (self.node((*path, index), item, inside) for index, item in enumerate(node.value))
            return self.sequence(key or place, items)
        return self._mapping(key or place, node, inside)

    def _scalar(self, place: Place, node: Any) -> Scalar:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "value"):
            return self.scalar(place, node.value)
        try:
            value = yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError, OverflowError):
            # PyYAML checks little of what an explicit tag promises, such as !!bool maybe.
            self._blame_tag(place, node)
            return self.scalar(place, node.value)
        return self.scalar(place, value, node.value)

    def _blame_tag(self, place: Place, node: Any) -> None:
        if node.tag.startswith(_TAG):
            said = f"{node.value} is not possible as {node.tag.removeprefix(_TAG)}"
            self.result.blame(place, said, f'put it in quotes: "{node.value}"')
        else:
            self.result.blame(place, f"the tag {node.tag} is not known here", "write the value itself")

    def _mapping(self, place: Place, node: Any, around: tuple[int, ...]) -> Table:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for name, at, value in (*self._merged(place.path, node, around), *self._own(place.path, node)):
            entries[name] = self.node((*place.path, name), value, around, at)
            keys[name] = at
        return self.table(place, entries, keys)

    def _own(self, path: Path, node: Any) -> Iterator[tuple[str, Place, Any]]:
        """A mapping's entries but for what it merges."""
        seen: dict[str, Place] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                continue
            at = self._at(path, key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self.result.blame(at, "a key that is a list or a mapping", "write keys as text")
                continue
            name = key.value
            here = Place(at.source, (*path, name), at.line, at.column)
            if key.tag.removeprefix(_TAG) not in ("str", "value"):
                # It is clear what was meant, and what is below has faults of its own.
                self.blame_key(at, reading(self._scalar(at, key)), name)
            if name in seen:
                cause = f"{name} is given twice, first in line {seen[name].line}"
                self.result.blame(here, cause, "leave one of them", key=name)
                continue
            seen[name] = here
            yield name, here, value

    def _merged(self, path: Path, node: Any, around: tuple[int, ...]) -> Iterator[tuple[str, Place, Any]]:
        """What ``<<`` brings (yaml.org/type/merge): the first of several wins, so it comes last."""
        for key, value in node.value:
            if key.tag != f"{_TAG}merge":
                continue
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                if not isinstance(source, yaml.MappingNode) or id(source) in around:
                    self.result.blame(self._at(path, key.start_mark), "<< takes another mapping", "give it an alias")
                    continue
                yield from self._merged(path, source, (*around, id(source)))
                yield from self._own(path, source)


class _TooMuch(Exception):
    pass


def kind_of(value: object) -> str:
    """What a value is, in words."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, datetime.date):
        return "a date"
    if isinstance(value, str):
        return "text"
    return "nothing" if value is None else f"of type {type(value).__name__}"


def reading(node: Node) -> str:
    """``on is a boolean to YAML (true)``: what was found, and how YAML reads it."""
    if isinstance(node, Table):
        return "this is a mapping"
    if isinstance(node, Sequence):
        return "this is a list"
    if node.value is None and not node.written:
        return "there is no value"
    if isinstance(node.value, str):
        return f"{node.value!r} is text"
    value = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    if node.written is None or node.written == value:
        return f"{value} is {kind_of(node.value)}"
    return f"{node.written} is {kind_of(node.value)} to YAML ({value})"
