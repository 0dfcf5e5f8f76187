# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules' arguments ask for."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    ANY_CPU,
    Bridge,
    Guest,
    Iface,
    Lab,
    Power,
    Stopping,
    UnionEngine,
    Userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import desired
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Scope
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.tests.unit.helpers.labs import guest, lab, wish

ALICE = guest(
    "alice",
    Iface("alice", "eth0", "br0", "02:00:00:00:00:01", 1400, ("10.0.0.1/24",), up=False),
    kernel="tuned",
    master="bookworm",
    mem=256,
    init="/sbin/init",
    cmdline="debug",
    userspace=Userspace.PTRACE,
    layers=("/srv/layer",),
    union=UnionEngine.OVERLAY,
    power=Power.RUNNING,
)
BR0 = Bridge("br0", ("10.0.0.254/24",), 1400, True, 8)
LAB = lab(ALICE, BR0, guest("bob", Iface("bob", "eth0")))


def test_a_new_guest_has_the_documented_defaults_and_is_started() -> None:
    after = wish("guest", lab(), name="alice").lab.guests["alice"]

    assert after == Guest(
        "alice",
        "default",
        "default",
        128,
        None,
        "",
        Userspace.AUTO,
        None,
        True,
        None,
        (),
        UnionEngine.AUTO,
        Power.RUNNING,
    )


@pytest.mark.parametrize("state", ["present", "started", "restarted", "stopped", "paused"])
def test_a_guest_that_is_new_cannot_be_called_as_ansible_calls_something_else(state: str) -> None:
    with pytest.raises(InvalidInput, match="guest all: the name all is Ansible's group of all hosts; give the guest"):
        wish("guest", LAB, name="all", state=state)


def test_one_of_an_earlier_version_can_be_stopped_and_removed() -> None:
    before = lab(guest("localhost", power=Power.RUNNING))

    assert wish("guest", before, name="localhost", state="stopped").lab.guests["localhost"].power is Power.STOPPED
    assert not wish("guest", before, name="localhost", state="absent").lab.guests


def test_a_bridge_that_is_new_cannot_be_called_as_the_kernel_calls_something_else() -> None:
    with pytest.raises(InvalidInput, match="bridge lo: the name lo is taken by the kernel"):
        wish("bridge", LAB, name="lo")


def test_a_new_interface_has_the_documented_defaults() -> None:
    after = wish("iface", LAB, guest="bob", name="eth1").lab.guests["bob"].interfaces["eth1"]

    assert after == Iface("bob", "eth1", bridge=None, mac=None, mtu=1500, addresses=None, up=True)


def test_a_new_bridge_has_the_documented_defaults() -> None:
    assert wish("bridge", lab(), name="br0").lab.bridges["br0"] == Bridge("br0", None, None, False, 0)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("guest", {"name": "alice", "state": "present"}),
        ("iface", {"guest": "alice", "name": "eth0"}),
        ("bridge", {"name": "br0"}),
    ],
)
def test_what_is_not_given_stays_as_it_is(kind: str, names: dict[str, str]) -> None:
    assert wish(kind, LAB, **names).lab == LAB


@pytest.mark.parametrize(
    ("option", "value", "attribute", "expected"),
    [
        ("kernel", "other", "kernel", "other"),
        ("kernel", "/boot/linux", "kernel", "/boot/linux"),
        ("master", "trixie", "master", "trixie"),
        ("master", "/srv/root", "master", "/srv/root"),
        ("mem", 64, "mem", 64),
        ("init", "minimal", "init", "minimal"),
        ("init", "/bin/busybox", "init", "/bin/busybox"),
        ("init", "auto", "init", None),
        ("init", "", "init", None),
        ("cmdline", "quiet", "cmdline", "quiet"),
        ("cmdline", "  a   b ", "cmdline", "a b"),
        ("cmdline", "", "cmdline", ""),
        ("userspace", "seccomp", "userspace", Userspace.SECCOMP),
        ("cpu", "1", "cpu", 1),
        ("confine", False, "confine", False),
        ("disk", 64, "disk", 64),
        ("disk", 0, "disk", None),
        ("cpu", "any", "cpu", ANY_CPU),
        ("cpu", "auto", "cpu", None),
        ("layers", ["/a/", "/b"], "layers", ("/a", "/b")),
        ("layers", ["/"], "layers", ("/",)),
        ("layers", ["web/", "layers/a b"], "layers", ("web", "layers/a b")),
        ("layers", [], "layers", ()),
        ("union", "auto", "union", UnionEngine.AUTO),
        ("stop", "halt", "stop", Stopping.HALT),
    ],
)
def test_an_option_of_a_guest_is_taken_over(option: str, value: Any, attribute: str, expected: Any) -> None:
    after = wish("guest", LAB, name="alice", **{option: value}).lab.guests["alice"]

    assert getattr(after, attribute) == expected


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("name", "a/b", "not a DNS label"),
        ("name", "", "not a DNS label"),
        ("kernel", "../evil", "neither a name nor an absolute path"),
        ("kernel", ".hidden", "neither a name nor an absolute path"),
        ("kernel", "", "neither a name nor an absolute path"),
        ("master", "a/b", "neither a name nor an absolute path"),
        ("master", "", "neither a name nor an absolute path"),
        ("init", "sbin/init", "no path in the guest"),
        ("init", "/sbin/init -s", "no path in the guest"),
        ("cmdline", "a\nb", "unprintable"),
        ("cmdline", "a\0b", "unprintable"),
        *(("layers", [each], "no path of a directory") for each in ("", ".", "../a", "a/../b", "a//b", "./a", "a\0b")),
        ("mem", 3, "too little"),
        ("mem", -1, "too little"),
        ("netns", "a/b", "not possible"),
        ("netns", "..", "not possible"),
        ("netns", "x" * 201, "not possible"),
    ],
)
def test_a_guest_that_cannot_be_is_refused(option: str, value: Any, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        wish("guest", lab(), **{"name": "alice", option: value})


@pytest.mark.parametrize(
    ("state", "was", "power"),
    [
        ("present", Power.STOPPED, Power.STOPPED),
        ("present", Power.STARTING, Power.RUNNING),
        ("present", Power.RUNNING, Power.RUNNING),
        ("present", Power.PAUSED, Power.PAUSED),
        ("present", Power.DIED, Power.DIED),
        *((state, was, Power.RUNNING) for state in ("started", "restarted") for was in Power),
        *(("stopped", was, Power.STOPPED) for was in Power),
        *(("paused", was, Power.PAUSED) for was in Power),
    ],
)
def test_a_state_says_what_a_guest_is_to_do(state: str, was: Power, power: Power) -> None:
    after = wish("guest", lab(guest("alice", power=was)), name="alice", state=state)

    assert after.lab.guests["alice"].power is power
    assert after.renew == (frozenset({"alice"}) if state == "restarted" else frozenset())


@pytest.mark.parametrize("restart", [True, False])
def test_a_guest_may_be_restarted_only_where_that_is_allowed(restart: bool) -> None:
    assert bool(wish("guest", LAB, name="alice", mem=64, restart=restart).restart) is restart


def test_the_time_limit_of_a_guest_is_that_of_the_wish() -> None:
    assert wish("guest", LAB, name="alice", wait_timeout=7).timeout == 7.0


@pytest.mark.parametrize(
    ("option", "value", "attribute", "expected"),
    [
        ("bridge", "", "bridge", None),
        ("mac", "02-00-00-00-00-AA", "mac", "02:00:00:00:00:aa"),
        ("mac", "", "mac", None),
        ("mtu", 9000, "mtu", 9000),
        ("up", True, "up", True),
        ("address", ["FD00::0:2/64", "10.0.0.9/24"], "addresses", ("fd00::2/64", "10.0.0.9/24")),
        ("address", ["10.0.0.9/24", "10.0.0.9/24"], "addresses", ("10.0.0.9/24",)),
        ("address", [], "addresses", ()),
    ],
)
def test_an_option_of_an_interface_is_taken_over(option: str, value: Any, attribute: str, expected: Any) -> None:
    after = wish("iface", LAB, guest="alice", name="eth0", **{option: value}).lab.guests["alice"].interfaces["eth0"]

    assert getattr(after, attribute) == expected


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"guest": "carol", "name": "eth0"}, r"there is no guest carol; make it first"),
        ({"guest": "alcie", "name": "eth0"}, r"did you mean alice\?"),
        ({"guest": "a/b", "name": "eth0"}, "not a DNS label"),
        ({"guest": "alice", "name": "a/b"}, "Linux takes"),
        ({"guest": "alice", "name": "vec0"}, "taken by the guest's kernel"),
        ({"guest": "alice", "name": "eth0", "bridge": "br7"}, "there is no bridge br7"),
        ({"guest": "alice", "name": "eth0", "mac": "01:00:00:00:00:00"}, "no unicast MAC address"),
        ({"guest": "alice", "name": "eth0", "address": ["10.0.0.1"]}, "no prefix length"),
        ({"guest": "alice", "name": "eth0", "address": ["10.0.0.254/24"]}, "already that of the host's leg"),
        ({"guest": "alice", "name": "eth0", "mtu": 1}, "out of range"),
    ],
)
def test_an_interface_that_cannot_be_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        wish("iface", LAB, **arguments)


@pytest.mark.parametrize(
    ("option", "value", "attribute", "expected"),
    [
        ("address", ["10.0.0.253/24"], "addresses", ("10.0.0.253/24",)),
        ("address", [], "addresses", ()),
        ("mtu", 9000, "mtu", 9000),
        ("stp", False, "stp", False),
        ("group_fwd_mask", 0, "group_fwd_mask", 0),
        ("multicast_snooping", False, "multicast_snooping", False),
    ],
)
def test_an_option_of_a_bridge_is_taken_over(option: str, value: Any, attribute: str, expected: Any) -> None:
    assert getattr(wish("bridge", LAB, name="br0", **{option: value}).lab.bridges["br0"], attribute) == expected


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name": "br 0"}, "not a DNS label"),
        ({"name": "br0", "interfaces": ["alice"]}, "write it as alice:eth0"),
        ({"name": "br0", "interfaces": ["alice:eth9"]}, r"there is no interface alice:eth9.*did you mean alice:eth0"),
        ({"name": "br0", "purge_interfaces": True}, "purge_interfaces without interfaces"),
        ({"name": "br0", "address": ["10.0.0.1/24"]}, "already that of the host's leg"),
        ({"name": "br0", "address": ["ten/8"]}, "no IP address"),
        ({"name": "br0", "group_fwd_mask": 2}, "not allowed"),
    ],
)
def test_a_bridge_that_cannot_be_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        wish("bridge", LAB, **arguments)


def ports(host: Lab, bridge: str) -> list[str]:
    return [iface.label for iface in host.ports(bridge)]


def test_interfaces_of_a_bridge_are_plugged_in_and_others_stay() -> None:
    after = wish("bridge", LAB, name="br0", interfaces=["bob:eth0"])

    assert ports(after.lab, "br0") == ["alice:eth0", "bob:eth0"]
    assert after.scope == Scope(bridges=frozenset({"br0"}), ifaces=frozenset({("bob", "eth0")}))


def test_purging_unplugs_the_others() -> None:
    after = wish("bridge", LAB, name="br0", interfaces=["bob:eth0"], purge_interfaces=True)

    assert ports(after.lab, "br0") == ["bob:eth0"]
    assert after.scope.ifaces == {("bob", "eth0"), ("alice", "eth0")}


def test_purging_with_an_empty_list_unplugs_all() -> None:
    assert ports(wish("bridge", LAB, name="br0", interfaces=[], purge_interfaces=True).lab, "br0") == []


def test_a_bridge_takes_interfaces_from_another() -> None:
    both = LAB.with_bridge(Bridge("br1"))

    after = wish("bridge", both, name="br1", interfaces=["alice:eth0"]).lab

    assert (ports(after, "br0"), ports(after, "br1")) == ([], ["alice:eth0"])


@pytest.mark.parametrize(
    ("kind", "names", "scope"),
    [
        ("guest", {"name": "alice"}, Scope(guests=frozenset({"alice"}))),
        ("iface", {"guest": "alice", "name": "eth0"}, Scope(ifaces=frozenset({("alice", "eth0")}))),
        ("bridge", {"name": "br0"}, Scope(bridges=frozenset({"br0"}), ifaces=frozenset({("alice", "eth0")}))),
    ],
)
def test_absent_takes_the_object_out_of_the_lab_and_puts_it_into_the_scope(
    kind: str, names: dict[str, str], scope: Scope
) -> None:
    after = wish(kind, LAB, state="absent", **names)

    assert after.scope == scope
    assert (
        after.lab
        == {
            "guest": LAB.without_guest("alice"),
            "iface": LAB.without_iface("alice", "eth0"),
            "bridge": LAB.without_bridge("br0"),
        }[kind]
    )


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("guest", {"name": "carol"}),
        ("iface", {"guest": "carol", "name": "eth0"}),
        ("iface", {"guest": "alice", "name": "eth9"}),
        ("bridge", {"name": "br9"}),
    ],
)
def test_what_is_not_there_can_be_absent(kind: str, names: dict[str, str]) -> None:
    assert wish(kind, LAB, state="absent", **names).lab == LAB


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("guest", {"name": "a/b"}),
        ("iface", {"guest": "a/b", "name": "eth0"}),
        ("iface", {"guest": "alice", "name": "../x"}),
        ("bridge", {"name": "a/b"}),
    ],
)
def test_what_cannot_be_named_cannot_be_absent_either(kind: str, names: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        wish(kind, LAB, state="absent", **names)


def test_a_fault_that_was_there_before_does_not_stop_another_change() -> None:
    broken = lab(guest("alice", Iface("alice", "eth0", "gone")), guest("bob"))

    after = wish("guest", broken, name="bob", mem=64).lab

    assert after.guests["bob"].mem == 64


def test_a_fault_that_is_added_is_raised_even_beside_an_old_one() -> None:
    broken = lab(guest("alice", Iface("alice", "eth0", "gone")), guest("bob"))

    with pytest.raises(InvalidInput) as caught:
        wish("iface", broken, guest="bob", name="eth0", bridge="gone", mtu=1)

    assert "alice" not in str(caught.value)
    assert str(caught.value).count("interface bob:eth0") == 2


@pytest.mark.parametrize("kind", ["guest", "bridge"])
def test_the_first_object_says_where_the_network_is(kind: str) -> None:
    assert wish(kind, lab(), name="x", netns="testbed").lab.netns == "testbed"
    assert wish(kind, lab(), name="x", netns="host").lab.netns == "host"
    assert wish(kind, lab(), name="x").lab.netns == lab().netns


@pytest.mark.parametrize(
    ("kind", "names"),
    [("guest", {"name": "x"}), ("iface", {"guest": "bob", "name": "eth0"}), ("bridge", {"name": "x"})],
)
def test_a_lab_does_not_move_to_another_network(kind: str, names: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="lab lives in dumm-test"):
        wish(kind, LAB, netns="testbed", **names)

    assert wish(kind, LAB, netns=LAB.netns, **names).lab.netns == LAB.netns


@pytest.mark.parametrize("host", [lab(), LAB], ids=["no lab", "a lab"])
def test_taking_a_guest_away_asks_nothing_of_the_network(host: Lab) -> None:
    assert wish("guest", host, name="alice", state="absent", netns="testbed").lab.netns == host.netns


def _prunes(text: str, **more: Any) -> Lab:
    params = {key: each.get("default") for key, each in _spec.SCENARIO.items()}
    there = lab(Guest("alice", scenario="vpn"), Guest("bob"))
    wanted = loader.load(text, name="vpn", place="lab.yml")
    return desired.scenario({**params, "name": "vpn", **more}, there, wanted, {}).lab


@pytest.mark.parametrize("text", ["guests:\n", "bridges: {lan: }\n", "description: x\n", "guests: null\n"])
@pytest.mark.parametrize("state", ["present", "stopped"])
def test_a_file_that_says_nothing_of_guests_removes_none(text: str, state: str) -> None:
    with pytest.raises(
        InvalidInput,
        match=r"^lab.yml:1:\d+: guests: nothing is said of guests, and guest alice of scenario vpn would be removed; say guests: {}",
    ):
        _prunes(text, state=state)


def test_a_file_that_says_that_there_are_no_guests_removes_them() -> None:
    assert _prunes("guests: {}\n").guests.keys() == {"bob"}


@pytest.mark.parametrize("more", [{"prune": False}, {"state": "loaded"}])
def test_a_file_that_says_nothing_of_guests_is_fine_where_nothing_is_removed(more: dict[str, Any]) -> None:
    assert _prunes("bridges: {lan: }\n", **more).guests.keys() == {"alice", "bob"}


@pytest.mark.parametrize(
    ("clean", "state"),
    [
        *(("restart", state) for state in ("absent", "loaded", "stopped", "unloaded")),
        ("network", "stopped"),
        ("network", "absent"),
    ],
)
def test_guests_that_do_not_run_afterwards_are_not_cleaned(clean: str, state: str) -> None:
    with pytest.raises(
        InvalidInput, match=rf"^scenario vpn: clean: {clean} with state: {state}; give it with state: present"
    ):
        _prunes("guests: {alice: }\n", state=state, clean=clean)


def test_a_file_that_says_nothing_of_guests_is_fine_where_there_are_none() -> None:
    params = {key: each.get("default") for key, each in _spec.SCENARIO.items()}
    wanted = loader.load("bridges: {lan: }\n", name="other", place="lab.yml")

    asked = desired.scenario({**params, "name": "other"}, lab(Guest("alice", scenario="vpn")), wanted, {})

    assert asked.lab.guests.keys() == {"alice"}
    assert asked.lab.bridges.keys() == {"lan"}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("mem", 1_000_000_000, "mem: 1000000000 MB is more than any host has"),
        ("disk", 99_999_999_999, "disk: 99999999999 MB is more than a file can have"),
        ("layers", ["/x", "/x/"], "layers: /x is given twice"),
        ("cmdline", "debug umid=b", "cmdline: umid=b is what the lab itself tells the kernel; leave it out"),
        ("cmdline", "mem=64M", "cmdline: mem=64M is what the lab itself tells the kernel; set mem of the guest"),
    ],
)
def test_what_a_guest_cannot_have_is_refused(option: str, value: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"^guest alice: {said}"):
        wish("guest", LAB, name="alice", **{option: value})
