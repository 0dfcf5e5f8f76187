# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a scenario's text is: in a file that the map was started with, in the working directory, or nowhere yet.

In the last case it is what was applied last (``run.applied``), or else it is made of the lab, which modules may have made, or an earlier
version.  What only a lost file has cannot be made up: where guests show that there is such, editing is refused, since the next run would
take it away.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import disks, files
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import stored
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, from_oserror, listed
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Lab, loads
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import applied
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import document
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.adopt import adopt
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario

_NEW_MODE = 0o644
DEFAULT_NAME = "lab"


class Sources:
    """The files of scenarios.

    :param workdir: path of the working directory.
    :param own: files elsewhere, by the names of their scenarios.
    """

    def __init__(self, workdir: str, own: Mapping[str, Path]) -> None:
        self.workdir = Workdir.at(workdir)
        self._own = dict(own)

    def place(self, name: str) -> Path:
        """Where a scenario's text is, or is to be."""
        return self._own.get(name) or self.workdir.scenario(name)

    def is_own(self, name: str) -> bool:
        """Whether that is a file of the user's."""
        return name in self._own

    def text(self, name: str) -> str | None:
        """A scenario's text; ``None`` where there is no file.

        :raises InvalidInput: where it cannot be read.
        """
        place = self.place(name)
        try:
            return document.decoded(files.read(place, document.MAX_BYTES + 1), str(place))
        except FileNotFoundError:
            return None
        except stored.Unfit as exc:
            raise InvalidInput(f"scenario {name}", f"{place} is no scenario file: {exc}", "write it anew") from None
        except OSError as exc:
            raise from_oserror(f"scenario {name}", "read", exc) from exc

    def write(self, name: str, text: str) -> None:
        """Write a scenario's text; owner and mode of a file that is there stay.

        :raises HostError: where that is not possible; the old text is still there then.
        """
        place = Path(os.path.realpath(self.place(name)))
        try:
            if not self.is_own(name):
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                found = place.stat()
            except FileNotFoundError:
                mode, owner = _NEW_MODE, None
            else:
                mode, owner = stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid)
            files.write(place, text.encode(), mode, owner=owner)
        except OSError as exc:
            raise from_oserror(f"scenario {name}", "write", exc) from exc

    def adopted(self, name: str) -> str:
        """The text of a scenario that has no file: what was applied last, or else what describes the lab; empty for nothing.

        :raises InvalidInput: where it cannot be described.
        """
        text = applied.text(self.workdir, name)
        return self._described(name) if text is None else text

    def origin(self, name: str) -> str | None:
        """What the scenario was applied from last, where that is known and no file of the working directory."""
        told = applied.told(self.workdir, name)
        return None if told is None else str(told.get("place") or "a playbook's variables")

    def _described(self, name: str) -> str:
        """The text that describes what the lab has of a scenario, and all that belongs to none."""
        lab = self.part(name)
        if not lab.guests and not lab.bridges:
            return ""
        with_files = [
            guest.name
            for guest in lab.guests.values()
            if any(each.scenario == name and each.files is not None for each in loads(guest.loaded))
        ]
        if with_files:
            raise InvalidInput(
                f"scenario {name}",
                f"its file is not stored here, and only that has the files of guest {listed(with_files)}",
                "start the map with the file: dumm map FILE",
            )
        own = [guest for guest in lab.guests.values() if guest.scenario == name and guest.loaded is not None]
        hosts = not own or any(each.hosts is not None for guest in own for each in loads(guest.loaded))
        return adopt(lab, Scenario(name, hosts=hosts))

    def part(self, name: str) -> Lab:
        """What the lab has of a scenario, and what belongs to none.

        :raises InvalidInput: where that is plugged into something of another scenario.
        """
        with disks.peek(self.workdir) as home:
            lab = home.load()
        mine = (name, None)
        guests = {key: guest for key, guest in lab.guests.items() if guest.scenario in mine}
        bridges = {key: bridge for key, bridge in lab.bridges.items() if bridge.scenario in mine}
        for guest in guests.values():
            for iface in guest.interfaces.values():
                if iface.bridge is not None and iface.bridge not in bridges:
                    other = lab.bridges[iface.bridge].scenario if iface.bridge in lab.bridges else "another"
                    raise InvalidInput(
                        f"interface {iface.label}",
                        f"it is plugged into {iface.bridge}, which belongs to scenario {other}",
                        "edit that scenario, or unplug it first (dumm_iface)",
                    )
        damaged = {key: why for key, why in lab.damaged.items() if key in {*(g.label for g in guests.values())}}
        return dataclasses.replace(lab, guests=guests, bridges=bridges, damaged=damaged)

    def chosen(self) -> str:
        """The scenario that is edited at first: that of the file, of the guests, or the only one that is stored."""
        if self._own:
            return next(iter(self._own))
        with disks.peek(self.workdir) as home:
            lab = home.load()
        owners = [*(each.scenario for each in lab.guests.values()), *(each.scenario for each in lab.bridges.values())]
        counted = sorted({name for name in owners if name}, key=lambda name: (-owners.count(name), name))
        if counted:
            return counted[0]
        there = sorted(each.parent.name for each in self.workdir.scenario("*").parent.parent.glob("*/config"))
        return there[0] if len(there) == 1 and not lab.guests else DEFAULT_NAME
