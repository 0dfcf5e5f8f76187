# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests as hosts of pytest-testinfra: ``dumm://alice``, over the control channel.

testinfra looks its backends up in a table and has no entry point for others.  Importing this module adds ours: the pytest plugin does
so where testinfra is installed, a program by ``import dumm_lab.testinfra``.  10.2.2 is the version tested.
"""

from __future__ import annotations

import fnmatch
import os
import shlex
from typing import Any

from testinfra import backend as backends
from testinfra.backend import base

from ._errors import LabError
from ._lab import Lab

SCHEME = "dumm"
# Seconds for a command; testinfra's other backends wait without end.
_SECONDS = 600.0
# Where no host names one of its own; None is what Lab() takes.
_workdir: str | os.PathLike[str] | None = None


def use(workdir: str | os.PathLike[str] | None) -> None:
    """Name the working directory of all guests from now on.

    :param workdir: as :class:`dumm_lab.Lab` takes it.
    """
    global _workdir
    _workdir = workdir


class DummBackend(base.BaseBackend):
    """A guest.  ``dumm://bert@alice`` runs its commands as the user bert."""

    NAME = SCHEME

    def __init__(self, hostspec: str, *args: Any, **kwargs: Any) -> None:
        guest, self.user = self.parse_containerspec(hostspec)
        super().__init__(guest, *args, **kwargs)
        self._guest = Lab(_workdir).guest(guest)

    @classmethod
    def get_hosts(cls, host: str, **kwargs: Any) -> list[str]:
        """The guests that a name means: itself, ``all``, or a pattern of the shell such as ``r*``.

        :raises LabError: where no guest has such a name.
        """
        pattern, user = cls.parse_containerspec(host or "all")
        known = sorted(Lab(_workdir).guests)
        found = known if pattern == "all" else fnmatch.filter(known, pattern)
        if not found:
            names = ", ".join(known) or "none"
            raise LabError(f"host dumm://{host}: no guest has such a name. Name one of those that there are ({names}).")
        return [name if user is None else f"{user}@{name}" for name in found]

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run a command with the guest's shell.

        :raises LabError: where the guest does not answer, or the command takes longer than ten minutes.
        """
        line = self.get_command(command, *args)
        whole = line if self.user is None else shlex.join(["runuser", "-u", self.user, "--", "sh", "-c", line])
        done = self._guest.run(whole, check=False, timeout=_SECONDS)
        return self.result(done.code, self.encode(line), done.stdout, done.stderr)


backends.BACKENDS[SCHEME] = f"{__name__}.{DummBackend.__name__}"
