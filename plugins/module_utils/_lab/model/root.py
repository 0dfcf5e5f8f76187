# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's root file system is made of, as immutable values.  No I/O.

The server of a union imports this file from a copy, so it needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# A layer whose directory has such a name holds files whose content may change under those who use them.
CHANGING = "hosts-"


@dataclass(frozen=True)
class Stack:
    """The part of a guest's layers that can change while it runs.

    :ivar upper: what is written, relative to the working directory.
    :ivar over: read-only layers over the kernel's modules and the master, topmost first.
    """

    upper: str
    over: tuple[str, ...]


@dataclass(frozen=True)
class Directory:
    """A directory of the merged tree.

    :ivar path: absolute, without symbolic links.
    """

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class RenderedFile:
    """A file of a layer.

    :ivar path: in the guest, absolute.
    """

    path: str
    content: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class RenderedLayer:
    """Files of one guest.

    :ivar directories: what they lie in, as it is without them, parents first.
    """

    files: tuple[RenderedFile, ...]
    directories: tuple[Directory, ...]

    @property
    def name(self) -> str:
        """Named by the content."""
        return hashlib.sha256(repr((self.files, self.directories)).encode()).hexdigest()[:16]

    def file(self, path: str) -> RenderedFile | None:
        """The file of a path."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True)
class HostsLayer:
    """A layer with an /etc/hosts, which guests of a scenario share.

    :ivar name: by whose it is and where it lies, whatever its content.
    """

    name: str
    content: RenderedLayer
