# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as files for programs: junit.xml and results.json."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from suites import ALL, hostile, made

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.junit import junit
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.record import durations, returned_data, suite_data
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import SuiteResult

# The parts of Jenkins's junit-10.xsd that documents of ours may use: attributes that must be there, those that may, and children.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors", "disabled"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package", "file"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "classname"},
        {"time", "group"},
        {"skipped", "error", "failure", "flakyFailure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "flakyFailure": ({"type"}, {"message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
}


def valid(document: bytes) -> ElementTree.Element:
    """A document of ours, which is held against the schema."""
    root = ElementTree.fromstring(document)
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, allowed, children = SCHEMA[element.tag]
        assert needed <= set(element.attrib) <= needed | allowed
        assert {child.tag for child in element} <= children
    return root


def test_each_group_is_a_testsuite_with_its_counts() -> None:
    root = valid(junit(ALL))

    assert [dict(suite.attrib) for suite in root] == [
        {
            "name": "other",
            "tests": "1",
            "failures": "0",
            "errors": "1",
            "time": "3.210",
            "skipped": "0",
            "timestamp": "2026-11-18T11:06:40",
        },
        {
            "name": "vpn",
            "tests": "5",
            "failures": "2",
            "errors": "0",
            "time": "21.130",
            "skipped": "1",
            "timestamp": "2026-11-18T11:06:40",
        },
    ]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "2", "1")


def test_each_test_is_a_testcase_with_how_it_ended() -> None:
    root = valid(junit(ALL))

    ended = {case.get("name"): [(each.tag, each.get("message")) for each in case] for case in root.iter("testcase")}

    assert ended == {
        "tunnel": [],
        "failover": [("failure", "ping: alice -> carol: no route to host: sun: no route to 10.2.0.0/16")],
        "rekey": [("failure", "no ESP was seen")],
        "trap": [("flakyFailure", "passed after 2 tries.")],
        "ikev1": [("skipped", "the kernel has no IPComp")],
        "gone": [("error", "guest sun does not answer")],
    }


def test_a_failure_has_the_step_as_its_text() -> None:
    (failure,) = [each for each in valid(junit(ALL)).iter("failure") if each.get("type") == "failed"]

    assert failure.text is not None
    assert failure.text.splitlines()[:4] == [
        "tests/vpn.yml, line 7, column 3",
        "ping: alice -> carol  (tests/vpn.yml, line 9, column 7, stage failover)",
        "  expected: 1 of 1 answered",
        "  got, after 10.0 s:",
    ]


def test_a_variant_is_a_testcase_of_its_own() -> None:
    suite = SuiteResult("/lab", 0.0, 1.0, (made("t", variant="kernel a"), made("t", variant="kernel b")))

    assert [case.get("name") for case in valid(junit(suite)).iter("testcase")] == ["t [kernel a]", "t [kernel b]"]


def test_a_broken_lab_is_an_error_without_any_test() -> None:
    root = valid(junit(SuiteResult("/lab", 0.0, 1.0, (), "guest sun does not answer")))

    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    assert [each.get("message") for each in root.iter("error")] == ["guest sun does not answer"]


def test_hostile_text_stays_text() -> None:
    root = valid(junit(hostile()))

    (failure,) = root.iter("failure")
    assert "<script>document.title='owned'</script>" in (failure.text or "")
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in ElementTree.tostring(root, "unicode"))


def test_the_record_has_everything_under_documented_names() -> None:
    data = json.loads(json.dumps(suite_data(ALL)))

    assert {key: data[key] for key in data if key != "tests"} == {
        "format": 1,
        "lab": "/var/lib/dumm",
        "began": "2026-11-18T11:06:40Z",
        "seconds": 34.2,
        "exit_code": 3,
        "broken": "",
        "counts": {"broken": 1, "failed": 1, "suspect": 1, "flaky": 1, "skipped": 1, "passed": 1},
        "points": {"earned": 2.0, "of": 5.0},
    }
    failover = data["tests"][1]
    assert {key: failover[key] for key in failover if key not in ("steps", "timeline")} == {
        "name": "failover",
        "group": "vpn",
        "variant": "",
        "result": "failed",
        "began": "2026-11-18T11:06:50Z",
        "seconds": 11.5,
        "description": "carol is reached by the other way",
        "place": "tests/vpn.yml, line 7, column 3",
        "cause": "ping: alice -> carol: no route to host",
        "pressure": 12.0,
        "tries": 1,
        "points": 1.0,
        "phases": {"clean": 0.3, "steps": 11.0},
        "evidence": {"moon: boot.log": "failover/moon/boot.log", "sun:eth0": "failover/sun-eth0.pcapng"},
    }
    assert failover["steps"][1] == {
        "text": "ping: alice -> carol",
        "place": "tests/vpn.yml, line 9, column 7",
        "phase": "steps",
        "stage": "failover",
        "result": "failed",
        "at": 1.0,
        "seconds": 10.0,
        "guests": ["alice"],
        "expected": "1 of 1 answered",
        "attempts": [
            {"at": 1.0, "got": "0 of 1 answered", "times": 12},
            {"at": 6.0, "got": "no route to host\nping: connect", "times": 3},
        ],
        "why": "sun: no route to 10.2.0.0/16",
    }
    assert failover["timeline"][1] == {
        "at": 0.52,
        "where": "sun:eth0",
        "kind": "packet",
        "text": "10.0.0.1 > 10.0.0.2: ICMP echo request",
    }


def test_a_module_returns_of_steps_that_held_only_that_they_did() -> None:
    data = returned_data(ALL.tests[1])

    assert data["steps"][0] == {"text": "ping: alice -> bob", "result": "passed", "seconds": 0.012}
    assert data["steps"][1]["why"] == "sun: no route to 10.2.0.0/16"
    assert "timeline" not in data


def test_the_durations_of_an_earlier_run_are_read_from_its_record() -> None:
    found = durations(json.loads(json.dumps(suite_data(ALL))))

    assert found["vpn", "failover", ""] == 11.5
    assert len(found) == 6


@pytest.mark.parametrize("data", [None, [], {}, {"tests": 3}, {"tests": [1, {"seconds": "long"}]}])
def test_what_is_no_record_has_no_durations(data: object) -> None:
    assert durations(data) == {}
