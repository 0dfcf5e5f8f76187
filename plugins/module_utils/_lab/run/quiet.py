# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments are closed while many guests start or stop.

Each guest that comes up sends a handful of multicast packets (MLD reports, duplicate address detection), which a Linux bridge floods to
all ports, and for each port that comes or goes the bridge's querier asks at all ports again (br_port_state_selection,
net/bridge/br_stp.c): N guests handle several times N² packets, half of their CPU time at 300 (docs/explanation/performance.md).  So the
ports that a run makes are isolated (bridge(8)), and nobody is asked, until all of its guests are up or down.  The bridge itself hears
their reports.  So is what leads to other lab hosts: otherwise each guest that starts would flood all of them, too.

That segments are closed is on disk before they are, so that the run after a killed one opens them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..host import bridges, files, namespaces, tunnels
from ..host.netlink import Network
from ..host.workdir import Workdir
from ..plan.guest_steps import AwaitReady, Run, Start, Stop
from ..plan.network_steps import AddTap, RemoveNamespace
from ..plan.steps import Plan, Step

# As many guests as it takes to be worth it.
_MANY = 8


class Quiet:
    """What keeps the segments quiet in one run.

    :param network: makes the lab's network, when there is one.
    """

    def __init__(self, plan: Plan, workdir: Workdir, network: Callable[[], Network]) -> None:
        self._workdir = workdir
        self._network = network
        self._moving = {step.key for step in plan.steps if isinstance(step.action, (Start, Stop))}
        self._goes = any(isinstance(step.action, RemoveNamespace) for step in plan.steps)
        taps = Counter(step.action.iface.bridge for step in plan.steps if isinstance(step.action, AddTap))
        self._crowded = {name for name, count in taps.items() if name is not None and count >= _MANY}
        self.closed = len(self._moving) >= _MANY
        if self.closed:
            try:
                workdir.closed.touch(0o600)
            except OSError:
                # A closed segment that no run knows of would stay closed; on a full disk they stay open, which takes longer.
                self.closed = False
        if self.closed and namespaces.exists(workdir.netns() or workdir.lab_name):
            bridges.close_segments(network(), _MANY)
            if self._crowded:
                tunnels.close(network(), self._crowded)

    def closes(self, bridge: str | None) -> bool:
        """Whether a bridge and its ports are made closed now."""
        return self.closed and bridge in self._crowded

    def allow(self, step: Step) -> bool:
        """Whether a step may begin: commands of a scenario may need the network, and so may services that a guest boots with."""
        return not (self.closed and isinstance(step.action, (AwaitReady, Run)))

    def done(self, step: Step) -> None:
        """Take notice of a step that is done.

        :raises HostError: where the segments cannot be opened.
        """
        self._moving.discard(step.key)
        if not self._moving:
            self.open(_MANY)

    def open(self, fewest: int = 0) -> None:
        """Open them, if they are not.

        :param fewest: how many ports those have at least that may be closed.
        :raises HostError: where that is not possible.
        """
        if self.closed:
            if not self._goes:
                bridges.open_segments(self._network(), fewest)
            files.discard(self._workdir.closed)
            self.closed = False


def open_again(workdir: Workdir) -> None:
    """Open the segments that a killed run had closed.

    :raises HostError: where that is not possible.
    """
    if not workdir.closed.exists():
        return
    netns = workdir.netns() or workdir.lab_name
    if namespaces.exists(netns):
        with Network(workdir.lab_name, netns) as network:
            bridges.open_segments(network, 0)
    files.discard(workdir.closed)
