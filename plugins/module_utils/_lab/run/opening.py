# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The context of one run, made once: its arguments, and the working directory with all disks.

A run is either :func:`ours`, which holds the lock and has attached all disks, or it is :func:`looking`, which changes nothing, waits
for nobody, and reads disks that are not mounted out of their images.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..guest import processes
from ..host import disks, limits, lock, namespaces, netlink
from ..host.workdir import Workdir
from ..model.errors import DummError, HostError, InvalidInput, from_oserror
from . import lifecycle, quiet, settle
from .events import Publisher, Subscriber
from .narration import Stopwatch
from .observe import nameless_namespace
from .report import RunFailed

_STOP_SECONDS = 60.0

Params = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
    """What all parts of one run work with.

    :ivar params: arguments of the module, complete.
    :ivar check: whether to change nothing.
    :ivar publish: passes events on to all subscribers.
    :ivar stopwatch: one of them.
    :ivar warnings: those of the report, in order.
    :ivar done: what was done so far, in words.
    """

    workdir: Workdir
    params: Params
    check: bool
    publish: Subscriber
    stopwatch: Stopwatch
    warnings: list[str]
    done: list[str]

    def warn(self, warning: str) -> None:
        """Add a warning to the report."""
        self.warnings.append(warning)


@contextmanager
def ours(params: Params, check: bool, subscriber: Subscriber) -> Iterator[Run]:
    """A run that has the working directory until its end, mended; in check mode one that looks.

    :raises RunFailed: for every error that a user can act on, here and in the run.
    """
    with _begun(params, check, subscriber) as run:
        run.workdir.check_format()
        with _peeked(run) if check else _locked(run) as ready:
            yield ready


@contextmanager
def looking(params: Params, check: bool, subscriber: Subscriber) -> Iterator[Run]:
    """A run that only looks, also at the lab of a newer version.

    :raises RunFailed: as :func:`ours`.
    """
    with _begun(params, check, subscriber) as run, _peeked(run) as ready:
        yield ready


@contextmanager
def _begun(params: Params, check: bool, subscriber: Subscriber) -> Iterator[Run]:
    stopwatch = Stopwatch()
    publish = Publisher(subscriber, stopwatch)
    warnings: list[str] = []
    done: list[str] = []
    try:
        yield Run(_workdir(params), params, check, publish, stopwatch, warnings, done)
    except RunFailed:
        raise
    except (DummError, OSError, MemoryError, RuntimeError) as exc:
        if (error := _actionable(exc)) is None:
            raise
        raise RunFailed(error, done=done, warnings=warnings) from exc


def _actionable(exc: Exception) -> DummError | None:
    """The error that a user can act on, if it is one."""
    if isinstance(exc, DummError):
        return exc
    return from_oserror("this task", "work on", exc) if isinstance(exc, OSError) else limits.from_shortage(exc)


def _workdir(params: Params) -> Workdir:
    """The working directory, after the checks that need nothing of it."""
    if os.geteuid() != 0:
        # First: libraries may lie where only root can read them.
        raise HostError(
            "this task", "it is not run as root, which namespaces, TAPs and mounts need", "add become: true"
        )
    netlink.check_library()
    limits.widen()
    for option in ("workdir", "src"):
        if "\0" in (params.get(option) or ""):
            raise InvalidInput(
                "this task", f"{option}: there is a NUL in the path, which no path can have", "leave it out"
            )
    workdir = Workdir.at(params["workdir"])
    if workdir.path.exists() and not workdir.path.is_dir():
        raise InvalidInput(workdir.label, "it is not a directory", "give workdir another path")
    return workdir


@contextmanager
def _peeked(run: Run) -> Iterator[Run]:
    with disks.peek(run.workdir) as workdir:
        yield dataclasses.replace(run, workdir=workdir)


@contextmanager
def _locked(run: Run) -> Iterator[Run]:
    workdir = run.workdir
    workdir.create()
    purpose = run.params.get("name") or "a run"
    with lock.hold(workdir.lock, workdir.label, f"working on {purpose}", float(run.params["lock_timeout"])):
        run = dataclasses.replace(run, workdir=disks.attach(workdir))
        _mend(run)
        yield run


def _mend(run: Run) -> None:
    """Finish or take back what a killed run, or others, left half done."""
    workdir = run.workdir
    workdir.sweep()
    if (told := settle.settle(workdir)) is not None:
        run.warn(told)
    lifecycle.trim_logs(workdir)
    _restore_namespace(run)
    netns = namespaces.path_of(workdir.netns() or workdir.lab_name)
    quiet.open_again(workdir)
    lifecycle.finish_stops(workdir, netns, float(run.params.get("wait_timeout") or _STOP_SECONDS))


def _restore_namespace(run: Run) -> None:
    """Give the lab's network namespace its name back, where somebody has deleted that under running guests."""
    workdir = run.workdir
    netns = workdir.netns() or workdir.lab_name
    if namespaces.exists(netns):
        return
    known = [processes.read(workdir.guest(name)) for name in workdir.guest_names()]
    place = nameless_namespace(workdir, netns, known)
    if place is not None:
        netlink.name_again(netns, place)
        run.warn(f"network namespace {netns} had lost its name under running guests, and has it again")
