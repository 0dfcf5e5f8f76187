# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One module run on a lab host in memory: what is reported is what is done, in check mode as in a real run."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import lock, namespaces, netlink
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Key, Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action, Plan, Step
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import apply, runner
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import (
    Event,
    Finished,
    Progress,
    Started,
    StepBegan,
    StepDone,
    StepFailed,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import RunFailed
from ansible_collections.dumm.lab.tests.unit.helpers.labs import params
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import Host, prepared

BODIES = {"guest": runner.run_guest, "iface": runner.run_iface, "bridge": runner.run_bridge}


class Lab:
    """Modules on a host in memory."""

    def __init__(self, host: Host, workdir: Path) -> None:
        self.host = host
        self.workdir = workdir

    def __call__(self, kind: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run a body: the result of its module."""
        try:
            report = BODIES[kind](params(kind, workdir=str(self.workdir), **arguments), check=check)
        except RunFailed as exc:
            return {"failed": True, **exc.result()}
        return {"failed": False, "warnings": list(report.warnings), **report.result()}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An empty lab."""
    host = Host()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(netlink, "check_library", lambda: None)
    monkeypatch.setattr(namespaces, "exists", lambda name: name in host.spaces)
    monkeypatch.setattr(runner, "observe", lambda _workdir: host.observe())
    monkeypatch.setattr(runner, "look_inside", lambda _workdir, actual, _names, _wanted, _seen: actual)
    monkeypatch.setattr(runner, "prepare", lambda _workdir, guest, *_found: prepared(guest))
    monkeypatch.setattr(apply, "apply", lambda plan, _context: host.apply(plan))
    return Lab(host, tmp_path / "workdir")


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("bridge", {"name": "br0", "address": ["10.0.0.254/24"]}),
    ("guest", {"name": "alice"}),
    ("iface", {"guest": "alice", "name": "eth0", "bridge": "br0", "address": ["10.0.0.1/24"]}),
    ("iface", {"guest": "alice", "name": "eth0", "mtu": 9000}),
    ("iface", {"guest": "alice", "name": "eth0", "mac": "02:00:00:00:00:01", "address": [], "up": False}),
    ("guest", {"name": "alice", "state": "paused"}),
    ("guest", {"name": "alice", "state": "started"}),
    ("guest", {"name": "alice", "mem": 64}),
    ("guest", {"name": "alice", "mem": 256, "restart": True}),
    ("bridge", {"name": "br0", "stp": True, "mtu": 1400, "address": []}),
    ("bridge", {"name": "br1", "interfaces": ["alice:eth0"]}),
    ("bridge", {"name": "br0", "state": "absent"}),
    ("iface", {"guest": "alice", "name": "eth0", "state": "absent"}),
    ("guest", {"name": "alice", "state": "stopped"}),
    ("guest", {"name": "alice", "state": "absent"}),
    ("bridge", {"name": "br1", "state": "absent"}),
]


def test_check_mode_tells_what_the_real_run_then_does_and_a_third_finds_nothing(lab: Lab) -> None:
    for kind, arguments in CALLS:
        told = lab(kind, check=True, **arguments)
        done = lab(kind, **arguments)
        again = lab(kind, **arguments)

        assert (told["failed"], told["changed"], told["actions"]) == (False, True, done["actions"]), (kind, arguments)
        assert told["diff"] == done["diff"], (kind, arguments)
        assert done["diff"]["before"] != done["diff"]["after"] or not done["actions"]
        assert (again["changed"], again["actions"]) == (False, []), (kind, arguments)
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]


def test_check_mode_touches_nothing_and_makes_nothing(lab: Lab) -> None:
    lab("guest", check=True, name="alice")

    assert not lab.workdir.exists()
    assert lab.host.guests == {}


def test_check_mode_does_not_wait_for_another_run(lab: Lab) -> None:
    lab("bridge", name="br0")

    with lock.hold(lab.workdir / "lock", "x", "y", 0):
        assert lab("bridge", check=True, name="br1", lock_timeout=0)["changed"]


def test_a_real_run_waits_for_another_and_says_who_it_is(lab: Lab) -> None:
    lab("bridge", name="br0")

    with lock.hold(lab.workdir / "lock", "x", "working on moon", 0):
        failed = lab("bridge", name="br1", lock_timeout=0)

    assert failed["failed"]
    assert f"process {os.getpid()} (working on moon)" in failed["msg"]
    assert set(lab.host.bridges) == {"br0"}


@pytest.mark.parametrize(
    ("kind", "names"),
    [("guest", {"name": "alice"}), ("iface", {"guest": "alice", "name": "eth0"}), ("bridge", {"name": "br0"})],
)
def test_a_result_is_named_after_its_subject(lab: Lab, kind: str, names: dict[str, str]) -> None:
    for each, arguments in CALLS[:3]:
        lab(each, **arguments)

    assert lab(kind, **names)[kind]["name"] == list(names.values())[-1]
    assert lab(kind, check=True, **names)[kind] is not None
    assert lab(kind, state="absent", **names)[kind] is None


def test_what_takes_effect_after_a_restart_is_a_warning_and_a_result(lab: Lab) -> None:
    lab("guest", name="alice")

    done = lab("guest", name="alice", mem=64)

    assert done["restart_required"] == {"alice": ["mem"]}
    assert done["warnings"] == ["guest alice: mem will take effect when it is restarted (restart: true does it)"]


@pytest.mark.parametrize(
    ("kind", "arguments", "complaint"),
    [
        ("guest", {"name": "a/b"}, "guest 'a/b': the name is not a DNS label"),
        ("guest", {"name": "alice", "mem": 3}, "guest alice: mem: 3 MB is too little"),
        ("iface", {"guest": "carol", "name": "eth0"}, "interface carol:eth0: there is no guest carol"),
        ("iface", {"guest": "alice", "name": "eth0", "bridge": "br7"}, "there is no bridge br7"),
    ],
)
def test_bad_input_fails_with_one_message_and_changes_nothing(
    lab: Lab, kind: str, arguments: dict[str, Any], complaint: str
) -> None:
    lab("guest", name="alice")
    before = lab.host.observe()

    failed = lab(kind, **arguments)

    assert (failed["failed"], failed["actions"]) == (True, [])
    assert complaint in failed["msg"]
    assert lab.host.observe() == before


@pytest.mark.parametrize("power", [Power.PAUSED, Power.STARTING])
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("iface", {"guest": "alice", "name": "eth0", "mtu": 1400}),
        ("iface", {"guest": "alice", "name": "eth0", "state": "absent"}),
        ("bridge", {"name": "br0", "state": "absent"}),
    ],
)
def test_an_interface_of_a_guest_that_cannot_answer_is_not_changed(
    lab: Lab, kind: str, arguments: dict[str, Any], power: Power
) -> None:
    for each, given in CALLS[:3]:
        lab(each, **given)
    lab.host.runs["alice"].power = power

    failed = lab(kind, **arguments)

    assert failed["failed"]
    assert failed["msg"].startswith("interface alice:eth0: guest alice ")
    assert "state: started" in failed["msg"]


def test_a_run_without_root_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert lab("guest", name="alice")["msg"].endswith("add become: true")


def test_a_working_directory_that_is_a_file_is_refused(lab: Lab) -> None:
    lab.workdir.touch()

    assert "it is not a directory; give workdir another path" in lab("guest", name="alice")["msg"]


def test_an_error_of_the_host_is_a_message_and_not_a_traceback(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_plan: Plan, _context: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", "/x")

    monkeypatch.setattr(apply, "apply", full)

    failed = lab("guest", name="alice")

    assert failed["msg"] == "this task: cannot work on /x: No space left on device; free some space there and run again"


def test_a_run_that_fails_half_way_tells_what_was_done(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(plan: Plan, _context: object) -> NoReturn:
        lab.host.apply(plan, stop_after=1)
        raise apply.Failed([said("alice", "make guest alice")], [HostError("guest alice", "it broke", "mend it")])

    monkeypatch.setattr(apply, "apply", half)
    failed = lab("guest", name="alice")
    monkeypatch.setattr(apply, "apply", lambda plan, _context: lab.host.apply(plan))

    assert (failed["msg"], failed["actions"]) == ("guest alice: it broke; mend it", ["make guest alice"])
    assert lab("guest", name="alice")["actions"] == ["make network namespace dumm-test", "start guest alice"]


def test_what_an_interrupted_run_left_is_swept_up(lab: Lab) -> None:
    lab("bridge", name="br0")
    (lab.workdir / "guests" / ".new-alice" / "diff").mkdir(parents=True)

    lab("bridge", name="br0")

    assert os.listdir(lab.workdir / "guests") == []


# How a plan is carried out.


class Said(Action):
    """An action of these tests."""

    def __init__(self, name: str) -> None:
        self.name = name


def key(name: str) -> Key:
    """The key of a step of these tests."""
    return Kind.RENDER.of(name)


def said(name: str, *says: str, needs: tuple[str, ...] = ()) -> Step:
    """Such a step."""
    return Step(key(name), Said(name), says, tuple(map(key, needs)))


@pytest.fixture
def context() -> Any:
    """What the steps of these tests work on."""
    told: list[Event | str] = []
    return SimpleNamespace(
        workdir=None,
        told=told,
        publish=told.append,
        parallel=16,
        close=lambda: told.append("closed"),
    )


def test_steps_that_do_not_need_each_other_are_done_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, context: Any
) -> None:
    together = threading.Barrier(3, timeout=300)
    monkeypatch.setattr(apply, "carry_out", lambda _action, _context: together.wait())

    apply.apply(Plan(tuple(said(name) for name in "abc")), context)


def test_a_step_waits_for_what_it_needs(monkeypatch: pytest.MonkeyPatch, context: Any) -> None:
    done: list[str] = []
    monkeypatch.setattr(apply, "carry_out", lambda action, _context: done.append(action.name))
    steps = [
        Step(key(str(n)), Said(str(n)), (f"do {n}",), after=(key(str(n + 1)), key("elsewhere"))) for n in range(20)
    ]

    apply.apply(Plan(tuple(steps)), context)

    assert done == [str(n) for n in reversed(range(20))]
    plan, began, ended = Plan(tuple(steps)), context.told[1:-2:2], context.told[2:-2:2]
    assert began == [StepBegan(step) for step in reversed(steps)]
    assert [(type(event), event.step) for event in ended] == [(StepDone, step) for step in reversed(steps)]
    assert context.told[0] == Started(plan)
    assert context.told[-2:] == ["closed", Finished(plan, tuple(reversed(steps)), ())]


def test_steps_that_come_first_in_the_plan_begin_first(monkeypatch: pytest.MonkeyPatch, context: Any) -> None:
    """So a guest starts before the definitions of all others are written."""
    done: list[str] = []
    monkeypatch.setattr(apply, "carry_out", lambda action, _context: done.append(action.name))
    context.parallel = 1
    steps = [
        step for guest in "abc" for step in (said(f"store {guest}"), said(f"start {guest}", needs=(f"store {guest}",)))
    ]

    apply.apply(Plan(tuple(steps)), context)

    assert done == [step.action.name for step in steps]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidInput("guest b", "it cannot be", "do something"), "guest b: it cannot be; do something"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "render b: cannot do what is planned: Operation not"),
    ],
)
def test_a_failed_step_stops_what_has_not_begun_and_what_runs_is_finished(
    monkeypatch: pytest.MonkeyPatch, context: Any, error: Exception, message: str
) -> None:
    failed = threading.Event()
    done: list[str] = []

    def carry_out(action: Said, _context: object) -> None:
        if action.name == "b":
            failed.set()
            raise error
        if action.name == "a":
            failed.wait(300)
        done.append(action.name)

    monkeypatch.setattr(apply, "carry_out", carry_out)
    steps = (said("a", "do a"), said("b", "do b"), said("c", needs=("b",)))

    with pytest.raises(apply.Failed, match=message) as caught:
        apply.apply(Plan(steps), context)

    assert done == ["a"]
    assert caught.value.done == (steps[0],)
    failures = [event for event in context.told if isinstance(event, StepFailed)]
    assert [(event.step, event.error) for event in failures] == [(steps[1], caught.value.errors[0])]
    assert context.told[-2:] == ["closed", Finished(Plan(steps), (steps[0],), tuple(caught.value.errors))]


def test_how_far_a_plan_is_is_published_while_it_takes_long(monkeypatch: pytest.MonkeyPatch, context: Any) -> None:
    steps = (said("a"), said("b", needs=("a",)))
    published = threading.Event()
    found: list[Progress] = []

    def publish(event: Event) -> None:
        if isinstance(event, Progress) and event.slowest is steps[1]:
            found.append(event)
            published.set()

    def carry_out(action: Said, _context: object) -> None:
        assert action.name == "a" or published.wait(300)

    context.publish = publish
    monkeypatch.setattr(apply, "_PROGRESS_SECONDS", 0.01)
    monkeypatch.setattr(apply, "Start", Said)
    monkeypatch.setattr(apply, "carry_out", carry_out)

    apply.apply(Plan(steps), context)

    assert (found[0].steps, found[0].done, found[0].starts, found[0].up) == (2, 1, 2, 1)
    assert found[0].seconds >= 0


def test_every_failure_is_told(monkeypatch: pytest.MonkeyPatch, context: Any) -> None:
    together = threading.Barrier(2, timeout=300)

    def fail(action: Said, _context: object) -> NoReturn:
        together.wait()
        raise DummError(action.name, "failed", "")

    monkeypatch.setattr(apply, "carry_out", fail)

    with pytest.raises(apply.Failed) as caught:
        apply.apply(Plan((said("a"), said("b"))), context)

    assert sorted(str(error) for error in caught.value.errors) == ["a: failed", "b: failed"]
