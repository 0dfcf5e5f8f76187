# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throughput and round-trip times of guests, beside a pair of veth interfaces between two namespaces, which is the limit.

TCP is one connection with blocks of 128 KB, UDP datagrams of 1400 bytes as fast as they go (what arrives counts), the round trip one
datagram of 64 bytes each way.  All take turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import load
from load import End

_SECONDS = 0.7
_ROUNDS = 3
_QUESTIONS = 1000
_DATAGRAM = 1400
_PORT = 5001
_LIMIT = "veth pair"
_LEGACY = (
    "legacy tuntap: only in the kernels up to bookworm's 6.1, which is not measured here; the vector driver replaced it"
)
_UNITS = {"TCP": "Mbit/s", "UDP": "Mbit/s", "round trip": "us"}

install = load.install


@contextmanager
def _veth(place: Path) -> Iterator[tuple[End, End]]:
    names = [f"dumm-bench-{os.getpid()}-{end}" for end in "ab"]
    ends = [load.on_host(place, name, f"10.0.0.{number}") for number, name in enumerate(names, 1)]
    try:
        for name in names:
            _ip("netns", "add", name)
        _ip("-n", names[0], "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", names[1])
        for end in ends:
            _ip("-n", end.namespace, "address", "add", f"{end.address}/24", "dev", "v0")
            _ip("-n", end.namespace, "link", "set", "v0", "up")
        yield ends[0], ends[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _between(sender: End, receiver: End) -> dict[str, list[float]]:
    """One round: bits per second, and median seconds there and back."""
    found: dict[str, list[float]] = {what: [] for what in _UNITS}
    with ThreadPoolExecutor(1) as pool:
        for what, server, client in (
            ("TCP", ("sink", _PORT), ("tcp", receiver.address, _PORT, _SECONDS)),
            ("UDP", ("swallow", _PORT), ("udp", receiver.address, _PORT, _SECONDS, _DATAGRAM)),
        ):
            served = pool.submit(receiver.run, *server)
            sender.run(*client)
            found[what].append(served.result()[0] * 8)
        served = pool.submit(receiver.run, "echo", _PORT, _QUESTIONS)
        found["round trip"].append(sender.run("ask", receiver.address, _PORT, _QUESTIONS)[1])
        served.result()
    return found


def measure() -> dict[str, Any]:
    """Send, all in turn, several times over.

    :return: ``rows``: what, between whom, on what, and the values of all rounds.
    """
    values: dict[tuple[str, str, str], list[float]] = {}

    def add(way: str, who: str, found: dict[str, list[float]]) -> None:
        for what, some in found.items():
            values.setdefault((what, way, who), []).extend(some)

    with load.layer() as place:
        for _round in range(_ROUNDS):
            with _veth(place) as (left, right):
                add("", _LIMIT, _between(left, right))
            for kernel in load.kernels():
                with load.guests(kernel, place) as (host, guests):
                    add("guest to host", kernel.who, _between(guests["a"], host))
                    add("host to guest", kernel.who, _between(host, guests["a"]))
                    add("guest to guest", kernel.who, _between(guests["a"], guests["b"]))
    rows = [{"what": what, "way": way, "who": who, "values": found} for (what, way, who), found in values.items()]
    return {"rows": rows, "load": os.getloadavg()[0]}


def table(found: dict[str, Any]) -> str:
    """Medians, best values, and the ratio of medians to the limit."""
    lines = [f"TRAFFIC (load {found['load']:.1f}; the ratio is that of the medians to a {_LIMIT})"]
    for what, unit in _UNITS.items():
        rows = [row for row in found["rows"] if row["what"] == what]
        limit = next(statistics.median(row["values"]) for row in rows if row["who"] == _LIMIT)
        better = min if what == "round trip" else max
        lines.append(f"\n{f'{what}, {unit}':<40}{'median':>10}{'best':>10}{'ratio':>8}")
        for row in sorted(rows, key=lambda row: row["way"]):
            middle = statistics.median(row["values"])
            lines.append(
                f"  {row['way']:<16}{row['who']:<22}{_shown(middle, unit)}{_shown(better(row['values']), unit)}"
                f"{middle / limit:8.2f}"
            )
    return "\n".join([*lines, "", _LEGACY])


def _shown(value: float, unit: str) -> str:
    return f"{value * 1e6:10.1f}" if unit == "us" else f"{value / 1e6:10.0f}"
