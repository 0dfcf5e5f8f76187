# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines from a terminal: editing, history, completion of what there is, and a bottom line that follows the lab.

The bottom line is drawn anew when the kernel tells of a change (``access.watch``), also one that somebody else makes; nothing polls.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, WordCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output.color_depth import ColorDepth

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

from .asking import Question
from .completion import Known, completions
from .rooms import Room
from .states import Fragments, bottom_line


class Terminal:
    """A person.

    :param watch: the lab that the bottom line shows.
    :param known: names of what there is.
    """

    def __init__(self, watch: Watch, known: Callable[[], Known]) -> None:
        self._watch = watch
        self._known = known
        self._room = Room()
        self._planning = False
        depth = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None
        self._lines: PromptSession[str] = PromptSession(history=_history(), color_depth=depth)
        self._answers: PromptSession[str] = PromptSession(history=InMemoryHistory(), color_depth=depth)

    def line(self, room: Room, *, planning: bool) -> str:
        """The next line.

        :raises EOFError: after Ctrl-D.
        :raises KeyboardInterrupt: after Ctrl-C.
        """
        self._room, self._planning = room, planning
        self._watch.step()
        with self._following() as follow:
            text: str = self._lines.prompt(
                room.prompt,
                completer=_Words(lambda before, word: completions(self._room, before, word, self._known())),
                complete_while_typing=False,
                bottom_toolbar=self._bottom,
                pre_run=follow,
            )
        return text

    def answer(self, question: Question) -> str:
        """The answer to a question, whose default can be edited.

        :raises InvalidInput: after Ctrl-C.
        :raises EOFError: as :meth:`line`.
        """
        try:
            return question.answered(self._answer(question))
        except KeyboardInterrupt:
            raise InvalidInput("this line", "it was interrupted at a question", "nothing was changed") from None

    def _answer(self, question: Question) -> str:
        with self._following() as follow:
            text: str = self._answers.prompt(
                f"{question.text}: ",
                default=question.default,
                completer=WordCompleter(list(question.known)),
                complete_while_typing=False,
                bottom_toolbar=self._bottom,
                pre_run=follow,
            )
        return text

    def _bottom(self) -> Fragments:
        columns = get_app().output.get_size().columns
        return bottom_line(self._watch.lab, planning=self._planning, columns=columns)

    @contextmanager
    def _following(self) -> Iterator[Callable[[], None]]:
        """Have the bottom line follow the lab while a line is typed."""
        loops: list[asyncio.AbstractEventLoop] = []

        def begin() -> None:
            loop = asyncio.get_running_loop()
            app = get_app()

            def look() -> None:
                if self._watch.step() is not None:
                    app.invalidate()

            loop.add_reader(self._watch.fileno(), look)
            loops.append(loop)

        try:
            yield begin
        finally:
            for loop in loops:
                if not loop.is_closed():
                    loop.remove_reader(self._watch.fileno())


class _Words(Completer):
    """Completes the word at the cursor."""

    def __init__(self, candidates: Callable[[list[str], str], list[str]]) -> None:
        self._candidates = candidates

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word may become."""
        del complete_event
        *before, word = document.text_before_cursor.lstrip().split(" ")
        for each in self._candidates([one for one in before if one], word):
            yield Completion(each, -len(word))


def _history() -> History:
    """Lines of earlier sessions, where this user may keep a file."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    file = Path(state).expanduser() / "dumm/console_history"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return FileHistory(file)
