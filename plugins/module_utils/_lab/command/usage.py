# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each verb of ``dumm`` reads its words: one set of rules, one place for help and examples, and errors of the house."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn

from ..model.errors import InvalidInput

# Of galaxy.yml, which an installed collection does not have.
VERSION = "0.2.0"
DEFAULT_WORKDIR = "/var/lib/dumm"
# Seconds; as good as no limit.
LONGEST = 3e8


class WrongUsage(InvalidInput):
    """Words that the command does not understand; nothing was done."""


# A word that nobody can type.
DESCRIBE = "\0"


class Described(Exception):
    """What a verb reads its words with, for whoever completes or describes them.

    :ivar parser: that.
    """

    def __init__(self, parser: Parser) -> None:
        super().__init__()
        self.parser = parser


class Parser(argparse.ArgumentParser):
    """Reads the words of one verb; ``--workdir`` may stand before the verb and after it.

    :param name: what the user types: ``dumm exec``.
    :param summary: a sentence.
    :param examples: lines that begin with two blanks.
    :param workdir: the working directory that was given before the verb; ``None`` takes ``DUMM_WORKDIR`` or the default.
    """

    def __init__(self, name: str, summary: str, examples: str, workdir: str | None = None) -> None:
        super().__init__(
            prog=name,
            description=summary,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument(
            "-w",
            "--workdir",
            metavar="DIRECTORY",
            default=workdir or os.environ.get("DUMM_WORKDIR") or DEFAULT_WORKDIR,
            help=f"working directory of the lab (default: DUMM_WORKDIR, or {DEFAULT_WORKDIR})",
        )

    def add_rest(self, name: str, **options: Any) -> None:
        """All words from here on, be they options."""
        self.add_argument(name, nargs=argparse.REMAINDER, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does.

        :raises Described: where it is only to be shown what there is to read.
        """
        if list(args or ()) == [DESCRIBE]:
            raise Described(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """:raises WrongUsage: always."""
        raise WrongUsage(self.prog, message, f"see '{self.prog} --help'")


def seconds(text: str) -> float:
    """A time, as the type of an argument.

    :raises argparse.ArgumentTypeError: where it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return found


def whole(text: str, least: int = 0) -> int:
    """A whole number, as the type of an argument.

    :raises argparse.ArgumentTypeError: where it is none, or is smaller than ``least``.
    """
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if found < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
    return found


def complain(sentence: str, code: int) -> int:
    """Say why something failed.

    :return: the exit code.
    """
    sys.stderr.write(f"{sentence}\n")
    return code
