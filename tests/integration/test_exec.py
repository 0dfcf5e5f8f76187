# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm exec`` as a shell runs it: streams, exit codes, and what ends it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from lab import PATIENCE, REPOSITORY, Lab, await_empty_spool, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Unreachable

DUMM = REPOSITORY / "scripts/dumm"
ALL_BYTES = bytes(range(256))
LONG = 300000


@pytest.fixture(scope="module", params=["default", "scripts"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab with a running guest alice, by each of the agents, and one that is off."""
    with fresh_lab(kernel=request.param) as fresh:
        fresh.guest("alice", mem=128)
        fresh.guest("off", mem=64, state="present")
        yield fresh


@pytest.fixture(autouse=True)
def nothing_is_left(lab: Lab) -> Iterator[None]:
    """After each test the guest has no request any more, and neither a process of one."""
    yield
    if lab.info()["guests"]["alice"]["state"] == "running":
        await_empty_spool(lab, "alice")
        assert lab.run("alice", f"pgrep -f 'sleep {LONG}'").stdout == b""


def begin(lab: Lab, *words: str, stdin: int | IO[Any] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """A command that runs; its outputs are pipes."""
    return subprocess.Popen(
        [DUMM, "--workdir", lab.path, "exec", *words], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(lab: Lab, *words: str, stdin: bytes | IO[Any] = b"") -> tuple[int, bytes, bytes]:
    """Exit code and outputs of a command; bytes come to it through a pipe."""
    streams: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(
        [DUMM, "exec", "--workdir", lab.path, *words], capture_output=True, check=False, timeout=PATIENCE, **streams
    )
    return done.returncode, done.stdout, done.stderr


def reads(process: subprocess.Popen[bytes], line: bytes) -> None:
    """Wait for a line of its output."""
    assert process.stdout is not None
    assert process.stdout.readline() == line


def test_outputs_and_the_exit_code_are_the_commands_own(lab: Lab) -> None:
    assert run(lab, "alice", "echo out; echo err >&2; exit 42") == (42, b"out\n", b"err\n")


def test_a_command_that_a_signal_ended_has_the_code_that_shells_give_it(lab: Lab) -> None:
    assert run(lab, "alice", "kill -TERM $$")[0] == 128 + signal.SIGTERM


def test_words_reach_the_program_as_they_are(lab: Lab) -> None:
    words = ["a b", "$HOME", "it's", '"', "\\n", "*", "", "ä\n;"]

    code, told, _complaint = run(lab, "alice", "--", "printf", "%s|", *words)

    assert (code, told.decode()) == (0, "".join(f"{word}|" for word in words))


@pytest.mark.parametrize("word", ["if", "A=b", "!"])
def test_a_first_word_means_nothing_to_the_shell(lab: Lab, word: str) -> None:
    code, _told, complaint = run(lab, "alice", word, "true")

    assert (code, f"{word}: not found".encode() in complaint) == (127, True)


def test_without_the_option_the_input_is_empty_and_nothing_is_taken_from_the_callers(lab: Lab) -> None:
    loop = f'while read name; do {DUMM} --workdir {lab.path} exec alice "cat; echo $name"; done'

    done = subprocess.run(["sh", "-c", loop], input=b"one\ntwo\n", capture_output=True, check=False, timeout=PATIENCE)

    assert (done.stdout, done.stderr) == (b"one\ntwo\n", b"")


def test_every_byte_passes_through_a_pipe_and_from_a_file(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(ALL_BYTES * 4)

    by_pipe = run(lab, "-i", "alice", "cat; exit 3", stdin=ALL_BYTES * 4)
    with (tmp_path / "file").open("rb") as file:
        by_file = run(lab, "-i", "alice", "cat; exit 3", stdin=file)

    assert by_pipe == by_file == (3, ALL_BYTES * 4, b"")


def test_megabytes_pass_in_both_directions_unchanged(lab: Lab) -> None:
    data = os.urandom(1 << 20) * 8

    code, told, complaint = run(lab, "-i", "alice", "tee /dev/fd/2", stdin=data)

    digest = hashlib.sha256(data).hexdigest()
    assert (code, *(hashlib.sha256(each).hexdigest() for each in (told, complaint))) == (0, digest, digest)


def test_what_was_handed_on_takes_no_room(lab: Lab) -> None:
    """The request's file has grown to 40 MB, and less than half of it is still there."""
    room = "cd $OLDPWD; head -c 40000000 /dev/zero; read go; sync; du -k out"
    process = begin(lab, "-i", "alice", room, stdin=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    assert len(process.stdout.read(40000000)) == 40000000

    spool = lab.directory("alice").spool
    held = [path.stat().st_blocks * 512 for path in spool.glob("*/out")]
    process.communicate(b"go\n", timeout=PATIENCE)

    assert held and max(held) < 20000000


def test_output_comes_while_the_command_runs_and_input_goes(lab: Lab) -> None:
    process = begin(lab, "-i", "alice", 'while read line; do echo "got $line"; done; exit 5', stdin=subprocess.PIPE)
    assert process.stdin is not None

    for word in (b"one", b"two", b"three"):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        reads(process, b"got " + word + b"\n")
    process.stdin.close()

    assert process.wait(PATIENCE) == 5


def test_a_command_may_end_before_its_input_does(lab: Lab) -> None:
    found = run(lab, "-i", "alice", "read line; echo $line; exit 6", stdin=b"one\n" + bytes(3 << 20))

    assert found == (6, b"one\n", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_client_ends_the_command(lab: Lab, number: signal.Signals) -> None:
    process = begin(lab, "alice", f"echo begun; sleep {LONG}")
    reads(process, b"begun\n")
    # Until then it has no guard, which is what SIGKILL needs.
    until(lambda: _children(process.pid) or None, "the command's guard")

    process.send_signal(number)

    assert process.wait(PATIENCE) == -number
    until(lambda: lab.run("alice", f"pgrep -f 'sleep {LONG}'").stdout == b"", "the command to end")


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_reader_that_goes_ends_the_command(lab: Lab) -> None:
    process = begin(lab, "alice", "yes")
    reads(process, b"y\n")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()

    assert (process.wait(PATIENCE), process.stderr.read()) == (-signal.SIGPIPE, b"")
    until(lambda: lab.run("alice", "pgrep -x yes").stdout == b"", "the command to end")


def test_streams_that_are_closed_are_as_good_as_nothing(lab: Lab) -> None:
    line = f"{DUMM} --workdir {lab.path} exec alice 'echo out; exit 4' <&- >&- 2>&-"

    assert subprocess.run(["sh", "-c", line], check=False, timeout=PATIENCE).returncode == 4


def test_a_disk_that_is_full_is_told(lab: Lab) -> None:
    line = f"{DUMM} --workdir {lab.path} exec alice 'echo out' >/dev/full"

    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=PATIENCE)

    said = "dumm: what a command in guest alice printed: cannot write it: No space left on device; free some space"
    assert (done.returncode, done.stderr.startswith(said)) == (255, True)


def test_a_command_that_takes_too_long_is_killed(lab: Lab) -> None:
    code, told, complaint = run(lab, "--timeout", "1", "alice", f"echo begun; sleep {LONG}")

    assert (code, told) == (124, b"begun\n")
    assert complaint.startswith(b"dumm: guest alice: a command did not end within 1 s and was killed; ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["alic", "true"],
            255,
            "dumm: guest alic of {path}: there is no such guest; did you mean alice? (known: alice, off)",
        ),
        (["../x", "true"], 255, "dumm: guest ../x of {path}: there is no such guest; known: alice, off"),
        (["off", "true"], 255, "dumm: guest off of {path}: it is not running; start it with dumm_guest"),
        (["alice"], 2, "dumm exec: there is no command; use 'dumm attach' for a shell in a terminal"),
        ([], 2, "dumm exec: the following arguments are required: GUEST"),
        (["--timeout", "soon", "alice", "true"], 2, "dumm exec: argument -t/--timeout: 'soon' is no number of seconds"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(lab: Lab, words: list[str], code: int, said: str) -> None:
    done, told, complaint = run(lab, *words)

    assert (done, told, complaint.count(b"\n")) == (code, b"", 1)
    assert complaint.decode().startswith(said.format(path=lab.path))


def test_a_working_directory_that_is_not_there_is_told(lab: Lab, tmp_path: Path) -> None:
    code, told, complaint = run(lab, "--workdir", str(tmp_path / "none"), "alice", "true")

    said = f"dumm: guest alice: there is no working directory {tmp_path}/none; make a lab there, or name the directory of one"
    assert (code, told, complaint.decode().startswith(said)) == (255, b"", True)


def test_a_command_may_wait_until_the_guest_is_ready(lab: Lab) -> None:
    lab.guest("alice", state="restarted")

    # What waits finds it booted, so that nothing empties /tmp any more; what does not wait is told to keep away from there.
    waited = run(lab, "--ready", str(int(PATIENCE)), "alice", 'echo "${TMPDIR-/tmp}"')

    assert waited == (0, b"/tmp\n", b"")


def test_a_paused_guest_is_told_at_once(lab: Lab) -> None:
    lab.guest("alice", state="paused")
    try:
        found = run(lab, "alice", "true")
    finally:
        lab.guest("alice", state="started")

    assert found == (255, b"", b"dumm: guest alice: it is paused; let it go on first (state: started)\n")


# The agent tells how this very request ended before the host has it stopped.
STOP_AGENT = """
cd /.dumm/spool
read agent <hello
(
until [ -e stop ]; do sleep 0.1; done
kill -STOP $agent
>stopped
until [ -e go ]; do sleep 0.1; done
kill -CONT $agent
) >/dev/null 2>&1 &
"""


def test_a_guest_whose_agent_does_not_answer_is_told_however_long_the_command_may_take(lab: Lab) -> None:
    spool = lab.directory("alice").spool
    lab.read("alice", STOP_AGENT)
    (spool / "stop").touch()
    until((spool / "stopped").exists, "the agent to stop")
    try:
        with pytest.raises(Unreachable, match=r"its agent did not take up a request within 0.5 s; look at .*boot.log"):
            lab.channel("alice").run("true", timeout=PATIENCE, answer=0.5)
    finally:
        (spool / "go").touch()
        lab.read("alice", "cd /.dumm/spool; rm stop stopped go")


def test_a_guest_that_ends_meanwhile_is_told(lab: Lab) -> None:
    process = begin(lab, "alice", f"echo begun; sleep {LONG}")
    reads(process, b"begun\n")

    lab.guest("alice", state="stopped", wait_timeout=1)

    assert process.wait(PATIENCE) == 255
    assert process.stderr is not None
    assert process.stderr.read().startswith(b"dumm: guest alice: it ended: ")
    lab.guest("alice", state="started")
