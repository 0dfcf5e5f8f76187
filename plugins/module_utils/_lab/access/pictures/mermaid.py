# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scene as Mermaid, which GitHub, GitLab and many editors draw themselves (mermaid.js.org, flowchart).  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .scene import Kind, Line, Node, Scene
from .text import entities

_CLASSES = """\
  classDef router stroke-width:3px
  classDef segment fill:#2f5d9b,stroke:#2f5d9b,color:#fff
"""


def mermaid(scene: Scene) -> str:
    """The text of a Mermaid file."""
    ids = {node.key: f"{node.kind.value[0]}{number}" for number, node in enumerate(scene.nodes)}
    lines = ["graph LR", *(f"  {_node(node, ids[node.key])}" for node in scene.nodes)]
    lines += [f"  {ids[line.a.node]} {_line(line)} {ids[line.b.node]}" for line in scene.lines]
    return "\n".join(lines) + "\n" + _CLASSES


def _node(node: Node, name: str) -> str:
    if node.kind is Kind.SEGMENT:
        note = f"<br/>{entities(node.note)}" if node.note else ""
        return f'{name}(["{entities(node.name)}{note}"]):::segment'
    state = f"<br/>{node.state.value}" if node.state is not None else ""
    return f'{name}["{entities(node.name)}{state}"]' + (":::router" if node.kind is Kind.ROUTER else "")


def _line(line: Line) -> str:
    """Dotted where an end is down."""
    said = " · ".join(map(entities, _said(line)))
    if not said:
        return "-.-" if line.down else "---"
    return f'-. "{said}" .-' if line.down else f'-- "{said}" ---'


def _said(line: Line) -> Iterator[str]:
    yield from (each for each in (line.a.text, line.prefix, line.conditions, line.b.text) if each)
