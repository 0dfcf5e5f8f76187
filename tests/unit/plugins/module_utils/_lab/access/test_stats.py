# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rates are the difference of two readings; the readings are tested on real devices (tests/integration/test_stats.py)."""

from __future__ import annotations

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.stats import Rate, rates
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.rtnetlink import Counted

BEFORE = Counted(10, 20, 1000, 2000, 0, 0, 1, 2)


def test_a_rate_counts_bits_and_packets_a_second() -> None:
    after = Counted(14, 30, 1500, 4000, 0, 0, 3, 6)

    assert rates({3: BEFORE}, {3: after}, 2.0) == {3: Rate(2000.0, 8000.0, 2.0, 5.0, 3.0)}


def test_a_device_that_counted_nothing_is_silent() -> None:
    assert rates({3: BEFORE}, {3: BEFORE}, 0.5)[3].silent


def test_a_device_that_only_drops_is_not_silent() -> None:
    assert not rates({3: BEFORE}, {3: BEFORE._replace(rx_dropped=2)}, 0.5)[3].silent


def test_a_device_that_was_read_once_has_no_rate() -> None:
    assert rates({3: BEFORE}, {4: BEFORE}, 1.0) == {}


def test_a_device_that_took_the_number_of_another_has_no_rate() -> None:
    assert rates({3: BEFORE}, {3: Counted(0, 0, 0, 0, 0, 0, 0, 0)}, 1.0) == {}
