# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What files of tests may say, what is made of it, and that a check which could not fail is a fault."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import (
    Action,
    Bound,
    Clean,
    Expected,
    Http,
    Interface,
    Link,
    LoadLayer,
    Pending,
    Ping,
    Port,
    Reach,
    Run,
    Saw,
    SetPower,
    Stage,
    Step,
    Test,
    Throughput,
    Wait,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader, queries, spec, tests

DOCS = Path(__file__).resolve().parents[6] / "docs"
GUESTS = {
    name: Guest(name, interfaces={each: Iface(name, each) for each in ("eth0", "eth1")})
    for name in ("alice", "bob", "moon", "sun")
}


def load(text: str | dict[str, Any], guests: dict[str, Guest] | None = GUESTS) -> tuple[Test, ...]:
    return tests.load(text, group="vpn", place="t.yml", guests=guests)


def steps(*written: str, phase: str = "steps") -> tuple[Step, ...]:
    lines = "".join(f"      - {line}\n" for line in written)
    extra = "" if phase == "steps" else '    steps: [{ping: "alice -> bob"}]\n'
    (test,) = load(f"tests:\n  t:\n{extra}    {phase}:\n{lines}")
    found: tuple[Step, ...] = getattr(test, phase)
    return found


def action(written: str) -> Action:
    # A test needs a check, and an interface that a step names may be made by it.
    return steps(written, "{ping: alice -> bob}")[0].action


def faults(text: str, guests: dict[str, Guest] | None = GUESTS) -> list[str]:
    with pytest.raises(Invalid) as caught:
        load(text, guests)
    return [str(fault) for fault in caught.value.faults]


def fault(written: str, phase: str = "steps") -> str:
    """The one fault of a step, without the file's name."""
    with pytest.raises(Invalid) as caught:
        steps(written, phase=phase)
    (found,) = caught.value.faults
    return str(found).partition(": ")[2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{on: moon, run: ip a, match: eth0}", Run(("moon",), "ip a", Expected(match=("eth0",)))),
        ("{on: [moon, sun], run: ip a, match: [a, b], no_match: c}",
         Run(("moon", "sun"), "ip a", Expected(match=("a", "b"), no_match=("c",)))),
        ("{on: moon, run: ip a, count: 3}", Run(("moon",), "ip a", Expected(count=Bound("==", 3)))),
        ('{on: moon, run: ip a, match: x, count: "<= 3"}',
         Run(("moon",), "ip a", Expected(match=("x",), count=Bound("<=", 3)))),
        ("{on: moon, run: ip a, empty: true}", Run(("moon",), "ip a", Expected(empty=True))),
        ("{on: moon, run: x, code: 1}", Run(("moon",), "x", Expected(code=1))),
        ("{on: moon, run: x, json: 'a.b', is: {c: [1, on]}}",
         Run(("moon",), "x", Expected(json="a.b", equals={"c": [1, True]}))),
        ("{on: moon, run: x, json: 'a.b', is: }", Run(("moon",), "x", Expected(json="a.b"))),
        ('{"on": moon, run: x, code: 0}', Run(("moon",), "x", Expected(code=0))),
        ("{ping: alice -> bob}", Ping("alice", "bob")),
        ("{ping: 'alice:eth1->10.0.0.1', count: 3, loss: 40, size: 1400}",
         Ping("alice:eth1", "10.0.0.1", 3, 40.0, 1400)),
        ("{ping: 'alice -> FD00::1', fails: yes}", Ping("alice", "fd00::1", fails=True)),
        ("{ping: alice -> bob:eth1, family: 6}", Ping("alice", "bob:eth1", family=6)),
        ("{http: alice -> http://bob/x, status: 404, match: gone}",
         Http("alice", "http://bob/x", 404, ("gone",))),
        ("{port: alice -> bob:22}", Port("alice", "bob", 22)),
        ("{port: 'alice -> [fd00::1]:22', fails: true}", Port("alice", "fd00::1", 22, fails=True)),
        ("{port: alice -> bob:eth1:22}", Port("alice", "bob:eth1", 22)),
        ("{saw: sun:eth0}", Saw("sun:eth0", "", Bound(">=", 1))),
        ("{saw: sun:eth0, filter: esp and src moon, count: 0}", Saw("sun:eth0", "esp and src moon", Bound("==", 0))),
        ("{saw: sun:eth0, since: stage}", Saw("sun:eth0", "", Bound(">=", 1), in_stage=True)),
        ("{link: moon:eth0, state: down}", Link("moon:eth0", {"up": False})),
        ("{link: moon:eth0, state: up, delay: 20ms, loss: 1%}",
         Link("moon:eth0", {"up": True, "delay": 20.0, "loss": 1.0})),
        ("{interface: moon:eth7, bridge: lan, address: [10.0.0.1/24]}",
         Interface("moon:eth7", {"bridge": "lan", "address": ["10.0.0.1/24"]})),
        ("{interface: moon:eth1, state: absent}", Interface("moon:eth1", {"state": "absent"})),
        ("{pause: moon}", SetPower(("moon",), Power.PAUSED)),
        ("{resume: [moon, sun]}", SetPower(("moon", "sun"), Power.RUNNING)),
        ("{stop: moon}", SetPower(("moon",), Power.STOPPED)),
        ("{start: moon}", SetPower(("moon",), Power.RUNNING)),
        ("{restart: moon}", SetPower(("moon",), Power.RUNNING, again=True)),
        ("{layer: psk}", LoadLayer("psk")),
        ("{stage: failover}", Stage("failover")),
        ("{wait: 500ms}", Wait(0.5)),
        ("{wait: 2}", Wait(2.0)),
        ("{reach: all}", Reach()),
        ("{reach: [alice, bob], families: [4, 6], fails: true}", Reach(("alice", "bob"), (4, 6), fails=True)),
        ("{throughput: {from: alice, to: bob, at_least: 10mbit, seconds: 3}}", Throughput("alice", "bob", 1e7, 3.0)),
    ],
)  # fmt: skip
def test_a_step_is_what_its_key_says(written: str, expected: Action) -> None:
    assert action(written) == expected


@pytest.mark.parametrize(
    ("written", "within", "holds", "once"),
    [
        ("{ping: alice -> bob}", 10.0, None, False),
        ("{ping: alice -> bob, within: 90s}", 90.0, None, False),
        ("{ping: alice -> bob, within: 0}", 0.0, None, False),
        ("{ping: alice -> bob, within: 0s}", 0.0, None, False),
        ("{ping: alice -> bob, for: 3s}", 0.0, 3.0, False),
        ("{ping: alice -> bob, within: 5, for: 500ms}", 5.0, 0.5, False),
        ("{on: moon, run: x, code: 0}", 10.0, None, False),
        ("{link: moon:eth0, state: up}", 0.0, None, True),
        ("{restart: moon}", 0.0, None, True),
        ("{wait: 1s}", 0.0, None, True),
    ],
)
def test_checks_are_retried_and_changes_are_carried_out_once(
    written: str, within: float, holds: float | None, once: bool
) -> None:
    found = steps(written, "{ping: alice -> bob}")[0]
    assert (found.within, found.holds, found.once) == (within, holds, once)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_bare_command_that_prepares_or_cleans_up_must_succeed_and_is_run_once(phase: str) -> None:
    (found,) = steps("{on: moon, run: start it}", phase=phase)
    assert found.action == Run(("moon",), "start it", Expected(code=0))
    assert (found.once, found.within) == (True, 60.0)
    (found,) = steps("{on: moon, run: start it, within: 200s}", phase=phase)
    assert (found.once, found.within) == (False, 200.0)
    (found,) = steps("{on: moon, run: stop it || true}", phase=phase)
    assert found.once


def test_a_step_keeps_how_and_where_it_is_written() -> None:
    (found,) = steps("{on: [moon, sun],   run: ip  a, match: x, within: 10s}")
    assert found.text == "on: [moon, sun], run: ip a, match: x, within: 10s"
    assert found.place == "t.yml:4:9: tests.t.steps[0]"


def test_a_stage_may_stand_beside_an_action() -> None:
    found = steps("{stage: failover, link: moon:eth0, state: down}", "{ping: alice -> bob}")
    assert [each.action for each in found] == [
        Stage("failover"),
        Link("moon:eth0", {"up": False}),
        Ping("alice", "bob"),
    ]


def test_a_test_has_what_its_file_says_of_it() -> None:
    (found,) = load("""
    description: about tunnels
    tests:
      tunnel:
        description: it works
        layer: psk
        capture: {sun:eth0: esp or icmp}
        before: [{on: moon, run: a}]
        steps: [{ping: alice -> bob}]
        after: [{on: moon, run: b}]
        leftover: [{on: moon, run: c, empty: true}]
        clean: restart
        kernels: [default, tuned]
        masters: [x]
        retry: 2
        points: 2.5
        tags: slow
        skip: not yet
    """)
    assert found == Test(
        "tunnel",
        "vpn",
        "it works",
        "psk",
        {"sun:eth0": "esp or icmp"},
        found.before,
        found.steps,
        found.after,
        found.leftover,
        Clean.RESTART,
        ("default", "tuned"),
        ("x",),
        2,
        2.5,
        ("slow",),
        "not yet",
    )
    assert [len(each) for each in (found.before, found.steps, found.after, found.leftover)] == [1, 1, 1, 1]
    assert found.place == "t.yml:4:7: tests.tunnel"


@pytest.mark.parametrize(
    ("path", "group"), [("vpn.yml", "vpn"), ("/srv/a.b/vpn.dumm.yml", "vpn"), ("vpn", "vpn"), (".yml", ".yml")]
)
def test_a_group_is_the_name_of_its_file_up_to_the_first_dot(path: str, group: str) -> None:
    assert tests.group_of(path) == group


def test_tests_keep_the_order_of_their_file() -> None:
    ping = "{steps: [{ping: alice -> bob}]}"
    assert [each.name for each in load(f"tests: {{z: {ping}, a: {ping}, m/n: {ping}}}")] == ["z", "a", "m/n"]


def test_on_is_a_key_in_ansible_variables_too() -> None:
    # What an Ansible playbook's reader makes of it, and JSON on the way to another host.
    (found,) = load({"tests": {"t": {"steps": [{True: "moon", "run": "x", "code": 0}]}}})
    assert found == load({"tests": {"t": {"steps": [{"true": "moon", "run": "x", "code": 0}]}}})[0]
    assert found.steps[0].action == Run(("moon",), "x", Expected(code=0))
    assert found.steps[0].text == "on: moon, run: x, code: 0"


def test_what_a_pattern_is_must_be_quoted_where_yaml_takes_it_for_something_else() -> None:
    assert fault("{on: moon, run: x, match: yes}").endswith('yes is a boolean to YAML (true); put it in quotes: "yes"')


def test_on_in_ansible_variables_is_told_where_it_has_no_place() -> None:
    found = faults({"tests": {"t": {"steps": [{True: "moon", "ping": "alice -> bob"}]}}})
    assert [each.partition(";")[0] for each in found] == ["t.yml: tests.t.steps[0].True: unknown key on"]


def test_on_is_no_key_elsewhere() -> None:
    found = faults("{tests: {t: {steps: [{ping: alice -> bob, on: moon}], on: x}}, on: 1}")
    assert [each.partition(": ")[2].partition(";")[0] for each in found] == [
        "tests.t.steps[0].on: unknown key on",
        "tests.t: the key on is a boolean to YAML (true), and keys are text",
        "the key on is a boolean to YAML (true), and keys are text",
    ]


# A check that cannot fail


@pytest.mark.parametrize(
    ("written", "cause"),
    [
        ("{on: moon, run: x}", "tests.t.steps[0]: nothing is expected of the command, so this cannot fail; give one of match,"),
        ("{on: moon, run: x, match: []}", "tests.t.steps[0].match: there is no pattern in it; give one"),
        ('{on: moon, run: x, match: ""}', "tests.t.steps[0].match: an empty pattern is found in every output"),
        ('{on: moon, run: x, match: ".*"}', "tests.t.steps[0].match: '.*' is found in every output, even in none"),
        ('{on: moon, run: x, match: [a, "x?"]}', "tests.t.steps[0].match[1]: 'x?' is found in every output"),
        ('{on: moon, run: x, match: "^"}', "tests.t.steps[0].match: '^' is found in every output"),
        ('{on: moon, run: x, no_match: "(a|)"}', "tests.t.steps[0].no_match: '(a|)' is found in every output"),
        ('{on: moon, run: x, match: "(a"}', "tests.t.steps[0].match: '(a' is no regular expression: missing ), "),
        ('{on: moon, run: x, count: ">=0"}', "tests.t.steps[0].count: every number is >=0, so this cannot fail"),
        ('{on: moon, run: x, count: "<0"}', "tests.t.steps[0].count: no number is <0; give a bound that can hold"),
        ('{on: moon, run: x, count: "~2"}', "tests.t.steps[0].count: '~2' is no number to compare with"),
        ("{on: moon, run: x || true, code: 0}", "tests.t.steps[0].run: the command succeeds whatever happens in it"),
        ("{on: moon, run: x; true, match: a}", "tests.t.steps[0].run: the command succeeds whatever happens in it"),
        ("{on: moon, run: 'x || :', code: 0}", "tests.t.steps[0].run: the command succeeds whatever happens in it"),
        ("{on: moon, run: (x || exit 0), code: 0}", "tests.t.steps[0].run: the command succeeds whatever happens in it"),
        ('{on: moon, run: "x\\ntrue # done", code: 0}', "tests.t.steps[0].run: the command succeeds whatever happens"),
        ("{on: moon, run: 'true', code: 0}", "tests.t.steps[0].run: the command succeeds whatever happens in it"),
        ("{on: moon, run: x, json: a}", "tests.t.steps[0]: json without is; give is, too"),
        ("{on: moon, run: x, is: a}", "tests.t.steps[0]: is without json; give json, too"),
        ("{on: moon, run: x, empty: true, match: a}", "tests.t.steps[0].empty: an empty output has nothing in it"),
        ("{on: [], run: x, code: 0}", "tests.t.steps[0].on: there is no guest in it; name one"),
        ("{ping: alice -> bob, loss: 100}", "tests.t.steps[0].loss: all may be lost, so this cannot fail; give less"),
        ("{ping: alice -> bob, loss: 5, fails: true}", "tests.t.steps[0].fails: fails is for no answer at all"),
        ("{ping: alice -> alice:eth1}", "tests.t.steps[0].ping: alice and alice:eth1 are the same guest; name two"),
        ("{ping: alice -> bob, count: 0}", "tests.t.steps[0].count: 0 is out of range; give an integer from 1"),
        ("{http: alice -> http://bob/, fails: true, status: 200}", "tests.t.steps[0].fails: no answer has a status"),
        ("{http: alice -> http://bbo/, fails: true}", "tests.t.steps[0].http: bbo is neither a guest nor an address, so that"),
        ('{saw: sun:eth0, count: ">=0"}', "tests.t.steps[0].count: every number is >=0, so this cannot fail"),
        ("{reach: [moon]}", "tests.t.steps[0].reach: there are fewer than two guests, so this cannot fail"),
        ("{throughput: {from: alice, to: bob, at_least: 0bit}}", "tests.t.steps[0].throughput.at_least: nothing is slower"),
        ("{throughput: {from: alice, to: alice, at_least: 1mbit}}", "tests.t.steps[0].throughput.to: both ends are the"),
    ],
)  # fmt: skip
def test_a_check_that_cannot_fail_is_a_fault(written: str, cause: str) -> None:
    assert fault(written).startswith(cause)


@pytest.mark.parametrize("content", ["[]", "[{wait: 1s}]", "[{link: moon:eth0, state: up}, {stage: x}]"])
def test_a_test_without_a_check_is_a_fault(content: str) -> None:
    (found,) = faults(f"tests: {{t: {{steps: {content}}}}}")
    assert "tests.t.steps: it checks nothing, so it cannot fail; add a check (run, ping, " in found


@pytest.mark.parametrize(
    "command", ["x || echo no", "test -e /true", "grep true /etc/x", "x && true", "trueish; :x", "x | true-colour"]
)
def test_a_command_that_may_fail_is_none(command: str) -> None:
    assert steps(f"{{on: moon, run: '{command}', code: 0}}")


@pytest.mark.parametrize("pattern", [".", ".+", "^a", "a$", r"\bup\b", "64 bytes", r"^\s+x", "[01]"])
def test_a_pattern_that_some_output_lacks_is_right(pattern: str) -> None:
    assert steps(f"{{on: moon, run: x, match: '{pattern}'}}")


@pytest.mark.parametrize(
    ("written", "cause"),
    [
        ("{ping: alice -> bbo}", "tests.t.steps[0].ping: there is no guest bbo; did you mean bob? (known: alice, bob, moon, sun)"),
        ("{on: [moon, snu], run: x, code: 0}", "tests.t.steps[0].on: there is no guest snu; did you mean sun?"),
        ("{saw: moon:eth2}", "tests.t.steps[0].saw: guest moon has no interface eth2; did you mean moon:eth1? (known: "),
        ("{ping: 'alice:eth9 -> bob'}", "tests.t.steps[0].ping: guest alice has no interface eth9"),
        ("{link: mars:eth0, state: up}", "tests.t.steps[0].link: there is no guest mars"),
        ("{pause: mon}", "tests.t.steps[0].pause: there is no guest mon; did you mean moon?"),
        ("{interface: mon:eth5}", "tests.t.steps[0].interface: there is no guest mon"),
        ("{reach: [alice, bbo]}", "tests.t.steps[0].reach: there is no guest bbo"),
        ("{on: moon, run: x, macth: a}", "tests.t.steps[0].macth: unknown key macth; did you mean match?"),
        ("{pingg: alice -> bob}", "tests.t.steps[0].pingg: unknown key pingg; did you mean ping?"),
        ("{ping: alice bob}", "tests.t.steps[0].ping: 'alice bob' does not say from where to where; write it as alice -> bob"),
        ("{ping: alice -> bob, run: x}", "tests.t.steps[0]: run and ping cannot both be given; leave one of them, or make two"),
        ("{within: 3s}", "tests.t.steps[0]: it does not say what it is; give one of run, ping, http"),
        ("{run: x, code: 0}", "tests.t.steps[0]: on must be given; add it"),
        ("{ping: alice -> bob, within: soon}", "tests.t.steps[0].within: 'soon' is not a number with a unit"),
        ("{ping: alice -> bob, family: 5}", "tests.t.steps[0].family: there is no IP version 5; give 4 or 6"),
        ("{ping: alice -> 10.0.0.1, family: 6}", "tests.t.steps[0].family: 10.0.0.1 is no IPv6 address"),
        ("{http: alice -> bob}", "tests.t.steps[0].http: 'bob' is no URL; write it as http://bob/"),
        ("{port: alice -> bob}", "tests.t.steps[0].port: 'bob' has no port; write it as bob:22"),
        ("{port: alice -> bob:99999}", "tests.t.steps[0].port: 'bob:99999' has no port"),
        ("{link: moon:eth0}", "tests.t.steps[0]: nothing changes; say what, such as state: down"),
        ("{link: moon:eth0, reorder: 5}", "tests.t.steps[0].reorder: reorder without delay; give a delay too"),
        ("{interface: moon:eth0, state: absent, mtu: 1400}", "tests.t.steps[0].state: an interface that goes has no"),
        ("{wait: 0s}", "tests.t.steps[0].wait: '0s' leaves no time"),
        ("hello", "tests.t.steps[0]: 'hello' is text; give a mapping with one of run, ping"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(written: str, cause: str) -> None:
    with pytest.raises(Invalid) as caught:
        steps(written, "{ping: alice -> bob}")
    (found,) = caught.value.faults
    assert str(found).partition(": ")[2].startswith(cause)


def test_several_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    found = faults("""
    tests:
      a:
        claen: none
        steps:
          - {ping: alice -> bbo}
          - {on: moon, run: x}
      b:
        clean: netwrk
        steps: [{wait: 1s}]
      c: {}
    """)
    assert [each.partition(": ")[0].rpartition(":")[0] for each in found] == [
        "t.yml:4", "t.yml:6", "t.yml:7", "t.yml:9", "t.yml:10", "t.yml:11",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "{}", "tests:", "tests: {}"])
def test_a_file_without_tests_has_none_or_is_at_fault(text: str) -> None:
    if "tests" in text:
        assert load(text) == ()
    else:
        assert faults(text)


@pytest.mark.parametrize("name", ["''", "' a'", '"a\\nb"', "a" * 101])
def test_a_name_of_a_test_is_a_line(name: str) -> None:
    (found,) = faults(f"tests: {{? {name} : {{steps: [{{ping: alice -> bob}}]}}}}")
    assert "is no name of a test; give it up to 100 letters in one line" in found


def test_guests_are_not_checked_where_the_lab_is_not_known() -> None:
    (found,) = load("tests: {t: {steps: [{ping: x -> y}, {saw: 'z:eth0'}, {reach: all}]}}", guests=None)
    assert len(found.steps) == 3


def test_an_interface_that_the_test_makes_is_known() -> None:
    assert steps("{interface: moon:eth7, bridge: lan}", "{saw: moon:eth7}")


def test_a_question_to_json_is_checked() -> None:
    assert queries.HAS_JMESPATH, "run make setup-test"
    assert "'a[' is no JMESPath expression" in fault("{on: moon, run: x, json: 'a[', is: 1}")


# Templates


def test_steps_with_templates_are_read_when_the_test_starts() -> None:
    (test,) = load("""
    tests:
      t:
        steps:
          - {on: moon, run: "ping -c1 {{ guests.bob.interfaces.eth0.addresses[0] }}", code: 0}
          - ping: "alice -> {{ 'bo' ~ 'b' }}"
          - {ping: alice -> bob}
    """)
    assert [each.action for each in test.steps] == [Pending("run"), Pending("ping"), Ping("alice", "bob")]

    found = tests.templates(test)

    assert [each.guest for each in found] == ["moon", None]
    assert found[0].text == "ping -c1 {{ guests.bob.interfaces.eth0.addresses[0] }}"
    assert found[0].place == "t.yml:5:29: tests.t.steps[0].run"
    made = tests.rendered(test, {found[0].path: "ping -c1 10.0.0.2 {{", found[1].path: "alice -> bob"}, GUESTS)
    assert [each.action for each in made.steps] == [
        Run(("moon",), "ping -c1 10.0.0.2 {{", Expected(code=0)),
        Ping("alice", "bob"),
        Ping("alice", "bob"),
    ]
    assert made.steps[1].text == "ping: alice -> bob"
    assert made.steps[0].place == test.steps[0].place


def test_the_rules_hold_for_what_templates_make() -> None:
    (test,) = load("""
    tests:
      t:
        steps:
          - {on: moon, run: x, match: "{{ nothing }}"}
          - {ping: "alice -> {{ x }}"}
    """)
    first, second = tests.templates(test)
    with pytest.raises(Invalid) as caught:
        tests.rendered(test, {first.path: "", second.path: "alice -> nobody"}, GUESTS)
    assert [str(fault).partition(";")[0] for fault in caught.value.faults] == [
        "t.yml:5:39: tests.t.steps[0].match: an empty pattern is found in every output",
        "t.yml:6:20: tests.t.steps[1].ping: there is no guest nobody",
    ]


def test_keys_beside_templates_are_checked_at_once() -> None:
    (found,) = faults("tests: {t: {steps: [{on: moon, run: '{{ x }}', macth: a}]}}")
    assert "unknown key macth; did you mean match?" in found


def test_templates_in_ansible_variables_find_the_key_on_again() -> None:
    (test,) = load({"tests": {"t": {"steps": [{True: "moon", "run": "{{ x }}", "code": 0}]}}})
    (template,) = tests.templates(test)
    assert template.guest == "moon"
    made = tests.rendered(test, {template.path: "ls"}, GUESTS)
    assert made.steps[0].action == Run(("moon",), "ls", Expected(code=0))


# In a scenario's file


def test_a_scenario_file_has_tests() -> None:
    found = loader.load(
        "{guests: {alice: , bob: }, links: ['alice:eth0 -- bob:eth0'], tests: {t: {steps: [{saw: 'bob:eth0'}]}}}",
        name="pair",
        place="pair.yml",
    )
    assert [(each.name, each.group) for each in found.tests] == [("t", "pair")]
    assert found == loader.load(
        "{guests: {alice: , bob: }, links: ['alice:eth0 -- bob:eth0']}", name="pair", place="pair.yml"
    )


def test_faults_of_tests_are_told_with_those_of_the_rest() -> None:
    with pytest.raises(Invalid) as caught:
        loader.load(
            "{guests: {alice: {mem: 1}}, tests: {t: {steps: [{ping: alice -> bob}, {on: alice, run: x}]}}}",
            name="pair",
            place="pair.yml",
        )
    causes = [each.cause for each in caught.value.faults]
    assert len(causes) == 2
    assert causes[1] == "nothing is expected of the command, so this cannot fail"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tests: {}", False),
        ("{description: x, tests: {}}", False),
        ("{guests: {}, tests: {}}", True),
        ("{links: []}", True),
        ("", False),
        ("[", False),
    ],
)
def test_a_scenario_file_is_known_by_its_keys(text: str, expected: bool) -> None:
    assert tests.is_scenario(text, "t.yml") is expected


# Documentation


def examples() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", (DOCS / "reference" / "tests.md").read_text(), re.DOTALL | re.MULTILINE)


def as_file(example: str) -> str:
    """An example as a whole file: some are a list of steps."""
    if not example.startswith("- "):
        return example
    lines = "".join(f"      {line}\n" for line in example.splitlines())
    phase = "before" if "code" not in example and "match" not in example and "on:" in example else "steps"
    rest = "" if phase == "steps" else "    steps: [{ping: alice -> bob}]\n"
    return f"tests:\n  t:\n{rest}    {phase}:\n{lines}"


@pytest.mark.parametrize("text", examples(), ids=lambda text: text.splitlines()[0][:40])
def test_examples_of_the_documentation_load(text: str) -> None:
    assert load(as_file(text))
    jsonschema = pytest.importorskip("jsonschema")
    # To YAML 1.1 on is true; the schema is for editors, which read YAML 1.2.
    data = yaml.safe_load(re.sub(r"\bon:", '"on":', as_file(text)))
    jsonschema.validate(data, spec.tests_schema(), cls=jsonschema.Draft202012Validator)


def test_the_documentation_names_every_key() -> None:
    page = (DOCS / "reference" / "tests.md").read_text()
    known = re.findall(r"`([a-z_]+)`|\b([a-z_]+): ", page)
    told = {word for pair in known for word in pair}

    def keys(schema: Any) -> set[str]:
        if not isinstance(schema, dict):
            return set()
        inner = (keys(item) for each in schema.values() for item in (each if isinstance(each, list) else [each]))
        return set(schema.get("properties", {})).union(*inner)

    conditions = {"jitter", "duplicate", "corrupt", "reorder", "slot"}
    assert keys(spec.tests_schema()) - told - conditions == set()


# JSON Schema


def test_the_checked_in_json_schema_is_current() -> None:
    assert json.loads((DOCS / "tests.schema.json").read_text()) == spec.tests_schema(), "run scripts/write_schema.py"


def test_the_json_schema_takes_what_is_right_and_refuses_what_is_not() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(spec.tests_schema())
    right = yaml.safe_load("""
    tests:
      t:
        steps:
          - {"on": moon, run: x, match: a, within: 10s}
          - {ping: alice -> bob, count: 3}
          - {link: moon:eth0, state: down, delay: 20ms}
          - {stage: x}
    """)
    jsonschema.validate(right, spec.tests_schema(), cls=jsonschema.Draft202012Validator)
    right["tests"]["t"]["steps"][1]["pingg"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(right, spec.tests_schema(), cls=jsonschema.Draft202012Validator)
