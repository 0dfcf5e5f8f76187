# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory says of lab hosts, what they answer, and what becomes of one that does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.dumm.lab.plugins.action.dumm_scenario import ActionModule
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.plugin_utils import _several
from ansible_collections.dumm.lab.plugins.plugin_utils._several import Site, said_by_play

HOSTVARS: Mapping[str, Mapping[str, Any]] = {
    "lab1": {"ansible_host": "10.99.0.1"},
    "lab2": {
        "ansible_host": "lab2.example.org",
        "dumm_address": "10.99.0.2",
        "dumm_weight": "3",
        "dumm_mtu": 9000,
        "dumm_memory": 64000,
        "dumm_workdir": "/srv/dumm/",
    },
    "10.99.0.3": {},
}


class Answering(Site):
    """Lab hosts that answer with what they are asked, all at the same time or not at all."""

    def ask(self, name: str, what: str, data: bytes = b"", **asked: Any) -> tuple[dict[str, Any], bytes]:
        assert (what, data) == ("place", b"")
        if name == "lab2":
            raise AnsibleConnectionFailure("no route\n to host")
        if name == "10.99.0.3":
            raise HostError("working directory /x", "cannot read it", "run as root")
        return {}, json.dumps(asked).encode()


def site(mine: str = "lab1", kind: type[Site] = Answering) -> Site:
    return kind(mine, HOSTVARS)


def test_each_lab_host_is_asked_and_one_that_cannot_be_is_told_why() -> None:
    found = site().found({"name": "big", "lab_hosts": ["lab1", "lab2", "10.99.0.3", "lab1"]})

    none = {"weight": None, "mtu": None, "memory": None}
    assert found == {
        "lab1": {
            "address": "10.99.0.1",
            "workdir": "/var/lib/dumm",
            **none,
            "answer": {"path": "/var/lib/dumm", "scenario": "big", "address": "10.99.0.1"},
        },
        "lab2": {
            "address": "10.99.0.2",
            "workdir": "/srv/dumm",
            "weight": 3.0,
            "mtu": 9000,
            "memory": 64000,
            "answer": None,
            "why": "no route to host",
        },
        "10.99.0.3": {
            "address": "10.99.0.3",
            "workdir": "/var/lib/dumm",
            **none,
            "answer": None,
            "why": "working directory /x: cannot read it; run as root",
        },
    }


def test_they_are_asked_at_the_same_time() -> None:
    barrier = threading.Barrier(3, timeout=300)

    class Together(Site):
        def ask(self, name: str, what: str, data: bytes = b"", **asked: Any) -> tuple[dict[str, Any], bytes]:
            return {}, str(barrier.wait()).encode()

    found = site(kind=Together).found({"name": "big", "lab_hosts": list(HOSTVARS)})
    assert sorted(each["answer"] for each in found.values()) == [0, 1, 2]


def test_variables_are_read_in_the_thread_that_runs_the_task() -> None:
    class Own(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            assert threading.current_thread() is threading.main_thread()
            return super().__getitem__(key)

    hostvars = {name: Own(ansible_connection="local", ansible_host="10.99.0.1") for name in ("lab1", "lab2")}
    found = Site("lab1", hostvars).found({"name": "big", "lab_hosts": list(hostvars), "workdir": "/nowhere"})

    assert [each["answer"]["guests"] for each in found.values()] == [{}, {}]


def test_the_working_directory_is_the_tasks_where_the_inventory_says_none() -> None:
    found = site().found({"name": "big", "lab_hosts": ["lab1", "lab2"], "workdir": "/srv/other"})

    assert [each["workdir"] for each in found.values()] == ["/srv/other", "/srv/dumm"]


def test_the_working_directory_of_the_environment_counts_as_without_lab_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUMM_WORKDIR", "/srv/mine")
    names = {"name": "big", "lab_hosts": ["lab1", "lab2", "here"]}
    hostvars = {**HOSTVARS, "here": {"ansible_connection": "local"}}

    found = Answering("lab1", hostvars).found(names)
    assert [each["workdir"] for each in found.values()] == ["/var/lib/dumm", "/srv/dumm", "/srv/mine"]
    found = Answering("lab1", hostvars, environment={"DUMM_WORKDIR": "/srv/tasks"}).found(names)
    assert [each["workdir"] for each in found.values()] == ["/srv/tasks", "/srv/dumm", "/srv/tasks"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"lab_hosts": "labhosts"}, "lab_hosts: it is no list of names"),
        ({"lab_hosts": []}, "lab_hosts: it is no list of names"),
        ({"lab_hosts": ["lab1", "lab9"]}, "lab_hosts: there is no host lab9 in the inventory; did you mean lab2"),
        (
            {"lab_hosts": ["lab2"], "workdir": "/srv/x"},
            "lab host lab2: workdir is /srv/x, and its dumm_workdir /srv/dumm/",
        ),
    ],
)
def test_what_cannot_be(arguments: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        site("lab2").found({"name": "big", **arguments})

    assert said in str(caught.value)


@pytest.mark.parametrize("value", ["much", -1, "nan", 1 << 50])
def test_a_number_that_is_none(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"lab host lab1: dumm_mtu .* is no number"):
        Answering("lab1", {"lab1": {"dumm_mtu": value}}).found({"name": "big", "lab_hosts": ["lab1"]})


def test_what_the_play_says_of_its_hosts_counts_for_each_unless_the_inventory_says_more() -> None:
    play = {"ansible_user": "alice", "ansible_become": True, "ansible_become_method": "sudo"}
    hostvars = {"lab1": {"ansible_user": "bob", "dumm_address": "x", "ansible_facts": {"a": 1}}}
    host = Site("lab1", hostvars, play).reached("lab1")

    assert host is not None
    assert host._variables["ansible_user"] == "bob"
    assert host._variables["ansible_become"] is True
    assert host._variables["ansible_become_method"] == "sudo"
    assert "ansible_facts" not in host._variables
    assert "dumm_address" not in host._variables


def _task(**said: object) -> tuple[Task, PlayContext]:
    """A task, and the context that Ansible makes of it and of the variables of its host."""
    task = Task()
    for key, value in said.items():
        setattr(task, key, value)
    context = PlayContext(passwords={"conn_pass": "typed", "become_pass": "typed, too"})
    return task, context.set_task_and_variable_override(task, HERE, Templar(DataLoader()))


HERE = {"ansible_connection": "local", "ansible_user": "carol", "ansible_become": True, "ansible_become_pass": "secret"}


def test_how_one_lab_host_is_reached_counts_for_no_other() -> None:
    task, context = _task(connection="ssh")
    assert context.connection == "local" and context.become_pass == "secret"

    assert said_by_play(task, context, HERE) == {"ansible_connection": "ssh", "ansible_password": "typed"}
    assert said_by_play(task, context, {*HERE, "ansible_ssh_pass"}) == {"ansible_connection": "ssh"}


def test_what_a_play_says_and_the_user_types_counts_for_all() -> None:
    task, context = _task(connection="ssh", remote_user="alice", become=True, become_user="root", become_method="su")
    said = said_by_play(task, context, HERE)
    assert said == {
        "ansible_connection": "ssh",
        "ansible_user": "alice",
        "ansible_password": "typed",
        "ansible_become": True,
        "ansible_become_user": "root",
        "ansible_become_method": "su",
    }

    context.become_pass = "typed, too"
    assert said_by_play(task, context, ()) == {**said, "ansible_become_password": "typed, too"}


def test_a_local_lab_host_is_looked_at_here() -> None:
    assert Site("lab1", {"lab1": {"ansible_connection": "local"}}).reached("lab1") is None


class Action(ActionModule):
    """The action plugin of a task, whose lab hosts have what they are said to have."""

    tried: list[bool]
    moved: list[tuple[str, str]]

    def _execute_module(self, **_handed: Any) -> dict[str, Any]:
        self.tried.append(self._task.check_mode)
        if self._task.check_mode and self._connection.down:
            raise AnsibleConnectionFailure("no route to host")
        return {"actions": ["start guest a"], "changed": True, "scenario": {"moving": {"a": "lab2"}}}


def _action(monkeypatch: pytest.MonkeyPatch, *, down: bool = False, **task: Any) -> tuple[Action, dict[str, Any]]:
    hostvars = {name: {"ansible_connection": "local", "ansible_host": "10.99.0.1"} for name in ("lab1", "lab2", "lab3")}
    arguments = {
        "name": "big",
        "config": {},
        "lab_hosts": list(hostvars),
        "workdir": "/nowhere",
        **task.pop("args", {}),
    }
    defaults = {"action": "dumm_scenario", "async_val": 0, "environment": None, "check_mode": False, "diff": False}
    reached = {"connection": "local", "remote_user": None, "become": False, "delegate_to": None, "no_log": False}
    given = SimpleNamespace(**{**defaults, **reached, "args": arguments, **task})
    plugin = Action(given, MagicMock(transport="ssh", down=down), PlayContext(), MagicMock(), MagicMock(), MagicMock())
    plugin.tried, plugin.moved = [], []

    def move(_site: Site, _found: object, guest: str, source: str, _arguments: object) -> str:
        plugin.moved.append((guest, source))
        return f"move {guest}"

    monkeypatch.setattr(_several, "move", move)
    return plugin, {"inventory_hostname": "lab1", "hostvars": hostvars, "ansible_play_hosts_all": list(hostvars)}


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ({}, "lab1"),
        ({"delegate_to": "lab2"}, "lab2"),
        ({"delegate_to": "lab2", "args": {"lab_host": "lab3"}}, "lab3"),
    ],
)
def test_a_task_is_for_the_lab_host_where_it_runs(
    monkeypatch: pytest.MonkeyPatch, task: dict[str, Any], name: str
) -> None:
    plugin, known = _action(monkeypatch, **task)

    assert plugin._lab_hosts(known).mine == name


def test_guests_come_before_the_lab_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, known = _action(monkeypatch, args={"move": True})
    done = plugin.run(None, known)

    assert (plugin.tried, plugin.moved, done["actions"]) == (
        [True, False],
        [("a", "lab2")],
        ["move a", "start guest a"],
    )


@pytest.mark.parametrize("state", ["absent", "unloaded"])
def test_what_is_taken_away_is_where_it_was_made(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    plugin, known = _action(monkeypatch, args={"state": state, "move": True, "workdir": None})
    known["hostvars"]["lab1"]["dumm_workdir"] = "/srv/mine"
    plugin._site = plugin._lab_hosts(known)

    # No other lab host is asked, and none has to be there.
    assert plugin._arguments()["workdir"] == "/srv/mine"
    assert plugin._arguments()["lab_hosts"] == ["lab1", "lab2", "lab3"]
    plugin.run(None, known)
    assert (plugin.tried, plugin.moved) == ([False], [])


def test_guests_are_not_moved_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, known = _action(monkeypatch, args={"move": True}, async_val=60)
    done = plugin.run(None, known)

    assert done["failed"] and "scenario big: it cannot move guests in the background" in done["msg"]
    assert (plugin.tried, plugin.moved) == ([], [])


def test_a_lab_host_that_cannot_be_reached_is_unreachable_to_a_task_that_may_move_guests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin, known = _action(monkeypatch, down=True, args={"move": True})

    with pytest.raises(AnsibleConnectionFailure):
        plugin.run(None, known)
