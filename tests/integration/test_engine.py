# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of a lab, run in real guests: each kind of step as it passes and as it fails, and what is taken back afterwards."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from lab import COLLECTIONS, PATIENCE, Lab, until

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.pcapng import packets
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, LockTimeout
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Action, Test
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import tests as reading
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import engine
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.outcome import Outcome
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import StepResult, TestResult, Verdict

# A failure under load is one all the same.
_FAILED = (Verdict.FAILED, Verdict.SUSPECT)


def read(lab: Lab, text: str) -> tuple[Test, ...]:
    """Tests as a file has them."""
    return reading.load(text, group="engine", place="t.yml", guests=lab.workdir.load().guests)


def run_all(lab: Lab, text: str, **options: Any) -> list[TestResult]:
    """The results of a file of tests."""
    with engine.session(str(lab.path)) as session:
        return [session.run(test, **options) for test in read(lab, text)]


def run(lab: Lab, *steps: str, **phases: str) -> TestResult:
    """The result of one test; it leaves the lab's kernels alone.

    :param steps: how they are written.
    :param phases: the same of other phases, several in a list.
    """
    told = {"clean": "none", **phases}
    lines = [f"    {key}: {value}" for key, value in told.items()] + [
        "    steps:",
        *(f"      - {step}" for step in steps),
    ]
    (result,) = run_all(lab, "\n".join(["tests:", "  one:", *lines]))
    return result


def failed(lab: Lab, *steps: str, **phases: str) -> StepResult:
    """The step that fails."""
    result = run(lab, *steps, **phases)
    assert result.verdict in _FAILED, result
    (found,) = [each for each in result.steps if each.verdict is Verdict.FAILED]
    assert result.cause.startswith(found.text)
    return found


@pytest.mark.parametrize(
    "step",
    [
        "{on: alice, run: echo one; echo two, match: ^two$, no_match: three, count: 1, empty: false, code: 0}",
        "{on: [alice, bob], run: hostname, match: 'alice|bob'}",
        "{on: alice, run: 'exit 3', code: 3}",
        "{on: alice, run: cat /dev/null, empty: true}",
        "{on: alice, run: 'echo {}; echo >&2 noise', count: 1}",
        "{on: alice, run: ip -j addr show dev eth0, json: '[0].addr_info[0].local', is: 10.0.0.1}",
        "{on: alice, run: 'ping -c 1 {{ guests.bob.interfaces.eth0.addresses[0].split(\"/\")[0] }}', code: 0}",
        "{on: alice, run: 'echo {{ name }} {{ guest.mem }}', match: alice 96}",
        "{ping: alice -> bob, within: 200s}",
        "{ping: 'alice:eth0 -> bob:eth0', count: 3, size: 100, within: 200s}",
        "{ping: alice -> 10.0.0.99, fails: true}",
        "{port: alice -> bob:9, fails: true}",
        "{reach: all, within: 200s}",
        "{reach: [alice, bob], families: [6], fails: true, within: 0}",
        "{wait: 10ms}",
    ],
)
def test_a_step_that_is_right_passes(shared_pair: Lab, step: str) -> None:
    if "families: [6]" in step:
        assert failed(shared_pair, step).got == "no two of the guests have addresses of one IP version"
        return
    check = "" if "wait" not in step else "{on: alice, run: hostname, match: alice}"
    result = run(shared_pair, *filter(None, (step, check)))
    assert (result.verdict, result.cause) == (Verdict.PASSED, ""), result


@pytest.mark.parametrize(
    ("step", "expected", "got"),
    [
        ("{on: alice, run: echo one, match: two, within: 0}", "'two' in the output", "'two' is not in the output\none"),
        ("{on: alice, run: echo one, no_match: o, within: 0}", "no 'o' in the output", "'o' is in the output\none"),
        ('{on: alice, run: "echo a; echo b", count: ">2", within: 0}', "more than 2 lines", "2 lines in the output\na\nb"),
        ("{on: alice, run: echo a, empty: true, within: 0}", "no output", "the output is not empty\na"),
        ("{on: alice, run: 'false', code: 0, within: 0}", "exit code 0", "exit code 1 instead of 0\nit printed nothing"),
        ("{on: alice, run: nonsense, no_match: x, within: 0}", "no 'x' in the output", "it could not be run (exit code 127)"),
        ("{on: alice, run: 'echo [1]', json: '[0]', is: on, within: 0}", "[0] is true", "[0] is 1 instead of true\n[1]"),
        ("{on: alice, run: echo no, json: a, is: 1, within: 0}", "a is 1", "the output is no JSON: Expecting value"),
        ("{on: [alice, bob], run: hostname, match: alice, within: 0}", "'alice' in the output", "bob: 'alice' is not in"),
        ("{on: alice, run: kill -9 $$, empty: true, within: 0}", "no output", "it was killed by SIGKILL"),
        ("{ping: alice -> 10.0.0.99, within: 0}", "1 answered", "0 of 1 answered: alice (10.0.0.1, eth0) -> 10.0.0.99"),
        ("{ping: alice -> 192.0.2.1, within: 0}", "1 answered", "0 of 1 answered: alice ("),
        ("{port: alice -> bob:9, within: 0}", "port 9 opens", "port 9 of bob (10.0.0.2): "),
        ("{http: alice -> http://bob:9/, within: 0}", "a status below 400", "no answer from bob (10.0.0.2): "),
    ],
)  # fmt: skip
def test_a_step_that_is_wrong_fails_with_what_was_expected_and_what_was_found(
    shared_pair: Lab, step: str, expected: str, got: str
) -> None:
    found = failed(shared_pair, step)
    assert found.expected == expected
    assert found.got.startswith(got), found.got
    assert found.place == "t.yml:5:9: tests.one.steps[0]"


def test_a_check_is_retried_until_it_holds_and_how_that_changed_is_kept(shared_pair: Lab) -> None:
    # Each look adds a line.
    step = "{on: alice, run: 'echo x >>/root/looks; wc -l </root/looks', match: '^4$', within: 200s}"
    result = run(shared_pair, step, after="[{on: alice, run: rm /root/looks}]")
    assert result.verdict is Verdict.PASSED
    found = result.steps[0]
    assert [each.got.splitlines()[-1] for each in found.attempts] == ["1", "2", "3", "4"]
    assert found.got == "4"
    assert [each.at for each in found.attempts] == sorted(each.at for each in found.attempts)


def test_equal_attempts_are_counted(shared_pair: Lab) -> None:
    script = "echo x >>/root/looks; [ $(wc -l </root/looks) -gt 4 ] && echo enough || echo few"
    result = run(
        shared_pair,
        f"{{on: alice, run: {script!r}, match: enough, within: 200s}}",
        after="[{on: alice, run: rm /root/looks}]",
    )
    assert [(each.got.splitlines()[-1], each.times) for each in result.steps[0].attempts] == [("few", 4), ("enough", 1)]


def test_the_time_of_a_check_is_told(shared_pair: Lab) -> None:
    found = failed(shared_pair, "{on: alice, run: echo no, match: 'yes', within: 10ms}")
    assert found.expected == "'yes' in the output, within 0.01 s"


def test_a_ping_that_must_fail_and_does_not_tells_so(shared_pair: Lab) -> None:
    found = failed(shared_pair, "{ping: alice -> bob, count: 5, fails: true, within: 0}")
    assert "of 5 answered: alice -> bob (10.0.0.2)" in found.got
    assert found.expected == "no answer"


def test_what_must_go_on_to_hold_fails_when_it_no_longer_does(shared_pair: Lab) -> None:
    step = "{on: alice, run: 'echo x >>/root/held; wc -l </root/held', no_match: '^[3-9]$', for: 200s}"
    found = failed(shared_pair, step, after="[{on: alice, run: rm /root/held}]")
    assert found.got == "'^[3-9]$' is in the output\n3"
    assert found.expected == "no '^[3-9]$' in the output, for 200 s (it held for some time)"
    held = run(shared_pair, "{on: alice, run: hostname, match: alice, for: 500ms}").steps[0]
    assert held.seconds >= 0.5


def test_phases_come_in_their_order_and_the_end_whatever_happens(shared_pair: Lab) -> None:
    note = "{{on: alice, run: 'echo {} >>/root/phases'{}}}"
    result = run(
        shared_pair,
        note.format("steps", ", code: 1, within: 0"),
        note.format("never", ", code: 0"),
        before=f"[{note.format('before', '')}]",
        after=f"[{note.format('after', '')}]",
        leftover="[{on: alice, run: 'cat /root/phases; rm /root/phases', empty: true, within: 0}]",
    )
    assert [(each.phase, each.verdict) for each in result.steps] == [
        ("before", Verdict.PASSED),
        ("steps", Verdict.FAILED),
        ("after", Verdict.PASSED),
        ("leftover", Verdict.FAILED),
    ]
    assert result.steps[-1].got == "the output is not empty\nbefore\nsteps\nafter"
    assert set(result.phases) == {"clean", "before", "steps", "after", "leftover"}


def test_a_test_whose_preparation_fails_has_no_steps(shared_pair: Lab) -> None:
    result = run(shared_pair, "{ping: alice -> bob, within: 200s}", before="[{on: bob, run: 'echo why >&2; exit 7'}]")
    assert [(each.phase, each.got) for each in result.steps] == [
        ("before", "exit code 7 instead of 0\nstderr: why"),
    ]
    assert result.verdict in _FAILED


def test_what_is_left_over_is_a_failure(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{ping: alice -> bob, within: 200s}",
        leftover="[{on: bob, run: echo left, empty: true, within: 0}]",
    )
    assert result.verdict in _FAILED
    assert result.cause == "on: bob, run: echo left, empty: true, within: 0: the output is not empty"


def test_steps_know_their_stage(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{ping: alice -> bob, within: 200s}",
        "{stage: later}",
        "{ping: bob -> alice, within: 200s}",
        "{stage: last, ping: bob -> alice, within: 200s}",
    )
    assert [each.stage for each in result.steps] == ["", "later", "last"]
    assert [each.guests for each in result.steps] == [("alice", "bob"), ("bob", "alice"), ("bob", "alice")]


@pytest.mark.parametrize(
    "command",
    ["cat /dev/zero", "while :; do echo flood; done", "head -c 3000000 /dev/urandom", "yes $(printf '\\033[2J')"],
)
def test_a_flood_of_output_is_bounded(shared_pair: Lab, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    # A shell's loop takes longer for so much on a busy machine.
    monkeypatch.setattr(engine, "LEAST_SECONDS", PATIENCE)
    found = failed(shared_pair, f"{{on: alice, run: {command!r}, match: never, within: 0}}")
    assert "a command wrote more than 1048576 bytes" in found.got
    assert len(found.got) < 1000


def test_what_a_guest_prints_does_nothing_to_a_terminal(shared_pair: Lab) -> None:
    command = "printf '\\033[2J\\001\\377 x'; head -c 100000 /dev/zero"
    found = failed(shared_pair, f'{{on: alice, run: "{command}", match: y, within: 0}}'.replace("\\", "\\\\"))
    assert found.got.startswith("'y' is not in the output\n\\x1b[2J\\x01\ufffd x\\x00")
    assert len(found.got) < 20000


def test_a_command_that_does_not_end_is_killed_and_what_it_said_is_told(
    shared_pair: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LEAST_SECONDS", 5.0)
    found = failed(shared_pair, "{on: alice, run: 'echo begun; sleep 1000', match: x, within: 0}")
    assert "a command did not end within 5 s and was killed" in found.got
    assert found.got.endswith("it had printed: begun")
    assert shared_pair.run("alice", "pgrep -f 'sleep 100[0]'").code == 1


SERVER = "python3 -m http.server -d /root/www -b 0.0.0.0 8080 >/dev/null 2>&1 & echo $! >/root/server"


def test_requests_and_ports(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{port: alice -> bob:8080, within: 200s}",
        "{http: alice -> http://bob:8080/page?x=1, status: 200, match: welcome}",
        "{http: alice -> http://bob:8080/none, status: 404}",
        "{http: 'alice -> http://10.0.0.2:8080/page'}",
        "{http: alice -> http://bob:8080/page, match: absent, within: 0}",
        before=f"[{{on: bob, run: mkdir -p /root/www; echo welcome >/root/www/page; {SERVER}}}]",
        after="[{on: bob, run: kill $(cat /root/server); rm -r /root/www /root/server}]",
    )
    assert [each.got for each in result.steps[1:-1]] == [
        "port 8080 of bob (10.0.0.2): it is open",
        "status 200\nwelcome",
        result.steps[3].got,
        "status 200\nwelcome",
        "status 200\n'absent' is not in the answer\nwelcome",
    ]
    assert result.steps[3].got.startswith("status 404\n")
    assert result.verdict in _FAILED


def test_throughput_is_measured(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{throughput: {from: alice, to: bob, at_least: 1kbit, seconds: 0.5}}",
        "{throughput: {from: alice, to: bob, at_least: 999gbit, seconds: 0.5}, within: 0}",
    )
    assert [each.verdict for each in result.steps] == [Verdict.PASSED, Verdict.FAILED]
    assert "bit with python3: alice -> bob (10.0.0.2)" in result.steps[0].got
    assert result.steps[1].expected == "at least 999 gbit from alice to bob"


def test_packets_are_seen_at_an_interface_from_the_host(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{saw: bob:eth0, filter: icmp, count: 0}",
        "{ping: alice -> bob, count: 2}",
        '{saw: bob:eth0, filter: icmp and src alice, count: ">=2"}',
        "{saw: bob:eth0, filter: icmp and src bob and dst alice}",
        "{saw: alice:eth0, filter: tcp, count: 1, within: 0}",
    )
    assert [each.verdict for each in result.steps] == [Verdict.PASSED] * 4 + [Verdict.FAILED]
    assert (result.steps[-1].expected, result.steps[-1].got) == ("1 packets that are 'tcp' at alice:eth0", "0 packets")


def test_packets_of_a_stage_are_those_since_it_began(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{ping: alice -> bob, within: 200s}",
        "{saw: bob:eth0, filter: icmp, since: stage}",
        "{stage: later}",
        "{saw: bob:eth0, filter: icmp, since: stage, count: 0}",
        "{saw: bob:eth0, filter: icmp}",
        "{ping: alice -> bob, within: 200s}",
        "{saw: bob:eth0, filter: icmp, since: stage}",
    )
    assert (result.verdict, result.cause) == (Verdict.PASSED, "")


def test_a_filter_that_is_none_fails_at_once(shared_pair: Lab) -> None:
    found = failed(shared_pair, "{saw: bob:eth0, filter: icmp and srk alice}")
    assert "srk" in found.got


def test_a_template_that_cannot_be_rendered_is_told_with_its_place(shared_pair: Lab) -> None:
    result = run(shared_pair, "{on: alice, run: 'echo {{ gusts.bob }}', match: x}")
    assert result.verdict in _FAILED
    assert result.cause.startswith(
        "t.yml:5:26: tests.one.steps[0].run: the template cannot be rendered: 'gusts' is undefined"
    )
    assert result.steps == ()


# Changes of the lab


def state(lab: Lab) -> dict[str, Any]:
    """What must be as before a test: what is on disk, devices, and who runs."""
    files, devices, guests = lab.snapshot()
    told: dict[str, Any] = {f"file {name}": what for name, what in files.items() if name != "testing.lock"}
    return {**told, **{f"device {name}": what for name, what in devices.items()}, "guests": sorted(guests)}


def unlike(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What differs, but for what is known of the guests' processes."""
    keys = [key for key in before | after if not key.endswith(("/process.json", "/union"))]
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def test_cables_and_interfaces_change_and_are_as_before_afterwards(shared_pair: Lab) -> None:
    before = state(shared_pair)
    result = run(
        shared_pair,
        "{ping: alice -> bob, within: 200s}",
        "{link: 'bob:eth0', state: down}",
        "{ping: alice -> bob, fails: true}",
        "{link: 'bob:eth0', state: up}",
        "{ping: alice -> bob, within: 200s}",
        "{link: 'alice:eth0', loss: 100%}",
        "{ping: alice -> bob, fails: true}",
        "{link: 'alice:eth0', loss: 0, mtu: 1400}",
        "{on: alice, run: ip -j link show dev eth0, json: '[0].mtu', is: 1400}",
        "{interface: 'alice:eth7', bridge: br0, address: 10.7.0.1/24}",
        "{interface: 'bob:eth7', bridge: br0, address: [10.7.0.2/24]}",
        "{ping: 'alice:eth7 -> 10.7.0.2', within: 200s}",
        "{saw: 'bob:eth7', filter: icmp, count: 0, within: 0}",
        "{ping: 'alice -> bob:eth7', within: 200s}",
        "{saw: 'bob:eth7', filter: 'icmp[icmptype] = icmp-echo'}",
        "{interface: 'alice:eth7', state: absent}",
        "{on: alice, run: ls /sys/class/net, no_match: eth7}",
        "{interface: 'alice:eth0', bridge: nowhere}",
    )
    assert [each.verdict for each in result.steps] == [Verdict.PASSED] * 12 + [Verdict.FAILED], result.steps[-1]
    assert unlike(before, state(shared_pair)) == {}
    assert shared_pair.reaches("alice", "10.0.0.2")
    assert shared_pair.links("alice") == {"eth0"}


def test_guests_are_paused_stopped_and_restarted_and_run_again_afterwards(shared_pair: Lab) -> None:
    launch = shared_pair.process("bob").launch
    result = run(
        shared_pair,
        "{pause: bob}",
        "{ping: alice -> bob, fails: true}",
        "{on: bob, run: hostname, match: bob}",
        after="[{resume: bob}, {on: bob, run: hostname}]",
    )
    assert [(each.phase, each.verdict) for each in result.steps] == [
        ("steps", Verdict.PASSED),
        ("steps", Verdict.PASSED),
        ("steps", Verdict.FAILED),
        ("after", Verdict.PASSED),
        ("after", Verdict.PASSED),
    ]
    # At once: no later look could find anything else.
    assert [each.times for each in result.steps[2].attempts] == [1]
    assert "bob: it is paused" in result.steps[2].got
    assert shared_pair.process("bob").launch == launch

    result = run(
        shared_pair,
        "{on: bob, run: touch /run/here, code: 0}",
        "{restart: bob}",
        "{on: bob, run: ls /run, no_match: here}",
        "{ping: alice -> bob, within: 200s}",
        "{stop: [bob]}",
        "{ping: alice -> bob, fails: true}",
        "{on: bob, run: hostname, match: bob}",
    )
    assert [each.verdict for each in result.steps] == [Verdict.PASSED] * 6 + [Verdict.FAILED], result
    assert "it is not running" in result.steps[-1].got or "bob" in result.steps[-1].got
    assert shared_pair.process("bob").launch != launch
    assert shared_pair.reaches("alice", "10.0.0.2")


def test_a_guest_that_ends_during_a_test_runs_again_afterwards(shared_pair: Lab) -> None:
    result = run(
        shared_pair,
        "{on: bob, run: 'kill -9 1; reboot -f; sleep 1000', match: never}",
    )
    assert result.verdict in _FAILED
    assert shared_pair.reaches("alice", "10.0.0.2")


def test_files_of_a_layer_are_there_while_a_test_runs(shared_pair: Lab) -> None:
    for layer, name in (("psk", "bob"), ("psk2", "bob"), ("psk2", "alice")):
        place = shared_pair.workdir.scenario_layer(layer, name) / "etc"
        place.mkdir(parents=True)
        (place / "layer").write_text(f"{layer}\n")
    before = state(shared_pair)
    result = run(
        shared_pair,
        "{on: bob, run: cat /etc/layer, match: '^psk$', within: 0}",
        "{on: alice, run: ls /etc, no_match: layer}",
        "{layer: psk2}",
        "{on: [alice, bob], run: cat /etc/layer, match: '^psk2$', within: 0}",
        "{layer: nothing}",
        layer="psk",
    )
    assert [each.verdict for each in result.steps] == [Verdict.PASSED] * 4 + [Verdict.FAILED]
    assert "layer nothing: it has files for no guest of the lab" in result.steps[-1].got
    assert unlike(before, state(shared_pair)) == {}
    assert shared_pair.run("bob", "cat /etc/layer").code != 0


# Runs


def test_a_lab_is_tested_by_one_run_at_a_time(shared_pair: Lab) -> None:
    with (
        engine.session(str(shared_pair.path)),
        pytest.raises(LockTimeout) as refused,
        engine.session(str(shared_pair.path)),
    ):
        pass
    assert f"its lab is being tested: process {os.getpid()} (running tests)" in str(refused.value)
    assert str(refused.value).endswith("wait until that run ends")
    with engine.session(str(shared_pair.path)):
        pass


def test_a_test_whose_guests_do_not_run_finds_the_lab_broken(shared_pair: Lab) -> None:
    shared_pair.guest("bob", state="paused")
    try:
        with pytest.raises(DummError) as broken:
            run(shared_pair, "{ping: alice -> bob, within: 200s}")
        assert "not all that the test needs are running: bob (paused); start the lab first" in str(broken.value)
        assert run(shared_pair, "{resume: bob}", "{ping: alice -> bob, within: 200s}").verdict is Verdict.PASSED
        assert shared_pair.info(inside=False)["guests"]["bob"]["state"] == "paused"
    finally:
        shared_pair.guest("bob", state="started")


def test_a_failed_test_may_leave_the_lab_as_it_is(shared_pair: Lab) -> None:
    text = """
    tests:
      one:
        clean: none
        steps: [{link: 'bob:eth0', state: down}, {ping: alice -> bob, within: 0}]
        after: [{on: alice, run: hostname}]
    """
    (result,) = run_all(shared_pair, text, aids=engine.Aids(keep=True))
    assert [each.phase for each in result.steps] == ["steps", "steps"]
    assert "UP" not in shared_pair.link("bob", "eth0")["flags"]
    # The next run takes it for one that was interrupted.
    assert run(shared_pair, "{ping: alice -> bob, within: 200s}").verdict is Verdict.PASSED
    assert "UP" in shared_pair.link("bob", "eth0")["flags"]


_KILLED = """
import sys
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import tests
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import engine
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.outcome import Outcome
path, text = sys.argv[1:]
(test,) = tests.load(text, group="killed", place="t.yml", guests=Workdir.at(path).load().guests)
with engine.session(path) as session:
    session.run(test)
"""


def test_a_run_that_was_killed_is_made_good_by_the_next(shared_pair: Lab) -> None:
    before = state(shared_pair)
    text = """
    tests:
      one:
        clean: none
        steps:
          - {link: 'alice:eth0', loss: 100%, mtu: 1300}
          - {interface: 'alice:eth7', bridge: br0}
          - {pause: bob}
          - {on: alice, run: 'touch /root/under-way; sleep 1000', code: 0, within: 1000s}
    """
    run_of_tests = subprocess.Popen([sys.executable, "-c", _KILLED, str(shared_pair.path), text], cwd=COLLECTIONS)
    try:
        until(lambda: shared_pair.run("alice", "test -e /root/under-way").code == 0, "the last step", PATIENCE)
    finally:
        run_of_tests.send_signal(signal.SIGKILL)
        run_of_tests.wait(PATIENCE)
    assert unlike(before, state(shared_pair)) != {}

    steps = ("{ping: alice -> bob, within: 200s}", "{on: alice, run: pgrep -x sleep, empty: true, within: 0}")
    result = run(shared_pair, *steps, clean="layer")

    assert (result.verdict, result.cause) == (Verdict.PASSED, "")
    shared_pair.read("alice", "rm /root/under-way")
    assert unlike(before, state(shared_pair)) == {}


def test_what_somebody_else_has_changed_since_stays(shared_pair: Lab) -> None:
    keeper_path = shared_pair.workdir.testing
    with engine.session(str(shared_pair.path)) as session:
        session.keeper.note.begin("one", ["alice"])
        session.keeper.change(lambda lab: engine.changes.link(lab, engine.Link("alice:eth0", {"mtu": 1400})))
        session.leave()
    assert keeper_path.exists()
    shared_pair.iface("alice", "eth0", mtu=1350)
    run(shared_pair, "{ping: alice -> bob, within: 200s}")
    assert not keeper_path.exists()
    assert shared_pair.link("alice", "eth0")["mtu"] == 1350
    shared_pair.iface("alice", "eth0", mtu=1500)


@pytest.mark.parametrize("content", ["", "[]", '{"changed": {"alice": {"before": {}}}, "guests": 1}', "{"])
def test_a_damaged_note_of_an_earlier_run_is_no_obstacle(shared_pair: Lab, content: str) -> None:
    shared_pair.workdir.testing.write_text(content)
    assert run(shared_pair, "{ping: alice -> bob, within: 200s}").verdict is Verdict.PASSED
    assert not shared_pair.workdir.testing.exists()


@pytest.mark.parametrize(
    ("key", "value", "cause"),
    [
        ("layer", "nowhere", "layer nowhere: it has files for no guest of the lab; make "),
        ("capture", "{'bob:eth0': icmp and srk alice}", "filter 'icmp and srk alice': "),
    ],
)
def test_a_test_that_wants_what_cannot_be_had_fails(
    shared_pair: Lab, tmp_path: Path, key: str, value: str, cause: str
) -> None:
    text = f"tests: {{one: {{clean: none, {key}: {value}, steps: [{{ping: alice -> bob, within: 200s}}]}}}}"
    (result,) = run_all(shared_pair, text, aids=engine.Aids(kept=lambda label: tmp_path / label))
    assert result.verdict is Verdict.FAILED
    assert result.cause.startswith(cause)
    assert result.steps == ()
    assert not shared_pair.workdir.testing.exists()


def test_packets_that_a_test_captures_are_kept(shared_pair: Lab, tmp_path: Path) -> None:
    text = """
    tests:
      one:
        clean: none
        capture: {'bob:eth0': icmp and src alice, 'alice:eth0': }
        steps: [{ping: alice -> bob, count: 2}]
    """.replace("'alice:eth0': }", "'alice:eth0': ''}")
    (result,) = run_all(shared_pair, text, aids=engine.Aids(kept=lambda label: tmp_path / label.replace(":", "-")))
    assert result.verdict is Verdict.PASSED
    numbers = {}
    for path in sorted(tmp_path.iterdir()):
        with path.open("rb") as file:
            numbers[path.name] = len(list(packets(file.fileno())))
    # Which has requests and answers, of as many pings as it took.
    assert 2 <= numbers["bob-eth0"] < numbers["alice-eth0"]


class Interrupt(Action):
    """What happens when the user has enough."""


def test_a_test_that_is_interrupted_ends_in_order(shared_pair: Lab) -> None:
    def interrupted(_bench: object, _action: Interrupt, _seconds: float) -> Outcome:
        raise KeyboardInterrupt

    text = """
    tests:
      one:
        clean: none
        steps: [{link: 'bob:eth0', state: down}, {ping: alice -> bob, within: 200s}]
        after: [{on: alice, run: touch /root/ended}]
    """
    (test,) = read(shared_pair, text)
    test = dataclasses.replace(test, steps=(test.steps[0], dataclasses.replace(test.steps[1], action=Interrupt())))
    kinds = {Interrupt: engine.Kind(interrupted, lambda _action: "", lambda _action: ())}
    with pytest.raises(KeyboardInterrupt), engine.session(str(shared_pair.path), kinds=kinds) as session:
        session.run(test)
    shared_pair.read("alice", "rm /root/ended")
    assert "UP" in shared_pair.link("bob", "eth0")["flags"]
    assert not shared_pair.workdir.testing.exists()


def test_a_run_tells_what_changes_of_the_lab_warned_of(shared_pair: Lab) -> None:
    steps = "{interface: 'alice:eth7', bridge: br0, address: 10.7.0.0/24}, {ping: alice -> bob, within: 200s}"
    text = f"tests: {{one: {{clean: none, steps: [{steps}]}}}}"
    (test,) = read(shared_pair, text)
    with engine.session(str(shared_pair.path)) as session:
        assert session.run(test).verdict is Verdict.PASSED
        assert [each for each in session.warnings if "10.7.0.0/24" in each]


# Of a scenario

_SCENARIO = """
guests:
  alice: {mem: 96, vars: {colour: red}}
  bob: {mem: 96}
links:
  - {a: 'alice:eth0', b: 'bob:eth0', prefix: 10.9.0.0/24, name: cable}
tests:
  writes:
    steps:
      - {on: alice, run: 'touch /root/left; echo {{ colour }}', match: red}
      - {link: 'alice:eth0', state: down}
      - {on: [alice, bob], run: ip -j link show dev eth0, json: "[0].flags[?@ == 'UP']", is: []}
  after-that:
    steps:
      - {on: alice, run: ls -a /root, no_match: left, within: 0}
      - {ping: alice -> bob, within: 200s}
"""


def test_tests_of_a_scenario_begin_with_what_its_file_says(lab: Lab) -> None:
    file = lab.workdir.scenario("pair")
    file.parent.mkdir(parents=True)
    file.write_text(_SCENARIO)
    arguments = ArgumentSpecValidator(_spec.SCENARIO).validate({"workdir": str(lab.path), "name": "pair"})
    # There is no guest yet whose settings a template could have.
    (first, _second) = loader.load(_SCENARIO, name="pair", place="pair.yml").tests
    with engine.session(str(lab.path), scenario=arguments.validated_parameters) as session:
        result = session.run(first)
        assert (result.verdict, result.cause) == (Verdict.PASSED, "")
    assert not lab.scenario("pair")["changed"]
    # Tests are no part of what is loaded.
    file.write_text(_SCENARIO.replace("after-that", "afterwards"))
    assert not lab.scenario("pair")["changed"]
    before = lab.info(inside=False)["guests"]
    found = loader.load(_SCENARIO, name="pair", place="pair.yml").tests

    with engine.session(str(lab.path), scenario=arguments.validated_parameters) as session:
        results = [session.run(test) for test in found]

    assert [(each.verdict, each.cause) for each in results] == [(Verdict.PASSED, "")] * 2
    after = lab.info(inside=False)["guests"]
    assert {name: each["scenario"] for name, each in after.items()} == {
        name: each["scenario"] for name, each in before.items()
    }
    assert not lab.scenario("pair")["changed"]


def test_a_pipe_without_its_command_proves_nothing(shared_pair: Lab) -> None:
    found = failed(shared_pair, "{on: alice, run: nonsense | cat, empty: true, within: 0}")
    assert "a command of it could not be run" in found.got


def test_a_lab_without_a_scenario_gets_the_network_of_its_kernels_back(shared_pair: Lab) -> None:
    text = """
    tests:
      one:
        steps:
          - {on: alice, run: ip link add dummy7 type dummy && ip addr add 10.3.0.1/24 dev eth0, code: 0, within: 0}
          - {on: alice, run: sysctl -w net.ipv4.ip_forward=1, code: 0}
      two:
        steps:
          - {on: alice, run: ip -br link, no_match: dummy7, within: 0}
          - {on: alice, run: ip -br addr, no_match: 10.3.0.1, within: 0}
          - {on: alice, run: sysctl -n net.ipv4.ip_forward, match: '^0$', within: 0}
          - {ping: alice -> bob, within: 200s}
    """
    assert [(each.verdict, each.cause) for each in run_all(shared_pair, text)] == [(Verdict.PASSED, "")] * 2
