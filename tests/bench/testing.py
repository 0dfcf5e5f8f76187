# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What commands, steps of tests, clean states and captures cost, beside Python's own start, ``ansible -m raw`` and tcpdump(1)."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from lab import Lab, fresh_lab
from measure import Cost, cost
from programs import Ansible

REPOSITORY = Path(__file__).resolve().parents[2]
DUMM = str(REPOSITORY / "scripts/dumm")
_GUESTS = 8
_ROUNDS = 5
_STEPS = 50
_PACKETS = (500, 4500)
_MESSY = "ip address add 192.0.2.1/32 dev lo; ip route add 198.51.100.0/24 dev lo; sysctl -qw net.ipv4.ip_forward=1"


def measure() -> dict[str, Any]:
    """Seconds and CPU seconds of each; of commands and steps, for one."""
    with fresh_lab() as lab:
        names = [f"g{number}" for number in range(_GUESTS)]
        config = {
            "defaults": {"mem": 64},
            "bridges": {"lan": {"prefix": "10.9.0.0/24"}},
            "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in names},
        }
        place = lab.workdir.scenario("bench")
        place.parent.mkdir(parents=True)
        place.write_text(yaml.safe_dump(config))
        lab.scenario("bench")
        return {**_commands(lab), **_steps(lab), **_clean(lab, names), **_captures(lab)}


def table(found: dict[str, Any]) -> str:
    """A line for each."""
    width = max(map(len, found)) + 2
    lines = [f"{'TESTS AND CAPTURES':{width}}   wall ms    CPU ms"]
    lines += [f"{what:{width}}{1e3 * each['wall']:10.1f}{1e3 * each['cpu']:10.1f}" for what, each in found.items()]
    return "\n".join(lines)


def _median(do: Callable[[], object], parts: int = 1, rounds: int = _ROUNDS) -> dict[str, float]:
    do()
    found: list[Cost] = []
    for _round in range(rounds):
        with cost() as spent:
            do()
        found.append(spent)
    return {key: statistics.median(getattr(each, key) for each in found) / parts for key in ("wall", "cpu")}


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def _commands(lab: Lab) -> dict[str, Any]:
    ansible = Ansible(lab, lab.path)
    inventory = lab.path / "bench.yml"
    inventory.write_text(
        yaml.safe_dump(
            {"all": {"vars": {"ansible_connection": "dumm.lab.dumm"}, "hosts": {"g0": {"dumm_workdir": str(lab.path)}}}}
        )
    )
    raw = ("ansible", "-i", str(inventory), "g0", "-m", "raw", "-a", "true")
    return {
        "python3 -c pass": _median(lambda: _run(sys.executable, "-P", "-c", "pass")),
        "dumm exec g0 -- true": _median(lambda: _run(DUMM, "exec", "--workdir", str(lab.path), "g0", "--", "true")),
        "ansible g0 -m raw -a true": _median(lambda: ansible.run(*raw), rounds=2),
    }


def _steps(lab: Lab) -> dict[str, Any]:
    path = lab.path / "steps.yml"
    few, many = 1, 1 + _STEPS

    def test(count: int) -> dict[str, float]:
        steps = [{"on": "g1", "run": "test -e /etc/passwd", "code": 0} for _step in range(count)]
        path.write_text(yaml.safe_dump({"tests": {"bench": {"clean": "none", "steps": steps}}}))
        return _median(
            lambda: _run(DUMM, "test", "--workdir", str(lab.path), "--scenario", "bench", str(path)), rounds=3
        )

    short, long = test(few), test(many)
    return {"a step of a test": {key: (long[key] - short[key]) / _STEPS for key in short}}


def _clean(lab: Lab, names: list[str]) -> dict[str, Any]:
    def clean(state: str, before: str) -> Callable[[], object]:
        def do() -> object:
            for name in names if before else ():
                lab.read(name, before)
            return lab.scenario("bench", clean=state)

        return do

    spoil = _median(lambda: [lab.read(name, _MESSY + "; true") for name in names], rounds=2)
    messy = _median(clean("network", _MESSY + "; true"))
    return {
        f"nothing to do, {_GUESTS} guests": _median(lambda: lab.scenario("bench")),
        f"clean: network, {_GUESTS} guests, nothing differs": _median(clean("network", "")),
        f"clean: network, {_GUESTS} guests, all messy": {key: messy[key] - spoil[key] for key in messy},
    }


def _captures(lab: Lab) -> dict[str, Any]:
    def ours(count: int) -> tuple[str, ...]:
        return (DUMM, "capture", "--workdir", str(lab.path), "g2:eth0", "--count", str(count), "-o", os.devnull)

    found = {"dumm capture, 1000 packets": _thousand(lab, ours)}
    if shutil.which("tcpdump"):
        tap = next(device for device in lab.devices() if device.startswith("g2"))
        inside = ("ip", "netns", "exec", lab.name, "tcpdump", "-q", "-i", tap, "-w", "-", "-c")
        found["tcpdump, 1000 packets"] = _thousand(lab, lambda count: (*inside, str(count)))
    return found


def _thousand(lab: Lab, command: Callable[[int], tuple[str, ...]]) -> dict[str, float]:
    """What 1000 packets cost whoever captures them, without his start; what the guests use for them is theirs."""
    few, many = (_capture(lab, command(count)) for count in _PACKETS)
    return {key: (many[key] - few[key]) * 1000 / (_PACKETS[1] - _PACKETS[0]) for key in few}


def _capture(lab: Lab, command: tuple[str, ...]) -> dict[str, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as capture:
        while capture.poll() is None:
            lab.run("g2", "ping -q -f -c 500 10.9.0.4")
        if capture.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {capture.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": time.perf_counter() - began, "cpu": used}
