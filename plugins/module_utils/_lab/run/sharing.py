# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario of several lab hosts: the share of this one, and what it remembers of all (``placed/<name>.json`` in the working directory).

What is remembered is for the other lab hosts: it counts for them while this one cannot be asked (``scenario.lab_hosts``).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ..host import files
from ..host.workdir import Workdir
from ..model import stored
from ..model.errors import Invalid, InvalidInput, listed
from ..model.lab import Lab
from ..model.reference import GuestRef
from ..scenario import lab_hosts
from ..scenario.lab_hosts import LabHosts, Placement
from ..scenario.loader import Scenario
from ..scenario.share import Share, share
from .opening import Params

FORMAT = 1


def shared(workdir: Workdir, params: Params, whole: Scenario, lab: Lab) -> tuple[LabHosts, Share] | None:
    """The share of this lab host, and all lab hosts; ``None`` if there is only this one.

    :param lab: as it is.
    :raises InvalidInput: where the scenario cannot be shared so, or is shared and nothing says with whom.
    """
    if params.get("lab_hosts") is not None:
        hosts = lab_hosts.understood(params)
        return hosts, share(whole, hosts, lab)
    before = remembered(workdir, params["name"])
    if before is not None and len(before.weights) > 1 and params["state"] in ("present", "stopped"):
        cause = f"its guests are on lab hosts {listed(sorted(before.weights))}, and lab_hosts is not given"
        remedy = "run the playbook that gives it, or take the scenario away first (state: absent)"
        raise InvalidInput(f"scenario {params['name']}", cause, remedy)
    return None


def coming(params: Params, part: Share) -> dict[str, str]:
    """Guests that a run has to have brought here first, each with the lab host that it is on."""
    if params["state"] not in ("present", "stopped"):
        return {}
    only = params.get("only")
    return {name: source for name, source in part.coming.items() if not only or name in only}


def check_all_here(params: Params, part: Share) -> None:
    """Refuse to make anew what is somewhere else.

    :raises Invalid: for guests that nobody has brought here.
    """
    remedy = "run dumm_scenario as a task on these hosts, which brings it here"
    faults = [
        InvalidInput(GuestRef(name), f"it is on lab host {source} and has not come here", remedy)
        for name, source in coming(params, part).items()
    ]
    if faults:
        raise Invalid(faults)


def remembered(workdir: Workdir, name: str) -> Placement | None:
    """Where a scenario's guests are, as this lab host was told last; ``None`` where it was told nothing that this version understands."""
    found = files.read_json(workdir.placed(name))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    with suppress(stored.Unfit):
        return lab_hosts.read_placement(found, "")
    return None


def remember(workdir: Workdir, name: str, placement: Placement) -> None:
    """Note where a scenario's guests are; nothing is written where that is known, or something later."""
    before = remembered(workdir, name)
    if before is None or (before != placement and before.serial <= placement.serial):
        path = workdir.placed(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        files.write_json(path, {"format": FORMAT, **lab_hosts.plain_placement(placement)})


def keep(workdir: Workdir, guests: Iterable[str]) -> None:
    """Note that guests go nowhere else."""
    for name in guests:
        files.discard(workdir.guest(name).leaving)


def forget_packed(workdir: Workdir, guests: Iterable[str]) -> None:
    """Remove what was packed of guests that moved from here or to here; a move that was cut off leaves it."""
    place = workdir.moving
    if not place.is_dir():
        return
    for name in guests:
        for each in (f"{name}.tar.gz", f"{name}.in"):
            (place / each).unlink(missing_ok=True)
        files.remove_tree(place / f"{name}.tree")
    with suppress(OSError):
        place.rmdir()


def forget(workdir: Workdir, name: str) -> None:
    """Note nothing of a scenario any more."""
    before = remembered(workdir, name)
    if before is not None:
        forget_packed(workdir, before.guests)
    path = workdir.placed(name)
    files.discard(path)
    with suppress(OSError):
        path.parent.rmdir()
