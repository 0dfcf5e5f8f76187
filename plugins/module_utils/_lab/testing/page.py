# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as one HTML page: a matrix of all tests, and for each what its steps came to, a timeline over all hosts, and its evidence.

The page is one file that asks for nothing: no script, no request, no picture.  Its Content-Security-Policy forbids all of that, and allows
this style sheet by its hash, so that text of a guest can neither do anything nor look like ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from urllib.parse import quote

from .markup import Markup, element, flag, joined
from .record import instant
from .results import Happening, StepResult, SuiteResult, TestResult, Verdict
from .style import STYLE
from .wording import are_graded, cause_of, duration, number, phase_word, points, tally, title

# Of a timeline; the files beside the page have it all.  With many timelines each has less, or no browser would open the page.
MOST_ROWS, _LEAST_ROWS, _ALL_ROWS = 2000, 200, 20_000
_HUES = 8
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_HEADINGS = {0: "passed", 2: "skipped", 3: "broken"}


def page(suite: SuiteResult) -> str:
    """The document."""
    return "<!DOCTYPE html>\n" + element("html", _head(suite), "\n", _body(suite), lang="en") + "\n"


def _head(suite: SuiteResult) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("meta", name_="referrer", content="no-referrer"),
        element("title", f"{_heading(suite)} in {suite.lab}"),
        # Not escaped: an element of raw text, and a constant of ours.
        element("style", Markup(STYLE)),
    )


def _body(suite: SuiteResult) -> Markup:
    long = sum(bool(test.timeline) for test in suite.tests)
    rows = min(MOST_ROWS, max(_LEAST_ROWS, _ALL_ROWS // max(long, 1)))
    tests = [
        element("h2", "Tests"),
        *(_test(index, test, rows) for index, test in enumerate(suite.tests)),
    ]
    return element("body", element("main", _top(suite), *([_matrix(suite), *tests] if suite.tests else [])))


def _heading(suite: SuiteResult) -> str:
    """The answer to the one question that everybody has."""
    bad = sum(not test.verdict.good for test in suite.tests)
    if suite.broken:
        return "The lab is broken"
    if suite.exit_code == 2:
        return "No test was run"
    return f"{bad} of {len(suite.tests)} tests failed" if bad else f"All {len(suite.tests)} tests passed"


def _top(suite: SuiteResult) -> Markup:
    counts = tally(suite.tests)
    parts = [
        element("h1", _heading(suite), class_=_HEADINGS.get(suite.exit_code, "failed")),
        element(
            "p",
            element("code", suite.lab),
            f" · {instant(suite.began).replace('T', ' ').replace('Z', ' UTC')} · {duration(suite.seconds)}",
            class_="soft",
        ),
    ]
    if suite.broken:
        parts.append(element("p", suite.broken, class_="alert broken"))
    if counts:
        parts += [_bar(counts), element("ul", *map(_count, counts, counts.values()), *_earned(suite), class_="counts")]
    return element("header", *parts)


def _count(verdict: Verdict, count: int) -> Markup:
    return element("li", element("b", str(count)), f" {verdict.value}", class_=verdict.value)


def _earned(suite: SuiteResult) -> Iterator[Markup]:
    if are_graded(suite.tests):
        earned, total = points(suite.tests)
        yield element("li", element("b", number(earned)), f" of {number(total)} points")


def _bar(counts: dict[Verdict, int]) -> Markup:
    """The shares of all verdicts; an attribute of SVG is no style, which the policy would refuse."""
    total, at = sum(counts.values()), 0
    shares = []
    for verdict, count in counts.items():
        shares.append(
            element(
                "rect",
                x=number(100 * at / total) or "0",
                width=number(100 * count / total),
                height="1",
                class_=verdict.value,
            )
        )
        at += count
    return element("svg", *shares, class_="bar", viewBox="0 0 100 1", preserveAspectRatio="none", aria_hidden="true")


def _matrix(suite: SuiteResult) -> Markup:
    """A row for each test, a column for each variant."""
    variants = [*dict.fromkeys(test.variant for test in suite.tests)]
    graded = are_graded(suite.tests)
    heads = ["Test", *(variant or "Result" for variant in variants), *(["Points"] if graded else [])]
    numbered = sorted(enumerate(suite.tests), key=lambda pair: pair[1].group)
    bodies = [
        element("tbody", *_group(group, [*some], variants, graded), class_="group")
        for group, some in groupby(numbered, key=lambda pair: pair[1].group)
    ]
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in heads)))
    return joined([element("h2", "Results"), element("div", element("table", head, *bodies), class_="scroll")])


def _group(group: str, tests: list[tuple[int, TestResult]], variants: list[str], graded: bool) -> Iterator[Markup]:
    if group:
        yield element("tr", element("th", group, scope="rowgroup", colspan=str(1 + len(variants) + graded)))
    for name in dict.fromkeys(test.name for _index, test in tests):
        by_variant = {test.variant: (index, test) for index, test in tests if test.name == name}
        cells = [_cell(*by_variant[variant]) if variant in by_variant else element("td") for variant in variants]
        if graded:
            earned, total = points(test for _index, test in by_variant.values())
            cells.append(element("td", f"{number(earned)} of {number(total)}", class_="number"))
        yield element("tr", element("th", title(name), scope="row"), *cells)


def _cell(index: int, test: TestResult) -> Markup:
    link = element("a", test.verdict.value, class_=f"cell {test.verdict.value}", href=f"#t{index}")
    return element("td", link, " ", element("span", _time(test), class_="soft"))


def _time(test: TestResult) -> str:
    return "" if test.verdict is Verdict.SKIPPED else duration(test.seconds)


def _test(index: int, test: TestResult, rows: int) -> Markup:
    cause = cause_of(test) if test.verdict is not Verdict.PASSED else ""
    summary = element(
        "summary",
        element("b", test.verdict.value),
        element("strong", title(test.name, test.variant)),
        element("span", _time(test), class_="soft number"),
        *([element("span", cause, class_="cause")] if cause else []),
    )
    parts = [
        element("p", test.description) if test.description else Markup(),
        _facts(test),
        _steps(test),
        _timeline(test, rows),
        _evidence(test),
    ]
    # A browser opens what a link leads into; so the target is inside.
    body = element("div", *parts, class_="body", id=f"t{index}")
    details = element("details", summary, body, class_=f"test {test.verdict.value}")
    return details if test.verdict.good else flag(details, "open")


def _facts(test: TestResult) -> Markup:
    known = {
        "Written in": test.place,
        "Group": test.group,
        "Tries": str(test.tries) if test.tries > 1 else "",
        "Points": number(test.points) if test.points != 1.0 else "",
        "Waited for a CPU": "" if test.pressure is None else f"{test.pressure:.0f} % of the time",
        "Took": ", ".join(f"{phase} {duration(seconds)}" for phase, seconds in test.phases.items() if seconds >= 0.001),
    }
    return element(
        "dl",
        *(element("div", element("dt", key), element("dd", value)) for key, value in known.items() if value),
        class_="facts",
    )


def _steps(test: TestResult) -> Markup:
    if not test.steps:
        return Markup()
    rows: list[Markup] = []
    for context, steps in groupby(test.steps, key=_context):
        # Only the first steps need no heading, if they are the test's own.
        rows += [element("li", context or "test", class_="phase")] if context or rows else []
        rows += map(_step, steps)
    return joined([element("h3", "Steps"), element("ol", *rows, class_="steps")])


def _context(step: StepResult) -> str:
    """The heading that a step stands below."""
    return phase_word(step.phase) or step.stage


def _step(step: StepResult) -> Markup:
    return element(
        "li",
        element("b", step.verdict.value),
        element("code", step.text),
        element("span", duration(step.seconds), class_="soft number"),
        Markup() if step.verdict.good else _wrong(step),
        class_=step.verdict.value,
    )


def _wrong(step: StepResult) -> Markup:
    """What was to be, what was, and how that changed."""
    rows = [element("dt", "Written in"), element("dd", step.place)] if step.place else []
    if step.expected:
        rows += [element("dt", "Expected"), element("dd", element("pre", step.expected))]
    rows += [element("dt", "Got"), element("dd", element("pre", step.got or "nothing"), class_="got")]
    if len(step.attempts) > 1:
        changes = (
            element(
                "li",
                element(
                    "span", f"at {each.at:.1f} s{f', {each.times} times' if each.times > 1 else ''}", class_="soft"
                ),
                element("pre", each.got or "nothing"),
            )
            for each in step.attempts[:-1]
        )
        rows += [element("dt", "Before"), element("dd", element("ol", *changes))]
    if step.why:
        rows += [element("dt", "Why"), element("dd", element("pre", step.why))]
    return element("dl", *rows, class_="wrong")


def _timeline(test: TestResult, most: int) -> Markup:
    """Everything that happened anywhere, in one order, with a lane for each host."""
    if not test.timeline:
        return Markup()
    hosts = [*dict.fromkeys(_host(each) for each in test.timeline)]
    events: list[tuple[float, int, Markup]] = [(step.at, 0, _mark(step)) for step in test.steps]
    # The last ones: a test fails at its end.
    events += [(each.at, 1, _row(each, hosts)) for each in test.timeline[-most:]]
    rows = [row for _at, _kind, row in sorted(events, key=lambda event: event[:2])]
    if (more := len(test.timeline) - most) > 0:
        rows.insert(
            0, element("li", f"{more} before these are in results.json and the files below", class_="step skipped")
        )
    legend = element("p", "Seconds since the test began. ● a line of a log, ◆ a packet, $ a command.", class_="legend")
    return joined([element("h3", "Timeline"), legend, element("ol", *rows, class_="line", tabindex="0")])


def _host(happening: Happening) -> str:
    return happening.where.partition(":")[0]


def _mark(step: StepResult) -> Markup:
    return element(
        "li",
        element("time", f"{step.at:.3f}"),
        element("b", step.verdict.value),
        " ",
        element("code", step.text),
        class_=f"step {step.verdict.value}",
    )


def _row(happening: Happening, hosts: Sequence[str]) -> Markup:
    lane = hosts.index(_host(happening))
    kind = happening.kind if happening.kind in ("log", "packet", "command") else "log"
    lanes = element(
        "span", *(element("i", class_="on" if each == lane else "") for each in range(len(hosts))), class_="lanes"
    )
    return element(
        "li",
        element("time", f"{happening.at:.3f}"),
        lanes,
        element("span", happening.where, class_="where", title=happening.where),
        element("code", happening.text),
        class_=f"{kind} h{lane % _HUES}",
    )


def _evidence(test: TestResult) -> Markup:
    if not test.evidence:
        return Markup()
    files = (element("li", _link(what, path)) for what, path in test.evidence.items())
    return joined([element("h3", "Evidence"), element("ul", *files, class_="files")])


def _link(what: str, path: str) -> Markup:
    """A link to a file beside the page; what does not lie there is no link."""
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in path:
        return element("span", f"{what}: {path}")
    return element("a", what, href=f"./{quote(path, errors='replace')}")
