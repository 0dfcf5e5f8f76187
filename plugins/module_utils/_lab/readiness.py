# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a guest counts as ready: how it is written, stored and reported, and what it means for a guest.  Pure.

A guest answers on its control channel before its own init has begun.  What init then does undoes earlier work: systemd mounts a fresh
``/run``, systemd-tmpfiles and sysvinit's bootclean empty ``/tmp``, and ``systemctl`` finds no manager.  ``booting`` waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Union

from . import model, notation
from .errors import InvalidInput
from .model import Guest, Readiness, ReadyCommand

Ready = Union[Readiness, ReadyCommand]  # noqa: UP007 - pylint takes the other way for an operation


def wanted(guest: Guest, *, works: bool, boots: bool) -> Ready:
    """What has to be waited for before a guest counts as ready.

    :param works: whether commands or services wait for it.
    :param boots: whether it has an init of its own; the minimal one is done before the control channel answers.
    """
    ready = guest.ready
    if ready is None:
        ready = Readiness.BOOTED if works else Readiness.AGENT
    return Readiness.AGENT if ready is Readiness.BOOTED and not boots else ready


def for_tasks(ready: Ready | None) -> Ready:
    """What Ansible's tasks wait for: they keep files in ``/tmp``, so that a guest has to have booted unless it says otherwise."""
    return Readiness.BOOTED if ready is None else ready


def key(ready: Ready) -> str:
    """Names what was seen of a guest, in the record of its process."""
    return ready.value if isinstance(ready, Readiness) else f"run {ready.run}"


def parse(value: object) -> Ready | None:
    """A module's argument; ``None`` for ``auto``.

    :raises InvalidInput: naming what is wrong with it.
    """
    if isinstance(value, Mapping):
        return _command(value)
    text = str(value)
    if text in ("", notation.AUTO):
        return None
    known = [each.value for each in Readiness]
    if text not in known:
        nearest = model.nearest(text, [notation.AUTO, *known])
        raise InvalidInput(text, f"{text!r} is not one of its values", f"{nearest}, or {{run: COMMAND, within: 60s}}")
    return Readiness(text)


def _command(value: Mapping[Any, Any]) -> ReadyCommand:
    unknown = [str(name) for name in value if name not in ("run", "within")]
    if unknown:
        raise InvalidInput(unknown[0], f"unknown key {unknown[0]}", model.nearest(unknown[0], ["run", "within"]))
    within = value.get("within")
    seconds = ReadyCommand.within if within is None else _seconds(within)
    return ReadyCommand(command(value.get("run")), seconds)


def command(value: object) -> str:
    """A command for the guest's shell.

    :raises InvalidInput: where it is none.
    """
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InvalidInput(
            "run", "run must be a command", "give one such as {run: systemctl is-active nginx, within: 60s}"
        )
    return value


def _seconds(value: object) -> float:
    """A time limit as a module gets it: a number is in seconds, and so is text that Ansible made of one."""
    try:
        seconds = float(str(value))
    except ValueError:
        return notation.within(str(value))
    if not math.isfinite(seconds) or not 0 < seconds <= notation.MAX_WITHIN:
        raise InvalidInput(str(value), f"within: {value} is out of range", "give more than 0 and at most 1h")
    return seconds


def plain(ready: Ready | None) -> str | dict[str, Any]:
    """The same as plain data, as results show it and :func:`parse` reads it."""
    if ready is None:
        return notation.AUTO
    return ready.value if isinstance(ready, Readiness) else {"run": ready.run, "within": ready.within}


def words(ready: Ready | None) -> str:
    """The same in words."""
    told = plain(ready)
    return told if isinstance(told, str) else f"when {told['run']!r} succeeds, within {told['within']:g} s"
