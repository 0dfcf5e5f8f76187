# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory says of lab hosts, what they answer, and what becomes of one that does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.plugin_utils._several import Site

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
    return kind(mine, HOSTVARS, PlayContext())


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
    found = Site("lab1", hostvars, PlayContext()).found(
        {"name": "big", "lab_hosts": list(hostvars), "workdir": "/nowhere"}
    )

    assert [each["answer"]["guests"] for each in found.values()] == [{}, {}]


def test_the_working_directory_is_the_tasks_where_the_inventory_says_none() -> None:
    found = site().found({"name": "big", "lab_hosts": ["lab1", "lab2"], "workdir": "/srv/other"})

    assert [each["workdir"] for each in found.values()] == ["/srv/other", "/srv/dumm"]


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
        Answering("lab1", {"lab1": {"dumm_mtu": value}}, PlayContext()).found({"name": "big", "lab_hosts": ["lab1"]})


def test_what_the_play_says_of_its_hosts_counts_for_each_unless_the_inventory_says_more() -> None:
    play = PlayContext()
    play.become, play.become_user, play.become_method, play.remote_user = True, "root", "sudo", "alice"
    hostvars = {"lab1": {"ansible_user": "bob", "dumm_address": "x", "ansible_facts": {"a": 1}}}
    host = Site("lab1", hostvars, play).reached("lab1")

    assert host is not None
    assert host._variables["ansible_user"] == "bob"
    assert host._variables["ansible_become"] is True
    assert host._variables["ansible_become_method"] == "sudo"
    assert "ansible_facts" not in host._variables
    assert "dumm_address" not in host._variables


def test_a_local_lab_host_is_looked_at_here() -> None:
    assert Site("lab1", {"lab1": {"ansible_connection": "local"}}, PlayContext()).reached("lab1") is None
