# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edits of a draft, made again on another text.  Pure.

What was clicked means something, and is made again as such.  What was typed is lines of a text: they are put where the lines around them
are the same, if that is one place.
"""

from __future__ import annotations

import difflib

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput, listed

from .described import Described
from .draft import Draft, Step, texts
from .edits import understood
from .steady import edited

# Lines around that are compared, as many as there are at first.
_AROUND = (3, 2, 1)


def rebased(draft: Draft, fresh: Draft, *, name: str, place: str, drop: bool) -> Draft:
    """A draft's edits on another text.

    :param fresh: a draft of that without edits.
    :param drop: whether edits that cannot be made are left out.
    :raises InvalidInput: where one cannot be made.
    """
    pending = draft.pending
    before = texts(pending, draft.text)
    result = fresh
    lost: list[str] = []
    for index, step in enumerate(pending):
        try:
            text = _again(step, before[index], before[index + 1], result.text, name, place)
        except DummError as exc:
            lost.append(f"{step.says} ({exc.cause})")
            continue
        if text != result.text:
            result = result.with_step(text, step.says, step.by, step.edits)
    if lost and not drop:
        raise InvalidInput(
            place, f"these edits cannot be made again: {listed(lost)}", "drop them, or discard the draft"
        )
    return result


def _again(step: Step, before: str, after: str, text: str, name: str, place: str) -> str:
    """A text with a step."""
    if not step.edits:
        return merged(before, after, text)
    state = Described.of(text, name=name, place=place)
    for each in step.edits:
        state, _made = edited(state, understood(each))
    return state.text


def merged(before: str, after: str, text: str) -> str:
    """A text with what makes one text another.

    :raises InvalidInput: where it is not clear where that belongs.
    """
    was, now, here = (each.splitlines(keepends=True) for each in (before, after, text))
    found: list[tuple[int, int, list[str]]] = []
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag != "equal":
            at = _place(was, start, end, here)
            found.append((at, at + end - start, now[new_start:new_end]))
    for start, end, lines in reversed(found):
        here[start:end] = lines
    return "".join(here)


def _place(was: list[str], start: int, end: int, here: list[str]) -> int:
    """Where lines are that are to be replaced: with those around them, once."""
    for around in _AROUND:
        first, last = max(0, start - around), min(len(was), end + around)
        wanted = was[first:last]
        found = [at for at in range(len(here) - len(wanted) + 1) if wanted and here[at : at + len(wanted)] == wanted]
        if len(found) == 1:
            return found[0] + start - first
        if found:
            break
    line = (was[start:end] or was[max(0, start - 1) : start] or [""])[0].strip()
    raise InvalidInput("text", f"the lines around {line[:60]!r} are others now", "edit the text there again")
