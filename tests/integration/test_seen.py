# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests in which nothing has changed are not asked for their network, and whatever has changed is seen as ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from lab import TUNED, Lab, Result, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import mirror, processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import observe

# What is done in a guest, and what of it is told of when it is mended; one guest for each.
_CHANGES = {
    "a4": ("ip addr del 10.0.0.{number}/24 dev eth0", "10.0.0."),
    "a6": ("ip addr del fd00::{number}/64 dev eth0", "fd00::"),
    "mtu": ("ip link set eth1 mtu 1400", "mtu"),
    "down": ("ip link set eth1 down", "up"),
    "mac": ("ip link set eth1 down; ip link set eth1 address 02:00:00:00:00:99; ip link set eth1 up", "mac"),
    "r4": ("ip route del 10.9.0.0/16", "10.9.0.0/16"),
    "via": ("ip route replace 10.9.0.0/16 via 10.0.0.8", "10.9.0.0/16"),
    "r6": ("ip -6 route del fd09::/64", "fd09::/64"),
    "root": ("ip route flush root 10.9.0.0/16", "10.9.0.0/16"),
}
_NAMES = ("moon", "sun", *_CHANGES)
_CONFIG: Result = {
    "defaults": {"mem": 64, "init": "minimal"},
    "bridges": {"lan": {}},
    "guests": {
        name: {
            "interfaces": {
                "eth0": {"bridge": "lan", "address": [f"10.0.0.{number}/24", f"fd00::{number}/64"]},
                "eth1": {"bridge": "lan", "address": [f"10.0.1.{number}/24"]},
            },
            "routes": [{"to": "10.9.0.0/16", "via": "10.0.0.99"}, {"to": "fd09::/64", "via": "fd00::99"}],
        }
        for number, name in enumerate(_NAMES, 1)
    },
}


@pytest.fixture(name="quiet", params=["default", TUNED], scope="module")
def _quiet(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab whose guests have told of themselves, with either kernel."""
    with fresh_lab(kernel=request.param) as lab:
        lab.scenario("quiet", _CONFIG)
        yield lab


@pytest.fixture(name="asked")
def _asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The guests that are asked."""
    asked: list[str] = []
    real = observe._ask

    def ask(workdir: Any, name: str, *rest: Any) -> Any:
        asked.append(name)
        return real(workdir, name, *rest)

    monkeypatch.setattr(observe, "_ask", ask)
    return asked


def _told(lab: Lab, name: str) -> bytes | None:
    process = processes.read(lab.workdir.known_guest(name))
    assert process is not None
    return mirror.network(lab.workdir.guest(name), process)


def _state(lab: Lab, name: str) -> list[str]:
    script = "(ip -o addr; ip -o link; ip route; ip -6 route) | grep -v fe80:"
    return sorted(re.sub(r" (valid_lft|qlen|state|pref) .*", "", line) for line in lab.read(name, script).splitlines())


def _all_tell(lab: Lab) -> None:
    until(lambda: all(_told(lab, name) for name in _NAMES), "the guests to tell of themselves", 300)


def test_guests_that_are_as_they_were_are_not_asked(quiet: Lab, asked: list[str]) -> None:
    _all_tell(quiet)
    mirrored = {name: quiet.workdir.guest(name).spool.joinpath("seen").read_bytes() for name in _NAMES}

    until(
        lambda: asked.clear() or (not quiet.scenario("quiet", _CONFIG)["changed"] and not asked),
        "none to be asked",
        300,
    )

    for name in _NAMES:
        assert quiet.read(name, "ip -j addr; ip -j route; ip -j -6 route")
        answer = observe.look_inside(
            quiet.workdir, observe.observe(quiet.workdir), [name], observe.observe(quiet.workdir).lab, {}
        )
        assert observe.network.parse(name, mirrored[name]) == answer.live[name].inside


def test_what_is_changed_by_hand_is_found_at_once(quiet: Lab) -> None:
    _all_tell(quiet)
    states = {name: _state(quiet, name) for name in _CHANGES}
    _all_tell(quiet)
    for number, name in enumerate(_NAMES, 1):
        if name in _CHANGES:
            before = _told(quiet, name)
            assert quiet.run(name, _CHANGES[name][0].format(number=number)).code == 0
            # It may have told anew by now.
            assert _told(quiet, name) != before or before is None

    mended = quiet.scenario("quiet", _CONFIG)

    assert not [what for _change, what in _CHANGES.values() if not any(what in each for each in mended["actions"])]
    assert {name: _state(quiet, name) for name in _CHANGES} == states
    assert quiet.scenario("quiet", _CONFIG)["changed"] is False


def test_a_name_and_what_is_done_out_of_sight_are_seen(quiet: Lab) -> None:
    _all_tell(quiet)
    # Nobody waits for it, and the agent has no part in it.
    quiet.run(
        "moon",
        "(sleep 1; hostname other; ip route del 10.9.0.0/16; touch /.dumm/spool/done) >/dev/null 2>&1 </dev/null &",
    )
    directory, process = quiet.workdir.guest("moon"), processes.read(quiet.workdir.guest("moon"))
    assert process is not None
    until(lambda: (directory.spool / "done").exists() and mirror.is_idle(process.pid), "it to be done", 300)

    assert quiet.info()["guests"]["moon"]["hostname"] == "other"
    mended = quiet.scenario("quiet", _CONFIG)["actions"]
    assert len(mended) == 1 and "10.9.0.0/16" in mended[0]
    quiet.run("moon", "hostname moon")


def test_what_a_killed_agent_has_told_does_not_count(quiet: Lab) -> None:
    _all_tell(quiet)
    directory = quiet.workdir.guest("moon")
    hello = directory.spool / "hello"
    before = hello.stat().st_ino

    # The one that starts it again is stopped first, so that nobody takes the file away.
    script = """
agent=$PPID
keeper=$(awk '/^PPid/ {print $2}' /proc/$agent/status)
(sleep 0.5; kill -STOP $keeper; kill -KILL $agent; touch /.dumm/spool/killed; sleep 5; kill -CONT $keeper) >/dev/null 2>&1 </dev/null &
"""
    quiet.run("moon", script)
    until((directory.spool / "killed").exists, "the agent to be killed", 300)

    assert (directory.spool / "seen").exists() or hello.stat().st_ino != before
    assert _told(quiet, "moon") is None or hello.stat().st_ino != before
    until(lambda: hello.stat().st_ino != before, "another agent", 300)
    _all_tell(quiet)
    assert quiet.scenario("quiet", _CONFIG)["changed"] is False


def test_a_guest_that_works_is_asked(quiet: Lab, asked: list[str]) -> None:
    _all_tell(quiet)
    quiet.run("moon", "(while [ ! -e /root/enough ]; do :; done) >/dev/null 2>&1 </dev/null &")
    try:
        assert _told(quiet, "moon") is None
        assert quiet.scenario("quiet", _CONFIG)["changed"] is False
        assert "moon" in asked
    finally:
        quiet.run("moon", "touch /root/enough")
