# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests of a lab host that is another machine: the controller cannot see the lab and reaches it by OpenSSH."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PREFIX, Lab, fresh_lab, until
from openssh import Server, served
from programs import REBOOT, Ansible

ALL_BYTES = bytes(range(256))
# What a controller that is another machine does not have.
_ELSEWHERE = 'mount -t tmpfs tmpfs "$0" && exec "$@"'


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    """A lab with two guests that run and one that is off."""
    with fresh_lab() as fresh:
        for name, engine in (("alice", "overlay"), ("bob", "cowfs")):
            fresh.guest(name, mem=128, union=engine)
        fresh.guest("off", state="present", mem=64)
        yield fresh


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The lab host's SSH server."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place, served(Path(place)) as running:
        yield running


@pytest.fixture
def ansible(site: Lab, server: Server, tmp_path: Path) -> Ansible:
    """Ansible on the controller."""
    return Ansible(site, tmp_path, _controller(server, site))


def _controller(server: Server, lab: Lab) -> tuple[str, ...]:
    return (*server.controller, "unshare", "--mount", "sh", "-c", _ELSEWHERE, str(lab.path))


def _inventories(place: Path, server: Server, **variables: str) -> tuple[str, ...]:
    """Options with the inventory that has the lab host, and the one that has its guests."""
    (place / "hosts").write_text(f"[labs]\n{server.host('lab1', **variables)}\n")
    (place / "lab.dumm.yml").write_text("plugin: dumm.lab.dumm\nlab_host: lab1\n")
    return ("-i", str(place / "hosts"), "-i", str(place / "lab.dumm.yml"))


def test_the_guests_of_another_machine_are_hosts(site: Lab, ansible: Ansible, server: Server, tmp_path: Path) -> None:
    told = tmp_path / "listed.json"

    ansible.run("ansible-inventory", *_inventories(tmp_path, server), "--list", "--output", str(told))

    listed = json.loads(told.read_text())
    assert listed["state_running"]["hosts"] == ["alice", "bob"]
    assert listed["state_stopped"]["hosts"] == ["off"]
    alice = listed["_meta"]["hostvars"]["alice"]
    assert (alice["dumm_workdir"], alice["dumm_mem"], alice["dumm_lab_host"]) == (str(site.path), 128, "lab1")


def test_tasks_run_in_the_guests_of_another_machine(ansible: Ansible, server: Server, tmp_path: Path) -> None:
    """In both at the same time, the first time with nothing of ours on the lab host."""
    name = "汉语 ü'\"$x\n."
    (tmp_path / "bytes").write_bytes(ALL_BYTES * 1000)
    tasks: list[dict[str, Any]] = [
        {"ping": {}},
        {"raw": "cat /proc/sys/kernel/hostname", "register": "raw"},
        {"assert": {"that": "raw.stdout.strip() == inventory_hostname"}},
        {
            "shell": {"cmd": 'printf "%s" "$WORD"; printf err >&2; exit 7'},
            "environment": {"WORD": name},
            "register": "ran",
            "failed_when": "ran.rc != 7",
        },
        {"assert": {"that": ["ran.stdout == word", "ran.stderr == 'err'"]}, "vars": {"word": name}},
        {"copy": {"src": str(tmp_path / "bytes"), "dest": "/root/汉语 a'b"}},
        {"fetch": {"src": "/root/汉语 a'b", "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}", "flat": True}},
        {"file": {"path": "/root/汉语 a'b", "state": "absent"}},
    ]

    ansible.play(
        [{"hosts": "state_running", "gather_facts": False, "tasks": tasks}], *_inventories(tmp_path, server), "-f", "2"
    )

    assert (tmp_path / "alice").read_bytes() == (tmp_path / "bob").read_bytes() == ALL_BYTES * 1000
    assert len(list((server.place / "home/.cache/dumm").glob("*/dumm_sent"))) == 1
    assert list((server.place / "home/.cache/dumm").glob(".new-*")) == []


def test_the_guests_of_several_labs_are_reached_where_each_lab_is(
    site: Lab, lab: Lab, ansible: Ansible, server: Server, tmp_path: Path
) -> None:
    """One inventory: a lab on a lab host, one on another, whatever order they are read in, and one on the controller itself."""
    lab.guest("alice", mem=64)
    lab.guest("carol", mem=64)
    hosts = f"{server.host('lab1')}\n{server.host('lab2')}\n"
    (tmp_path / "hosts").write_text(hosts)
    labs = {
        "a": {"lab_host": "lab1", "workdir": str(site.path)},
        "b": {"lab_host": "lab2", "workdir": str(lab.path), "prefix": "b-"},
        "c": {"workdir": str(lab.path), "prefix": "c-"},
    }
    for name, options in labs.items():
        (tmp_path / f"{name}.dumm.yml").write_text(json.dumps({"plugin": "dumm.lab.dumm", **options}))
    told = "msg='{{ dumm_lab_host | default('here') }} {{ dumm_workdir }} {{ ansible_dumm_guest | default(inventory_hostname) }}'"

    for order in ("abc", "cba"):
        inventories = [option for name in order for option in ("-i", str(tmp_path / f"{name}.dumm.yml"))]
        sources = ("-i", str(tmp_path / "hosts"), *inventories)
        reached = ansible.run("ansible", *sources, "state_running", "-m", "raw", "-a", "cat /proc/sys/kernel/hostname")
        known = ansible.run("ansible", *sources, "state_running", "-m", "debug", "-a", told)

        names = {
            "alice": "alice",
            "bob": "bob",
            "b-alice": "alice",
            "b-carol": "carol",
            "c-alice": "alice",
            "c-carol": "carol",
        }
        for host, guest in names.items():
            assert f"{host} | CHANGED | rc=0 >>\n{guest}\n" in reached
            place = {"b": f"lab2 {lab.path}", "c": f"here {lab.path}"}.get(host.partition("-")[0], f"lab1 {site.path}")
            assert f"{place} {guest}" in _of_host(known, host)


def _of_host(output: str, host: str) -> str:
    """What a program printed about one host."""
    return output.partition(f"{host} | SUCCESS")[2].partition("}")[0]


def test_labs_with_guests_of_the_same_name_are_told(
    site: Lab, lab: Lab, ansible: Ansible, server: Server, tmp_path: Path
) -> None:
    lab.guest("alice", mem=64, state="present")
    lab.guest("carol", mem=64, state="present")
    (tmp_path / "own.dumm.yml").write_text(json.dumps({"plugin": "dumm.lab.dumm", "workdir": str(lab.path)}))

    output = ansible.run(
        "ansible-inventory", *_inventories(tmp_path, server), "-i", str(tmp_path / "own.dumm.yml"), "--graph"
    )

    assert (
        f"guest alice of working directory {lab.path}: the host alice is already a guest of working directory {site.path} "
        "of lab host lab1; give prefix in one of the two inventories, such as prefix: b-"
    ) in " ".join(output.split())
    assert "alice" in output.partition("@all:")[2] and "carol" not in output.partition("@all:")[2]


@pytest.mark.parametrize("pipelining", [True, pytest.param(False, marks=pytest.mark.long)], ids=["pipelining", "files"])
def test_what_is_larger_than_one_answer_passes_unchanged(
    ansible: Ansible, server: Server, tmp_path: Path, pipelining: bool
) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20) * 17 + b"end")
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    tasks: list[dict[str, Any]] = [
        {"copy": {"src": str(big), "dest": "/root/big"}},
        {"stat": {"path": "/root/big", "checksum_algorithm": "sha256"}, "register": "found"},
        {"assert": {"that": f"found.stat.checksum == '{digest}'"}},
        {"fetch": {"src": "/root/big", "dest": f"{tmp_path}/fetched", "flat": True}},
        {"shell": {"cmd": "head -c 9000000 /dev/zero | tr '\\0' x"}, "register": "long"},
        {"assert": {"that": "long.stdout | length == 9000000", "quiet": True}},
        {"file": {"path": "/root/big", "state": "absent"}},
    ]
    play = {"hosts": "alice", "gather_facts": False, "no_log": True, "tasks": tasks}
    play["vars"] = {"ansible_pipelining": pipelining}

    ansible.play([play], *_inventories(tmp_path, server))

    assert (tmp_path / "fetched").read_bytes() == big.read_bytes()
    assert list((server.place / "home/.cache/dumm/spool").iterdir()) == []


def test_all_tasks_go_through_one_session(ansible: Ansible, server: Server, tmp_path: Path) -> None:
    server.ssh("-O", "exit")
    before = server.log.count("Accepted publickey")

    ansible.play(
        [{"hosts": "alice", "gather_facts": False, "tasks": [{"ping": {}}] * 3}], *_inventories(tmp_path, server)
    )

    assert server.log.count("Accepted publickey") == before + 1


def test_the_lab_host_may_be_reached_by_another_user_who_becomes_root(
    site: Lab, server: Server, tmp_path: Path
) -> None:
    # The server has root only, who becomes himself.
    controller = (*_controller(server, site), "env", "ANSIBLE_BECOME_ALLOW_SAME_USER=true")
    hosts = _inventories(tmp_path, server, ansible_become="true", ansible_become_method="su")

    output = Ansible(site, tmp_path, controller).run("ansible", *hosts, "alice", "-m", "command", "-a", "id -un")

    assert "alice | CHANGED" in output


@pytest.mark.parametrize("name", [pytest.param("alice", marks=pytest.mark.long), "bob"])
def test_a_guest_that_reboots_itself_is_started_again_on_its_host(
    site: Lab, ansible: Ansible, server: Server, tmp_path: Path, name: str
) -> None:
    before = site.process(name).pid
    tasks = [
        REBOOT,
        {"meta": "reset_connection"},
        {"command": "true"},
    ]

    ansible.play([{"hosts": name, "gather_facts": False, "tasks": tasks}], *_inventories(tmp_path, server))

    assert site.process(name).pid != before


def test_what_is_wrong_is_told_as_on_the_lab_host_itself(
    site: Lab, ansible: Ansible, server: Server, tmp_path: Path
) -> None:
    hosts = _inventories(tmp_path, server)

    off = ansible.run("ansible", *hosts, "off", "-m", "ping", code=4)
    slow = ansible.run("ansible", *hosts, "alice", "-m", "raw", "-a", "sleep 432", "-e", "dumm_timeout=1", code=4)
    loud = ansible.run("ansible", *hosts, "alice", "-m", "raw", "-a", "yes", "-e", "dumm_max_output=100000", code=4)

    assert f"guest off of {site.path}: it is not running; start it with dumm_guest" in " ".join(off.split())
    assert "a command did not end within 1 s and was killed" in " ".join(slow.split())
    assert "a command wrote more than 100000 bytes" in " ".join(loud.split())


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ansible_port": "2223"}, "lab host lab1 cannot be reached: "),
        (
            {"ansible_python_interpreter": "/nowhere/python3"},
            "lab host lab1: /nowhere/python3 ended with exit code 127",
        ),
        ({"ansible_connection": "nonsense"}, "lab host lab1: there is no connection plugin nonsense"),
    ],
)
def test_a_lab_host_that_cannot_be_reached_is_told_with_the_reason(
    ansible: Ansible, server: Server, tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    server.ssh("-O", "exit")
    hosts = _inventories(tmp_path, server, **variables)

    listed = ansible.run("ansible-inventory", *hosts, "--graph")
    settings = {
        "ansible_connection": "dumm.lab.dumm",
        "dumm_lab_host": "lab1",
        "dumm_lab_host_vars": "{{ hostvars.lab1 }}",
    }
    play = {"hosts": "alice", "gather_facts": False, "vars": settings, "tasks": [{"raw": "true"}]}
    task = ansible.play([play], *hosts[:2], "-i", "alice,", code=4)

    assert message in " ".join(listed.split())
    assert message in " ".join(task.split()) and "UNREACHABLE!" in task


def _family(pid: int) -> list[int]:
    """A process and all that descend from it, each before its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in _family(int(child)))]


def test_a_controller_that_is_killed_takes_its_command_along(
    site: Lab, ansible: Ansible, server: Server, tmp_path: Path
) -> None:
    begun = site.directory("alice").diff / "root/begun"
    hosts = _inventories(tmp_path, server)
    controller = ansible.start("ansible", *hosts, "alice", "-m", "raw", "-a", "touch /root/begun; exec sleep 4711")
    until(begun.exists, "the command to begin")

    for pid in _family(controller.pid):
        os.kill(pid, signal.SIGKILL)
    controller.communicate()

    until(lambda: site.run("alice", "pgrep -f '[s]leep 4711'").code == 1, "the command to be killed")
    site.read("alice", "rm /root/begun")
