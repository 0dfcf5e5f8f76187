# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines from a file or a pipe: no prompts, and answers from the lines below the verb that asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from . import words
from .asking import Question
from .rooms import Room


class Script:
    """Lines of a script.

    :ivar number: of the line that was read last, from 1.
    """

    def __init__(self, stream: TextIO) -> None:
        self._lines = self._numbered(stream)
        self.number = 0

    def _numbered(self, stream: TextIO) -> Iterator[str]:
        for self.number, line in enumerate(stream, 1):
            if not line.lstrip().startswith("#"):
                yield line.rstrip("\r\n")

    def line(self, room: Room, *, planning: bool) -> str:
        """The next line that says something."""
        del room, planning
        for line in self._lines:
            if not words.is_nothing(line):
                return line
        raise EOFError

    def answer(self, question: Question) -> str:
        """The next line; an empty one, and the end of the script, take the default."""
        return question.answered(next(self._lines, ""))
