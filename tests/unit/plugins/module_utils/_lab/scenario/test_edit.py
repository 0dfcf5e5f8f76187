# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an edit makes of a scenario's text, case by case; ``test_edit_properties`` tries what nobody thought of."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import edit as edits_of_texts
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import Append, Edit, Remove, Set, edited

LAB = """\
# The lab of the course.
defaults: {mem: 64}   # small

bridges:
  lan: {prefix: 10.0.0.0/24}  # clients
  wan:

guests:
  # the gateway
  moon:
    mem: 128  # more
    interfaces:
      eth0: {bridge: wan, address: 192.168.0.1/24}
      eth1: &usual
        mtu: 1400 # tunnel
      eth2: *usual
      eth3: {<<: *usual, mac: "12:34:56:11:22:33"}
    files:
      /etc/motd: |
        hello
        you

  sun:
links:
  - moon:eth4 -- sun:eth0   # first
  - {a: moon:eth5, b: sun:eth1}
  - a: moon:eth6
    # the other end
    b: sun:eth2
"""


def change(*edits: Edit, text: str = LAB) -> list[str]:
    """The lines that differ: ``-`` goes, ``+`` comes."""
    after = edited(text, edits, source="lab.yml")
    lines = difflib.unified_diff(text.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (Append(("links",), "sun:eth9 -- moon:eth9"), ["+  - sun:eth9 -- moon:eth9"]),
        (
            Append(("links",), {"a": "sun:eth9", "b": "moon:eth9", "delay": "20ms"}, 1),
            ["+  - {a: sun:eth9, b: moon:eth9, delay: 20ms}"],
        ),
        (Set(("bridges", "dmz", "prefix"), "fd00::/64"), ['+  dmz: {prefix: "fd00::/64"}']),
        (Set(("guests", "mars"), None), ["+", "+  mars:"]),
        (Set(("guests", "sun", "mem"), 48), ["+    mem: 48"]),
        (Set(("guests", "moon", "mem"), 256), ["-    mem: 128  # more", "+    mem: 256  # more"]),
        (Set(("guests", "moon", "kernel"), "6.1"), ['+    kernel: "6.1"']),
        (Remove(("guests", "moon", "mem")), ["-    mem: 128  # more"]),
        (Remove(("links", 1)), ["-  - {a: moon:eth5, b: sun:eth1}"]),
        (
            Set(("links", 1, "loss"), "1%"),
            ["-  - {a: moon:eth5, b: sun:eth1}", "+  - {a: moon:eth5, b: sun:eth1, loss: 1%}"],
        ),
        (
            Set(("links", 0), {"a": "moon:eth4", "b": "sun:eth0", "loss": "1%"}),
            ["-  - moon:eth4 -- sun:eth0   # first", "+  - {a: moon:eth4, b: sun:eth0, loss: 1%}   # first"],
        ),
        # The comment is about what stays.
        (Remove(("links", 2, "a")), ["-  - a: moon:eth6", "+  -"]),
        # What << brings is overridden, an alias is replaced.
        (
            Set(("guests", "moon", "interfaces", "eth3", "mtu"), 1300),
            [
                '-      eth3: {<<: *usual, mac: "12:34:56:11:22:33"}',
                '+      eth3: {<<: *usual, mac: "12:34:56:11:22:33", mtu: 1300}',
            ],
        ),
        (
            Set(("guests", "moon", "interfaces", "eth2"), {"bridge": "lan", "up": False}),
            ["-      eth2: *usual", "+      eth2:", "+        bridge: lan", "+        up: false"],
        ),
        (Set(("guests", "moon", "files", "/etc/motd"), "hello\nall\n"), ["-        you", "+        all"]),
        (Set(("hosts",), False), ["+hosts: false"]),
        # Of a value that is there, only what differs is changed.
        (
            Set(("bridges",), {"lan": {"prefix": "10.0.1.0/24"}, "wan": None}),
            ["-  lan: {prefix: 10.0.0.0/24}  # clients", "+  lan: {prefix: 10.0.1.0/24}  # clients"],
        ),
        (Set(("guests", "moon", "mem"), 128), []),
    ],
    ids=str,
)
def test_an_edit_changes_a_line(edit: Edit, lines: list[str]) -> None:
    assert change(edit) == lines


def test_comments_in_what_is_removed_go_and_those_above_it_stay() -> None:
    after = edited(LAB, [Remove(("guests", "moon"))], source="lab.yml")

    assert "# the gateway" in after
    assert "# tunnel" not in after
    assert "# more" not in after


def test_the_last_item_of_a_list_leaves_brackets_behind() -> None:
    after = edited(LAB, [Remove(("links", 0))] * 3, source="lab.yml")

    assert after.endswith("  sun:\nlinks: []\n")


@pytest.mark.parametrize(
    ("text", "edit", "after"),
    [
        ("", Set(("guests", "a"), None), "guests:\n  a:\n"),
        ("# only\r\n", Set(("guests", "a"), {"mem": 3}), "# only\r\nguests:\r\n  a: {mem: 3}\r\n"),
        ("---\n", Set(("guests", "a"), None), "---\nguests:\n  a:\n"),
        ("guests: {}", Set(("guests", "a"), None), "guests:\n  a:"),
        ("guests: {} # none\n", Set(("guests", "a"), None), "guests: # none\n  a:\n"),
        ("guests:\n  # the client\n  a:\n", Remove(("guests", "a")), "guests: {}\n  # the client\n"),
        ("links:\n- a:e -- b:e", Append(("links",), "a:f -- b:f"), "links:\n- a:e -- b:e\n- a:f -- b:f"),
        ("links: [\n  x,\n  y # z\n]\n", Append(("links",), "w"), "links: [\n  x,\n  y, # z\n  w\n]\n"),
        ("links: [\n  x,\n  y, # z\n]\n", Append(("links",), "w"), "links: [\n  x,\n  y, # z\n  w,\n]\n"),
        ("links: [\n  x, # x\n  y, # y\n]\n", Remove(("links", 1)), "links: [\n  x, # x\n]\n"),
        ("links: [x, y, z]\n", Remove(("links", 0)), "links: [y, z]\n"),
        ("links: [x, y, z]\n", Append(("links",), "w", 1), "links: [x, w, y, z]\n"),
        ("a: { b: 1 }\n", Set(("a", "c"), 2), "a: { b: 1, c: 2 }\n"),
        ("a: {b}\n", Set(("a", "b"), 2), "a: {b: 2}\n"),
        ("a:   1\n", Set(("a",), "on"), 'a:   "on"\n'),
        ("m: '0600'\n", Set(("m",), "0644"), "m: '0644'\n"),
        ("a: |\n  x\n\nb: 1\n", Set(("a",), "y"), "a: y\n\nb: 1\n"),
        (
            "a: 1\nb:\n    c: 2\n",
            Set(("d",), {"e": {"f": "x\ny\n"}}),
            "a: 1\nb:\n    c: 2\nd:\n    e:\n        f: |\n            x\n            y\n",
        ),
        ("\ufeffa: 1\r\n", Set(("b",), [1]), "\ufeffa: 1\r\nb:\r\n  - 1\r\n"),
        ("a: &x 1\nb: 2\n", Set(("a",), 3), "a: &x 3\nb: 2\n"),
        ("- a: 1\n  b: 2\n", Remove((0, "a")), "- b: 2\n"),
        ("on: 1 # x\n", Set(("on",), 2), "on: 2 # x\n"),
        ("a: [x: 1]\n", Set(("a", 0, "y"), 2), "a: [{x: 1, y: 2}]\n"),
    ],
)
def test_texts_of_every_kind_keep_it(text: str, edit: Edit, after: str) -> None:
    assert edited(text, [edit], source="lab.yml") == after


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            Set(("guests", "moon", "interfaces", "eth2", "mtu"), 1300),
            "lab.yml:16:7: guests.moon.interfaces.eth2: it is an alias, *usual; edit the anchor &usual, or",
        ),
        (
            Set(("guests", "moon", "interfaces", "eth1", "mtu"), 1300),
            "lab.yml:15:14: guests.moon.interfaces.eth1.mtu: it belongs to the anchor usual, which line 16 repeats; write",
        ),
        (Remove(("guests", "moon", "interfaces", "eth1")), "it belongs to the anchor usual, which line 16 repeats"),
        (
            Remove(("guests", "moon", "interfaces", "eth3", "mtu")),
            "it comes from an anchor by <<; edit the mapping with the anchor",
        ),
        (Remove(("guests", "venus")), "lab.yml:8:1: guests: guests.venus is not there; name what is"),
        (
            Set(("guests", "moon", "mem", "size"), 1),
            "lab.yml:11:10: guests.moon.mem: it is a number, in which there is no size; name",
        ),
        (Set(("links", 7), "x"), "links: there is no item 7 in it, it has 3; name another"),
        (Append(("links",), "x", 7), "links: there is no item 7 in it, it has 3; name another"),
        (Append(("guests",), "x"), "guests: this is a mapping, not a list; name a list"),
        (Set(("pools", 0), "x"), "there is no list pools; append an item"),
        (Set(("a",), float("nan")), "nan is not a number that JSON has"),
        (Set(("a",), {1: 2}), "the key 1 is not text; give it as text"),
        (Set(("a",), "\ud800"), "half of a surrogate pair"),
        (Set(("a",), 2**70), "the number is too large"),
        (Set(("a",), {1, 2}), "a value is of type set; give plain data"),
    ],
    ids=str,
)
def test_what_cannot_be_edited_is_refused_with_a_place_and_a_remedy(edit: Edit, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        edited(LAB, [edit], source="lab.yml")

    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "[a]: 2\n", "a: \x07\n"])
def test_a_text_that_has_faults_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^lab\.yml"):
        edited(text, [Set(("b",), 1)], source="lab.yml")


def test_several_edits_are_made_together_or_not_at_all() -> None:
    first: list[Any] = [Set(("guests", "venus"), {"mem": 48}), Append(("links",), "venus:eth0 -- sun:eth9")]

    assert len([line for line in change(*first) if line.startswith("+")]) > 2
    with pytest.raises(InvalidInput, match=r"guests\.mars is not there"):
        edited(LAB, [*first, Remove(("guests", "mars"))], source="lab.yml")


@pytest.mark.parametrize("layout", ["      eth0: {bridge: lan}\n", "      eth0:\n        bridge: lan  # here\n"])
def test_many_values_at_places_of_their_own_are_written_at_once(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "guests:\n" + "".join(f"  g{number}:\n    interfaces:\n{layout}" for number in range(20)) + "  last:\n"
    edits = [Set(("guests", f"g{n}", "interfaces", "eth0", "address"), f"10.0.0.{n}/24") for n in range(20)]
    edits += [Set(("guests", "last", "interfaces", "eth0"), {"bridge": "lan"})]
    one_by_one = text
    for each in edits:
        one_by_one = edited(one_by_one, [each], source="lab.yml")
    times = []
    known = edits_of_texts.read
    monkeypatch.setattr(edits_of_texts, "read", lambda *words: times.append(1) or known(*words))
    assert edited(text, edits, source="lab.yml") == one_by_one
    assert len(times) == 2


@pytest.mark.parametrize(
    "edits",
    [
        # One makes what the next is in; two are of one place; one is refused.
        [Set(("a", "b"), {}), Set(("a", "b", "c"), 1), Set(("d",), 2), Set(("e",), 3)],
        [Set(("n",), 1), Set(("n",), 2), Set(("m",), 3), Set(("m",), 4)],
        [Set(("a",), 1), Set(("b",), 2), Set(("c",), 3), Set(("d",), 4)],
        [Set(("a",), 1), Remove(("a",)), Set(("c",), 3), Append(("d",), 4)],
    ],
)
def test_values_that_depend_on_each_other_are_written_one_after_the_other(edits: list[Edit]) -> None:
    text = one_by_one = "x: {y: 1}\nz:\n"
    for each in edits:
        one_by_one = edited(one_by_one, [each], source="lab.yml")
    assert edited(text, edits, source="lab.yml") == one_by_one
