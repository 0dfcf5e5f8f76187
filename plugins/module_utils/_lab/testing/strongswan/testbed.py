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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...host.workdir import Workdir
from ...model import options
from ...model.errors import InUse
from ...model.reference import GuestRef
from ...run import runner
from ...run.opening import Params
from ...run.report import RunFailed
from .case import Files

# Scenarios of ours; there is one for each test that has files.
PREFIX = "suite-"
_DIRECTORY, _FILE, _PROGRAM = 0o755, 0o644, 0o755
_MOST_LINKS = 100


class Testbed:
    """The lab's side of a run of the suite.

    :param scenario: all arguments of ``dumm_scenario`` that describe the lab.
    """

    # Not a test of pytest's.
    __test__ = False

    def __init__(self, workdir: Workdir, scenario: Params) -> None:
        self._workdir = workdir
        self._scenario = scenario
        self._numbers = itertools.count()
        # The layer of a test that a guest has.
        self._loaded: dict[str, str] = {}
        self._used: set[str] = set()

    def begin(self) -> None:
        """Have all guests running, and without the files of a test that was cut off.

        :raises RunFailed: where that cannot be done.
        """
        self._apply({**self._scenario, "state": "present", "record": False})
        report = runner.run_info(options.completed(options.INFO, workdir=str(self._workdir.path), inside=False))
        guests = (report.subject or {})["guests"]
        left = [name for name, guest in guests.items() if (guest["loaded"] or "").startswith(PREFIX)]
        if left:
            self.restart(left)

    def load(self, hosts: Iterable[str], files: Mapping[str, Files]) -> None:
        """Give the hosts of a test its files, and take away what the test before it has left in any guest.

        A test may rely on the servers of a host that it does not name.

        :raises RunFailed: where that cannot be done.
        """
        wanted = self._used | set(files)
        if wanted:
            name = f"{PREFIX}{os.getpid()}-{next(self._numbers)}"
            for host in wanted:
                self._write(name, host, files.get(host, {}))
            self._lay(name, wanted)
            self._loaded |= dict.fromkeys(wanted, name)
        self._used = set(hosts)
        self._sweep()

    def _write(self, name: str, host: str, files: Files) -> None:
        top = self._workdir.scenario_layer(name, host)
        top.mkdir(_DIRECTORY, parents=True)
        below = self._below(host)
        for inside, (data, mode) in files.items():
            path = top / through_links(inside, below)
            path.parent.mkdir(_DIRECTORY, parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(_PROGRAM if mode & 0o111 else _FILE)

    def _below(self, host: str) -> list[Path]:
        """What the layer of a test lies over, from above."""
        guest = self._workdir.load().guests[host]
        return [*(self._workdir.layer(each) for each in guest.layers), self._workdir.master(guest.master)]

    def _lay(self, name: str, hosts: Iterable[str]) -> None:
        """Lay a test's files over its hosts."""
        named = sorted(hosts)
        layer = {
            **self._scenario,
            "src": None,
            "content": None,
            "name": name,
            "state": "loaded",
            "power": "keep",
            "clean": None,
        }
        layer |= {"config": {"hosts": False, "guests": dict.fromkeys(named)}, "only": named, "record": False}
        for _attempt in range(len(named) + 1):
            try:
                return self._apply(layer)
            except RunFailed as failed:
                if not isinstance(failed.error, InUse) or not isinstance(failed.error.about, GuestRef):
                    raise
                # Daemons that the test before has left hold files open: they end with their guest.
                self._restart([failed.error.about.name])
        return self._apply({**layer, "in_use": "force"})

    def _apply(self, params: Params) -> None:
        runner.run_scenario(params)

    def restart(self, hosts: Iterable[str]) -> None:
        """Start hosts again without the files of any test, and wait until they have booted."""
        named = sorted(hosts)
        self._restart(named)
        self._loaded = {host: layer for host, layer in self._loaded.items() if host not in named}
        self._used -= set(named)
        self._sweep()

    def _restart(self, hosts: list[str]) -> None:
        self._apply({**self._scenario, "state": "present", "only": hosts, "clean": "restart", "in_use": "force"})

    def end(self) -> None:
        """Take the files of the last tests away.

        :raises RunFailed: where that cannot be done.
        """
        for name in sorted(set(self._loaded.values())):
            self._apply({**self._scenario, "name": name, "state": "unloaded", "in_use": "force"})
        self._loaded = {}
        self._sweep()

    def _sweep(self) -> None:
        """Remove layers that no guest has any more."""
        kept = set(self._loaded.values())
        for path in self._workdir.scenario(PREFIX).parent.parent.glob(f"{PREFIX}*"):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


def through_links(inside: str, below: Sequence[Path]) -> str:
    """Where a file goes that is written over one that may be a symbolic link: upstream's scp follows links.

    :param inside: path in the guest, relative to its root.
    :param below: the directories that its root is made of, from above.
    """
    done: list[str] = []
    todo = inside.split("/")
    for _each in range(_MOST_LINKS):
        while todo:
            part = todo.pop(0)
            if part == "..":
                done = done[:-1]
            elif part not in ("", "."):
                done.append(part)
                break
        else:
            break
        place = "/".join(done)
        found = next((path for top in below if os.path.lexists(path := top / place)), None)
        if found is not None and found.is_symlink():
            target = os.readlink(found)
            done = [] if target.startswith("/") else done[:-1]
            todo = [*target.split("/"), *todo]
    return "/".join([*done, *todo])
