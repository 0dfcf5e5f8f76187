# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CPU time of looking at 300 guests that only wait: counters, devices, all of the lab, and ``dumm inspect``, beside ip(8) and pyroute2.

Run it as root: ``PYTHONPATH=.collections:tests/integration .venv/bin/python tests/bench/looking.py [GUESTS]``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from crowd import crowd

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.glance import Glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.stats import Meter
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.netlink import Network
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.rtnetlink import Route
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.observe import observe

REPOSITORY = Path(__file__).resolve().parents[2]
_ROUNDS = 15


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(what: str, do: Callable[[], object], rounds: int = _ROUNDS) -> None:
    """Print how much CPU time something takes, on average."""
    do()
    began, cpu = time.perf_counter(), _cpu()
    for _round in range(rounds):
        do()
    used, took = (_cpu() - cpu) / rounds, (time.perf_counter() - began) / rounds
    print(f"{what:<52} {1e3 * used:8.2f} ms of CPU  {1e3 * took:8.2f} ms", flush=True)


def main() -> None:
    """Measure, and print a line for each."""
    guests = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with crowd(guests) as workdir:
        place, name, path = f"/run/netns/{workdir.lab_name}", workdir.lab_name, str(workdir.path)
        shown = ["nsenter", f"--net={place}", "ip", "-s", "-j", "link"]
        command = [str(REPOSITORY / "scripts/dumm"), "inspect", "--workdir", path]

        def run(words: list[str]) -> None:
            subprocess.run(words, stdout=subprocess.DEVNULL, check=True)

        with closing(Meter(place)) as meter, closing(Route(place)) as route, Network(name, name) as network:
            print(f"{guests} guests, {len(route.links())} devices")
            measure("counters (access/stats)", meter.read, 200)
            measure("devices (host/rtnetlink)", route.links)
            measure("devices (pyroute2)", network.devices, 3)
            measure("ip -s -j link", lambda: run(shown))
            measure("all of the lab (access/glance)", Glance(path).lab)
            measure("all of the lab (run/observe)", lambda: observe(workdir), 3)
            measure("python3 -c pass", lambda: run([sys.executable, "-P", "-c", "pass"]))
            measure("dumm --version", lambda: run([command[0], "--version"]))
            measure("dumm inspect", lambda: run(command))
        with Watch(path) as watch:
            measure("a watch that hears nothing, 1 s", lambda: watch.wait(1.0), 3)


if __name__ == "__main__":
    main()
