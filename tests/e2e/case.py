# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a case is: options of a module, and for each of them where its effect is seen.

A case is data.  ``batch`` makes tasks of many and runs them in one playbook; ``cases`` has them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """Something that is looked at, and a regular expression for all that is seen.

    :ivar script: what prints it, or the dotted path in the module's result.
    :ivar guest: where the script runs; on the lab host where it is empty.
    """

    script: str
    expected: str
    guest: str = ""
    returned: bool = False


@dataclass(frozen=True)
class Script:
    """A script on the lab host, or in a guest.  There are ``$W``, ``$N`` and ``pid GUEST`` on the lab host."""

    text: str
    guest: str = ""

    def shows(self, expected: str) -> Look:
        """What the script is to print."""
        return Look(self.text, expected, self.guest)


@dataclass(frozen=True)
class Call:
    """A module with options."""

    module: str
    options: Options


def host(text: str) -> Script:
    """A script on the lab host."""
    return Script(text)


def controller(text: str) -> Script:
    """A script on the controller, beside the playbook."""
    return Script(text, "controller")


def inside(guest: str, text: str) -> Script:
    """A script in a guest, as ``ansible -m raw`` runs it."""
    return Script(text, guest)


def returns(path: str, expected: str) -> Look:
    """What the module returns at a dotted path; for modules that do nothing but tell."""
    return Look(path, expected, returned=True)


def call(module: str, **options: Any) -> Call:
    """A module, for what comes before and after a case."""
    return Call(module, options)


Step = Script | Call


@dataclass(frozen=True)
class Case:
    """A task with a module of the collection, and what is to be seen of it.

    :ivar module: the module's name without ``dumm_``.
    :ivar options: of the module. ``$W`` stands for the working directory, ``$N`` for the lab's network namespace.
    :ivar sees: for options, suboptions as ``faults.path``, where their effect is seen.
    :ivar before: what has to be there; it must succeed.
    :ivar after: what takes things away that are in the way of other cases; most need none, since the whole lab goes.
    :ivar changes: whether the first run reports a change.
    :ivar again: whether it is run once more, to report none.
    :ivar fails: a regular expression that is found in the message of a task that has to fail.
    :ivar core: whether it is tried on the oldest and newest Ansible and on Debian 13 as well.
    """

    module: str
    options: Options
    sees: dict[str, Look]
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    changes: bool = True
    again: bool = True
    fails: str = ""
    core: bool = False

    @property
    def name(self) -> str:
        """A name that no other case has."""
        what = [
            key if isinstance(value := self.options.get(key), (dict, list, type(None))) else f"{key}={value}"
            for key in self.sees
        ]
        return "-".join([self.module, *what, str(self.options.get("guest", self.options.get("name", "")))])

    def covers(self) -> Iterator[str]:
        """The options that it is about, and the choices that it takes of them: ``guest.state``, ``guest.state=paused``."""
        for key in self.sees:
            yield f"{self.module}.{key}"
            for value in _values(self.options, key.split(".")):
                yield f"{self.module}.{key}={value}"


def _values(given: Any, path: list[str]) -> Iterator[Any]:
    """The values in options, in all elements of lists."""
    if isinstance(given, list):
        for element in given:
            yield from _values(element, path)
    elif path and isinstance(given, dict):
        yield from _values(given[path[0]], path[1:]) if path[0] in given else ()
    elif not path:
        yield given
