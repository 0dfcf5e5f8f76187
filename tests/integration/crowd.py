# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab of hundreds of guests to whoever looks from outside, for measuring that: definitions, TAPs, and processes that only wait.

They have what a guest's process is known by: a start time, an owner mark in the root directory, and the guest's spool.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes, pulse
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface, UnionEngine

PER_SEGMENT = 6


@contextmanager
def crowd(guests: int, prefix: str = "dumm-crowd-") -> Iterator[Workdir]:
    """Such a lab, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=prefix) as place:
        workdir = Workdir.at(place)
        pids: list[int] = []
        try:
            _define(workdir, guests)
            _network(workdir, guests)
            for name in workdir.guest_names():
                pids.append(_start(workdir, name))
            yield workdir
        finally:
            for pid in pids:
                # Who looks at one that has ended takes it away.
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
            subprocess.run(["ip", "netns", "delete", workdir.lab_name], check=False)
            workdir.forget()


def _define(workdir: Workdir, guests: int) -> None:
    workdir.create()
    workdir.store_identity()
    workdir.claim_name()
    for number in range(0, guests, PER_SEGMENT):
        workdir.store_bridge(Bridge(f"br{number // PER_SEGMENT}"))
    for number in range(guests):
        segment, place = divmod(number, PER_SEGMENT)
        address = f"10.{segment // 256}.{segment % 256}.{place + 1}/24"
        iface = Iface(f"g{number}", "eth0", bridge=f"br{segment}", addresses=(address,))
        workdir.store_guest(Guest(f"g{number}", interfaces={"eth0": iface}))


def _network(workdir: Workdir, guests: int) -> None:
    name = workdir.lab_name
    lines = []
    for number in range(0, guests, PER_SEGMENT):
        bridge = f"br{number // PER_SEGMENT}"
        lines += [f"link add {bridge} type bridge", f'link set {bridge} up alias "dumm.lab {name} bridge {bridge}"']
    for number in range(guests):
        tap = f"g{number}-eth0"
        lines += [
            f"tuntap add dev {tap} mode tap",
            f'link set {tap} up alias "dumm.lab {name} iface g{number}:eth0"',
            f"link set {tap} master br{number // PER_SEGMENT}",
        ]
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines).encode(), check=True)


def _start(workdir: Workdir, name: str) -> int:
    home = workdir.guest(name)
    launch = f"launch-{name}"
    (home.path / "owner").write_text(json.dumps({"lab": workdir.lab_name, "guest": name, "launch": launch}))
    (home.spool / "hello").touch()
    pid = os.fork()
    if not pid:
        os.chroot(home.path)
        select.poll().poll()
        os._exit(0)
    what = (launch, "/linux", "7.2.7", "/master", 128, None, "")
    process = Process(pid, pulse.start_time(pid) or 0, processes.boot_id(), *what, UnionEngine.OVERLAY, "asked for")
    processes.store(home, process)
    return pid
