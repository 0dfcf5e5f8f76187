# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each verb does.  What changes the lab is one body of a module, so check mode, locks and messages are those of the modules."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import attach
from ansible_collections.dumm.lab.plugins.module_utils._lab.command import inspect
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.bodies import scenario_name
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.table import as_yaml, colourful, table
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError, InvalidInput, nearest, plain
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import DEFAULT_MEM
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.options import GUEST

from . import words
from .asking import Question, Source
from .execute import execute
from .lab import Changes, say
from .ports import PORTS, ports
from .rooms import Room, described, explained

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH)
_POWER = {
    "start": ("started", "is up"),
    "stop": ("stopped", "has stopped"),
    "pause": ("paused", "is paused"),
    "restart": ("restarted", "is up again"),
}


class Verbs:
    """Does what lines say.

    :param changes: the lab.
    :param source: who answers questions.
    :ivar room: where the user is.
    """

    def __init__(self, changes: Changes, source: Source) -> None:
        self.room = Room()
        self._changes = changes
        self._source = source

    def obey(self, line: str) -> None:
        """Do what a line says.

        :raises EOFError: where it is to be the last one.
        :raises DummError: where that cannot be done; nothing of the console has changed then.
        """
        name, rest = words.head(line)
        verb = self.room.verbs.get(name)
        if verb is None:
            self._enter_named(name, rest)
            return
        if verb.raw:
            self._exec(rest)
            return
        most = 64 if name == "address" else len(verb.takes)
        plain_words, given = words.sorted_out(words.split(rest), verb.options, most, name)
        self._doing(name)(name, plain_words, given)

    def _doing(self, name: str) -> Callable[[str, list[str], dict[str, Any]], None]:
        here: Mapping[str, Any] = {
            "create": self._create_guest if self.room.kind == "guest" else self._create_bridge,
            "addif": self._addif if self.room.kind == "guest" else self._plug,
            "delif": self._delif if self.room.kind == "guest" else self._unplug,
            "address": self._address if self.room.kind == "guest" else self._leg,
            **dict.fromkeys(_POWER, self._power),
            **dict.fromkeys(("attach", "console"), self._attach),
            **dict.fromkeys(("guest", "bridge", "scenario"), self._go),
            **{each: getattr(self, f"_{each}") for each in _SAME},
        }
        if self.room.kind == "scenario":
            here = {**here, "stop": self._stop_scenario}
        found: Callable[[str, list[str], dict[str, Any]], None] = here[name]
        return found

    # Rooms

    def _enter_named(self, name: str, rest: str) -> None:
        room = self.room
        if not room.kind or room.name:
            raise InvalidInput(name, "there is no such verb here", nearest(name, room.verbs))
        there = self._changes.names(room.kind)
        if name not in there:
            raise InvalidInput(
                name, f"there is no such verb and no such {room.kind}", nearest(name, [*room.verbs, *there])
            )
        if rest:
            raise InvalidInput(name, "a room is entered by its name alone", "put the verb into a line of its own")
        self.room = Room(room.kind, name)

    def _go(self, kind: str, given: list[str], _options: Mapping[str, Any]) -> None:
        if given:
            self._check(kind, given[0])
        self.room = Room(kind, *given)

    def _check(self, kind: str, name: str) -> None:
        """:raises InvalidInput: where there is no such object: a name that is mistyped would make one."""
        there = self._changes.names(kind)
        if name not in there:
            raise InvalidInput(f"{kind} {name}", f"there is no such {kind}", nearest(name, there))

    def _back(self, *_line: object) -> None:
        self.room = self.room.back

    def _quit(self, *_line: object) -> None:
        raise EOFError

    # Guests and bridges

    def _asked(self, given: Sequence[str], question: Question) -> str:
        return given[0] if given else self._source.answer(question)

    def _create_guest(self, _verb: str, given: list[str], options: Mapping[str, Any]) -> None:
        name = self._asked(given, Question("guest name"))
        self._check_new("guest", name)
        told = dict(options)
        if not given and not options:
            known = self._changes.choices
            told = {
                "kernel": self._source.answer(Question("kernel image", "default", known("kernels"))),
                "master": self._source.answer(Question("master filesystem", "default", known("masters"))),
                "mem": words.value(
                    "mem",
                    self._source.answer(Question("amount of memory in MB", str(DEFAULT_MEM))),
                    GUEST["mem"],
                ),
            }
        self._changes.do("guest", quiet=True, name=name, state="present", **told)
        self._made("guest", name)

    def _create_bridge(self, _verb: str, given: list[str], options: Mapping[str, Any]) -> None:
        name = self._asked(given, Question("bridge name"))
        self._check_new("bridge", name)
        self._changes.do("bridge", quiet=True, name=name, **options)
        self._made("bridge", name)

    def _check_new(self, kind: str, name: str) -> None:
        if name in self._changes.names(kind):
            raise InvalidInput(
                f"{kind} {name}", "there is one already", f"type '{name}' to go to it, or choose another name"
            )

    def _made(self, kind: str, name: str) -> None:
        self._tell(f"{kind} '{name}' created")
        if not self._changes.planning:
            self.room = Room(kind, name)

    def _tell(self, sentence: str) -> None:
        """Say what has been done, if it has."""
        if not self._changes.planning:
            say(sentence)

    def _power(self, verb: str, _given: list[str], options: Mapping[str, Any]) -> None:
        state, told = _POWER[verb]
        self._check("guest", self.room.name)
        self._changes.do("guest", quiet=True, name=self.room.name, state=state, **options)
        self._tell(f"guest '{self.room.name}' {told}")

    def _set(self, verb: str, _given: list[str], options: Mapping[str, Any]) -> None:
        room = self.room
        self._check(room.kind, room.name)
        if not options:
            raise InvalidInput(verb, "there is no option", "see 'help set'")
        # Whether a guest runs or not is left as it is.
        self._changes.do(room.kind, name=room.name, state="present", **options)

    def _addif(self, _verb: str, given: list[str], options: Mapping[str, Any]) -> None:
        name = self._asked(given, Question("interface name"))
        self._check("guest", self.room.name)
        self._changes.do("iface", quiet=True, guest=self.room.name, name=name, **options)

    def _delif(self, _verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        guest = self.room.name
        name = self._asked(given, Question("interface name", known=self._changes.ifaces(guest)))
        self._check_iface(guest, name)
        self._changes.do("iface", quiet=True, guest=guest, name=name, state="absent")

    def _check_iface(self, guest: str, name: str) -> None:
        there = self._changes.ifaces(guest)
        if name not in there:
            raise InvalidInput(f"interface {guest}:{name}", "there is no such interface", nearest(name, there))

    def _address(self, verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        if len(given) < 2:
            raise InvalidInput(verb, "it takes an interface and its addresses", "see 'help address'")
        name, *addresses = given
        self._check_iface(self.room.name, name)
        self._changes.do("iface", quiet=True, guest=self.room.name, name=name, address=words.listed(addresses))

    def _leg(self, verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        if not given:
            raise InvalidInput(verb, "there is no address", "see 'help address'")
        self._check("bridge", self.room.name)
        self._changes.do("bridge", quiet=True, name=self.room.name, address=words.listed(given))

    def _ask_port(self, given: Sequence[str]) -> tuple[str, str]:
        guest = self._asked(given, Question("guest name", known=self._changes.names("guest")))
        self._check("guest", guest)
        name = self._asked(given[1:], Question("interface name", known=self._changes.ifaces(guest)))
        self._check_iface(guest, name)
        return guest, name

    def _plug(self, _verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        guest, name = self._ask_port(given)
        self._check("bridge", self.room.name)
        self._changes.do("iface", quiet=True, guest=guest, name=name, bridge=self.room.name)

    def _unplug(self, _verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        guest, name = self._ask_port(given)
        self._changes.do("iface", quiet=True, guest=guest, name=name, bridge="")

    def _remove(self, *_line: object) -> None:
        kind, name = self.room.kind, self.room.name
        self._check(kind, name)
        self._changes.do(kind, quiet=kind != "scenario", name=name, state="absent")
        self._tell(f"{kind} '{name}' removed")
        if not self._changes.planning:
            self.room = self.room.back

    # The whole lab

    def _save(self, verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        if not given:
            raise InvalidInput(verb, "the scenario has no name", "type 'save NAME'")
        name, *file = given
        path = Path(file[0]).expanduser().absolute() if file else None
        target = self._changes.save(name, path)
        self._tell(f"scenario '{name}' written to {target}")

    def _load(self, verb: str, given: list[str], options: Mapping[str, Any]) -> None:
        name = self.room.name if self.room.kind == "scenario" else ""
        if not given and not name:
            raise InvalidInput(verb, "there is no scenario", "type 'load NAME', or 'load FILE'")
        file = None
        if given and not self._changes.workdir.scenario(given[0]).is_file():
            file = Path(given[0]).expanduser().absolute()
            name = scenario_name(given[0])
            if not file.is_file():
                known = self._changes.names("scenario")
                raise InvalidInput(
                    f"scenario {given[0]}", "there is no such scenario and no such file", nearest(given[0], known)
                )
        elif given:
            name = given[0]
        if not self._changes.scenario(name, file, **options).changed:
            self._tell("nothing to do")

    def _stop_scenario(self, _verb: str, _given: list[str], options: Mapping[str, Any]) -> None:
        self._check("scenario", self.room.name)
        self._changes.scenario(self.room.name, state="stopped", **options)

    def _layers(self, verb: str, given: list[str], options: Mapping[str, Any]) -> None:
        state = {"on": "loaded", "off": "unloaded"}[_on_off(verb, given)]
        self._check("scenario", self.room.name)
        self._changes.scenario(self.room.name, state=state, **options)

    def _undo(self, *_line: object) -> None:
        if not self._changes.undo():
            raise InvalidInput("undo", "nothing was changed in this console", "see 'list' for what there is")
        if self.room.name and self.room.name not in self._changes.names(self.room.kind):
            self.room = self.room.back

    def _plan(self, verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        self._changes.planning = (_on_off(verb, given) if given else "off" if self._changes.planning else "on") == "on"
        say("from now on, changes are shown and not done" if self._changes.planning else "changes are done again")

    # Looking

    def _list(self, *_line: object) -> None:
        lab = self._changes.seen()
        colours = colourful(sys.stdout)
        if self.room.name and self.room.kind != "scenario":
            sys.stdout.write(table(ports(lab, self.room), PORTS, colours=colours))
            return
        wanted = Namespace(interval=0, meter=None)
        for name in _LISTED[self.room.kind]:
            noun = inspect.of(name)
            if records := list(noun.records(lab, wanted)):
                sys.stdout.write(table(records, noun.columns, colours=colours))
            else:
                say(f"no {name}")

    def _show(self, *_line: object) -> None:
        info, room = self._changes.info(), self.room
        if room.kind == "scenario":
            sys.stdout.write(plain(self._changes.workdir.scenario(room.name).read_text()))
            return
        told = info if not room.kind else info.get(f"{room.kind}s", {}).get(room.name)
        if told is None:
            self._check(room.kind, room.name)
        sys.stdout.write(plain(as_yaml(told)))

    def _help(self, _verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        if not given:
            sys.stdout.write(described(self.room))
            return
        verb = self.room.verbs.get(given[0])
        if verb is None:
            raise InvalidInput(given[0], "there is no such verb here", nearest(given[0], self.room.verbs))
        sys.stdout.write(explained(given[0], verb))

    # In guests

    def _exec(self, rest: str) -> None:
        guest, line = (self.room.name, rest) if self._with_guest else words.head(rest)
        if not line:
            raise InvalidInput("exec", "there is no command", "use 'attach' for a shell in a terminal")
        self._check("guest", guest)
        code = execute(str(self._changes.workdir.path), guest, line)
        if code:
            raise GuestError(f"guest {guest}", f"the command ended with exit code {code}", "look at what it printed")

    @property
    def _with_guest(self) -> bool:
        return self.room.kind == "guest" and bool(self.room.name)

    def _attach(self, verb: str, given: list[str], _options: Mapping[str, Any]) -> None:
        if not given and not self._with_guest:
            raise InvalidInput(verb, "there is no guest", "type 'attach GUEST'")
        sys.stdout.flush()
        with _signals_kept():
            attach.attach(str(self._changes.workdir.path), given[0] if given else self.room.name, None, console=False)
        # Where the guest's program has left the cursor is not known.
        os.write(1, b"\r\n")


_LISTED = {
    "": ("guests", "bridges"),
    "guest": ("guests",),
    "bridge": ("bridges",),
    "scenario": ("scenario",),
}
_SAME = (
    "back",
    "quit",
    "set",
    "remove",
    "save",
    "load",
    "layers",
    "undo",
    "plan",
    "list",
    "show",
    "help",
)


def _on_off(verb: str, given: Sequence[str]) -> str:
    if not given or given[0] not in ("on", "off"):
        raise InvalidInput(verb, "it is either on or off", f"type '{verb} on' or '{verb} off'")
    return given[0]


@contextmanager
def _signals_kept() -> Iterator[None]:
    """A terminal in a guest takes signals for itself."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
