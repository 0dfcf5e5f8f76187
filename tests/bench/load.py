# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program of ``load.c``, on the host and in guests: who can run it, and on which kernels."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import BASE, TUNED, Lab, fresh_lab

HOST = "10.0.0.254"
GUESTS = {"a": "10.0.0.1", "b": "10.0.0.2"}
_SOURCE = Path(__file__).with_name("load.c")
_PLACE = "usr/local/bin/load"
_MEM = 128
_SECONDS = 120.0


@dataclass(frozen=True)
class Kernel:
    """What guests run on.

    :ivar kernel: below ``kernels`` of the tests' base.
    """

    who: str
    kernel: str
    userspace: str = "auto"
    cpu: str = "auto"
    confine: bool = True


@dataclass(frozen=True)
class End:
    """Something that runs the program: a guest, or else a network namespace of the host, or else just the host."""

    program: str
    address: str = ""
    lab: Lab | None = None
    guest: str = ""
    namespace: str = ""

    def run(self, *words: object) -> list[float]:
        """Run it; the figures that it printed."""
        command = [self.program, *map(str, words)]
        if self.lab is not None:
            text = self.lab.read(self.guest, " ".join(command))
        else:
            inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
            done = subprocess.run(
                [*inside, *command], capture_output=True, text=True, check=False, timeout=_SECONDS, cwd="/"
            )
            if done.returncode != 0:
                raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
            text = done.stdout
        return [float(word) for word in text.split()]


def install() -> None:
    """Fetch a compiler where there is none, from Debian."""
    if shutil.which("gcc") is None:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "gcc", "libc6-dev"], check=True)


@contextmanager
def layer() -> Iterator[Path]:
    """A layer for guests that holds the program."""
    with tempfile.TemporaryDirectory(prefix="dumm-bench-") as place:
        program = Path(place, _PLACE)
        program.parent.mkdir(parents=True)
        subprocess.run(["gcc", "-Wall", "-Wextra", "-O2", "-static", "-o", program, _SOURCE], check=True)
        yield Path(place)


def kernels() -> list[Kernel]:
    """Debian's, also with the host's scheduler left alone, and, where the tests' base has it, the tuned one in both ways."""
    found = [Kernel("Debian's kernel", "default"), Kernel("Debian's, cpu: any", "default", cpu="any")]
    if (BASE / "kernels" / TUNED / "linux").exists():
        found += [Kernel(f"tuned, {way}", TUNED, way) for way in ("seccomp", "ptrace")]
    return found


def on_host(place: Path, namespace: str = "", address: str = "") -> End:
    """The program on the host."""
    return End(str(place / _PLACE), address, namespace=namespace)


@contextmanager
def guests(kernel: Kernel, place: Path) -> Iterator[tuple[End, dict[str, End]]]:
    """The host's leg of a bridge, and two guests on it."""
    with fresh_lab(kernel=kernel.kernel) as lab:
        lab.bridge("br0", address=[f"{HOST}/24"])
        for name, address in GUESTS.items():
            options: dict[str, Any] = {"mem": _MEM, "init": "minimal", "layers": [str(place)]}
            options |= {"userspace": kernel.userspace, "cpu": kernel.cpu, "confine": kernel.confine}
            lab.guest(name, state="present", **options)
            lab.iface(name, "eth0", bridge="br0", address=[f"{address}/24"])
            lab.guest(name)
        ends = {name: End(f"/{_PLACE}", address, lab, name) for name, address in GUESTS.items()}
        yield on_host(place, lab.name, HOST), ends
