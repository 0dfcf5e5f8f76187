# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scene in the language of D2 (d2lang.com).  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.lab import Power
from .scene import Kind, Line, Node, Scene
from .text import quoted


def d2(scene: Scene) -> str:
    """The text of a D2 file."""
    parts = ["direction: right", *(line for node in scene.nodes for line in _node(node))]
    parts += [text for line in scene.lines for text in _line(line)]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    # In quotes, too, ${x} is a variable.
    return quoted(text).replace("$", "\\$")


def _node(node: Node) -> Iterator[str]:
    yield f"{_text(node.key)}: {_text(node.name + (chr(10) + node.note if node.note else ''))} {{"
    yield f"  shape: {'oval' if node.kind is Kind.SEGMENT else 'rectangle'}"
    if node.kind is Kind.ROUTER:
        yield "  style.double-border: true"
    if node.state not in (None, Power.RUNNING):
        yield "  style.opacity: 0.5"
    yield "}"


def _line(line: Line) -> Iterator[str]:
    middle = ", ".join(each for each in (line.prefix, line.conditions) if each)
    yield f"{_text(line.a.node)} -- {_text(line.b.node)}: {_text(middle)} {{"
    for end, name in ((line.a, "source"), (line.b, "target")):
        if end.text:
            yield f"  {name}-arrowhead.label: {_text(end.text)}"
    if line.down:
        yield "  style.stroke-dash: 5"
    yield "}"
