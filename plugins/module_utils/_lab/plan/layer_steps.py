# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps on the layers of guests' root file systems.  Pure; ``run/layer_steps`` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..model.lab import Guest
from ..model.root import HostsLayer, RenderedLayer
from .desired import SavePointWish
from .guest_steps import Prepared
from .keys import Kind
from .steps import Action


class LayerAction(Action):
    """Something to do to layers."""


@dataclass(frozen=True)
class Render(LayerAction):
    """Make a layer of files."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.RENDER,)
    layer: RenderedLayer


@dataclass(frozen=True)
class WriteHosts(LayerAction):
    """Make a layer with /etc/hosts, or change its content under the guests that have it."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.RENDER,)
    layer: HostsLayer


@dataclass(frozen=True)
class Freshen(LayerAction):
    """Let a guest's scratch layer for a scenario be empty."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.FRESHEN,)
    guest: str
    scenario: str


@dataclass(frozen=True)
class Swap(LayerAction):
    """Give a running guest the layers that it should have."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.SWAP,)
    guest: Guest
    prepared: Prepared


@dataclass(frozen=True)
class Break(LayerAction):
    """Let those things fail on purpose in a running guest's union that should."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.BREAK,)
    guest: Guest


@dataclass(frozen=True)
class Unscratch(LayerAction):
    """Throw away what a guest wrote while a scenario was loaded that is not any more."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.UNSCRATCH,)
    guest: str


@dataclass(frozen=True)
class UseSavePoints(LayerAction):
    """Save, throw away or bring back what a guest wrote."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.KEEP,)
    guest: str
    wish: SavePointWish
