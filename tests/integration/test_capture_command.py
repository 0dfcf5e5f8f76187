# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm capture`` as a shell runs it: pipes, files, what ends it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import PATIENCE, REPOSITORY, Lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import pcapng

DUMM = REPOSITORY / "scripts/dumm"
PING = "ping -c 3 -i 0.2 -W 30 10.0.0.2"
ECHOES = "icmp[icmptype] = icmp-echo and src alice"


@contextmanager
def begun(lab: Lab, *words: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """The command, running; its output is a pipe."""
    command = [DUMM, "--workdir", lab.path, "capture", *words]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    process = subprocess.Popen(command, **streams)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def hears(process: subprocess.Popen[bytes]) -> bytes:
    """Wait until it hears what comes; the beginning of its output."""
    assert process.stdout is not None
    return os.read(process.stdout.fileno(), 1)


def run(lab: Lab, *words: str) -> tuple[int, str, str]:
    """Exit code and outputs of the command."""
    command = [DUMM, "capture", "--workdir", lab.path, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def read(path: Path) -> list[pcapng.Packet]:
    file = os.open(path, os.O_RDONLY)
    try:
        return [packet for _end, packet in pcapng.packets(file)]
    finally:
        os.close(file)


def test_packets_go_through_a_pipe_as_they_come(shared_pair: Lab) -> None:
    with begun(shared_pair, "alice:eth0", "bob:eth0", "-f", ECHOES, "-c", "6") as process:
        shark = subprocess.Popen(
            ["tshark", "-n", "-l", "-r", "-", "-T", "fields", "-e", "frame.interface_name"],
            stdin=process.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # What is sent before it hears is not in it.
        told = ""
        while shark.poll() is None and process.poll() is None:
            shared_pair.run("alice", PING)
        told, complaint = shark.communicate(timeout=PATIENCE)

        assert sorted(told.split()) == sorted(["alice:eth0", "bob:eth0"] * 3), complaint
        assert (process.wait(PATIENCE), shark.returncode) == (0, 0)


def test_a_reader_that_goes_ends_it_quietly(shared_pair: Lab) -> None:
    """Also while nothing comes."""
    with begun(shared_pair, "alice:eth0", "-f", "tcp port 9") as process:
        assert process.stdout is not None and process.stderr is not None
        hears(process)
        process.stdout.close()

        assert (process.wait(PATIENCE), process.stderr.read()) == (0, b"")


def test_a_reader_that_goes_while_packets_come_ends_it_quietly(shared_pair: Lab) -> None:
    with begun(shared_pair, "alice:eth0") as process:
        assert process.stdout is not None and process.stderr is not None
        hears(process)
        shared_pair.run("alice", PING)
        process.stdout.close()

        assert (process.wait(PATIENCE), process.stderr.read()) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_the_file_as_it_should(shared_pair: Lab, tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "packets.pcapng"
    with begun(shared_pair, "alice", "-f", ECHOES, "-o", str(file)) as process:
        until(lambda: file.exists() and file.stat().st_size, "the beginning of the file")
        shared_pair.run("alice", PING)
        process.send_signal(number)
        told = process.communicate(timeout=PATIENCE)

    assert (process.returncode, told) == (0, (b"", b"3 packets captured, 0 dropped\n"))
    assert len(read(file)) == 3
    descriptor = os.open(file, os.O_RDONLY)
    assert pcapng.counts(descriptor) == {"alice:eth0": pcapng.Counted(3, 0)}
    os.close(descriptor)


def test_a_second_signal_ends_it_though_nobody_reads(shared_pair: Lab) -> None:
    """A pipe is full that nobody reads, and the command waits."""
    with begun(shared_pair, "alice:eth0") as process:
        hears(process)
        until(
            lambda: (
                shared_pair.run("alice", "ping -s 30000 -c 5 -i 0.2 -W 1 10.0.0.2") and _waits_in_a_pipe(process.pid)
            ),
            "a full pipe",
        )

        def ends() -> bool:
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        until(ends, "the end of the command")
        assert process.returncode == -signal.SIGINT


def _waits_in_a_pipe(pid: int) -> bool:
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text()


def test_it_ends_when_its_time_is_over(shared_pair: Lab, tmp_path: Path) -> None:
    file = tmp_path / "packets.pcapng"

    assert run(shared_pair, "alice", "-s", "0.1", "-o", str(file))[0] == 0
    assert file.stat().st_size > 0


def test_a_terminal_gets_no_packets(shared_pair: Lab) -> None:
    ours, theirs = pty.openpty()
    with begun(shared_pair, "alice", stdout=theirs) as process:
        assert process.stderr is not None
        assert process.wait(PATIENCE) == 2
        assert (
            b"packets are no text for a terminal; pipe them to 'tshark -r -', or give -o FILE" in process.stderr.read()
        )
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "a capture needs interfaces, to stop or remove one needs its name only; name some, such as alice:eth0"),
        (["--stop", "x", "alice"], 2, "leave the interfaces out"),
        (["--stop", "x", "--remove", "x"], 2, "--background, --stop and --remove exclude each other"),
        (["alice", "-c", "0"], 2, "'0' is no number above 0"),
        (["alice", "--size", "1T"], 2, "'1T' is no number of bytes, such as 100M"),
        (["alice", "-s", "-1"], 2, "argument -s/--seconds"),
        (["carol:eth0"], 1, "dumm: interface carol:eth0: there is no guest carol"),
        (["alice", "-f", "host carol"], 1, "dumm: filter: host 'carol': there is no such guest"),
        (["--stop", "none"], 1, "dumm: capture none: there is none of that name"),
        (["alice", "--background", "b", "--size", "0"], 1, "dumm: capture b: it has no bound, and would fill the disk"),
        (
            ["alice", "-o", "/nowhere/at/all"],
            1,
            "dumm: capture /nowhere/at/all: cannot write /nowhere/at/all: No such file",
        ),
    ],
)
def test_what_it_cannot_do_is_told_in_a_line(shared_pair: Lab, words: list[str], code: int, told: str) -> None:
    ended, said, complaint = run(shared_pair, *words)

    assert (ended, said) == (code, "")
    assert told in complaint
    assert len(complaint.splitlines()) == 1


def test_a_capture_in_the_background(shared_pair: Lab, tmp_path: Path) -> None:
    file = tmp_path / "packets.pcapng"
    words = ["alice:eth0", "--background", "night", "-f", ECHOES, "-o", str(file)]
    assert run(shared_pair, *words) == (0, f"capture night: it goes on, and writes {file}\n", "")
    shared_pair.run("alice", PING)

    assert shared_pair.info(inside=False)["captures"]["night"]["running"]
    told = f"capture night: 3 packets in {file}, it has ended: stopped\n"
    assert run(shared_pair, "--stop", "night") == (0, told, "")
    assert run(shared_pair, "--remove", "night") == (0, told, "")
    assert shared_pair.info(inside=False)["captures"] == {}
    assert len(read(file)) == 3
