# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verbs of ``dumm`` that are bodies of modules, as a shell runs them: plan, up, start, stop, reach, logs, down."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import PATIENCE, REPOSITORY, Lab, fresh_lab

DUMM = REPOSITORY / "scripts/dumm"
PAIR = """\
guests:
  alice: {mem: 64}
  bob: {mem: 64}
links:
  - {a: alice:eth0, b: bob:eth0, prefix: [10.7.0.0/30, "fd00:7::/64"]}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for all tests, which build on each other in their order."""
    with fresh_lab() as fresh:
        (fresh.path / "pair.yml").write_text(PAIR)
        yield fresh


@pytest.fixture(scope="module")
def file(lab: Lab) -> str:
    """The scenario's file."""
    return str(lab.path / "pair.yml")


def dumm(lab: Lab, *words: str, code: int = 0) -> str:
    """What a command prints; of one that fails, what it complains about."""
    done = subprocess.run(
        [DUMM, words[0], "-w", lab.path, *words[1:]], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code in (0, 3) else done.stderr


def test_a_plan_tells_steps_and_differences_and_changes_nothing(lab: Lab, file: str) -> None:
    told = dumm(lab, "plan", file, "--exit-code", code=3)

    assert "make guest alice\n" in told and "start guest bob\n" in told
    assert "+guest alice:\n" in told
    assert "+guest alice:\n" not in dumm(lab, "plan", file, "--no-diff")
    assert lab.info(inside=False)["guests"] == {}


def test_up_makes_the_lab_what_the_file_says_and_is_done_the_second_time(lab: Lab, file: str) -> None:
    assert "start guest alice\n" in dumm(lab, "up", file)

    assert lab.info()["guests"]["bob"]["scenario"] == "pair"
    assert dumm(lab, "up", file) == "nothing to do\n"
    assert dumm(lab, "plan", file, "--exit-code") == "nothing to do\n"


def test_reach_pings_between_all_by_either_version(lab: Lab) -> None:
    assert "all 2 pairs" in dumm(lab, "reach", "--within", str(PATIENCE))
    assert "all 4 pairs" in dumm(lab, "reach", "-4", "-6", "--within", str(PATIENCE))
    lab.read("bob", "ip link set eth0 down")
    try:
        done = subprocess.run(
            [DUMM, "reach", "-w", lab.path], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    finally:
        lab.read("bob", "ip link set eth0 up")
    assert done.returncode == 1
    assert "alice -> bob (10.7.0.2)" in done.stdout


def test_guests_are_stopped_and_started(lab: Lab) -> None:
    assert dumm(lab, "stop", "alice") == "stop guest alice\n"
    assert lab.info(inside=False)["guests"]["alice"]["state"] == "stopped"
    dumm(lab, "stop", "--all")
    assert lab.info(inside=False)["guests"]["bob"]["state"] == "stopped"
    dumm(lab, "start", "alice", "bob")
    assert {each["state"] for each in lab.info(inside=False)["guests"].values()} == {"running"}


@pytest.mark.parametrize("verb", ["start", "stop", "reach"])
def test_a_name_that_is_mistyped_makes_no_guest(lab: Lab, verb: str) -> None:
    assert "there is no such guest; did you mean alice?" in dumm(lab, verb, "alise", "bob", code=1)
    assert set(lab.info(inside=False)["guests"]) == {"alice", "bob"}


def test_a_log_is_shown_as_it_is_or_without_what_a_terminal_acts_on(lab: Lab) -> None:
    lab.read("alice", r"printf 'one\n\033]0;evil\007\033[2Jtwo\n\302\23331mthree\n' >/dev/console")
    log = lab.directory("alice").boot_log

    raw = subprocess.run([DUMM, "logs", "-w", lab.path, "alice"], capture_output=True, check=True, timeout=PATIENCE)
    ours, theirs = pty.openpty()
    run = subprocess.Popen([DUMM, "logs", "-w", lab.path, "alice", "-n", "3"], stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:
        # That is how a terminal ends.
        pass
    os.close(ours)

    assert run.wait(PATIENCE) == 0
    assert raw.stdout == log.read_bytes()
    assert shown.decode().splitlines() == ["one", r"\x1b]0;evil\x07\x1b[2Jtwo", r"\x9b31mthree"]


def test_a_log_is_followed_over_a_restart_and_ends_with_its_reader(lab: Lab) -> None:
    run = subprocess.Popen(
        [DUMM, "logs", "-w", lab.path, "-f", "alice"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert run.stdout is not None and run.stderr is not None
    try:
        for word in ("first", "second"):
            lab.read("alice", f"echo {word} >/dev/console")
            while word.encode() not in (line := run.stdout.readline()):
                assert line, "it ended"
            lab.guest("alice", state="restarted")
        run.stdout.close()
        assert run.wait(PATIENCE) == -signal.SIGPIPE
        assert run.stderr.read() == b""
    finally:
        run.kill()


def test_up_applies_a_file_at_each_save_and_goes_on_after_errors(lab: Lab, file: str) -> None:
    run = subprocess.Popen(
        [DUMM, "up", "-w", lab.path, file, "--watch"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.stdout is not None

    def said() -> str:
        """All up to the next time it waits."""
        found = ""
        while "waiting for a change" not in found:
            line = run.stdout.readline() if run.stdout is not None else ""
            assert line, found
            found += line
        return found

    try:
        assert "nothing to do" in said()
        Path(file).write_text(PAIR.replace("guests:", "gests:"))
        assert re.search(r"dumm: .*pair\.yml:1:1: .*gests", said())
        # As editors do that write another file.
        fresh = Path(file).with_suffix(".new")
        fresh.write_text(PAIR.replace("bob: {mem: 64}", "bob: {mem: 64, labels: {role: end}}"))
        fresh.rename(file)
        while "set label role" not in (told := said()):
            assert "gests" in told or "nothing to do" in told
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE) == -signal.SIGINT
    finally:
        run.kill()
    assert lab.info()["guests"]["bob"]["labels"] == {"role": "end"}


def test_down_takes_away_what_the_file_made(lab: Lab, file: str) -> None:
    assert "nothing of the lab belongs to it; did you mean pair?" in dumm(lab, "down", "pear", code=1)

    assert "remove guest alice" in dumm(lab, "down", file)

    assert lab.info(inside=False)["guests"] == {}
    assert "there is none; remove everything with --all" in dumm(lab, "down", code=1)
    lab.guest("carol", state="present")
    lab.bridge("lan")
    assert "remove guest carol" in dumm(lab, "down", "--all")
    assert lab.info(inside=False)["bridges"] == {}
