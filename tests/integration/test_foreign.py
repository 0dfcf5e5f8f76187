# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What others have made in a lab stays: services in guests, and people on the host.  What the lab has given it takes away."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from lab import Lab, Refused, Result
from testbed import Config, pair, pids, states

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Power

VIP = "10.0.0.250/24"


def _segment(moon: Any = "10.0.0.1/24", leg: Any = "10.0.0.254/24", **guest: Any) -> Config:
    return {
        "defaults": {"mem": 48, "init": "minimal"},
        "bridges": {"lan": {"address": leg}},
        "guests": {
            "moon": {"interfaces": {"eth0": {"bridge": "lan", "address": moon}}, **guest},
            "sun": {"interfaces": {"eth0": {"bridge": "lan", "address": "10.0.0.2/24"}}},
        },
    }


def _settled(lab: Lab, config: Config, **options: Any) -> Result:
    again = lab.scenario("lab", config, **options)
    assert (again["changed"], again["actions"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    return again


@pytest.mark.parametrize("addresses", [[VIP], ["10.0.0.250/32"], ["fd00::250/64", VIP]])
def test_addresses_that_a_service_adds_stay_and_are_told(lab: Lab, addresses: list[str]) -> None:
    lab.scenario("lab", _segment())
    for address in addresses:
        lab.read("moon", f"ip addr add {address} dev eth0")

    checked = lab.scenario("lab", _segment(), check=True)
    _settled(lab, _segment())

    assert (checked["changed"], checked["diff"]["before"]) == (False, checked["diff"]["after"])
    assert lab.addresses("moon", "eth0") == {"10.0.0.1/24", *addresses}
    told = lab.info()["guests"]["moon"]["interfaces"]["eth0"]
    assert told["other_address"] == sorted(addresses)
    assert set(told["address"]) == {"10.0.0.1/24", *addresses}


def test_they_outlive_a_change_of_the_addresses_beside_them(lab: Lab) -> None:
    """With the first address of an IPv4 prefix the kernel drops the others of it, and IPv6 addresses with the link."""
    lab.scenario("lab", _segment(["10.0.0.1/24", "fd00::1/64"]))
    lab.read("moon", f"ip addr add {VIP} dev eth0; ip addr add fd00::250/64 dev eth0")
    later = _segment(["10.0.0.9/24", "fd00::9/64"])
    later["guests"]["moon"]["interfaces"]["eth0"]["mac"] = "02:00:00:00:00:99"

    lab.scenario("lab", later)

    assert lab.addresses("moon", "eth0") == {"10.0.0.9/24", "fd00::9/64", VIP, "fd00::250/64"}
    _settled(lab, later)


def test_what_the_lab_gave_is_given_again_and_taken_away(lab: Lab) -> None:
    lab.scenario("lab", _segment(["10.0.0.1/24", "10.0.0.3/24"]))
    lab.read("moon", f"ip addr add {VIP} dev eth0; ip addr del 10.0.0.3/24 dev eth0")

    given = lab.scenario("lab", _segment(["10.0.0.1/24", "10.0.0.3/24"]))
    after = lab.addresses("moon", "eth0")
    lab.scenario("lab", _segment(["10.0.0.4/24"]))

    assert given["actions"] == ["interface moon:eth0: give 10.0.0.3/24 in the guest"]
    assert after == {"10.0.0.1/24", "10.0.0.3/24", VIP}
    assert lab.addresses("moon", "eth0") == {"10.0.0.4/24", VIP}


def test_what_was_the_labs_once_and_is_a_services_now_stays(lab: Lab) -> None:
    lab.scenario("lab", _segment(["10.0.0.1/24", VIP]))
    lab.scenario("lab", _segment())
    lab.read("moon", f"ip addr add {VIP} dev eth0")

    _settled(lab, _segment())

    assert lab.addresses("moon", "eth0") == {"10.0.0.1/24", VIP}


def _as_of_an_earlier_version(lab: Lab, guest: str) -> None:
    """That kept no record of what it gave."""
    process = lab.process(guest)
    processes.store(lab.directory(guest), dataclasses.replace(process, given=None))


def test_a_guest_that_an_earlier_version_started_has_its_definition_for_a_record(lab: Lab) -> None:
    lab.scenario("lab", _segment(["10.0.0.1/24", "10.0.0.3/24"]))
    lab.read("moon", f"ip addr add {VIP} dev eth0")
    for guest in ("moon", "sun"):
        _as_of_an_earlier_version(lab, guest)
    before = pids(lab, "moon", "sun")

    _settled(lab, _segment(["10.0.0.1/24", "10.0.0.3/24"]))
    lab.scenario("lab", _segment())

    assert lab.addresses("moon", "eth0") == {"10.0.0.1/24", VIP}
    assert pids(lab, "moon", "sun") == before
    _settled(lab, _segment())


@pytest.mark.parametrize("earlier", [pytest.param(False, marks=pytest.mark.long), True])
@pytest.mark.parametrize("then", ["done", "taken back"])
def test_a_killed_run_leaves_nothing_that_the_next_takes_for_somebody_elses(lab: Lab, then: str, earlier: bool) -> None:
    old = _segment(["10.0.0.1/24", "10.0.0.3/24"], ["10.0.0.254/24", "10.0.0.253/24"])
    old["guests"]["moon"]["interfaces"]["eth0"]["delay"] = 5
    new = _segment(["10.0.0.1/24", "10.0.0.4/24"], ["10.0.0.254/24", "10.0.0.252/24"])
    lab.scenario("lab", old)
    lab.read("moon", f"ip addr add {VIP} dev eth0")
    total = len(lab.deeds("scenario", name="lab", config=new))
    config, own = (new, "10.0.0.4/24") if then == "done" else (old, "10.0.0.3/24")
    leg = "10.0.0.252/24" if then == "done" else "10.0.0.253/24"
    for moment in range(1, total + 1, max(1, total // 10)):
        lab.scenario("lab", old)
        if earlier:
            _as_of_an_earlier_version(lab, "moon")
        lab.deeds("scenario", killed_at=moment, name="lab", config=new)

        lab.scenario("lab", config)

        assert lab.addresses("moon", "eth0") == {"10.0.0.1/24", own, VIP}, moment
        assert {each["local"] for each in lab.devices()["lan"]["addr_info"] if each["scope"] != "link"} == {
            "10.0.0.254",
            leg.partition("/")[0],
        }, moment
        assert ("netem" in lab.read("moon", "tc qdisc show dev eth0")) is (then != "done"), moment
        _settled(lab, config)


def test_what_others_made_in_a_guest_is_left_alone(lab: Lab) -> None:
    routes = ["192.0.2.0/24 via 10.0.0.2"]
    lab.scenario("lab", _segment(routes=routes))
    made = (
        "ip link add d0 type dummy && ip addr add 172.16.0.1/24 dev d0 && ip link set d0 up; "
        "ip route add 198.51.100.0/24 via 10.0.0.2; ip route add 203.0.113.0/24 via 10.0.0.2 proto bird; "
        "tc qdisc replace dev eth0 root pfifo limit 77; echo 1 >/proc/sys/net/ipv4/ip_forward; "
        "ip neigh replace 10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0; ip addr add 192.0.2.99/32 dev lo"
    )
    lab.read("moon", made)
    looked = (
        "ip addr show d0; ip route; tc qdisc show dev eth0; cat /proc/sys/net/ipv4/ip_forward; "
        "ip neigh show 10.0.0.7; ip -o addr show lo"
    )
    before = lab.read("moon", looked)

    _settled(lab, _segment(routes=routes))
    lab.scenario("lab", _segment(["10.0.0.1/24", "10.0.0.3/24"], routes=routes, sysctl={"kernel.panic": 9}))

    assert lab.read("moon", looked) == before


def test_what_others_made_on_the_host_is_left_alone(lab: Lab) -> None:
    lab.scenario("lab", _segment())
    for command in (
        "ip link add theirs type veth peer name others",
        "ip link set theirs up master lan",
        "bridge fdb add 02:00:00:00:00:77 dev theirs master static",
        "ip addr add 10.7.0.1/24 dev lan",
        "ip addr add 10.0.0.200/24 dev lan",
        "bridge link set dev moon-eth0 hairpin on",
    ):
        assert lab.host(*command.split()).returncode == 0, command

    def found() -> tuple[Any, ...]:
        devices = lab.devices()
        fdb = json.loads(lab.host("bridge", "-j", "fdb", "show", "br", "lan").stdout)
        return (
            devices["theirs"]["master"],
            {each["local"] for each in devices["lan"]["addr_info"] if each["scope"] != "link"},
            [entry["mac"] for entry in fdb if entry.get("ifname") == "theirs" and entry["mac"].endswith("77")],
            "hairpin on" in lab.host("bridge", "-d", "link", "show", "dev", "moon-eth0").stdout,
        )

    before = found()

    checked = lab.scenario("lab", _segment(), check=True)
    _settled(lab, _segment())
    lab.scenario("lab", _segment(leg=["10.0.0.253/24"]))
    after = found()
    lab.bridge("lan", address=[])

    assert not checked["changed"]
    assert before[1] == {"10.0.0.254", "10.7.0.1", "10.0.0.200"}
    assert after == (before[0], {"10.0.0.253", "10.7.0.1", "10.0.0.200"}, *before[2:])
    assert found()[1] == {"10.7.0.1", "10.0.0.200"}
    assert set(lab.info()["bridges"]["lan"]["other_address"]) == {"10.7.0.1/24", "10.0.0.200/24"}


# Paused guests


def _change(config: Config) -> Config:
    """What is changed in moon, and what elsewhere."""
    config["guests"]["moon"] |= {"sysctl": {"kernel.panic": 9}, "files": {"/etc/which": "new"}}
    config["guests"]["moon"]["interfaces"]["eth0"]["address"] = "10.0.0.11/24"
    config["guests"]["sun"]["interfaces"]["eth0"]["address"] = "10.0.0.12/24"
    return config


def _is_changed(lab: Lab) -> None:
    assert lab.read("moon", "cat /etc/which /proc/sys/kernel/panic") == "new9\n"
    assert lab.addresses("moon", "eth0") == {"10.0.0.11/24"}
    assert lab.reaches("moon", "10.0.0.12")


WAITS = "guest moon: it is paused, and what is to change in it waits until it is resumed (state: started)"


@pytest.mark.parametrize("resumed_by", ["dumm_guest", "dumm_scenario"])
def test_a_paused_guests_changes_wait_for_the_run_that_resumes_it(lab: Lab, resumed_by: str) -> None:
    lab.scenario("lab", _segment())
    before = pids(lab, "moon", "sun")
    lab.guest("moon", state="paused")
    config = _change(_segment())

    checked = lab.scenario("lab", config, power="keep", check=True)
    result = lab.scenario("lab", config, power="keep")
    again = lab.scenario("lab", config, power="keep")

    assert result["warnings"] == again["warnings"] == checked["warnings"] == [WAITS]
    assert (checked["actions"], checked["diff"]) == (result["actions"], result["diff"])
    assert (again["changed"], again["actions"]) == (False, [])
    assert lab.addresses("sun", "eth0") == {"10.0.0.12/24"}
    assert states(again) == {"moon": "paused", "sun": "running"}
    resumed = lab.guest("moon") if resumed_by == "dumm_guest" else lab.scenario("lab", config)
    assert resumed["actions"][0] == "resume guest moon"
    _is_changed(lab)
    assert pids(lab, "moon", "sun") == before
    assert _settled(lab, config)["warnings"] == []


def test_a_paused_guest_leaves_changes_of_others_alone(lab: Lab) -> None:
    lab.scenario("lab", _segment())
    lab.guest("moon", state="paused")
    config = _segment()
    config["guests"]["late"] = {"interfaces": {"eth0": {"bridge": "lan", "address": "10.0.0.5/24"}}}

    result = lab.scenario("lab", config, power="keep")

    assert result["warnings"] == []
    lab.guest("moon")
    assert lab.read("moon", "getent hosts late").split()[0] == "10.0.0.5"
    _settled(lab, config)


@pytest.mark.parametrize("check", [True, False])
def test_a_paused_guest_that_is_to_run_and_to_change_is_resumed_first(lab: Lab, check: bool) -> None:
    lab.scenario("lab", _segment())
    lab.guest("moon", state="paused")
    config = _change(_segment())

    result = lab.scenario("lab", config, check=check)

    assert result["actions"][0] == "resume guest moon"
    assert "guest moon: set kernel.panic 9" in result["actions"]
    if check:
        real = lab.scenario("lab", config)
        # Only one that runs can be asked what else differs in it.
        assert set(result["actions"]) <= set(real["actions"])
        assert real["diff"] == result["diff"]
    _is_changed(lab)
    _settled(lab, config)


def test_interfaces_and_cables_of_a_paused_guest_change_when_it_goes_on(lab: Lab) -> None:
    config = _segment()
    config["bridges"]["other"] = {}
    config["guests"]["moon"]["interfaces"]["eth1"] = {"bridge": "other", "address": "10.1.0.1/24"}
    lab.scenario("lab", config)
    lab.guest("moon", state="paused")
    later = _segment()
    later["bridges"] = {"lan": later["bridges"]["lan"], "third": {}}
    later["guests"]["moon"]["interfaces"]["eth2"] = {"bridge": "third", "address": "10.2.0.1/24"}
    later["guests"]["sun"]["interfaces"]["eth1"] = {"bridge": "third", "address": "10.2.0.2/24"}

    lab.scenario("lab", later, power="keep")
    lab.guest("moon")

    assert lab.links("moon") == {"eth0", "eth2"}
    assert lab.reaches("moon", "10.2.0.2")
    assert "other" not in lab.devices() and "moon-eth1" not in lab.devices()
    _settled(lab, later)


def test_services_of_a_paused_guest_are_restarted_by_the_scenarios_next_run(lab: Lab) -> None:
    witness = {"content": "#!/bin/sh\necho restarted >>/run/witness\n", "mode": "0755"}

    def config(text: str) -> Config:
        files = {"/etc/init.d/witness": witness, "/etc/which": text}
        return pair(init="minimal", mem=48, files=files, restart_services=["witness"])

    lab.scenario("lab", config("old"))
    lab.guest("moon", state="paused")
    lab.scenario("lab", config("new"), power="keep")
    lab.guest("moon")

    result = lab.scenario("lab", config("new"))

    assert result["actions"] == ["guest moon: restart witness"]
    assert lab.read("moon", "cat /etc/which /run/witness") == "newrestarted\n"
    _settled(lab, config("new"))


def test_a_change_of_a_paused_guest_itself_is_an_error(lab: Lab) -> None:
    lab.scenario("lab", _segment())
    lab.guest("moon", state="paused")

    with pytest.raises(Refused, match=r"guest moon: it is paused, and would have to be changed; resume it first"):
        lab.guest("moon", state="present", layers=[str(lab.workdir.kernels)])
    with pytest.raises(Refused, match=r"interface moon:eth0: guest moon is paused; resume it first"):
        lab.iface("moon", "eth0", mtu=1400)

    assert lab.info()["guests"]["moon"]["state"] == Power.PAUSED.value
