# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More labs like one, so that tests run side by side: working directories below ``copies`` of the first.

A copy has links to the kernels, masters, scenarios and layers of the first, guests of its own by the same scenario, and a copy of what the
guests of the first have written.  It is a lab of its own: its network namespace, its users and its processes are nobody else's.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..host import files
from ..host.workdir import GuestDir, Workdir
from ..model import options
from ..model.errors import from_oserror
from ..run.events import Subscriber
from ..run.runner import run_guest, run_scenario
from .source import Described

DIRECTORY = "copies"
# Directories of a lab's own state; any other, such as one of layers, is shared.
_OWN = {DIRECTORY, "agents", "applied", "bridges", "captures", "disks", "guests", "rendered", "results"}
# Directories whose entries are linked one by one: a copy may have more.
_SHARED_BY_ENTRY = ("kernels", "masters", "scenarios")
_STOP_SECONDS = 5


def beside(workdir: Workdir, name: str) -> Workdir:
    """A working directory with the kernels, masters, scenarios and layers of another, and without a lab.

    :raises HostError: where it cannot be made.
    """
    place = Workdir.at(str(workdir.path / DIRECTORY / name))
    try:
        place.path.mkdir(mode=0o700, parents=True)
        _link(workdir.path, place.path)
    except OSError as exc:
        raise from_oserror(f"lab {workdir.path}", "copy it to", exc) from exc
    return place


def copied(workdir: Workdir, number: int, lab: Described, *, publish: Subscriber) -> Workdir:
    """A copy of a lab, whose guests have not been started yet.  It stays; :func:`remove` removes it.

    :param number: of the copy, from 2 on, for the first lab is the first.
    :raises DummError: where it cannot be made.
    """
    place = beside(workdir, str(number))
    run_scenario({**lab.params(str(place.path), {}), "state": "stopped"}, subscriber=publish)
    for name in place.guest_names():
        _copy_written(workdir.guest(name), place.guest(name), lab.scenario.name)
    return place


def _copy_written(source: GuestDir, target: GuestDir, scenario: str) -> None:
    """What a guest has written: its own, and while the scenario was loaded."""
    for written, place in (
        (source.diff, target.diff),
        (source.scratch / scenario, target.scratch / scenario),
    ):
        if written.is_dir():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            files.copy_tree(written, place, f"guest {source.name}", "copy what it wrote")


def _link(source: Path, target: Path) -> None:
    """Share what is not a lab's own."""
    for entry in os.scandir(source):
        if not entry.is_dir() or entry.name in _OWN or entry.name.startswith("."):
            continue
        if entry.name not in _SHARED_BY_ENTRY:
            (target / entry.name).symlink_to(entry.path)
            continue
        (target / entry.name).mkdir()
        for each in os.scandir(entry.path):
            if not each.name.startswith("."):
                (target / entry.name / each.name).symlink_to(os.path.realpath(each.path))


def remove(workdir: Workdir, *, publish: Subscriber) -> None:
    """Remove all copies of a lab, those of a run that was killed as well.

    :raises DummError: where one cannot be removed.
    """
    for place in sorted((workdir.path / DIRECTORY).glob("*/")):
        remove_one(Workdir.at(str(place)), publish=publish)
    files.remove_tree(workdir.path / DIRECTORY)


def remove_one(copy: Workdir, *, publish: Subscriber) -> None:
    """Remove a copy.

    :raises DummError: where it cannot be removed.
    """
    if copy.identity.exists():
        _take_down(copy, publish)
    files.remove_tree(copy.path)


def _take_down(copy: Workdir, publish: Subscriber) -> None:
    """End all guests of a copy, and remove what is theirs on the host."""
    own = {"workdir": str(copy.path), "state": "absent", "wait_timeout": _STOP_SECONDS}
    lab = copy.load()
    names = {guest.scenario for guest in lab.guests.values()} | {bridge.scenario for bridge in lab.bridges.values()}
    for name in sorted(filter(None, names)):
        run_scenario(options.completed(options.SCENARIO, **own, name=name), subscriber=publish)
    for name in copy.guest_names():
        run_guest(options.completed(options.GUEST, **own, name=name), subscriber=publish)
