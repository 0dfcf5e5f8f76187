# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a guest counts as ready, and what of that is to be waited for.  No I/O.

A guest answers on its control channel before its own init has begun.  What init then does undoes earlier work: systemd mounts a fresh
``/run``, systemd-tmpfiles and sysvinit's bootclean empty ``/tmp``, and ``systemctl`` finds no manager.  ``booting`` waits for it.
"""

from __future__ import annotations

from typing import Union

from .lab import Guest, Readiness, ReadyCommand

Ready = Union[Readiness, ReadyCommand]  # noqa: UP007 - pylint takes the other way for an operation


def wanted(guest: Guest, *, works: bool, boots: bool) -> Ready:
    """What has to be waited for before a guest counts as ready.

    :param works: whether commands or services wait for it.
    :param boots: whether it has an init of its own; the minimal one is done before the control channel answers.
    """
    ready = guest.ready
    if ready is None:
        ready = Readiness.BOOTED if works else Readiness.AGENT
    return Readiness.AGENT if ready is Readiness.BOOTED and not boots else ready


def for_tasks(ready: Ready | None) -> Ready:
    """What Ansible's tasks wait for: they keep files in ``/tmp``, so that a guest has to have booted unless it says otherwise."""
    return Readiness.BOOTED if ready is None else ready


def key(ready: Ready) -> str:
    """Names what was seen of a guest, in the record of its process."""
    return ready.value if isinstance(ready, Readiness) else f"run {ready.run}"
