# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the nodes of a picture are: the same for the same lab, and nearly the same for one with a little more.  Pure.

Nodes that are near in the lab are near in the picture: the distances in it follow those along the lines (stress majorization: Gansner,
Koren, North 2004).  What is around the layout is found by structure, not by chance: each part of the lab for itself, a leaf in a ring
around its segment where there are many, and the first guest of the file to the left.  Places that were saved are kept.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .scene import Kind, Scene

Point = tuple[float, float]
Size = tuple[float, float]

UNIT = 118.0  # between the middles of two neighbours, downwards
WIDENED = 1.6  # text is written from left to right, so that a line needs more room there
MANY = 60  # nodes from which on all leaves are in rings
_MANY_LEAVES = 12  # of a segment, which are in a ring in a small lab as well
_LEAVES_OF_A_RING = 44
_GAP = 26.0  # between nodes at least
_BETWEEN_PARTS = 60.0
_ROUNDS = 120
_TURNS = 40  # of pushing apart
_MOST_PUSHED = 12_000  # pairs of a node and a line


@dataclass(frozen=True)
class Layout:
    """Middles of all nodes, by key.

    :ivar leaves: nodes that are in a ring around another.
    """

    places: Mapping[str, Point]
    leaves: frozenset[str] = frozenset()


@dataclass
class _Graph:
    nodes: list[str]
    near: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Sequence[str], pairs: Iterable[tuple[str, str]]) -> _Graph:
        near: dict[str, list[str]] = {node: [] for node in nodes}
        for one, other in pairs:
            if one in near and other in near and one != other and other not in near[one]:
                near[one].append(other)
                near[other].append(one)
        return cls(list(nodes), near)

    def parts(self) -> Iterator[_Graph]:
        """The parts that no line joins, by their first nodes."""
        seen: set[str] = set()
        for start in self.nodes:
            if start not in seen:
                reached = set(self.distances(start))
                seen |= reached
                part = [node for node in self.nodes if node in reached]
                yield _Graph(part, {node: self.near[node] for node in part})

    def distances(self, start: str) -> dict[str, int]:
        """How many lines there are to each node."""
        found = {start: 0}
        todo = deque([start])
        while todo:
            here = todo.popleft()
            for other in self.near[here]:
                if other not in found:
                    found[other] = found[here] + 1
                    todo.append(other)
        return found

    def without(self, left_out: Collection[str]) -> _Graph:
        kept = [node for node in self.nodes if node not in left_out]
        return _Graph(kept, {node: [each for each in self.near[node] if each not in left_out] for node in kept})


def leaves_of(scene: Scene) -> dict[str, list[str]]:
    """Guests that are in a ring around their segment, by that: those with a single line, where they are many."""
    graph = _graph(scene)
    least = 2 if len(graph.nodes) >= MANY else _MANY_LEAVES
    return {segment: leaves for segment, leaves in _leaves(scene, graph).items() if len(leaves) >= least}


def _graph(scene: Scene) -> _Graph:
    return _Graph.of([node.key for node in scene.nodes], ((line.a.node, line.b.node) for line in scene.lines))


def layout(
    scene: Scene, sizes: Mapping[str, Size], saved: Mapping[str, Point], leaves: Mapping[str, Sequence[str]]
) -> Layout:
    """Find a place for each node.

    :param saved: places that are kept; where there are any, others find a place near their neighbours.
    :param leaves: nodes that are in a ring around another.
    """
    graph = _graph(scene)
    if any(node in saved for node in graph.nodes):
        return Layout(_completed(graph, sizes, saved))
    rings = {node: _ring(sizes[node], [sizes[leaf] for leaf in inner], []) for node, inner in leaves.items()}
    in_rings = {leaf for inner in leaves.values() for leaf in inner}
    room = {
        node: _extent(
            [*zip(rings.get(node, []), (sizes[leaf] for leaf in leaves.get(node, [])), strict=True), ((0.0, 0.0), size)]
        )
        for node, size in sizes.items()
    }
    boxes = [_of_part(part, room) for part in graph.without(in_rings).parts()]
    places = _packed(boxes, room)
    for node, inner in leaves.items():
        x, y = places[node]
        away = [(places[other][0] - x, places[other][1] - y) for other in graph.near[node] if other not in in_rings]
        ring = _ring(sizes[node], [sizes[leaf] for leaf in inner], away)
        places.update({leaf: (x + dx, y + dy) for leaf, (dx, dy) in zip(inner, ring, strict=True)})
    return Layout(places, frozenset(in_rings))


# Rings


def _leaves(scene: Scene, graph: _Graph) -> dict[str, list[str]]:
    """Guests with one line to a segment, by that; a segment with few others keeps all of its own."""
    kinds = {node.key: node.kind for node in scene.nodes}
    found: dict[str, list[str]] = {}
    for node in graph.nodes:
        near = graph.near[node]
        if kinds[node] is not Kind.SEGMENT and len(near) == 1 and kinds[near[0]] is Kind.SEGMENT:
            found.setdefault(near[0], []).append(node)
    return found


def _ring(middle: Size, leaves: Sequence[Size], away: Sequence[Point]) -> list[Point]:
    """Places around a node, in rings of which each is as full as the boxes allow.

    :param away: where its other lines lead; they run between the boxes as far as there is room.
    """
    if not leaves:
        return []
    wide, high = max(size[0] for size in leaves) + 8, max(size[1] for size in leaves) + 7
    rings = math.ceil(len(leaves) / _LEAVES_OF_A_RING)
    extra = next(
        step * 12.0 for step in itertools.count() if _room(middle, wide, high, rings, step * 12.0) >= len(leaves)
    )
    found: list[Point] = []
    for ring in range(rings):
        left = len(leaves) - len(found)
        size = _ellipse(middle, wide, high, ring, extra)
        turns = [_spread(*size, wide, high, turn * math.pi / 24, left) for turn in range(48 if away else 1)]
        most = max(map(len, turns))
        turns = [spots for spots in turns if len(spots) == most]
        found += min(
            turns, key=lambda spots: sum(_is_in_the_way(spot, each, wide, high) for spot in spots for each in away)
        )
    return [*found, *itertools.repeat((0.0, 0.0), len(leaves) - len(found))]


def _ellipse(middle: Size, wide: float, high: float, ring: int, extra: float) -> Size:
    """Half of the width and the height of a ring; they are drawn apart in height, so that the whole does not become a band."""
    return middle[0] / 2 + wide * (ring + 0.5) + 14 + extra, middle[1] / 2 + high * (
        1.8 * ring + 0.5
    ) + 24 + extra * 0.7


def _room(middle: Size, wide: float, high: float, rings: int, extra: float) -> int:
    """How many boxes have room in some rings."""
    return sum(len(_around(*_ellipse(middle, wide, high, ring, extra), wide, high, 0.0)) for ring in range(rings))


def _spread(across: float, up: float, wide: float, high: float, start: float, most: int) -> list[Point]:
    """As many places of a ring as are needed, evenly."""
    spots = _around(across, up, wide, high, start)
    return spots if most >= len(spots) else [spots[number * len(spots) // most] for number in range(most)]


def _is_in_the_way(spot: Point, away: Point, wide: float, high: float) -> bool:
    """Whether a line from the middle runs through a box."""
    far = math.hypot(*away) or 1.0
    across, down = away[0] / far, away[1] / far
    along = spot[0] * across + spot[1] * down
    return along > 0 and abs(spot[0] - along * across) < wide / 2 and abs(spot[1] - along * down) < high / 2


def _around(across: float, up: float, wide: float, high: float, start: float) -> list[Point]:
    """Places on an ellipse at which boxes do not touch, clockwise."""
    spots: list[Point] = []
    angle = 0.0
    while angle < 2 * math.pi:
        spot = (across * math.sin(start + angle), -up * math.cos(start + angle))
        if all(abs(spot[0] - x) >= wide or abs(spot[1] - y) >= high for x, y in (*spots[-2:], *spots[:2])):
            spots.append(spot)
        angle += 0.03
    return spots


def _extent(boxes: Sequence[tuple[Point, Size]]) -> Size:
    """Room that boxes take on both sides of the middle."""
    across = max(abs(x) + size[0] / 2 for (x, _y), size in boxes)
    return 2 * across, 2 * max(abs(y) + size[1] / 2 for (_x, y), size in boxes)


# A part


def _of_part(graph: _Graph, room: Mapping[str, Size]) -> dict[str, Point]:
    nodes = graph.nodes
    if len(nodes) == 1:
        return {nodes[0]: (0.0, 0.0)}
    hops = {node: graph.distances(node) for node in nodes}
    bulk = {node: math.sqrt(max(room[node][0] / WIDENED, 1) * room[node][1]) / UNIT for node in nodes}
    wanted = [
        [_wanted(hops[one][other], bulk[one] + bulk[other]) if one != other else 0.0 for other in nodes]
        for one in nodes
    ]
    points = _stressed(_with_leaves_in_order(_begun(wanted, nodes), graph), wanted)
    points = _turned(points)
    places = {node: (x * UNIT * WIDENED, y * UNIT) for node, (x, y) in zip(nodes, points, strict=True)}
    return _apart(places, room, graph)


def _wanted(hops: int, bulk: float) -> float:
    return hops + max(0.0, bulk / 2 - 0.35)


def _begun(wanted: list[list[float]], nodes: Sequence[str]) -> list[Point]:
    """The two directions in which the distances differ most (classical scaling), by which the rest begins near its end."""
    number = len(nodes)
    squares = [[each * each for each in row] for row in wanted]
    means = [sum(row) / number for row in squares]
    mean = sum(means) / number
    centred = [[-(squares[i][j] - means[i] - means[j] + mean) / 2 for j in range(number)] for i in range(number)]
    first = _direction(centred, nodes, "x", [])
    second = _direction(centred, nodes, "y", [first])
    return list(zip(first, second, strict=True))


def _direction(matrix: list[list[float]], nodes: Sequence[str], salt: str, others: list[list[float]]) -> list[float]:
    """An eigenvector by power iteration, as long as its value says; from names, so that it is the same each time."""
    found = [(zlib.crc32(f"{salt}{node}".encode(errors="replace")) % 1000 - 500) / 500 for node in nodes]
    length = 1.0
    for _round in range(40):
        for other in others:
            weight = sum(a * b for a, b in zip(other, found, strict=True)) / (sum(a * a for a in other) or 1)
            found = [a - weight * b for a, b in zip(found, other, strict=True)]
        found = [sum(a * b for a, b in zip(row, found, strict=True)) for row in matrix]
        length = math.sqrt(sum(each * each for each in found)) or 1.0
        found = [each / length for each in found]
    return [each * math.sqrt(length) for each in found]


def _with_leaves_in_order(points: list[Point], graph: _Graph) -> list[Point]:
    """Nodes with one neighbour begin behind it in their order: nothing else tells them apart."""
    number = {node: index for index, node in enumerate(graph.nodes)}
    leaves: dict[str, list[str]] = {}
    for node in graph.nodes:
        if len(graph.near[node]) == 1 and len(graph.near[graph.near[node][0]]) > 1:
            leaves.setdefault(graph.near[node][0], []).append(node)
    found = list(points)
    for middle, inner in leaves.items():
        x, y = points[number[middle]]
        far = math.hypot(x, y) or 1.0
        across, down = (x / far, y / far) if math.hypot(x, y) > 0.1 else (0.0, 1.0)
        for index, leaf in enumerate(inner):
            angle = (index - (len(inner) - 1) / 2) * min(0.5, 2 * math.pi / len(inner))
            cos, sin = math.cos(angle), math.sin(angle)
            found[number[leaf]] = (x + across * cos - down * sin, y + across * sin + down * cos)
    return found


def _stressed(points: list[Point], wanted: list[list[float]]) -> list[Point]:
    number = len(points)
    xs, ys = [x for x, _y in points], [y for _x, y in points]
    weights = [[1 / (each * each) if each else 0.0 for each in row] for row in wanted]
    totals = [sum(row) for row in weights]
    for _round in range(_ROUNDS if number <= 80 else max(12, _ROUNDS * 6400 // number**2)):
        moved = 0.0
        for i in range(number):
            x, y, here_x, here_y = 0.0, 0.0, xs[i], ys[i]
            for weight, want, other_x, other_y in zip(weights[i], wanted[i], xs, ys, strict=True):
                if weight:
                    dx, dy = here_x - other_x, here_y - other_y
                    far = math.sqrt(dx * dx + dy * dy) or 1e-6
                    x += weight * (other_x + want * dx / far)
                    y += weight * (other_y + want * dy / far)
            xs[i], ys[i] = x / totals[i], y / totals[i]
            moved = max(moved, abs(xs[i] - here_x) + abs(ys[i] - here_y))
        if moved < 1e-3:
            break
    return list(zip(xs, ys, strict=True))


def _turned(points: list[Point]) -> list[Point]:
    """The long side lies; the first node is to the left, and the second one not below the middle."""
    number = len(points)
    mean_x, mean_y = sum(x for x, _y in points) / number, sum(y for _x, y in points) / number
    points = [(x - mean_x, y - mean_y) for x, y in points]
    xx, yy = sum(x * x for x, _y in points), sum(y * y for _x, y in points)
    xy = sum(x * y for x, y in points)
    spread = math.hypot(xx - yy, 2 * xy) / ((xx + yy) or 1)
    lying = -math.atan2(2 * xy, xx - yy) / 2
    angle = lying if spread > 0.3 else math.pi - math.atan2(points[0][1], points[0][0])
    cos, sin = math.cos(angle), math.sin(angle)
    points = [(x * cos - y * sin, x * sin + y * cos) for x, y in points]
    left = -1 if points[0][0] > 0 else 1
    up = -1 if next((y for _x, y in points[1:] if abs(y) > 0.2), -1.0) > 0 else 1
    return [(x * left, y * up) for x, y in points]


def _apart(places: dict[str, Point], room: Mapping[str, Size], graph: _Graph) -> dict[str, Point]:
    """Push nodes off each other, and off lines that are not theirs."""
    nodes = list(places)
    lines = [(one, other) for one in nodes for other in graph.near[one] if one < other]
    for _turn in range(_TURNS):
        moved = False
        for one, other in _crowded(nodes, places, room):
            moved |= _push(places, one, other, room)
        if len(nodes) * len(lines) <= _MOST_PUSHED:
            for node in nodes:
                for line in lines:
                    if node not in line:
                        moved |= _push_off(places, node, line, room)
        if not moved:
            break
    return places


def _crowded(nodes: Sequence[str], places: Mapping[str, Point], room: Mapping[str, Size]) -> Iterator[tuple[str, str]]:
    """Pairs of nodes that may touch."""
    in_order = sorted(nodes, key=lambda node: (places[node][0], node))
    widest = max(room[node][0] for node in nodes) + _GAP
    for number, one in enumerate(in_order):
        for other in in_order[number + 1 :]:
            if places[other][0] - places[one][0] > widest + _GAP:
                break
            yield one, other


def _push(places: dict[str, Point], one: str, other: str, room: Mapping[str, Size]) -> bool:
    (ax, ay), (bx, by) = places[one], places[other]
    over_x = (room[one][0] + room[other][0]) / 2 + _GAP - abs(ax - bx)
    over_y = (room[one][1] + room[other][1]) / 2 + _GAP - abs(ay - by)
    if over_x <= 0 or over_y <= 0:
        return False
    if over_x < over_y:
        half = over_x / 2 if bx >= ax else -over_x / 2
        places[one], places[other] = (ax - half, ay), (bx + half, by)
    else:
        half = over_y / 2 if by >= ay else -over_y / 2
        places[one], places[other] = (ax, ay - half), (bx, by + half)
    return True


def _push_off(places: dict[str, Point], node: str, line: tuple[str, str], room: Mapping[str, Size]) -> bool:
    (ax, ay), (bx, by), (x, y) = places[line[0]], places[line[1]], places[node]
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    along = ((x - ax) * dx + (y - ay) * dy) / length if length else 0.0
    if not 0.05 < along < 0.95:
        return False
    off_x, off_y = x - (ax + along * dx), y - (ay + along * dy)
    far = math.hypot(off_x, off_y)
    across, up = (-dy, dx) if far < 1 else (off_x, off_y)
    norm = math.hypot(across, up) or 1
    across, up = across / norm, up / norm
    wanted = abs(across) * room[node][0] / 2 + abs(up) * room[node][1] / 2 + 10
    if far >= wanted:
        return False
    step = (wanted - far) / 2 + 0.5
    places[node] = (x + across * step, y + up * step)
    for end in line:
        places[end] = (places[end][0] - across * step / 2, places[end][1] - up * step / 2)
    return True


# The whole


def _packed(parts: Sequence[dict[str, Point]], room: Mapping[str, Size]) -> dict[str, Point]:
    """Parts in rows, the larger ones first; a row is not much wider than the largest of them."""
    boxes = []
    for part in parts:
        left = min(x - room[node][0] / 2 for node, (x, _y) in part.items())
        top = min(y - room[node][1] / 2 for node, (_x, y) in part.items())
        right = max(x + room[node][0] / 2 for node, (x, _y) in part.items())
        bottom = max(y + room[node][1] / 2 for node, (_x, y) in part.items())
        boxes.append((part, left, top, right - left, bottom - top))
    boxes.sort(key=lambda box: -round(box[4] / 40))
    area = sum((box[3] + _BETWEEN_PARTS) * (box[4] + _BETWEEN_PARTS) for box in boxes)
    limit = max([math.sqrt(area * 2), *(box[3] for box in boxes)])
    places: dict[str, Point] = {}
    x = y = row = 0.0
    for part, left, top, wide, high in boxes:
        if x and x + wide > limit:
            x, y, row = 0.0, y + row + _BETWEEN_PARTS, 0.0
        places.update({node: (px - left + x, py - top + y) for node, (px, py) in part.items()})
        x, row = x + wide + _BETWEEN_PARTS, max(row, high)
    return places


def _completed(graph: _Graph, sizes: Mapping[str, Size], saved: Mapping[str, Point]) -> dict[str, Point]:
    """The saved places, and for each other node a free one near its neighbours."""
    places = {node: saved[node] for node in graph.nodes if node in saved}
    todo = [node for node in graph.nodes if node not in places]
    while todo:
        node = max(todo, key=lambda each: sum(other in places for other in graph.near[each]))
        todo.remove(node)
        near = [places[other] for other in graph.near[node] if other in places]
        known = near or list(places.values())
        middle = (sum(x for x, _y in known) / len(known), sum(y for _x, y in known) / len(known))
        places[node] = next(spot for spot in _spiral(middle) if _is_free(spot, node, places, sizes))
    return places


def _spiral(middle: Point) -> Iterator[Point]:
    ring = 1
    while True:
        for step in range(8 * ring):
            angle = step * math.pi / (4 * ring)
            yield middle[0] + ring * 60 * math.cos(angle) * WIDENED, middle[1] + ring * 60 * math.sin(angle)
        ring += 1


def _is_free(spot: Point, node: str, places: Mapping[str, Point], sizes: Mapping[str, Size]) -> bool:
    return all(
        abs(spot[0] - x) >= (sizes[node][0] + sizes[other][0]) / 2 + 2 * _GAP
        or abs(spot[1] - y) >= (sizes[node][1] + sizes[other][1]) / 2 + _GAP
        for other, (x, y) in places.items()
    )
