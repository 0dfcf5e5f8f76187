# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What confinement costs: labs of confined guests beside labs of those that are not, and the same work in a guest of each."""

from __future__ import annotations

import os
import statistics
from typing import Any

import cpu
import load
import ours
from lab import fresh_lab

_MEM = 64
# Guests, and how often such a lab is made of each kind.
_LABS = {1: 7, 20: 5, 150: 3}
_ROUNDS = 3
_KINDS = {"confined": True, "not confined": False}
_TARGET = 1.25

install = load.install


def _lab(count: int, confine: bool) -> list[float]:
    """Seconds to build a segment of guests and to take it away, wall and CPU of the whole machine."""
    config = {**ours.config(count, _MEM), "links": []}
    config["defaults"] = {**config.get("defaults", {}), "confine": confine}
    with fresh_lab() as lab:
        made = ours.call(lab, {"state": "present", "wait_timeout": 300}, config)
        away = ours.call(lab, {"state": "absent"}, None)
    return [made.spent.wall, made.spent.cpu, away.spent.wall]


def measure() -> dict[str, Any]:
    """Let both kinds take turns.

    :return: ``labs`` and ``work``: what, kind, and the seconds of all rounds.
    """
    labs: dict[tuple[str, str], list[float]] = {}
    for count, times in _LABS.items():
        for _number in range(times):
            for kind, confine in _KINDS.items():
                for what, seconds in zip(("up", "up, CPU", "away"), _lab(count, confine), strict=True):
                    labs.setdefault((f"{count} guests: {what}", kind), []).append(seconds)
    work: dict[tuple[str, str], list[float]] = {}
    with load.layer() as place:
        for _number in range(_ROUNDS):
            for kind, confine in _KINDS.items():
                with load.guests(load.Kernel(kind, "default", confine=confine), place) as (_host, guests):
                    for what, seconds in zip(cpu.WHATS, cpu.one_round(guests["a"], "/root"), strict=True):
                        work.setdefault((what, kind), []).append(seconds)
    return {"labs": _rows(labs), "work": _rows(work), "load": os.getloadavg()[0]}


def _rows(found: dict[tuple[str, str], list[float]]) -> list[dict[str, Any]]:
    return [{"what": what, "kind": kind, "seconds": seconds} for (what, kind), seconds in found.items()]


def table(found: dict[str, Any]) -> str:
    """Medians of each kind, and the ratios of the medians and of the minima."""
    lines = [f"CONFINEMENT (load {found['load']:.1f}; ratios confined : not; target {_TARGET} for 150 guests up)"]
    for part, unit, factor in (("labs", "s", 1.0), ("work", "us", 1e6)):
        lines.append(f"\n{'':<28}{'confined':>12}{'not':>12}{'medians':>9}{'least':>8}")
        for what in dict.fromkeys(row["what"] for row in found[part]):
            confined, bare = (
                next(row["seconds"] for row in found[part] if (row["what"], row["kind"]) == (what, kind))
                for kind in _KINDS
            )
            middle, least = (of(confined) / of(bare) for of in (statistics.median, min))
            shown = [f"{statistics.median(each) * factor:.2f} {unit}" for each in (confined, bare)]
            lines.append(f"  {what:<26}{shown[0]:>12}{shown[1]:>12}{middle:9.2f}{least:8.2f}")
    return "\n".join(lines)
