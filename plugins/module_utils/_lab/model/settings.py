# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a guest's settings.  No I/O.

A new setting is a field of ``lab.Guest`` and a row here.  These follow from the rows: options of ``dumm_guest`` (``_spec``), keys of a
scenario's file (``scenario.spec``), the definition on disk (``definition``), results (``plan.describe``), differences in words
(``plan.wording``), and whether a running guest must be restarted (``plan.plan``).
"""

from __future__ import annotations

from dataclasses import dataclass

from . import notation, stored
from .kinds import (
    Choice,
    Cpu,
    Directories,
    Faults,
    Flag,
    Kind,
    Labels,
    Limit,
    Line,
    Named,
    Routes,
    Sysctl,
    WhenReady,
    Whole,
)
from .lab import UnionEngine, Userspace
from .rules import MIN_MEM
from .stored import wrong


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting.

    :ivar name: as the user writes it, and as the model's field is called.
    :ivar description: a sentence for the user.
    :ivar restart: whether a running guest must be restarted for a change.
    :ivar option: whether the module has it as an option; otherwise only scenarios have it.
    :ivar shown: key in results, if it is not the name.
    :ivar stored: whether it is in the guest's definition; otherwise a file of its own says it (``workdir``).
    :ivar sparse: whether it is stored only if it is set.
    """

    name: str
    kind: Kind
    description: str
    restart: bool = False
    option: bool = True
    shown: str = ""
    stored: bool = True
    sparse: bool = False

    @property
    def key(self) -> str:
        """Its key in results."""
        return self.shown or self.name


def _init(value: object, place: str) -> str | None:
    if value is None:
        return None
    found = stored.line(value, place)
    if found != "minimal" and (not found.startswith("/") or " " in found):
        wrong(value, place, "a path in the guest, or minimal")
    return found


GUEST: tuple[Setting, ...] = (
    Setting(
        name="kernel",
        kind=Line(notation.reference),
        description="A kernel's name below kernels/ or the absolute path of a UML binary.",
        restart=True,
        stored=False,
    ),
    Setting(
        name="master",
        kind=Line(notation.reference),
        description="A master root file system's name below masters/ or its absolute path.",
        restart=True,
        stored=False,
    ),
    Setting(name="mem", kind=Whole(MIN_MEM), description="Memory in MB.", restart=True, stored=False),
    Setting(
        name="init",
        kind=Line(notation.init, _init),
        description="Path of the init in the guest, minimal, or auto.",
        restart=True,
    ),
    Setting(name="cmdline", kind=Line(notation.cmdline), description="More arguments for the kernel.", restart=True),
    Setting(
        name="userspace",
        kind=Choice(Userspace, ("auto", "ptrace", "seccomp")),
        description="How the kernel runs its processes: seccomp, which is faster, ptrace, or auto.",
        restart=True,
    ),
    Setting(
        name="confine",
        kind=Flag(),
        description="Whether root of the guest is nobody on the host.",
        restart=True,
    ),
    Setting(
        name="disk",
        kind=Limit(0),
        description="How many MB the guest may write, 0 for no limit.",
        restart=True,
    ),
    Setting(
        name="cpu",
        kind=Cpu(),
        description="The CPU of the host that the guest runs on: its number, any, or auto for the one with the fewest guests.",
        restart=True,
    ),
    Setting(
        name="layers",
        kind=Directories(),
        description="Directories of the host between the master and what the guest writes, topmost first.",
    ),
    Setting(
        name="union",
        kind=Choice(UnionEngine, ("auto", "overlay", "cowfs")),
        description="What makes the root out of its layers.",
        restart=True,
    ),
    Setting(name="faults", kind=Faults(), description="What fails on purpose in the guest, the first that fits."),
    Setting(
        name="ready",
        kind=WhenReady(),
        description="When the guest counts as ready; run, restart_services and the end of dumm_scenario wait for it.",
        sparse=True,
    ),
    Setting(
        name="routes",
        kind=Routes(),
        description="All static routes. An empty list is for none; without this key the guest's own are left alone.",
        option=False,
        shown="static_routes",
    ),
    Setting(
        name="sysctl",
        kind=Sysctl(),
        description="Settings of the guest's kernel (sysctl(8)).",
        option=False,
    ),
    Setting(
        name="labels",
        kind=Labels("label", stored.named(stored.text)),
        description="What you call the guest besides its name, such as role: router.",
        option=False,
    ),
    Setting(
        name="vars",
        kind=Named("variable", stored.mapping),
        description="Ansible variables of the guest.",
        option=False,
    ),
)


def in_order(*names: str) -> tuple[Setting, ...]:
    """A guest's settings with these first: an order that users and files have known before there was a table."""
    rows = {row.name: row for row in GUEST}
    return tuple(rows[name] for name in dict.fromkeys((*names, *rows)))
