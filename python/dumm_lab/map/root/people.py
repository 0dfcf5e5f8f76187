# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who looks at the map, and what each has selected, for those who work on one lab together."""

from __future__ import annotations

import threading

from ..messages import Message
from .room import Room

_MOST_SELECTED = 2000


class People:
    """The pages as people, told to all of them whenever that changes."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._selected: dict[int, list[str]] = {}
        room.comers.append(self._come)
        room.leavers.append(self._leave)

    def select(self, page: int, selected: list[str]) -> None:
        """Have others know what somebody has selected."""
        with self._lock:
            if page in self._selected:
                self._selected[page] = selected[:_MOST_SELECTED]
        self._tell()

    def _come(self, page: int) -> None:
        with self._lock:
            self._selected[page] = []
        self._tell()

    def _leave(self, page: int) -> None:
        with self._lock:
            self._selected.pop(page, None)
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            message: Message = {
                "type": "people",
                "people": [
                    {"page": page, "name": self._name(number), "selected": selected}
                    for number, (page, selected) in enumerate(self._selected.items())
                ],
            }
        self._room.tell(message)

    def name(self, page: int) -> str:
        """Who has a page."""
        with self._lock:
            pages = list(self._selected)
        return self._name(pages.index(page)) if page in pages else self._room.me

    def _name(self, number: int) -> str:
        """All of them came in by the same user's addresses."""
        return self._room.me if number == 0 else f"{self._room.me} {number + 1}"
