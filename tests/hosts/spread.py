# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario that a playbook has on all lab hosts, and what that says."""

from __future__ import annotations

import re

from world import World

TASK = "lab_hosts: ['lab1', 'lab2', 'lab3']"


class Lab:
    """A scenario that a playbook has on all lab hosts."""

    def __init__(self, hosts: World) -> None:
        self.world = hosts
        self.hosts = hosts.hosts
        self.inventory = hosts.write("hosts.ini", hosts.inventory())
        self.play("x", TASK)

    def play(self, text: str, *options: str) -> None:
        """Write the playbook, and the scenario's file."""
        task = {"name": "big", "src": "/srv/big.yml"}
        told = "".join(f"        {line}\n" for line in (*(f"{key}: {value}" for key, value in task.items()), *options))
        book = f"- hosts: labhosts\n  gather_facts: false\n  tasks:\n    - dumm.lab.dumm_scenario:\n{told}      register: done\n"
        self.book = self.world.write("book.yml", book + "    - debug: {var: done.actions}\n")
        self.world.write("big.yml", text)

    def run(self, *arguments: str, code: int = 0) -> str:
        return self.world.run("ansible-playbook", "-i", self.inventory, self.book, *arguments, code=code)

    def take_away(self) -> None:
        self.play("guests: {}", "state: absent")
        self.run()

    def place(self) -> dict[str, list[str]]:
        """The guests that run, by lab host."""
        return {name: host.guests() for name, host in self.hosts.items()}

    def inside(self, guest: str, script: str) -> str:
        """What a script prints in a guest, wherever that is."""
        guests = self.world.write("lab.dumm.yml", "plugin: dumm.lab.dumm\nlab_hosts: [labhosts]\n")
        return self.world.run(
            "ansible", "-i", self.inventory, "-i", guests, guest, "-m", "ansible.builtin.raw", "-a", script
        )


def recap(output: str) -> dict[str, dict[str, int]]:
    """What ansible-playbook says of each host at the end."""
    found = {}
    for line in output.partition("PLAY RECAP")[2].splitlines():
        if match := re.match(r"(\S+)\s+: (.*)", line):
            found[match[1]] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])}
    return found


def changed(output: str) -> dict[str, int]:
    return {name: each["changed"] for name, each in recap(output).items()}
