# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A capture in the background made what the arguments of ``dumm_capture`` request: from arguments to a report.

A capture changes nothing of the lab, so that no lock is taken: it can be started and stopped while another run works.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...host import captures
from ...host.captures import CaptureDir, Recorded
from ...model.errors import InvalidInput
from ...model.rules import check_label
from ...run.events import Subscriber, nobody
from ...run.opening import Params, Run, looking
from ...run.report import Diff, Report, Result
from . import background
from .filters import MAX_SNAPLEN, Filter
from .record import Bound
from .taps import chosen, names, opened

# What a user requests of a capture; the rest comes by itself.
_REQUESTED = ("interfaces", "file", "filter", "bound", "running")


@dataclass(frozen=True)
class CaptureReport(Report):
    """The end of a run that looked after a capture."""

    def result(self) -> Result:
        """The result of the module: a capture needs no restart of a guest, and takes no steps."""
        told = super().result()
        return {key: told[key] for key in ("changed", "actions", "diff", self.kind)}


def run_capture(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> CaptureReport:
    """Body of ``dumm_capture``.

    :raises RunFailed: for every error that a user can act on.
    """
    with looking(params, check, subscriber) as run:
        name = params["name"]
        check_label("capture", name)
        before = captures.look(run.workdir).get(name)
        after, action = _STATES[params["state"]](run, before)
        return CaptureReport(
            "capture",
            None if after is None else {"name": name, **after.told()},
            changed=bool(action),
            actions=(f"{action} capture {name}",) if action else (),
            diff=Diff(_mentioned(before), _mentioned(after)),
            warnings=tuple(run.warnings),
        )


def _started(run: Run, before: Recorded | None) -> tuple[Recorded, str]:
    """What it is afterwards, and what was done for that in a word."""
    workdir, params = run.workdir, run.params
    bound = _bound(params)
    lab = workdir.load()
    found = chosen(lab, params["interfaces"] or ())
    only = params["filter"]
    if only:
        Filter(only, names(workdir, lab, only))
    file = None if params["dest"] is None else Path(os.path.abspath(params["dest"]))
    wanted = Recorded(
        params["name"],
        tuple(iface.label for iface in found),
        str(file or CaptureDir(workdir.captures / params["name"]).packets),
        only,
        {"bytes": bound.size, "packets": bound.packets, "seconds": bound.seconds},
    )
    if before is not None and before.process is not None and _requested(before) == _requested(wanted):
        return before, ""
    action = "start" if before is None else "restart"
    if run.check:
        # None that is running has this number.
        return dataclasses.replace(wanted, process=0), action
    if before is not None:
        # What was captured is not given up for one that cannot be.
        for tap in opened(workdir, lab, found, only, MAX_SNAPLEN):
            tap.close()
        background.remove(workdir, before.name)
    labels = wanted.interfaces
    return background.start(workdir, wanted.name, labels, file=file, only=only, bound=bound), action


def _stopped(run: Run, before: Recorded | None) -> tuple[Recorded | None, str]:
    if before is not None and before.process is None:
        return before, ""
    if not run.check:
        return background.stop(run.workdir, run.params["name"]), "stop"
    if before is None:
        # The task that starts it changes nothing in check mode.
        return None, ""
    return dataclasses.replace(before, process=None, ended="stopped"), "stop"


def _absent(run: Run, before: Recorded | None) -> tuple[None, str]:
    if before is None:
        return None, ""
    if not run.check:
        background.remove(run.workdir, before.name)
    return None, "remove"


_STATES: Mapping[str, Callable[[Run, Recorded | None], tuple[Recorded | None, str]]] = {
    "started": _started,
    "stopped": _stopped,
    "absent": _absent,
}


def _bound(params: Params) -> Bound:
    """:raises InvalidInput: for one that is none."""
    size, packets, seconds = params["bytes"], params["packets"], params["seconds"]
    if size < 0:
        raise InvalidInput("bytes", f"{size} is too few", "give 1 or more, or 0 for no bound")
    if packets is not None and packets < 1:
        raise InvalidInput("packets", f"{packets} is too few", "give 1 or more")
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InvalidInput("seconds", f"{seconds} is no time", "give a number above 0")
    return Bound(size or None, packets, seconds)


def _requested(found: Recorded) -> Result:
    told = found.told()
    return {key: told[key] for key in _REQUESTED if key != "running"}


def _mentioned(found: Recorded | None) -> Result:
    """A capture for a diff, without what changes by itself."""
    if found is None:
        return {}
    told = found.told()
    return {"captures": {found.name: {key: told[key] for key in _REQUESTED}}}
