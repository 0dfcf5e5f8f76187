# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounts: what a directory lies on, and with whose owners it is shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Users:
    """Users of a guest that are not the host's.

    :ivar namespace: descriptor of their user namespace.
    :ivar first: the host's user that is their root.
    """

    namespace: int
    first: int


def filesystem(directory: Path) -> str:
    """Type of the file system that a directory is on, from the mount table (proc_pid_mountinfo(5))."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kind = ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        point = fields[4].encode().decode("unicode_escape")
        if fields[2] == wanted or (not kind and os.path.ismount(point) and os.stat(point).st_dev == device):
            kind = fields[fields.index("-") + 1]
    return kind
