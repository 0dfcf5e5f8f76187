# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running tests in one lab::

    with session(workdir, scenario=params) as lab:         # the lock, and what an interrupted run has left
        for test in tests:
            result = lab.run(test)                         # a TestResult; raises DummError where the lab is broken

A test goes through phases: the lab is made clean, ``before``, ``steps``, ``after``, ``leftover``, and what steps have changed of the lab is
taken back.  A phase ends with its first step that fails; ``after`` and what follows come whatever happened.  A check is retried until it
holds or its time is over (``outcome.Patience``); a change is carried out once.

Each kind of step is a function in a file of its subject: ``commands``, ``probes``, ``seen``, ``changes``.  Another front end adds kinds of
its own (``kinds`` of :func:`session`).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..access.capture import live as capture
from ..access.capture.live import Capture
from ..host import lock
from ..host.workdir import Workdir
from ..model import checking
from ..model.errors import DummError, InvalidInput, LockTimeout
from ..model.lab import Lab
from ..model.tests import (
    Action,
    Clean,
    Http,
    Interface,
    Link,
    LoadLayer,
    Pending,
    Ping,
    Port,
    Reach,
    Run,
    Saw,
    SetPower,
    Stage,
    Step,
    Test,
    Throughput,
    Wait,
)
from ..run.events import Subscriber, nobody
from ..run.opening import Params
from . import changes, commands, pressure, probes, rendering, seen
from .bench import LEAST_SECONDS, Bench
from .events import TestStepEnded
from .evidence import Evidence
from .keeping import Keeper
from .outcome import Attempts, Next, Outcome, Patience
from .results import StepResult, TestResult, Verdict

# What a kind of step does: on the bench, in so many seconds.  It is asked again until it holds.
Look = Callable[[Bench, Any, float], Outcome]
PHASES = ("before", "steps", "after", "leftover")


@dataclass(frozen=True)
class Kind:
    """A kind of step.

    :ivar look: what it does.
    :ivar wanted: what is expected, in words.
    :ivar guests: names of the guests that it needs.
    """

    look: Look
    wanted: Callable[[Any], str]
    guests: Callable[[Any], Iterable[str]]


Kinds = Mapping[type[Action], Kind]


def _ends(action: Any) -> tuple[str, ...]:
    ends = (action.source, action.target)
    return tuple(checking.guest_of(end) for end in ends if not checking.is_address(end))


KINDS: Kinds = {
    Run: Kind(commands.run, commands.wanted, lambda action: action.on),
    Ping: Kind(probes.ping, probes.wanted, _ends),
    Port: Kind(probes.port, probes.wanted, _ends),
    Http: Kind(probes.http, probes.wanted, lambda action: (checking.guest_of(action.source),)),
    Throughput: Kind(probes.throughput, probes.wanted, _ends),
    Saw: Kind(seen.saw, seen.wanted, lambda _action: ()),
}


@dataclass(frozen=True)
class Scene:
    """What there is when a test has failed and nothing has been cleaned up yet.

    :ivar steps: what came of its steps until now.
    :ivar capture: the packets of all cables, if they were captured.
    """

    bench: Bench
    test: Test
    guests: tuple[str, ...]
    steps: tuple[StepResult, ...]
    capture: Capture | None


# Called when a test has failed; called for when it begins, so that it can note how things are then.
Collector = Callable[[Scene], Evidence]
Witness = Callable[[Test, Bench, tuple[str, ...]], Collector]
# Where a packet from one guest to another dies, in words.
Why = Callable[[Bench, str, str], str]


@dataclass(frozen=True)
class Aids:
    """What helps people to understand a failure.

    :ivar witness: collects evidence.
    :ivar why: is asked when a ping has failed.
    :ivar packets: where the packets of all cables are to be kept (pcapng); ``None`` for those that steps look at only, and no file.
    :ivar kept: where those are to be kept that the test's ``capture`` names, by interface; ``None`` for nowhere.
    :ivar keep: whether the lab is left as a failed test leaves it: nothing is cleaned up until the next test begins.
    """

    witness: Witness | None = None
    why: Why | None = None
    packets: Path | None = None
    kept: Callable[[str], Path] | None = None
    keep: bool = False


@contextmanager
def session(
    workdir: str, *, scenario: Params | None = None, kinds: Kinds | None = None, publish: Subscriber = nobody
) -> Iterator[Session]:
    """A run of tests in a lab, which nobody else tests meanwhile.

    :param scenario: all arguments of ``dumm_scenario`` that describe the lab; ``None`` for a lab without one.
    :param kinds: more kinds of steps.
    :raises LockTimeout: where another run tests it.
    :raises DummError: where it cannot be given back at the end.
    """
    place = Workdir.at(workdir)
    place.create()
    with alone(place):
        made = Session(place, Keeper(place, scenario, publish), {**KINDS, **(kinds or {})}, publish)
        try:
            yield made
        finally:
            made.end()


@contextmanager
def alone(workdir: Workdir) -> Iterator[None]:
    """Have a lab that nobody else tests meanwhile.

    :raises LockTimeout: where another run tests it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.hold(workdir.testing_lock, workdir.label, "running tests", 0.0))
        except LockTimeout as exc:
            holder = exc.cause.partition(": ")[2]
            raise LockTimeout(workdir.label, f"its lab is being tested: {holder}", "wait until that run ends") from None
        yield


class Session:
    """A lab, as long as tests are run in it; see :func:`session`."""

    def __init__(self, workdir: Workdir, keeper: Keeper, kinds: Kinds, publish: Subscriber) -> None:
        self.workdir = workdir
        self._keeper = keeper
        self._kinds = kinds
        self._publish = publish
        self._kept = False

    def run(self, test: Test, aids: Aids | None = None, *, variant: str = "") -> TestResult:
        """Run a test.

        :param variant: what reports call this run of it.
        :raises DummError: where the lab cannot be used: it is not as the test needs it, or cannot be made clean.
        """
        began = time.time()
        bench = Bench(self.workdir, self.workdir.load())
        run = _Run(self, bench, test, aids or Aids(), variant, self._kinds, self._publish)
        result = run.result(began)
        percent = run.pressure
        verdict = result.verdict
        if verdict is Verdict.FAILED and result.steps and pressure.is_suspect(percent):
            verdict = Verdict.SUSPECT
        return dataclasses.replace(result, verdict=verdict, pressure=percent)

    @property
    def keeper(self) -> Keeper:
        """What changes the lab."""
        return self._keeper

    @property
    def warnings(self) -> tuple[str, ...]:
        """What changes of the lab warned of until now, such as a guest that had to be restarted."""
        return tuple(self._keeper.warnings)

    def leave(self) -> None:
        """Leave the lab as it is when the run ends."""
        self._kept = True

    def end(self) -> None:
        """Give the lab back.

        :raises DummError: where that fails.
        """
        if not self._kept:
            self._keeper.end()


@dataclass
class _Run:
    """A test that runs."""

    session: Session
    bench: Bench
    test: Test
    aids: Aids
    variant: str
    kinds: Kinds
    publish: Subscriber
    clock: float = field(default_factory=time.monotonic)
    steps: list[StepResult] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    guests: tuple[str, ...] = ()
    stage: str = ""
    cause: str = ""
    hear: Callable[[list[str], Path | None, str], Capture] = field(init=False)
    whole: Capture | None = None
    kept: set[str] = field(default_factory=set)
    reaching: probes.Reaching | None = None
    pressure: float | None = None

    @property
    def _keeper(self) -> Keeper:
        return self.session.keeper

    @property
    def now(self) -> float:
        """Seconds since the test began."""
        return time.monotonic() - self.clock

    def result(self, began: float) -> TestResult:
        """Run the test: what came of it.

        :param began: seconds since the epoch.
        """
        verdict = self._verdict()
        return TestResult(
            self.test.name,
            self.test.group,
            verdict,
            began,
            self.now,
            self.test.description,
            self.test.place,
            self.variant,
            self.cause,
            tuple(self.steps),
            points=self.test.points,
            phases=self.phases,
            timeline=self.evidence.timeline,
            evidence=self.evidence.files,
        )

    def _verdict(self) -> Verdict:
        with ExitStack() as stack:
            with self._timed("clean"):
                ready = self._made_ready(stack)
            if not ready:
                return self._given_back(good=False)
            guests = self.guests
            collect = self.aids.witness(self.test, self.bench, guests) if self.aids.witness else None
            good = self._tried(guests, collect)
            if not good and self.aids.keep:
                self.session.leave()
                return Verdict.FAILED
            good = self._finished(guests, collect, good)
        return self._given_back(good)

    def _made_ready(self, stack: ExitStack) -> bool:
        """Make the lab clean, and give it what the test wants; whether that can be had.

        :raises DummError: where the lab cannot be used.
        """
        self._keeper.clean(self.test.clean)
        self.bench.refresh()
        try:
            self.test = rendered(self.test, self.bench.lab)
        except DummError as exc:
            self.cause = str(exc)
            return False
        self.guests = self._guests()
        self._keeper.note.begin(self.test.name, self.guests)
        self._keeper.check_running(self._needed(self.guests))
        try:
            if self.test.layer is not None or self.test.clean is not Clean.NONE:
                self._keeper.load(self.test.layer)
            self.bench.refresh()
            self._listen(stack)
        except InvalidInput as exc:
            # Such as a layer that is not there, or a filter that is none: the test is wrong, and not the lab.
            self.cause = str(exc)
            return False
        return True

    def _given_back(self, good: bool) -> Verdict:
        """Take back what steps have changed."""
        try:
            with self._timed("clean"):
                self._keeper.give_back()
        except DummError as exc:
            self.cause = f"{self.cause + '; ' if self.cause else ''}the lab cannot be given back: {exc}"
            return Verdict.BROKEN if good else Verdict.FAILED
        self._keeper.note.end()
        return Verdict.PASSED if good else Verdict.FAILED

    def _tried(self, guests: tuple[str, ...], collect: Collector | None) -> bool:
        """Carry out what prepares the test, and its steps; collect evidence at the first failure."""
        # Guests that start when the lab is made clean are no reason to doubt what steps find afterwards.
        gauge = pressure.Gauge()
        try:
            good = self._phase("before") and self._phase("steps")
        except BaseException:
            # Interrupted by the user, say: what the test has begun is ended all the same.
            self._phase("after")
            raise
        self.pressure = gauge.percent
        if not good:
            self._collect(guests, collect)
        return good

    def _finished(self, guests: tuple[str, ...], collect: Collector | None, good: bool) -> bool:
        """Carry out what comes at the end, whatever happened."""
        ended = [self._phase(phase) for phase in ("after", "leftover")]
        if good and not all(ended):
            self._collect(guests, collect)
        return good and all(ended)

    def _collect(self, guests: tuple[str, ...], collect: Collector | None) -> None:
        if collect is None:
            return
        with self._timed("evidence"):
            self.evidence = collect(Scene(self.bench, self.test, guests, tuple(self.steps), self.whole))

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[phase] = self.phases.get(phase, 0.0) + time.monotonic() - began

    # What the test needs

    def _guests(self) -> tuple[str, ...]:
        """The guests that it is about; all where it says nothing of some."""
        found = dict.fromkeys(name for phase in PHASES for step in getattr(self.test, phase) for name in self._of(step))
        return tuple(name for name in found if name in self.bench.lab.guests) or tuple(self.bench.lab.guests)

    def _of(self, step: Step) -> Iterable[str]:
        action = step.action
        if isinstance(action, Reach):
            return action.guests or tuple(self.bench.lab.guests)
        if isinstance(action, SetPower):
            return action.guests
        if isinstance(action, (Link, Interface, Saw)):
            return (checking.guest_of(action.interface),)
        return self.kinds[type(action)].guests(action) if type(action) in self.kinds else ()

    def _needed(self, guests: Iterable[str]) -> list[str]:
        """Guests that must run when it begins: all but those that it starts itself."""
        started = {
            name
            for phase in PHASES
            for step in getattr(self.test, phase)
            if isinstance(step.action, SetPower)
            for name in step.action.guests
        }
        return [name for name in guests if name not in started]

    def _listen(self, stack: ExitStack) -> None:
        """Hear what crosses the cables that the test looks at, or all, from now on."""
        self.hear = lambda labels, file, only: stack.enter_context(
            capture.started(str(self.session.workdir.path), labels, file=file, only=only)
        )
        known = [iface.label for iface in self.bench.lab.ifaces()]
        if self.aids.packets is not None and known:
            self.whole = self.hear(known, self.aids.packets, "")
            self.bench.captures = dict.fromkeys(known, self.whole)
        self._listen_to_more()

    def _listen_to_more(self) -> None:
        """Hear what crosses the interfaces that steps look at, or whose packets are kept, as soon as these are there."""
        steps = (step for phase in PHASES for step in getattr(self.test, phase))
        wanted = {step.action.interface for step in steps if isinstance(step.action, Saw)}
        known = {iface.label for iface in self.bench.lab.ifaces()}
        if new := sorted((wanted & known) - self.bench.captures.keys()):
            self.bench.captures.update(dict.fromkeys(new, self.hear(new, None, "")))
        for label in sorted((self.test.capture.keys() & known) - self.kept):
            if self.aids.kept is not None:
                self.hear([label], self.aids.kept(label), self.test.capture[label])
                self.kept.add(label)

    # Steps

    def _phase(self, phase: str) -> bool:
        """Carry out the steps of a phase: whether all were right."""
        steps: tuple[Step, ...] = getattr(self.test, phase)
        self.stage = ""
        with self._timed(phase):
            return all(self._step(step, phase) for step in steps)

    def _step(self, step: Step, phase: str) -> bool:
        if isinstance(step.action, Stage):
            self.stage = step.action.name
            self.bench.begin_stage()
            return True
        began, attempts = self.now, Attempts()
        outcome, held = self._looked(step, began, attempts)
        good = outcome.good
        wanted = "" if good else self._wanted_of(step, held)
        why = "" if good else self._why(step.action)
        result = StepResult(
            step.text,
            step.place,
            phase,
            Verdict.PASSED if good else Verdict.FAILED,
            began,
            self.now - began,
            self.stage,
            tuple(self._of(step)),
            wanted,
            attempts.kept,
            why,
        )
        self.steps.append(result)
        if not good and not self.cause:
            self.cause = f"{step.text}: {_first_line(outcome.got)}"
        self.publish(TestStepEnded(self.test.group, self.test.name, self.variant, result))
        return good

    def _looked(self, step: Step, began: float, attempts: Attempts) -> tuple[Outcome, bool]:
        """Look until it holds, or no more: what was found last, and whether it had held before."""
        patience = Patience(step.within, step.holds, once=step.once)
        look, had_held = self._look_of(step.action), False
        while True:
            start = self.now
            left = step.within - (start - began)
            outcome = look(max(left, step.within if step.once else LEAST_SECONDS))
            attempts.add(start, outcome.got)
            had_held = had_held or patience.held
            what, pause = patience.after(start - began, self.now - began, outcome)
            if what is Next.PASS:
                return outcome, True
            if what is Next.FAIL:
                return dataclasses.replace(outcome, good=False), had_held
            time.sleep(pause)

    def _look_of(self, action: Action) -> Callable[[float], Outcome]:
        """What does the step: it gets seconds."""
        if isinstance(action, Reach):
            self.reaching = probes.Reaching(self.bench, action)
            return self.reaching.look
        if isinstance(action, Wait):
            return _waiting(action)
        kind = self.kinds.get(type(action))
        if kind is not None:
            return lambda seconds: kind.look(self.bench, action, seconds)
        return lambda _seconds: self._changed(action)

    def _changed(self, action: Action) -> Outcome:
        """Carry out a change."""
        try:
            if isinstance(action, Link):
                self._keeper.change(lambda lab: changes.link(lab, action))
            elif isinstance(action, Interface):
                self._keeper.change(lambda lab: changes.interface(lab, action))
            elif isinstance(action, SetPower):
                self._keeper.change(lambda lab: changes.power(lab, action))
            elif isinstance(action, LoadLayer):
                self._keeper.load(action.name)
            else:
                raise TypeError(action)
        except DummError as exc:
            return Outcome(False, str(exc), final=True)
        self.bench.refresh()
        self._listen_to_more()
        return Outcome(True)

    def _wanted_of(self, step: Step, held: bool) -> str:
        """What was expected, in words."""
        action = step.action
        kind = self.kinds.get(type(action))
        told = (
            probes.wanted(action) if isinstance(action, Reach) else kind.wanted(action) if kind else "it is carried out"
        )
        if step.holds is not None:
            told = f"{told}, for {step.holds:g} s{' (it held for some time)' if held else ''}"
        return told if step.once or not step.within else f"{told}, within {step.within:g} s"

    def _why(self, action: Action) -> str:
        """Where the packets of a failed ping die."""
        ends = (action.source, action.target) if isinstance(action, Ping) and not action.fails else None
        if isinstance(action, Reach) and not action.fails and self.reaching is not None:
            ends = self.reaching.first_left
        if self.aids.why is None or ends is None:
            return ""
        try:
            return self.aids.why(self.bench, *ends)
        except DummError as exc:
            return str(exc)


def _waiting(action: Wait) -> Callable[[float], Outcome]:
    def look(_seconds: float) -> Outcome:
        time.sleep(action.seconds)
        return Outcome(True)

    return look


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "it failed")


def rendered(test: Test, lab: Lab) -> Test:
    """A test with what its templates make of the lab.

    :raises Invalid: where a template cannot be rendered, or makes what a step must not be.
    """
    if not any(isinstance(step.action, Pending) for phase in PHASES for step in getattr(test, phase)):
        return test
    return rendering.rendered(test, lab)
