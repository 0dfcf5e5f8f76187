# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two guests with the same kernel, for each kernel that the tests' base has: what the conformance suite tries features in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import kernel_matrix
from lab import BASE, TUNED, Lab, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import kernels
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput


def _runs_here(name: str) -> bool:
    """Older ones cannot run a program on every CPU."""
    try:
        kernels.inspect((BASE / "kernels" / name / "linux").resolve(), name)
    except InvalidInput:
        return False
    return True


# Of Debian those that docs/reference/kernel.md has a column for; ``make test-kernel`` brings more of them than ``make test``.
DEBIANS = [
    name
    for each in kernel_matrix.COLUMNS
    for name in sorted(path.name for path in BASE.glob("kernels/debian-*"))
    if name.startswith(each) and _runs_here(name)
]
KERNELS = [TUNED, *DEBIANS]


@dataclass(frozen=True)
class Pair:
    """Two guests with the same kernel: eth0 10.0.0.1 and .2, fd00::1 and ::2; eth1 and eth2 on another bridge.

    :ivar forget: the script that takes away what tests have made.
    """

    lab: Lab
    kernel: str
    left: str
    right: str
    forgets: str

    def both(self, script: str) -> bool:
        """Run a script in both guests, with ``ME`` and ``PEER``; whether it went well in both."""
        ends = ((self.left, 1, 2), (self.right, 2, 1))
        went = [self.run(guest, f"ME={me} PEER={peer}\n{script}") for guest, me, peer in ends]
        return all(went)

    def forget(self) -> None:
        """Take away what tests have made of devices and transforms."""
        for guest in (self.left, self.right):
            self.lab.run(guest, self.forgets)

    def run(self, guest: str, script: str) -> bool:
        """Run a script in a guest; whether every line of it went well."""
        done = self.lab.run(guest, f"set -ex\n{script}")
        # Shown by pytest where it matters.
        print(guest, done.code, done.stdout.decode(), done.stderr.decode(), sep="\n")
        return done.code == 0

    def check(self, subsystem: str, feature: str, works: bool) -> None:
        """A feature works, or does not, as docs/reference/kernel.md tells of this kernel."""
        kernel_matrix.check(subsystem, feature, self.kernel, works)


@contextmanager
def made(master: str, mem: int, forgets: str) -> Iterator[dict[str, Pair]]:
    """A pair for each kernel, each pair in a lab of its own segments."""
    with fresh_lab() as lab:
        for kind, name in (*(("kernels", each) for each in DEBIANS), ("masters", master)):
            if not (lab.path / kind / name).exists():
                (lab.path / kind / name).symlink_to((BASE / kind / name).resolve())
        pairs = {}
        for number, kernel in enumerate(KERNELS):
            short = f"k{number}"
            for bridge in (f"{short}br0", f"{short}br1"):
                lab.bridge(bridge)
            for end, name in enumerate((f"{short}left", f"{short}right"), 1):
                lab.guest(name, state="present", kernel=kernel, master=master, init="minimal", mem=mem)
                lab.iface(name, "eth0", bridge=f"{short}br0", address=[f"10.0.0.{end}/24", f"fd00::{end}/64"])
                lab.iface(name, "eth1", bridge=f"{short}br1")
                lab.iface(name, "eth2", bridge=f"{short}br1")
                lab.guest(name)
            # Until then the addresses are tentative (RFC 4862 section 5.4).
            until(lambda name=f"{short}left": lab.reaches(name, "fd00::2"), "IPv6 between the guests")
            pairs[kernel] = Pair(lab, kernel, f"{short}left", f"{short}right", forgets)
        yield pairs
