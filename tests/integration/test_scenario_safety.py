# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of dumm_scenario that are killed, that meet each other, or whose guests die meanwhile: the next run puts it right."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from lab import HANG, PATIENCE, Lab, Refused, Result, until
from testbed import Config, pair, pids, states

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import bridges

KILLS = 10
ABSENT: Result = {"state": "absent"}


def _whole() -> Config:
    """A bit of everything: a cable with a delay, a segment with the host's leg, files, a command, kernel settings, a route."""
    return {
        "defaults": {"mem": 64},
        "bridges": {"lan": {"address": "10.9.0.254/24"}},
        "guests": {
            "moon": {"files": {"/etc/which": "whole\n"}, "run": ["echo ran >>/root/ran"]},
            "sun": {"sysctl": {"net.ipv4.ip_forward": 1}},
            "venus": {
                "interfaces": {"eth0": {"bridge": "lan", "address": "10.9.0.1/24"}},
                "routes": ["default via 10.9.0.254"],
            },
        },
        "links": [{"a": "moon:eth0", "b": "sun:eth0", "prefix": "10.0.0.0/24", "delay": 5}],
    }


def _other() -> Config:
    """The same after some changes: a guest goes, one comes, an interface is plugged, a file and a delay are others."""
    config = _whole()
    del config["guests"]["venus"]
    config["guests"]["mars"] = {"interfaces": {"eth0": {"bridge": "lan", "address": "10.9.0.2/24"}}}
    config["guests"]["sun"]["interfaces"] = {"eth1": {"bridge": "lan", "address": "10.9.0.3/24"}}
    config["guests"]["moon"]["files"] = {"/etc/which": "other\n", "/etc/more": "more\n"}
    config["links"][0]["delay"] = 10
    return config


def _hosts_leg_reaches(lab: Lab, address: str) -> bool:
    return lab.host("ping", "-c", "1", "-w", "60", address).returncode == 0


def _is_whole(lab: Lab) -> None:
    assert lab.read("moon", "cat /etc/which; uniq /root/ran; test ! -e /etc/more") == "whole\nran\n"
    assert lab.read("sun", "cat /proc/sys/net/ipv4/ip_forward") == "1\n"
    assert lab.links("sun") == {"eth0"}
    assert lab.reaches("moon", "10.0.0.2") and _hosts_leg_reaches(lab, "10.9.0.1")


def _is_other(lab: Lab) -> None:
    assert lab.read("moon", "cat /etc/which /etc/more; uniq /root/ran") == "other\nmore\nran\n"
    assert lab.links("sun") == {"eth0", "eth1"}
    assert lab.reaches("moon", "10.0.0.2") and lab.reaches("mars", "10.9.0.3")
    assert _hosts_leg_reaches(lab, "10.9.0.2")


def _is_absent(lab: Lab) -> None:
    assert lab.leftovers() == []
    assert list(lab.workdir.guests.iterdir()) == list(lab.workdir.bridges.iterdir()) == []


WHOLE: Result = {"config": _whole()}
OTHER: Result = {"config": _other()}
LOOKS: list[tuple[Result, Callable[[Lab], None]]] = [(WHOLE, _is_whole), (OTHER, _is_other), (ABSENT, _is_absent)]


@pytest.mark.parametrize(
    ("before", "during", "after", "kills"),
    [
        pytest.param(ABSENT, WHOLE, WHOLE, KILLS, id="first run, completed"),
        pytest.param(ABSENT, WHOLE, ABSENT, KILLS // 2, id="first run, taken away"),
        pytest.param(WHOLE, OTHER, OTHER, KILLS, id="change, completed"),
        pytest.param(WHOLE, OTHER, WHOLE, KILLS // 2, id="change, taken back"),
        pytest.param(WHOLE, ABSENT, ABSENT, KILLS, id="removal, completed", marks=pytest.mark.long),
        pytest.param(WHOLE, ABSENT, WHOLE, KILLS // 2, id="removal, taken back"),
    ],
)
def test_a_run_that_is_killed_at_any_moment_is_followed_by_one_that_ends_well(
    lab: Lab, before: Result, during: Result, after: Result, kills: int
) -> None:
    """Moments are counted in what the run does and not in seconds, so that they are spread over it on every machine."""
    lab.scenario("lab", **before)
    total = len(lab.deeds("scenario", name="lab", **during))
    lab.scenario("lab", **after)
    wanted = lab.traces()

    for turn in range(kills):
        lab.scenario("lab", **before)
        moment = 1 + turn * (total - 1) // (kills - 1)
        lab.deeds("scenario", name="lab", killed_at=moment, **during)

        lab.scenario("lab", **after)

        again = lab.scenario("lab", **after)
        assert (again["changed"], again["actions"]) == (False, []), moment
        assert not (unlike := lab.traces().unlike(wanted)), (moment, unlike)
        next(look for options, look in LOOKS if options is after)(lab)


@pytest.mark.parametrize("then", ["the new one", "the old one", "none"])
def test_a_change_of_layers_that_is_killed_is_followed_by_the_layers_that_are_asked_for(lab: Lab, then: str) -> None:
    """At each deed around the change itself: whether the guest has the new layers already, the next run must find out."""
    config: Config = {"guests": {"moon": {"mem": 64}}}
    for name in ("old", "new"):
        layer = lab.workdir.scenario_layer(name, "moon") / "etc"
        layer.mkdir(parents=True)
        (layer / "which").write_text(f"{name}\n")
    lab.scenario("old", config)
    before = pids(lab, "moon")
    trace = lab.deeds("scenario", name="new", state="loaded", config=config)
    change = trace.index("os.posix_spawn") + 1
    wanted, options = {
        "the new one": ("new\n", {"name": "new", "state": "loaded", "config": config}),
        "the old one": ("old\n", {"name": "old", "state": "loaded", "config": config}),
        "none": ("", {"name": "old", "state": "unloaded"}),
    }[then]

    for moment in range(change - 3, change + 5):
        lab.scenario("old", config, state="loaded")
        lab.deeds("scenario", killed_at=moment, name="new", state="loaded", config=config)

        if then == "none":
            # Which of them is loaded depends on the moment; below the new one lies the old one, which the guest belongs to.
            lab.scenario("new", state="unloaded")
        lab.scenario(**options)

        assert lab.read("moon", "cat /etc/which 2>/dev/null || :") == wanted, moment
        assert not lab.scenario(**options)["changed"], moment
        assert pids(lab, "moon") == before
    assert lab.info()["orphans"] == []


# Several runs at once


def _start(lab: Lab, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        lab.command("scenario", **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _result(process: subprocess.Popen[str]) -> Result:
    out, err = process.communicate(timeout=300)
    assert out, err
    told: Result = json.loads(out)
    return told


def test_of_two_runs_of_one_scenario_at_once_one_waits_and_finds_nothing_to_do(lab: Lab) -> None:
    results = [_result(run) for run in [_start(lab, name="lab", **WHOLE) for run in range(2)]]

    assert [result.get("msg") for result in results] == [None, None]
    assert sorted(result["changed"] for result in results) == [False, True]
    assert [states(result) for result in results] == [dict.fromkeys(("moon", "sun", "venus"), "running")] * 2
    _is_whole(lab)
    assert lab.read("moon", "cat /root/ran") == "ran\n"
    assert lab.info()["orphans"] == []


def test_two_scenarios_at_once_are_both_made(lab: Lab) -> None:
    other: Config = {
        "defaults": {"mem": 64},
        "guests": {"mars": {}, "pluto": {}},
        "links": [{"a": "mars:eth0", "b": "pluto:eth0", "prefix": "10.0.0.0/24"}],
    }

    results = [_result(run) for run in (_start(lab, name="lab", **WHOLE), _start(lab, name="other", config=other))]

    assert [(result.get("msg"), result["changed"]) for result in results] == [(None, True)] * 2
    _is_whole(lab)
    assert lab.reaches("mars", "10.0.0.2")
    assert not lab.scenario("lab", **WHOLE)["changed"] and not lab.scenario("other", other)["changed"]
    assert lab.info()["orphans"] == []


def test_of_two_scenarios_with_the_same_guests_at_once_the_last_one_holds(lab: Lab) -> None:
    configs = {name: pair(files={"/etc/which": f"{name}\n"}) for name in ("a", "b")}

    results = [_result(run) for run in [_start(lab, name=name, config=config) for name, config in configs.items()]]

    assert [result.get("msg") for result in results] == [None, None]
    last = lab.info()["guests"]["moon"]["loaded"]
    assert lab.read("moon", "cat /etc/which") == lab.read("sun", "cat /etc/which") == f"{last}\n"
    assert lab.reaches("moon", "10.0.0.2")
    assert not lab.scenario(last, configs[last])["changed"]
    assert lab.info()["orphans"] == []


# Guests that die meanwhile, and what a killed run has started

HOLD = {"command": "touch /root/began; sleep 1000", "creates": "/root/began"}


def _held(lab: Lab, **options: Any) -> tuple[Config, subprocess.Popen[str]]:
    """A run that has started its guests and is busy with a command in moon, which another run will find done."""
    config = pair()
    config["guests"]["moon"] = {"run": [HOLD, "echo ran >/root/ran"]}
    run = _start(lab, name="lab", config=config, **options)
    began = lab.directory("moon").scratch / "lab/root/began"
    until(began.exists, "the command in moon")
    until((lab.directory("sun").spool / "hello").exists, "sun to be up")
    return config, run


def _after_moon_is_killed(lab: Lab, run: subprocess.Popen[str]) -> Result:
    """What a run says that needs moon: its name and why it ended, in one line."""
    pid = lab.process("moon").pid
    os.kill(pid, signal.SIGKILL)
    told = _result(run)
    assert told["failed"]
    assert told["msg"].startswith(f"guest moon: it ended: its process {pid} was killed"), told["msg"]
    assert "\n" not in told["msg"]
    return told


def _is_repaired(lab: Lab, config: Config) -> None:
    assert states(lab.scenario("lab", config)) == {"moon": "running", "sun": "running"}
    assert lab.reaches("moon", "10.0.0.2") and lab.reaches("sun", "10.0.0.1")
    assert lab.read("moon", "cat /root/ran") == "ran\n"
    assert not lab.scenario("lab", config)["changed"]
    assert lab.info()["orphans"] == []


def test_a_guest_that_is_killed_in_the_middle_of_a_run_is_named_and_repaired_by_the_next(lab: Lab) -> None:
    config, run = _held(lab)
    sun = pids(lab, "sun")

    told = _after_moon_is_killed(lab, run)

    assert {"start guest moon", "start guest sun"} <= set(told["actions"])
    assert lab.info()["guests"]["moon"]["state"] == "died"
    _is_repaired(lab, config)
    assert pids(lab, "sun") == sun


def test_a_guest_that_is_killed_while_it_boots_is_named_and_repaired_by_the_next(lab: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {"cmdline": HANG}
    run = _start(lab, name="lab", config=config, wait_timeout=PATIENCE)
    until((lab.directory("moon").union).is_symlink, "moon to be launched")
    until((lab.directory("sun").spool / "hello").exists, "sun to be up")
    sun = pids(lab, "sun")

    _after_moon_is_killed(lab, run)

    config["guests"]["moon"] = {}
    assert states(lab.scenario("lab", config)) == {"moon": "running", "sun": "running"}
    assert lab.reaches("moon", "10.0.0.2")
    assert not lab.scenario("lab", config)["changed"]
    assert pids(lab, "sun") == sun
    assert lab.info()["orphans"] == []


def test_a_guest_that_a_killed_run_was_stopping_is_stopped_before_anything_else(lab: Lab) -> None:
    lab.scenario("lab", pair())
    moon = lab.process("moon")
    processes.store(lab.directory("moon"), dataclasses.replace(moon, stopping=True))

    result = lab.scenario("lab", pair())

    assert not processes.is_alive(moon)
    assert states(result) == {"moon": "running", "sun": "running"}
    assert "start guest moon" in result["actions"]
    assert not lab.scenario("lab", pair())["changed"]


def test_what_a_killed_run_has_started_is_taken_on_as_it_is(lab: Lab) -> None:
    config, run = _held(lab)
    before, devices = pids(lab, "moon", "sun"), {name: device["ifindex"] for name, device in lab.devices().items()}

    run.kill()
    run.communicate(timeout=PATIENCE)

    _is_repaired(lab, config)
    assert pids(lab, "moon", "sun") == before
    assert {name: device["ifindex"] for name, device in lab.devices().items()} == devices


def test_an_error_leaves_what_is_done_so_that_absent_takes_it_all_away(lab: Lab) -> None:
    _config, run = _held(lab)
    _after_moon_is_killed(lab, run)

    with pytest.raises(Refused, match="it has no guest"):
        lab.scenario("lab", pair(), only=["nobody"])
    lab.scenario("lab", **ABSENT)

    _is_absent(lab)


def _isolated(lab: Lab) -> set[bool]:
    ports = json.loads(lab.host("bridge", "-j", "-d", "link").stdout)
    return {port["isolated"] for port in ports if port["ifname"].endswith("-eth0")}


def _asks(lab: Lab) -> int:
    (bridge,) = json.loads(lab.host("ip", "-j", "-d", "link", "show", "lan").stdout)
    return int(bridge["linkinfo"]["info_data"]["mcast_querier"])


def _versions(lab: Lab) -> tuple[int, int]:
    """Of MLD and IGMP, by which the bridge asks."""
    (bridge,) = json.loads(lab.host("ip", "-j", "-d", "link", "show", "lan").stdout)
    told = bridge["linkinfo"]["info_data"]
    return told["mcast_mld_version"], told["mcast_igmp_version"]


def test_segments_that_a_killed_run_had_closed_are_opened_by_the_next(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"g{number}" for number in range(1, 9)]
    config = {
        "defaults": {"mem": 48, "init": "minimal"},
        "bridges": {"lan": {"prefix": ["10.0.0.0/24", "fd00:1::/64"]}},
        "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in names},
    }
    lab.scenario("many", config)
    assert (_isolated(lab), _asks(lab), _versions(lab)) == ({False}, 1, (2, 3))
    assert lab.reaches("g1", "10.0.0.8")
    # As it is left in the middle of a start.
    (lab.path / "closed").touch()
    for name in names:
        lab.host("bridge", "link", "set", "dev", f"{name}-eth0", "isolated", "on")
    lab.host("ip", "link", "set", "lan", "type", "bridge", "mcast_querier", "0")
    assert not lab.reaches("g1", "10.0.0.8", "-c 1 -w 1")

    assert not lab.scenario("many", config)["changed"]

    assert (_isolated(lab), _asks(lab)) == ({False}, 1)
    assert lab.reaches("g1", "10.0.0.8")
    assert not (lab.path / "closed").exists()
    # A crowd is asked so that its answers go to the bridge alone, and is reached as before.
    monkeypatch.setattr(bridges, "_CROWDED", len(names))
    (lab.path / "closed").touch()
    lab.scenario("many", config)
    assert (_asks(lab), _versions(lab)) == (1, (1, 2))
    assert lab.reaches("g1", "fd00:1::8") and lab.reaches("g8", "10.0.0.1")
