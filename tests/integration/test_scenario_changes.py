# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of one object of a scenario touches that object: guests that the user did not change are left as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from lab import Lab, Result, fresh_lab, until
from testbed import Config, pair, pids, states

NAMES = tuple(f"g{number}" for number in range(1, 9))
SERVICE = "/etc/init.d/witness"
# Tells how often it was restarted.
WITNESS = {"content": "#!/bin/sh\necho restarted >>/run/witness\n", "mode": "0755"}


def _eight() -> Config:
    """Eight guests on a segment, each with a service, and room for cables."""
    return {
        "defaults": {
            "mem": 48,
            "init": "minimal",
            "files": {SERVICE: WITNESS},
            "restart_services": ["witness"],
        },
        "bridges": {"lan": {"prefix": "10.0.0.0/24"}},
        "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in NAMES},
    }


def _record(lab: Lab, guest: str) -> dict[str, bytes]:
    """What is on disk of a guest's definition and process."""
    directory = lab.directory(guest)
    return {
        path.name: path.read_bytes() + str(path.stat().st_mtime_ns).encode()
        for path in (directory.definition, directory.process)
    }


def _restarts(lab: Lab, guest: str) -> int:
    return lab.read(guest, "cat /run/witness 2>/dev/null || :").count("restarted")


def _settled(lab: Lab, name: str, config: Config | None = None, **options: Any) -> None:
    again = lab.scenario(name, config, **options)
    assert (again["changed"], again["actions"]) == (False, [])


@pytest.fixture(scope="module", params=["overlay", "cowfs"])
def eight(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The eight guests, running, on each union engine."""
    with fresh_lab(engine=str(request.param)) as lab:
        lab.scenario("campus", _eight())
        yield lab


def _only_these_change(lab: Lab, config: Config, changed: set[str]) -> Result:
    """Make a change and assert that it touches these guests alone."""
    others = [name for name in NAMES if name not in changed]
    before = {name: (_record(lab, name), _restarts(lab, name)) for name in others}
    result = lab.scenario("campus", config)
    assert {name: (_record(lab, name), _restarts(lab, name)) for name in others} == before
    told = " ".join(result["actions"])
    assert not [name for name in others if f"{name}:" in told or f" {name}" in told], told
    _settled(lab, "campus", config)
    return result


def test_a_cable_touches_its_two_ends_and_all_guests_know_its_names(eight: Lab) -> None:
    config = _eight()
    config["links"] = [{"a": "g3:eth1", "b": "g7:eth1", "prefix": "10.9.0.0/30"}]

    result = _only_these_change(eight, config, {"g3", "g7"})

    assert "change the names in /etc/hosts" in result["actions"]
    assert len(result["actions"]) <= 12
    for name in NAMES:
        assert eight.read(name, "getent hosts g7-eth1").split()[0] == "10.9.0.2"
    assert [_restarts(eight, name) for name in ("g3", "g7")] == [0, 0]
    eight.scenario("campus", _eight())
    assert all(eight.run(name, "getent hosts g7-eth1").code for name in NAMES)


def test_a_guest_that_comes_and_one_that_goes_touch_no_other(eight: Lab) -> None:
    config = _eight()
    config["guests"]["late"] = {"interfaces": {"eth0": {"bridge": "lan"}}}

    _only_these_change(eight, config, set())
    assert eight.read("g1", "getent hosts late").split()[0] == "10.0.0.9"
    _only_these_change(eight, _eight(), set())

    assert eight.run("g1", "getent hosts late").code != 0


def _labels(config: Config) -> None:
    config["guests"]["g2"] |= {"labels": {"role": "x"}, "vars": {"y": 1}}


def _files(config: Config) -> None:
    config["guests"]["g2"]["files"] = {"/etc/motd": "hello\n"}


def _conditions(config: Config) -> None:
    config["guests"]["g2"]["interfaces"]["eth0"]["delay"] = 5


def _no_addresses(config: Config) -> None:
    config["guests"]["g2"]["interfaces"]["eth0"]["address"] = []


def _explicit_address(config: Config) -> None:
    config["guests"]["g2"]["interfaces"]["eth0"]["address"] = "10.0.0.77/24"


def _kernel_setting(config: Config) -> None:
    config["guests"]["g2"] |= {"sysctl": {"net.ipv4.ip_forward": 1}, "routes": ["default via 10.0.0.1"]}


def _command(config: Config) -> None:
    config["guests"]["g2"]["run"] = ["true"]


def _own_hosts(config: Config) -> None:
    config["guests"]["g2"]["files"] = {"/etc/hosts": "127.0.0.1 localhost\n"}


def _memory(config: Config) -> None:
    config["guests"]["g2"]["mem"] = 56


@pytest.mark.parametrize(
    "change",
    [
        _labels,
        _files,
        _conditions,
        _no_addresses,
        _explicit_address,
        _kernel_setting,
        _command,
        _own_hosts,
        _memory,
    ],
    ids=lambda change: change.__name__[1:],
)
def test_a_setting_of_one_guest_touches_that_guest(eight: Lab, change: Any) -> None:
    config = _eight()
    change(config)

    _only_these_change(eight, config, {"g2"})
    _only_these_change(eight, _eight(), {"g2"})


def _other_order(config: Config) -> None:
    config["bridges"]["lan"] = {}
    for number, (_name, guest) in enumerate(config["guests"].items()):
        guest["interfaces"]["eth0"]["address"] = f"10.0.0.{number + 1}/24"
    config["guests"] = dict(reversed(config["guests"].items()))


def _host_leg(config: Config) -> None:
    config["bridges"]["lan"]["address"] = "10.0.0.254/24"


def _equal_default(config: Config) -> None:
    config["groups"] = {"all-of-them": config.pop("defaults")}
    for guest in config["guests"].values():
        guest["groups"] = ["all-of-them"]


def _description(config: Config) -> None:
    config["description"] = "Another one."


@pytest.mark.parametrize("change", [_other_order, _equal_default, _description], ids=lambda each: each.__name__[1:])
def test_the_same_in_other_words_changes_nothing(eight: Lab, change: Any) -> None:
    config = _eight()
    change(config)
    config.setdefault("defaults", {})

    _settled(eight, "campus", config)


@pytest.mark.parametrize("change", [_host_leg, lambda config: config["bridges"].update(other={"mtu": 1400})])
def test_a_segments_own_settings_touch_no_guest(eight: Lab, change: Any) -> None:
    config = _eight()
    change(config)

    _only_these_change(eight, config, set())
    _only_these_change(eight, _eight(), set())


def test_the_users_own_files_restart_the_services_of_their_guest_alone(eight: Lab) -> None:
    config = _eight()
    before = _restarts(eight, "g2")
    config["guests"]["g2"]["files"] = {"/etc/motd": "hello\n"}

    result = _only_these_change(eight, config, {"g2"})

    assert "guest g2: restart witness" in result["actions"]
    assert _restarts(eight, "g2") == before + 1
    eight.scenario("campus", _eight())


def test_what_a_guest_writes_to_its_hosts_file_wins(eight: Lab) -> None:
    eight.read("g1", "echo 192.0.2.1 mine >>/etc/hosts")
    config = _eight()
    config["guests"]["late"] = {"interfaces": {"eth0": {"bridge": "lan"}}}

    eight.scenario("campus", config)

    assert eight.read("g1", "getent hosts mine").split()[0] == "192.0.2.1"
    assert eight.run("g1", "getent hosts late").code != 0
    assert eight.read("g2", "getent hosts late").split()[0] == "10.0.0.9"
    eight.scenario("campus", _eight())


def test_a_hosts_file_that_is_held_open_is_told(eight: Lab) -> None:
    eight.read(
        "g4", "setsid sh -c 'exec 9</etc/hosts; echo $$ >/run/holder; exec sleep 1000' >/dev/null 2>&1 & sleep 0.2"
    )
    config = _eight()
    config["guests"]["late"] = {"interfaces": {"eth0": {"bridge": "lan"}}}

    result = eight.scenario("campus", config)

    assert result["warnings"] == [
        "guest g4: its processes hold /etc/hosts open, and all of them see the names as they were until it is closed"
    ]
    eight.read("g4", "kill $(cat /run/holder)")
    assert until(lambda: eight.run("g4", "getent hosts late").code == 0, "the new names")
    eight.scenario("campus", _eight())


def test_guests_that_differ_in_where_the_file_lies_have_each_their_own(lab: Lab) -> None:
    """A directory of a layer lends the merged one its mode: that of /etc stays what the guest made it."""
    lab.scenario("cable", pair(init="minimal"), state="stopped")
    etc = lab.directory("moon").diff / "etc"
    etc.mkdir()
    etc.chmod(0o711)

    lab.scenario("cable", pair(init="minimal"))

    assert lab.read("moon", "stat -c %a /etc; getent hosts sun").split()[:2] == ["711", "10.0.0.2"]
    assert lab.read("sun", "stat -c %a /etc; getent hosts moon").split()[:2] == ["755", "10.0.0.1"]
    _settled(lab, "cable", pair(init="minimal"))


def test_files_that_stay_the_same_may_be_held_open_when_others_change(lab: Lab) -> None:
    def config(text: str) -> Config:
        return pair(init="minimal", files={"/opt/held": "held\n", "/etc/which": text})

    lab.scenario("cable", config("one"))
    lab.read("moon", "setsid sh -c 'exec 9</opt/held; exec sleep 1000' >/dev/null 2>&1 & sleep 0.2")

    lab.scenario("cable", config("two"))

    assert lab.read("moon", "cat /etc/which") == "two"


# States


@pytest.mark.parametrize("check", [True, False])
def test_power_keep_leaves_the_states_of_guests_alone(lab: Lab, check: bool) -> None:
    config = pair(init="minimal", mem=48)
    config["guests"] |= {"mars": {}, "venus": {}}
    lab.scenario("cable", config)
    lab.guest("moon", state="stopped")
    lab.guest("mars", state="paused")
    later = copy.deepcopy(config)
    later["guests"]["late"] = {}
    later["links"].append("sun:eth1 -- late:eth0")

    result = lab.scenario("cable", later, power="keep", check=check)

    assert not [action for action in result["actions"] if "moon" in action or "mars" in action]
    assert states(result) == {
        "moon": "stopped",
        "sun": "running",
        "mars": "paused",
        "venus": "running",
        "late": "running",
    }
    if not check:
        _settled(lab, "cable", later, power="keep")
        assert states(lab.scenario("cable", later)) == dict.fromkeys(later["guests"], "running")


def test_power_keep_of_a_stopped_scenario_stops_nobody_and_starts_nobody(lab: Lab) -> None:
    config = pair(init="minimal", mem=48)
    lab.scenario("cable", config)
    config["guests"]["late"] = {}

    result = lab.scenario("cable", config, power="keep", state="stopped")

    assert states(result) == {"moon": "running", "sun": "running", "late": "stopped"}


# Numbers


@pytest.mark.parametrize("check", [True, False])
def test_an_earlier_guest_that_is_plugged_in_renumbers_the_others_and_they_are_named(lab: Lab, check: bool) -> None:
    config: Config = {
        "defaults": {"mem": 48, "init": "minimal"},
        "bridges": {"lan": {"prefix": ["10.0.0.0/24", "fd00::/64"]}},
        "guests": {
            "moon": {},
            "sun": {"interfaces": {"eth0": {"bridge": "lan"}}},
            "mars": {"interfaces": {"eth0": {"bridge": "lan", "address": "10.0.0.2/24"}}},
        },
    }
    lab.scenario("lab", config)
    config["guests"]["moon"]["interfaces"] = {"eth0": {"bridge": "lan"}}

    result = lab.scenario("lab", config, check=check)

    assert result["warnings"] == [
        "scenario lab: automatic addresses change: sun:eth0 10.0.0.1/24 → 10.0.0.3/24, sun:eth0 fd00::1/64 → fd00::2/64."
        " To keep them, give these interfaces an address in the file, or put what is new behind them."
    ]
    if not check:
        assert lab.addresses("sun", "eth0") == {"10.0.0.3/24", "fd00::2/64"}
        _settled(lab, "lab", config)


# Scenarios over each other


def _vpn() -> Config:
    config = pair(init="minimal", files={"/etc/which": "vpn"})
    config["links"] = []
    return config


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("state", ["unloaded", "absent"])
@pytest.mark.parametrize("engine", ["overlay", "cowfs"])
def test_unloading_a_second_scenario_goes_back_to_that_of_the_guest(engine: str, state: str, record: bool) -> None:
    with fresh_lab(engine=engine) as lab:
        campus = pair(init="minimal", files={"/etc/which": "campus"}, run=["echo ran >>/root/ran"])
        lab.scenario("campus", campus, record=record)
        lab.read("moon", "echo x >/root/written")
        before = pids(lab, "moon", "sun")
        lab.scenario("vpn", _vpn(), state="loaded")
        over = lab.read("moon", "cat /etc/which; ls /root; echo x >/root/in-vpn; getent hosts sun || :")
        _settled(lab, "vpn", _vpn(), state="loaded")

        result = lab.scenario("vpn", state=state)

        assert "guest moon: unload scenario vpn, go back to campus" in result["actions"]
        assert over == "vpnran\nwritten\n"
        assert lab.read("moon", "cat /etc/which; ls /root; getent hosts sun | cut -d' ' -f1").split() == [
            "campusran",
            "written",
            "10.0.0.2",
        ]
        assert pids(lab, "moon", "sun") == before
        _settled(lab, "vpn", state=state)
        _settled(lab, "campus", campus, record=record)
        assert lab.read("moon", "cat /root/ran") == "ran\n"
        lab.scenario("campus", state="unloaded")
        assert lab.run("moon", "test -e /etc/which").code != 0


def test_of_several_scenarios_over_each_other_the_guests_own_is_gone_back_to(lab: Lab) -> None:
    campus = pair(init="minimal", files={"/etc/which": "campus"})
    lab.scenario("campus", campus)
    for name in ("a", "b"):
        lab.scenario(name, pair(init="minimal", files={"/etc/which": name}), state="loaded")

    lab.scenario("a", state="unloaded")
    still = lab.read("moon", "cat /etc/which")
    lab.scenario("b", state="unloaded")

    assert still == "b"
    assert lab.read("moon", "cat /etc/which") == "campus"
    _settled(lab, "campus", campus)
    assert sorted(path.name for path in lab.directory("moon").scratch.iterdir()) == ["campus"]


def test_a_guest_of_no_scenario_has_its_own_root_again(lab: Lab) -> None:
    for name in ("moon", "sun"):
        lab.guest(name, init="minimal", mem=48)
    for name in ("a", "b"):
        lab.scenario(name, pair(init="minimal", files={"/etc/which": name}), state="loaded")

    lab.scenario("b", state="absent")

    assert lab.run("moon", "test -e /etc/which").code != 0
    assert lab.info()["guests"]["moon"]["loaded"] is None
    assert list(lab.path.glob("rendered/*")) == []


def test_a_guest_goes_back_after_a_restart_too(lab: Lab) -> None:
    campus = pair(init="minimal", files={"/etc/which": "campus"}, run=["echo ran >>/root/ran"])
    lab.scenario("campus", campus)
    lab.scenario("vpn", _vpn(), state="loaded")
    lab.guest("moon", state="restarted")
    assert lab.read("moon", "cat /etc/which") == "vpn"

    lab.scenario("vpn", state="unloaded")

    assert lab.read("moon", "cat /etc/which") == "campus"
    # Commands are run once after each start, and this one has not been since.
    assert lab.scenario("campus", campus)["actions"] == ["guest moon: run echo ran >>/root/ran"]
    _settled(lab, "campus", campus)


@pytest.mark.parametrize(
    "then", [pytest.param("unloaded", marks=pytest.mark.long), pytest.param("loaded", marks=pytest.mark.long), "campus"]
)
def test_a_run_that_unloads_and_is_killed_is_followed_by_one_that_ends_well(lab: Lab, then: str) -> None:
    campus = pair(init="minimal", files={"/etc/which": "campus"}, run=["echo ran >>/root/ran"])
    lab.scenario("campus", campus)
    lab.scenario("vpn", _vpn(), state="loaded")
    total = len(lab.deeds("scenario", name="vpn", state="unloaded"))
    for moment in range(1, total, max(1, total // 8)):
        lab.scenario("vpn", _vpn(), state="loaded")
        lab.deeds("scenario", killed_at=moment, name="vpn", state="unloaded")

        if then == "loaded":
            lab.scenario("vpn", _vpn(), state="loaded")
            assert lab.read("moon", "cat /etc/which") == "vpn", moment
            _settled(lab, "vpn", _vpn(), state="loaded")
            continue
        if then == "unloaded":
            lab.scenario("vpn", state="unloaded")
        lab.scenario("campus", campus)
        assert lab.read("moon", "cat /etc/which /root/ran") == "campusran\n", moment
        _settled(lab, "campus", campus)
