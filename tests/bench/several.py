# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One lab of 300 guests on one lab host and on three, in the same run: the same playbook, the same file, the machines of tests/hosts.

    PYTHONPATH=.collections:tests/integration:tests/hosts python tests/bench/several.py [GUESTS] [ROUNDS]

Seconds, and seconds of CPU of the whole machine (proc_stat(5)), which must have nothing else to do.  The three lab hosts share its CPUs, so
a ratio of 1 says that distribution costs nothing, and what separate machines gain is not to be seen here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import yaml
from lab import TUNED
from world import World, world

_TICK = os.sysconf("SC_CLK_TCK")
_LAN = 30
_PLAY = [
    {
        "hosts": "labhosts",
        "gather_facts": False,
        "tasks": [
            {
                "dumm.lab.dumm_scenario": {
                    "name": "big",
                    "src": "/srv/big.yml",
                    "state": "{{ state }}",
                    "parallel": 8,
                    "lab_hosts": "{{ groups.labhosts }}",
                },
                "when": "state != 'absent'",
            },
            {"dumm.lab.dumm_scenario": {"name": "big", "state": "absent"}, "when": "state == 'absent'"},
        ],
    }
]


def scenario(size: int) -> str:
    """LANs of 30 guests, each on one lab host, whose first guests are in a ring of cables over all of them."""
    guests, bridges = {}, {}
    for number in range(size):
        lan = number // _LAN
        guests[f"n{number + 1}"] = {
            "together": f"lan{lan}",
            "interfaces": {"eth0": {"bridge": f"lan{lan}", "mtu": 1400}},
        }
        bridges[f"lan{lan}"] = {"prefix": f"10.{lan // 250 + 1}.{lan % 250}.0/24"}
    firsts = [f"n{number + 1}" for number in range(0, size, _LAN)]
    links = [
        {"a": f"{one}:eth1", "b": f"{two}:eth2", "mtu": 1400}
        for one, two in zip(firsts, firsts[1:] + firsts[:1], strict=True)
    ]
    made = {
        "defaults": {"mem": 48, "kernel": TUNED},
        "guests": guests,
        "bridges": bridges,
        "pools": {"cables": {"prefix": "10.255.0.0/16"}},
        "links": links if len(firsts) > 2 else [],
    }
    return yaml.safe_dump(made, sort_keys=False)


def _busy() -> float:
    """Seconds that all CPUs have worked."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]))
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / _TICK


def _timed(made: World, inventory: str, play: str, state: str) -> dict[str, float]:
    wall, cpu = time.monotonic(), _busy()
    made.run("ansible-playbook", "-i", inventory, "-f", "10", play, "-e", f"state={state}")
    return {"wall": round(time.monotonic() - wall, 1), "cpu": round(_busy() - cpu, 1)}


def measure(hosts: int, size: int) -> dict[str, dict[str, float]]:
    """What it takes to make the lab, to find that nothing is to be done, and to take it away."""
    with world(hosts) as made:
        inventory = made.write("hosts.ini", made.inventory())
        made.write("big.yml", scenario(size))
        play = made.write("big-play.yml", yaml.safe_dump(_PLAY))
        found = {"make": _timed(made, inventory, play, "present")}
        running = [len(host.guests()) for host in made.hosts.values()]
        assert sum(running) == size, running
        links = [host.run("sh", "-c", "ip -all netns exec ip -o link show type vxlan") for host in made.hosts.values()]
        found["again"] = _timed(made, inventory, play, "present")
        found["remove"] = _timed(made, inventory, play, "absent")
        found["what"] = {"guests of the fullest": max(running), "tunnels": sum(text.count("vxlan") for text in links)}
        return found


def main() -> None:
    """Measure in turns and print."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    for number in range(rounds):
        for hosts in (1, 3) if number % 2 == 0 else (3, 1):
            print(json.dumps({"hosts": hosts, "guests": size, **measure(hosts, size)}), flush=True)


if __name__ == "__main__":
    main()
