# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML page of results, read by Python's parser; tests/browser has a browser look at it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from suites import ALL, FAILED, LOST, REACHED, hostile, made

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.markup import Markup, element
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.page import MOST_ROWS, page
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import Happening, SuiteResult, Verdict

# All that the page is made of.
ELEMENTS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "header",
    "h1",
    "h2",
    "h3",
    "p",
    "code",
    "ul",
    "ol",
    "li",
    "b",
    "strong",
    "svg",
    "rect",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "a",
    "span",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "pre",
    "time",
    "i",
}


@dataclass
class Node:
    """An element that was read."""

    tag: str
    attributes: dict[str, str]
    parts: list[Node | str] = field(default_factory=list)

    @property
    def children(self) -> list[Node]:
        """The elements right below it."""
        return [part for part in self.parts if isinstance(part, Node)]

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    def all(self, tag: str, class_: str = "") -> list[Node]:
        """The elements in it that are of a kind."""
        found = [self] if self.tag == tag and class_ in ["", *self.attributes.get("class", "").split()] else []
        return found + [each for child in self.children for each in child.all(tag, class_)]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        self._open[-1].parts.append(node)
        if tag != "meta":
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].parts.append(data)

    def read(self, document: str) -> Node:
        self.feed(document)
        self.close()
        assert self._open == [self.root]
        return self.root


def read(suite: SuiteResult) -> Node:
    """The page of a run, whose elements are all well nested."""
    return _Reader().read(page(suite))


@pytest.mark.parametrize("suite", [ALL, hostile(), SuiteResult("/lab", 0.0, 0.0)], ids=["all", "hostile", "empty"])
def test_the_page_is_made_of_harmless_elements_only(suite: SuiteResult) -> None:
    document = read(suite)

    def visit(node: Node) -> None:
        assert node.tag in ELEMENTS | {""}
        assert not [key for key in node.attributes if key.startswith("on") or key in ("style", "src", "srcset")]
        for child in node.children:
            visit(child)

    visit(document)
    assert all(re.match(r"\./|#t\d", link.attributes["href"]) for link in document.all("a"))


def test_the_policy_forbids_everything_but_this_style_sheet() -> None:
    document = read(ALL)

    (style,) = document.all("style")
    hashed = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    (policy,) = [meta.attributes["content"] for meta in document.all("meta") if "http-equiv" in meta.attributes]
    assert policy == f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import", style.text)


def test_text_of_a_guest_is_shown_as_it_is_and_harmless() -> None:
    document = read(hostile())

    (got,) = document.all("dd", "got")
    assert got.text.startswith("\\x1b[31m</pre></td><script>document.title='owned'</script><img src=http://")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page(hostile()))


def test_what_is_not_beside_the_page_is_not_linked() -> None:
    paths = {"a": "a b/c?d#e.txt", "b": "/etc/shadow", "c": "../up", "d": "javascript:alert(1)"}
    document = read(SuiteResult("/lab", 0.0, 1.0, (replace(FAILED, evidence=paths),)))

    (files,) = document.all("ul", "files")
    assert {link.text: link.attributes["href"] for link in files.all("a")} == {
        "a": "./a%20b/c%3Fd%23e.txt",
        "d": "./javascript%3Aalert%281%29",
    }


@pytest.mark.parametrize(
    ("tests", "heading"),
    [
        ([made("a"), made("b")], "All 2 tests passed"),
        ([made("a"), made("b", Verdict.FAILED)], "1 of 2 tests failed"),
        ([made("a", Verdict.SKIPPED)], "No test was run"),
        ([], "No test was run"),
    ],
)
def test_the_heading_answers_the_question(tests: list, heading: str) -> None:  # type: ignore[type-arg]
    document = read(SuiteResult("/lab", 0.0, 1.0, tuple(tests)))

    assert document.all("h1")[0].text == heading
    assert document.all("title")[0].text == f"{heading} in /lab"


def test_the_matrix_has_a_row_for_each_test_and_a_column_for_each_variant() -> None:
    variants = ("kernel a", "kernel b")
    tests = [made(name, variant=variant) for variant in variants for name in ("tunnel", "rekey")]
    tests.append(made("ospf", Verdict.FAILED, group="routing", variant="kernel b"))

    (table,) = read(SuiteResult("/lab", 0.0, 1.0, tuple(tests))).all("table")

    rows = [[cell.text for cell in row.children] for row in table.all("tr")]
    assert rows == [
        ["Test", "kernel a", "kernel b"],
        ["routing"],
        ["ospf", "", "failed 3.2 s"],
        ["vpn"],
        ["tunnel", "passed 3.2 s", "passed 3.2 s"],
        ["rekey", "passed 3.2 s", "passed 3.2 s"],
    ]
    assert [link.attributes["href"] for link in table.all("a")] == ["#t4", "#t0", "#t2", "#t1", "#t3"]


def test_points_are_in_the_matrix_where_they_differ() -> None:
    suite = SuiteResult("/lab", 0.0, 1.0, (made("easy"), made("hard", Verdict.FAILED, points=2.5)))

    (table,) = read(suite).all("table")

    assert [cell.text for cell in table.all("td", "number")] == ["1 of 1", "0 of 2.5"]


def test_tests_that_failed_are_open_and_all_have_the_target_of_their_link() -> None:
    document = read(ALL)

    assert ["open" in each.attributes for each in document.all("details")] == [False, True, True, False, False, True]
    assert [body.attributes["id"] for body in document.all("div", "body")] == [f"t{index}" for index in range(6)]


def test_a_failed_step_has_what_was_to_be_what_was_and_how_it_changed() -> None:
    (wrong,) = read(ALL).all("dl", "wrong")

    assert [each.text for each in wrong.children] == [
        *("Written in", "tests/vpn.yml, line 9, column 7"),
        *("Expected", "1 of 1 answered"),
        *("Got", "no route to host\nping: connect"),
        *("Before", "at 1.0 s, 12 times0 of 1 answered"),
        *("Why", "sun: no route to 10.2.0.0/16"),
    ]


def test_steps_stand_below_their_phase_and_their_stage() -> None:
    steps = (replace(REACHED, phase="before"), REACHED, LOST, replace(REACHED, phase="leftover"))
    document = read(SuiteResult("/lab", 0.0, 1.0, (replace(FAILED, steps=steps),)))

    assert [each.text for each in document.all("li", "phase")] == ["preparation", "test", "failover", "left over"]


def test_the_timeline_has_steps_logs_and_packets_in_one_order_with_a_lane_for_each_host() -> None:
    (line,) = read(ALL).all("ol", "line")

    assert [(row.attributes["class"], row.all("time")[0].text, row.all("code")[0].text) for row in line.children] == [
        ("step passed", "0.500", "ping: alice -> bob"),
        ("command h0", "0.500", "ping -c 1 10.0.0.2"),
        ("packet h1", "0.520", "10.0.0.1 > 10.0.0.2: ICMP echo request"),
        ("step failed", "1.000", "ping: alice -> carol"),
        ("log h1", "1.200", "charon: no route"),
    ]
    lanes = [[i.attributes.get("class", "") for i in each.children] for each in line.all("span", "lanes")]
    assert lanes == [["on", ""], ["", "on"], ["", "on"]]


def test_a_long_timeline_says_what_it_leaves_out() -> None:
    many = tuple(Happening(at / 1000, "sun", "log", "x") for at in range(MOST_ROWS + 5))
    (line,) = read(SuiteResult("/lab", 0.0, 1.0, (replace(FAILED, steps=(), timeline=many),))).all("ol", "line")

    assert len(line.children) == MOST_ROWS + 1
    assert line.children[0].text == "5 before these are in results.json and the files below"
    assert line.children[-1].all("time")[0].text == f"{(MOST_ROWS + 4) / 1000:.3f}"


def test_many_timelines_are_shorter_so_that_a_browser_opens_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.dumm.lab.plugins.module_utils._lab.testing.page._ALL_ROWS", 40)
    monkeypatch.setattr("ansible_collections.dumm.lab.plugins.module_utils._lab.testing.page._LEAST_ROWS", 5)
    many = tuple(Happening(at / 1000, "sun", "log", "x") for at in range(30))

    def rows(number: int) -> list[int]:
        tests = tuple(replace(FAILED, name=f"t{each}", steps=(), timeline=many) for each in range(number))
        return [len(line.children) - 1 for line in read(SuiteResult("/lab", 0.0, 1.0, tests)).all("ol", "line")]

    assert rows(2) == [20, 20]
    assert rows(20) == [5] * 20


def test_attributes_cannot_be_left() -> None:
    assert element("a", "<", title='"><b>', class_="") == '<a title="&quot;&gt;&lt;b&gt;">&lt;</a>'
    assert element("p", Markup("<b>x</b>")) == "<p><b>x</b></p>"
