# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One lab of 300 guests on one lab host and on three, in turns: the same playbook and guests, on the machines
of tests/hosts.

``BENCH_PARTS=several make bench``, where ``BENCH_SEVERAL=60`` makes fewer guests, or

    PYTHONPATH=.collections:tests/integration:tests/hosts python tests/bench/several.py [GUESTS] [ROUNDS] >several.json

which ``goals.py --commit several.json`` takes.  The three lab hosts share the CPUs of this machine, so a ratio of 1 says that distribution
costs nothing, and what separate machines gain is not to be seen here.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / name) for name in ("integration", "hosts")]

import measure as meter
import yaml
from lab import BASE, TUNED
from world import World, world

# So many guests, so often with one lab host and with three.
_GUESTS, _ROUNDS = 300, 2
_MEM = 32
# How many a lab host starts at a time.
_PARALLEL = 8
_TUNNELS = "for each in /run/netns/*; do nsenter --net=$each ip -o link show type vxlan; done"
_LAN = 25
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
                    "parallel": _PARALLEL,
                    "wait_timeout": 600,
                    "lab_hosts": "{{ groups.labhosts }}",
                },
                "when": "state != 'absent'",
            },
            {"dumm.lab.dumm_scenario": {"name": "big", "state": "absent"}, "when": "state == 'absent'"},
        ],
    }
]


def scenario(hosts: int, size: int) -> str:
    """LANs of 25 guests, dealt out to the lab hosts, whose first guests are in a ring of cables over all of them."""
    guests, bridges = {}, {}
    for number in range(size):
        lan = number // _LAN
        guests[f"n{number + 1}"] = {
            "lab_host": f"lab{lan % hosts + 1}",
            "interfaces": {"eth0": {"bridge": f"lan{lan}", "mtu": 1400}},
        }
        bridges[f"lan{lan}"] = {"prefix": f"10.{lan // 250 + 1}.{lan % 250}.0/24"}
    firsts = [f"n{number + 1}" for number in range(0, size, _LAN)]
    links = [
        {"a": f"{one}:eth1", "b": f"{two}:eth2", "mtu": 1400}
        for one, two in zip(firsts, firsts[1:] + firsts[:1], strict=True)
    ]
    made = {
        "defaults": {"mem": _MEM, "kernel": _kernel()},
        "guests": guests,
        "bridges": bridges,
        "pools": {"cables": {"prefix": "10.255.0.0/16"}},
        "links": links if len(firsts) > 2 else [],
    }
    return yaml.safe_dump(made, sort_keys=False)


def _kernel() -> str:
    return TUNED if (BASE / "kernels" / TUNED / "linux").exists() else "default"


def _run(made: World, inventory: str, play: str, state: str) -> dict[str, float]:
    with meter.cost() as cost:
        made.run("ansible-playbook", "-i", inventory, "-f", "10", play, "-e", f"state={state}")
    return {"wall": cost.wall, "cpu": cost.cpu}


def _once(hosts: int, size: int) -> dict[str, Any]:
    """What it takes to make the lab, to find that nothing is to be done, and to take it away."""
    with world(hosts) as made:
        inventory = made.write("hosts.ini", made.inventory())
        made.write("big.yml", scenario(hosts, size))
        play = made.write("big-play.yml", yaml.safe_dump(_PLAY))
        found: dict[str, Any] = {"make": _run(made, inventory, play, "present")}
        running = [len(host.guests()) for host in made.hosts.values()]
        assert sum(running) == size, running
        tunnels = sum(len(host.run("sh", "-c", _TUNNELS).splitlines()) for host in made.hosts.values())
        found["again"] = _run(made, inventory, play, "present")
        found["remove"] = _run(made, inventory, play, "absent")
        left = [each for host in made.hosts.values() for each in host.leftovers()]
        assert not left, left
        return {**found, "most": max(running), "tunnels": tunnels}


def measure(size: int | None = None, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Measure in turns.

    :return: by the number of lab hosts, of each round, seconds and CPU seconds of each step, guests of the lab host that has the most, and
        tunnels in all.
    """
    size = int(os.environ.get("BENCH_SEVERAL", _GUESTS)) if size is None else size
    runs: dict[str, list[dict[str, Any]]] = {"1": [], "3": []}
    for number in range(rounds):
        for hosts in (1, 3) if number % 2 == 0 else (3, 1):
            runs[str(hosts)].append(_once(hosts, size))
            print(json.dumps({"hosts": hosts, **runs[str(hosts)][-1]}), file=sys.stderr, flush=True)
    return {"guests": size, "mem": _MEM, "kernel": _kernel(), "runs": runs, "load": os.getloadavg()[0]}


def table(found: dict[str, Any]) -> str:
    """What it took."""
    lines = [f"{found['guests']} GUESTS ON 1 AND ON 3 LAB HOSTS, least / median (load {found['load']:.1f})"]
    for what in ("make", "again", "remove"):
        for kind in ("wall", "cpu"):
            told = {hosts: [each[what][kind] for each in runs] for hosts, runs in found["runs"].items()}
            shown = "".join(f"{min(each):10.1f} / {statistics.median(each):.1f}" for each in told.values())
            lines.append(f"  {what:8}{kind:6}{shown}{min(told['3']) / min(told['1']):10.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure as many guests as often as is said."""
    meter.adopt_orphans()
    found = measure(*map(int, sys.argv[1:3]))
    print(json.dumps({"several": found}))
    print(table(found), file=sys.stderr)


if __name__ == "__main__":
    main()
