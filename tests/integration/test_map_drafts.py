# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The map edits a lab: the root part, asked as the web part asks it, and real guests."""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, fresh_lab
from map_root import MapRefused, RootPart

TEXT = """\
# The campus.
defaults: {mem: 64}
bridges:
  lan: {prefix: 10.1.0.0/24}   # the office
guests:
  alice:
    interfaces:
      eth0: {}
  bob:   # a user
    interfaces:
      eth0: {bridge: lan}
  carol:
    interfaces:
      eth0: {bridge: lan}
tests:
  reach: {steps: [{ping: bob -> carol}]}
  lost: {steps: [{ping: bob -> 10.1.0.99, within: 1s}]}
"""


@contextmanager
def root_part(lab: Lab, *files: str, pages: int = 1) -> Iterator[RootPart]:
    """The root part of a map of a lab."""
    part = RootPart(lab.path, *files, pages=pages)
    try:
        yield part
    finally:
        if part.process.poll() is None:
            part.close()


@pytest.fixture(scope="module")
def campus() -> Iterator[Lab]:
    """A lab whose scenario is stored."""
    with fresh_lab() as lab:
        file = lab.workdir.scenario("campus")
        file.parent.mkdir(mode=0o700, parents=True)
        file.write_text(TEXT)
        lab.scenario("campus")
        yield lab


@pytest.fixture(scope="module")
def shared(campus: Lab) -> Iterator[RootPart]:
    """A map of it with two pages."""
    with root_part(campus, pages=2) as part:
        yield part


@pytest.fixture
def part(lab: Lab, shared: RootPart) -> RootPart:
    """The same, of which nothing was told yet but the draft of this text."""
    shared.until(lambda: shared.draft["text"] == TEXT and shared.draft["ahead"] is None, "the draft is empty")
    for told in shared.told.values():
        del told[:-1]
    assert shared.ask("draft.plan")["steps"] == []
    return shared


@pytest.fixture
def lab(campus: Lab) -> Iterator[Lab]:
    """The lab as its file says, before and after."""
    yield campus
    campus.workdir.scenario("campus").write_text(TEXT)
    (campus.workdir.scenario("campus").parent / "draft.json").unlink(missing_ok=True)
    campus.scenario("campus")


def file_of(lab: Lab, name: str = "campus") -> str:
    """The text that a scenario's file has."""
    return lab.workdir.scenario(name).read_text()


def lines(before: str, after: str) -> list[str]:
    """The lines that go and come."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++", "@@"))]


def says(told: dict[str, Any]) -> list[str]:
    """The steps of a plan, or of a run, in sentences."""
    return [step["says"] for step in told["steps"]]


def refused(act: Callable[..., Any], *words: Any, **more: Any) -> str:
    """The sentence with which the root part refuses something."""
    with pytest.raises(MapRefused) as caught:
        act(*words, **more)
    return str(caught.value)


def test_a_cable_is_drawn_planned_applied_and_saved(lab: Lab, part: RootPart) -> None:
    free = part.ask("draft.propose", guests=["bob", "carol"])
    assert free["ends"] == ["bob:eth1", "carol:eth1"]
    part.edit({"do": "cable.add", "a": "bob:eth1", "b": "carol:eth1", "prefix": free["cable_prefix"]})
    draft = part.draft
    assert draft["edits"] == ["connect bob:eth1 with carol:eth1"]
    assert "bob:eth1--carol:eth1" in draft["wanted"]["cables"]
    assert lab.info()["guests"]["bob"]["interfaces"].keys() == {"eth0"}
    plan = part.ask("draft.plan")
    assert plan["failed"] is None and "make bridge bob-eth1--carol-eth1" in says(plan)
    assert next(step for step in plan["steps"] if step["says"] == "make interface bob:eth1")["guests"] == ["bob"]
    assert file_of(lab) == TEXT
    done = part.ask("draft.apply", save=True, number=draft["number"])
    assert (says(done), done["warnings"]) == (says(plan), plan["warnings"])
    # In the order in which they begin.
    assert sorted(each["says"] for each in part.told[1] if each["type"] == "progress") == sorted(says(plan))
    assert part.draft["edits"] == [] and part.draft["ahead"] is None
    assert lab.reaches("bob", "10.255.0.2")
    cable = ["+links:", f"+  - {{a: bob:eth1, b: carol:eth1, prefix: {free['cable_prefix']}}}"]
    assert lines(TEXT, file_of(lab)) == cable
    before = file_of(lab)
    part.edit({"do": "cable.set", "id": "bob:eth1--carol:eth1", "direction": "to_b", "conditions": {"loss": "100%"}})
    part.ask("draft.apply", save=True)
    assert not lab.reaches("bob", "10.255.0.2", "-c 1 -w 3")
    assert len(lines(before, file_of(lab))) == 2
    assert lab.scenario("campus")["changed"] is False
    # What is saved can be taken back, and applied.
    part.ask("draft.undo")
    part.ask("draft.undo")
    part.ask("draft.apply", save=True)
    assert file_of(lab) == TEXT
    assert lab.scenario("campus")["changed"] is False


def test_who_comes_first_in_the_file_renumbers_nobody(lab: Lab, part: RootPart) -> None:
    before = {name: lab.addresses(name, "eth0") for name in ("bob", "carol")}
    part.edit({"do": "plug", "guest": "alice", "interface": "eth0", "segment": "lan"})
    plan = part.ask("draft.plan")
    assert plan["warnings"] == []
    assert {name for step in plan["steps"] if "address" in step["says"] for name in step["guests"]} == {"alice"}
    part.ask("draft.apply", save=True)
    assert {name: lab.addresses(name, "eth0") for name in ("bob", "carol")} == before
    assert lab.reaches("alice", "10.1.0.1")
    assert lab.scenario("campus")["changed"] is False


def test_stopped_and_paused_guests_stay_so(lab: Lab, part: RootPart) -> None:
    part.ask("guest.power", names=["alice"], state="stop")
    part.ask("guest.power", names=["bob"], state="pause")
    part.until(lambda: _state(part, "bob") == "paused" and _state(part, "alice") == "stopped", "both are seen so")
    part.edit({"do": "cable.add", "a": "alice", "b": "bob", "prefix": "auto"})
    plan = part.ask("draft.plan")
    assert not any(word in sentence for sentence in says(plan) for word in ("start guest", "resume guest"))
    done = part.ask("draft.apply", save=True)
    assert done["warnings"] == plan["warnings"] and len(plan["warnings"]) == 1
    assert {name: each["state"] for name, each in lab.info()["guests"].items()} == {
        "alice": "stopped",
        "bob": "paused",
        "carol": "running",
    }
    assert "not paused" in refused(part.ask, "guest.power", names=["alice"], state="resume")
    plan = part.ask("guest.power", names=["bob"], state="resume", plan=True)
    assert "resume guest bob" in says(plan)
    part.ask("guest.power", names=["alice", "bob"], state="start")
    assert lab.scenario("campus")["changed"] is False


def _state(part: RootPart, guest: str) -> str:
    """A guest's state as pages know it."""
    found = part.ask("view")["view"]["guests"][guest]["state"]
    assert isinstance(found, str)
    return found


def test_while_another_program_has_the_lab_the_page_is_told_so(lab: Lab, part: RootPart) -> None:
    with lab.workdir.lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "purpose": "working on a test", "since": 0}))
        file.flush()
        part.edit({"do": "guest.add", "name": "dave"})
        assert part.ask("draft.plan")["failed"] is None
        said = refused(part.ask, "draft.apply", save=True)
        assert "working on a test" in said and said.endswith("wait for that run to end, and try again")
        # The lab is as it was, and nothing says otherwise.
        part.until(lambda: part.draft["busy"] is None, "the run has ended")
        assert part.draft["ahead"] is None
        assert part.last("ran") == {"type": "ran", "what": "apply", "ok": False, "says": [said]}
        assert file_of(lab) == TEXT
        fcntl.flock(file, fcntl.LOCK_UN)
        part.ask("draft.undo")
        assert part.draft["diff"] == ""


def test_of_a_killed_apply_nothing_is_lost_and_nothing_is_silent(lab: Lab) -> None:
    waits = "mkdir -p /run/seen && while ! test -e /run/go; do sleep 0.1; done"
    with root_part(lab) as part:
        part.edit({"do": "cable.add", "a": "bob", "b": "carol", "prefix": "auto"})
        part.edit({"do": "guest.add", "name": "dave", "settings": {"run": [waits]}})
        part.begin("draft.apply", save=True)
        part.until(
            lambda: any("run " in each["says"] for each in part.told[1] if each["type"] == "progress"), "dave waits"
        )
        text = part.draft["text"]
        part.kill()
    assert file_of(lab) == TEXT
    with root_part(lab) as part:
        draft = part.draft
        assert (draft["text"], len(draft["edits"])) == (text, 2)
        assert "+  dave:" in draft["ahead"]
        lab.read("dave", "touch /run/go")
        part.ask("draft.apply", save=True)
        assert part.draft["ahead"] is None
        assert file_of(lab) == text
        assert lab.scenario("campus")["changed"] is False


def test_what_is_applied_without_the_file_is_told_until_they_are_the_same(lab: Lab) -> None:
    with root_part(lab) as part:
        part.edit({"do": "segment.add", "name": "dmz"})
        part.ask("draft.apply", save=False)
        assert file_of(lab) == TEXT and "dmz" in lab.info()["bridges"]
        assert part.draft["ahead"] is not None
        part.ask("draft.discard")
        assert part.draft["diff"] == "" and part.draft["ahead"] is not None
        assert "remove bridge dmz" in says(part.ask("draft.plan"))
    with root_part(lab) as part:
        assert part.draft["ahead"] is not None
        part.ask("draft.apply", save=False)
        assert part.draft["ahead"] is None and "dmz" not in lab.info()["bridges"]


def test_two_people_edit_one_draft(lab: Lab, part: RootPart) -> None:
    number = part.draft["number"]
    part.edit({"do": "guest.add", "name": "dave"}, page=1)
    part.until(lambda: (part.last("draft", 2) or {})["draft"]["edits"], "the other page is told")
    part.edit({"do": "cable.add", "a": "dave", "b": "bob", "prefix": "auto"}, page=2)
    part.until(lambda: len(part.draft["edits"]) == 2, "the first page is told")
    for verb, more in (
        ("draft.undo", {}),
        ("draft.text", {"text": "guests: {}\n"}),
        ("draft.apply", {"save": True}),
    ):
        assert "tester 2 has changed it meanwhile" in refused(part.ask, verb, number=number, **more)
    assert "there is one already" in refused(part.edit, {"do": "guest.add", "name": "dave"}, page=2)
    # A second map of the same lab has the same draft.
    with root_part(lab) as other:
        assert other.draft["edits"] == part.draft["edits"]
        other.ask("draft.undo")
        part.until(lambda: len(part.draft["edits"]) == 1, "the pages of the first map are told")
        part.ask("draft.redo")
        assert len(part.draft["edits"]) == 2


def test_a_draft_over_a_file_that_was_changed_is_stale(lab: Lab, part: RootPart) -> None:
    file = lab.workdir.scenario("campus")
    part.edit({"do": "guest.add", "name": "dave"})
    part.ask("draft.text", text=part.draft["text"].replace("# a user", "# a person"))
    file.write_text(TEXT.replace("carol", "erin"))
    part.until(lambda: part.draft["stale"], "the page is told that it is stale")
    assert "-  carol:" in part.draft["stale"] and "+  erin:" in part.draft["stale"]
    said = refused(part.ask, "draft.apply", save=True)
    assert f"{file} has been changed meanwhile" in said
    assert file.read_text() == TEXT.replace("carol", "erin")
    part.ask("draft.rebase")
    assert part.draft["stale"] is None
    assert lines(TEXT, part.draft["text"])[-1] == "+  reach: {steps: [{ping: bob -> erin}]}"
    assert "# a person" in part.draft["text"] and "dave" in part.draft["text"]
    file.write_text(TEXT)
    part.until(lambda: part.draft["stale"], "the page is told again")
    part.ask("draft.discard")
    assert (part.draft["text"], part.draft["stale"]) == (TEXT, None)


def test_faults_of_what_is_typed_are_told(lab: Lab, part: RootPart) -> None:
    part.ask("draft.text", text=TEXT.replace("bridge: lan", "bridge: lam"))
    assert len(part.draft["faults"]) == 2
    assert "there is no bridge lam; did you mean lan?" in part.draft["faults"][0]
    assert "its text has a fault" in refused(part.edit, {"do": "guest.add", "name": "dave"})
    assert "its text has a fault" in refused(part.ask, "draft.apply", save=True)
    part.ask("draft.undo")
    assert part.draft["faults"] == []


def test_what_needs_a_restart_is_told_before(lab: Lab, part: RootPart) -> None:
    part.edit({"do": "guest.set", "name": "bob", "path": ["mem"], "value": 96})
    told = part.ask("draft.plan")
    assert (told["restart_required"], told["warnings"]) == ({"bob": ["mem"]}, [])
    plan = part.ask("draft.plan", restart=True)
    assert plan["restart_required"] == {} and "start guest bob" in says(plan)
    assert lab.info()["guests"]["bob"]["mem"] == 64


def test_a_file_of_the_users_own_is_edited_where_it_is(lab: Lab, tmp_path: Path) -> None:
    own = tmp_path / "mine.yml"
    own.write_text(TEXT)
    own.chmod(0o640)
    os.chown(own, 1234, 1235)
    with root_part(lab, f"campus={own}") as part:
        assert part.draft["file"] == str(own)
        part.edit({"do": "segment.add", "name": "dmz"})
        part.ask("draft.apply", save=True)
        part.edit({"do": "segment.add", "name": "wan"})
        saved = own.read_text()
        own.write_text(f"# theirs\n{saved}")
        part.until(lambda: part.draft["stale"], "the page is told that somebody has written it")
        own.write_text(saved)
        part.until(lambda: part.draft["stale"] is None, "the page is told that it is as before")
    assert lines(TEXT, own.read_text()) == ["+  dmz:"]
    status = own.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, 1234, 1235)
    assert file_of(lab) == TEXT


def test_checks_are_run_and_tell_whom_they_are_about(lab: Lab, part: RootPart) -> None:
    assert [each["name"] for each in part.ask("check.list")] == ["reach", "lost"]
    found = {each["name"]: each for each in part.ask("check.run")}
    assert (found["reach"]["verdict"], found["reach"]["guests"]) == ("passed", ["bob", "carol"])
    # On a machine that is busy, a failure is one to doubt.
    assert found["lost"]["verdict"] in ("failed", "suspect") and found["lost"]["guests"] == ["bob"]
    assert found["lost"]["cause"]
    assert any(
        each["verdict"] == "running" for told in part.told[1] if told["type"] == "checks" for each in told["checks"]
    )
    assert "did you mean reach?" in refused(part.ask, "check.run", names=["raech"])


def test_saved_states_layers_and_places(lab: Lab, part: RootPart) -> None:
    other = lab.workdir.scenario("vpn")
    other.parent.mkdir(mode=0o700, exist_ok=True)
    other.write_text("guests:\n  bob:\n    files: {/etc/vpn.conf: here}\n")
    part.until(lambda: "vpn" in part.ask("view")["view"]["scenarios"], "the scenario is seen")
    assert "load scenario vpn" in says(part.ask("layer.load", scenario="vpn", plan=True))[0]
    part.ask("layer.load", scenario="vpn", guests=["bob"])
    assert lab.read("bob", "cat /etc/vpn.conf") == "here"
    part.ask("layer.unload", scenario="vpn", guests=["bob"])
    assert lab.run("bob", "test -e /etc/vpn.conf").code != 0
    lab.read("bob", "echo one >/root/file")
    part.ask("save.make", guests=["bob"], name="before")
    lab.read("bob", "echo two >/root/file")
    part.until(lambda: part.ask("view")["view"]["guests"]["bob"]["saves"] == ["before"], "the saved state is seen")
    part.ask("save.restore", guests=["bob"], name="before")
    assert lab.read("bob", "cat /root/file") == "one\n"
    assert "it has no saved state after" in refused(part.ask, "save.restore", guests=["bob"], name="after")
    part.ask("save.remove", guests=["bob"], name="before")
    places = lab.workdir.scenario("campus").parent / "map.json"
    places.write_text('{"guest bob": {"x": 1, "y": 2, "locked": true}, "zoom": 3}\n')
    part.ask("places.move", places={"guest bob": [10, 20.25], "bridge lan": [1, 2]})
    assert json.loads(places.read_text()) == {
        "guest bob": {"x": 10.0, "y": 20.2, "locked": True},
        "zoom": 3,
        "bridge lan": {"x": 1.0, "y": 2.0},
    }
    assert "no pair of numbers" in refused(part.ask, "places.move", places={"guest bob": [1, "x"]})
    assert part.ask("log.read", guest="bob")["lines"] != []
    assert "no such guest" in refused(part.ask, "log.read", guest="../bob")
    lab.scenario("campus")


def test_a_lab_without_a_scenario_becomes_one() -> None:
    with fresh_lab() as lab:
        lab.bridge("br0")
        lab.guest("alice", mem=64)
        lab.iface("alice", "eth0", bridge="br0", address="10.0.0.1/24")
        with root_part(lab) as part:
            draft = part.draft
            assert (draft["scenario"], draft["new"], draft["edits"], draft["refused"]) == ("lab", True, [], None)
            part.edit({"do": "guest.add", "name": "bob", "settings": {"mem": 64}})
            part.edit({"do": "plug", "guest": "bob", "segment": "br0", "address": "10.0.0.2/24"})
            part.ask("draft.apply", save=True)
            assert lab.reaches("alice", "10.0.0.2")
            assert lab.scenario("lab")["changed"] is False
            # What others do can be taken over.
            lab.iface("bob", "eth1", address="10.7.0.1/24")
            part.ask("draft.adopt")
            lab.guest("zoe", state="present")
            part.until(lambda: "zoe" in part.ask("view")["view"]["guests"], "the new guest is seen")
            said = refused(part.edit, {"do": "guest.set", "name": "zoe", "path": ["mem"], "value": 64})
            assert "take over what the lab has" in said
            assert "+      eth1: {address: 10.7.0.1/24}" in part.draft["diff"]
            assert not any("eth1" in sentence for sentence in says(part.ask("draft.plan")))


def test_what_came_from_elsewhere_is_edited_as_it_was_applied_and_never_taken_away(lab: Lab) -> None:
    config = {"guests": {"dave": {"mem": 64, "files": {"/etc/motd": "hello"}}}}
    lab.scenario("other", config, state="stopped")
    noted = lab.workdir.applied("other")
    assert stat.S_IMODE(noted.stat().st_mode) == 0o600
    assert lab.scenario("other", config, state="stopped")["changed"] is False
    try:
        with root_part(lab) as part:
            part.ask("scenario.choose", name="other")
            draft = part.draft
            assert draft["new"] and "a playbook's variables" in draft["note"]
            part.edit({"do": "guest.set", "name": "dave", "path": ["mem"], "value": 80})
            assert says(part.ask("draft.plan")) == ["guest dave: set mem 64 → 80"]
            # What was applied and never saved can be taken back.
            part.ask("draft.apply", save=False)
            part.ask("draft.discard")
            assert says(part.ask("draft.plan")) == ["guest dave: set mem 80 → 64"]
            part.ask("draft.apply", save=False)
            assert part.draft["ahead"] is None
        noted.unlink()
        with root_part(lab) as part:
            said = refused(part.ask, "scenario.choose", name="other")
            assert "only that has the files of guest dave" in said and "dumm map FILE" in said
            assert part.draft["scenario"] == "campus"
    finally:
        lab.scenario("other", state="absent")


def test_a_lab_that_is_made_after_the_map_has_begun_is_what_the_map_edits() -> None:
    with fresh_lab() as lab, root_part(lab) as part:
        assert part.draft["scenario"] == "lab"
        lab.scenario("office", {"guests": {"alice": {}}}, state="stopped")
        part.until(lambda: part.draft["scenario"] == "office", "the map turns to the lab's scenario")
        part.until(lambda: part.ask("view")["view"]["lab"]["scenario"] == "office", "the view has it")
        part.edit({"do": "guest.set", "name": "alice", "path": ["mem"], "value": 80})
        # What somebody edits stays what is edited.
        lab.scenario("larger", {"guests": {name: {} for name in ("bob", "carol")}}, state="stopped")
        part.until(lambda: "carol" in part.ask("view")["view"]["guests"], "the other guests are seen")
        part.edit({"do": "guest.set", "name": "alice", "path": ["mem"], "value": 96})
        assert part.draft["scenario"] == "office"
