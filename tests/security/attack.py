# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an attack is, and how attacks went."""

from __future__ import annotations

import enum
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_CAPABILITIES = {"CAP_SYS_RESOURCE": 24}
LOCKDOWN = "the host's kernel is locked down (kernel_lockdown(7))"
SETTING = "the host's kernel has none, or a setting of the host forbids it"


class Off(enum.Enum):
    """Which protection is switched off where an attack has to succeed."""

    CONFINE = "confine: false"
    GUEST = "no guest: the host's root with the host's view and network"


@dataclass(frozen=True)
class Attack:
    """Something that a guest must not be able to do.

    :ivar command: for the attack program, or a script for a guest's shell.
    :ivar off: where it has to succeed.
    :ivar needs: what the host has to have for that: a path, or a capability of its root.
    :ivar unless: why some hosts refuse it to their root as well.
    """

    name: str
    command: str
    off: Off = Off.CONFINE
    needs: str = ""
    unless: str = ""

    def is_possible(self, places: dict[str, object]) -> bool:
        """Whether each host's root may do it, and this host has what it needs.

        :param places: what braces stand for.
        """
        if self.unless:
            return False
        if self.needs in _CAPABILITIES:
            return bool(_effective() >> _CAPABILITIES[self.needs] & 1)
        return not self.needs or os.path.exists(self.needs.format(**places))


def _effective() -> int:
    """Capabilities of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:"))
    return int(line.split()[1], 16)


class Outcome(enum.Enum):
    """What became of an attack; ``ABSENT`` where the host has nothing to attack, for want of a capability or in its kernel."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    ABSENT = "absent"


@dataclass
class Tally:
    """How attacks went, by their kind, and whether they were protected against."""

    _counts: Counter[tuple[str, bool, Outcome]] = field(default_factory=Counter)

    def note(self, kind: str, name: str, outcome: Outcome, *, protected: bool) -> None:
        """Count an attack, and print it."""
        self._counts[kind, protected, outcome] += 1
        tally = ", ".join(f"{each.value} {int(each is outcome)}" for each in Outcome)
        print(f"{kind}: {name}: protection {'on' if protected else 'off'}: tried 1, {tally}")

    def lines(self) -> list[str]:
        """The sums, by kind and of all."""
        kinds = list(dict.fromkeys(kind for kind, _protected, _outcome in self._counts))
        if not kinds:
            return []
        head = f"{'attacks':34} {'on: tried':>10} {'refused':>8} {'succeeded':>10}"
        head += f" {'off: tried':>11} {'succeeded':>10} {'refused':>8} {'absent':>7}"
        return [head, *(self._line(kind, [kind]) for kind in kinds), self._line("all", kinds)]

    def _line(self, title: str, kinds: list[str]) -> str:
        def count(protected: bool, *outcomes: Outcome) -> int:
            return sum(self._counts[kind, protected, outcome] for kind in kinds for outcome in outcomes)

        on = f"{count(True, *Outcome):10} {count(True, Outcome.REFUSED, Outcome.ABSENT):8} {count(True, Outcome.SUCCEEDED):10}"
        off = f"{count(False, *Outcome):11} {count(False, Outcome.SUCCEEDED):10} {count(False, Outcome.REFUSED):8}"
        return f"{title:34} {on} {off} {count(False, Outcome.ABSENT):7}"
