# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role host gives a lab host the kernels and masters of another."""

from __future__ import annotations

import os
import shutil

import pytest
import yaml
from programs import changes
from world import Machine, World

_PLAY = [
    {
        "hosts": "lab1,lab2",
        "gather_facts": False,
        "tasks": [
            {
                "include_role": {"name": "dumm.lab.host"},
                "vars": {"host_copy_from": "lab1", "host_copy_dir": "/srv/copies", "host_sysctl": False},
            }
        ],
    }
]


@pytest.mark.long
def test_a_lab_host_gets_the_kernels_and_masters_of_another_byte_for_byte(hosts: World) -> None:
    first, second = hosts.hosts["lab1"], hosts.hosts["lab2"]
    for host in (first, second):
        _keep_one_of_each(host)
    for kind in ("kernels", "masters"):
        shutil.rmtree(second.place / "lib" / kind)
    inventory = hosts.write("hosts.ini", hosts.inventory())
    play = hosts.write("copy.yml", yaml.safe_dump(_PLAY))

    checked = changes(hosts.run("ansible-playbook", "-i", inventory, play, "--check"))
    assert checked["lab2"] > 0 and not (second.place / "lib/kernels").exists()
    done = changes(hosts.run("ansible-playbook", "-i", inventory, play))
    again = changes(hosts.run("ansible-playbook", "-i", inventory, play))

    assert done["lab2"] > 0 and again == {"lab1": 0, "lab2": 0}
    for kind in ("kernels", "masters"):
        (name,) = _real(first, kind)
        assert os.readlink(second.place / "lib" / kind / "default") == name
        assert not (second.place / "lib" / kind / name).is_symlink()
        assert first.run("cat", f"/var/lib/dumm/{kind}/.{name}.content").splitlines()[0] in hosts.run(
            "ansible", "-i", inventory, "lab2", "-m", "command", "-a", f"cat /var/lib/dumm/{kind}/.{name}.content"
        )
    hosts.run("ansible", "-i", inventory, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=alice mem=64")
    hosts.run("ansible", "-i", inventory, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=alice state=absent")
    for host in (first, second):
        hosts.reinstall(host)


def _keep_one_of_each(host: Machine) -> None:
    """The small master alone: one copy is as good as five."""
    for kind in ("kernels", "masters"):
        place = host.place / "lib" / kind
        kept = {"default", os.readlink(place / "default")}
        for path in place.iterdir():
            if path.name not in kept:
                path.unlink()


def _real(host: Machine, kind: str) -> list[str]:
    return [
        path.name for path in (host.place / "lib" / kind).iterdir() if path.name[0] != "." and path.name != "default"
    ]
