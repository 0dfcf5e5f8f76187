# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What programs in a guest cost, beside the same program on the host: system calls, fork and exec, files on the union.

On the host files are made on the file system that the union's layers are on.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from typing import Any

import load
from load import End

_ROUNDS = 3
_CALLS = 200000
_PROGRAMS = 200
_FILES = 2000
WHATS = ("system call", "fork, exec, wait", "file: create", "file: stat", "file: unlink")
_HOST = "host"

install = load.install


def one_round(end: End, directory: str) -> list[float]:
    """Seconds that each of :data:`WHATS` takes somewhere."""
    return [*end.run("calls", _CALLS), *end.run("programs", _PROGRAMS), *end.run("files", directory, _FILES)]


def measure() -> dict[str, Any]:
    """Let all work in turn, several times over.

    :return: ``rows``: what, who, and the seconds of all rounds.
    """
    rows: dict[tuple[str, str], list[float]] = {}
    with load.layer() as place:
        for _number in range(_ROUNDS):
            with tempfile.TemporaryDirectory() as directory:
                rounds = {_HOST: one_round(load.on_host(place), directory)}
            for kernel in load.kernels():
                with load.guests(kernel, place) as (_host, guests):
                    rounds[kernel.who] = one_round(guests["a"], "/root")
            for who, seconds in rounds.items():
                for what, each in zip(WHATS, seconds, strict=True):
                    rows.setdefault((what, who), []).append(each)
    return {
        "rows": [{"what": what, "who": who, "seconds": seconds} for (what, who), seconds in rows.items()],
        "load": os.getloadavg()[0],
    }


def table(found: dict[str, Any]) -> str:
    """Medians, minima, and the ratio of medians to the host's."""
    lines = [
        f"A GUEST'S CPU (microseconds each; load {found['load']:.1f}; the ratio is that of the medians to the host's)"
    ]
    for what in WHATS:
        rows = [row for row in found["rows"] if row["what"] == what]
        host = next(statistics.median(row["seconds"]) for row in rows if row["who"] == _HOST)
        lines.append(f"\n{what:<26}{'median':>10}{'least':>10}{'ratio':>8}")
        for row in rows:
            middle = statistics.median(row["seconds"])
            cells = f"{middle * 1e6:10.2f}{min(row['seconds']) * 1e6:10.2f}{middle / host:8.2f}"
            lines.append(f"  {row['who']:<24}{cells}")
    return "\n".join(lines)
