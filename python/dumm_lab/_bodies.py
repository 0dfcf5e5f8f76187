# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls the collection's code, which does everything; and turns its errors into those of the public API.

Imported only when the collection was found (``_collection``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import copies
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import live as captures
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.line import Line, known, quoted
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import DEFAULT_WORKDIR
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import MAX_OUTPUT
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import disks
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, Unreachable, WaitTimeout
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import runner
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report

from ._errors import CommandTimeout, GuestUnreachable, LabError
from ._results import Capture, Change, Packet, Result

_COPY_SECONDS = 3600.0
_NEW_MODE = 0o644
_DIRECTIONS: dict[captures.Direction, Literal["in", "out"]] = {
    captures.Direction.IN: "in",
    captures.Direction.OUT: "out",
}


@contextmanager
def told() -> Iterator[None]:
    """:raises LabError: instead of an error of the collection."""
    try:
        yield
    except Unreachable as exc:
        raise GuestUnreachable(str(exc)) from exc
    except WaitTimeout as exc:
        raise CommandTimeout(str(exc), exc.said) from exc
    except DummError as exc:
        raise LabError(str(exc)) from exc


def workdir(path: str | None) -> Path:
    """The working directory that a path means."""
    with told():
        return Workdir.at(path or os.environ.get("DUMM_WORKDIR") or DEFAULT_WORKDIR).path


def guest_names(place: Path) -> list[str]:
    """The guests that there are."""
    with told(), _readable(place):
        return Workdir(place).guest_names()


def check_guest(place: Path, name: str) -> None:
    """:raises LabError: where there is no such guest."""
    with told(), _readable(place):
        known(Workdir(place), name)


@contextmanager
def _readable(place: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as exc:
        raise LabError(f"working directory {place}: cannot read {exc.filename}: {exc.strerror}; run as root") from exc


def run(place: Path, name: str, command: Sequence[str], data: bytes | BinaryIO, timeout: float, ready: float) -> Result:
    """Run a command; the result, whatever its exit code."""
    return _run(place, name, quoted(command), data, timeout=timeout, ready=ready)


def _run(place: Path, name: str, script: str, data: bytes | BinaryIO = b"", **bounds: Any) -> Result:
    with told():
        done = Line(str(place), name).run(script, data, max_output=MAX_OUTPUT, **bounds)
    return Result(done.code, done.stdout, done.stderr)


def copy(place: Path, name: str, source: Path | bytes, target: str, mode: int | None, ready: float) -> None:
    """Copy a file into a guest."""
    with ExitStack() as later:
        data: bytes | BinaryIO
        if isinstance(source, bytes):
            data, found = source, _NEW_MODE
        else:
            try:
                data = later.enter_context(source.open("rb"))
            except OSError as exc:
                raise LabError(f"file {source}: it cannot be read: {exc.strerror}; look at its path") from exc
            found = source.stat().st_mode & 0o7777
        script = copies.to_write(target, found if mode is None else mode)
        _checked(
            _run(place, name, script, data, timeout=_COPY_SECONDS, ready=ready), f"guest {name}: {target}", "written"
        )


def fetch(place: Path, name: str, source: str, target: Path, ready: float) -> None:
    """Copy a file out of a guest."""
    try:
        with copies.replacing(target) as file:
            done = _run(place, name, copies.to_read(source), timeout=_COPY_SECONDS, ready=ready, stdout=file)
            _checked(done, f"guest {name}: {source}", "read")
    except OSError as exc:
        raise LabError(f"file {target}: it cannot be written: {exc.strerror}; look at its path") from exc


def _checked(done: Result, subject: str, what: str) -> None:
    if not done.ok:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise LabError(f"{subject}: it cannot be {what}: {said}; look at its path")


def state(place: Path, name: str) -> str:
    """What a guest is doing."""
    with told(), _readable(place):
        directory = known(Workdir(place), name)
        return processes.power(directory, processes.read(directory)).value


def addresses(place: Path, name: str) -> dict[str, list[str]]:
    """The addresses that a lab gives a guest's interfaces."""
    with told(), _readable(place), disks.peek(Workdir(place)) as home:
        known(home, name)
        interfaces = home.load().guests[name].interfaces
        return {each: list(iface.addresses or ()) for each, iface in interfaces.items()}


def guest(place: Path, name: str, wanted: str, wait_timeout: int) -> Change:
    """Bring a guest into a state."""
    check_guest(place, name)
    with told():
        return _change(
            runner.run_guest(
                options.completed(options.GUEST, workdir=str(place), name=name, state=wanted, wait_timeout=wait_timeout)
            )
        )


def scenario(place: Path, check: bool, given: dict[str, Any]) -> Change:
    """Make a lab what a scenario describes."""
    if unknown := sorted(given.keys() - options.SCENARIO.keys()):
        raise TypeError(f"Lab.apply has no option {unknown[0]}")
    with told():
        return _change(
            runner.run_scenario(options.completed(options.SCENARIO, workdir=str(place), **given), check=check)
        )


def _change(report: Report) -> Change:
    return Change(report.changed, report.actions, report.warnings)


def info(place: Path) -> dict[str, Any]:
    """All that is known of a lab."""
    with told():
        return runner.run_info(options.completed(options.INFO, workdir=str(place))).subject or {}


@contextmanager
def capture(place: Path, labels: list[str], file: Path | None, only: str) -> Iterator[Capture]:
    """Capture meanwhile."""
    with ExitStack() as stack:
        with told():
            running = stack.enter_context(captures.started(str(place), labels, file=file, only=only))
        yield _Capture(running, file)


class _Capture:
    """A capture of the collection's, under the names of the public API."""

    def __init__(self, running: captures.Capture, file: Path | None) -> None:
        self._running = running
        self._path = file

    @property
    def file(self) -> Path | None:
        """Where the packets are, as pcapng."""
        return self._path

    def count(self, expression: str = "", *, interface: str | None = None) -> int:
        """How many packets there are."""
        with told():
            return self._running.count(expression, interface=interface)

    def packets(self, expression: str = "", *, interface: str | None = None) -> Iterator[Packet]:
        """The packets that there are."""
        with told():
            for each in self._running.packets(expression, interface=interface):
                yield Packet(each.interface, each.time, _DIRECTIONS[each.direction], each.data, each.length)
