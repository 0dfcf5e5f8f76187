# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm console``: the companion package has it, since a line editor is none of what a lab host needs."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from ..model.errors import HostError
from .usage import Parser

_PACKAGES = ("dumm_lab", "prompt_toolkit")
_EXAMPLES = """\
  dumm console                  type to the lab; 'help' explains the verbs
  dumm console <lab.txt         obey the lines of a file; the first that fails ends it
  echo list | dumm console      or those of a pipe
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Obey what is typed, or what a script says."""
    parser = Parser("dumm console", "Type a lab together, a line at a time.", _EXAMPLES, workdir)
    parser.add_argument(
        "-k",
        "--keep-going",
        action="store_true",
        help="a script goes on behind a line that failed; exit code 1 at its end",
    )
    wanted = parser.parse_args(words)
    try:
        program = importlib.import_module("dumm_lab.console.program")
        code: int = program.run(wanted.workdir, keep_going=wanted.keep_going)
    except ModuleNotFoundError as exc:
        package = str(exc.name).partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise HostError(
            "console",
            f"the Python package {package} is not installed",
            "install 'dumm-lab[console]' with pip, and use the 'dumm' of that environment (docs/howto/dumm-console.md);"
            " in a checkout, run 'make setup'",
        ) from None
    return code
