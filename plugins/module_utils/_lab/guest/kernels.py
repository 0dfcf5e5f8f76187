# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A UML kernel: what it can do, and the line that it is booted with.

Facts about kernels and boot arguments: docs/internals/uml-kernel.md.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..host import files
from ..model import stored
from ..model.errors import InvalidInput
from ..model.found import Kernel, userspace
from ..model.lab import ALWAYS, Guest, Iface, Userspace, link_name

# What a kernel is told to leave out, where it has it. Choosing among RAID-6 algorithms costs 0.85 s of every boot (the first
# name is for 6.x, the second for 7.x), making 256 old terminals up to 0.6 s.
_SAVINGS = (
    (rb"raid6: ", "initcall_blacklist=raid6_select_algo,raid6_init"),
    (rb"\0pty\.legacy_count\0", "pty.legacy_count=0"),
)
# A sentence in the help text of our patch (roles/kernel/files/patches).
_OWNERS = b"New files belong to the guest user who makes them."
# The same of another.
_XATTRS = b"Extended attributes and ACLs are kept with the files."
# A function of another of them, in the symbol table.
_AWAKE = b"\0um_signals_pending\0"
# A variable of a third.
_TELLS_TIME = b"\0um_userspace_runs\0"
# In the help text of a fourth.
_CABLES = b"while another port of that bridge of the host has"
# What a kernel can, and what its image has then.  Plain strings are found many times as fast as a pattern, and debug information makes
# an image large.
_SIGNS = {
    "seccomp": (b"\0seccomp=", b"\nseccomp="),
    "noreboot": (b"\0noreboot\n", b"\nnoreboot\n"),
    "owners": (_OWNERS,),
    "awake": (_AWAKE,),
    "tells_time": (_TELLS_TIME,),
    "xattrs": (_XATTRS,),
    "cables": (_CABLES,),
}
# What was found in images during this boot of the host; another version of the collection looks for something else.
_NOTES = Path("/run/dumm/kernels")
_TRAITS: Mapping[str, stored.Reader] = {
    "release": stored.text,
    **dict.fromkeys(_SIGNS, stored.flag),
    "savings": stored.texts(stored.text),
}
# Any value will do (docs/internals/uml-kernel.md, "Boot line"); it saves the calibration, 70 ms.
_LOOPS_PER_JIFFY = "lpj=30000000"
# COMMAND_LINE_SIZE of arch/um/include/uapi/asm/setup.h, less the final zero.
MAX_BOOT_LINE = 4095
# Drivers that would be born with bond0, dummy0, ifb0 and ifb1, the names that everybody gives: `ip link add bond0 type bond` says then
# that there is one. systemd says the same to modprobe, which also reads these words.
_NO_DEVICES = ("bonding.max_bonds=0", "dummy.numdummies=0", "ifb.numifbs=0")
# Of no use without a disk (cmdline: ubd0=...), and 2 ms of each boot: it starts a thread, and the guest's kernel waits for it.
_NO_DISKS = "initcall_blacklist=ubd_driver_init"
_PROBE_SECONDS = 20.0
_PT_INTERP = 3
# Since then the room for registers is what the CPU needs (arch/x86/um/os-Linux/registers.c); before it was 2696 bytes.
_SAVES_AMX = (6, 13)


def inspect(path: Path, subject: str) -> Kernel:
    """Find out what a kernel can.

    It is read, not run: one brought from another release of the distribution would need its own C library even to say
    ``--help``, and a path that names something else should not be run at all.

    :raises InvalidInput: where it is missing, no UML binary, or cannot work on this host's CPU.
    """
    try:
        kernel = _inspect(path.resolve(), _stamp(path))
    except OSError as exc:
        raise InvalidInput(
            subject,
            f"no kernel at {path} ({exc.strerror})",
            "make it with role dumm.lab.kernel, or give kernel a name below kernels/ or a path",
        ) from None
    if kernel is None:
        raise InvalidInput(subject, f"{path} is no UML kernel", "give kernel a binary built with ARCH=um")
    if _too_large_registers() and _version(kernel.release) < _SAVES_AMX:
        raise InvalidInput(
            subject,
            f"kernel {kernel.release} ({path}) cannot run a program on this CPU: AMX registers are more than it can save",
            "use a kernel of 6.13 or later (role dumm.lab.kernel fetches one by default)",
        )
    return kernel


@functools.lru_cache(maxsize=64)
def _inspect(path: Path, stamp: tuple[int, int, int]) -> Kernel | None:
    # To read and search an image takes 65 ms, so runs tell each other what they found.
    place = _NOTES / hashlib.sha256(repr((_SIGNS, _SAVINGS, stamp, path.stat().st_size)).encode()).hexdigest()[:32]
    traits = _noted(place)
    if traits is None:
        traits = _traits(path.read_bytes())
        if traits is None:
            return None
        with suppress(OSError):
            _NOTES.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.write_json(place, {**traits, "savings": list(traits["savings"])}, durable=False)
    modules, agent = path.with_name("modules"), path.with_name("agent")
    return Kernel(
        path=path,
        **traits,
        libraries=_libraries(path),
        modules=modules if modules.is_dir() else None,
        agent=agent if agent.is_file() else None,
    )


def _traits(image: bytes) -> dict[str, Any] | None:
    """What a kernel's image tells; ``None`` where it is none."""
    release = _release(image)
    if not image.startswith(b"\x7fELF") or release is None or b"User Mode Linux v" not in image:
        return None
    return {
        "release": release,
        **{trait: any(sign in image for sign in signs) for trait, signs in _SIGNS.items()},
        "savings": tuple(argument for sign, argument in _SAVINGS if re.search(sign, image)),
    }


def _noted(place: Path) -> dict[str, Any] | None:
    """What another run has found, unless somebody has put something else there."""
    try:
        told = stored.table(stored.parse(files.read(place)), "", _TRAITS)
    except (OSError, stored.Unfit):
        return None
    return told if told.keys() == _TRAITS.keys() else None


def _release(image: bytes) -> str | None:
    at = -1
    while (at := image.find(b"Linux version ", at + 1)) >= 0:
        found = re.match(rb"Linux version (\d\S*) ", image[at : at + 200])
        if found is not None:
            return found[1].decode()
    return None


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:2])


def has_module(kernel: Kernel, name: str) -> bool | None:
    """Whether a kernel has a module, built in or loadable; ``None`` where nothing tells.

    :param name: as in modules.builtin, such as ``sch_netem``.
    """
    if kernel.modules is None:
        return None
    tree = kernel.modules / "usr/lib/modules" / kernel.release
    built_in = tree / "modules.builtin"
    if built_in.is_file() and f"/{name}.ko" in built_in.read_text():
        return True
    return any(tree.rglob(f"{name}.ko*"))


def built_in(path: Path, names: Iterable[str]) -> list[str]:
    """Which of some modules are built into a kernel; none where nothing tells."""
    try:
        kernel = inspect(path, str(path))
    except InvalidInput:
        return []
    if kernel.modules is None:
        return []
    found = _built_in(kernel.modules / "usr/lib/modules" / kernel.release / "modules.builtin")
    return [name for name in names if name in found]


@functools.lru_cache(maxsize=8)
def _built_in(path: Path) -> frozenset[str]:
    try:
        return frozenset(Path(line).name.removesuffix(".ko") for line in path.read_text().split())
    except OSError:
        return frozenset()


# Files of these directories get their names at run time.
_NAMED_LATER = ("/proc/sys/fs/binfmt_misc/", "/proc/sys/net/netfilter/nf_log/")


def lacks_setting(kernel: Kernel, path: str) -> bool:
    """Whether neither a kernel nor one of its modules knows a setting: the last part of its name is in neither.

    :param path: below ``/proc/sys``.
    """
    name = path.rpartition("/")[2]
    if path.startswith(_NAMED_LATER) or _mentions(kernel.path, name, _stamp(kernel.path)):
        return False
    modules = [] if kernel.modules is None else sorted((kernel.modules / "usr/lib/modules").rglob("*.ko*"))
    # What is in a compressed one is not found out.
    return all(each.suffix == ".ko" and not _mentions(each, name, _stamp(each)) for each in modules)


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


@functools.lru_cache(maxsize=4096)
def _mentions(path: Path, name: str, _stamp: tuple[int, int, int]) -> bool:
    """Whether a string of a binary ends in a name: a linker keeps one string for all that end alike."""
    return f"{name}\0".encode() in path.read_bytes()


def limits(kernel: Kernel) -> tuple[str, ...]:
    """What does not work in guests of a kernel, in words."""
    owners = (
        "what a user other than root makes on the guest's root file system belongs to root:"
        " services that write there under a user of their own do not work"
    )
    awake = (
        "an idle guest may sleep over a packet that arrives while it falls asleep, one in thousands,"
        " until another arrives or a timer runs off: what is sent once only may be answered seconds late"
    )
    time = (
        "CPU time is not told apart: all of it counts as user time, or all as system time, in top, time and getrusage;"
        " the sum of both is right"
    )
    xattrs = (
        "files on the guest's root file system have no extended attributes: no capabilities (setcap), no ACLs,"
        " and containers find no storage there"
    )
    cables = (
        "an interface has carrier whatever becomes of its cable, and no speed: what waits for a loss of carrier does not see it,"
        " and bonds of mode 802.3ad do not come up"
    )
    known = (
        (owners, kernel.owners),
        (awake, kernel.awake),
        (time, kernel.tells_time),
        (xattrs, kernel.xattrs),
        (cables, kernel.cables),
    )
    return tuple(said for said, works in known if not works)


@functools.cache
def _too_large_registers() -> bool:
    """Whether the CPU has AMX, whose registers are more than older UML kernels have room for (measured: 6.1, 6.12)."""
    return " amx_tile" in Path("/proc/cpuinfo").read_text()


def _libraries(path: Path) -> tuple[tuple[str, str], ...]:
    """What the kernel is linked against, nothing for a static one (elf(5), ld.so(8)).

    A directory ``lib`` beside the kernel goes before the host's own libraries.
    """
    loader = _interpreter(path)
    if loader is None:
        return ()
    own = path.with_name("lib")
    if own.is_dir():
        brought = [(str(own / Path(loader).name), loader)]
        return (
            *brought,
            *((entry.path, f"/lib/{entry.name}") for entry in os.scandir(own) if entry.path != brought[0][0]),
        )
    listed = subprocess.run(
        [loader, "--list", path], capture_output=True, timeout=_PROBE_SECONDS, check=False, text=True
    ).stdout
    found = [loader, *re.findall(r"=> (/\S+)", listed)]
    # Loaded by name at every clean exit (pthread_cancel), so never listed.
    found += [
        str(helper)
        for helper in (Path(library).with_name("libgcc_s.so.1") for library in found if "/libc.so" in library)
        if helper.exists()
    ]
    return tuple((library, library) for library in dict.fromkeys(found))


def _interpreter(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(64)
        wide = head[4:5] == b"\2"
        table, size, count = struct.unpack_from("<Q14xHH" if wide else "<I10xHH", head, 32 if wide else 28)
        for number in range(count):
            file.seek(table + number * size)
            entry = file.read(size)
            if struct.unpack_from("<I", entry)[0] == _PT_INTERP:
                offset, length = struct.unpack_from("<8xQ16xQ", entry) if wide else struct.unpack_from("<4xI8xI", entry)
                file.seek(offset)
                return file.read(length).rstrip(b"\0").decode()
    return None


def boot_line(guest: Guest, kernel: Kernel, units: list[tuple[Iface, str]], carriers: Sequence[str] = ()) -> list[str]:
    """Arguments of a guest's kernel.  They name no path of the host.

    :param units: interfaces with their MAC addresses; the position is the unit of the vector driver.
    :param carriers: what decides whether they have carrier (``Lab.carrier_of``).
    :raises InvalidInput: where they are more than the kernel takes, or it cannot do what is asked for.
    """
    line = [
        "linux",
        f"mem={guest.mem}M",
        f"umid={guest.name}",
        "uml_dir=/run/",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/fs",
        "rw",
        "init=/.dumm/init",
        "con=null",
        "con0=fd:5,fd:6",
        "ssl=null",
        "ssl0=fd:3,fd:4",
        "quiet",
        _LOOPS_PER_JIFFY,
        *_NO_DEVICES,
        *kernel.savings,
        f"dumm_name={guest.name}",
        f"dumm_init={guest.init or 'auto'}",
        # systemd would else take a name from the master's /etc/hostname.
        f"systemd.hostname={guest.name}",
    ]
    line += ["noreboot"] if kernel.noreboot else []
    line += ["seccomp=on"] if userspace(guest, kernel) is Userspace.SECCOMP else []
    line += [] if "ubd" in guest.cmdline else [_NO_DISKS]
    line += guest.cmdline.split()
    told = iter(carriers if kernel.cables else ())
    line += [f"vec{unit}:{transport(iface, mac, next(told, ''))}" for unit, (iface, mac) in enumerate(units)]
    if sum(len(word) + 1 for word in line) > MAX_BOOT_LINE:
        raise InvalidInput(
            guest.label,
            f"its kernel's command line would be longer than {MAX_BOOT_LINE} bytes",
            "shorten cmdline, or add some interfaces while the guest runs",
        )
    return line


def transport(iface: Iface, mac: str, carrier: str = "") -> str:
    """How a unit of the vector driver reaches its TAP.

    :param carrier: what decides whether it has carrier; empty for a kernel that does not know cables.

    Without gro=1 bulk TCP towards the guest stalls: the host sends 64 KB frames into MTU-sized buffers.
    """
    plain = f"transport=tap,ifname={link_name(iface.tap_name)},mac={mac},mtu={iface.mtu},gro=1"
    return plain if carrier in ("", ALWAYS) else f"{plain},{carrier}"
