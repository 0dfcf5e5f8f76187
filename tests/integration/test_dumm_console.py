# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm console``: the original's sample session as a script, and a person at a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from lab import PATIENCE, REPOSITORY, Lab, fresh_lab

DUMM = REPOSITORY / "scripts/dumm"
# As it was typed in 2007, but for address, in the place of ifconfig in the guests.
SESSION = """\
guest
create
alice
default
default
128
start
addif
eth0
back
create
bob
# What the question offers.



start
addif
eth0
back
back
bridge
create
br0
addif
alice
eth0
addif
bob
eth0
back
back
guest alice
address eth0 10.5.0.1/24
back
bob
address eth0 10.5.0.2/24
exec ping -c 1 -W 60 10.5.0.1 | grep -o '1 received'
save pair
"""
PRINTED = """\
guest 'alice' created
guest 'alice' is up
guest 'bob' created
guest 'bob' is up
bridge 'br0' created
1 received
scenario 'pair' written to {}/scenarios/pair/config
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for all tests, which build on each other in their order."""
    with fresh_lab() as fresh:
        yield fresh


def console(lab: Lab, lines: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script."""
    return subprocess.run(
        [DUMM, "console", "-w", lab.path, *options],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )


def test_the_originals_sample_session_makes_its_lab(lab: Lab) -> None:
    done = console(lab, SESSION)

    assert (done.returncode, done.stderr, done.stdout) == (0, "", PRINTED.format(lab.path))
    found = lab.info()
    assert {name: (each["state"], each["mem"]) for name, each in found["guests"].items()} == {
        "alice": ("running", 128),
        "bob": ("running", 128),
    }
    assert set(found["bridges"]) == {"br0"}
    assert lab.addresses("alice", "eth0") >= {"10.5.0.1/24"}
    assert lab.scenario("pair")["actions"] == []


def test_a_line_that_fails_ends_a_script_with_its_number(lab: Lab) -> None:
    lines = "guest alice\n\naddif eth1 mtu=big\nexec echo on\n"

    first, all_of_them = console(lab, lines), console(lab, lines, "--keep-going")

    told = "line 3: option mtu: 'big' is no whole number; write mtu=N\n"
    assert (first.returncode, first.stdout, first.stderr) == (1, "", told)
    assert (all_of_them.returncode, all_of_them.stdout, all_of_them.stderr) == (1, "on\n", told)
    assert set(lab.info()["guests"]["alice"]["interfaces"]) == {"eth0"}


@pytest.mark.parametrize("nothing", ["<&-", "</dev/null"])
def test_a_script_without_lines_does_nothing(lab: Lab, nothing: str) -> None:
    done = subprocess.run(
        f"exec {DUMM} console -w {lab.path} {nothing}",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_plan_changes_nothing_and_undo_goes_back(lab: Lab) -> None:
    before = lab.workdir.load()

    planned = console(lab, "plan on\nguest\ncreate carol mem=64\nplan off\ncarol\n")
    done = console(lab, "bridge br0\ndelif bob eth0\nset stp=yes\nundo\nundo\nundo\n", "--keep-going")

    assert "would: make guest carol\n" in planned.stdout
    assert "line 5: carol: there is no such verb and no such guest" in planned.stderr
    assert "interface bob:eth0: plug into bridge br0\n" in done.stdout
    assert done.stderr.startswith("line 6: undo: nothing was changed")
    assert lab.workdir.load() == before
    assert lab.info()["bridges"]["br0"]["interfaces"] == ["alice:eth0", "bob:eth0"]


def test_a_scenario_is_loaded_and_stopped_from_a_file_and_undo_takes_it_away(lab: Lab, tmp_path: Path) -> None:
    before = lab.workdir.load()
    file = tmp_path / "third.yml"
    file.write_text("guests: {dora: {mem: 64, labels: {role: end}}}\n")

    done = console(
        lab, f"load {file}\nscenario third\nstop\nback\nback\nguest dora\nremove\nundo\nexec alice true\nundo\nundo\n"
    )
    gone = console(lab, f"load {file}\nundo\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        *("make guest dora", "start guest dora", "stop guest dora"),
        "guest 'dora' removed",
        # The scenario makes it, with its label, and a scenario's new guests are started.
        *("make guest dora", "start guest dora", "stop guest dora"),
        "start guest dora",
        *("stop guest dora", "remove guest dora"),
    ]
    assert (gone.returncode, gone.stderr) == (0, "")
    assert lab.workdir.load() == before


class Person:
    """Somebody who types to the console, at a terminal of 24 by 80."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.screen = b""
        self.terminal, theirs = pty.openpty()
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", DUMM, "console", "-w", lab.path],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "XDG_STATE_HOME": str(home)},
        )
        os.close(theirs)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.terminal, keys.encode())

    def sees(self, pattern: str) -> None:
        """Wait for something on the screen, and forget what is before it."""
        end = time.monotonic() + PATIENCE
        while (found := re.search(pattern.encode(), self.screen)) is None:
            assert time.monotonic() < end, f"waited in vain for {pattern!r} on {self.screen[-2000:]!r}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                data = os.read(self.terminal, 65536)
                # Where the cursor is, which a terminal tells who asks.
                os.write(self.terminal, b"\x1b[1;1R" * data.count(b"\x1b[6n"))
                self.screen += data
        self.screen = self.screen[found.end() :]

    def leaves(self) -> int:
        """Wait for the end of the program; its exit code."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end: {self.screen[-2000:]!r}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                # It fails where nobody has it open any more.
                with suppress(OSError):
                    self.screen += os.read(self.terminal, 65536)
        return self.process.returncode

    def close(self) -> None:
        """Be gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Iterator[Person]:
    """Somebody at a terminal, who is gone afterwards."""
    somebody = Person(lab, tmp_path)
    try:
        yield somebody
    finally:
        somebody.close()


def test_a_person_has_completion_a_bottom_line_and_ctrl_c(lab: Lab, person: Person, tmp_path: Path) -> None:
    person.sees("alice running.*bob running")
    # A key that comes before the completion is there would cancel it.
    person.type("gue\t")
    person.sees("gue(?s:.*?)st")
    person.type(" alice\r")
    person.sees("guest/alice#")
    person.type("load pa\t")
    person.sees("pa(?s:.*?)ir")
    person.type("\x03")
    person.sees("guest/alice#")
    person.type("rubbish\x03")
    person.sees("guest/alice#")

    # What a guest prints does nothing to a terminal.
    person.type("exec printf '\\033[2J\\007\\n'\r")
    person.sees(r"\\x1b\[2J\\x07\r\n")
    person.sees("guest/alice#")
    person.type("exec echo began; sleep 100000\r")
    person.sees("began\r\n")
    person.type("\x03")
    person.sees("interrupted; ")
    person.sees("guest/alice#")
    person.type("delif\r")
    person.sees("interface name:")
    person.type("\x03")
    person.sees("it was interrupted at a question; nothing was changed")
    person.sees("guest/alice#")

    # Somebody else changes the lab while nobody types.
    lab.guest("bob", state="stopped")
    person.sees("stopped")
    person.type("\x04")

    assert person.leaves() == 0
    assert "+guest alice\n" in (tmp_path / "dumm/console_history").read_text()
    assert lab.info(inside=False)["guests"]["alice"]["state"] == "running"


def test_a_terminal_that_goes_away_leaves_the_lab_alone(lab: Lab, person: Person) -> None:
    person.sees("alice running")
    person.type("exec alice echo began; sleep 100000\r")
    person.sees("began\r\n")
    os.close(person.terminal)
    # So that there is one to close.
    person.terminal = os.open(os.devnull, os.O_RDWR)

    person.process.wait(PATIENCE)

    assert lab.read("alice", "pgrep -c '^sleep$' || true").strip() == "0"
    assert lab.info(inside=False)["guests"]["alice"]["state"] == "running"
