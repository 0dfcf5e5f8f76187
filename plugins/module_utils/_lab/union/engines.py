# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest's root is made out of layers: one interface, engines behind it.

An engine can say whether it works in a directory (``fault``) and, inside the private mount namespace of a guest that is being
started, put the union together (``mount``).  The mount lives and dies with the guest's processes, so there is none to leak.
Engines share one on-disk format (overlayfs whiteouts and opaque marks): a diff written by one is read by the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..model.errors import HostError
from ..model.lab import ASKED_FOR, UnionEngine
from . import cowfs, overlay
from .overlay import Unusable


@dataclass(frozen=True)
class Choice:
    """An engine and why it was taken."""

    engine: UnionEngine
    why: str


def choose(wanted: UnionEngine, subject: str, directory: Path) -> Choice:
    """The engine for a guest.

    :param subject: the guest, for the message.
    :param directory: where its writes go.
    :raises HostError: where the wanted one, or for ``auto`` every one, cannot work there.
    """
    if wanted is UnionEngine.COWFS:
        fault = cowfs.fault(directory)
        if fault is not None:
            raise HostError(subject, f"union cowfs cannot work here: {fault.cause}", fault.remedy)
        return Choice(wanted, ASKED_FOR)
    fault = overlay.fault(directory)
    if fault is not None:
        return instead(wanted, fault, subject, directory)
    why = "the kernel's overlayfs works in this working directory" if wanted is UnionEngine.AUTO else ASKED_FOR
    return Choice(UnionEngine.OVERLAY, why)


def instead(wanted: UnionEngine, fault: Unusable, subject: str, directory: Path) -> Choice:
    """The engine for a guest where overlayfs does not work.

    :param fault: why it does not.
    :raises HostError: where overlayfs is wanted, or cowfs cannot work there either.
    """
    if wanted is UnionEngine.AUTO and cowfs.fault(directory) is None:
        return Choice(UnionEngine.COWFS, f"overlay cannot work here: {fault.cause}")
    raise HostError(subject, f"union overlay cannot work here: {fault.cause}", fault.remedy)
