# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners on the disk and as a confined guest's process sees them."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.union.server.owners import Owner, Owners

FIRST = 0x70010000


@pytest.mark.parametrize("owner", [0, 33, 65535])
def test_owners_of_a_confined_guest_are_its_own_users(owner: int) -> None:
    owners = Owners(FIRST)

    assert owners.shown(owner) == FIRST + owner
    assert owners.stored(FIRST + owner) == owner


@pytest.mark.parametrize("owner", [65536, FIRST])
def test_who_is_nobody_in_the_guest_is_shown_as_nobody(owner: int) -> None:
    assert Owners(FIRST).shown(owner) == 65534


@pytest.mark.parametrize("owner", [1, 1000, FIRST - 1, FIRST + 65536])
def test_nothing_is_given_to_who_is_nobody_in_the_guest(owner: int) -> None:
    with pytest.raises(OSError, match="too large") as error:
        Owners(FIRST).stored(owner)
    assert error.value.errno == errno.EOVERFLOW


def test_the_hosts_root_counts_as_the_guests() -> None:
    assert Owners(FIRST).asking(SimpleNamespace(uid=0, gid=FIRST + 5)) == Owner(0, 5)


@pytest.mark.parametrize("owner", [0, 1000, 70000])
def test_owners_of_a_guest_that_is_not_confined_stay_what_they_are(owner: int) -> None:
    assert Owners(0).shown(owner) == Owners(0).stored(owner) == owner
