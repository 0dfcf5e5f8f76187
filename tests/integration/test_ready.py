# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ready means ready: commands of a scenario, its end, and Ansible's tasks find a guest whose init has finished, whatever that init is."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, REPOSITORY, Lab, Refused, fresh_lab, until
from programs import Ansible

OURS = str(REPOSITORY / "lab.dumm.yml")
WITNESS = """
[Service]
ExecStart=/bin/sleep infinity
"""
SLOW = """
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sleep infinity
"""
BROKEN = """
[Service]
Type=oneshot
ExecStart=/bin/false
"""
UNITS = "/etc/systemd/system"
MARKS = "touch /run/mark /tmp/mark"
SYSTEMD = {"master": "systemd", "mem": 192}
CONFIG = {
    "guests": {
        "minimal": {"mem": 64, "run": [MARKS]},
        "systemd": {
            **SYSTEMD,
            "files": {f"{UNITS}/witness.service": WITNESS},
            "run": ["systemctl start witness", MARKS],
        },
        "sysvinit": {"master": "sysvinit", "mem": 96, "run": [MARKS, "runlevel >/root/level"]},
    }
}


def waits(result: dict[str, Any]) -> list[str]:
    """The guests that a run waited for."""
    return sorted(each["step"] for each in result["durations"] if each["step"].startswith("ready "))


def is_ready(lab: Lab, name: str) -> Any:
    """What ``dumm_info`` says of a guest."""
    return lab.info()["guests"][name]["running"]["ready"]


def needs_slow(name: str) -> dict[str, str]:
    """Files that have a guest's systemd start a unit."""
    return {
        f"{UNITS}/{name}.service": {"slow": SLOW, "broken": BROKEN}[name],
        f"{UNITS}/multi-user.target.d/it.conf": (f"[Unit]\nWants={name}.service\nAfter={name}.service\n"),
    }


KERNELS = pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True, scope="module")
Started = tuple[Lab, dict[str, Any]]


@pytest.fixture(scope="module")
def started(kernel: str) -> Iterator[Started]:
    """A lab with one guest of each init, and what its first run said."""
    with fresh_lab(kernel=kernel) as lab:
        yield lab, lab.scenario("inits", CONFIG, wait_timeout=PATIENCE)


@KERNELS
def test_those_with_an_init_of_their_own_are_waited_for(started: Started) -> None:
    lab, first = started

    assert waits(first) == ["ready guest systemd", "ready guest sysvinit"]
    assert [is_ready(lab, name) for name in CONFIG["guests"]] == [True] * 3


@KERNELS
def test_systemctl_works_at_the_first_run(started: Started) -> None:
    assert started[0].read("systemd", "systemctl is-active witness") == "active\n"


@KERNELS
def test_sysvinit_has_reached_its_runlevel_and_run_its_scripts(started: Started) -> None:
    assert started[0].read("sysvinit", "cat /root/level") == "N 2\n"


@KERNELS
@pytest.mark.parametrize("name", list(CONFIG["guests"]))
def test_what_they_write_to_run_and_tmp_stays(started: Started, name: str) -> None:
    assert started[0].read(name, "ls /run/mark /tmp/mark").split() == ["/run/mark", "/tmp/mark"]


@KERNELS
def test_a_second_run_asks_nobody(started: Started) -> None:
    second = started[0].scenario("inits", CONFIG)

    assert (second["changed"], second["actions"], waits(second)) == (False, [], [])


def test_a_guest_of_an_earlier_version_is_looked_at_once_and_not_changed(lab: Lab) -> None:
    config = {"guests": {"alice": {**SYSTEMD, "run": [MARKS]}}}
    lab.scenario("one", config, wait_timeout=PATIENCE)
    lab.directory("alice").ready.unlink()

    asked = lab.scenario("one", config, check=True)
    looked = lab.scenario("one", config, wait_timeout=PATIENCE)
    again = lab.scenario("one", config)

    assert [each["changed"] for each in (asked, looked, again)] == [False] * 3
    assert (looked["actions"], lab.directory("alice").ready.exists()) == ([], True)


def test_what_does_not_start_is_named_and_the_next_run_goes_on_waiting(lab: Lab, tmp_path: Path) -> None:
    config = {"guests": {"alice": {**SYSTEMD, "files": needs_slow("slow"), "run": [MARKS]}}}
    lab.scenario("slow", {"guests": {"alice": {**config["guests"]["alice"], "run": []}}})
    only = "systemctl list-jobs --no-legend --plain | grep -v waiting | grep -c ."
    until(
        lambda: lab.run("alice", f"systemctl is-active basic.target && {only}").stdout.split() == [b"active", b"1"],
        "systemd to be at the unit that never starts",
    )

    with pytest.raises(Refused) as refused:
        lab.scenario("slow", config, wait_timeout=3)

    assert str(refused.value).startswith("guest alice: it has not booted within 3 s: slow.service still starting; ")
    assert "raise wait_timeout" in str(refused.value)
    assert lab.run("alice", "ls /run/mark").code != 0
    assert lab.info()["guests"]["alice"]["state"] == "running" and is_ready(lab, "alice") is False

    # Whoever waits may be killed, too.
    waiting = subprocess.Popen(lab.command("scenario", name="slow", config=config), stdout=subprocess.DEVNULL)
    # A request is guarded a moment after it was begun.
    guard = ["pgrep", "-f", f"dumm-guard {lab.path}"]
    until(lambda: subprocess.run(guard, check=False, stdout=subprocess.DEVNULL).returncode == 0, "it to wait")
    waiting.send_signal(signal.SIGKILL)
    waiting.wait()
    until(lambda: lab.run("alice", "pgrep -f is-system-running.--wait").code != 0, "its request to end")
    lab.read("alice", "systemctl cancel $(systemctl list-jobs --no-legend --plain | awk '/slow/ {print $1}')")

    result = lab.scenario("slow", config, wait_timeout=PATIENCE)

    assert (waits(result), is_ready(lab, "alice")) == (["ready guest alice"], True)
    assert lab.run("alice", "ls /run/mark").code == 0


def test_a_boot_with_failed_units_counts_and_one_into_maintenance_is_an_error(lab: Lab) -> None:
    failed = {**SYSTEMD, "files": needs_slow("broken"), "ready": "booted"}
    rescued = {**SYSTEMD, "cmdline": "systemd.unit=rescue.target", "ready": "booted"}

    lab.scenario("failed", {"guests": {"alice": failed}}, wait_timeout=PATIENCE)
    with pytest.raises(Refused) as refused:
        lab.scenario("rescued", {"guests": {"bob": rescued}}, wait_timeout=PATIENCE)

    assert lab.run("alice", "systemctl is-system-running").stdout == b"degraded\n"
    assert str(refused.value).startswith(
        "guest bob: its systemd is in maintenance mode (rescue.target or emergency.target); "
    )


def test_a_command_is_retried_until_it_succeeds(lab: Lab) -> None:
    asked = {"run": 'echo "it\'s $(cat /run/state)"; touch /run/tried; test -e /run/it', "within": "2s"}
    lab.guest("alice")
    lab.read("alice", "echo not there >/run/state")

    with pytest.raises(Refused) as refused:
        lab.guest("alice", ready=asked)
    said = str(refused.value)
    before = is_ready(lab, "alice")
    lab.read("alice", "rm /run/tried")
    waiting = subprocess.Popen(
        lab.command("guest", name="alice", ready={**asked, "within": PATIENCE}), stdout=subprocess.PIPE
    )
    # It leaves a mark: an attempt is over in milliseconds, and a look at the processes would rarely meet one.
    until(lambda: lab.run("alice", "test -e /run/tried").code == 0, "it to be tried")
    lab.read("alice", "touch /run/it")
    told = json.loads(waiting.communicate(timeout=PATIENCE)[0])

    assert said.startswith("guest alice: it was not ready within 2 s: ")
    assert "and said last: it's not there; " in said
    assert (before, told["guest"]["running"]["ready"], is_ready(lab, "alice")) == (False, True, True)
    assert not lab.guest("alice", ready={**asked, "within": PATIENCE})["changed"]


def test_check_mode_and_stopped_guests_are_not_waited_for(lab: Lab) -> None:
    assert lab.guest("alice", ready={"run": "false"}, check=True)["guest"]["ready"] == {"run": "false", "within": 60.0}
    assert lab.guest("alice", ready={"run": "false"}, state="present")["guest"]["state"] == "stopped"
    assert lab.guest("alice", state="paused")["guest"]["state"] == "paused"


@pytest.mark.parametrize("kernel", ["default", pytest.param("scripts", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    "options", [[], ["-e", "dumm_ready_timeout=0"], ["-e", "dumm_ready_timeout=0", "-e", "dumm_warm=false"]]
)
def test_facts_of_guests_that_were_just_started_never_fail(lab: Lab, tmp_path: Path, options: list[str]) -> None:
    """systemd-tmpfiles and bootclean empty /tmp while the module runs in there, unless the module waits or keeps its files elsewhere."""
    guests: dict[str, Any] = {"one": SYSTEMD, "two": SYSTEMD, "three": {"master": "sysvinit", "mem": 128}}
    lab.scenario("fresh", {"guests": guests})

    output = Ansible(lab, tmp_path).run(
        "ansible", "-i", OURS, "all", "-m", "setup", "-a", "gather_subset=min", *options
    )

    assert output.count("ansible_facts") == len(guests)
    if not options:
        assert [is_ready(lab, name) for name in guests] == [True] * len(guests)


def test_the_first_task_after_a_reboot_waits_again(lab: Lab, tmp_path: Path) -> None:
    lab.guest("alice", **SYSTEMD)
    ansible = Ansible(lab, tmp_path)

    for _boot in range(2):
        output = ansible.run("ansible", "-i", OURS, "all", "-m", "raw", "-a", "systemctl is-system-running")
        assert "running" in output
        lab.guest("alice", state="restarted")


def test_a_task_that_waits_in_vain_says_why_and_how_not_to(lab: Lab, tmp_path: Path) -> None:
    lab.guest("alice", ready={"run": "echo no such luck; false"}, state="present")
    lab.directory("alice").ready.unlink(missing_ok=True)
    with pytest.raises(Refused):
        lab.guest("alice", ready={"run": "echo no such luck; false", "within": 1})
    ansible = Ansible(lab, tmp_path)
    ask = ("ansible", "-i", OURS, "all", "-m", "raw", "-a", "echo $TMPDIR")

    output = ansible.run(*ask, "-e", "dumm_ready_timeout=1", code=4)
    there = ansible.run(*ask, "-e", "dumm_ready_timeout=0")

    assert "guest alice: it was not ready within 1 s: " in output and "no such luck" in output
    assert "/var/tmp" in there
