# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run publishes while it works.  A subscriber is called in the thread in which the event happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Begun:
    """A step has begun.

    :ivar sentence: what it does.
    """

    sentence: str


@dataclass(frozen=True)
class Progress:
    """A run takes long.

    :ivar sentence: how far it is.
    """

    sentence: str


Event = Begun | Progress
Subscriber = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """A subscriber that ignores all events."""
