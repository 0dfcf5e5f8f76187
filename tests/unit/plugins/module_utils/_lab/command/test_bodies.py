# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verbs take the options of their modules; that they do what these do is tested on real guests (tests/integration/test_verbs.py)."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.command import bodies
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.up import _OPTIONS as UP
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import Parser, WrongUsage, whole
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Key, Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action, Step
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import StepBegan, Subscriber
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Diff, Report


def parser() -> Parser:
    """What ``dumm up`` reads its options with."""
    made = Parser("dumm up", "", "", "/lab")
    bodies.add_options(made, options.SCENARIO, UP)
    return made


def test_options_that_are_left_out_have_the_defaults_of_the_module() -> None:
    found = bodies.given(parser().parse_args([]), options.SCENARIO, name="vpn")

    assert found == options.completed(options.SCENARIO, workdir="/lab", name="vpn")


def test_options_have_the_names_of_earlier_versions_too() -> None:
    found = bodies.given(parser().parse_args(["--busy", "force"]), options.SCENARIO, name="vpn")

    assert found["in_use"] == "force"
    assert found.keys() == options.SCENARIO.keys()
    assert options.completed(options.GUEST, name="alice", unsave="old")["remove_save"] == "old"
    assert "--busy" not in parser().format_help()


def test_options_have_the_types_of_the_module() -> None:
    words = ["--only", "a", "--only", "b", "--no-prune", "--restart", "--parallel", "3", "--power", "keep"]

    found = bodies.given(parser().parse_args(words), options.SCENARIO, name="vpn")

    wanted = {"only": ["a", "b"], "prune": False, "restart": True, "parallel": 3, "power": "keep"}
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize("words", [["--power", "on"], ["--parallel", "many"], ["--parallel", ""]])
def test_what_the_module_would_refuse_is_refused(words: list[str]) -> None:
    with pytest.raises(WrongUsage):
        parser().parse_args(words)


@pytest.mark.parametrize(
    ("file", "name"), [("lab.yml", "lab"), ("/a/vpn.dumm.yaml", "vpn"), ("two", "two"), ("./x-1.yml", "x-1")]
)
def test_a_scenario_is_named_after_its_file(file: str, name: str) -> None:
    assert bodies.scenario_name(file) == name


def test_a_file_without_a_name_names_no_scenario() -> None:
    with pytest.raises(InvalidInput, match="--name"):
        bodies.scenario_name("/a/.yml")


def test_a_difference_has_what_is_other_before_and_after() -> None:
    told = bodies.difference(
        Diff({"guest a": {"mem": 64, "note": "\x1b[2J"}}, {"guest a": {"mem": 96, "note": "\x1b[2J"}})
    )

    assert "-  mem: 64\n+  mem: 96\n" in told
    assert "\x1b" not in told
    assert bodies.difference(Diff({"a": 1}, {"a": 1})) == bodies.difference(None) == ""


def test_guests_must_be_named_or_all_be_meant(tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        (tmp_path / "guests" / name).mkdir(parents=True)

    assert bodies.known_guests(str(tmp_path), ["bob", "bob"], every=False) == ["bob"]
    assert bodies.known_guests(str(tmp_path), [], every=True) == ["alice", "bob"]
    for names in (["carol"], []):
        with pytest.raises(InvalidInput):
            bodies.known_guests(str(tmp_path), names, every=False)


@pytest.mark.parametrize("text", ["-3", "x", "1.5", ""])
def test_a_number_of_lines_is_whole(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no whole number of 0 or more"):
        whole(text)


def test_a_run_goes_on_to_its_end_where_its_sentences_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def body(_params: object, *, check: bool, subscriber: Subscriber) -> Report:
        for name in ("a", "b"):
            step = Step(Key(Kind.START, name), Action(), (f"start guest {name}",))
            subscriber(StepBegan(step))
            ran.append(name)
        return Report("scenario", None, changed=not check)

    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OSError, match="No space left"):
            bodies.carried_out(body, {})
        monkeypatch.undo()
        # What is still in its buffer cannot be written either.
        with suppress(OSError):
            full.close()
    assert ran == ["a", "b"]
