# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thousand guests on one bridge, with IPv4 and IPv6: made, each pinged from another, left alone for a minute, made again with nothing
to do, taken away; beside a bare loop of as many kernels.

A Linux bridge takes 1023 ports.  ``BENCH_THOUSAND=300`` makes fewer; they need 8 MB of memory each.
"""

from __future__ import annotations

import os
import time
from typing import Any

import bare
import measure as meter
import ours
from lab import BASE, TUNED, Lab, fresh_lab, processes_of

_MEM = 64
_WANTED = 20.0
_TIMEOUT = 600
# Long enough for what follows the start to be over, and for what the bridge asks every 125 s to be seen, if it does.
_SETTLED, _IDLE = 30.0, 130.0


def measure() -> dict[str, Any]:
    """Once through.

    :return: seconds of the three calls, CPU seconds, MiB per guest, how many guests could not be reached, CPU seconds a minute of the idle
        lab, and what the bare loop took.
    """
    count = int(os.environ.get("BENCH_THOUSAND", "1000"))
    kernel = TUNED if (BASE / "kernels" / TUNED / "linux").exists() else "default"
    config = {**ours.config(count, _MEM), "links": []}
    config["bridges"]["lan"]["prefix"] = ["10.0.0.0/16", "fd00:1::/64"]
    loop = bare.measured(kernel, _MEM, count)
    with fresh_lab(kernel=kernel) as lab:
        made = ours.call(lab, {"state": "present", "wait_timeout": _TIMEOUT}, config)
        memory = meter.memory(processes_of({lab.name}).__contains__) / count
        unreached = _unreached(lab, count)
        idle = _idle_cpu()
        again = ours.call(lab, {"state": "present", "wait_timeout": _TIMEOUT}, config)
        away = ours.call(lab, {"state": "absent"}, None)
        left = lab.leftovers()
    return {
        "count": count,
        "kernel": kernel,
        "seconds": {"made": made.spent.wall, "again": again.spent.wall, "away": away.spent.wall},
        "cpu": made.spent.cpu,
        "module": made.python,
        "memory": memory,
        "changed": again.changed,
        "unreached": unreached,
        "idle": idle,
        "bare": loop,
        "left": left,
        "load": os.getloadavg()[0],
    }


def _unreached(lab: Lab, count: int) -> int:
    """How many guests are not reached: all by the first, that by the last."""
    script = "for name in %s; do ping -4 -c 1 -w 5 $name >/dev/null && ping -6 -c 1 -w 5 $name >/dev/null || echo $name; done"
    names = [f"g{number}" for number in range(2, count + 1)]
    chunks = [names[start : start + 100] for start in range(0, len(names), 100)]
    lost = sum(len(lab.read("g1", script % " ".join(chunk)).split()) for chunk in chunks)
    return lost + (not lab.reaches(f"g{count}", "g1"))


def _idle_cpu() -> float:
    """CPU seconds a minute of the whole lab while nobody does anything."""
    time.sleep(_SETTLED)
    before = meter.cpu_seconds()
    time.sleep(_IDLE)
    return (meter.cpu_seconds() - before) / _IDLE * 60


def table(found: dict[str, Any]) -> str:
    """What it took."""
    seconds, count = found["seconds"], found["count"]
    verdict = "met" if seconds["made"] <= _WANTED else "MISSED"
    return "\n".join(
        [
            f"{count} GUESTS ON ONE BRIDGE (seconds; kernel {found['kernel']}, load {found['load']:.1f})",
            f"  made and ready              {seconds['made']:8.1f}  wanted at 1000: at most {_WANTED:g}, {verdict}",
            f"    CPU, of it the module     {found['cpu']:8.1f}  {found['module']:.1f}",
            f"  made again, nothing to do   {seconds['again']:8.1f}  {'CHANGED' if found['changed'] else 'nothing changed'}",
            f"  taken away                  {seconds['away']:8.1f}  {found['left'] or 'nothing left'}",
            f"  memory of a guest, MiB      {found['memory']:8.1f}",
            f"  not reached from another    {found['unreached']:8}",
            f"  idle, CPU a minute          {found['idle']:8.2f}",
            f"  bare loop of kernels        {found['bare']['ready']['wall']:8.1f}  CPU {found['bare']['ready']['cpu']:.1f}",
        ]
    )
