# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs of tests as users start them: ``dumm test`` and ``playbooks/test.yml``, with the example that has a test that fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lab import PATIENCE, REPOSITORY, Lab, until
from programs import Ansible

EXAMPLE = REPOSITORY / "examples/tests/gate.yml"
PCAPNG = b"\x0a\x0d\x0d\x0a"


def _command(lab: Lab, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DUMM_WORKDIR": str(lab.path), "DUMM_PYTHON": sys.executable, "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        [str(REPOSITORY / "scripts/dumm"), "test", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=REPOSITORY,
    )


def _dumm(lab: Lab, *words: str, code: int) -> str:
    """What ``dumm test`` prints; it must end with the exit code."""
    process = _command(lab, *words)
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == code, output
    return output


def _record(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "results.json").read_text())
    return found


def _results(record: dict[str, Any]) -> dict[str, str]:
    """What came of each test; a failure is one, however busy this machine is."""
    return {test["name"]: test["result"].replace("suspect", "failed") for test in record["tests"]}


@pytest.fixture(scope="module")
def gate(shared: Lab) -> Lab:
    """A lab for the example, which its first run makes."""
    return shared


def test_a_run_tells_of_each_test_and_leaves_reports_and_evidence(gate: Lab, tmp_path: Path) -> None:
    said = _dumm(gate, str(EXAMPLE), "--results", str(tmp_path), code=1)

    assert re.search(r"^\[1/2\] passed  gate/routed \(", said, re.MULTILINE)
    assert re.search(
        r"^\[2/2\] (failed |suspect) gate/broken \(.*: ping: west -> east.*0 of 1 answered", said, re.MULTILINE
    )
    assert "expected: 1 answered, within 3 s" in said
    assert "examples/tests/gate.yml:" in said
    record = _record(tmp_path)
    assert (_results(record), record["exit_code"]) == ({"routed": "passed", "broken": "failed"}, 1)
    cases = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    assert {case.get("name"): [each.tag for each in case] for case in cases} == {"routed": [], "broken": ["failure"]}
    assert "1 of 2 tests failed" in (tmp_path / "report.html").read_text()
    (_routed, broken) = record["tests"]
    assert (tmp_path / broken["evidence"]["packets"]).read_bytes().startswith(PCAPNG)
    assert "10.1.0.1/24" in (tmp_path / broken["evidence"]["gate: network.txt"]).read_text()
    assert not (tmp_path / "evidence/gate/routed").exists()
    packets = [each for each in broken["timeline"] if each["kind"] == "packet"]
    assert "west > east: ICMP echo request, seq 1" in {each["text"] for each in packets}


def test_a_run_of_what_passes_succeeds_and_takes_no_other_test(gate: Lab) -> None:
    said = _dumm(gate, str(EXAMPLE), "rout*", code=0)

    assert "1 passed in" in said
    assert f"results: {gate.path}/results/report.html" in said
    assert _results(_record(gate.path / "results")) == {"routed": "passed"}


def test_guests_of_nobody_or_of_another_scenario_keep_what_they_write(gate: Lab) -> None:
    gate.guest("bystander", mem=64)

    _dumm(gate, str(EXAMPLE), "routed", code=0)
    gate.read("bystander", "echo mine >/root/word")
    _dumm(gate, str(EXAMPLE), "routed", code=0)

    assert gate.read("bystander", "cat /root/word") == "mine\n"
    assert (gate.directory("bystander").diff / "root/word").exists()
    gate.guest("bystander", state="absent", wait_timeout=3)


def test_tests_are_listed_and_not_run(gate: Lab, tmp_path: Path) -> None:
    said = _dumm(gate, str(EXAMPLE), "--list", "--results", str(tmp_path / "none"), code=0)

    assert said.splitlines()[0] == "routed  gate forwards what west sends to east, and what east answers"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([str(EXAMPLE), "ruoted"], "no test is called ruoted, and none has such a tag; did you mean routed?"),
        (["/nowhere.yml"], "tests /nowhere.yml: there is no such file"),
        ([str(EXAMPLE), "--retry", "-1"], "retry: -1 is too few; give 0 or more"),
    ],
)
def test_what_cannot_be_run_is_told_and_changes_nothing(words: list[str], message: str, gate: Lab) -> None:
    before = gate.snapshot()

    assert message in _dumm(gate, *words, code=2)

    assert gate.snapshot() == before


def test_a_lab_that_cannot_be_made_is_broken_and_its_directory_is_nobody_elses_to_read(
    gate: Lab, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"

    said = _dumm(gate, "--workdir", str(fresh), str(EXAMPLE), "routed", code=3)

    assert re.search(r"\[1/1\] broken  gate/routed \(.*: no kernel at ", said)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    Lab(fresh).destroy()
    shutil.rmtree(fresh)


def test_a_failure_may_keep_the_lab_as_it_is_and_the_next_run_cleans_it(gate: Lab) -> None:
    said = _dumm(gate, str(EXAMPLE), "broken", "--keep", code=1)

    assert f"dumm attach west --workdir {gate.path}" in said
    assert "10.2.0.0/24" not in gate.read("gate", "ip route")
    _dumm(gate, str(EXAMPLE), "routed", code=0)
    assert "10.2.0.0/24" in gate.read("gate", "ip route")


def test_a_run_that_is_killed_half_way_harms_no_other(gate: Lab, tmp_path: Path) -> None:
    endless = tmp_path / "endless.yml"
    steps = (
        "[{on: gate, run: ip link set eth1 down, code: 0}, {on: gate, run: touch /root/here, code: 0}, {wait: 3000s}]"
    )
    endless.write_text(f"tests: {{endless: {{steps: {steps}}}}}\n")
    process = _command(gate, str(EXAMPLE), str(endless), "endless")
    until(lambda: gate.run("gate", "test -e /root/here").code == 0, "the test's second step")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)

    assert _results(_record(gate.path / "results")) != {"endless": "passed"}
    _dumm(gate, str(EXAMPLE), "routed", code=0)
    assert gate.run("gate", "test -e /root/here").code != 0


def test_an_interrupted_run_writes_what_it_has(gate: Lab, tmp_path: Path) -> None:
    waits = tmp_path / "waits.yml"
    first = "{steps: [{on: gate, run: hostname, match: gate}]}"
    second = "{steps: [{on: gate, run: touch /root/here, code: 0}, {wait: 3000s}]}"
    waits.write_text(f"tests: {{first: {first}, second: {second}}}\n")
    process = _command(gate, str(EXAMPLE), str(waits), "first", "second", "--results", str(tmp_path / "results"))
    until(lambda: gate.run("gate", "test -e /root/here").code == 0, "the second test")
    packets = [*tmp_path.glob("results/evidence/*/second/packets.pcapng")]

    assert "its lab is being tested" in _dumm(
        gate, str(EXAMPLE), "routed", "--results", str(tmp_path / "results"), code=3
    )

    assert packets and all(path.exists() for path in packets)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)

    assert process.returncode == -signal.SIGINT
    record = _record(tmp_path / "results")
    assert _results(record) == {"first": "passed", "second": "skipped"}
    assert record["tests"][1]["cause"] == "the run was interrupted"
    assert gate.run("gate", "test -e /root/here").code != 0


def test_labs_side_by_side_are_copies_of_the_first_and_leave_no_trace(gate: Lab, tmp_path: Path) -> None:
    gate.read("gate", "echo by hand >/root/installed")
    both = tmp_path / "both.yml"
    step = "{steps: [{on: gate, run: cat /root/installed, match: by hand}, {ping: west -> east, within: 60s}]}"
    both.write_text(f"tests: {{one: {step}, two: {step}}}\n")

    said = _dumm(gate, str(EXAMPLE), str(both), "one", "two", "--parallel", "2", "--keep", "always", code=0)

    assert "2 passed in" in said
    copy = Lab(gate.path / "copies/2")
    assert set(copy.info()["guests"]) == {"west", "gate", "east"}
    _dumm(gate, str(EXAMPLE), "routed", code=0)
    assert copy.leftovers() == []
    assert not (gate.path / "copies").exists()


def test_a_matrix_gives_the_guests_each_master_and_their_own_one_back(gate: Lab, tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.yml"
    steps = "[{on: one, run: command -v birdc, code: 0, within: 0s}]"
    matrix.write_text(
        f"guests: {{one: {{mem: 64}}}}\ntests: {{bird: {{masters: [default, bookworm-bird], steps: {steps}}}}}\n"
    )

    said = _dumm(gate, str(matrix), code=1)

    assert re.search(r"\[1/2\] (failed |suspect) matrix/bird \[master default\]", said)
    assert re.search(r"\[2/2\] passed  matrix/bird \[master bookworm-bird\]", said)
    assert gate.info()["guests"]["one"]["master"] == "default"
    gate.scenario("matrix", state="absent")


def test_the_labs_of_a_class_are_graded_in_a_row_and_none_stops_the_others(gate: Lab, tmp_path: Path) -> None:
    submissions = tmp_path / "class"
    (submissions / "carol").mkdir(parents=True)
    forwards = "guests: {{one: {{mem: 64, sysctl: {{net.ipv4.ip_forward: {0}}}}}}}\ntests: {{own: {{steps: []}}}}\n"
    (submissions / "alice.yml").write_text(forwards.format(1).partition("tests")[0])
    (submissions / "bob.yml").write_text("guests: [\n")
    (submissions / "carol/lab.yml").write_text(forwards.format(0).partition("tests")[0])
    (submissions / "dave.yml").write_text("guests: {one: {layers: [/root]}}\n")
    wanted = tmp_path / "wanted.yml"
    forwarded = "{points: 3, steps: [{on: one, run: cat /proc/sys/net/ipv4/ip_forward, match: '1', within: 0s}]}"
    wanted.write_text(f"tests: {{there: {{steps: [{{on: one, run: hostname, match: one}}]}}, forwards: {forwarded}}}\n")
    before = gate.snapshot()

    said = _dumm(gate, str(wanted), "--submissions", str(submissions), "--results", str(tmp_path / "out"), code=1)

    table = (tmp_path / "out/grades.csv").read_text().replace("suspect", "failed").splitlines()
    assert table[:2] == ["submission,points,of,there,forwards,remark", "alice,4,4,passed,passed,"]
    assert table[2].startswith("bob,0,4,,,") and "this is no YAML" in table[2]
    assert table[3] == "carol,1,4,passed,failed,"
    assert "layers /root is a path of this host" in table[4]
    assert re.search(r"^\[3/4\] carol: 1 of 4 points: 1 (failed|suspect), 1 passed in ", said, re.MULTILINE)
    assert _results(_record(tmp_path / "out/carol")) == {"there": "passed", "forwards": "failed"}
    assert gate.snapshot() == before


@pytest.mark.long
def test_the_playbook_runs_the_same_tests(gate: Lab, tmp_path: Path) -> None:
    ansible = Ansible(gate, tmp_path)
    book = str(REPOSITORY / "playbooks/test.yml")
    words = (book, "--skip-tags", "prepare", "-e", f"src={EXAMPLE}", "-e", f"results={tmp_path / 'results'}")

    listed = ansible.run("ansible-playbook", *words, "--check")
    passed = ansible.run("ansible-playbook", *words, "-e", "tests=routed")
    failed = ansible.run("ansible-playbook", *words, code=2)

    assert re.search(r"localhost .* changed=1 .*failed=0", listed)
    assert re.search(r"^    \[1/1\] passed  gate/routed \(", passed, re.MULTILINE)
    assert f"{tmp_path}/results/report.html" in passed
    assert re.search(r"tests: 1 (failed|suspect), 1 passed in .*: gate/broken \(ping: west -> east", failed)
    assert _results(_record(tmp_path / "results")) == {"routed": "passed", "broken": "failed"}
