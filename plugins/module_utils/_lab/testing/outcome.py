# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look at something found, and when it is worth while to look again.  Pure: whoever looks tells the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ..model.errors import plain
from .results import Attempt

# Letters of what was found that are kept: the beginning and the end.
SHOWN = 2000
# Attempts of a step that are kept.
MOST_ATTEMPTS = 20
# Seconds between two looks.
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.05, 1.0, 1.5


@dataclass(frozen=True)
class Outcome:
    """What a look found.

    :ivar good: whether that is what was expected.
    :ivar got: what was found, for people.
    :ivar final: whether no later look can find anything else, as of a guest that has ended.
    """

    good: bool
    got: str = ""
    final: bool = False


class Next(Enum):
    """What to do after a look."""

    PASS = auto()
    FAIL = auto()
    AGAIN = auto()


class Patience:
    """How long a step is looked at: until it holds, and as long as it must go on to hold.

    It fails with the first look that finds something else and ends after ``within``; so the last one begins just then, and one that takes
    long on a busy machine is awaited.  What has to go on to hold may begin anew until ``within`` is over.

    :param within: seconds until it must hold.
    :param holds: seconds that it must go on to, from the beginning of the look that found it for the first time; ``None`` for once.
    :param once: whether there is one look only.
    """

    def __init__(self, within: float, holds: float | None = None, *, once: bool = False) -> None:
        self._within = within
        self._holds = holds
        self._once = once
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    def after(self, began: float, ended: float, outcome: Outcome) -> tuple[Next, float]:
        """What to do after a look, and how many seconds to wait before the next one.

        :param began: seconds since the step began, as ``ended``.
        """
        if outcome.good:
            if self._holds is None:
                return Next.PASS, 0.0
            self._since = began if self._since is None else self._since
            left = self._since + self._holds - ended
            return (Next.PASS, 0.0) if left <= 0 else (Next.AGAIN, min(self._next_pause(), left))
        if self._since is not None:
            self._since, self._pause = None, _FIRST_PAUSE
        if self._once or outcome.final or ended >= self._within:
            return Next.FAIL, 0.0
        return Next.AGAIN, min(self._next_pause(), self._within - ended)

    @property
    def held(self) -> bool:
        """Whether what was found last was right, and must go on to be."""
        return self._since is not None

    def _next_pause(self) -> float:
        pause = self._pause
        self._pause = min(pause * _GROWTH, _LONGEST_PAUSE)
        return pause


class Attempts:
    """What was found at one look after another; how that changed is kept, and not how often it was the same."""

    def __init__(self) -> None:
        self._first: list[Attempt] = []
        self._last: list[Attempt] = []

    def add(self, at: float, got: str) -> None:
        """Note what a look found.

        :param at: seconds since the test began.
        """
        known = self._last or self._first
        if known and known[-1].got == got:
            same = known[-1]
            known[-1] = Attempt(same.at, got, same.times + 1)
            return
        if len(self._first) < MOST_ATTEMPTS // 2:
            self._first.append(Attempt(at, got))
            return
        self._last = [*self._last, Attempt(at, got)][-MOST_ATTEMPTS // 2 :]

    @property
    def kept(self) -> tuple[Attempt, ...]:
        """The first and the last ones."""
        return (*self._first, *self._last)


def text_of(output: bytes) -> str:
    """Output as text; what is no UTF-8 is marked."""
    return output.decode("utf-8", "replace")


def shown(text: str, most: int = SHOWN) -> str:
    """Text that can be shown: without what a terminal acts on, and without the middle of a long one."""
    told = text.strip("\n")
    if len(told) > most:
        left_out = len(told) - most
        told = f"{told[: most // 2]}\n... {left_out} letters left out ...\n{told[-(most - most // 2) :]}"
    return plain(told)


def together(outcomes: Mapping[str, Outcome]) -> Outcome:
    """What looks at several guests found; what is wrong is told first."""
    if len(outcomes) == 1:
        return next(iter(outcomes.values()))
    bad = [name for name, outcome in outcomes.items() if not outcome.good]
    order: Sequence[str] = [*bad, *(name for name in outcomes if name not in bad)]
    got = "\n".join(f"{name}: {outcomes[name].got}" for name in order if outcomes[name].got)
    return Outcome(not bad, shown(got), any(outcomes[name].final for name in bad))
