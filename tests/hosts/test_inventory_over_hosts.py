# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One inventory for a lab over several machines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from world import World

# As docs/howto/several-hosts.md has it.
_LOOK = """
- hosts: labhosts
  gather_facts: false
  tasks:
    - dumm.lab.dumm_info:
      register: found
    - ansible.builtin.debug:
        msg: "{{ guests | dict2items | map(attribute='value.state') | zip(guests) | map('join', ' ') | sort }}"
      vars:
        guests: "{{ ansible_play_hosts | map('extract', hostvars, ['found', 'lab', 'guests']) | combine }}"
      run_once: true
"""


@pytest.mark.long
def test_guests_of_all_machines_are_hosts_but_for_those_of_one_that_is_off(hosts: World) -> None:
    machines = hosts.write("hosts.ini", hosts.inventory())
    guests = hosts.write("lab.dumm.yml", "plugin: dumm.lab.dumm\nlab_hosts: [labhosts]\n")
    both = ("-i", machines, "-i", guests)
    define = "name={{ 'g-' + inventory_hostname }} mem=64 state={{ state }}"
    hosts.run("ansible", "-i", machines, "labhosts", "-m", "dumm.lab.dumm_guest", "-a", define, "-e", "state=present")
    hosts.run("ansible", "-i", machines, "lab3", "-m", "dumm.lab.dumm_guest", "-a", define, "-e", "state=started")

    listed = _listed(hosts, *both)

    for name in ("lab1", "lab2", "lab3"):
        assert listed[f"lab_host_{name}"]["hosts"] == [f"g-{name}"]
        assert listed["_meta"]["hostvars"][f"g-{name}"]["dumm_lab_host"] == name
    assert listed["state_running"]["hosts"] == ["g-lab3"]
    assert "g-lab3\n" in hosts.run(
        "ansible", *both, "state_running", "-m", "raw", "-a", "cat /proc/sys/kernel/hostname"
    )

    told = hosts.run("dumm", "--lab-host", "labhosts", "inspect", ANSIBLE_INVENTORY=machines)
    assert [line.split()[:3] for line in told.splitlines()] == [
        ["LAB", "HOST", "GUEST"],
        ["lab1", "g-lab1", "stopped"],
        ["lab2", "g-lab2", "stopped"],
        ["lab3", "g-lab3", "running"],
    ]

    hosts.hosts["lab2"].cut()
    told = hosts.run("dumm", "--lab-host", "lab3,lab2", "inspect", "-f", "csv", code=1, ANSIBLE_INVENTORY=machines)
    assert "lab3,g-lab3,running" in told and "dumm: lab host lab2: ssh: connect" in told
    without = _listed(hosts, *both)
    assert "lab host lab2 cannot be reached" in " ".join(hosts.output.split())
    look = hosts.write("look.yml", _LOOK)
    looked = hosts.run("ansible-playbook", "-i", machines, look, code=4)
    assert "stopped g-lab1" in looked and "running g-lab3" in looked and "g-lab2" not in looked

    assert sorted(without["dumm_guests"]["hosts"]) == ["g-lab1", "g-lab3"]
    hosts.boot(hosts.hosts["lab2"])
    hosts.run("ansible", "-i", machines, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=g-lab1 state=present")
    assert "guest g-lab1: it is in working directory" in hosts.run("ansible-inventory", *both, "--list")
    hosts.run("ansible", "-i", machines, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=g-lab1 state=absent")
    hosts.run("ansible", "-i", machines, "labhosts", "-m", "dumm.lab.dumm_guest", "-a", define, "-e", "state=absent")


def _listed(hosts: World, *sources: str) -> Any:
    hosts.run("ansible-inventory", *sources, "--list", "--output", "/srv/listed.json")
    return json.loads((hosts.controller.place / "listed.json").read_text())
