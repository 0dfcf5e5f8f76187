# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control line, both ends of it: the guest's agent runs here under sh, with its spool and its serial line in a directory."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import channel, doorbell, processes, pulse
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Channel, Completed
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import GuestDir
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import home
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside.agent import AGENT
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside.init import INIT, MINIMAL
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError, Unreachable, WaitTimeout
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import UnionEngine

# Seconds for what must happen, on however slow and busy a machine.
PATIENCE = 300.0
FIONREAD = 0x541B  # asm-generic/ioctls.h


def eventually(look: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def process(pid: int, started: int | None = None) -> Process:
    """Identity of a process as it is stored."""
    began = pulse.start_time(pid) if started is None else started
    what = ("x", "/linux", "6.18", "/master", 64, None, "", UnionEngine.OVERLAY, "it works")
    return Process(pid, began or 0, processes.boot_id(), *what)


class Line:
    """A guest's directory with an agent behind it."""

    def __init__(self, path: Path, shell: str) -> None:
        self.directory = GuestDir(path)
        self.spool = self.directory.spool
        self.spool.mkdir(parents=True)
        self.directory.outbox.mkdir()
        os.mkfifo(self.directory.line_in)
        self.fifo = os.open(self.directory.line_in, os.O_RDWR | os.O_NONBLOCK)
        program = path / "warm.py"
        program.write_text(home.WARM.replace("/.dumm/spool", str(self.spool)))
        self.script = AGENT.replace("/.dumm/spool", str(self.spool)).replace("/dev/ttyS0", str(self.directory.line_in))
        self.script = self.script.replace("/.dumm/warm", str(program))
        self.shell = shell
        self.start()

    def start(self) -> None:
        """Start the agent and wait for its word that it listens."""
        (self.spool / "hello").unlink(missing_ok=True)
        self.agent = subprocess.Popen(
            [self.shell, "-c", self.script],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert eventually((self.spool / "hello").exists)
        self.channel = Channel(self.directory, process(self.agent.pid))

    def kill(self) -> None:
        """End the agent."""
        with suppress(ProcessLookupError):
            os.killpg(self.agent.pid, signal.SIGKILL)
        self.agent.wait()

    def close(self) -> None:
        """End it and all that it runs."""
        self.kill()
        for leader in self.spool.glob("*/pid"):
            with suppress(ProcessLookupError, ValueError):
                os.killpg(int(leader.read_text()), signal.SIGKILL)
        os.close(self.fifo)

    def ring(self, text: str) -> None:
        """Write a line to the agent."""
        os.write(self.fifo, f"{text}\n".encode())

    def request(self, name: str, script: str) -> Path:
        """Put a request into the spool."""
        return channel.write_request(self.spool / name, script)

    def unread(self) -> int:
        """How many bytes the agent has not read."""
        return int(struct.unpack("i", fcntl.ioctl(self.fifo, FIONREAD, b"\0" * 4))[0])


@pytest.fixture(params=[shell for shell in ("dash", "bash", "warm") if shell == "warm" or shutil.which(shell)])
def line(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A control line, under each shell there is, and with a warm Python that does their work."""
    warm = request.param == "warm"
    monkeypatch.setattr(channel, "_FEW", 0 if warm else 1 << 30)
    monkeypatch.setattr(channel, "_PYTHON", sys.executable)
    made = Line(tmp_path / "alice", "sh" if warm else str(request.param))
    if warm:
        # From here on it has the line.
        assert made.channel.run("true").code == 0
    yield made
    made.close()


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
@pytest.mark.parametrize("script", [AGENT, INIT, MINIMAL], ids=["agent", "init", "minimal"])
def test_the_guests_scripts_are_shell(shell: str, script: str) -> None:
    assert subprocess.run([shell, "-n"], input=script.encode(), check=False).returncode == 0


def test_the_layer_for_guests_holds_the_scripts_and_is_made_once(tmp_path: Path) -> None:
    layer = home.layer(tmp_path)
    made = (layer / ".dumm" / "agent").stat()

    assert home.layer(tmp_path) == layer
    assert (layer / ".dumm" / "agent").stat() == made
    scripts = ["agent", "init", "minimal", "netlink", "terminal"]
    assert sorted(path.name for path in (layer / ".dumm").iterdir()) == sorted([*scripts, "proc", "spool", "warm"])
    assert all((layer / ".dumm" / name).stat().st_mode & 0o777 == 0o755 for name in scripts)
    assert os.listdir(tmp_path) == [layer.name]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (None, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 alice\n"),
        ("127.0.0.1 localhost", "127.0.0.1 localhost\n127.0.1.1 alice\n"),
        ("10.0.0.1 x alice # me\n", "10.0.0.1 x alice # me\n"),
        ("10.0.0.1 alice2 # alice\n", "10.0.0.1 alice2 # alice\n127.0.1.1 alice\n"),
    ],
)
def test_a_guests_own_name_is_a_line_more_than_the_masters(tmp_path: Path, theirs: str | None, ours: str) -> None:
    etc = tmp_path / "master/etc"
    etc.mkdir(parents=True, mode=0o750)
    if theirs is not None:
        (etc / "hosts").write_text(theirs)

    for _time in range(2):
        layer = home.names(tmp_path / "names", "alice", tmp_path / "master")

        assert layer is not None
        assert (layer / "etc/hosts").read_text() == ours
        assert (layer / "etc").stat().st_mode == etc.stat().st_mode
        assert (layer / "etc").stat().st_mtime_ns == etc.stat().st_mtime_ns


def test_nothing_of_an_odd_master_is_hidden_for_a_name(tmp_path: Path) -> None:
    linked, odd = tmp_path / "linked", tmp_path / "odd"
    (linked / "private/etc").mkdir(parents=True)
    (linked / "etc").symlink_to("private/etc")
    (odd / "etc").mkdir(parents=True)
    (odd / "etc/hosts").symlink_to("/run/hosts")

    assert home.names(tmp_path / "names", "alice", linked) is None
    assert home.names(tmp_path / "names", "alice", odd) is None


@pytest.mark.parametrize(("ability", "linked"), [(b"dumm: terminal: %s", True), (b"", False)])
def test_a_program_of_an_earlier_version_is_not_taken_for_a_terminal(
    tmp_path: Path, ability: bytes, linked: bool
) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"ELF" + ability)
    (tmp_path / "agents").mkdir()

    layer = home.layer(tmp_path / "agents", program) / ".dumm"

    assert (layer / "minimal").is_symlink()
    assert (layer / "terminal").is_symlink() is linked


# The agent alone.


def test_a_request_is_acknowledged_run_and_ended(line: Line) -> None:
    request = line.request("abc", "cat; echo oops >&2; exit 3")
    (request / "in").write_text("hello")

    line.ring("abc")

    assert eventually((request / "exit").exists)
    assert eventually(lambda: (request / "exit").read_text() == "3\n")
    assert (request / "ack").exists()
    assert ((request / "out").read_text(), (request / "err").read_text()) == ("hello", "oops\n")


def test_a_request_that_is_rung_for_twice_runs_once(line: Line) -> None:
    request = line.request("abc", f"echo ran >>{line.spool}/count")

    for _again in range(5):
        line.ring("abc")
    assert eventually((request / "exit").exists)
    line.ring("abc")
    assert eventually(lambda: not line.unread())
    assert line.channel.run("exit 0").code == 0

    assert (line.spool / "count").read_text() == "ran\n"


def test_a_killed_request_ends_with_all_of_its_processes(line: Line) -> None:
    request = line.request("abc", f"sleep 1000 & echo $! >{line.spool}/child; sleep 1000")
    line.ring("abc")
    assert eventually(lambda: (line.spool / "child").exists() and bool((line.spool / "child").read_text()))

    line.ring("!abc")

    assert eventually(lambda: channel.ending(request) == (137, signal.SIGKILL))
    child = int((line.spool / "child").read_text())
    assert eventually(lambda: pulse.start_time(child) is None)


@pytest.mark.parametrize(
    "text", ["", "!", "../evil", "a b", "$(touch evil)", "`touch evil`", "a;b", "!../x", "!$(x)", "*"]
)
def test_a_line_that_is_no_name_is_ignored(line: Line, text: str) -> None:
    evil = line.spool.parent / "evil"
    evil.mkdir()
    channel.write_request(evil / "x", "echo ran")
    (evil / "cmd").write_text("echo ran")

    line.ring(text)

    assert line.channel.run("echo still here").stdout == b"still here\n"
    assert sorted(os.listdir(evil)) == ["cmd", "x"]


@pytest.mark.parametrize("stale", ["nothing", "directory without a command"])
def test_a_request_of_an_earlier_boot_is_not_run_and_does_no_harm(line: Line, stale: str) -> None:
    if stale != "nothing":
        (line.spool / "abc").mkdir()

    line.ring("abc")
    line.ring("!abc")

    assert line.channel.run("echo still here").stdout == b"still here\n"
    assert [path for path in line.spool.glob("abc/*") if path.name != "ack"] == []


def test_bells_of_requests_that_were_given_up_unheard_still_count_and_are_forgotten_once_heard(line: Line) -> None:
    line.kill()
    for _attempt in range(3):
        with pytest.raises((WaitTimeout, GuestError)):
            line.channel.run("true", timeout=0.05)
    unheard = list(line.directory.outbox.glob("*.bell"))

    line.start()

    assert len(unheard) == 3
    assert line.channel.run("echo heard").stdout == b"heard\n"
    assert eventually(lambda: line.channel.run("true").code == 0 and not list(line.directory.outbox.iterdir()))
    assert [path.name for path in line.spool.iterdir()] == ["hello"]


# Both ends.


def test_bytes_come_and_go_as_they_are(line: Line) -> None:
    every = bytes(range(256)) * 300

    assert line.channel.run("cat; cat /dev/null >&2", every) == Completed(0, every, b"")
    assert line.channel.run("cat >&2", io.BytesIO(every)).stderr == every


@pytest.mark.parametrize("code", [0, 1, 2, 42, 126, 127, 128, 129, 137, 143, 255])
def test_the_exit_status_is_the_scripts_own(line: Line, code: int) -> None:
    done = line.channel.run(f"exit {code}")

    assert (done.code, done.signal) == (code, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_that_ends_the_script_is_told_from_an_exit_status(line: Line, number: signal.Signals) -> None:
    done = line.channel.run(f"kill -{number.value} $$; sleep 10")

    assert (done.code, done.signal) == (128 + number, number)


def test_a_signal_that_ends_only_a_command_of_the_script_is_an_exit_status(line: Line) -> None:
    done = line.channel.run("sh -c 'kill -9 $$'; exit $?")

    assert (done.code, done.signal) == (137, None)


def test_a_script_with_an_error_of_syntax_fails(line: Line) -> None:
    done = line.channel.run("if")

    assert done.code == 2
    assert done.stderr


def test_requests_run_at_the_same_time(line: Line) -> None:
    meeting = "touch {0}/at.{1}; while [ $(ls {0} | grep -c at) -lt 20 ]; do sleep 0.02; done; echo {1}"

    with ThreadPoolExecutor(20) as pool:
        done = list(
            pool.map(lambda n: line.channel.run(meeting.format(line.spool.parent, n), timeout=PATIENCE), range(20))
        )

    assert [answer.stdout for answer in done] == [f"{number}\n".encode() for number in range(20)]


def test_nothing_of_a_request_is_left_in_the_spool(line: Line) -> None:
    line.channel.run("true")
    with pytest.raises(WaitTimeout):
        line.channel.run("sleep 1000", timeout=0.3)

    assert os.listdir(line.spool) == ["hello"]


def test_a_time_limit_kills_the_command_and_its_children(line: Line) -> None:
    path = line.spool.parent / "child"
    # A busy machine may need more only to begin it.
    for limit in (0.4, 4, 40):
        with pytest.raises((WaitTimeout, Unreachable)) as caught:
            line.channel.run(f"sleep 1000 & echo $! >{path}; sleep 1000", timeout=limit)
        if path.exists():
            break

    assert str(caught.value).startswith(f"guest alice: a command did not end within {limit:g} s and was killed")
    assert eventually(lambda: bool(path.read_text()) and pulse.start_time(int(path.read_text())) is None)


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_more_output_than_allowed_is_an_error(line: Line, stream: str) -> None:
    with pytest.raises(GuestError, match="wrote more than 10 bytes"):
        line.channel.run(f"echo 01234567890 {stream}", max_output=10)

    assert line.channel.run(f"printf 0123456789 {stream}", max_output=10).code == 0


@pytest.mark.parametrize("plant", ["ln -s /etc/passwd", "mkfifo", "mkdir"])
def test_what_a_guest_puts_in_place_of_its_answer_is_not_read(line: Line, plant: str) -> None:
    with pytest.raises(GuestError, match="answer of a command cannot be read"):
        line.channel.run(f"for d in {line.spool}/*/; do rm $d/out; {plant} $d/out; done")


def test_an_agent_that_was_started_anew_is_rung_for_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_RING_AGAIN", 0.1)
    line.kill()
    host = Channel(line.directory, process(os.getpid()))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.run, "echo here", timeout=PATIENCE)
        assert eventually(lambda: line.unread() > 0)
        os.read(line.fifo, 4096)

        line.start()

        assert waiting.result().stdout == b"here\n"


def test_a_guest_that_sleeps_over_its_bell_is_nudged(line: Line) -> None:
    line.kill()
    with ThreadPoolExecutor(1) as pool, subprocess.Popen(["sleep", "1000"]) as guests:
        host = Channel(line.directory, process(guests.pid))
        waiting = pool.submit(host.run, "true", timeout=PATIENCE)
        heard = b""

        def nudged() -> bool:
            nonlocal heard
            with suppress(BlockingIOError):
                heard += os.read(line.fifo, 4096)
            return heard.endswith(b"\n\n")

        assert eventually(nudged)
        guests.kill()
        # Unreachable, or that it has ended: whichever is seen first.
        with pytest.raises(GuestError):
            waiting.result()


def test_an_agent_that_does_not_listen_is_not_waited_for(line: Line) -> None:
    line.kill()
    host = Channel(line.directory, process(os.getpid()))

    with pytest.raises(Unreachable, match=r"guest alice: its agent did not take up a request within 0\.2 s"):
        host.run("true", timeout=0.2)


# What a serial line holds.


@pytest.fixture
def deaf(line: Line) -> Iterator[Channel]:
    """The channel of a guest that runs but reads nothing."""
    line.kill()
    with subprocess.Popen(["sleep", "1000"]) as guests:
        yield Channel(line.directory, process(guests.pid))
        guests.kill()


def _quietly(run: Callable[[], object]) -> None:
    with suppress(GuestError, Unreachable, WaitTimeout):
        run()


def test_never_more_is_written_than_an_unread_serial_line_holds(
    line: Line, deaf: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for those either that are rung for again and again."""
    monkeypatch.setattr(channel, "_RING_AGAIN", 0.06)

    with ThreadPoolExecutor(250) as pool:
        list(pool.map(lambda _number: _quietly(lambda: deaf.run("true", timeout=2)), range(250)))

    assert 1000 < line.unread() <= 2048


def test_nobody_fills_the_line_by_what_is_no_request(line: Line, deaf: Channel) -> None:
    for number in range(400):
        channel.poke(line.directory, f"nobody{number}")
        channel.nudge(line.directory)
        _quietly(lambda: deaf._ring("!nobody", channel.Deadline(0)))

    assert 1000 < line.unread() <= 2048


def test_what_was_written_counts_until_it_was_read(line: Line) -> None:
    for _time in range(1000):
        assert eventually(lambda: channel.poke(line.directory, "nobody"))

    assert line.channel.run("echo here").stdout == b"here\n"
    assert eventually(lambda: line.channel.run("true").code == 0 and not list(line.directory.outbox.iterdir()))


def test_requests_that_are_lost_with_an_agent_do_not_fill_the_line_of_the_next(
    line: Line, deaf: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_RING_AGAIN", 0.1)
    with ThreadPoolExecutor(200) as pool:
        answers = [pool.submit(deaf.run, "echo here", timeout=PATIENCE) for _number in range(200)]
        assert eventually(lambda: not doorbell.write(line.directory, "+nobody"))
        os.read(line.fifo, 4096)

        line.start()

        assert {answer.result().stdout for answer in answers} == {b"here\n"}


def test_requests_that_are_lost_before_they_begin_do_not_fill_the_line(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "_LOST_AFTER", 0.1)
    os.killpg(line.agent.pid, signal.SIGSTOP)
    number = 0
    while doorbell.write(line.directory, line.request(f"lost{number}", "true").name):
        number += 1
    # As if a warm Python had read it, and was killed then.
    os.read(line.fifo, 4096)
    os.killpg(line.agent.pid, signal.SIGCONT)

    assert line.channel.run("echo here", timeout=PATIENCE).stdout == b"here\n"


def test_what_nobody_heard_is_never_left_without_its_bell(
    line: Line, deaf: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = line.request("abcdefghij", "true")
    assert doorbell.write(line.directory, request.name)
    make, others = Path.mkdir, list[threading.Thread]()

    def while_another_looks(path: Path, *, mode: int) -> None:
        others.append(threading.Thread(target=doorbell.nudge, args=(line.directory,)))
        others[0].start()
        # It has to wait until the request is put away.
        others[0].join(0.5)
        make(path, mode=mode)

    monkeypatch.setattr(Path, "mkdir", while_another_looks)

    doorbell.put_away(line.directory, request)

    others[0].join()
    assert request.exists() == (line.directory.outbox / f"{request.name}.bell").exists()


def test_a_line_that_is_gone_is_asked_nothing(line: Line, deaf: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_LOST_AFTER", -1.0)
    number = 0
    while doorbell.write(line.directory, f"+nobody{number}"):
        number += 1
    before = sorted(os.listdir(line.spool))
    line.directory.line_in.unlink()

    with pytest.raises(FileNotFoundError):
        doorbell.write(line.directory, "+nobody")

    assert sorted(os.listdir(line.spool)) == before


def _guard(line: Line, request: Path, most: int) -> None:
    """What becomes of a request whose client was killed."""
    paths = (line.directory.outbox / "x.bell", line.directory.line_in, line.directory.doorbell_lock)
    words = ["/bin/sh", "-c", channel._GUARD, "dumm-guard", str(request), *map(str, paths), str(most)]
    # Nobody waits half a second for what does not come.
    (request.parent / "sleep").write_text("#!/bin/sh\n")
    (request.parent / "sleep").chmod(0o755)
    path = {"PATH": f"{request.parent}:{os.environ['PATH']}"}
    subprocess.run(words, stdin=subprocess.DEVNULL, env=path, check=True, timeout=PATIENCE)


@pytest.mark.parametrize("room", [True, False])
def test_a_client_that_is_killed_has_its_request_ended_if_the_line_has_room(
    line: Line, deaf: Channel, room: bool
) -> None:
    assert doorbell.write(line.directory, "+nobody")
    before = line.unread()
    total, heard, *_agent = line.directory.doorbell_lock.read_text().split()
    request = line.request("abcdefghij", "true")

    _guard(line, request, doorbell.MOST if room else before)

    written = len("!abcdefghij\n") if room else 0
    assert line.unread() == before + written
    assert not request.exists()
    assert line.directory.doorbell_lock.read_text().split()[:2] == [str(int(total) + written), heard]


@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_waiting_ends_with_the_guests_process(line: Line, when: str) -> None:
    if when == "before":
        line.kill()
    else:
        threading.Timer(0.2, line.kill).start()
    (line.directory.boot_log).write_text("reboot: Power down\n")

    # Neither the command's end nor that of its time.
    with pytest.raises(GuestError, match="guest alice: it ended: it powered itself off"):
        line.channel.run("sleep 1000", timeout=PATIENCE)


def test_a_control_line_that_is_gone_is_the_guests_error(line: Line) -> None:
    line.directory.line_in.unlink()

    with pytest.raises(Unreachable, match="its control channel is gone"):
        line.channel.run("true")


def test_a_paused_guest_is_not_asked(line: Line) -> None:
    listens = (
        "import fcntl, os, socket; a, b = socket.socketpair(); fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC);"
        "print(flush=True); a.recvfrom(1)"
    )
    with subprocess.Popen([sys.executable, "-c", listens], stdout=subprocess.PIPE) as paused:
        assert paused.stdout is not None
        paused.stdout.readline()
        host = Channel(line.directory, process(paused.pid))
        try:
            assert eventually(lambda: pulse.is_paused(paused.pid))
            with pytest.raises(Unreachable, match="guest alice: it is paused"):
                host.run("true")
        finally:
            paused.kill()


# What a guest leaves as its ending.


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"0\n", (0, None)),
        (b"255\n", (255, None)),
        (b"137\n", (137, None)),
        (b"137 signal\n", (137, signal.SIGKILL)),
        (b"255 signal\n", (255, None)),
        (b"", None),
        (b"0", None),
        (b"-1\n", None),
        (b"1000\n", None),
        (b"rubbish\n", None),
        (b"0\n0\n", None),
        (b"\xff\n", None),
        (b"0\n" + b" " * 100, None),
    ],
)
def test_only_an_ending_that_the_agent_writes_is_one(
    tmp_path: Path, content: bytes, told: tuple[int, signal.Signals | None] | None
) -> None:
    (tmp_path / "exit").write_bytes(content)

    assert channel.ending(tmp_path) == told


@pytest.mark.parametrize("plant", ["link", "FIFO", "directory", "huge file"])
def test_a_planted_ending_is_none(tmp_path: Path, plant: str) -> None:
    path = tmp_path / "exit"
    match plant:
        case "link":
            (tmp_path / "real").write_bytes(b"0\n")
            path.symlink_to("real")
        case "FIFO":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "huge file":
            with path.open("wb") as file:
                file.truncate(1 << 40)

    assert channel.ending(tmp_path) is None


def test_a_request_is_private_and_holds_script_and_input(tmp_path: Path) -> None:
    request = channel.write_request(tmp_path / "abc", "echo hello", b"\0\xff")

    assert request.stat().st_mode & 0o777 == 0o700
    assert (request / "in").read_bytes() == b"\0\xff"
    assert (request / "cmd").read_text().endswith("\necho hello\n")


def test_a_script_may_name_files_by_any_bytes(line: Line) -> None:
    assert line.channel.run("printf %s ü\udcff").stdout == "ü".encode() + b"\xff"


def test_two_requests_cannot_have_one_name(tmp_path: Path) -> None:
    channel.write_request(tmp_path / "abc", "true")

    with pytest.raises(FileExistsError):
        channel.write_request(tmp_path / "abc", "true")


@given(st.binary(max_size=40) | st.from_regex(rb"[0-9 ]{0,6}(signal)?\n?", fullmatch=True))
def test_no_ending_makes_reading_it_crash(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "exit").write_bytes(text)

    told = channel.ending(tmp_path)

    assert told is None or -1 <= told[0] <= 999
