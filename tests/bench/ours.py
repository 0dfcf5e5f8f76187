# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured: one lab, by calls of dumm_scenario.

Every guest has an interface in one segment and a cable to each of its two neighbours in a ring.  Each call is made in a process of
its own, forked with everything imported, as Ansible's workers are: what a call has learned does not help the next one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import measure
from lab import Lab, Refused, fresh_lab, processes_of

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import netlink
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import runner

Config = dict[str, Any]

_NAME = "bench"
# Seconds until guests tell by themselves of their network, which they do where nothing has changed in it for 2 s; IPv6 addresses are
# tried for 2 s before.  Until then each is asked.
_SETTLED = 8.0
# As the action plugins do.
netlink.load()


@dataclass
class Call:
    """A call of the module.

    :ivar spent: wall seconds in the module, CPU seconds of it and of the guests.
    :ivar python: CPU seconds of the module alone.
    :ivar phases: wall seconds, by what the module was doing.
    :ivar durations: as the module tells them.
    """

    spent: measure.Cost
    python: float
    phases: dict[str, float]
    durations: list[dict[str, Any]]
    changed: bool


@dataclass
class Round:
    """All calls on one lab.

    :ivar memory: MiB per guest.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    memory: float = 0.0


def config(count: int, mem: int) -> Config:
    """One segment, and a ring of cables as far as there are guests for it."""
    names = [f"g{number}" for number in range(1, count + 1)]
    cables = count if count > 2 else count - 1
    return {
        "defaults": {"mem": mem, "init": "minimal"},
        "bridges": {"lan": {"prefix": "10.0.0.0/16"}},
        "pools": {"links": {"prefix": "10.255.0.0/16"}},
        "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in names},
        "links": [f"{names[i]}:eth1 -- {names[(i + 1) % count]}:eth2" for i in range(cables)],
    }


def with_cable(lab: Config, first: int, port: str) -> tuple[Config, list[str]]:
    """The lab with one cable more, and whose it is; where there is one guest only, with another interface in the segment."""
    names = list(lab["guests"])[first : first + 2]
    if len(lab["guests"]) == 1:
        ports = {**lab["guests"]["g1"]["interfaces"], port: {"bridge": "lan"}}
        return {**lab, "guests": {"g1": {"interfaces": ports}}}, ["g1"]
    return {**lab, "links": [*lab["links"], f"{names[0]}:{port} -- {names[1]}:{port}"]}, names


def with_address(lab: Config, address: str) -> Config:
    """The lab with another address for the first guest in the segment."""
    first = lab["guests"]["g1"]
    ports = {**first["interfaces"], "eth0": {"bridge": "lan", "address": [address]}}
    return {**lab, "guests": {**lab["guests"], "g1": {**first, "interfaces": ports}}}


def measure_segment(count: int, mem: int, kernel: str) -> Call:
    """Build the segment alone, which is what Mininet builds, and take it away."""
    plain = {**config(count, mem), "links": []}
    with fresh_lab(kernel=kernel) as lab:
        made = call(lab, {"state": "present", "wait_timeout": 300}, plain)
        if count > 1 and not lab.reaches("g1", f"10.0.0.{count}"):
            raise SystemExit("the guests do not reach each other")
        call(lab, {"state": "absent"}, None)
    return made


def measure_lab(count: int, mem: int, kernel: str) -> Round:
    """Build a lab, change it, and take it away."""
    found = Round()
    plain = config(count, mem)
    with fresh_lab(kernel=kernel) as lab:

        def do(what: str, wanted: Config | None, **options: Any) -> Call:
            found.calls[what] = made = call(lab, {"state": "present", "wait_timeout": 300, **options}, wanted)
            return made

        do("apply", plain)
        _check(lab, plain)
        found.memory = measure.memory(processes_of({lab.name}).__contains__) / count
        do("nothing, at once", plain)
        time.sleep(_SETTLED)
        nothing = do("nothing", plain)
        if nothing.changed:
            raise SystemExit("the second apply has changed something")
        cabled, _ends = with_cable(plain, 0, "eth3")
        do("cable", cabled)
        cabled, ends = with_cable(cabled, 2 if count > 3 else 0, "eth4")
        do("cable, only", cabled, only=ends)
        do("address", with_address(cabled, "10.0.200.1/16"))
        do("away", None, state="absent")
    return found


def _check(lab: Lab, plain: Config) -> None:
    """It is a lab: neighbours reach each other in the segment and over the cables."""
    count = len(plain["guests"])
    if count > 1 and not (lab.reaches("g1", f"10.0.0.{count}") and lab.reaches("g1", "10.255.0.1")):
        raise SystemExit("the guests do not reach each other")


def call(lab: Lab, options: dict[str, Any], wanted: Config | None) -> Call:
    before = measure.cpu_seconds()
    told = _in_a_worker(lambda: _run(lab, options, wanted))
    after = measure.cpu_seconds()
    return Call(
        measure.Cost(told["wall"], after - before), told["python"], told["phases"], told["durations"], told["changed"]
    )


def _run(lab: Lab, options: dict[str, Any], wanted: Config | None) -> dict[str, Any]:
    """Call the module, and see how long it plans, works, and looks at the outcome."""
    phases = {"plan": 0.0, "work": 0.0}
    runner._plan = _timed(runner._plan, phases, "plan")
    runner._apply = _timed(runner._apply, phases, "work")
    began = time.perf_counter()
    try:
        result = lab.scenario(_NAME, wanted, **options)
    except Refused as refused:
        return {"failed": str(refused)}
    wall = time.perf_counter() - began
    phases["look"] = wall - sum(phases.values())
    return {
        "wall": wall,
        # Its children are guests, which go on, and processes that put their roots together.
        "python": time.process_time(),
        "phases": phases,
        "durations": result["durations"],
        "changed": result["changed"],
    }


def _timed(function: Callable[..., Any], phases: dict[str, float], name: str) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            phases[name] += time.perf_counter() - began

    return timed


def _in_a_worker(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a function returns in a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            with os.fdopen(write, "w") as pipe:
                json.dump(function(), pipe)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    told: dict[str, Any] = json.loads(text) if text else {"failed": "it ended without a word; see above"}
    if "failed" in told:
        raise SystemExit(f"dumm_scenario: {told['failed']}")
    return told
