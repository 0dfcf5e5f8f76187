# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thousand guests on one bridge: made, each pinged from another, made again with nothing to do, taken away.

A Linux bridge takes 1023 ports.  ``BENCH_THOUSAND=300`` makes fewer; they need 8 MB of memory each.
"""

from __future__ import annotations

import os
from typing import Any

import measure as meter
import ours
from lab import BASE, TUNED, Lab, fresh_lab, processes_of

_MEM = 64
_WANTED = 30.0
_TIMEOUT = 600


def measure() -> dict[str, Any]:
    """Once through.

    :return: seconds of the three calls, CPU seconds, MiB per guest, and how many guests could not be reached.
    """
    count = int(os.environ.get("BENCH_THOUSAND", "1000"))
    kernel = TUNED if (BASE / "kernels" / TUNED / "linux").exists() else "default"
    config = {**ours.config(count, _MEM), "links": []}
    with fresh_lab(kernel=kernel) as lab:
        made = ours.call(lab, {"state": "present", "wait_timeout": _TIMEOUT}, config)
        memory = meter.memory(processes_of({lab.name}).__contains__) / count
        unreached = _unreached(lab, count)
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
        "left": left,
        "load": os.getloadavg()[0],
    }


def _unreached(lab: Lab, count: int) -> int:
    """How many guests are not reached: all by the first, that by the last."""
    script = "for name in %s; do ping -c 1 -w 5 $name >/dev/null || echo $name; done"
    names = [f"g{number}" for number in range(2, count + 1)]
    chunks = [names[start : start + 100] for start in range(0, len(names), 100)]
    lost = sum(len(lab.read("g1", script % " ".join(chunk)).split()) for chunk in chunks)
    return lost + (not lab.reaches(f"g{count}", "g1"))


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
        ]
    )
