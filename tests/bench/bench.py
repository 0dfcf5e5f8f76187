# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast a lab is built and changed, beside what its kernels alone cost and beside Mininet.  Run by ``make bench``.

The three take turns, several times over, so that whatever else the machine does hits all of them; ratios are what counts.
``BENCH_SIZES=1,10`` limits the numbers of guests, ``BENCH_KERNELS=default`` the kernels below ``kernels`` of the tests' base; where
that has a tuned one, both are measured.  ``BENCH_PARTS=lab`` limits what is measured to labs; the other parts are ``boot``,
``traffic``, ``cpu``, ``confine``, ``unions``, ``inside``, ``testing`` and ``sharing``, and where they are asked for ``thousand``
and ``several``.
Tables are printed, at last that of the goals beside the result that is committed, and all that was measured is written as JSON to the file
that is the argument.  Nothing depends on the outcome: times make no test.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import platform
import re
import signal
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bare
import goals
import measure
import ours
from lab import BASE, TUNED

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import kernels

_MEM = 64
_PARTS = ("lab", "boot", "traffic", "cpu", "confine", "unions", "inside", "testing", "sharing")
_SIZES = (1, 10, 50, 100, 150)
# No further round is begun after so many seconds.
_ENOUGH = float(os.environ.get("BENCH_SECONDS", "420"))
# Debian's package of Mininet is for the distribution's Python.
_SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass
class Size:
    """All measurements with one kernel and number of guests."""

    kernel: str
    count: int
    labs: list[ours.Round] = field(default_factory=list)
    segment: list[ours.Call] = field(default_factory=list)
    bare: list[dict[str, Any]] = field(default_factory=list)
    peer: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How many there are to be: a small lab is measured often, a large one seldom."""
        return 7 if self.count <= 1 else 5 if self.count <= 10 else 3

    def measure(self) -> None:
        """One round."""
        self.bare.append(bare.measured(self.kernel, _MEM, self.count))
        self.peer.append(measure.yardstick(_SYSTEM_PYTHON, "peer.py", str(self.count)))
        self.segment.append(ours.measure_segment(self.count, _MEM, self.kernel))
        self.labs.append(ours.measure_lab(self.count, _MEM, self.kernel))

    def calls(self, what: str) -> list[ours.Call]:
        """One of the module's calls in all rounds."""
        return [each.calls[what] for each in self.labs]

    def walls(self, what: str) -> list[float]:
        """Its seconds."""
        return [call.spent.wall for call in self.calls(what)]

    def worked(self, what: str) -> list[float]:
        """The seconds that its steps took."""
        return [call.phases["work"] for call in self.calls(what)]


def rounds(sizes: list[Size]) -> None:
    """Measure, all sizes in turn."""
    began = time.monotonic()
    for number in range(max(size.rounds for size in sizes)):
        for size in sizes:
            enough = size.labs and time.monotonic() - began > _ENOUGH
            if number < size.rounds and not enough:
                told = f"round {number + 1} of {size.count} guests on kernel {size.kernel}"
                print(f"  {time.monotonic() - began:4.0f} s: {told}", file=sys.stderr)
                size.measure()


# The table

Column = Callable[[Size], str]
Row = tuple[str, Column | None]


def _two(values: list[float], digits: int = 2) -> str:
    return f"{min(values):.{digits}f} / {statistics.median(values):.{digits}f}"


def _ratio(ours_: list[float], theirs: list[float]) -> str:
    """Of the minima, which other work on the machine spoils least, and of the medians."""
    return f"{min(ours_) / min(theirs):.2f} / {statistics.median(ours_) / statistics.median(theirs):.2f}"


def _of(records: list[dict[str, Any]], what: str, kind: str = "wall") -> list[float]:
    return [each[what][kind] for each in records]


def _middle(values: list[float], digits: int = 2) -> str:
    return f"{statistics.median(values):.{digits}f}"


def _seconds(calls: list[ours.Call]) -> list[float]:
    return [call.spent.wall for call in calls]


def _allowed(size: Size) -> list[float]:
    return [1.3 * wall + 0.01 * size.count for wall in _of(size.bare, "ready")]


def _compared(sizes: list[Size]) -> Column:
    """Seconds per guest, compared with those at ten guests, or whatever is nearest to that."""
    base = min((size.count for size in sizes), key=lambda count: abs(count - 10))
    bases = {size.kernel: size for size in sizes if size.count == base}
    return lambda size: _ratio(
        [wall / size.count for wall in size.walls("apply")],
        [wall / bases[size.kernel].count for wall in bases[size.kernel].walls("apply")],
    )


def rows(sizes: list[Size]) -> list[Row]:
    """Of the whole table; a row without a column is a heading."""
    calls = {
        "apply": "apply from nothing",
        "nothing, at once": "apply again at once, all are asked",
        "nothing": "apply again, nothing to do",
        "cable": "one cable more",
        "cable, only": "one cable more, only: its guests",
        "address": "one address changed",
        "away": "all taken away",
    }
    return [
        ("rounds", lambda size: str(len(size.labs))),
        ("SECONDS, min / median", None),
        ("the segment alone, from nothing", lambda size: _two(_seconds(size.segment))),
        *((text, lambda size, what=what: _two(size.walls(what))) for what, text in calls.items()),
        ("  the steps of one cable more", lambda size: _two(size.worked("cable"), 3)),
        ("  the steps of it, only: its guests", lambda size: _two(size.worked("cable, only"), 3)),
        ("bare loop: N kernels ready", lambda size: _two(_of(size.bare, "ready"))),
        ("bare loop: killed", lambda size: _two(_of(size.bare, "gone"))),
        ("Mininet: the segment alone", lambda size: _two(_of(size.peer, "ready"))),
        ("Mininet: addLink", lambda size: _two(_of(size.peer, "link"), 3)),
        ("Mininet: stop", lambda size: _two(_of(size.peer, "gone"))),
        ("CPU SECONDS, median", None),
        *(
            (text, lambda size, what=what: _middle([call.spent.cpu for call in size.calls(what)]))
            for what, text in calls.items()
        ),
        ("  apply from nothing, the module alone", lambda size: _middle([c.python for c in size.calls("apply")])),
        ("  nothing to do, the module alone", lambda size: _middle([c.python for c in size.calls("nothing")])),
        ("bare loop: N kernels ready", lambda size: _middle(_of(size.bare, "ready", "cpu"))),
        ("Mininet: the segment alone", lambda size: _middle(_of(size.peer, "ready", "cpu"))),
        ("MEMORY, MiB per guest, median", None),
        ("lab", lambda size: _middle([each.memory for each in size.labs], 1)),
        ("bare loop", lambda size: _middle([each["memory"] for each in size.bare], 1)),
        ("Mininet", lambda size: _middle([each["memory"] for each in size.peer], 1)),
        ("RATIOS, of the minima / of the medians", None),
        ("apply : bare loop", lambda size: _ratio(size.walls("apply"), _of(size.bare, "ready"))),
        ("apply : 1.3 bare loop + 10 ms a guest   <= 1 at 100", lambda s: _ratio(s.walls("apply"), _allowed(s))),
        ("the segment : Mininet's   <= 1, tuned kernel", lambda s: _ratio(_seconds(s.segment), _of(s.peer, "ready"))),
        ("nothing to do : 2 s   <= 1 at 100", lambda size: _ratio(size.walls("nothing"), [2.0])),
        ("a cable's steps : addLink   <= 1", lambda s: _ratio(s.worked("cable"), _of(s.peer, "link"))),
        ("  only: its guests   <= 1", lambda s: _ratio(s.worked("cable, only"), _of(s.peer, "link"))),
        ("apply, per guest : at 10   about 1", _compared(sizes)),
        ("all taken away : Mininet's stop", lambda s: _ratio(s.walls("away"), _of(s.peer, "gone"))),
    ]


def table(sizes: list[Size]) -> str:
    """All of it, as text."""
    found = [(text, [column(size) for size in sizes] if column else None) for text, column in rows(sizes)]
    first = max(len(text) for text, _cells in found) + 2
    width = max(len(cell) for _text, cells in found for cell in cells or ()) + 3
    lines = [f"{'kernel':{first}}" + "".join(f"{_release(size.kernel):>{width}}" for size in sizes)]
    lines += [f"{'guests':{first}}" + "".join(f"{size.count:>{width}}" for size in sizes)]
    for text, cells in found:
        lines.append(f"{text:{first}}" + "".join(f"{cell:>{width}}" for cell in cells) if cells else f"\n{text}")
    return "\n".join(lines)


def where_the_time_goes(size: Size) -> str:
    """The module's phases and durations, of the fastest round."""
    lines = [
        f"WHERE THE TIME GOES, {size.count} guests on {_release(size.kernel)}, fastest round "
        "(steps overlap: their sum is more than the wall time)"
    ]
    for what in ("apply", "nothing, at once", "nothing", "cable", "cable, only", "address", "away"):
        call = min(size.calls(what), key=lambda each: each.spent.wall)
        parts = ", ".join(f"{name} {seconds:.3f}" for name, seconds in call.phases.items())
        lines.append(
            f"{what}: {call.spent.wall:.3f} s ({parts}); CPU {call.spent.cpu:.2f}, of the module {call.python:.2f}"
        )
        kinds: dict[str, list[float]] = {}
        for step in call.durations:
            kinds.setdefault(_kind(step["step"]), []).append(step["seconds"])
        for kind, seconds in sorted(kinds.items(), key=lambda item: -sum(item[1])):
            lines.append(
                f"    {kind:12} {len(seconds):4} steps, sum {sum(seconds):8.3f}, "
                f"median {statistics.median(seconds):.4f}, longest {max(seconds):.4f}"
            )
    return "\n".join(lines)


def _kind(step: str) -> str:
    """``start guest g1`` is a start, ``bridge lan`` a bridge."""
    return step.split(" ", 1)[0]


def _release(name: str) -> str:
    return kernels.inspect((BASE / "kernels" / name / "linux").resolve(), "bench").release


def _machine() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} CPUs ({cpu[1] if cpu else 'unknown'}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n"
        f"guests: {_MEM} MB, minimal init; one segment and a ring of cables"
    )


def _chosen() -> list[Size]:
    """The kernels and sizes to measure."""
    sizes = [int(word) for word in (os.environ.get("BENCH_SIZES") or ",".join(map(str, _SIZES))).split(",")]
    tuned = [TUNED] if (BASE / "kernels" / TUNED / "linux").exists() else []
    names = os.environ.get("BENCH_KERNELS", ",".join(["default", *tuned])).split(",")
    return [Size(name, count) for name in names for count in sizes]


def _end(_number: int, _frame: object) -> None:
    raise SystemExit("ended by a signal")


def _labs() -> tuple[dict[str, Any], str]:
    """The labs' part: what was measured, and the tables."""
    sizes = _chosen()
    machine = _machine()
    rounds(sizes)
    told = {"machine": machine, "sizes": [dataclasses.asdict(size) for size in sizes]}
    return told, f"{machine}\n\n{table(sizes)}\n\n{where_the_time_goes(sizes[-1])}"


def _part(name: str) -> tuple[dict[str, Any], str]:
    """Another part."""
    module = importlib.import_module(name)
    if hasattr(module, "install"):
        module.install()
    found = module.measure()
    return found, module.table(found)


def main() -> None:
    """Measure and print."""
    signal.signal(signal.SIGTERM, _end)
    measure.adopt_orphans()
    told = {}
    before = goals.committed()
    for name in os.environ.get("BENCH_PARTS", ",".join(_PARTS)).split(","):
        print(f"measuring: {name}", file=sys.stderr)
        told[name], text = _labs() if name == "lab" else _part(name)
        print(f"\n{text}", flush=True)
        if len(sys.argv) > 1:
            Path(sys.argv[1]).write_text(json.dumps(told, indent=1) + "\n")
    print(f"\n{goals.table(told, before)}", flush=True)


if __name__ == "__main__":
    main()
