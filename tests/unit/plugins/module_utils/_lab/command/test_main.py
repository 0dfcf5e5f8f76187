# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ``dumm``: which file does what the user asked for, and what becomes of its errors."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils._lab.command import main as command
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import DEFAULT_WORKDIR, VERSION, WrongUsage
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError

REPOSITORY = Path(command.__file__).resolve().parents[4]
SCRIPT = REPOSITORY / "scripts/dumm"


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A verb of the tests' own, ``dumm trial``, which returns 0."""
    module = types.ModuleType(f"{command.__package__}.trial")
    vars(module)["run"] = lambda words, workdir: 0
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(command, "__package__", module.__name__.rpartition(".")[0])
    monkeypatch.setitem(command.VERBS, "trial", command.Verb("Try", failed=9))
    monkeypatch.delenv("DUMM_WORKDIR", raising=False)
    return module


def does(module: types.ModuleType, error: BaseException) -> None:
    """Have the verb raise an error."""

    def run(words: Sequence[str], workdir: str) -> int:
        raise error

    vars(module)["run"] = run


@pytest.mark.parametrize("verb", command.VERBS)
def test_each_verb_has_a_file_and_help_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"{command.__name__.rpartition('.')[0]}.{verb}").run(["--help"], "/nowhere")

    told = capsys.readouterr().out
    assert (ended.value.code, f"usage: dumm {verb}" in told, f"examples:\n  dumm {verb}" in told) == (0, True, True)


def test_the_help_names_each_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])

    told = capsys.readouterr().out
    assert [verb for verb in command.VERBS if f"\n  {verb} " not in told] == []


def test_a_verb_gets_its_words_and_the_working_directory(trial: types.ModuleType) -> None:
    got = []
    vars(trial)["run"] = lambda words, workdir: got.append((list(words), workdir)) or 7

    codes = [command.main(words) for words in (["trial", "-x", "--", "-w"], ["-w", "/lab", "trial"])]

    assert (codes, got) == ([7, 7], [(["-x", "--", "-w"], DEFAULT_WORKDIR), ([], "/lab")])


def test_the_environment_names_the_working_directory(trial: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    got = []
    vars(trial)["run"] = lambda words, workdir: got.append(workdir) or 0
    monkeypatch.setenv("DUMM_WORKDIR", "/elsewhere")

    command.main(["trial"])

    assert got == ["/elsewhere"]


def test_an_unknown_verb_is_refused_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    code = command.main(["atach", "alice"])

    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert told.err.startswith("dumm: there is no command atach; did you mean attach? (known: ")


def test_without_words_the_help_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    code = command.main([])

    told = capsys.readouterr()
    assert (code, told.out, told.err.startswith("usage: dumm ")) == (2, "", True)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (HostError("disk", "it is full", "free some"), 9, "dumm: disk: it is full; free some\n"),
        (WrongUsage("dumm trial", "no guest", "name one"), 2, "dumm trial: no guest; name one\n"),
        (
            PermissionError(13, "Permission denied", "/lab"),
            9,
            "dumm: /lab: Permission denied; run as root\n",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    trial: types.ModuleType, capsys: pytest.CaptureFixture[str], error: Exception, code: int, line: str
) -> None:
    does(trial, error)

    assert (command.main(["trial"]), *capsys.readouterr()) == (code, "", line)


def test_the_version_and_the_default_are_those_of_the_collection(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--version"])

    galaxy = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
    assert capsys.readouterr().out == f"dumm.lab {galaxy['version']}\n"
    assert str(workdir.DEFAULT) == DEFAULT_WORKDIR


def test_the_script_ignores_modules_of_the_current_directory(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken for json')\n")

    done = subprocess.run([SCRIPT, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"dumm.lab {VERSION}\n", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["completion", "bash"], ["graph", str(REPOSITORY / "examples/graph/campus.yml")]])
def test_a_disk_that_is_full_is_one_line(words: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [SCRIPT, *words],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    told = "dumm: output: cannot write it: No space left on device; free some space there and run again\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_the_script_is_found_by_a_link_and_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "dumm").symlink_to(SCRIPT)
    told = f"dumm.lab {VERSION}\n"

    by_path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for line, place in (("dumm --version", "/"), ("sh dumm --version", SCRIPT.parent)):
        done = subprocess.run(line, shell=True, cwd=place, env=by_path, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (told, "")


def test_the_script_says_what_a_checkout_lacks(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/dumm").write_bytes(SCRIPT.read_bytes())

    done = subprocess.run(["sh", tmp_path / "scripts/dumm"], capture_output=True, text=True, check=False)

    told = f"dumm: {tmp_path}: it is a checkout that was not set up; run 'make setup' there\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_command_in_a_guest_imports_nothing_that_takes_long() -> None:
    """A script runs it hundreds of times."""
    slow = ("ansible", "asyncio", "jinja2", "multiprocessing", "pyroute2", "urllib.request", "uuid", "yaml")
    code = f"import {command.__name__.rpartition('.')[0]}.exec, sys; print([name for name in {slow} if name in sys.modules])"
    collections = str(Path(command.__file__).absolute().parents[7])

    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": collections}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_library_that_is_missing_is_named_with_its_package(
    trial: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    does(trial, ModuleNotFoundError("No module named 'yaml'", name="yaml"))

    assert command.main(["trial"]) == 9
    assert capsys.readouterr().err == "dumm: python library yaml: it is not installed; install python3-yaml\n"


def test_a_fault_of_ours_is_no_missing_library(trial: types.ModuleType) -> None:
    does(trial, ModuleNotFoundError("No module named 'dumm_lab'", name="dumm_lab"))

    with pytest.raises(ModuleNotFoundError):
        command.main(["trial"])
