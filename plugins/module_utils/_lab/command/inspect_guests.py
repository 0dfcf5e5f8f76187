# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests in a table."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from ..access.glance import life
from ..access.seen import DIED, PAUSED, RUNNING, STARTING, STOPPED, UNREADABLE, SeenGuest, SeenLab
from .inspect import Noun
from .table import CYAN, FAINT, GREEN, MAGENTA, RED, YELLOW, Column, Record, column, duration

COLOURS = {RUNNING: GREEN, STARTING: CYAN, PAUSED: YELLOW, STOPPED: FAINT, DIED: RED, UNREADABLE: MAGENTA}
_SHORT = 3


def _records(lab: SeenLab, _wanted: Namespace) -> Iterator[Record]:
    return (record(guest) for guest in lab.guests.values())


def record(guest: SeenGuest) -> dict[str, Any]:
    """A guest, with the names of ``dumm_info``."""
    uptime, used = life(guest)
    return {
        "name": guest.name,
        "state": guest.state,
        "kernel": guest.kernel,
        "master": guest.master,
        "mem": guest.mem,
        "memory_used": used,
        "uptime": None if uptime is None else round(uptime, 1),
        "addresses": [address for iface in guest.interfaces for address in iface.addresses or ()],
        "interfaces": {
            iface.name: {"bridge": iface.bridge, "address": list(iface.addresses or ()), "up": iface.up}
            for iface in guest.interfaces
        },
        "scenario": guest.scenario,
        "loaded": guest.loaded,
        "labels": dict(guest.labels),
        "pid": guest.pid,
        "reason": guest.reason,
    }


def _memory(found: Record) -> str:
    if found["mem"] is None:
        return ""
    return f"{found['mem']} MB" if found["memory_used"] is None else f"{found['memory_used']} of {found['mem']} MB"


def _uptime(found: Record) -> str:
    return "" if found["uptime"] is None else duration(found["uptime"])


def _addresses(found: Record) -> str:
    """The first ones, without lengths of prefixes."""
    addresses = [address.partition("/")[0] for address in found["addresses"]]
    more = [f"+{len(addresses) - _SHORT}"] if len(addresses) > _SHORT else []
    return " ".join([*addresses[:_SHORT], *more])


def _interfaces(found: Record) -> str:
    told = (
        " ".join([f"{name}@{each['bridge']}" if each["bridge"] else name, *each["address"]])
        for name, each in found["interfaces"].items()
    )
    return ", ".join(told)


def _labels(found: Record) -> str:
    return " ".join(f"{key}={value}" for key, value in found["labels"].items())


_COLUMNS = (
    column("GUEST", "name"),
    Column("STATE", lambda found: str(found["state"]), colour=lambda found: COLOURS.get(found["state"])),
    column("KERNEL", "kernel"),
    column("MASTER", "master", wide=True),
    Column("MEMORY", _memory, right=True),
    Column("UPTIME", _uptime, right=True),
    column("PID", "pid", wide=True, right=True),
    column("SCENARIO", "scenario", wide=True),
    column("LOADED", "loaded", wide=True),
    Column("LABELS", _labels, wide=True),
    Column("INTERFACES", _interfaces, wide=True),
    Column("ADDRESSES", _addresses),
    column("REASON", "reason", wide=True),
)
_KEYS = (
    *("name", "state", "kernel", "master", "mem", "memory_used", "uptime", "addresses"),
    *("scenario", "loaded", "labels", "pid", "reason"),
)
NOUNS = {"guests": Noun(_records, _COLUMNS, _KEYS)}
