# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenario files that nobody should write, made of those that somebody did.  Pure, and the same for the same dice.

A valid file is changed where it has structure (keys, values, whole branches), as text (lines, indentation, YAML's own signs), or as
bytes; and there are files that mean harm: templates, tags, numbers, and what grows when it is read.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml
from material import HEAVY, KEYS, LETTERS, SEEDS, SIGNS, TEMPLATES, VALUES

Tree: TypeAlias = Any
_Place: TypeAlias = "tuple[Any, Any]"


@dataclass(frozen=True)
class Bad:
    """A file.

    :ivar how: what was done to it, in words.
    :ivar template: whether it may take as much time as a template is given.
    """

    how: str
    content: bytes
    template: bool = False


def mangled(dice: random.Random) -> Bad:
    """A file out of the dice."""
    ways: tuple[tuple[int, Callable[[random.Random], tuple[str, str | bytes]]], ...] = (
        (50, _structure),
        (25, _text),
        (10, _bytes),
        (10, _template),
        (5, _bomb),
    )
    way = dice.choices([way for _weight, way in ways], [weight for weight, _way in ways])[0]
    how, content = way(dice)
    return Bad(
        how, content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"), way is _template
    )


def heavy(dice: random.Random) -> Bad:
    """A file whose template never ends by itself."""
    template = dice.choice(HEAVY)
    return Bad("heavy template", _with_template(template).encode(), template=True)


# Structure


def _structure(dice: random.Random) -> tuple[str, str]:
    tree = yaml.safe_load(dice.choice(SEEDS))
    done = [
        _CHANGES[change](tree, dice) for change in dice.choices(range(len(_CHANGES)), k=dice.choice((1, 1, 1, 2, 3, 6)))
    ]
    return f"structure: {', '.join(done)}", _dump(tree)


def _dump(tree: Tree) -> str:
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000))


def _places(tree: Tree) -> list[_Place]:
    """All places below: a mapping or a list, and a key in it."""
    found: list[_Place] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys: list[Any] = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        found += [(node, key) for key in keys]
        waiting += [node[key] for key in keys]
    return found


def _place(tree: Tree, dice: random.Random) -> _Place:
    return dice.choice(_places(tree) or [([None], 0)])


def _nasty(dice: random.Random) -> Tree:
    return copy.deepcopy(dice.choice(VALUES))


def _replace(tree: Tree, dice: random.Random) -> str:
    node, key = _place(tree, dice)
    node[key] = _nasty(dice)
    return f"{key!r} is another"


def _remove(tree: Tree, dice: random.Random) -> str:
    node, key = _place(tree, dice)
    del node[key]
    return f"no {key!r}"


def _rename(tree: Tree, dice: random.Random) -> str:
    node, key = _place(tree, dice)
    if isinstance(node, list):
        node.append(node[key])
        return "an item twice"
    new = dice.choice((*KEYS, None, True, 10, 1.5))
    node[new] = node.pop(key)
    return f"{key!r} called {str(new)[:20]!r}"


def _add(tree: Tree, dice: random.Random) -> str:
    node, _key = _place(tree, dice)
    if isinstance(node, list):
        node.insert(dice.randrange(len(node) + 1), _nasty(dice))
        return "an item more"
    key = dice.choice(KEYS)
    node[key] = _nasty(dice)
    return f"{key[:20]!r} more"


def _move(tree: Tree, dice: random.Random) -> str:
    (node, key), (other, where) = _place(tree, dice), _place(tree, dice)
    other[where] = copy.deepcopy(node[key])
    return f"{key!r} also at {where!r}"


def _wrap(tree: Tree, dice: random.Random) -> str:
    node, key = _place(tree, dice)
    for _level in range(dice.choice((1, 1, 2, 120))):
        node[key] = dice.choice(([node[key]], {"a": node[key]}))
    return f"{key!r} wrapped"


def _copy_guest(tree: Tree, dice: random.Random) -> str:
    guests = tree.get("guests") if isinstance(tree, dict) else None
    if not isinstance(guests, dict) or not guests:
        return "nothing"
    name = f"{dice.choice(list(guests))}{dice.randrange(9)}"
    guests[name] = copy.deepcopy(dice.choice(list(guests.values())))
    return f"guest {name[:20]!r} like another"


_CHANGES: tuple[Callable[[Tree, random.Random], str], ...] = (
    *(_replace, _replace, _replace, _remove, _rename, _add, _add, _move, _wrap, _copy_guest),
)

# Text


def _text(dice: random.Random) -> tuple[str, str]:
    lines = dice.choice(SEEDS).splitlines(keepends=True)
    done = []
    for _time in range(dice.choice((1, 1, 2, 3, 8))):
        number = dice.randrange(len(lines) or 1)
        change = dice.choice(_LINES)
        lines = change(lines, number, dice)
        done.append(f"{change.__name__.strip('_')} at {number + 1}")
    return f"text: {', '.join(done)}", "".join(lines)


def _line_gone(lines: list[str], number: int, _dice: random.Random) -> list[str]:
    return lines[:number] + lines[number + 1 :]


def _line_twice(lines: list[str], number: int, _dice: random.Random) -> list[str]:
    return lines[: number + 1] + lines[number:]


def _line_elsewhere(lines: list[str], number: int, dice: random.Random) -> list[str]:
    rest = lines[:number] + lines[number + 1 :]
    where = dice.randrange(len(rest) + 1)
    return rest[:where] + lines[number : number + 1] + rest[where:]


def _indentation(lines: list[str], number: int, dice: random.Random) -> list[str]:
    other = [dice.choice(("  ", " ", "\t", "")) + line.lstrip() for line in lines[number : number + 1]]
    return [*lines[:number], *other, *lines[number + 1 :]]


def _cut(lines: list[str], number: int, dice: random.Random) -> list[str]:
    kept = lines[: number + 1]
    return [*kept[:-1], *(line[: dice.randrange(len(line) + 1)] for line in kept[-1:])]


def _sign(lines: list[str], number: int, dice: random.Random) -> list[str]:
    changed = []
    for line in lines[number : number + 1]:
        where = dice.choice((0, line.find(":") + 1, line.find(": ") + 2, len(line), dice.randrange(len(line) + 1)))
        changed.append(f"{line[:where]}{dice.choice(SIGNS)}{dice.choice(('', ' ', chr(10)))}{line[where:]}")
    return [*lines[:number], *changed, *lines[number + 1 :]]


def _letter(lines: list[str], number: int, dice: random.Random) -> list[str]:
    letter = dice.choice(LETTERS)
    where = dice.randrange(80)
    return [
        *lines[:number],
        *(line[:where] + letter + line[where + 1 :] for line in lines[number : number + 1]),
        *lines[number + 1 :],
    ]


_LINES: tuple[Callable[[list[str], int, random.Random], list[str]], ...] = (
    *(_line_gone, _line_twice, _line_elsewhere, _indentation, _cut, _sign, _sign, _letter),
)

# Bytes


def _bytes(dice: random.Random) -> tuple[str, bytes]:
    raw = bytearray(dice.choice(SEEDS).encode())
    kind = dice.randrange(6)
    if kind == 0:
        return "bytes: UTF-16", raw.decode().encode("utf-16")
    if kind == 1:
        return "bytes: cut", bytes(raw[: dice.randrange(len(raw))])
    if kind == 2:
        return "bytes: noise", dice.randbytes(dice.randrange(2000))
    if kind == 3:
        where = dice.randrange(len(raw))
        return "bytes: noise inside", bytes(raw[:where] + dice.randbytes(dice.randrange(1, 40)) + raw[where:])
    if kind == 4:
        return "bytes: carriage returns", bytes(raw.replace(b"\n", dice.choice((b"\r", b"\r\n", b"\n\r\0"))))
    for _time in range(dice.choice((1, 3, 20))):
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return "bytes: bits", bytes(raw)


# What means harm


def _with_template(template: str) -> str:
    return _dump({"guests": {"moon": {"files": {"/etc/x": {"template": template}}}, "sun": None}})


def _template(dice: random.Random) -> tuple[str, str]:
    template = dice.choice(TEMPLATES)
    if dice.random() < 0.3:
        template = f"{template}{dice.choice(TEMPLATES)}"
    return "template", _with_template(template)


def _bomb(dice: random.Random) -> tuple[str, str]:
    depth = dice.choice((5, 9, 30))
    bombs: tuple[tuple[str, Callable[[], str]], ...] = (
        ("aliases of lists", lambda: _aliases(depth)),
        ("aliases of maps", lambda: _aliases(depth, "k")),
        (
            "unknown keys",
            lambda: "guests:\n  a:\n" + "".join(f"    k{n}: 1\n" for n in range(dice.choice((100, 20_000)))),
        ),
        ("wrong links", lambda: "guests: {a: }\nlinks:\n" + "- a:eth0 -- b:eth0\n" * dice.choice((100, 5000))),
        (
            "wrong bridges",
            lambda: "guests:\n" + "".join(f"  g{n}: {{interfaces: {{eth0: {{bridge: x{n}}}}}}}\n" for n in range(2000)),
        ),
        ("depth", lambda: "guests: " + "[" * dice.choice((50, 5000, 200_000))),
        ("depth of blocks", lambda: "".join(f"{' ' * n}a:\n" for n in range(dice.choice((90, 500))))),
        ("a long line", lambda: "guests: {a: {cmdline: '" + "x" * dice.choice((10_000, 5_000_000)) + "'}}\n"),
        ("a long number", lambda: f"guests: {{a: {{mem: {'59:' * 3000}1}}}}\n"),
        ("many guests", lambda: "guests:\n" + "".join(f"  g{n}: {{memory: 1}}\n" for n in range(3000))),
        ("many documents", lambda: "--- {guests: {a: }}\n" * 1000),
        ("many anchors", lambda: "guests:\n" + "".join(f"  g{n}: &a{n} {{mem: 1}}\n" for n in range(2000))),
    )
    what, make = dice.choice(bombs)
    return f"bomb: {what}", make()


def _aliases(depth: int, key: str = "") -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]\n"]
    for level in range(1, depth):
        items = [f"*a{level - 1}"] * 9
        inner = ", ".join(f"{key}{n}: {item}" for n, item in enumerate(items)) if key else ", ".join(items)
        lines.append(f"a{level}: &a{level} {'{' if key else '['}{inner}{'}' if key else ']'}\n")
    return "".join(lines) + f"guests: {{moon: {{vars: {{x: *a{depth - 1}}}}}}}\n"
