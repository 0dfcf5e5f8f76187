# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _collection
from ._guest import Guest
from ._results import Capture, Change

if TYPE_CHECKING:
    from types import ModuleType


class Lab:
    """The lab of a working directory on this machine.

    :param workdir: the working directory; without it ``DUMM_WORKDIR``, or ``/var/lib/dumm``.
    :param ready_timeout: seconds that the first command after a guest's start waits until the guest is ready, as Ansible's tasks do; what
        ready means is the guest's option ``ready``.  0 does not wait.
    :raises CollectionMissing: where the collection dumm.lab is not on this machine.
    :raises LabError: where the path cannot be that of a working directory.
    """

    def __init__(self, workdir: str | os.PathLike[str] | None = None, *, ready_timeout: float = 300.0) -> None:
        _collection.find()
        from . import _bodies

        self._bodies: ModuleType = _bodies
        self.ready_timeout = ready_timeout
        self.workdir: Path = _bodies.workdir(None if workdir is None else os.fspath(workdir))

    def __repr__(self) -> str:
        return f"Lab({str(self.workdir)!r})"

    @property
    def guests(self) -> dict[str, Guest]:
        """The guests that there are, by name; none where there is no lab."""
        return {name: Guest(self, name) for name in self._bodies.guest_names(self.workdir)}

    def guest(self, name: str) -> Guest:
        """One guest.

        :raises LabError: where there is no such guest.
        """
        self._bodies.check_guest(self.workdir, name)
        return Guest(self, name)

    def apply(
        self,
        scenario: str | os.PathLike[str] | Mapping[str, Any],
        *,
        name: str | None = None,
        state: str = "present",
        check: bool = False,
        **options: Any,
    ) -> Change:
        """Make the lab what a scenario describes, as the module ``dumm_scenario`` does; the same again changes nothing.

        :param scenario: its file, or what would be in it.
        :param name: the scenario's name; without it that of the file: ``ring`` for ``ring.yml``.
        :param state: as the module has it: ``present``, ``stopped``, ``loaded``, ``unloaded`` or ``absent``.
        :param check: only tell what would be done.
        :param options: others of the module, such as ``only``, ``power``, ``prune``, ``restart`` and ``wait_timeout``.
        :raises LabError: naming the place in the file, or what could not be done.
        """
        if isinstance(scenario, Mapping):
            given: dict[str, Any] = {"config": dict(scenario)}
            own = "lab"
        else:
            path = Path(scenario)
            given = {"src": str(path.absolute())}
            own = path.name.partition(".")[0]
        change: Change = self._bodies.scenario(
            self.workdir, check, {**options, **given, "name": own if name is None else name, "state": state}
        )
        return change

    def remove(self, name: str, *, wait_timeout: int = 60) -> Change:
        """Remove all that belongs to a scenario.

        :param wait_timeout: seconds that each guest may take to shut itself down.
        :raises LabError: naming what could not be done.
        """
        given = {"name": name, "state": "absent", "wait_timeout": wait_timeout}
        change: Change = self._bodies.scenario(self.workdir, False, given)
        return change

    def info(self) -> dict[str, Any]:
        """All that is known of the lab and how it is now, as the module ``dumm_info`` returns it in ``lab``."""
        found: dict[str, Any] = self._bodies.info(self.workdir)
        return found

    @contextmanager
    def capture(
        self, *interfaces: str, file: str | os.PathLike[str] | None = None, only: str = ""
    ) -> Iterator[Capture]:
        """Capture packets on the cables of the lab, seen from the host: no guest needs a tool for it::

            with lab.capture("moon:eth0", "sun:eth0") as cables:
                lab.guest("moon").run("ping -c 3 sun")
                assert cables.count("esp and src moon", interface="sun:eth0") == 3

        :param interfaces: such as ``moon:eth0``; ``moon`` means all interfaces of that guest, and none at all means those of all guests.
        :param file: where the packets are to stay, as pcapng; it is written anew.
        :param only: keep only packets that this expression means (pcap-filter(7), with names of guests).
        :raises LabError: where there is no such interface, or the expression cannot be understood.
        """
        path = None if file is None else Path(file)
        labels: Iterable[str] = interfaces or self.guests
        with self._bodies.capture(self.workdir, list(labels), path, only) as running:
            yield running
