# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A damaged file of a working directory blocks its own object and nothing else, and never stands for the defaults."""

from __future__ import annotations

import json
import os
import re
import traceback
from collections.abc import Iterator

import damage
import pytest
from lab import Lab, Refused, fresh_lab, mounts_of, processes_of
from testbed import pair, pids

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes


@pytest.fixture(scope="module")
def beside() -> Iterator[Lab]:
    """A lab with a guest that runs beside what is damaged."""
    with fresh_lab() as lab:
        damage.prepare(lab)
        yield lab


def test_each_kind_of_damage_blocks_its_own_object_alone(beside: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    failed: dict[str, list[str]] = {}
    for kind in damage.KINDS:
        try:
            wrong = damage.attempt(beside, kind)
        except Exception:
            wrong = [traceback.format_exc()]
        if wrong:
            failed[kind.name] = wrong
    with capsys.disabled():
        print(f"\nkinds of damage: {len(damage.KINDS)} tried, {len(failed)} failed")
    assert failed == {}
    assert len(damage.KINDS) >= 100


def test_a_running_guest_whose_definition_is_damaged_is_left_alone(lab: Lab) -> None:
    """A run of its scenario does the rest, and says what is to be done; with its definition back it is as before."""
    lab.scenario("lab", pair(init="minimal"))
    before = pids(lab, "moon", "sun")
    definition = lab.directory("moon").definition
    good = definition.read_bytes()
    changed = pair(init="minimal", sysctl={"kernel.panic": 9})
    changed["guests"]["late"] = {}

    definition.write_bytes(good[:40])
    for check in (True, False):
        with pytest.raises(Refused, match=rf"^guest moon: {definition} cannot be understood .*; restore that file"):
            lab.scenario("lab", changed, check=check)

    assert pids(lab, "moon", "sun") == before
    assert lab.read("sun", "cat /proc/sys/kernel/panic") == "9\n"
    assert lab.reaches("sun", "10.0.0.1") and processes.is_alive(lab.process("late"))
    assert definition.read_bytes() == good[:40]
    found = lab.info()["guests"]["moon"]
    assert (found["state"], found["pid"], found["hostname"]) == ("unreadable", before["moon"], "moon")
    for call in (
        lambda: lab.iface("moon", "eth0", mtu=1400),
        lambda: lab.iface("moon", "eth0", state="absent"),
        lambda: lab.bridge("other", interfaces=["moon:eth0"]),
        lambda: lab.guest("moon", state="restarted"),
    ):
        with pytest.raises(Refused, match=r"^guest moon: .*cannot be understood"):
            call()
    definition.write_bytes(good)
    assert lab.scenario("lab", changed)["actions"] == [
        "guest moon: set kernel.panic 9",
        "guest moon: set kernel.panic 0 → 9 in the guest",
    ]
    assert pids(lab, "moon", "sun") == before


def test_a_guest_is_defined_anew_on_demand(lab: Lab) -> None:
    lab.scenario("lab", pair(init="minimal"))
    before = pids(lab, "moon", "sun")
    lab.directory("moon").definition.write_text("{}")

    lab.scenario("lab", pair(init="minimal"))

    assert lab.reaches("sun", "10.0.0.1") and lab.addresses("moon", "eth0") == {"10.0.0.1/24"}
    assert pids(lab, "sun") == {"sun": before["sun"]}
    again = lab.scenario("lab", pair(init="minimal"))
    assert (again["changed"], again["restart_required"]) == (False, {})


def test_a_guest_whose_definition_is_damaged_can_be_stopped_and_removed(lab: Lab) -> None:
    lab.scenario("lab", pair(init="minimal"))
    for name in ("moon", "sun"):
        lab.directory(name).definition.write_bytes(b"")

    stopped = lab.guest("moon", state="stopped")
    with pytest.raises(Refused, match=r"guest sun: .*cannot be understood"):
        lab.scenario("lab", pair(init="minimal"), state="stopped")

    assert stopped["actions"] == ["stop guest moon"]
    assert "moon-eth0" in lab.devices() or "sun-eth0" in lab.devices()
    found = lab.info(inside=False)
    assert [found["guests"][name]["pid"] for name in ("moon", "sun")] == [None, None]
    assert found["orphans"] == []
    lab.scenario("lab", state="absent")
    for name in ("moon", "sun"):
        assert lab.guest(name, state="absent")["changed"]
    assert lab.leftovers() == []


def test_a_running_guest_whose_definition_is_damaged_is_removed_with_all_that_the_host_has_of_it(lab: Lab) -> None:
    lab.scenario("lab", pair(init="minimal", disk=32))
    directory = lab.directory("moon")
    for each in (directory.definition, directory.mem, directory.users):
        each.write_bytes(b"\xff")
    directory.linux.unlink()

    lab.guest("moon", state="absent")

    assert "moon-eth0" not in lab.devices() and "moon" not in processes_of({lab.name}).values()
    assert not [claim for claim in lab.claims() if claim.readlink().name == "moon"]
    assert not [line for line in mounts_of(lab.path) if "/moon" in line]
    assert os.listdir(lab.workdir.guests) == ["sun"]
    assert sorted(os.listdir(lab.workdir.disks)) == ["sun", "sun.img"]


def test_a_bridge_whose_definition_is_damaged_goes_on(lab: Lab) -> None:
    config = {**pair(init="minimal"), "links": []}
    config["bridges"] = {"lan": {"address": "10.0.0.254/24", "mtu": 1400}}
    for name, address in (("moon", "10.0.0.1/24"), ("sun", "10.0.0.2/24")):
        config["guests"][name] = {"interfaces": {"eth0": {"bridge": "lan", "address": address, "mtu": 1400}}}
    lab.scenario("lab", config)
    before = lab.devices()["lan"]
    path = lab.workdir.bridge("lan")
    good = path.read_bytes()
    path.write_bytes(b"{")
    config["guests"]["moon"]["sysctl"] = {"kernel.panic": 9}

    with pytest.raises(Refused, match=rf"^bridge lan: {path} cannot be understood"):
        lab.scenario("lab", config)

    assert lab.read("moon", "cat /proc/sys/kernel/panic") == "9\n"
    assert lab.devices()["lan"]["mtu"] == before["mtu"]
    assert lab.reaches("moon", "10.0.0.254")
    # Once it is gone nobody knows how it was, so that no other takes its place.
    assert lab.host("ip", "link", "delete", "lan").returncode == 0
    with pytest.raises(Refused, match=r"guest moon: its eth0 is plugged into bridge lan, which is not there"):
        lab.guest("moon", state="restarted")
    assert "lan" not in lab.devices()
    path.write_bytes(good)
    lab.scenario("lab", config)
    assert lab.reaches("moon", "10.0.0.254") and lab.reaches("moon", "10.0.0.2")


def test_a_guest_starts_among_wreckage(beside: Lab) -> None:
    """What a guest's life before, or somebody else, has left in its directory stands in the way of nothing."""
    beside.guest("wreck", state="present", mem=64, init="minimal", save="before")
    for name, do in damage.WRECKAGE.items():
        do(beside.directory("wreck").path / name)

    beside.guest("wreck")

    assert beside.read("wreck", "echo awake") == "awake\n"
    found = beside.info()["guests"]["wreck"]
    assert (found["state"], found["saves"]) == ("running", [])
    beside.guest("wreck", state="absent")
    assert os.listdir("/etc") and os.path.exists("/dev/zero")


@pytest.mark.parametrize("damaged", ["cut", "missing"])
def test_a_running_guest_whose_record_is_damaged_is_started_anew(beside: Lab, damaged: str) -> None:
    beside.guest("known", mem=64, init="minimal")
    pid = beside.process("known").pid
    record = beside.directory("known").process
    (damage.cut if damaged == "cut" else damage.remove)(record)

    told = beside.guest("known")

    assert told["actions"] == ["end what guest known left running", "start guest known"]
    assert beside.process("known").pid != pid
    assert list(processes_of({beside.name}).values()).count("known") >= 1 and pid not in processes_of({beside.name})
    beside.guest("known", state="absent")


def test_what_a_newer_version_has_stored_beside_stays(beside: Lab) -> None:
    """Keys that this version does not know, through changes by this version."""
    beside.guest("kept", mem=64, init="minimal", state="present")
    beside.iface("kept", "eth0", bridge=damage.SEGMENT, address=["10.0.0.9/24"])
    beside.guest("kept")
    directory = beside.directory("kept")
    stored = json.loads(directory.definition.read_text())
    stored["newer"] = stored["interfaces"]["eth0"]["newer"] = {"deep": [1]}
    directory.definition.write_text(json.dumps(stored))
    for path in (directory.process, beside.workdir.bridge(damage.SEGMENT), beside.workdir.identity):
        found = json.loads(path.read_text()) if path.exists() else {}
        if "given" in found:
            found["given"]["newer"] = True
        path.write_text(json.dumps({**found, "newer": {"deep": [1]}}))

    beside.iface("kept", "eth0", mtu=1400)
    beside.guest("kept", layers=[])
    beside.bridge(damage.SEGMENT, mtu=None, stp=True)
    beside.bridge(damage.SEGMENT, stp=False)

    for path in (
        directory.definition,
        directory.process,
        beside.workdir.bridge(damage.SEGMENT),
        beside.workdir.identity,
    ):
        assert json.loads(path.read_text())["newer"] == {"deep": [1]}, path
    assert json.loads(directory.process.read_text())["given"]["newer"] is True
    assert json.loads(directory.definition.read_text())["interfaces"]["eth0"]["newer"] == {"deep": [1]}
    assert beside.link("kept", "eth0")["mtu"] == 1400
    beside.guest("kept", state="absent")


SCENARIO_FILES = {**damage.NO_FILE, "empty": damage.holds(b""), "binary": damage.holds(bytes(range(256)))}


@pytest.mark.parametrize("kind", SCENARIO_FILES)
def test_a_damaged_file_of_a_scenario_is_an_error_that_names_it(beside: Lab, kind: str) -> None:
    path = beside.workdir.scenario("own")
    path.parent.mkdir(parents=True, exist_ok=True)
    SCENARIO_FILES[kind](path)

    with pytest.raises(Refused, match=re.escape(str(path))):
        beside.scenario("own")

    damage.remove(path)
