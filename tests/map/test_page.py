# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the map by itself, over labs that are made up: what it shows, how it is used, and that it can be read."""

from __future__ import annotations

import copy
import json
import math
from itertools import combinations, product
from pathlib import Path
from typing import Any

import labs
import pytest
from browsing import OUTPUT, Browsing, Page, until
from made_up import Server, settle, visit

MAP = "dummPage.map"
# Of all texts that can be seen, those with too little contrast to what they stand on (WCAG 2.2, 1.4.3).
CONTRAST = Path(__file__).with_name("contrast.js").read_text()


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.tab.keyboard.press(key)


def look(page: Page, script: str, argument: Any = None) -> Any:
    """The value of an expression about the map."""
    return page.evaluate(f"(argument) => {{ const map = {MAP}; return {script}; }}", argument)


def select(page: Page, *subjects: dict[str, str]) -> None:
    """Select objects on the map, and wait until the panel shows them."""
    look(page, "void map.select(argument)", list(subjects))
    settle(page)


def openings(page: Page) -> list[str]:
    """Names of what the page opens from now on."""
    opened: list[str] = []

    def hear(name: str) -> None:
        opened.append(name)

    page.tab.expose_function("hear", hear)
    page.evaluate("dummPage.opens((subject) => window.hear(subject.name))")
    return opened


def places(page: Page) -> dict[str, Any]:
    """Where all nodes are."""
    return dict(look(page, "[...map.places()].map(([id, { x, y }]) => [id, [x, y]])"))


def zoom(page: Page, to: float) -> None:
    """Look from so near that all texts are shown."""
    look(page, "void map.cy.zoom(argument)", to)
    settle(page)


# Texts


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    """Whether two turned boxes overlap by more than a pixel."""

    def half(box: dict[str, float], cos: float, sin: float) -> float:
        along = box["w"] * abs(box["cos"] * cos + box["sin"] * sin)
        return (along + box["h"] * abs(box["cos"] * sin - box["sin"] * cos)) / 2

    for cos, sin in ((a["cos"], a["sin"]), (-a["sin"], a["cos"]), (b["cos"], b["sin"]), (-b["sin"], b["cos"])):
        distance = abs((b["x"] - a["x"]) * cos + (b["y"] - a["y"]) * sin)
        if distance >= half(a, cos, sin) + half(b, cos, sin) - 1:
            return False
    return True


@pytest.mark.parametrize("lab", [labs.six, labs.troubled, labs.forty], ids=["6", "6 in trouble", "40"])
def test_no_text_lies_on_another_or_on_a_node(browser: Browsing, lab: Any) -> None:
    made = lab()
    server = Server(made)
    page = visit(browser, server)
    server.say(type="rates", at=1, rates=labs.rates(made, 0.4))
    zoom(page, 1)
    boxes = look(page, "map.boxes()")
    texts = [box for box in boxes if box["id"].split(" ")[-1] in ("first", "last", "middle")]
    ends = sum(len(line["interfaces"]) for line in look(page, "[...map.scene.lines.values()]"))
    assert len([box for box in texts if not box["id"].endswith("middle")]) >= 0.9 * ends
    assert [(a["id"], b["id"]) for a, b in combinations(boxes, 2) if overlap(a, b)] == []


def test_what_a_cable_is_told_by_its_texts(browser: Browsing) -> None:
    lab = labs.six()
    lab["cables"]["moon:eth0--sun:eth0"]["to_b"] = {"delay": "90ms"}
    server = Server(lab)
    page = visit(browser, server)
    zoom(page, 1)
    told = (
        "(({ first, middle, last, rate }) => ({ first, middle, last, rate }))(map.cy.getElementById(argument).data())"
    )
    carol = look(page, told, "cable carol:eth0--moon:eth2")
    assert (carol["first"], carol["last"], carol["middle"]) == ("eth2 .1", "eth0 .2", "172.16.1.0/30")
    slow = look(page, told, "cable moon:eth0--sun:eth0")["middle"]
    assert {"→ 90 ms", "← 20 ms · 10 Mbit/s"} <= {*slow.split("  ")} or {"← 90 ms", "→ 20 ms · 10 Mbit/s"} <= {
        *slow.split("  ")
    }
    server.say(type="rates", at=1, rates={"carol:eth0": [2_000_000, 64_000, 9, 9, 0]})
    assert until(page, lambda: "2 Mbit/s" in look(page, told, "cable carol:eth0--moon:eth2")["middle"], "the rate")
    assert look(page, "map.cy.getElementById(argument).hasClass('busy')", "cable carol:eth0--moon:eth2")
    server.say(type="rates", at=2, rates={"carol:eth0": [0, 0, 0, 0, 0]})
    until(page, lambda: look(page, told, "cable carol:eth0--moon:eth2")["middle"] == "172.16.1.0/30", "rest")


# Contrast


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read(browser: Browsing, dark: bool) -> None:
    lab = labs.troubled()
    server = Server(lab, {"type": "draft", "draft": labs.draft(lab)}, readonly=True)
    page = visit(browser, server, dark=dark)
    page.tab.evaluate("document.documentElement.classList.add('still')")
    server.say(type="rates", at=1, rates=labs.rates(lab, 0.3))

    def bad() -> list[Any]:
        settle(page)
        return list(page.evaluate(CONTRAST))

    zoom(page, 1)
    assert bad() == []
    for subjects in (
        [{"kind": "guest", "name": "bob"}],
        [{"kind": "guest", "name": "venus"}],
        [{"kind": "guest", "name": "alice"}, {"kind": "guest", "name": "carol"}, {"kind": "guest", "name": "sun"}],
        [{"kind": "segment", "name": "lan-a"}],
        [{"kind": "cable", "id": "moon:eth0--sun:eth0"}],
        [{"kind": "port", "guest": "alice", "interface": "eth0"}],
    ):
        select(page, *subjects)
        assert bad() == []
    zoom(page, 0.5)
    assert bad() == []
    zoom(page, 0.2)
    assert bad() == []
    page.evaluate(
        "dummPage.toast('guest bob: it does not answer. Start it again.', { bad: true }), dummPage.toast('done')"
    )
    page.tab.click("[data-command=export]")
    assert bad() == []
    press(page, "Escape", "?")
    assert bad() == []
    press(page, "Escape")
    server.fall()
    page.tab.wait_for_selector("#notice:not([hidden])")
    # What is faded says that it may be old, and its texts come back with the server.
    page.evaluate("document.body.classList.remove('lost')")
    assert bad() == []
    assert page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")


def test_the_theme_follows_the_system_until_one_is_chosen(browser: Browsing) -> None:
    page = visit(browser, Server(labs.six()))
    theme = "document.documentElement.dataset.theme"
    page.tab.emulate_media(color_scheme="dark")
    page.until(f"{theme} === 'dark'")
    press(page, "Shift+D")
    assert page.evaluate(theme) == "light"
    page.tab.reload()
    page.until(f"typeof dummPage !== 'undefined' && {theme} === 'light'")
    press(page, "Shift+D")
    page.tab.emulate_media(color_scheme="light")
    page.until(f"{theme} === 'light'")


# Names are text


def test_markup_in_labels_and_reasons_is_text(browser: Browsing) -> None:
    lab = labs.six()
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    lab["guests"]["bob"] |= {
        "label": evil,
        "state": "failed",
        "why": evil,
        "groups": [evil],
        "saves": [evil],
        "kernel": evil,
    }
    lab["segments"]["lan-a"]["label"] = evil
    server = Server(lab)
    page = visit(browser, server)
    for subject in ({"kind": "guest", "name": "bob"}, {"kind": "segment", "name": "lan-a"}):
        select(page, subject)
        assert evil in page.tab.inner_text("#panel")
    server.change(guests={"bob": lab["guests"]["bob"] | {"why": evil + "!"}})
    page.tab.click("[data-command=groups]")
    assert evil in page.tab.inner_text("#menu")
    page.evaluate("text => dummPage.toast(text, { bad: true })", evil)
    assert evil in page.tab.inner_text("#toasts")
    assert evil in (page.tab.text_content("#mirror") or "")
    assert page.tab.title() == "campus \N{EN DASH} dumm map"
    assert page.evaluate("document.querySelectorAll('img, body script:not([src])').length") == 0


# Use


def test_all_can_be_reached_by_the_keyboard(browser: Browsing) -> None:
    page = visit(browser, Server(labs.six()))
    opened = openings(page)
    page.tab.focus("#mirror")
    active = "document.querySelector('#mirror').getAttribute('aria-activedescendant')"
    press(page, "Home")
    first = page.evaluate(active)
    assert first == "item guest moon"
    seen = {first}
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "PageDown", "End"):
        press(page, key)
        seen.add(page.evaluate(active))
    assert len(seen) >= 4
    press(page, "Home")
    name = page.evaluate(f"document.getElementById({active}).textContent")
    assert "moon, router, running" in name and "eth0 192.168.0.1/30" in name
    assert look(page, "map.cy.$('.focus').id()") == "guest moon"
    press(page, "Enter")
    until(page, lambda: opened == ["moon"], "what Enter opens")
    press(page, "]")
    assert page.evaluate(active).startswith("item cable") or page.evaluate(active).startswith("item port")
    press(page, "Home", "Shift+PageDown")
    assert len(look(page, "map.selected()")) == 2
    press(page, "Space")
    assert len(look(page, "map.selected()")) == 1
    press(page, "Shift+F10")
    assert page.tab.is_visible("#menu")
    press(page, "Escape")
    assert not page.tab.is_visible("#menu")
    assert page.evaluate("document.activeElement.id") == "mirror"
    press(page, "Control+a")
    assert len(look(page, "map.selected()")) == 6
    press(page, "Escape")
    assert look(page, "map.selected()") == []


def test_what_is_sought_is_found(browser: Browsing) -> None:
    page = visit(browser, Server(labs.six()))
    press(page, "/")
    page.tab.keyboard.type("gateway")
    assert page.tab.inner_text("#found") == "1"
    assert look(page, "map.cy.getElementById('guest bob').hasClass('faded')")
    assert not look(page, "map.cy.getElementById('guest moon').hasClass('faded')")
    press(page, "Enter")
    assert look(page, "map.selected()") == [{"kind": "guest", "name": "moon"}]
    # The only one is where the keys go on.
    opened = openings(page)
    press(page, "Enter")
    until(page, lambda: opened == ["moon"], "what Enter opens")
    page.tab.fill("#find", "bob")
    press(page, "Enter", "Enter")
    until(page, lambda: opened == ["moon", "bob"], "what Enter opens")
    page.tab.fill("#find", "10.1.0.")
    press(page, "Enter", "Enter")
    assert page.tab.inner_text("#found") == "2 of 4"
    page.tab.fill("#find", "nobody")
    assert page.tab.inner_text("#found") == "none"
    press(page, "Escape")
    assert look(page, "map.cy.$('.faded').length") == 0


def test_what_others_do_leaves_the_map_free(browser: Browsing) -> None:
    page = visit(browser, Server(labs.six()))
    page.evaluate("for (let n = 0; n < 9; n++) dummPage.toast(`somebody: step ${n}.`)")
    page.evaluate("dummPage.toast('guest bob: it failed.', { bad: true })")
    told = page.tab.locator("#toasts .toast span").all_inner_texts()
    assert told == [*(f"somebody: step {n}." for n in (6, 7, 8)), "guest bob: it failed."]


def test_what_failed_differs_by_more_than_its_colour(browser: Browsing) -> None:
    page = visit(browser, Server(labs.six()))
    lines = look(page, "map.cy.edges().slice(0, 2).map((each) => each.id())")
    for how, node, line in (("good", "guest alice", lines[0]), ("bad", "guest bob", lines[1])):
        look(page, f"void map.lit(argument, '{how}')", [node, line])
    page.shoot("checked")
    rims = look(
        page, "['alice', 'bob'].map((each) => map.cy.getElementById(`guest ${each}`).numericStyle('outline-width'))"
    )
    assert rims[0] < rims[1]
    broad = look(page, "argument.map((each) => map.cy.getElementById(each).numericStyle('underlay-padding'))", lines)
    assert broad[0] < broad[1]


def test_the_panel_covers_no_button_of_the_draft_bar(browser: Browsing) -> None:
    lab = labs.six()
    told = {**labs.draft(lab), "faults": ["draft of campus:1:1: " + "nothing of this is known here; " * 12]}
    page = visit(browser, Server(lab, {"type": "draft", "draft": told}), width=1280)
    select(page, {"kind": "guest", "name": "bob"})
    below, beside = (page.tab.locator(each).bounding_box() for each in (".draftbar", "#panel"))
    assert below is not None and beside is not None
    assert below["x"] >= 0
    assert below["x"] + below["width"] <= beside["x"]


def test_selecting_moves_nothing_for_as_long_as_a_double_click_takes(browser: Browsing) -> None:
    page = visit(browser, Server(labs.six()))
    opened = openings(page)
    look(page, "void map.cy.zoom(1)")
    # Into the corner that the panel will cover.
    look(
        page,
        """void ((bob) => map.cy.pan({ x: map.cy.width() - 100 - bob.x, y: 120 - bob.y }))(
            map.cy.getElementById('guest bob').position()
        )""",
    )
    settle(page)
    before = look(page, "map.cy.pan()")
    at = window_place(page, "guest bob")
    page.tab.mouse.dblclick(at["x"] - 20, at["y"])
    until(page, lambda: opened == ["bob"], "what a double click opens")
    assert page.tab.is_visible("#panel")
    # Then the map moves only as far as the panel covers what is selected.
    page.until(
        f"""{MAP}.cy.pan().x < {before["x"]} && {MAP}.cy.getElementById('guest bob').renderedBoundingBox({{ includeLabels: false }}).x2
        < document.getElementById('panel').offsetLeft"""
    )
    assert look(page, "map.cy.zoom()") == 1


def test_new_things_do_not_move_old_ones_and_changes_touch_only_what_changes(browser: Browsing) -> None:
    lab = labs.forty()
    server = Server(lab)
    page = visit(browser, server)
    before = places(page)
    look(page, "void map.cy.on('data', (event) => (window.touched = [...(window.touched ?? []), event.target.id()]))")
    more = copy.deepcopy(lab)
    labs.guest(more, "new")
    labs.plug(more, "new", "lan3", "10.0.2.99/24")
    server.change(guests={"new": more["guests"]["new"], "r1": lab["guests"]["r1"] | {"state": "paused"}})
    until(page, lambda: "guest new" in places(page), "the new guest")
    after = places(page)
    assert {name: after[name] for name in before} == before
    assert math.dist(after["guest new"], after["bridge lan3"]) < 600
    nodes = set(page.evaluate("window.touched")) & set(before)
    assert nodes == {"guest r1"}
    server.change(gone={"guests": ["new"]})
    until(page, lambda: "guest new" not in places(page), "its end")
    assert places(page) == before


def test_a_change_that_was_missed_brings_the_whole_lab(browser: Browsing) -> None:
    server = Server(labs.six())
    page = visit(browser, server)
    server.lab["guests"]["bob"]["state"] = "stopped"
    server.change(skip=1, guests={"alice": server.lab["guests"]["alice"] | {"state": "paused"}})
    page.until(
        "dummPage.model().view.guests.bob.state === 'stopped' && dummPage.model().view.guests.alice.state === 'paused'"
    )
    assert server.arguments("view") == [{}]


def test_a_tab_that_nobody_sees_draws_nothing(browser: Browsing) -> None:
    server = Server(labs.six())
    page = visit(browser, server)
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    server.change(guests={"bob": server.lab["guests"]["bob"] | {"state": "failed", "why": "killed"}})
    page.until("dummPage.model().view.guests.bob.state === 'failed'")
    assert look(page, "map.cy.getElementById('guest bob').data('state')") == "running"
    page.evaluate(hide, False)
    assert look(page, "map.cy.getElementById('guest bob').data('state')") == "failed"


def test_changes_are_announced(browser: Browsing) -> None:
    server = Server(labs.six())
    page = visit(browser, server)
    server.change(guests={"bob": server.lab["guests"]["bob"] | {"state": "failed", "why": "it was killed"}})
    page.until("document.getElementById('says').textContent.includes('guest bob failed: it was killed.')")


def test_places_are_saved_after_a_drag_and_those_of_others_are_taken(browser: Browsing) -> None:
    server = Server(labs.six())
    page = visit(browser, server)
    assert server.arguments("places.move") == []  # looking at a lab changes nothing
    drag(page, "guest bob", 60, 40)
    until(page, lambda: server.arguments("places.move"), "the request")
    (moved,) = server.arguments("places.move")
    assert set(moved["places"]) == set(places(page))  # the first time all, so that they stay as the person knows them
    assert moved["places"]["guest bob"] == [round(n) for n in places(page)["guest bob"]]
    server.say(type="places", places={"guest alice": [-500, -400]})
    until(page, lambda: places(page)["guest alice"] == [-500, -400], "the place that somebody else chose")
    drag(page, "guest carol", 30, 30)
    until(page, lambda: len(server.arguments("places.move")) == 2, "the second request")
    assert set(server.arguments("places.move")[1]["places"]) == {"guest carol"}


def window_place(page: Page, node: str) -> dict[str, float]:
    """Where a node is in the window."""
    found: dict[str, float] = look(page, "map.cy.getElementById(argument).renderedPosition()", node)
    top = look(page, "map.cy.container().getBoundingClientRect().top")
    return {"x": found["x"], "y": found["y"] + top}


def drag(page: Page, node: str, dx: int, dy: int) -> None:
    """Drag a node on the map."""
    at = window_place(page, node)
    page.tab.mouse.move(at["x"] - 10, at["y"])
    page.tab.mouse.down()
    page.tab.mouse.move(at["x"] + dx / 2, at["y"] + dy / 2, steps=3)
    page.tab.mouse.move(at["x"] + dx, at["y"] + dy, steps=3)
    page.tab.mouse.up()


def test_places_that_the_scenario_has_are_used(browser: Browsing) -> None:
    fixed = {"guest moon": [0, 0], "guest sun": [400, 0], "bridge lan-a": [-200, 120], "bridge lan-b": [600, 120]}
    fixed |= {"guest alice": [-400, 200], "guest bob": [800, 200], "guest carol": [0, -200]}
    page = visit(browser, Server(labs.six(), {"type": "places", "places": fixed}))
    until(page, lambda: {name: places(page)[name] for name in fixed} == fixed, "the places")


# States


def test_a_lost_server_is_told_and_comes_back(browser: Browsing) -> None:
    server = Server(labs.six())
    page = visit(browser, server)
    server.fall()
    page.until("!document.getElementById('notice').hidden")
    told = page.tab.inner_text("#notice")
    assert "does not answer" in told and "You see the lab as it was at" in told and "start it again" in told
    assert page.evaluate("dummPage.request('view').then(() => '', (error) => error.message)").startswith(
        "map: the server does not answer."
    )
    page.shoot("lost")
    server.lab["guests"]["bob"]["state"] = "stopped"
    server.is_down = False
    page.tab.click("#notice button")
    page.until("document.getElementById('notice').hidden && dummPage.model().view.guests.bob.state === 'stopped'")
    assert server.visits == 2


def test_a_server_that_was_started_again_asks_for_its_new_address(browser: Browsing) -> None:
    server = Server(labs.six())
    page = visit(browser, server)
    server.refuses = True
    server.fall()
    page.until("document.getElementById('notice').textContent.includes('no longer allowed in')")
    assert "follow the address that it prints" in page.tab.inner_text("#notice")
    page.complaints.clear()  # that it was refused


def test_an_empty_lab_tells_what_to_do(browser: Browsing) -> None:
    server = Server(labs.view())
    page = visit(browser, server)
    told = page.tab.inner_text("#empty")
    assert "This lab is empty" in told and "make lab" in told and "/var/lib/dumm" in told
    page.shoot("empty")
    labs.guest(server.lab, "alice")
    server.change(guests={"alice": server.lab["guests"]["alice"]})
    page.until("document.getElementById('empty').hidden")
    assert page.tab.inner_text("#states").split() == ["1", "running"]


def test_a_page_that_only_watches_saves_nothing(browser: Browsing) -> None:
    server = Server(labs.six(), readonly=True)
    page = visit(browser, server)
    assert page.tab.is_visible("#readonly")
    drag(page, "guest bob", 60, 40)
    press(page, "l")
    page.evaluate("dummPage.request('view')")
    assert server.arguments("places.move") == []


def test_a_request_that_fails_is_told(browser: Browsing) -> None:
    server = Server(labs.six())
    server.answers["look"] = RuntimeError("guest alice: it does not answer. Start it again.")
    page = visit(browser, server)
    select(page, {"kind": "guest", "name": "alice"})
    page.tab.click("[data-section=inside] button")
    page.tab.wait_for_selector("text=it does not answer. Start it again.")
    server.answers["look"] = {
        "hostname": "alice",
        "links": {"eth0": {"addresses": ["10.1.0.2/24"], "up": True, "mac": ""}},
        "routes": ["default via 10.1.0.1 dev eth0"],
    }
    page.tab.click("[data-section=inside] button")
    page.tab.wait_for_selector("text=default via 10.1.0.1 dev eth0")


# Export


def test_the_map_is_exported(browser: Browsing, tmp_path: Path) -> None:
    page = visit(browser, Server(labs.six()))
    for title, name, begin in (
        ("SVG", "campus.svg", b"picture .svg"),
        ("PNG", "campus.png", b"\x89PNG"),
        ("Mermaid", "campus.mmd", b"picture .mmd"),
    ):
        page.tab.click("[data-command=export]")
        with page.tab.expect_download() as found:
            page.tab.click(f"#menu button >> text=/^{title}/")
        found.value.save_as(tmp_path / name)
        assert found.value.suggested_filename == name
        assert (tmp_path / name).read_bytes().startswith(begin)
    page.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.tab.click("[data-command=export]")
    page.tab.click("#menu button >> text=Copy Mermaid")
    until(page, lambda: page.evaluate("navigator.clipboard.readText()") == "picture .mmd", "the text in the clipboard")


# Scale


FRAMES = """async () => {
  const cy = dummPage.map.cy, times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let n = 0; n < 24; n++) {
    cy.panBy({ x: n < 12 ? 9 : -9, y: n % 2 ? 3 : -3 });
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times.sort((a, b) => a - b)[12];
}"""


@pytest.mark.parametrize(("offices", "hosts"), [(37, 7), (111, 8)], ids=["300", "1000"])
def test_large_labs_are_usable(browser: Browsing, offices: int, hosts: int) -> None:
    lab = labs.offices(offices, hosts)
    server = Server(lab)
    page = visit(browser, server)
    count = len(lab["guests"])
    boxes = look(
        page,
        "[...map.scene.nodes.values()].map(({ id, width, height }) => ({ ...map.cy.getElementById(id).position(), w: width, h: height }))",
    )
    near: dict[tuple[int, int], list[Any]] = {}
    for box in boxes:
        for cell in product(*([math.floor(box[axis] / 400) + n for n in (-1, 0, 1)] for axis in "xy")):
            near.setdefault(cell, []).append(box)
    touching = {
        (id(a), id(b))
        for a in boxes
        for b in near[math.floor(a["x"] / 400), math.floor(a["y"] / 400)]
        if a is not b and abs(a["x"] - b["x"]) < (a["w"] + b["w"]) / 2 and abs(a["y"] - b["y"]) < (a["h"] + b["h"]) / 2
    }
    assert len(boxes) == count + offices
    assert touching == set()
    server.say(type="rates", at=1, rates=labs.rates(lab, 0.25))
    until(page, lambda: look(page, "map.cy.$('.busy').length") > count / 10, "the traffic")
    page.shoot(f"{len(lab['guests'])}")
    frames = {"all": page.evaluate(FRAMES)}
    press(page, "/")
    page.tab.keyboard.type("pc20-3")
    press(page, "Enter")
    page.until(f"{MAP}.cy.zoom() > 0.9")
    page.until(
        f"({MAP}.cy.getElementById('port pc20-3:eth0').data('first') ?? '').startsWith('eth0')"
    )  # texts are placed where one looks
    frames["near"] = page.evaluate(FRAMES)
    page.shoot(f"{len(lab['guests'])}-near")
    server.change(guests={"pc20-3": lab["guests"]["pc20-3"] | {"state": "failed", "why": "killed"}})
    page.until(f"{MAP}.cy.getElementById('guest pc20-3').data('state') === 'failed'")
    path = OUTPUT / "frames.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {str(count): frames}, indent=1))


# Pictures to look at


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pictures_are_taken(browser: Browsing, dark: bool) -> None:
    theme = "dark" if dark else "light"
    lab = labs.six()
    server = Server(lab)
    page = visit(browser, server, dark=dark)
    server.say(type="rates", at=1, rates=labs.rates(lab, 0.35, seed=3))
    settle(page)
    page.shoot(f"map-{theme}")
    select(page, {"kind": "cable", "id": "moon:eth0--sun:eth0"})
    page.shoot(f"cable-{theme}")
    lab = labs.six()
    page = visit(browser, Server(lab, {"type": "draft", "draft": labs.draft(lab)}), dark=dark)
    page.shoot(f"draft-{theme}")
    lab = labs.troubled()
    page = visit(browser, Server(lab), dark=dark)
    select(page, {"kind": "guest", "name": "bob"})
    page.shoot(f"failed-{theme}")
    press(page, "Escape", "?")
    page.shoot(f"help-{theme}")
    page = visit(browser, Server(labs.forty()), dark=dark)
    page.shoot(f"40-{theme}")
    look(page, "void map.group(['office1', 'office2', 'backbone'])")
    settle(page)
    page.shoot(f"groups-{theme}")


def test_the_picture_of_the_readme_is_taken(browser: Browsing) -> None:
    """docs/pictures/map.png is a copy of it."""
    lab = labs.campus()
    server = Server(lab)
    page = visit(browser, server, width=1600, height=820)
    traffic = {"alice:eth0": 2_400_000, "moon:eth1": 2_400_000, "moon:eth0": 2_100_000, "sun:eth0": 2_100_000}
    traffic |= {"carol:eth1": 98_000, "winnetou:eth1": 98_000, "sun:eth1": 1_900_000, "bob:eth0": 1_900_000}
    server.say(type="rates", at=1, rates={name: [bits, bits // 20, 200, 150, 0] for name, bits in traffic.items()})
    select(page, {"kind": "guest", "name": "moon"})
    page.until("document.getElementById('panel').textContent.includes('Mbit/s')")
    press(page, "f")  # beside the panel
    page.until(
        f"{MAP}.cy.elements().renderedBoundingBox().x2 < document.getElementById('panel').offsetLeft && !{MAP}.cy.animated()"
    )
    settle(page)
    assert page.shoot("readme").stat().st_size < 200_000
