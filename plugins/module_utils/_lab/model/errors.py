# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One exception tree.  Everything raises; only the adapters to Ansible turn an error into a failed result.

A message is written for the person who must act: it names the object, says what happened and what to do about it.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable, Sequence

from .reference import Reference

MAX_TOLD = 20  # faults or errors in one message
MAX_NAMES = 10  # names in a sentence
# What a terminal acts on, what turns text around, and what stands for a byte that is no UTF-8 (PEP 383).
_RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COMPARED = 50  # as many as a module has options; comparing thousands takes seconds


def plain(text: str) -> str:
    """Text that can be shown: whoever wrote a scenario's file or a guest's console is not to command the user's terminal."""
    return _RAW.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def listed(names: Iterable[str]) -> str:
    """``a, b, c``, and how many more there are where they are many."""
    known = list(names)
    more = [f"and {len(known) - MAX_NAMES} more"] if len(known) > MAX_NAMES else []
    return ", ".join([*known[:MAX_NAMES], *more])


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean a? (known: a, b)``, for the remedy of an unknown name."""
    names = sorted(known)
    if not names:
        return "there is none yet"
    close = closest(name, names)
    if MAX_NAMES < len(names) <= _COMPARED:
        alike = sorted(difflib.get_close_matches(name, names, n=MAX_NAMES, cutoff=0.0))
        names = [*alike, *(other for other in names if other not in alike)]
    return f"known: {listed(names)}" if close is None else f"did you mean {close}? (known: {listed(names)})"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like another, if any is."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), None)


def _lines(errors: Sequence[object], *, all_known: bool = True) -> str:
    """A line for each, and how many more there are where they are many."""
    least = "" if all_known else "at least "
    more = [f"and {least}{len(errors) - MAX_TOLD} more"] if len(errors) > MAX_TOLD else []
    return "\n".join([*map(str, errors[:MAX_TOLD]), *more])


class DummError(Exception):
    """Something the user can act on.

    :param subject: the object it is about, or what the user calls that (``guest alice``).
    :param cause: what happened.
    :param remedy: what to do about it, as an imperative sentence without a full stop.
    :ivar about: the object; ``None`` if only its text is known.
    """

    def __init__(self, subject: str | Reference, cause: str, remedy: str) -> None:
        self.about = None if isinstance(subject, str) else subject
        self.subject = plain(str(subject))
        self.cause = plain(cause)
        self.remedy = plain(remedy)
        said = f"{self.subject}: {self.cause}"
        super().__init__(f"{said}; {self.remedy}" if remedy else said)


class InvalidInput(DummError):
    """What was asked for cannot be; nothing was changed.

    :ivar setting: key of the object's setting that it is about; ``None`` if it is about the object as a whole.
    """

    def __init__(self, subject: str | Reference, cause: str, remedy: str, *, setting: str | None = None) -> None:
        super().__init__(subject, cause, remedy)
        self.setting = setting


class InUse(InvalidInput):
    """Processes of a guest hold files open that would change under them."""


class HostError(DummError):
    """The host refused or lacks something (permission, space, a kernel feature)."""


class GuestError(DummError):
    """A guest did not do what it should.

    :ivar sysctl: file of the kernel setting that it is about, if it is about one.
    """

    sysctl: str | None = None


class WaitTimeout(DummError):
    """Something did not happen within its bound.

    :ivar said: the end of what it printed until then, where it is a command in a guest.
    """

    said = b""


class LockTimeout(WaitTimeout):
    """Another run holds the working directory."""


class Unreachable(GuestError):
    """A guest's control line does not answer: the guest is off, paused, or its agent is gone."""


_WITHOUT_PATH = re.compile("(:| at| of| on| to)$")
REMEDIES = {
    errno.ENOSPC: "free some space there and run again",
    errno.EDQUOT: "free some space there and run again",
    errno.EACCES: "run as root (become: true)",
    errno.EPERM: "run as root (become: true)",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run again",
    errno.ENFILE: "raise the host's limit of open files (sysctl fs.file-max) and run again",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f) and run again",
    errno.EROFS: "choose a working directory on a writable file system",
}


def from_oserror(subject: str, doing: str, exc: OSError) -> HostError:
    """Turn an :class:`OSError` into an error that names the object, the path and the remedy.

    :param doing: what the path follows, where there is one: ``write a request to``, or ``start it:``.
    """
    what = f"{doing} {os.fsdecode(exc.filename)}" if exc.filename else _WITHOUT_PATH.sub("", doing)
    cause = f"cannot {what}: {exc.strerror or exc}"
    return HostError(subject, cause, REMEDIES.get(exc.errno or 0, "look at the path and run again"))


class Invalid(InvalidInput):
    """Several faults of one request, reported together.

    :param faults: at least one.
    :param all_known: whether these are all.
    """

    def __init__(self, faults: list[InvalidInput], *, all_known: bool = True) -> None:
        first = faults[0]
        super().__init__(first.about or first.subject, first.cause, first.remedy, setting=first.setting)
        self.faults = faults
        self.args = (_lines(faults, all_known=all_known),)


def together(errors: Sequence[DummError]) -> DummError:
    """One error for those of several objects; what they have in common is told once.

    :param errors: at least one.
    """
    if len(errors) == 1:
        return errors[0]
    subjects: dict[str, dict[str, list[str]]] = {}
    for error in errors:
        subjects.setdefault(error.remedy, {}).setdefault(error.cause, []).append(error.subject)
    said: list[str] = []
    for remedy, causes in subjects.items():
        each = [f"{listed(who)}: {cause}" for cause, who in causes.items()]
        alike = len(each) > 1 and remedy
        said += (
            [*each, f"for each of these: {remedy}"]
            if alike
            else [f"{one}; {remedy}" if remedy else one for one in each]
        )
    return DummError("several objects", _lines(said), "")
