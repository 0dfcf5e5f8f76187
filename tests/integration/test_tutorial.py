# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tutorial holds: each of its commands is typed, in order, in one shell, and prints what the page shows.

Only ``make`` is replaced: ``make lab`` is its playbook without the roles, whose work is done where tests are run.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from documented import Command, File, steps
from lab import PATIENCE, REPOSITORY, Lab

PAGE = REPOSITORY / "docs/tutorial/first-lab.md"
PICTURE = REPOSITORY / "docs/pictures/first-lab.svg"
_DONE = "the command is done"
# What a guest had no time for is asked again, and so is a ping whose first request waited for an answer to ARP that nobody had heard
# while the cable was elsewhere; the reader does that, too.
_AGAIN = re.compile("did not end within|Destination Host Unreachable")
_TRIES = 5


class Shell:
    """The reader's shell.

    :param home: the reader's home directory.
    """

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._home = home
        self._shell = subprocess.Popen(
            ["bash"], cwd=REPOSITORY, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def type(self, command: Command) -> tuple[str, str]:
        """Type a command, and wait until it has ended: its standard output and standard error."""
        typed = self._home / "typed"
        typed.write_text("".join(f"{line}\n" for line in command.typed))
        line = f"{command.line} --keep-going" if command.typed else command.line
        out, errors = self._home / "out", self._home / "errors"
        assert self._shell.stdin is not None and self._shell.stdout is not None
        # Not a subshell: the page changes the directory and the environment.
        self._shell.stdin.write(f"{{ {line}\n}} <{typed} >{out} 2>{errors}; echo {_DONE}\n")
        self._shell.stdin.flush()
        assert _DONE in self._shell.stdout.readline(), f"the shell has ended with {command.line}"
        return out.read_text(), errors.read_text()

    def close(self) -> None:
        """End the shell."""
        self._shell.communicate(timeout=PATIENCE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The reader's home, with a ``make`` that leaves the preparation of the host out."""
    plays = yaml.safe_load((REPOSITORY / "playbooks/lab.yml").read_text())
    for play in plays:
        play.pop("roles", None)
    (tmp_path / "lab.yml").write_text(yaml.safe_dump(plays))
    (tmp_path / "bin").mkdir()
    make = tmp_path / "bin/make"
    make.write_text(
        f"#!/bin/sh\ncase $1 in\nlab) exec ansible-playbook {tmp_path / 'lab.yml'} ;;\n"
        f"clean-lab) exec ansible-playbook {REPOSITORY / 'playbooks/teardown.yml'} ;;\nesac\n"
    )
    make.chmod(0o755)
    return tmp_path


@pytest.fixture
def shell(lab: Lab, home: Path) -> Iterator[Shell]:
    """A shell with nothing of this user's own configuration."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "DUMM"))},
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "DUMM_PYTHON": sys.executable,
        "DUMM_WORKDIR": str(lab.path),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    opened = Shell(home, environment)
    yield opened
    opened.close()


def _answers(log: Path) -> list[int]:
    return [int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", log.read_text())]


def _went_on_after_a_gap(log: Path) -> bool:
    """Whether a ping has answers before and after a time without any."""
    numbers = _answers(log)
    return any(after - before > 1 for before, after in itertools.pairwise(numbers))


def test_the_tutorial_prints_what_it_shows(shell: Shell, home: Path) -> None:
    for step in steps(PAGE.read_text()):
        if isinstance(step, File):
            place = home / "first-lab" / step.name
            place.write_text((place.read_text() if step.more else "") + step.text)
            continue
        if step.line.startswith("kill"):
            # Its last answers may be under way to the log.
            end = time.monotonic() + PATIENCE
            while not _went_on_after_a_gap(home / "ping.log") and time.monotonic() < end:
                time.sleep(0.5)
            assert _went_on_after_a_gap(home / "ping.log"), _answers(home / "ping.log")
        for _try in range(_TRIES):
            out, errors = shell.type(step)
            if not _AGAIN.search(out + errors):
                break
        assert (step.missing(out + errors), step.unknown(out)) == ([], []), f"$ {step.line}\n{out}\n{errors}"
    assert (home / "first-lab/office.svg").read_text() == PICTURE.read_text()
