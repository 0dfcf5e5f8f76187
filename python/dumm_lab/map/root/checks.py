# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a scenario are its tests: listed, run by the engine of ``dumm test``, and told as they go, with what they are about.

They are run in the lab as it was applied: if that has more than the file, with the text that was applied, since a test brings the lab
back to what its scenario says.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, nearest
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import Event
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import RunFailed
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.events import TestBegan, TestEnded, TestStepEnded
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import StepResult, TestResult
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.runs.body import run_tests
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.wording import cause_of

from ..messages import Message
from . import plans
from .drafts import Drafts
from .room import Room

_LABEL = re.compile(r"\b([A-Za-z0-9-]+):([A-Za-z0-9_.-]+)")
_MOST_STEPS = 200
Check = dict[str, Any]


class Checks:
    """The checks of a room's scenario, with what came of them."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._known: dict[str, Check] = {}
        self._scenario: str | None = None
        room.greetings.append(lambda: self._message() if self._known else None)

    def all(self) -> list[Check]:
        """All checks; none where the scenario has none.

        :raises DummError: where they cannot be read.
        """
        try:
            report = run_tests(self._params(None), check=True)
        except RunFailed as failed:
            raise failed.error from None
        tests: Mapping[str, Any] = report.subject or {}
        with self._lock:
            before = self._known if self._scenario == self._room.scenario else {}
            self._scenario = self._room.scenario
            self._known = {
                name: {**_NEW, **before.get(name, {}), "name": name, **{key: told[key] for key in _TOLD}}
                for name, told in tests.items()
            }
            return [*self._known.values()]

    def run(self, names: Iterable[str]) -> list[Check]:
        """Run checks; none stands for all.

        :raises DummError: where they cannot be run; a check that fails is a result.
        """
        known = [each["name"] for each in self.all()]
        wanted = list(names)
        for name in wanted:
            if name not in known:
                raise InvalidInput(f"check {name}", "there is no such check", nearest(name, known))
        if not known:
            raise InvalidInput("checks", "the scenario has no tests", "add some to its text (tests)")
        drafts = self._room.of(Drafts)
        says = f"run {wanted[0] if len(wanted) == 1 else 'checks'}"
        with drafts.alone(says):
            self._begin(wanted or known)
            try:
                run_tests(self._params(wanted or None), subscriber=self._heard)
            except RunFailed as failed:
                if failed.report is None:
                    drafts.ran("check", [str(failed)], ok=False)
                    raise failed.error from None
            finally:
                self._end()
            bad = [each["name"] for each in self._known.values() if each["verdict"] in ("failed", "broken", "suspect")]
            drafts.ran("check", [f"{each} failed" for each in bad], ok=not bad)
            return [*self._known.values()]

    def _params(self, names: Iterable[str] | None) -> dict[str, Any]:
        drafts = self._room.of(Drafts)
        given: dict[str, Any] = {"scenario": drafts.name, "tests": None if names is None else list(names)}
        ahead = drafts.ahead()
        if ahead is not None:
            given["content"] = {f"{drafts.name}.yml": ahead}
        elif drafts.sources.is_own(drafts.name):
            given["src"] = [str(drafts.sources.place(drafts.name))]
        elif drafts.sources.text(drafts.name) is None:
            raise InvalidInput("checks", f"scenario {drafts.name} has no file, and so no tests", "save it first")
        arguments = options.completed(
            options.TEST, workdir=self._room.workdir, lock_timeout=plans.LOCK_SECONDS, **given
        )
        return {**arguments, "tags": None}

    # What becomes of them

    def _begin(self, names: Iterable[str]) -> None:
        with self._lock:
            for name in names:
                self._known[name] |= {**_NEW, "verdict": "waiting"}
        self._room.tell(self._message())

    def _end(self) -> None:
        """What was not run has no verdict."""
        with self._lock:
            for check in self._known.values():
                if check["verdict"] in ("waiting", "running"):
                    check["verdict"] = None
        self._room.tell(self._message())

    def _heard(self, event: Event) -> None:
        """What the engine tells, in its own threads."""
        if isinstance(event, TestBegan):
            self._put(event.group, event.name, event.variant, verdict="running", steps=[])
        elif isinstance(event, TestStepEnded):
            with self._lock:
                check = self._of(event.group, event.name, event.variant)
                if check is not None:
                    check["steps"] = [*check["steps"][-_MOST_STEPS:], self._step(event.result)]
            self._room.tell(self._message())
        elif isinstance(event, TestEnded):
            result = event.result
            told = self._about(result)
            self._put(result.group, result.name, result.variant, **told)

    def _put(self, group: str, name: str, variant: str, **told: Any) -> None:
        with self._lock:
            check = self._of(group, name, variant)
            if check is not None:
                check |= told
        self._room.tell(self._message())

    def _of(self, group: str, name: str, variant: str) -> Check | None:
        called = f"{name} [{variant}]" if variant else name
        return self._known.get(called) or self._known.get(f"{group}/{called}")

    def _about(self, result: TestResult) -> dict[str, Any]:
        bad = [step for step in result.steps if not step.verdict.good]
        shown = bad or result.steps
        return {
            "verdict": result.verdict.value,
            "cause": cause_of(result),
            "seconds": round(result.seconds, 3),
            "steps": [self._step(step) for step in result.steps[:_MOST_STEPS]],
            "guests": [*dict.fromkeys(name for step in shown for name in step.guests)],
            "cables": self._cables(shown),
        }

    def _step(self, step: StepResult) -> dict[str, Any]:
        return {
            "text": step.text,
            "verdict": step.verdict.value,
            "got": step.got if not step.verdict.good else "",
            "expected": step.expected,
            "why": step.why,
            "guests": list(step.guests),
        }

    def _cables(self, steps: Iterable[StepResult]) -> list[str]:
        """Cables and segments whose interfaces steps name, in what they do or in why they failed."""
        found: dict[str, None] = {}
        for step in steps:
            for guest, name in _LABEL.findall(f"{step.text} {step.why}"):
                told = self._room.view["guests"].get(guest, {}).get("interfaces", {}).get(name)  # type: ignore[call-overload]
                if told is not None and told["cable"] is not None:
                    found[told["cable"]] = None
        return list(found)

    def _message(self) -> Message:
        with self._lock:
            return {"type": "checks", "checks": [dict(each) for each in self._known.values()]}


_TOLD = ("group", "variant", "description", "tags", "skip")
_NEW: Check = {"verdict": None, "cause": "", "seconds": None, "steps": [], "guests": [], "cables": []}
