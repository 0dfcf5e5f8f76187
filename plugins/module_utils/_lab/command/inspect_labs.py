# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios of a lab, and labs of a machine, in tables."""

from __future__ import annotations

import os
import pwd
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress

from ..access.glance import Glance, everywhere
from ..access.seen import RUNNING, SeenLab
from .inspect import Noun
from .table import Column, Record, column
from .usage import DEFAULT_WORKDIR


def _scenarios(lab: SeenLab, _wanted: Namespace) -> Iterator[Record]:
    files = Glance(lab.workdir).scenarios()
    owners = {guest.scenario for guest in lab.guests.values()} | {bridge.scenario for bridge in lab.bridges.values()}
    loaded = {guest.loaded for guest in lab.guests.values() if guest.loaded is not None}
    for name in sorted(filter(None, {*files, *owners, *loaded})):
        guests = [guest for guest in lab.guests.values() if guest.scenario == name]
        yield {
            "name": name,
            "guests": [guest.name for guest in guests],
            "running": sum(guest.state == RUNNING for guest in guests),
            "bridges": [bridge.name for bridge in lab.bridges.values() if bridge.scenario == name],
            "loaded": [guest.name for guest in lab.guests.values() if guest.loaded == name],
            "file": files.get(name),
        }


def labs(workdir: str) -> Iterator[Record]:
    """All labs of this machine."""
    for path in everywhere(DEFAULT_WORKDIR, workdir):
        # It may be removed meanwhile.
        with suppress(FileNotFoundError):
            lab = Glance(path).lab()
            yield {
                "workdir": path,
                "name": lab.name,
                "owner": _owner(path),
                "guests": len(lab.guests),
                "running": sum(guest.state == RUNNING for guest in lab.guests.values()),
                "alive": sum(guest.alive for guest in lab.guests.values()),
                "bridges": len(lab.bridges),
                "netns": lab.netns,
                "netns_exists": lab.present,
            }


def _owner(path: str) -> str:
    number = os.stat(path).st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _running(found: Record) -> str:
    total = found["guests"] if isinstance(found["guests"], int) else len(found["guests"])
    return f"{found['running']} of {total}"


_SCENARIO = (
    column("SCENARIO", "name"),
    Column("RUNNING", _running, right=True),
    Column("BRIDGES", lambda found: str(len(found["bridges"])), right=True),
    Column("LOADED IN", lambda found: f"{len(found['loaded'])} guests" if found["loaded"] else ""),
    column("GUESTS", "guests", wide=True),
    column("FILE", "file"),
)
_LABS = (
    column("WORKDIR", "workdir"),
    column("OWNER", "owner"),
    Column("RUNNING", _running, right=True),
    column("BRIDGES", "bridges", wide=True, right=True),
    column("NETNS", "netns"),
    column("LAB", "name", wide=True),
)
NOUNS = {"scenario": Noun(_scenarios, _SCENARIO, ("name", "guests", "running", "bridges", "loaded", "file"))}
LABS = Noun(
    lambda lab, wanted: labs(wanted.workdir),
    _LABS,
    ("workdir", "name", "owner", "guests", "running", "alive", "bridges", "netns", "netns_exists"),
)
