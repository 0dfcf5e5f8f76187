# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network of running guests' kernels, back to what it was when each was seen clean first.

What a scenario says of a guest is a part of what its kernel has after the boot: services, commands and files add to it.  So it is looked at
once, when the guest has booted, and that is kept in a file beside its identity.  Later looks are compared with that, and what differs is
brought back, until nothing does: to bring back one thing may take another along.  The control line needs no network.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..guest import booting, channel, kernels, processes
from ..host import files
from ..host.workdir import GuestDir, Workdir
from ..inside import netscript, netstate, nftables, relay
from ..inside.netscript import Text
from ..inside.netstate import Changes, State
from ..inside.nftables import Ruleset
from ..model.errors import GuestError, HostError, Unreachable, WaitTimeout
from ..model.found import Process
from ..model.reference import GuestRef

_SECONDS = 60.0
_MOST = 64 << 20
_ROUNDS = 8
_PARALLEL = 16
# Messages that are sent at once.
_BATCH = 100
_CONDITIONAL = {"xfrm_user": netstate.questions(netstate.XFRM), "nf_tables": nftables.questions()}
# Learned paths and their MTU (Documentation/networking/ip-sysctl.rst).
_FORGET = "for family in ipv4 ipv6; do echo 1 >/proc/sys/net/$family/route/flush; done 2>/dev/null"
_FLUSH_TRACKED = relay.Message((1 << 8) | 2, bytes(4))
T = TypeVar("T")


class Unclean(GuestError):
    """A guest whose network could not be brought back."""


@dataclass(frozen=True)
class Look:
    """What a guest's kernel has of the network.

    :ivar told: all that the script wrote.
    :ivar elements: of sets of nftables, which are asked for afterwards.
    """

    text: Text
    net: State
    rules: Ruleset
    told: bytes
    elements: bytes = b""


@dataclass(frozen=True)
class Cleaned:
    """What was done in a guest.

    :ivar words: what differed; empty for a guest that was clean.
    """

    name: str
    words: tuple[str, ...]

    @property
    def action(self) -> str:
        """For the user."""
        return f"guest {self.name}: bring its network back: {'; '.join(self.words)}"


class Inspected:
    """A running guest whose network is looked at."""

    def __init__(self, directory: GuestDir, process: Process) -> None:
        self._directory = directory
        self._subject = GuestRef(directory.name)
        self._channel = channel.Channel(directory, process)
        self._built_in = kernels.built_in(Path(process.kernel), (*_CONDITIONAL, "ip_set", "ebtables"))
        self._conditional = {name: asked for name, asked in _CONDITIONAL.items() if name not in self._built_in}
        asked = (_CONDITIONAL[name] for name in _CONDITIONAL if name in self._built_in)
        self._questions = b"".join([netstate.questions(netstate.ROUTE), *asked])
        self.launch = process.launch

    def look(self) -> Look:
        """Look at all of it.

        :raises Unclean: where it does not tell.
        """
        script = netscript.look("", self._conditional, self._built_in, whole=True)
        return self._understood(self._run(script, self._questions))

    def compare(self, then: Look, before: str = "", frames: bytes = b"", paths: Sequence[str] = ()) -> Look:
        """Look at it, after something was brought back.

        :param then: what it is compared with.
        :param paths: files of settings.
        :raises Unclean: where it does not tell.
        """
        script = netscript.look(before, self._conditional, self._built_in, whole=False)
        told = self._run(script, frames + relay.files(paths) + self._questions)
        look = self._understood(told, paths=paths)
        tuned = netstate.tuned(look.net, then.net)
        return self._with_settings(look, netscript.of_interfaces(then.text, tuned)) if tuned else look

    def _with_settings(self, look: Look, paths: Sequence[str]) -> Look:
        """With more settings."""
        read = _values(paths, relay.answers(self._run(netscript.RELAY, relay.files(paths))))
        return dataclasses.replace(look, text=dataclasses.replace(look.text, sysctl={**look.text.sysctl, **read}))

    def send(self, frames: bytes) -> None:
        """Send messages, if there are any."""
        if frames:
            self._run(netscript.RELAY, frames)

    def with_elements(self, look: Look) -> Look:
        """With the elements of sets, if there are any."""
        if not look.rules.sets or look.elements:
            return look
        elements = self._run(netscript.RELAY, nftables.questions_of_sets(look.rules))
        whole = self._understood(look.told, elements)
        return dataclasses.replace(look, rules=whole.rules, elements=elements)

    def snapshot(self) -> Look | None:
        """What was kept of this launch."""
        try:
            head, _newline, rest = files.read(self._directory.network).partition(b"\n")
            about = json.loads(head)
            if about["launch"] != self.launch:
                return None
            look = self._understood(rest[: about["told"]], rest[about["told"] :])
            rules = dataclasses.replace(look.rules, generation=about["generation"])
            return dataclasses.replace(look, rules=rules)
        except (FileNotFoundError, ValueError, LookupError, TypeError, GuestError):
            return None

    def keep(self, look: Look) -> None:
        """Keep what it is to be brought back to."""
        look = self.with_elements(look)
        about = {"launch": self.launch, "told": len(look.told), "generation": look.rules.generation}
        data = json.dumps(about).encode() + b"\n" + look.told + look.elements
        files.write(self._directory.network, data, durable=False)

    def _run(self, script: str, stdin: bytes) -> bytes:
        if len(stdin) > relay.MAX_INPUT:
            raise Unclean(self._subject, "its network differs in too much to be brought back", _REMEDY)
        done = self._channel.run(script, stdin, timeout=_SECONDS, max_output=_MOST)
        if done.code == netscript.TOO_OLD:
            raise Unclean(self._subject, "it was started by a version that cannot look at its network", _REMEDY)
        if done.code != 0:
            raise Unclean(self._subject, f"its network cannot be looked at (exit code {done.code})", _REMEDY)
        return done.stdout

    def _understood(self, told: bytes, elements: bytes = b"", paths: Sequence[str] = ()) -> Look:
        try:
            text, answers = netscript.split(told)
            messages = [*relay.answers(answers), *relay.answers(elements)]
            text = dataclasses.replace(text, sysctl={**text.sysctl, **_values(paths, messages)})
            asked = [each for each in messages if each.kind != relay.FILE]
            return Look(text, netstate.understood(asked), nftables.understood(asked), told, elements)
        except (ValueError, LookupError, struct.error) as exc:
            raise Unclean(self._subject, f"what it tells of its network cannot be understood ({exc})", _REMEDY) from exc


def _values(paths: Sequence[str], answers: Iterable[relay.Message]) -> dict[str, str]:
    """Settings as lines, by file."""
    read = {each.number - 1: each.payload for each in answers if each.kind == relay.FILE}
    return {
        path: read[number].decode("utf-8", "surrogateescape").partition("\n")[0]
        for number, path in enumerate(paths)
        if number in read
    }


_REMEDY = "restart it (dumm_scenario with clean: restart)"


def clean(workdir: Workdir, names: Iterable[str], *, check: bool) -> list[Cleaned]:
    """Bring the network of running guests back, of all at the same time; those without a snapshot are left alone.

    :param check: whether to look only.
    :raises Unclean: for a guest in which something stays, after all others.
    """
    return _each(workdir, names, lambda inspected, name: _clean(inspected, name, check=check))


def unknown(workdir: Workdir, names: Iterable[str]) -> list[str]:
    """Running guests of which nothing is kept, or only of an earlier launch."""
    return [name for name, inspected in _running(workdir, names).items() if inspected.snapshot() is None]


def forgotten(workdir: Workdir, names: Iterable[str]) -> list[str]:
    """Of those, the ones that were looked at in an earlier launch."""
    return [name for name in unknown(workdir, names) if workdir.guest(name).network.exists()]


def keep(workdir: Workdir, names: Iterable[str], timeout: float) -> None:
    """Keep what the kernels of guests have now, as soon as they have booted.

    :param timeout: seconds that a boot may take.
    :raises DummError: where one does not boot, or does not tell.
    """

    def look(inspected: Inspected, name: str) -> None:
        process = processes.read(workdir.guest(name))
        if process is not None:
            booting.await_for_tasks(workdir.guest(name), process, timeout)
        inspected.keep(inspected.look())

    _each(workdir, names, look)


def _running(workdir: Workdir, names: Iterable[str]) -> Mapping[str, Inspected]:
    found = {name: processes.read(workdir.guest(name)) for name in names}
    return {
        name: Inspected(workdir.guest(name), process)
        for name, process in found.items()
        if process is not None and processes.is_alive(process)
    }


def _each(workdir: Workdir, names: Iterable[str], do: Callable[[Inspected, str], T]) -> list[T]:
    """Do something in guests at the same time; an error ends it after all."""
    running = _running(workdir, names)
    if not running:
        return []
    with ThreadPoolExecutor(max_workers=min(_PARALLEL, len(running))) as pool:
        asked = [pool.submit(do, inspected, name) for name, inspected in running.items()]
    return [each.result() for each in asked]


def _clean(inspected: Inspected, name: str, *, check: bool) -> Cleaned:
    then = inspected.snapshot()
    if then is None:
        return Cleaned(name, ())
    try:
        return Cleaned(name, _brought_back(inspected, name, then, check=check))
    except (Unreachable, WaitTimeout, HostError) as exc:
        raise Unclean(GuestRef(name), exc.cause, _REMEDY) from exc


def _brought_back(inspected: Inspected, name: str, then: Look, *, check: bool) -> tuple[str, ...]:
    """What differed; nothing does any more, unless nothing is to be changed."""
    known = then.rules.generation
    now = inspected.compare(then, "" if check else _FORGET, paths=netscript.general(then.text))
    tracked = now.text.tracked
    words: tuple[str, ...] = ()
    for _attempt in range(_ROUNDS):
        now, then = _with_rules(inspected, now, then)
        text, changes = netscript.restore(now.text, then.text), netstate.changes(now.net, then.net)
        same = now.rules.generation == then.rules.generation
        differs = (*changes.words, *(() if same else ("nftables",)), *text.words)
        words = words or differs
        if check or not differs:
            break
        frames = _frames(changes, None if same else then.rules)
        # Where no setting was written, none has changed.
        now = inspected.compare(then, text.script, frames, text.settings)
    else:
        raise Unclean(GuestRef(name), f"its network cannot be brought back: {'; '.join(differs)}", _REMEDY)
    if not check:
        # What the kernel has learned itself comes again at any time, so that it is no change.
        inspected.send(_frames(changes, None, tracked))
        if then.rules.generation != known:
            # Its rules are what they were, after other transactions.
            inspected.keep(then)
    return words


def _with_rules(inspected: Inspected, now: Look, then: Look) -> tuple[Look, Look]:
    """With the same number of the last transaction, where rules are the same whatever became of them meanwhile."""
    if now.rules.generation == then.rules.generation:
        return now, then
    if now.rules.parts or then.rules.parts:
        now = inspected.with_elements(now)
    if not nftables.alike(now.rules, then.rules):
        return now, then
    rules = dataclasses.replace(then.rules, generation=now.rules.generation)
    return now, dataclasses.replace(then, rules=rules)


def _frames(changes: Changes, rules: Ruleset | None, tracked: bool = False) -> bytes:
    """What is sent: rules first, which may keep others out."""
    frames = b"" if rules is None else relay.frame(nftables.NETFILTER, nftables.replace(rules))
    for protocol, messages in changes.messages.items():
        for start in range(0, len(messages), _BATCH):
            frames += relay.frame(protocol, messages[start : start + _BATCH])
    return frames + (relay.frame(nftables.NETFILTER, [_FLUSH_TRACKED]) if tracked else b"")
