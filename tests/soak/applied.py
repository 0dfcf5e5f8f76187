# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mangled scenario files that check mode accepts are applied for real: that works, the second time nothing changes, and all of it goes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mangle
from badfiles import NAME, BadFiles
from lab import Lab, Refused, Result
from mangle import Bad

# More than this host is to be asked for.
_MAX_GUESTS, _MAX_MEM, _MAX_DISK = 6, 512, 512
# What nobody can know before: commands that are no commands, values that a kernel does not take, and what is beside the file.
_OWN_FAULT = re.compile(
    "exit code|not ready within|/proc/sys/.*Invalid argument|has not booted|there is no user|there is no group|no service"
)


def candidates(files: BadFiles, dice: random.Random) -> Iterator[Bad]:
    """Files that are accepted, of labs that are small, with guests that are confined."""
    while True:
        bad = mangle.mangled(dice)
        verdict = files.try_one(bad)
        if verdict.accepted is not None and _is_small(verdict.accepted):
            yield bad


def _is_small(accepted: Result) -> bool:
    guests: dict[str, Any] = accepted["scenario"]["guests"]
    return 0 < len(guests) <= _MAX_GUESTS and all(
        guest["confine"] and guest["mem"] <= _MAX_MEM and (guest["disk"] or 0) <= _MAX_DISK for guest in guests.values()
    )


def apply(lab: Lab, bad: Bad, file: Path) -> tuple[bool, str]:
    """Make a lab of a file, look, and take it away.

    :return: whether there was a lab, and what went wrong; empty if nothing did.
    """
    file.write_bytes(bad.content)
    options: dict[str, Any] = {"src": str(file), "remote_src": True, "wait_timeout": 120}
    made, wrong = False, ""
    try:
        lab.scenario(NAME, **options)
        made = True
        again = lab.scenario(NAME, **options)
        if again["changed"]:
            wrong = f"the second run: {again['actions']}"
    except Refused as refused:
        wrong = "" if _OWN_FAULT.search(str(refused)) else f"accepted by check mode, and then: {refused}"
    lab.scenario(NAME, state="absent")
    left = lab.leftovers()
    return made, wrong or (f"left behind: {left}" if left else "")
