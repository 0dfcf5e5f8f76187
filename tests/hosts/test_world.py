# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab hosts that the other tests stand on: as much machines of their own as one machine has room for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab import until
from world import World, until_logged_in

_HERE = Path(__file__).parent
_HOLD = """
import sys
sys.path[:0] = sys.argv[1:]
from world import world
with world(1) as made:
    print(made.site, flush=True)
    sys.stdin.read()
"""


def test_a_lab_host_has_what_it_writes_for_itself(hosts: World) -> None:
    one, two = hosts.hosts["lab1"], hosts.hosts["lab2"]

    for path in ("/etc", "/usr/bin", "/run", "/tmp", "/dev/shm", "/var/lib/dumm", "/var/cache/dumm", "/srv"):
        one.run("touch", f"{path}/written-by-a-test")
        assert not Path(path, "written-by-a-test").exists()
        assert not (two.root / path[1:] / "written-by-a-test").exists()
        one.run("rm", f"{path}/written-by-a-test")
    assert one.run("hostname") == "lab1\n"
    assert one.run("cat", "/proc/sys/kernel/random/boot_id") != two.run("cat", "/proc/sys/kernel/random/boot_id")
    one.run("ping", "-c", "1", "-w", "60", two.address)


@pytest.mark.long
def test_a_guest_runs_there_and_its_lab_host_dies_and_boots_again(hosts: World) -> None:
    host = hosts.hosts["lab2"]
    inventory = hosts.write("hosts.ini", hosts.inventory())
    hosts.run("ansible", "-i", inventory, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=alice mem=64")
    assert host.guests() == ["alice"]
    boot = host.run("cat", "/proc/sys/kernel/random/boot_id")

    host.cut()
    host.boot()
    until_logged_in(hosts, host)

    assert host.guests() == []
    assert (host.place / "lib/guests/alice").is_dir()
    assert host.run("cat", "/proc/sys/kernel/random/boot_id") != boot
    hosts.run("ansible", "-i", inventory, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=alice mem=64")
    assert host.guests() == ["alice"]
    hosts.run("ansible", "-i", inventory, "lab2", "-m", "dumm.lab.dumm_guest", "-a", "name=alice state=absent")
    assert host.leftovers() == []


def test_nothing_is_left_of_the_machines_of_a_test_that_is_killed() -> None:
    path = [str(_HERE), str(_HERE.parent / "integration"), *sys.path]
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, *path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    site = int(holder.stdout.readline())
    namespace = os.readlink(f"/proc/{site}/ns/pid")

    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    until(lambda: namespace not in _namespaces(), "the end of all processes")


def _namespaces() -> set[str]:
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found
