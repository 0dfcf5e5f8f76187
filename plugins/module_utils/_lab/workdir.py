# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are on disk.  Nobody else joins paths.

The layout is the contract of DESIGN.md section 3; the names the original used are kept.  A :class:`Workdir` knows the
paths of a lab, a :class:`GuestDir` those of one guest, and both read and write what is stored: intent and identity.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from . import files
from .errors import HostError, InvalidInput, from_oserror
from .model import (
    DEFAULT_MEM,
    HOST_NETNS,
    Bridge,
    Conditions,
    Fault,
    Guest,
    Iface,
    Lab,
    Loaded,
    Readiness,
    ReadyCommand,
    Route,
    UnionEngine,
    Userspace,
)

DEFAULT = Path("/var/lib/dumm")
# Of what is on disk.  1 is what dumm.lab 0.1.0 stored, which does not say so; since 2 the order of what is stored means something.
FORMAT = 2
# The first release that understands it.
RELEASE = "0.2.0"
MAX_NETNS_NAME = 200
# Control characters, ends of lines, and what stands for a byte that is no UTF-8 (PEP 383).
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
DISKS = "disks"


@dataclass(frozen=True)
class GuestDir:
    """The directory of one guest."""

    path: Path

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.path.name

    @property
    def own(self) -> Path:
        """Directory of the files that only the host writes: ``path``, or a place outside of the guest's disk (``disks``)."""
        outside = self.path.parents[1] / DISKS / self.name
        # Without its image, it is what a killed run has not removed yet.
        return outside if outside.is_dir() and outside.with_name(f"{self.name}.img").exists() else self.path

    @property
    def boot_log(self) -> Path:
        """What the kernel and its console said."""
        return self.path / "boot.log"

    @property
    def boot_log_before(self) -> Path:
        """The same of the guest's life before."""
        return self.path / "boot.log.1"

    @property
    def diff(self) -> Path:
        """What the guest wrote."""
        return self.path / "diff"

    @property
    def saves(self) -> Path:
        """Saving points: copies of ``diff``, one directory each."""
        return self.path / "saves"

    @property
    def scratch(self) -> Path:
        """What the guest wrote while a scenario was loaded, one directory a scenario; thrown away afterwards."""
        return self.path / "scratch"

    @property
    def works(self) -> Path:
        """Work directories of the overlay, one a start; on the same file system as ``diff``."""
        return self.path / "work"

    @property
    def names(self) -> Path:
        """A layer with the guest's own name, right above the master."""
        return self.path / "names"

    @property
    def union(self) -> Path:
        """A link to the guest's root, as the host sees it while the guest runs."""
        return self.path / "union"

    @property
    def view(self) -> Path:
        """Where a guest's private root is put together, in its own mount namespace."""
        return self.path / "view"

    @property
    def run(self) -> Path:
        """The guest's ``/run``: UML's runtime directory ``<name>/`` is made in it."""
        return self.path / "run"

    @property
    def spool(self) -> Path:
        """Requests to the guest."""
        return self.path / "spool"

    @property
    def outbox(self) -> Path:
        """Requests that are being written, and a note for each that the guest was called for; the guest does not see it."""
        return self.path / "outbox"

    @property
    def spare(self) -> Path:
        """Empty files that keep inodes of the guest's disk back (``disks``)."""
        return self.path / "spare"

    @property
    def line_in(self) -> Path:
        """FIFO towards the guest's control line."""
        return self.own / "in"

    @property
    def line_out(self) -> Path:
        """FIFO from the guest's control line."""
        return self.own / "out"

    @property
    def console_in(self) -> Path:
        """FIFO towards console 0."""
        return self.own / "console"

    @property
    def doorbell_lock(self) -> Path:
        """Taken by whoever rings."""
        return self.own / "doorbell.lock"

    @property
    def process(self) -> Path:
        """Identity of the guest's process, and what it was started with."""
        return self.own / "process.json"

    @property
    def ready(self) -> Path:
        """What was seen of the running guest on its way to being ready (``booting``)."""
        return self.own / "ready"

    @property
    def users(self) -> Path:
        """Which block of the host's users is the guest's."""
        return self.own / "users"

    @property
    def definition(self) -> Path:
        """What is wanted of the guest, beyond ``mem``, ``linux`` and ``master``."""
        return self.own / "guest.json"

    @property
    def mem(self) -> Path:
        """Memory in MB."""
        return self.own / "mem"

    @property
    def linux(self) -> Path:
        """A link to the kernel."""
        return self.own / "linux"

    @property
    def master(self) -> Path:
        """A link to the master root file system."""
        return self.own / "master"


@dataclass(frozen=True)
class Workdir:
    """A working directory: one lab host's world.

    :ivar read_out: copies of the directories of guests whose disk is not mounted, without what they wrote (``disks.peek``).
    """

    path: Path
    read_out: Mapping[str, Path] = field(default_factory=dict, compare=False)

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
        """Unique on the host: ``dumm`` for the default directory, else its name and a hash of its path.

        It names the network namespace, for which pyroute2 takes ASCII only; other letters are left out.
        """
        if self.path == DEFAULT:
            return "dumm"
        name = self.path.name.encode("ascii", "ignore").decode()
        return f"dumm-{name[:24]}-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:6]}"

    @property
    def lock(self) -> Path:
        """Held by the run that changes the lab."""
        return self.path / "lock"

    @property
    def closed(self) -> Path:
        """Where a run says that it has closed the lab's segments (``segments``)."""
        return self.path / "closed"

    @property
    def identity(self) -> Path:
        """What holds for the lab as a whole."""
        return self.path / "lab.json"

    @property
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

    def scenario(self, name: str) -> Path:
        """A scenario's file."""
        return self.path / "scenarios" / name / "config"

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
        return GuestDir(self.guests / name)

    def known_guest(self, name: str) -> GuestDir:
        """Where to read what is known of a guest; the same directory unless that is on a disk that is not mounted."""
        return GuestDir(self.read_out.get(name, self.guests / name))

    def bridge(self, name: str) -> Path:
        """The file of one bridge."""
        return self.bridges / f"{name}.json"

    def kernel(self, kernel: str) -> Path:
        """The binary that a guest's ``kernel`` means."""
        return Path(kernel) if kernel.startswith("/") else self.kernels / kernel / "linux"

    def master(self, master: str) -> Path:
        """The root file system that a guest's ``master`` means."""
        return Path(master) if master.startswith("/") else self.masters / master

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
        for place in (self.path, self.bridges, self.agents, self.path / "rendered", self.guests):
            files.sweep(place)
        for name in _names(self.guests):
            for place in (self.guest(name).path, self.guest(name).own):
                files.sweep(place)

    def _stored(self) -> dict[str, Any]:
        stored = files.read_json(self.identity)
        return stored if isinstance(stored, dict) else {}

    def _store(self, **known: object) -> None:
        """Remember something of the lab as a whole; what another version has stored stays."""
        stored = self._stored()
        if (wanted := {**stored, **known}) != stored:
            files.write_json(self.identity, wanted)

    @property
    def format(self) -> int:
        """The format of what is on disk."""
        found = self._stored().get("format", 1)
        # What is no number is nothing that this version has written.
        return found if isinstance(found, int) else FORMAT + 1

    def check_format(self) -> None:
        """Refuse to change what a newer version has made.

        :raises HostError: naming the version that is needed.
        """
        if self.format > FORMAT:
            needed = self._stored().get("needs")
            raise HostError(
                self.label,
                f"its lab was made by a newer version of dumm.lab (format {self.format}, this one knows {FORMAT})",
                f"install {needed} or later" if needed else "install the version that made it, or a later one",
            )

    def store_format(self) -> None:
        """Remember that what is stored from now on has this version's format."""
        self._store(format=FORMAT, needs=RELEASE)

    def netns(self) -> str | None:
        """The network namespace that the lab was made in; ``None`` for no lab yet."""
        stored = self._stored()
        return str(stored["netns"]) if "netns" in stored else None

    def store_netns(self, netns: str) -> None:
        """Remember the lab's network namespace."""
        self._store(netns=netns)

    def forget(self) -> None:
        """Forget the lab itself, when its last object is gone."""
        self.identity.unlink(missing_ok=True)

    def load(self) -> Lab:
        """The lab as it is defined on disk; all guests are taken for stopped.

        Of a lab that a newer version has made, what this one does not know is left out.

        :raises HostError: where the directory cannot be read.
        """
        newer = self.format > FORMAT
        try:
            names = sorted({*_names(self.guests), *self.read_out})
            guests = [load_guest(self.known_guest(name), newer=newer) for name in names]
            bridges = [_load_bridge(self.bridges / name, newer=newer) for name in _names(self.bridges)]
        except OSError as exc:
            raise from_oserror(self.label, "read", exc) from exc
        return Lab(
            self.lab_name,
            self.netns() or self.lab_name,
            {guest.name: guest for guest in guests},
            {bridge.name: bridge for bridge in bridges if bridge is not None},
        )

    def store_bridge(self, bridge: Bridge) -> None:
        """Write a bridge's definition."""
        files.write_json(self.bridge(bridge.name), dataclasses.asdict(bridge))

    def forget_bridge(self, name: str) -> None:
        """Remove a bridge's definition."""
        self.bridge(name).unlink(missing_ok=True)

    def store_guest(self, guest: Guest) -> None:
        """Write a guest's definition; its directory is made where there is none, as a whole."""
        directory = self.guest(guest.name)
        if directory.path.exists():
            _store_guest(directory, guest)
            return
        fresh = GuestDir(self.guests / f".new-{guest.name}")
        files.remove_tree(fresh.path)
        try:
            fresh.path.mkdir(mode=0o700)
            fresh.diff.mkdir()
            # The guest's root has the owner and the mode of this directory, whatever the caller's umask.
            fresh.diff.chmod(0o755)
            for private in (fresh.works, fresh.view, fresh.run, fresh.spool, fresh.outbox, fresh.scratch):
                private.mkdir(mode=0o700)
            _store_guest(fresh, guest)
            files.symlink(fresh.path / guest.name, f"run/{guest.name}")
            fresh.path.rename(directory.path)
        except OSError:
            files.remove_tree(fresh.path)
            raise

    def forget_guest(self, name: str) -> None:
        """Remove a guest's directory with all it wrote."""
        files.remove_tree(self.guest(name).path)


def check_netns(name: str) -> None:
    """Check the name of a network namespace (a file below /run/netns, ip-netns(8)).

    :raises InvalidInput: naming the rule.
    """
    possible = name.isascii() and name.isprintable() and "/" not in name and not name.startswith(".")
    if name != HOST_NETNS and not (possible and 0 < len(name) <= MAX_NETNS_NAME):
        raise InvalidInput(f"network namespace {name!r}", "the name is not possible", "use letters, digits and hyphens")


def _names(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(directory) if not entry.name.startswith("."))


def _store_guest(directory: GuestDir, guest: Guest) -> None:
    rest: dict[str, object] = {
        "init": guest.init,
        "cmdline": guest.cmdline,
        "userspace": guest.userspace.value,
        "cpu": guest.cpu,
        "confine": guest.confine,
        "disk": guest.disk,
        "layers": list(guest.layers),
        "union": guest.union.value,
        "routes": None if guest.routes is None else [dataclasses.asdict(route) for route in guest.routes],
        "sysctl": dict(guest.sysctl),
        "scenario": guest.scenario,
        "faults": [dataclasses.asdict(fault) for fault in guest.faults],
        **({} if guest.ready is None else {"ready": _plain_ready(guest.ready)}),
        "labels": guest.labels,
        "vars": guest.vars,
        "loaded": None if guest.loaded is None else dataclasses.asdict(guest.loaded),
        "interfaces": {
            name: {key: value for key, value in dataclasses.asdict(iface).items() if key not in ("guest", "name")}
            for name, iface in guest.interfaces.items()
        },
    }
    if files.json_text(files.read_json(directory.definition)) != files.json_text(rest):
        files.write_json(directory.definition, rest)
    if _read_mem(directory) != guest.mem:
        files.write(directory.mem, f"{guest.mem}\n".encode(), durable=False)
    _relink(directory.linux, guest.kernel, f"../../kernels/{guest.kernel}/linux")
    _relink(directory.master, guest.master, f"../../masters/{guest.master}")


def _relink(link: Path, name: str, target: str) -> None:
    wanted = name if name.startswith("/") else target
    if not link.is_symlink() or os.readlink(link) != wanted:
        files.symlink(link, wanted)


def _named(link: Path, parts: int) -> str:
    """What the user called the thing that a link made by :func:`_relink` points to."""
    try:
        target = os.readlink(link)
        return target if target.startswith("/") else target.split("/")[parts]
    except (OSError, IndexError):
        return "default"


def _read_mem(directory: GuestDir) -> int | None:
    try:
        return int(directory.mem.read_text())
    except (OSError, ValueError):
        return None


def load_guest(directory: GuestDir, *, newer: bool = False) -> Guest:
    """A guest as its directory defines it; what is missing there has its default.

    :param newer: whether a newer version has written it, of which only what is known is taken.
    :raises HostError: where the definition is not one that this version writes.
    """
    known = _known if newer else _all
    stored = files.read_json(directory.definition)
    rest: dict[str, Any] = stored if isinstance(stored, dict) else {}
    name = directory.name
    with _understood(f"guest {name}", directory.definition):
        return Guest(
            name=name,
            kernel=_named(directory.linux, 3),
            master=_named(directory.master, 3),
            mem=_read_mem(directory) or DEFAULT_MEM,
            init=rest.get("init"),
            cmdline=rest.get("cmdline", ""),
            userspace=_member(Userspace, rest.get("userspace"), newer),
            cpu=rest.get("cpu"),
            confine=rest.get("confine", True),
            disk=rest.get("disk"),
            layers=tuple(rest.get("layers", ())),
            union=_member(UnionEngine, rest.get("union"), newer),
            routes=None
            if rest.get("routes") is None
            else tuple(Route(**known(Route, route)) for route in rest["routes"]),
            sysctl=tuple(sorted(rest.get("sysctl", {}).items())),
            scenario=rest.get("scenario"),
            labels=dict(rest.get("labels", {})),
            vars=dict(rest.get("vars", {})),
            loaded=_loaded(rest.get("loaded"), known),
            ready=_ready(rest.get("ready"), newer),
            faults=tuple(
                Fault(**{**known(Fault, fault), "during": tuple(fault["during"])}) for fault in rest.get("faults", ())
            ),
            interfaces={key: _iface(name, key, value, known) for key, value in rest.get("interfaces", {}).items()},
        )


_Stored = dict[str, Any]
E = TypeVar("E", UnionEngine, Userspace)


def _member(kind: type[E], stored: str | None, newer: bool) -> E:
    known = {member.value for member in kind}
    return kind("auto" if stored is None or (newer and stored not in known) else stored)


def _all(_kind: type, stored: _Stored) -> _Stored:
    return stored


def _known(kind: type, stored: _Stored) -> _Stored:
    """What of something stored this version knows."""
    names = {each.name for each in dataclasses.fields(kind)}
    return {key: value for key, value in stored.items() if key in names}


def _plain_ready(ready: Readiness | ReadyCommand) -> object:
    return ready.value if isinstance(ready, Readiness) else dataclasses.asdict(ready)


def _ready(stored: Any, newer: bool) -> Readiness | ReadyCommand | None:
    if isinstance(stored, dict):
        return ReadyCommand(**_known(ReadyCommand, stored) if newer else stored)
    if stored is None or (newer and stored not in {member.value for member in Readiness}):
        return None
    return Readiness(stored)


def _loaded(stored: _Stored | None, known: Callable[[type, _Stored], _Stored]) -> Loaded | None:
    if stored is None:
        return None
    return Loaded(**{**known(Loaded, stored), "under": _loaded(stored.get("under"), known)})


def _iface(guest: str, name: str, stored: _Stored, known: Callable[[type, _Stored], _Stored]) -> Iface:
    addresses, conditions = stored.get("addresses"), stored.get("conditions")
    plain = {
        **known(Iface, stored),
        "addresses": None if addresses is None else tuple(addresses),
        "conditions": None if conditions is None else Conditions(**known(Conditions, conditions)),
    }
    return Iface(guest=guest, name=name, **plain)


def _load_bridge(path: Path, *, newer: bool) -> Bridge | None:
    stored = files.read_json(path)
    if not isinstance(stored, dict):
        return None
    addresses = stored.get("addresses")
    known = _known(Bridge, stored) if newer else stored
    with _understood(f"bridge {path.stem}", path):
        plain = {**known, "retired": tuple(stored.get("retired", ()))}
        return Bridge(**{**plain, "addresses": None if addresses is None else tuple(addresses)})


@contextmanager
def _understood(subject: str, path: Path) -> Iterator[None]:
    """Somebody may have edited a definition, or another version of the collection written it."""
    try:
        yield
    except (ValueError, TypeError, AttributeError) as exc:
        raise HostError(
            subject, f"its definition {path} cannot be understood ({exc})", "repair that file, or remove it"
        ) from exc
