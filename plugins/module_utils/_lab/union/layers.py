# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which layers a guest's root is made of, and which files of a running guest would be pulled from under its processes.

A guest without a scenario writes into its own ``diff``.  While one is loaded its writes go to a scratch layer that unloading throws
away, or, to be recorded, into the scenario; its ``diff`` is a layer below then.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..host.workdir import Workdir
from ..model.lab import Guest, Loaded
from ..model.root import Stack


def stack(workdir: Workdir, guest: Guest) -> Stack:
    """The layers of a guest as it is defined."""
    return _stack(workdir, guest, guest.loaded)


def _stack(workdir: Workdir, guest: Guest, loaded: Loaded | None) -> Stack:
    directory = workdir.guest(guest.name)
    if loaded is None:
        return Stack(_relative(workdir, directory.diff), own(workdir, guest))
    # What the user says of a file goes before what we say.
    rendered = [str(workdir.rendered(name)) for name in (loaded.files, loaded.hosts) if name is not None]
    scenario = workdir.scenario_layer(loaded.scenario, guest.name)
    upper = scenario if loaded.record else directory.scratch / loaded.scenario
    # Overlayfs takes no layer twice, and what lies below itself is not seen.
    over = dict.fromkeys((*rendered, *below_files(workdir, guest, loaded)))
    return Stack(_relative(workdir, upper), tuple(over))


def below_files(workdir: Workdir, guest: Guest, loaded: Loaded) -> tuple[str, ...]:
    """What lies over the master and below the files that the loaded scenario's file has, topmost first.

    That is all that the guest has of the scenario that it belongs to, too, where another one is loaded over it.
    """
    scenario = workdir.scenario_layer(loaded.scenario, guest.name)
    read_only = [str(scenario)] if not loaded.record and scenario.is_dir() else []
    below = _stack(workdir, guest, loaded.under)
    upper, *over = whole(workdir, below)
    # It is made when the guest writes to it for the first time.
    written = [upper] if loaded.under is None or Path(upper).is_dir() else []
    return (*read_only, *written, *over)


def own(workdir: Workdir, guest: Guest) -> tuple[str, ...]:
    """Absolute paths of the layers that a guest is defined with, topmost first."""
    return tuple(str(workdir.layer(layer)) for layer in guest.layers)


def _relative(workdir: Workdir, path: Path) -> str:
    return str(path.relative_to(workdir.path))


def busy_files(workdir: Workdir, pid: int, before: Stack, after: Stack) -> set[str]:
    """Files that a guest's processes hold open or mapped, of layers that come or go.

    They would stay the old ones, for new processes too, until the last of them closes it (docs/internals/unions.md).

    :param pid: the guest's main process, which holds every file of its root that is open in the guest.
    """
    changing = set(whole(workdir, before)) ^ set(whole(workdir, after))
    return {path for path in _open_files(pid) if any(os.path.lexists(layer + path) for layer in changing)}


def whole(workdir: Workdir, stack: Stack) -> tuple[str, ...]:
    """Paths of a stack's layers, topmost first."""
    return (str(workdir.path / stack.upper), *stack.over)


def holds_open(pid: int, path: str) -> bool:
    """Whether processes of a guest hold a file open or mapped.

    :param pid: the guest's main process.
    :param path: in the guest.
    """
    return path in _open_files(pid)


def _open_files(pid: int) -> set[str]:
    # Paths are told as from the root of the namespace, which is the process's own unless it was started from a chroot.
    top = os.readlink(f"/proc/{pid}/root").rstrip("/") + "/fs/"
    found: set[str] = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(entry.path)
            is_file = os.path.isfile(entry.path)
        except OSError:
            continue
        # A file of a union that was exchanged since it was opened is told as from that union's root, which is mounted nowhere.
        if is_file and target.startswith("/"):
            found.add("/" + target.removeprefix(top).removeprefix("/").removesuffix(" (deleted)"))
    return found
