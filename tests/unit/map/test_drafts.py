# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drafts on disk: what killed programs and other writers leave there is understood, and nothing that cannot be."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dumm_lab.map.root import drafts as module
from dumm_lab.map.root.drafts import Drafts
from dumm_lab.map.root.places import Places
from dumm_lab.map.root.room import Room

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

TEXT = "guests:\n  alice:\n  bob:\nlinks:\n  - alice:eth0 -- bob:eth0\n"
ZOE = {"do": "guest.add", "name": "zoe"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory of a scenario."""
    place = tmp_path / "scenarios" / "lab"
    place.mkdir(parents=True)
    (place / "config").write_text(TEXT)
    return place


def on(home: Path, act: Callable[[Drafts], Any], *, read_only: bool = False) -> Any:
    """What comes of something that is done with the drafts of a map that has just been started."""

    async def done() -> Any:
        room = Room(str(home.parents[1]), SeenLab(str(home.parents[1]), "lab"), read_only=read_only, me="me")
        return act(room.of(Drafts))

    return asyncio.run(done())


def shown(home: Path) -> dict[str, Any]:
    """The draft as pages get it."""
    message: dict[str, Any] = on(home, lambda drafts: drafts._message())["draft"]
    return message


def test_a_draft_is_there_after_a_restart_for_root_only(home: Path) -> None:
    on(home, lambda drafts: drafts.edit([ZOE], "me"))
    found = shown(home)
    assert (found["edits"], found["by"], found["can_undo"]) == (["add guest zoe"], "me", True)
    assert stat.S_IMODE((home / "draft.json").stat().st_mode) == 0o600
    assert found["wanted"]["guests"].keys() == {"alice", "bob", "zoe"}


def test_a_file_that_was_written_just_before_the_end_is_saved(home: Path) -> None:
    on(home, lambda drafts: drafts.edit([ZOE], "me"))
    (home / "config").write_text(shown(home)["text"])
    found = shown(home)
    assert (found["edits"], found["stale"], found["ahead"], found["can_undo"]) == ([], None, None, True)


def test_what_a_killed_writer_has_left_is_swept(home: Path) -> None:
    (home / ".new-draft.json.abcd").write_text("{")
    (home / ".new-config.abcd").write_text("not ours")
    on(home, lambda drafts: drafts.edit([ZOE], "me"))
    assert sorted(path.name for path in home.iterdir() if path.name.startswith(".new")) == [".new-config.abcd"]


def test_a_damaged_draft_is_told_of_and_stays(home: Path) -> None:
    (home / "draft.json").write_text("{")
    assert "cannot be understood: it is no JSON" in shown(home)["refused"]
    with pytest.raises(InvalidInput, match="move it away"):
        on(home, lambda drafts: drafts.edit([ZOE], "me"))
    assert (home / "draft.json").read_text() == "{"


@pytest.mark.parametrize("text", ["guests: {a: {vars: {x: \ud800}}}\n", TEXT + "# \ud800\n"])
def test_what_could_not_be_read_again_is_not_stored(home: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="it cannot be stored"):
        on(home, lambda drafts: drafts.write(text, None, "me"))
    assert shown(home)["edits"] == []


def test_a_slider_that_is_moved_is_one_step(home: Path) -> None:
    def move(delay: str, identifier: str = "alice:eth0--bob:eth0") -> dict[str, Any]:
        return {"do": "cable.set", "id": identifier, "direction": "both", "conditions": {"delay": delay}}

    def slide(drafts: Drafts) -> None:
        for delay in ("1ms", "2ms", "3ms"):
            drafts.edit([move(delay)], "me")
        drafts.edit([move("4ms")], "another")

    on(home, slide)
    found = shown(home)
    assert len(found["edits"]) == 2
    # Another condition is another step, which is made again by itself where the text has changed.
    other = {**move("1ms"), "conditions": {"loss": "1%"}}
    port = {"do": "guest.set", "name": "bob", "path": ["interfaces", "eth0", "rate"], "value": "1mbit"}

    def more(drafts: Drafts) -> None:
        for each in (move("9ms"), other, port, {**port, "value": "2mbit"}):
            drafts.edit([each], "me")
        for _time in range(3):
            drafts.undo(None)

    on(home, more)
    assert "delay: 3ms" in on(home, lambda drafts: drafts.undo(None) and drafts._message())["draft"]["text"]
    assert on(home, lambda drafts: drafts.undo(None) and drafts._message())["draft"]["text"] == TEXT


def test_typing_that_goes_on_is_one_step(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def typed(drafts: Drafts) -> None:
        for letters in ("# a\n", "# ab\n", "# abc\n"):
            drafts.write(letters + TEXT, None, "me")

    on(home, typed)
    assert len(shown(home)["edits"]) == 1
    monkeypatch.setattr(module, "_GOES_ON", -1.0)
    on(home, typed)
    assert len(shown(home)["edits"]) == 4


def test_whoever_may_only_watch_gets_no_text(home: Path) -> None:
    async def greeted(read_only: bool) -> list[str]:
        room = Room(str(home.parents[1]), SeenLab(str(home.parents[1]), "lab"), read_only=read_only, me="me")
        room.of(Places)
        return sorted(message["type"] for each in room.greetings if (message := each()) is not None)

    assert asyncio.run(greeted(False)) == ["draft", "places"]
    assert asyncio.run(greeted(True)) == ["places"]


def test_another_scenario_is_chosen_by_its_name_only(home: Path) -> None:
    for name in ("../lab", "a/b", "", ".", "a" * 64):
        with pytest.raises(InvalidInput):
            on(home, lambda drafts, name=name: drafts.choose(name))
    assert on(home, lambda drafts: drafts.choose("new") and drafts._message())["draft"]["text"] == ""
    assert json.loads((home / "config").read_text().replace(TEXT, "{}")) == {}
