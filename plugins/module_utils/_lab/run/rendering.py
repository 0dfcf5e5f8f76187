# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that a scenario's file has for its guests, as layers: content and templates, and an /etc/hosts with all guests' names.

A layer of files is named by its content's hash and never changes: what changes is which one a guest has.  The one with /etc/hosts
is shared by the guests of a scenario, and what changes is its content, in place: a guest that is added or renumbered changes no
layers of the others, paused ones included.  A lower layer's file may be written to under a mounted overlay as long as it stays the
same inode, and hostfs in the guest reads it anew whenever it is opened.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import ipaddress
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..host import files
from ..model import notation
from ..model.errors import InvalidInput
from ..model.lab import Guest
from ..model.root import CHANGING, Directory, HostsLayer, RenderedFile, RenderedLayer
from ..scenario.loader import File, Scenario
from ..union import lookup
from . import templates

HOSTS = "/etc/hosts"
_LOCAL = ("127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback")


class Known:
    """What all files of a scenario are made of, found once for all of its guests.

    :param scenario: whose files are made.
    :param whole: what they know; if that is more, such as the guests of other lab hosts.
    """

    def __init__(self, scenario: Scenario, whole: Scenario | None = None) -> None:
        self.scenario = scenario
        self.whole = scenario if whole is None else whole

    @functools.cached_property
    def hosts(self) -> tuple[str, ...]:
        """Lines of /etc/hosts (hosts(5)): by its name a guest's first address of each family, by ``name-interface`` all.

        They are ordered by name, so that another order of the scenario's file changes nothing.
        """
        return tuple(line for _name, guest in sorted(self.whole.guests.items()) for line in _hosts_lines(guest))

    @functools.cached_property
    def hosts_file(self) -> str:
        """The /etc/hosts of all guests that have an address."""
        return "\n".join([*_LOCAL, *self.hosts]) + "\n"

    @functools.cached_property
    def variables(self) -> dict[str, Any]:
        """What every template knows: ``guests``, ``bridges`` and ``scenario``."""
        return {
            "scenario": self.whole.name,
            "guests": {name: dataclasses.asdict(each) for name, each in self.whole.guests.items()},
            "bridges": {name: dataclasses.asdict(each) for name, each in self.whole.bridges.items()},
        }

    @functools.cached_property
    def rendered(self) -> dict[tuple[str, str], str]:
        """What all templates make, by guest and path.

        :raises InvalidInput: where one of them cannot be rendered.
        """
        wanted = [
            (guest, file) for guest, own in self.scenario.files.items() for file in own if file.template is not None
        ]
        if wanted and not templates.HAS_JINJA2:
            guest, file = wanted[0]
            cause = f"{guest}:{file.path} is a template"
            raise InvalidInput(self._subject(file), cause, "install python3-jinja2 on the lab host")
        jobs = (templates.Job(file.template or "", _variables(self, guest)) for guest, file in wanted)
        made: dict[tuple[str, str], str] = {}
        for (guest, file), text in zip(wanted, templates.render(jobs, len(wanted)) if wanted else (), strict=False):
            if isinstance(text, templates.Failure):
                cause = f"line {text.line} of the template of {guest}:{file.path} cannot be rendered: {text.cause}"
                raise InvalidInput(self._subject(file), cause, "see docs/reference/scenario.md, templates")
            made[guest, file.path] = text
        return made

    def with_layers(self) -> Scenario:
        """The scenario with the templates of its guests' layers rendered.

        :raises InvalidInput: where one of them cannot be rendered, or makes no path.
        """
        wanted = [
            (guest, place, layer)
            for guest, places in self.scenario.layers.items()
            for place, layer in zip(places, self.scenario.guests[guest].layers, strict=True)
        ]
        if not wanted:
            return self.scenario
        if not templates.HAS_JINJA2:
            raise InvalidInput(wanted[0][1], "it is a template", "install python3-jinja2 on the lab host")
        jobs = (templates.Job(layer, _variables(self, guest)) for guest, _place, layer in wanted)
        made: dict[str, list[str]] = {}
        for (guest, place, layer), text in zip(wanted, templates.render(jobs, len(wanted)), strict=False):
            if isinstance(text, templates.Failure):
                cause = f"{layer!r} cannot be rendered for guest {guest}: {text.cause}"
                raise InvalidInput(place, cause, "see docs/reference/scenario.md, templates")
            path = _layer(text, guest, place)
            if path in made.setdefault(guest, []):
                raise InvalidInput(f"{place}: guest {guest}", f"layers: {path} is given twice", "leave one of them")
            made[guest].append(path)
        rendered = {
            guest: dataclasses.replace(self.scenario.guests[guest], layers=tuple(layers))
            for guest, layers in made.items()
        }
        return dataclasses.replace(self.scenario, guests={**self.scenario.guests, **rendered}, layers={})

    def _subject(self, file: File) -> str:
        return file.place or f"scenario {self.scenario.name}"


def render(known: Known, guest: str, below: Sequence[Path]) -> RenderedLayer | None:
    """The files that the scenario's file has for a guest; ``None`` where there are none.

    :param below: what the guest's root is made of without them, topmost first; the last is the master, where names of owners are looked up.
    :raises InvalidInput: where a template cannot be rendered, an owner is unknown, or something is in the way.
    """
    scenario, master = known.scenario, below[-1]
    rendered: list[tuple[RenderedFile, str]] = []
    for file in scenario.files.get(guest, ()):
        subject = f"{file.place}: guest {guest}" if file.place else f"guest {guest}"
        most = notation.MAX_CONFINED_OWNER if scenario.guests[guest].confine else notation.MAX_OWNER
        uid = _number(master / "etc/passwd", file.owner, subject, file, most)
        gid = _number(master / "etc/group", file.group, subject, file, most)
        content = (file.content or "") if file.template is None else known.rendered[guest, file.path]
        rendered.append((RenderedFile(file.path, content, file.mode, uid, gid), subject))
    last: dict[str, RenderedFile] = {}
    directories: dict[str, Directory] = {}
    for each, subject in rendered:
        path, inside = _place(below, each.path, subject)
        last[path] = dataclasses.replace(each, path=path)
        directories.update({directory.path: directory for directory in inside})
    if not last:
        return None
    return RenderedLayer(
        tuple(last[path] for path in sorted(last)), tuple(directories[path] for path in sorted(directories))
    )


def _layer(text: str, guest: str, place: str) -> str:
    try:
        return notation.directory(text)
    except InvalidInput as exc:
        raise InvalidInput(f"{place}: guest {guest}", exc.cause, exc.remedy) from None


def _place(below: Sequence[Path], path: str, subject: str) -> tuple[str, tuple[Directory, ...]]:
    try:
        return lookup.place(below, path)
    except OSError as exc:
        raise InvalidInput(
            subject,
            f"{path}: {exc.filename} in its root file system is in the way ({exc.strerror})",
            "give the file another path",
        ) from exc


def hosts(known: Known, guest: str, below: Sequence[Path]) -> HostsLayer | None:
    """A guest's layer with /etc/hosts; ``None`` where it has none, or the user says what is in that file.

    Guests whose layers look the same share one.

    :param below: as for :func:`render`.
    :raises InvalidInput: where something is in the way.
    """
    scenario = known.scenario
    if not scenario.hosts or any(file.path == HOSTS for file in scenario.files.get(guest, ())):
        return None
    path, directories = _place(below, HOSTS, f"guest {guest}")
    nameless = not any(iface.addresses for iface in scenario.guests[guest].interfaces.values())
    own = (f"127.0.1.1 {guest}",) if nameless else ()
    name = hashlib.sha256(repr((scenario.name, path, directories, own)).encode()).hexdigest()[:16]
    content = "\n".join([*_LOCAL, *own, *known.hosts]) + "\n" if own else known.hosts_file
    return HostsLayer(CHANGING + name, RenderedLayer((RenderedFile(path, content, 0o644, 0, 0),), directories))


def _hosts_lines(guest: Guest) -> Iterator[str]:
    named: set[int] = set()
    for iface in guest.interfaces.values():
        for text in iface.addresses or ():
            address = ipaddress.ip_interface(text).ip
            names = [guest.name] if address.version not in named else []
            named.add(address.version)
            yield " ".join([str(address), *names, f"{guest.name}-{iface.name}"])


def _variables(known: Known, guest: str) -> dict[str, Any]:
    """What a template knows: beside what all do, ``name`` and ``guest`` of its own guest, and that guest's ``vars``."""
    return {
        **known.whole.guests[guest].vars,
        **known.variables,
        "name": guest,
        "guest": known.variables["guests"][guest],
    }


def _number(database: Path, name: str | None, subject: str, file: File, most: int) -> int:
    if name is None:
        return 0
    if name.isascii() and name.isdigit():
        # Of more digits Python takes none (sys.set_int_max_str_digits).
        number = int(name[:20])
        if number > most:
            cause = f"{file.path}: there is no owner {name[:20]}, the last is {most}"
            raise InvalidInput(subject, cause, "give another number, or a name")
        return number
    try:
        entries = [line.split(":") for line in database.read_text().splitlines()]
    except OSError:
        entries = []
    for entry in entries:
        if entry[0] == name and len(entry) > 2 and entry[2].isascii() and entry[2].isdigit():
            return int(entry[2])
    raise InvalidInput(
        subject, f"{file.path}: its master knows no {database.name} entry {name}", "give the number instead"
    )


def write(layer: RenderedLayer, directory: Path) -> None:
    """Make a layer's directory, as a whole; one that is there already is right."""
    if directory.is_dir():
        return
    fresh = directory.with_name(f".new-{directory.name}")
    files.remove_tree(fresh)
    fresh.mkdir(parents=True)
    fresh.chmod(0o755)
    for inside in layer.directories:
        (fresh / inside.path.lstrip("/")).mkdir()
    for file in layer.files:
        target = fresh / file.path.lstrip("/")
        files.write(target, file.content.encode(), mode=file.mode)
        os.chown(target, file.uid, file.gid)
        target.chmod(file.mode)
    for inside in layer.directories:
        target = fresh / inside.path.lstrip("/")
        os.chown(target, inside.uid, inside.gid)
        target.chmod(inside.mode)
    fresh.rename(directory)


def is_current(layer: HostsLayer, directory: Path) -> bool:
    """Whether a layer with /etc/hosts is there with this content."""
    (file,) = layer.content.files
    try:
        return (directory / file.path.lstrip("/")).read_bytes() == file.content.encode()
    except OSError:
        return False


def write_hosts(layer: HostsLayer, directory: Path) -> None:
    """Make a layer with /etc/hosts, or change its content under the guests that have it: the file stays the same inode."""
    write(layer.content, directory)
    (file,) = layer.content.files
    content = file.content.encode()
    fd = os.open(directory / file.path.lstrip("/"), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, file.mode)
    try:
        os.pwrite(fd, content, 0)
        os.ftruncate(fd, len(content))
    finally:
        os.close(fd)


def holds(directory: Path, layer: RenderedLayer | None) -> bool:
    """Whether a directory has the files of a layer and, as earlier versions had it, none besides but an /etc/hosts."""
    wanted = {} if layer is None else {file.path: file for file in layer.files}
    found = {f"/{path.relative_to(directory)}": path for path in directory.rglob("*") if not path.is_dir()}
    return wanted.keys() == found.keys() - ({HOSTS} - wanted.keys()) and all(
        is_file(file, found[path]) for path, file in wanted.items()
    )


def is_file(file: RenderedFile, path: Path) -> bool:
    """Whether a path is a file as it is to be."""
    status = path.lstat()
    told = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    alike = stat.S_ISREG(status.st_mode) and told == (file.mode, file.uid, file.gid)
    return alike and path.read_bytes() == file.content.encode()
