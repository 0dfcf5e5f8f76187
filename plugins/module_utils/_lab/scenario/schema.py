# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a file may say, as data: a small set of specs, each with a description.  Pure.

One definition serves twice: :func:`check` turns a document into plain values and finds all of its faults, each with its place, and
:func:`json_schema` writes the same for editors (JSON Schema, draft 2020-12).  What a spec does not know is left to whoever reads
the values: no spec looks at another part of the document.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..model.errors import InvalidInput
from .document import Document, Node, Place, Scalar, Sequence, Table, reading

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]  # as the json module takes it
Definitions = dict[str, Json]
T = TypeVar("T")

# What a person reads as YAML does: no leading zero, which makes it octal, and no colon, which counts in sixties.
_WRITTEN_NUMBER = re.compile(r"[-+]?(0|0x[0-9a-fA-F]+|[1-9][0-9_]*|(0|[1-9][0-9_]*)?\.[0-9]*([eE][-+]?[0-9]+)?)")
_LONGEST_NUMBER = 100  # letters
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Wrong:
    """Stands for a value that has a fault; whatever holds it goes on without it."""


WRONG = Wrong()


@dataclass(frozen=True, kw_only=True)
class Spec(ABC):
    """What one value may be.

    :ivar description: a sentence for the user, shown by editors.
    """

    description: str = ""

    @property
    @abstractmethod
    def expects(self) -> str:
        """What it takes, in words: ``an integer from 1 to 5``."""

    @abstractmethod
    def fits(self, node: Node) -> bool:
        """Whether a value is of the right kind, so that its further faults are worth telling."""

    @abstractmethod
    def value(self, node: Node, document: Document) -> Any:
        """The plain value of a node that fits, or ``WRONG``."""

    @abstractmethod
    def json(self, definitions: Definitions) -> Json:
        """The same as JSON Schema, without the description."""

    def described(self, definitions: Definitions) -> Json:
        """The same as JSON Schema."""
        schema = self.json(definitions)
        return {"description": self.description, **schema} if self.description else schema


@dataclass(frozen=True, kw_only=True)
class Text(Spec):
    """Text.

    :ivar choices: all that is allowed, if given.
    :ivar parse: text → value; raises InvalidInput.
    :ivar pattern: for editors; what is right is decided by ``parse``.
    :ivar means: what it takes, in words, where it is more than text.
    """

    choices: tuple[str, ...] = ()
    parse: Callable[[str], Any] | None = None
    pattern: str | None = None
    means: str = "text"

    @property
    def expects(self) -> str:
        """What it takes."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.means

    def fits(self, node: Node) -> bool:
        """Text that YAML does not take for anything else."""
        return isinstance(node, Scalar) and isinstance(node.value, str) and node.written is None

    def value(self, node: Node, document: Document) -> Any:
        """The text, or what it means."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            raise TypeError(node)
        if self.choices and node.value not in self.choices:
            cause = f"{node.value!r} is not one of its values"
            document.blame_unknown(node.place, cause, node.value, self.choices)
            return WRONG
        return node.value if self.parse is None else _parsed(self.parse, node.value, node, document)

    def json(self, definitions: Definitions) -> Json:
        """Type string."""
        return _without_none({"type": "string", "enum": list(self.choices) or None, "pattern": self.pattern})


@dataclass(frozen=True, kw_only=True)
class Integer(Spec):
    """A whole number between bounds, both included."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def expects(self) -> str:
        """What it takes."""
        return f"an integer{_bounds(self.minimum, self.maximum)}"

    def fits(self, node: Node) -> bool:
        """An integer as a person writes it, so neither 10:20 nor true."""
        return isinstance(_number(node), int)

    def value(self, node: Node, document: Document) -> Any:
        """The integer."""
        return _bounded(_number(node), self.minimum, self.maximum, self, node, document)

    def json(self, definitions: Definitions) -> Json:
        """Type integer."""
        return _without_none({"type": "integer", "minimum": self.minimum, "maximum": self.maximum})


@dataclass(frozen=True, kw_only=True)
class Number(Spec):
    """A number between bounds, both included."""

    minimum: float | None = None
    maximum: float | None = None

    @property
    def expects(self) -> str:
        """What it takes."""
        return f"a number{_bounds(self.minimum, self.maximum)}"

    def fits(self, node: Node) -> bool:
        """A number as a person writes it."""
        return _number(node) is not None

    def value(self, node: Node, document: Document) -> Any:
        """The number."""
        return _bounded(_number(node), self.minimum, self.maximum, self, node, document)

    def json(self, definitions: Definitions) -> Json:
        """Type number."""
        return _without_none({"type": "number", "minimum": self.minimum, "maximum": self.maximum})


@dataclass(frozen=True, kw_only=True)
class Boolean(Spec):
    """True or false."""

    @property
    def expects(self) -> str:
        """What it takes."""
        return "true or false"

    def fits(self, node: Node) -> bool:
        """A boolean, or in Ansible variables what a template made of one."""
        return isinstance(node, Scalar) and (isinstance(node.value, bool) or _templated(node) in _BOOLEANS)

    def value(self, node: Node, document: Document) -> Any:
        """The boolean."""
        if not isinstance(node, Scalar):
            raise TypeError(node)
        return node.value if isinstance(node.value, bool) else _BOOLEANS[_templated(node)]

    def json(self, definitions: Definitions) -> Json:
        """Type boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Anything(Spec):
    """Plain data that is handed on as it is, and as text where JSON could not hold it."""

    @property
    def expects(self) -> str:
        """What it takes."""
        return "anything"

    def fits(self, node: Node) -> bool:
        """Everything does."""
        return True

    def value(self, node: Node, document: Document) -> Any:
        """The data."""
        if isinstance(node, Table):
            return {key: self.value(item, document) for key, item in node.entries.items()}
        if isinstance(node, Sequence):
            return [self.value(item, document) for item in node.items]
        return node.value if _is_json(node.value) else str(node.written or node.value)

    def json(self, definitions: Definitions) -> Json:
        """No rule."""
        return {}


def _is_json(value: object) -> bool:
    return math.isfinite(value) if isinstance(value, float) else value is None or isinstance(value, (str, int))


@dataclass(frozen=True, kw_only=True)
class ListOf(Spec):
    """A list of values of one kind."""

    item: Spec

    @property
    def expects(self) -> str:
        """What it takes."""
        return "a list"

    def fits(self, node: Node) -> bool:
        """A list."""
        return isinstance(node, Sequence)

    def value(self, node: Node, document: Document) -> Any:
        """The list, with ``WRONG`` in the place of what is."""
        if not isinstance(node, Sequence):
            raise TypeError(node)
        return [value_of(self.item, item, document) for item in node.items]

    def json(self, definitions: Definitions) -> Json:
        """Type array."""
        return {"type": "array", "items": self.item.described(definitions)}


@dataclass(frozen=True, kw_only=True)
class MappingOf(Spec):
    """A mapping from names that the user gives to values of one kind; nothing stands for an empty one.

    :ivar key: checks a name; raises InvalidInput.
    :ivar key_pattern: the same for editors.
    """

    item: Spec
    key: Callable[[str], object] | None = None
    key_pattern: str | None = None

    @property
    def expects(self) -> str:
        """What it takes."""
        return "a mapping"

    def fits(self, node: Node) -> bool:
        """A mapping or nothing."""
        return isinstance(node, Table) or _is_nothing(node)

    def value(self, node: Node, document: Document) -> Any:
        """A dict of what is right."""
        if not isinstance(node, Table):
            return {}
        found = {}
        for name, item in node.entries.items():
            # What has a wrong name may have other faults, which are to be told, too.
            value = value_of(self.item, item, document)
            if self._is_right(name, node, document) and value is not WRONG:
                found[name] = value
        return found

    def _is_right(self, name: str, node: Table, document: Document) -> bool:
        if self.key is None or (*node.place.path, name) in document.misspelt:
            return True
        return _parsed(self.key, name, node.keys[name], document) is not WRONG

    def json(self, definitions: Definitions) -> Json:
        """Type object with any keys."""
        names = {"pattern": self.key_pattern} if self.key_pattern else None
        values = self.item.described(definitions)
        return _without_none({"type": ["object", "null"], "propertyNames": names, "additionalProperties": values})


@dataclass(frozen=True, kw_only=True)
class Struct(Spec):
    """A mapping with keys of its own; nothing stands for an empty one.

    :ivar name: of its definition in the JSON Schema, where it is used more than once.
    :ivar required: keys that must be there.
    :ivar one_of: of these keys exactly one must be there.
    :ivar boolean: the key that YAML 1.1 takes for a boolean: as it is written in a file, it is ``true`` in Ansible variables.
    """

    fields: Mapping[str, Spec]
    name: str | None = None
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    boolean: str | None = None

    @property
    def expects(self) -> str:
        """What it takes."""
        return f"a mapping of {', '.join(self.fields)}"

    def fits(self, node: Node) -> bool:
        """A mapping or nothing."""
        return isinstance(node, Table) or _is_nothing(node)

    def value(self, node: Node, document: Document) -> Any:
        """A dict of what is given and right, or ``WRONG`` where what must be there is not."""
        entries = node.entries if isinstance(node, Table) else {}
        found = {}
        for written, item in entries.items():
            key = _accepted(written, self.boolean, node, document)
            if key in self.fields:
                found[key] = value_of(self.fields[key], item, document)
            elif isinstance(node, Table) and (*node.place.path, written) not in document.misspelt:
                document.blame_unknown(node.keys[written], f"unknown key {key}", key, self.fields)
        return self._complete(found, node, document)

    def _complete(self, found: dict[str, Any], node: Node, document: Document) -> Any:
        missing = [key for key in self.required if key not in found]
        if missing:
            document.blame(node.place, f"{' and '.join(missing)} must be given", "add it")
        given = [key for key in self.one_of if key in found]
        if self.one_of and len(given) != 1:
            cause = (
                f"{' and '.join(given)} cannot both be given" if given else f"{' or '.join(self.one_of)} must be given"
            )
            document.blame(node.place, cause, f"give one of {', '.join(self.one_of)}")
        needed = (*self.required, *(self.one_of if len(given) == 1 else ()))
        if missing or (self.one_of and len(given) != 1) or any(found.get(key) is WRONG for key in needed):
            return WRONG
        return {key: value for key, value in found.items() if value is not WRONG}

    def json(self, definitions: Definitions) -> Json:
        """Type object with these keys only."""
        if self.name is None:
            return self._json(definitions)
        if self.name not in definitions:
            definitions[self.name] = {}  # where it is used in itself
            definitions[self.name] = self._json(definitions)
        return {"$ref": f"#/$defs/{self.name}"}

    def _json(self, definitions: Definitions) -> Json:
        needs_one = bool(self.required or self.one_of)
        return _without_none(
            {
                "type": "object" if needs_one else ["object", "null"],
                "properties": {key: spec.described(definitions) for key, spec in self.fields.items()},
                "required": list(self.required) or None,
                "oneOf": [{"required": [key]} for key in self.one_of] or None,
                "additionalProperties": False,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Either(Spec):
    """One of several kinds of value; the first that fits is taken."""

    specs: tuple[Spec, ...]

    @property
    def expects(self) -> str:
        """What it takes."""
        return " or ".join(spec.expects for spec in self.specs)

    def fits(self, node: Node) -> bool:
        """What one of them takes; nothing at all would be ambiguous."""
        return not _is_nothing(node) and any(spec.fits(node) for spec in self.specs)

    def value(self, node: Node, document: Document) -> Any:
        """What the first that fits makes of it."""
        return next(spec for spec in self.specs if spec.fits(node)).value(node, document)

    def json(self, definitions: Definitions) -> Json:
        """Any of them."""
        return {"anyOf": [spec.described(definitions) for spec in self.specs]}


@dataclass(frozen=True)
class Variant:
    """Which of several mappings one is, and what it has.

    :ivar key: the key that says which.
    :ivar values: what is given and right; ``None`` where the node is to be read later.
    """

    key: str
    values: Mapping[str, Any] | None
    node: Node


@dataclass(frozen=True, kw_only=True)
class Variants(Spec):
    """One of several mappings, told apart by the one key that only it has.

    :ivar variants: by that key.
    :ivar alone: more of them, whose key others may have, too.
    :ivar later: whether a mapping's values cannot be read yet; of these only the keys are checked.
    """

    variants: Mapping[str, Struct]
    alone: Mapping[str, Struct]
    later: Callable[[Node], bool] = lambda _node: False

    @property
    def expects(self) -> str:
        """What it takes."""
        return f"a mapping with one of {', '.join(self._all)}"

    @property
    def _all(self) -> Mapping[str, Struct]:
        return {**self.variants, **self.alone}

    def fits(self, node: Node) -> bool:
        """A mapping."""
        return isinstance(node, Table)

    def value(self, node: Node, document: Document) -> Any:
        """A :class:`Variant`, or ``WRONG``."""
        if not isinstance(node, Table):
            raise TypeError(node)
        given = [key for key in self.variants if key in node.entries]
        given = given or [key for key in self.alone if key in node.entries]
        if len(given) != 1:
            return self._unclear(given, node, document)
        spec = self._all[given[0]]
        if self.later(node):
            self._check_keys(spec, node, document)
            return Variant(given[0], None, node)
        found = spec.value(node, document)
        return WRONG if found is WRONG else Variant(given[0], found, node)

    def _unclear(self, given: list[str], node: Table, document: Document) -> Wrong:
        """There is no key that says what it is, or more than one."""
        for key in node.entries:
            _accepted(key, next(iter(self.variants.values())).boolean, node, document)
        if given:
            cause = f"{' and '.join(given)} cannot both be given"
            document.blame(node.place, cause, "leave one of them, or make two of it")
            return WRONG
        known = {key for spec in self._all.values() for key in spec.fields}
        strange = next((key for key in node.entries if key not in known), None)
        if strange is not None:
            document.blame_unknown(node.keys[strange], f"unknown key {strange}", strange, known)
        else:
            document.blame(node.place, "it does not say what it is", f"give one of {', '.join(self._all)}")
        return WRONG

    def _check_keys(self, spec: Struct, node: Table, document: Document) -> None:
        for written in node.entries:
            key = _accepted(written, spec.boolean, node, document)
            if key not in spec.fields:
                document.blame_unknown(node.keys[written], f"unknown key {key}", key, spec.fields)

    def json(self, definitions: Definitions) -> Json:
        """Any of them."""
        return {"anyOf": [spec.described(definitions) for spec in self._all.values()]}


def check(spec: Spec, document: Document) -> Any:
    """The plain values of a document; all that is wrong is added to its faults and left out.

    :return: ``WRONG`` where nothing is left.
    """
    if document.root is None:
        return WRONG
    found = value_of(spec, document.root, document)
    document.blame_doubtful()
    return found


def _accepted(key: str, boolean: str | None, node: Node, document: Document) -> str:
    """A key, or what it was before YAML took it for true."""
    path = (*node.place.path, key)
    # In the arguments of a module on another host, JSON has made text of it.
    by_json = key == "true" and node.place.line is None
    if boolean is None or not (by_json or (key in (boolean, str(True)) and path in document.misspelt)):
        return key
    document.accept(path)
    return boolean


def right(items: list[T]) -> list[tuple[int, T]]:
    """What is right in a list, with its index in the document."""
    return [(index, item) for index, item in enumerate(items) if item is not WRONG]


def json_schema(spec: Spec, title: str) -> Json:
    """A spec as a JSON Schema document."""
    definitions: Definitions = {}
    body = spec.described(definitions)
    return {"$schema": DIALECT, "title": title, **body, "$defs": dict(sorted(definitions.items()))}


def value_of(spec: Spec, node: Node, document: Document) -> Any:
    """The plain value of a node, or ``WRONG``, which adds a fault to the document."""
    if spec.fits(node):
        return spec.value(node, document)
    remedy = f"give {spec.expects}"
    # What is mostly text, and may be a list of it.
    first = spec.specs[0] if isinstance(spec, Either) else spec
    if isinstance(first, Text) and not first.choices and isinstance(node, Scalar) and not _is_nothing(node):
        remedy = f'put it in quotes: "{node.value if node.written is None else node.written}"'
    document.blame(node.place, reading(node), remedy)
    return WRONG


def _parsed(parse: Callable[[str], Any], text: str, where: Node | Place, document: Document) -> Any:
    place = where if isinstance(where, Place) else where.place
    try:
        return parse(text)
    except InvalidInput as exc:
        document.blame(place, exc.cause, exc.remedy, key=text)
        return WRONG


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _templated(node: Scalar) -> str:
    """Text in Ansible variables, where a template makes text of numbers and booleans (ansible-core before 2.19)."""
    return node.value.lower() if isinstance(node.value, str) and node.place.line is None else ""


def _number(node: Node) -> int | float | None:
    if not isinstance(node, Scalar) or isinstance(node.value, bool):
        return None
    if isinstance(node.value, (int, float)):
        readable = node.written is None or _WRITTEN_NUMBER.fullmatch(node.written)
        return node.value if readable and math.isfinite(node.value) else None
    text = _templated(node)
    if len(text) > _LONGEST_NUMBER or not _WRITTEN_NUMBER.fullmatch(text):
        return None
    try:
        return int(text, 0) if "." not in text else float(text)
    except ValueError:  # such as "." and "1__0"
        return None


def _bounded(
    value: Any, minimum: float | None, maximum: float | None, spec: Spec, node: Node, document: Document
) -> Any:
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        document.blame(node.place, f"{value} is out of range", f"give {spec.expects}")
        return WRONG
    return value


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is None and maximum is None:
        return ""
    if maximum is None:
        return f" of {minimum} or more"
    return f" of {maximum} or less" if minimum is None else f" from {minimum} to {maximum}"


def _without_none(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if value is not None}
