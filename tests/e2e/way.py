# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways from a user's Ansible to a lab host: the controller itself, or another machine by SSH."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from installed import INTEGRATION, Installed, run
from lab import BASE, COLLECTIONS, PREFIX, Lab, prepare
from openssh import Server

# What a controller that is another machine does not have.
_ELSEWHERE = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
# By the modules' bodies in one process: a module for each guest would take a second each.
_TEARDOWN = """
import pathlib, sys
sys.path[:0] = sys.argv[2:]
import lab
lab.Lab(pathlib.Path(sys.argv[1])).teardown()
"""


@dataclass(frozen=True)
class Way:
    """A user, a lab, and how the one reaches the other.

    :ivar place: a directory of the controller for what is written for it.
    :ivar host: the lab host in inventories.
    :ivar hosts: the lines of an inventory that say how it is reached.
    :ivar controller: a command that runs another on the controller.
    :ivar lab_host: one that runs this Python on the lab host; ``None`` where it is not to be had.
    """

    name: str
    user: Installed
    lab: Lab
    place: Path
    host: str
    hosts: str
    controller: tuple[str, ...] = ()
    lab_host: tuple[str, ...] | None = ()

    @property
    def remote(self) -> bool:
        """Whether the lab host is another machine."""
        return self.host != "localhost"

    def labs(self) -> list[Lab]:
        """All labs that there are."""
        return [Lab(path) for path in sorted(self.lab.path.parent.glob(f"{self.lab.path.name}*"))]

    def alone(self, name: str) -> Way:
        """The same with a lab beside the first."""
        return replace(self, lab=_lab(Path(f"{self.lab.path}-{name}")))

    def bare(self, name: str) -> Way:
        """The same with a working directory beside the first that is not there yet."""
        return replace(self, lab=Lab(Path(f"{self.lab.path}-{name}")))

    def new(self, ending: str) -> Path:
        """A new empty file of the controller; several threads may use one way."""
        descriptor, path = tempfile.mkstemp(ending, dir=self.place)
        os.close(descriptor)
        return Path(path)

    def run(self, program: str, *arguments: str, code: int = 0, variables: dict[str, str] | None = None) -> str:
        """What one of Ansible's programs prints; it must end with the exit code.

        :param variables: more variables of its environment.
        """
        done = subprocess.run(
            [*self.controller, str(self.user.bin / program), *arguments],
            env={**self.user.variables(), **(variables or {})},
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == code, f"exit code {done.returncode}:\n{done.stdout}"
        return done.stdout

    def play(self, plays: list[dict[str, Any]], guests: Iterable[str] = (), *arguments: str, code: int = 0) -> str:
        """Run a playbook, with guests as hosts."""
        return self.run("ansible-playbook", "-i", self.inventory(guests), self.write(plays), *arguments, code=code)

    def write(self, plays: list[dict[str, Any]]) -> str:
        """Write a playbook: its path."""
        book = self.new(".yml")
        book.write_text(yaml.safe_dump(plays, sort_keys=False, allow_unicode=True))
        return str(book)

    def inventory(self, guests: Iterable[str] = (), without: Collection[str] = ()) -> str:
        """The path of an inventory with the lab host, the controller and guests.

        :param guests: their names, each with variables of its own.
        :param without: variables of the guests that it does not set, in capitals.
        """
        path = self.new("hosts")
        variables = {
            "ansible_connection": "dumm.lab.dumm",
            "dumm_workdir": str(self.lab.path),
            "dumm_lab_host_vars": "{{ hostvars['" + self.host + "'] }}",
            **({"dumm_lab_host": self.host} if self.remote else {}),
        }
        variables = {key: value for key, value in variables.items() if key.upper() not in without}
        lines = [
            "controller ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'",
            self.hosts,
            "[guests]",
            *sorted(guests),
            "[guests:vars]",
            *(f"{key}={value}" for key, value in variables.items()),
        ]
        path.write_text("\n".join(lines) + "\n")
        return str(path)


def _lab(path: Path) -> Lab:
    lab = prepare(path)
    # A kernel whose guests are served by scripts.
    (path / "kernels/scripts").symlink_to((BASE / "kernels/scripts").resolve())
    return lab


@contextmanager
def _ended(way: Way) -> Iterator[Way]:
    """Take the labs of a way away, and see that nothing is left."""
    try:
        yield way
        for lab in way.labs():
            if way.lab_host is None:
                _take_away(way, lab)
            else:
                run(*way.lab_host, sys.executable, "-c", _TEARDOWN, lab.path, INTEGRATION, COLLECTIONS)
        left = [left for lab in way.labs() for left in lab.leftovers()]
        assert not left, left
    finally:
        for lab in way.labs():
            lab.destroy()


def _take_away(way: Way, lab: Lab) -> None:
    gone = {"workdir": str(lab.path), "name": "{{ item }}", "state": "absent"}
    tasks: list[dict[str, Any]] = [
        {"dumm.lab.dumm_info": {"workdir": str(lab.path), "inside": False}, "register": "found"},
        {"dumm.lab.dumm_guest": {**gone, "wait_timeout": 3}, "loop": "{{ found.lab.guests | list }}"},
        {"dumm.lab.dumm_bridge": gone, "loop": "{{ found.lab.bridges | list }}"},
    ]
    way.play([{"hosts": way.host, "gather_facts": False, "tasks": tasks}])


@contextmanager
def local(
    user: Installed, place: Path, inside: tuple[str, ...] = (), python: str = "{{ ansible_playbook_python }}"
) -> Iterator[Way]:
    """The controller is the lab host: the action plugins run the modules' bodies in Ansible's own process.

    :param place: an empty directory.
    :param inside: a command that runs another where all that is.
    :param python: another Python than Ansible's own, with which the modules are run instead.
    """
    (place / "controller").mkdir()
    hosts = f"localhost ansible_connection=local ansible_python_interpreter='{python}'"
    lab = _lab(place / f"{PREFIX}local")
    with _ended(
        Way("local", user, lab, place / "controller", "localhost", hosts, inside, None if inside else ())
    ) as way:
        yield way


@contextmanager
def remote(user: Installed, place: Path, server: Server) -> Iterator[Way]:
    """The lab host is reached by SSH, and the controller sees nothing of the lab: modules run under the lab host's Python."""
    (place / "controller").mkdir()
    lab = _lab(place / f"{PREFIX}remote")
    there = (*server.controller, "nsenter", "--target", str(server.pid), "--mount")
    controller = (*server.controller, "unshare", "--mount", "sh", "-c", _ELSEWHERE, str(lab.path))
    with _ended(Way("remote", user, lab, place / "controller", "lab1", server.host("lab1"), controller, there)) as way:
        yield way
