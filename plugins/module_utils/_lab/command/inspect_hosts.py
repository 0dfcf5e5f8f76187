# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm --lab-host GROUP inspect``: one table of a lab that is over several machines.

Each lab host is asked for its records as JSON, all at the same time, and the records get the name of theirs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from . import inspect, lab_host
from .table import JSON, Record, column
from .usage import WrongUsage, complain

_SECONDS = 120.0
_AT_ONCE = 32


def run(hosts: Mapping[str, Mapping[str, Any]], words: Sequence[str], workdir: str | None) -> int:
    """Print what the words name, of all lab hosts.

    :param hosts: variables of each by its name.
    :param workdir: of the lab on a lab host whose ``dumm_workdir`` is not set; ``None`` for the default there.
    :return: 1 where a lab host gave no answer, which is told.
    """
    wanted = inspect.parsed(words, workdir)
    if wanted.watch:
        raise WrongUsage("dumm inspect", "--watch is for one lab host", "leave it out, or name one")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {name: pool.submit(_records, name, known, words, workdir) for name, known in hosts.items()}
    noun = inspect.meant(wanted)
    of_all = replace(noun, columns=(column("LAB HOST", "lab_host"), *noun.columns), keys=("lab_host", *noun.keys))
    found: list[Record] = []
    silent = 0
    for name, answer in asked.items():
        told = answer.result()
        if isinstance(told, str):
            silent = complain(f"dumm: lab host {name}: {told}", 1)
        else:
            found += [{"lab_host": name, **record} for record in told]
    sys.stdout.write(inspect.printed(found, of_all, wanted))
    return silent


def _records(name: str, known: Mapping[str, Any], words: Sequence[str], workdir: str | None) -> list[Record] | str:
    """What a lab host has, or why that is not known."""
    own = known.get("dumm_workdir") or workdir
    place = [] if own is None else ["--workdir", str(own)]
    command = lab_host.ssh_command(name, known, [*place, "inspect", *words, "--format", JSON])
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if done.returncode == 0:
            records: list[Record] = json.loads(done.stdout)
            return records
    except (OSError, ValueError, subprocess.TimeoutExpired) as exc:
        return " ".join(str(exc).split())
    return (done.stderr.strip().splitlines() or [f"ssh ended with exit code {done.returncode}"])[-1]
