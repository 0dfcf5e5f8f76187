# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that end by themselves, and processes of theirs that somebody kills: seen, told with the reason, and put right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from lab import HANG, Lab, Result, processes_of, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes

# reboot(2) with RB_AUTOBOOT: a master without an init has no program for it.
REBOOT = 'python3 -c "import ctypes; ctypes.CDLL(None).reboot(0x1234567)"'


def _ended(lab: Lab) -> Result:
    """What dumm_info says of alice as soon as she has no process any more."""
    told: Result = until(
        lambda: (found := lab.info()["guests"]["alice"])["state"] in ("died", "stopped") and found, "the guest to end"
    )
    return told


def _soon(command: str) -> str:
    """A script that answers before it does harm."""
    return f"setsid sh -c 'sleep 0.2; {command}' >/dev/null 2>&1 &"


def test_a_killed_guest_is_seen_told_and_started_again(pair: Lab) -> None:
    pid = pair.process("alice").pid
    os.kill(pid, signal.SIGKILL)

    told = _ended(pair)
    again = pair.guest("alice")

    assert told["state"] == "died"
    assert told["reason"].startswith(f"its process {pid} was killed")
    assert again["changed"]
    assert any("clean up after guest alice, which died: its process" in action for action in again["actions"])
    assert again["guest"]["state"] == "running"
    assert pair.reaches("alice", "10.0.0.2")
    assert not pair.guest("alice")["changed"]


def test_a_panic_is_told_with_what_the_kernel_said(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", _soon("echo c >/proc/sysrq-trigger"))

    told = _ended(lab)

    assert told["state"] == "died"
    assert "panic" in told["reason"] and "sysrq" in told["reason"]
    assert lab.guest("alice")["guest"]["state"] == "running"


def test_a_guest_that_powered_itself_off_is_stopped_and_not_dead(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", _soon("echo o >/proc/sysrq-trigger"))

    told = _ended(lab)

    assert (told["state"], told["reason"]) == ("stopped", "it powered itself off")
    assert not lab.guest("alice", state="stopped", check=True)["actions"]
    assert lab.guest("alice")["guest"]["state"] == "running"


def test_a_guest_that_rebooted_itself_is_seen_and_the_next_run_starts_it(pair: Lab) -> None:
    pair.read("alice", _soon(REBOOT))

    told = _ended(pair)
    again = pair.guest("alice")

    assert (told["state"], told["reason"]) == ("stopped", "it rebooted itself")
    assert again["changed"] and again["guest"]["state"] == "running"
    assert pair.reaches("alice", "10.0.0.2")


def _kill_helpers(lab: Lab) -> None:
    main = lab.process("alice").pid
    for pid in processes_of({lab.name}):
        if pid != main:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _kill_main(lab: Lab) -> None:
    os.kill(lab.process("alice").pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [_kill_helpers, _kill_main])
@pytest.mark.parametrize("state", ["started", "stopped", "absent", "restarted"])
def test_every_state_is_reached_after_processes_were_killed(lab: Lab, kill: Callable[[Lab], None], state: str) -> None:
    lab.guest("alice")
    kill(lab)

    result = lab.guest("alice", state=state, wait_timeout=3)

    if state in ("started", "restarted"):
        lab.guest("alice", state="restarted", wait_timeout=3)
        assert lab.read("alice", "echo awake") == "awake\n"
    if state == "stopped":
        assert result["guest"]["state"] == "stopped"
        assert processes_of({lab.name}) == {}
        assert not lab.guest("alice", state="stopped")["changed"]
    assert lab.info()["orphans"] == []


def test_a_crash_harms_no_neighbour(pair: Lab) -> None:
    pair.guest("carol", mem=96)
    pair.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"])

    os.kill(pair.process("carol").pid, signal.SIGKILL)

    assert pair.reaches("alice", "10.0.0.2", "-c 10 -i 0.05 -W 60")
    assert pair.info()["guests"]["carol"]["state"] == "died"


def test_a_guest_that_dies_while_it_boots_is_an_error_that_shows_why(lab: Lab) -> None:
    with pytest.raises(Exception, match=r"guest alice: .*(panic|No working init).*boot\.log"):
        lab.guest("alice", cmdline="init=/nowhere")

    assert processes_of({lab.name}) == {}
    assert lab.guest("alice", cmdline="")["guest"]["state"] == "running"


def test_a_guest_that_does_not_answer_in_time_is_not_left_running(lab: Lab) -> None:
    with pytest.raises(
        Exception, match=r"guest alice: its control channel did not answer within 2 s; last lines of its"
    ):
        lab.guest("alice", cmdline=HANG, wait_timeout=2)

    assert processes_of({lab.name}) == {}
    assert lab.info()["orphans"] == []


def test_interfaces_of_a_guest_that_died_can_be_changed_and_hold_when_it_is_started(pair: Lab) -> None:
    process = pair.process("alice")
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not processes.is_alive(process), "the guest to die")
    pair.iface("alice", "eth0", address=["10.0.0.9/24"])
    pair.iface("alice", "eth1", address=["10.1.0.9/24"])

    pair.guest("alice")

    assert pair.addresses("alice", "eth0") == {"10.0.0.9/24"}
    assert pair.addresses("alice", "eth1") == {"10.1.0.9/24"}
    assert pair.reaches("bob", "10.0.0.9")


def test_the_processes_of_a_guest_are_told_from_all_others_of_the_host(pair: Lab) -> None:
    seen = {each.pid: each.owner["guest"] for each in processes.of_lab(pair.workdir)}

    assert {name: seen.get(pair.process(name).pid) for name in ("alice", "bob")} == {"alice": "alice", "bob": "bob"}
    assert os.getpid() not in seen
