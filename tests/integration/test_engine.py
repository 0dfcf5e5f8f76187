# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of a lab, run in real guests: each kind of step as it passes and as it fails, and what is taken back afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Test
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import tests as reading
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import engine
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import StepResult, TestResult, Verdict

# A failure under load is one all the same.
_FAILED = (Verdict.FAILED, Verdict.SUSPECT)


def read(lab: Lab, text: str) -> tuple[Test, ...]:
    """Tests as a file has them."""
    return reading.load(text, group="engine", place="t.yml", guests=lab.workdir.load().guests)


def run_all(lab: Lab, text: str, **options: Any) -> list[TestResult]:
    """The results of a file of tests."""
    with engine.session(str(lab.path)) as session:
        return [session.run(test, **options) for test in read(lab, text)]


def run(lab: Lab, *steps: str, **phases: str) -> TestResult:
    """The result of one test; it leaves the lab's kernels alone.

    :param steps: how they are written.
    :param phases: the same of other phases, several in a list.
    """
    told = {"clean": "none", **phases}
    lines = [f"    {key}: {value}" for key, value in told.items()] + [
        "    steps:",
        *(f"      - {step}" for step in steps),
    ]
    (result,) = run_all(lab, "\n".join(["tests:", "  one:", *lines]))
    return result


def failed(lab: Lab, *steps: str, **phases: str) -> StepResult:
    """The step that fails."""
    result = run(lab, *steps, **phases)
    assert result.verdict in _FAILED, result
    (found,) = [each for each in result.steps if each.verdict is Verdict.FAILED]
    assert result.cause.startswith(found.text)
    return found


@pytest.mark.parametrize(
    "step",
    [
        "{on: alice, run: echo one; echo two, match: ^two$, no_match: three, count: 1, empty: false, code: 0}",
        "{on: [alice, bob], run: hostname, match: 'alice|bob'}",
        "{on: alice, run: 'exit 3', code: 3}",
        "{on: alice, run: cat /dev/null, empty: true}",
        "{on: alice, run: 'echo {}; echo >&2 noise', count: 1}",
        "{on: alice, run: ip -j addr show dev eth0, json: '[0].addr_info[0].local', is: 10.0.0.1}",
        "{on: alice, run: 'ping -c 1 {{ guests.bob.interfaces.eth0.addresses[0].split(\"/\")[0] }}', code: 0}",
        "{on: alice, run: 'echo {{ name }} {{ guest.mem }}', match: alice 96}",
        "{ping: alice -> bob}",
        "{ping: 'alice:eth0 -> bob:eth0', count: 3, size: 100}",
        "{ping: alice -> 10.0.0.99, fails: true}",
        "{port: alice -> bob:9, fails: true}",
        "{reach: all}",
        "{reach: [alice, bob], families: [6], fails: true, within: 0}",
        "{wait: 10ms}",
    ],
)
def test_a_step_that_is_right_passes(shared_pair: Lab, step: str) -> None:
    if "families: [6]" in step:
        assert failed(shared_pair, step).got == "no two of the guests have addresses of one IP version"
        return
    check = "" if "wait" not in step else "{on: alice, run: hostname, match: alice}"
    result = run(shared_pair, *filter(None, (step, check)))
    assert (result.verdict, result.cause) == (Verdict.PASSED, ""), result


@pytest.mark.parametrize(
    ("step", "expected", "got"),
    [
        ("{on: alice, run: echo one, match: two, within: 0}", "'two' in the output", "'two' is not in the output\none"),
        ("{on: alice, run: echo one, no_match: o, within: 0}", "no 'o' in the output", "'o' is in the output\none"),
        ('{on: alice, run: "echo a; echo b", count: ">2", within: 0}', "more than 2 lines", "2 lines in the output\na\nb"),
        ("{on: alice, run: echo a, empty: true, within: 0}", "no output", "the output is not empty\na"),
        ("{on: alice, run: 'false', code: 0, within: 0}", "exit code 0", "exit code 1 instead of 0\nit printed nothing"),
        ("{on: alice, run: nonsense, no_match: x, within: 0}", "no 'x' in the output", "it could not be run (exit code 127)"),
        ("{on: alice, run: 'echo [1]', json: '[0]', is: on, within: 0}", "[0] is true", "[0] is 1 instead of true\n[1]"),
        ("{on: alice, run: echo no, json: a, is: 1, within: 0}", "a is 1", "the output is no JSON: Expecting value"),
        ("{on: [alice, bob], run: hostname, match: alice, within: 0}", "'alice' in the output", "bob: 'alice' is not in"),
        ("{on: alice, run: kill -9 $$, empty: true, within: 0}", "no output", "it was killed by SIGKILL"),
        ("{ping: alice -> 10.0.0.99, within: 0}", "1 answered", "0 of 1 answered: alice (10.0.0.1, eth0) -> 10.0.0.99"),
        ("{ping: alice -> bob, fails: true, within: 0}", "no answer", "1 of 1 answered: alice -> bob (10.0.0.2)"),
        ("{ping: alice -> 192.0.2.1, within: 0}", "1 answered", "0 of 1 answered: alice ("),
        ("{port: alice -> bob:9, within: 0}", "port 9 opens", "port 9 of bob (10.0.0.2): "),
        ("{http: alice -> http://bob:9/, within: 0}", "a status below 400", "no answer from bob (10.0.0.2): "),
    ],
)  # fmt: skip
def test_a_step_that_is_wrong_fails_with_what_was_expected_and_what_was_found(
    shared_pair: Lab, step: str, expected: str, got: str
) -> None:
    found = failed(shared_pair, step)
    assert found.expected == expected
    assert found.got.startswith(got), found.got
    assert found.place == "t.yml:5:9: tests.one.steps[0]"
