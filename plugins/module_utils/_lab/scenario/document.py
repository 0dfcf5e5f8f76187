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
import functools
import re
import traceback
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..model.errors import MAX_TOLD, InvalidInput, closest, nearest

IMPORT_ERROR: str | None = None
try:
    import yaml
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

KeyPath: TypeAlias = "tuple[str | int, ...]"

# More than anybody writes: 3000 guests are half a megabyte and 80,000 values.
MAX_BYTES = 4 * 2**20
MAX_NODES = 200_000  # with what aliases repeat, which grows without bound where anchors are in anchors
MAX_DEPTH = 100
MAX_FAULTS = 1000  # after these nobody goes on looking
_MAX_NUMBER = 100  # letters: a number in base sixty takes a time that grows with the square of its length
_TAG = "tag:yaml.org,2002:"
MAX_INTEGER_BITS = 64
_LONGEST = 400  # letters of a cause or a remedy, in which a whole file's content may be quoted
# What YAML's reader refuses, with a place that is counted in bytes (yaml.org/spec/1.1, 5.1).
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[\w:-]+")
_LARGE_NUMBER = ("the number is too large", "give a smaller one, or put it in quotes")
_TOO_LARGE = (
    f"it is larger than {MAX_BYTES // 2**20} MB",
    "describe fewer guests in a file, or keep large files of guests in a layer (layers)",
)


@dataclass(frozen=True)
class Place:
    """Where something is written.

    :ivar source: what the user calls the file, or what stands for it.
    :ivar line: counted from 1, as the column; ``None`` in Ansible variables.
    """

    source: str
    path: KeyPath = ()
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """``ring.yml:4:10: guests.alice.mem``."""
        position = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        return f"{position}: {shown(self.path)}" if self.path else position


class Mistake(InvalidInput):
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

    def fault(self, *, helped: bool) -> Mistake:
        """As an error.

        :param helped: whether the word is compared with those that are known, which takes milliseconds where these are thousands.
        """
        remedy, close = self.remedy, None
        if self.known and self.key is not None and helped:
            remedy, close = nearest(self.key, self.known), closest(self.key, self.known)
        return Mistake(self.place, _cut(self.cause), _cut(remedy), key=self.key, nearest=close)


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


class TooManyFaults(Exception):
    """There are so many faults that it is not worth while to look for more."""


@dataclass
class Document:
    """A whole source.

    :ivar root: ``None`` where the source could not be understood at all.
    :ivar faults: everything found so far; whoever finds more adds it by :meth:`blame`.
    :ivar misspelt: keys that have a fault themselves, so that what is right about them need not be asked.
    :ivar doubtful: of these, keys that are no text to YAML, each with its fault; some specs take them for what is written (:meth:`accept`).
    :ivar gave_up: whether there are so many faults that nobody looked for the rest.
    """

    source: str
    root: Node | None = None
    faults: list[_Found] = field(default_factory=list)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    misspelt: set[KeyPath] = field(default_factory=set)
    doubtful: dict[KeyPath, tuple[Place, str, str, str]] = field(default_factory=dict)
    gave_up: bool = False
    _told: set[tuple[object, str]] = field(default_factory=set)
    _blamed: set[KeyPath] = field(default_factory=set)

    def place(self, path: KeyPath) -> Place:
        """Where something is written, or else the nearest thing around it that is."""
        for end in range(len(path), -1, -1):
            known = self.places.get(path[:end])
            if known is not None:
                return Place(self.source, path, known.line, known.column)
        return Place(self.source, path)

    def blame(self, where: KeyPath | Place, cause: str, remedy: str, *, key: str | None = None) -> None:
        """Add a fault.

        :param key: the word that is wrong.
        :raises TooManyFaults: where this is one too many.
        """
        self._found(where, cause, remedy, key)

    def blame_unknown(
        self, where: KeyPath | Place, cause: str, key: str, known: Collection[str], *, none: str = "there is none yet"
    ) -> None:
        """Add a fault that is a word which is not known.

        :param known: the words that would be right; those most like ``key`` are named.
        :param none: what to do where there are none.
        """

        self._found(where, cause, none, key, known)

    def _found(
        self, where: KeyPath | Place, cause: str, remedy: str, key: str | None, known: Collection[str] = ()
    ) -> None:
        place = where if isinstance(where, Place) else self.place(where)
        # What an alias brings to many places is written, and wrong, in one.
        where_written = place.path if place.line is None else (place.line, place.column)
        if (where_written, cause) not in self._told:
            self._told.add((where_written, cause))
            self.faults.append(_Found(place, cause, remedy, key, known))
            self._blamed.update(place.path[:end] for end in range(len(place.path) + 1))
            if len(self.faults) >= MAX_FAULTS:
                self.gave_up = True
                raise TooManyFaults

    def blames(self, *paths: KeyPath) -> bool:
        """Whether anything at or below one of these places is wrong."""
        return any(path in self._blamed for path in paths)

    def accept(self, key: KeyPath) -> None:
        """Take a key for what is written, whatever YAML makes of it."""
        self.misspelt.discard(key)
        self.doubtful.pop(key, None)

    def blame_doubtful(self) -> None:
        """Add the faults of all keys that no spec has accepted.

        :raises TooManyFaults: as :meth:`blame`.
        """
        for place, cause, remedy, key in self.doubtful.values():
            self.blame(place, cause, remedy, key=key)
        self.doubtful.clear()

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

    :raises Mistake: naming the line, unless it is UTF-8; where it is too large.
    """
    if len(raw) > MAX_BYTES:
        raise Mistake(Place(source), *_TOO_LARGE)
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        begin = raw.rfind(b"\n", 0, exc.start) + 1
        place = Place(source, (), raw.count(b"\n", 0, exc.start) + 1, len(raw[begin : exc.start].decode()) + 1)
        cause = f"the byte {raw[exc.start]:#04x} is not UTF-8"
    raise Mistake(place, cause, "save the file as UTF-8")


def check_library() -> None:
    """:raises InvalidInput: where PyYAML is missing."""
    if IMPORT_ERROR is not None:
        raise InvalidInput("python library PyYAML", "it is not installed", "install python3-yaml (role dumm.lab.host)")


def shown(path: KeyPath) -> str:
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
        return _File(name).read(_plain(source))
    return _Variables(name).read(source)


@dataclass(frozen=True)
class Mark:
    """A node's begin, or the end of a list or a mapping, in the order of the text (PyYAML's events).

    :ivar kind: ``scalar``, ``alias``, ``list``, ``mapping`` or ``end``.
    :ivar start: offset in the text of what is written first, an anchor and a tag included; ``end`` is behind the last.
    :ivar name: of the anchor, or of the one that an alias refers to.
    :ivar flow: whether it is a list or a mapping in brackets.
    :ivar style: ``"``, ``'``, ``|`` or ``>`` of a scalar that is not plain, else empty.
    """

    kind: str
    start: int
    end: int
    name: str | None = None
    flow: bool = False
    style: str = ""
    value: str = ""


_KINDS = {"Scalar": "scalar", "Alias": "alias", "SequenceStart": "list", "MappingStart": "mapping"}


def marks(text: str) -> Iterator[Mark]:
    """Where the nodes of a text are that :func:`read` has found no fault in; without aliases that are replaced.

    :param text: without a byte order mark, which PyYAML's two readers count differently.
    """
    event: Any
    for event in yaml.parse(text, Loader=_loader()):
        word = type(event).__name__.removesuffix("Event")
        if word in ("SequenceEnd", "MappingEnd"):
            yield Mark("end", event.start_mark.index, event.end_mark.index)
        elif word in _KINDS:
            yield Mark(
                _KINDS[word],
                event.start_mark.index,
                event.end_mark.index,
                event.anchor,
                bool(getattr(event, "flow_style", False)),
                getattr(event, "style", "") or "",
                getattr(event, "value", ""),
            )


def is_text(word: str) -> bool:
    """Whether YAML reads a word without quotes as text."""
    loader: Any = yaml.SafeLoader("")
    return bool(loader.resolve(yaml.ScalarNode, word, (True, False)) == f"{_TAG}str")


class _Reader:
    def __init__(self, source: str) -> None:
        self.result = Document(source)
        self.nodes = 0

    def read(self, source: Any) -> Document:
        """Understand a source as far as that goes."""
        try:
            self.document(source)
        except TooManyFaults:
            self.result.root = None
        except _TooMuch as exc:
            self.refuse(str(exc), exc.mark)
        except RecursionError:
            self.refuse(_TOO_DEEP)
        return self.result

    @abstractmethod
    def document(self, source: Any) -> None:
        """Fill in the result.

        :raises _TooMuch: where that would take too long.
        """

    def refuse(self, cause: str, mark: Any = None) -> None:
        """There is nothing in the source to go on with.

        :param mark: where that was seen in a file, in PyYAML's words.
        """
        self.result.root = None
        self.result.blame(self._at((), mark), cause, "correct it")

    def _at(self, path: KeyPath, mark: Any) -> Place:
        if mark is None:
            return Place(self.result.source, path)
        return Place(self.result.source, path, mark.line + 1, mark.column + 1)

    def count(self, path: KeyPath) -> None:
        """Another node is to be understood.

        :raises _TooMuch: where that is one too many.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooMuch(_TOO_MANY)
        if len(path) > MAX_DEPTH:
            raise _TooMuch(_TOO_DEEP)

    def scalar(self, place: Place, value: Any, written: str | None = None) -> Scalar:
        self.result.places[place.path] = place
        if isinstance(value, str):
            self.check_letters(place, value)
        elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
            # Python itself refuses to write a very long one (sys.int_info.str_digits_check_threshold).
            self.result.blame(place, *_LARGE_NUMBER)
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
        path = (*place.path, written)
        self.result.misspelt.add(path)
        fault = place, f"the key {found}, and keys are text", f'put it in quotes: "{written}"', written
        self.result.doubtful.setdefault(path, fault)


class _Variables(_Reader):
    """Ansible variables."""

    def document(self, source: Any) -> None:
        self.result.root = self.node((), source)

    def node(self, path: KeyPath, value: Any) -> Node:
        self.count(path)
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

    def document(self, source: Any) -> None:
        if len(source) > MAX_BYTES:
            self.result.blame((), *_TOO_LARGE)
            return
        strange = _NOT_YAML.search(source)
        if strange is not None:
            self._blame_letter(source, strange)
            return
        try:
            root = yaml.compose(source, Loader=_loader())
            if root is not None:
                _check_expanded(root)
                self.result.root = self.node((), root, ())
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            self._not_yaml(" ".join(str(part) for part in (exc.context, exc.problem) if part), mark)
        except yaml.YAMLError as exc:
            self._not_yaml(" ".join(str(exc).split()), None)

    def refuse(self, cause: str, mark: Any = None) -> None:
        super().refuse(f"this is no YAML: {cause}" if cause == _TOO_DEEP else cause, mark)

    def _blame_letter(self, source: str, strange: re.Match[str]) -> None:
        before = source[: strange.start()]
        line, column = before.count("\n") + 1, strange.start() - before.rfind("\n")
        code = strange[0].encode("unicode_escape").decode()
        remedy = f'leave it out, or write "{code}" in double quotes'
        self.result.blame(Place(self.result.source, (), line, column), f"there is the control character {code}", remedy)

    def _not_yaml(self, problem: str, mark: Any) -> None:
        self.result.root = None
        self.result.blame(self._at((), mark), f"this is no YAML: {problem}", "correct it")

    def node(self, path: KeyPath, node: Any, around: tuple[int, ...], key: Place | None = None) -> Node:
        """:param around: the nodes that this one is in, by identity.
        :param key: where the key of this value is; a person looks for a block there, and for a value at the value.
        """
        self.count(path)
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
        if len(node.value) > _MAX_NUMBER and kind in ("int", "float"):
            self.result.blame(place, *_LARGE_NUMBER)
            return self.scalar(place, None)
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

    def _own(self, path: KeyPath, node: Any) -> Iterator[tuple[str, Place, Any]]:
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

    def _merged(self, path: KeyPath, node: Any, around: tuple[int, ...]) -> Iterator[tuple[str, Place, Any]]:
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
    """It would take too long to understand a source.

    :ivar mark: where that was seen, in PyYAML's words.
    """

    def __init__(self, cause: str, mark: Any = None) -> None:
        super().__init__(cause)
        self.mark = mark


_TOO_DEEP = "it is nested too deep, or refers to itself too often"
_TOO_MANY = f"there are more than {MAX_NODES} values in it"


@functools.cache
def _loader() -> Any:
    """PyYAML's loader, which counts while it reads: it would make a tree of whatever it gets."""

    class Counting(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # pylint: disable=too-many-ancestors
        """Called once for each node, on the way in and on the way out."""

        nodes = 0
        depth = 0

        def descend_resolver(self, current_node: Any, current_index: Any) -> None:  # pylint: disable=unused-argument
            self.nodes += 1
            self.depth += 1
            if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
                raise _TooMuch(
                    _TOO_MANY if self.nodes > MAX_NODES else _TOO_DEEP, current_node and current_node.start_mark
                )

        def ascend_resolver(self) -> None:
            self.depth -= 1

    return Counting


def _check_expanded(root: Any) -> None:
    """Check how large a document is when each alias is replaced by what it stands for.

    Each node is looked at once: an anchor comes before its aliases, so that it is known by then.

    :raises _TooMuch: where it is too large, or too deep.
    """
    known: dict[int, tuple[int, int]] = {}

    def measured(node: Any) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            return 1, 1
        if id(node) not in known:
            known[id(node)] = 1, 1  # for what is in itself, which is a fault of its own
            parts = node.value
            if isinstance(node, yaml.MappingNode):
                parts = [part for pair in node.value for part in pair]
            size, depth = 1, 0
            for part in parts:
                inner = measured(part)
                size, depth = size + inner[0], max(depth, inner[1])
            # A key counts for itself and for its value.
            if size > 2 * MAX_NODES or depth >= MAX_DEPTH:
                raise _TooMuch(_TOO_DEEP, node.start_mark)
            known[id(node)] = size, depth + 1
        return known[id(node)]

    measured(root)


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
