# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A move of a guest in which a machine dies: nothing of the guest is lost, and the next run completes the move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from lab import PATIENCE, until
from spread import TASK, Lab, changed
from world import Machine, World

pytestmark = pytest.mark.long

# Two pieces of an archive, which cannot be packed smaller.
_WRITE = "head -c 6000000 /dev/urandom >/root/noise; chown 1000:50 /root/noise; rm -f /etc/debian_version; sync"
_SEE = "sha256sum /root/noise; stat -c %u:%g:%Y /root/noise; ls /etc/debian_version 2>&1; true"
# Has a function of the code that a lab host was sent wait at its beginning or end, for as long as a file is there.
_HOOK = """

def _stopping(inner, count, before):
    def outer(*words, **named):
        with open("/srv/calls", "ab") as calls:
            calls.write(b"x")
            stops = calls.tell() == count
        if stops and before:
            _stop()
        found = inner(*words, **named)
        if stops and not before:
            _stop()
        return found

    return outer


def _stop():
    import time

    Path("/srv/stopped.new").write_text(str(os.getpid()))
    os.rename("/srv/stopped.new", "/srv/stopped")
    while os.path.exists("/srv/stopped"):
        time.sleep(0.1)


{name} = _stopping({name}, {count}, {before})
"""


@dataclass(frozen=True)
class Cut:
    """A moment of a move, and the machine that dies then.

    :ivar side: which lab host does the step: ``old`` or ``new``.
    :ivar function: of ``access.moving``, and whether the moment is before it or after it.
    :ivar dies: ``old``, ``new`` or ``controller``.
    :ivar count: which call of the function it is.
    """

    side: str
    function: str
    before: bool
    dies: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.dies} {'before' if self.before else 'after'} {self.function}"


CUTS = (
    Cut("old", "_pack", True, "old"),
    Cut("old", "leave", False, "new"),
    Cut("old", "piece", False, "old", 2),
    Cut("new", "put", False, "controller"),
    Cut("new", "_tar", True, "new"),
    Cut("new", "_settle", True, "old"),
    Cut("new", "Workdir.store_guest", False, "new"),
    Cut("new", "arrive", False, "controller"),
    Cut("old", "left", True, "old"),
    Cut("old", "sharing.forget_packed", True, "old"),
)


class Moving:
    """A guest that goes to and fro between lab1 and lab3, and what it wrote.

    :ivar old: the lab host that it is on.
    :ivar new: the one that it goes to.
    """

    def __init__(self, world: World) -> None:
        self.lab = Lab(world)
        self.old, self.new = world.hosts["lab1"], world.hosts["lab3"]
        self._on(self.old)
        self.lab.run()
        self.wrote = self.lab.inside("a", f"{_WRITE}; {_SEE}")

    def cut_off(self, cut: Cut) -> None:
        """Move the guest, and have a machine die meanwhile."""
        world = self.lab.world
        side = self.old if cut.side == "old" else self.new
        victim = {"old": self.old, "new": self.new, "controller": world.controller}[cut.dies]
        stopped = side.place / "srv/stopped"
        self._on(self.new)
        with _hook(side, cut):
            move = world.begin("ansible-playbook", "-i", self.lab.inventory, self.lab.book)
            until(lambda: stopped.exists() or move.poll() is not None, f"the moment {cut}")
            assert stopped.exists(), (world.controller.place / "begun.log").read_text()
            step = side.root / "proc" / stopped.read_text()
            victim.cut()
            stopped.unlink()
            if victim is not side:
                until(lambda: not step.exists(), "the end of the step")
        world.boot(victim)
        move.wait(PATIENCE)

    def complete(self) -> None:
        """Move it without disturbance."""
        self.lab.run()
        self.old, self.new = self.new, self.old

    def seen(self) -> str:
        """What the guest has of what it wrote."""
        return self.lab.inside("a", _SEE)

    def _on(self, host: Machine) -> None:
        guests = f"a: {{lab_host: {host.name}}}, b: {{lab_host: lab2}}, c: {{lab_host: lab1}}"
        lan = "{lan: {prefix: 10.1.0.0/24, interfaces: [a:eth0, b:eth0, c:eth0]}}"
        self.lab.play(f"{{defaults: {{mem: 64}}, guests: {{{guests}}}, bridges: {lan}}}", TASK, "move: true")


@contextmanager
def _hook(host: Machine, cut: Cut) -> Iterator[None]:
    """Have the step stop on a lab host that has been asked before."""
    (program,) = (host.place / "srv/home/.cache/dumm").glob("*/dumm_sent/access/moving.py")
    text, calls = program.read_text(), host.place / "srv/calls"
    program.write_text(text + _HOOK.format(name=cut.function, count=cut.count, before=cut.before))
    try:
        yield
    finally:
        program.write_text(text)
        calls.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def moving(site: World) -> Iterator[Moving]:
    """The guest, which all tests here move."""
    made = Moving(site)
    yield made
    made.lab.take_away()
    site.clear()


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_a_move_in_which_a_machine_dies_is_completed_by_the_next_run(moving: Moving, cut: Cut) -> None:
    left, arrives = moving.old, moving.new

    moving.cut_off(cut)
    moving.complete()

    place = moving.lab.place()
    assert [name for name, guests in place.items() if "a" in guests] == [arrives.name]
    assert "b" in place["lab2"] and "c" in place["lab1"]
    assert moving.seen() == moving.wrote
    for host in (left, arrives):
        assert not (host.root / "var/lib/dumm/moving").exists()
    assert sorted(path.name for path in (arrives.root / "var/lib/dumm/guests").iterdir()) == _guests(arrives, "a")
    assert sorted(path.name for path in (left.root / "var/lib/dumm/guests").iterdir()) == _guests(left)


def test_a_run_after_all_these_finds_nothing_to_do(moving: Moving) -> None:
    assert set(changed(moving.lab.run()).values()) == {0}


def _guests(host: Machine, *more: str) -> list[str]:
    """What is in the directory of a lab host's guests."""
    return sorted([*more, *({"lab1": ["c"]}.get(host.name, ()))])
