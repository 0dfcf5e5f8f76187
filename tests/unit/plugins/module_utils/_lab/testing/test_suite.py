# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tests a run takes, how often it tries them, and when it stops; without any lab."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import pytest
from suites import made

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Test
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import Event
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.events import SuiteBegan, TestBegan, TestEnded
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import SuiteResult, TestResult, Verdict
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.selection import Case, cases, longest_first, select
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.suite import Keep, Policy, Suite

TESTS = (
    Test("tunnel", "vpn", tags=("ipsec", "fast")),
    Test("rekey", "vpn", tags=("ipsec",)),
    Test("ospf", "routing"),
)


def _names(tests: Iterable[Test]) -> list[str]:
    return [test.name for test in tests]


@pytest.mark.parametrize(
    ("wanted", "tags", "found"),
    [
        ([], [], ["tunnel", "rekey", "ospf"]),
        (["ospf", "tunnel"], [], ["tunnel", "ospf"]),
        (["*e*"], [], ["tunnel", "rekey"]),
        (["vpn/*"], [], ["tunnel", "rekey"]),
        (["ipsec"], [], ["tunnel", "rekey"]),
        ([], ["fa*"], ["tunnel"]),
        (["rekey"], ["fast", "ipsec"], ["rekey"]),
        (["rekey"], ["fast"], []),
    ],
)
def test_tests_are_selected_by_names_groups_and_tags(wanted: list[str], tags: list[str], found: list[str]) -> None:
    assert _names(select(TESTS, wanted, tags)) == found


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(InvalidInput, match=r"no test is called tunel, .*; did you mean tunnel"):
        select(TESTS, ["tunel", "rekey"])
    with pytest.raises(InvalidInput, match="no test has tag slow"):
        select(TESTS, [], ["slow"])


def test_a_matrix_has_each_kernel_with_each_master_and_changes_them_seldom() -> None:
    tests = (
        Test("a", "g", kernels=("k1", "k2")),
        Test("b", "g"),
        Test("c", "g", kernels=("k2", "k1")),
        Test("d", "g", kernels=("k1",), masters=("m1", "m2")),
    )

    assert [(case.test.name, case.variant) for case in cases(tests)] == [
        ("a", "kernel k1"),
        ("c", "kernel k1"),
        ("a", "kernel k2"),
        ("c", "kernel k2"),
        ("b", ""),
        ("d", "kernel k1, master m1"),
        ("d", "kernel k1, master m2"),
    ]


def test_the_longest_begin_and_what_was_never_run_before_them() -> None:
    durations = {("vpn", "tunnel", ""): 3.0, ("vpn", "rekey", ""): 30.0}

    assert [case.test.name for case in longest_first(cases(TESTS), durations)] == ["ospf", "rekey", "tunnel"]


class Lab:
    """A lab whose tests end as they are told, one after the other."""

    def __init__(self, **verdicts: Verdict | list[Verdict]) -> None:
        self._verdicts = {name: given if isinstance(given, list) else [given] for name, given in verdicts.items()}
        self.ran: list[str] = []

    def __call__(self, case: Case) -> TestResult:
        name = case.test.name
        self.ran.append(name)
        left = self._verdicts.get(name, [Verdict.PASSED])
        verdict = left.pop(0) if len(left) > 1 else left[0]
        if verdict is Verdict.BROKEN:
            raise GuestError("guest sun", "it does not answer", "start it again")
        return made(name, verdict, group=case.test.group, cause=f"cause {len(self.ran)}", seconds=1.0)


def _run(lab: Callable[[Case], TestResult], tests: Iterable[Test] = TESTS, **policy: object) -> SuiteResult:
    return Suite("/lab", cases(tests), Policy(**policy)).run([lab])  # type: ignore[arg-type]


def _verdicts(suite: SuiteResult) -> dict[str, str]:
    return {test.name: test.verdict.value for test in suite.tests}


def test_tests_run_in_their_order_and_events_tell_of_each() -> None:
    events: list[Event] = []
    lab = Lab()

    result = Suite("/lab", cases(TESTS), publish=events.append).run([lab])

    assert lab.ran == ["tunnel", "rekey", "ospf"]
    assert result.exit_code == 0
    assert events[0] == SuiteBegan(3, 1)
    assert [type(event) for event in events[1:]] == [TestBegan, TestEnded] * 3


def test_a_failure_does_not_stop_the_others() -> None:
    result = _run(Lab(tunnel=Verdict.FAILED))

    assert _verdicts(result) == {"tunnel": "failed", "rekey": "passed", "ospf": "passed"}
    assert result.exit_code == 1


@pytest.mark.parametrize("policy", [{"stop_on_failure": True}, {"keep": Keep.FAILED}])
def test_a_failure_stops_the_others_where_it_is_wanted(policy: dict[str, object]) -> None:
    result = _run(Lab(rekey=Verdict.SUSPECT), **policy)

    assert _verdicts(result) == {"tunnel": "passed", "rekey": "suspect", "ospf": "skipped"}
    assert result.tests[2].cause == "rekey failed before"
    assert result.exit_code == 1


def test_what_passes_when_it_is_run_again_is_flaky_and_tells_of_its_first_failure() -> None:
    lab = Lab(tunnel=[Verdict.FAILED, Verdict.FAILED, Verdict.PASSED])

    result = _run(lab, retry=3)

    (tunnel, *_others) = result.tests
    assert (tunnel.verdict, tunnel.tries, tunnel.cause, tunnel.seconds) == (Verdict.FLAKY, 3, "cause 1", 2.0)
    assert lab.ran == ["tunnel"] * 3 + ["rekey", "ospf"]
    assert result.exit_code == 0


def test_what_never_passes_failed() -> None:
    lab = Lab(tunnel=Verdict.FAILED)

    result = _run(lab, [Test("tunnel", "vpn", retry=2)], retry=1)

    assert (result.tests[0].verdict, result.tests[0].tries) == (Verdict.FAILED, 3)


def test_a_test_whose_failure_keeps_the_lab_is_not_tried_again() -> None:
    lab = Lab(tunnel=[Verdict.FAILED, Verdict.PASSED])

    result = _run(lab, [Test("tunnel", "vpn", retry=2)], retry=1, keep=Keep.FAILED)

    assert (result.tests[0].verdict, lab.ran) == (Verdict.FAILED, ["tunnel"])


def test_a_broken_lab_is_nobodys_failure_and_not_tried_again() -> None:
    lab = Lab(tunnel=Verdict.BROKEN)

    result = _run(lab, retry=2)

    assert lab.ran.count("tunnel") == 1
    assert result.tests[0].cause == "guest sun: it does not answer; start it again"
    assert result.exit_code == 3


def test_a_lab_that_stays_broken_is_given_up() -> None:
    tests = [Test(name, "g") for name in "abcde"]

    result = _run(Lab(b=Verdict.BROKEN, c=Verdict.BROKEN, d=Verdict.BROKEN), tests)

    assert list(_verdicts(result).values()) == ["passed", "broken", "broken", "broken", "skipped"]


def test_a_test_that_is_to_be_skipped_is_told_with_its_reason() -> None:
    lab = Lab()

    result = _run(lab, [Test("ipcomp", "vpn", skip="the kernel has no IPComp")])

    assert (lab.ran, result.tests[0].cause, result.exit_code) == ([], "the kernel has no IPComp", 2)


def test_an_interrupted_run_can_tell_what_has_ended() -> None:
    class Interrupted(Lab):
        def __call__(self, case: Case) -> TestResult:
            if case.test.name == "rekey":
                raise KeyboardInterrupt
            return super().__call__(case)

    suite = Suite("/lab", cases(TESTS))
    with pytest.raises(KeyboardInterrupt):
        suite.run([Interrupted()])

    assert _verdicts(suite.result()) == {"tunnel": "passed", "rekey": "skipped", "ospf": "skipped"}


def test_several_labs_share_the_tests_and_results_keep_their_order() -> None:
    met = threading.Barrier(2, timeout=300)
    ran: list[list[str]] = [[], []]

    def lab(number: int) -> Callable[[Case], TestResult]:
        def run(case: Case) -> TestResult:
            ran[number].append(case.test.name)
            # Both have one: a single lab would wait for ever.
            met.wait()
            return made(case.test.name, group=case.test.group)

        return run

    tests = [Test(name, "g") for name in "abcd"]
    durations = {("g", name, ""): seconds for name, seconds in zip("abcd", (1.0, 2.0, 3.0, 4.0), strict=True)}

    result = Suite("/lab", cases(tests), durations=durations).run([lab(0), lab(1)])

    assert [test.name for test in result.tests] == ["a", "b", "c", "d"]
    assert sorted(ran[0] + ran[1]) == ["a", "b", "c", "d"]
    assert {ran[0][0], ran[1][0]} == {"d", "c"}
