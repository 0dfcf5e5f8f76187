# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The draft of a scenario that all pages of a working directory share: ``scenarios/<name>/draft.json``.

Each change reads it, makes the next one and writes it, under a lock: two people, and two maps of one working directory, edit one draft,
and what was answered is not lost, whatever is killed.  The file says what was edited on top of which text.  When the scenario's own file
has another text meanwhile, the draft is stale: it can be made again on that text, and cannot be applied before.

The lab and the file never differ silently.  Before a run begins, the draft notes which text the lab is being made; that note goes when
the file has this text.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files, lock, syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options, stored
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import CONDITIONS
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import (
    DummError,
    Invalid,
    InvalidInput,
    from_oserror,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.rules import check_label
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.document import MAX_BYTES
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.follow import follow

from ..messages import Message, View
from . import plans, proposals
from .described import Described
from .draft import Draft, difference, packed, unpacked
from .edits import given_of, understood
from .rebasing import rebased
from .room import Room
from .sources import DEFAULT_NAME, Sources
from .steady import edited
from .wanted import wanted_view

_FILE, _LOCK = "draft.json", "draft.lock"
_LOCK_SECONDS = 20.0
_LARGEST = 256 << 20
# Edits of the same thing make one step, if they follow each other within so many seconds.
_GOES_ON = 3.0


class Drafts:
    """What pages edit, made in a running event loop.

    :ivar name: of the scenario.
    :ivar chosen: are called when another scenario is.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self.sources = Sources(room.workdir, room.files)
        self._lock = threading.RLock()
        self._running = threading.Lock()
        self._plan: tuple[int, plans.Told] | None = None
        self._busy: str | None = None
        self._shown: Message | None = None
        self._understood: tuple[str, str, Described | None, list[str]] | None = None
        self._drawn: tuple[Described, View] | None = None
        self._news = ThreadPoolExecutor(1, "draft")
        self.chosen: list[Callable[[], object]] = []
        self._heard = False
        self._inotify = syscalls.inotify_init()
        # The last edit, the draft's number after it, and when that was.
        self._going_on: tuple[tuple[object, ...] | None, int, float] = (None, -1, 0.0)
        # A person has chosen the scenario, or the command line has.
        self._is_chosen = bool(room.scenario or room.files)
        self.name = room.scenario or self._first()
        room.choose(self.name)
        room.watchers.append(self._hear)
        if not room.read_only:
            # A text may have what not everybody is to read who may look at the lab.
            room.greetings.append(lambda: self._shown)
            asyncio.get_running_loop().add_reader(self._inotify, self._read_news)
            self._watch()
            self._tell()

    def _first(self) -> str:
        try:
            return self.sources.chosen()
        except (DummError, OSError):
            # Pages are told why when they edit.
            return DEFAULT_NAME

    def _watch(self) -> None:
        """Hear of what the lab's own watch does not tell: other maps of the lab edit the draft, and editors the user's own files."""
        for path in (*self._room.files.values(), self._home / _FILE):
            # A file is written in place, or another one is put in its place.
            with suppress(OSError):
                syscalls.inotify_add_watch(
                    self._inotify, str(path.parent), syscalls.IN_CLOSE_WRITE | syscalls.IN_MOVED_TO
                )

    def _read_news(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._inotify, 1 << 16)
        self._hear()

    # What pages are told

    def _hear(self) -> None:
        """Something has changed in the lab, maybe a scenario's file."""
        if not self._heard:
            self._heard = True
            self._news.submit(self._look)

    def _look(self) -> None:
        self._heard = False
        with suppress(DummError, OSError):
            self._follow()
            if not self._room.read_only:
                self._tell()

    def _follow(self) -> None:
        """Edit what the lab is made of now, if it had nothing to edit when the map began, and nobody has edited anything since."""
        with self._lock:
            if self._is_chosen or self.name in self._owners():
                return
            if self.sources.text(self.name) is not None or self._stored() is not None:
                return
            name = self.sources.chosen()
            if name != self.name:
                self._turn_to(name)

    def _tell(self) -> Message:
        """Tell the pages what the draft is, if that is new."""
        with self._lock:
            message = self._message()
            if message != self._shown:
                self._shown = message
                self._room.tell(message)
            return message

    def _now(self) -> Message:
        """The draft, which the pages are told."""
        draft: Message = self._tell()["draft"]
        return draft

    def _message(self) -> Message:
        try:
            self._room.placed.check(self.name)
            draft, now = self._read()
        except (DummError, OSError) as exc:
            return {
                "type": "draft",
                "draft": {
                    **_NOTHING,
                    "scenario": self.name,
                    "refused": str(exc),
                    "shared": self.name in self._room.placed.shared,
                },
            }
        state, faults = self._meaning(draft.text)
        place = self.sources.place(self.name)
        plan = None if self._plan is None or self._plan[0] != draft.number else self._plan[1]
        return {
            "type": "draft",
            "draft": {
                **_NOTHING,
                "scenario": self.name,
                "number": draft.number,
                "file": str(place),
                "new": now is None,
                "note": self._note(now),
                "text": draft.text,
                "saved_text": draft.origin,
                "diff": draft.diff,
                "faults": faults,
                "edits": [step.says for step in draft.pending],
                "can_undo": bool(draft.steps),
                "can_redo": bool(draft.undone),
                "undo": draft.steps[-1].says if draft.steps else None,
                "redo": draft.undone[-1].says if draft.undone else None,
                "stale": _stale(draft, now),
                "ahead": None
                if draft.applied is None
                else difference(draft.origin if now is None else now, draft.applied, ("file", "lab")),
                "wanted": None if state is None else self._wanted(draft, state),
                "plan": plan,
                "busy": self._busy,
                "by": draft.steps[-1].by if draft.steps else None,
            },
        }

    def _note(self, now: str | None) -> str | None:
        """What is to be known of a scenario that has no file here, though the lab was made from one."""
        if now is not None or self.name not in self._owners():
            return None
        origin = self.sources.origin(self.name)
        return (
            f"scenario {self.name}: it came from {origin or 'a file'}, which is not stored here."
            f" Saving writes {self.sources.place(self.name)}. To edit a file of yours instead, start the map with it:"
            f" dumm map {origin if origin and origin.startswith('/') else 'FILE'}"
        )

    def _owners(self) -> set[str | None]:
        """The scenarios that what is in the lab belongs to."""
        lab = self._room.lab
        return {*(each.scenario for each in lab.guests.values()), *(each.scenario for each in lab.bridges.values())}

    def _wanted(self, draft: Draft, state: Described) -> View | None:
        """What the text describes; ``None`` where it is what the lab has."""
        if self._drawn is None or self._drawn[0] is not state:
            self._drawn = state, wanted_view(state, self._room.workdir)
        view = self._drawn[1]
        kinds = ("guests", "segments", "cables")
        seen: Mapping[str, Any] = self._room.view
        described: Mapping[str, Any] = view
        alike = all(described[kind].keys() <= seen[kind].keys() for kind in kinds)
        own = {name for name, guest in self._room.lab.guests.items() if guest.scenario == self.name}
        return None if alike and not draft.changed and own <= described["guests"].keys() else view

    def _meaning(self, text: str) -> tuple[Described | None, list[str]]:
        """What a text describes, and its faults."""
        known = self._understood
        if known is None or known[:2] != (self.name, text):
            state, faults = self._understand(text)
            self._understood = known = (self.name, text, state, faults)
        return known[2], known[3]

    def _understand(self, text: str) -> tuple[Described | None, list[str]]:
        try:
            return Described.of(text, name=self.name, place=self._place), []
        except Invalid as exc:
            return None, [str(each) for each in exc.faults]
        except DummError as exc:
            return None, [str(exc)]

    @property
    def _place(self) -> str:
        """How messages call the draft."""
        return f"draft of {self.name}"

    # What is stored

    @property
    def _home(self) -> Path:
        return self.sources.workdir.scenario(self.name).parent

    def _read(self) -> tuple[Draft, str | None]:
        """The draft as it is, and the text that the file has."""
        now = self.sources.text(self.name)
        draft = self._stored()
        if draft is None:
            return self._begun(Draft(None, ""), now), now
        # Whoever has written these texts to the file, they are saved.
        for text in (draft.text, draft.applied):
            if text is not None and text == now and draft.base != now:
                return draft.written(text), now
        if draft.applied is not None and draft.applied == now:
            draft = dataclasses.replace(draft, applied=None)
        if not draft.changed and draft.base != now:
            return self._begun(draft, now), now
        if not draft.changed and now is None and draft.applied is None:
            return self._begun(draft, now), now
        return draft, now

    def _begun(self, draft: Draft, now: str | None) -> Draft:
        """A draft without edits."""
        first = "" if now is not None else self.sources.adopted(self.name)
        if draft.base == now and draft.text == (first if now is None else now):
            return draft
        return draft.fresh(now, first)

    def _stored(self) -> Draft | None:
        path = self._home / _FILE
        try:
            return unpacked(stored.parse(files.read(path, _LARGEST)))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        except stored.Unfit as exc:
            raise InvalidInput(self._place, f"{path} cannot be understood: {exc}", "move it away") from None
        except OSError as exc:
            raise from_oserror(self._place, "read", exc) from exc

    def _store(self, draft: Draft) -> None:
        """Write the draft.

        :raises InvalidInput: where it could not be read again.
        """
        try:
            unpacked(stored.parse(files.json_text(packed(draft)).encode()))
        except stored.Unfit as exc:
            raise InvalidInput(self._place, f"it cannot be stored: {exc}", "take that out") from None
        try:
            files.write_json(self._home / _FILE, packed(draft))
        except OSError as exc:
            raise from_oserror(self._place, "write", exc) from exc

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The draft is ours, also from other maps of the working directory."""
        with self._lock:
            try:
                self.sources.workdir.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as exc:
                raise from_oserror(self._place, "make", exc) from exc
            with lock.hold(self._home / _LOCK, self._place, "editing", _LOCK_SECONDS):
                for left in self._home.glob(f".new-{_FILE}.*"):
                    left.unlink(missing_ok=True)
                self._watch()
                yield

    def _change(self, make: Callable[[Draft, str | None], Draft]) -> Message:
        """Make the next draft out of the one that there is."""
        self._room.placed.check(self.name)
        with self._held():
            draft, now = self._read()
            after = make(draft, now)
            if after is not draft:
                self._store(after)
        return self._now()

    # Verbs

    def choose(self, name: str) -> Message:
        """Edit another scenario.

        :raises InvalidInput: where that cannot be one's name, or its text cannot be had.
        """
        check_label("scenario", name)
        with self._lock:
            self._turn_to(name)
            self._is_chosen = True
        return self._now()

    def _turn_to(self, name: str) -> None:
        before, self.name = self.name, name
        try:
            self._read()
        except DummError:
            self.name = before
            raise
        self._plan = None
        self._watch()
        self._room.choose(name)
        for each in self.chosen:
            each()

    def edit(self, given: Sequence[object], by: str) -> Message:
        """Make edits, all of them or none.

        :raises DummError: where one of them cannot be made.
        """
        wanted = [understood(each) for each in given]
        if not wanted:
            raise InvalidInput("request draft.edit", "there is no edit in it", "reload the page")

        def make(draft: Draft, _now: str | None) -> Draft:
            state, faults = self._meaning(draft.text)
            if state is None:
                raise InvalidInput(self._place, f"its text has a fault: {faults[0]}", "correct the text first")
            says, told = [], []
            for edit in wanted:
                try:
                    state, made = edited(state, edit)
                except InvalidInput as exc:
                    raise self._explained(exc, state) from None
                says.append(made.says)
                told.append(given_of(made))
            if state.text == draft.text:
                return draft
            slid = [_slid(each) for each in told]
            before = self._before(draft, (by, *slid) if all(slid) else None)
            return before.with_step(state.text, "; ".join(says), by, tuple(told))

        return self._change(make)

    def _explained(self, exc: InvalidInput, state: Described) -> InvalidInput:
        """The error for a guest that the lab has and the scenario does not."""
        _kind, _blank, name = exc.subject.partition("guest ")
        guest = self._room.lab.guests.get(name)
        if guest is None or name in state.scenario.guests:
            return exc
        if guest.scenario not in (None, self.name):
            return InvalidInput(exc.subject, f"it belongs to scenario {guest.scenario}", "edit that scenario")
        return InvalidInput(
            exc.subject, f"scenario {self.name} does not have it", "take over what the lab has (draft.adopt) first"
        )

    def write(self, text: str, number: int | None, by: str) -> Message:
        """Replace the text.

        :param number: of the draft that was edited; ``None`` for whichever.
        :raises InvalidInput: where somebody has edited it since.
        """
        if len(text) > MAX_BYTES:
            raise InvalidInput(self._place, f"it is larger than {MAX_BYTES} bytes", "shorten it")

        def make(draft: Draft, _now: str | None) -> Draft:
            self._check_number(draft, number)
            if text == draft.text:
                return draft
            return self._before(draft, (by, "text")).with_step(text, "edit the text", by)

        return self._change(make)

    def _before(self, draft: Draft, what: tuple[object, ...] | None) -> Draft:
        """A draft without its last step, if that is one with what comes now: a slider that is moved, or typing that goes on.

        :param what: is done by whom; ``None`` for what stands alone.
        """
        known, now = self._going_on, time.monotonic()
        goes_on = what is not None and known[:2] == (what, draft.number) and now - known[2] < _GOES_ON
        before = draft.back() if goes_on and len(draft.steps) > draft.saved else draft
        self._going_on = (what, before.number + 1, now)
        return before

    def undo(self, number: int | None) -> Message:
        """Take the last step back.

        :raises InvalidInput: where there is none, or somebody has edited since.
        """
        return self._stepped(Draft.back, number)

    def redo(self, number: int | None) -> Message:
        """Make a step again that was taken back."""
        return self._stepped(Draft.forward, number)

    def _stepped(self, step: Callable[[Draft], Draft], number: int | None) -> Message:
        def make(draft: Draft, _now: str | None) -> Draft:
            self._check_number(draft, number)
            try:
                return step(draft)
            except stored.Unfit as exc:
                raise InvalidInput(self._place, str(exc), "look at the draft") from None

        return self._change(make)

    def discard(self, by: str) -> Message:
        """Back to what the file has; this can be undone, unless the file has changed."""

        def make(draft: Draft, now: str | None) -> Draft:
            if draft.base != now:
                return self._begun(draft.fresh(now, ""), now)
            return draft.with_step(draft.origin, "discard all edits", by) if draft.changed else draft

        return self._change(make)

    def rebase(self, *, drop: bool) -> Message:
        """Make the edits again on the text that the file has now.

        :param drop: whether those that cannot be are left out.
        :raises InvalidInput: where one cannot be.
        """

        def make(draft: Draft, now: str | None) -> Draft:
            first = "" if now is not None else self.sources.adopted(self.name)
            fresh = draft.fresh(now, first)
            return rebased(draft, fresh, name=self.name, place=self._place, drop=drop)

        return self._change(make)

    def adopt(self, by: str) -> Message:
        """Take over into the text what others have changed in the lab.

        :raises DummError: where the text cannot describe that.
        """

        def make(draft: Draft, _now: str | None) -> Draft:
            lab = self.sources.part(self.name)
            text = follow(draft.text, lab, name=self.name, place=self._place) if draft.text.strip() else draft.text
            return draft if text == draft.text else draft.with_step(text, "take over what the lab has", by)

        return self._change(make)

    def propose(self, guests: Sequence[str]) -> Message:
        """What is free: names and prefixes for what is to be added.

        :param guests: those that a cable is to join.
        """
        with self._lock:
            draft, _now = self._read()
            state, faults = self._meaning(draft.text)
        if state is None:
            raise InvalidInput(self._place, f"its text has a fault: {faults[0]}", "correct the text first")
        ends: list[str] = []
        for guest in guests:
            taken = {end.split(":")[1] for end in ends if end.split(":")[0] == guest}
            ends.append(f"{guest}:{proposals.interface(state, guest, taken)}")
        return {
            "ends": ends,
            "cable_prefix": proposals.cable_prefix(state),
            "segment_prefix": proposals.segment_prefix(state),
            "segment": proposals.segment_name(state),
            "guest": proposals.guest_name(state),
        }

    def _check_number(self, draft: Draft, number: int | None) -> None:
        if number is not None and number != draft.number:
            who = draft.steps[-1].by if draft.steps else ""
            raise InvalidInput(
                self._place, f"{who or 'somebody'} has changed it meanwhile", "look at it, and do that again"
            )

    # Runs

    def plan(self, *, restart: bool) -> plans.Told:
        """What applying the draft would do; nothing is changed."""
        self._room.placed.check(self.name)
        with self._lock:
            draft, _now = self._read()
        told = plans.plan(run_scenario, self._params(draft.text, restart=restart), self._guests(draft))
        told["number"] = draft.number
        self._plan = draft.number, told
        self._tell()
        return told

    def apply(self, number: int | None, *, save: bool, restart: bool) -> plans.Told:
        """Make the lab what the draft describes.

        :param save: whether the file gets the text as well, after that.
        :raises DummError: where it cannot be done, or not all of it.
        """
        self._room.placed.check(self.name)
        with self.alone(f"apply scenario {self.name}"):
            with self._held():
                draft, now = self._read()
                self._check_number(draft, number)
                self._check_current(draft, now)
                self._store(dataclasses.replace(draft, applied=draft.text))
            done = functools.partial(self._settle, draft.text, save=save)
            params = self._params(draft.text, restart=restart)
            try:
                told = self.carried_out("apply", run_scenario, params, self._guests(draft), done)
            except plans.Outcome as exc:
                if exc.refused:
                    self._not_applied(draft)
                raise
        return {
            **told,
            "saved": str(self.sources.place(self.name)) if save else None,
            "number": self._now()["number"],
        }

    def carried_out(
        self,
        what: str,
        body: plans.Body,
        params: Mapping[str, Any],
        guests: Collection[str],
        then: Callable[[], object] = lambda: None,
    ) -> plans.Told:
        """A run, of which all pages are told: how far it is, and how it ended.

        :param then: what belongs to it, such as writing a file.
        :raises DummError: where it fails.
        """
        try:
            report = plans.run(body, params, self._progress)
            then()
        except DummError as exc:
            self.ran(what, [*(exc.done if isinstance(exc, plans.Outcome) else ()), str(exc)], ok=False)
            raise
        self.ran(what, report.actions, ok=True)
        return {
            "changed": report.changed,
            "steps": plans.steps(report, guests),
            "warnings": list(report.warnings),
            "restart_required": {name: list(each) for name, each in report.restart_required.items()},
        }

    def _not_applied(self, before: Draft) -> None:
        """The lab is as it was."""
        with self._held():
            draft, _now = self._read()
            if draft.applied == before.text:
                self._store(dataclasses.replace(draft, applied=before.applied))

    def _settle(self, text: str, *, save: bool) -> None:
        with self._held():
            self._applied(text, save=save)

    def ahead(self) -> str | None:
        """A text that the lab was made, and that its file does not have; ``None`` where they are the same."""
        with self._lock:
            return self._read()[0].applied

    def _check_current(self, draft: Draft, now: str | None) -> None:
        if _stale(draft, now) is not None:
            raise InvalidInput(
                self._place,
                f"{self.sources.place(self.name)} has been changed meanwhile",
                "look at the difference, and make your edits again on that (rebase), or discard them",
            )
        if not draft.text.strip():
            raise InvalidInput(self._place, "there is nothing in it", "add a guest")
        if faults := self._meaning(draft.text)[1]:
            raise InvalidInput(self._place, f"its text has a fault: {faults[0]}", "correct it first")

    def _applied(self, text: str, *, save: bool) -> None:
        """The lab is what a text says."""
        draft, now = self._read()
        if save:
            if _stale(draft, now) is not None:
                raise InvalidInput(
                    self._place,
                    "the lab is changed, but its file was changed meanwhile as well",
                    "look at the difference",
                )
            self.sources.write(self.name, text)
            self._store(draft.written(text))
        else:
            known = draft.origin if now is None else now
            self._store(dataclasses.replace(draft, applied=None if text == known else text, number=draft.number + 1))

    def _params(self, text: str, *, restart: bool) -> Mapping[str, Any]:
        given = {"workdir": self._room.workdir, "name": self.name, "content": text, "src": self._place}
        return options.completed(options.SCENARIO, **given, power="keep", restart=restart)

    def _guests(self, draft: Draft) -> set[str]:
        state, _faults = self._meaning(draft.text)
        return {*self._room.lab.guests, *(() if state is None else state.scenario.guests)}

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """One run of this map at a time.

        :raises InvalidInput: where there is another.
        """
        if not self._running.acquire(blocking=False):
            raise InvalidInput(
                what, f"this map is about to {self._busy or 'change the lab'}", "wait until it has ended"
            )
        self._busy = what
        try:
            self._tell()
            yield
        finally:
            self._busy = None
            self._running.release()
            with suppress(DummError):
                self._tell()

    def _progress(self, says: str) -> None:
        self._room.tell({"type": "progress", "says": says})

    def ran(self, what: str, says: Sequence[str], *, ok: bool) -> None:
        """Tell all pages how a run ended."""
        self._room.tell({"type": "ran", "what": what, "ok": ok, "says": list(says)})


_NOTHING: Mapping[str, Any] = {
    "number": 0,
    "file": None,
    "new": False,
    "note": None,
    "text": "",
    "saved_text": "",
    "diff": "",
    "faults": [],
    "edits": [],
    "can_undo": False,
    "can_redo": False,
    "undo": None,
    "redo": None,
    "stale": None,
    "ahead": None,
    "wanted": None,
    "plan": None,
    "busy": None,
    "by": None,
    "refused": None,
    "shared": False,
}


def _stale(draft: Draft, now: str | None) -> str | None:
    """How the file differs from what the draft began with."""
    if draft.base == now:
        return None
    return difference(draft.origin, now or "", ("when you began", "now"))


def _slid(edit: Mapping[str, Any]) -> tuple[object, ...] | None:
    """What a slider sets: conditions of a cable, or one of an interface; ``None`` for any other edit."""
    if edit["do"] == "cable.set":
        return edit["id"], edit["direction"], *sorted(edit["conditions"])
    if edit["do"] == "guest.set" and edit["path"][0] == "interfaces" and edit["path"][-1] in CONDITIONS:
        return edit["name"], *edit["path"]
    return None
