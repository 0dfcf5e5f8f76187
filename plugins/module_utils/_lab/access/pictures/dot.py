# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scene in the language of Graphviz (graphviz.org/doc/info/lang.html).  Pure."""

from __future__ import annotations

from .scene import Kind, Line, Node, Scene
from .text import quoted

_HEAD = """\
graph lab {
  graph [layout=neato overlap=false splines=true]
  node [fontname="sans-serif" shape=box style=rounded]
  edge [fontname="sans-serif" fontsize=9]
"""


def dot(scene: Scene) -> str:
    """The text of a DOT file."""
    lines = [f"  {each}" for each in (*map(_node, scene.nodes), *map(_line, scene.lines))]
    return _HEAD + "\n".join(lines) + "\n}\n"


def _node(node: Node) -> str:
    label = f"{node.name}\n{node.note}" if node.note else node.name
    more = ' style="rounded,filled" fillcolor="#dbe6f5"' if node.kind is Kind.SEGMENT else ""
    more += " penwidth=2" if node.kind is Kind.ROUTER else ""
    return f"{quoted(node.key)} [label={quoted(label)}{more}]"


def _line(line: Line) -> str:
    told = {"taillabel": line.a.text, "headlabel": line.b.text, "label": _middle(line)}
    more = "".join(f" {name}={quoted(text)}" for name, text in told.items() if text)
    more += " style=dashed" if line.down else ""
    return f"{quoted(line.a.node)} -- {quoted(line.b.node)} [{more.strip()}]"


def _middle(line: Line) -> str:
    return "\n".join(each for each in (line.prefix, line.conditions) if each)
