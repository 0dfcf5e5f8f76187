# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners of files as they are on the disk, and as those see them who use the mount.

A confined guest's users are 65536 of the host's in a row.  On the disk they have the numbers that they have in the guest, as the kernel's
overlayfs has it by mapped mounts, of which it wants the server's leave where the server is one in user space.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

_COUNT = 65536
# Who owns what belongs to nobody there is (Documentation/admin-guide/sysctl/fs.rst, overflowuid).
_NOBODY = 65534
# Of an ACL, posix_acl_xattr_header and posix_acl_xattr_entry (include/uapi/linux/posix_acl_xattr.h); users and groups that are named.
_ACL_VERSION = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_NAMED = (0x02, 0x08)


class Owner(NamedTuple):
    """Whose a new file is."""

    uid: int
    gid: int


class Owners:
    """Translates both ways; users and groups alike.

    :param first: the host's user that is root on the disk; with 0 all are the same.
    :param squash: whether all that is made is root's, whoever makes it.
    """

    def __init__(self, first: int, *, squash: bool = False) -> None:
        self._first = first
        self._squash = squash

    def shown(self, owner: int) -> int:
        """Who owns what belongs to ``owner`` on the disk."""
        if not self._first:
            return owner
        return owner + self._first if owner < _COUNT else _NOBODY

    def stored(self, owner: int) -> int:
        """Whose it is on the disk; the host's own root counts as the guest's.

        :raises OSError: where that is nobody of the guest's.
        """
        if not self._first or owner == 0:
            return owner
        if not 0 <= owner - self._first < _COUNT:
            raise OSError(errno.EOVERFLOW, os.strerror(errno.EOVERFLOW))
        return owner - self._first

    def shown_acl(self, acl: bytes) -> bytes:
        """An ACL with the users and groups that :meth:`shown` has."""
        return self._acl(acl, self.shown)

    def stored_acl(self, acl: bytes) -> bytes:
        """An ACL as it is on the disk.

        :raises OSError: where it names nobody of the guest's.
        """
        return self._acl(acl, self.stored)

    def _acl(self, acl: bytes, named: Callable[[int], int]) -> bytes:
        if not self._first or len(acl) % _ACL_ENTRY.size != _ACL_VERSION.size:
            return acl
        entries = _ACL_ENTRY.iter_unpack(acl[_ACL_VERSION.size :])
        return acl[: _ACL_VERSION.size] + b"".join(
            _ACL_ENTRY.pack(tag, allowed, named(number) if tag in _ACL_NAMED else number)
            for tag, allowed, number in entries
        )

    def asking(self, context: Any) -> Owner:
        """Whose a file is that a request makes."""
        if self._squash:
            return Owner(0, 0)
        return Owner(self.stored(context.uid), self.stored(context.gid))
