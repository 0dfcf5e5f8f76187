# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A working directory that was moved or copied is made fit before a run changes anything in it.

Of one that was moved, what tells absolute paths is written anew: what guests were started with, and whose the host's users are.  One that
was copied becomes a lab of its own, and forgets the original's processes.  A run that is killed here is finished by the next one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..guest import launcher, processes
from ..host import identity, uids
from ..host.identity import Identity
from ..host.workdir import GuestDir, Workdir
from ..union import engines


def settle(workdir: Workdir) -> str | None:
    """Have a working directory's lab know where it is.

    :return: what the user is to be told, if anything.
    """
    guests = [workdir.guest(name) for name in workdir.guest_names()]
    if not guests and not any(os.scandir(workdir.bridges)) and not workdir.identity.exists():
        return None
    found = identity.of(workdir.path)
    if found.original is not None:
        for guest in guests:
            if processes.stranger(guest) is not None:
                launcher.gone(guest)
        store(workdir)
        return (
            f"{workdir.label}: it was copied from that of the lab {found.original}, which keeps its guests, its network and its name;"
            f" this is the lab {found.name} from now on"
        )
    before = _before(found, workdir, guests)
    if before != workdir.path:
        for guest in guests:
            _follow(guest, before)
    store(workdir)
    return None


def store(workdir: Workdir) -> None:
    """Remember which lab this is, as long as there is space for it: otherwise each run finds out anew."""
    with suppress(OSError):
        workdir.store_identity()
        workdir.claim_name()


def _before(found: Identity, workdir: Workdir, guests: list[GuestDir]) -> Path:
    """The path that a working directory had; an earlier version has stored no other than those of guests that have users of the host."""
    if found.path != workdir.path or found.name == identity.derived(workdir.path):
        return found.path
    places = [place.parents[1] for guest in guests if (place := uids.place(guest)) is not None]
    return next((place for place in places if identity.derived(place) == found.name), workdir.path)


def _follow(guest: GuestDir, before: Path) -> None:
    # Not for want of space: what cannot be written down is started anew at the next chance.
    with suppress(OSError):
        uids.follow(guest, before / "guests" / guest.name)
        processes.follow(guest, before)
        engines.follow(guest, before)
