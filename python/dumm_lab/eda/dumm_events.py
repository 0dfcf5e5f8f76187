# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source of ansible-rulebook: what changes in a lab, as ``dumm events`` prints it (docs/reference/events.md).

Arguments:
  - workdir: working directory of the lab (default: DUMM_WORKDIR, or /var/lib/dumm)
  - kinds: list of kinds of events (default: all)
  - initial: whether to begin with what is there (default: false)
  - counters: seconds between two events of what moves (default: none)

Examples:
  sources:
    - dumm_events:
        workdir: /var/lib/dumm
        kinds: [guest]

ansible-rulebook runs this file by its path, and calls ``main``.  It holds nothing back: the queue of the rulebook decides how fast it goes.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack, closing
from typing import Any, Protocol

from dumm_lab import _collection

_KNOWN = {"workdir", "kinds", "initial", "counters"}


class Queue(Protocol):
    """What takes events."""

    async def put(self, event: dict[str, Any]) -> None:
        """Take one."""


async def main(queue: Queue, args: dict[str, Any]) -> None:
    """Put each change of a lab into a queue, for ever.

    :raises ValueError: for an argument that there is not.
    """
    # What ansible-rulebook adds itself begins with its name.
    if unknown := sorted(each for each in args.keys() - _KNOWN if not each.startswith("eda_")):
        raise ValueError(f"dumm_events: there is no argument {unknown[0]} (known: {', '.join(sorted(_KNOWN))})")
    usage, differences = _collection.module("command.usage"), _collection.module("access.differences")
    stats, watching = _collection.module("access.stats"), _collection.module("access.watch")
    workdir = args.get("workdir") or os.environ.get("DUMM_WORKDIR") or usage.DEFAULT_WORKDIR
    kinds, every = args.get("kinds"), float(args.get("counters") or 0)
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def put(events: Any) -> None:
        for event in differences.stamped(events, kinds, time.time()):
            await queue.put(event)

    with ExitStack() as stack:
        watch = stack.enter_context(watching.Watch(workdir))
        meter = stack.enter_context(closing(stats.LabMeter()))
        loop.add_reader(watch.fileno(), woken.set)
        stack.callback(loop.remove_reader, watch.fileno())
        if args.get("initial"):
            await put(differences.present(watch.lab))
        if every:
            meter.read(watch.lab)
        due = loop.time() + every
        while True:
            left = max(0.0, due - loop.time()) if every else None
            try:
                await asyncio.wait_for(woken.wait(), left)
            except TimeoutError:
                due = max(due + every, loop.time())
                await put(stats.counted(meter, watch.lab))
                continue
            woken.clear()
            if (update := watch.step()) is not None:
                await put(differences.changes(update.before, update.after))
