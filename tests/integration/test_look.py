# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen of a lab at a glance is what a run sees of it, whatever its guests do."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from lab import PATIENCE, Lab
from zoo import STATES, populate

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import closely, glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.glance import Glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest


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
