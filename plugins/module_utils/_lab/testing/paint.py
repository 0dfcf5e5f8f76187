# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Colours of verdicts on a terminal.  There are none where the output is no terminal, or NO_COLOR is set (no-color.org)."""

from __future__ import annotations

import os
from typing import TextIO

from .results import Verdict

_CODES = {
    Verdict.PASSED: "32",
    Verdict.FAILED: "1;31",
    Verdict.SUSPECT: "1;33",
    Verdict.FLAKY: "33",
    Verdict.SKIPPED: "2",
    Verdict.BROKEN: "1;35",
}


class Paint:
    """Gives text the colour of a verdict.

    :param colours: whether there are any.
    """

    def __init__(self, colours: bool = False) -> None:
        self._colours = colours

    @classmethod
    def of(cls, stream: TextIO) -> Paint:
        """What suits a stream."""
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(wanted and stream.isatty())

    def __call__(self, verdict: Verdict, text: str) -> str:
        """Text in the colour of a verdict."""
        return self._escaped(_CODES[verdict], text)

    def bold(self, text: str) -> str:
        """Text that stands out."""
        return self._escaped("1", text)

    def faint(self, text: str) -> str:
        """Text that stands back."""
        return self._escaped("2", text)

    def _escaped(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text
