# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are on disk.  Nobody else joins paths.

The layout is the contract of docs/internals/working-directory.md; the names the original used are kept.  A :class:`Workdir` knows the
paths of a lab, a :class:`GuestDir` those of one guest, and both read and write what is stored: intent and identity.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model import definition, stored
from ..model.errors import DummError, HostError, InvalidInput, from_oserror
from ..model.lab import Bridge, Guest, Lab
from ..model.rules import check_label, check_netns
from . import files, identity

DEFAULT = identity.DEFAULT
# Of what is on disk.  1 is what dumm.lab 0.1.0 stored, which does not say so; since 2 the order of what is stored means something.
FORMAT = 2
# The first release that understands it.
RELEASE = "0.2.0"
# Control characters, ends of lines, and what stands for a byte that is no UTF-8 (PEP 383).
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
DISKS = "disks"
# What the links of a guest lead to.
_KERNEL, _MASTER = "../../kernels/{}/linux", "../../masters/{}"
_MEM_BYTES = 32
_PLACE: Mapping[str, stored.Reader] = {
    "path": stored.absolute,
    "device": stored.whole,
    "inode": stored.whole,
    "boot": stored.line,
}


@dataclass(frozen=True)
class GuestDir:
    """The directory of one guest.

    :ivar real: where it is, if ``path`` is a copy that was read out of the guest's image (``disks.peek``).
    """

    path: Path
    real: Path | None = field(default=None, compare=False)

    @property
    def workdir(self) -> Path:
        """The working directory."""
        return (self.real or self.path).parents[1]

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.path.name

    @property
    def own(self) -> Path:
        """Directory of the files that only the host writes: ``path``, or a place outside of the guest's disk (``disks``)."""
        return Path(self._outside) if self._has_disk else self.path

    @property
    def _has_disk(self) -> bool:
        # Asked for again and again: a disk is mounted, and unmounted, meanwhile.  Without its image, what lies outside is what a killed run
        # has not removed yet.
        return os.access(self._image, os.F_OK) and os.path.isdir(self._outside)

    def _of_host(self, name: str) -> Path:
        """A file in ``own``."""
        if self._has_disk:
            return Path(self._outside, name)
        path = self._in_path.get(name)
        if path is None:
            path = self._in_path[name] = self.path / name
        return path

    @functools.cached_property
    def _in_path(self) -> dict[str, Path]:
        """Those of a guest without a disk, as far as they were asked for."""
        return {}

    @functools.cached_property
    def _image(self) -> str:
        return f"{self._outside}.img"

    @functools.cached_property
    def _outside(self) -> str:
        return str(self.path.parents[1] / DISKS / self.name)

    @functools.cached_property
    def boot_log(self) -> Path:
        """What the kernel and its console said."""
        return self.path / "boot.log"

    @functools.cached_property
    def boot_log_before(self) -> Path:
        """The same of the guest's life before."""
        return self.path / "boot.log.1"

    @functools.cached_property
    def diff(self) -> Path:
        """What the guest wrote."""
        return self.path / "diff"

    @functools.cached_property
    def saves(self) -> Path:
        """Saving points: copies of ``diff``, one directory each."""
        return self.path / "saves"

    @functools.cached_property
    def scratch(self) -> Path:
        """What the guest wrote while a scenario was loaded, one directory a scenario; thrown away afterwards."""
        return self.path / "scratch"

    @functools.cached_property
    def works(self) -> Path:
        """Work directories of the union, one a mount; on the same file system as ``diff``."""
        return self.path / "work"

    @functools.cached_property
    def names(self) -> Path:
        """A layer with the guest's own name, right above the master."""
        return self.path / "names"

    @functools.cached_property
    def union(self) -> Path:
        """A link to the guest's root, as the host sees it while the guest runs."""
        return self.path / "union"

    @functools.cached_property
    def view(self) -> Path:
        """Where a guest's private root is put together, in its own mount namespace."""
        return self.path / "view"

    @functools.cached_property
    def run(self) -> Path:
        """The guest's ``/run``: UML's runtime directory ``<name>/`` is made in it."""
        return self.path / "run"

    @functools.cached_property
    def spool(self) -> Path:
        """Requests to the guest."""
        return self.path / "spool"

    @functools.cached_property
    def outbox(self) -> Path:
        """Requests that are being written, and a note for each that the guest was called for; the guest does not see it."""
        return self.path / "outbox"

    @functools.cached_property
    def spare(self) -> Path:
        """Empty files that keep inodes of the guest's disk back (``disks``)."""
        return self.path / "spare"

    @property
    def line_in(self) -> Path:
        """FIFO towards the guest's control line."""
        return self._of_host("in")

    @property
    def line_out(self) -> Path:
        """FIFO from the guest's control line."""
        return self._of_host("out")

    @property
    def console_in(self) -> Path:
        """FIFO towards console 0."""
        return self._of_host("console")

    @property
    def doorbell_lock(self) -> Path:
        """Taken by whoever rings."""
        return self._of_host("doorbell.lock")

    @property
    def process(self) -> Path:
        """Identity of the guest's process, and what it was started with."""
        return self._of_host("process.json")

    @property
    def ready(self) -> Path:
        """What was seen of the running guest on its way to being ready (``booting``)."""
        return self._of_host("ready")

    @property
    def network(self) -> Path:
        """What the running guest's kernel had of the network when it was clean (``cleaning``)."""
        return self._of_host("network")

    @property
    def leaving(self) -> Path:
        """To which lab host a run has begun to move the guest (``access.moving``)."""
        return self._of_host("leaving")

    @property
    def users(self) -> Path:
        """Which block of the host's users is the guest's."""
        return self._of_host("users")

    @property
    def definition(self) -> Path:
        """What is wanted of the guest, beyond ``mem``, ``linux`` and ``master``."""
        return self._of_host("guest.json")

    @property
    def mem(self) -> Path:
        """Memory in MB."""
        return self._of_host("mem")

    @property
    def linux(self) -> Path:
        """A link to the kernel."""
        return self._of_host("linux")

    @property
    def master(self) -> Path:
        """A link to the master root file system."""
        return self._of_host("master")


@dataclass(frozen=True)
class Workdir:
    """A working directory: one lab host's world.

    :ivar read_out: copies of the directories of guests whose disk is not mounted, without what they wrote (``disks.peek``).
    :ivar broken: guests whose disk cannot be used, and why.
    """

    path: Path
    read_out: Mapping[str, Path] = field(default_factory=dict, compare=False)
    broken: Mapping[str, DummError] = field(default_factory=dict, compare=False)

    @classmethod
    def at(cls, path: str) -> Workdir:
        """The working directory at a path as the user wrote it.

        :raises InvalidInput: where messages, JSON or a line of text could not hold the path.
        """
        real = os.path.realpath(os.path.expanduser(path))
        if _UNFIT.search(real):
            raise InvalidInput(
                f"working directory {real!a}",
                "its path has control characters, or bytes that are not UTF-8",
                "give it another path",
            )
        return cls(Path(real))

    @property
    def label(self) -> str:
        """For messages."""
        return f"working directory {self.path}"

    @property
    def lab_name(self) -> str:
        """Unique on the host, and the same when the directory is moved (``identity``)."""
        return identity.of(self.path).name

    @property
    def lock(self) -> Path:
        """Held by the run that changes the lab."""
        return self.path / "lock"

    @property
    def closed(self) -> Path:
        """Where a run says that it has closed the lab's segments (``quiet``)."""
        return self.path / "closed"

    @property
    def testing_lock(self) -> Path:
        """Held by the run that tests the lab."""
        return self.path / "testing.lock"

    @property
    def testing(self) -> Path:
        """What a test that runs has changed, or one whose run was killed."""
        return self.path / "testing.json"

    @property
    def identity(self) -> Path:
        """What holds for the lab as a whole."""
        return self.path / identity.FILE

    @functools.cached_property
    def guests(self) -> Path:
        """One directory a guest."""
        return self.path / "guests"

    @property
    def bridges(self) -> Path:
        """One file a bridge."""
        return self.path / "bridges"

    @property
    def kernels(self) -> Path:
        """One directory a kernel, made by role ``kernel``."""
        return self.path / "kernels"

    @property
    def masters(self) -> Path:
        """One directory a master root file system, made by role ``master``."""
        return self.path / "masters"

    @property
    def disks(self) -> Path:
        """One image for each guest whose writing is limited (``disks``)."""
        return self.path / DISKS

    @property
    def agents(self) -> Path:
        """Layers of the collection's own, one a version."""
        return self.path / "agents"

    @property
    def captures(self) -> Path:
        """One directory a capture that goes on without us (``captures``)."""
        return self.path / "captures"

    def scenario(self, name: str) -> Path:
        """A scenario's file."""
        return self.path / "scenarios" / name / "config"

    def applied(self, name: str) -> Path:
        """What a scenario said when it was applied last."""
        return self.path / "applied" / f"{name}.json"

    def placed(self, name: str) -> Path:
        """On which lab hosts a scenario's guests are, as this one was told last."""
        return self.path / "placed" / f"{name}.json"

    @property
    def moving(self) -> Path:
        """What is packed of guests that go to another lab host, or come from one."""
        return self.path / "moving"

    def scenario_layer(self, scenario: str, guest: str) -> Path:
        """A scenario's layer for one guest."""
        return self.path / "scenarios" / scenario / "diff" / guest

    def rendered(self, name: str) -> Path:
        """A layer of files that a scenario's file has, named by their content."""
        return self.path / "rendered" / name

    def rendered_layers(self) -> list[Path]:
        """All of them."""
        return list(self.path.glob("rendered/*"))

    def guest(self, name: str) -> GuestDir:
        """The directory of one guest."""
        found = self._directories.get(name)
        if found is None:
            found = self._directories[name] = GuestDir(self.guests / name)
        return found

    @functools.cached_property
    def _directories(self) -> dict[str, GuestDir]:
        """Those that were asked for: a run asks for each a hundred times."""
        return {}

    def known_guest(self, name: str) -> GuestDir:
        """Where to read what is known of a guest; the same directory unless that is on a disk that is not mounted."""
        return GuestDir(self.read_out.get(name, self.guests / name), self.guests / name)

    def guest_names(self) -> list[str]:
        """Names of the guests that are there; what else somebody has put beside them is none."""
        if not self.guests.is_dir():
            return []
        found = (entry.name for entry in os.scandir(self.guests) if entry.is_dir())
        return sorted(name for name in found if is_label(name))

    def bridge_names(self) -> list[str]:
        """Names of the bridges that are there."""
        found = (Path(name) for name in _names(self.bridges))
        return [path.stem for path in found if path.suffix == ".json" and is_label(path.stem)]

    def bridge(self, name: str) -> Path:
        """The file of one bridge."""
        return self.bridges / f"{name}.json"

    def kernel(self, kernel: str) -> Path:
        """The binary that a guest's ``kernel`` means."""
        return Path(kernel) if kernel.startswith("/") else self.kernels / kernel / "linux"

    def master(self, master: str) -> Path:
        """The root file system that a guest's ``master`` means."""
        return Path(master) if master.startswith("/") else self.masters / master

    def layer(self, layer: str) -> Path:
        """The directory that one of a guest's ``layers`` means."""
        return self.path / layer

    def create(self) -> None:
        """Make the directory and those directly below it.

        :raises HostError: where that is not allowed or not possible.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for below in (self.guests, self.bridges, self.kernels, self.masters, self.agents):
                below.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise from_oserror(self.label, "make", exc) from exc

    def sweep(self) -> None:
        """Remove what interrupted runs left half made or half removed.  Call it only under the lock."""
        for place in (
            self.path,
            self.bridges,
            self.agents,
            self.captures,
            self.path / "rendered",
            self.path / "applied",
            self.path / "placed",
            self.guests,
        ):
            files.sweep(place)
        for name in self.guest_names():
            directory = self.guest(name)
            for place in (directory.path, directory.own, directory.names / "etc"):
                files.sweep(place)

    def _stored(self) -> dict[str, Any]:
        """What is stored of the lab as a whole; nothing where that cannot be understood (:meth:`check_identity`)."""
        found = files.read_json(self.identity)
        return found if isinstance(found, dict) else {}

    def _store(self, **known: object) -> None:
        """Remember something of the lab as a whole; what another version has stored stays."""
        before = self._stored()
        if (wanted := {**before, **known}) != before:
            files.write_json(self.identity, wanted)

    def check_identity(self) -> None:
        """Check what is stored of the lab as a whole.

        :raises HostError: where that cannot be understood; the lab would be taken for one in another network namespace.
        """
        remedy = f'write {{"netns": "NAME"}} to that file with the name that ip netns shows for the lab, such as {self.lab_name}'
        with _understood(self.label, self.identity, remedy, may_be_missing=True):
            found = stored.mapping(stored.parse(files.read(self.identity)), "")
            if "netns" in found:
                netns = stored.text(found["netns"], "netns")
                try:
                    check_netns(netns)
                except InvalidInput as exc:
                    raise stored.Unfit(f"{exc.subject}: {exc.cause}") from None
            if isinstance(found.get("format"), (int, float)):
                stored.whole(found["format"], "format", 1)
            if "name" in found or "place" in found:
                own = stored.table(found, "", {"name": stored.line, "place": stored.mapping})
                stored.table(own.get("place"), "place", _PLACE)
                if not identity.is_stored(self.path):
                    raise stored.Unfit("name and place are not those of a lab")

    @property
    def format(self) -> int:
        """The format of what is on disk."""
        found = self._stored().get("format", 1)
        # What is no number is nothing that this version has written.
        return found if isinstance(found, int) and not isinstance(found, bool) else FORMAT + 1

    def check_format(self) -> None:
        """Refuse to change what a newer version has made, or what cannot be understood.

        :raises HostError: naming the version that is needed, or the file.
        """
        self.check_identity()
        if self.format > FORMAT:
            needs = self._stored().get("needs")
            needed = needs if isinstance(needs, str) else None
            raise HostError(
                self.label,
                f"its lab was made by a newer version of dumm.lab (format {self.format}, this one knows {FORMAT})",
                f"install {needed} or later" if needed else "install the version that made it, or a later one",
            )

    def store_format(self) -> None:
        """Remember that what is stored from now on has this version's format."""
        self._store(format=FORMAT, needs=RELEASE)

    def store_identity(self) -> None:
        """Remember which lab this is, and that it is here; a copy is a lab of its own from now on."""
        found = identity.of(self.path)
        in_original = found.original is not None and self._stored().get("netns") == found.original
        place = {"netns": found.name} if in_original else {}
        self._store(**identity.store(self.path, found.name), **place)

    def claim_name(self) -> None:
        """Have the lab's name, which is stored, for this directory."""
        identity.claim(self.path, self.lab_name)

    def netns(self) -> str | None:
        """The network namespace that the lab was made in; ``None`` for no lab yet."""
        found = self._stored().get("netns")
        # That of a lab that this directory is a copy of is not its own.
        if not isinstance(found, str) or found == identity.of(self.path).original:
            return None
        try:
            check_netns(found)
        except InvalidInput:
            return None
        return found

    def store_netns(self, netns: str) -> None:
        """Remember the lab's network namespace."""
        self._store(netns=netns)

    def forget(self) -> None:
        """Forget the lab itself, when its last object is gone."""
        identity.release(self.path, self.lab_name)
        files.discard(self.identity)

    def load(self) -> Lab:
        """The lab as it is defined on disk; all guests are taken for stopped.

        Of a lab that a newer version has made, what this one does not know is left out.  What cannot be understood has its defaults, and is
        among what is damaged.

        :raises HostError: where the directory cannot be read.
        """
        newer = self.format > FORMAT
        guests: dict[str, Guest] = {}
        bridges: dict[str, Bridge] = {}
        damaged: dict[str, DummError] = {}
        try:
            for name in sorted({*self.guest_names(), *self.read_out, *self.broken}):
                guests[name] = Guest(name)
                try:
                    if name in self.broken:
                        raise self.broken[name]
                    guests[name] = load_guest(self.known_guest(name), newer=newer)
                except DummError as exc:
                    damaged[guests[name].label] = exc
            for name in self.bridge_names():
                bridges[name] = Bridge(name)
                try:
                    bridges[name] = _load_bridge(self.bridge(name))
                except DummError as exc:
                    damaged[bridges[name].label] = exc
        except OSError as exc:
            raise from_oserror(self.label, "read", exc) from exc
        return Lab(self.lab_name, self.netns() or self.lab_name, guests, bridges, damaged)

    def store_bridge(self, bridge: Bridge) -> None:
        """Write a bridge's definition."""
        path = self.bridge(bridge.name)
        files.write_json(path, definition.plain_bridge(bridge, files.read_json(path)))

    def forget_bridge(self, name: str) -> None:
        """Remove a bridge's definition."""
        files.discard(self.bridge(name))

    def store_guest(self, guest: Guest, wrote: Mapping[str, Path] | None = None) -> None:
        """Write a guest's definition; its directory is made where there is none, as a whole.

        :param wrote: what such a directory has from the beginning: ``diff``, ``scratch`` and ``saves``, on the same file system.
        """
        directory = self.guest(guest.name)
        if directory.path.is_dir():
            _store_guest(directory, guest)
            return
        if os.path.lexists(directory.path):
            raise HostError(guest.label, f"{directory.path} is in its place and no directory", "move it away")
        fresh = GuestDir(self.guests / f".new-{guest.name}")
        files.remove_tree(fresh.path)
        try:
            fresh.path.mkdir(mode=0o700)
            fresh.diff.mkdir()
            # The guest's root has the owner and the mode of this directory, whatever the caller's umask.
            fresh.diff.chmod(0o755)
            for private in (fresh.works, fresh.view, fresh.run, fresh.spool, fresh.outbox, fresh.scratch):
                private.mkdir(mode=0o700)
            for name, tree in (wrote or {}).items():
                files.remove_tree(fresh.path / name)
                tree.rename(fresh.path / name)
            _store_fresh(fresh.path, guest)
            os.rename(fresh.path, directory.path)
        except OSError:
            files.remove_tree(fresh.path)
            raise

    def forget_guest(self, name: str) -> None:
        """Remove a guest's directory with all it wrote."""
        files.remove_tree(self.guest(name).path)


def _names(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(directory) if not entry.name.startswith("."))


def is_label(name: str) -> bool:
    """Whether a name can be that of a guest or a bridge."""
    try:
        check_label("name", name)
    except InvalidInput:
        return False
    return True


def _store_guest(directory: GuestDir, guest: Guest) -> None:
    before = files.read_json(directory.definition)
    rest = definition.plain_guest(guest, before)
    if not files.is_same_json(before, rest):
        files.write_json(directory.definition, rest)
    if _read_mem(directory) != guest.mem:
        files.write(directory.mem, f"{guest.mem}\n".encode())
    _relink(directory.linux, _target(guest.kernel, _KERNEL))
    _relink(directory.master, _target(guest.master, _MASTER))


def _store_fresh(home: Path, guest: Guest) -> None:
    """Write a guest's definition into a directory that is empty, and that nobody looks into before it is whole."""
    _write(home / "guest.json", files.json_text(definition.plain_guest(guest, None)))
    _write(home / "mem", f"{guest.mem}\n")
    for name, target in (
        ("linux", _target(guest.kernel, _KERNEL)),
        ("master", _target(guest.master, _MASTER)),
        (guest.name, f"run/{guest.name}"),
    ):
        os.symlink(target, home / name)


def _write(path: Path, text: str) -> None:
    """A new file, safe from a power cut."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        files.write_all(fd, text.encode())
        os.fsync(fd)
    finally:
        os.close(fd)


def _target(name: str, place: str) -> str:
    return name if name.startswith("/") else place.format(name)


def _relink(link: Path, wanted: str) -> None:
    if not link.is_symlink() or os.readlink(link) != wanted:
        files.symlink(link, wanted)


def _named(link: Path, example: str) -> str:
    """What the user called the thing that a link made by :func:`_relink` points to.

    :param example: such a link's target.
    :raises HostError: where it is none.
    """
    subject = f"guest {link.parent.name}"
    remedy = f"make it a link to {example} or to an absolute path"
    try:
        target = os.readlink(link)
    except FileNotFoundError:
        raise HostError(subject, f"{link} is missing", remedy) from None
    except OSError:
        raise HostError(subject, f"{link} is no link", remedy) from None
    if target.startswith("/"):
        return target
    parts, known = target.split("/"), example.split("/")
    alike = len(parts) == len(known) and all(part in (same, parts[3]) for part, same in zip(parts, known, strict=True))
    if not alike or parts[3] in ("", ".", "..") or _UNFIT.search(target):
        raise HostError(subject, f"{link} leads to {target!a}, as no link of a guest does", remedy)
    return parts[3]


def _read_mem(directory: GuestDir) -> int | None:
    try:
        return _mem(directory)
    except (OSError, stored.Unfit):
        return None


def _mem(directory: GuestDir) -> int:
    """Memory of a guest in MB.

    :raises stored.Unfit: where that is not known.
    """
    text = files.read(directory.mem, _MEM_BYTES).strip()
    # int() takes more than digits, and Python refuses thousands of them.
    if not text.isdigit() or not 0 < int(text) < 2**63:
        raise stored.Unfit("it holds no number of MB" if text else "it is empty")
    return int(text)


def load_guest(directory: GuestDir, *, newer: bool = False) -> Guest:
    """A guest as its directory defines it.

    :param newer: whether a newer version has made the lab.
    :raises HostError: where a file is not what it must be.
    """
    name = directory.name
    remove = f"remove guest {name} with all it wrote (dumm_guest, state: absent)"
    anew = f"restore that file, write {{}} to it to define guest {name} anew, or {remove}"
    with _understood(f"guest {name}", directory.definition, anew):
        found = definition.guest(name, stored.parse(files.read(directory.definition)), newer=newer)
    with _understood(f"guest {name}", directory.mem, "write its memory in MB to that file, such as 128"):
        mem = _mem(directory)
    kernel = _named(directory.linux, "../../kernels/default/linux")
    master = _named(directory.master, "../../masters/default")
    return dataclasses.replace(found, mem=mem, kernel=kernel, master=master)


def _load_bridge(path: Path) -> Bridge:
    name = path.stem
    remedy = f"restore that file, write {{}} to it to define bridge {name} anew, or remove the bridge (dumm_bridge, state: absent)"
    with _understood(f"bridge {name}", path, remedy):
        return definition.bridge(name, stored.parse(files.read(path)))


@contextmanager
def _understood(subject: str, path: Path, remedy: str, *, may_be_missing: bool = False) -> Iterator[None]:
    """Somebody may have edited a file, a full disk have cut it, or another version of the collection have written it.

    :raises HostError: naming the file.
    """
    try:
        yield
    except FileNotFoundError:
        if may_be_missing:
            return
        raise HostError(subject, f"{path} is missing", remedy) from None
    except stored.Unfit as exc:
        raise HostError(subject, f"{path} cannot be understood ({exc})", remedy) from None
    except OSError as exc:
        raise HostError(subject, f"{path} cannot be read ({exc.strerror})", remedy) from None
