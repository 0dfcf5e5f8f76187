# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's control line by the guest's name, whichever process of its has it right now.

The connection plugin runs tasks with it: in its own process where controller and lab host are one machine, else at the other end
of a connection to the lab host (``remote``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from ..guest import booting, processes
from ..guest.channel import Channel, Completed, Follow, Script
from ..host.workdir import GuestDir, Workdir, is_label
from ..model.errors import DummError, GuestError, HostError, Unreachable, nearest
from ..model.found import Process

_TMPDIR = "/var/tmp"


class Rebooted(Unreachable):
    """A guest rebooted itself, which ended its process."""


def _beside_tmp(script: str, warm: Script | None) -> tuple[str, Script | None]:
    """A script whose programs keep temporary files where no init removes them.

    systemd-tmpfiles and sysvinit's bootclean empty ``/tmp`` while a guest boots, under a running module.
    """
    elsewhere = f"if [ -d {_TMPDIR} ]; then TMPDIR={_TMPDIR}; export TMPDIR; fi\n{script}"
    if warm is None:
        return elsewhere, None
    return elsewhere, dataclasses.replace(warm, environment={"TMPDIR": _TMPDIR, **warm.environment})


def quoted(command: Sequence[str]) -> str:
    """What a guest's shell is given: a line as it is, words so that none means anything to the shell.

    :param command: at least one word.
    """
    if len(command) == 1:
        return command[0]
    # All of them: "if" and "A=b" mean something, too.
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)


def known(workdir: Workdir, name: str) -> GuestDir:
    """The directory of a guest.

    :raises Unreachable: where there is none.
    """
    directory = workdir.guest(name)
    if not is_label(name) or not directory.path.is_dir():
        if not workdir.path.is_dir():
            remedy = "make a lab there, or name the directory of one (workdir, DUMM_WORKDIR)"
            raise Unreachable(f"guest {name}", f"there is no working directory {workdir.path}", remedy)
        names = workdir.guest_names()
        remedy = nearest(name, names) if names else "make it with dumm_guest"
        raise Unreachable(f"guest {name} of {workdir.path}", "there is no such guest", remedy)
    return directory


def running(workdir: Workdir, name: str) -> tuple[GuestDir, Process]:
    """The directory of a guest, and its process.

    :raises Rebooted: where the guest has to be started again first.
    :raises Unreachable: where there is no such guest, or it is not running.
    """
    directory = known(workdir, name)
    process = processes.read(directory)
    if process is not None and processes.is_alive(process):
        return directory, process
    subject, remedy = f"guest {name} of {workdir.path}", "start it with dumm_guest"
    if process is None:
        raise Unreachable(subject, processes.why_none(directory), remedy)
    reason = processes.reason(directory, process)
    kind = Rebooted if reason == processes.REBOOTED else Unreachable
    raise kind(subject, f"it is not running: {reason}", remedy)


class Line:
    """A guest's control line.

    :param workdir: path of the working directory, as the user wrote it.
    :param guest: name of the guest.
    """

    def __init__(self, workdir: str, guest: str) -> None:
        self._workdir = Workdir.at(workdir)
        self._guest = guest
        self._channel: Channel | None = None
        self._process: Process | None = None

    def run(
        self,
        script: str,
        stdin: bytes | BinaryIO = b"",
        *,
        timeout: float,
        max_output: int,
        stdout: BinaryIO | None = None,
        warm: Script | None = None,
        ready: float = 0.0,
        answer: float | None = None,
        follow: Follow | None = None,
    ) -> Completed:
        """Run a shell script in the guest, see :meth:`Channel.run`.

        :param ready: seconds that the guest may take until it is ready for it; 0 does not wait.
        :raises Rebooted: where the guest has to be started again first (:meth:`start`).
        :raises DummError: as :meth:`Channel.run`, and where the guest is not running or its directory not to be read.
        """
        try:
            channel = self._open()
            if not self._is_settled(ready):
                script, warm = _beside_tmp(script, warm)
            return channel.run(script, stdin, timeout, max_output, stdout, warm, answer=answer, follow=follow)
        except PermissionError as exc:
            raise HostError(f"guest {self._guest}", f"cannot reach it: {exc}", "run as root") from exc

    def _open(self) -> Channel:
        """The line; anew where the guest has been started since it was last used."""
        directory, process = running(self._workdir, self._guest)
        if self._channel is None or process != self._process:
            self._channel, self._process = Channel(directory, process), process
        return self._channel

    def _is_settled(self, patience: float) -> bool:
        """Whether the guest is known to have booted, so that nothing empties its ``/tmp`` any more; waits for that."""
        directory, process = self._workdir.guest(self._guest), self._process
        if process is None:
            return False
        seen = processes.seen(directory, process)
        if patience > 0 and not seen & {processes.BOOTED, processes.TASKS}:
            booting.await_for_tasks(directory, process, patience)
            seen = processes.seen(directory, process)
        return processes.BOOTED in seen

    def start(self, options: Mapping[str, Any]) -> list[str]:
        """Start the guest.

        :param options: all of ``dumm_guest``.
        :return: warnings.
        :raises GuestError: where it does not start.
        """
        # Takes long to import (pyroute2) and is hardly ever needed.
        from ..run import runner

        params = {**options, "workdir": str(self._workdir.path), "name": self._guest}
        try:
            return list(runner.run_guest(params).warnings)
        except DummError as exc:
            raise GuestError(f"guest {self._guest}", f"it cannot be started: {exc}", "") from exc
