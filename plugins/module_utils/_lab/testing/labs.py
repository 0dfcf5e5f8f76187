# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The labs of a run of tests: for each what runs one test in it, with what helps people to understand a failure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..host.workdir import Workdir
from ..model.errors import InvalidInput, from_oserror
from ..model.tests import Test
from ..run.events import Subscriber
from ..run.opening import Params
from ..run.runner import run_scenario
from . import copies, engine, evidence, why
from .bench import Bench
from .directory import EVIDENCE
from .engine import Aids, Scene, Session
from .evidence import Evidence
from .record import Identity
from .results import TestResult
from .selection import Case
from .source import Source
from .suite import Keep

_PACKETS = "packets.pcapng"


@dataclass(frozen=True)
class Setting:
    """What all labs of a run have in common.

    :ivar params: arguments of ``dumm_test``.
    :ivar results: the directory of results.
    """

    source: Source
    params: Params
    results: Path
    keep: Keep
    publish: Subscriber


@contextmanager
def opened(
    workdir: Workdir, setting: Setting, number: int, in_lab: Callable[[Workdir, Setting], InLab] | None = None
) -> Iterator[tuple[InLab, ...]]:
    """Labs for a run of tests, which are given back in the end.

    :param number: how many; all but the first are copies.
    :param in_lab: what runs tests in a lab, for those that the engine cannot run; :class:`InLab` by default.
    :raises DummError: where they cannot be made or given back; a lab that cannot be used is the test's result.
    """
    described, make = setting.source.lab, in_lab or InLab
    if number > 1 and described is None:
        raise InvalidInput(
            "parallel", "the lab has no scenario by which it could be copied", "give the scenario's file"
        )
    copies.remove(workdir, publish=setting.publish)
    with ExitStack() as stack:
        labs = [stack.enter_context(_ended(make(workdir, setting)))]
        if number > 1 and described is not None:
            stack.callback(_remove_copies, workdir, setting, labs)
            for each in range(2, number + 1):
                copy = copies.copied(workdir, each, described, publish=setting.publish)
                labs.append(stack.enter_context(_ended(make(copy, setting))))
        yield tuple(labs)


def _remove_copies(workdir: Workdir, setting: Setting, labs: list[InLab]) -> None:
    if setting.keep is not Keep.ALWAYS and not any(lab.is_kept for lab in labs[1:]):
        copies.remove(workdir, publish=setting.publish)


@contextmanager
def _ended(lab: InLab) -> Iterator[InLab]:
    try:
        yield lab
    finally:
        lab.end()


class InLab:
    """Runs tests in a lab, whose guests it gives another kernel or master where a test wants that.

    :ivar warnings: of changes of the lab, such as of a guest that had to be restarted; each once.
    """

    def __init__(self, workdir: Workdir, setting: Setting) -> None:
        self._workdir = workdir
        self._setting = setting
        self._stack = ExitStack()
        self._session: Session | None = None
        self._variant = ""
        self._tries: Counter[Identity] = Counter()
        self._last: TestResult | None = None
        self.warnings: dict[str, None] = {}

    @property
    def path(self) -> str:
        """The working directory."""
        return str(self._workdir.path)

    @property
    def is_kept(self) -> bool:
        """Whether the lab is left as the last test left it."""
        keep = self._setting.keep
        return self._last is not None and (keep is Keep.ALWAYS or (keep is Keep.FAILED and not self._last.verdict.good))

    @property
    def last(self) -> TestResult | None:
        """The test that was run last."""
        return self._last

    def run(self, case: Case) -> TestResult:
        """Run a test: what came of it.

        :raises DummError: where the lab cannot be used.
        """
        session = self._opened(case)
        self._tries[case.identity] += 1
        place = evidence.place_of(case.test.group, case.test.name, case.variant, self._tries[case.identity])
        packets = self._setting.results / place / _PACKETS
        try:
            packets.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise from_oserror(f"results {self._setting.results}", "write evidence to", exc) from exc
        kept = {label: f"{place}/{label.replace(':', '-')}.pcapng" for label in case.test.capture}
        aids = Aids(
            witness=self._witness(place, time.monotonic()),
            why=why.told,
            packets=packets,
            kept=lambda label: self._setting.results / kept[label],
            keep=self._setting.keep is Keep.FAILED,
        )
        self._last = None
        result = self._last = session.run(case.test, aids, variant=case.variant)
        self.warnings.update(dict.fromkeys(session.warnings))
        if self._setting.keep is Keep.ALWAYS:
            session.leave()
        if result.verdict.good:
            _forget(packets, self._setting.results / EVIDENCE)
        found = {f"{label}: packets": file for label, file in kept.items() if (self._setting.results / file).exists()}
        return replace(result, evidence={**result.evidence, **found})

    def _opened(self, case: Case) -> Session:
        """The lab, with the kernel and the master of the case."""
        if self._session is None or case.variant != self._variant:
            self._stack.close()
            self._session, self._variant = None, case.variant
            if case.variant and self._setting.source.lab is None:
                raise InvalidInput(
                    f"test {case.test.name}",
                    "it has kernels or masters, and the lab has no scenario",
                    "give the scenario's file",
                )
            lab = self._setting.source.lab
            scenario = None if lab is None else lab.params(str(self._workdir.path), self._setting.params, case)
            self._session = self._stack.enter_context(
                engine.session(str(self._workdir.path), scenario=scenario, publish=self._setting.publish)
            )
        return self._session

    def _witness(self, place: str, clock: float) -> engine.Witness:
        def begin(_test: Test, bench: Bench, guests: tuple[str, ...]) -> Callable[[Scene], Evidence]:
            watch = evidence.watch(bench.workdir, guests, clock)

            def collect(scene: Scene) -> Evidence:
                capture = scene.capture
                return watch.collect(
                    self._setting.results,
                    place,
                    scene.bench.lab,
                    packets=() if capture is None else capture.packets(),
                    capture="" if capture is None else f"{place}/{_PACKETS}",
                )

            return collect

        return begin

    def end(self) -> None:
        """Give the lab back, with its own kernels and masters.

        :raises DummError: where that fails.
        """
        self._stack.close()
        if self._variant and self._setting.source.lab is not None and not self.is_kept:
            own = self._setting.source.lab.params(str(self._workdir.path), self._setting.params)
            run_scenario({**own, "state": "present", "restart": True}, subscriber=self._setting.publish)


def _forget(packets: Path, top: Path) -> None:
    """Remove a file of a test that passed, and the directories that were made for it."""
    with suppress(OSError):
        packets.unlink(missing_ok=True)
        for directory in packets.parents:
            directory.rmdir()
            if directory == top:
                return
