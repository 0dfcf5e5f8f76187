# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One set of tests against many labs in a row, such as those that students hand in, with a table of what each is worth.

A submission is a scenario's file, or a directory with one.  It runs in a working directory of its own, which is removed before the next
begins, so that none meets another.  What is wrong with one is told in its row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...host import files
from ...host.workdir import Workdir
from ...model.errors import DummError, InvalidInput, from_oserror
from ...model.lab import Guest
from ...model.tests import Test
from ...run.events import Publisher, Subscriber
from ...run.opening import Params
from ...scenario import loader, tests
from .. import copies, source
from ..directory import Results
from ..results import SuiteResult
from ..selection import Case, cases, select
from ..source import Described, Source, Text
from ..wording import line, number, points, slug, summary
from .body import carried_out, names, texts

TABLE = "grades.csv"
_ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True)
class Graded:
    """What came of a submission.

    :ivar worth: points of all tests.
    :ivar suite: what came of its tests; ``None`` if they could not be run.
    :ivar remark: why not.
    """

    name: str
    worth: float
    suite: SuiteResult | None = None
    remark: str = ""

    @property
    def earned(self) -> float:
        """The points of the tests that passed."""
        return 0.0 if self.suite is None else points(self.suite.tests)[0]

    @property
    def good(self) -> bool:
        """Whether all its tests passed."""
        return self.suite is not None and self.suite.exit_code == 0

    def __str__(self) -> str:
        """``alice: 5 of 6 points: 1 failed, 5 passed in 12 s``."""
        if self.suite is None:
            return f"{line(self.name)}: broken: {line(self.remark)}"
        broken = f": {line(self.suite.broken)}" if self.suite.broken else ""
        return f"{line(self.name)}: {number(self.earned)} of {number(self.worth)} points: {summary(self.suite)}{broken}"


def grade(
    params: Params, submissions: Path, *, tell: Callable[[str], object], subscriber: Subscriber
) -> tuple[list[Graded], Path]:
    """Run tests against each submission.

    :param params: arguments of ``dumm_test``; ``src`` are files of tests.
    :param submissions: a directory with a file or a directory for each.
    :param tell: is called with a line for each submission that has ended.
    :return: what came of each, and the table's file.
    :raises InvalidInput: where there is no submission or no test, and with all that is wrong with the tests.
    """
    workdir, publish = Workdir.at(params["workdir"]), Publisher(subscriber)
    given = texts(params)
    worth = _worth(given, params)
    found = _submissions(submissions)
    top = Path(params["results"] or workdir.path / "results")
    copies.remove(workdir, publish=publish)
    everybody = _Class(given, worth, workdir, params, top, publish)
    graded: list[Graded] = []
    try:
        for each in found:
            graded.append(everybody.graded(each))
            tell(f"[{len(graded):>{len(str(len(found)))}}/{len(found)}] {graded[-1]}")
            # After each, so that a run that is interrupted leaves a table.
            _write(top / TABLE, graded)
    finally:
        copies.remove(workdir, publish=publish)
    return graded, top / TABLE


def _worth(given: Sequence[Text], params: Params) -> float:
    """The points of all tests that are to be run; whatever is wrong with them is told before any is."""
    if not given:
        raise InvalidInput(
            "tests", "there is no file of tests", "name the file of tests that all submissions must pass"
        )
    found: list[Test] = []
    for text in given:
        if tests.is_scenario(text.content, text.place):
            raise InvalidInput(
                f"tests {text.place}", "it is a scenario, as the submissions are", "move its tests to a file"
            )
        found += tests.load(text.content, group=tests.group_of(text.place), place=text.place)
    return sum(case.test.points for case in _chosen(found, params))


def _submissions(directory: Path) -> list[Path]:
    """Whatever may be one, in the order of their names."""
    try:
        found = sorted(
            each
            for each in directory.iterdir()
            if not each.name.startswith(".") and (each.is_dir() or each.suffix in _ENDINGS)
        )
    except OSError as exc:
        raise from_oserror(f"submissions {directory}", "read", exc) from exc
    if not found:
        raise InvalidInput(f"submissions {directory}", "there is none in it", "put files *.yml or directories into it")
    return found


@dataclass(frozen=True)
class _Class:
    """What all submissions have in common.

    :ivar given: files of tests.
    :ivar worth: points of all tests.
    :ivar top: the directory of results.
    """

    given: Sequence[Text]
    worth: float
    workdir: Workdir
    params: Params
    top: Path
    publish: Subscriber

    def graded(self, path: Path) -> Graded:
        """Run the tests against a submission."""
        name, place = path.stem if path.is_file() else path.name, None
        try:
            found = _understood(path, self.given)
            chosen = _chosen(found.tests, self.params)
            results = Results(self.top / slug(name, "submission"))
            before = results.begin()
            place = copies.beside(self.workdir, slug(name, "submission"))
            own = {**self.params, "workdir": str(place.path), "netns": None, "keep": "never", "parallel": 1}
            ended = carried_out(own, found, chosen, results, before, self.publish, [])
            results.write(replace(ended, lab=str(path)))
            return Graded(name, self.worth, ended)
        except DummError as exc:
            return Graded(name, self.worth, remark=str(exc))
        finally:
            if place is not None:
                copies.remove_one(place, publish=self.publish)


def _chosen(found: Sequence[Test], params: Params) -> tuple[Case, ...]:
    return cases(select(found, params["tests"] or (), params.get("tags") or ()))


def _understood(path: Path, given: Sequence[Text]) -> Source:
    """A submission with the tests; its own are left out."""
    text = _scenario(path)
    scenario = loader.load(text.content, name="submission", place=text.place)
    for guest in scenario.guests.values():
        _check_harmless(guest)
    found = [
        test
        for each in given
        for test in tests.load(each.content, group=tests.group_of(each.place), place=each.place, guests=scenario.guests)
    ]
    return Source(Described(scenario, text), tuple(found))


def _scenario(path: Path) -> Text:
    """The text of a submission's only scenario."""
    found = [text for text in source.read([str(path)]) if path.is_file() or tests.is_scenario(text.content, text.place)]
    own = found[:1] if path.is_file() else found
    if len(own) != 1:
        what = "no scenario" if not own else f"{len(own)} scenarios"
        raise InvalidInput(f"submission {path.name}", f"there is {what} in it", "hand in one")
    return own[0]


def _check_harmless(guest: Guest) -> None:
    """Check that a guest has nothing of this host but kernels, masters and layers that are there for that.

    :raises InvalidInput: otherwise; a scenario of somebody else is not to show its guests this host's files.
    """
    for setting, names_ in (("kernel", (guest.kernel,)), ("master", (guest.master,)), ("layers", guest.layers)):
        for each in names_:
            if each.startswith("/") or ".." in each.split("/"):
                raise InvalidInput(
                    guest.label, f"{setting} {each} is a path of this host", "submissions may only use names"
                )


def _write(path: Path, graded: Sequence[Graded]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, table(graded).encode(errors="replace"), 0o644, durable=False)
    except OSError as exc:
        raise from_oserror(f"results {path.parent}", "write", exc) from exc


def table(graded: Sequence[Graded]) -> str:
    """A line of CSV for each submission: its name, its points, what came of each test, and why it could not be run."""
    known: dict[str, None] = {}
    rows: list[tuple[Graded, dict[str, str]]] = []
    for each in graded:
        ended = each.suite.tests if each.suite is not None else ()
        called = names([(test.group, test.name, test.variant) for test in ended])
        rows.append((each, {name: test.verdict.value for name, test in zip(called, ended, strict=True)}))
        known |= dict.fromkeys(called)
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(_cells(["submission", "points", "of", *known, "remark"]))
    for each, verdicts in rows:
        remark = each.remark or (each.suite.broken if each.suite is not None else "")
        cells = [
            each.name,
            number(each.earned),
            number(each.worth),
            *(verdicts.get(name, "") for name in known),
            remark,
        ]
        writer.writerow(_cells(cells))
    return output.getvalue()


def _cells(cells: Iterable[str]) -> list[str]:
    """Text that no spreadsheet takes for a formula."""
    return [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in map(line, cells)]
