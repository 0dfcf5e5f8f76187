# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of labs: what they show, that they can be read, and that nothing in a lab breaks them."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.pictures import d2, dot, drawio, mermaid, svg
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.pictures.drawing import Box, Drawing, draw
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.pictures.scene import (
    End,
    Kind,
    Line,
    Node,
    Scene,
    scene,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, Lab, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.tests.unit.helpers import texts

SVG = "{http://www.w3.org/2000/svg}"
CAMPUS = """
bridges:
  lan: {prefix: [10.1.0.0/24, "fd01::/64"]}
  wan: {prefix: 10.2.0.0/16}
guests:
  moon: {sysctl: {net.ipv4.ip_forward: 1}, interfaces: {eth0: , eth1: {bridge: lan}}}
  sun: {interfaces: {eth0: , eth1: {bridge: wan, address: [10.2.3.4/16, 192.0.2.9/24, 192.0.2.10/24]}}}
  alice: {interfaces: {eth0: {bridge: lan}}}
  bob: {interfaces: {eth0: {bridge: lan, up: false}}}
  carol: {interfaces: {eth0: {bridge: wan}, eth1: {bridge: wan, address: []}}}
links:
  - {a: moon:eth0, b: sun:eth0, prefix: 192.168.0.0/30, delay: 5ms, loss: 1%}
"""
NASTY = "<script>alert(1)</script>\"&'\\ ${x} #quot; {{y}} `z` --> ]] |\n%\x1b[31m\u202eevil\ud800"


def lab_of(text: str) -> Lab:
    """The lab that a scenario describes."""
    found = loader.load(text, name="test", place="lab.yml")
    return Lab("test", "test", found.guests, found.bridges)


def routers(number: int, hosts: int) -> Lab:
    """Routers in a ring, each with a segment of hosts."""
    lines = ["pools: {links: {prefix: 172.16.0.0/16}}", "bridges:"]
    lines += [f"  lan{i}: {{prefix: 10.{i}.0.0/24}}" for i in range(number)]
    lines += ["guests:", *(f"  r{i}: {{interfaces: {{eth0: {{bridge: lan{i}}}}}}}" for i in range(number))]
    lines += [f"  h{i}-{j}: {{interfaces: {{eth0: {{bridge: lan{i}}}}}}}" for i in range(number) for j in range(hosts)]
    lines += ["links:", *(f"  - {{a: r{i}:eth1, b: r{(i + 1) % number}:eth2, delay: 5ms}}" for i in range(number))]
    return lab_of("\n".join(lines))


LABS = {6: lab_of(CAMPUS), 40: routers(8, 4), 300: routers(37, 7)}


def drawing_of(lab: Lab) -> Drawing:
    """The picture of a lab without states."""
    return draw(scene(lab, "lab", states=False))


@functools.cache
def drawn(guests: int) -> Drawing:
    """The picture of a lab of so many guests."""
    return drawing_of(LABS[guests])


# What is shown


def test_a_segment_of_two_is_a_line_with_ends_prefix_and_conditions() -> None:
    shown = scene(LABS[6], "campus", states=False)
    line = next(each for each in shown.lines if each.b.node == "guest sun")

    assert (line.a.node, line.a.text, line.b.text) == ("guest moon", "eth0 .1", "eth0 .2")
    assert (line.prefix, line.conditions) == ("192.168.0.0/30", "delay 5ms, loss 1%")
    assert "bridge moon-eth0--sun-eth0" not in {node.key for node in shown.nodes}


def test_an_end_has_the_hosts_part_of_its_addresses_and_few_of_them() -> None:
    ends = {line.key: line.a.text for line in scene(LABS[6], "campus", states=False).lines}

    assert ends["alice:eth0"] == "eth0 .2 ::2"
    assert ends["sun:eth1"] == "eth1 .3.4 192.0.2.9/24 …"
    assert ends["carol:eth1"] == "eth1"


def test_nodes_are_hosts_routers_and_segments_with_their_prefixes() -> None:
    nodes = {node.key: node for node in scene(LABS[6], "campus", states=False).nodes}

    assert (nodes["guest moon"].kind, nodes["guest alice"].kind) == (Kind.ROUTER, Kind.HOST)
    assert nodes["bridge lan"].note == "10.1.0.0/24 fd01::/64"
    assert nodes["guest moon"].state is None


def test_what_guests_are_doing_is_shown_where_it_is_known() -> None:
    lab = LABS[6].with_guest(dataclasses.replace(LABS[6].guests["alice"], power=Power.DIED))

    assert "\ndied</title>" in svg.svg(draw(scene(lab, "lab", states=True))).replace("&#10;", "\n")
    assert "died" not in svg.svg(drawing_of(lab)).split("</style>")[1]


def test_every_lab_of_the_checkout_can_be_drawn() -> None:
    tried = 0
    for text in texts.real():
        try:
            lab = lab_of(text)
        except InvalidInput:
            continue
        ElementTree.fromstring(svg.svg(drawing_of(lab)))
        tried += 1

    assert tried > 20


def test_an_empty_lab_is_a_picture_too() -> None:
    empty = Lab("test", "test")

    assert ElementTree.fromstring(svg.svg(drawing_of(empty))).tag == f"{SVG}svg"
    assert mermaid.mermaid(scene(empty, "lab", states=False)).startswith("graph LR\n")


@pytest.mark.parametrize("name", ["campus", "offices"])
def test_the_pictures_of_the_documentation_are_what_dumm_graph_makes(name: str) -> None:
    lab = lab_of((texts.TOP / f"examples/graph/{name}.yml").read_text())
    committed = (texts.TOP / f"docs/pictures/{name}.svg").read_text()

    assert committed == svg.svg(draw(scene(lab, name, states=False))), (
        f"run dumm graph examples/graph/{name}.yml -o ..."
    )


@pytest.mark.parametrize(
    "path",
    [path.relative_to(texts.TOP) for path in sorted(texts.TOP.glob("examples/*/*.svg"))],
    ids=lambda path: path.stem,
)
def test_the_pictures_of_the_examples_are_what_dumm_graph_makes(path: Path) -> None:
    lab = lab_of((texts.TOP / path).with_suffix(".yml").read_text())

    assert (texts.TOP / path).read_text() == svg.svg(draw(scene(lab, path.stem, states=False))), (
        f"run dumm graph {path.with_suffix('.yml')} -o {path}"
    )


def test_each_example_has_a_scenario_tests_a_picture_and_a_page() -> None:
    page = (texts.TOP / "examples/README.md").read_text()
    labs = re.findall(r"^\| \[([\w-]+)\]\(\1/README\.md\)", page, re.MULTILINE)

    assert len(labs) == 8
    for name in labs:
        place = texts.TOP / "examples" / name
        assert "\ntests:\n" in (place / f"{name}.yml").read_text()
        assert f"({name}.svg)" in (place / "README.md").read_text()
        assert (place / f"{name}.svg").is_file()


# That it can be read


def boxes(drawing: Drawing) -> Iterator[Box]:
    """All boxes with text in them."""
    yield from (node.box for node in drawing.nodes)
    yield from (label.box for curve in drawing.curves for label in curve.labels)


@pytest.mark.parametrize("guests", LABS)
def test_no_text_is_on_another(guests: int) -> None:
    drawing = drawn(guests)
    placed = sorted(boxes(drawing), key=lambda box: box.x - box.wide / 2)

    for number, one in enumerate(placed):
        near = itertools.takewhile(
            lambda other, one=one: other.x - other.wide / 2 < one.x + one.wide / 2, placed[number + 1 :]
        )
        assert [other for other in near if one.touches(other)] == []
    assert all(box.x - box.wide / 2 > 0 and box.x + box.wide / 2 < drawing.wide for box in placed)
    assert all(box.y - box.high / 2 > 0 and box.y + box.high / 2 < drawing.high for box in placed)


@pytest.mark.parametrize("guests", [6, 40])
def test_a_small_picture_leaves_no_text_out(guests: int) -> None:
    assert drawn(guests).left_out == 0


@pytest.mark.parametrize(("guests", "most"), [(6, 1700), (40, 2400), (300, 4000)])
def test_a_picture_is_not_larger_than_can_be_read(guests: int, most: int) -> None:
    drawing = drawn(guests)

    assert drawing.wide < most
    assert drawing.high < most


@pytest.mark.parametrize("theme", [svg._LIGHT, svg._DARK])
def test_text_can_be_told_from_what_is_behind_it(theme: dict[str, str]) -> None:
    behind = {
        "text": ("page", "guest", "router"),
        "muted": ("page", "guest"),
        "odd": ("page",),
        "segment-text": ("segment",),
    }

    for text, grounds in behind.items():
        for ground in grounds:
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# That it stays as it is


@pytest.mark.parametrize("guests", LABS)
def test_the_same_lab_is_the_same_picture(guests: int) -> None:
    assert svg.svg(drawing_of(LABS[guests])) == svg.svg(drawn(guests))


@pytest.mark.parametrize("guests", LABS)
def test_a_new_guest_moves_the_others_little(guests: int) -> None:
    lab = LABS[guests]
    segment = next(name for name, bridge in lab.bridges.items() if bridge.multicast_snooping)
    more = lab.with_guest(Guest("newcomer", interfaces={"eth0": Iface("newcomer", "eth0", segment)}))

    before, after = (
        {node.node.key: (node.box.x, node.box.y) for node in drawing_of(each).nodes} for each in (lab, more)
    )
    moved = [(after[key][0] - x, after[key][1] - y) for key, (x, y) in before.items()]
    mean = statistics.median(x for x, _y in moved), statistics.median(y for _x, y in moved)

    assert statistics.median(math.dist(each, mean) for each in moved) < 60


def test_saved_places_are_kept_and_what_is_new_finds_one_near_its_neighbours() -> None:
    lab = LABS[6]
    names = ("moon", "sun", "alice", "bob")
    saved = {f"guest {name}": (number * 300.0, number % 2 * 200.0) for number, name in enumerate(names)}

    drawing = draw(scene(lab, "lab", states=False), saved)

    at = {node.node.key: (node.box.x, node.box.y) for node in drawing.nodes}
    apart = [at["guest sun"][axis] - at["guest moon"][axis] for axis in (0, 1)]
    for key, (x, y) in saved.items():
        # The picture as a whole may have grown.
        assert at[key][0] - at["guest moon"][0] == pytest.approx(x / 300 * apart[0])
        assert at[key][1] - at["guest moon"][1] == pytest.approx(y / 200 * apart[1])
    assert [one for one, other in itertools.combinations(boxes(drawing), 2) if one.touches(other)] == []


# That nothing breaks it


def nasty() -> Scene:
    """A picture all of whose texts are an attack."""
    nodes = (Node("a", Kind.HOST, NASTY, NASTY, NASTY), Node("b", Kind.SEGMENT, NASTY, NASTY, NASTY, Power.DIED))
    return Scene(NASTY, nodes, (Line("l", End("a", NASTY), End("b", NASTY), NASTY, NASTY, NASTY),))


@pytest.mark.parametrize("write", [svg.svg, drawio.drawio])
def test_xml_holds_any_text_as_text(write: object) -> None:
    text = write(draw(nasty()))  # type: ignore[operator]
    root = ElementTree.fromstring(text)

    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", text)
    text.encode()


def test_dot_and_d2_hold_any_text_in_quotes() -> None:
    for text in (dot.dot(draw(nasty())), d2.d2(nasty())):
        for line in text.splitlines():
            # What is left when quoted texts are taken out has none of it.
            assert not re.search(r'[<>"`\x1b]', re.sub(r'"(?:[^"\\]|\\.)*"', "", line)), line
    assert "${x}" not in d2.d2(nasty()).replace("\\$", "")


def test_mermaid_holds_any_text_as_entities() -> None:
    for line in mermaid.mermaid(nasty()).splitlines():
        plain = line.replace("<br/>", "")
        assert "<" not in plain.replace("-->", ""), line
        assert plain.count('"') in (0, 2), line


def test_a_file_of_draw_io_has_a_cell_for_each_node_and_line() -> None:
    root = ElementTree.fromstring(drawio.drawio(drawing_of(LABS[6])))
    cells = list(root.iter("mxCell"))

    assert len([cell for cell in cells if cell.get("edge")]) == len(drawing_of(LABS[6]).curves)
    assert {cell.get("source") for cell in cells if cell.get("edge")} <= {cell.get("id") for cell in cells}
