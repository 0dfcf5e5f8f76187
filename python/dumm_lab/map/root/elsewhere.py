# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a lab is on other lab hosts: where guests are placed (``placed/<name>.json``) and how the applied text describes them.

No other lab host is asked.  So the state of their guests is not known, and the map neither changes them nor the scenario: a run here has
no ``lab_hosts``, and would be refused (``run.sharing``).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenBridge, SeenGuest, SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput, listed
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import applied, sharing
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader

from .described import seen_bridge, seen_guest

STATE = "elsewhere"


@dataclass(frozen=True)
class Shared:
    """A scenario of several lab hosts, as this one was told last.

    :ivar hosts: names of all of them.
    :ivar places: the lab host of each guest.
    :ivar guests: as the applied text describes them; empty where that is not known.
    :ivar bridges: likewise.
    """

    name: str
    hosts: tuple[str, ...]
    places: Mapping[str, str]
    guests: Mapping[str, SeenGuest] = field(default_factory=dict)
    bridges: Mapping[str, SeenBridge] = field(default_factory=dict)


@dataclass(frozen=True)
class Elsewhere:
    """What of a lab is not here.

    :ivar here: name of this lab host; ``None`` where there are no others, or it has none of their scenarios' guests.
    :ivar places: the lab host of each guest that is elsewhere.
    :ivar guests: those guests.
    :ivar bridges: the segments of theirs that are not here.
    """

    here: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    guests: Mapping[str, SeenGuest] = field(default_factory=dict)
    bridges: Mapping[str, SeenBridge] = field(default_factory=dict)

    def host(self, guest: str) -> str | None:
        """The lab host that a guest is on; ``None`` where that has no name."""
        return self.places.get(guest, self.here)


NOTHING = Elsewhere()


def elsewhere(lab: SeenLab, shared: Iterable[Shared]) -> Elsewhere:
    """What of some scenarios is not in a lab.  Pure.

    The name of this lab host is the one where most of the guests are placed that are here: one that is about to move is here as well.
    """
    shared = tuple(shared)
    mine = Counter(
        each.places[name]
        for each in shared
        for name, guest in lab.guests.items()
        if guest.scenario == each.name and name in each.places
    )
    here = mine.most_common(1)[0][0] if mine else None
    places: dict[str, str] = {}
    guests: dict[str, SeenGuest] = {}
    bridges: dict[str, SeenBridge] = {}
    for each in shared:
        for name, host in each.places.items():
            if name not in lab.guests and host != here:
                places[name] = host
                known = each.guests.get(name) or SeenGuest(name, STATE, scenario=each.name)
                guests[name] = replace(known, state=STATE)
        used = {iface.bridge for guest in guests.values() for iface in guest.interfaces}
        bridges |= {name: bridge for name, bridge in each.bridges.items() if name in used and name not in lab.bridges}
    return Elsewhere(here, places, guests, bridges)


class Placed:
    """The scenarios of a working directory that are on several lab hosts.

    :ivar shared: by name, as they were read last.
    """

    def __init__(self, workdir: str) -> None:
        self._workdir = Workdir.at(workdir)
        self._seen: tuple[object, ...] = ()
        self.shared: Mapping[str, Shared] = {}

    def look(self) -> bool:
        """Read again what has changed on disk.

        :return: whether anything has.
        """
        names = self._names()
        seen = tuple(
            (name, *map(_version, (self._workdir.placed(name), self._workdir.applied(name)))) for name in names
        )
        if seen == self._seen:
            return False
        self._seen = seen
        self.shared = {name: each for name in names if (each := self._read(name)) is not None}
        return True

    def check(self, name: str) -> None:
        """Check that a scenario can be changed from here.

        :raises InvalidInput: where its guests are on several lab hosts.
        """
        if (found := self.shared.get(name)) is not None:
            raise InvalidInput(
                f"scenario {name}",
                f"its guests are on lab hosts {listed(found.hosts)}, and this map changes one lab host only",
                "change the scenario's file, and run the playbook that gives lab_hosts",
            )

    def _names(self) -> list[str]:
        with suppress(OSError):
            found = os.listdir(self._workdir.placed("").parent)
            return sorted(name.removesuffix(".json") for name in found if name.endswith(".json") and name[0] != ".")
        return []

    def _read(self, name: str) -> Shared | None:
        """A scenario; ``None`` where only one lab host has it."""
        with suppress(OSError):
            placement = sharing.remembered(self._workdir, name)
            if placement is not None and len(placement.weights) > 1:
                return self._described(Shared(name, tuple(sorted(placement.weights)), placement.guests))
        return None

    def _described(self, shared: Shared) -> Shared:
        """The same with what its text says; without a text, guests are shown without interfaces."""
        try:
            text = applied.text(self._workdir, shared.name)
            if text is None:
                return shared
            scenario = loader.load(text, name=shared.name, place=shared.name)
        except (DummError, OSError):
            return shared
        return replace(
            shared,
            guests={name: seen_guest(each) for name, each in scenario.guests.items()},
            bridges={name: seen_bridge(scenario, each) for name, each in scenario.bridges.items()},
        )


def _version(path: os.PathLike[str]) -> tuple[int, ...] | None:
    """What is another whenever a file is; ``None`` where there is none."""
    with suppress(OSError):
        found = os.stat(path)
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None
