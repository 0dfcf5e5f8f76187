# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run ends: with a :class:`Report`, or with :class:`RunFailed`, an error that carries what was done until then.

Both are values that any front end can use.  ``result`` gives either as plain data, under the names that the modules document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.errors import DummError

Result = dict[str, Any]


@dataclass(frozen=True)
class Duration:
    """How long a step took, in seconds."""

    step: str
    seconds: float


@dataclass(frozen=True)
class Diff:
    """The mentioned objects before and after."""

    before: Result
    after: Result


@dataclass(frozen=True)
class Report:
    """The end of a run.  In check mode it is what a real run would report.

    :ivar kind: what the run is about, the name of its part in a result: ``guest``, ``iface``, ``bridge``, ``scenario`` or ``lab``.
    :ivar subject: the object as the module of that kind documents it; ``None`` if it does not exist.
    :ivar actions: sentences, in order.
    :ivar diff: ``None`` for a run that only looks.
    :ivar restart_required: names of settings that take effect at the next start, by guest.
    :ivar durations: the slowest step first.
    :ivar spoken: how each sentence of a step is told in ``actions``.
    """

    kind: str
    subject: Result | None
    changed: bool = False
    actions: tuple[str, ...] = ()
    diff: Diff | None = None
    restart_required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    durations: tuple[Duration, ...] = ()
    warnings: tuple[str, ...] = ()
    spoken: Mapping[str, str] = field(default_factory=dict)

    def result(self) -> Result:
        """The result of a module, without warnings."""
        told: Result = {"changed": self.changed}
        if self.diff is not None:
            told |= {
                "actions": list(self.actions),
                "diff": {"before": self.diff.before, "after": self.diff.after},
                "restart_required": {name: list(settings) for name, settings in self.restart_required.items()},
                "durations": [{"step": each.step, "seconds": each.seconds} for each in self.durations],
            }
        return {**told, self.kind: self.subject}


class RunFailed(DummError):
    """A run that could not do everything.  It has the text of the error that ended it.

    :ivar error: that error; its class tells whose fault it is.
    :ivar done: what was done, as in :attr:`Report.actions`.
    :ivar report: of everything else, if only some guests were left as they are.
    """

    def __init__(
        self, error: DummError, *, done: Iterable[str] = (), warnings: Iterable[str] = (), report: Report | None = None
    ) -> None:
        super().__init__(error.subject if error.about is None else error.about, error.cause, error.remedy)
        # Several errors together have a text of their own.
        self.args = (str(error),)
        self.error = error
        self.done = tuple(done)
        self.warnings = tuple(warnings)
        self.report = report

    def result(self) -> Result:
        """The result of a module, without warnings."""
        told = {"actions": list(self.done)} if self.report is None else self.report.result()
        return {"msg": str(self), **told}
