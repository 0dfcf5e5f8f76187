# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How it is written when a guest counts as ready: as a module's argument, in results and in words.  Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from . import errors, notation
from .errors import InvalidInput
from .lab import Readiness, ReadyCommand
from .readiness import Ready


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
        nearest = errors.nearest(text, [notation.AUTO, *known])
        raise InvalidInput(text, f"{text!r} is not one of its values", f"{nearest}, or {{run: COMMAND, within: 60s}}")
    return Readiness(text)


def _command(value: Mapping[Any, Any]) -> ReadyCommand:
    unknown = [str(name) for name in value if name not in ("run", "within")]
    if unknown:
        raise InvalidInput(unknown[0], f"unknown key {unknown[0]}", errors.nearest(unknown[0], ["run", "within"]))
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
