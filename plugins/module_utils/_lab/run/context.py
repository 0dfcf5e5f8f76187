# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of a run are carried out on: working directory, network, and what is opened once for all of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ..guest.placement import Placement
from ..host import uids
from ..host.netlink import Network
from ..host.wait import Lookout
from ..host.workdir import Workdir
from ..model.found import Inside
from . import lifecycle
from .events import Subscriber
from .quiet import Quiet


@dataclass
class Context:
    """What the steps work on.

    :ivar netns: name of the lab's network namespace.
    :ivar timeout: seconds that a guest may take to come up or go down.
    :ivar publish: takes the events of the steps.
    :ivar parallel: how many steps are done at the same time.
    :ivar ready: seconds from its launch until a guest answered.
    :ivar quiet: keeps the segments quiet while the plan is carried out.
    :ivar lookout: sees guests come up.
    :ivar seen: what guests told of their network when they came up, as long as nothing was done to them since.
    """

    workdir: Workdir
    netns: str
    timeout: float
    publish: Subscriber
    parallel: int
    seen: dict[str, Inside] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    quiet: Quiet | None = None
    lookout: Lookout = field(default_factory=Lookout)
    _users: dict[str, int] = field(default_factory=dict)
    _network: Network | None = None
    _placement: Placement | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @property
    def lab(self) -> str:
        """The lab's name."""
        return self.workdir.lab_name

    def closes(self, bridge: str | None) -> bool:
        """Whether a bridge and its ports are made closed."""
        return self.quiet is not None and self.quiet.closes(bridge)

    def user_of(self, guest: str) -> int:
        """The first of the host's users that are a guest's own; it gets them where it has none.

        :raises HostError: where none are left.
        """
        user = self._users.get(guest)
        if user is None:
            # Nobody takes them while this run holds the lab's lock and the guest is there.
            user = self._users[guest] = uids.claim(self.workdir.guest(guest))
        return user

    @property
    def network(self) -> Network:
        """The lab's network, opened when it is first needed."""
        with self._opening:
            if self._network is None:
                self._network = Network(self.lab, self.netns)
            return self._network

    @property
    def placement(self) -> Placement:
        """What gives guests their CPUs, made when the first is started."""
        with self._opening:
            if self._placement is None:
                self._placement = Placement(self.lab, lifecycle.cpus(self.workdir))
            return self._placement

    def close(self) -> None:
        """Give the network back."""
        if self._network is not None:
            self._network.close()
            self._network = None
