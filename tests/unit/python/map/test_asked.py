# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of pages as the root part takes them: their arguments, and what a read-only map refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dumm_lab.map.root.arguments import Arguments
from dumm_lab.map.root.room import Room
from dumm_lab.map.root.server import OWN, answer, begun
from dumm_lab.map.root.verbs import VERBS
from dumm_lab.map.terms import parsed_size, size, size_packet

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest, SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

LAB = SeenLab("/srv/lab", "lab", guests={"alice": SeenGuest("alice", "stopped")})


def room(*, read_only: bool = False) -> Room:
    return Room("/srv/lab", LAB, read_only=read_only, me="user")


def replied(told: Any, *, read_only: bool = False) -> Any:
    return json.loads(answer(room(read_only=read_only), 1, told))


def test_a_reply_has_the_number_of_its_request() -> None:
    assert replied({"id": 7, "verb": "view"}) == {
        "type": "reply",
        "id": 7,
        "ok": True,
        "value": {"number": 0, "view": json.loads(json.dumps(room().view))},
    }


@pytest.mark.parametrize("verb", ["nothing", "", "__class__", "x" * 100_000, "terminal", "page.opened"])
def test_a_page_may_ask_for_what_is_in_the_table_alone(verb: str) -> None:
    told = replied({"id": 1, "verb": verb})

    assert told["ok"] is False
    assert "the map has no such request" in told["error"]
    assert len(told["error"]) < 1000


@pytest.mark.parametrize("arguments", [None, [], "x", 7])
def test_arguments_that_are_no_object_are_refused(arguments: Any) -> None:
    assert "its arguments are no object" in replied({"id": 1, "verb": "look", "arguments": arguments})["error"]


@pytest.mark.parametrize("guest", ["bob", "../alice", "alice/../alice", "", "alice\n", "alice\0", "Alice", "."])
def test_a_guest_that_the_lab_has_not_is_refused_before_anything_is_looked_at(guest: str) -> None:
    told = replied({"id": 1, "verb": "look", "arguments": {"guest": guest}})

    assert told["ok"] is False
    assert "the lab has no such guest" in told["error"]


@pytest.mark.parametrize("verb", ["terminal"])
@pytest.mark.parametrize("guest", ["bob", "../alice", "/alice"])
def test_the_web_part_may_not_name_another_guest_either(verb: str, guest: str) -> None:
    payload, descriptors = begun(room(), verb, {"arguments": {"guest": guest}})

    assert descriptors == ()
    assert "the lab has no such guest" in json.loads(payload)["error"]


def test_all_verbs_are_documented() -> None:
    told = (Path(__file__).parents[4] / "docs/internals/map.md").read_text()

    assert [name for name in VERBS if f"`{name}`" not in told] == []


def test_who_may_only_watch_gets_no_text_of_a_scenario() -> None:
    assert room(read_only=True).may_know({"type": "view"})
    assert not room(read_only=True).may_know({"type": "draft", "draft": {"text": "vars: {key: secret}"}})
    assert room().may_know({"type": "draft", "draft": {}})


def test_a_read_only_map_refuses_everything_but_looking() -> None:
    changing = [name for name, verb in VERBS.items() if not verb.looks]
    for name in changing:
        assert "this map is read-only" in replied({"id": 1, "verb": name}, read_only=True)["error"]
    assert {"view", "look", "picture", "people.select"} <= {name for name, verb in VERBS.items() if verb.looks}


@pytest.mark.parametrize("verb", ["terminal", "capture"])
def test_a_read_only_map_gives_neither_terminals_nor_packets(verb: str) -> None:
    payload, descriptors = begun(room(read_only=True), verb, {"arguments": {"guest": "alice", "at": "alice:eth0"}})

    assert descriptors == ()
    assert "this map is read-only" in json.loads(payload)["error"]
    assert verb in OWN


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("text", None),
        ("text", 7),
        ("text", "x" * ((1 << 20) + 1)),
        ("texts", "x"),
        ("texts", [1]),
        ("flag", "true"),
        ("flag", 1),
        ("maybe_number", "7"),
        ("maybe_number", True),
        ("maybe_number", 0),
        ("maybe_number", -1),
        ("maybe_number", 1e16),
        ("maybe_text", 7),
    ],
)
def test_an_argument_of_another_type_is_refused_by_its_name(reader: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"request try: 'it' is not"):
        getattr(Arguments("try", {"it": value}), reader)("it")


def test_arguments_are_read_with_their_types() -> None:
    given = Arguments("try", {"text": "a", "texts": ["a", "b"], "flag": True, "number": 2.5, "guests": ["alice"]})

    assert (given.text("text"), given.texts("texts"), given.flag("flag"), given.flag("no")) == (
        "a",
        ["a", "b"],
        True,
        False,
    )
    assert (given.maybe_text("no"), given.maybe_number("number"), given.maybe_number("no")) == (None, 2.5, None)
    assert given.guests(LAB) == [LAB.guests["alice"]]


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"rows": 24},
        {"rows": 0, "columns": 80},
        {"rows": "24", "columns": 80},
        {"rows": True, "columns": 80},
        {"rows": 24, "columns": 5000},
    ],
)
def test_what_is_no_size_of_a_window_is_none(told: Any) -> None:
    assert size(told) is None


def test_the_size_of_a_window_goes_there_and_back() -> None:
    assert parsed_size(size_packet(24, 80)) == (24, 80)
    assert parsed_size(b"w{") is None
    assert parsed_size(b"w" + b"[" * 100_000) is None
