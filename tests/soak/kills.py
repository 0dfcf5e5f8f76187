# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs of ``ansible-playbook`` that are killed at random moments, and what the next run makes of it.

One lab goes to and fro between two states and none at all.  On the way there a run gets SIGKILL with everything that it has
started; the next run has to reach the state that was wanted, or the old one, and leave nothing of the killed one behind.
Moments are random in time, most of them while the run holds the lock: how long that is, is learnt from the runs that are left alone.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab import Lab, Result, Traces, fresh_lab
from measure import descendants
from programs import Ansible
from testbed import Config, pids

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes

# Longer than any run takes, however much else the machine does.
_PATIENCE = 300
_FIRST, _SECOND, _ABSENT = "first", "second", "absent"
# These are in both states, and no change between them needs a restart.
_STAY = ("rock", "moon")


def _first() -> Config:
    """Two segments, one of them a cable with a delay; a guest on a disk of its own; files, and a command."""
    return {
        "defaults": {"mem": 64},
        "bridges": {"lan": {"address": "10.9.0.254/24"}},
        "guests": {
            "rock": {"interfaces": {"eth0": {"bridge": "lan", "address": "10.9.0.1/24"}}},
            "moon": {
                "interfaces": {"eth0": {"bridge": "lan", "address": "10.9.0.2/24"}},
                "files": {"/etc/which": "first\n"},
                "run": ["echo ran >>/root/ran"],
            },
            "sun": {"disk": 64, "files": {"/etc/which": "first\n"}},
        },
        "links": [{"a": "moon:eth1", "b": "sun:eth0", "prefix": "10.0.0.0/24", "delay": 5, "rate": "20mbit"}],
    }


def _second() -> Config:
    """The same after some changes: a guest goes and one with another union comes, files, addresses and delays are others."""
    config = _first()
    del config["guests"]["sun"]
    config["guests"]["mars"] = {"union": "cowfs", "mem": 48, "sysctl": {"net.ipv4.ip_forward": 1}}
    config["guests"]["moon"]["interfaces"]["eth0"]["address"] = "10.9.0.3/24"
    config["guests"]["moon"]["files"] = {"/etc/which": "second\n", "/etc/more": "more\n"}
    config["links"] = [{"a": "moon:eth2", "b": "mars:eth0", "prefix": "10.1.0.0/24", "delay": 2}]
    return config


_WANTED: dict[str, Result] = {
    _FIRST: {"config": _first()},
    _SECOND: {"config": _second()},
    _ABSENT: {"state": "absent"},
}


def _is_first(lab: Lab) -> None:
    assert lab.read("moon", "cat /etc/which; uniq /root/ran; test ! -e /etc/more") == "first\nran\n"
    assert lab.read("sun", "cat /etc/which") == "first\n"
    assert lab.links("moon") == {"eth0", "eth1"}
    assert lab.reaches("moon", "10.0.0.2", "-c 1 -w 30") and lab.reaches("rock", "10.9.0.2", "-c 1 -w 30")


def _is_second(lab: Lab) -> None:
    assert lab.read("moon", "cat /etc/which /etc/more; uniq /root/ran") == "second\nmore\nran\n"
    assert lab.read("mars", "cat /proc/sys/net/ipv4/ip_forward") == "1\n"
    assert lab.links("moon") == {"eth0", "eth2"}
    assert lab.reaches("moon", "10.1.0.2", "-c 1 -w 30") and lab.reaches("rock", "10.9.0.3", "-c 1 -w 30")


def _is_absent(lab: Lab) -> None:
    assert lab.leftovers() == []
    assert list(lab.workdir.guests.iterdir()) == list(lab.workdir.bridges.iterdir()) == []


_LOOKS: dict[str, Callable[[Lab], None]] = {_FIRST: _is_first, _SECOND: _is_second, _ABSENT: _is_absent}


@dataclass
class Tally:
    """How many runs were killed.

    :ivar working: those that held the lock then, and had not ended.
    :ivar repairs: those that were to put right what an earlier one had left.
    """

    killed: int = 0
    working: int = 0
    repairs: int = 0


@dataclass
class Kills:
    """A lab whose runs are killed.

    :ivar known: what there is of the lab on its host in each state.
    :ivar now: the state that it is in.
    :ivar longest: seconds that a run which was left alone went on after it had taken the lock.
    """

    lab: Lab
    ansible: Ansible
    known: dict[str, Traces]
    now: str = _ABSENT
    longest: float = 1.0
    tally: Tally = field(default_factory=Tally)
    _books: dict[tuple[str, bool], str] = field(default_factory=dict)

    def turn(self, rolls: random.Random) -> None:
        """Kill a run, and put it right.

        :raises AssertionError: saying what went wrong, after what.
        """
        old = self.now
        wanted = rolls.choice(
            [state for state in _WANTED if state != old for _weight in range(1 + 2 * (state != _ABSENT))]
        )
        then = wanted if rolls.random() < 0.75 else old
        story = [f"{old} → {wanted}"]
        before = self._pids() if _ABSENT not in (old, wanted) else {}
        try:
            story.append(self._kill(wanted, rolls))
            if rolls.random() < 0.2:
                story.append(f"repaired to {then}, {self._kill(then, rolls)}")
                self.tally.repairs += 1
            story.append(f"then {then}")
            self._apply(then, as_module=rolls.random() < 0.3)
            self.now = then
            self._is(then)
            assert not before or self._pids() == before, "a guest was restarted that no run had to touch"
        except AssertionError as exc:
            raise AssertionError(f"{', '.join(story)}: {exc}") from exc

    def end(self) -> None:
        """Take the lab away by a whole run, and look at what is left."""
        self._apply(_ABSENT)
        self.now = _ABSENT
        self._is(_ABSENT)

    def _pids(self) -> dict[str, int]:
        return pids(self.lab, *_STAY)

    def _is(self, state: str) -> None:
        """Assert that the lab is in a state: a further run finds nothing to do, and nothing is there that does not belong."""
        again = self.lab.scenario("lab", **_WANTED[state])
        assert (again["changed"], again["actions"]) == (False, []), again["actions"]
        unlike = self.lab.traces().unlike(self.known[state])
        assert not unlike, f"more and less than there should be: {unlike}"
        _LOOKS[state](self.lab)

    def _start(self, state: str, *, as_module: bool = False) -> subprocess.Popen[str]:
        """Start a run; the module is a process of its own where its task has an environment."""
        if (state, as_module) not in self._books:
            options = {"name": "lab", "workdir": str(self.lab.path), **_WANTED[state]}
            task = {"dumm.lab.dumm_scenario": options, "environment": {"LC_ALL": "C.UTF-8"} if as_module else {}}
            play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
            self._books[state, as_module] = self.ansible.write([play])
        return self.ansible.start("ansible-playbook", self._books[state, as_module])

    def _apply(self, state: str, *, as_module: bool = False) -> None:
        """Reach a state by a run that is left alone."""
        with self._start(state, as_module=as_module) as run:
            if self._begins(run):
                began = time.monotonic()
                output = run.communicate(timeout=_PATIENCE)[0]
                self.longest = max(0.9 * self.longest, time.monotonic() - began)
            else:
                output = run.communicate(timeout=_PATIENCE)[0]
        assert run.returncode == 0, output

    def _kill(self, state: str, rolls: random.Random) -> str:
        """Kill a run; in words when, and how."""
        as_module, also_guests = rolls.random() < 0.3, rolls.random() < 0.25
        early, part = rolls.random() < 0.1, rolls.random()
        with self._start(state, as_module=as_module) as run:
            began = not early and self._begins(run)
            time.sleep(part * self.longest)
            ended = run.poll() is not None
            killed = kill_tree(run.pid, also_guests=also_guests)
            run.communicate(timeout=_PATIENCE)
        self.tally.killed += 1
        self.tally.working += began and not ended
        moment = f"{part * self.longest:.3f} s after {'it took the lock' if began else 'its start'}"
        what = f"{killed} processes{' with guests that it had started' if also_guests else ''}"
        return f"killed {moment} ({what}{', as a module' if as_module else ''}{', it had ended' if ended else ''})"

    def _begins(self, run: subprocess.Popen[str]) -> bool:
        """Wait for a run to take the lock; whether it did before it ended."""
        lock = self.lab.path / "lock"

        def holder() -> tuple[int, bytes]:
            with suppress(OSError):
                return lock.stat().st_mtime_ns, lock.read_bytes()
            return 0, b""

        before = holder()
        end = time.monotonic() + _PATIENCE
        while holder() == before:
            if run.poll() is not None:
                return False
            assert time.monotonic() < end, "a run did not take the lock"
            time.sleep(0.005)
        return True


def kill_tree(pid: int, *, also_guests: bool) -> int:
    """Kill a process with all that it has started.

    They are stopped first, from the top down, so that none of them starts another that nobody knows of.

    :param also_guests: whether guests count; they are children of the run that started them until it ends.
    :returns: how many.
    """
    stopped: set[int] = set()
    while new := {pid, *_below(pid, also_guests)} - stopped:
        for each in new:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)
        stopped |= new
    for each in stopped:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    return len(stopped)


def _below(pid: int, also_guests: bool) -> list[int]:
    below = descendants(pid)
    return below if also_guests else [each for each in below if processes.owned_by(each) is None]


@contextmanager
def killing(place: Path) -> Iterator[Kills]:
    """A lab for it, whose states are known; it is gone afterwards, whatever happens.

    :param place: an empty directory for what Ansible writes.
    """
    with fresh_lab() as lab:
        known = {}
        # Each from the other ones: whatever a state leaves for later is there.
        for state in (_FIRST, _SECOND, _ABSENT, _FIRST, _SECOND, _ABSENT):
            lab.scenario("lab", **_WANTED[state])
            known[state] = lab.traces()
        yield Kills(lab, Ansible(lab, place), known)
        # So that what is left is only what a scenario does not take away.
        lab.scenario("lab", **_WANTED[_ABSENT])
