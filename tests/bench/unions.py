# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the union engines cost, side by side in one run: the kernel's overlayfs, cowfs, and Debian's fuse-overlayfs where it is installed.

    PYTHONPATH=.collections python tests/bench/unions.py [ROUNDS]

The same workloads on the host and in a guest, over the master of the tests; the best of some rounds, in which the engines take turns.
Ratios are to overlayfs.  Seconds of a busy machine mean little by themselves.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from lab import BASE, Lab, fresh_lab
from mounts import Place

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import sandbox
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import GuestDir, Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import ANY_CPU
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.guest_steps import Start
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import lifecycle
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import overlay, serving
from ansible_collections.dumm.lab.plugins.module_utils._lab.union.engine import MountedUnion

_SYS_OPEN_TREE = 428
_OPEN_TREE_CLONE = 1
ENGINES = ("overlay", "cowfs", *(("fuse-overlayfs",) if shutil.which("fuse-overlayfs") else ()))
Times = dict[str, dict[str, float]]

# Name and script, run one after another in the union's root; what is there afterwards does not matter.
WORKLOADS = {
    "walk, cold": "find usr | wc -l",
    "walk, warm": "find usr | wc -l",
    "stat, cold": "find etc var lib/ -exec stat -c %s {} + >/dev/null 2>&1; true",
    "stat, warm": "find etc var lib/ -exec stat -c %s {} + >/dev/null 2>&1; true",
    "read, cold": "find usr/share usr/sbin -type f -exec cat {} + | wc -c",
    "read, warm": "find usr/share usr/sbin -type f -exec cat {} + | wc -c",
    "write 32 MB by 4 kB": "dd if=/dev/zero of=big bs=4k count=8192 2>/dev/null",
    "read it back": "cat big >/dev/null",
    "create 1000": "mkdir many; i=0; while [ $i -lt 1000 ]; do echo $i >many/$i; i=$((i+1)); done",
    "unlink 1000": "rm -r many",
    "tar": "tar cf pack.tar usr/share/perl5 usr/sbin usr/share/doc 2>/dev/null; mkdir x; tar xf pack.tar -C x",
    "chown (copy up)": "chown -R 1:1 usr/share/doc",
    "remove": "rm -r x usr/share/doc",
}


def open_tree(path: Path) -> int:
    """A detached copy of a mount (open_tree(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(_SYS_OPEN_TREE, -100, os.fsencode(path), _OPEN_TREE_CLONE | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "open_tree", str(path))
    return fd


@contextmanager
def fuse_overlayfs(layers: list[str], work: str, at: Path, cpu: int | None = ANY_CPU) -> Iterator[None]:
    """Debian's engine, mounted, on the CPU of its guest as ours is."""
    at.mkdir(exist_ok=True)
    Path(work).mkdir(exist_ok=True)
    options = f"lowerdir={':'.join(layers[1:])},upperdir={layers[0]},workdir={work}"
    one = [] if cpu in (None, ANY_CPU) else ["taskset", "-c", str(cpu)]
    subprocess.run([*one, "fuse-overlayfs", "-o", options, str(at)], check=True)
    try:
        yield
    finally:
        syscalls.umount(str(at), syscalls.MNT_DETACH)


@contextmanager
def on_host(engine: str, directory: Path) -> Iterator[Path]:
    """A union over the tests' master on the host."""
    place = Place(directory, lower=("none",))
    place.lower = ((BASE / "masters/default").resolve(),)
    if engine == "fuse-overlayfs":
        layers = [str(place.upper), str(place.lower[0])]
        with fuse_overlayfs(layers, str(directory / "work/1"), place.at):
            yield place.at
    else:
        with place.mounted(engine) as at:
            yield at


def _with_foreign_union(view: Callable[..., sandbox.View], mounts: ExitStack) -> Callable[..., sandbox.View]:
    """In place of lifecycle's own: the view of a guest whose root is fuse-overlayfs."""

    def foreign(workdir: Workdir, directory: GuestDir, action: Start, identity: Process, *args: Any) -> sandbox.View:
        own = view(workdir, directory, action, identity, *args)
        assert isinstance(own.union, overlay.Layered)
        parts = own.union.parts
        at = Path(parts.home) / "foreign"
        mounts.enter_context(fuse_overlayfs(parts.paths, parts.work_path, at, identity.cpu))
        mount = open_tree(at)
        mounts.callback(os.close, mount)
        return dataclasses.replace(own, union=MountedUnion(mount))

    return foreign


def start(lab: Lab, engine: str) -> float:
    """Start a guest on an engine; the seconds until it is ready.

    It is not confined: fuse-overlayfs would need other options, and the engines are to differ by nothing else.
    """
    foreign = engine == "fuse-overlayfs"
    own = lifecycle._view
    with ExitStack() as mounts:
        if foreign:
            lifecycle._view = _with_foreign_union(own, mounts)
        try:
            began = time.monotonic()
            lab.guest("alice", mem=256, union="overlay" if foreign else engine, confine=False)
            return time.monotonic() - began
        finally:
            lifecycle._view = own


def timed(times: dict[str, float], name: str, deed: Callable[[], object]) -> None:
    """Keep the best time."""
    began = time.monotonic()
    deed()
    times[name] = min(times.get(name, float("inf")), time.monotonic() - began)


def measure_host(times: Times) -> None:
    """One round on the host."""
    for engine in ENGINES:
        with tempfile.TemporaryDirectory(prefix="dumm-bench-") as directory, on_host(engine, Path(directory)) as at:
            for name, script in WORKLOADS.items():
                timed(times[engine], name, functools.partial(_run, script, at))


def _run(script: str, at: Path) -> None:
    subprocess.run(["sh", "-c", script], cwd=at, check=True, stdout=subprocess.DEVNULL)


def measure_guest(times: Times, memory: list[int]) -> None:
    """One round in a guest."""
    for engine in ENGINES:
        with fresh_lab() as lab:
            # The first start of a lab also makes what all others use.
            start(lab, engine)
            lab.guest("alice", state="stopped")
            timed(times[engine], "boot to ready", functools.partial(start, lab, engine))
            server = serving.server(lab.directory("alice").path)
            if server is not None:
                memory.append(private_memory(server))
            for name, script in WORKLOADS.items():
                timed(times[engine], name, functools.partial(lab.read, "alice", f"cd / && {script}"))
            if server is not None:
                memory.append(private_memory(server))


def private_memory(pid: int) -> int:
    """kB that a process shares with nobody."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def _table(title: str, times: Times) -> Iterator[str]:
    """Seconds, and ratios to overlayfs."""
    yield f"\n{title:<22}" + "".join(f"{engine:>24}" for engine in ENGINES)
    for name in times["overlay"]:
        base = times["overlay"][name]
        cells = (f"{times[engine][name]:14.3f} s ({times[engine][name] / base:5.2f})" for engine in ENGINES)
        yield f"{name:<22}" + "".join(f"{cell:>24}" for cell in cells)


def measure(rounds: int = 3) -> dict[str, Any]:
    """Let all work in turn.

    :return: ``host`` and ``guest``: the least seconds of each engine for each kind of work; ``memory``, in kB.
    """
    host: Times = {engine: {} for engine in ENGINES}
    guest: Times = {engine: {} for engine in ENGINES}
    memory: list[int] = []
    for _round in range(rounds):
        measure_host(host)
        measure_guest(guest, memory)
    for times in (*host.values(), *guest.values()):
        times["sum of the workloads"] = sum(times[name] for name in WORKLOADS)
    return {"host": host, "guest": guest, "memory": memory}


def table(found: dict[str, Any]) -> str:
    """All of it, as text."""
    memory = found["memory"]
    last = f"\ncowfs: {min(memory) // 1024} MB of its own when idle, {max(memory) // 1024} MB after the workloads"
    return "\n".join(["UNIONS", *_table("on the host", found["host"]), *_table("in a guest", found["guest"]), last])


def main() -> None:
    """Measure and print."""
    print(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)))


if __name__ == "__main__":
    main()
