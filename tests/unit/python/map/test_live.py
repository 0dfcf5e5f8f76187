# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as it changes, from what the watch hears to what pages are told."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

from dumm_lab.map.root.live import Live
from dumm_lab.map.root.room import Room
from dumm_lab.map.wire import Frame, Kind, Wire

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest, SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Update
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError

PATIENCE = 300.0


def lab(**states: str) -> SeenLab:
    return SeenLab("/srv/lab", "lab", guests={name: SeenGuest(name, state) for name, state in states.items()})


class Watch:
    """A watch that has heard something, and tells it when it is asked.

    :param told: each is an update, none, or an error.
    """

    def __init__(self, *told: Update | Exception | None) -> None:
        self._told = list(told)
        self._fd = os.eventfd(1)
        self.steps = 0

    def fileno(self) -> int:
        return self._fd

    def step(self) -> Update | None:
        self.steps += 1
        told = self._told.pop(0)
        if not self._told and not isinstance(told, Exception):
            os.eventfd_read(self._fd)
        if isinstance(told, Exception):
            raise told
        return told


def heard(room: Room, watch: Watch, frames: int) -> tuple[list[Any], list[Exception]]:
    """What pages are told of it, and the errors."""

    async def play() -> tuple[list[Any], list[Exception]]:
        near, far = socket.socketpair()
        queue: asyncio.Queue[Frame] = asyncio.Queue()
        failures: asyncio.Queue[Exception] = asyncio.Queue()
        other = Wire(far, largest=1 << 20, takes=True, heard=queue.put_nowait, ended=lambda: None)
        own = Wire(near, largest=1 << 20, takes=False, heard=lambda _frame: None, ended=lambda: None)
        room.connect(own)
        room.pages.add(1)
        live = Live(room, watch, failures.put_nowait)  # type: ignore[arg-type]
        told = [await asyncio.wait_for(queue.get(), PATIENCE) for _each in range(frames)]
        found = [] if frames else [await asyncio.wait_for(failures.get(), PATIENCE)]
        for _each in range(5):
            await asyncio.sleep(0)
        live.close()
        own.close()
        other.close()
        assert {each.kind for each in told} <= {Kind.PAGES}
        return [json.loads(each.payload) for each in told], found

    return asyncio.run(play())


def test_pages_are_told_what_differs_and_nothing_else() -> None:
    before, paused, gone = lab(alice="running", bob="running"), lab(alice="running", bob="paused"), lab(alice="running")
    room = Room("/srv/lab", before, read_only=False, me="user")

    told, _failures = heard(room, Watch(Update(before, paused), None, Update(paused, gone)), 2)

    first, second = told
    assert (first["type"], first["number"], list(first["set"]), list(first["set"]["guests"])) == (
        "change",
        1,
        ["guests"],
        ["bob"],
    )
    assert first["set"]["guests"]["bob"]["state"] == "paused"
    assert (second["number"], second["set"], second["gone"]) == (2, {}, {"guests": ["bob"]})
    assert room.lab == gone


def test_a_lab_that_cannot_be_watched_any_more_is_told_once() -> None:
    room = Room("/srv/lab", lab(), read_only=False, me="user")
    watch = Watch(HostError("working directory", "cannot watch it", "raise a limit"), HostError("again", "", ""))

    _told, failures = heard(room, watch, 0)

    assert [str(each) for each in failures] == ["working directory: cannot watch it; raise a limit"]
    assert watch.steps == 1


def test_a_guest_that_moves_between_two_other_lab_hosts_is_told_though_nothing_has_changed_here(tmp_path: Path) -> None:
    def place(guest: str, host: str) -> None:
        told = {"format": 1, "serial": 1, "guests": {guest: host}, "weights": {"lab1": 1, "lab2": 1, "lab3": 1}}
        (tmp_path / "placed").mkdir(exist_ok=True)
        (tmp_path / "placed/new").write_text(json.dumps(told))
        (tmp_path / "placed/new").rename(tmp_path / "placed/big.json")

    place("zoe", "lab2")
    room = Room(str(tmp_path), lab(), read_only=False, me="user")
    assert room.view["guests"]["zoe"]["lab_host"] == "lab2"
    place("zoe", "lab3")

    (told,), _failures = heard(room, Watch(None, None), 1)

    assert (list(told["set"]), told["set"]["guests"]["zoe"]["lab_host"], told["gone"]) == (["guests"], "lab3", {})
