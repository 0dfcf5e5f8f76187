# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where guests and segments are on the map: ``scenarios/<name>/map.json``, which ``dumm graph`` reads as well.

Only places that are moved are changed; whatever else is in the file stays, also what this version does not know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files, lock
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import stored
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, from_oserror

from ..messages import Message
from .drafts import Drafts
from .room import Room

_FILE, _LOCK = "map.json", "draft.lock"
_LOCK_SECONDS = 20.0
_FARTHEST = 1e6
_LONGEST, _MOST = 200, 20000
Point = tuple[float, float]


class Places:
    """The places of a room's scenario."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._told: tuple[str, dict[str, list[float]]] | None = None
        room.greetings.append(self.message)
        room.of(Drafts).chosen.append(lambda: room.tell(self.message()))

    def message(self) -> Message:
        """All places."""
        try:
            found = _points(_read(self._path))
        except InvalidInput:
            # Who moves something is told.
            found = {}
        return {"type": "places", "places": {key: list(point) for key, point in found.items()}}

    def move(self, given: Mapping[str, object]) -> Message:
        """Give places.

        :param given: by ``guest NAME`` or ``bridge NAME``: ``[x, y]``, or ``null`` to forget it.
        :raises InvalidInput: where that is none, or what is in the file is none.
        """
        moved = {key: _point(key, value) for key, value in given.items()}
        if len(moved) > _MOST or any(len(key) > _LONGEST for key in moved):
            raise InvalidInput("request places.move", "there are too many places", "move fewer")
        path = self._path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with lock.hold(path.parent / _LOCK, f"places of {path.parent.name}", "moving", _LOCK_SECONDS):
                before = _read(path)
                after = {**before}
                for key, point in moved.items():
                    known = before.get(key)
                    if point is None:
                        after.pop(key, None)
                    else:
                        own = known if isinstance(known, dict) else {}
                        after[key] = {**own, "x": point[0], "y": point[1]}
                if after != before:
                    files.write_json(path, after)
        except OSError as exc:
            raise from_oserror("places", "write", exc) from exc
        message = {
            "type": "places",
            "places": {key: None if point is None else list(point) for key, point in moved.items()},
        }
        self._room.tell(message)
        return message["places"]  # type: ignore[return-value]

    @property
    def _path(self) -> Path:
        return Workdir.at(self._room.workdir).scenario(self._room.of(Drafts).name).parent / _FILE


def _read(path: Path) -> dict[str, Any]:
    """:raises InvalidInput: where it is none."""
    try:
        return stored.mapping(stored.parse(files.read(path)), "")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except stored.Unfit as exc:
        raise InvalidInput(str(path), f"it has no positions of a map: {exc}", "remove it") from None


def _points(told: Mapping[str, Any]) -> dict[str, Point]:
    """Those of them that are places."""
    found: dict[str, Point] = {}
    for key, each in told.items():
        if isinstance(each, dict) and _is_number(each.get("x")) and _is_number(each.get("y")):
            found[key] = (each["x"], each["y"])
    return found


def _point(key: str, value: object) -> Point | None:
    if value is None:
        return None
    pair = [value.get("x"), value.get("y")] if isinstance(value, dict) else value
    if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_number, pair)):
        raise InvalidInput(f"place of {key[:80]}", "it is no pair of numbers", "reload the page")
    x, y = (round(float(each), 1) for each in pair)
    return x, y


def _is_number(value: object) -> bool:
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_one and math.isfinite(value) and abs(value) < _FARTHEST  # type: ignore[arg-type]
