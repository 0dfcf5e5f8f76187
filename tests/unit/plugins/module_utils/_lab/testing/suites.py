# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results for the tests of reports: one run with a test of each verdict, one of whose guests is hostile."""

from __future__ import annotations

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.results import (
    Attempt,
    Happening,
    StepResult,
    SuiteResult,
    TestResult,
    Verdict,
)

# What a guest may print to whoever looks at it: it would colour a terminal, end an element, run a script, ask a server, end a document.
HOSTILE = (
    "\x1b[31m</pre></td><script>document.title='owned'</script><img src=http://192.0.2.1/x>]]>&quot;\"'\u202e\x00\ufffe"
)

REACHED = StepResult(
    text="ping: alice -> bob",
    place="tests/vpn.yml, line 4, column 7",
    phase="steps",
    verdict=Verdict.PASSED,
    at=0.5,
    seconds=0.012,
    guests=("alice",),
    attempts=(Attempt(0.51, "1 of 1 answered"),),
)
LOST = StepResult(
    text="ping: alice -> carol",
    place="tests/vpn.yml, line 9, column 7",
    phase="steps",
    verdict=Verdict.FAILED,
    at=1.0,
    seconds=10.0,
    stage="failover",
    guests=("alice",),
    expected="1 of 1 answered",
    attempts=(Attempt(1.0, "0 of 1 answered", 12), Attempt(6.0, "no route to host\nping: connect", 3)),
    why="sun: no route to 10.2.0.0/16",
)


def made(
    name: str,
    verdict: Verdict = Verdict.PASSED,
    *,
    group: str = "vpn",
    variant: str = "",
    cause: str = "",
    steps: tuple[StepResult, ...] = (REACHED,),
    pressure: float | None = 3.0,
    tries: int = 1,
    points: float = 1.0,
    seconds: float = 3.21,
) -> TestResult:
    """A test that ended."""
    return TestResult(
        name,
        group,
        verdict,
        1_795_000_000.0,
        seconds,
        place="tests/vpn.yml, line 2, column 3",
        variant=variant,
        cause=cause,
        steps=steps,
        pressure=pressure,
        tries=tries,
        points=points,
        phases={"clean": 0.3, "steps": 2.9},
    )


FAILED = TestResult(
    "failover",
    "vpn",
    Verdict.FAILED,
    1_795_000_010.0,
    11.5,
    description="carol is reached by the other way",
    place="tests/vpn.yml, line 7, column 3",
    cause="ping: alice -> carol: no route to host",
    steps=(REACHED, LOST),
    pressure=12.0,
    phases={"clean": 0.3, "steps": 11.0},
    timeline=(
        Happening(0.5, "alice", "command", "ping -c 1 10.0.0.2"),
        Happening(0.52, "sun:eth0", "packet", "10.0.0.1 > 10.0.0.2: ICMP echo request"),
        Happening(1.2, "sun", "log", "charon: no route"),
    ),
    evidence={"moon: boot.log": "failover/moon/boot.log", "sun:eth0": "failover/sun-eth0.pcapng"},
)

ALL = SuiteResult(
    "/var/lib/dumm",
    1_795_000_000.0,
    34.2,
    (
        made("tunnel"),
        FAILED,
        made("rekey", Verdict.SUSPECT, cause="no ESP was seen", pressure=97.6),
        made("trap", Verdict.FLAKY, tries=2),
        made("ikev1", Verdict.SKIPPED, cause="the kernel has no IPComp", steps=(), seconds=0.0),
        made("gone", Verdict.BROKEN, group="other", cause="guest sun does not answer", steps=()),
    ),
)


def hostile() -> SuiteResult:
    """A run in which every text is hostile."""
    step = StepResult(
        HOSTILE,
        HOSTILE,
        "steps",
        Verdict.FAILED,
        0.0,
        1.0,
        HOSTILE,
        (HOSTILE,),
        HOSTILE,
        (Attempt(0.0, HOSTILE), Attempt(1.0, HOSTILE * 2)),
        HOSTILE,
    )
    test = TestResult(
        HOSTILE,
        HOSTILE,
        Verdict.FAILED,
        0.0,
        1.0,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        (step,),
        timeline=(Happening(0.0, HOSTILE, "log", HOSTILE), Happening(0.0, HOSTILE, HOSTILE, HOSTILE)),
        evidence={HOSTILE: HOSTILE, "link": "javascript:alert(1)"},
    )
    return SuiteResult(HOSTILE, 0.0, 1.0, (test,), HOSTILE)
