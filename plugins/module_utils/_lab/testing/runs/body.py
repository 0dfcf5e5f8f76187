# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole run of tests, on a page: from the arguments of ``dumm_test`` to a report.

``run_tests`` is what the module, the action plugin and the command ``dumm test`` call, as ``run/runner`` is for other modules::

    report = run_tests(options.completed(options.TEST, src=["vpn.yml"]), subscriber=TestNarrator(print, print))
    report.suite.exit_code, report.result()["tests"]

1. ``source``: read and understand the files of tests, and the scenario.  Everything that is wrong is told before anything is changed.
2. ``selection``: which tests, in which variants.  Check mode ends here.
3. ``directory``: remove the results of the run before, of which only the durations are of use.
4. ``suite``: run them, in one lab or several; ``engine`` carries out each.
5. Write the reports, also of a run that was interrupted.

A run returns a :class:`TestReport`, or raises :class:`RunFailed`, which has that report, if a test failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...host.workdir import Workdir
from ...model.errors import DummError, GuestError, InvalidInput, listed
from ...run.events import Publisher, Subscriber, nobody
from ...run.opening import Params, looking
from ...run.report import Report, Result, RunFailed
from .. import source
from ..directory import PAGE, Results
from ..engine import alone
from ..labs import InLab, Setting, opened
from ..record import Identity, returned_data, suite_data
from ..results import SuiteResult, TestResult
from ..selection import Case, cases, select
from ..source import Source, Text
from ..strongswan import suite as strongswan
from ..suite import Keep, Policy, Suite
from ..wording import cause_of, full_title, summary


class TestsFailed(GuestError):
    """Tests failed."""

    # Not a test of pytest's.
    __test__ = False


@dataclass(frozen=True)
class TestReport(Report):
    """The end of a run of tests.

    :ivar suite: what came of them; ``None`` in check mode.
    :ivar results: the directory of results.
    """

    __test__ = False

    suite: SuiteResult | None = None
    results: str = ""

    def result(self) -> Result:
        """The result of the module."""
        told = {"changed": self.changed, "actions": list(self.actions), self.kind: self.subject}
        if self.suite is None:
            return told
        data = suite_data(self.suite)
        kept = {key: data[key] for key in ("counts", "points", "seconds", "exit_code", "broken")}
        return {**told, **kept, "directory": self.results}


@dataclass(frozen=True)
class Planned:
    """What a run would do.

    :ivar tests: what is known of the tests before they are run, by what results call them.
    :ivar carry_out: runs them, given the directory of results, how long they took in an earlier run, and who gets the events; what
        has ended of a run that is interrupted is in the directory.
    """

    tests: Mapping[str, Result]
    carry_out: Callable[[Results, Mapping[Identity, float], Subscriber], SuiteResult]

    @property
    def actions(self) -> tuple[str, ...]:
        """The same in words."""
        return tuple(f"run test {name}" for name in self.tests)


def run_tests(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> TestReport:
    """Body of ``dumm_test``.

    :raises RunFailed: for every error that a user can act on, and where a test failed.
    """
    warnings: list[str] = []
    with looking(params, check, subscriber) as run:
        for option, least in (("retry", 0), ("parallel", 1)):
            if params[option] < least:
                raise InvalidInput(option, f"{params[option]} is too few", f"give {least} or more")
        planned = _planned(params, run.workdir, warnings)
        label = run.workdir.label
    if not planned.tests:
        warnings.append(f"{label}: there is no test to run")
        nothing = SuiteResult(params["workdir"], 0.0, 0.0)
        return TestReport(kind="tests", subject={}, warnings=tuple(warnings), suite=nothing)
    if check:
        return TestReport(
            kind="tests", subject=dict(planned.tests), changed=True, actions=planned.actions, warnings=tuple(warnings)
        )
    place = Workdir.at(params["workdir"])
    results = Results(Path(params["results"] or place.path / "results"))
    try:
        # Before the results in it: it is nobody else's to read.
        place.create()
        with alone(place):
            # The results of a run that is under way are not to be removed.
            before = results.begin()
        ended = planned.carry_out(results, before, Publisher(subscriber))
        results.write(ended)
    except RunFailed:
        raise
    except DummError as exc:
        raise RunFailed(exc, warnings=warnings) from exc
    return _told(ended, results, tuple(warnings))


def _planned(params: Params, workdir: Workdir, warnings: list[str]) -> Planned:
    """A run of the tests that are given, in the format that they are written in.

    :param warnings: get those of the run.
    """
    is_foreign = params["format"] == strongswan.FORMAT
    found = strongswan.understood(workdir, params) if is_foreign else _own(workdir, params)
    warnings += found.warnings
    chosen = cases(select(found.tests, params["tests"] or (), params.get("tags") or ()))

    def carry_out(results: Results, before: Mapping[Identity, float], publish: Subscriber) -> SuiteResult:
        return carried_out(params, found, chosen, results, before, publish, warnings)

    called = names([case.identity for case in chosen])
    return Planned({name: _known(case) for name, case in zip(called, chosen, strict=True)}, carry_out)


def carried_out(
    params: Params,
    found: Source,
    chosen: Sequence[Case],
    results: Results,
    before: Mapping[Identity, float],
    publish: Subscriber,
    warnings: list[str],
) -> SuiteResult:
    """Run tests in the labs that they need.

    :param chosen: at least one.
    :param results: gets what has ended of a run that is interrupted.
    :param before: how long tests took in an earlier run.
    """
    place, keep = Workdir.at(params["workdir"]), Keep(params["keep"])
    policy = Policy(params["retry"], params["stop_on_failure"], keep)
    suite = Suite(str(place.path), chosen, policy, publish, before)
    setting = Setting(found, params, results.path, keep, publish)
    opener = strongswan.labs if params["format"] == strongswan.FORMAT else opened
    try:
        with opener(place, setting, min(params["parallel"], len(chosen))) as labs:
            ended = suite.run([lab.run for lab in labs])
            warnings.extend(dict.fromkeys(each for lab in labs for each in lab.warnings))
            warnings.extend(kept(lab) for lab in labs if lab.is_kept)
    except DummError as exc:
        return suite.result(str(exc))
    except BaseException:
        results.write(suite.result())
        raise
    return ended


def _own(workdir: Workdir, params: Params) -> Source:
    return source.understood(workdir, texts(params), params["scenario"])


def texts(params: Params) -> list[Text]:
    """The files of tests, as they are given."""
    if params["content"] is not None:
        return [Text(place, str(content)) for place, content in params["content"].items()]
    return source.read(params["src"] or ())


def _known(case: Case) -> Result:
    """What is known of a test before it is run."""
    test = case.test
    return {
        "name": test.name,
        "group": test.group,
        "variant": case.variant,
        "description": test.description,
        "place": test.place,
        "tags": list(test.tags),
        "points": test.points,
        "skip": test.skip,
    }


def _told(ended: SuiteResult, results: Results, warnings: tuple[str, ...]) -> TestReport:
    identities = [(test.group, test.name, test.variant) for test in ended.tests]
    told = {name: returned_data(test) for name, test in zip(names(identities), ended.tests, strict=True)}
    actions = tuple(f"run test {name}" for name in told)
    report = TestReport(
        kind="tests",
        subject=told,
        changed=True,
        actions=actions,
        warnings=warnings,
        suite=ended,
        results=str(results.path),
    )
    if ended.exit_code in (0, 2):
        return report
    bad = [f"{full_title(test)} ({cause_of(test)})" for test in ended.tests if not test.verdict.good]
    cause = ended.broken or f"{summary(ended)}: {listed(bad)}"
    raise RunFailed(
        TestsFailed("tests", cause, f"see {results.path / PAGE}"), done=actions, warnings=warnings, report=report
    )


def names(identities: Sequence[tuple[str, str, str]]) -> list[str]:
    """What results call tests: by their name, with the group where another has that name as well, and with the variant."""
    groups: dict[str, set[str]] = {}
    for group, name, _variant in identities:
        groups.setdefault(name, set()).add(group)
    called = [(f"{group}/{name}" if len(groups[name]) > 1 else name, variant) for group, name, variant in identities]
    return [f"{name} [{variant}]" if variant else name for name, variant in called]


def kept(lab: InLab) -> str:
    """How to look at a lab that was left as the last test left it."""
    if lab.last is None:
        return ""
    hints = listed(f"dumm attach {name} --workdir {lab.path}" for name in guests_of(lab.last))
    return f"the lab is as {full_title(lab.last)} left it{f': {hints}' if hints else ''}"


def guests_of(test: TestResult) -> list[str]:
    """The guests of the first step that failed, or else of all."""
    bad = [step for step in test.steps if not step.verdict.good]
    return [*dict.fromkeys(name for step in bad[:1] or test.steps for name in step.guests)]
