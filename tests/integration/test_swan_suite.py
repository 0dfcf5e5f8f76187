# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A suite in strongSwan's format on real guests: what lines mean, what a failure leaves, and that the next test does not see it.

strongSwan itself is not needed for that; its own suite is run by test_strongswan.py.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, fresh_lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import RunFailed
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.runs.body import TestReport, run_tests

_SCENARIO = """
hosts: false
guests:
  moon: {mem: 64, interfaces: {eth0: {bridge: lan, address: 192.168.0.1/24}}}
  sun: {mem: 64, interfaces: {eth0: {bridge: lan, address: 192.168.0.2/24}}}
bridges: {lan: {}}
"""
_NETWORK = 'STRONGSWANHOSTS="alice moon sun venus"\nHOSTNAMEIPV4="moon,192.168.0.1 sun,192.168.0.2"\nHOSTNAMEIPV6="moon,fec0::1"\n'
_POLICY = "src 10.1.0.0/16 dst 10.2.0.0/16 dir out"
_TESTS: dict[str, dict[str, str]] = {
    "a-lines": {
        "test.conf": 'VIRTHOSTS="moon sun"\n',
        "hosts/moon/etc/marker": "peer PH_IP_SUN\n",
        "pretest.dat": "moon::cat < /etc/marker > /root/seen; cat /root/*\n# moon::rm /root/seen\nmmoon::true\n",
        "evaltest.dat": "\n".join(
            (
                "moon::cat /root/seen::peer 192.168.0.2::YES",
                "moon::ping -c 1 PH_IP_SUN::64 bytes from PH_IP_SUN: icmp_.eq=1::YES",
                # The host's shell splits it, and passes on what is left.
                "moon::echo one   two::one two::YES",
                "moon::echo 'one   two'::^one two$::YES",
                # Pipes and redirections are the host's, which has no rights there, and no network.
                "moon::id -u | sed s/^/root-is-/::root-is-0::YES",
                "moon::true; id -u::^65534$::YES",
                "moon::true; cat /proc/net/dev::eth::NO",
                "moon::true; ls -A::job::YES",
                "moon::ls /nowhere 2> /dev/null::.::NO",
                "moon::false || echo failed::failed::YES",
                # The guest's shell is bash.
                "moon::echo -e x::^x$::YES",
                # Patterns are those of grep, without extensions.
                "sun::echo 'a+b'::a+b::YES",
                "moon::printf 'x\\\\nx\\\\ny\\\\n'::x::2",
                "sun::true::never::yes",
            )
        ),
        "posttest.dat": "moon::rm /root/seen\n",
    },
    "a-serves": {"hosts/sun/etc/served": "once\n", "evaltest.dat": "sun::cat /etc/served::once::YES\n"},
    # It does not name the host that the test before had files for.
    "a-uses": {"evaltest.dat": "moon::true::x::NO\n"},
    "b-fails": {
        "test.conf": 'IPSECHOSTS="moon"\nSWANCTL=1\n',
        "hosts/moon/etc/marker": "failing\n",
        "pretest.dat": "moon::echo 1 >/proc/sys/net/ipv4/ip_forward\nmoon::sleep 1000 </dev/null >/dev/null 2>&1 &\n",
        "evaltest.dat": "moon::cat /etc/marker::passing::YES\nmoon::cat /etc/marker::failing::YES\n",
        "posttest.dat": "moon::echo posted >/dev/kmsg\n",
    },
    "c-leaves": {
        "test.conf": 'IPSECHOSTS="moon"\n',
        "pretest.dat": f"moon::ip xfrm policy add {_POLICY} tmpl proto esp mode tunnel\n",
        "evaltest.dat": "moon::cat /proc/sys/net/ipv4/ip_forward::^0$::YES\nmoon::ls /etc/marker 2> /dev/null::marker::NO\n"
        "moon::pidof sleep::[0-9]::NO\n",
    },
    "d-clean": {
        "test.conf": 'IPSECHOSTS="moon"\n',
        "evaltest.dat": "moon::ip xfrm policy::src::NO\nmoon::ls /etc/marker 2> /dev/null::marker::NO\n",
    },
    "e-far": {"evaltest.dat": "venus::true::x::NO\n"},
    "e-needs": {"hosts/moon/etc/strongswan.conf": "charon {\n  load = botan\n}\n"},
}
_FILES = ("description.txt", "test.conf", "pretest.dat", "posttest.dat", "evaltest.dat")


def _write_suite(place: Path) -> None:
    for name, files in _TESTS.items():
        for file, text in {**dict.fromkeys(_FILES, ""), **files}.items():
            path = place / "tests/group" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (place / "tests/group/f-lacks").mkdir()
    (place / "testing.conf").write_text(_NETWORK)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab with the suite and its scenario."""
    with fresh_lab() as fresh:
        _write_suite(fresh.path / "strongswan/testing")
        (fresh.path / "scenarios/strongswan").mkdir(parents=True)
        (fresh.path / "scenarios/strongswan/config").write_text(_SCENARIO)
        yield fresh


def _run(lab: Lab, **given: Any) -> TestReport:
    arguments = options.completed(options.TEST, workdir=str(lab.path), format="strongswan", **given)
    try:
        return run_tests(arguments)
    except RunFailed as failed:
        assert isinstance(failed.report, TestReport), failed
        return failed.report


@pytest.fixture(scope="module")
def ended(lab: Lab) -> dict[str, Any]:
    """What came of all tests, in one run."""
    _run(lab)
    record = json.loads((lab.path / "results/results.json").read_text())
    return {test["name"]: test for test in record["tests"]}


def _bad(test: dict[str, Any]) -> list[str]:
    return [step["text"] for step in test["steps"] if step["result"] not in ("passed", "skipped")]


def test_lines_mean_what_they_mean_upstream(ended: dict[str, Any]) -> None:
    assert _bad(ended["a-lines"]) == []
    assert ended["a-lines"]["result"] == "passed"


def test_a_line_that_can_never_fail_is_told(ended: dict[str, Any]) -> None:
    (never,) = [step for step in ended["a-lines"]["steps"] if step["result"] == "skipped"]

    assert never["text"] == "sun: true | grep 'never' [yes]"
    assert "can never fail" in never["expected"]


def test_a_failure_has_upstreams_files_and_is_cleaned_up(ended: dict[str, Any], lab: Lab) -> None:
    failed, after = ended["b-fails"], ended["c-leaves"]

    assert _bad(failed) == ["moon: cat /etc/marker | grep 'passing' [YES]"]
    console = (lab.path / "results" / failed["evidence"]["console.log"]).read_text()
    assert "~~~~~~~ FAIL ~~~~~~~\nmoon# cat /etc/marker | grep 'passing'  [YES]" in console
    assert "192.168.0.1" in (lab.path / "results" / failed["evidence"]["moon: ip.addr"]).read_text()
    assert [step["phase"] for step in failed["steps"]].count("after") == 1
    assert "b-fails" in (lab.path / "results/strongswan/all.html").read_text()
    # Files, settings and processes are gone: what is left of IPsec is the only failure of the next.
    assert _bad(after) == ["moon: no IPsec state or policy is left"]
    assert ended["d-clean"]["result"] == "passed"


def test_what_cannot_be_run_is_skipped_with_its_reason(ended: dict[str, Any]) -> None:
    assert ended["e-needs"]["cause"] == "It needs the plugin botan, which the guests' strongSwan lacks."
    assert ended["e-far"]["cause"] == "It uses venus, and the lab has no such guest."
    assert ended["f-lacks"]["cause"] == "It has no description.txt."


def test_no_layer_of_a_test_is_left(ended: dict[str, Any], lab: Lab) -> None:
    assert ended
    assert {guest["loaded"] for guest in lab.info()["guests"].values()} == {"strongswan"}
    assert [path.name for path in (lab.path / "scenarios").iterdir()] == ["strongswan"]


def test_a_host_that_a_test_does_not_name_has_no_files_of_the_test_before(lab: Lab) -> None:
    report = _run(lab, tests=["a-serves", "a-uses"], keep="always")

    assert report.suite is not None and report.suite.exit_code == 0
    assert lab.run("sun", "cat /etc/served").stdout == b""


def test_what_a_killed_run_has_left_is_cleaned_up_by_the_next(lab: Lab, ended: dict[str, Any]) -> None:
    assert ended
    layer = lab.path / "scenarios/suite-1-0/diff/moon/etc"
    layer.mkdir(parents=True)
    (layer / "marker").write_text("left\n")
    lab.scenario("suite-1-0", {"hosts": False, "guests": {"moon": {}}}, state="loaded", only=["moon"])
    lab.run("moon", f"ip xfrm policy add {_POLICY} tmpl proto esp mode tunnel")
    place = Path(tempfile.mkdtemp(prefix="dumm-suite-99999999-"))
    os.chown(place, 65534, 65534)

    report = _run(lab, tests=["d-clean"])

    assert report.suite is not None and report.suite.exit_code == 0
    assert not place.exists()


def test_a_pattern_that_names_no_test_and_a_suite_that_is_none_are_refused(lab: Lab) -> None:
    with pytest.raises(RunFailed, match="no test is called nonsense"):
        run_tests(options.completed(options.TEST, workdir=str(lab.path), format="strongswan", tests=["nonsense"]))
    with pytest.raises(RunFailed, match=r"there is no tests/ and testing\.conf in it"):
        run_tests(options.completed(options.TEST, workdir=str(lab.path), format="strongswan", src=["/proc"]))
