# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drawing as SVG: light and dark as the reader's system is, in fonts that it has, harmless whatever guests are called.  Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from ...model.lab import Power
from .drawing import NAME, SMALL, Curve, Drawing, Drawn, Label
from .scene import Kind
from .text import xml

# Contrast of text on what is behind it is 4.5 or more in both (WCAG 2.2, 1.4.3).
_LIGHT = {
    "page": "#ffffff",
    "text": "#16202b",
    "muted": "#4d5a68",
    "guest": "#f5f7fa",
    "edge": "#7b8896",
    "router": "#e3edfb",
    "router-edge": "#2f5d9b",
    "segment": "#2f5d9b",
    "segment-text": "#ffffff",
    "odd": "#96510a",
    "running": "#1a7f43",
    "waiting": "#96510a",
    "died": "#c0342b",
    "stopped": "#6b7886",
}
_DARK = {
    "page": "#10161d",
    "text": "#e8eef4",
    "muted": "#a3b1bf",
    "guest": "#1b242e",
    "edge": "#66758a",
    "router": "#1d3048",
    "router-edge": "#7fb0ee",
    "segment": "#7fb0ee",
    "segment-text": "#0d1722",
    "odd": "#eba94f",
    "running": "#4cc27a",
    "waiting": "#eba94f",
    "died": "#f2766d",
    "stopped": "#93a1b0",
}
_FONT = 'Inter,"Helvetica Neue",Arial,"Liberation Sans","DejaVu Sans",sans-serif'
_SHAPES = f"""\
text{{font-family:{_FONT}}}
.line{{fill:none;stroke-width:1.6}}
.thin{{stroke-width:1;opacity:.75}}
.down{{stroke-dasharray:5 5}}
.guest{{stroke-width:1.3}}
.router{{stroke-width:1.8}}
.name{{font-size:{NAME:g}px;font-weight:600}}
.small,.note,.label{{font-size:{SMALL:g}px}}
.label{{text-anchor:middle}}
.glyph{{fill:none;stroke-width:1.3;stroke-linecap:round;stroke-linejoin:round}}
.waiting,.stopped,.died{{fill:none;stroke-width:2.2}}
"""
# Without variables of CSS, which few programs but browsers know; those draw the light theme.
_COLOURED = """\
text{fill:@text}
.page{fill:@page}
.line{stroke:@edge}
.guest{fill:@guest;stroke:@edge}
.router{fill:@router;stroke:@router-edge}
.segment{fill:@segment}
.note,.label{fill:@muted}
.odd{stroke:@odd}
.conditions{fill:@odd}
.on{fill:@segment-text}
.glyph{stroke:@muted}
.way{stroke:@router-edge}
.running{fill:@running}
.waiting{stroke:@waiting}
.stopped{stroke:@stopped}
.died{stroke:@died}
"""
_MIDDLE = 0.36  # of a font's size, from the middle of its letters down to their line
_STATES = {
    Power.RUNNING: ("running", '<circle class="running" r="4"/>'),
    Power.STARTING: ("starting", '<circle class="waiting" r="3.2"/>'),
    Power.PAUSED: ("paused", '<path class="waiting" d="M-2-4V4M2-4V4"/>'),
    Power.STOPPED: ("stopped", '<circle class="stopped" r="3.2"/>'),
    Power.DIED: ("died", '<path class="died" d="M-3.4-3.4L3.4 3.4M3.4-3.4L-3.4 3.4"/>'),
}
_GLYPHS = {
    Kind.HOST: "M-7-5.5H7V3.5H-7ZM-3.5 6.5H3.5M0 3.5V6.5",
    Kind.ROUTER: "M0-7.5A7.5 7.5 0 1 1 0 7.5A7.5 7.5 0 1 1 0-7.5M-4 0H4M-1.8-2.4L-4.4 0L-1.8 2.4M1.8-2.4L4.4 0L1.8 2.4",
}


def svg(drawing: Drawing) -> str:
    """The text of an SVG file."""
    wide, high = round(drawing.wide), round(drawing.high)
    small = {drawn.node.key for drawn in drawing.nodes if drawn.small}
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
            f' role="img" aria-label="{xml(drawing.name)}">',
            f"<title>{xml(drawing.name)}</title>",
            f"<style>\n{_style()}</style>",
            f'<rect class="page" width="{wide}" height="{high}"/>',
            *(_line(curve, thin=_is_thin(curve, small)) for curve in drawing.curves),
            *(line for curve in drawing.curves for label in curve.labels for line in _label(label)),
            *(line for node in drawing.nodes for line in _node(node)),
            "</svg>",
            "",
        ]
    )


def _style() -> str:
    dark = "".join(f"  {line}\n" for line in _coloured(_DARK).splitlines())
    return f"{_SHAPES}{_coloured(_LIGHT)}@media (prefers-color-scheme:dark){{\n{dark}}}\n"


def _coloured(theme: Mapping[str, str]) -> str:
    return re.sub("@([a-z-]+)", lambda found: theme[found[1]], _COLOURED)


def _is_thin(curve: Curve, small: Collection[str]) -> bool:
    """Whether it leads to one of many."""
    return curve.line.a.node in small or curve.line.b.node in small


def _line(curve: Curve, *, thin: bool) -> str:
    kinds = [
        "line",
        *(["thin"] if thin else []),
        *(["odd"] if curve.line.conditions else []),
        *(["down"] if curve.line.down else []),
    ]
    (ax, ay), (bx, by), (cx, cy) = curve.start, curve.by, curve.end
    way = f"L{cx:.1f} {cy:.1f}" if curve.is_straight else f"Q{bx:.1f} {by:.1f} {cx:.1f} {cy:.1f}"
    return f'<path class="{" ".join(kinds)}" d="M{ax:.1f} {ay:.1f}{way}"><title>{xml(curve.line.title)}</title></path>'


def _label(label: Label) -> Iterator[str]:
    box = label.box
    left, top = box.x - box.wide / 2, box.y - box.high / 2
    yield f'<rect class="page" x="{left:.1f}" y="{top:.1f}" width="{box.wide:.1f}" height="{box.high:.1f}"/>'
    for number, (kind, text) in enumerate(label.texts):
        y = top + box.high / len(label.texts) * (number + 0.5) + SMALL * _MIDDLE
        more = " conditions" if kind == "conditions" else ""
        yield f'<text class="label{more}" x="{box.x:.1f}" y="{y:.1f}">{xml(text)}</text>'


def _node(drawn: Drawn) -> Iterator[str]:
    box, node = drawn.box, drawn.node
    state = "" if node.state is None else f"\n{_STATES[node.state][0]}"
    left, top = box.x - box.wide / 2, box.y - box.high / 2
    yield f"<g><title>{xml(node.title + state)}</title>"
    round_off = box.high / 2 if node.kind is Kind.SEGMENT else 4 if drawn.small else 7
    kind = "segment" if node.kind is Kind.SEGMENT else "router" if node.kind is Kind.ROUTER else "guest"
    yield (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{box.wide:.1f}" height="{box.high:.1f}" rx="{round_off:g}"/>'
    )
    if node.kind is Kind.SEGMENT:
        yield from _names(drawn, left + 13, " on")
    elif drawn.small:
        yield from _names(drawn, left + 7, "")
    else:
        way = " way" if node.kind is Kind.ROUTER else ""
        yield f'<path class="glyph{way}" transform="translate({left + 18:.1f} {box.y:.1f})" d="{_GLYPHS[node.kind]}"/>'
        yield from _names(drawn, left + 32, "")
    if node.state is not None:
        at = box.x + box.wide / 2 - (9 if drawn.small else 12)
        yield f'<g transform="translate({at:.1f} {box.y if drawn.small else top + 10:.1f})">{_STATES[node.state][1]}</g>'
    yield "</g>"


def _names(drawn: Drawn, x: float, on: str) -> Iterator[str]:
    kind, size = ("small", SMALL) if drawn.small else ("name", NAME)
    yield f'<text class="{kind}{on}" x="{x:.1f}" y="{drawn.box.y + size * _MIDDLE:.1f}">{xml(drawn.name)}</text>'
    if drawn.note:
        right = drawn.box.x + drawn.box.wide / 2 - (7 if drawn.small else 13)
        right -= 12 if drawn.small and drawn.node.state is not None else 0
        y = drawn.box.y + SMALL * _MIDDLE
        yield f'<text class="note{on}" text-anchor="end" x="{right:.1f}" y="{y:.1f}">{xml(drawn.note)}</text>'
