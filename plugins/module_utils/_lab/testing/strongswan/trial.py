# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One test of strongSwan's suite, from its files in the guests to what it leaves behind, in upstream's order.

Files and clean logs; tcpdump; ``pretest.dat``; ``evaltest.dat``; evidence, if something failed; ``posttest.dat``; then IPsec must be
gone from all hosts that had any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...model.errors import DummError, plain
from ...run.events import Subscriber
from ..events import TestStepEnded
from ..results import Attempt, StepResult, TestResult, Verdict
from . import format
from .case import Case
from .format import Kind, Line
from .guests import Guests, evidence
from .shell import HostShell
from .testbed import Testbed

_SHOWN = 4000
_MARK = "~~~~~~~ FAIL ~~~~~~~"


@dataclass
class Record:
    """What a test has done so far.

    :ivar console: upstream's ``console.log``.
    :ivar files: evidence, by upstream's name.
    """

    case: Case
    subscriber: Subscriber
    began: float = field(default_factory=time.time)
    start: float = field(default_factory=time.monotonic)
    steps: list[StepResult] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> float:
        """Seconds since the test began."""
        return time.monotonic() - self.start

    @property
    def failed(self) -> bool:
        """Whether a step has failed."""
        return any(not step.verdict.good for step in self.steps)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a phase."""
        since = self.now
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + self.now - since

    def add(self, step: StepResult) -> None:
        """Note a step that has ended."""
        self.steps.append(step)
        self.subscriber(TestStepEnded(self.case.group, self.case.name, variant(self.case), step))


def variant(case: Case) -> str:
    """How a test was adapted, in words."""
    return f"adapted: {', '.join(case.adapted)}" if case.adapted else ""


class Trial:
    """Runs tests in one lab.

    :param shell: evaluates lines; its commands are run by :meth:`remote` of this trial.
    """

    def __init__(self, guests: Guests, testbed: Testbed, shell: HostShell, subscriber: Subscriber) -> None:
        self._guests = guests
        self._testbed = testbed
        self._shell = shell
        self._subscriber = subscriber

    def run(self, case: Case, *, keep: bool = False) -> tuple[TestResult, Record]:
        """Run a test; whatever becomes of it, the lab can be used for the next.

        :param keep: whether a failure ends the test at once and leaves the guests as they are.
        """
        record = Record(case, self._subscriber)
        cause = ""
        try:
            self._run(case, record, keep)
        except DummError as exc:
            cause = str(exc)
        if (cause or record.failed) and not keep:
            with record.phase("clean"):
                self._testbed.restart(case.hosts)
        verdict = Verdict.BROKEN if cause else Verdict.FAILED if record.failed else Verdict.PASSED
        return _result(record, verdict, cause), record

    def _run(self, case: Case, record: Record, keep: bool) -> None:
        captures = dict(case.captures)
        with record.phase("clean"):
            self._testbed.load(case.hosts, case.files)
            self._guests.prepare(case.hosts, captures)
        record.console += ["TCPDUMP", "", *(f"{host}# tcpdump -i {iface}" for host, iface in captures.items())]
        with record.phase("before"):
            record.console += ["", "PRE-TEST", ""]
            for line in case.before:
                self._act(line, "before", record)
        with record.phase("steps"):
            record.console += ["", "TEST", ""]
            seen: dict[str, str] = {}
            for line in case.checks:
                self._check(line, seen, captures, record)
        if record.failed:
            with record.phase("evidence"):
                self._collect(case, record)
            if keep:
                return
        with record.phase("after"):
            record.console += ["", "POST-TEST", ""]
            for line in case.after:
                self._act(line, "after", record)
            self._end_captures(captures, seen, record)
        with record.phase("leftover"):
            self._left_over(case, record)

    def _act(self, line: Line, phase: str, record: Record) -> None:
        since = record.now
        text = format.act_text(line)
        status = self._shell.evaluate(f"{text} >out 2>&1")
        said = self._shell.get("out").decode(errors="replace")
        record.console += [f"{line.host}# {line.command}", said]
        got = (Attempt(record.now, _shown(said), 1),) if status and said else ()
        record.add(
            StepResult(
                line.text,
                line.place,
                phase,
                Verdict.PASSED,
                since,
                record.now - since,
                guests=(line.host,),
                attempts=got,
            )
        )

    def _check(self, line: Line, seen: dict[str, str], captures: dict[str, str], record: Record) -> None:
        since = record.now
        grep = f"{format.grep_text(line)} >found"
        if line.is_capture:
            if line.host not in seen:
                seen[line.host] = self._guests.end_capture(line.host) if captures.pop(line.host, None) else ""
            self._shell.put("out", seen[line.host].encode())
            status = self._shell.evaluate(grep)
        else:
            status = self._shell.evaluate(f"{format.check_text(line)}; {grep}")
        found = self._shell.get("found").decode(errors="replace")
        lines = max(found.count("\n"), 1) if status == 0 else 0
        good = line.said(lines)
        output = (
            ""
            if good
            else self._shell.get("out").decode(errors="replace") + self._shell.get("err").decode(errors="replace")
        )
        record.console += _told(line, found, output, good)
        verdict = Verdict.SKIPPED if line.kind is Kind.NEVER_FAILS else Verdict.PASSED if good else Verdict.FAILED
        record.add(
            StepResult(
                line.text,
                line.place,
                "steps",
                verdict,
                since,
                record.now - since,
                guests=(line.host,),
                expected=_expected(line) if verdict is not Verdict.PASSED else "",
                attempts=() if good else (Attempt(record.now, _shown(output)),),
            )
        )

    def _collect(self, case: Case, record: Record) -> None:
        wanted = {host: evidence(host, uses_swanctl=case.uses_swanctl, ipv6=case.ipv6) for host in case.ipsec}
        for host in case.radius:
            radius = {
                f"{host}.radius.log": "cat /var/log/freeradius/radius.log",
                f"{host}.daemon.log": "cat /var/log/daemon.log",
            }
            wanted[host] = {**wanted.get(host, {}), **radius}
        for said in self._guests.collect(wanted).values():
            record.files |= {name: text for name, text in said.items() if text}

    def _end_captures(self, captures: dict[str, str], seen: dict[str, str], record: Record) -> None:
        """Stop what no line has stopped."""
        work: dict[str, Callable[[], str]] = {host: self._ending(host) for host in captures}
        seen |= self._guests.on_all(work)
        if record.failed:
            record.files |= {f"{host}.tcpdump.log": text for host, text in seen.items() if text}

    def _ending(self, host: str) -> Callable[[], str]:
        return lambda: self._guests.end_capture(host)

    def _left_over(self, case: Case, record: Record) -> None:
        since = record.now
        found = self._guests.left_over(case.ipsec)
        for host in case.ipsec:
            said = found.get(host, "")
            if said:
                record.console += [f"{host}# ip xfrm state; ip xfrm policy [NO]", said]
            record.add(
                StepResult(
                    f"{host}: no IPsec state or policy is left",
                    "",
                    "leftover",
                    Verdict.FAILED if said else Verdict.PASSED,
                    since,
                    record.now - since,
                    guests=(host,),
                    expected="nothing" if said else "",
                    attempts=(Attempt(record.now, _shown(said)),) if said else (),
                )
            )


def _shown(text: str) -> str:
    return plain(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n... ({len(text)} letters)")


def _expected(line: Line) -> str:
    if line.kind is Kind.NEVER_FAILS:
        return f"nothing: the expectation {line.expectation!r} is none, so this line can never fail"
    if line.kind is Kind.COUNT:
        return f"{line.count} lines that match {line.pattern!r}"
    return f"{'a' if line.kind is Kind.MATCH else 'no'} line that matches {line.pattern!r}"


def _told(line: Line, found: str, output: str, good: bool) -> list[str]:
    """Upstream's words for a line of the evaluation."""
    shown = f"cat {'/tmp/tcpdump.log'}" if line.is_capture else line.command
    told = [f"{line.host}# {shown} | grep '{line.pattern}'  [{line.expectation}]"]
    if found:
        told.append(found.rstrip("\n"))
    if good:
        return [*told, ""]
    return [_MARK, *told, "~~ output ~~~~~~~~~~", output.rstrip("\n"), "~~~~~~~~~~~~~~~~~~~~", ""]


def _result(record: Record, verdict: Verdict, cause: str) -> TestResult:
    case = record.case
    if verdict is Verdict.FAILED:
        bad = next(step for step in record.steps if not step.verdict.good)
        cause = f"{bad.text} ({bad.place})" if bad.place else bad.text
    return TestResult(
        case.name,
        case.group,
        verdict,
        record.began,
        record.now,
        description=case.description,
        place=str(case.path),
        variant=variant(case),
        cause=cause,
        steps=tuple(record.steps),
        phases=record.phases,
    )
