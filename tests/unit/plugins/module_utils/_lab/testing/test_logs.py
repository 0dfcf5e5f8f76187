# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of logs with their times in a test, and names of the files of evidence."""

from __future__ import annotations

import re

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.evidence import place_of
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.logs import Clock, happenings

# 12:00:00 UTC of 30 November 2026, 5 s after the test began.
NOON = 1_796_040_000
CLOCK = Clock(float(NOON), 5.0)


def _told(log: str, clock: Clock | None = CLOCK) -> list[tuple[float, str]]:
    return [(each.at, each.text) for each in happenings("moon", log, clock)]


@pytest.mark.parametrize(
    "line",
    [
        f"{NOON - 2}.500000 moon charon[42]: established",
        "2026-11-30T11:59:58.500000+00:00 moon charon[42]: established",
        "2026-11-30T12:59:58.5+0100 moon charon[42]: established",
    ],
)
def test_a_line_has_its_time_in_the_test(line: str) -> None:
    assert _told(line) == [(3.5, "charon[42]: established")]


def test_a_traditional_line_has_the_guests_local_time() -> None:
    clock = Clock.read(f"{NOON}.000000000 +0530", 5.0)

    assert _told("Nov 30 17:29:58 moon charon: up", clock) == [(3.0, "charon: up")]


@pytest.mark.parametrize("said", ["", "date: not found", "12 +0000", "1.5"])
def test_a_guest_that_does_not_tell_its_time_has_no_timeline(said: str) -> None:
    assert Clock.read(said, 0.0) is None
    assert _told(f"{NOON}.0 moon x", None) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no time",
        "Nov 31 12:00:00 moon x",
        "Foo 30 12:00:00 moon x",
        "Nov 30 25:00:00 moon x",
        "2026-13-01T00:00:00 moon x",
        "\x00",
    ],
)
def test_what_has_no_time_is_left_out(line: str) -> None:
    assert _told(line) == []


@pytest.mark.parametrize(
    ("named", "place"),
    [
        (("vpn", "tunnel"), "evidence/vpn/tunnel"),
        (("", "tunnel"), "evidence/tests/tunnel"),
        (
            ("ikev2", "net2net-psk", "kernel 7.2.7, master x", 2),
            "evidence/ikev2/net2net-psk.kernel-7.2.7-master-x.try-2",
        ),
        (("../..", "../../etc/passwd"), "evidence/tests-"),
        (("a\n", "<script>"), "evidence/a-"),
    ],
)
def test_files_of_evidence_have_harmless_names(named: tuple[str, ...], place: str) -> None:
    assert re.fullmatch(r"evidence(/[A-Za-z0-9_-][A-Za-z0-9._-]*){2}", place_of(*named))  # type: ignore[arg-type]
    assert place_of(*named).startswith(place)  # type: ignore[arg-type]


def test_tests_that_look_alike_have_other_places() -> None:
    names = ["a b", "a-b", "a/b", "-a-b", "a" * 200, "a" * 201, "", "test"]

    assert len({place_of("g", name) for name in names}) == len(names)
    assert len({place_of(name, "t") for name in names if name != ""}) == len(names) - 1
