# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random edits of real texts: what comes out means what was meant, and every line that the edit is not about is as it was.

What an edit means is worked out here once more, and without ``edit``: on the data, as PyYAML has it.
"""

from __future__ import annotations

import copy
import difflib
import random
import re
from collections import Counter
from typing import Any

import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import edit
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.edit import Append, Edit, Remove, Set
from ansible_collections.dumm.lab.tests.unit.helpers import texts

Path = tuple[Any, ...]
KEYS = ["zoe", "mem", "eth7", "on", "10:20", "a b", "net.ipv4.ip_forward", "/etc/motd", "ü", "<<", "true", "- x"]
WORDS = [
    *("zoe", "on", "off", "yes", "null", "~", "", " ", "10:20", "0644", "0o17", "6.1", "1e3", "12:34:56:11:22:33"),
    *("2026-11-30", "fd00::1/64", "10.0.0.1/24", "moon:eth2 -- sun:eth2", "default via 10.1.0.1", "a: b", "a #b", "#c"),
    *("1%", "%x", "@x", "`x", "*x", "&x", "!x", "|", ">", "- x", "-", "?", "? x", "[", "]", "{}", "a,b", "{{ name }}"),
    *(
        'say "hi"',
        "it's",
        "\\d+",
        "tab\there",
        "a\nb\n",
        "a\nb",
        "a\n\n",
        "\na\n",
        "  a\n b\n",
        "a \n",
        "\n",
        "ünï ☃ 😀",
    ),
    *("\x85", "\u2028", "\ufeff", "\x07", "=", "<<", "---", "...", "a:", ":a", "x" * 200, "a\r\nb\r\n", "# only\n"),
]
NUMBERS = [0, 1, -1, 64, 2**40, 1.5, 0.1, 1e30, 1e-9, -0.0, True, False, None]

# One for each way to write YAML that an edit must get along with.
TRAPS = [
    "a: 1 # one\n# two\nb:\n  # three\n  c: 2\n  # four\n\n  d: 3   # five\n# six\n",
    "? a\n: 1\n? b\n: - x\n  - y\n? c\n",
    "a: {x: 1, 'y': \"2\", z, w: , q: {r: [1, 2, ], }, }\n",
    "a: [\n  1, # one\n  # none\n  2,\n  {x: 1,\n   y: 2},\n]\nb: [ 1, 2 ]\nc: [x: 1, y]\nd: {\n  p: 1\n  , q: 2\n}\n",
    "- a\n-\n- - b\n  - c\n  # d\n- e: 1\n  f:\n  - g\n  - h\n-   i: 1\n    j: 2\n",
    "a: |\n  text\n  # no comment\n\n\nb: >-\n  folded\n  more\n\nc: |+\n  keep\n\n\nd: |2\n    deep\n  e\n",
    "e: \"two\n  lines\"\nf: 'it''s\n\n  x'\ng: plain\n  on two\n",
    "%YAML 1.1\n--- # start\na: &x !!map\n  b: !!str 1\n  c: &y 2\nd: &z [1]\n...\n# end\n",
    'a: !!int "3"\nb: !!str\nc: &n\nd: !<tag:yaml.org,2002:str> 5\n',
    "a:\n- 1\n- 2\nb:\n    c:\n        d: 1\n    e:\n    -   f\n    -   g\n",
    "a:\t1\nb:\t{c:\t2}\t# tab\n",
    "\n\n# first\n\na: 1\n\n\nb: 2\n\n# last",
    "{a: 1, b: {c: 2}}\n",
    '{"a":1,"b":[true,null,{"c":"d"}]}',
    '{\n  "a": 1,\n  "b": [\n    1,\n    2\n  ],\n  "c": {\n    "d": null\n  }\n}\n',
    "[a, b, {c: d}]\n",
    "- &b {x: 1}\n- {<<: *b, y: 2}\n- {<<: [*b, {z: 3}], x: 4}\n- k: *b\n  <<: *b\n",
    "a: # why\n  # because\n  b: 1\n  c: # x\n    - 1\n# y\n    - 2\n  # z\nd:\n  e: 1 \n \n\n",
    "a: {}\nb: []\nc: {} # none\nd: [ ] # none\ne: [ # c\n]\nf:   {  }\ng:\n  {}\nh:\n  []\n",
    'key with spaces: 1\n"quoted key": 2\n\'10:20\': 3\n"on": {"off": 1}\n? |\n  block key\n: x\n',
    "a: x#y\nb: 'x' # z\nc: \"x # y\" # z\nd: http://x/#y # z\ne: [x#y, 'a, b', \"c]\"] # z\n",
    "ü: ☃ # 😀\n😀: [☃, ü]\n",
    "a: 1\r\nb:\r\n  - 1\r\n  - 2 # x\r\nc: |\r\n  x\r\n  y\r\n",
    "a:\n  b:\n    c: 1\n  # of b?\n    # deep\n  d: 1\ne: 1\n",
    "- # c\n  a: 1\n- !!map\n  b: 2\n- &q\n  c: 3\n- *q\n",
    "links:\n  - a:eth0 -- b:eth0\n  # spare\n  - {a: a:eth1, b: b:eth1}   # x\n\n  - a:eth2 -- b:eth2\n\n"
    "guests:\n  a:\n  b: # none\n  c: {}\n",
    "x: &a [1, 2]\ny: [*a, 3]\nz: {k: *a, j: &c 5}\nw: *c\n",
    "a: ~\nb: null\nc: NULL\nd:\n",
    "a: 1.0\nb: 0x1F\nc: 1_000\nd: .inf\ne: 2026-11-30\nf: 0644\n",
    "  a: 1\n  b:\n     c: 2\n",
    "---\n- 1\n- 2\n",
    "--- {a: 1}\n",
    "--- |\n text\n",
    "---\n",
    "# nothing\n",
    "",
    "a: 'x'\n\n\n\n",
]


def value(dice: random.Random, depth: int = 0) -> Any:
    """Plain data, most often small."""
    kind = dice.random()
    if kind < 0.4 or depth > 2:
        return dice.choice(WORDS)
    if kind < 0.6:
        return dice.choice(NUMBERS)
    if kind < 0.8:
        return {dice.choice(KEYS): value(dice, depth + 1) for _time in range(dice.randrange(4))}
    return [value(dice, depth + 1) for _time in range(dice.randrange(4))]


def paths(data: Any, path: Path = ()) -> list[Path]:
    """Of everything in some data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(each for key, below in inner for each in paths(below, (*path, key)))]


def at(data: Any, path: Path) -> Any:
    """What is at a path."""
    for key in path:
        data = data[key]
    return data


def drawn(dice: random.Random, data: Any) -> Edit:
    """An edit that some data can have."""
    known = paths(data)
    path = dice.choice(known)
    what = dice.choice(["set", "new", "remove", "append", "insert"])
    if what == "remove" and path:
        return Remove(path)
    if what in ("append", "insert"):
        lists = [each for each in known if isinstance(at(data, each), list)]
        if lists:
            path = dice.choice(lists)
            index = dice.randint(0, len(at(data, path))) if what == "insert" else None
            return Append(path, value(dice), index)
    mappings = [each for each in known if isinstance(at(data, each), dict)]
    if mappings and (what == "new" or not path):
        path, keys = dice.choice(mappings), dice.sample(KEYS, dice.choice([1, 1, 1, 2]))
        below = at(data, path).get(keys[0])
        return Set((*path, *(keys if below is None or isinstance(below, dict) else keys[:1])), value(dice))
    return Set(path, value(dice) if path else {"zoe": value(dice)})


def meant(data: Any, change: Edit) -> Any:
    """The data after an edit."""
    data = copy.deepcopy(data)
    if not change.path and isinstance(change, Set):
        return change.value
    if isinstance(change, Append):
        items = at(data, change.path)
        items.insert(len(items) if change.index is None else change.index, change.value)
        return data
    place = data
    for key in change.path[:-1]:
        if isinstance(place, dict) and place.get(key) is None:
            place[key] = {}
        place = place[key]
    if isinstance(change, Remove):
        del place[change.path[-1]]
    else:
        place[change.path[-1]] = change.value
    return data


def varied(dice: random.Random, text: str) -> str:
    """The same text as another editor might have saved it."""
    if dice.random() < 0.2:
        text = text.rstrip("\n")
    if dice.random() < 0.1 and not text.startswith("---"):
        text = f"---\n{text}"
    if dice.random() < 0.2:
        text = re.sub("\r?\n", "\r\n", text)
    return f"\ufeff{text}" if dice.random() < 0.1 else text


def span(text: str, path: Path) -> tuple[int, int]:
    """First and last line of a value with its key, or of what is nearest around where that would be, as PyYAML's marks have them."""
    node, first = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), 0
    for key in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(each, each) for each in node.value]
        found = [pair for number, pair in enumerate(pairs) if key in (number, pair[0].value)]
        if not found:
            break
        first, node = found[0][0].start_mark.line, found[0][1]
    return first, node.end_mark.line


def touched(before: list[str], after: list[str]) -> set[int]:
    """Lines that are not there any more."""
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return set(range(len(before))) - {block.a + number for block in blocks for number in range(block.size)}


def comments(text: str) -> Counter[str]:
    """Lines that are nothing else, but for how deep they stand."""
    return Counter(line.strip() for line in text.splitlines() if line.lstrip().startswith("#"))


def is_there(data: Any, path: Path) -> bool:
    """Whether a path leads to something."""
    try:
        at(data, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def same(one: Any, other: Any) -> bool:
    """Whether data is the same, with the order of keys, and 1 is not true."""
    return repr(one) == repr(other)


def check_lines(text: str, after: str, before: Any, change: Edit) -> None:
    """What an edit is not about is in the lines that it was in, comments above all."""
    old = text.splitlines()
    first, last = span(text, change.path)
    while last + 1 < len(old) and re.match(" +#", old[last + 1]):
        last += 1  # indented deeper, so of it
    allowed = set(range(first, last + 1))
    gone = touched(old, after.splitlines())
    if isinstance(change, Remove):
        # Brackets of what is empty now, or what stands behind the dash or in the brackets.
        assert len(gone) <= len(allowed) + 1
        around = span(text, change.path[:-1])
        allowed = set(range(around[0], around[1] + 1))
    assert gone <= allowed, change
    inside = (
        comments("\n".join(old[first : last + 1]))
        if is_there(before, change.path) and not isinstance(change, Append)
        else Counter()
    )
    assert comments(text) - inside <= comments(after), change


@given(st.integers(min_value=0))
@settings(max_examples=settings().max_examples * 25)
def test_an_edit_of_the_text_is_the_edit_of_the_data(seed: int) -> None:
    dice = random.Random(seed)
    text = varied(dice, dice.choice((*texts.real(), *TRAPS)))
    before = edit.plain(edit.read(text.removeprefix("\ufeff"), "x.yml").root)
    if not isinstance(before, (dict, list)):
        return
    change = drawn(dice, before)
    try:
        after = edit.edited(text, [change], source="x.yml")
    except InvalidInput as exc:
        event(f"refused: {exc.cause[:40]}")
        assert any(each in text for each in ("&", "*", "<<")) or "no end" in exc.cause, (change, exc)
        return
    event(type(change).__name__)

    document = edit.read(after.removeprefix("\ufeff"), "x.yml")
    assert document.faults == []
    assert same(edit.plain(document.root), meant(before, change))
    assert after.startswith("\ufeff") == text.startswith("\ufeff")
    if "*" not in text:  # PyYAML's marks of an alias are those of its anchor
        check_lines(text.removeprefix("\ufeff"), after.removeprefix("\ufeff"), before, change)
    assert "\n" not in after.replace("\r\n", "") or "\n" in text.replace("\r\n", "") or "\r" not in text


def test_an_edit_that_changes_nothing_leaves_every_byte() -> None:
    for text in (*texts.real(), *TRAPS):
        data = edit.plain(edit.read(text, "x.yml").root)

        assert edit.edited(text, [Set((), data)], source="x.yml") == text
