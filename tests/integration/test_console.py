# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Terminals in guests, as a person at a terminal has them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import COLLECTIONS, PATIENCE, REPOSITORY, Lab, Refused, await_empty_spool, fresh_lab, until
from programs import Ansible

PASTE = 100_000
LEAVE = b"\x1d"

by_both_agents = pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True, scope="module")


class Person:
    """Somebody who runs dumm-attach at a terminal of 24 by 80."""

    def __init__(self, lab: Lab, *arguments: str) -> None:
        self.screen = b""
        self.master, slave = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            ["setsid", "--ctty", REPOSITORY / "scripts/dumm-attach", "--workdir", lab.path, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(COLLECTIONS)},
        )

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes | str) -> None:
        """Press keys, or paste, reading meanwhile as a terminal does."""
        left = keys.encode() if isinstance(keys, str) else keys
        os.set_blocking(self.master, False)
        while left:
            self._read(0.0)
            _none, writable, _nothing = select.select([], [self.master], [], 0.02)
            if writable:
                left = left[os.write(self.master, left[:1024]) :]

    def _read(self, seconds: float) -> bool:
        readable, _none, _nothing = select.select([self.master], [], [], seconds)
        if not readable:
            return False
        self.screen += os.read(self.master, 65536)
        return True

    def sees(self, pattern: str, seconds: float = PATIENCE) -> re.Match[bytes]:
        """Wait for something on the screen, and forget what is before it."""
        end = time.monotonic() + seconds
        while (found := re.search(pattern.encode(), self.screen)) is None:
            assert time.monotonic() < end, f"waited in vain for {pattern!r} on {self.screen[-2000:]!r}"
            self._read(0.2)
        self.screen = self.screen[found.end() :]
        return found

    def asks(self, command: str, answer: str) -> re.Match[bytes]:
        """Type a command whose own echo is not taken for its answer, and wait for that."""
        self.type(f"{command}; echo do''ne\n")
        return self.sees(rf"{answer}(?s:.)*?done\r\n")

    def leaves(self, code: int, seconds: float = PATIENCE) -> None:
        """Wait for the program's end; the terminal is as it was."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"dumm-attach does not end: {self.screen[-2000:]!r}"
            self._read(0.1)
        while self._read(0.0):
            pass
        assert self.process.returncode == code, self.screen[-2000:]
        assert termios.tcgetattr(self._slave) == self.before

    def close(self) -> None:
        """Be gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.master, self._slave):
            os.close(fd)


@contextmanager
def person(lab: Lab, *arguments: str) -> Iterator[Person]:
    """Somebody at a terminal, who is gone afterwards."""
    somebody = Person(lab, *arguments)
    try:
        somebody.sees(r"Ctrl-\] leaves\]\r\n")
        yield somebody
    finally:
        somebody.close()


@pytest.fixture(scope="module")
def alice(kernel: str) -> Iterator[Lab]:
    """A lab with one running guest, alice."""
    with fresh_lab(kernel=kernel) as fresh:
        fresh.guest("alice", mem=128)
        yield fresh


@pytest.fixture(autouse=True)
def nothing_stays_in_the_spool(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the spool is as empty as it was."""
    yield
    if "alice" in request.fixturenames:
        await_empty_spool(request.getfixturevalue("alice"), "alice")


@by_both_agents
def test_a_shell_has_the_windows_size_and_sees_it_change(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.asks("tty; stty size", "/dev/pts/[0-9]+\r\n24 80\r\n")

        somebody.resize(50, 132)

        somebody.asks("until [ \"$(stty size)\" = '50 132' ]; do sleep 0.1; done; stty size", "50 132\r\n")
        somebody.type("exit\n")
        somebody.leaves(0)


@by_both_agents
def test_the_exit_status_is_the_shells_own(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.type("exit 42\n")
        somebody.leaves(42)
    with person(alice, "alice", "echo said; kill -TERM $$") as somebody:
        somebody.sees("said\r\n")
        somebody.leaves(128 + signal.SIGTERM)


@by_both_agents
def test_ctrl_c_ends_the_program_and_not_the_shell(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.type("x=kept; echo be''gun; sleep 4321\n")
        somebody.sees("begun\r\n")
        until(lambda: alice.run("alice", "pgrep -x sleep").code == 0, "sleep to run")

        somebody.type(b"\x03")

        somebody.asks("echo $x $?", "kept 130\r\n")
        somebody.type("exit 0\n")
        somebody.leaves(0)


@by_both_agents
def test_jobs_are_stopped_and_go_on(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.type("echo be''gun; cat >/run/said\n")
        somebody.sees("begun\r\n")
        until(lambda: alice.run("alice", "pgrep -x cat").code == 0, "cat to run")
        somebody.type(b"\x1a")
        somebody.sees("Stopped")
        somebody.asks("jobs", "Stopped.*cat")

        somebody.type("fg\n")
        somebody.sees("cat > ?/run/said\r\n")
        somebody.type("hello\n\x04")

        somebody.asks("cat /run/said", "hello\r\n")
        somebody.type("exit 0\n")
        somebody.leaves(0)


@by_both_agents
def test_a_paste_of_any_size_arrives_to_the_byte(alice: Lab) -> None:
    pasted = os.urandom(PASTE)
    with person(alice, "alice", f"stty raw -echo; echo rea''dy; head -c {PASTE} | sha256sum") as somebody:
        somebody.sees("ready")

        somebody.type(pasted)

        somebody.sees(hashlib.sha256(pasted).hexdigest())
        somebody.leaves(0)


@by_both_agents
def test_output_of_any_size_arrives_to_the_byte(alice: Lab) -> None:
    with person(alice, "alice", "stty -opost; seq 1 400000") as somebody:
        somebody.leaves(0)

    # 2.7 MB: many times what may lie in the spool.
    assert somebody.screen == b"".join(b"%d\n" % number for number in range(1, 400001))


@by_both_agents
def test_who_does_not_read_makes_the_program_wait(alice: Lab) -> None:
    with person(alice, "alice", "yes") as somebody:
        somebody.sees("y\r\ny\r\n")
        os.kill(somebody.process.pid, signal.SIGSTOP)
        sizes: list[int] = []

        def settled() -> bool:
            sizes.append(_spooled(alice))
            return len(sizes) > 20 and len(set(sizes[-20:])) == 1

        until(settled, "the program to wait")
        assert sizes[-1] < 2_000_000
        os.kill(somebody.process.pid, signal.SIGCONT)
        somebody.type(b"\x03")
        somebody.leaves(128 + signal.SIGINT)


def _spooled(lab: Lab) -> int:
    return sum(path.stat().st_size for path in lab.directory("alice").spool.glob("*/o*"))


@by_both_agents
def test_several_have_terminals_at_once(alice: Lab) -> None:
    with person(alice, "alice") as one, person(alice, "alice") as two, person(alice, "alice") as three:
        places = {somebody.asks("tty", r"(/dev/pts/\d+)\r\n")[1] for somebody in (one, two, three)}

        assert len(places) == 3
        assert alice.read("alice", "echo besides") == "besides\n"
        for code, somebody in enumerate((one, two, three)):
            somebody.type(f"exit {code}\n")
        for code, somebody in enumerate((one, two, three)):
            somebody.leaves(code)


@by_both_agents
def test_the_leaving_key_hangs_up(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.type("echo re''ady; sleep 4322\n")
        somebody.sees("ready")
        until(lambda: alice.run("alice", "pgrep -f '[s]leep 4322'").code == 0, "sleep to run")

        somebody.type(LEAVE)

        somebody.leaves(0)
    until(lambda: alice.run("alice", "pgrep -f '[s]leep 4322'").code == 1, "the program to end")


@by_both_agents
def test_a_client_that_is_killed_hangs_up(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.type("echo re''ady; sleep 4323\n")
        somebody.sees("ready")
        until(lambda: alice.run("alice", "pgrep -f '[s]leep 4323'").code == 0, "sleep to run")

        somebody.process.kill()
        somebody.process.wait()

    until(lambda: alice.run("alice", "pgrep -f '[s]leep 4323'").code == 1, "the program to end")


@by_both_agents
def test_an_agent_that_is_killed_ends_the_terminal_with_a_word(alice: Lab) -> None:
    with person(alice, "alice") as somebody:
        somebody.asks("echo hel''lo", "hello\r\n")

        alice.read("alice", 'setsid sh -c "sleep 0.3; kill -KILL $(cat /.dumm/spool/hello)" >/dev/null 2>&1 &')

        somebody.sees("guest alice: what runs its commands was killed, and the terminal with it; attach again")
        somebody.leaves(255)
    with person(alice, "alice", "echo again") as somebody:
        somebody.sees("again\r\n")
        somebody.leaves(0)


def test_a_guest_that_is_paused_stopped_or_killed_is_told(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    with person(lab, "alice") as somebody:
        somebody.asks("echo hel''lo", "hello\r\n")
        lab.guest("alice", state="paused")
        somebody.type("echo awa''ke\n")
        somebody.sees("the guest is paused")
        lab.guest("alice", state="started")
        somebody.sees("awake\r\n")

        lab.guest("alice", state="stopped")

        somebody.leaves(255)
        assert b"guest alice: " in somebody.screen
    lab.guest("alice")
    with person(lab, "alice") as somebody:
        somebody.asks("echo hel''lo", "hello\r\n")
        os.kill(lab.process("alice").pid, signal.SIGKILL)
        somebody.sees("guest alice: it ended: its process [0-9]+ was killed")
        somebody.leaves(255)


def test_ansible_console_makes_a_guest_and_asks_all_of_them(lab: Lab, tmp_path: Path) -> None:
    lab.guest("alice", mem=64)
    lab.guest("bob", mem=64)
    session = [
        *("uname -n", "cd localhost", "dumm_bridge name=br1", "dumm_guest name=carol mem=64"),
        "dumm_iface guest=carol name=eth0 bridge=br1 address=10.0.1.3/24",
    ]

    first = _console(lab, tmp_path, *session)
    second = _console(lab, tmp_path, "uname -n", "cd carol", "ip -br addr show dev eth0")

    answers = re.findall(r"^(\w+) \| CHANGED \| rc=0 >>\n(\w+)$", first, re.MULTILINE)
    assert sorted(answers) == [("alice", "alice"), ("bob", "bob")]
    assert re.search(r"^eth0 +\w+ +10\.0\.1\.3/24", second, re.MULTILINE), second
    assert {f"{name} | CHANGED | rc=0 >>\n{name}\n" in second for name in ("alice", "bob", "carol")} == {True}


def _console(lab: Lab, home: Path, *lines: str) -> str:
    """What ansible-console prints for these lines."""
    process = Ansible(lab, home).start("ansible-console", "-i", str(REPOSITORY / "lab.dumm.yml"), "all", typed=True)
    output = process.communicate("".join(f"{line}\n" for line in (*lines, "exit")), timeout=PATIENCE)[0]
    assert process.returncode == 0, output
    # Prompts stand before the answers, since nothing is echoed.
    return re.sub(r"\S+@\S+ \(\d+\)\[f:\d+\]\$ ", "", output)


def test_console_0_is_there_for_a_guest_that_does_not_come_up(lab: Lab) -> None:
    lab.guest("alice", mem=64, state="present")
    with ThreadPoolExecutor() as pool:
        start = pool.submit(lab.guest, "alice", cmdline="init=/bin/sh", wait_timeout=600)
        until(lambda: lab.directory("alice").process.exists() or start.done(), "alice to be launched")
        with person(lab, "--console", "alice") as somebody:
            somebody.sees("# ")
            somebody.type("echo hel''lo $$\r")
            somebody.sees("hello 1\r\n")

            somebody.type("exit\r")

            somebody.sees("Kernel panic - not syncing: Attempted to kill init")
            somebody.sees("the guest is not running")
            somebody.leaves(255)
        with pytest.raises(Refused, match="Attempted to kill init"):
            start.result()
    with person(lab, "--console", "alice") as somebody:
        somebody.sees("Kernel panic")
        somebody.leaves(255)


def test_console_0_of_a_guest_that_runs_can_be_left(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    with person(lab, "--console", "alice") as somebody:
        lab.read("alice", "echo be''sides >/dev/console")
        somebody.sees("besides\r\n")
        somebody.type(LEAVE)
        somebody.leaves(0)

    assert lab.info()["guests"]["alice"]["state"] == "running"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "guest nobody of .*: there is no such guest; known: "),
        (["../x"], "there is no such guest"),
        (["off"], "guest off of .*: it is not running; start it with dumm_guest"),
        (["--console", "off"], "guest off: it was never started; start it with dumm_guest"),
    ],
)
def test_what_cannot_be_attached_to_is_told(shared: Lab, arguments: list[str], said: str) -> None:
    shared.guest("off", mem=64, state="present")
    somebody = Person(shared, *arguments)
    try:
        somebody.sees(said)
        somebody.leaves(255)
    finally:
        somebody.close()
