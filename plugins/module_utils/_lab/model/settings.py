# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of settings: those of a guest, an interface and a bridge.  No I/O.

A new setting is a field of its class in ``lab`` and a row here.  These follow from the rows: options of the modules (``_spec``), keys of a
scenario's file (``scenario.spec``), the definition on disk (``definition``), results (``plan.describe``), differences in words
(``plan.wording``), and whether a running guest must be restarted (``plan.plan``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import notation, stored
from .conditions import CONDITIONS
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
from .lab import Stopping, UnionEngine, Userspace
from .link_kinds import Addresses, Bits, Cable, Mac, Mtu, OptionalMtu, Sent, Spanning, Up
from .rules import MAX_MTU, MIN_MEM, MIN_MTU
from .stored import wrong


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting.

    :ivar name: as the user writes it.
    :ivar called: name of the model's field, if it is another.
    :ivar description: a sentence for the user.
    :ivar restart: whether a running guest must be restarted for a change.
    :ivar option: whether the module has it as an option; otherwise only scenarios have it.
    :ivar in_file: whether a scenario's file has it as a key; otherwise only the module has it.
    :ivar shown: key in results, if it is not the name.
    :ivar stored: whether it is in the guest's definition; otherwise a file of its own says it (``workdir``).
    :ivar sparse: whether it is stored only if it is not its default.
    """

    name: str
    kind: Kind
    description: str
    called: str = ""
    restart: bool = False
    option: bool = True
    in_file: bool = True
    shown: str = ""
    stored: bool = True
    sparse: bool = False

    @property
    def key(self) -> str:
        """Its key in results."""
        return self.shown or self.name

    @property
    def field(self) -> str:
        """Name of the model's field, and key in what is stored."""
        return self.called or self.name

    def of(self, owner: object) -> Any:
        """The value of a guest, an interface or a bridge."""
        return getattr(owner, self.field)


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
        description="Whether to run the guest unprivileged: root in the guest has no rights on the host.",
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
        description="Directories between the master and what the guest writes, topmost first: absolute, or below the working directory.",
    ),
    Setting(
        name="union",
        kind=Choice(UnionEngine, tuple(each.value for each in UnionEngine)),
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
        name="stop",
        kind=Choice(Stopping, ("clean", "halt")),
        description="How the guest is stopped: its own init shuts it down (clean), or its kernel ends at once and loses what was not"
        " written yet (halt).",
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


IFACE: tuple[Setting, ...] = (
    Setting(name="bridge", kind=Cable(), description="The bridge that it is plugged into."),
    Setting(
        name="mac",
        kind=Mac(),
        description="MAC address; without one it is derived from the names of lab, guest and interface.",
    ),
    Setting(name="mtu", kind=Mtu(MIN_MTU, MAX_MTU), description="MTU in bytes."),
    Setting(
        name="address",
        called="addresses",
        kind=Addresses(),
        description="Addresses with prefix length; auto stands for those by position in the segment's prefix. An empty list is for"
        " none at all.",
    ),
    Setting(name="up", kind=Up(), description="Whether it is up in the guest."),
    # In a scenario's file, each of them is a key of the interface (``conditions``).
    Setting(name="conditions", kind=Sent(), description="", option=False),
)

BRIDGE: tuple[Setting, ...] = (
    Setting(name="address", called="addresses", kind=Addresses(), description="Addresses of the host's leg."),
    Setting(name="mtu", kind=OptionalMtu(MIN_MTU, MAX_MTU), description="MTU in bytes."),
    Setting(name="stp", kind=Flag(), description="Whether it speaks the spanning tree protocol."),
    Setting(
        name="group_fwd_mask",
        kind=Bits(0, 0xFFF8),
        description="Which link-local groups 01:80:c2:00:00:0X it forwards, a bit for each.",
    ),
    Setting(
        name="multicast_snooping",
        kind=Flag(),
        description="Whether it forwards a multicast group only to those who have joined it, and asks who has; true if not given.",
    ),
    # A scenario's file is the same for all lab hosts; each of them finds its own from it (``scenario.share``).
    Setting(
        name="span",
        kind=Spanning(),
        description="How it goes on on other lab hosts.",
        in_file=False,
        sparse=True,
    ),
)

# Settings of a link that are those of both of its ends.
LINK = ("mtu", *CONDITIONS)


def in_order(rows: Iterable[Setting], *names: str) -> tuple[Setting, ...]:
    """Settings with these first: an order that users and files have known before there was a table."""
    known = {row.name: row for row in rows}
    return tuple(known[name] for name in dict.fromkeys((*names, *known)))
