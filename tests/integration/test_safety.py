# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must never happen: runs that corrupt each other, remains of killed runs, and harm to what is not ours."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import HANG, PATIENCE, PREFIX, Lab, Refused, Result, fresh_lab, has_namespace, log_keepers, processes_of, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import netlink

KILLS = 10


def _start(lab: Lab, module: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(lab.command(module, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _deeds(count: int) -> list[int]:
    """Deeds to be killed at, all along a run that does so many: the first, the last, and as many between as there are kills."""
    return [1 + turn * (count - 1) // (KILLS - 1) for turn in range(KILLS)]


def _result(process: subprocess.Popen[str]) -> Result:
    out, err = process.communicate(timeout=PATIENCE)
    assert out, err
    told: Result = json.loads(out)
    return told


@contextmanager
def _namespace(name: str) -> Iterator[None]:
    """A network namespace that somebody else made."""
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=PATIENCE)
    try:
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True, timeout=PATIENCE)


def test_two_runs_at_once_on_one_guest_both_end_well_and_start_it_once(lab: Lab) -> None:
    runs = [_start(lab, "guest", name="alice") for number in range(3)]

    results = [_result(run) for run in runs]

    assert [result.get("msg") for result in results] == [None] * 3
    assert sorted(result["changed"] for result in results) == [False, False, True]
    assert len({result["guest"]["pid"] for result in results}) == 1
    assert lab.info()["orphans"] == []


def test_runs_at_once_on_different_objects_all_end_well(lab: Lab) -> None:
    lab.guest("zoe", state="present")
    runs = [_start(lab, "guest", name=name) for name in ("alice", "bob", "carol")]
    runs += [_start(lab, "bridge", name=name) for name in ("br0", "br1")]
    runs += [_start(lab, "iface", guest="zoe", name=name) for name in ("eth0", "eth1")]

    results = [_result(run) for run in runs]

    assert [result.get("msg") for result in results] == [None] * 7
    assert all(result["changed"] for result in results)
    found = lab.info()
    assert {name: guest["state"] for name, guest in found["guests"].items()} == {
        "alice": "running",
        "bob": "running",
        "carol": "running",
        "zoe": "stopped",
    }
    assert set(found["guests"]["zoe"]["interfaces"]) == {"eth0", "eth1"}
    assert set(found["bridges"]) == {"br0", "br1"}


def test_threads_of_one_process_keep_out_of_each_others_way(lab: Lab) -> None:
    lab.bridge("br0")

    def build(name: str) -> None:
        lab.guest(name, mem=64)
        lab.iface(name, "eth0", bridge="br0")
        lab.guest(name, state="restarted")

    with ThreadPoolExecutor() as pool:
        list(pool.map(build, ("alice", "bob", "carol")))

    assert lab.info()["bridges"]["br0"]["interfaces"] == ["alice:eth0", "bob:eth0", "carol:eth0"]


def test_who_waits_in_vain_is_told_who_holds_the_lock(lab: Lab) -> None:
    slow = _start(lab, "guest", name="alice", cmdline=HANG, wait_timeout=PATIENCE)
    # The last that the run makes before it waits.
    until(lambda: log_keepers(lab.path), "the slow guest to be started")
    before = lab.snapshot()

    with pytest.raises(Refused) as refused:
        lab.guest("bob", lock_timeout=1)
    after = lab.snapshot()

    message = str(refused.value)
    assert message.startswith(f"working directory {lab.path}: another run still held its lock after 1 s: ")
    assert f"process {slow.pid} (working on alice), since" in message
    assert "wait for that run to end, or raise lock_timeout" in message
    assert before[0] == after[0]
    os.kill(lab.process("alice").pid, signal.SIGKILL)
    assert "was killed" in _result(slow)["msg"]
    assert lab.guest("bob")["guest"]["state"] == "running"


def test_check_mode_and_info_do_not_wait_for_the_lock(lab: Lab) -> None:
    lab.guest("alice", state="present")
    with (lab.path / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert lab.guest("alice", check=True, lock_timeout=0)["actions"][-1] == "start guest alice"
        assert "alice" in lab.info()["guests"]


def test_a_guest_that_a_killed_run_has_started_is_seen_by_the_host_as_any_other(lab: Lab) -> None:
    # Not the first run of the lab, which does more.
    lab.guest("alice")
    lab.guest("alice", state="absent")
    trace = lab.deeds("guest", name="alice")
    for moment in [number for number, deed in enumerate(trace, 1) if deed == "os.symlink"]:
        lab.guest("alice", state="absent", wait_timeout=2)
        lab.deeds("guest", killed_at=moment, name="alice")
        hello = lab.directory("alice").spool / "hello"
        until(lambda: hello.exists() or not processes_of({lab.name}), "the guest to be up, or never begun", 300)  # noqa: B023

        lab.guest("alice")

        assert (lab.directory("alice").union / "etc/passwd").is_file(), moment


def test_a_bridge_that_a_killed_run_had_begun_is_gone_after_the_next(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_arguments: object, **_settings: object) -> None:
        raise Killed

    lab.bridge("br0")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(netlink.Network, "finish", die)
        lab.bridge("br1")
    lab.host("ip", "link", "add", "dumm~anothers", "type", "bridge")
    assert len(lab.devices()) == 4

    assert lab.bridge("br0", check=True)["actions"] == []
    assert len(lab.devices()) == 4
    lab.bridge("br0")

    assert set(lab.devices()) == {"lo", "br0", "dumm~anothers"}


def test_a_device_that_a_killed_run_was_about_to_remove_stays_if_it_is_wanted_again(lab: Lab) -> None:
    for name in ("br0", "br1"):
        lab.bridge(name)
    doomed = netlink.group_of(f"{lab.name} doomed")
    lab.host("ip", "link", "set", "br0", "group", str(doomed))

    lab.bridge("br1", state="absent")

    assert set(lab.devices()) == {"lo", "br0"}


def test_a_run_that_is_killed_at_any_moment_is_completed_by_the_next(lab: Lab) -> None:
    """The whole way of a guest with an interface, killed at deeds all along it."""
    lab.bridge("br0", address=["10.0.0.254/24"])

    def make() -> None:
        lab.guest("alice", state="absent", wait_timeout=2)
        lab.guest("alice", state="present", mem=64)
        lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])

    make()
    for deed in _deeds(len(lab.deeds("guest", name="alice", mem=96))):
        make()
        lab.deeds("guest", name="alice", mem=96, killed_at=deed)

        result = lab.guest("alice", mem=96, restart=True)

        found = lab.info()
        assert result["guest"]["state"] == "running"
        assert found["orphans"] == []
        assert found["guests"]["alice"]["running"]["mem"] == 96
        assert lab.host("ping", "-c", "1", "-w", "60", "10.0.0.1").returncode == 0
        assert not lab.guest("alice", mem=96)["changed"]
        assert set(lab.devices()) == {"lo", "br0", "alice-eth0"}
        assert len(_launches(lab)) == 1


def test_a_hot_plug_that_is_killed_at_any_moment_is_completed_by_the_next(lab: Lab) -> None:
    lab.bridge("br0", address=["10.0.0.254/24"])
    lab.guest("alice")
    plug: dict[str, object] = {"guest": "alice", "name": "eth0", "bridge": "br0", "address": ["10.0.0.1/24"]}
    for deed in _deeds(len(lab.deeds("iface", **plug))):
        lab.iface("alice", "eth0", state="absent")
        lab.deeds("iface", **plug, killed_at=deed)

        lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])
        lab.guest("alice")

        assert lab.links("alice") == {"eth0"}
        assert lab.host("ping", "-c", "1", "-w", "60", "10.0.0.1").returncode == 0
        assert lab.info()["orphans"] == []
        assert not lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])["changed"]


def test_a_first_run_that_is_killed_at_any_moment_can_be_taken_away(lab: Lab) -> None:
    count = len(lab.deeds("guest", name="alice", mem=64))
    lab.guest("alice", state="absent", wait_timeout=2)
    for deed in _deeds(count):
        lab.deeds("guest", name="alice", mem=64, killed_at=deed)

        lab.guest("alice", state="absent", wait_timeout=2)

        found = lab.info()
        assert (found["guests"], found["orphans"]) == ({}, [])
        assert processes_of({lab.name}) == {}


def _launches(lab: Lab) -> set[str]:
    """The launches that the lab's processes belong to."""
    return {json.loads(Path(f"/proc/{pid}/root/owner").read_text())["launch"] for pid in processes_of({lab.name})}


@pytest.mark.parametrize(
    "kind", [("link", "add", "alice-eth0", "type", "bridge"), ("tuntap", "add", "alice-eth0", "mode", "tap")]
)
def test_a_foreign_device_with_our_name_is_an_error_and_survives(lab: Lab, kind: tuple[str, ...]) -> None:
    lab.bridge("br0")
    lab.guest("alice", state="present")
    lab.iface("alice", "eth0", bridge="br0")
    lab.host("ip", *kind)
    foreign = lab.devices()["alice-eth0"]

    with pytest.raises(Refused, match=r"interface alice:eth0: .*not ours is in the way; remove or rename it"):
        lab.guest("alice")
    lab.guest("alice", state="absent")

    assert lab.devices()["alice-eth0"] == foreign
    assert set(lab.devices()) == {"lo", "br0", "alice-eth0"}
    lab.host("ip", "link", "delete", "alice-eth0")


def test_a_foreign_bridge_with_our_name_is_an_error_and_survives(lab: Lab) -> None:
    lab.bridge("br1")
    lab.host("ip", "link", "add", "br0", "type", "bridge")

    with pytest.raises(Refused, match=r"bridge br0: .*not ours is in the way; remove or rename it"):
        lab.bridge("br0")
    lab.bridge("br0", state="absent")

    assert "br0" in lab.devices()
    lab.host("ip", "link", "delete", "br0")


def test_a_device_with_another_labs_mark_is_left_alone(lab: Lab) -> None:
    lab.bridge("br0")
    lab.host("ip", "link", "add", "alien", "type", "bridge")
    lab.host("ip", "link", "set", "alien", "alias", "dumm.lab dumm-other bridge alien")

    lab.guest("alice")
    lab.bridge("br0")

    assert lab.info()["orphans"] == []
    assert "alien" in lab.devices()


def test_devices_with_our_mark_that_belong_to_nothing_are_told_as_orphans(lab: Lab) -> None:
    lab.bridge("br0")
    lab.host("ip", "tuntap", "add", "ghost-eth0", "mode", "tap")
    lab.host("ip", "link", "set", "ghost-eth0", "alias", f"dumm.lab {lab.name} iface ghost:eth0")

    orphans = lab.info()["orphans"]

    assert orphans == [{"kind": "device", "name": "ghost-eth0", "owner": "iface ghost:eth0"}]
    lab.guest("ghost", state="absent")
    assert lab.info()["orphans"] == []


def test_a_namespace_that_somebody_else_made_is_used_and_not_deleted(lab: Lab) -> None:
    name = f"foreign-{lab.name[-6:]}"
    with _namespace(name):
        lab.bridge("br0", netns=name)
        lab.guest("alice", netns=name)
        lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])
        assert lab.info()["netns"] == name

        lab.teardown()

        assert has_namespace(name)
        devices = json.loads(
            subprocess.run(
                ["ip", "-n", name, "-j", "link"], capture_output=True, check=True, timeout=PATIENCE, text=True
            ).stdout
        )
        assert [device["ifname"] for device in devices] == ["lo"]
        assert not has_namespace(lab.name)


def test_a_namespace_whose_name_somebody_deleted_under_running_guests_is_named_again(pair: Lab) -> None:
    pair.bridge("br0", address=["10.0.0.254/24"])
    before, devices = [pair.process(name).launch for name in ("alice", "bob")], pair.devices()
    subprocess.run(["ip", "netns", "delete", pair.name], check=True, timeout=PATIENCE)

    seen = pair.info()
    checked = pair.bridge("br0", check=True)
    nameless = has_namespace(pair.name)
    result = pair.iface("alice", "eth1", bridge="br0", address=["10.1.0.1/24"])

    assert seen["orphans"] == [] and seen["bridges"]["br0"]["interfaces"] == ["alice:eth0", "bob:eth0"]
    assert not checked["changed"] and not nameless
    assert any(f"network namespace {pair.name} had lost its name" in warning for warning in result["warnings"])
    assert {name: device["ifindex"] for name, device in devices.items()}.items() <= {
        name: device["ifindex"] for name, device in pair.devices().items()
    }.items()
    # What alice was given is in the record of its process, so it is the launch that stays.
    assert [pair.process(name).launch for name in ("alice", "bob")] == before
    assert pair.reaches("alice", "10.0.0.2") and pair.reaches("alice", "10.0.0.254")
    assert not pair.guest("alice")["changed"] and not pair.guest("bob")["warnings"]


def test_a_lab_whose_namespace_has_lost_its_name_is_taken_away_all_the_same(pair: Lab) -> None:
    subprocess.run(["ip", "netns", "delete", pair.name], check=True, timeout=PATIENCE)

    pair.teardown()

    assert pair.leftovers() == []


def test_two_labs_with_the_same_names_do_not_meet(lab: Lab) -> None:
    with fresh_lab() as other:
        for each in (lab, other):
            each.bridge("br0")
            each.guest("alice", mem=64)
            each.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])
        macs = {each.link("alice", "eth0")["address"] for each in (lab, other)}

        lab.teardown()

        assert len(macs) == 2
        assert other.read("alice", "echo awake") == "awake\n"
        assert other.info()["guests"]["alice"]["interfaces"]["eth0"]["bridge"] == "br0"


def test_remains_of_interrupted_writes_are_swept_away(lab: Lab) -> None:
    lab.guest("alice", state="present")
    for name in (".new-bob", ".gone-carol-123"):
        (lab.workdir.guests / name / "diff").mkdir(parents=True)

    lab.guest("dave", state="present")

    assert sorted(os.listdir(lab.workdir.guests)) == ["alice", "dave"]


def test_a_lab_works_on_a_tmpfs() -> None:
    place = Path(tempfile.mkdtemp(prefix=PREFIX))
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True, timeout=PATIENCE)
    try:
        with fresh_lab(place) as lab:
            lab.guest("alice")
            lab.read("alice", "echo hello >/etc/written")
            lab.guest("alice", state="restarted")
            assert lab.read("alice", "cat /etc/written") == "hello\n"
    finally:
        subprocess.run(["umount", place], check=True, timeout=PATIENCE)
        place.rmdir()


def test_a_guest_outlives_the_run_that_started_it_and_needs_no_daemon(lab: Lab) -> None:
    result = _result(_start(lab, "guest", name="alice"))

    parent = int(Path(f"/proc/{result['guest']['pid']}/stat").read_text().rpartition(")")[2].split()[1])
    assert parent != os.getpid()
    assert os.getsid(result["guest"]["pid"]) == result["guest"]["pid"]
    assert lab.read("alice", "echo awake") == "awake\n"


def test_a_run_that_is_interrupted_leaves_a_lab_that_can_go_on(lab: Lab) -> None:
    run = _start(lab, "guest", name="alice")
    time.sleep(0.4)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=PATIENCE)

    assert lab.guest("alice")["guest"]["state"] == "running"
    assert lab.info()["orphans"] == []
