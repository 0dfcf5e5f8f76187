# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of the console: words, options, rooms, scripts, and what completes them."""

from __future__ import annotations

import io
import os
import pty
import sys
from typing import Any

import pytest
from dumm_lab.console import completion, states, words
from dumm_lab.console.asking import Question
from dumm_lab.console.completion import Known
from dumm_lab.console.rooms import Room, described, explained
from dumm_lab.console.script import Script

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest, SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.command import console
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options, settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput

PACKAGE = "dumm_lab.console"
LAB, GUESTS, ALICE = Room(), Room("guest"), Room("guest", "alice")
BRIDGES, BR0, VPN = Room("bridge"), Room("bridge", "br0"), Room("scenario", "vpn")
ROOMS = (LAB, GUESTS, ALICE, BRIDGES, BR0, Room("scenario"), VPN)
KNOWN = Known({"alice": ["eth0", "eth1"], "bob": ["lan"]}, ["br0"], ["vpn"], ["default", "tuned"], ["small"])
CREATE = GUESTS.verbs["create"].options


@pytest.mark.parametrize(
    ("room", "prompt"),
    [(LAB, "# "), (GUESTS, "guest# "), (ALICE, "guest/alice# "), (BRIDGES, "bridge# "), (BR0, "bridge/br0# ")],
)
def test_prompts_are_those_of_the_original(room: Room, prompt: str) -> None:
    assert room.prompt == prompt


def test_back_leads_out_by_one_room() -> None:
    assert (ALICE.back, ALICE.back.back, LAB.back) == (GUESTS, LAB, LAB)


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_help_has_each_verb_with_its_options(room: Room) -> None:
    told = described(room)

    for name, verb in room.verbs.items():
        assert f"\n  {name}" in f"\n{told}"
        for option in verb.options or {}:
            assert f"\n  {option}=" in explained(name, verb)


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_all_rooms_lead_out(room: Room) -> None:
    assert {"quit", "help", "list", "exec", "undo"} <= room.verbs.keys()
    assert ("back" in room.verbs) == (room != LAB)


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_all_rooms_lead_to_each_other(room: Room) -> None:
    assert {"guest", "bridge", "scenario"} <= room.verbs.keys()


def test_settings_are_those_of_the_table() -> None:
    assert CREATE is not None
    # A line cannot hold a list of mappings.
    assert {row.name for row in settings.GUEST if row.option} - CREATE.keys() == {"faults"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mem=64", {"mem": 64}),
        ("confine=no", {"confine": False}),
        ("confine=YES", {"confine": True}),
        ("layers=a,b", {"layers": ["a", "b"]}),
        ("layers=none", {"layers": []}),
        ("cmdline=a=b c", {"cmdline": "a=b c"}),
        ("union=cowfs", {"union": "cowfs"}),
        ("init=", {"init": ""}),
        ("busy=force", {"in_use": "force"}),
    ],
)
def test_options_have_the_types_of_the_module(text: str, value: dict[str, Any]) -> None:
    assert words.sorted_out(["carol", text], CREATE, 1, "create") == (["carol"], value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["mem=much"], "option mem: 'much' is no whole number; write mem=N"),
        (["confine=perhaps"], "option confine: 'perhaps' is neither yes nor no"),
        (["union=cow"], "option union: there is no 'cow'; did you mean cowfs?"),
        (["memory=3"], "create: there is no option memory; did you mean mem?"),
        (["a", "b"], "create: 'b' is a word too many; see 'help create'"),
    ],
)
def test_what_does_not_fit_is_told_with_a_remedy(given: list[str], told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        words.sorted_out(given, CREATE, 1, "create")

    assert str(caught.value).startswith(told)


def test_words_are_those_of_a_shell() -> None:
    assert words.split("create 'a b' cmdline=\"x y\" c\\ d") == ["create", "a b", "cmdline=x y", "c d"]
    with pytest.raises(InvalidInput, match="no closing quotation"):
        words.split("create 'a")


def test_what_is_for_a_guest_is_left_as_it_is_typed() -> None:
    assert words.head("exec  echo  'it''s' | cat ") == ("exec", "echo  'it''s' | cat")


@pytest.mark.parametrize(
    ("room", "line", "found"),
    [
        (LAB, "gu", ["guest"]),
        (LAB, "guest ", ["alice", "bob"]),
        (LAB, "guest alice ", []),
        (GUESTS, "a", ["alice", "attach"]),
        (GUESTS, "create carol me", ["mem="]),
        (GUESTS, "create carol mem=64 me", []),
        (GUESTS, "create carol kernel=t", ["kernel=tuned"]),
        (GUESTS, "create carol confine=", ["confine=no", "confine=yes"]),
        (GUESTS, "create carol union=", ["union=auto", "union=cowfs", "union=overlay"]),
        (GUESTS, "create carol wrong=", []),
        (ALICE, "delif eth", ["eth0", "eth1"]),
        (ALICE, "addif eth9 bridge=", ["bridge=br0"]),
        (ALICE, "help del", ["delif"]),
        (BR0, "addif ", ["alice", "bob"]),
        (BR0, "addif bob ", ["lan"]),
        (BR0, "addif nobody ", []),
        (VPN, "layers ", [*(f"{each}=" for each in sorted(VPN.verbs["layers"].options or ())), "off", "on"]),
        (LAB, "load v", ["vpn"]),
        (LAB, "plan o", ["off", "on"]),
        (LAB, "nonsense ", []),
    ],
)
def test_the_word_at_the_cursor_is_completed(room: Room, line: str, found: list[str]) -> None:
    *before, word = line.split(" ")

    assert completion.completions(room, before, word, KNOWN) == sorted(found)


def test_a_script_has_answers_below_the_verb_that_asks() -> None:
    script = Script(io.StringIO("# first\n\n  guest\ncreate\nalice\n# kernel\n\n"))

    lines = [script.line(LAB, planning=False) for _number in range(2)]
    answers = [script.answer(Question("guest name")), script.answer(Question("kernel image", "default"))]

    assert (lines, script.number) == (["  guest", "create"], 7)
    assert answers == ["alice", "default"]
    assert script.answer(Question("memory", "128")) == "128"
    with pytest.raises(EOFError):
        script.line(LAB, planning=False)
    with pytest.raises(InvalidInput, match="guest name: there is no answer"):
        script.answer(Question("guest name"))


def guests(**state: str) -> SeenLab:
    """A lab with guests of these states."""
    return SeenLab("/srv/lab", "lab", guests={name: SeenGuest(name, each) for name, each in state.items()})


def test_the_bottom_line_names_guests_where_there_is_room() -> None:
    lab = guests(alice="running", bob="stopped")

    def text(columns: int, *, planning: bool = False) -> str:
        return "".join(part for _style, part in states.bottom_line(lab, planning=planning, columns=columns))

    assert text(80) == " alice running  bob stopped "
    assert text(80, planning=True).startswith(" plan ")
    assert text(20) == " 1 running  1 stopped "
    assert "no guests in /srv/lab" in states.bottom_line(guests(), planning=False, columns=80)[-1][1]


@pytest.mark.parametrize("package", ["dumm_lab", "prompt_toolkit"])
def test_a_package_that_is_missing_is_named_with_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package or name == f"{PACKAGE}.terminal"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]
    # A terminal, without which it is a script, which needs no more than the package.
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r+b", buffering=0) as raw, io.TextIOWrapper(raw) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stdout", terminal)
        with pytest.raises(HostError) as caught:
            console.run([], "/nowhere")
    os.close(ours)

    assert str(caught.value).startswith(
        f"console: the Python package {package} is not installed; install 'dumm-lab[console]'"
    )


def test_each_option_of_a_line_is_one_of_its_body() -> None:
    specs = {"guest": options.GUEST, "bridge": options.BRIDGE, "scenario": options.SCENARIO}
    for room in ROOMS:
        for name, verb in room.verbs.items():
            kind = "iface" if (room, name) == (ALICE, "addif") else "scenario" if name == "load" else room.kind
            spec = {**specs, "iface": options.IFACE}.get(kind, {})
            assert (verb.options or {}).keys() <= spec.keys(), (room, name)
