# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a guest counts as ready, and which steps wait for that."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import boot
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import readiness, readiness_text
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    Command,
    Guest,
    Power,
    Readiness,
    ReadyCommand,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import wording
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Extra, Scope, Wish
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.guest_steps import AwaitReady
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.plan import plan
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Plan
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.tests.unit.helpers.labs import guest, lab, wish
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import Host, prepared

COMMAND = ReadyCommand("test -e /run/it", 5.0)
WORKS = Extra(commands=(Command("touch /run/it"),))
KEPT = Extra(services=("nginx",))


@pytest.mark.parametrize(
    ("written", "ready"),
    [
        ("auto", None),
        ("agent", Readiness.AGENT),
        ("booted", Readiness.BOOTED),
        ({"run": "true"}, ReadyCommand("true", 60.0)),
        ({"run": "true", "within": "5s"}, ReadyCommand("true", 5.0)),
        ({"run": "true", "within": "500ms"}, ReadyCommand("true", 0.5)),
        ({"run": "true", "within": 5}, ReadyCommand("true", 5.0)),
        # What a template makes of a number.
        ({"run": "true", "within": "5"}, ReadyCommand("true", 5.0)),
    ],
)
def test_module_arguments_are_understood_and_shown_as_they_are_read(
    written: Any, ready: readiness.Ready | None
) -> None:
    assert readiness_text.parse(written) == ready
    assert readiness_text.parse(readiness_text.plain(ready)) == ready


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("boot", "guest alice: ready: 'boot' is not one of its values; did you mean booted?"),
        (True, "guest alice: ready: 'True' is not one of its values"),
        ({}, "guest alice: ready: run must be a command"),
        ({"run": "  "}, "guest alice: ready: run must be a command"),
        ({"run": 1}, "guest alice: ready: run must be a command"),
        ({"run": "true", "withn": 1}, "guest alice: ready: unknown key withn; did you mean within?"),
        ({"run": "true", "within": 0}, "guest alice: ready: within: 0 is out of range"),
        ({"run": "true", "within": "nan"}, "guest alice: ready: within: nan is out of range"),
        ({"run": "true", "within": "0s"}, "guest alice: ready: '0s' leaves no time"),
        ({"run": "true", "within": "2h"}, "guest alice: ready: '2h' is not a number with a unit"),
        ({"run": "true", "within": "4000s"}, "guest alice: ready: 4000s is out of range"),
    ],
)
def test_what_is_wrong_is_refused_with_the_guest(written: Any, complaint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wish("guest", lab(), name="alice", ready=written)

    assert str(refused.value).startswith(complaint)


def test_a_guest_keeps_its_setting_until_another_is_given() -> None:
    defined = lab(guest("alice", ready=Readiness.BOOTED))

    assert wish("guest", defined, name="alice").lab.guests["alice"].ready is Readiness.BOOTED
    assert wish("guest", defined, name="alice", ready="auto").lab.guests["alice"].ready is None


def load(**settings: Any) -> Guest:
    """A guest of a scenario."""
    told = loader.load({"guests": {"a": {}}, **settings}, name="test", place="lab.yml")
    return told.guests["a"]


def test_a_scenario_has_it_for_a_guest_its_groups_and_all() -> None:
    groups = {"served": {"ready": {"run": "true", "within": "2s"}}}

    assert load().ready is None
    assert load(defaults={"ready": "booted"}).ready is Readiness.BOOTED
    assert load(
        defaults={"ready": "booted"}, groups=groups, guests={"a": {"groups": ["served"]}}
    ).ready == ReadyCommand("true", 2.0)
    assert load(defaults={"ready": "booted"}, guests={"a": {"ready": "auto"}}).ready is None


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("boot", "lab.yml: guests.a.ready: 'boot' is not one of its values; did you mean booted?"),
        ({"within": 5}, "lab.yml: guests.a.ready: run must be given"),
        ({"run": " "}, "lab.yml: guests.a.ready.run: run must be a command"),
        ({"run": "true", "within": 0}, "lab.yml: guests.a.ready.within: 0 is out of range"),
        ({"run": "true", "within": "0s"}, "lab.yml: guests.a.ready.within: '0s' leaves no time"),
    ],
)
def test_a_fault_of_a_scenario_names_its_place(written: Any, complaint: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(guests={"a": {"ready": written}})

    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("ready", "works", "boots", "awaited"),
    [
        (None, False, True, Readiness.AGENT),
        (None, True, True, Readiness.BOOTED),
        (None, True, False, Readiness.AGENT),
        (Readiness.AGENT, True, True, Readiness.AGENT),
        (Readiness.BOOTED, False, True, Readiness.BOOTED),
        (Readiness.BOOTED, False, False, Readiness.AGENT),
        (COMMAND, False, False, COMMAND),
    ],
)
def test_what_is_waited_for(ready: readiness.Ready | None, works: bool, boots: bool, awaited: readiness.Ready) -> None:
    assert readiness.wanted(guest("alice", ready=ready), works=works, boots=boots) == awaited


# Steps


def steps(
    host: Host, ready: readiness.Ready | None = None, power: Power = Power.RUNNING, extra: Extra | None = None
) -> Plan:
    """What is done to have a guest run as its scenario says."""
    asked = Wish(
        lab(guest("alice", power=power, ready=ready)),
        Scope(guests=frozenset({"alice"})),
        extras={} if extra is None else {"alice": extra},
    )
    return host.plan(asked)


def awaited(what: Plan) -> list[readiness.Ready]:
    """What steps wait for."""
    return [step.action.ready for step in what.steps if isinstance(step.action, AwaitReady)]


@pytest.mark.parametrize(
    ("ready", "extra", "awaits"),
    [
        (None, None, []),
        (None, Extra(), []),
        (None, WORKS, [Readiness.BOOTED]),
        (None, KEPT, [Readiness.BOOTED]),
        (Readiness.AGENT, WORKS, []),
        (COMMAND, WORKS, [COMMAND]),
        (COMMAND, None, [COMMAND]),
    ],
)
def test_a_guest_that_is_started_is_waited_for_once(
    ready: readiness.Ready | None, extra: Extra | None, awaits: list[Any]
) -> None:
    host = Host()
    first = steps(host, ready, extra=extra)
    assert awaited(first) == awaits
    host.apply(first)

    second = steps(host, ready, extra=extra)

    assert not second.steps


def test_commands_come_after_it() -> None:
    what = steps(Host(), extra=WORKS)

    keys = [str(step.key) for step in what.steps]
    assert keys.index("start guest alice") < keys.index("ready guest alice") < keys.index("run guest alice")
    assert Kind.READY.of("alice") in next(step for step in what.steps if step.key == Kind.RUN.of("alice")).after


def test_waiting_is_no_change() -> None:
    host = Host()
    host.apply(steps(host, Readiness.BOOTED))
    # A run that was killed while it waited, or one of an earlier version.
    host.runs["alice"].seen = frozenset()

    what = steps(host, Readiness.BOOTED)

    assert awaited(what) == [Readiness.BOOTED]
    assert (what.changed, what.actions) == (False, [])


def test_it_is_waited_for_again_after_each_start_and_each_change() -> None:
    host = Host()
    host.apply(steps(host, Readiness.BOOTED))

    assert awaited(steps(host, COMMAND)) == [COMMAND]
    host.runs.pop("alice")
    assert awaited(steps(host, Readiness.BOOTED)) == [Readiness.BOOTED]


@pytest.mark.parametrize("power", [Power.STOPPED, Power.PAUSED])
def test_nobody_waits_for_a_guest_that_is_not_to_run(power: Power) -> None:
    assert awaited(steps(Host(), Readiness.BOOTED, power)) == []


def test_a_guest_without_an_init_of_its_own_is_not_waited_for() -> None:
    asked = Wish(lab(guest("alice", power=Power.RUNNING)), Scope(guests=frozenset({"alice"})), extras={"alice": WORKS})
    minimal = dataclasses.replace(prepared(guest("alice")), boots=False)

    assert awaited(plan(Host().observe(), asked, {"alice": minimal})) == []


# Words and records


def test_a_change_is_said_in_words() -> None:
    assert wording.guest_differences(guest("a"), guest("a", ready=COMMAND)) == (
        "guest a: set ready auto → when 'test -e /run/it' succeeds, within 5 s",
    )


def test_what_was_seen_of_a_guest_holds_for_one_launch(tmp_path: Any) -> None:
    home = Workdir.at(str(tmp_path)).guest("alice")
    home.path.mkdir(parents=True)
    process = Process(1, 1, "", "one", "", "", "", 64, None, "", "", "")

    assert processes.seen(home, process) == frozenset()
    processes.note(home, process, "booted")
    processes.note(home, process, "tasks")

    assert processes.seen(home, process) == {"booted", "tasks"}
    assert processes.seen(home, dataclasses.replace(process, launch="two")) == frozenset()


@pytest.mark.parametrize("content", ["", "[]", "3", '{"launch": "one", "seen": null}', '{"launch": "one"}'])
def test_a_damaged_record_has_seen_nothing(tmp_path: Any, content: str) -> None:
    home = Workdir.at(str(tmp_path)).guest("alice")
    home.path.mkdir(parents=True)
    home.ready.write_text(content)

    assert processes.seen(home, Process(1, 1, "", "one", "", "", "", 64, None, "", "", "")) == frozenset()


# What scripts in guests say


def test_what_is_being_started_is_named_before_what_waits_for_it() -> None:
    assert boot.unfinished("a.service waiting\nb.service running\nc.target waiting\n") == ["b.service"]
    assert boot.unfinished("a.service waiting\n") == ["a.service"]
    assert boot.unfinished("") == []


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_a_command_is_retried_until_it_succeeds_whatever_is_in_it(tmp_path: Any) -> None:
    command = f'echo "it\'s" >>{tmp_path}/tries; [ $(wc -l <{tmp_path}/tries) -ge 3 ]'

    done = subprocess.run(
        ["sh", "-c", boot.retried(command, 300)], capture_output=True, text=True, check=False, timeout=300
    )

    assert done.returncode == 0
    assert (tmp_path / "tries").read_text() == "it's\n" * 3


def test_only_the_last_try_is_told() -> None:
    assert boot.last_try(f"{boot.MARK}\none\n{boot.MARK}\ntwo\nthree\n") == "two\nthree"
    assert boot.last_try(f"{boot.MARK}\none\n{boot.MARK}\n") == "one"
    assert boot.last_try("its mark is not kept any more") == "its mark is not kept any more"
    assert boot.last_try("") == ""
