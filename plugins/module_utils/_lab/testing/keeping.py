# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests change of a lab is taken back after each, and after a run that was killed by the next one.

Before a step changes guests, their definitions as they were and as they will be are written to ``testing.json`` of the working directory.
The file is there as long as a test runs: where a run finds it, the one before was interrupted.  What somebody else has changed since then
stays as it is.

A lab that has a scenario gets back all that its file says, and the state of its guests' kernels, and what tests write is thrown away
(``clean``).  Of a lab without one, the changes of steps are taken back, ended guests are started again, and what tests write stays.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ..guest import processes
from ..host import files
from ..host.workdir import Workdir
from ..model import definition, tests
from ..model.errors import InvalidInput, listed
from ..model.lab import Guest, Lab, Power
from ..model.reference import GuestRef
from ..model.stored import Unfit
from ..model.tests import Clean
from ..plan import desired
from ..plan.desired import Scope, Wish
from ..run.cleaning import Unclean
from ..run.events import Subscriber
from ..run.opening import Params
from ..run.report import Report, RunFailed
from ..run.runner import run_change
from . import changes, clean

_LOCK_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Changed:
    """A guest that a step has changed, or was about to.

    :ivar before: as it was before the first of them.
    :ivar after: as it may be now: what the last step makes of it, and what the one before did, if the last had not come so far.
    """

    before: Guest
    after: tuple[Guest, ...]

    def then(self, after: Guest) -> Changed:
        """The same with another step; one is planned anew where paused guests are resumed for it."""
        again = bool(self.after) and _is_same(self.after[-1], after)
        return Changed(self.before, (*(self.after[:-1] if again else self.after[-1:]), after))


class Note:
    """What the test that runs has changed, on disk."""

    def __init__(self, workdir: Workdir) -> None:
        self._path = workdir.testing
        self.test = ""
        self.guests: tuple[str, ...] = ()
        self.changed: dict[str, Changed] = {}

    def begin(self, test: str, guests: Iterable[str]) -> None:
        """A test begins.

        :param guests: those that it is about.
        """
        self.test, self.guests = test, tuple(guests)
        self._write()

    def add(self, before: Lab, after: Lab, names: Iterable[str]) -> None:
        """Guests are about to change."""
        known = dict(self.changed)
        for name in names:
            if name in before.guests and before.guests[name] != after.guests[name]:
                known[name] = known.get(name, Changed(before.guests[name], ())).then(after.guests[name])
        if known != self.changed:
            self.changed = known
            self._write()

    def forget_changes(self) -> None:
        """They have been taken back."""
        if self.changed:
            self.changed = {}
            self._write()

    def end(self) -> None:
        """No test runs any more."""
        self.test, self.guests, self.changed = "", (), {}
        files.discard(self._path)

    def read(self) -> bool:
        """Whether a run was interrupted while a test ran; then it has what is known of that."""
        if not self._path.exists():
            return False
        found = files.read_json(self._path)
        told: Mapping[str, Any] = found if isinstance(found, dict) else {}
        self.test = str(told.get("test", ""))
        names, changed = told.get("guests"), told.get("changed")
        self.guests = tuple(str(name) for name in names) if isinstance(names, list) else ()
        for name, each in changed.items() if isinstance(changed, dict) else ():
            # What was cut off, or written by another version, cannot be taken back.
            try:
                after = tuple(_guest(name, one) for one in each["after"])
                self.changed[name] = Changed(_guest(name, each["before"]), after)
            except (Unfit, LookupError, TypeError, ValueError):
                continue
        return True

    def _write(self) -> None:
        files.write_json(
            self._path,
            {
                "test": self.test,
                "pid": os.getpid(),
                "since": time.time(),
                "guests": list(self.guests),
                "changed": {
                    name: {"before": _plain(each.before), "after": [_plain(one) for one in each.after]}
                    for name, each in self.changed.items()
                },
            },
            durable=False,
        )


def _plain(guest: Guest) -> dict[str, Any]:
    beside = {"kernel": guest.kernel, "master": guest.master, "mem": guest.mem, "power": guest.power.value}
    return {**beside, "definition": definition.plain_guest(guest, None)}


def _guest(name: str, told: Mapping[str, Any]) -> Guest:
    found = definition.guest(name, told["definition"])
    kernel, master, mem = str(told["kernel"]), str(told["master"]), int(told["mem"])
    return dataclasses.replace(found, kernel=kernel, master=master, mem=mem, power=Power(told["power"]))


class Keeper:
    """Changes a lab for tests, and gives it back.

    :param scenario: all arguments of ``dumm_scenario`` that describe the lab; ``None`` for a lab without one.
    :ivar warnings: what the runs that changed it warned of.
    """

    def __init__(self, workdir: Workdir, scenario: Params | None, publish: Subscriber) -> None:
        self._workdir = workdir
        self._scenario = scenario
        self._publish = publish
        self.warnings: list[str] = []
        self.note = Note(workdir)
        self.interrupted = self.note.read()
        self._ran = self._running()

    def _running(self) -> frozenset[str]:
        return frozenset(name for name, power in self._powers().items() if power is Power.RUNNING)

    def _powers(self) -> dict[str, Power]:
        """What all guests do."""
        found: dict[str, Power] = {}
        for name in self._workdir.guest_names():
            directory = self._workdir.guest(name)
            found[name] = processes.power(directory, processes.read(directory))
        return found

    # Before a test

    def clean(self, how: Clean) -> None:
        """Make the lab what it is to be when a test begins.

        :raises DummError: where that fails.
        """
        if self.interrupted and how is not Clean.NONE:
            how = Clean.RESTART
        self.give_back()
        if self._scenario is not None:
            self._told(clean.clean(how, self._scenario, subscriber=self._publish))
        elif how is Clean.RESTART:
            known = self.note.guests if self.interrupted else self._workdir.guest_names()
            self._restart(set(known) & self._running())
        elif how is Clean.NETWORK:
            self._reset()
        self.interrupted = False

    def _restart(self, names: Collection[str]) -> None:
        if names:
            self._change(
                lambda lab: changes.power(lab, tests.SetPower(tuple(sorted(names)), Power.RUNNING, again=True))
            )

    def _reset(self) -> None:
        """Bring back what the kernels of running guests have of the network; one that cannot be is restarted."""
        left = running = self._running()
        while running:
            try:
                self._change(lambda lab: Wish(lab, Scope(guests=running), timeout=changes.WAIT), clean="network")
            except RunFailed as failed:
                about = failed.error.about
                if not isinstance(failed.error, Unclean) or not isinstance(about, GuestRef) or about.name not in left:
                    raise
                self.warnings.append(f"{failed.error.subject}: {failed.error.cause}; it was restarted")
                self._restart([about.name])
                left -= {about.name}
            else:
                return

    def load(self, layer: str | None) -> None:
        """Lay the files of a layer over the guests; what they write from now on is thrown away where the lab has a scenario.

        :raises DummError: where there is no such layer, or it cannot be loaded.
        """
        names = self._own_guests()
        own = [name for name in names if layer is None or self._workdir.scenario_layer(layer, name).is_dir()]
        if layer is not None and not own:
            place = self._workdir.scenario_layer(layer, "GUEST")
            raise InvalidInput(f"layer {layer}", "it has files for no guest of the lab", f"make {place} for some")
        if self._scenario is not None:
            self._told(clean.begin(self._scenario, names, layer, subscriber=self._publish))
        elif layer is not None:
            self.change(lambda lab: changes.layer(lab, layer, own))

    def _own_guests(self) -> list[str]:
        """The scenario's guests, or all where there is none: of others nobody would throw away what they write from now on."""
        if self._scenario is None:
            return self._workdir.guest_names()
        name = self._scenario["name"]
        return [guest.name for guest in self._workdir.load().guests.values() if guest.scenario == name]

    # Steps

    def change(self, make: Callable[[Lab], Wish]) -> None:
        """Change the lab, in a way that will be taken back.

        :raises DummError: where that fails.
        """

        def understand(lab: Lab) -> Wish:
            wish = desired.checked(lab, make(lab))
            names = wish.scope.guests | {guest for guest, _name in wish.scope.ifaces}
            self.note.add(lab, wish.lab, names)
            return wish

        self._change(understand)

    def _change(self, understand: Callable[[Lab], Wish], clean: str | None = None) -> None:
        params = {
            "clean": clean,
            "workdir": str(self._workdir.path),
            "name": f"test {self.note.test}",
            "lock_timeout": _LOCK_SECONDS,
            "wait_timeout": int(changes.WAIT),
        }
        self._told(run_change(params, understand, subscriber=self._publish))

    def _told(self, report: Report | None) -> None:
        """Keep what a run warned of, once."""
        if report is not None:
            self.warnings += [each for each in report.warnings if each not in self.warnings]

    # After a test

    def give_back(self) -> None:
        """Take back what steps have changed, and start guests again that have ended meanwhile.

        :raises DummError: where that fails.
        """
        powers = self._powers()
        ended = {name for name in self._ran if name in powers and not _is_up(powers[name])}
        if self.note.changed or ended:
            self._change(lambda lab: given_back(lab, self.note.changed, self._ran, layers=self._scenario is None))
        self.note.forget_changes()

    def end(self) -> None:
        """Give the lab back at the end of a run.

        :raises DummError: where that fails.
        """
        self.give_back()
        if self._scenario is not None:
            self._told(clean.clean(Clean.LAYER, self._scenario, subscriber=self._publish))
        self.note.end()

    def check_running(self, names: Iterable[str]) -> None:
        """Check that guests run, as a test needs them.

        :raises InvalidInput: naming those that do not.
        """
        powers = self._powers()
        down = [name for name in names if name in powers and powers[name] is not Power.RUNNING]
        if down:
            told = listed(f"{name} ({powers[name].value})" for name in down)
            remedy = "start the lab first: dumm_scenario (state: present), or dumm_guest (state: started)"
            raise InvalidInput("guests", f"not all that the test needs are running: {told}", remedy)


def _is_up(power: Power) -> bool:
    return power in (Power.RUNNING, Power.STARTING)


def given_back(lab: Lab, changed: Mapping[str, Changed], ran: Iterable[str], *, layers: bool) -> Wish:
    """The lab without the changes of a test.

    :param ran: guests that ran before, and are to run again.
    :param layers: whether what is loaded over guests is taken back, too.
    """
    made: dict[str, Guest] = {}
    for name, each in changed.items():
        now = lab.guests.get(name)
        if now is None or now.label in lab.damaged:
            continue
        # Otherwise somebody else has changed it since.  A run that was killed may have taken it back by half.
        if not any(_is_same(now, one) for one in (each.before, *each.after)):
            continue
        loaded = each.before.loaded if layers else now.loaded
        made[name] = dataclasses.replace(each.before, power=changes.again(each.before.power), loaded=loaded)
    for name in ran:
        now = made.get(name, lab.guests.get(name))
        if now is not None and not _is_up(now.power):
            made[name] = dataclasses.replace(now, power=Power.RUNNING)
    after = dataclasses.replace(lab, guests={**lab.guests, **made})
    return Wish(after, Scope(guests=frozenset(made)), timeout=changes.WAIT)


def _is_same(one: Guest, other: Guest) -> bool:
    """Whether two guests are defined alike, whatever they do and whatever is loaded over them."""
    return dataclasses.replace(one, power=other.power, loaded=other.loaded) == other
