# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the public API.  The collection's own are turned into these at the border, so that users need not know those."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._results import Result


class LabError(Exception):
    """Something the user can act on: ``<object>: <what happened>; <what to do>``."""


class CollectionMissing(LabError, ImportError):
    """The collection dumm.lab, whose code this package calls, is not on this machine, or of another version."""


class GuestUnreachable(LabError):
    """A guest does not answer: it is off, paused, or what runs its commands is gone."""


class CommandTimeout(LabError, TimeoutError):
    """A command in a guest did not end in time and was killed.

    :ivar said: the end of what it had printed.
    """

    def __init__(self, sentence: str, said: bytes) -> None:
        super().__init__(sentence)
        self.said = said


class CommandFailed(LabError):
    """A command in a guest had another exit code than 0.

    :ivar result: what it printed, and its exit code.
    """

    def __init__(self, sentence: str, result: Result) -> None:
        super().__init__(sentence)
        self.result = result
