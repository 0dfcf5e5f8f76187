# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``glance`` cannot tell of a lab: definitions that were edited, guests that died, directories that were copied or moved.

Everything is read as a run reads it, and found out once.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..guest import processes
from ..host import disks
from ..host.workdir import FORMAT, Workdir, load_guest
from ..model import settings
from ..model.errors import DummError, from_oserror
from ..model.found import Process
from ..model.lab import Guest, Power, loads
from ..model.roles import forwards
from ..union import saves
from .seen import UNREADABLE, SeenGuest, SeenIface

_CONDITIONS = next(row.kind for row in settings.IFACE if row.name == "conditions")


def identity(path: str) -> tuple[str, str]:
    """Name of a lab, and of its network namespace.

    :param path: the working directory's real path.
    """
    workdir = Workdir.at(path)
    return workdir.lab_name, workdir.netns() or workdir.lab_name


def guests(path: str, names: Iterable[str]) -> dict[str, SeenGuest | None]:
    """Guests by name; ``None`` for what is none, or is gone.

    :param path: the working directory's real path.
    :raises DummError: where the directory cannot be read.
    """
    workdir = Workdir.at(path)
    try:
        with disks.peek(workdir) as workdir:
            known = {*workdir.guest_names(), *workdir.read_out, *workdir.broken}
            return {name: _guest(workdir, name) if name in known else None for name in names}
    except OSError as exc:
        raise from_oserror(workdir.label, "read", exc) from None


def _guest(workdir: Workdir, name: str) -> SeenGuest:
    directory = workdir.known_guest(name)
    try:
        if name in workdir.broken:
            raise workdir.broken[name]
        guest = load_guest(directory, newer=workdir.format > FORMAT)
    except DummError as exc:
        return SeenGuest(name, UNREADABLE, reason=str(exc))
    process = processes.read(directory)
    power = processes.power(directory, process)
    if process is not None and process.stopping and not power.alive:
        # A run is about to tidy up what it has stopped.
        process, power = None, Power.STOPPED
    alive = process is not None and power.alive
    return SeenGuest(
        name,
        power.value,
        guest.kernel,
        guest.master,
        guest.mem,
        guest.scenario,
        None if guest.loaded is None else guest.loaded.scenario,
        dict(guest.labels),
        tuple(_ifaces(workdir, guest)),
        process.pid if alive and process is not None else None,
        process.started if alive and process is not None else None,
        None if alive else _reason(workdir, name, process),
        tuple(each.scenario for each in loads(guest.loaded)),
        tuple(saves.names(directory)),
        forwards(guest.sysctl),
    )


def _reason(workdir: Workdir, name: str, process: Process | None) -> str | None:
    directory = workdir.known_guest(name)
    if process is not None:
        return processes.reason(directory, process)
    other = processes.stranger(directory)
    return processes.damage(directory) if other is None else f"it was copied while it ran in the lab {other}"


def _ifaces(workdir: Workdir, guest: Guest) -> Iterable[SeenIface]:
    for iface in guest.interfaces.values():
        conditions = None if iface.conditions is None else _CONDITIONS.stored(iface.conditions)
        yield SeenIface(
            guest.name, iface.name, iface.bridge, iface.addresses, iface.mac, iface.mtu, iface.up, conditions
        )
