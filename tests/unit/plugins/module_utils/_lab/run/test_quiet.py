# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When segments are closed and opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import bridges, namespaces
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Readiness
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.guest_steps import AwaitReady, Run, Stop
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.network_steps import RemoveNamespace
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Plan, Step
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.quiet import Quiet

MANY = 20
RUN = Step(Kind.RUN.of("g0"), Run("g0", ()))
WAIT = Step(Kind.READY.of("g0"), AwaitReady("g0", Readiness.BOOTED))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the network was told; its namespace is there."""
    found: list[str] = []
    monkeypatch.setattr(namespaces, "exists", lambda _name: True)
    for each in ("close_segments", "open_segments"):
        monkeypatch.setattr(bridges, each, lambda _network, _fewest, name=each: found.append(name))
    return found


def quiet(tmp_path: Path, count: int, *more: Step) -> tuple[Quiet, list[Step]]:
    """Those of a plan that stops so many guests."""
    steps = [Step(Kind.STOP.of(f"g{number}"), Stop(f"g{number}")) for number in range(count)]
    return Quiet(Plan((*steps, *more)), Workdir(tmp_path), lambda: None), steps  # type: ignore[arg-type, return-value]


def test_they_are_closed_until_all_guests_are_up_or_down(tmp_path: Path, said: list[str]) -> None:
    these, steps = quiet(tmp_path, MANY)
    for step in steps[:-1]:
        these.done(step)

    assert (said, these.allow(RUN), Workdir(tmp_path).closed.exists()) == (["close_segments"], False, True)
    assert not these.allow(WAIT)

    these.done(steps[-1])

    assert (said, these.allow(RUN)) == (["close_segments", "open_segments"], True)
    assert these.allow(WAIT)
    assert not Workdir(tmp_path).closed.exists()


def test_they_are_opened_where_not_all_guests_came_up(tmp_path: Path, said: list[str]) -> None:
    these, steps = quiet(tmp_path, MANY)
    these.done(steps[0])

    these.open()
    these.open()

    assert said == ["close_segments", "open_segments"]


def test_a_few_guests_are_not_worth_it(tmp_path: Path, said: list[str]) -> None:
    these, steps = quiet(tmp_path, 2)
    for step in steps:
        these.done(step)

    assert (said, these.allow(RUN), Workdir(tmp_path).closed.exists()) == ([], True, False)


def test_what_goes_with_its_namespace_is_not_opened(tmp_path: Path, said: list[str]) -> None:
    these, steps = quiet(tmp_path, MANY, Step(Kind.NETNS.of(), RemoveNamespace("lab")))
    for step in steps:
        these.done(step)

    assert said == ["close_segments"]
    assert not Workdir(tmp_path).closed.exists()
