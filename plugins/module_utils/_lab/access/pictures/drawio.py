# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drawing as a file of draw.io (diagrams.net), to go on drawing in: places as in the SVG, lines that stay at their nodes.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .drawing import Curve, Drawing, Drawn
from .scene import Kind
from .text import xml

_STYLES = {
    Kind.HOST: "rounded=1;whiteSpace=wrap;html=0;",
    Kind.ROUTER: "rounded=1;whiteSpace=wrap;html=0;strokeWidth=2;strokeColor=#2f5d9b;fillColor=#e3edfb;",
    Kind.SEGMENT: "rounded=1;arcSize=50;whiteSpace=wrap;html=0;fillColor=#2f5d9b;strokeColor=#2f5d9b;fontColor=#ffffff;",
}
_LINE = "endArrow=none;html=0;rounded=0;"
_LABEL = "edgeLabel;html=0;align=center;verticalAlign=middle;resizable=0;points=[];fontSize=10;"


def drawio(drawing: Drawing) -> str:
    """The text of a file of draw.io."""
    ids = {drawn.node.key: f"n{number}" for number, drawn in enumerate(drawing.nodes)}
    cells = [
        '<mxCell id="0"/>',
        '<mxCell id="1" parent="0"/>',
        *(_node(each, ids[each.node.key]) for each in drawing.nodes),
    ]
    for number, curve in enumerate(drawing.curves):
        cells += _line(curve, f"l{number}", ids)
    body = "\n".join(f"        {cell}" for cell in cells)
    return (
        f'<mxfile>\n  <diagram name="{xml(drawing.name)}">\n    <mxGraphModel>\n      <root>\n{body}\n'
        "      </root>\n    </mxGraphModel>\n  </diagram>\n</mxfile>\n"
    )


def _node(drawn: Drawn, name: str) -> str:
    box = drawn.box
    label = f"{drawn.node.name}\n{drawn.note}" if drawn.note else drawn.node.name
    place = (
        f'x="{box.x - box.wide / 2:.0f}" y="{box.y - box.high / 2:.0f}" width="{box.wide:.0f}" height="{box.high:.0f}"'
    )
    return (
        f'<mxCell id="{name}" value="{xml(label)}" style="{_STYLES[drawn.node.kind]}" vertex="1" parent="1">'
        f'<mxGeometry {place} as="geometry"/></mxCell>'
    )


def _line(curve: Curve, name: str, ids: dict[str, str]) -> Iterator[str]:
    line = curve.line
    style = _LINE + ("curved=1;" if not curve.is_straight else "") + ("dashed=1;" if line.down else "")
    x, y = curve.at(0.5)
    points = "" if curve.is_straight else f'<Array as="points"><mxPoint x="{x:.0f}" y="{y:.0f}"/></Array>'
    yield (
        f'<mxCell id="{name}" style="{style}" edge="1" parent="1" source="{ids[line.a.node]}" target="{ids[line.b.node]}">'
        f'<mxGeometry relative="1" as="geometry">{points}</mxGeometry></mxCell>'
    )
    middle = "\n".join(each for each in (line.prefix, line.conditions) if each)
    for number, (text, where) in enumerate(((line.a.text, -0.7), (middle, 0), (line.b.text, 0.7))):
        if text:
            yield (
                f'<mxCell id="{name}-{number}" value="{xml(text)}" style="{_LABEL}" vertex="1" connectable="0" parent="{name}">'
                f'<mxGeometry x="{where:g}" relative="1" as="geometry"/></mxCell>'
            )
