# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners on the disk and as a confined guest's process sees them."""

from __future__ import annotations

import errno
import struct
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


def acl(user: int, group: int) -> bytes:
    """As the kernel hands it over: version, then kind, rights and number of each entry."""
    entries = [(0x01, 6, 0xFFFFFFFF), (0x02, 4, user), (0x04, 4, 0xFFFFFFFF), (0x08, 5, group), (0x10, 5, 0xFFFFFFFF)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_who_an_acl_names_are_users_of_the_guest_too() -> None:
    owners = Owners(FIRST)

    assert owners.shown_acl(acl(1000, 33)) == acl(FIRST + 1000, FIRST + 33)
    assert owners.stored_acl(acl(FIRST + 1000, FIRST + 33)) == acl(1000, 33)
    assert Owners(0).stored_acl(acl(1000, 33)) == acl(1000, 33)


def test_an_acl_names_nobody_who_is_nobody_in_the_guest() -> None:
    with pytest.raises(OSError, match="too large"):
        Owners(FIRST).stored_acl(acl(FIRST + 65536, FIRST))


@pytest.mark.parametrize("value", [b"", b"\2\0\0\0", acl(1, 1)[:-1]])
def test_what_is_no_acl_is_left_to_the_kernel_to_refuse(value: bytes) -> None:
    assert Owners(FIRST).stored_acl(value) == value
