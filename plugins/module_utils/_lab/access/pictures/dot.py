# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drawing in the language of Graphviz (graphviz.org/doc/info/lang.html), with the places of the SVG.  Pure."""

from __future__ import annotations

from .drawing import Drawing, Drawn
from .scene import Kind, Line
from .text import quoted

_HEAD = """\
graph lab {
  graph [layout=neato inputscale=72 splines=true]
  node [fontname="sans-serif" fontsize=12 shape=box style=rounded]
  edge [fontname="sans-serif" fontsize=9]
"""


def dot(drawing: Drawing) -> str:
    """The text of a DOT file."""
    lines = [f"  {each}" for each in (*map(_node, drawing.nodes), *(_line(curve.line) for curve in drawing.curves))]
    return _HEAD + "\n".join(lines) + "\n}\n"


def _node(drawn: Drawn) -> str:
    node, box = drawn.node, drawn.box
    label = f"{node.name}\n{drawn.note}" if drawn.note else node.name
    more = ' style="rounded,filled" fillcolor="#dbe6f5"' if node.kind is Kind.SEGMENT else ""
    more += " penwidth=2" if node.kind is Kind.ROUTER else ""
    # Upwards, in points; "!" keeps it there.
    return f'{quoted(node.key)} [label={quoted(label)} pos="{box.x:.0f},{-box.y:.0f}!"{more}]'


def _line(line: Line) -> str:
    told = {"taillabel": line.a.text, "headlabel": line.b.text, "label": _middle(line)}
    more = "".join(f" {name}={quoted(text)}" for name, text in told.items() if text)
    more += " style=dashed" if line.down else ""
    return f"{quoted(line.a.node)} -- {quoted(line.b.node)} [{more.strip()}]"


def _middle(line: Line) -> str:
    return "\n".join(each for each in (line.prefix, line.conditions) if each)
