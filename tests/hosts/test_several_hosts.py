# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/several-hosts.yml: OSPF over three machines, from its beginning to its end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from lab import BASE, REPOSITORY
from programs import changes
from world import World

_BOOK = str(REPOSITORY / "playbooks/several-hosts.yml")
# Of the roles, filled by tests/prepare.yml.
_CACHE = Path("/var/cache/dumm")
_ALL = {
    "lab1": ["h1", "r1"],
    "lab2": ["h2", "r2"],
    "lab3": ["h3", "r3"],
}


class Playbook:
    """The playbook, run from the controller.  The machines are prepared already, as nothing in them can reach a mirror."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._hosts = world.write("hosts.ini", world.inventory())
        self._guests = world.write("lab.dumm.yml", "plugin: dumm.lab.dumm\nlab_hosts: [labhosts]\n")

    def run(self, *arguments: str, **variables: Any) -> dict[str, int]:
        """How many tasks changed something on each lab host, where no task may fail."""
        given = json.dumps({"several_prepare": False, **variables})
        found = changes(self._world.run("ansible-playbook", "-i", self._hosts, _BOOK, "-e", given, *arguments))
        return {name: count for name, count in found.items() if name in self._world.hosts}

    def inside(self, guest: str, command: str) -> str:
        """What a command prints in a guest, which is found by the inventory of all machines."""
        sources = ("-i", self._hosts, "-i", self._guests)
        output = self._world.run("ansible", *sources, guest, "-m", "raw", "-a", command)
        return output.partition(">>\n")[2]


@pytest.fixture
def playbook(hosts: World) -> Playbook:
    """The playbook."""
    return Playbook(hosts)


def _running(world: World) -> dict[str, list[str]]:
    return {name: host.guests() for name, host in world.hosts.items()}


def test_a_network_over_three_machines_is_made_once_and_taken_away(hosts: World, playbook: Playbook) -> None:
    first = playbook.run()
    assert _running(hosts) == _ALL
    second = playbook.run()

    assert all(first.values()) and second == {"lab1": 0, "lab2": 0, "lab3": 0}
    playbook.run(state="absent")
    assert [left for host in hosts.hosts.values() for left in host.leftovers()] == []


@pytest.mark.long
def test_it_is_changed_healed_and_moved_while_it_runs(hosts: World, playbook: Playbook) -> None:
    playbook.run()

    assert playbook.run(link_delay="50ms") == {"lab1": 1, "lab2": 0, "lab3": 0}
    assert playbook.run("--check", link_delay="50ms") == {"lab1": 0, "lab2": 0, "lab3": 0}

    lost = hosts.hosts["lab2"]
    lost.cut()
    assert playbook.inside("h1", "ping -c 1 -w 60 h3")
    hosts.boot(lost)
    assert lost.guests() == []
    assert playbook.run("--limit", "lab2", link_delay="50ms") == {"lab2": 1}
    assert _running(hosts) == _ALL
    assert playbook.run(link_delay="50ms") == {"lab1": 0, "lab2": 0, "lab3": 0}

    playbook.run(state="absent")
    assert [left for host in hosts.hosts.values() for left in host.leftovers()] == []


@pytest.mark.long
def test_a_guest_moves_with_what_it_wrote(hosts: World, playbook: Playbook) -> None:
    playbook.run()
    playbook.inside("h1", "echo kept >/root/written; rm /etc/debian_version")

    playbook.run(several_move=True, several_pins={"h1": "lab3"})

    assert _running(hosts) == {"lab1": ["r1"], "lab2": ["h2", "r2"], "lab3": ["h1", "h3", "r3"]}
    assert playbook.inside("h1", "cat /root/written; test -e /etc/debian_version || echo gone").startswith(
        "kept\ngone\n"
    )
    assert playbook.run(several_pins={"h1": "lab3"}) == {"lab1": 0, "lab2": 0, "lab3": 0}
    playbook.run(state="absent")
    assert [left for host in hosts.hosts.values() for left in host.leftovers()] == []


@pytest.mark.long
def test_bare_machines_are_prepared_first(hosts: World) -> None:
    """The first one has in its cache what it would fetch elsewhere, and the others get all from it."""
    for host in hosts.hosts.values():
        for kind in ("kernels", "masters"):
            shutil.rmtree(host.place / "lib" / kind)
    first = hosts.hosts["lab1"].place / "cache"
    made = json.loads((BASE / "masters/.test-bird.json").read_text())
    packages = json.dumps({"master_packages": made["inputs"]["packages"]})
    shutil.copy(_CACHE / f"master-{made['key']}.tar.zst", first)
    shutil.copytree(_CACHE / "kernel-forky", first / "kernel-forky")
    inventory = hosts.write("hosts.ini", hosts.inventory())

    done = changes(hosts.run("ansible-playbook", "-i", inventory, _BOOK, "-e", packages))
    again = changes(hosts.run("ansible-playbook", "-i", inventory, _BOOK, "-e", packages))

    assert all(done[name] for name in hosts.hosts) and not any(again.values())
    assert _running(hosts) == _ALL
    hosts.run("ansible-playbook", "-i", inventory, _BOOK, "-e", "state=absent")
    assert [left for host in hosts.hosts.values() for left in host.leftovers()] == []
    for host in hosts.hosts.values():
        hosts.reinstall(host)
