# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab behind the console: what there is, and the bodies of the modules that change it."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.glance import Glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import disks, files
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, plain
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Lab, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import describe
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import observe, runner
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.narration import Narrator
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report, RunFailed
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import adopt, follow

from .completion import Known
from .undo import Call, Snapshot, objects_back, scenarios_back

_MOST_UNDONE, _NEW_MODE = 100, 0o644
_BODIES: Mapping[str, tuple[Callable[..., Report], options.Spec]] = {
    "guest": (runner.run_guest, options.GUEST),
    "iface": (runner.run_iface, options.IFACE),
    "bridge": (runner.run_bridge, options.BRIDGE),
    "scenario": (runner.run_scenario, options.SCENARIO),
}


class Changes:
    """A lab that is changed, and can be as it was before.

    :param workdir: path of the working directory, as the user wrote it.
    :ivar planning: whether bodies only tell what they would do.
    """

    def __init__(self, workdir: str) -> None:
        self.workdir = Workdir.at(workdir)
        self.planning = False
        self._before: list[Snapshot] = []
        # Of scenarios that are not stored in the working directory.
        self._files: dict[str, Path] = {}
        self._texts: dict[str, str] = {}

    def do(self, kind: str, *, quiet: bool = False, **given: object) -> Report:
        """Change the lab by one body.

        :param quiet: whether what it does is told by somebody else.
        :raises DummError: as the body does, with its warnings told.
        """
        before = None if self.planning else self._snapshot()
        try:
            return self._call(Call(kind, given), quiet=quiet)
        finally:
            # Also what was done by half can be undone.
            if before is not None:
                self._remember(before)

    def _remember(self, before: Snapshot) -> None:
        with suppress(DummError, OSError):
            if before != self._snapshot():
                self._before = [*self._before[-_MOST_UNDONE:], before]

    def undo(self) -> bool:
        """Go back to before the last change; whether there was one.

        :raises DummError: as the bodies do.
        """
        if not self._before:
            return False
        before = self._before[-1]
        for call in scenarios_back(before, self._snapshot()):
            self._call(call)
        for call in objects_back(before.lab, self._snapshot().lab):
            self._call(call)
        if not self.planning:
            self._before.pop()
        return True

    def scenario(self, name: str, file: Path | None = None, **given: Any) -> Report:
        """Change the lab by a scenario.

        :param file: ``None`` for the one that is stored in the working directory, or else that which was loaded last.
        :raises DummError: as the body does.
        """
        if file is None and not self.workdir.scenario(name).is_file():
            file = self._files.get(name)
        try:
            return self.do("scenario", name=name, src=None if file is None else str(file), **given)
        finally:
            if file is not None and not self.planning:
                self._files[name] = file
                with suppress(OSError, UnicodeDecodeError):
                    self._texts[name] = file.read_text()

    def save(self, name: str, file: Path | None) -> Path:
        """Make the whole lab a scenario, and write its text.

        :param file: ``None`` for the working directory's.
        :return: where it is written.
        :raises DummError: as the body does; nothing is written then.
        """
        target = self.workdir.scenario(name) if file is None else file
        lab = self._found()
        text = _written_anew(target, lab, name) if target.exists() else adopt.adopt(lab)
        self._call(Call("scenario", {"name": name, "content": text, "power": "keep"}), quiet=not self.planning)
        if not self.planning:
            if file is None:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _NEW_MODE
            files.write(target, text.encode(), mode)
            self._texts[name] = text
            self._files[name] = target
        return target

    def _call(self, call: Call, *, quiet: bool = False) -> Report:
        body, spec = _BODIES[call.kind]
        params = options.completed(spec, workdir=str(self.workdir.path), **call.given)
        subscriber = Narrator((lambda _sentence: None) if quiet else say, complain)
        try:
            report = body(params, check=self.planning, subscriber=subscriber)
        except RunFailed as failed:
            _warn(failed.warnings)
            raise
        _warn(report.warnings)
        if self.planning:
            for action in report.actions or ("nothing",):
                say(f"would: {action}")
        return report

    # What there is

    def seen(self) -> SeenLab:
        """The lab at a glance."""
        return Glance(str(self.workdir.path)).lab()

    def info(self) -> Mapping[str, Any]:
        """All that is known of it."""
        return runner.run_info(options.completed(options.INFO, workdir=str(self.workdir.path))).subject or {}

    def names(self, kind: str) -> list[str]:
        """Names of guests, bridges or scenarios."""
        if kind == "guest":
            return self.workdir.guest_names()
        return self.workdir.bridge_names() if kind == "bridge" else _scenarios(self.seen())

    def ifaces(self, guest: str) -> list[str]:
        """Names of a guest's interfaces."""
        with disks.peek(self.workdir) as home:
            found = home.load().guests.get(guest)
        return [] if found is None else list(found.interfaces)

    def choices(self, kind: str) -> list[str]:
        """Names of ``kernels`` or ``masters``."""
        return _entries(self.workdir.path / kind)

    def known(self, lab: SeenLab) -> Known:
        """Names for completion."""
        return Known(
            {name: [iface.name for iface in guest.interfaces] for name, guest in lab.guests.items()},
            list(lab.bridges),
            _scenarios(lab),
            self.choices("kernels"),
            self.choices("masters"),
        )

    def _snapshot(self) -> Snapshot:
        with disks.peek(self.workdir) as home:
            lab = observe.observe(home).lab
        texts = dict(self._texts)
        for name in self.seen().scenarios:
            with suppress(OSError, UnicodeDecodeError):
                texts[name] = self.workdir.scenario(name).read_text()
        return Snapshot(lab, texts)

    def _found(self) -> Lab:
        """The lab with what guests that run show."""
        with disks.peek(self.workdir) as home:
            actual = observe.observe(home)
            running = [name for name, guest in actual.lab.guests.items() if guest.power is Power.RUNNING]
            return describe.found_lab(observe.look_inside(home, actual, running, actual.lab, {}))


def _written_anew(file: Path, lab: Lab, name: str) -> str:
    """The text of a file, with as little changed as makes it describe a lab."""
    return follow.follow(file.read_text(), lab, name=name, place=str(file))


def _scenarios(lab: SeenLab) -> list[str]:
    """Scenarios that are stored, and those that guests and bridges belong to."""
    owners = {each.scenario for each in lab.guests.values()} | {each.scenario for each in lab.bridges.values()}
    return sorted({*lab.scenarios, *filter(None, owners)})


def _entries(place: Path) -> list[str]:
    try:
        return sorted(each.name for each in place.iterdir() if not each.name.startswith("."))
    except FileNotFoundError:
        return []


def say(sentence: str) -> None:
    """A line of output that does nothing to a terminal."""
    sys.stdout.write(f"{plain(sentence)}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """A line beside the output."""
    sys.stdout.flush()
    sys.stderr.write(f"{plain(sentence)}\n")
    sys.stderr.flush()


def _warn(warnings: Iterable[str]) -> None:
    for each in warnings:
        complain(f"warning: {each}")
