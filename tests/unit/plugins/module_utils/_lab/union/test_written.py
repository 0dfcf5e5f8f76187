# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest wrote: told, saved, thrown away and brought back; and the rules of what fails on purpose."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, InjectedFault, Lab, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import plan, steps
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import SavePointWish, Scope, Wish
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import prepare
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import saves, serving
from ansible_collections.dumm.lab.plugins.module_utils._lab.union.server import faults
from ansible_collections.dumm.lab.plugins.module_utils._lab.union.written import same, written
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import Host, Run, prepared, process_of


def put(root: Path, *names: str) -> Path:
    """Files in a layer, each with its name as content; directories where the name ends so."""
    for name in names:
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(name)
    return root


def test_what_is_added_changed_and_deleted_is_told_apart(tmp_path: Path) -> None:
    master = put(tmp_path / "master", "etc/kept", "etc/changed", "etc/gone", "opt/only-master")
    layer = put(tmp_path / "layer", "etc/of-layer")
    diff = put(tmp_path / "diff", "etc/changed", "etc/of-layer", "etc/added", "srv/new/file")
    os.mknod(diff / "etc/gone", stat.S_IFCHR, 0)
    os.mknod(diff / "etc/never-there", stat.S_IFCHR, 0)
    (master / "opt").chmod(0o755)
    (diff / "opt").mkdir(mode=0o700)

    found = written(diff, [layer, master])

    assert found.added == ["/etc/added", "/srv"]
    assert found.changed == ["/etc/changed", "/etc/of-layer", "/opt"]
    assert found.deleted == ["/etc/gone"]
    assert found.size > 0


def test_a_layer_may_be_deeper_than_calls_and_paths(tmp_path: Path) -> None:
    diff = put(tmp_path / "diff", "file")
    here = os.open(diff, os.O_RDONLY)
    for _number in range(2500):
        os.mkdir("dd", dir_fd=here)
        below = os.open("dd", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    assert written(diff, [put(tmp_path / "master", "file")]).added == ["/dd"]
    assert same(diff, diff)
    files.remove_tree(diff)


def test_what_takes_the_place_of_something_else_has_changed(tmp_path: Path) -> None:
    master = put(tmp_path / "master", "file", "directory/inner")
    diff = put(tmp_path / "diff", "file/now/a/directory")
    (diff / "directory").symlink_to("file")

    assert written(diff, [master]).changed == ["/directory", "/file"]


def test_a_guest_that_never_ran_has_written_nothing(tmp_path: Path) -> None:
    found = written(tmp_path / "none", [tmp_path])

    assert (found.size, found.added, found.changed, found.deleted) == (0, [], [], [])


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """A working directory with a guest that has written something."""
    made = Workdir(tmp_path)
    made.create()
    made.store_guest(Guest("alice"))
    put(made.guest("alice").diff, "etc/mine", "opt/")
    os.link(made.guest("alice").diff / "etc/mine", made.guest("alice").diff / "etc/link")
    return made


def test_a_copy_is_the_same_until_either_changes(workdir: Workdir) -> None:
    alice = workdir.guest("alice")
    saves.save(alice, alice.diff, "good")

    assert saves.names(alice) == ["good"]
    assert saves.holds(alice, alice.diff, "good")
    assert (alice.saves / "good/etc/link").stat().st_nlink == 2
    (alice.diff / "etc/mine").write_text("other")
    assert not saves.holds(alice, alice.diff, "good")
    assert (alice.saves / "good/etc/mine").read_text() == "etc/mine"

    saves.restore(alice, alice.diff, "good")
    assert saves.holds(alice, alice.diff, "good")
    saves.reset(alice, alice.diff)
    assert saves.is_empty(alice.diff)
    assert not saves.holds(alice, alice.diff, "good")
    saves.remove(alice, "good")
    assert saves.names(alice) == []
    assert not [name for name in os.listdir(alice.path) if name.startswith(".")]


def test_layers_that_differ_in_a_mode_or_a_name_are_not_the_same(tmp_path: Path) -> None:
    one, two = put(tmp_path / "one", "d/"), put(tmp_path / "two", "d/")
    assert same(one, two)
    (two / "d").chmod(0o700)
    assert not same(one, two)
    (two / "d").chmod((one / "d").stat().st_mode & 0o7777)
    put(two, "e/")
    assert not same(one, two)


def test_only_what_is_not_so_already_is_done(workdir: Workdir) -> None:
    alice, guest = workdir.guest("alice"), Guest("alice")
    everything = SavePointWish(remove="old", save="good", reset=True)
    assert prepare.save_points(workdir, guest, everything) == SavePointWish(save="good", reset=True)

    saves.save(alice, alice.diff, "good")
    assert prepare.save_points(workdir, guest, SavePointWish(save="good", restore="good")) == SavePointWish()
    assert prepare.save_points(workdir, guest, SavePointWish(remove="good", save="good")) == SavePointWish(
        remove="good", save="good"
    )
    saves.reset(alice, alice.diff)
    assert prepare.save_points(workdir, guest, SavePointWish(reset=True)) == SavePointWish()
    assert prepare.save_points(workdir, guest, SavePointWish(restore="good")) == SavePointWish(restore="good")
    with pytest.raises(InvalidInput, match=r"guest alice: it has no saving point god; .*did you mean good\?"):
        prepare.save_points(workdir, guest, SavePointWish(restore="god"))


def _planned(power: Power, wanted: Power, keep: SavePointWish, renew: bool = False) -> steps.Plan:
    host = Host()
    guest = Guest("alice")
    host.guests["alice"] = guest
    if power.alive:
        host.runs["alice"] = Run(power, process_of(guest, prepared(guest)))
    actual = host.observe()
    after = Guest("alice", power=wanted)
    names = frozenset({"alice"})
    lab = Lab(actual.lab.name, actual.lab.netns, {"alice": after})
    wish = Wish(lab, Scope(guests=names), renew=names if renew else frozenset(), save_points={"alice": keep})
    return plan.plan(actual, wish, {"alice": prepared(after)})


def test_what_a_guest_wrote_is_changed_between_its_end_and_its_start() -> None:
    done = [
        str(step.key)
        for step in _planned(Power.RUNNING, Power.RUNNING, SavePointWish(restore="good"), renew=True).steps
    ]

    assert [key for key in done if key.split()[0] in ("stop", "keep", "start")] == [
        "stop guest alice",
        "keep guest alice",
        "start guest alice",
    ]


def test_a_guest_is_made_before_its_state_is_saved() -> None:
    host = Host()
    names, after = frozenset({"alice"}), Guest("alice")
    lab = Lab("dumm", "dumm", {"alice": after})
    wish = Wish(lab, Scope(guests=names), save_points={"alice": SavePointWish(save="empty")})

    planned = plan.plan(host.observe(), wish, {"alice": prepared(after)}).steps

    waits = {str(step.key): {str(key) for key in step.waits_for({each.key for each in planned})} for step in planned}
    assert waits["keep guest alice"] == {"store guest alice"}


def test_what_a_running_guest_wrote_is_left_alone() -> None:
    with pytest.raises(InvalidInput, match=r"guest alice: it runs, and .*; stop it \(state: stopped\), or"):
        _planned(Power.RUNNING, Power.RUNNING, SavePointWish(reset=True))


def test_the_first_rule_that_matches_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(faults.time, "sleep", slept.append)
    wanted = (
        InjectedFault("/var/*.db", ("write",), "ENOSPC"),
        InjectedFault("/var/*", (), None, 20.0),
        InjectedFault("*", ("read",), "EIO"),
    )
    active = faults.rules(serving.rules(wanted))

    assert faults.meet(active, "write", "/var/lib/a.db") == errno.ENOSPC
    assert slept == []
    assert faults.meet(active, "read", "/var/lib/a.db") == 0
    assert slept == [0.02]
    assert faults.meet(active, "read", "/etc/passwd") == errno.EIO
    assert faults.meet(active, "write", "/etc/passwd") == 0
    assert faults.meet(active, "lookup", "/var/lib/a.db") == 0
