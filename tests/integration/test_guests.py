# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dumm_guest in each of its states, and what dumm_info tells of a guest."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, Refused, fresh_lab, processes_of, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import serving


def test_a_guest_starts_and_answers(lab: Lab) -> None:
    result = lab.guest("alice")

    assert result["changed"]
    assert result["guest"]["state"] == "running"
    assert lab.read("alice", "cat /proc/sys/kernel/hostname") == "alice\n"


@pytest.mark.parametrize("state", ["present", "started", "stopped", "paused", "absent"])
def test_every_state_is_reached_from_nothing_and_kept(lab: Lab, state: str) -> None:
    first = lab.guest("alice", state=state)
    second = lab.guest("alice", state=state)

    assert first["changed"] == (state != "absent")
    assert not second["changed"]
    assert second["actions"] == []
    assert second["diff"]["before"] == second["diff"]["after"]


@pytest.mark.parametrize("before", ["stopped", "started", "paused"])
@pytest.mark.parametrize("after", ["stopped", "started", "paused", "absent"])
def test_every_state_is_reached_from_every_other(lab: Lab, before: str, after: str) -> None:
    lab.guest("alice", state=before)

    result = lab.guest("alice", state=after)

    words = {"stopped": "stopped", "started": "running", "paused": "paused"}
    assert result["changed"] == (before != after)
    assert (result["guest"] and result["guest"]["state"]) == words.get(after)
    if after == "started":
        assert lab.read("alice", "echo awake") == "awake\n"


def test_a_paused_guest_is_seen_as_paused_and_a_running_one_as_running_every_time(lab: Lab) -> None:
    """Taken for running, it would be told to shut down what it cannot hear while it is paused."""
    lab.guest("alice")
    process = lab.process("alice")
    for _turn in range(20):
        for state, power in (("paused", Power.PAUSED), ("started", Power.RUNNING)):
            lab.guest("alice", state=state)
            assert {processes.power(lab.directory("alice"), process) for _look in range(100)} == {power}


def test_restarted_starts_anew_each_time(lab: Lab) -> None:
    first = lab.guest("alice")["guest"]["pid"]

    second = lab.guest("alice", state="restarted")
    third = lab.guest("alice", state="restarted")

    assert second["changed"] and third["changed"]
    assert len({first, second["guest"]["pid"], third["guest"]["pid"]}) == 3


def test_a_guest_keeps_what_it_wrote_over_a_restart_and_the_master_stays_untouched(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", "echo hello >/etc/written && rm /etc/motd; sync")

    lab.guest("alice", state="restarted")

    assert lab.read("alice", "cat /etc/written; ls /etc/motd 2>&1 || true").startswith("hello\n")
    assert not (lab.path / "masters/default/etc/written").exists()
    assert (lab.directory("alice").diff / "etc/written").read_text() == "hello\n"


def test_absent_removes_what_a_guest_wrote(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", "echo hello >/etc/written")
    lab.guest("alice", state="absent")

    lab.guest("alice")

    assert lab.run("alice", "cat /etc/written").code != 0


def test_union_shows_the_guests_root_to_the_host_while_it_runs(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", "echo hello >/etc/written")

    assert (lab.directory("alice").union / "etc/written").read_text() == "hello\n"
    assert (lab.directory("alice").union / "bin/sh").exists()


def test_the_last_object_takes_the_namespace_with_it(lab: Lab) -> None:
    lab.bridge("br0")
    lab.guest("alice")

    lab.guest("alice", state="absent")
    result = lab.bridge("br0", state="absent")

    assert f"remove network namespace {lab.name}" in result["actions"]
    assert lab.leftovers() == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("mem", 160),
        ("cmdline", "loglevel=3"),
        ("userspace", "ptrace"),
        ("init", "minimal"),
        ("master", "systemd"),
    ],
)
def test_a_change_that_needs_a_restart_waits_for_leave(lab: Lab, option: str, value: object) -> None:
    pid = lab.guest("alice", mem=128)["guest"]["pid"]

    stored = lab.guest("alice", **{option: value})
    again = lab.guest("alice")
    restarted = lab.guest("alice", restart=True)
    settled = lab.guest("alice", restart=True)

    assert stored["changed"] and stored["restart_required"] == {"alice": [option]}
    assert any(option in warning for warning in stored["warnings"])
    assert stored["guest"]["pid"] == pid
    assert not again["changed"] and again["restart_required"] == {"alice": [option]}
    assert restarted["changed"] and restarted["restart_required"] == {}
    assert restarted["guest"]["pid"] != pid
    assert not settled["changed"]


def test_a_change_of_memory_is_there_after_the_restart(lab: Lab) -> None:
    lab.guest("alice", mem=96)
    before = int(lab.read("alice", "awk '/^MemTotal/ {print $2}' /proc/meminfo"))

    lab.guest("alice", mem=192, restart=True)

    assert int(lab.read("alice", "awk '/^MemTotal/ {print $2}' /proc/meminfo")) > before + 80_000


def test_words_of_the_command_line_reach_the_kernel(lab: Lab) -> None:
    lab.guest("alice", cmdline="loglevel=3 testword=here")

    assert "loglevel=3 testword=here" in lab.read("alice", "cat /proc/cmdline")


@pytest.mark.parametrize("userspace", ["seccomp", "ptrace"])
def test_processes_are_run_as_asked_for(lab: Lab, userspace: str) -> None:
    told = lab.guest("alice", userspace=userspace)["guest"]

    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in processes_of({lab.name})]
    assert any(f"TracerPid:\t{told['pid']}\n" in status for status in statuses) is (userspace == "ptrace")
    assert told["running"]["userspace"] == told["userspace"] == userspace


def test_the_boot_line_names_no_path_of_the_host(lab: Lab) -> None:
    lab.guest("alice")

    assert str(lab.path) not in lab.read("alice", "cat /proc/cmdline /proc/mounts")


def test_layers_lie_over_the_master_and_are_never_written(lab: Lab) -> None:
    upper, lower = lab.path / "upper", lab.path / "lower"
    for layer, text in ((upper, "upper"), (lower, "lower")):
        (layer / "opt").mkdir(parents=True)
        (layer / "opt/both").write_text(text)
        (layer / f"opt/{text}").write_text(text)

    lab.guest("alice", layers=[str(upper), str(lower)])
    lab.read("alice", "echo guest >/opt/lower")

    assert lab.read("alice", "cat /opt/both /opt/upper") == "upperupper"
    assert (lower / "opt/lower").read_text() == "lower"
    assert not lab.guest("alice", layers=[str(upper), str(lower)])["changed"]


def test_the_namespace_is_made_before_the_first_guest_and_holds_its_process(lab: Lab) -> None:
    pid = lab.guest("alice")["guest"]["pid"]

    assert os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(f"/run/netns/{lab.name}").st_ino
    assert os.stat(f"/proc/{pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino


def test_several_guests_run_side_by_side_with_their_own_roots(lab: Lab) -> None:
    for name in ("alice", "bob"):
        lab.guest(name)
        lab.read(name, f"echo {name} >/etc/who")

    assert [lab.read(name, "cat /etc/who") for name in ("alice", "bob")] == ["alice\n", "bob\n"]
    lab.guest("alice", state="absent")
    assert lab.read("bob", "cat /etc/who") == "bob\n"
    assert set(processes_of({lab.name}).values()) == {"bob"}


def test_info_tells_of_a_running_guest(lab: Lab) -> None:
    lab.guest("alice", mem=96, cmdline="loglevel=3")

    told = lab.info()["guests"]["alice"]

    assert told["state"] == "running"
    assert told["reason"] is None
    assert 0 <= told["uptime"] < 60
    assert 1 < told["memory_used"] < 200
    assert told["hostname"] == "alice"
    assert Path(f"/proc/{told['pid']}/exe").exists()
    assert (lab.path / "guests/alice/alice/pid").read_text() == f"{told['pid']}\n"
    assert told["running"]["kernel"] == str((lab.path / "kernels/default/linux").resolve())
    assert told["running"]["master"] == str((lab.path / "masters/default").resolve())
    assert told["running"]["release"] == lab.read("alice", "uname -r").strip()
    assert told["running"]["union"] == "overlay" and told["running"]["union_reason"]
    assert (told["mem"], told["cmdline"], told["init"], told["layers"]) == (96, "loglevel=3", "auto", [])


def test_uptime_grows_and_begins_anew_with_a_restart(lab: Lab) -> None:
    lab.guest("alice")
    until(lambda: lab.info(inside=False)["guests"]["alice"]["uptime"] > 1.0, "an uptime of over a second")

    told = lab.guest("alice", state="restarted")["guest"]

    assert told["uptime"] <= 1.0


@pytest.mark.parametrize("engine", ["overlay", "cowfs"])
def test_a_guest_that_is_halted_is_not_asked_to_shut_itself_down(engine: str) -> None:
    says = "trap 'echo asked >>/root/said; exit' TERM; echo ready >>/root/said; while :; do sleep 1; done"
    begin = (
        f"rm -f /root/said; setsid sh -c {shlex.quote(says)} </dev/null >/dev/null 2>&1 &"
        " until [ -s /root/said ]; do sleep 0.1; done; sync"
    )
    with fresh_lab(engine=engine) as lab:

        def said_at(**options: Any) -> str:
            lab.read("alice", begin)
            lab.guest("alice", **options)
            return (lab.directory("alice").diff / "root/said").read_text()

        lab.guest("alice")
        assert said_at(state="stopped") == "ready\nasked\n"
        assert lab.guest("alice", stop="halt")["guest"]["stop"] == "halt"
        assert said_at(state="stopped") == "ready\n"
        assert not lab.guest("alice", state="stopped", stop="halt")["changed"]
        lab.guest("alice")
        assert said_at(state="restarted") == "ready\n"
        assert lab.read("alice", "cat /root/said") == "ready\n"
        lab.guest("alice", state="paused")
        lab.guest("alice", state="absent", stop="clean")
        assert lab.leftovers() == []


def test_info_tells_of_a_stopped_guest_without_a_process(lab: Lab) -> None:
    lab.guest("alice")
    lab.guest("alice", state="stopped")

    told = lab.info()["guests"]["alice"]

    assert (told["state"], told["pid"], told["uptime"], told["reason"]) == ("stopped", None, None, None)


def test_info_tells_of_routes_and_addresses_that_the_guest_made_itself(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", "ip addr add 192.0.2.1/32 dev lo && ip route add 198.51.100.0/24 dev lo")

    told = lab.info()["guests"]["alice"]

    assert "192.0.2.1/32" in told["other_interfaces"]["lo"]["address"]
    assert "198.51.100.0/24" in [route["dst"] for route in told["routes"]]


def test_info_without_looking_inside_asks_no_guest(lab: Lab) -> None:
    lab.guest("alice")

    told = lab.info(inside=False)["guests"]["alice"]

    assert told["state"] == "running"
    assert "hostname" not in told


def test_info_of_a_directory_without_a_lab_changes_nothing(lab: Lab) -> None:
    before = lab.snapshot()

    told = lab.info()

    assert (told["guests"], told["bridges"], told["orphans"], told["netns_exists"]) == ({}, {}, [], False)
    assert lab.snapshot() == before


def test_each_guest_has_a_cpu_of_the_host_unless_it_wants_none(lab: Lab) -> None:
    """A guest's processes wake each other for each system call, which takes ten times as long from one CPU to another."""
    usable = os.sched_getaffinity(0)
    for name in ("alice", "bob"):
        lab.guest(name, init="minimal")
    lab.guest("carol", init="minimal", cpu="any")

    cpus = {name: os.sched_getaffinity(lab.process(name).pid) for name in ("alice", "bob", "carol")}

    assert len(cpus["alice"]) == len(cpus["bob"]) == 1
    assert len(cpus["alice"] | cpus["bob"]) == min(2, len(usable))
    assert cpus["carol"] == usable
    assert {lab.info()["guests"]["alice"]["running"]["cpu"]} == cpus["alice"]
    other = max(usable - cpus["alice"] or usable)
    assert lab.guest("alice", cpu=str(other))["restart_required"] == ({"alice": ["cpu"]} if len(usable) > 1 else {})
    assert os.sched_getaffinity(lab.process("alice").pid) == cpus["alice"]
    lab.guest("alice", state="restarted")
    assert os.sched_getaffinity(lab.process("alice").pid) == {other}
    with pytest.raises(Refused, match="guest alice: there is no CPU 4711 to run on"):
        lab.guest("alice", cpu="4711")


def test_the_server_of_a_union_has_its_guests_cpu(lab: Lab) -> None:
    lab.guest("alice", init="minimal", union="cowfs")

    served = serving.server(lab.directory("alice").path)

    assert served is not None
    assert os.sched_getaffinity(served) == os.sched_getaffinity(lab.process("alice").pid)
