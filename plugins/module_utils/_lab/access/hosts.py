# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory tells of a lab's guests, as plain data, which goes over a wire and into a cache.

Definitions are read and processes looked at; no guest is asked for anything, and nothing is imported that takes long to import.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..guest import processes
from ..host import disks, files
from ..host.workdir import Workdir
from ..model.errors import from_oserror
from ..model.lab import Guest, Iface, Lab, Power

Found = dict[str, dict[str, Any]]


def look(path: str) -> Found | None:
    """``groups`` and ``variables`` of each guest of a working directory, by name; ``None`` where there is no such directory.

    Where a guest's definition cannot be understood, ``damage`` says why, and nothing else is known.  Of a guest that a run has begun to
    move, ``leaving`` names the lab host that it goes to.

    :raises DummError: where the directory cannot be read.
    """
    workdir = Workdir.at(path)
    try:
        os.scandir(workdir.path).close()
        with disks.peek(workdir) as workdir:
            lab = workdir.load()
            return {name: _told(workdir, lab, guest) for name, guest in lab.guests.items()}
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise from_oserror(workdir.label, "read", exc) from None


def _told(workdir: Workdir, lab: Lab, guest: Guest) -> dict[str, Any]:
    if (damage := lab.damaged.get(guest.label)) is not None:
        return {"groups": [], "variables": {}, "damage": str(damage)}
    directory = workdir.known_guest(guest.name)
    power = processes.power(directory, processes.read(directory))
    told = {"groups": list(_groups(guest, power)), "variables": _variables(workdir, lab, guest, power)}
    target = leaving(workdir, guest.name)
    return told if target is None else {**told, "leaving": target}


def leaving(workdir: Workdir, guest: str) -> str | None:
    """The lab host that a run has begun to move a guest to; ``None`` where none has."""
    with suppress(FileNotFoundError):
        return files.read(workdir.guest(guest).leaving).decode("utf-8", "replace").strip()
    return None


def _groups(guest: Guest, power: Power) -> Iterator[str]:
    if guest.scenario is not None:
        yield f"scenario_{guest.scenario}"
    yield f"state_{power.value}"
    yield f"kernel_{guest.kernel}"
    yield f"master_{guest.master}"
    for bridge in sorted({iface.bridge for iface in guest.interfaces.values() if iface.bridge is not None}):
        yield f"bridge_{bridge}"
    for key, value in sorted(guest.labels.items()):
        yield f"label_{key}_{value}"


def _variables(workdir: Workdir, lab: Lab, guest: Guest, power: Power) -> dict[str, Any]:
    return {
        **guest.vars,
        "dumm_workdir": str(workdir.path),
        "dumm_state": power.value,
        "dumm_scenario": guest.scenario,
        "dumm_mem": guest.mem,
        "dumm_kernel": guest.kernel,
        "dumm_master": guest.master,
        "dumm_labels": dict(guest.labels),
        "dumm_interfaces": {name: _interface(lab, iface) for name, iface in guest.interfaces.items()},
    }


def _interface(lab: Lab, iface: Iface) -> dict[str, Any]:
    return {
        "bridge": iface.bridge,
        "address": list(iface.addresses or ()),
        "mac": lab.mac_of(iface),
        "mtu": iface.mtu,
        "up": iface.up,
    }
