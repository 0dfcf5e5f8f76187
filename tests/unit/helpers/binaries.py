# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that look like kernels."""

from __future__ import annotations

import shutil
from pathlib import Path

BANNER = b"\0User Mode Linux v%d\0Linux version 6.18.5 (root@build) #1\0"


def binary(path: Path, *parts: bytes, linked: bool = False) -> Path:
    """A file that looks like a kernel: a program of this host with a few strings more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        Path("/bin/true" if linked else shutil.which("true") or "/bin/true").read_bytes() + b"".join(parts)
    )
    path.chmod(0o755)
    return path
