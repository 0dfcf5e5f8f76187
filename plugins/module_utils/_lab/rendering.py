# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that a scenario's file has for its guests, as layers: content and templates, and an /etc/hosts with all guests' names.

A layer is named by its content's hash and never changes: what changes is which one a guest has.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import ipaddress
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import files
from .errors import InvalidInput
from .model import Guest
from .scenario import File, Scenario
from .union import lookup
from .union.lookup import Directory

try:
    import jinja2
except ImportError:
    HAS_JINJA2 = False
else:
    HAS_JINJA2 = True


@dataclass(frozen=True)
class RenderedFile:
    """A file of a layer.

    :ivar path: in the guest, absolute.
    """

    path: str
    content: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class RenderedLayer:
    """Files of one guest.

    :ivar directories: what they lie in, as it is without them, parents first.
    """

    files: tuple[RenderedFile, ...]
    directories: tuple[Directory, ...]

    @property
    def name(self) -> str:
        """Named by the content."""
        return hashlib.sha256(repr((self.files, self.directories)).encode()).hexdigest()[:16]


class Known:
    """What all files of a scenario are made of, found once for all of its guests."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @functools.cached_property
    def hosts(self) -> tuple[str, ...]:
        """Lines of /etc/hosts (hosts(5)): by its name a guest's first address of each family, by ``name-interface`` all."""
        return tuple(line for guest in self.scenario.guests.values() for line in _hosts_lines(guest))

    @functools.cached_property
    def variables(self) -> dict[str, Any]:
        """What every template knows: ``guests``, ``bridges`` and ``scenario``."""
        return {
            "scenario": self.scenario.name,
            "guests": {name: dataclasses.asdict(each) for name, each in self.scenario.guests.items()},
            "bridges": {name: dataclasses.asdict(each) for name, each in self.scenario.bridges.items()},
        }


def render(known: Known, guest: str, below: Sequence[Path]) -> RenderedLayer | None:
    """All files of a guest; ``None`` where there are none.

    :param below: what the guest's root is made of without them, topmost first; the last is the master, where names of owners are looked up.
    :raises InvalidInput: where a template cannot be rendered, an owner is unknown, or something is in the way.
    """
    scenario, master = known.scenario, below[-1]
    rendered: list[RenderedFile] = []
    if scenario.hosts:
        rendered.append(RenderedFile("/etc/hosts", hosts_file(known, guest), 0o644, 0, 0))
    for file in scenario.files.get(guest, ()):
        uid = _number(master / "etc/passwd", file.owner, guest, file)
        gid = _number(master / "etc/group", file.group, guest, file)
        rendered.append(RenderedFile(file.path, _content(known, guest, file), file.mode, uid, gid))
    # What the user says of a file goes before what we say.
    last: dict[str, RenderedFile] = {}
    directories: dict[str, Directory] = {}
    for each in rendered:
        path, inside = _place(below, each.path, guest)
        last[path] = dataclasses.replace(each, path=path)
        directories.update({directory.path: directory for directory in inside})
    if not last:
        return None
    return RenderedLayer(
        tuple(last[path] for path in sorted(last)), tuple(directories[path] for path in sorted(directories))
    )


def _place(below: Sequence[Path], path: str, guest: str) -> tuple[str, tuple[Directory, ...]]:
    try:
        return lookup.place(below, path)
    except OSError as exc:
        raise InvalidInput(
            f"guest {guest}",
            f"{path}: {exc.filename} in its root file system is in the way ({exc.strerror})",
            "give the file another path",
        ) from exc


def hosts_file(known: Known, me: str) -> str:
    """An /etc/hosts with every guest."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    if not any(iface.addresses for iface in known.scenario.guests[me].interfaces.values()):
        lines.append(f"127.0.1.1 {me}")
    return "\n".join([*lines, *known.hosts]) + "\n"


def _hosts_lines(guest: Guest) -> Iterator[str]:
    named: set[int] = set()
    for iface in guest.interfaces.values():
        for text in iface.addresses or ():
            address = ipaddress.ip_interface(text).ip
            names = [guest.name] if address.version not in named else []
            named.add(address.version)
            yield " ".join([str(address), *names, f"{guest.name}-{iface.name}"])


def _content(known: Known, guest: str, file: File) -> str:
    if file.template is None:
        return file.content or ""
    subject = f"scenario {known.scenario.name}"
    if not HAS_JINJA2:
        raise InvalidInput(subject, f"{guest}:{file.path} is a template", "install python3-jinja2 on the lab host")
    try:
        return _rendered(file.template, _variables(known, guest))
    except Exception as exc:  # whatever Python raises for what is written in a template
        cause = (
            f"line {_line(exc)} of the template of {guest}:{file.path} cannot be rendered: {exc or type(exc).__name__}"
        )
        raise InvalidInput(subject, cause, "see docs/scenario.md, templates") from exc


def _rendered(template: str, variables: dict[str, Any]) -> str:
    """What Ansible's module ``template`` makes of it by default."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)
    pieces = list(environment.from_string(template).generate(variables))
    text = "".join(pieces)
    if not pieces:
        return text
    # Jinja drops the last newline, and trim_blocks the one after a block that ends the template.
    return text + "\n" * max(0, _last_newlines(template) - _last_newlines(text))


def _last_newlines(text: str) -> int:
    return len(text) - len(text.rstrip("\n"))


def _line(exc: Exception) -> int:
    """Line of a template that an error is about."""
    if isinstance(exc, jinja2.TemplateSyntaxError):
        return exc.lineno
    frames = traceback.extract_tb(exc.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == "<template>" and frame.lineno), 1)


def _variables(known: Known, guest: str) -> dict[str, Any]:
    """What a template knows: beside what all do, ``name`` and ``guest`` of its own guest, and that guest's ``vars``."""
    return {
        **known.scenario.guests[guest].vars,
        **known.variables,
        "name": guest,
        "guest": known.variables["guests"][guest],
    }


def _number(database: Path, name: str | None, guest: str, file: File) -> int:
    if name is None:
        return 0
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        entries = [line.split(":") for line in database.read_text().splitlines()]
    except OSError:
        entries = []
    for entry in entries:
        if entry[0] == name and len(entry) > 2 and entry[2].isascii() and entry[2].isdigit():
            return int(entry[2])
    raise InvalidInput(
        f"guest {guest}", f"{file.path}: its master knows no {database.name} entry {name}", "give the number instead"
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
