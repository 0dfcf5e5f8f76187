# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bench has measured beside what is wanted, and beside what was measured before.  Pure.

``goals.py RESULT.json`` prints the table of an earlier result.  Those of docs/explanation/performance.md are made of ``result.json`` here:
``goals.py --commit RESULT.json`` puts the parts of a result there and writes the page's tables, and a unit test says so where they differ.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULT = HERE / "result.json"
PAGE = HERE.parents[1] / "docs/explanation/performance.md"
_BEGIN, _END = "<!-- from tests/bench/result.json: {} -->\n", "<!-- end -->\n"
_PLACE = re.compile(r"<!-- from tests/bench/result\.json: (\w+) -->\n.*?<!-- end -->\n", re.DOTALL)
_TUNED = "tuned"

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """Something that is wanted.

    :ivar most: a number, in ``unit``; without one it is a ratio.
    :ivar value: finds it in all that was measured.
    :raises LookupError: where that was not measured.
    """

    text: str
    most: float
    value: Callable[[Found], float]
    unit: str = ""


def _size(found: Found, count: int) -> Found:
    """The measurements with the tuned kernel and a number of guests."""
    sizes: list[Found] = found["lab"]["sizes"]
    return next(size for size in sizes if size["count"] == count and size["kernel"] == _TUNED and size["labs"])


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(ours) / statistics.median(theirs)


def _walls(size: Found, what: str) -> list[float]:
    return [each["calls"][what]["spent"]["wall"] for each in size["labs"]]


def _segment(found: Found) -> float:
    size = _size(found, 150)
    return _ratio([each["spent"]["wall"] for each in size["segment"]], [each["ready"]["wall"] for each in size["peer"]])


def _ring(found: Found) -> float:
    size = _size(found, 150)
    return _ratio(_walls(size, "apply"), [each["ready"]["wall"] for each in size["bare"]])


def _cable(what: str) -> Callable[[Found], float]:
    def value(found: Found) -> float:
        size = _size(found, 100)
        steps = [each["calls"][what]["phases"]["work"] for each in size["labs"]]
        return _ratio(steps, [each["link"]["wall"] for each in size["peer"]])

    return value


def _inside(text: str) -> Callable[[Found], float]:
    return lambda found: _ratio(*found["inside"]["times"][text])


def _thousand(what: str) -> Callable[[Found], float]:
    def value(found: Found) -> float:
        told = found["thousand"]
        if told["count"] < 1000:
            raise LookupError("fewer guests")
        return float(told["seconds"][what] if what in told["seconds"] else told[what])

    return value


def _confined(found: Found) -> float:
    rows = {row["kind"]: row["seconds"] for row in found["confine"]["labs"] if row["what"] == "150 guests: up"}
    return _ratio(rows["confined"], rows["not confined"])


def _unions(found: Found) -> float:
    ours, theirs = (found["unions"]["guest"][engine]["sum of the workloads"] for engine in ("cowfs", "fuse-overlayfs"))
    return float(ours / theirs)


GOALS = (
    Goal("150 guests in one segment : Mininet", 0.5, _segment),
    Goal("150 guests and a ring of cables : bare loop of kernels", 2.0, _ring),
    Goal("1000 guests on one bridge, ready", 20.0, _thousand("made"), "s"),
    Goal("1000 guests, nothing to do", 5.0, _thousand("again"), "s"),
    Goal("1000 guests, taken away", 5.0, _thousand("away"), "s"),
    Goal("1000 guests, not reached from another", 0.0, _thousand("unreached"), "guests"),
    Goal("1000 idle guests, CPU a minute", 1.0, _thousand("idle"), "s"),
    Goal("one cable more in a lab of 100, its steps : Mininet's addLink", 3.0, _cable("cable")),
    Goal("the same with only", 3.0, _cable("cable, only")),
    Goal("nothing to do, 100 guests", 0.3, lambda found: statistics.median(_walls(_size(found, 100), "nothing")), "s"),
    Goal("command in a guest : OpenSSH, multiplexed", 0.2, _inside("/bin/true from Python")),
    Goal("ten tasks in a guest : OpenSSH", 0.33, _inside("playbook of ten tasks")),
    Goal(
        "memory of an idle guest (150 guests)",
        7.5,
        lambda found: statistics.median(each["memory"] for each in _size(found, 150)["labs"]),
        "MiB",
    ),
    Goal("cowfs : fuse-overlayfs in a guest, sum of workloads", 1.0, _unions),
    Goal("confined : unconfined, 150 guests up", 1.1, _confined),
)


def rows(found: Found, before: Found) -> Iterator[tuple[str, str, str, str, str]]:
    """What is wanted: the text, goal, verdict, what was measured, and what before."""
    for goal in GOALS:
        now, then = _value(goal, found), _value(goal, before)
        verdict = "" if now is None else "met" if now <= goal.most else "MISSED"
        yield goal.text, f"{goal.most:g} {goal.unit}".rstrip(), _shown(goal, now), verdict, _shown(goal, then)


def _value(goal: Goal, found: Found) -> float | None:
    try:
        return goal.value(found)
    except (LookupError, StopIteration):
        return None


def _shown(goal: Goal, value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} {goal.unit}".rstrip()


def table(found: Found, before: Found) -> str:
    """As text, for a terminal."""
    lines = [f"{'GOALS (tuned kernel, confined, overlay)':66}{'at most':>12}{'measured':>14}{'':>8}{'before':>14}"]
    for text, most, now, verdict, then in rows(found, before):
        lines.append(f"{text:66}{most:>12}{now:>14}{verdict:>8}{then:>14}")
    return "\n".join(lines)


def _of_goals(found: Found) -> Iterator[str]:
    yield "| what | goal, at most | measured | |"
    yield "|---|---|---|---|"
    for text, most, now, verdict, _then in rows(found, {}):
        yield f"| {text} | {most} | {now if verdict else 'not measured'} | {verdict.lower()} |"


def _of_lab(found: Found) -> Iterator[str]:
    yield found["lab"]["machine"].replace("\n", "; ") + "."
    yield ""
    sizes = [size for size in found["lab"]["sizes"] if size["labs"]]
    names = [f"{size['count']}, {'tuned' if size['kernel'] == _TUNED else 'default'}" for size in sizes]
    yield f"| guests, kernel | {' | '.join(names)} |"
    yield "|---" * (len(sizes) + 1) + "|"
    columns: dict[str, Callable[[Found], float]] = {
        "the lab from nothing : bare loop": lambda size: _ratio(
            _walls(size, "apply"), [each["ready"]["wall"] for each in size["bare"]]
        ),
        "the segment alone : Mininet's": lambda size: _ratio(
            [each["spent"]["wall"] for each in size["segment"]], [each["ready"]["wall"] for each in size["peer"]]
        ),
        "nothing to do, ms of CPU a guest": lambda size: (
            1e3 * statistics.median(each["calls"]["nothing"]["spent"]["cpu"] for each in size["labs"]) / size["count"]
        ),
        "the segment, ms of CPU a guest": lambda size: (
            1e3 * statistics.median(each["spent"]["cpu"] for each in size["segment"]) / size["count"]
        ),
        "bare loop, ms of CPU a guest": lambda size: (
            1e3 * statistics.median(each["ready"]["cpu"] for each in size["bare"]) / size["count"]
        ),
        "the steps of one cable more : Mininet's `addLink`": lambda size: _ratio(
            [each["calls"]["cable"]["phases"]["work"] for each in size["labs"]],
            [each["link"]["wall"] for each in size["peer"]],
        ),
        "the same with `only` its two guests": lambda size: _ratio(
            [each["calls"]["cable, only"]["phases"]["work"] for each in size["labs"]],
            [each["link"]["wall"] for each in size["peer"]],
        ),
        "all taken away : Mininet's `stop`": lambda size: _ratio(
            _walls(size, "away"), [each["gone"]["wall"] for each in size["peer"]]
        ),
        "memory of a guest, MiB": lambda size: statistics.median(each["memory"] for each in size["labs"]),
        "memory of a guest of the bare loop, MiB": lambda size: statistics.median(
            each["memory"] for each in size["bare"]
        ),
    }
    for text, value in columns.items():
        yield f"| {text} | {' | '.join(f'{value(size):.2g}' for size in sizes)} |"


def _of_several(found: Found) -> Iterator[str]:
    told = found["several"]
    runs, guests = told["runs"], told["guests"]
    kernel = "tuned" if told["kernel"] == _TUNED else "default"
    yield f"{guests} guests of {told['mem']} MB, {kernel} kernel, {len(runs['1'])} rounds; load {told['load']:.0f} at the end."
    yield ""
    yield f"| | 1 lab host with {guests} | 3 with {guests // 3} each | ratio of medians |"
    yield "|---|---|---|---|"
    steps = {"make": "the lab from nothing", "again": "nothing to do", "remove": "all taken away"}
    for what, text in steps.items():
        for kind, unit in (("wall", "s"), ("cpu", "CPU s")):
            one, three = ([each[what][kind] for each in runs[hosts]] for hosts in ("1", "3"))
            least = [f"{min(each):.0f} to {max(each):.0f}" for each in (one, three)]
            yield f"| {text}, {unit} | {least[0]} | {least[1]} | {_ratio(three, one):.2g} |"


_TABLES: Mapping[str, Callable[[Found], Iterator[str]]] = {"goals": _of_goals, "lab": _of_lab, "several": _of_several}


def page(text: str, found: Found) -> str:
    """The page with its tables made of what was measured."""

    def made(place: re.Match[str]) -> str:
        lines = "\n".join(_TABLES[place[1]](found))
        return f"{_BEGIN.format(place[1])}\n{lines}\n\n{_END}"

    return _PLACE.sub(made, text)


def committed() -> dict[str, Any]:
    """The result that is compared with."""
    told: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return told


def _shorter(found: Any) -> Any:
    """A result without the seconds of each step, which are most of it."""
    if isinstance(found, dict):
        return {key: _shorter(value) for key, value in found.items() if key != "durations"}
    if isinstance(found, list):
        return [_shorter(each) for each in found]
    return round(found, 4) if isinstance(found, float) else found


def main() -> None:
    """Print the table of a result, or have it be the committed one."""
    found = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    if sys.argv[1] != "--commit":
        print(table(found, committed()))
        return
    whole = {**committed(), **_shorter(found)}
    RESULT.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), whole), encoding="utf-8")


if __name__ == "__main__":
    main()
