# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which CPU of the host a guest runs on."""

from __future__ import annotations

from collections import Counter

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import placement
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.placement import Placement
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import ANY_CPU, Guest

CPUS = [1, 2, 5]


@pytest.fixture(autouse=True)
def _cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "usable", lambda: CPUS)


@pytest.mark.parametrize("lab", ["one", "two", "three"])
def test_guests_are_spread_evenly(lab: str) -> None:
    place = Placement(lab, [])

    assert Counter(place.take(Guest("x")) for _each in range(7)).most_common()[0][1] == 3
    assert {place.take(Guest("x")) for _each in range(2)} < set(CPUS)


def test_labs_begin_with_different_cpus() -> None:
    assert {Placement(f"lab{number}", []).take(Guest("x")) for number in range(20)} == set(CPUS)


def test_guests_that_run_already_count() -> None:
    assert Placement("lab", [1, 1, 5, 9]).take(Guest("x")) == 2


@pytest.mark.parametrize("wanted", [5, ANY_CPU])
def test_a_guest_gets_the_cpu_that_it_wants(wanted: int) -> None:
    assert Placement("lab", [5, 5, 5]).take(Guest("x", cpu=wanted)) == wanted


def test_a_guest_with_a_cpu_of_its_own_choice_counts() -> None:
    place = Placement("lab", [])
    for cpu in (1, 2):
        place.take(Guest("x", cpu=cpu))

    assert place.take(Guest("x")) == 5


def test_a_cpu_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        InvalidInput, match="guest alice: there is no CPU 3 to run on; let cpu be auto, any or one of 1, 2, 5"
    ):
        placement.check(Guest("alice", cpu=3))
    for cpu in (None, ANY_CPU, 5):
        placement.check(Guest("alice", cpu=cpu))
