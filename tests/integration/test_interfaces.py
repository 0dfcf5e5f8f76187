# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dumm_iface: hot plug, hot unplug, moves and changes on running guests, and definitions on stopped ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import make_pair
from lab import Lab, Refused, fresh_lab, until


@pytest.fixture(scope="module")
def running(kernel: str) -> Iterator[Lab]:
    """Alice, bob and carol run, the first two on br0 by their eth0; there is a second bridge br1."""
    with fresh_lab(kernel=kernel) as fresh:
        make_pair(fresh)
        fresh.bridge("br1")
        fresh.guest("carol", mem=96)
        yield fresh


pytestmark = pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True, scope="module")


@pytest.fixture
def spare(running: Lab) -> Iterator[Lab]:
    """The same lab; carol's interfaces are taken away afterwards."""
    yield running
    for name in running.info(inside=False)["guests"]["carol"]["interfaces"]:
        running.iface("carol", name, state="absent")
    assert running.links("carol") == set()


def test_guests_on_a_bridge_reach_each_other(running: Lab) -> None:
    assert running.reaches("alice", "10.0.0.2")
    assert running.reaches("bob", "10.0.0.1")


def test_an_interface_is_plugged_into_a_running_guest_at_once(spare: Lab) -> None:
    pid = spare.process("carol").pid

    result = spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24", "fd00::3/64"])

    assert result["iface"]["address"] == ["10.0.0.3/24", "fd00::3/64"]
    assert result["iface"]["carrier"]
    assert spare.reaches("carol", "10.0.0.1")
    assert spare.process("carol").pid == pid


def test_an_interface_that_is_there_is_not_made_again(spare: Lab) -> None:
    wanted: dict[str, Any] = {"bridge": "br0", "address": ["10.0.0.3/24", "FD00::0003/64"], "mtu": 1400, "up": True}
    spare.iface("carol", "eth0", **wanted)
    index = spare.devices()["carol-eth0"]["ifindex"]

    result = spare.iface("carol", "eth0", **wanted)

    assert not result["changed"] and result["actions"] == []
    assert result["diff"]["before"] == result["diff"]["after"]
    assert spare.devices()["carol-eth0"]["ifindex"] == index


def test_options_that_are_not_given_stay_as_they_are(spare: Lab) -> None:
    spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"], mtu=1400)

    assert not spare.iface("carol", "eth0")["changed"]
    assert spare.iface("carol", "eth0", up=False)["iface"]["address"] == ["10.0.0.3/24"]


def test_an_interface_is_unplugged_from_a_running_guest_with_its_tap(spare: Lab) -> None:
    spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"])

    result = spare.iface("carol", "eth0", state="absent")
    again = spare.iface("carol", "eth0", state="absent")

    assert result["changed"] and result["iface"] is None
    assert not again["changed"]
    assert spare.links("carol") == set()
    assert "carol-eth0" not in spare.devices()
    assert spare.reaches("alice", "10.0.0.2")


def test_an_interface_moves_to_another_bridge(spare: Lab) -> None:
    spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"])
    index = spare.link("carol", "eth0")["ifindex"]
    assert spare.reaches("carol", "10.0.0.1")

    result = spare.iface("carol", "eth0", bridge="br1")

    assert result["iface"]["bridge"] == "br1"
    assert spare.devices()["carol-eth0"]["master"] == "br1"
    assert not spare.reaches("carol", "10.0.0.1", "-c 1 -w 1")
    assert spare.link("carol", "eth0")["ifindex"] == index
    assert not spare.iface("carol", "eth0", bridge="br1")["changed"]


def test_an_empty_bridge_unplugs_from_it_and_keeps_the_interface(spare: Lab) -> None:
    spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"])

    result = spare.iface("carol", "eth0", bridge="")

    assert result["iface"]["bridge"] is None
    assert "master" not in spare.devices()["carol-eth0"]
    assert spare.addresses("carol", "eth0") == {"10.0.0.3/24"}
    assert not spare.iface("carol", "eth0", bridge="")["changed"]


@pytest.mark.parametrize("mtu", [1400, 9000, 68, 65521])
def test_the_mtu_changes_on_both_sides(spare: Lab, mtu: int) -> None:
    spare.iface("carol", "eth0")

    result = spare.iface("carol", "eth0", mtu=mtu)

    assert result["iface"]["mtu"] == mtu
    assert spare.link("carol", "eth0")["mtu"] == mtu
    assert spare.devices()["carol-eth0"]["mtu"] == mtu
    assert not spare.iface("carol", "eth0", mtu=mtu)["changed"]
    assert spare.iface("carol", "eth0", mtu=1500)["changed"]
    assert spare.link("carol", "eth0")["mtu"] == 1500


def test_jumbo_frames_pass_once_both_ends_take_them(lab: Lab) -> None:
    make_pair(lab)
    for name in ("alice", "bob"):
        lab.iface(name, "eth0", mtu=9000)

    assert lab.addresses("alice", "eth0") == {"10.0.0.1/24"}
    assert lab.reaches("alice", "10.0.0.2", "-c 2 -i 0.1 -w 60 -s 8000 -M do")
    assert not lab.reaches("alice", "10.0.0.2", "-c 1 -w 1 -s 9000 -M do")


def test_the_mac_address_changes_and_addresses_survive_that(spare: Lab) -> None:
    addresses = ["10.0.0.3/24", "fd00::3/64"]
    derived = spare.iface("carol", "eth0", bridge="br0", address=addresses)["iface"]["mac"]

    given = spare.iface("carol", "eth0", mac="02-00-00-00-00-0A")
    again = spare.iface("carol", "eth0", mac="02:00:00:00:00:0a")
    back = spare.iface("carol", "eth0", mac="")

    assert given["iface"]["mac"] == "02:00:00:00:00:0a"
    assert not again["changed"]
    assert back["iface"]["mac"] == derived == spare.link("carol", "eth0")["address"]
    assert spare.addresses("carol", "eth0") == set(addresses)
    assert spare.reaches("carol", "10.0.0.1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ["10.0.0.3/24"]),
        (["10.0.0.3/24"], []),
        (["10.0.0.3/24"], ["10.0.0.4/24"]),
        (["10.3.0.3/24"], ["10.3.0.3/16"]),
        (["fd00::3/64"], ["fd00::4/64", "10.0.0.3/24"]),
        # Linux takes the others of an IPv4 prefix away with the first.
        (["10.0.0.3/24", "10.0.0.4/24"], ["10.0.0.4/24"]),
        (["10.0.0.3/24", "10.0.0.4/24", "10.0.0.5/24"], ["10.0.0.4/24", "10.0.0.5/24", "10.0.0.6/24"]),
        (["10.0.0.3/24", "fd00::3/64"], ["fd00::3/64"]),
    ],
)
def test_addresses_become_what_is_asked_for(spare: Lab, before: list[str], after: list[str]) -> None:
    spare.iface("carol", "eth0", bridge="br0", address=before)

    result = spare.iface("carol", "eth0", address=after)

    assert spare.addresses("carol", "eth0") == set(after)
    assert result["iface"]["address"] == after
    assert not spare.iface("carol", "eth0", address=after)["changed"]


def test_addresses_that_the_guest_gave_itself_are_left_alone(spare: Lab) -> None:
    spare.iface("carol", "eth0", bridge="br0")
    spare.read("carol", "ip addr add 10.0.0.9/24 dev eth0")

    assert not spare.iface("carol", "eth0", bridge="br0")["changed"]
    assert spare.addresses("carol", "eth0") == {"10.0.0.9/24"}
    result = spare.iface("carol", "eth0", address=["10.0.0.3/24"])
    assert result["changed"]
    assert result["iface"]["other_address"] == ["10.0.0.9/24"]
    assert spare.addresses("carol", "eth0") == {"10.0.0.3/24", "10.0.0.9/24"}
    assert spare.iface("carol", "eth0", address=[])["changed"]
    assert spare.addresses("carol", "eth0") == {"10.0.0.9/24"}


def test_an_interface_goes_down_and_up(spare: Lab) -> None:
    spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24", "fd00::3/64"])

    down = spare.iface("carol", "eth0", up=False)
    again = spare.iface("carol", "eth0", up=False)
    up = spare.iface("carol", "eth0", up=True)

    assert down["changed"] and not down["iface"]["up"]
    assert not again["changed"]
    assert up["changed"] and up["iface"]["up"]
    assert spare.addresses("carol", "eth0") == {"10.0.0.3/24", "fd00::3/64"}


def _spoil_address(lab: Lab) -> None:
    lab.read("carol", "ip addr flush dev eth0")


def _spoil_link(lab: Lab) -> None:
    lab.read("carol", "ip link set eth0 down")


def _spoil_mtu(lab: Lab) -> None:
    lab.read("carol", "ip link set eth0 mtu 1300")


def _spoil_bridge(lab: Lab) -> None:
    lab.host("ip", "link", "set", "carol-eth0", "nomaster")


def _spoil_tap(lab: Lab) -> None:
    lab.host("ip", "link", "delete", "carol-eth0")


@pytest.mark.parametrize("spoil", [_spoil_address, _spoil_link, _spoil_mtu, _spoil_bridge, _spoil_tap])
def test_what_somebody_else_changed_is_put_right(spare: Lab, spoil: Callable[[Lab], None]) -> None:
    wanted: dict[str, Any] = {"bridge": "br0", "address": ["10.0.0.3/24"]}
    spare.iface("carol", "eth0", up=True, mtu=1500, **wanted)
    spoil(spare)

    result = spare.iface("carol", "eth0", **wanted)

    assert result["changed"] and result["actions"]
    assert spare.reaches("carol", "10.0.0.1")
    assert not spare.iface("carol", "eth0", **wanted)["changed"]


def test_changes_lose_no_packet_of_others(spare: Lab) -> None:
    """A ping between alice and bob runs on while interfaces come, change, move and go."""
    with ThreadPoolExecutor() as pool:
        ping = pool.submit(spare.run, "alice", "ping -i 0.05 -c 120 10.0.0.2")
        until(
            lambda: spare.info(inside=False)["guests"]["bob"]["interfaces"]["eth0"]["counters"]["tx_packets"], "a ping"
        )
        rounds = 0
        while not ping.done():
            spare.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"])
            spare.iface("alice", "eth7", bridge="br1", address=["10.1.0.1/24"])
            spare.iface("carol", "eth0", mtu=1400)
            spare.iface("carol", "eth0", mtu=9000)
            spare.iface("carol", "eth0", bridge="br1", mac="02:00:00:00:00:0b")
            spare.iface("alice", "eth7", state="absent")
            spare.iface("carol", "eth0", state="absent")
            rounds += 1

    assert "120 received, 0% packet loss" in ping.result().stdout.decode()
    assert rounds > 0


def test_a_neighbours_restart_loses_no_packet_of_others(lab: Lab) -> None:
    make_pair(lab)
    lab.guest("carol", state="present", mem=96)
    lab.iface("carol", "eth0", bridge="br0", address=["10.0.0.3/24"])
    with ThreadPoolExecutor() as pool:
        ping = pool.submit(lab.run, "alice", "ping -i 0.05 -c 60 10.0.0.2")
        while not ping.done():
            lab.guest("carol", state="restarted")

    assert "60 received, 0% packet loss" in ping.result().stdout.decode()


def test_an_interface_of_a_stopped_guest_is_there_after_its_start(lab: Lab) -> None:
    lab.bridge("br0")
    lab.guest("alice", state="present", mem=96)

    defined = lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24", "fd00::1/64"], mtu=1400)
    again = lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24", "fd00::1/64"], mtu=1400)
    lab.guest("alice")

    assert defined["changed"] and not again["changed"]
    assert lab.addresses("alice", "eth0") == {"10.0.0.1/24", "fd00::1/64"}
    assert (lab.link("alice", "eth0")["mtu"], lab.devices()["alice-eth0"]["mtu"]) == (1400, 1400)
    assert lab.devices()["alice-eth0"]["master"] == "br0"


def test_an_interface_removed_from_a_stopped_guest_is_not_there_after_its_start(lab: Lab) -> None:
    make_pair(lab)
    lab.guest("alice", state="stopped")

    lab.iface("alice", "eth0", state="absent")
    lab.guest("alice")

    assert lab.links("alice") == set()
    assert "alice-eth0" not in lab.devices()


def test_interfaces_are_there_again_after_a_restart_as_they_were_changed(lab: Lab) -> None:
    make_pair(lab)
    lab.bridge("br1")
    lab.iface("alice", "eth1", bridge="br1", address=["10.1.0.1/24", "10.1.0.2/24", "fd01::1/64"])
    lab.iface("alice", "wan.7", up=False, mac="02:00:00:00:00:07")
    lab.iface("alice", "eth0", mtu=1400)

    result = lab.guest("alice", state="restarted")

    assert lab.links("alice") == {"eth0", "eth1", "wan.7"}
    assert lab.addresses("alice", "eth1") == {"10.1.0.1/24", "10.1.0.2/24", "fd01::1/64"}
    assert lab.link("alice", "wan.7")["address"] == "02:00:00:00:00:07"
    assert not result["guest"]["interfaces"]["wan.7"]["up"]
    assert lab.link("alice", "eth0")["mtu"] == 1400
    assert lab.reaches("alice", "10.0.0.2")
    assert not lab.guest("alice")["changed"]


def test_the_network_is_there_before_the_guests_own_init(lab: Lab) -> None:
    script = lab.path / "layer/usr/local/bin/own-init"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\nip -br addr show eth0 >/root/seen\nexec /.dumm/minimal\n")
    script.chmod(0o755)
    lab.bridge("br0")
    lab.guest("alice", state="present", layers=[str(lab.path / "layer")], init="/usr/local/bin/own-init")
    lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])

    lab.guest("alice")

    assert "10.0.0.1/24" in until(lambda: str(lab.run("alice", "cat /root/seen").stdout, "utf-8"), "init to write")


def test_a_derived_mac_address_is_stable_over_removal_of_interface_and_guest(lab: Lab) -> None:
    lab.guest("alice", state="present")
    first = lab.iface("alice", "eth0")["iface"]["mac"]
    other = lab.iface("alice", "eth1")["iface"]["mac"]

    lab.iface("alice", "eth0", state="absent")
    second = lab.iface("alice", "eth0")["iface"]["mac"]
    lab.guest("alice", state="absent")
    lab.guest("alice")
    third = lab.iface("alice", "eth0")["iface"]["mac"]

    assert first == second == third != other
    assert lab.link("alice", "eth0")["address"] == first
    assert int(first[:2], 16) & 0b11 == 0b10, "locally administered, unicast"


def test_long_names_get_a_short_device_and_their_full_name_as_altname(lab: Lab) -> None:
    guest = "a-guest-with-thirty-characters"
    lab.bridge("a-bridge-with-a-long-name")
    lab.guest(guest, mem=96)

    result = lab.iface(guest, "eth0", bridge="a-bridge-with-a-long-name", address=["10.0.0.1/24"])

    assert len(result["iface"]["tap"]) <= 15
    assert f"{guest}-eth0" in lab.devices()[result["iface"]["tap"]]["altnames"]
    lab.bridge("a-bridge-with-a-long-name", address=["10.0.0.254/24"])
    assert lab.host("ping", "-c", "1", "-w", "60", "10.0.0.1").returncode == 0
    assert not lab.guest(guest)["changed"]


def test_names_that_differ_only_beyond_the_cut_do_not_collide(lab: Lab) -> None:
    lab.bridge("br0")
    guest = "another-guest-with-a-name-of-40-letters"
    lab.guest(guest, mem=96)

    for number in (1, 2):
        lab.iface(guest, f"interface{number}", bridge="br0", address=[f"10.0.{number}.1/24"])

    taps = {value["tap"] for value in lab.info()["guests"][guest]["interfaces"].values()}
    assert len(taps) == 2
    assert [lab.addresses(guest, f"interface{number}") for number in (1, 2)] == [{"10.0.1.1/24"}, {"10.0.2.1/24"}]


def test_counters_of_an_interface_grow_with_its_traffic(running: Lab) -> None:
    before = running.info()["guests"]["alice"]["interfaces"]["eth0"]["counters"]

    running.reaches("alice", "10.0.0.2", "-c 5 -i 0.05 -w 10 -s 1000")

    after = running.info()["guests"]["alice"]["interfaces"]["eth0"]["counters"]
    assert after["rx_packets"] >= before["rx_packets"] + 5
    assert after["tx_bytes"] >= before["tx_bytes"] + 5000


def test_every_device_bears_the_labs_mark(running: Lab) -> None:
    marks = {name: device.get("ifalias", "") for name, device in running.devices().items()}

    assert marks["alice-eth0"] == f"dumm.lab {running.name} iface alice:eth0"
    assert all(mark.startswith(f"dumm.lab {running.name} ") for mark in marks.values()), json.dumps(marks)


def test_the_hosts_side_of_a_tap_has_no_ipv6(running: Lab) -> None:
    assert "inet6" not in running.host("ip", "addr", "show", "dev", "alice-eth0").stdout


def test_many_interfaces_of_one_guest_work(lab: Lab) -> None:
    lab.guest("alice", mem=96)
    for number in range(8):
        lab.bridge(f"br{number}", address=[f"10.{number}.0.254/24"])
        lab.iface("alice", f"eth{number}", bridge=f"br{number}", address=[f"10.{number}.0.1/24"])

    for _attempt in range(2):
        assert all(lab.reaches("alice", f"10.{number}.0.254") for number in range(8))
        lab.guest("alice", state="restarted")


def test_interfaces_of_a_paused_guest_are_refused(lab: Lab) -> None:
    make_pair(lab)
    lab.guest("alice", state="paused")

    with pytest.raises(Refused, match=r"interface alice:eth0: guest alice is paused; resume it first"):
        lab.iface("alice", "eth0", mtu=1400)

    lab.guest("alice")
    assert lab.reaches("alice", "10.0.0.2")
