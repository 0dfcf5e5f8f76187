# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A draft goes back and forth, is stored and read again, and is made again on another text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dumm_lab.map.root import draft as drafts
from dumm_lab.map.root.draft import Change, Draft, packed, texts, unpacked
from dumm_lab.map.root.rebasing import merged, rebased
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.stored import Unfit

BASE = "guests:\n  alice:\n  bob:\n"
LETTERS = st.text("ab\n", max_size=12)


def begun(text: str = BASE) -> Draft:
    """A draft of a file."""
    return Draft(text, text)


def stored(draft: Draft) -> Draft:
    """What is read of what was written."""
    return unpacked(json.loads(json.dumps(packed(draft))))


@given(LETTERS, LETTERS)
def test_a_change_is_made_and_taken_back(before: str, after: str) -> None:
    change = Change.between(before, after)
    assert (change.made(before), change.taken_back(after)) == (after, before)


@given(st.lists(st.one_of(LETTERS, st.sampled_from(["back", "forward", "save"])), max_size=12))
def test_a_draft_is_what_a_stack_of_texts_is(acts: list[str]) -> None:
    draft, past, coming, saved = begun(""), [""], [], ""
    for act in acts:
        if act == "back":
            if len(past) > 1:
                coming.append(past.pop())
                draft = draft.back()
            else:
                with pytest.raises(Unfit):
                    draft.back()
        elif act == "forward":
            if coming:
                past.append(coming.pop())
                draft = draft.forward()
            else:
                with pytest.raises(Unfit):
                    draft.forward()
        elif act == "save":
            draft, saved = draft.written(draft.text), draft.text
        else:
            is_behind = len(draft.steps) < draft.saved
            draft = draft.with_step(act, "edit", "me")
            # What the file has and was taken back is one step.
            past = ([*past] if not is_behind else [past[-1]] if past[-1] == saved else [saved, past[-1]]) + [act]
            coming = []
        draft = stored(draft)
        assert draft.text == past[-1]
        assert texts(draft.steps, draft.text) == past
        assert texts(draft.pending, draft.text)[0] == saved or not draft.changed
        assert draft.changed == (draft.text != saved)
        assert draft.base == saved


def test_what_was_discarded_is_no_longer_pending() -> None:
    draft = begun().with_step(BASE + "  carol:\n", "add carol", "anna").with_step(BASE, "discard all edits", "anna")
    assert draft.pending == ()
    again = draft.with_step(BASE + "  dora:\n", "add dora", "anna")
    assert [step.says for step in again.pending] == ["add dora"]
    assert [step.says for step in again.back().back().pending] == ["add carol"]


def test_each_change_has_a_number_of_its_own() -> None:
    draft = begun().with_step("a", "one", "me")
    assert [each.number for each in (draft, draft.back(), draft.back().forward(), draft.written("a"))] == [1, 2, 3, 2]


def test_what_was_saved_can_be_taken_back() -> None:
    draft = begun().with_step("a\n", "one", "me").written("a\n")
    assert not draft.changed and draft.pending == ()
    back = draft.back()
    assert back.text == BASE and back.changed
    assert [step.says for step in back.pending] == ["take back: one"]
    assert back.forward().pending == ()


def test_the_oldest_of_too_many_steps_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MOST_STEPS", 3)
    draft = begun("")
    for number in range(6):
        draft = draft.with_step(f"{draft.text}{number}", f"edit {number}", "me", ({"do": number},))
    assert len(draft.steps) == 3 and texts(draft.steps, draft.text)[0] == ""
    assert [each for step in draft.steps for each in step.edits] == [{"do": number} for number in range(6)]
    draft = draft.written(draft.text).with_step("x", "edit", "me")
    assert (len(draft.steps), draft.saved) == (3, 2)


def test_large_steps_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MOST_LETTERS", 200)
    draft = begun("")
    for number in range(20):
        draft = draft.with_step(str(number % 10) * 40, f"edit {number}", "me")
    assert len(draft.steps) == 2 and texts(draft.steps, draft.text)[0] == ""
    assert len(json.dumps(packed(draft))) < 1000
    draft = draft.written(draft.text).with_step("y" * 400, "edit", "me")
    assert (len(draft.steps), draft.saved) == (1, 0)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        {},
        {"format": 2},
        {**packed(begun()), "text": 5},
        {
            **packed(begun()),
            "steps": [{"says": "x", "by": "me", "change": {"at": 0, "old": "", "new": "zz"}, "edits": []}],
        },
        {**packed(begun()), "steps": "x"},
        {**packed(begun()), "saved": -1},
    ],
)
def test_a_draft_that_was_damaged_is_none(broken: Any) -> None:
    with pytest.raises(Unfit):
        unpacked(broken)


# On another text


def again(draft: Draft, text: str, *, drop: bool = False) -> Draft:
    """A draft on another text."""
    return rebased(draft, draft.fresh(text), name="lab", place="lab.yml", drop=drop)


def test_clicks_are_made_again_in_what_somebody_else_has_written() -> None:
    edit = {"do": "cable.add", "a": "alice:eth0", "b": "bob:eth0", "settings": {"prefix": "10.0.0.0/30"}}
    draft = begun().with_step(
        f"{BASE}links:\n  - {{a: alice:eth0, b: bob:eth0, prefix: 10.0.0.0/30}}\n", "a cable", "me", (edit,)
    )
    found = again(draft, f"# theirs\n{BASE}  carol:\n")
    assert found.text == f"# theirs\n{BASE}  carol:\nlinks:\n  - {{a: alice:eth0, b: bob:eth0, prefix: 10.0.0.0/30}}\n"
    assert [step.says for step in found.pending] == ["a cable"]


def test_an_edit_that_cannot_be_made_again_is_named_or_dropped() -> None:
    draft = begun().with_step(
        BASE.replace("  bob:\n", ""), "remove bob", "me", ({"do": "guest.remove", "name": "bob"},)
    )
    gone = "guests:\n  alice:\n"
    with pytest.raises(InvalidInput, match=r"remove bob \(scenario lab has no such guest\)"):
        again(draft, gone)
    assert again(draft, gone, drop=True).text == gone


def test_typed_lines_go_where_the_lines_around_them_are() -> None:
    after = BASE.replace("  bob:\n", "  bob: {mem: 64}\n")
    assert merged(BASE, after, f"# theirs\n\n{BASE}links: []\n") == f"# theirs\n\n{after}links: []\n"


@pytest.mark.parametrize("text", ["guests:\n  alice:\n", "x:\n  bob:\ny:\n  bob:\n", ""])
def test_typed_lines_without_a_place_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="are others now"):
        merged(BASE, BASE.replace("  bob:\n", "  bob: {mem: 64}\n"), text)


@given(LETTERS, LETTERS, LETTERS)
def test_lines_before_all_others_do_not_matter(before: str, after: str, first: str) -> None:
    unlike = "".join(f"#{line}\n" for line in first.splitlines())
    told = f"x\n{before}\ny\n", f"x\n{after}\ny\n"
    try:
        found = merged(*told, unlike + told[0])
    except InvalidInput:
        return
    assert found == unlike + told[1]
