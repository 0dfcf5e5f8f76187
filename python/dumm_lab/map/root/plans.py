# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the modules' bodies for pages: in check mode a run is a plan, and otherwise it reports how far it is.

A run takes the lab's lock, as every other does.  Where another program has it, the page is told so after a short while.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput, LockTimeout
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.narration import Narrator
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report, RunFailed

# Seconds to wait for another run: whoever looks at a page asks again.
LOCK_SECONDS = 5
_NAMED = re.compile(r"(?:guest|interface|guests) ([A-Za-z0-9-]+)")
_LABEL = re.compile(r"\b([A-Za-z0-9-]+):[a-zA-Z0-9_.-]+")

Body = Callable[..., Report]
Told = dict[str, Any]


class Outcome(DummError):
    """A run that failed, as a page is told of it.

    :ivar done: what was done until then, in sentences.
    :ivar refused: whether it had not begun to change anything.
    """

    def __init__(self, failed: RunFailed, remedy: str) -> None:
        error = failed.error
        super().__init__(error.subject, error.cause, remedy)
        self.done = list(failed.done)
        self.refused = isinstance(error, (LockTimeout, InvalidInput)) and not self.done


# Pages are told what waits for a restart by restart_required, and ask for it in words of their own.
_RESTART = "(restart: true does it)"


def plan(body: Body, params: Mapping[str, Any], guests: Collection[str]) -> Told:
    """What a run would do.

    :param guests: names of all guests, so that a step can name its own.
    :return: ``steps``, ``warnings``, ``seconds``, and ``failed`` with the error where it cannot be done.
    """
    began = time.monotonic()
    try:
        report = body({**params, "lock_timeout": LOCK_SECONDS}, check=True)
    except RunFailed as failed:
        return {
            "steps": [],
            "warnings": list(failed.warnings),
            "seconds": _since(began),
            "failed": str(failed),
            "restart_required": {},
        }
    return {
        "steps": steps(report, guests),
        "warnings": [each for each in report.warnings if not each.endswith(_RESTART)],
        "seconds": _since(began),
        "failed": None,
        "restart_required": {name: list(what) for name, what in report.restart_required.items()},
    }


def steps(report: Report, guests: Collection[str]) -> list[Told]:
    """The steps of a run; what is the same for many objects is one.

    :return: for each ``says``, the names of its ``guests``, and their ``count``.
    """
    found: dict[str, list[str]] = {action: [] for action in report.actions}
    for sentence, told in report.spoken.items():
        found.setdefault(told, []).append(sentence)
    return [
        {"says": told, "guests": about((told, *sentences), guests), "count": max(len(sentences), 1)}
        for told, sentences in found.items()
    ]


def about(sentences: Iterable[str], guests: Collection[str]) -> list[str]:
    """The guests that sentences name, each once."""
    names = (name for each in sentences for rule in (_NAMED, _LABEL) for name in rule.findall(each))
    return [name for name in dict.fromkeys(names) if name in guests]


def run(body: Body, params: Mapping[str, Any], tell: Callable[[str], None], **more: Any) -> Report:
    """Carry a change out.

    :param tell: is called with what begins, in sentences.
    :raises Outcome: where it fails.
    """
    try:
        return body({**params, "lock_timeout": LOCK_SECONDS}, subscriber=Narrator(tell, tell), **more)
    except RunFailed as failed:
        if isinstance(failed.error, LockTimeout):
            raise Outcome(failed, "wait for that run to end, and try again") from None
        told = Outcome(failed, failed.error.remedy)
        # Several errors together have a text of their own.
        told.args = (str(failed),)
        raise told from None


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
