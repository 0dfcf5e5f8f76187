# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verbs that are bodies of modules: their options from the modules' own, and what a run does, in lines.

What a run does goes to standard output, a sentence when it begins; warnings and how far it is go to standard error.  Ctrl-C ends a run
where it is, and the next one finishes its work, as for a playbook.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..host.workdir import Workdir
from ..model import options
from ..model.errors import InvalidInput, nearest, plain
from ..run.narration import Narrator
from ..run.report import Diff, Report, RunFailed
from .table import as_yaml
from .usage import Parser

_HELP = {
    "in_use": "what to do with a guest whose processes keep files open that are to change",
    "lock_timeout": "seconds to wait for another run that changes the lab",
    "netns": "network namespace of a new lab",
    "only": "only this guest; may be repeated",
    "parallel": "how many guests at the same time",
    "power": "apply starts guests that are stopped, keep leaves them",
    "prune": "remove what the scenario had before and has no more",
    "record": "let guests write into the scenario's layers",
    "restart": "restart guests whose changes need that",
    "wait_timeout": "seconds that a guest may take to start or stop",
}


def add_options(parser: Parser, spec: options.Spec, names: Iterable[str]) -> None:
    """Options of a module, under its names, with its types, choices and defaults."""
    for name in names:
        option = spec[name]
        flag, told, default = f"--{name.replace('_', '-')}", _HELP[name], option.get("default")
        if option["type"] == "bool":
            said = f"{told} (default: {'yes' if default else 'no'})"
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=said)
        elif option["type"] == "list":
            parser.add_argument(flag, action="append", metavar="NAME", default=default, help=told)
        else:
            kind = int if option["type"] == "int" else str
            said = told if default is None else f"{told} (default: {default})"
            metavar = None if "choices" in option else "N" if kind is int else "NAME"
            parser.add_argument(
                flag, type=kind, choices=option.get("choices"), metavar=metavar, default=default, help=said
            )
            for former in option.get("aliases", ()):
                parser.add_argument(
                    f"--{former}",
                    dest=name,
                    choices=option.get("choices"),
                    default=argparse.SUPPRESS,
                    help=argparse.SUPPRESS,
                )


def given(wanted: Namespace, spec: options.Spec, **more: object) -> dict[str, Any]:
    """Arguments of a module's body: those of the words, others, and defaults."""
    known = {name: value for name, value in vars(wanted).items() if name in spec}
    return options.completed(spec, **{**known, **more})


def carried_out(body: Callable[..., Report], params: Mapping[str, Any], *, check: bool = False) -> Report:
    """Run a body, and tell what it does.

    :raises RunFailed: as it does, with the warnings told.
    :raises OSError: where the sentences could not be written, after the run.
    """
    out, err = _Told(_say), _Told(_report)
    try:
        report = body(params, check=check, subscriber=Narrator(out, err))
    except RunFailed as failed:
        _warn(failed.warnings)
        raise
    if (error := out.error or err.error) is not None:
        raise error
    _warn(report.warnings)
    return report


class _Told:
    """Writes lines.  A full disk or a reader that is gone does not end the run that is told of: the error is kept until its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.error: OSError | None = None

    def __call__(self, line: str) -> None:
        if self.error is None:
            try:
                self._write(line)
            except OSError as exc:
                self.error = exc


def _say(sentence: str) -> None:
    sys.stdout.write(f"{plain(sentence)}\n")
    sys.stdout.flush()


def _report(line: str) -> None:
    sys.stderr.write(f"{plain(line)}\n")


def _warn(warnings: Iterable[str]) -> None:
    for each in warnings:
        _report(f"warning: {each}")


def close(report: Report) -> None:
    """The last line of a run that changes something."""
    needs = ", ".join(report.restart_required)
    if not report.changed:
        _say("nothing to do")
    if needs:
        _report(f"warning: some changes of {needs} need a restart (--restart does it)")


def difference(diff: Diff | None) -> str:
    """What a run changes, as a unified diff of what it tells before and after."""
    if diff is None or diff.before == diff.after:
        return ""
    before, after = (as_yaml(each).splitlines(keepends=True) if each else [] for each in (diff.before, diff.after))
    return plain("".join(difflib.unified_diff(before, after, "before", "after")))


def scenario_name(file: str) -> str:
    """Name of a scenario that is not named: its file's, without endings."""
    name = Path(file).name.split(".")[0]
    if not name:
        raise InvalidInput(f"file {file}", "a scenario cannot be named after it", "give it a name with --name")
    return name


def known_guests(workdir: str, names: Iterable[str], *, every: bool) -> list[str]:
    """The guests that are named, which must be there: a name that is mistyped would make a guest.

    :param every: whether all of the lab are meant.
    :raises InvalidInput: for one that is not there.
    """
    place = Workdir.at(workdir)
    there = place.guest_names()
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in there:
            raise InvalidInput(f"guest {name} of {place.path}", "there is no such guest", nearest(name, there))
    if not wanted and not every:
        raise InvalidInput("guests", "none is named", f"name some, or give --all; {nearest('', there)}")
    return there if every else wanted
