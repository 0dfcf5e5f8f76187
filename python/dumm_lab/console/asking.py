# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where lines and answers come from: a terminal, or a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

from .rooms import Room


@dataclass(frozen=True)
class Question:
    """What a verb asks for.

    :ivar text: such as ``guest name``.
    :ivar default: empty for none.
    :ivar known: answers that there are, for completion.
    """

    text: str
    default: str = ""
    known: Sequence[str] = ()

    def answered(self, text: str) -> str:
        """An answer, or the default.

        :raises InvalidInput: where there is neither.
        """
        found = text.strip() or self.default
        if not found:
            raise InvalidInput(self.text, "there is no answer", "type the verb again, and a name")
        return found


class Source(Protocol):
    """Where lines come from."""

    def line(self, room: Room, *, planning: bool) -> str:
        """The next line.

        :raises EOFError: where there is none.
        """

    def answer(self, question: Question) -> str:
        """The answer to a question.

        :raises InvalidInput: as :meth:`Question.answered`.
        """
