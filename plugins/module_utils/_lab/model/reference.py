# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""References to the objects of a lab, which an error carries, so that nobody reads its text to find them.  No I/O.

The text of a reference is what messages call the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class GuestRef:
    """A guest."""

    name: str

    def __str__(self) -> str:
        """``guest alice``."""
        return f"guest {self.name}"


@dataclass(frozen=True)
class IfaceRef:
    """An interface of a guest."""

    guest: str
    name: str

    def __str__(self) -> str:
        """``interface alice:eth0``."""
        return f"interface {self.guest}:{self.name}"


@dataclass(frozen=True)
class BridgeRef:
    """A bridge, or the one that a link is."""

    name: str

    def __str__(self) -> str:
        """``bridge lan``."""
        return f"bridge {self.name}"


@dataclass(frozen=True)
class LegRef:
    """The host's own leg of a bridge."""

    bridge: str

    def __str__(self) -> str:
        """``the host's leg of bridge lan``."""
        return f"the host's leg of {BridgeRef(self.bridge)}"


Reference: TypeAlias = "GuestRef | IfaceRef | BridgeRef | LegRef"
