# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm unpack``: a lab of an archive that ``dumm pack`` has made, here or on another machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..access import archive
from ..host import files, lock
from ..host.workdir import Workdir, is_label
from ..model import options
from ..model.errors import HostError, InvalidInput, from_oserror, plain
from ..run.runner import run_scenario
from .bodies import carried_out
from .pack import kernel_key, master_key
from .usage import Parser, complain

_LOCK_SECONDS = 300.0
_STAGING = ".unpack-"
_KERNEL = "build it with role dumm.lab.kernel, or make kernels/{0} a link to another: {1}"
_MASTER = "build it with role dumm.lab.master, or make masters/{0} a link to another: {1}"
_EXAMPLES = """\
  dumm unpack vpn.tar.gz                     make a lab of the archive; its guests are there, and stopped
  dumm unpack vpn.tar.gz -w /srv/other       in another working directory, which has kernels and masters
  dumm unpack vpn.tar.gz --list              show what it has and needs
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Unpack an archive as the words say."""
    parser = Parser("dumm unpack", "Make a lab of an archive of dumm pack.", _EXAMPLES, workdir)
    parser.add_argument("archive", metavar="ARCHIVE", help="what dumm pack has written")
    parser.add_argument("-l", "--list", action="store_true", help="show what it has and needs, and change nothing")
    wanted = parser.parse_args(words)
    place = Workdir.at(wanted.workdir)
    with archive.opened(Path(wanted.archive)) as reader:
        manifest = reader.manifest
        _check(manifest)
        if wanted.list:
            sys.stdout.write("".join(f"{plain(line)}\n" for line in _listed(place, manifest)))
            return 0
        _check_needs(place, manifest)
        _check_free(place, manifest)
        place.create()
        # The run below sweeps away what has the name of something half made.
        staging = place.path / f"{_STAGING}{os.getpid()}"
        _sweep(place)
        try:
            staging.mkdir(mode=0o700)
            reader.extract(staging)
            _settle(place, manifest, staging)
        except OSError as exc:
            raise from_oserror(place.label, "unpack into", exc) from exc
        finally:
            files.remove_tree(staging)
    names = sorted(manifest["scenarios"])
    sys.stdout.write(plain(f"unpacked {', '.join(names)}; start the guests with: dumm start --all\n"))
    return 0


def _check(manifest: Mapping[str, Any]) -> None:
    """:raises InvalidInput: where it is not what ``dumm pack`` writes."""
    kinds: dict[str, Any] = {
        "scenarios": str,
        "kernels": (dict, type(None)),
        "masters": (dict, type(None)),
        "saves": list,
    }
    for key, kind in kinds.items():
        found = manifest.get(key)
        if not isinstance(found, dict) or not all(isinstance(each, kind) for each in found.values()):
            raise InvalidInput("archive", f"its {key} cannot be understood", "pack it anew")
    for name in (*manifest["scenarios"], *manifest["saves"]):
        if not is_label(name):
            raise InvalidInput("archive", f"{name!r} is no name of a scenario or a guest", "do not trust it")


def _listed(place: Workdir, manifest: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(manifest["scenarios"]):
        yield f"scenario {name}"
    for guest, names in sorted(manifest["saves"].items()):
        yield f"saving points of {guest}: {', '.join(map(str, names))}"
    for kind in ("kernels", "masters"):
        for name, key in sorted(manifest[kind].items()):
            yield f"{kind[:-1]} {name}: {_described(key)}; {_state(place, kind, name, key)}"


def _described(key: Mapping[str, Any] | None) -> str:
    told = [
        " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in (key or {}).items()
        if value and name not in ("key", "sha256")
    ]
    return ", ".join(told) or "of unknown origin"


def _state(place: Workdir, kind: str, name: str, key: Mapping[str, Any] | None) -> str:
    path = place.kernel(name) if kind == "kernels" else place.master(name)
    if not path.exists():
        return "missing here"
    own = kernel_key(place, name) if kind == "kernels" else master_key(place, name)
    if not key or not own:
        return "there is one here"
    tells = "sha256" if kind == "kernels" else "key"
    return "the same is here" if own.get(tells) == key.get(tells) else f"another is here: {_described(own)}"


def _check_needs(place: Workdir, manifest: Mapping[str, Any]) -> None:
    """Check that kernels and masters are here; others than those of the archive will do, which is told.

    :raises HostError: for those that are missing, and how to get them.
    """
    missing = []
    for kind, remedy in (("kernels", _KERNEL), ("masters", _MASTER)):
        for name, key in manifest[kind].items():
            state = _state(place, kind, name, key)
            if state == "missing here":
                missing.append(f"{kind[:-1]} {name}: {remedy.format(name, _described(key))}")
            elif state.startswith("another"):
                told = f"dumm: warning: {kind[:-1]} {name}: the lab was packed with {_described(key)}; {state}"
                complain(plain(told), 0)
    if missing:
        raise HostError(place.label, "it lacks what the lab needs", "\n".join(["", *missing]))


def _check_free(place: Workdir, manifest: Mapping[str, Any]) -> None:
    """:raises InvalidInput: where something of the archive would take the place of what is here."""
    for name in manifest["scenarios"]:
        if place.scenario(name).parent.exists():
            raise InvalidInput(
                f"scenario {name} of {place.path}", "there is one already", "remove it, or give --workdir"
            )
    for name in manifest["saves"]:
        if place.guest(name).path.exists():
            raise InvalidInput(f"guest {name} of {place.path}", "there is one already", "remove it, or give --workdir")


def _settle(place: Workdir, manifest: Mapping[str, Any], staging: Path) -> None:
    """Give everything its place: layers and scenarios, guests by their definition, and then their saving points."""
    with lock.hold(place.lock, place.label, "unpacking", _LOCK_SECONDS):
        for layer in _below(staging / "layers"):
            if place.layer(f"layers/{layer.name}").exists():
                complain(plain(f"dumm: warning: layer {layer.name}: there is one already, which is kept"), 0)
                continue
            archive.place(layer, place.layer(f"layers/{layer.name}"), f"layer {layer.name}")
        for name, text in manifest["scenarios"].items():
            path = place.scenario(name)
            path.parent.mkdir(mode=0o700, parents=True)
            if (staging / "scenarios" / name / "diff").is_dir():
                archive.place(staging / "scenarios" / name / "diff", path.parent / "diff", f"scenario {name}")
            files.write(path, text.encode())
    for name in manifest["scenarios"]:
        params = options.completed(options.SCENARIO, workdir=str(place.path), name=name, state="stopped")
        carried_out(run_scenario, params)
    with lock.hold(place.lock, place.label, "unpacking", _LOCK_SECONDS):
        for guest in _below(staging / "guests"):
            home = place.guest(guest.name)
            if not home.path.is_dir() or not is_label(guest.name):
                complain(plain(f"dumm: warning: guest {guest.name}: its saving points are left out; there is none"), 0)
                continue
            home.saves.mkdir(mode=0o700, exist_ok=True)
            for point in _below(guest / "saves"):
                if is_label(point.name):
                    archive.place(point, home.saves / point.name, f"guest {guest.name}")


def _sweep(place: Workdir) -> None:
    """Remove what was read by those that were killed."""
    for left in place.path.glob(f"{_STAGING}*"):
        if not Path("/proc", left.name.removeprefix(_STAGING)).exists():
            files.remove_tree(left)


def _below(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []
