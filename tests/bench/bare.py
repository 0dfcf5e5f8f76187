# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Yardstick one: what User Mode Linux itself costs.  A bare loop starts N kernels and waits until the first process of each says so.

``bare.py KERNEL MASTER MEM N`` prints its measurements as JSON; it is to be run in mount, network and PID namespaces of its own.
All kernels have one root: the master, read-only, under a layer that adds the first process.  No network, no union of their own,
no definitions, no control line.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import measure

_READY = b"bench: ready"
_SECONDS = 300.0
# What the collection gives to guests as well: it is not the kernel's arguments that shall be compared.
_BOOT_LINE = (
    "uml_dir=/run/ root=/dev/root rootfstype=hostfs rootflags=/fs ro init=/bench-init con=null con0=fd:0,fd:1 ssl=null quiet "
    "lpj=30000000 initcall_blacklist=raid6_select_algo,raid6_init pty.legacy_count=0 noreboot"
)


def make_root(kernel: Path, master: Path) -> Path:
    """One view for all kernels: the binary with its libraries, places for memory and sockets, and the guests' root."""
    top = Path("/mnt")
    _mount("-t", "tmpfs", "bench", top)
    for name in ("layer", "fs", "run", "tmp", "proc", "dev", "lib64", "lib"):
        (top / name).mkdir()
    init = top / "layer/bench-init"
    init.write_text(f"#!/bin/sh\necho {_READY.decode()}\nread -r never\n")
    init.chmod(0o755)
    _mount("-t", "overlay", "overlay", "-o", f"ro,lowerdir={top}/layer:{master}", top / "fs")
    _mount("-t", "proc", "proc", top / "proc")
    for path, place in ((kernel, "linux"), (Path("/dev/null"), "dev/null")):
        (top / place).touch()
        _mount("--bind", path, top / place)
    for library, place in _libraries(kernel):
        (top / place).parent.mkdir(parents=True, exist_ok=True)
        (top / place).write_bytes(library.read_bytes())
        (top / place).chmod(0o755)
    return top


def _libraries(kernel: Path) -> list[tuple[Path, str]]:
    """Those that lie beside the kernel, else those that the host would load."""
    own = kernel.with_name("lib")
    if own.is_dir():
        found = [(path, f"lib/{path.name}") for path in own.iterdir()]
        return found + [(path, f"lib64/{path.name}") for path in own.glob("ld-*")]
    listed = subprocess.run(["ldd", kernel], capture_output=True, text=True, check=True).stdout.split()
    paths = [word for word in listed if word.startswith("/")]
    paths += [str(Path(path).with_name("libgcc_s.so.1")) for path in paths if "/libc.so" in path]
    return [(Path(path), path.lstrip("/")) for path in paths]


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def start(top: Path, number: int, mem: int, options: list[str], nothing: int) -> tuple[int, int]:
    """Start a kernel; its process and the end of its console."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.chroot(top)
            os.chdir("/run")
            os.dup2(nothing, 0)
            os.dup2(write, 1)
            os.dup2(write, 2)
            os.closerange(3, 4096)
            os.execve("/linux", ["linux", f"mem={mem}M", f"umid=g{number}", *options], {"TMPDIR": "/tmp", "HOME": "/"})
        finally:
            os._exit(127)
    os.close(write)
    return pid, read


def wait_for_all(consoles: list[int]) -> None:
    """Return when all have said that they are ready."""
    deadline = time.monotonic() + _SECONDS
    said = dict.fromkeys(consoles, b"")
    poller = select.poll()
    for console in consoles:
        poller.register(console, select.POLLIN)
    while said:
        if time.monotonic() > deadline:
            raise SystemExit(
                f"{len(said)} kernels did not start in {_SECONDS:g} s; one said: {next(iter(said.values()))!r}"
            )
        for console, _event in poller.poll(1000):
            text = os.read(console, 65536)
            said[console] += text
            if not text:
                raise SystemExit(f"a kernel ended: {said[console]!r}")
            if _READY in said[console]:
                poller.unregister(console)
                del said[console]


def measured(kernel: str, mem: int, count: int) -> dict[str, Any]:
    """Measure a kernel of the tests' base, in namespaces of its own."""
    base = Path(os.environ.get("DUMM_TEST_BASE") or "/var/cache/dumm/tests")
    paths = (base / "kernels" / kernel / "linux", base / "masters/default")
    return measure.yardstick(sys.executable, "bare.py", *(str(path.resolve()) for path in paths), str(mem), str(count))


def main() -> None:
    """Measure."""
    kernel, master, mem, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    faster = re.search(rb"[\0\n]seccomp=", kernel.read_bytes()) is not None
    options = _BOOT_LINE.split() + (["seccomp=on"] if faster else [])
    top = make_root(kernel, master)
    nothing, _never_written = os.pipe()
    with measure.cost() as ready:
        guests = [start(top, number, mem, options, nothing) for number in range(count)]
        wait_for_all([console for _pid, console in guests])
    memory = measure.memory() / count
    with measure.cost() as gone:
        for pid, _console in guests:
            os.kill(pid, signal.SIGKILL)
        for pid, _console in guests:
            os.waitpid(pid, 0)
    print(json.dumps({"ready": vars(ready), "gone": vars(gone), "memory": memory}))


if __name__ == "__main__":
    main()
