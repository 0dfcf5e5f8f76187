# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Break things on purpose: errors and delays for files whose path matches a pattern, for those who test how software fails."""

from __future__ import annotations

import errno
import fnmatch
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# What a rule may be about, and the requests that this means.
KINDS: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "opendir"),
    "read": ("read", "readdir", "readlink"),
    "write": ("write", "setattr", "fsync"),
    "create": ("create", "mkdir", "mknod", "symlink", "link", "rename"),
    "remove": ("unlink", "rmdir"),
}


class Rule(NamedTuple):
    """What happens to some requests.

    :ivar path: pattern of absolute paths, as the shell's but with ``*`` for slashes too.
    :ivar requests: names of requests.
    :ivar error: number, or 0 for none.
    :ivar delay: seconds.
    """

    path: str
    requests: frozenset[str]
    error: int
    delay: float


def rules(given: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules as the module sends them: ``path``, ``during`` (list of kinds), ``error`` and ``delay`` in milliseconds."""
    return tuple(
        Rule(
            path=rule["path"],
            requests=frozenset(request for kind in rule.get("during") or KINDS for request in KINDS[kind]),
            error=getattr(errno, rule["error"]) if rule.get("error") else 0,
            delay=(rule.get("delay") or 0) / 1000,
        )
        for rule in given
    )


def meet(active: Sequence[Rule], request: str, path: str) -> int:
    """Undergo the first rule that is about a request.

    :return: number of the error that it is to end with, or 0.
    """
    for rule in active:
        if request in rule.requests and fnmatch.fnmatchcase(path, rule.path):
            if rule.delay:
                time.sleep(rule.delay)
            return rule.error
    return 0
