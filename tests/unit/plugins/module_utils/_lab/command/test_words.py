# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shells complete what the verbs' own parsers read, and the manual page describes the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.command import completion, words
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.main import VERBS

REPOSITORY = Path(completion.__file__).resolve().parents[4]


@pytest.fixture
def workdir(tmp_path: Path) -> str:
    """A working directory with guests."""
    for name in ("alice", "alan", "bob"):
        (tmp_path / "guests" / name).mkdir(parents=True)
    return str(tmp_path)


def found(typed: str, workdir: str) -> list[str]:
    """What the last word may become."""
    return list(words.candidates(typed.split(" "), VERBS, workdir))


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_options_that_are_completed_and_described(verb: str, workdir: str) -> None:
    assert "--workdir" in found(f"{verb} --", workdir)
    assert f".SS dumm {verb}\n" in manual()


def manual() -> str:
    """The manual page."""
    return words.manual({verb: words.parser_of(verb) for verb in VERBS}, {}, "1.0")


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("ins", ["inspect"]),
        ("exec al", ["alan", "alice"]),
        ("exec --timeout 5 b", ["bob"]),
        ("exec alice l", []),
        ("start alice b", ["bob"]),
        ("logs -f bo", ["bob"]),
        ("up --only al", ["alan", "alice"]),
        ("inspect --format j", ["json"]),
        ("inspect l", ["links"]),
        ("up ", [words.FILES]),
        ("--workdir ", [words.FILES]),
        ("-w /nowhere exec ", []),
        ("exec -w /nowhere ", []),
        ("why alice b", ["bob"]),
        ("nonsense x", []),
    ],
)
def test_a_word_becomes_what_fits_in_its_place(typed: str, wanted: list[str], workdir: str) -> None:
    assert found(typed, workdir) == wanted


def test_all_verbs_are_offered_at_first(workdir: str) -> None:
    assert set(VERBS) <= set(found("", workdir))


def test_bash_completes_guests_and_files(workdir: str, tmp_path: Path) -> None:
    program = """
source <("$1" completion bash)
complete_() { COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _dumm; echo "${COMPREPLY[*]}"; }
compopt() { echo "compopt $*"; }
complete_ "$1" -w "$2" exec al
complete_ "$1" pla
complete_ "$1" up ""
"""
    command = ["bash", "--norc", "-c", program, "bash", str(REPOSITORY / "scripts/dumm"), workdir]

    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout == "alan alice\nplan\ncompopt -o default\n\n"


def test_the_manual_page_is_understood() -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("there is no groff")
    done = subprocess.run(
        [groff, "-man", "-ww", "-Tutf8", "-P-c"],
        input=manual(),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert done.stderr == ""
    assert "dumm inspect" in done.stdout and "--format" in done.stdout
