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
from typing import Any, NamedTuple

_COUNT = 65536
# Who owns what belongs to nobody there is (Documentation/admin-guide/sysctl/fs.rst, overflowuid).
_NOBODY = 65534


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

    def asking(self, context: Any) -> Owner:
        """Whose a file is that a request makes."""
        if self._squash:
            return Owner(0, 0)
        return Owner(self.stored(context.uid), self.stored(context.gid))
