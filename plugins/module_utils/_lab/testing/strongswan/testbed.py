# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files and the power of the suite's guests: a test's files are a layer over a running guest, which is thrown away after it.

Upstream copies them over the guest's with scp, and copies defaults back afterwards.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ...host.workdir import Workdir
from ...run import runner
from ...run.report import RunFailed
from .case import Files

# Scenarios of ours; there is one for each test that has files.
PREFIX = "suite-"
_DIRECTORY, _FILE, _PROGRAM = 0o755, 0o644, 0o755
_PATIENCE = 300


class Testbed:
    """The lab's side of a run of the suite.

    :param scenario: that has the suite's topology.
    """

    # Not a test of pytest's.
    __test__ = False

    def __init__(self, workdir: str, scenario: str) -> None:
        self._workdir = Workdir.at(workdir)
        self._scenario = scenario
        self._numbers = itertools.count()
        # The layer of a test that a guest has; what it had from a run that was cut off is found at first.
        self._loaded: dict[str, str] = {}
        self._used: set[str] = set()

    def recover(self) -> list[str]:
        """Start guests again that a run which was cut off has left in the middle of a test.

        :return: their names.
        """
        report = runner.run_info({"workdir": str(self._workdir.path), "inside": False, "diff": False})
        guests = (report.subject or {})["guests"]
        self._loaded = {
            name: guest["loaded"] for name, guest in guests.items() if (guest["loaded"] or "").startswith(PREFIX)
        }
        left = sorted(self._loaded)
        if left:
            self.restart(left)
        return left

    def load(self, hosts: Iterable[str], files: Mapping[str, Files]) -> None:
        """Give the hosts of a test its files, and take away what the test before them has written.

        :raises RunFailed: where that cannot be done.
        """
        wanted = {host for host in hosts if host in files or host in self._used}
        if wanted:
            name = f"{PREFIX}{os.getpid()}-{next(self._numbers)}"
            for host in wanted:
                self._write(name, host, files.get(host, {}))
            self._apply(name, "loaded", wanted)
            self._loaded |= dict.fromkeys(wanted, name)
        self._used |= set(hosts)
        self._sweep()

    def _write(self, name: str, host: str, files: Files) -> None:
        top = self._workdir.scenario_layer(name, host)
        top.mkdir(_DIRECTORY, parents=True)
        for inside, (data, mode) in files.items():
            path = top / inside
            path.parent.mkdir(_DIRECTORY, parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(_PROGRAM if mode & 0o111 else _FILE)

    def _apply(self, name: str, state: str, hosts: Iterable[str], *, force: bool = False) -> None:
        named = sorted(hosts)
        params = {
            **self._common(),
            "name": name,
            "state": state,
            "src": None,
            "remote_src": False,
            "content": None,
            "config": {"hosts": False, "guests": {host: {} for host in named}},
            "only": named,
            "record": False,
            "busy": "force" if force else "refuse",
            "parallel": 16,
            "power": "keep",
            "prune": False,
            "restart": False,
            "clean": None,
        }
        try:
            runner.run_scenario(params)
        except RunFailed:
            if force or state != "loaded":
                raise
            # Daemons that the test before has left hold files open: they end with their guests.
            self._restart(named)
            self._apply(name, state, named, force=True)

    def _common(self) -> dict[str, Any]:
        return {"workdir": str(self._workdir.path), "netns": None, "lock_timeout": 300, "wait_timeout": _PATIENCE}

    def restart(self, hosts: Iterable[str]) -> None:
        """Start hosts again without the files of any test, and wait until they have booted."""
        named = sorted(hosts)
        self._restart(named)
        self._loaded = {host: layer for host, layer in self._loaded.items() if host not in named}
        self._used -= set(named)
        self._sweep()

    def _restart(self, hosts: list[str]) -> None:
        runner.run_scenario(
            {
                **self._common(),
                "name": self._scenario,
                "state": "present",
                "src": None,
                "remote_src": False,
                "content": None,
                "config": None,
                "only": hosts,
                "record": False,
                "busy": "force",
                "parallel": 16,
                "power": "apply",
                "prune": False,
                "restart": False,
                "clean": "restart",
            }
        )

    def end(self) -> None:
        """Take the files of the last tests away."""
        for layer in set(self._loaded.values()):
            with suppress(RunFailed):
                self._apply(
                    layer, "unloaded", [host for host, name in self._loaded.items() if name == layer], force=True
                )
        self._loaded = {}
        self._sweep()

    def _sweep(self) -> None:
        """Remove layers that no guest has any more."""
        kept = set(self._loaded.values())
        for path in self._workdir.scenario(PREFIX).parent.parent.glob(f"{PREFIX}*"):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)
