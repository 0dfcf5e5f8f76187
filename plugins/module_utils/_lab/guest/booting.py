# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until a running guest is ready, in one request, and note that: one that was seen ready costs nothing more until its next start."""

from __future__ import annotations

import dataclasses

from ..host import beneath
from ..host.workdir import GuestDir, load_guest
from ..inside import boot
from ..model import readiness
from ..model.errors import DummError, GuestError, HostError, WaitTimeout
from ..model.found import Process
from ..model.lab import Power, Readiness, ReadyCommand
from ..model.readiness import Ready
from . import processes
from .channel import Channel
from .processes import power

_ASK_SECONDS = 20.0
_MOST_NAMED = 8
_LAST_WORDS = 400
_REMEDY = "see to what does not start, raise wait_timeout, or set ready: agent"
_FOR_TASKS = "see to what does not start, raise dumm_ready_timeout, or set it to 0 to run tasks without waiting"


def await_ready(directory: GuestDir, process: Process, ready: Ready, timeout: float, remedy: str = _REMEDY) -> None:
    """Wait until a guest is ready.

    :param timeout: seconds that it may take to boot.
    :param remedy: what to do where that is too short.
    :raises WaitTimeout: with what still starts, or with what the command said last.
    :raises GuestError: where it will never be, or ended.
    """
    if readiness.key(ready) in processes.seen(directory, process):
        return
    if isinstance(ready, ReadyCommand):
        _await_command(directory, process, ready)
    else:
        _await_boot(directory, process, timeout, remedy)
    processes.note(directory, process, readiness.key(ready))


def await_for_tasks(directory: GuestDir, process: Process, timeout: float) -> None:
    """Wait until a guest is ready for Ansible's tasks, and note that they need not wait again.

    :param timeout: seconds that it may take.
    :raises DummError: as :func:`await_ready`.
    """
    ready = readiness.for_tasks(_defined(directory))
    if isinstance(ready, ReadyCommand):
        ready = dataclasses.replace(ready, within=timeout)
    if ready is not Readiness.AGENT:
        await_ready(directory, process, ready, timeout, _FOR_TASKS)
    processes.note(directory, process, processes.TASKS)


def _defined(directory: GuestDir) -> Ready | None:
    """When a guest counts as ready; one that runs is reached although its definition is damaged."""
    try:
        return load_guest(directory).ready
    except HostError:
        return None


def _await_boot(directory: GuestDir, process: Process, timeout: float, remedy: str) -> None:
    subject, line = f"guest {directory.name}", Channel(directory, process)
    try:
        code = line.run(boot.AWAIT, timeout=timeout).code
    except WaitTimeout as exc:
        if power(directory, process) is not Power.RUNNING:
            raise
        raise WaitTimeout(subject, f"it has not booted within {timeout:g} s: {_unfinished(line)}", remedy) from exc
    if code == boot.MAINTENANCE:
        raise GuestError(
            subject,
            "its systemd is in maintenance mode (rescue.target or emergency.target)",
            f"see {directory.boot_log}, or set ready: agent",
        )
    if code == boot.STOPPING:
        raise GuestError(subject, "it is shutting down", "start it again when it has ended")
    if code != 0:
        raise GuestError(subject, f"whether it has booted cannot be found out (exit code {code})", "set ready: agent")


def _unfinished(line: Channel) -> str:
    """What still starts in a guest, in words."""
    try:
        names = boot.unfinished(line.run(boot.UNFINISHED, timeout=_ASK_SECONDS).stdout.decode("utf-8", "replace"))
    except DummError:
        names = []
    if not names:
        return "its init has not come as far as its services"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{beneath.printable(', '.join(names[:_MOST_NAMED]).encode())}{more} still starting"


def _await_command(directory: GuestDir, process: Process, ready: ReadyCommand) -> None:
    late = None
    try:
        done = Channel(directory, process).run(boot.retried(ready.run, ready.within), timeout=ready.within)
        output = done.stdout
        if done.code == 0:
            return
    except WaitTimeout as exc:
        if power(directory, process) is not Power.RUNNING:
            raise
        late, output = exc, exc.said
    said = beneath.printable(boot.last_try(output.decode("utf-8", "replace")).encode())[-_LAST_WORDS:]
    raise WaitTimeout(
        f"guest {directory.name}",
        f"it was not ready within {ready.within:g} s: {ready.run!r} did not succeed, and said last: {said or 'nothing'}",
        "see to what it waits for, or raise within",
    ) from late
