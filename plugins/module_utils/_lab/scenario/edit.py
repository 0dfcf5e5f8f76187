# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits of a scenario's text that leave every other byte as it is.  Pure.

A click in the map and a command of the console become an edit at a path of keys, and that a small difference under git: comments,
order, quotes and layout stay.  An edit is made in small changes.  After each of them the text is read again, and it must mean
exactly what the same change of the data means; otherwise the edit is refused, so that nothing wrong is ever written.

Comments in what is removed go with it, and so do those below it that are indented deeper.  Comments above it stay.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..model.errors import Invalid, InvalidInput
from . import spots, writing
from .document import Document, KeyPath, Mistake, Node, Table, kind_of, read, shown
from .document import Sequence as List
from .spots import Entry, Spot
from .writing import Style, Written

_BOM = "\ufeff"
_MAX_CHANGES = 500  # the text is read after each
_MANY = 4  # edits that are worth to be made at once
_ANEW = "edit the file by hand there"


@dataclass(frozen=True)
class Set:
    """Give a key a value; mappings that are missing on the way are made.

    :ivar path: an integer is an item of a list, which must be there.
    """

    path: KeyPath
    value: Any


@dataclass(frozen=True)
class Remove:
    """Take a key, or an item of a list, away."""

    path: KeyPath


@dataclass(frozen=True)
class Append:
    """Add an item to a list, which is made where there is none.

    :ivar path: of the list.
    :ivar index: of the item that it comes before; ``None`` for the end.
    """

    path: KeyPath
    value: Any
    index: int | None = None


Edit: TypeAlias = "Set | Remove | Append"


def edited(text: str, edits: Sequence[Edit], *, source: str) -> str:
    """The text after some edits, in their order: all of them, or none.

    :param source: how messages call the text, such as the file's path.
    :raises Invalid: where the text itself is no valid YAML.
    :raises Mistake: where an edit cannot be made.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    state = _State.of(text[len(mark) :], source)
    at_once = _at_once(state, edits) if len(edits) >= _MANY else None
    if at_once is not None:
        return mark + at_once
    for edit in edits:
        state = _made(state, edit)
    return mark + state.text


def plain(node: Node | None) -> Any:
    """What a document means, as data."""
    if isinstance(node, Table):
        return {key: plain(each) for key, each in node.entries.items()}
    if isinstance(node, List):
        return [plain(each) for each in node.items]
    return None if node is None else node.value


# What a text means, to compare: Python takes 1 for true, and does not mind the order of keys.
_Meaning: TypeAlias = tuple[Any, ...]


def _meaning(value: Any) -> _Meaning:
    if isinstance(value, Mapping):
        return ("mapping", *((key, _meaning(each)) for key, each in value.items()))
    if isinstance(value, (list, tuple)):
        return ("list", *map(_meaning, value))
    return (type(value).__name__, repr(value))


@dataclass(frozen=True)
class _State:
    """A text, with what it means and where that stands."""

    source: str
    text: str
    document: Document
    data: Any
    root: Spot | None

    @classmethod
    def of(cls, text: str, source: str) -> _State:
        """:raises Invalid: where that is no valid YAML."""
        document = read(text, source)
        if document.faults:
            raise Invalid(document.sorted_faults(), all_known=not document.gave_up)
        return cls(source, text, document, plain(document.root), spots.spots(text))

    def refusal(self, path: KeyPath, cause: str, remedy: str) -> Mistake:
        return Mistake(self.document.place(path), cause, remedy)

    def style(self, near: Spot | None = None) -> Style:
        """How the text is written.

        :param near: whose quotes are taken where it has any.
        """
        if near is not None and near.style in ("'", '"'):
            return dataclasses.replace(self._style, quote=near.style)
        return self._style

    @functools.cached_property
    def _style(self) -> Style:
        steps: Counter[int] = Counter()
        dashes: Counter[int] = Counter()
        quotes: Counter[str] = Counter()
        for spot in spots.walk(self.root) if self.root else ():
            if spot.style in ("'", '"'):
                quotes[spot.style] += 1
            if spot.kind != "mapping" or spot.flow:
                continue
            for entry in spot.entries:
                inner = entry.value
                if inner.is_block and inner.entries and spots.begins_line(self.text, inner.entries[0].start):
                    more = spots.column(self.text, inner.entries[0].start) - spots.column(self.text, entry.start)
                    (steps if inner.kind == "mapping" else dashes)[more] += 1
        step = _most(steps, 2, least=1)
        return Style(step, _most(dashes, step), _most(quotes, '"'))


def _most(found: Counter[Any], default: Any, *, least: Any = None) -> Any:
    usable = [each for each, _number in found.most_common() if least is None or each >= least]
    return usable[0] if usable else default


# Changes: an edit is one or more of them


@dataclass(frozen=True)
class _Put:
    """Replace the value at a path."""

    path: KeyPath
    value: Any


@dataclass(frozen=True)
class _New:
    """Add an entry to a mapping, or an item to a list before another; the last key of the path names it."""

    path: KeyPath
    value: Any


@dataclass(frozen=True)
class _Gone:
    """Take an entry away."""

    path: KeyPath


_Change: TypeAlias = "_Put | _New | _Gone"


def _made(state: _State, edit: Edit) -> _State:
    if isinstance(edit, Set) and _differs(state, edit):
        with_little = list(itertools.islice(_changes(state, edit), _MAX_CHANGES + 1))
        whole = _Put(edit.path, edit.value)
        if len(with_little) <= _MAX_CHANGES:
            try:
                return _all(state, with_little)
            except Mistake:
                if not _found(state, edit.path)[0] or with_little == [whole]:
                    raise
        return _all(state, [whole])
    if isinstance(edit, Set):
        return state
    return _all(state, [_gone(state, edit.path) if isinstance(edit, Remove) else _appended(state, edit)])


def _at_once(state: _State, edits: Sequence[Edit]) -> str | None:
    """The text with edits that each are one change at a place of its own; ``None`` where they are not.

    The text is read once then, not after each: a hundred addresses are written in the time of one.
    """
    changes: list[_Put | _New] = []
    for edit in edits:
        if not isinstance(edit, Set):
            return None
        if _differs(state, edit):
            found = list(itertools.islice(_changes(state, edit), 2))
            if len(found) != 1 or isinstance(found[0], _Gone) or not all(isinstance(key, str) for key in found[0].path):
                return None
            changes.append(found[0])
    wanted = state.data
    spans: list[tuple[int, int, str]] = []
    try:
        for change in changes:
            writing.check(change.value, "")
            text = next(iter(_Writer(state).ways(change)))
            spans.append(_span(state.text, text))
            wanted = _meant(wanted, change.path, change)
    except (Mistake, InvalidInput, StopIteration):
        # One after the other, they tell what is wrong.
        return None
    spans.sort()
    if any(end > start for (_start, end, _new), (start, _end, _text) in itertools.pairwise(spans)):
        return None
    text = state.text
    for start, end, new in reversed(spans):
        text = text[:start] + new + text[end:]
    document = read(text, state.source)
    right = not document.faults and len(document.doubtful) <= len(state.document.doubtful)
    return text if right and _meaning(plain(document.root)) == _meaning(wanted) else None


def _span(before: str, after: str) -> tuple[int, int, str]:
    """The part of a text that is another one in a second text: where it begins and ends, and what is there."""
    most = min(len(before), len(after))
    start = next((index for index in range(most) if before[index] != after[index]), most)
    most -= start
    end = next((index for index in range(most) if before[~index] != after[~index]), most)
    return start, len(before) - end, after[start : len(after) - end]


def _all(state: _State, changes: list[_Change]) -> _State:
    for change in changes:
        state = _changed(state, change)
    return state


def _found(state: _State, path: KeyPath) -> tuple[bool, Any]:
    """Whether something is there, and what."""
    data: Any = state.data
    for key in path:
        known = range(len(data)) if isinstance(data, list) else data if isinstance(data, dict) else ()
        if key not in known:
            return False, None
        data = data[key]
    return True, data


def _differs(state: _State, edit: Set) -> bool:
    there, value = _found(state, edit.path)
    return not there or _meaning(value) != _meaning(edit.value)


def _changes(state: _State, edit: Set) -> Iterator[_Change]:
    """What sets a value: as little as that takes."""
    there, old = _found(state, edit.path)
    if there:
        yield from _steps(state, edit.path, old, edit.value)
    else:
        yield _missing(state, edit.path, edit.value)


def _missing(state: _State, path: KeyPath, value: Any) -> _Change:
    """What makes something that is not there, with the mappings around it."""
    length = next(length for length in range(len(path)) if not _found(state, path[: length + 1])[0])
    around, key, rest = _found(state, path[:length])[1], path[length], path[length + 1 :]
    if isinstance(around, list) and isinstance(key, int):
        raise state.refusal(path[:length], f"there is no item {key} in it, it has {len(around)}", "name another")
    if around is not None and not (isinstance(around, dict) and isinstance(key, str)):
        raise state.refusal(path[:length], f"it is {_kind(around)}, in which there is no {key}", "name another path")
    lists = [index for index, each in enumerate(path[length:], length) if not isinstance(each, str)]
    if lists:
        raise state.refusal(path[:length], f"there is no list {shown(path[: lists[0]])}", "append an item")
    for each in reversed(rest):
        value = {each: value}
    return _Put(path[:length], {key: value}) if around is None else _New(path[: length + 1], value)


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else kind_of(value)


def _steps(state: _State, path: KeyPath, old: Any, new: Any) -> Iterator[_Change]:
    """The changes that make one value another."""
    if _meaning(old) == _meaning(new):
        return
    way = list(_way(state, path))
    if len(way) == len(path) + 1 and way[-1].kind == "alias":
        yield _Put(path, new)
    elif isinstance(old, dict) and isinstance(new, Mapping) and _is_likely(old, new):
        for key in [key for key in old if key not in new]:
            yield _Gone((*path, key))
        for key, value in new.items():
            if key not in old:
                yield _New((*path, key), value)
            else:
                yield from _steps(state, (*path, key), old[key], value)
    elif isinstance(old, list) and isinstance(new, (list, tuple)) and old and new:
        yield from _items(state, path, old, list(new))
    else:
        yield _Put(path, new)


def _is_likely(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a mapping becomes another by changes of some entries: a new one comes last."""
    kept = [key for key in old if key in new]
    return bool(kept) and [*kept, *(key for key in new if key not in old)] == list(new)


def _items(state: _State, path: KeyPath, old: list[Any], new: list[Any]) -> Iterator[_Change]:
    was, now = [list(map(_meaning, each)) for each in (old, new)]
    first = sum(1 for _same in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(was, now, strict=False)))
    same = zip(reversed(was[first:]), reversed(now[first:]), strict=False)
    last = sum(1 for _same in itertools.takewhile(lambda pair: pair[0] == pair[1], same))
    ends = len(old) - last, len(new) - last
    both = min(ends)
    for index in range(first, both):
        yield from _steps(state, (*path, index), old[index], new[index])
    for index in reversed(range(both, ends[0])):
        yield _Gone((*path, index))
    for index in range(both, ends[1]):
        yield _New((*path, index), new[index])


def _gone(state: _State, path: KeyPath) -> _Change:
    if not path:
        return _Put((), {})
    if not _found(state, path)[0]:
        raise state.refusal(path[:-1], f"{shown(path)} is not there", "name what is")
    return _Gone(path)


def _appended(state: _State, edit: Append) -> _Change:
    there, old = _found(state, edit.path)
    if not there:
        return _missing(state, edit.path, [edit.value])
    if old is None:
        return _Put(edit.path, [edit.value])
    if not isinstance(old, list):
        raise state.refusal(edit.path, f"this is {_kind(old)}, not a list", "name a list")
    index = len(old) if edit.index is None else edit.index
    if not 0 <= index <= len(old):
        raise state.refusal(edit.path, f"there is no item {index} in it, it has {len(old)}", "name another")
    return _New((*edit.path, index), edit.value)


def _meant(data: Any, path: KeyPath, change: _Change) -> Any:
    """The data after a change; what is not on the way is shared with the data before."""
    if not path:
        return change.value if isinstance(change, _Put) else None
    key, *rest = path
    if isinstance(data, list) and isinstance(key, int):
        if rest or isinstance(change, _Put):
            return [*data[:key], _meant(data[key], tuple(rest), change), *data[key + 1 :]]
        return [
            *data[:key],
            *([change.value] if isinstance(change, _New) else data[key:key]),
            *data[key + isinstance(change, _Gone) :],
        ]
    if not rest and isinstance(change, _Gone):
        return {name: each for name, each in data.items() if name != key}
    below = change.value if not rest and isinstance(change, _New) else _meant(data.get(key), tuple(rest), change)
    return {**data, key: below}


# A change of the text


def _changed(state: _State, change: _Change) -> _State:
    """The first of the ways to write it that means what it should.

    :raises Mistake: where none does.
    """
    if not isinstance(change, _Gone):
        writing.check(change.value, str(state.document.place(change.path)))
    wanted = _meant(state.data, change.path, change)
    expected = _meaning(wanted)
    for text in _Writer(state).ways(change):
        document = read(text, state.source)
        right = not document.faults and len(document.doubtful) <= len(state.document.doubtful)
        if right and _meaning(plain(document.root)) == expected:
            return _State(state.source, text, document, wanted, spots.spots(text))
    raise _why_not(state, change)


def _why_not(state: _State, change: _Change) -> Mistake:
    """Why no way to write a change means what it should: most often what is repeated elsewhere would change there, too."""
    root, way = state.root, list(_way(state, change.path))
    if root is not None:
        inner = [] if isinstance(change, _New) else list(spots.walk(way[-1]))
        names = {spot.name for spot in (*way, *inner) if spot.kind != "alias" and spot.name}
        for spot in spots.walk(root):
            if spot.kind == "alias" and spot.name in names:
                line = _line(state.text, spot.start)
                return state.refusal(
                    change.path,
                    f"it belongs to the anchor {spot.name}, which line {line} repeats",
                    f"write out *{spot.name} in line {line} first",
                )
    if isinstance(change, _Gone) and way and any(entry.merge for entry in way[-2].entries):
        return state.refusal(change.path, "the mapping that << names has it, too", "edit that one first")
    if not isinstance(change, _Gone):
        alone = read({"value": change.value}, state.source)
        if alone.faults:
            fault = alone.sorted_faults()[0]
            return state.refusal(change.path, fault.cause, fault.remedy)
    last = root
    while last is not None and last.entries:
        last = last.entries[-1].value
    if last is not None and last.style in ("|", ">") and last.end == len(state.text):
        return state.refusal(change.path, "the file ends in a text whose last line has no end", "end it with a newline")
    return state.refusal(change.path, "the text around it is written in a way that cannot be edited", _ANEW)


def _way(state: _State, path: KeyPath) -> Iterator[Spot]:
    """The nodes on the way to a place, as far as they go."""
    spot = state.root
    for key in path:
        if spot is None:
            return
        yield spot
        entry = _entry(spot, key)
        spot = None if entry is None else entry.value
    if spot is not None:
        yield spot


def _line(text: str, place: int) -> int:
    return len(text[:place].splitlines()) + (1 if spots.column(text, place) == 0 else 0)


def _entry(spot: Spot, key: str | int) -> Entry | None:
    if spot.kind == "mapping":
        return next((each for each in spot.entries if each.key == key and not each.merge), None)
    if spot.kind == "list" and isinstance(key, int) and key < len(spot.entries):
        return spot.entries[key]
    return None


class _Writer:
    """The ways to write a change into a text."""

    def __init__(self, state: _State) -> None:
        self.state = state
        self.text = state.text
        self.line = spots.newline(state.text)

    def ways(self, change: _Change) -> Iterator[str]:
        """Texts, the best first."""
        if not change.path:
            yield from self._whole(change)
        elif self.state.root is None or (
            len(change.path) == 1 and isinstance(change, _New) and not self.state.root.entries
        ):
            yield from self._whole(_Put((), _meant(self.state.data or {}, change.path, change)))
        else:
            around = self._at(change.path[:-1])
            if isinstance(change, _New):
                yield from self._new(around, change)
                return
            entry = _entry(around, change.path[-1])
            if entry is None and isinstance(change, _Put):
                # What << brings is overridden.
                yield from self._new(around, _New(change.path, change.value))
                return
            if entry is None:
                raise self.state.refusal(
                    change.path, "it comes from an anchor by <<", "edit the mapping with the anchor"
                )
            if isinstance(change, _Gone):
                yield from self._gone(around, entry, change.path)
            else:
                yield from self._put(around, entry, change)

    def _at(self, path: KeyPath) -> Spot:
        """:raises Mistake: where the place is written elsewhere."""
        spot = self.state.root
        for depth, key in enumerate(path):
            entry = None if spot is None else _entry(spot, key)
            if entry is None:
                raise self.state.refusal(
                    path[: depth + 1], "it comes from an anchor by <<", "edit the mapping with the anchor"
                )
            spot = entry.value
            if spot.kind == "alias":
                raise self.state.refusal(
                    path[: depth + 1],
                    f"it is an alias, *{spot.name}",
                    f"edit the anchor &{spot.name}, or replace the alias",
                )
        if spot is None:
            raise self.state.refusal(path, "it is empty", _ANEW)
        return spot

    # The root

    def _whole(self, change: _Change) -> Iterator[str]:
        value = None if isinstance(change, _Gone) else change.value
        style = self.state.style()
        if isinstance(value, Mapping) and value:
            lines = [
                line
                for key, each in value.items()
                for line in writing.entry(
                    key, each, 0, style, block=True if isinstance(each, (Mapping, list)) and each else None
                )
            ]
        else:
            lines = [writing.inline(value, style)]
        body = self.line.join(lines)
        root = self.state.root
        if root is None:
            glue = self.line if self.text and not self.text.endswith(("\n", "\r")) else ""
            yield f"{self.text}{glue}{body}{self.line}"
        elif root.is_empty:
            end = spots.line_end(self.text, root.start)
            rest = self.text[end:]
            glue = "" if spots.column(self.text, end) == 0 else self.line
            yield f"{self.text[:end]}{glue}{body}{rest or self.line}"
            yield f"{self.text[:end]}{glue}{body}{self.line}{rest}"
        else:
            yield f"{self.text[: root.start]}{body}{self.text[root.end :]}"
            yield f"{self.text[: root.start]}{writing.inline(value, style)}{self.text[root.end :]}"

    # A new value

    def _put(self, around: Spot, entry: Entry, change: _Put) -> Iterator[str]:
        style = self.state.style(entry.value)
        if around.flow:
            yield self._replaced(entry, Written(writing.inline(change.value, style, flow=True)))
            return
        if change.value is None and around.kind == "mapping":
            yield self._replaced(entry, Written(""))
        for made in self._renderings(change, around, entry, style):
            yield self._replaced(entry, made)

    def _renderings(self, change: _Put | _New, around: Spot, entry: Entry | None, style: Style) -> Iterator[Written]:
        """A value as text below a key or behind a dash."""
        first = around.entries[0].start
        column = spots.column(self.text, first) + (0 if around.kind == "mapping" else 2 - style.step)
        room = column + 2 + (len(str(change.path[-1])) if around.kind == "mapping" else 0)
        block = self._is_block(change, around, entry)
        for way in dict.fromkeys((block, None, False)):
            made = writing.written(change.value, column, style, block=way, room=room)
            if made.lines and not made.head and around.kind == "list":
                items = list(writing.item(change.value, spots.column(self.text, first), style, block=True))
                yield Written(items[0].lstrip(" ").removeprefix("- "), tuple(items[1:]))
            else:
                yield made
        yield Written(writing.inline(change.value, style))

    def _is_block(self, change: _Put | _New, around: Spot, entry: Entry | None) -> bool | None:
        """Whether a list or a mapping is written in lines of its own: as what it replaces, or as those beside it."""
        kind = "mapping" if isinstance(change.value, Mapping) else "list"
        key = change.path[-1]
        here = key if isinstance(key, int) else len(around.entries) if entry is None else around.entries.index(entry)
        near = sorted(enumerate(around.entries), key=lambda each: abs(each[0] - here))
        like = [each.value for _index, each in near]
        known = next((each for each in like if each.kind == kind and each.entries), None)
        if known is not None:
            return known.is_block or None
        return True if len(change.path) == 1 else None

    def _replaced(self, entry: Entry, made: Written) -> str:
        """The text with another value in an entry."""
        text, old = self.text, entry.value
        anchor = f"&{old.name} " if old.name and old.kind != "alias" else ""
        head = (anchor + made.head).rstrip(" ")
        below = self.line + self.line.join(made.lines) if made.lines else ""
        same = not text[entry.lead : old.body].strip(" \t") or spots.line_start(text, entry.lead) == spots.line_start(
            text, old.body
        )
        if old.is_block and not same:
            return self._in_place_of_block(entry, head, below)
        if not same and not below and not old.is_empty:
            return f"{text[: old.start]}{head or 'null'}{text[old.end :]}"
        begin = entry.lead if not old.is_empty or entry.lead >= old.start else old.start
        in_list = entry.lead == entry.start
        glue = "" if not head or in_list else " "
        if not old.is_empty and head:
            # What stands between the colon and the value stays, such as an alignment.
            begin, glue = old.start, ""
        if self._has_no_colon(entry):
            explicit = text[entry.start] == "?" and spots.begins_line(text, entry.start)
            glue = f"{self.line}{' ' * spots.column(text, entry.start)}: " if explicit else ": "
        end = max(old.end, begin)
        stop = spots.line_end(text, end) if below else end
        return f"{text[:begin]}{glue}{head}{text[end:stop]}{below}{text[stop:]}"

    def _has_no_colon(self, entry: Entry) -> bool:
        """Whether it is a key in braces without a value."""
        return (
            bool(entry.key) and self.text[entry.lead - 1 : entry.lead] not in (":", "-") and entry.lead != entry.start
        )

    def _in_place_of_block(self, entry: Entry, head: str, below: str) -> str:
        """Where a block begins below its key, the comment behind the key stays."""
        text, old = self.text, entry.value
        first = spots.line_end(text, entry.lead)
        comment = text[spots.behind_anchor(text, entry.lead, first) : first]
        end = spots.tail(text, old.end, spots.column(text, entry.start))
        glue = f" {head}" if head else ""
        return f"{text[: entry.lead]}{glue}{comment}{below}{text[end:]}"

    # A new entry

    def _new(self, around: Spot, change: _New) -> Iterator[str]:
        if not around.entries:
            # Empty brackets, or nothing: what it becomes is the value of a key, or an item.
            value: Any = [change.value] if isinstance(change.path[-1], int) else {change.path[-1]: change.value}
            yield from self.ways(_Put(change.path[:-1], value))
        elif around.flow:
            yield from self._new_in_brackets(around, change)
        elif isinstance(change.path[-1], int):
            yield from self._new_item(around, change, change.path[-1])
        else:
            yield from self._new_entry(around, change, change.path[-1])

    def _new_entry(self, around: Spot, change: _New, key: str) -> Iterator[str]:
        style = self.state.style()
        text, column = self.text, spots.column(self.text, around.entries[0].start)
        name = " " * column + writing.text(key, style) + ":"
        # What is merged comes first, wherever it stands; so does a block that goes on to the end of the text.
        end = spots.tail(text, around.entries[-1].end, column)
        blank = self.line if self._is_apart(around, end, column) else ""
        made = [Written("")] if change.value is None else self._renderings(change, around, None, style)
        for each in made:
            lines = [f"{name} {each.head}" if each.head else name, *each.lines]
            yield f"{text[:end]}{self.line}{blank}{self.line.join(lines)}{text[end:]}"

    def _is_apart(self, around: Spot, end: int, column: int) -> bool:
        """Whether there is a blank line between the last two entries."""
        if len(around.entries) < 2:
            return False
        before = spots.tail(self.text, around.entries[-2].end, column)
        between = self.text[spots.behind_break(self.text, before) : around.entries[-1].start]
        return any(not line.strip() for line in between.splitlines()[:-1] or [between][: "\n" in between])

    def _new_item(self, around: Spot, change: _New, index: int) -> Iterator[str]:
        style = self.state.style()
        text, column = self.text, spots.column(self.text, around.entries[0].start)
        for each in self._renderings(change, around, None, style):
            lines = [f"{' ' * column}- {each.head}", *each.lines]
            if index:
                end = spots.tail(text, around.entries[index - 1].end, column)
                yield f"{text[:end]}{self.line}{self.line.join(lines)}{text[end:]}"
            else:
                start = around.entries[0].start
                begin = spots.line_start(text, start)
                if spots.begins_line(text, start):
                    yield f"{text[:begin]}{self.line.join(lines)}{self.line}{text[begin:]}"
                else:
                    lines[0] = lines[0].lstrip(" ")
                    yield f"{text[:start]}{self.line.join(lines)}{self.line}{' ' * column}{text[start:]}"

    def _new_in_brackets(self, around: Spot, change: _New) -> Iterator[str]:
        text, key, style = self.text, change.path[-1], self.state.style()
        value = writing.inline(change.value, style, flow=True)
        new = value if isinstance(key, int) else f"{writing.text(key, style, flow=True)}: {value}"
        index = key if isinstance(key, int) else len(around.entries)
        if index < len(around.entries):
            start = around.entries[index].start
            if spots.begins_line(text, start):
                indent = text[spots.line_start(text, start) : start]
                yield f"{text[:start]}{new},{self.line}{indent}{text[start:]}"
            yield f"{text[:start]}{new}, {text[start:]}"
            return
        last = around.entries[-1]
        comma = spots.skip(text, last.end)
        if len(around.entries) > 1 and spots.begins_line(text, last.start):
            indent = text[spots.line_start(text, last.start) : last.start]
            if text[comma : comma + 1] == ",":
                end = spots.line_end(text, comma)
                if not text[comma + 1 : end].split("#")[0].strip():
                    yield f"{text[:end]}{self.line}{indent}{new},{text[end:]}"
            else:
                end = min(spots.line_end(text, last.end), around.end - 1)
                yield f"{text[: last.end]},{text[last.end : end]}{self.line}{indent}{new}{text[end:]}"
        if text[around.body] not in "[{":
            # A pair in a list, [a: 1], is a mapping without braces.
            yield f"{text[: around.body]}{{{text[around.body : around.end]}, {new}}}{text[around.end :]}"
            return
        yield f"{text[: last.end]}, {new}{text[last.end :]}"

    # Nothing any more

    def _gone(self, around: Spot, entry: Entry, path: KeyPath) -> Iterator[str]:
        if around.flow:
            yield from self._gone_in_brackets(around, entry)
        elif len(around.entries) > 1:
            yield self._without_lines(around, entry)
        else:
            yield from self._emptied(entry, path)

    def _without_lines(self, around: Spot, entry: Entry) -> str:
        """The text without a block's entry, of which there are others."""
        text = self.text
        column = spots.column(text, entry.start)
        end = spots.tail(text, entry.end, column)
        if spots.begins_line(text, entry.start):
            begin = spots.line_start(text, entry.start)
            return text[:begin] + text[spots.behind_break(text, end) :]
        # The first behind a dash: the next one takes its place, unless there is a comment between.
        following = around.entries[1].start
        if not text[end:following].strip():
            return text[: entry.start] + text[following:]
        return text[: entry.start].rstrip(" ") + text[end:]

    def _emptied(self, entry: Entry, path: KeyPath) -> Iterator[str]:
        """The text with empty brackets in place of a block's last entry; comments around that stay."""
        text = self.text
        empty = "{}" if isinstance(path[-1], str) else "[]"
        column = spots.column(text, entry.start)
        end = spots.tail(text, entry.end, column)
        outer = self._at(path[:-2]) if len(path) > 1 else None
        above = None if outer is None else _entry(outer, path[-2])
        if spots.begins_line(text, entry.start) and above is not None:
            begin = spots.line_start(text, entry.start)
            lead = spots.behind_anchor(text, above.lead, spots.line_end(text, above.lead))
            yield f"{text[:lead]} {empty}{text[lead:begin]}{text[spots.behind_break(text, end) :]}"
        yield f"{text[: entry.start]}{empty}{text[end:]}"
        if above is not None:
            yield self._replaced(above, Written(empty))

    def _gone_in_brackets(self, around: Spot, entry: Entry) -> Iterator[str]:
        text, index = self.text, around.entries.index(entry)
        comma = spots.skip(text, entry.end)
        behind = comma + 1 if text[comma : comma + 1] == "," else entry.end
        rest = text[behind : spots.line_end(text, behind)].split("#")[0]
        if spots.begins_line(text, entry.start) and not rest.strip():
            begin = spots.line_start(text, entry.start)
            yield text[:begin] + text[spots.behind_break(text, spots.line_end(text, behind)) :]
        if text[around.body] not in "[{":
            yield f"{text[: around.body]}{{}}{text[around.end :]}"
        elif len(around.entries) == 1:
            yield text[: entry.start] + text[behind:].lstrip(" ")
            yield text[: around.body + 1] + text[around.end - 1 :]
        elif index + 1 < len(around.entries):
            yield text[: entry.start] + text[around.entries[index + 1].start :]
        else:
            yield text[: around.entries[index - 1].end] + text[entry.end :]
