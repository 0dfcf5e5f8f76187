# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin through Ansible's programs: guests in any state as hosts, and playbooks in them."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import REPOSITORY, Lab, until
from programs import Ansible, changes
from testbed import pids

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes

OURS = str(REPOSITORY / "lab.dumm.yml")
VARS = {"router_id": "192.0.2.1", "text": "{{ 7 * 6 }}"}


def _vpn(role: str = "gateway", **sun: Any) -> dict[str, Any]:
    return {
        "defaults": {"mem": 96},
        "guests": {"moon": {"labels": {"role": role}, "vars": VARS}, "sun": sun},
        "links": [{"a": "moon:eth0", "b": "sun:eth0", "prefix": "10.0.0.0/24", "name": "lan-1"}],
    }


@pytest.fixture(scope="module")
def site(shared: Lab) -> Lab:
    """Moon and sun of scenario vpn run, and there is off, which does not."""
    shared.scenario("vpn", _vpn())
    shared.guest("off", state="present", mem=64)
    return shared


@pytest.fixture
def ansible(site: Lab, tmp_path: Path) -> Ansible:
    """Ansible, with the lab's working directory for its default."""
    return Ansible(site, tmp_path)


@pytest.fixture
def another(lab: Lab, tmp_path: Path) -> Ansible:
    """The same for a lab of one test's own."""
    return Ansible(lab, tmp_path)


class Listed:
    """What ``ansible-inventory --list`` tells."""

    def __init__(self, ansible: Ansible, place: Path, source: str = OURS, *options: str) -> None:
        told = place / "listed.json"
        self.output = ansible.run("ansible-inventory", "-i", source, "--list", "--output", str(told), *options)
        self._groups = json.loads(told.read_text())
        self.variables: dict[str, dict[str, Any]] = self._groups["_meta"]["hostvars"]

    def group(self, name: str) -> set[str]:
        """The hosts of a group; none where there is no such group."""
        return set(self._groups.get(name, {}).get("hosts", []))

    def state(self, guest: str) -> str:
        """What a guest is doing, told alike by variable and group."""
        state: str = self.variables[guest]["dumm_state"]
        assert guest in self.group(f"state_{state}")
        return state


def _write(place: Path, **options: Any) -> str:
    path = place / "own.dumm.yml"
    path.write_text(yaml.safe_dump({"plugin": "dumm.lab.dumm", **options}))
    return str(path)


def test_every_guest_is_a_host_with_its_groups_and_variables(site: Lab, ansible: Ansible, tmp_path: Path) -> None:
    listed = Listed(ansible, tmp_path)

    everybody, vpn = {"moon", "sun", "off"}, {"moon", "sun"}
    assert {name: listed.group(name) for name in ("dumm_guests", "kernel_default", "master_default")} == dict.fromkeys(
        ("dumm_guests", "kernel_default", "master_default"), everybody
    )
    assert listed.group("scenario_vpn") == listed.group("bridge_lan_1") == listed.group("state_running") == vpn
    assert listed.group("state_stopped") == {"off"}
    assert listed.group("label_role_gateway") == {"moon"}
    moon = listed.variables["moon"]
    interfaces = site.info(inside=False)["guests"]["moon"]["interfaces"]
    assert {key: moon[key] for key in ("dumm_mem", "dumm_scenario", "dumm_labels", "dumm_workdir", "router_id")} == {
        "dumm_mem": 96,
        "dumm_scenario": "vpn",
        "dumm_labels": {"role": "gateway"},
        "dumm_workdir": str(site.path),
        "router_id": "192.0.2.1",
    }
    assert moon["dumm_interfaces"] == {
        "eth0": {key: interfaces["eth0"][key] for key in ("bridge", "address", "mac", "mtu", "up")}
    }
    assert moon["dumm_interfaces"]["eth0"]["address"] == ["10.0.0.1/24"]
    assert (moon["ansible_connection"], listed.variables["off"]["dumm_scenario"]) == ("dumm.lab.dumm", None)


def test_the_graph_has_every_guest_below_its_groups(ansible: Ansible) -> None:
    graph = ansible.run("ansible-inventory", "-i", OURS, "--graph")

    assert "  |--@bridge_lan_1:\n  |  |--moon\n  |  |--sun\n" in graph
    assert "  |--@state_stopped:\n  |  |--off\n" in graph


def test_tasks_run_in_the_guests_that_run_and_the_others_are_unreachable(site: Lab, ansible: Ansible) -> None:
    output = ansible.run("ansible", "-i", OURS, "all", "-m", "ping", code=4)

    assert "moon | SUCCESS" in output and "sun | SUCCESS" in output and "off | UNREACHABLE" in output
    assert f"guest off of {site.path}: it is not running; start it with dumm_guest" in " ".join(output.split())
    assert "discovered Python interpreter" not in output
    alone = ansible.run(
        "ansible", "-i", OURS, "state_running:!moon", "-m", "raw", "-a", "cat /proc/sys/kernel/hostname"
    )
    assert "sun | CHANGED" in alone and "moon" not in alone and "off" not in alone


def test_the_variables_of_a_scenario_are_known_to_tasks_and_are_no_templates(ansible: Ansible) -> None:
    told = ansible.run("ansible", "-i", OURS, "moon", "-m", "debug", "-a", "msg='{{ router_id }} {{ text }}'")

    assert "192.0.2.1 {{ 7 * 6 }}" in told


def test_the_playbook_for_guests_changes_nothing_the_second_time(site: Lab, ansible: Ansible) -> None:
    book = str(REPOSITORY / "playbooks/inside.yml")

    runs = [
        changes(ansible.run("ansible-playbook", "-i", OURS, "--limit", "state_running", book, "--diff"))
        for run in range(2)
    ]

    assert runs[0]["moon"] > 0 and runs[0]["sun"] > 0
    assert runs[1] == {"moon": 0, "sun": 0}
    assert "10.0.0.2/24" in site.read("sun", "cat /srv/inside/network")
    assert site.read("moon", ". /etc/profile; echo $DUMM_GUEST; id -Gn dumm") == "moon\ndumm lab\n"


def test_groups_and_variables_of_ones_own(site: Lab, ansible: Ansible, tmp_path: Path) -> None:
    source = _write(
        tmp_path,
        workdir=str(site.path),
        compose={"lab_address": "dumm_interfaces.eth0.address[0].split('/')[0]"},
        groups={"small": "dumm_mem < 96"},
        keyed_groups=[{"key": "dumm_labels"}, {"key": "dumm_scenario", "prefix": "testbed", "default_value": "none"}],
        leading_separator=False,
    )

    listed = Listed(ansible, tmp_path, source)

    assert (listed.group("small"), listed.group("role_gateway")) == ({"off"}, {"moon"})
    assert (listed.group("testbed_vpn"), listed.group("testbed_none")) == ({"moon", "sun"}, {"off"})
    told = ansible.run("ansible", "-i", source, "sun", "-m", "debug", "-a", "msg='sun has {{ lab_address }}.'")
    assert "sun has 10.0.0.2." in told
    assert "lab_address" not in listed.variables["off"]


def test_an_expression_that_fails_is_an_error_if_strict(ansible: Ansible, tmp_path: Path) -> None:
    source = _write(tmp_path, strict=True, compose={"lab_address": "nothing.at_all"})

    output = ansible.run("ansible-inventory", "-i", source, "--graph")

    assert "Could not set lab_address for host" in output and "Traceback" not in output
    assert "moon" not in output.partition("@all:")[2]


def test_an_option_that_is_not_known_is_an_error(ansible: Ansible, tmp_path: Path) -> None:
    output = ansible.run("ansible-inventory", "-i", _write(tmp_path, workdri="/srv/lab2"), "--graph")

    assert "own.dumm.yml: unknown option workdri; did you mean workdir?" in " ".join(output.split())
    assert "moon" not in output.partition("@all:")[2]


def test_a_cache_is_used_until_it_is_flushed(site: Lab, ansible: Ansible, tmp_path: Path) -> None:
    cache = {"cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    source = _write(tmp_path, cache=True, **cache)
    first = Listed(ansible, tmp_path, source)
    site.guest("late", state="present", mem=64)
    try:
        second = Listed(ansible, tmp_path, source)
        third = Listed(ansible, tmp_path, source, "--flush-cache")
    finally:
        site.guest("late", state="absent")

    assert second.variables == first.variables and second.group("bridge_lan_1") == {"moon", "sun"}
    assert third.group("dumm_guests") == {*first.variables, "late"}


def test_what_a_guest_is_doing_is_told_without_asking_it(lab: Lab, another: Ansible, tmp_path: Path) -> None:
    def state() -> str:
        return Listed(another, tmp_path).state("alice")

    lab.guest("alice", mem=64)
    assert state() == "running"
    lab.guest("alice", state="paused")
    assert state() == "paused"
    lab.guest("alice", state="started")
    process = lab.process("alice")
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not processes.is_alive(process), "alice to end")
    assert state() == "died"
    lab.guest("alice", state="stopped")
    assert state() == "stopped"
    lab.guest("alice", state="absent")
    assert Listed(another, tmp_path).variables == {}


def test_labels_and_variables_change_at_once_in_a_running_lab(lab: Lab, another: Ansible, tmp_path: Path) -> None:
    lab.scenario("vpn", _vpn(vars={"on": True}))
    before = pids(lab, "moon", "sun")
    again = lab.scenario("vpn", _vpn(vars={"on": True}))
    config = _vpn(role="router", vars={"on": 1, "more": [{"a": None}]})
    foreseen = lab.scenario("vpn", config, check=True)

    changed = lab.scenario("vpn", config)

    assert (again["changed"], again["actions"]) == (False, [])
    assert changed["actions"] == foreseen["actions"]
    assert set(changed["actions"]) == {
        "guest moon: set label role",
        "guest sun: set variable on",
        "guest sun: set variable more",
    }
    assert not lab.scenario("vpn", config)["changed"]
    assert pids(lab, "moon", "sun") == before
    lab.guest("moon", mem=96, state="started")
    listed = Listed(another, tmp_path)
    assert (listed.group("label_role_router"), listed.group("label_role_gateway")) == ({"moon"}, set())
    sun = listed.variables["sun"]
    assert (repr(sun["on"]), sun["more"]) == ("1", [{"a": None}])


@pytest.fixture
def hundred(lab: Lab) -> Iterator[Lab]:
    """A lab of a hundred guests that are off."""
    guests: dict[str, Any] = {f"n{number}": {} for number in range(100)}
    config = {"guests": guests, "bridges": {"lan": {"prefix": "10.0.0.0/24"}}}
    for guest in guests.values():
        guest["interfaces"] = {"eth0": {"bridge": "lan"}}
    lab.scenario("large", config, state="stopped")
    yield lab
    lab.scenario("large", state="absent")


def test_a_hundred_guests_that_are_off_are_hosts(hundred: Lab, another: Ansible, tmp_path: Path) -> None:
    listed = Listed(another, tmp_path)

    names = {f"n{number}" for number in range(100)}
    assert listed.group("state_stopped") == listed.group("bridge_lan") == listed.group("scenario_large") == names
    addresses = {listed.variables[name]["dumm_interfaces"]["eth0"]["address"][0] for name in names}
    assert addresses == {f"10.0.0.{number}/24" for number in range(1, 101)}


def test_a_working_directory_that_is_not_there_is_warned_of(ansible: Ansible, tmp_path: Path) -> None:
    listed = Listed(ansible, tmp_path, _write(tmp_path, workdir=str(tmp_path / "none")))

    assert listed.variables == {}
    assert f"working directory {tmp_path}/none: it does not exist" in " ".join(listed.output.split())
    assert not (tmp_path / "none").exists()


def test_a_guest_that_an_earlier_version_called_all_hides_nobody(lab: Lab, another: Ansible, tmp_path: Path) -> None:
    """It is left out with a warning, and can still be removed."""
    lab.guest("alice", mem=64, state="present")
    for name in ("all", "localhost"):
        lab.workdir.store_guest(dataclasses.replace(lab.workdir.load().guests["alice"], name=name))

    listed = Listed(another, tmp_path)

    said = " ".join(listed.output.split())
    assert (
        "guest all: it is left out, because the name all is Ansible's group of all hosts; give the guest another"
        in said
    )
    assert "guest localhost: it is left out, because the name localhost is the controller to Ansible" in said
    assert set(listed.variables) == listed.group("dumm_guests") == {"alice"}
    for name in ("all", "localhost"):
        assert lab.guest(name, state="stopped")["guest"]["state"] == "stopped"
        assert lab.guest(name, state="absent")["changed"]
    assert set(lab.info(inside=False)["guests"]) == {"alice"}


def test_a_working_directory_that_cannot_be_read_is_an_error(ansible: Ansible, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = _write(tmp_path, workdir=str(tmp_path / "file"))

    output = " ".join(ansible.run("ansible-inventory", "-i", source, "--graph").split())

    assert f"working directory {tmp_path}/file: cannot read" in output
    assert "Traceback" not in output
