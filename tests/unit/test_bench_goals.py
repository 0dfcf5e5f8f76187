# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of docs/explanation/performance.md are those of the committed result, and a goal has a verdict where it was measured."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dumm.lab.tests.bench import goals


def _size(count: int, wall: float) -> dict[str, Any]:
    call = {"spent": {"wall": wall, "cpu": wall}, "phases": {"work": wall}}
    labs = [{"calls": dict.fromkeys(("apply", "nothing", "cable", "cable, only", "away"), call), "memory": 7.0}]
    yardstick = {"wall": 2.0, "cpu": 1.0}
    bare = [{"ready": yardstick, "memory": 8.0}]
    peer = [dict.fromkeys(("ready", "link", "gone"), yardstick)]
    return {"kernel": "tuned", "count": count, "labs": labs, "segment": [call], "bare": bare, "peer": peer}


def _found(wall: float) -> dict[str, Any]:
    return {"lab": {"machine": "one", "sizes": [_size(count, wall) for count in (100, 150)]}}


def _row(found: dict[str, Any], text: str) -> tuple[str, ...]:
    return next(row[1:] for row in goals.rows(found, _found(4.0)) if row[0] == text)


@pytest.mark.parametrize(("wall", "verdict"), [(0.9, "met"), (1.1, "MISSED")])
def test_a_goal_is_met_or_missed(wall: float, verdict: str) -> None:
    row = _row(_found(wall), "150 guests in one segment : Mininet")

    assert row == ("0.5", f"{wall / 2:.3g}", verdict, "2")


@pytest.mark.parametrize("found", [{}, {"thousand": {"count": 300, "seconds": {"made": 1.0}}}])
def test_what_was_not_measured_has_no_verdict(found: dict[str, Any]) -> None:
    assert _row(found, "1000 guests on one bridge, ready")[1:3] == ("-", "")


def test_a_thousand_guests_are_held_against_seconds() -> None:
    told = {"count": 1000, "seconds": {"made": 19.0, "again": 6.0, "away": 5.0}, "unreached": 1, "idle": 0.5}
    verdicts = {row[0]: row[3] for row in goals.rows({"thousand": told}, {}) if row[0].startswith("1000")}

    assert list(verdicts.values()) == ["met", "MISSED", "met", "MISSED", "met"]


@pytest.mark.parametrize("engines", [{"cowfs": 3.0}, {"cowfs": 3.0, "fuse-overlayfs": 2.0}])
def test_engines_are_held_against_each_other_where_both_are_there(engines: dict[str, float]) -> None:
    """The sums that ``unions.measure`` leaves, seconds as all of its figures."""
    guest = {engine: {"boot to ready": 1.0, "sum of the workloads": told} for engine, told in engines.items()}
    text = "cowfs : fuse-overlayfs in a guest, sum of workloads"

    assert _row({"unions": {"guest": guest}}, text)[1:3] == (("1.5", "MISSED") if len(engines) > 1 else ("-", ""))


def test_the_page_has_the_tables_of_the_committed_result() -> None:
    text = goals.PAGE.read_text(encoding="utf-8")

    assert goals.page(text, goals.committed()) == text, "run tests/bench/goals.py --commit build/bench.json"
    assert text.count("<!-- from tests/bench/result.json") == len(goals._TABLES)


def test_the_table_for_a_terminal_has_all_goals() -> None:
    lines = goals.table(_found(1.0), {}).splitlines()

    assert len(lines) == 1 + len(goals.GOALS)
