# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that are there are brought into a state, one after another: ``dumm start`` and ``dumm stop``."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import options
from ..model.errors import together
from ..run.report import RunFailed
from ..run.runner import run_guest
from .bodies import add_options, carried_out, given, known_guests
from .usage import Parser


def bring(words: Sequence[str], workdir: str, name: str, summary: str, examples: str, state: str) -> int:
    """Bring guests into a state.

    :param state: of ``dumm_guest``.
    :raises DummError: for those that could not be, after all others were.
    """
    parser = Parser(name, summary, examples, workdir)
    parser.add_argument("guests", metavar="GUEST", nargs="*", help="names of guests")
    parser.add_argument("-a", "--all", action="store_true", help="all guests of the lab")
    add_options(parser, options.GUEST, ("wait_timeout", "lock_timeout"))
    wanted = parser.parse_args(words)
    failed = []
    for guest in known_guests(wanted.workdir, wanted.guests, every=wanted.all):
        params = given(wanted, options.GUEST, name=guest, state=state)
        try:
            carried_out(run_guest, params)
        except RunFailed as exc:
            failed.append(exc.error)
    if failed:
        raise together(failed)
    return 0
