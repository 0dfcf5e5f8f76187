# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm test``: how its words are understood, and what a terminal gets; tests/integration runs it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.command import main, test
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.test import Screen, is_path
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import RunFailed


class Asked(Exception):
    """The body was called."""

    def __init__(self, params: dict[str, Any], check: bool) -> None:
        super().__init__()
        self.params = params
        self.check = check


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What the body was called with, which does nothing."""
    calls: list[Asked] = []

    def body(params: dict[str, Any], *, check: bool, subscriber: object) -> None:
        calls.append(Asked(params, check))
        raise RunFailed(InvalidInput("tests", "none", "write some"))

    monkeypatch.setattr(test, "run_tests", body)
    return calls


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ([], {"src": None, "tests": None, "scenario": None, "parallel": 1, "retry": 0, "keep": "never"}),
        (["a.yml", "tunnel", "re*"], {"src": ["a.yml"], "tests": ["tunnel", "re*"]}),
        (["--scenario", "vpn", "t.yml"], {"src": ["t.yml"], "scenario": "vpn"}),
        (["-s", "vpn.yml", "t.yml"], {"src": ["vpn.yml", "t.yml"], "scenario": None}),
        (["--keep"], {"keep": "failed"}),
        (["--keep", "always"], {"keep": "always"}),
        (
            ["-p", "3", "--retry", "2", "-x", "-t", "fast", "-t", "slow"],
            {"parallel": 3, "retry": 2, "tags": ["fast", "slow"]},
        ),
        (["-x"], {"stop_on_failure": True}),
        (["--format", "strongswan", "ikev2/*"], {"format": "strongswan", "tests": ["ikev2/*"]}),
    ],
)
def test_words_are_the_options_of_the_module(words: list[str], given: dict[str, Any], asked: list[Asked]) -> None:
    assert test.run(words, "/lab") == 2

    (call,) = asked
    assert {key: call.params[key] for key in given} == given
    assert (call.params["workdir"], call.check) == ("/lab", False)


def test_a_list_changes_nothing(asked: list[Asked]) -> None:
    test.run(["--list"], "/lab")

    assert asked[0].check


def test_a_file_is_told_from_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labs").mkdir()
    Path("labs/one").touch()

    assert [word for word in ("x.yml", "labs", "labs/one", "vpn/tunnel", "tunnel") if is_path(word)] == [
        "x.yml",
        "labs",
        "labs/one",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunFailed(HostError("this task", "no root", "be root")), 3),
        (RunFailed(InvalidInput("tests", "none", "write some")), 2),
        (AssertionError("a fault of ours"), 3),
    ],
)
def test_what_goes_wrong_is_no_failed_test(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(*_given: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(test, "run_tests", body)

    assert main.main(["test"]) == code
    assert str(error) in capsys.readouterr().err


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_under_way_in_a_line_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "11")
    stream = _Terminal()
    screen = Screen(stream)

    screen.now("tunnel: a long step")
    screen.line("passed")

    assert stream.getvalue() == "\r\x1b[Ktunnel: a \r\x1b[Kpassed\n"


def test_a_file_gets_only_the_lines_that_stay() -> None:
    stream = io.StringIO()
    screen = Screen(stream)

    screen.now("tunnel: a step")
    screen.line("passed")

    assert stream.getvalue() == "passed\n"
