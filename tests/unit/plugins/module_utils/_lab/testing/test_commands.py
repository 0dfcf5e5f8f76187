# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the output of a command is, compared with what it must be."""

from __future__ import annotations

import signal

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Completed
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Bound, Expected, Run
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import commands


def judged(expected: Expected, output: str = "", code: int = 0, error: str = "", by: signal.Signals | None = None):
    return commands.judged(expected, Completed(code, output.encode(), error.encode(), by))


@pytest.mark.parametrize(
    ("expected", "output", "code"),
    [
        (Expected(match=("b", "^a")), "x\nab\n", 0),
        (Expected(match=("^b$",)), "a\nb\nc", 1),
        (Expected(no_match=("b",)), "a", 1),
        (Expected(count=Bound("==", 2)), "a\nb\n", 0),
        (Expected(count=Bound("==", 0)), "", 0),
        (Expected(match=("a", "b"), count=Bound("==", 1)), "ab\na\nb\n", 0),
        (Expected(empty=True), " \n", 1),
        (Expected(empty=False), "x", 0),
        (Expected(code=127), "", 127),
        (Expected(json="a[0].b", equals=1), '{"a": [{"b": 1}]}', 0),
        (Expected(json="length(@)", equals=0), "[]", 0),
        (Expected(json="c", equals=None), '{"a": 1}', 0),
        (Expected(json="@", equals={"a": [1, {"b": True}]}), '{"a": [1, {"b": true}]}', 0),
    ],
)
def test_what_is_expected_is_right(expected: Expected, output: str, code: int) -> None:
    assert judged(expected, output, code).good


@pytest.mark.parametrize(
    ("expected", "output", "code", "got"),
    [
        (Expected(match=("b", "z")), "ab", 0, "'z' is not in the output\nab"),
        (Expected(match=("b", "z")), "", 0, "'b' is not in the output\n'z' is not in the output\nit printed nothing"),
        (Expected(no_match=("a",)), "ab", 0, "'a' is in the output\nab"),
        (Expected(no_match=("a",)), "", 127, "it could not be run (exit code 127)\nit printed nothing"),
        (Expected(empty=True), "", 126, "it could not be run (exit code 126)\nit printed nothing"),
        (Expected(count=Bound(">", 1)), "a", 0, "1 lines in the output\na"),
        (Expected(match=("a",), count=Bound("==", 1)), "a\na", 0, "2 lines match\na\na"),
        (Expected(code=0), "x", 3, "exit code 3 instead of 0\nx"),
        (Expected(json="a", equals=1), '{"a": true}', 0, 'a is true instead of 1\n{"a": true}'),
        (Expected(json="a", equals=[1]), '{"a": [1, 2]}', 0, 'a is [1, 2] instead of [1]\n{"a": [1, 2]}'),
        (Expected(json="a", equals=1), "x", 0, "the output is no JSON: Expecting value: line 1 column 1 (char 0)\nx"),
    ],
)  # fmt: skip
def test_what_is_not_expected_is_told(expected: Expected, output: str, code: int, got: str) -> None:
    found = judged(expected, output, code)
    assert (found.good, found.got) == (False, got)


@pytest.mark.parametrize(
    "error", ["sh: 1: ipp: not found\n", "x\n/spool/7/cmd: 2: ipp: not found", "bash: line 1: ipp: command not found"]
)
def test_what_must_not_be_printed_is_not_proved_by_a_pipe_without_its_command(error: str) -> None:
    found = judged(Expected(empty=True), "", error=error)
    assert not found.good
    assert found.got.startswith("a command of it could not be run (")
    assert not judged(Expected(no_match=("a",)), "", error=error).good
    # These would fail without it, or the user has thought of it.
    assert judged(Expected(match=("a",)), "a", error=error).good
    assert judged(Expected(empty=True, code=0), "", error=error).good
    assert judged(Expected(empty=True), "", error="file not found").good


def test_a_command_that_was_killed_is_wrong_whatever_it_printed() -> None:
    found = judged(Expected(empty=True), "", 137, by=signal.SIGKILL)
    assert (found.good, found.got) == (False, "it was killed by SIGKILL\nit printed nothing")


def test_errors_are_told_where_something_is_wrong_or_nothing_was_printed() -> None:
    assert judged(Expected(match=("a",)), "a", error="noise").got == "a"
    assert judged(Expected(match=("b",)), "a", error="why").got == "'b' is not in the output\na\nstderr: why"
    assert judged(Expected(empty=True), "", error="noise").got == "stderr: noise"


@pytest.mark.parametrize("output", ["[" * 100_000, '{"a":' * 100_000, "9" * 10_000, "\x00", "[" * 900 + "]" * 900])
def test_whatever_a_guest_prints_is_no_more_than_wrong(output: str) -> None:
    found = judged(Expected(json="@", equals=1), output)
    assert not found.good
    assert len(found.got) < 5000


def test_a_question_that_cannot_be_asked_is_told() -> None:
    found = judged(Expected(json="sum(@)", equals=1), '["a"]')
    assert not found.good
    assert "sum(@)" in found.got


def test_a_question_without_its_library_is_told_and_no_obstacle_to_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.queries, "HAS_JMESPATH", False)
    commands.queries.check("a[")
    found = judged(Expected(json="a", equals=1), '{"a": 1}')
    assert not found.good
    assert found.got.startswith("python library jmespath: it is not installed; install python3-jmespath")


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected(match=("a", "b")), "'a' in the output, 'b' in the output"),
        (Expected(no_match=("a",), code=0), "no 'a' in the output, exit code 0"),
        (Expected(count=Bound("<=", 3)), "at most 3 lines"),
        (Expected(match=("a",), count=Bound("!=", 3)), "'a' in the output, not 3 such lines"),
        (Expected(empty=True), "no output"),
        (Expected(json="a.\n  b", equals="x"), 'a. b is "x"'),
    ],
)
def test_what_is_expected_is_told_in_words(expected: Expected, words: str) -> None:
    assert commands.wanted(Run(("alice",), "x", expected)) == words
