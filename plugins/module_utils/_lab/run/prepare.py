# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's definition means on this host: found out, and refused where it cannot be, before anything is changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..guest import kernels, placement, processes
from ..host import disks, files
from ..host.workdir import Workdir
from ..model import conditions
from ..model.errors import InvalidInput, nearest
from ..model.found import Kernel, Process
from ..model.lab import Guest
from ..model.root import RenderedLayer, Stack
from ..plan.desired import SavePointWish
from ..plan.guest_steps import Prepared
from ..union import engines, layers, saves
from . import rendering

T = TypeVar("T")
_INITS = ("/sbin/init", "/usr/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd")
# As long as any other.
UNKNOWN_MAC = "00:00:00:00:00:00"


class Findings:
    """What was found of kernels, masters and file systems: it is looked for once a planning, not once a guest."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Any] = {}

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        """What was found before under a key, or is found now; an error is not remembered, since it names a guest."""
        if key not in self._found:
            self._found[key] = find()
        found: T = self._found[key]
        return found


def prepare(
    workdir: Workdir,
    guest: Guest,
    process: Process | None = None,
    files_of: RenderedLayer | None = None,
    findings: Findings | None = None,
    carriers: Sequence[str] = (),
) -> Prepared:
    """Look at a guest's kernel, root file system, layers and union.

    :param process: that of the guest, where it runs.
    :param files_of: the layer of files that it is to have, which may not be on disk yet.
    :param findings: those of the guests before.
    :param carriers: what decides whether its interfaces have carrier.

    :raises InvalidInput: where one of them is not what it must be.
    :raises HostError: where the host cannot do it.
    """
    findings = findings or Findings()
    kernel = findings.once(("kernel", guest.kernel), lambda: kernels.inspect(workdir.kernel(guest.kernel), guest.label))
    master = workdir.master(guest.master)
    if not findings.once(("is master", master), master.is_dir):
        known = [path.name for path in workdir.masters.glob("[!.]*")]
        raise InvalidInput(
            guest.label,
            f"no master root file system at {master}",
            f"make it with role dumm.lab.master, or give master a name or a path ({nearest(guest.master, known)})",
        )
    placement.check(guest)
    _check_memory(guest)
    _check_disk(guest)
    if guest.confine:
        findings.once(("open to all", kernel.path), lambda: _check_open_to_all(guest, kernel))
    own_layers = [*map(Path, layers.own(workdir, guest))]
    for layer in own_layers:
        if not layer.is_dir():
            raise InvalidInput(guest.label, f"layer {layer} is no directory", "make it, or leave it out of layers")
    # What a guest wrote cannot be seen while its disk is not mounted.
    if guest.name not in workdir.read_out:
        _check_root(guest, kernel, [workdir.guest(guest.name).diff, *own_layers, master], findings)
    units = [(iface, iface.mac or UNKNOWN_MAC) for iface in guest.interfaces.values()]
    kernels.boot_line(guest, kernel, units, carriers)
    choice = findings.once(("union", guest.union), lambda: engines.choose(guest.union, guest.label, workdir.guests))
    stack = layers.stack(workdir, guest)
    engines.of(choice.engine).check(workdir, guest, master, stack)
    busy: set[str] = set()
    if process is not None and processes.is_alive(process):
        for found in process.stacks:
            if found != stack:
                open_files = layers.busy_files(workdir, process.pid, found, stack)
                busy |= {path for path in open_files if not _stays(workdir, path, found, stack, files_of)}
    breaks = _breaks(workdir, guest, process)
    tops = [workdir.path / stack.upper, *map(Path, stack.over), master]
    return Prepared(
        kernel,
        findings.once(("master", master), lambda: str(master.resolve())),
        choice.engine,
        choice.why,
        stack,
        tuple(sorted(busy)),
        breaks,
        has_init(guest.init, tops),
    )


def has_init(init: str | None, roots: list[Path]) -> bool:
    """Whether a guest has an init of its own besides the minimal one.

    :param init: as it is defined, see :class:`Guest`.
    :param roots: what its root file system is made of.
    """
    if init is not None:
        return init != "minimal"
    return any(files.exists_in_root(root, path) for root in roots for path in _INITS)


def _check_root(guest: Guest, kernel: Kernel, roots: list[Path], findings: Findings) -> None:
    """:param roots: what the guest's root is made of, topmost first; the last is the master."""
    master = roots[-1]
    if not findings.once(("shell", master), lambda: files.exists_in_root(master, "/bin/sh")):
        _need(guest, roots, "/bin/sh", f"master {master} has no /bin/sh", "use a root file system with a POSIX shell")
    if guest.init is not None and guest.init.startswith("/"):
        _need(guest, roots, guest.init, f"there is no {guest.init} in master {master}", "give init a path in the guest")
        found = next(status for root in roots if (status := files.status_in_root(root, guest.init)) is not None)
        if not stat.S_ISREG(found.st_mode) or not found.st_mode & 0o111:
            raise InvalidInput(guest.label, f"init: {guest.init} in its root is no program", "give init another path")
    if any(iface.conditions not in (None, conditions.NONE) for iface in guest.interfaces.values()):
        _need_conditions(guest, kernel, roots)


def _stays(workdir: Workdir, path: str, before: Stack, after: Stack, coming: RenderedLayer | None) -> bool:
    """Whether a file is the same in other layers: those who hold it open do not miss anything."""
    old = next((layer + path for layer in layers.whole(workdir, before) if os.path.lexists(layer + path)), None)
    for layer in layers.whole(workdir, after):
        file = coming.file(path) if coming is not None and layer == str(workdir.rendered(coming.name)) else None
        if file is not None:
            return old is not None and rendering.is_file(file, Path(old))
        if os.path.lexists(layer + path):
            return old == layer + path
    return old is None


def _check_open_to_all(guest: Guest, kernel: Kernel) -> None:
    """A confined guest's users are not those who own these files."""
    for path, needed in ((kernel.path, 0o005), *((Path(library), 0o004) for library, _place in kernel.libraries)):
        if path.stat().st_mode & needed != needed:
            raise InvalidInput(
                guest.label,
                f"its kernel's file {path} is not open to all users, and root of a confined guest is one of them",
                f"chmod a+rx {path}, or set confine: false",
            )


def _check_memory(guest: Guest) -> None:
    """A guest takes its memory from the host when it uses it, but what its kernel notes of each page at once (64 bytes of 4096)."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    if guest.mem // 64 > host // 2:
        cause = f"mem: its kernel's notes on {guest.mem} MB alone are {guest.mem // 64} MB, and the host has {host}"
        raise InvalidInput(guest.label, cause, f"give it {host * 32} or less")


def _check_disk(guest: Guest) -> None:
    if guest.disk is not None and guest.disk < disks.MIN_SIZE:
        raise InvalidInput(
            guest.label, f"disk: {guest.disk} MB are too few", f"give it {disks.MIN_SIZE} or more, or 0 for no limit"
        )
    if guest.disk is not None and not guest.confine:
        raise InvalidInput(
            guest.label,
            "it has a disk of its own, and is not confined: the host's root fills any disk",
            "set confine: true, or disk: 0",
        )
    if guest.disk is not None and guest.loaded is not None and guest.loaded.record:
        raise InvalidInput(
            guest.label,
            "what it writes is to be recorded by a scenario, and it has a disk of its own",
            "leave out record, or set disk: 0",
        )


def _breaks(workdir: Workdir, guest: Guest, process: Process | None) -> bool:
    if process is None or not processes.is_alive(process):
        return False
    return engines.of(process.engine).fails_otherwise(workdir.guest(guest.name), guest)


def save_points(workdir: Workdir, guest: Guest, wanted: SavePointWish) -> SavePointWish:
    """What of the wishes for a guest's saving points is not so already.

    :raises InvalidInput: where one is to be gone back to that is not there.
    """
    directory = workdir.known_guest(guest.name)
    is_seen = guest.name not in workdir.read_out
    layer = workdir.path / layers.stack(workdir, guest).upper if is_seen else directory.diff
    known = saves.names(directory)
    if wanted.restore is not None and wanted.restore not in {*known, wanted.save} - {wanted.remove}:
        raise InvalidInput(
            guest.label,
            f"it has no saving point {wanted.restore}",
            f"make it with save ({nearest(wanted.restore, known)})",
        )
    is_saved = wanted.save in known and wanted.save != wanted.remove
    is_restored = (
        wanted.restore is not None and wanted.restore in known and saves.holds(directory, layer, wanted.restore)
    )
    return SavePointWish(
        remove=wanted.remove if wanted.remove in known else None,
        save=None if is_saved else wanted.save,
        reset=wanted.reset and not saves.is_empty(layer),
        restore=None if is_restored else wanted.restore,
    )


def _need_conditions(guest: Guest, kernel: Kernel, roots: list[Path]) -> None:
    if kernels.has_module(kernel, "sch_netem") is False:
        raise InvalidInput(
            guest.label,
            f"kernel {kernel.release} has no netem (CONFIG_NET_SCH_NETEM), which conditions of links need",
            "use a kernel that has it, or leave delay, loss and the like out",
        )
    if not any(files.exists_in_root(root, path) for root in roots for path in ("/sbin/tc", "/usr/sbin/tc", "/bin/tc")):
        raise InvalidInput(guest.label, "its root file system has no tc", "put iproute2 into the master")


def _need(guest: Guest, roots: list[Path], path: str, cause: str, remedy: str) -> None:
    if not any(files.exists_in_root(root, path) for root in roots):
        raise InvalidInput(guest.label, cause, remedy)
