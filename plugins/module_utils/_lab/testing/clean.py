# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab as its scenario says, whatever a test has left of it, one that was killed half-way included.

What a test writes goes to a layer of its own, which :func:`begin` lays over all guests, and :func:`clean` throws away.  Both are runs of
``dumm_scenario``, so they are idempotent and repair what is broken.  What is not brought back: processes that a test left running.
docs/howto/clean-state.md tells what each kind of clean means.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from ..host.workdir import Workdir
from ..model.errors import InUse
from ..model.reference import GuestRef
from ..model.tests import Clean
from ..run import cleaning
from ..run.cleaning import Unclean
from ..run.events import Subscriber, nobody
from ..run.opening import Params
from ..run.report import Report, RunFailed
from ..run.runner import run_scenario

# What a test writes where it has no layer of its own: nobody has put any files there.
SCRATCH = "dumm-test"
_RUNS = {Clean.LAYER: None, Clean.NETWORK: "network", Clean.RESTART: "restart"}


def clean(how: Clean, scenario: Params, *, subscriber: Subscriber = nobody) -> Report | None:
    """Bring a lab back to what its scenario says.

    ``LAYER`` throws away what was written since :func:`begin` and gives cables, interfaces and guests back what the scenario says of
    them; a guest with a process that holds a file of that open is restarted.  ``NETWORK`` does that, too, and resets what the kernels of
    running guests have of the network.  ``RESTART`` does the first and starts all guests anew, without their own shutdown.

    :param scenario: all arguments of ``dumm_scenario`` that describe the lab, such as workdir, name and src.
    :return: what was done; ``None`` for ``NONE``.
    :raises RunFailed: where the lab cannot be brought back.
    """
    if how is Clean.NONE:
        return None
    arguments = {**scenario, "state": "present", "power": "apply", "record": False, "clean": _RUNS[how]}
    told: list[str] = []
    if how is Clean.NETWORK:
        workdir = Workdir.at(scenario["workdir"])
        # A test has restarted them, and may have done more since then.
        for name in cleaning.forgotten(workdir, workdir.guest_names()):
            told.append(
                _restarted(arguments, name, "its kernel is another one than at the test's beginning", subscriber)
            )
    while True:
        try:
            report = run_scenario({**arguments, "in_use": "refuse"}, subscriber=subscriber)
        except RunFailed as failed:
            # With such a file open, its name would go on to mean what the test wrote.
            if not isinstance(failed.error, (InUse, Unclean)) or not isinstance(failed.error.about, GuestRef):
                raise
            told.append(_restarted(arguments, failed.error.about.name, failed.error.cause, subscriber))
        else:
            return dataclasses.replace(report, changed=report.changed or bool(told), warnings=(*told, *report.warnings))


def _restarted(arguments: Params, name: str, why: str, subscriber: Subscriber) -> str:
    """Restart one guest; what is to be said of it."""
    run_scenario({**arguments, "clean": "restart", "in_use": "force", "only": [name]}, subscriber=subscriber)
    return f"guest {name}: {why}; it was restarted"


def begin(
    scenario: Params, guests: Collection[str], layer: str | None = None, *, subscriber: Subscriber = nobody
) -> Report:
    """Have all that guests write from now on go to a layer that :func:`clean` throws away.

    :param scenario: as for :func:`clean`.
    :param guests: all of the lab.
    :param layer: ``scenarios/<layer>/diff/<guest>``, which lies over the guests' roots; ``None`` for no files.
    :raises RunFailed: where processes hold files open that the layer has others of, and for all errors of a run.
    """
    over = {"hosts": False, "guests": dict.fromkeys(guests)}
    arguments = {**scenario, "name": layer or SCRATCH, "state": "loaded", "record": False, "clean": None, "only": None}
    return run_scenario({**arguments, "src": None, "content": None, "config": over}, subscriber=subscriber)
