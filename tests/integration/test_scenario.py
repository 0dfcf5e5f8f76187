# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole testbed in one call, and its changes while it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import REPOSITORY, Lab, Refused, until
from test_crash import REBOOT
from test_playbooks import WAYS, Ansible
from testbed import HOSTS, ROUTERS, Config, pair, pids, pinging, states, three_routers

EXAMPLES = re.findall(
    r"^```yaml\n(.*?)^```", (REPOSITORY / "docs/reference/scenario.md").read_text(), re.DOTALL | re.MULTILINE
)


@pytest.fixture(scope="module")
def ring(shared: Lab) -> Lab:
    """The testbed of three routers and six hosts, running."""
    shared.scenario("ring", three_routers())
    return shared


@pytest.fixture
def restored(ring: Lab) -> Iterator[Lab]:
    """The same, and as it was again for the next test."""
    yield ring
    ring.scenario("ring", three_routers())


def _unreached(lab: Lab, guest: str, others: list[str]) -> str:
    """Whom a guest cannot ping, all asked at the same time."""
    return lab.read(
        guest,
        f"for other in {' '.join(others)}; do (ping -c 1 -w 60 $other >/dev/null 2>&1 || echo $other) & done; wait",
    )


def _settled(lab: Lab, name: str, config: Config | None = None, **options: Any) -> None:
    """A run with nothing to do says so."""
    again = lab.scenario(name, config, **options)
    assert (again["changed"], again["actions"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]


# The whole


def test_every_host_of_the_testbed_reaches_every_other(ring: Lab) -> None:
    assert {host: _unreached(ring, host, list(HOSTS.values())) for host in HOSTS} == dict.fromkeys(HOSTS, "")


def test_every_guest_reaches_every_other_by_its_name(ring: Lab) -> None:
    names = [*ROUTERS, *HOSTS]

    assert {name: _unreached(ring, name, names) for name in names} == dict.fromkeys(names, "")


def test_a_second_run_changes_nothing_and_no_orphan_is_found(ring: Lab) -> None:
    _settled(ring, "ring", three_routers())
    assert ring.info()["orphans"] == []


def test_the_result_tells_of_each_guest_its_state_and_addresses_and_of_each_step_its_time(lab: Lab) -> None:
    result = lab.scenario("cable", pair())

    assert states(result) == {"moon": "running", "sun": "running"}
    assert result["scenario"]["guests"]["moon"]["interfaces"]["eth0"]["address"] == ["10.0.0.1/24"]
    assert result["scenario"]["bridges"]["cable"]["interfaces"] == ["moon:eth0", "sun:eth0"]
    assert {"start guest moon", "start guest sun"} <= {step["step"] for step in result["durations"]}
    assert all(step["seconds"] >= 0 for step in result["durations"])
    assert all(guest["ready_after"] > 0 for guest in result["scenario"]["guests"].values())


def test_a_file_in_the_working_directory_one_elsewhere_and_variables_are_the_same(lab: Lab, tmp_path: Path) -> None:
    file = lab.workdir.scenario("cable")
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(pair()))
    (tmp_path / "lab.yml").write_text(yaml.safe_dump(pair()))

    lab.scenario("cable")

    _settled(lab, "cable", src=str(tmp_path / "lab.yml"))
    _settled(lab, "cable", pair())


def test_what_groups_and_defaults_say_holds_unless_the_guest_says_otherwise(lab: Lab) -> None:
    setting = "net.ipv4.conf.default.forwarding"
    config: Config = {
        "defaults": {"mem": 72, "sysctl": {setting: 0, "kernel.panic": 7}, "files": {"/etc/all": "all\n"}},
        "groups": {
            "router": {"sysctl": {setting: 1}, "files": {"/etc/kind": "router\n"}},
            "big": {"mem": 96, "files": {"/etc/kind": "big\n"}},
        },
        "guests": {
            "plain": None,
            "grouped": {"groups": ["router", "big"]},
            "own": {"groups": ["big", "router"], "mem": 80, "sysctl": {"kernel.panic": 9}},
        },
    }

    found = lab.scenario("groups", config)["scenario"]["guests"]

    assert {name: guest["mem"] for name, guest in found.items()} == {"plain": 72, "grouped": 96, "own": 80}
    script = f"cat /proc/sys/{setting.replace('.', '/')} /proc/sys/kernel/panic /etc/all; cat /etc/kind || :"
    assert lab.read("plain", script).split() == ["0", "7", "all"]
    assert lab.read("grouped", script).split() == ["1", "7", "all", "big"]
    assert lab.read("own", script).split() == ["1", "9", "all", "router"]


# Changes under running guests


def _add_link(config: Config) -> None:
    config["links"].append({"a": "r1:eth2", "b": "r3:eth2", "prefix": "198.51.100.0/30"})


def _remove_link(config: Config) -> None:
    del config["links"][1]
    for name in ("r1", "r2", "r3"):
        config["guests"][name]["routes"] = [r for r in config["guests"][name]["routes"] if "192.0.2." not in r]


def _add_guest(config: Config) -> None:
    config["guests"]["h7"] = {"interfaces": {"eth0": {"bridge": "lan3"}}}


def _change_address(config: Config) -> None:
    config["guests"]["h5"]["interfaces"]["eth0"]["address"] = "10.3.0.77/24"


def _add_route(config: Config) -> None:
    config["guests"]["h5"]["routes"] += ["203.0.113.0/24 via 10.3.0.3"]


def _change_route(config: Config) -> None:
    config["guests"]["h5"]["routes"] = ["10.0.0.0/8 via 10.3.0.1"]


def _set_sysctl(config: Config) -> None:
    config["guests"]["h5"]["sysctl"] = {"net.ipv4.conf.all.rp_filter": 2}


def _set_mtu(config: Config) -> None:
    config["guests"]["h5"]["interfaces"]["eth0"]["mtu"] = 1400


def _has_link(lab: Lab) -> bool:
    return lab.reaches("r1", "198.51.100.2") and lab.addresses("r3", "eth2") == {"198.51.100.2/30"}


def _has_no_link(lab: Lab) -> bool:
    return (
        lab.links("r2") == {"eth0", "eth1"}
        and lab.links("r3") == {"eth0"}
        and not lab.reaches("h1", HOSTS["h5"], "-c 1 -w 1")
    )


def _has_address(lab: Lab) -> bool:
    named = "10.3.0.77 h5" in lab.read("h1", "cat /etc/hosts")
    return named and lab.addresses("h5", "eth0") == {"10.3.0.77/24"} and lab.reaches("h6", "h5")


def _routes(lab: Lab) -> set[str]:
    return {" ".join(line.split()) for line in lab.read("h5", "ip route show proto static").splitlines()}


CHANGES: list[tuple[Callable[[Config], None], str, Callable[[Lab], bool]]] = [
    (_add_link, "make bridge r1-eth2--r3-eth2", _has_link),
    (_remove_link, "remove bridge r2-eth2--r3-eth1", _has_no_link),
    (_add_guest, "start guest h7", lambda lab: lab.reaches("h7", HOSTS["h5"]) and lab.reaches("h6", "h7")),
    (_change_address, "interface h5:eth0: add address 10.3.0.77/24", _has_address),
    (
        _add_route,
        "guest h5: add route 203.0.113.0/24 via 10.3.0.3",
        lambda lab: _routes(lab) == {"default via 10.3.0.1 dev eth0", "203.0.113.0/24 via 10.3.0.3 dev eth0"},
    ),
    (
        _change_route,
        "guest h5: remove route default via 10.3.0.1",
        lambda lab: _routes(lab) == {"10.0.0.0/8 via 10.3.0.1 dev eth0"},
    ),
    (
        _set_sysctl,
        "guest h5: set net.ipv4.conf.all.rp_filter 2",
        lambda lab: lab.read("h5", "cat /proc/sys/net/ipv4/conf/all/rp_filter") == "2\n",
    ),
    (
        _set_mtu,
        "interface h5:eth0: set mtu 1500 → 1400",
        lambda lab: lab.link("h5", "eth0")["mtu"] == 1400 == lab.devices()["h5-eth0"]["mtu"],
    ),
]


@pytest.mark.parametrize(("change", "action", "holds"), CHANGES)
def test_a_change_is_made_under_running_guests_while_others_lose_no_packet(
    restored: Lab, change: Callable[[Config], None], action: str, holds: Callable[[Lab], bool]
) -> None:
    """There and back; h1 pings h3 through r1 and r2, which keep forwarding while links of theirs come and go."""
    config = three_routers()
    change(config)
    before = pids(restored, *ROUTERS, *HOSTS)

    with pinging(restored, "h1", HOSTS["h3"]), pinging(restored, "h4", HOSTS["h3"]):
        result = restored.scenario("ring", config)
        assert action in result["actions"]
        assert holds(restored)
        _settled(restored, "ring", config)
        assert restored.scenario("ring", three_routers())["changed"]
        _settled(restored, "ring", three_routers())

    assert pids(restored, *ROUTERS, *HOSTS) == before
    assert result["restart_required"] == {}
    assert _unreached(restored, "h5", list(HOSTS.values())) == ""
    assert restored.info()["orphans"] == []


@pytest.mark.parametrize(("change", "action", "holds"), CHANGES)
def test_check_mode_tells_what_a_change_will_do_and_changes_nothing(
    restored: Lab, change: Callable[[Config], None], action: str, holds: Callable[[Lab], bool]
) -> None:
    config = three_routers()
    change(config)
    before = restored.snapshot()

    checked = restored.scenario("ring", config, check=True)
    after = restored.snapshot()
    real = restored.scenario("ring", config)

    assert before == after
    assert action in checked["actions"]
    assert checked["actions"] == real["actions"]
    assert checked["diff"] == real["diff"]
    assert checked["restart_required"] == real["restart_required"]


def test_what_somebody_changed_by_hand_is_put_right(restored: Lab) -> None:
    restored.read("h5", "ip addr flush dev eth0; ip link set eth0 mtu 1300")
    restored.read("r3", "echo 0 >/proc/sys/net/ipv4/ip_forward; ip route del 10.1.0.0/24")
    restored.host("ip", "link", "set", "h6-eth0", "nomaster")

    result = restored.scenario("ring", three_routers())

    assert "guest r3: set net.ipv4.ip_forward 0 → 1 in the guest" in result["actions"]
    assert _unreached(restored, "h1", list(HOSTS.values())) == ""
    _settled(restored, "ring", three_routers())


def test_a_change_that_needs_a_restart_is_told_and_made_when_allowed(lab: Lab) -> None:
    lab.scenario("cable", pair())
    before = pids(lab, "moon", "sun")
    config = pair()
    config["guests"]["moon"] = {"mem": 80}

    told = lab.scenario("cable", config)
    after = pids(lab, "moon", "sun")
    lab.scenario("cable", config, restart=True)

    assert told["restart_required"] == {"moon": ["mem"]}
    assert any("mem will take effect when it is restarted" in warning for warning in told["warnings"])
    assert before == after
    assert lab.info()["guests"]["moon"]["running"]["mem"] == 80
    assert pids(lab, "sun")["sun"] == before["sun"]
    _settled(lab, "cable", config)


# Only, prune


def _three() -> Config:
    config = pair()
    config["bridges"] = {"lan": {}, "spare": {}}
    config["guests"]["venus"] = {"interfaces": {"eth0": {"bridge": "lan", "address": "10.9.0.1/24"}}}
    config["guests"]["sun"] = {"interfaces": {"eth1": {"bridge": "lan", "address": "10.9.0.2/24"}}}
    return config


def test_only_makes_some_guests_with_the_segments_they_are_plugged_into(lab: Lab) -> None:
    result = lab.scenario("three", _three(), only=["venus"])

    assert states(result) == {"venus": "running"}
    assert set(result["scenario"]["bridges"]) == {"lan"}
    _settled(lab, "three", _three(), only=["venus"])
    assert states(lab.scenario("three", _three())) == dict.fromkeys(("moon", "sun", "venus"), "running")


def test_only_prunes_nothing_and_leaves_the_others_as_they_are(lab: Lab) -> None:
    lab.scenario("three", _three())
    config = _three()
    config["guests"] = {"moon": {}, "sun": {}}
    config["guests"]["moon"] = {"sysctl": {"kernel.panic": 5}}
    config["guests"]["sun"] = {"sysctl": {"kernel.panic": 5}}

    result = lab.scenario("three", config, only=["moon"])

    assert states(result) == dict.fromkeys(("moon", "sun", "venus"), "running")
    assert lab.read("moon", "cat /proc/sys/kernel/panic") == "5\n"
    assert lab.read("sun", "cat /proc/sys/kernel/panic") == "0\n"


def test_only_with_an_unknown_guest_is_an_error_that_knows_the_nearest(lab: Lab) -> None:
    with pytest.raises(Refused, match=r"scenario three: it has no guest venis; did you mean venus\?"):
        lab.scenario("three", _three(), only=["venis"])

    assert lab.info()["guests"] == {}


def test_what_is_taken_out_of_the_file_goes(lab: Lab) -> None:
    lab.guest("stranger", state="present")
    lab.bridge("br0")
    lab.scenario("three", _three())
    before = pids(lab, "moon", "sun")
    config = _three()
    del config["guests"]["venus"], config["links"], config["bridges"]["spare"]

    result = lab.scenario("three", config)

    found = lab.info()
    assert set(found["guests"]) == {"moon", "sun", "stranger"}
    assert set(found["bridges"]) == {"lan", "br0"}
    assert {"remove guest venus", "remove bridge cable", "remove bridge spare"} <= set(result["actions"])
    assert lab.links("moon") == set() and lab.links("sun") == {"eth1"}
    assert set(lab.devices()) == {"lo", "lan", "br0", "sun-eth1"}
    assert pids(lab, "moon", "sun") == before
    assert not lab.directory("venus").path.exists()
    assert found["orphans"] == []
    _settled(lab, "three", config)


def test_what_is_taken_out_of_the_file_stays_without_prune(lab: Lab) -> None:
    lab.scenario("three", _three())
    before = pids(lab, "moon", "sun", "venus")
    config = _three()
    del config["guests"]["venus"], config["bridges"]["spare"]

    lab.scenario("three", config, prune=False)

    found = lab.info()
    assert set(found["bridges"]) == {"cable", "lan", "spare"}
    assert pids(lab, "moon", "sun", "venus") == before
    assert lab.reaches("venus", "10.9.0.2")
    _settled(lab, "three", config, prune=False)
    assert "remove guest venus" in lab.scenario("three", config)["actions"]


# States


def test_stopped_has_everything_as_described_and_nobody_running(lab: Lab) -> None:
    first = lab.scenario("cable", pair(), state="stopped")
    _settled(lab, "cable", pair(), state="stopped")
    lab.scenario("cable", pair())
    second = lab.scenario("cable", pair(), state="stopped")

    assert states(first) == states(second) == {"moon": "stopped", "sun": "stopped"}
    assert lab.info()["orphans"] == []
    lab.scenario("cable", pair())
    assert lab.reaches("moon", "sun")


@pytest.mark.parametrize("state", ["present", "stopped"])
def test_absent_takes_everything_away_and_leaves_what_is_not_the_scenarios(lab: Lab, state: str) -> None:
    lab.guest("stranger", state="present")
    lab.bridge("br0")
    lab.scenario("three", _three(), state=state)

    result = lab.scenario("three", state="absent")

    found = lab.info()
    assert set(found["guests"]) == {"stranger"} and set(found["bridges"]) == {"br0"}
    assert found["orphans"] == []
    assert result["scenario"] == {"name": "three", "guests": {}, "bridges": {}}
    assert list(lab.path.glob("rendered/*")) == []
    _settled(lab, "three", state="absent")


def test_absent_of_the_last_scenario_leaves_nothing_on_the_host(lab: Lab) -> None:
    lab.scenario("cable", pair())

    lab.scenario("cable", state="absent")

    assert lab.leftovers() == []
    assert list(lab.workdir.guests.iterdir()) == list(lab.workdir.bridges.iterdir()) == []


@pytest.mark.parametrize("then", ["gone", "changed", "broken"])
def test_absent_takes_away_what_was_made_whatever_became_of_the_file(lab: Lab, then: str) -> None:
    file = lab.workdir.scenario("cable")
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(pair()))
    lab.scenario("cable")
    if then == "gone":
        file.unlink()
    else:
        file.write_text("guests: {venus: }\n" if then == "changed" else "guests: [\n")

    lab.scenario("cable", state="absent")

    assert lab.info()["guests"] == lab.info()["bridges"] == {}
    assert lab.leftovers() == []


def test_a_guest_of_somebody_else_that_is_plugged_into_the_scenarios_bridge_survives_its_end(lab: Lab) -> None:
    lab.scenario("three", _three())
    lab.guest("stranger", mem=64)
    lab.iface("stranger", "eth0", bridge="lan", address=["10.9.0.9/24"])
    assert lab.reaches("stranger", "10.9.0.1")

    lab.scenario("three", state="absent")

    assert lab.info()["guests"]["stranger"]["state"] == "running"
    assert lab.info()["guests"]["stranger"]["interfaces"]["eth0"]["bridge"] is None
    assert lab.info()["orphans"] == []


def _nothing(lab: Lab) -> None:
    """An empty working directory."""


def _running(lab: Lab) -> None:
    lab.scenario("three", _three())


def _stopped(lab: Lab) -> None:
    lab.scenario("three", _three(), state="stopped")


def _other(lab: Lab) -> None:
    lab.scenario("other", pair(mem=72))


@pytest.mark.parametrize("state", ["present", "stopped", "loaded", "unloaded", "absent"])
@pytest.mark.parametrize("start", [_nothing, _running, _stopped, _other])
def test_check_mode_is_the_real_run_from_every_state_to_every_other(
    lab: Lab, start: Callable[[Lab], None], state: str
) -> None:
    start(lab)
    config = _three()
    config["guests"]["moon"] = {"files": {"/etc/motd": "hello\n"}, "run": ["true"]}
    before = lab.snapshot()

    checked = lab.scenario("three", config, state=state, check=True)
    after = lab.snapshot()
    real = lab.scenario("three", config, state=state)

    assert before == after
    assert (checked["changed"], checked["actions"]) == (real["changed"], real["actions"])
    assert checked["diff"] == real["diff"]
    _settled(lab, "three", config, state=state)


# What is in a guest


def test_files_are_there_with_content_mode_and_owner(lab: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {
        "vars": {"web_root": "/srv/www"},
        "files": {
            "/etc/motd": "plain\n",
            "/opt/new/deep/file": {"content": "", "mode": "0640", "owner": "daemon", "group": "mail"},
            "/usr/local/bin/hello": {"content": "#!/bin/sh\necho hello\n", "mode": "0755"},
            "/etc/lab": {
                "template": "{{ name }} of {{ scenario }} has {{ guest.interfaces.eth0.addresses[0] }}, "
                "{% for each in guests.values() %}{{ each.name }} {% endfor %}{{ web_root }}\n",
                "owner": 12,
                "group": "34",
            },
        },
    }

    lab.scenario("cable", config)

    assert lab.read("moon", "cat /etc/motd; hello") == "plain\nhello\n"
    assert lab.read("moon", "cat /etc/lab") == "moon of cable has 10.0.0.1/24, moon sun /srv/www\n"
    looked = "stat -c '%n %a %U:%G %s' /opt/new/deep/file /usr/local/bin/hello; stat -c '%a %u:%g' /etc/lab"
    assert lab.read("moon", looked).splitlines() == [
        "/opt/new/deep/file 640 daemon:mail 0",
        "/usr/local/bin/hello 755 root:root 21",
        "644 12:34",
    ]
    _settled(lab, "cable", config)


def test_a_file_leaves_the_mode_of_the_directories_it_lies_in(lab: Lab) -> None:
    config = pair()
    lab.scenario("cable", config)
    looked = "stat -c '%n %a %u:%g' /root /tmp /etc /var/mail"
    before = lab.read("moon", looked)
    config["guests"]["moon"] = {"files": {"/root/a": "a", "/tmp/b": "b", "/etc/c": "c", "/var/mail/d": "d"}}

    lab.scenario("cable", config)

    assert lab.read("moon", looked) == before


def test_a_file_below_a_linked_directory_lies_where_the_link_leads(lab: Lab) -> None:
    """Where /lib is a link to usr/lib, a directory in its place would leave the guest without its libraries."""
    config = pair(
        files={"/lib/lab/one": "1\n", "/usr/lib/lab/two": "2\n", "/bin/hello": {"content": "", "mode": "0755"}}
    )

    lab.scenario("cable", config)

    assert (
        lab.read("moon", "cat /lib/lab/one /usr/lib/lab/two; hello; readlink /lib /bin") == "1\n2\nusr/lib\nusr/bin\n"
    )
    _settled(lab, "cable", config)


def test_a_file_below_something_that_is_no_directory_is_an_error(lab: Lab) -> None:
    with pytest.raises(Refused, match=r"guest moon: /etc/passwd/x: /etc/passwd in its root file system is in the way"):
        lab.scenario("cable", pair(files={"/etc/passwd/x": ""}))

    assert lab.info()["guests"] == {}


def test_files_change_in_the_running_guest(lab: Lab) -> None:
    config = pair(files={"/etc/one": "1\n", "/etc/two": "2\n"})
    lab.scenario("cable", config)
    before = pids(lab, "moon", "sun")

    lab.scenario("cable", pair(files={"/etc/one": "uno\n", "/etc/three": "3\n"}))

    assert lab.read("moon", "cat /etc/one /etc/three; ls /etc/two 2>&1 || :").splitlines() == [
        "uno",
        "3",
        "ls: cannot access '/etc/two': No such file or directory",
    ]
    assert pids(lab, "moon", "sun") == before
    _settled(lab, "cable", pair(files={"/etc/one": "uno\n", "/etc/three": "3\n"}))


def test_every_hosts_file_knows_all_names_unless_told_otherwise(lab: Lab) -> None:
    lab.scenario("cable", pair())
    known = lab.run("moon", "getent hosts sun sun-eth0 moon").stdout.decode()

    lab.scenario("cable", {**pair(), "hosts": False})

    assert [line.split()[0] for line in known.splitlines()] == ["10.0.0.2", "10.0.0.2", "10.0.0.1"]
    assert lab.run("moon", "getent hosts sun").code != 0
    _settled(lab, "cable", {**pair(), "hosts": False})


def test_commands_are_run_once_after_each_start(lab: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {
        "run": [
            "echo one >>/root/ran",
            {"command": "ping -c 1 -w 60 sun && echo two >>/root/ran"},
            {"command": "echo made >>/root/ran", "creates": "/etc/passwd"},
            {"command": "echo fresh >>/root/ran", "creates": "/nowhere"},
            {"command": "echo unless >>/root/ran", "unless": "test -e /etc/passwd"},
            {"command": "echo else >>/root/ran", "unless": "test -e /nowhere"},
        ]
    }
    ran = ["one", "two", "fresh", "else"]

    lab.scenario("cable", config)
    _settled(lab, "cable", config)
    once = lab.read("moon", "cat /root/ran").split()
    lab.scenario("cable", config, state="stopped")
    lab.scenario("cable", config)
    twice = lab.read("moon", "cat /root/ran").split()

    assert once == ran
    assert twice == [*ran, *ran]


def test_commands_that_change_are_run_in_the_running_guest(lab: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {"run": ["echo one >>/root/ran"]}
    lab.scenario("cable", config)
    config["guests"]["moon"] = {"run": ["echo two >>/root/ran"]}

    result = lab.scenario("cable", config)

    assert result["actions"] == ["guest moon: run echo two >>/root/ran"]
    assert lab.read("moon", "cat /root/ran").split() == ["one", "two"]
    _settled(lab, "cable", config)


def test_a_command_that_fails_is_one_clear_error_and_the_next_run_repeats_it(lab: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {"run": ["echo try >>/root/ran", "echo it is too bad >&2; test -e /root/well"]}

    with pytest.raises(Refused) as refused:
        lab.scenario("cable", config)
    with pytest.raises(Refused) as again:
        lab.scenario("cable", config)
    lab.read("moon", "touch /root/well")
    mended = lab.scenario("cable", config)

    assert str(refused.value) == str(again.value)
    assert str(refused.value).startswith(
        "guest moon: 'echo it is too bad >&2; test -e /root/well' failed with exit code 1"
    )
    assert "it is too bad" in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert "start guest moon" in refused.value.result["actions"]
    assert lab.read("moon", "cat /root/ran").split() == ["try"] * 3
    assert states(mended) == {"moon": "running", "sun": "running"}
    _settled(lab, "cable", config)


SERVICE = """
[Service]
ExecStart=/bin/sh -c 'cp /etc/service.conf /run/seen; exec sleep infinity'
"""


def test_services_are_restarted_when_their_files_change(lab: Lab) -> None:
    def config(text: str) -> Config:
        files = {"/etc/systemd/system/witness.service": SERVICE, "/etc/service.conf": f"{text}\n"}
        return {
            "defaults": {"master": "systemd", "mem": 192},
            "guests": {"moon": {"files": files, "restart_services": ["witness"]}},
        }

    lab.scenario("service", config("one"), wait_timeout=300)
    lab.read("moon", "systemctl start witness")
    until(lambda: lab.run("moon", "cat /run/seen").stdout == b"one\n", "the service to start")

    result = lab.scenario("service", config("two"))

    assert "guest moon: restart witness" in result["actions"]
    assert until(lambda: lab.run("moon", "cat /run/seen").stdout == b"two\n", "the service to see its new file")
    _settled(lab, "service", config("two"))


# Faults of the file

FAULTY = """\
defaults: {mem: 64}
bridges:
  lan: {prefix: 10.0.0.0/24}
guests:
  moon:
    memory: 96
    interfaces:
      eth0: {bridge: lam}
  sun:
    interfaces:
      eth0: {bridge: lan, address: 10.0.0.300/24}
  mars:
    interfaces:
      eth0: {bridge: lan}
    routes: [default via 172.16.0.1]
    run:
      - {command: "true", create: /x}
"""
FAULTS = {
    (6, 5): r"guests\.moon\.memory: unknown key memory; did you mean mem\?",
    (8, 22): r"guests\.moon\.interfaces\.eth0\.bridge: there is no bridge lam; did you mean lan\?",
    (11, 36): r"guests\.sun\.interfaces\.eth0\.address: .*10\.0\.0\.300",
    (15, 14): r"guests\.mars\.routes.*172\.16\.0\.1",
    (17, 27): r"guests\.mars\.run\[0\]\.create: unknown key create; did you mean creates\?",
}


@pytest.mark.parametrize("check", [False, True])
def test_all_faults_of_a_file_are_told_at_once_with_their_places_and_nothing_is_changed(lab: Lab, check: bool) -> None:
    lab.scenario("cable", pair())
    file = lab.workdir.scenario("cable")
    file.parent.mkdir(parents=True)
    file.write_text(FAULTY)
    before = lab.snapshot()

    with pytest.raises(Refused) as refused:
        lab.scenario("cable", check=check)

    lines = str(refused.value).splitlines()
    places = [tuple(map(int, line.removeprefix(f"{file}:").split(":")[:2])) for line in lines]
    assert places == list(FAULTS)
    for line, fault in zip(lines, FAULTS.values(), strict=True):
        assert re.search(fault, line), line
    assert lab.snapshot() == before


def test_a_scenario_without_a_file_says_where_it_looked(lab: Lab) -> None:
    with pytest.raises(
        Refused,
        match=rf"scenario cable: cannot read {lab.workdir.scenario('cable')} on the lab host: .*give src, content or config",
    ):
        lab.scenario("cable")


# The documentation


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: " ".join(text.split())[:40])
def test_the_examples_of_the_documentation_run(lab: Lab, tmp_path: Path, text: str) -> None:
    (lab.path / "kernels/6.1").symlink_to((lab.path / "kernels/default").resolve())
    (tmp_path / "lab.yml").write_text(text)
    wanted = yaml.safe_load(text)

    result = lab.scenario("example", src=str(tmp_path / "lab.yml"), wait_timeout=300)

    assert states(result) == dict.fromkeys(wanted["guests"], "running")
    _settled(lab, "example", src=str(tmp_path / "lab.yml"))
    assert lab.info()["orphans"] == []
    lab.scenario("example", state="absent")
    assert lab.leftovers() == []


# The order of the file

IN_ORDER = ["eth2", "eth10", "eth1", "wan0", "a-b.c_d"]


def _many() -> Config:
    return {
        "bridges": {"lan": {"prefix": "10.0.0.0/24"}},
        "guests": {"hub": {"mem": 64, "interfaces": {name: {"bridge": "lan"} for name in IN_ORDER}}},
    }


def _numbered(lab: Lab) -> list[str]:
    """Names of the hub's interfaces in the order of the numbers that its kernel gave them."""
    told = lab.read("hub", "for d in /sys/class/net/*/device; do echo $(cat ${d%/device}/ifindex) ${d%/device}; done")
    return [Path(name).name for _number, name in sorted((int(i), n) for i, n in map(str.split, told.splitlines()))]


def test_interfaces_have_the_order_of_the_file_whoever_starts_the_guest(lab: Lab) -> None:
    lab.scenario("many", _many())
    assert _numbered(lab) == IN_ORDER

    lab.guest("hub", state="restarted")
    assert _numbered(lab) == IN_ORDER
    lab.run("hub", f"({REBOOT}) & exit 0")
    until(lambda: lab.info(inside=False)["guests"]["hub"]["state"] == "stopped", "the guest to reboot itself")
    lab.guest("hub")
    assert _numbered(lab) == IN_ORDER
    lab.guest("hub", state="stopped")
    lab.scenario("many", _many())
    assert _numbered(lab) == IN_ORDER
    told = lab.info()["guests"]["hub"]
    assert list(told["interfaces"]) == told["interface_order"] == IN_ORDER
    _settled(lab, "many", _many())


def test_a_definition_that_an_older_version_has_sorted_gets_its_order_back_under_the_running_guest(lab: Lab) -> None:
    lab.scenario("many", _many())
    definition = lab.directory("hub").definition
    definition.write_text(json.dumps(json.loads(definition.read_text()), indent=1, sort_keys=True))
    lab.guest("hub", state="restarted")
    assert _numbered(lab) == sorted(IN_ORDER)
    before = pids(lab, "hub")

    told = lab.scenario("many", _many())

    order = f"guest hub: order interfaces {', '.join(IN_ORDER)} from its next start on"
    assert (told["actions"], told["restart_required"], pids(lab, "hub")) == ([order], {}, before)
    assert _numbered(lab) == sorted(IN_ORDER)
    _settled(lab, "many", _many())
    lab.guest("hub", state="restarted")
    assert _numbered(lab) == IN_ORDER


# Through Ansible


@WAYS
def test_both_ways_to_run_the_module_do_the_same(lab: Lab, tmp_path: Path, environment: dict[str, str]) -> None:
    ansible = Ansible(lab, tmp_path)
    arguments = {"name": "cable", "config": pair()}

    checked = ansible.task("dumm.lab.dumm_scenario", arguments, environment, "--check", "--diff")
    printed = ansible.output
    first = ansible.task("dumm.lab.dumm_scenario", arguments, environment)
    second = ansible.task("dumm.lab.dumm_scenario", arguments, environment)
    gone = ansible.task("dumm.lab.dumm_scenario", {"name": "cable", "state": "absent"}, environment)

    assert checked["changed"] and checked["actions"] == first["actions"] and checked["diff"] == first["diff"]
    assert "+" in printed and "10.0.0.1/24" in printed
    assert states(first) == {"moon": "running", "sun": "running"}
    assert not second["changed"] and second["actions"] == []
    assert gone["changed"] and lab.leftovers() == []


def test_what_fails_on_purpose_is_part_of_the_scenario(lab: Lab) -> None:
    broken = pair(union="cowfs", init="minimal", faults=[{"path": "/root/*", "during": ["read"], "error": "EIO"}])
    lab.scenario("pair", broken)
    lab.run("moon", "echo something >/root/file")

    assert b"Input/output error" in lab.run("moon", "cat /root/file").stderr
    _settled(lab, "pair", broken)
    mended = lab.scenario("pair", pair(union="cowfs", init="minimal"))
    assert "guest moon: remove fault /root/*: EIO during read" in mended["actions"]
    assert lab.read("moon", "cat /root/file") == "something\n"
