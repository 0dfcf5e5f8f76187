# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seconds, CPU seconds and memory of this process and of everything that it has started.

Nobody else's work on the machine is counted: CPU is what this process has used, what its children had used that have ended, and
what those have used that live (guests are among them).  Memory is the proportional set size (proc_pid_smaps(5)), in which pages
that several processes share count once.  Kernel threads, page tables and the like are in neither.

Only the standard library, and no word of the collection: the yardsticks measure themselves with it, too.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_HERE = Path(__file__).resolve().parent
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """What something took.

    :ivar wall: seconds.
    :ivar cpu: seconds.
    """

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def cost() -> Iterator[Cost]:
    """Measure what is done meanwhile; the result is filled in at the end."""
    found = Cost()
    cpu = cpu_seconds()
    began = time.perf_counter()
    yield found
    found.wall = time.perf_counter() - began
    found.cpu = cpu_seconds() - cpu


def adopt_orphans() -> None:
    """Be the parent of every descendant whose own has ended (PR_SET_CHILD_SUBREAPER(2const)), so that none gets lost."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def collect_orphans() -> None:
    """Take notice of all children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def cpu_seconds() -> float:
    """CPU seconds up to now."""
    collect_orphans()
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    lived = sum(_cpu_of(pid) for pid in descendants())
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + lived


def memory(of: Callable[[int], bool] = lambda _pid: True) -> float:
    """MiB of all descendants that ``of`` chooses."""
    return sum(_kilobytes(pid) for pid in descendants() if of(pid)) / 1024


def descendants(of: int | None = None) -> list[int]:
    """All living processes that this one, or another, has started, whoever of them did."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [os.getpid() if of is None else of]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def yardstick(python: str, script: str, *arguments: str) -> dict[str, Any]:
    """Run one in namespaces of its own, with which all that it made is gone."""
    done = subprocess.run(
        [*_NAMESPACES, python, _HERE / script, *arguments], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode != 0:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _stat(pid: int) -> list[str]:
    """Fields of proc_pid_stat(5) from the third on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_of(pid: int) -> float:
    fields = _stat(pid)
    if not fields:
        return 0.0
    waited_for = (int(fields[13]) + int(fields[14])) / _TICK
    try:
        # Exact, where the ticks of a process that has only begun would all be rounded away.
        tasks = [Path(task.path, "schedstat").read_text() for task in os.scandir(f"/proc/{pid}/task")]
        return waited_for + sum(int(task.split()[0]) for task in tasks) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return waited_for + (int(fields[11]) + int(fields[12])) / _TICK


def _kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
