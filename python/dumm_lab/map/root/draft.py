# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A draft: a scenario's text that is being edited, with all steps from the text that it began with, as an immutable value.  Pure.

A step knows what was asked for, so that it can be made again in another text, and what it changed of the text, so that it can be taken
back.  What is kept of a text is the part that differs: a draft of a hundred steps is a few times as large as its text.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import stored
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.stored import Unfit

FORMAT = 1
MOST_STEPS = 200
MOST_LETTERS = 4 << 20  # that all steps change
_CONTEXT = 3

Given = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A part of a text that becomes another."""

    at: int
    old: str
    new: str

    @classmethod
    def between(cls, before: str, after: str) -> Change:
        """What makes a text another."""
        start = _alike(before, after)
        end = _alike(before[start:][::-1], after[start:][::-1])
        return cls(start, before[start : len(before) - end], after[start : len(after) - end])

    def made(self, text: str) -> str:
        """:raises Unfit: where that is another text."""
        return self._replaced(text, self.old, self.new)

    def taken_back(self, text: str) -> str:
        """:raises Unfit: where that is another text."""
        return self._replaced(text, self.new, self.old)

    def _replaced(self, text: str, old: str, new: str) -> str:
        if text[self.at : self.at + len(old)] != old:
            raise Unfit("a step of it is not one of its text")
        return text[: self.at] + new + text[self.at + len(old) :]


@dataclass(frozen=True)
class Step:
    """One edit of a draft.

    :ivar says: a sentence.
    :ivar by: who made it.
    :ivar edits: as a page asked for them; empty where the text itself was edited.
    """

    says: str
    by: str
    change: Change
    edits: tuple[Given, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A scenario's text while it is edited.

    :ivar base: the text that it began with, which is what the file should have; ``None`` where there was no file.
    :ivar first: what the editing began with where there was no file: what describes the lab as it was.
    :ivar steps: from the text before all of them to ``text``; those before ``saved`` are in the file.
    :ivar undone: the last one that was taken back is the last.
    :ivar number: counts changes of the draft, so that whoever has seen an older one can be told.
    :ivar applied: a text that the lab was made, or was being made, without the file having it.
    """

    base: str | None
    text: str
    first: str = ""
    steps: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()
    saved: int = 0
    number: int = 0
    applied: str | None = None

    @property
    def origin(self) -> str:
        """What differences are shown to."""
        return self.first if self.base is None else self.base

    @property
    def changed(self) -> bool:
        """Whether it has something that is not saved."""
        return self.text != self.origin

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps from the file's text to this one, without those that were discarded."""
        if not self.changed:
            return ()
        if len(self.steps) >= self.saved:
            found: list[Step] = []
            text = self.text
            for step in reversed(self.steps[self.saved :]):
                if text == self.origin:
                    break
                found.insert(0, step)
                text = step.change.taken_back(text)
            return tuple(found)
        back = self.undone[len(self.undone) - (self.saved - len(self.steps)) :]
        says = f"take back: {', '.join(step.says for step in back)}"
        return (Step(says, back[-1].by, Change.between(self.origin, self.text)),)

    @property
    def diff(self) -> str:
        """What differs from the file."""
        return difference(self.origin, self.text)

    def with_step(self, text: str, says: str, by: str, edits: tuple[Given, ...] = ()) -> Draft:
        """With one edit more; what was taken back is forgotten."""
        step = Step(says, by, Change.between(self.text, text), edits)
        # What the file has cannot be gone forward to any more.
        before, saved = (self.steps, self.saved) if len(self.steps) >= self.saved else (self.pending, 0)
        steps, saved = _bounded((*before, step), saved, text)
        return dataclasses.replace(self, text=text, steps=steps, undone=(), saved=saved, number=self.number + 1)

    def back(self) -> Draft:
        """Without the last step.

        :raises Unfit: where there is none.
        """
        if not self.steps:
            raise Unfit("there is no step to take back")
        step = self.steps[-1]
        return dataclasses.replace(
            self,
            text=step.change.taken_back(self.text),
            steps=self.steps[:-1],
            undone=(*self.undone, step),
            number=self.number + 1,
        )

    def forward(self) -> Draft:
        """With the step that was taken back last.

        :raises Unfit: where there is none.
        """
        if not self.undone:
            raise Unfit("there is no step to make again")
        step = self.undone[-1]
        return dataclasses.replace(
            self,
            text=step.change.made(self.text),
            steps=(*self.steps, step),
            undone=self.undone[:-1],
            number=self.number + 1,
        )

    def written(self, text: str) -> Draft:
        """After a text of it was saved; what was edited meanwhile is not."""
        found = [index for index, each in enumerate(texts(self.steps, self.text)) if each == text]
        steps, saved = (self.steps, found[-1]) if found else ((), 0)
        if not found and text != self.text:
            steps = (Step("edit the text", "", Change.between(text, self.text)),)
        return dataclasses.replace(
            self, base=text, first="", steps=steps, saved=saved, applied=None, number=self.number + 1
        )

    def fresh(self, base: str | None, first: str = "") -> Draft:
        """An empty one from another text on."""
        text = first if base is None else base
        return Draft(base, text, "" if base is not None else first, number=self.number + 1, applied=self.applied)


def texts(steps: tuple[Step, ...], last: str) -> list[str]:
    """The text before each step, and the last one."""
    found = [last]
    for step in reversed(steps):
        found.append(step.change.taken_back(found[-1]))
    return found[::-1]


def _bounded(steps: tuple[Step, ...], saved: int, text: str) -> tuple[tuple[Step, ...], int]:
    """Not too many steps: the oldest are forgotten, or become one if they are not saved."""
    sizes = itertools.accumulate(len(step.change.old) + len(step.change.new) for step in reversed(steps))
    kept = max(1, sum(1 for size in sizes if size <= MOST_LETTERS))
    more = max(0, len(steps) - MOST_STEPS, len(steps) - kept)
    forgotten = min(more, saved)
    steps, saved, more = steps[forgotten:], saved - forgotten, more - forgotten
    if not more:
        return steps, saved
    each = texts(steps, text)
    old = steps[: more + 1]
    edits = tuple(edit for step in old for edit in step.edits) if all(step.edits for step in old) else ()
    merged = Step(f"{len(old)} edits", old[-1].by, Change.between(each[0], each[len(old)]), edits)
    return (merged, *steps[len(old) :]), saved


@functools.lru_cache(maxsize=8)
def difference(before: str, after: str, names: tuple[str, str] = ("saved", "draft")) -> str:
    """Two texts as a unified difference; empty where they are equal."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), *names, n=_CONTEXT)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _alike(one: str, other: str) -> int:
    """How many letters two texts begin with alike."""
    most = min(len(one), len(other))
    return next((index for index in range(most) if one[index] != other[index]), most)


# As it is stored


def packed(draft: Draft) -> dict[str, Any]:
    """A draft as JSON."""
    return {"format": FORMAT, **dataclasses.asdict(draft)}


def unpacked(value: object) -> Draft:
    """:raises Unfit: where it is none."""
    found = stored.mapping(value, "")
    if found.get("format") != FORMAT:
        raise Unfit("it is of another version")
    steps, undone = (tuple(_step(each, key) for each in _listed(found.get(key), key)) for key in ("steps", "undone"))
    draft = Draft(
        _maybe_text(found.get("base"), "base"),
        _text(found.get("text"), "text"),
        _text(found.get("first"), "first"),
        steps,
        undone,
        stored.whole(found.get("saved"), "saved"),
        stored.whole(found.get("number"), "number"),
        _maybe_text(found.get("applied"), "applied"),
    )
    # All of it fits together, or it is of no use.
    texts(steps, draft.text)
    return draft


def _step(value: object, place: str) -> Step:
    found = stored.mapping(value, place)
    change = stored.mapping(found.get("change"), place)
    made = Change(
        stored.whole(change.get("at"), place), _text(change.get("old"), place), _text(change.get("new"), place)
    )
    edits = tuple(stored.mapping(each, place) for each in _listed(found.get("edits"), place))
    return Step(_text(found.get("says"), place), _text(found.get("by"), place), made, edits)


def _listed(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise Unfit(f"{place} is no list")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise Unfit(f"{place} is no text")
    return value


def _maybe_text(value: object, place: str) -> str | None:
    return None if value is None else _text(value, place)
