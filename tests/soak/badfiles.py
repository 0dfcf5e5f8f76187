# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mangled scenario files are given to ``dumm_scenario``: whatever is in them, it accepts them or says in few words what is wrong.

In check mode, through the module's body, many in one process.  Time is counted as CPU seconds of this process and its children and
compared with what the valid file takes, so that other work on the machine does not count.
"""

from __future__ import annotations

import re
import resource
import statistics
import traceback
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, Refused, Result, call
from mangle import Bad
from material import RICH

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import plain

# Twenty faults of a thousand letters for the cause and as many for the remedy, and their places.
_MAX_MESSAGE = 50_000
# How much more than the valid file one may take: the largest that are read at all have a hundred times its values.
_MAX_RATIO = 150
# A template has 5 s of its own.
_MAX_TEMPLATE = 10.0
NAME = "mangled"
# What has no place in the file: it is about all of it, or seen only when the host is looked at.
_NO_PLACE = re.compile(
    "larger than 4 MB|guests: |says nothing of guests|^guest [^:]+: (no |its kernel's command line would be longer)"
)


@dataclass
class Verdict:
    """What came of a file.

    :ivar wrong: what should not be; empty if all is well.
    :ivar accepted: what would be done; ``None`` where it was refused.
    :ivar message: what was said then.
    :ivar cpu: seconds.
    """

    wrong: str = ""
    accepted: Result | None = None
    message: str = ""
    cpu: float = 0.0


@dataclass
class BadFiles:
    """Files that are tried in one lab.

    :ivar place: where they are written.
    """

    lab: Lab
    place: Path
    usual: float = 0.0
    refused: int = 0
    worst_ratio: float = 0.0
    longest: int = 0

    def __post_init__(self) -> None:
        costs = []
        for _time in range(5):
            verdict = self._call(RICH.encode())
            assert verdict.accepted is not None, verdict
            costs.append(verdict.cpu)
        self.usual = statistics.median(costs)

    @property
    def file(self) -> Path:
        """Where the file is that is tried."""
        return self.place / "mangled.yml"

    def try_one(self, bad: Bad) -> Verdict:
        """Look what is made of a file."""
        verdict = self._call(bad.content)
        verdict.wrong = verdict.wrong or self._judge(bad, verdict)
        self.refused += verdict.accepted is None
        self.longest = max(self.longest, len(verdict.message))
        if not bad.template:
            self.worst_ratio = max(self.worst_ratio, verdict.cpu / self.usual)
        return verdict

    def _call(self, content: bytes) -> Verdict:
        self.file.write_bytes(content)
        began = _cpu()
        options = {"name": NAME, "workdir": str(self.lab.path), "src": str(self.file), "remote_src": True}
        verdict = Verdict()
        try:
            verdict.accepted = call("scenario", options, check_mode=True)
        except Refused as refused:
            verdict.message = str(refused)
        except Exception:
            verdict.wrong = f"an exception comes out:\n{traceback.format_exc()[-3000:]}"
        verdict.cpu = _cpu() - began
        return verdict

    def _judge(self, bad: Bad, verdict: Verdict) -> str:
        said = [verdict.message, *(verdict.accepted or {}).get("warnings", [])]
        if any(plain(text) != text for text in said):
            return f"a message has control characters: {verdict.message[:500]!r}"
        if (length := sum(map(len, said))) > _MAX_MESSAGE:
            return f"a message of {length} letters: {verdict.message[:500]}"
        if bad.template and verdict.cpu > _MAX_TEMPLATE:
            return f"{verdict.cpu:.1f} s of CPU time for a template that never ends"
        if not bad.template and verdict.cpu > _MAX_RATIO * self.usual:
            return f"{verdict.cpu:.2f} s of CPU time, {verdict.cpu / self.usual:.0f} times the usual"
        if verdict.accepted is None and not self._has_place(verdict.message):
            return f"no line is named: {verdict.message[:500]}"
        return ""

    def _has_place(self, message: str) -> bool:
        """Whether a message names the file and a line, or is about all of it."""
        first = message.partition("\n")[0]
        return bool(re.match(rf"{re.escape(str(self.file))}:\d+:\d+: ", first) or _NO_PLACE.search(first))


def _cpu() -> float:
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
