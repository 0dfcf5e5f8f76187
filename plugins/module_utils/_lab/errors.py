# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One exception tree.  Everything below the runner raises; only the runner turns an error into ``fail_json``.

A message is written for the person who must act: it names the object, says what happened and what to do about it.
"""

from __future__ import annotations

import errno
import os


class DummError(Exception):
    """Something the user can act on.

    :param subject: the object it is about, in the user's words (``guest alice``).
    :param cause: what happened.
    :param remedy: what to do about it, as an imperative sentence without a full stop.
    """

    def __init__(self, subject: str, cause: str, remedy: str) -> None:
        super().__init__(f"{subject}: {cause}; {remedy}" if remedy else f"{subject}: {cause}")
        self.subject = subject
        self.cause = cause
        self.remedy = remedy


class InvalidInput(DummError):
    """What was asked for cannot be; nothing was changed."""


class HostError(DummError):
    """The host refused or lacks something (permission, space, a kernel feature)."""


class GuestError(DummError):
    """A guest did not do what it should."""


class WaitTimeout(DummError):
    """Something did not happen within its bound.

    :ivar said: the end of what it printed until then, where it is a command in a guest.
    """

    said = b""


class LockTimeout(WaitTimeout):
    """Another run holds the working directory."""


class Unreachable(GuestError):
    """A guest's control line does not answer: the guest is off, paused, or its agent is gone."""


REMEDIES = {
    errno.ENOSPC: "free some space there and run again",
    errno.EDQUOT: "free some space there and run again",
    errno.EACCES: "run as root (become: true)",
    errno.EPERM: "run as root (become: true)",
    errno.EROFS: "choose a working directory on a writable file system",
}


def from_oserror(subject: str, doing: str, exc: OSError) -> HostError:
    """Turn an :class:`OSError` into an error that names the object, the path and the remedy."""
    place = f" {os.fsdecode(exc.filename)}" if exc.filename else ""
    cause = f"cannot {doing}{place}: {exc.strerror or exc}"
    return HostError(subject, cause, REMEDIES.get(exc.errno or 0, "look at the path and run again"))


class Invalid(InvalidInput):
    """Several faults of one request, reported together.

    :param faults: at least one.
    """

    def __init__(self, faults: list[InvalidInput]) -> None:
        first = faults[0]
        super().__init__(first.subject, first.cause, first.remedy)
        self.faults = faults
        self.args = ("\n".join(str(fault) for fault in faults),)
