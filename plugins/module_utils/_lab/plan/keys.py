# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of steps, by which one waits for another, as values: what is done, and to which object.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a step does; the value is how it is shown."""

    STORE_NETNS = "lab"
    # One step makes a lab's namespace or removes it, and never both.
    NETNS = "netns"

    # Of a bridge, by its name.  Likewise, one makes, changes or removes it.
    STORE_BRIDGE = "store bridge"
    BRIDGE = "bridge"
    LEG = "leg bridge"
    SETTLE_BRIDGE = "settle bridge"
    # One removes a tunnel, another makes or changes one.
    UNTUNNEL = "remove tunnel of bridge"
    TUNNEL = "tunnel of bridge"
    FORGET_BRIDGE = "forget bridge"

    # Of an interface, by its label.
    TAP = "tap"
    PLUG = "plug"
    UNPLUG = "unplug"
    CABLE = "cable"

    # Of a guest, by its name.
    STORE_GUEST = "store guest"
    FORGET_GUEST = "forget guest"
    STOP = "stop guest"
    KEEP = "keep guest"
    START = "start guest"
    RESUME = "resume guest"
    WIDEN = "widen guest"
    DOWN = "down guest"
    CONFIGURE = "configure guest"
    FRESHEN = "freshen guest"
    SWAP = "swap guest"
    BREAK = "break guest"
    SERVICES = "services guest"
    SETTLE_GUEST = "settle guest"
    READY = "ready guest"
    RUN = "run guest"
    UNSCRATCH = "unscratch guest"
    PAUSE = "pause guest"

    # Of a layer, by its name.
    RENDER = "render"

    def of(self, name: str = "") -> Key:
        """The key of the step that does this to an object; the lab's own steps have no name."""
        return Key(self, name)


@dataclass(frozen=True)
class Key:
    """Names a step of a plan.

    :ivar name: of the object, as its kind has it.
    """

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}" if self.name else self.kind.value
