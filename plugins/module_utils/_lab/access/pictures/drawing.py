# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scene → boxes, lines and labels with places, in pixels: what the writers of SVG and draw.io draw.  Pure.

Labels stand on their lines and touch neither each other nor a node.  Where there is no room for all of them the picture grows, up to a
bound; what then still has none is left out, prefixes first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .layout import MANY, Layout, Point, Size, layout, leaves_of
from .scene import Kind, Line, Node, Scene
from .text import short, width

NAME = 13.0  # sizes of text
SMALL = 10.5
_LONGEST = 26  # letters of a name
_LONGEST_LABEL = 44
_MARGIN = 24.0
_STEP = 5.0
_GROWTH = 1.1
_MOST_GROWTH = 9  # times
_APART = 46.0  # between lines that join the same nodes


@dataclass(frozen=True)
class Box:
    """A rectangle: middle and size."""

    x: float
    y: float
    wide: float
    high: float

    def touches(self, other: Box, gap: float = 0.0) -> bool:
        """Whether two have a point in common, or are nearer than that."""
        return (
            abs(self.x - other.x) * 2 < self.wide + other.wide + 2 * gap
            and abs(self.y - other.y) * 2 < self.high + other.high + 2 * gap
        )


@dataclass(frozen=True)
class Drawn:
    """A node with its place.

    :ivar name: as it is shown.
    :ivar note: as it is shown.
    :ivar small: whether it is one of many in a ring.
    """

    node: Node
    box: Box
    name: str
    note: str = ""
    small: bool = False


@dataclass(frozen=True)
class Label:
    """Text on a line, in one line or two.

    :ivar texts: each with its kind: ``end``, ``prefix`` or ``conditions``.
    """

    texts: tuple[tuple[str, str], ...]
    box: Box


@dataclass(frozen=True)
class Curve:
    """A line with its place: from one point to another by way of a third, which is in the middle where it is straight."""

    line: Line
    start: Point
    by: Point
    end: Point
    labels: tuple[Label, ...] = ()

    @property
    def is_straight(self) -> bool:
        """Whether it is."""
        middle = (self.start[0] + self.end[0]) / 2, (self.start[1] + self.end[1]) / 2
        return math.dist(self.by, middle) < 1

    def at(self, part: float) -> Point:
        """A point on it, from 0 to 1."""
        a, b, c = (1 - part) ** 2, 2 * part * (1 - part), part**2
        return (
            a * self.start[0] + b * self.by[0] + c * self.end[0],
            a * self.start[1] + b * self.by[1] + c * self.end[1],
        )


@dataclass(frozen=True)
class Drawing:
    """All of a picture.

    :ivar left_out: labels that had no room.
    """

    name: str
    wide: float
    high: float
    nodes: tuple[Drawn, ...]
    curves: tuple[Curve, ...]
    left_out: int = 0


def draw(scene: Scene, saved: Mapping[str, Point] | None = None) -> Drawing:
    """Place everything.

    :param saved: middles of nodes that are kept, by their keys.
    """
    leaves = {} if saved and any(node.key in saved for node in scene.nodes) else leaves_of(scene)
    notes = _notes(scene, {leaf for inner in leaves.values() for leaf in inner})
    sizes = {node.key: _size(node, notes.get(node.key)) for node in scene.nodes}
    found = layout(scene, sizes, saved or {}, leaves)
    best: Drawing | None = None
    for turn in range(1 if len(scene.nodes) >= MANY else _MOST_GROWTH):
        drawing = _drawn(scene, found, sizes, (_GROWTH**turn, _GROWTH ** (turn / 3)), notes)
        if best is None or drawing.left_out < best.left_out:
            best = drawing
        if not drawing.left_out:
            break
    if best is None:
        raise AssertionError("there is always one try")
    return best


def _notes(scene: Scene, leaves: Collection[str]) -> dict[str, str]:
    """What leaves show beside their names: the host's part of their addresses."""
    ends = [end for line in scene.lines for end in (line.a, line.b)]
    return {end.node: end.text.partition(" ")[2] for end in ends if end.node in leaves}


def _size(node: Node, leaf: str | None) -> Size:
    name, note = _texts(node, leaf)
    if leaf is not None:
        return width(name, SMALL) + width(note, SMALL) + (6 if note else 0) + 14 + _dot(node), 18.0
    if node.kind is Kind.SEGMENT:
        return width(name, NAME) * 1.08 + (width(note, SMALL) + 8 if note else 0) + 26, 24.0
    return width(name, NAME) * 1.08 + 42 + _dot(node), 34.0


def _dot(node: Node) -> float:
    return 0.0 if node.state is None else 12.0


def _texts(node: Node, leaf: str | None) -> tuple[str, str]:
    return short(node.name, _LONGEST), short(
        node.note if leaf is None or node.kind is Kind.SEGMENT else leaf, _LONGEST_LABEL
    )


def _drawn(scene: Scene, found: Layout, sizes: Mapping[str, Size], scale: Point, notes: Mapping[str, str]) -> Drawing:
    boxes = {key: Box(x * scale[0], y * scale[1], *sizes[key]) for key, (x, y) in found.places.items()}
    curves = list(_curves(scene, boxes))
    taken = _Taken(list(boxes.values()))
    labelled = _Labels(curves, taken, found.leaves).place()
    everything = [*boxes.values(), *(label.box for curve in labelled for label in curve.labels)]
    left = min((box.x - box.wide / 2 for box in everything), default=0.0) - _MARGIN
    top = min((box.y - box.high / 2 for box in everything), default=0.0) - _MARGIN
    right = max((box.x + box.wide / 2 for box in everything), default=0.0) + _MARGIN
    bottom = max((box.y + box.high / 2 for box in everything), default=0.0) + _MARGIN
    wanted = sum(len(texts) for curve in curves for texts, _where in _wanted(curve.line, found.leaves))
    return Drawing(
        scene.name,
        right - left,
        bottom - top,
        tuple(
            Drawn(
                node,
                _moved(boxes[node.key], left, top),
                *_texts(node, notes.get(node.key)),
                small=small,
            )
            for node in scene.nodes
            for small in [node.key in found.leaves]
        ),
        tuple(_shifted(curve, left, top) for curve in labelled),
        wanted - sum(len(label.texts) for curve in labelled for label in curve.labels),
    )


def _moved(box: Box, left: float, top: float) -> Box:
    return Box(box.x - left, box.y - top, box.wide, box.high)


def _shifted(curve: Curve, left: float, top: float) -> Curve:
    start, by, end = ((x - left, y - top) for x, y in (curve.start, curve.by, curve.end))
    labels = tuple(Label(each.texts, _moved(each.box, left, top)) for each in curve.labels)
    return Curve(curve.line, start, by, end, labels)


# Lines


def _curves(scene: Scene, boxes: Mapping[str, Box]) -> Iterator[Curve]:
    """From border to border; several between the same nodes are bent apart."""
    together: dict[tuple[str, ...], list[str]] = {}
    for line in scene.lines:
        together.setdefault(tuple(sorted((line.a.node, line.b.node))), []).append(line.key)
    for line in scene.lines:
        one, other = boxes[line.a.node], boxes[line.b.node]
        pair = tuple(sorted((line.a.node, line.b.node)))
        same = together[pair]
        bent = (same.index(line.key) - (len(same) - 1) / 2) * _APART
        dx, dy = other.x - one.x, other.y - one.y
        far = math.hypot(dx, dy) or 1.0
        turn = 1 if line.a.node == pair[0] else -1
        across = (-dy / far * bent * turn, dx / far * bent * turn)
        by = ((one.x + other.x) / 2 + across[0] * 2, (one.y + other.y) / 2 + across[1] * 2)
        yield Curve(line, _border(one, by), by if bent else _between(one, other), _border(other, by))


def _between(one: Box, other: Box) -> Point:
    start, end = _border(one, (other.x, other.y)), _border(other, (one.x, one.y))
    return (start[0] + end[0]) / 2, (start[1] + end[1]) / 2


def _border(box: Box, towards: Point) -> Point:
    """Where the way from a box's middle leaves it."""
    dx, dy = towards[0] - box.x, towards[1] - box.y
    ways = [half / abs(way) for half, way in ((box.wide / 2, dx), (box.high / 2, dy)) if way]
    part = min([1.0, *ways])
    return box.x + dx * part, box.y + dy * part


# Labels


_Wanted = tuple[
    tuple[tuple[str, str], ...], float
]  # text by its kind, and where it stands: near 0, near 1, or in the middle


def _wanted(line: Line, leaves: frozenset[str]) -> list[_Wanted]:
    """Text of a line, what is most wanted first."""
    middle = {"prefix": line.prefix, "conditions": line.conditions}
    if line.a.node in leaves or line.b.node in leaves:
        middle.pop("prefix")
    told = tuple((kind, short(text, _LONGEST_LABEL)) for kind, text in middle.items() if text)
    found: list[_Wanted] = [(told, 0.5)] if told else []
    if "prefix" in middle:
        ends = [(line.a.text, 0.0), (line.b.text, 1.0)]
        found = [*(((("end", short(text, _LONGEST_LABEL)),), where) for text, where in ends if text), *found]
    return found


@dataclass
class _Taken:
    """Boxes that nothing may touch, by squares, so that few are looked at."""

    boxes: Sequence[Box]
    squares: dict[tuple[int, int], list[Box]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for box in self.boxes:
            self.add(box)

    def _of(self, box: Box) -> Iterator[tuple[int, int]]:
        for x in range(int((box.x - box.wide / 2) // 100), int((box.x + box.wide / 2) // 100) + 1):
            for y in range(int((box.y - box.high / 2) // 100), int((box.y + box.high / 2) // 100) + 1):
                yield x, y

    def add(self, box: Box) -> None:
        for square in self._of(box):
            self.squares.setdefault(square, []).append(box)

    def is_free(self, box: Box) -> bool:
        return not any(box.touches(other, 2.0) for square in self._of(box) for other in self.squares.get(square, ()))


class _Labels:
    def __init__(self, curves: list[Curve], taken: _Taken, leaves: frozenset[str]) -> None:
        self.curves = curves
        self.taken = taken
        self.leaves = leaves
        self.found: dict[str, list[Label]] = {curve.line.key: [] for curve in curves}
        self.points = {curve.line.key: [curve.at(part / 12) for part in range(13)] for curve in curves}

    def place(self) -> list[Curve]:
        """Ends first, since the rest is of less use without them; where two have no room together, each looks for one."""
        wanted = [
            (where == 0.5, number, curve, texts, where)
            for number, curve in enumerate(self.curves)
            for texts, where in _wanted(curve.line, self.leaves)
        ]
        for _order, _number, curve, texts, where in sorted(wanted, key=lambda each: each[:2]):
            if not self._label(curve, texts, where) and len(texts) > 1:
                for each in reversed(texts):
                    self._label(curve, (each,), where)
        return [
            Curve(curve.line, curve.start, curve.by, curve.end, tuple(self.found[curve.line.key]))
            for curve in self.curves
        ]

    def _label(self, curve: Curve, texts: tuple[tuple[str, str], ...], where: float) -> bool:
        size = max(width(text, SMALL) for _kind, text in texts) + 6, len(texts) * (SMALL + 4) + 1
        free = [box for box in self._tries(curve, where, size) if self.taken.is_free(box)]
        box = next((each for each in free if not self._is_crossed(each, curve)), free[0] if free else None)
        if box is not None:
            self.taken.add(box)
            self.found[curve.line.key].append(Label(texts, box))
        return box is not None

    def _tries(self, curve: Curve, where: float, size: Size) -> Iterator[Box]:
        """Boxes on the line, the nearest to where it belongs first."""
        length = sum(math.dist(a, b) for a, b in itertools.pairwise(self.points[curve.line.key]))
        steps = max(4, int(length / _STEP))
        if where == 0.5:
            parts = [0.5 + sign * step / steps for step in range(steps // 4) for sign in (1, -1)]
        else:
            parts = [step / steps if where == 0.0 else 1 - step / steps for step in range(int(steps * 0.55))]
        for part in dict.fromkeys(parts):
            x, y = curve.at(part)
            yield Box(x, y, *size)

    def _is_crossed(self, box: Box, curve: Curve) -> bool:
        """Whether another line runs behind it."""
        for other in self.curves:
            if other is not curve and _near(box, other):
                points = self.points[other.line.key]
                if any(_crosses(box, one, two) for one, two in itertools.pairwise(points)):
                    return True
        return False


def _near(box: Box, curve: Curve) -> bool:
    xs, ys = zip(curve.start, curve.by, curve.end, strict=True)
    return (
        min(xs) - box.wide / 2 <= box.x <= max(xs) + box.wide / 2
        and min(ys) - box.high / 2 <= box.y <= max(ys) + box.high / 2
    )


def _crosses(box: Box, one: Point, two: Point) -> bool:
    """Whether a straight line meets a box (Liang and Barsky)."""
    first, last = 0.0, 1.0
    for start, way, middle, size in (
        (one[0], two[0] - one[0], box.x, box.wide),
        (one[1], two[1] - one[1], box.y, box.high),
    ):
        low, high = middle - size / 2 - start, middle + size / 2 - start
        if way == 0:
            if low > 0 or high < 0:
                return False
            continue
        near, far = sorted((low / way, high / way))
        first, last = max(first, near), min(last, far)
    return first <= last
