# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which guests a run on one of several lab hosts has to have brought there first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import sharing
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.lab_hosts import Placement
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.share import Share

PART = Share(Scenario("big"), {"a": "lab1", "b": "lab1"}, coming={"a": "lab2", "b": "lab3"})


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"state": "present"}, ["a", "b"]),
        ({"state": "stopped"}, ["a", "b"]),
        ({"state": "loaded"}, []),
        ({"state": "present", "only": ["b", "c"]}, ["b"]),
        ({"state": "present", "only": []}, ["a", "b"]),
    ],
)
def test_what_a_run_is_not_about_stays_where_it_is(params: dict[str, Any], names: list[str]) -> None:
    assert list(sharing.coming(params, PART)) == names


def test_what_has_not_come_is_not_made_anew() -> None:
    with pytest.raises(InvalidInput) as caught:
        sharing.check_all_here({"state": "present"}, PART)

    assert "guest a: it is on lab host lab2 and has not come here; run dumm_scenario as a task" in str(caught.value)
    assert "guest b: it is on lab host lab3" in str(caught.value)
    sharing.check_all_here({"state": "present", "only": ["c"]}, PART)


@pytest.fixture
def packed(tmp_path: Path) -> Workdir:
    """What moves of two guests have left."""
    workdir = Workdir(tmp_path / "lab")
    workdir.create()
    for name in "ab":
        (workdir.moving / f"{name}.tree/diff").mkdir(parents=True)
        for kind in ("tar.gz", "in"):
            (workdir.moving / f"{name}.{kind}").touch()
    return workdir


def test_what_is_packed_of_a_guest_that_still_moves_stays(packed: Workdir) -> None:
    sharing.forget_packed(packed, ["a", "c"])

    assert sorted(path.name for path in packed.moving.iterdir()) == ["b.in", "b.tar.gz", "b.tree"]
    sharing.forget_packed(packed, ["b"])
    assert not packed.moving.exists()
    sharing.forget_packed(packed, ["b"])


def test_what_is_packed_goes_with_the_scenario(packed: Workdir) -> None:
    sharing.remember(packed, "big", Placement(1, {"a": "lab1", "b": "lab2"}, {}))
    sharing.forget(packed, "big")

    assert not packed.moving.exists()
    assert sharing.remembered(packed, "big") is None
