# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest's own init, whatever it is: systemd, sysvinit, or the minimal one that the collection brings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, fresh_lab, until

# Writes a file when it is told to end, a moment later: a shutdown that does not wait is found out.
TRAP = """
cat >/root/service <<'END'
#!/bin/sh
trap 'sleep 0.5; echo told >/root/told; sync; exit 0' TERM
echo $$ >/root/service.pid
while :; do sleep 0.1; done
END
chmod +x /root/service
"""
UNIT = """
cat >/etc/systemd/system/witness.service <<'END'
[Service]
ExecStart=/bin/sleep infinity
ExecStop=/bin/sh -c 'sleep 0.5; echo told >/root/told'
END
systemctl daemon-reload && systemctl start witness
"""

pytestmark = pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def inits(kernel: str) -> Iterator[Lab]:
    """Guests minimal, systemd and sysvinit on a bridge, all started at the same time as far as one waits for them."""
    with fresh_lab(kernel=kernel) as fresh:
        fresh.bridge("br0")
        for number, name in enumerate(("minimal", "systemd", "sysvinit"), 1):
            master = "default" if name == "minimal" else name
            fresh.guest(name, state="present", master=master, mem=192)
            fresh.iface(name, "eth0", bridge="br0", address=[f"10.0.0.{number}/24", f"fd00::{number}/64"])
            fresh.guest(name)
        yield fresh


def _told(lab: Lab, guest: str) -> str:
    path = lab.directory(guest).diff / "root/told"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize(("guest", "first"), [("minimal", "/.dumm/"), ("systemd", "systemd"), ("sysvinit", "init")])
def test_a_guest_boots_with_its_masters_own_init_or_else_the_minimal_one(inits: Lab, guest: str, first: str) -> None:
    assert first in inits.read(guest, "tr '\\0' ' ' </proc/1/cmdline; readlink /proc/1/exe")


@pytest.mark.parametrize("guest", ["minimal", "systemd", "sysvinit"])
def test_the_hostname_is_the_guests_name(inits: Lab, guest: str) -> None:
    assert inits.read(guest, "cat /proc/sys/kernel/hostname").strip() == guest


def _systemd_is_up(lab: Lab, guest: str) -> bool:
    """The bus answers a moment after the first process; until then systemctl says "offline" and returns at once."""
    said = lab.run(guest, "systemctl is-system-running --wait").stdout.decode().strip()
    return said in ("running", "degraded")


@pytest.mark.parametrize("guest", ["minimal", "systemd", "sysvinit"])
def test_addresses_outlive_the_boot_of_any_init(inits: Lab, guest: str) -> None:
    if guest == "systemd":
        until(lambda: _systemd_is_up(inits, guest), "systemd to be up")
    if guest == "sysvinit":
        until(lambda: inits.run(guest, "pgrep getty").code == 0, "sysvinit to be up")

    number = {"minimal": 1, "systemd": 2, "sysvinit": 3}[guest]
    assert inits.addresses(guest, "eth0") == {f"10.0.0.{number}/24", f"fd00::{number}/64"}
    assert all(inits.reaches(guest, f"10.0.0.{other}") for other in (1, 2, 3))
    assert not inits.guest(guest)["changed"]


def test_systemd_comes_all_the_way_up(inits: Lab) -> None:
    until(lambda: _systemd_is_up(inits, "systemd"), "systemd to be up")

    failed = inits.read("systemd", "systemctl --failed --plain --no-legend")
    assert failed == "", f"failed units: {failed}"


def test_requests_are_served_while_systemd_is_still_booting(lab: Lab) -> None:
    lab.guest("alice", master="systemd")

    assert lab.read("alice", "echo early") == "early\n"


def test_a_stop_of_systemd_is_its_own_shutdown(lab: Lab) -> None:
    lab.guest("alice", master="systemd", mem=192)
    until(lambda: _systemd_is_up(lab, "alice"), "systemd to be up")
    lab.read("alice", UNIT)

    result = lab.guest("alice", state="stopped")

    assert result["guest"]["state"] == "stopped" and result["guest"]["reason"] is None
    assert _told(lab, "alice") == "told\n"


def test_a_stop_of_sysvinit_is_its_own_shutdown(lab: Lab) -> None:
    lab.guest("alice", master="sysvinit")
    until(lambda: lab.run("alice", "runlevel").stdout.split()[1:] == [b"2"], "runlevel 2")
    lab.read("alice", f"{TRAP} setsid /root/service >/dev/null 2>&1 &")
    until(lambda: lab.run("alice", "cat /root/service.pid").code == 0, "the service to run")

    lab.guest("alice", state="stopped")

    assert _told(lab, "alice") == "told\n"
    assert "reboot: " in lab.directory("alice").boot_log.read_text()


def test_a_stop_of_a_minimal_guest_waits_for_its_processes(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", f"{TRAP} setsid /root/service >/dev/null 2>&1 &")
    until(lambda: lab.run("alice", "cat /root/service.pid").code == 0, "the service to run")

    lab.guest("alice", state="stopped")

    assert _told(lab, "alice") == "told\n"
    assert "reboot: Power down" in lab.directory("alice").boot_log.read_text()


def test_a_guest_whose_processes_ignore_the_shutdown_is_stopped_all_the_same(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", "setsid sh -c \"trap '' TERM INT HUP; while :; do sleep 1; done\" >/dev/null 2>&1 &")

    assert lab.guest("alice", state="stopped")["guest"]["state"] == "stopped"


def test_a_guest_that_does_not_listen_is_stopped_the_hard_way(lab: Lab) -> None:
    pid = lab.guest("alice")["guest"]["pid"]
    lab.read("alice", "echo 1 >/proc/sys/kernel/ctrl-alt-del; kill -STOP 1; echo")
    lab.read("alice", "echo 0 >/proc/sys/kernel/ctrl-alt-del; mount -o bind /bin/true /.dumm/minimal || true")

    result = lab.guest("alice", state="stopped", wait_timeout=2)

    assert result["guest"]["state"] == "stopped"
    assert not Path(f"/proc/{pid}").exists()


def test_the_minimal_init_reaps_orphans(inits: Lab) -> None:
    inits.read("minimal", "for n in 1 2 3 4 5; do (setsid sh -c 'sleep 0.2' &) ; done")

    until(
        lambda: (
            inits.run("minimal", "ps -eo ppid=,stat= | awk '$1 == 1 && $2 ~ /^Z/' | grep .").code == 1
            and inits.run("minimal", "pgrep -x sleep -a | grep 0.2").code == 1
        ),
        "the orphans to be reaped",
    )


@pytest.mark.parametrize("guest", ["minimal", "systemd", "sysvinit"])
def test_an_agent_that_was_killed_is_started_anew_whatever_the_init(inits: Lab, guest: str) -> None:
    hello = inits.directory(guest).spool / "hello"
    before = hello.stat().st_ino
    ended = "while [ -e $OLDPWD/cmd ]; do sleep 0.05; done"
    inits.read(guest, f'setsid sh -c "{ended}; kill -KILL $(cat /.dumm/spool/hello)" >/dev/null 2>&1 &')
    until(lambda: hello.stat().st_ino != before, "another agent")

    assert inits.read(guest, "echo fine") == "fine\n"


def test_the_minimal_init_mounts_what_programs_expect(inits: Lab) -> None:
    inits.read("minimal", "test -w /dev/shm && test -c /dev/ptmx && test -d /run/lock && test -e /sys/kernel")
    assert inits.read(
        "minimal", "echo through >/dev/stderr 2>&1; python3 -c 'import os; os.openpty(); print(1)'"
    ).endswith("1\n")
    assert "UP" in inits.read("minimal", "ip link show lo")


def test_an_init_of_ones_own_choice_is_started(lab: Lab) -> None:
    lab.guest("alice", master="systemd", init="minimal")

    assert "/.dumm/" in lab.read("alice", "tr '\\0' ' ' </proc/1/cmdline")


def test_an_init_that_ends_is_told_with_the_reason(lab: Lab) -> None:
    lab.guest("alice", init="/bin/true", cmdline="panic=1", state="present")
    try:
        lab.guest("alice")
    except Exception as refused:
        assert "guest alice: " in str(refused) and "panic" in str(refused)

    told = until(
        lambda: (found := lab.info()["guests"]["alice"])["state"] in ("died", "stopped") and found, "the guest to end"
    )
    assert told["reason"] is None or "panic" in told["reason"]
