# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files into a guest and out of it.  The guest itself reads and writes its own, so no path of its can lead outside."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def to_write(path: str, mode: int | None = None) -> str:
    """The script that writes what it reads to a file of the guest.

    :param mode: what the file has then; without it, a new one has what the guest's umask leaves.
    """
    written = f"cat >{shlex.quote(path)}"
    return f"exec {written}" if mode is None else f"{written} && exec chmod {mode:o} {shlex.quote(path)}"


def to_read(path: str) -> str:
    """The script that prints a file of the guest."""
    return f"exec cat <{shlex.quote(path)}"


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of another when all of it is there.

    :raises OSError: where it cannot be written.
    """
    fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
