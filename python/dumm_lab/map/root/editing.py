# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs by which pages change something, and read what belongs to that: rows for ``verbs``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

from .arguments import Arguments
from .checks import Checks
from .drafts import Drafts
from .people import People
from .places import Places
from .power import Power
from .room import Room

_LINES, _BYTES = 3000, 1 << 18


def _number(its: Arguments) -> int | None:
    """Of the draft that a page has seen."""
    found = its.given.get("number")
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise its.wrong("number", "the number of a draft")


def _who(room: Room, page: int) -> str:
    """Who asks."""
    return room.of(People).name(page)


def _listed(its: Arguments, key: str) -> list[Any]:
    found = its.given.get(key)
    if not isinstance(found, list):
        raise its.wrong(key, "a list")
    return found


def _brief(draft: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the reply to a change has; the draft itself goes to all pages."""
    return {key: draft.get(key) for key in ("number", "edits", "faults", "diff")}


def edit(room: Room, its: Arguments, page: int) -> object:
    return _brief(room.of(Drafts).edit(_listed(its, "edits"), _who(room, page)))


def text(room: Room, its: Arguments, page: int) -> object:
    return _brief(room.of(Drafts).write(its.text("text", 4 << 20), _number(its), _who(room, page)))


def undo(room: Room, its: Arguments, _page: int) -> object:
    return _brief(room.of(Drafts).undo(_number(its)))


def redo(room: Room, its: Arguments, _page: int) -> object:
    return _brief(room.of(Drafts).redo(_number(its)))


def discard(room: Room, _its: Arguments, page: int) -> object:
    return _brief(room.of(Drafts).discard(_who(room, page)))


def rebase(room: Room, its: Arguments, _page: int) -> object:
    return _brief(room.of(Drafts).rebase(drop=its.flag("drop")))


def adopt(room: Room, _its: Arguments, page: int) -> object:
    return _brief(room.of(Drafts).adopt(_who(room, page)))


def plan(room: Room, its: Arguments, _page: int) -> object:
    return room.of(Drafts).plan(restart=its.flag("restart"))


def apply(room: Room, its: Arguments, _page: int) -> object:
    return room.of(Drafts).apply(_number(its), save=its.flag("save"), restart=its.flag("restart"))


def propose(room: Room, its: Arguments, _page: int) -> object:
    return room.of(Drafts).propose(its.texts("guests") if its.given.get("guests") else [])


def choose(room: Room, its: Arguments, _page: int) -> object:
    return _brief(room.of(Drafts).choose(its.text("name", 64)))


def power(room: Room, its: Arguments, _page: int) -> object:
    return room.of(Power).bring(its.guests(room.lab, "names"), its.text("state"), plan=its.flag("plan"))


def _layer(state: str) -> Any:
    def run(room: Room, its: Arguments, _page: int) -> object:
        guests = its.guests(room.lab) if its.given.get("guests") else []
        scenario = its.text("scenario", 64)
        known = {*room.lab.scenarios, *(name for guest in room.lab.guests.values() for name in guest.layers)}
        if scenario not in known and not room.of(Drafts).sources.is_own(scenario):
            raise InvalidInput(f"scenario {scenario}", "there is no such scenario", "reload the page")
        return room.of(Power).layer(scenario, guests, state, plan=its.flag("plan"))

    return run


def _save(what: str) -> Any:
    def run(room: Room, its: Arguments, _page: int) -> object:
        name = None if what == "reset" else its.text("name", 64)
        return room.of(Power).save(its.guests(room.lab), what, name, plan=its.flag("plan"))

    return run


def move(room: Room, its: Arguments, _page: int) -> object:
    found = its.given.get("places")
    if not isinstance(found, dict):
        raise its.wrong("places", "an object")
    return room.of(Places).move(found)


def checks(room: Room, _its: Arguments, _page: int) -> object:
    return room.of(Checks).all()


def check(room: Room, its: Arguments, _page: int) -> object:
    return room.of(Checks).run(its.texts("names") if its.given.get("names") else [])


def log(room: Room, its: Arguments, _page: int) -> object:
    """The end of what a guest's kernel and consoles printed, in lines that can be shown."""
    guest = its.guest(room.lab)
    home = Workdir.at(room.workdir).known_guest(guest.name)
    path = home.boot_log_before if its.flag("before") else home.boot_log
    return {"guest": guest.name, "lines": files.tail(path, _LINES, _BYTES)}


VERBS: Mapping[str, Any] = {
    "draft.edit": edit,
    "draft.text": text,
    "draft.undo": undo,
    "draft.redo": redo,
    "draft.discard": discard,
    "draft.rebase": rebase,
    "draft.adopt": adopt,
    "draft.plan": plan,
    "draft.apply": apply,
    "draft.propose": propose,
    "scenario.choose": choose,
    "guest.power": power,
    "layer.load": _layer("loaded"),
    "layer.unload": _layer("unloaded"),
    "save.make": _save("save"),
    "save.restore": _save("restore"),
    "save.remove": _save("remove_save"),
    "save.reset": _save("reset"),
    "places.move": move,
    "check.list": checks,
    "check.run": check,
    "log.read": log,
}
