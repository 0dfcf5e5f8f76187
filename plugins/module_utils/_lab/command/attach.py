# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm attach``: a terminal in a guest."""

from __future__ import annotations

from collections.abc import Sequence

from ..access import attach
from .usage import Parser

_EXAMPLES = """\
  dumm attach alice                a shell
  dumm attach alice 'top -d 1'     a command of the guest's shell, in a terminal
  dumm attach --console alice      what the guest's kernel prints
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Attach as the words say; the exit code of the guest's program."""
    parser = Parser("dumm attach", "Open a terminal in a guest. Ctrl-] leaves it.", _EXAMPLES, workdir)
    parser.add_argument(
        "-c", "--console", action="store_true", help="console 0 instead: what the guest's kernel prints"
    )
    parser.add_argument("guest", metavar="GUEST", help="name of the guest")
    parser.add_argument(
        "command", metavar="COMMAND", nargs="?", help="for the guest's shell, instead of a shell to type to"
    )
    wanted = parser.parse_args(words)
    return attach.attach(wanted.workdir, wanted.guest, wanted.command, console=wanted.console)
