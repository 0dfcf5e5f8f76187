# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limits that a run was given (setrlimit(2)): a guest's kernel inherits them, and with less than it needs it ends without a word.

The soft ones are raised to the hard ones, which is all that is needed where only those are low.  What is then still too little is
named before anything is changed.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from ..model.errors import HostError
from ..model.lab import Guest

# What a kernel inherits is put above 64 (launcher), and it opens its own.
_FILES = 128
_MB = 1 << 20
# A guest's memory is a file, which is mapped; its kernel and what it maps for its programs come on top (sandbox, confine).
_MORE_MEMORY = 128
# A kernel, its helper threads and a shell with a few children; and a timer for each of its CPUs.
_PROCESSES, _SIGNALS = 256, 16


@dataclass(frozen=True)
class _Limit:
    """A limit that guests inherit.

    :ivar what: it is of, in words.
    :ivar option: of ulimit (bash(1)), whose unit is ``unit`` of setrlimit's.
    :ivar needs: how much a guest needs, in setrlimit's unit.
    """

    number: int
    what: str
    option: str
    needs: Callable[[Guest], int]
    unit: int = 1


_LIMITS = (
    _Limit(resource.RLIMIT_NOFILE, "open files", "n", lambda guest: _FILES),
    _Limit(resource.RLIMIT_NPROC, "processes", "u", lambda guest: _PROCESSES),
    _Limit(resource.RLIMIT_SIGPENDING, "pending signals", "i", lambda guest: _SIGNALS),
    _Limit(resource.RLIMIT_FSIZE, "kB of a file", "f", lambda guest: (guest.mem + _MORE_MEMORY) * _MB, 1024),
    _Limit(resource.RLIMIT_AS, "kB of address space", "v", lambda guest: (guest.mem + _MORE_MEMORY) * _MB, 1024),
    _Limit(resource.RLIMIT_DATA, "kB of data", "d", lambda guest: (guest.mem + _MORE_MEMORY) * _MB, 1024),
)
# What no guest needs much of is no reason to refuse one, but it may have what there is.
_WIDENED = (*(limit.number for limit in _LIMITS), resource.RLIMIT_CPU)


def widen() -> None:
    """Raise this process's soft limits to its hard ones.

    :raises HostError: where there are too few open files even so for a run that changes nothing.
    """
    for number in _WIDENED:
        soft, hard = resource.getrlimit(number)
        if soft != hard:
            with suppress(ValueError, OSError):
                resource.setrlimit(number, (hard, hard))
    _check(_LIMITS[0], _FILES, "this task")


def check(guests: Iterable[Guest]) -> None:
    """Whether guests can be started within the limits.

    :raises HostError: naming the limit that is too low.
    """
    for guest in guests:
        for limit in _LIMITS:
            _check(limit, limit.needs(guest), guest.label)


def _check(limit: _Limit, needed: int, subject: str) -> None:
    hard = resource.getrlimit(limit.number)[1]
    if hard != resource.RLIM_INFINITY and hard < needed:
        wanted = -(-needed // limit.unit)
        raise HostError(
            subject,
            f"the limit of {limit.what} is {hard // limit.unit}, and a guest's kernel needs {wanted}",
            f"raise the hard limit (ulimit -H{limit.option} {wanted}) of whoever runs this task",
        )


def allowed(number: int, wanted: int) -> int:
    """So much of something, or as much as this process and all that it starts may have."""
    hard = resource.getrlimit(number)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def from_shortage(exc: BaseException) -> HostError | None:
    """The error for what Python raises where it gets no memory or no thread; ``None`` for anything else."""
    if not isinstance(exc, MemoryError) and "start new thread" not in str(exc):
        return None
    return HostError(
        "this task",
        "the host gives it no more memory or threads" if isinstance(exc, MemoryError) else "it cannot start a thread",
        "raise its limits of processes, address space and data (ulimit -u, -v, -d), or run it where there is more memory",
    )
