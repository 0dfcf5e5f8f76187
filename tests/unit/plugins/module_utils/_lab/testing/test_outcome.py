# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a step is looked at again, and what is kept of what was found."""

from __future__ import annotations

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import pressure
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.outcome import (
    MOST_ATTEMPTS,
    SHOWN,
    Attempts,
    Next,
    Outcome,
    Patience,
    shown,
    text_of,
    together,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import Attempt

GOOD, BAD, DEAD = Outcome(True), Outcome(False, "no"), Outcome(False, "dead", final=True)


def after(patience: Patience, began: float, ended: float, outcome: Outcome) -> Next:
    return patience.after(began, ended, outcome)[0]


def test_what_holds_passes_at_once() -> None:
    assert after(Patience(10), 0, 1, GOOD) is Next.PASS


@pytest.mark.parametrize(("ended", "expected"), [(9.9, Next.AGAIN), (10.0, Next.FAIL), (30.0, Next.FAIL)])
def test_what_does_not_hold_is_looked_at_again_until_its_time_is_over(ended: float, expected: Next) -> None:
    assert after(Patience(10), 0, ended, BAD) is expected


def test_the_last_look_begins_when_the_time_is_over() -> None:
    patience = Patience(10)
    for _number in range(20):
        patience.after(0, 1, BAD)
    assert patience.after(9.7, 9.8, BAD) == (Next.AGAIN, pytest.approx(0.2))
    assert after(patience, 10.0, 10.1, GOOD) is Next.PASS


def test_a_look_that_takes_long_counts_if_it_is_right() -> None:
    assert after(Patience(1), 0.9, 60, GOOD) is Next.PASS


def test_without_patience_there_is_one_look() -> None:
    assert after(Patience(0), 0, 0.001, BAD) is Next.FAIL
    assert after(Patience(60, once=True), 0, 1, BAD) is Next.FAIL


def test_what_no_later_look_can_change_fails_at_once() -> None:
    assert after(Patience(10), 0, 0.1, DEAD) is Next.FAIL


def test_pauses_grow_up_to_a_bound() -> None:
    patience = Patience(1000)
    pauses = [patience.after(0, 1, BAD)[1] for _number in range(20)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.05, 1.0)


def test_what_must_go_on_to_hold_is_looked_at_until_it_has() -> None:
    patience = Patience(0, holds=3)
    assert after(patience, 0, 1, GOOD) is Next.AGAIN
    assert patience.held
    # The last look begins when it has held so long.
    assert patience.after(2, 2.9, GOOD) == (Next.AGAIN, pytest.approx(0.075, abs=0.03))
    assert after(patience, 3, 3.1, GOOD) is Next.PASS


def test_what_no_longer_holds_fails() -> None:
    patience = Patience(0, holds=3)
    patience.after(0, 1, GOOD)
    assert after(patience, 1.5, 2, BAD) is Next.FAIL


def test_what_has_time_to_come_to_hold_may_begin_anew() -> None:
    patience = Patience(10, holds=3)
    assert after(patience, 0, 1, GOOD) is Next.AGAIN
    assert after(patience, 2, 3, BAD) is Next.AGAIN
    assert not patience.held
    assert after(patience, 4, 5, GOOD) is Next.AGAIN
    assert after(patience, 6, 6.9, GOOD) is Next.AGAIN
    assert after(patience, 7, 7.1, GOOD) is Next.PASS


def test_attempts_that_found_the_same_are_counted() -> None:
    attempts = Attempts()
    for at, got in enumerate(("a", "a", "b", "a")):
        attempts.add(float(at), got)
    assert attempts.kept == (Attempt(0, "a", 2), Attempt(2, "b"), Attempt(3, "a"))


def test_of_many_attempts_the_first_and_the_last_are_kept() -> None:
    attempts = Attempts()
    for at in range(100):
        attempts.add(float(at), str(at))
        attempts.add(float(at), str(at))
    kept = attempts.kept
    assert len(kept) == MOST_ATTEMPTS
    assert {each.times for each in kept} == {2}
    half = MOST_ATTEMPTS // 2
    assert [each.got for each in kept] == [str(at) for at in (*range(half), *range(100 - half, 100))]


def test_long_output_is_shown_without_its_middle() -> None:
    text = "".join(f"{number}\n" for number in range(10_000))
    found = shown(text)
    assert found.startswith("0\n1\n")
    assert found.endswith("9998\n9999")
    assert "letters left out" in found
    assert len(found) < SHOWN + 100


def test_output_of_any_bytes_is_text_that_does_nothing() -> None:
    assert shown(text_of(b"\x1b[2J\xff\x00a\n")) == "\\x1b[2J\ufffd\\x00a"


def test_of_several_guests_what_is_wrong_is_told_first() -> None:
    found = together({"alice": Outcome(True, "fine"), "bob": Outcome(False, "no"), "carol": Outcome(True)})
    assert found == Outcome(False, "bob: no\nalice: fine")
    assert together({"alice": Outcome(True, "fine")}) == Outcome(True, "fine")
    assert together({"alice": GOOD, "bob": DEAD}).final
    assert together({"alice": GOOD, "bob": GOOD}).good


@pytest.mark.parametrize(
    ("percent", "expected"), [(None, False), (0.0, False), (89.9, False), (90.0, True), (100.0, True)]
)
def test_a_failure_under_pressure_is_suspect(percent: float | None, expected: bool) -> None:
    assert pressure.is_suspect(percent) is expected


def test_pressure_is_measured_where_the_kernel_tells_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    source = tmp_path / "cpu"
    monkeypatch.setattr(pressure, "_SOURCE", source)
    assert pressure.waited() is None
    assert pressure.Gauge().percent is None
    source.write_text("some avg10=1.00 avg60=2.00 avg300=3.00 total=123456\nfull avg10=0.00 total=9\n")
    assert pressure.waited() == 123456
    gauge = pressure.Gauge()
    assert gauge.percent == 0.0
    source.write_text("some avg10=1.00 avg60=2.00 avg300=3.00 total=99999999999999\n")
    assert gauge.percent == 100.0
