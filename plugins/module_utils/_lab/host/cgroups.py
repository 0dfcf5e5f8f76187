# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of the host a guest's processes may have at the most, by control groups (cgroups(7)), of version 1 or 2, where there are any.

A guest that behaves never comes near: these are for those that are meant to harm.  The groups are ``dumm/<lab>/<guest>`` below where each
controller is mounted.
"""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .wait import Deadline, poll_until

_TOP = "dumm"
_PERIOD = 100_000
_BURIAL_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """What a guest's processes may have together.

    :ivar memory: bytes.
    :ivar processes: of the host, one for each of the guest's and some.
    :ivar quota: whether to limit the time that they use of all CPUs together.  Those that cannot leave one CPU need none, and to count it
        takes time of everything that they do.
    """

    memory: int
    processes: int
    quota: bool = True

    def settings(self, controller: str, unified: bool) -> dict[str, str]:
        """What to write into a group's files.

        A guest's kernel and its programs take turns, so that a whole CPU is all that they can use, whatever their number.
        """
        if controller == "memory":
            return {"memory.max" if unified else "memory.limit_in_bytes": str(self.memory)}
        if controller == "pids":
            return {"pids.max": str(self.processes)}
        if not self.quota:
            return {}
        if unified:
            return {"cpu.max": f"{_PERIOD} {_PERIOD}"}
        return {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(_PERIOD)}

    def swap(self, controller: str, unified: bool) -> dict[str, str]:
        """What to write, where the kernel counts swap (memory.swap.max, memory.memsw.limit_in_bytes): as much again as there is memory."""
        if controller != "memory":
            return {}
        return (
            {"memory.swap.max": str(self.memory)} if unified else {"memory.memsw.limit_in_bytes": str(2 * self.memory)}
        )


CONTROLLERS = ("memory", "pids", "cpu")


def join(lab: str, guest: str, pid: int, limits: Limits) -> tuple[str, ...]:
    """Put a process, and all that it will start, into its guest's groups.

    :return: the controllers that limit it now.
    """
    limited = []
    for controller, place in _mounted().items():
        with suppress(OSError):
            group = place.path / _TOP / lab / guest
            group.mkdir(parents=True, exist_ok=True)
            if place.unified:
                _hand_down(place.path, group, controller)
            for name, value in limits.settings(controller, place.unified).items():
                _set(group, name, value)
            for name, value in limits.swap(controller, place.unified).items():
                with suppress(OSError):
                    _set(group, name, value)
            _set(group, "cgroup.procs", str(pid))
            limited.append(controller)
    return tuple(limited)


def _set(group: Path, name: str, value: str) -> None:
    # Ten of them for a guest, each in a third of the time that a text file takes.
    file = os.open(f"{group}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, value.encode())
    finally:
        os.close(file)


def _hand_down(top: Path, group: Path, controller: str) -> None:
    """Let the groups above a group give it a controller, which is for them to allow (version 2)."""
    for above in reversed([above for above in group.parents if above.is_relative_to(top)]):
        control = above / "cgroup.subtree_control"
        if controller not in control.read_text().split():
            control.write_text(f"+{controller}")


def leave(lab: str, guest: str) -> None:
    """Remove a guest's groups, of which no process may be left, and the lab's after its last guest."""
    groups = {place.path / _TOP / lab / guest for place in _mounted().values()}
    # The kernel may still be at burying what was in one.
    poll_until(lambda: True if all(map(_is_removed, groups)) else None, Deadline(_BURIAL_SECONDS))
    for group in groups:
        with suppress(OSError):
            group.parent.rmdir()


def _is_removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class _Place:
    path: Path
    unified: bool


@functools.cache
def _mounted() -> dict[str, _Place]:
    """Where each controller that we use is (proc_pid_mountinfo(5))."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        path = Path(fields[4].encode().decode("unicode_escape"))
        if kind == "cgroup":
            offered = set(options)
        elif kind == "cgroup2":
            with suppress(OSError):
                offered = set((path / "cgroup.controllers").read_text().split())
        else:
            continue
        for controller in offered & set(CONTROLLERS):
            if os.access(path, os.W_OK):
                found[controller] = _Place(path, kind == "cgroup2")
    return found
