# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role host sees whether lab hosts can carry a lab together."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml
from lab import REPOSITORY, until
from programs import changes
from world import Machine, World

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
    lines = hosts.inventory().replace(
        "10.99.0.2", "10.99.0.2 dumm_command=/srv/old/scripts/dumm ansible_python_interpreter=/srv/early"
    )
    inventory = hosts.write("hosts.ini", lines)
    _install_older(narrow)
    _have_a_clock_ahead(narrow)
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
    assert (
        "Lab host lab2 has version 0.0.7 of the collection dumm.lab, and the controller 0.2.0; install 0.2.0 there"
        in told
    )
    assert re.search(r"The clock of lab2 is \d{4}\.\d s ahead of that of lab1; have both set by NTP", told)
    assert {*re.findall(r"The clock of (\w+)|Lab host (\w+) has version", told)} == {("lab2", ""), ("", "lab2")}


def _install_older(host: Machine) -> None:
    """The collection of an earlier version."""
    old = host.place / "srv/old"
    shutil.copytree(REPOSITORY / "plugins/module_utils", old / "plugins/module_utils")
    shutil.copytree(REPOSITORY / "scripts", old / "scripts")
    usage = old / "plugins/module_utils/_lab/command/usage.py"
    usage.write_text(re.sub('VERSION = ".*"', 'VERSION = "0.0.7"', usage.read_text()))
    collection = old / ".collections/ansible_collections/dumm"
    collection.mkdir(parents=True)
    (collection / "lab").symlink_to("/srv/old")


def _have_a_clock_ahead(host: Machine) -> None:
    """A Python for which it is more than an hour later: the machines have one kernel and one clock."""
    (host.place / "srv/sitecustomize.py").write_text(
        "import time\n\nreal = time.time\ntime.time = lambda: real() + 4000\n"
    )
    (host.place / "srv/early").write_text('#!/bin/sh\nPYTHONPATH=/srv exec /usr/bin/python3 "$@"\n')
    (host.place / "srv/early").chmod(0o755)
