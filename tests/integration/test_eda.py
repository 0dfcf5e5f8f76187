# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source of Event-Driven Ansible, run as ansible-rulebook runs it: by the path of its file, with a queue and arguments."""

from __future__ import annotations

import asyncio
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, REPOSITORY, Lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.differences import KINDS


def source() -> Any:
    """Its ``main``."""
    command = [sys.executable, "-m", "dumm_lab.eda"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=PATIENCE)
    if str(REPOSITORY / "python") not in sys.path:
        sys.path.append(str(REPOSITORY / "python"))
    return runpy.run_path(str(Path(done.stdout.strip(), "dumm_events.py")))["main"]


async def events(args: dict[str, Any], number: int, change: Any = None) -> list[dict[str, Any]]:
    """The first events of a lab, and of what changes after the first look."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=1)
    task = asyncio.ensure_future(source()(queue, args))
    try:
        found = []
        for turn in range(number):
            if turn == number - 1 and change is not None:
                change()
            waiter = asyncio.ensure_future(queue.get())
            await asyncio.wait({waiter, task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            assert waiter.done(), task
            found.append(waiter.result())
        return found
    finally:
        task.cancel()
        await asyncio.wait({task})


def test_what_is_there_and_what_changes_is_put_into_the_queue(lab: Lab) -> None:
    lab.guest("alice", state="present", mem=64)
    args = {"workdir": str(lab.path), "kinds": ["guest"], "initial": True}

    first, then = asyncio.run(events(args, 2, lambda: lab.guest("alice", state="present", mem=96)))

    assert (first["event"], first["name"], first["change"], first["mem"]) == ("guest", "alice", "added", 64)
    assert (then["changed"], then["before"], then["mem"]) == (["mem"], {"mem": 64}, 96)
    assert then["time"].endswith("Z")
    assert {each["event"] for each in asyncio.run(events({"workdir": str(lab.path), "initial": True}, 2))} <= set(KINDS)


def test_an_argument_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no argument kind "):
        asyncio.run(source()(asyncio.Queue(), {"workdir": str(tmp_path), "kind": "guest"}))
