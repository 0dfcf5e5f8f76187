# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm pack``: a lab in one archive, which ``dumm unpack`` makes a lab of on another machine."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..access import archive
from ..host import disks, files, lock
from ..host.workdir import Workdir
from ..model.errors import InvalidInput, plain
from ..model.lab import Guest, Lab
from ..run import applied
from ..scenario.adopt import adopt
from ..scenario.follow import follow
from .bodies import scenario_name
from .usage import VERSION, Parser, complain

_LOCK_SECONDS = 300.0
_EXAMPLES = """\
  dumm pack -o vpn.tar.gz              all scenarios of the lab, their layers, and saving points
  dumm pack vpn.yml -o vpn.tar.zst     the scenario of this file, which is packed as it is
  dumm unpack vpn.tar.gz -w /srv/lab   make a lab of it
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Pack what the words name."""
    parser = Parser("dumm pack", "Pack a lab into one archive: scenarios, layers, saving points.", _EXAMPLES, workdir)
    parser.add_argument("file", metavar="FILE", nargs="?", help="scenario file (default: all scenarios of the lab)")
    parser.add_argument("-n", "--name", metavar="NAME", help="name of the scenario (default: that of the file, or lab)")
    parser.add_argument("-o", "--output", metavar="ARCHIVE", required=True, help="NAME.tar.gz or NAME.tar.zst")
    parser.add_argument("--no-saves", action="store_true", help="leave saving points out")
    wanted = parser.parse_args(words)
    workdir_ = Workdir.at(wanted.workdir)
    target = Path(wanted.output).absolute()
    with lock.hold(workdir_.lock, workdir_.label, "packing", _LOCK_SECONDS), disks.peek(workdir_) as place:
        lab = place.load()
        texts = _texts(place, lab, wanted.file, wanted.name)
        guests = [guest for guest in lab.guests.values() if (guest.scenario or wanted.name or "lab") in texts]
        trees = sorted(set(_trees(place, texts, guests, saved=not wanted.no_saves)))
        left = archive.write(target, _manifest(place, texts, guests), place.path, _topmost(trees))
    for each in left:
        complain(plain(f"dumm: warning: left out: {each}"), 0)
    sys.stdout.write(f"{target}: {', '.join(sorted(texts))}, {len(guests)} guests, {len(trees)} directories\n")
    return 0


def _texts(workdir: Workdir, lab: Lab, file: str | None, name: str | None) -> dict[str, str]:
    """Scenarios as text, by name.

    :raises DummError: where there is nothing to pack, or it cannot be described.
    """
    if file is not None:
        try:
            return {name or scenario_name(file): Path(file).read_text(encoding="utf-8")}
        except (OSError, UnicodeDecodeError) as exc:
            raise InvalidInput(f"file {file}", f"it cannot be read: {exc}", "name the scenario's file") from None
    owners = {each.scenario for each in lab.guests.values()} | {each.scenario for each in lab.bridges.values()}
    if not owners:
        raise InvalidInput(workdir.label, "there is nothing in it", "name another with --workdir")
    found = {}
    for owner in owners:
        path = None if owner is None else workdir.scenario(owner)
        if path is not None and path.is_file():
            found[str(owner)] = path.read_text(encoding="utf-8")
        elif owner is not None and (text := _applied(workdir, lab, owner)) is not None:
            found[owner] = text
        else:
            found[owner or name or "lab"] = adopt(_part(lab, owner))
            if owner is not None:
                complain(
                    f"dumm: warning: scenario {owner}: its file is not stored here, so what only the file has is left"
                    " out (files, commands, tests); to pack all of it, name the file",
                    0,
                )
    return found


def _applied(workdir: Workdir, lab: Lab, scenario: str) -> str | None:
    """The text of a scenario whose file is elsewhere: as it was applied last, with what has changed since."""
    text = applied.text(workdir, scenario)
    if text is None:
        return None
    try:
        return follow(text, _part(lab, scenario), name=scenario, place=f"scenario {scenario}")
    except InvalidInput:
        return None


def _part(lab: Lab, scenario: str | None) -> Lab:
    """What belongs to a scenario, and all that its guests are plugged into."""
    guests = {name: guest for name, guest in lab.guests.items() if guest.scenario == scenario}
    plugged = {iface.bridge for guest in guests.values() for iface in guest.interfaces.values()}
    bridges = {name: bridge for name, bridge in lab.bridges.items() if bridge.scenario == scenario or name in plugged}
    return dataclasses.replace(lab, guests=guests, bridges=bridges)


def _trees(workdir: Workdir, texts: dict[str, str], guests: Sequence[Guest], *, saved: bool) -> Iterator[str]:
    """Directories below the working directory that make the lab what it is."""
    for name in texts:
        layers = workdir.scenario(name).parent / "diff"
        if layers.is_dir():
            yield str(layers.relative_to(workdir.path))
    for guest in guests:
        for layer in guest.layers:
            if Path(layer).is_absolute():
                complain(plain(f"dumm: warning: {guest.label}: layer {layer} is no part of the lab, and left out"), 0)
            elif layer.split("/")[0] in archive.PLACES:
                yield layer
        if saved:
            home = workdir.guest(guest.name)
            for name in archive.saved(home):
                yield str((home.saves / name).relative_to(workdir.path))


def _topmost(trees: Sequence[str]) -> list[str]:
    """Without those that are below others."""
    return [each for each in trees if not any(each.startswith(f"{other}/") for other in trees)]


def _manifest(workdir: Workdir, texts: dict[str, str], guests: Sequence[Guest]) -> dict[str, Any]:
    kernels = sorted({guest.kernel for guest in guests})
    masters = sorted({guest.master for guest in guests})
    return {
        "format": archive.FORMAT,
        "version": VERSION,
        "scenarios": texts,
        "kernels": {name: kernel_key(workdir, name) for name in kernels},
        "masters": {name: master_key(workdir, name) for name in masters},
        "saves": {guest.name: names for guest in guests if (names := archive.saved(workdir.guest(guest.name)))},
    }


def kernel_key(workdir: Workdir, name: str) -> dict[str, Any] | None:
    """What tells a kernel from another; ``None`` where that is not known."""
    found = files.read_json(workdir.kernel(name).parent / "info.json")
    return {key: found.get(key) for key in ("release", "sha256")} if isinstance(found, dict) else None


def master_key(workdir: Workdir, name: str) -> dict[str, Any] | None:
    """What tells a master from another, and what it was made of; ``None`` where that is not known."""
    place = Path(os.path.realpath(workdir.master(name)))
    with suppress(OSError, ValueError):
        found = json.loads((place.parent / f".{place.name}.json").read_text(encoding="utf-8"))
        inputs = found.get("inputs", {})
        return {"key": found.get("key"), **{key: inputs.get(key) for key in ("suite", "architecture", "packages")}}
    return None
