# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tricks on the host's side, by who runs in place of a guest's kernel: nothing is followed, waited for, or taken for what it is not.

They must fail whether the guest is confined or not: it is our own readers that refuse.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from attack import Outcome, Tally
from lab import Refused, until
from stage import SECRET, Stage

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import mconsole, processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.processes import owned_by
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, GuestError

Judge = Callable[[], AbstractContextManager[None]]
_KIND = "host's readers"


@pytest.fixture
def refused(request: pytest.FixtureRequest, stage: Stage, tally: Tally) -> Judge:
    """Counts an attack: it has succeeded unless all that is stated of it holds."""

    @contextmanager
    def judged() -> Iterator[None]:
        outcome = Outcome.SUCCEEDED
        try:
            yield
            outcome = Outcome.REFUSED
        finally:
            tally.note(_KIND, request.node.name, outcome, protected=True)

    return judged


ANSWERS = {
    "a link to a host's file": "link out {secret}",
    "a link that leads to one by /proc": "link out /proc/self/root{secret}",
    "a FIFO": "fifo out",
    "a terabyte": "huge out",
    "a directory": "directory out",
    "another place for all of the request": "swap {place}",
}


@pytest.mark.parametrize("command", ANSWERS.values(), ids=ANSWERS)
def test_a_commands_output_cannot_be(stage: Stage, command: str, refused: Judge) -> None:
    with refused():
        try:
            done = stage.lab.channel("evil").run(
                f"attack {command.format(**stage.places)}", timeout=3, max_output=1 << 20
            )
        except DummError as exc:
            assert SECRET not in str(exc)
        else:
            assert SECRET.encode() not in done.stdout + done.stderr
        # The host's own is untouched, and the line still works.
        assert stage.secret.read_text() == SECRET
        assert stage.program("stat /spool")[0]


# Each takes the time that a command is given to end; the readers are the same for both.
@pytest.mark.parametrize("stage", [True], ids=["confined"], indirect=True)
@pytest.mark.parametrize("command", ["link exit /spool/elsewhere", "directory exit"])
def test_how_a_command_ended_cannot_be_a_trick(stage: Stage, command: str, refused: Judge) -> None:
    with refused():
        with pytest.raises(DummError):
            stage.lab.channel("evil").run(f"attack {command}", timeout=1)

        assert stage.program("stat /spool")[0]


@pytest.mark.parametrize("place", [".", "/fs"])
def test_a_tree_of_any_depth_does_not_keep_a_lab_from_being_seen(stage: Stage, place: str, refused: Judge) -> None:
    with refused():
        assert stage.program(f"deep {place}")[0]

        found = stage.lab.info(inside=False)["guests"]["evil"]

        assert found["state"] == "running"
        assert stage.lab.workdir.guest("evil").spool.is_dir()


def test_a_process_may_call_itself_anything(stage: Stage, refused: Judge) -> None:
    with refused():
        assert stage.program("name")[0]

        assert stage.lab.info(inside=False)["guests"]["evil"]["state"] == "running"


def test_a_link_in_place_of_its_console_leads_nobody_to_another_guests(stage: Stage, refused: Judge) -> None:
    run = stage.lab.directory("peer").run
    for target in (str(run / "peer/mconsole"), f"{stage.places['host']}{run}/peer/mconsole"):
        with refused():
            assert stage.program(f"console {target}")[0]

            with pytest.raises(GuestError, match="guest evil: its management console failed"):
                mconsole.ask(stage.lab.directory("evil").run, "evil", stage.netns, "halt")

            assert processes.is_alive(stage.lab.process("peer"))


def test_a_console_that_answers_for_ever_is_not_listened_to_for_ever(stage: Stage, refused: Judge) -> None:
    with refused():
        assert stage.program("console")[0]

        with pytest.raises(GuestError) as caught:
            mconsole.ask(stage.lab.directory("evil").run, "evil", stage.netns, "version", timeout=2)

        assert str(caught.value).isprintable()


def test_nobodys_owner_mark_is_waited_for_or_believed(stage: Stage, refused: Judge) -> None:
    pid = stage.lab.process("evil").pid
    mark = Path(f"/proc/{pid}/root/owner")
    content = mark.read_bytes()
    assert owned_by(pid) is not None
    with refused():
        # Where it may, it puts a FIFO there; where not, the mark is what it was.
        planted = stage.program("fifo /owner")[0]
        try:
            assert (owned_by(pid) is None) is planted
        finally:
            if planted:
                # Its other processes are found by it when the guest is taken away.
                mark.unlink()
                mark.write_bytes(content)


def test_what_it_left_is_taken_away_whole(stage: Stage, refused: Judge) -> None:
    with refused():
        os.kill(stage.lab.process("evil").pid, 9)
        try:
            stage.lab.guest("evil", state="absent")
        except Refused as exc:
            pytest.fail(str(exc))

        assert not stage.lab.directory("evil").path.exists()
        assert Path(stage.secret).read_text() == SECRET


def test_a_program_of_its_root_is_no_program_of_the_hosts_users(stage: Stage, refused: Judge) -> None:
    """A file that is setuid root can be made in a union; that nobody of the host reaches it is what makes it harmless."""
    stage.lab.guest("setuid", mem=64, **stage.options())
    stage.lab.read("setuid", "cp /bin/sh /sesame && chmod 4755 /sesame")
    diff = stage.lab.directory("setuid").diff / "sesame"
    with refused():
        assert diff.stat().st_mode & 0o4000
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            try:
                os.execv(diff, ["sh", "-c", "exit 7"])
            except PermissionError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# A reader that knows no guests: it prints what is there.
_AS_IT_COMES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
sys.stdout.buffer.write(open(sys.argv[1], "rb").read())
"""
TRICKS = {
    "a link to a host's file": "link out {secret}",
    "a link that leads to one by /proc": "link out /proc/self/root{secret}",
    "a FIFO": "fifo out",
    "a terabyte": "huge out",
    "a directory": "directory out",
}


@pytest.mark.parametrize("name", TRICKS)
def test_who_reads_as_it_comes_is_fooled(name: str, program: Path, tmp_path: Path, tally: Tally) -> None:
    """What is refused to a guest was worth it: a reader that opens a file by its name is led astray, waits, or ends."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    (tmp_path / "out").touch()
    played = [program, "attack", *TRICKS[name].format(secret=secret).split()]
    assert subprocess.run(played, cwd=tmp_path, stdout=subprocess.PIPE, timeout=60, check=False).returncode == 0
    line = [sys.executable, "-c", _AS_IT_COMES, tmp_path / "out"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        try:
            fooled = until(
                lambda: _waits_for_a_writer(reader.pid) or reader.poll() is not None, "it to read or wait", 300
            )
            if reader.poll() is not None:
                said, complaint = reader.communicate()
                fooled = SECRET in said or "MemoryError" in complaint or "IsADirectoryError" in complaint
        finally:
            reader.kill()
    tally.note(_KIND, name, Outcome.SUCCEEDED if fooled else Outcome.REFUSED, protected=False)
    assert fooled


def _waits_for_a_writer(pid: int) -> bool:
    """Whether a process sleeps in opening a file (openat in arch/x86/entry/syscalls/syscall_64.tbl), long enough to be seen so twice."""
    with suppress(OSError, IndexError):
        look = [Path(f"/proc/{pid}/{name}").read_text().split() for name in ("syscall", "stat", "syscall")]
        return look[0] == look[2] and look[0][0] == "257" and look[1][2] == "S"
    return False
