# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen of a lab at a glance is what a run sees of it, whatever its guests do."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from lab import PATIENCE, REPOSITORY, Lab
from zoo import STATES, populate

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import closely, glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.glance import Glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest

DUMM = REPOSITORY / "scripts/dumm"


@pytest.fixture(scope="module")
def zoo(shared: Lab) -> Lab:
    """Guests of all states."""
    populate(shared)
    return shared


def test_a_glance_sees_each_guest_as_dumm_info_does(zoo: Lab) -> None:
    found = Glance(str(zoo.path)).guests()
    told = zoo.info(inside=False)["guests"]

    assert {name: guest.state for name, guest in found.items()} == STATES
    for name, guest in found.items():
        assert (guest.state, guest.reason, guest.pid) == (told[name]["state"], told[name]["reason"], told[name]["pid"])
        assert (guest.mem, guest.kernel, guest.scenario) == tuple(
            told[name][key] for key in ("mem", "kernel", "scenario")
        )
        assert {iface.name: (iface.bridge, iface.addresses) for iface in guest.interfaces} == {
            key: (each["bridge"], None if each["address"] is None else tuple(each["address"]))
            for key, each in told[name]["interfaces"].items()
        }


def test_a_glance_sees_what_a_close_look_sees(zoo: Lab) -> None:
    assert Glance(str(zoo.path)).guests() == closely.guests(str(zoo.path), STATES)
    assert Glance(str(zoo.path)).lab().name == closely.identity(str(zoo.path))[0] == zoo.name


def test_only_what_is_unusual_is_looked_at_closely(zoo: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def guests(path: str, names: Iterable[str]) -> dict[str, SeenGuest | None]:
        asked.extend(names)
        return closely.guests(path, asked)

    monkeypatch.setattr(glance, "_closely", lambda: type("", (), {"guests": staticmethod(guests)}))
    Glance(str(zoo.path)).lab()

    assert sorted(asked) == ["dave", "erin"]


def test_devices_are_found_by_their_mark(zoo: Lab) -> None:
    lab = Glance(str(zoo.path)).lab()

    assert lab.present
    assert set(lab.devices) == {"lan", "alice-eth1--bob-eth1"}
    assert lab.devices["lan"].addresses == ("10.1.0.254/24",)
    assert {label: (tap.bridge, tap.carrier) for label, tap in lab.taps.items()} == {
        "alice:eth0": ("lan", True),
        "alice:eth1": ("alice-eth1--bob-eth1", True),
        "bob:eth0": ("lan", True),
        "bob:eth1": ("alice-eth1--bob-eth1", True),
        "carol:eth0": ("lan", False),
        "carol:eth9": (None, False),
    }


def test_a_namespace_that_lost_its_name_is_found_by_its_guests(zoo: Lab) -> None:
    before = Glance(str(zoo.path)).lab()
    place = Path("/run/netns", zoo.name)
    pid = zoo.process("alice").pid
    subprocess.run(["umount", str(place)], check=True, timeout=PATIENCE)
    place.unlink()
    try:
        found = Glance(str(zoo.path)).lab()
    finally:
        place.touch()
        subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", str(place)], check=True, timeout=PATIENCE)

    assert found.place is not None and found.place != str(place)
    assert (found.taps, found.devices) == (before.taps, before.devices)


def test_a_copy_of_a_directory_has_none_of_the_processes(zoo: Lab, tmp_path: Path) -> None:
    copy = Lab(tmp_path)
    for name in ("lab.json", "bridges"):
        source = zoo.path / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path)
    for name in ("alice", "carol"):
        shutil.copytree(
            zoo.directory(name).path,
            tmp_path / "guests" / name,
            symlinks=True,
            ignore=shutil.ignore_patterns("diff", "work", "run", "in", "out", "console", "view", "union"),
        )

    lab = Glance(str(tmp_path)).lab()

    told = copy.info(inside=False)
    assert (lab.name, lab.present) == (told["name"], False) != (zoo.name, False)
    assert {name: (guest.state, guest.reason) for name, guest in lab.guests.items()} == {
        name: (each["state"], each["reason"]) for name, each in told["guests"].items()
    }
    assert zoo.name in (lab.guests["alice"].reason or "")


def test_no_working_directory_is_no_lab(tmp_path: Path) -> None:
    assert Glance(str(tmp_path / "none")).lab().name is None
    empty = Glance(str(tmp_path)).lab()
    assert (empty.guests, empty.bridges, empty.present) == ({}, {}, False)


def inspect(lab: Lab, *words: str) -> str:
    """What ``dumm inspect`` prints."""
    command = [DUMM, "inspect", "-w", lab.path, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def test_dumm_inspect_tells_of_guests_what_dumm_info_does(zoo: Lab) -> None:
    found = {each["name"]: each for each in json.loads(inspect(zoo, "--format", "json"))}
    told = zoo.info(inside=False)["guests"]

    assert set(found) == set(told)
    for name, each in found.items():
        same = ("state", "kernel", "master", "mem", "scenario", "loaded", "labels", "pid", "reason")
        assert {key: each[key] for key in same if each[key]} == {
            key: told[name][key] for key in same if told[name].get(key)
        }
        assert (each["uptime"] is None, each["memory_used"] is None) == (told[name]["pid"] is None,) * 2
    assert 0 < found["alice"]["memory_used"] <= found["alice"]["mem"] + 32
    assert found["alice"]["uptime"] <= told["alice"]["uptime"]


def test_dumm_inspect_prints_a_line_for_each_guest(zoo: Lab) -> None:
    head, *lines = inspect(zoo).splitlines()

    assert head.split() == ["GUEST", "STATE", "KERNEL", "MEMORY", "UPTIME", "ADDRESSES"]
    assert {line.split()[0]: line.split()[1] for line in lines} == STATES
    assert lines[0].endswith("  10.1.0.1 10.2.0.1")
    assert "its process" in inspect(zoo, "--wide") and "cannot be understood" in inspect(zoo, "--wide")


def test_dumm_inspect_links_tells_conditions_and_what_moves(zoo: Lab) -> None:
    zoo.guest("bob", state="started")
    zoo.run("alice", "ping -i 0.01 -c 100000 10.2.0.2 >/dev/null 2>&1 &")
    try:
        found = {each["a"]: each for each in json.loads(inspect(zoo, "links", "-f", "json", "--interval", "2"))}
        bridges = {each["name"]: each for each in json.loads(inspect(zoo, "bridges", "-f", "json", "--interval", "2"))}
    finally:
        zoo.run("alice", "pkill ping")
        zoo.guest("bob", state="paused")

    cable = found["alice:eth1"]
    assert (cable["b"], cable["prefix"], cable["up"]) == ("bob:eth1", ["10.2.0.0/30"], True)
    assert cable["conditions"]["alice:eth1"]["delay"] == 30
    assert cable["tx_packets"] > 0 and cable["rx_packets"] > 0
    assert bridges["alice-eth1--bob-eth1"]["packets"] > 0
    assert (found["carol:eth9"]["b"], found["carol:eth9"]["up"]) == (None, False)
    assert bridges["lan"]["ports"] == ["alice:eth0", "bob:eth0", "carol:eth0"]
    assert bridges["lan"]["address"] == ["10.1.0.254/24"]


def test_dumm_inspect_tells_scenarios_and_all_labs(zoo: Lab) -> None:
    scenarios = json.loads(inspect(zoo, "scenario", "-f", "json"))
    labs = {each["workdir"]: each for each in json.loads(inspect(zoo, "--all", "-f", "json"))}

    assert [(each["name"], each["guests"], each["running"], each["loaded"]) for each in scenarios] == [
        ("zoo", ["alice", "bob", "carol"], 1, ["alice", "bob", "carol"])
    ]
    here = labs[str(zoo.path)]
    assert (here["name"], here["owner"], here["guests"], here["running"]) == (zoo.name, "root", len(STATES), 1)


def test_dumm_inspect_has_every_format(zoo: Lab) -> None:
    for noun in ("guests", "links", "bridges", "scenario"):
        words = [noun, "--interval", "0"]
        records = json.loads(inspect(zoo, *words, "-f", "json"))
        rows = list(csv.DictReader(io.StringIO(inspect(zoo, *words, "-f", "csv"))))

        assert [list(each) for each in yaml.safe_load(inspect(zoo, *words, "-f", "yaml"))] == list(map(list, records))
        assert len(rows) == len(records) == len(inspect(zoo, *words).splitlines()) - 1
        assert set(rows[0]) <= set(records[0])


def test_dumm_inspect_names_a_directory_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run([DUMM, "inspect", "-w", tmp_path / "none"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"working directory {tmp_path}/none: there is none" in done.stderr
