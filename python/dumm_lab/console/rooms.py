# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of the console and the verbs that each has, as data: help, completion and the reading of lines follow from it.  Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options


class Takes(enum.Enum):
    """What a word of a line names; completion knows those that there are."""

    GUEST = enum.auto()
    IFACE = enum.auto()
    BRIDGE = enum.auto()
    SCENARIO = enum.auto()
    ON_OFF = enum.auto()
    FILE = enum.auto()
    TEXT = enum.auto()


@dataclass(frozen=True)
class Verb:
    """What can be typed.

    :ivar usage: what follows it, for help.
    :ivar takes: what its words name, in order; options may stand among them.
    :ivar options: what ``key=value`` may give.
    :ivar raw: whether what follows the words is one text, as it is typed.
    """

    summary: str
    usage: str = ""
    takes: tuple[Takes, ...] = ()
    options: Mapping[str, options.Spec] | None = None
    raw: bool = False


@dataclass(frozen=True)
class Room:
    """Where the user is: in the lab, with guests, bridges or scenarios, or with one of them.

    :ivar kind: ``guest``, ``bridge`` or ``scenario``; empty for the lab.
    :ivar name: of the object; empty for all of that kind.
    """

    kind: str = ""
    name: str = ""

    @property
    def prompt(self) -> str:
        """``guest/alice# ``."""
        return f"{self.kind}{'/' if self.name else ''}{self.name}# "

    @property
    def back(self) -> Room:
        """The room around this one."""
        return Room(self.kind) if self.name else Room()

    @property
    def verbs(self) -> Mapping[str, Verb]:
        """What can be typed here."""
        return _ROOMS[self.kind, bool(self.name)]


# Of the body's options, those that its verb or its room says already, and those that a line cannot hold.
_SAID = ("workdir", "name", "guest", "state", "netns", "src", "content", "config", "remote_src", "faults", "span")
# A console is one lab host's.
_SEVERAL = ("lab_hosts", "lab_host", "lab", "vxlan_port", "move", "lost")


def _offered(spec: options.Spec) -> Mapping[str, options.Spec]:
    return {name: option for name, option in spec.items() if name not in (*_SAID, *_SEVERAL)}


_GUEST, _IFACE, _BRIDGE, _SCENARIO = map(_offered, (options.GUEST, options.IFACE, options.BRIDGE, options.SCENARIO))
_POWER = {name: _GUEST[name] for name in ("wait_timeout", "lock_timeout", "in_use")}
_OPTIONS = "[OPTION=VALUE...]"
_TO_ROOMS: Mapping[str, Verb] = {
    "guest": Verb("Go to the guests, or to one of them", "[NAME]", (Takes.GUEST,)),
    "bridge": Verb("Go to the bridges, or to one of them", "[NAME]", (Takes.BRIDGE,)),
    "scenario": Verb("Go to the scenarios, or to one of them", "[NAME]", (Takes.SCENARIO,)),
}
_EVERYWHERE: Mapping[str, Verb] = {
    **_TO_ROOMS,
    "list": Verb("List what there is"),
    "exec": Verb("Run a line in the shell of a guest", "GUEST LINE", (Takes.GUEST,), raw=True),
    "attach": Verb("Open a terminal in a guest; Ctrl-] leaves it", "GUEST", (Takes.GUEST,)),
    "plan": Verb("Show what would be done, instead of doing it", "[on|off]", (Takes.ON_OFF,)),
    "save": Verb("Make the lab a scenario, and write its file", "NAME [FILE]", (Takes.SCENARIO, Takes.FILE)),
    "load": Verb(
        "Make the lab what a scenario or its file describes", f"NAME|FILE {_OPTIONS}", (Takes.FILE,), _SCENARIO
    ),
    "undo": Verb("Go back to the lab before the last change"),
    "help": Verb("Explain the verbs, or the options of one", "[VERB]", (Takes.TEXT,)),
}
_BACK = {"back": Verb("Go back")}
_QUIT = {"quit": Verb("Leave the console; the lab goes on (also Ctrl-D)")}
_SHOW = {"show": Verb("Show all that is known of it")}
_REMOVE = {"remove": Verb("Remove it")}
_HERE: Mapping[str, Verb] = {
    "exec": Verb("Run a line in its shell", "LINE", raw=True),
    "attach": Verb("Open a terminal in it; Ctrl-] leaves it"),
    "console": Verb("Open a terminal in it, as attach does"),
}
_ROOMS: Mapping[tuple[str, bool], Mapping[str, Verb]] = {
    ("", False): {**_EVERYWHERE, **_SHOW, **_QUIT},
    ("guest", False): {
        "create": Verb("Make a guest; without words it asks", f"[NAME {_OPTIONS}]", (Takes.TEXT,), _GUEST),
        **_EVERYWHERE,
        **_BACK,
        **_QUIT,
    },
    ("guest", True): {
        "start": Verb("Start it, or resume it, and wait until it is up", _OPTIONS, (), _POWER),
        "stop": Verb("Stop it", _OPTIONS, (), _POWER),
        "pause": Verb("Pause it", _OPTIONS, (), _POWER),
        "restart": Verb("Restart it", _OPTIONS, (), _POWER),
        "set": Verb("Change its settings", _OPTIONS, (), _GUEST),
        "addif": Verb("Add an interface, or change one", f"[NAME {_OPTIONS}]", (Takes.IFACE,), _IFACE),
        "delif": Verb("Remove an interface", "[NAME]", (Takes.IFACE,)),
        "address": Verb(
            "Give an interface its addresses; none for none at all", "INTERFACE ADDRESS...", (Takes.IFACE,)
        ),
        **_EVERYWHERE,
        **_HERE,
        **_SHOW,
        **_REMOVE,
        **_BACK,
        **_QUIT,
    },
    ("bridge", False): {
        "create": Verb("Make a bridge; without words it asks", f"[NAME {_OPTIONS}]", (Takes.TEXT,), _BRIDGE),
        **_EVERYWHERE,
        **_BACK,
        **_QUIT,
    },
    ("bridge", True): {
        "addif": Verb("Plug an interface in", "[GUEST INTERFACE]", (Takes.GUEST, Takes.IFACE)),
        "delif": Verb("Unplug an interface", "[GUEST INTERFACE]", (Takes.GUEST, Takes.IFACE)),
        "set": Verb("Change its settings", _OPTIONS, (), _BRIDGE),
        "address": Verb("Give the host its addresses on it; none for none at all", "ADDRESS..."),
        **_EVERYWHERE,
        **_SHOW,
        **_REMOVE,
        **_BACK,
        **_QUIT,
    },
    ("scenario", False): {**_EVERYWHERE, **_BACK, **_QUIT},
    ("scenario", True): {
        "stop": Verb("Stop its guests", _OPTIONS, (), _SCENARIO),
        "layers": Verb("Put its layers over its guests, or take them off", "on|off", (Takes.ON_OFF,), _SCENARIO),
        **_EVERYWHERE,
        "load": Verb("Make the lab what it describes", _OPTIONS, (), _SCENARIO),
        **_SHOW,
        "remove": Verb("Remove it, with its guests and bridges"),
        **_BACK,
        **_QUIT,
    },
}


def described(room: Room) -> str:
    """What can be typed in a room, a line for each verb."""
    told = {f"{name} {verb.usage}".rstrip(): verb.summary for name, verb in room.verbs.items()}
    if room.kind and not room.name:
        told = {"NAME": f"Go to this {room.kind}", **told}
    width = max(map(len, told))
    return "".join(f"  {head:<{width}}  {summary}\n" for head, summary in told.items())


def explained(name: str, verb: Verb) -> str:
    """One verb, with its options."""
    lines = [f"{name} {verb.usage}".rstrip(), f"  {verb.summary}"]
    for key, option in (verb.options or {}).items():
        kind = "|".join(map(str, option["choices"])) if "choices" in option else _KINDS.get(option["type"], "TEXT")
        default = option.get("default")
        lines.append(f"  {key}={kind}" + ("" if default is None else f"  (default: {_default(default)})"))
    return "".join(f"{line}\n" for line in lines)


_KINDS = {"int": "N", "bool": "yes|no", "list": "A,B,..."}


def _default(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
