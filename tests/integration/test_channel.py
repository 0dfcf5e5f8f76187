# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control line: commands and bytes into a guest and out of it, without a network."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab import OF_THE_AGENT, PATIENCE, Lab, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import channel
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError, Unreachable, WaitTimeout

ALL_BYTES = bytes(range(256))
# Kills the agent itself: the shell that runs a request is a child of it.
KILL_AGENT = "kill -KILL $(cat /.dumm/spool/hello)"

pytestmark = pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def alice(kernel: str) -> Iterator[Lab]:
    """A lab with one running guest, alice."""
    with fresh_lab(kernel=kernel) as fresh:
        fresh.guest("alice", mem=256)
        yield fresh


@pytest.fixture(autouse=True)
def nothing_stays_in_the_spool(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the spool is as empty as it was."""
    yield
    if "alice" in request.fixturenames:
        assert _requests(request.getfixturevalue("alice")) == []


def _requests(lab: Lab) -> list[str]:
    return [entry.name for entry in os.scandir(lab.directory("alice").spool) if entry.name not in OF_THE_AGENT]


@pytest.mark.parametrize("code", [0, 1, 2, 42, 126, 127, 128, 254, 255])
def test_the_exit_code_is_the_commands_own(alice: Lab, code: int) -> None:
    assert alice.run("alice", f"exit {code}").code == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_that_ended_the_command_is_told(alice: Lab, number: signal.Signals) -> None:
    done = alice.run("alice", f"kill -{int(number)} $$")

    assert done.signal is number


def test_an_exit_code_that_only_looks_like_a_signal_is_none(alice: Lab) -> None:
    done = alice.run("alice", "exit 137")

    assert (done.code, done.signal) == (137, None)


def test_output_and_errors_are_kept_apart(alice: Lab) -> None:
    done = alice.run("alice", "echo out; echo err >&2")

    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_every_byte_passes_in_each_stream(alice: Lab) -> None:
    done = alice.run("alice", "tee /dev/stderr", ALL_BYTES * 4)

    assert done.stdout == ALL_BYTES * 4
    assert done.stderr == ALL_BYTES * 4


def test_a_script_may_hold_quotes_newlines_and_non_ascii_letters(alice: Lab) -> None:
    done = alice.run("alice", "cat <<'END'\n$HOME \"'`\\ ä €\nEND")

    assert done.stdout.decode() == "$HOME \"'`\\ ä €\n"


def test_a_command_without_input_reads_the_end_at_once(alice: Lab) -> None:
    assert alice.run("alice", "cat; echo end").stdout == b"end\n"


def test_a_command_runs_as_root_with_a_sane_environment(alice: Lab) -> None:
    told = alice.read("alice", 'id -u; pwd; echo "$HOME $PATH"; env')

    assert told.startswith("0\n/root\n/root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n")
    assert "dumm_" not in told


def test_a_hundred_megabytes_pass_in_and_out_unchanged(alice: Lab) -> None:
    data = os.urandom(1 << 20) * 100
    digest = hashlib.sha256(data).hexdigest()

    inside = alice.channel("alice").run("tee /var/tmp/big | sha256sum", io.BytesIO(data), timeout=PATIENCE)
    outside = alice.channel("alice").run("cat /var/tmp/big; rm /var/tmp/big", timeout=PATIENCE)

    assert inside.stdout.decode().split()[0] == digest
    assert hashlib.sha256(outside.stdout).hexdigest() == digest


def test_twenty_requests_run_at_the_same_time(alice: Lab) -> None:
    """Each waits until all the others have begun."""
    alice.read("alice", "mkdir /run/all")
    script = "cat; touch /run/all/$$; while [ $(ls /run/all | wc -l) -lt 20 ]; do sleep 0.1; done"

    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = list(pool.map(lambda number: alice.run("alice", script, f"{number}".encode()), range(20)))

    assert [answer.stdout.decode() for answer in answers] == [str(number) for number in range(20)]
    assert {answer.code for answer in answers} == {0}
    alice.read("alice", "rm -r /run/all")


def test_many_more_requests_than_the_line_can_hold_are_all_answered(alice: Lab) -> None:
    with ThreadPoolExecutor(max_workers=150) as pool:
        answers = list(
            pool.map(lambda number: alice.run("alice", f"echo {number}", timeout=PATIENCE).stdout, range(400))
        )

    assert answers == [f"{number}\n".encode() for number in range(400)]


def test_three_hundred_requests_one_after_another_leave_nothing_behind(alice: Lab) -> None:
    line = alice.channel("alice")
    before = len(os.listdir("/proc/self/fd"))

    for number in range(300):
        assert line.run(f"echo {number}").stdout == f"{number}\n".encode()

    assert len(os.listdir("/proc/self/fd")) == before
    # One request's own remains may not be collected until the next.
    until(lambda: int(alice.read("alice", "ps -eo stat= | grep -c ^Z || true")) <= 1, "all others to be collected")
    assert int(alice.read("alice", "ps -e | wc -l")) < 60


def test_the_time_limit_kills_the_command_and_its_children(alice: Lab) -> None:
    begun, script = alice.directory("alice").diff / "root/tried", "sleep 4321 & (sh -c 'sleep 4322; :' & wait) ; wait"
    # A busy machine may need more only to begin it.
    for limit in (1, 10, 100):
        with pytest.raises((WaitTimeout, Unreachable)) as caught:
            alice.run("alice", f"trap '' TERM; touch /root/tried; {script}", timeout=limit)
        if begun.exists():
            break

    assert str(caught.value).startswith(f"guest alice: a command did not end within {limit} s and was killed")
    until(lambda: alice.run("alice", "pgrep -f '[s]leep 432'").code == 1, "all of the command to be gone")


def test_a_command_that_outlives_its_shell_does_not_hold_the_answer(alice: Lab) -> None:
    assert alice.run("alice", "sleep 4323 & echo $!").code == 0

    assert alice.run("alice", "pkill -f '[s]leep 4323'").code == 0


def test_output_beyond_the_bound_is_an_error(alice: Lab) -> None:
    with pytest.raises(GuestError, match=r"guest alice: a command wrote more than 1000 bytes"):
        alice.channel("alice").run("head -c 1001 /dev/zero", max_output=1000)

    assert len(alice.channel("alice").run("head -c 1000 /dev/zero", max_output=1000).stdout) == 1000


@pytest.mark.parametrize(
    "planted",
    [
        "ln -sf /etc/passwd out",
        "rm out; mkfifo out",
        "rm out; mkdir out",
    ],
)
def test_nothing_that_a_guest_plants_is_followed_or_waited_for(alice: Lab, planted: str) -> None:
    _plant(alice, planted)


def test_a_device_that_a_guest_plants_is_not_opened(lab: Lab) -> None:
    """One that is confined cannot make any."""
    lab.guest("alice", confine=False)

    _plant(lab, "rm -r ../$(basename $PWD)/out; mknod out c 1 5")


def _plant(alice: Lab, planted: str) -> None:
    with pytest.raises(GuestError, match="the answer of a command cannot be read"):
        alice.run("alice", f"cd /.dumm/spool/$(ls -t /.dumm/spool | grep -vx -e hello -e seen | head -1) && {planted}")


def test_nonsense_on_the_doorbell_is_ignored(alice: Lab) -> None:
    line = os.open(alice.directory("alice").line_in, os.O_WRONLY)
    os.write(line, b"../../etc\n!\n\n!nosuchthing\n$(reboot)\nnosuchrequest\n\xff\xfe\n")
    os.close(line)

    assert alice.read("alice", "echo fine") == "fine\n"


def test_the_next_request_works_after_the_agent_was_killed(alice: Lab) -> None:
    hello = alice.directory("alice").spool / "hello"
    before = hello.stat().st_ino
    # Once this request has been answered and put away: it would be lost, too.
    alice.read("alice", f'setsid sh -c "while [ -e $OLDPWD/cmd ]; do sleep 0.05; done; {KILL_AGENT}" >/dev/null 2>&1 &')
    until(lambda: hello.stat().st_ino != before, "another agent")

    assert alice.read("alice", "echo fine") == "fine\n"


def test_a_guest_that_did_not_listen_for_a_while_hears_what_comes_later(alice: Lab) -> None:
    """A serial line that holds more than it can is deaf for good."""
    directory = alice.directory("alice")
    holding = "kill -STOP $1; touch /root/held; until [ -e /.dumm/spool/enough ]; do sleep 0.1; done; kill -CONT $1"
    alice.read("alice", f"setsid sh -c '{holding}' sh $(cat /.dumm/spool/hello) >/dev/null 2>&1 &")
    until((directory.diff / "root/held").exists, "the agent to be stopped")
    for number in range(400):
        channel.poke(directory, f"nobody{number}")
        channel.nudge(directory)

    (directory.spool / "enough").touch()

    assert alice.read("alice", "rm /root/held; echo fine") == "fine\n"
    (directory.spool / "enough").unlink()
    # The last of those that told what was heard is put away.
    until(lambda: alice.read("alice", "true") == "" and _requests(alice) == [], "an empty spool")


def test_a_stale_request_never_runs_in_the_next_boot(lab: Lab) -> None:
    lab.guest("alice")
    stale = lab.directory("alice").spool / "staleone"
    stale.mkdir()
    (stale / "cmd").write_text("echo ran >/root/stale\n")
    (stale / "in").touch()
    lab.guest("alice", state="stopped")

    lab.guest("alice")
    lab.read("alice", "echo fine")

    assert lab.run("alice", "cat /root/stale").code != 0


def test_a_guest_that_ends_while_a_command_runs_is_told_at_once(lab: Lab) -> None:
    pid = lab.guest("alice")["guest"]["pid"]
    with ThreadPoolExecutor() as pool:
        request = pool.submit(lab.run, "alice", "touch /root/begun; sleep 600", timeout=600)
        until((lab.directory("alice").diff / "root/begun").exists, "the command to begin")
        os.kill(pid, signal.SIGKILL)

        with pytest.raises(GuestError, match=rf"guest alice: it ended: its process {pid} was killed"):
            request.result(PATIENCE)


def test_a_guest_that_is_shut_down_while_a_command_runs_is_told(lab: Lab) -> None:
    lab.guest("alice")
    with ThreadPoolExecutor() as pool:
        request = pool.submit(lab.run, "alice", "touch /root/begun; sleep 600", timeout=600)
        until((lab.directory("alice").diff / "root/begun").exists, "the command to begin")
        lab.guest("alice", state="stopped")

        with pytest.raises(GuestError, match=r"guest alice: "):
            request.result(PATIENCE)


def test_a_paused_guest_is_a_clear_error(lab: Lab) -> None:
    lab.guest("alice")
    line = lab.channel("alice")
    lab.guest("alice", state="paused")

    with pytest.raises(Unreachable, match=r"guest alice: it is paused; let it go on first \(state: started\)"):
        line.run("echo")

    lab.guest("alice", state="started")
    assert line.run("echo awake").stdout == b"awake\n"


def test_a_command_goes_on_where_a_pause_held_it(lab: Lab) -> None:
    lab.guest("alice")
    with ThreadPoolExecutor() as pool:
        request = pool.submit(lab.run, "alice", "touch /root/begun; sleep 1; echo done", timeout=60)
        until((lab.directory("alice").diff / "root/begun").exists, "the command to begin")
        lab.guest("alice", state="paused")
        lab.guest("alice", state="started")

        assert request.result().stdout == b"done\n"
