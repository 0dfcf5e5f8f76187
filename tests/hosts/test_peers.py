# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role host sees whether lab hosts can carry a lab together."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from lab import until
from programs import changes
from world import World

_PLAY = [
    {
        "hosts": "labhosts",
        "gather_facts": False,
        "tasks": [{"include_role": {"name": "dumm.lab.host", "tasks_from": "peers"}, "vars": {"host_peers_mtu": 1500}}],
    }
]
_LISTEN = "import socket, sys; udp = socket.socket(type=socket.SOCK_DGRAM); udp.bind(('', 4789)); sys.stdin.read()"


@pytest.mark.long
def test_what_is_wrong_between_lab_hosts_is_told_and_all_of_it(hosts: World) -> None:
    inventory = hosts.write("hosts.ini", hosts.inventory())
    play = hosts.write("peers.yml", yaml.safe_dump(_PLAY))

    # With fewer forks than hosts: they still meet.
    well = changes(hosts.run("ansible-playbook", "-i", inventory, "-f", "2", play))
    assert well == {"lab1": 0, "lab2": 0, "lab3": 0}
    # With a lab that runs.
    hosts.hosts["lab1"].run("ip", "link", "add", "tunnel", "type", "vxlan", "id", "9", "dstport", "4789")
    hosts.hosts["lab1"].run("ip", "link", "set", "tunnel", "up")
    assert changes(hosts.run("ansible-playbook", "-i", inventory, play)) == well
    hosts.hosts["lab1"].run("ip", "link", "delete", "tunnel")

    narrow, taken = hosts.hosts["lab2"], hosts.hosts["lab3"]
    narrow.run("ip", "link", "set", "eth0", "mtu", "1400")
    kernel = narrow.place / "lib/kernels/debian-7.2.7"
    real = kernel.readlink()
    kernel.unlink()
    kernel.mkdir()
    (kernel / "linux").write_text("another\n")
    program = subprocess.Popen([*taken.enter, "/usr/bin/python3", "-c", _LISTEN], stdin=subprocess.PIPE)
    until(lambda: ":4789" in taken.run("ss", "-Huln"), "the port")

    told = " ".join(hosts.run("ansible-playbook", "-i", inventory, play, code=2).split())

    program.communicate()
    (kernel / "linux").unlink()
    kernel.rmdir()
    kernel.symlink_to(real)
    narrow.run("ip", "link", "set", "eth0", "mtu", "1500")
    assert "From lab2 to lab1 packets of 1400 bytes fit, and 1500 are wanted" in told
    assert "kernels/debian-7.2.7 is not the same on lab1 and lab2" in told
    assert "UDP port 4789 of lab host lab3 is in use by a program" in told
