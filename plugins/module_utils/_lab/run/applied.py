# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scenario said when it was applied last, for whoever edits the lab later: ``applied/<name>.json`` in the working directory.

A scenario may come from a playbook's variables, a template or a file elsewhere, and only that has its files, commands and tests.  It is
kept as it came, for root only, as are the files in it that guests have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..host import files
from ..host.workdir import Workdir
from ..model import stored
from ..model.errors import InvalidInput
from ..scenario import loader
from ..scenario.edit import Set, edited
from .opening import Params

FORMAT = 1
_WHOLE = ("present", "stopped")
Told = Mapping[str, Any]


def note(workdir: Workdir, params: Params, *, left: bool) -> None:
    """Note what was applied, as a whole; nothing is written where that is known.

    :param left: whether the lab has anything of the scenario now.
    """
    path = workdir.applied(params["name"])
    if not left:
        forget(workdir, params["name"])
    elif params["state"] in _WHOLE and not params.get("only"):
        data = _data(workdir, params)
        with suppress(OSError):
            if data is None:
                forget(workdir, params["name"])
            elif not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(mode=0o700, exist_ok=True)
                files.write(path, data, durable=False)


def told(workdir: Workdir, name: str) -> Told | None:
    """What was noted of a scenario: ``text`` or ``config``, and the ``place`` that it came from; ``None`` where that is not known."""
    found = files.read_json(workdir.applied(name))
    is_known = isinstance(found, dict) and found.get("format") == FORMAT and ("text" in found) != ("config" in found)
    return found if is_known else None


def text(workdir: Workdir, name: str) -> str | None:
    """The text of a scenario as it was applied last; ``None`` where that is not known, or is no scenario any more."""
    found = told(workdir, name)
    if found is None:
        return None
    try:
        said = edited("", [Set((), found["config"])], source=name) if "config" in found else str(found["text"])
        loader.load(said, name=name, place=name)
    except InvalidInput:
        return None
    return said


def forget(workdir: Workdir, name: str) -> None:
    """Note nothing of a scenario any more."""
    path = workdir.applied(name)
    files.discard(path)
    with suppress(OSError):
        path.parent.rmdir()


def forget_all(workdir: Workdir) -> None:
    """Note nothing any more."""
    files.remove_tree(workdir.applied("").parent)


def _data(workdir: Workdir, params: Params) -> bytes | None:
    """What is to be noted; nothing where the text stands in the working directory, or cannot be written as JSON."""
    src = params.get("src")
    said: dict[str, Any]
    if params.get("config") is not None:
        said = {"config": params["config"]}
    elif params.get("content") is not None:
        said = {"text": params["content"]}
    elif src is None:
        return None
    else:
        try:
            said = {"text": files.read_at_most(workdir.path / src, 1 << 26).decode()}
        except (OSError, UnicodeDecodeError):
            return None
    try:
        data = json.dumps({"format": FORMAT, "place": src, **said}).encode()
        stored.parse(data)
    except (TypeError, ValueError):
        return None
    return data
