# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs that pages may ask for, a row for each, and the parts of the room that have to be there before anybody asks.

A verb runs in a thread, so that it may wait; what it returns is the reply's value, and a :class:`DummError` is the reply's error.
With ``--read-only`` only those that look are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import editing, looking
from .arguments import Arguments
from .checks import Checks
from .drafts import Drafts
from .people import People
from .places import Places
from .room import Room

Handler = Callable[[Room, Arguments, int], object]


@dataclass(frozen=True)
class Verb:
    """What a page may ask for.

    :ivar run: gets the room, the arguments and the number of the page.
    :ivar looks: whether it changes nothing.
    """

    run: Handler
    looks: bool = False


def _select(room: Room, arguments: Arguments, page: int) -> object:
    room.of(People).select(page, arguments.texts("selected"))
    return None


VERBS: Mapping[str, Verb] = {
    "view": Verb(looking.view, looks=True),
    "look": Verb(looking.look, looks=True),
    "picture": Verb(looking.picture, looks=True),
    "people.select": Verb(_select, looks=True),
    **{name: Verb(run) for name, run in editing.VERBS.items()},
}
# Made with the room, in this order.
PARTS: Sequence[type[Any]] = (People, Drafts, Places, Checks)
