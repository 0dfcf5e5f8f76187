# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The union engines that there are, and which of them a guest gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..host.workdir import GuestDir
from ..model.errors import HostError
from ..model.lab import ASKED_FOR, UnionEngine
from . import cowfs, overlay
from .engine import Engine, Unusable

_ENGINES: Mapping[UnionEngine, Engine] = {UnionEngine.OVERLAY: overlay, UnionEngine.COWFS: cowfs}


@dataclass(frozen=True)
class Choice:
    """An engine and why it was taken."""

    engine: UnionEngine
    why: str


def of(name: UnionEngine) -> Engine:
    """The engine of a name, which is not ``auto``."""
    return _ENGINES[name]


def is_lost(directory: GuestDir) -> bool:
    """Whether a guest, if it runs, has lost its union, by whichever engine."""
    return any(engine.is_lost(directory) for engine in _ENGINES.values())


def follow(directory: GuestDir, before: Path) -> None:
    """As :meth:`Engine.follow`, for each."""
    for engine in _ENGINES.values():
        engine.follow(directory, before)


def end(directory: GuestDir, subject: str) -> None:
    """As :meth:`Engine.end`, for each: which one the guest had is not always known any more."""
    for engine in _ENGINES.values():
        engine.end(directory, subject)


def choose(wanted: UnionEngine, subject: str, directory: Path) -> Choice:
    """The engine for a guest.

    :param subject: the guest, for the message.
    :param directory: where its writes go.
    :raises HostError: where the wanted one, or for ``auto`` every one, cannot work there.
    """
    first = UnionEngine.OVERLAY if wanted is UnionEngine.AUTO else wanted
    fault = of(first).fault(directory)
    if fault is not None:
        return instead(wanted, first, fault, subject, directory)
    why = "the kernel's overlayfs works in this working directory" if wanted is UnionEngine.AUTO else ASKED_FOR
    return Choice(first, why)


def instead(wanted: UnionEngine, found: UnionEngine, fault: Unusable, subject: str, directory: Path) -> Choice:
    """The engine for a guest where one does not work.

    :param found: which one.
    :param fault: why it does not.
    :raises HostError: where this one is wanted, or no other can work there either.
    """
    if wanted is UnionEngine.AUTO:
        for other, engine in _ENGINES.items():
            if other is not found and engine.fault(directory) is None:
                return Choice(other, f"{found.value} cannot work here: {fault.cause}")
    raise HostError(subject, f"union {found.value} cannot work here: {fault.cause}", fault.remedy)
