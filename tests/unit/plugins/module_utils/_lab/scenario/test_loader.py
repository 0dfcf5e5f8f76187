# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario file becomes guests and bridges, or every one of its faults is told with its place."""

from __future__ import annotations

import ipaddress
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import rules
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid, InvalidInput, plain
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    Bridge,
    Command,
    Guest,
    Iface,
    InjectedFault,
    Lab,
    Route,
    UnionEngine,
    Userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.reference import (
    BridgeRef,
    GuestRef,
    IfaceRef,
    LegRef,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader, spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import File, Scenario

DOCS = Path(__file__).parents[6] / "docs"


def load(source) -> Scenario:
    return loader.load(source, name="test", place="lab.yml")


def faults(source) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(source)
    return str(caught.value).splitlines()


def addresses(found: Scenario) -> dict[str, tuple[str, ...] | None]:
    return {iface.label: iface.addresses for guest in found.guests.values() for iface in guest.interfaces.values()}


# Guests


def test_a_guest_may_be_empty():
    assert load("guests: {alice: , bob: {}}").guests == {
        "alice": Guest("alice", scenario="test"),
        "bob": Guest("bob", scenario="test"),
    }


def test_a_guest_takes_all_that_a_guest_can_have():
    text = """
    bridges: {lan: }
    guests:
      alice:
        kernel: tuned
        master: /srv/bookworm
        mem: 64
        init: minimal
        cmdline: "quiet  debug"
        userspace: ptrace
        cpu: 1
        confine: false
        disk: 64
        layers: [/srv/a/, layers/b/]
        union: overlay
        faults: [{path: /var/*, during: [read], error: EIO, delay: 20}, {path: "*.log", delay: 1.5}]
        interfaces:
          eth0: {bridge: lan, mac: "02-00-00-00-00-0A", mtu: 9000, address: [10.0.0.1/24, "fd00:0::1/64"], up: false}
          eth1:
        sysctl: {net.ipv4.ip_forward: yes, kernel.panic: 5, net/ipv4/conf/eth0.1/mtu: " a  b ", a.b: false}
    """
    assert load(text).guests["alice"] == Guest(
        "alice",
        kernel="tuned",
        master="/srv/bookworm",
        mem=64,
        init="minimal",
        cmdline="quiet debug",
        userspace=Userspace.PTRACE,
        cpu=1,
        confine=False,
        disk=64,
        layers=("/srv/a", "layers/b"),
        union=UnionEngine.OVERLAY,
        faults=(InjectedFault("/var/*", ("read",), "EIO", 20.0), InjectedFault("*.log", delay=1.5)),
        interfaces={
            "eth0": Iface("alice", "eth0", "lan", "02:00:00:00:00:0a", 9000, ("10.0.0.1/24", "fd00::1/64"), up=False),
            "eth1": Iface("alice", "eth1"),
        },
        sysctl=(
            ("a.b", "0"),
            ("kernel.panic", "5"),
            ("net.ipv4.ip_forward", "1"),
            ("net/ipv4/conf/eth0.1/mtu", "a b"),
        ),
        scenario="test",
    )


def test_settings_of_a_guest_win_over_its_groups_and_those_over_the_defaults():
    text = """
    defaults: {mem: 64, master: base, kernel: one, sysctl: {a.a: 1, a.b: 1, a.c: 1, a.d: 1}, init: minimal}
    groups:
      big: {mem: 256, kernel: two, sysctl: {a.b: 2, a.c: 2, a.d: 2}}
      odd: {kernel: three, sysctl: {a.c: 3, a.d: 3}}
    guests:
      alice: {groups: [big, odd], sysctl: {a.d: 4}, init: auto}
      bob: {groups: [odd, big]}
      carol: {mem: 32}
    """
    found = load(text).guests
    assert [(guest.mem, guest.kernel, guest.init) for guest in found.values()] == [
        (256, "three", None),
        (256, "two", "minimal"),
        (32, "one", "minimal"),
    ]
    assert found["alice"].sysctl == (("a.a", "1"), ("a.b", "2"), ("a.c", "3"), ("a.d", "4"))
    assert found["bob"].sysctl == (("a.a", "1"), ("a.b", "2"), ("a.c", "2"), ("a.d", "2"))
    assert {guest.master for guest in found.values()} == {"base"}


def test_lists_are_replaced_and_mappings_merged():
    text = """
    defaults: {run: [one, two], files: {/a: "1", /b: "1"}, vars: {x: 1, y: {z: 1}}, labels: {a: x}}
    guests:
      alice: {run: [three], files: {/b: "2"}, vars: {y: 2}, labels: {b: 5, c: on}}
      bob: {run: []}
    """
    found = load(text)
    assert found.run == {"alice": (Command("three"),)}
    assert found.files["alice"] == (File("/a", content="1"), File("/b", content="2"))
    alice, bob = found.guests["alice"], found.guests["bob"]
    assert (alice.vars, bob.vars) == ({"x": 1, "y": 2}, {"x": 1, "y": {"z": 1}})
    assert (alice.labels, bob.labels) == ({"a": "x", "b": "5", "c": "true"}, {"a": "x"})


def test_files_commands_and_services():
    text = """
    guests:
      alice:
        files:
          /etc/motd: hello
          /etc/frr/frr.conf: {template: "router-id {{ x }}", mode: "0640", owner: frr, group: 104}
        run:
          - ip link
          - {command: make it, creates: /var/it, unless: test -e /it}
        restart_services: [frr]
      bob:
    """
    found = load(text)
    assert found.files == {
        "alice": (
            File("/etc/motd", content="hello"),
            File("/etc/frr/frr.conf", template="router-id {{ x }}", mode=0o640, owner="frr", group="104"),
        )
    }
    assert found.run == {"alice": (Command("ip link"), Command("make it", "/var/it", "test -e /it"))}
    assert found.restart_services == {"alice": ("frr",)}
    assert found.hosts is True
    assert load("{hosts: false, guests: {}}").hosts is False


@pytest.mark.parametrize("name", ["all", "localhost", "ungrouped"])
def test_a_guest_cannot_be_called_as_ansible_calls_something_else(name):
    (fault,) = faults(f"guests:\n  {name}: {{mem: 64}}\n  other:\nlinks: ['{name}:eth0 -- other:eth0']")

    assert fault.startswith(f"lab.yml:2:3: guests.{name}: the name {name} is ")
    assert fault.endswith("; give the guest another name")


def test_a_segment_cannot_be_called_as_the_kernel_calls_something_else():
    assert faults("bridges: {lo: }\nguests: {a: , b: }\nlinks: [{a: 'a:eth0', b: 'b:eth0', name: all}]") == [
        "lab.yml:1:11: bridges.lo: the name lo is taken by the kernel; give the bridge another name",
        "lab.yml:3:42: links[0].name: the name all is taken by the kernel; give the bridge another name",
    ]


# Routes


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("default via 10.1.0.1", Route("default", "10.1.0.1")),
        ("default via 10.1.0.1 dev eth0 metric 10", Route("default", "10.1.0.1", "eth0", 10)),
        ("{to: default, via: 10.1.0.1}", Route("default", "10.1.0.1")),
        ("{to: 0.0.0.0/0, via: 10.1.0.1}", Route("default", "10.1.0.1")),
        ("{to: '::/0', via: 'fd01::1'}", Route("default", "fd01::1")),
        ("{to: '::/0', dev: eth0}", Route("::/0", None, "eth0")),
        ("'default via fd01:0::1'", Route("default", "fd01::1")),
        ("10.9.0.0/16 via 10.1.0.1", Route("10.9.0.0/16", "10.1.0.1")),
        ("10.9.0.1 via 10.1.0.1", Route("10.9.0.1/32", "10.1.0.1")),
        ("{to: 10.9.0.0/16, dev: eth0, metric: 5}", Route("10.9.0.0/16", None, "eth0", 5)),
        ("{to: default, via: 'fe80::1', dev: eth0}", Route("default", "fe80::1", "eth0")),
        ("{to: default, via: 10.7.0.1, dev: eth1}", Route("default", "10.7.0.1", "eth1")),
    ],
)
def test_a_route_is_words_or_a_mapping(route, expected):
    text = f"""
    guests:
      alice:
        interfaces: {{eth0: {{address: [10.1.0.10/16, 'fd01::2/64']}}, eth1: {{address: 10.7.0.2/24}}}}
        routes: [{route}]
    """
    assert load(text).guests["alice"].routes == (expected,)


def test_routes_may_be_none_at_all_or_left_to_the_guest():
    found = load("guests: {alice: {routes: []}, bob: }").guests
    assert (found["alice"].routes, found["bob"].routes) == ((), None)


def test_a_next_hop_may_be_behind_another_route():
    text = """
    guests:
      alice:
        interfaces: {eth0: {address: 10.1.0.1/24}}
        routes: ["192.0.2.1 dev eth0", "default via 192.0.2.1"]
    """
    assert len(load(text).guests["alice"].routes) == 2


def test_nothing_is_said_of_next_hops_where_the_guest_finds_its_own_addresses():
    assert load("guests: {alice: {interfaces: {eth0: }, routes: [default via 10.1.0.1]}}")


# Segments


def test_a_bridge_takes_all_that_a_bridge_can_have():
    text = """
    bridges:
      wan: {address: [192.168.0.254/24, "fd00::ff/64"], mtu: 9000, stp: true, group_fwd_mask: 16384}
      lan:
      dmz: {address: [], multicast_snooping: false}
    """
    assert load(text).bridges == {
        "wan": Bridge("wan", ("192.168.0.254/24", "fd00::ff/64"), 9000, True, 16384, "test"),
        "lan": Bridge("lan", scenario="test"),
        "dmz": Bridge("dmz", (), scenario="test", multicast_snooping=False),
    }


def test_a_bridge_may_name_its_interfaces():
    text = """
    bridges: {lan: {interfaces: [alice:eth0, bob:eth3]}}
    guests:
      alice: {interfaces: {eth0: {mtu: 1400}, eth1: {bridge: lan}}}
      bob:
    """
    found = load(text).guests
    assert found["alice"].interfaces == {
        "eth0": Iface("alice", "eth0", "lan", mtu=1400),
        "eth1": Iface("alice", "eth1", "lan"),
    }
    assert found["bob"].interfaces == {"eth3": Iface("bob", "eth3", "lan")}


def test_a_link_is_a_transparent_bridge_of_its_own():
    found = load("{guests: {moon: , sun: }, links: ['moon:eth2 -- sun:eth2']}")
    assert found.bridges == {
        "moon-eth2--sun-eth2": Bridge(
            "moon-eth2--sun-eth2", group_fwd_mask=65528, scenario="test", multicast_snooping=False
        )
    }
    assert found.guests["moon"].interfaces == {"eth2": Iface("moon", "eth2", "moon-eth2--sun-eth2")}
    assert found.guests["sun"].interfaces == {"eth2": Iface("sun", "eth2", "moon-eth2--sun-eth2")}


def test_a_link_has_the_same_name_from_either_end():
    one = load("{guests: {moon: , sun: }, links: ['moon:eth2 -- sun:eth1']}")
    other = load("{guests: {moon: , sun: }, links: [{b: 'moon:eth2', a: 'sun:eth1'}]}")
    assert one.bridges == other.bridges


@pytest.mark.parametrize(
    "text",
    [
        "{guests: {moon: , sun: }, bridges: {moon-eth2--sun-eth2: }, links: ['moon:eth2 -- sun:eth2']}",
        "{guests: {a: , s: }, links: ['a:x.y -- s:p.q', 'a:x-y -- s:p-q']}",
        f"{{guests: {{{'a' * 63}: , {'b' * 63}: }}, links: ['{'a' * 63}:eth0 -- {'b' * 63}:eth0']}}",
        "{guests: {a: }, links: ['a:e. -- a:e_']}",
    ],
)
def test_names_of_links_are_labels_of_their_own(text):
    found = load(text)
    for name in found.bridges:
        rules.check_label("bridge", name)
    assert len(found.bridges) == text.count(" -- ") + text.count("bridges:")
    assert not rules.check(Lab("x", "x", found.guests, found.bridges))


def test_settings_of_a_link_hold_for_both_directions_and_those_of_an_end_for_what_it_sends():
    text = """
    guests: {moon: {interfaces: {eth2: {mac: "02:00:00:00:00:01", loss: 3}}}, sun: }
    links:
      - a: {guest: moon, interface: eth2, address: 10.0.0.1/30, delay: 5, mtu: 1300}
        b: sun:eth2
        name: cable
        mtu: 1400
        delay: 20ms
        loss: 1%
    """
    found = load(text)
    assert list(found.bridges) == ["cable"]
    assert found.guests["moon"].interfaces["eth2"] == Iface(
        "moon", "eth2", "cable", "02:00:00:00:00:01", 1300, ("10.0.0.1/30",), conditions=Conditions(delay=5, loss=3)
    )
    assert found.guests["sun"].interfaces["eth2"] == Iface(
        "sun", "eth2", "cable", mtu=1400, conditions=Conditions(delay=20, loss=1)
    )


@pytest.mark.parametrize(("state", "up"), [("up", (True, False)), ("down", (False, False))])
def test_a_link_that_is_down_takes_both_ends_down(state, up):
    text = f"""
    guests: {{moon: , sun: }}
    links: [{{a: 'moon:eth2', b: {{guest: sun, interface: eth2, up: false}}, state: {state}}}]
    """
    found = load(text).guests
    assert tuple(found[name].interfaces["eth2"].up for name in ("moon", "sun")) == up


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", None),
        ("delay: 20", Conditions(delay=20)),
        ("delay: 0", Conditions()),
        ("delay: 1.5", Conditions(delay=1.5)),
        ("delay: 20ms", Conditions(delay=20)),
        ("delay: 1s", Conditions(delay=1000)),
        ("delay: 500us", Conditions(delay=0.5)),
        ("delay: 0.1 ms, jitter: 10usecs", Conditions(delay=0.1, jitter=0.01)),
        ("loss: 0.5%, duplicate: 1, corrupt: 2.5, reorder: 100%, delay: 1", Conditions(1, 0, 0.5, 1, 2.5, 100)),
        ("rate: 1000", Conditions(rate=1000)),
        ("rate: 10mbit", Conditions(rate=10_000_000)),
        ("rate: 512kbit", Conditions(rate=512_000)),
        ("rate: 1.5Gbit", Conditions(rate=1_500_000_000)),
        ("rate: 1mibit", Conditions(rate=1_048_576)),
        ("rate: 1kbps", Conditions(rate=8000)),
        ("rate: 300bit", Conditions(rate=300)),
        ("slot: 20", Conditions(slot=(20, 20))),
        ("slot: 0", Conditions()),
        ("slot: 0ms", Conditions()),
        ("slot: 500us", Conditions(slot=(0.5, 0.5))),
        ("slot: 10ms 30ms", Conditions(slot=(10, 30))),
    ],
)
def test_conditions_have_the_units_of_tc(given, expected):
    text = f"guests: {{alice: {{interfaces: {{eth0: {{{given}}}}}}}}}"
    assert load(text).guests["alice"].interfaces["eth0"].conditions == expected


# Addresses


def test_interfaces_of_a_segment_with_a_prefix_are_numbered_by_position():
    text = """
    bridges: {lan: {prefix: [10.1.0.0/16, "fd01::/64"], address: 10.1.0.2/16, interfaces: [alice:eth9]}}
    guests:
      alice: {interfaces: {eth1: , eth0: {bridge: lan}}}
      bob: {interfaces: {eth0: {bridge: lan, address: 10.1.0.4/16}}}
      carol: {interfaces: {eth0: {bridge: lan, address: []}}}
      dave: {interfaces: {eth0: {bridge: lan, address: [192.0.2.1/24, auto]}, eth1: {bridge: lan, address: auto}}}
    """
    assert addresses(load(text)) == {
        "alice:eth1": None,
        "alice:eth0": ("10.1.0.1/16", "fd01::1/64"),
        "alice:eth9": ("10.1.0.3/16", "fd01::2/64"),
        "bob:eth0": ("10.1.0.4/16",),
        "carol:eth0": (),
        "dave:eth0": ("192.0.2.1/24", "10.1.0.5/16", "fd01::5/64"),
        "dave:eth1": ("10.1.0.6/16", "fd01::6/64"),
    }


def test_links_take_their_prefixes_from_pools_by_position():
    text = """
    pools:
      links: {prefix: 10.255.0.0/16}
      wide: {prefix: [10.254.0.0/16, "fd00::/48"], subnet: [30, 64]}
    bridges: {lan: {prefix: 10.255.0.8/29}}
    guests: {a: , b: }
    links:
      - a:e0 -- b:e0
      - {a: 'b:e1', b: 'a:e1'}
      - {a: 'a:e2', b: 'b:e2', prefix: 192.0.2.0/31}
      - {a: 'a:e3', b: 'b:e3', pool: wide}
      - a:e4 -- b:e4
      - {a: {guest: a, interface: e5, address: []}, b: {guest: b, interface: e5, address: 10.9.0.1/24}}
      - {a: 'a:e6', b: 'b:e6', pool: wide}
      - a:e7 -- b:e7
    """
    found = addresses(load(text))
    assert {label: found[label] for label in found if label.startswith("a:")} == {
        "a:e0": ("10.255.0.0/31",),
        "a:e1": ("10.255.0.3/31",),
        "a:e2": ("192.0.2.0/31",),
        "a:e3": ("10.254.0.1/30", "fd00::1/64"),
        "a:e4": ("10.255.0.6/31",),
        "a:e5": (),
        "a:e6": ("10.254.0.5/30", "fd00:0:0:1::1/64"),
        "a:e7": ("10.255.0.16/31",),
    }
    assert found["b:e1"] == ("10.255.0.2/31",)
    assert found["b:e5"] == ("10.9.0.1/24",)


def test_a_link_without_prefix_and_pool_has_no_addresses():
    assert addresses(load("{guests: {a: , b: }, links: ['a:e0 -- b:e0']}")) == {"a:e0": None, "b:e0": None}


free_names = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: rules.meaning_elsewhere(name) is None)
names = st.lists(free_names, min_size=1, max_size=12, unique=True)


@st.composite
def labs(draw: st.DrawFn) -> dict:
    guests = draw(names)
    ports = st.sampled_from([None, {"bridge": "lan"}, {"bridge": "wan"}, {"bridge": "lan", "address": []}])
    data = {
        "bridges": {"lan": {"prefix": ["10.1.0.0/16", "fd01::/64"]}, "wan": {"prefix": "10.2.0.0/24"}},
        "pools": {"links": {"prefix": "10.255.0.0/16", "subnet": draw(st.sampled_from([30, 31]))}},
        "guests": {
            name: {"interfaces": {f"eth{n}": port for n, port in enumerate(draw(st.lists(ports, max_size=3)))}}
            for name in guests
        },
    }
    pairs = st.tuples(st.sampled_from(guests), st.sampled_from(guests))
    data["links"] = [f"{a}:a{n} -- {b}:b{n}" for n, (a, b) in enumerate(draw(st.lists(pairs, max_size=8)))]
    return data


@given(labs())
def test_addresses_of_a_testbed_are_unique_and_inside_their_prefixes(data):
    found = load(data)
    given_out = [ipaddress.ip_interface(text) for texts in addresses(found).values() for text in texts or ()]
    assert len({interface.ip for interface in given_out}) == len(given_out)
    prefixes = [ipaddress.ip_network(text) for text in ("10.1.0.0/16", "fd01::/64", "10.2.0.0/24", "10.255.0.0/16")]
    assert all(any(interface.ip in prefix for prefix in prefixes) for interface in given_out)
    assert not rules.check(Lab("x", "x", found.guests, found.bridges))


@given(labs())
def test_loading_is_deterministic_and_the_same_from_text(data):
    assert load(data) == load(data) == load(yaml.safe_dump(data, sort_keys=False))


@given(labs(), st.sampled_from([{}, {"bridge": "lan"}, {"bridge": "wan"}]))
def test_a_guest_and_a_link_at_the_end_change_nobodys_address(data, port):
    before = addresses(load(data))
    data["guests"]["zzzzzzz"] = {"interfaces": {"eth0": port}}
    data["links"].append("zzzzzzz:eth1 -- zzzzzzz:eth2")
    after = addresses(load(data))
    assert {label: after[label] for label in before} == before


@settings(max_examples=20)
@given(labs())
def test_the_json_schema_takes_what_the_loader_takes(data):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(data, spec.schema(), cls=jsonschema.Draft202012Validator)


# Faults


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("", ["lab.yml: there is nothing in it; describe guests"]),
        ("# nothing\n", ["there is nothing in it"]),
        ("---\n", ["there is nothing in it"]),
        ("{}", ["there is nothing in it"]),
        ("guest: {}", ["lab.yml:1:1: guest: unknown key guest; did you mean guests?"]),
        ("guests: [alice]", ["lab.yml:1:1: guests: this is a list; give a mapping"]),
        ("guests: {al_ice: }", ["lab.yml:1:10: guests.al_ice: the name is not a DNS label; use 1 to 63 letters"]),
        ("guests:\n  alice: {mem: 8}", ["lab.yml:2:16: guests.alice.mem: 8 is out of range; give an integer of 32"]),
        (
            "guests:\n  alice:\n    memory: 8",
            ["lab.yml:3:5: guests.alice.memory: unknown key memory; did you mean mem?"],
        ),
        ("guests: {a: {kernel: ../x}}", ["guests.a.kernel: '../x' is neither a name nor an absolute path"]),
        ("guests: {a: {kernel: 6.1}}", ['guests.a.kernel: 6.1 is a number; put it in quotes: "6.1"']),
        ("guests: {a: {init: sh}}", ["guests.a.init: 'sh' is no path in the guest"]),
        ('guests: {a: {cmdline: "a\\tb"}}', ["guests.a.cmdline: there are unprintable characters"]),
        ("guests: {a: {layers: [../x]}}", ["guests.a.layers[0]: '../x' is no path of a directory"]),
        ("guests: {a: {union: overlayfs}}", ["'overlayfs' is not one of its values; did you mean overlay?"]),
        ("guests: {a: {groups: [x]}}", ["lab.yml:1:23: guests.a.groups[0]: there is no group x; there is none yet"]),
        (
            "groups: {router: }\nguests: {a: {groups: [ruter]}}",
            ["lab.yml:2:23: guests.a.groups[0]: there is no group ruter; did you mean router?"],
        ),
        ("groups: {r: {groups: [x]}}", ["groups.r.groups: unknown key groups"]),
        ("defaults: {interfaces: {}}", ["defaults.interfaces: unknown key interfaces"]),
        ("groups: {r: {mem: x}}\nguests: {a: {groups: [r]}}", ["groups.r.mem: 'x' is text"]),
        ("guests: {a: {sysctl: {ip_forward: 1}}}", ["'ip_forward' is no kernel setting; give its full name"]),
        ("guests: {a: {sysctl: {net..x: 1}}}", ["'net..x' is no kernel setting"]),
        ('guests: {a: {sysctl: {net.x: "a\\nb"}}}', ["unprintable"]),
        (f"guests: {{a: {{sysctl: {{net.x: {'a' * 4096}}}}}}}", ["the value has 4096 bytes; give it 4095 or fewer"]),
        # interfaces
        ("guests: {a: {interfaces: {vec0: }}}", ["guests.a.interfaces.vec0: the name is taken by the guest's kernel"]),
        ("guests: {a: {interfaces: {'a b': }}}", ["is not one that Linux takes for an interface"]),
        ("guests: {a: {interfaces: {eth0: {mac: 12:34:56:11:22:33}}}}", ['put it in quotes: "12:34:56:11:22:33"']),
        ("guests: {a: {interfaces: {eth0: {mac: 01:00:00:00:00:01}}}}", ["is no unicast MAC address"]),
        ("guests: {a: {interfaces: {eth0: {mtu: 10}}}}", ["10 is out of range; give an integer from 68 to 65521"]),
        ("guests: {a: {interfaces: {eth0: {address: 10.0.0.1}}}}", ["has no prefix length; write it as 10.0.0.1/24"]),
        ("guests: {a: {interfaces: {eth0: {address: [10.0.0.1/33]}}}}", ["address[0]: '10.0.0.1/33' is no IP address"]),
        ("guests: {a: {interfaces: {eth0: {address: auto}}}}", ["address: auto, and there is no prefix for a:eth0"]),
        ("guests: {a: {interfaces: {eth0: {bridge: lan}}}}", ["there is no bridge lan; describe it under bridges"]),
        (
            "bridges: {lan: }\nguests:\n  a:\n    interfaces:\n      eth0: {bridge: lam}",
            ["lab.yml:5:22: guests.a.interfaces.eth0.bridge: there is no bridge lam; did you mean lan? (known: lan)"],
        ),
        ("bridges: {l_n: }\nguests: {a: {interfaces: {eth0: {bridge: l_n}}}}", ["lab.yml:1:11: bridges.l_n: the name"]),
        ("bridges: [lan]\nguests: {a: {interfaces: {eth0: {bridge: lan}}}}", ["lab.yml:1:1: bridges: this is a list"]),
        (
            "guests:\n  a:\n    interfaces: {eth0: , eth0: }",
            ["lab.yml:3:26: guests.a.interfaces.eth0: eth0 is given twice"],
        ),
        # addresses
        (
            "links: [{a: 'a:eth0', b: 'b:eth0', prefix: 'fd00:6::/64', mtu: 1000}]\nguests: {a: , b: }",
            [
                "lab.yml:1:64: links[0].mtu: interface a:eth0: mtu 1000 is too small for IPv6, which fd00:6::1/64 needs;",
                "lab.yml:1:64: links[0].mtu: interface b:eth0: mtu 1000 is too small for IPv6",
            ],
        ),
        (
            "bridges: {lan: {address: 'fd00::1/64', mtu: 1000}}",
            ["bridges.lan.mtu: bridge lan: mtu 1000 is too small for IPv6, which fd00::1/64 of the host's leg needs"],
        ),
        ("bridges: {lan: {prefix: 224.0.0.0/24}}", ["bridges.lan.prefix: address 224.0.0.1 is a multicast group"]),
        ("bridges: {lan: {prefix: '::/64'}}", ["bridges.lan.prefix: address ::1 never leaves a machine"]),
        ("bridges: {lan: {prefix: 'fe80::%eth0/64'}}", ["'fe80::%eth0/64' names an interface; write fe80::/64"]),
        ("bridges: {lan: {address: 'fe80::1%br0/64'}}", ["'fe80::1%br0/64' names an interface; write fe80::1/64"]),
        (
            "guests: {a: {routes: [default via fe80::1%eth0 dev eth0]}}",
            ["address 'fe80::1%eth0' names an interface; write fe80::1; the interface is known, or named by dev"],
        ),
        ("guests: {a: {routes: [default via 224.0.0.1]}}", ["address 224.0.0.1 is a multicast group"]),
        (
            "bridges: {lan: }\nguests:\n  a: {interfaces: {eth0: {bridge: lan, address: 10.0.0.1/24}}}\n"
            "  b: {interfaces: {eth0: {bridge: lan, address: 10.0.0.2/16}}}",
            [
                "lab.yml:4:49: guests.b.interfaces.eth0.address: interface b:eth0: address 10.0.0.2/16 is in a prefix that"
            ],
        ),
        # conditions
        (
            "guests: {a: {interfaces: {eth0: {delay: 20min}}}}",
            ["'20min' is not a number with a unit; write it as 20ms"],
        ),
        (
            "guests: {a: {interfaces: {eth0: {delay: 10:20}}}}",
            ["10:20 is a number to YAML (620); give a number from 0"],
        ),
        ("guests: {a: {interfaces: {eth0: {delay: -1}}}}", ["-1 is out of range"]),
        ("guests: {a: {interfaces: {eth0: {delay: 2000000s}}}}", ["2000000s is out of range; give 274877 ms or less"]),
        ("guests: {a: {interfaces: {eth0: {jitter: 5s}}}}", ["jitter: 5s is out of range; give 2147 ms or less"]),
        ("guests: {a: {interfaces: {eth0: {jitter: 5000}}}}", ["5000 is out of range; give a number from 0 to 2147"]),
        (
            "guests: {a: {interfaces: {eth0: {rate: 7}}}}",
            ["eth0.rate: the kernel keeps no rate of 7 bit/s; give 8 or more"],
        ),
        (
            "guests: {a: {interfaces: {eth0: {rate: 0.5bit}}}}",
            ["the kernel keeps no rate of 0.5bit; give 8bit or more"],
        ),
        (
            "guests: {a: {interfaces: {eth0: {slot: 30ms 10ms}}}}",
            ["'30ms 10ms' is no range of times; write it as 20ms"],
        ),
        ("guests: {a: {interfaces: {eth0: {slot: 1ms 2ms 3ms}}}}", ["'1ms 2ms 3ms' is no range of times"]),
        ("guests: {a: {interfaces: {eth0: {slot: 300s}}}}", ["300s is out of range; give 274877 ms or less"]),
        ("guests: {a: {interfaces: {eth0: {slot: [1, 2]}}}}", ["give a number from 0 to 274877 or text such as 20ms"]),
        ("guests: {a: {interfaces: {eth0: {loss: 101%}}}}", ["101% is out of range; give 100% or less"]),
        ("guests: {a: {interfaces: {eth0: {loss: 101}}}}", ["101 is out of range; give a number from 0 to 100"]),
        ("guests: {a: {interfaces: {eth0: {rate: 1.5}}}}", ["1.5 is a number; give an integer"]),
        ("guests: {a: {interfaces: {eth0: {rate: 10Mb}}}}", ["'10Mb' is not a number with a unit; write it as 10mbit"]),
        ("guests: {a: {interfaces: {eth0: {reorder: 5}}}}", ["eth0.reorder: reorder without delay; give a delay too"]),
        ("guests: {a: {interfaces: {eth0: {reorder: 5, delay: x}}}}", ["'x' is not a number with a unit"]),
        # files and commands
        ("guests: {a: {files: {x: y}}}", ["'x' is no absolute path"]),
        ("guests: {a: {files: {/x/../y: y}}}", ["'/x/../y' is no plain path of a file"]),
        ("guests: {a: {files: {/x: }}}", ["there is no value; give text or a mapping of content, template"]),
        ("guests: {a: {files: {/x: {}}}}", ["content or template must be given"]),
        ("guests: {a: {files: {/x: {content: a, template: b}}}}", ["content and template cannot both be given"]),
        (
            "guests: {a: {files: {/x: {content: a, mode: 0644}}}}",
            ['0644 is a number to YAML (420); put it in quotes: "0644"'],
        ),
        ("guests: {a: {files: {/x: {content: a, mode: u=rw}}}}", ["'u=rw' is no octal file mode"]),
        ("guests: {a: {run: [{creates: /x}]}}", ["guests.a.run[0]: command must be given"]),
        ("guests: {a: {run: [{command: x, creates: y}]}}", ["run[0].creates: 'y' is no absolute path"]),
        ("guests: {a: {run: x}}", ["guests.a.run: 'x' is text; give a list"]),
        # routes
        ("guests: {a: {routes: [default]}}", ["guests.a.routes[0]: the route to default leads nowhere"]),
        ("guests: {a: {routes: [default via]}}", ["'default via' is no route; write it as default via 10.1.0.1"]),
        ("guests: {a: {routes: [default by 10.0.0.1]}}", ["'default by 10.0.0.1' is no route"]),
        ("guests: {a: {routes: [default via 10.0.0.x]}}", ["'10.0.0.x' is no IP address"]),
        ("guests: {a: {routes: [default via 10.0.0.1 metric x]}}", ["metric x is no number"]),
        ("guests: {a: {routes: [{via: 10.0.0.1}]}}", ["guests.a.routes[0]: to must be given"]),
        (
            "guests: {a: {routes: [{to: 10.0.0.1/8, via: 10.0.0.1}]}}",
            ["10.0.0.1/8 is an address in a prefix; write the prefix as 10.0.0.0/8"],
        ),
        (
            "guests: {a: {routes: [{to: 10.0.0.0/8, via: 'fd00::1'}]}}",
            ["10.0.0.0/8 and fd00::1 are not of one IP version"],
        ),
        ("guests: {a: {routes: [{to: default, via: 'fe80::1'}]}}", ["fe80::1 is a link-local address; say with dev"]),
        (
            "guests: {a: {interfaces: {eth1: }, routes: [{to: default, dev: eth0}]}}",
            ["routes[0].dev: there is no interface eth0; did you mean eth1?"],
        ),
        (
            "guests: {a: {routes: [default via 10.0.0.1]}}",
            ["10.0.0.1 is in no prefix of its interfaces; give its interfaces addresses"],
        ),
        (
            "guests:\n  a:\n    interfaces: {eth0: {address: 10.1.0.1/16}, eth1: {address: 10.2.0.1/16}}\n"
            "    routes:\n      - {to: default, via: 10.3.0.1}",
            [
                "lab.yml:5:28: guests.a.routes[0].via: 10.3.0.1 is in no prefix of its interfaces; "
                "give an address in 10.1.0.0/16 (eth0) or 10.2.0.0/16 (eth1)"
            ],
        ),
        (
            "guests: {a: {interfaces: {eth0: {address: 10.1.0.1/16}, eth1: {address: 10.2.0.1/16}}, "
            "routes: [default via 10.1.0.9 dev eth1]}}",
            ["10.1.0.9 is in no prefix of its interfaces; give an address in 10.2.0.0/16 (eth1)"],
        ),
        (
            "guests: {a: {interfaces: {eth0: {address: 10.1.0.1/16}}, routes: [default via 10.1.0.1]}}",
            ["10.1.0.1 is its own address; give that of a neighbour"],
        ),
        (
            "guests: {a: {interfaces: {eth0: {address: 10.1.0.1/16}}, routes: [default via 10.1.0.2, default via 10.1.0.3]}}",
            ["guests.a.routes[1]: there is another route to default; leave one out, or give them metrics"],
        ),
        (
            "defaults: {routes: [default via 10.1.0.1]}\n"
            "guests: {a: {interfaces: {eth0: {address: 10.2.0.1/16}}}, b: {interfaces: {eth0: {address: 10.1.0.2/16}}}}",
            ["lab.yml:1:21: defaults.routes[0].via: guest a: 10.1.0.1 is in no prefix"],
        ),
        # bridges
        ("bridges: {lan: {stp: maybe}}", ["bridges.lan.stp: 'maybe' is text; give true or false"]),
        (
            "bridges: {lan: {group_fwd_mask: 3}}",
            ["lab.yml:1:33: bridges.lan.group_fwd_mask: bridge lan: group_fwd_mask 3"],
        ),
        (
            "bridges: {lan: {prefix: 10.0.0.1/24}}",
            ["10.0.0.1/24 is an address in a prefix; write the prefix as 10.0.0.0/24"],
        ),
        ("bridges: {lan: {prefix: 10.0.0.0}}", ["'10.0.0.0' is no prefix; write it as 10.0.0.0/24"]),
        ("bridges: {lan: {prefix: [10.0.0.0/24, 10.1.0.0/24]}}", ["10.0.0.0/24 and 10.1.0.0/24 are both IPv4"]),
        (
            "bridges: {lan: {interfaces: [alice]}}",
            ["bridges.lan.interfaces[0]: 'alice' is no interface of a guest; write it as alice:eth0"],
        ),
        (
            "bridges: {lan: {interfaces: [alic:eth0]}}\nguests: {alice: }",
            ["lab.yml:1:30: bridges.lan.interfaces[0]: there is no guest alic; did you mean alice?"],
        ),
        (
            "bridges: {lan: {interfaces: [a:e0]}, wan: {interfaces: [a:e0]}}\nguests: {a: }",
            ["bridges.wan.interfaces[0]: a:e0 is already plugged in by bridge lan, in line 1"],
        ),
        (
            "bridges:\n  lan: {interfaces: [a:e0]}\n  wan:\nguests: {a: {interfaces: {e0: {bridge: wan}}}}",
            ["lab.yml:2:22: bridges.lan.interfaces[0]: a:e0 is already plugged in by its guest, in line 4"],
        ),
        (
            "bridges: {lan: {prefix: 10.0.0.0/30, interfaces: [a:e0, a:e1, a:e2]}}\nguests: {a: }",
            ["bridges.lan.interfaces[2]: prefix 10.0.0.0/30 has no address left for a:e2"],
        ),
        # links
        ("{guests: {a: }, links: ['a:e0 - a:e1']}", ["lab.yml:1:25: links[0]: 'a:e0 - a:e1' is no link; write it as"]),
        ("{guests: {a: }, links: ['a:e0 -- a:lo']}", ["links[0]: the name is taken by the guest's kernel"]),
        ("{guests: {moon: }, links: ['mon:e0 -- moon:e1']}", ["links[0].a: there is no guest mon; did you mean moon?"]),
        (
            "{guests: {moon: }, links: ['moon:e0 -- moom:e1']}",
            ["links[0].b: there is no guest moom; did you mean moon?"],
        ),
        ("{guests: {a: }, links: ['a:e0 -- a:e0']}", ["links[0].b: a:e0 is already plugged in by a link, in line 1"]),
        (
            "guests: {a: }\nlinks:\n- a:e0 -- a:e1\n- a:e2 -- a:e1",
            ["lab.yml:4:3: links[1].b: a:e1 is already plugged in by a link, in line 3"],
        ),
        (
            "bridges: {lan: }\nguests: {a: {interfaces: {e0: {bridge: lan}}}}\nlinks: ['a:e0 -- a:e1']",
            ["lab.yml:3:9: links[0].a: a:e0 is already plugged in by its guest, in line 2"],
        ),
        ("{guests: {a: }, links: [{a: 'a:e0'}]}", ["links[0]: b must be given"]),
        ("{guests: {a: }, links: [{a: 'a:e0', b: {guest: a}}]}", ["links[0].b: interface must be given"]),
        (
            "{guests: {a: }, links: [{a: 'a:e0', b: 'a:e1', state: off}]}",
            ["off is a boolean to YAML (false); give one of up, down"],
        ),
        (
            "{guests: {a: }, bridges: {x: }, links: [{a: 'a:e0', b: 'a:e1', name: x}]}",
            ["the name x is taken by another segment"],
        ),
        ("{guests: {a: }, links: [{a: 'a:e0', b: 'a:e1', name: x_}]}", ["links[0].name: the name is not a DNS label"]),
        (
            "{guests: {a: }, links: [{a: 'a:e0', b: 'a:e1', pool: x}]}",
            ["links[0].pool: there is no pool x; there is none yet"],
        ),
        (
            "{guests: {a: }, pools: {wan: {prefix: 10.0.0.0/8}}, links: [{a: 'a:e0', b: 'a:e1', pool: wam}]}",
            ["links[0].pool: there is no pool wam; did you mean wan?"],
        ),
        (
            "{guests: {a: }, pools: {p: {prefix: 10.0.0.0/8}}, links: [{a: 'a:e0', b: 'a:e1', pool: p, prefix: 10.9.0.0/31}]}",
            ["links[0].pool: prefix and pool cannot both be given"],
        ),
        # pools
        ("{guests: {}, pools: {p: }}", ["pools.p: prefix must be given"]),
        ("{guests: {}, pools: {p: {prefix: 10.0.0.0/31, subnet: 30}}}", ["pools.p.subnet: 10.0.0.0/31 holds no /30"]),
        (
            "{guests: {}, pools: {p: {prefix: 10.0.0.0/24, subnet: 32}}}",
            ["holds no /32 for the two ends of a link; give subnet as 24 to 31"],
        ),
        (
            "{guests: {}, pools: {p: {prefix: [10.0.0.0/24, 'fd00::/64'], subnet: 31}}}",
            ["2 prefixes and 1 prefix lengths"],
        ),
        (
            "guests: {a: }\npools: {links: {prefix: 10.0.0.0/31}}\nlinks:\n- a:e0 -- a:e1\n- a:e2 -- a:e3",
            ["lab.yml:5:3: links[1]: pool links has no /31 of 10.0.0.0/31 left for this link"],
        ),
        # what the model says of the whole
        (
            "bridges: {lan: }\nguests:\n  a: {interfaces: {e0: {bridge: lan, address: 10.0.0.1/24}}}\n"
            "  b: {interfaces: {e0: {bridge: lan, address: 10.0.0.1/16}}}",
            [
                "lab.yml:4:47: guests.b.interfaces.e0.address: interface b:e0: address 10.0.0.1 is already that of interface a:e0"
            ],
        ),
        (
            "bridges: {lan: {address: 10.0.0.1/24}}\nguests: {a: {interfaces: {e0: {bridge: lan, address: 10.0.0.1/24}}}}",
            [
                "lab.yml:2:54: guests.a.interfaces.e0.address: interface a:e0: address 10.0.0.1 is already that of the host's leg"
            ],
        ),
        (
            "guests: {a: }\nlinks:\n- a: {guest: a, interface: e0, mac: 02:00:00:00:00:01}\n"
            "  b: {guest: a, interface: e1, mac: 02:00:00:00:00:01}",
            [
                "lab.yml:4:37: links[0].b.mac: interface a:e1: MAC address 02:00:00:00:00:01 is already that of interface a:e0"
            ],
        ),
        (
            "bridges: {a-e0: }\nguests: {a: {interfaces: {e0: }}}",
            ["lab.yml:1:11: bridges.a-e0: bridge a-e0: its device would be a-e0, as that of interface a:e0"],
        ),
    ],
)
def test_every_fault_has_its_place(text, fragments):
    told = faults(text)
    assert len(told) == len(fragments), told
    for fragment, fault in zip(fragments, told, strict=True):
        assert fragment in fault


@pytest.mark.parametrize(
    ("about", "setting", "place"),
    [
        (GuestRef("a"), None, "3:10: guests.a"),
        (GuestRef("a"), "mem", "1:17: defaults.mem"),
        (GuestRef("a"), "disk", "3:10: guests.a.disk"),
        (IfaceRef("a", "e0"), None, "3:27: guests.a.interfaces.e0"),
        (IfaceRef("a", "e0"), "mtu", "3:37: guests.a.interfaces.e0.mtu"),
        (IfaceRef("a", "e1"), "address", "4:10: links[0].a.address"),
        (BridgeRef("lan"), "mtu", "2:22: bridges.lan.mtu"),
        (LegRef("lan"), "address", "2:11: bridges.lan.address"),
    ],
)
def test_a_fault_of_the_lab_has_its_place_whatever_it_says(monkeypatch, about, setting, place):
    text = (
        "defaults: {mem: 64}\nbridges: {lan: {mtu: 1500}}\nguests: {a: {interfaces: {e0: {mtu: 1500}}}}\n"
        "links: [{a: {guest: a, interface: e1}, b: 'a:e2'}]"
    )
    fault = InvalidInput(about, "it cannot be", "change it", setting=setting)
    monkeypatch.setattr(rules, "check", lambda _lab: [fault])

    assert faults(text) == [f"lab.yml:{place}: {fault}"]


def test_all_faults_are_told_at_once_in_the_order_of_the_file():
    text = """
guests:
  alice:
    mem: 8
    interfaces: {eth0: {bridge: lam, mtu: x}}
    routes: [default via]
  bob: {groups: [router]}
links:
  - alice:eth1 -- bbo:eth1
bridges: {lan: {prefix: 10.0.0.1/8}}
"""
    assert [re.match(r"lab.yml:(\d+)", fault)[1] for fault in faults(text)] == ["4", "5", "5", "6", "7", "9", "10"]


def test_a_name_that_no_directory_can_have_is_refused():
    with pytest.raises(InvalidInput, match="scenario 'a/b': the name is not a DNS label"):
        loader.load("guests: {}", name="a/b", place="x")


def test_a_fault_on_purpose_says_where_and_what():
    assert faults("guests: {a: {faults: [{path: /x}, {error: EIO}, {path: /x, error: EBADF}]}}") == [
        "lab.yml:1:23: guests.a.faults[0]: it neither fails nor takes time; give error, delay or both",
        "lab.yml:1:35: guests.a.faults[1]: path must be given; add it",
        "lab.yml:1:67: guests.a.faults[2].error: 'EBADF' is not one of its values; "
        "known: EACCES, EDQUOT, EIO, ENOSPC, EROFS",
    ]


def test_ansible_variables_are_a_source_too():
    assert load({"guests": {"a": {"mem": "64", "interfaces": {"eth0": {"up": "no", "delay": "20"}}}}}).guests == {
        "a": Guest(
            "a",
            mem=64,
            interfaces={"eth0": Iface("a", "eth0", up=False, conditions=Conditions(delay=20))},
            scenario="test",
        )
    }
    (fault,) = faults({"guests": {"a": {"mam": 64}}})
    assert fault.startswith("lab.yml: guests.a.mam: unknown key mam; did you mean mem? (known: cmdline, ")


# All faults at once


def test_what_is_below_a_wrong_name_has_its_faults_told_too():
    text = """
    guests:
      pc_1: {memory: 64, interfaces: {eth/0: {brigde: lan}}}
      10: {memory: 64}
      alice:
    bridges:
      on: {prefx: 10.0.0.0/24}
    links: ["10:eth0 -- alice:eth0", "pc_1:eth1 -- alice:eth1"]
    """
    told = faults(textwrap.dedent(text))
    assert [fault.split(";")[0] for fault in told] == [
        "lab.yml:3:3: guests.pc_1: the name is not a DNS label",
        "lab.yml:3:10: guests.pc_1.memory: unknown key memory",
        "lab.yml:3:35: guests.pc_1.interfaces['eth/0']: the name is not one that Linux takes for an interface",
        "lab.yml:3:43: guests.pc_1.interfaces['eth/0'].brigde: unknown key brigde",
        "lab.yml:4:3: guests: the key 10 is a number, and keys are text",
        "lab.yml:4:8: guests.10.memory: unknown key memory",
        "lab.yml:7:3: bridges: the key on is a boolean to YAML (true), and keys are text",
        "lab.yml:7:8: bridges.on.prefx: unknown key prefx",
    ]


def test_of_many_faults_the_first_twenty_of_the_file_are_told():
    guests = "".join(f"  g{number}: {{memory: 1, interfaces: {{eth0: {{bridge: lam}}}}}}\n" for number in range(300))
    told = faults(f"bridges: {{lan: }}\nguests:\n{guests}")
    assert len(told) == 21 and told[-1] == "and 580 more"
    assert told[0].startswith("lab.yml:3:8: guests.g0.memory: unknown key memory; did you mean mem? (known: ")
    assert told[19].startswith(
        "lab.yml:12:47: guests.g9.interfaces.eth0.bridge: there is no bridge lam; did you mean lan?"
    )


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_whatever_a_file_says_a_fault_is_a_line_that_can_be_shown(text):
    files = {f"/{text}": text, text: text}
    settings = {text: text, "cmdline": text, "files": files, "interfaces": {text: {"address": text, "mac": text}}}
    for source in (
        {"guests": {text: settings, "a": settings}, text: 1},
        {"pools": {text: {text: text}}, "links": [text]},
    ):
        for given_as in (source, yaml.safe_dump(source)):
            with pytest.raises(InvalidInput) as caught:
                load(given_as)
            for fault in caught.value.faults:
                assert "\n" not in str(fault) and plain(str(fault)) == str(fault)


def test_what_no_file_can_hold_is_a_fault():
    assert faults({"guests": {"a": {"files": {"/a": "x\ud800"}}}}) == [
        "lab.yml: guests.a.files['/a']: there is half of a surrogate pair, which is no letter; leave it out"
    ]
    (fault,) = faults({"guests": {"a": {"files": {f"/{'ü' * 130}/a": "x"}}}})
    assert "is longer than 255 bytes; give it a shorter one" in fault
    assert load({"guests": {"a": {"files": {f"/{'ü' * 127}/a": "x"}}}})


# Whatever is in the file

_words = st.sampled_from(
    [
        *(
            "guests",
            "bridges",
            "links",
            "pools",
            "defaults",
            "groups",
            "hosts",
            "interfaces",
            "bridge",
            "address",
            "prefix",
        ),
        *(
            "subnet",
            "routes",
            "to",
            "via",
            "dev",
            "metric",
            "sysctl",
            "files",
            "run",
            "mem",
            "mac",
            "mtu",
            "delay",
            "loss",
        ),
        *(
            "reorder",
            "rate",
            "a",
            "b",
            "guest",
            "interface",
            "name",
            "pool",
            "state",
            "lan",
            "alice",
            "bob",
            "eth0",
            "eth1",
        ),
        *("vars", "content", "template", "mode"),
    ]
)
_values = st.sampled_from(
    [
        *(
            "lan",
            "alice",
            "bob",
            "alice:eth0",
            "alice:eth0 -- bob:eth0",
            "bob:eth1 -- bob:eth2",
            "10.0.0.1/24",
            "auto",
            "",
        ),
        *("10.0.0.0/24", "fd00::/64", "10.0.0.0/31", "default via 10.0.0.2", "default via 10.0.0.2 dev eth0 metric 1"),
        *("20ms", "1%", "1mbit", "0644", "net.ipv4.ip_forward", "/etc/x", "a\0b", "::", "down", "links", "x" * 70),
        *(0, 1, 31, 64, 70000, -1, 1.5, float("nan"), True, False, None),
    ]
)
_anything = st.recursive(
    _values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)
_near = st.fixed_dictionaries(
    {"guests": st.dictionaries(st.sampled_from(["alice", "bob"]), st.dictionaries(_words, _anything, max_size=4))},
    optional={
        "bridges": st.dictionaries(st.just("lan"), st.dictionaries(_words, _anything, max_size=4)),
        "pools": st.dictionaries(st.just("links"), st.dictionaries(_words, _anything, max_size=3)),
        "links": st.lists(_values | st.dictionaries(_words, _anything, max_size=5), max_size=4),
        "defaults": st.dictionaries(_words, _anything, max_size=4),
        "groups": _anything,
    },
)


@settings(max_examples=600)
@given(_near | st.dictionaries(_words, _anything))
def test_whatever_is_in_the_file_it_is_loaded_or_told_as_faults(data):
    for source in (data, yaml.safe_dump(data)):
        try:
            assert load(source)
        except InvalidInput as exc:
            assert all(str(fault).startswith("lab.yml") for fault in exc.faults)


@given(st.text() | st.text(alphabet="ab:-[]{}&*<!'\"#|>% \n\t01"))
def test_whatever_the_text_it_is_loaded_or_told_as_faults(text):
    with pytest.raises(InvalidInput):
        load(text)


# Documentation


def examples() -> list[str]:
    """The scenarios of the documentation: all blocks of the reference, and those of other pages that describe guests."""
    block = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
    others = [DOCS.parent / "README.md", *sorted(DOCS.glob("howto/*.md")), *sorted(DOCS.glob("tutorial/*.md"))]
    found = [
        text for page in others for text in block.findall(page.read_text()) if re.search("^guests:", text, re.MULTILINE)
    ]
    return [*block.findall((DOCS / "reference" / "scenario.md").read_text()), *found]


@pytest.mark.parametrize("text", examples(), ids=lambda text: text.splitlines()[0][:40])
def test_examples_of_the_documentation_load(text):
    assert load(text)
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(yaml.safe_load(text), spec.schema(), cls=jsonschema.Draft202012Validator)


def test_the_checked_in_json_schema_is_current():
    assert json.loads((DOCS / "scenario.schema.json").read_text()) == spec.schema(), "run scripts/write_schema.py"


def test_the_json_schema_is_one():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(spec.schema())


def test_every_key_of_the_file_is_described_for_editors():
    def nodes(schema):
        yield schema
        for item in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            if isinstance(item, (dict, list)):
                yield from nodes(item)

    for node in nodes(spec.schema()):
        if isinstance(node, dict) and "properties" in node and "additionalProperties" in node:
            for key, value in node["properties"].items():
                assert "description" in value or "$ref" in value or key in ("a", "b"), key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"guests: {{a: {{interfaces: {{e: {{rate: {'1' * 5000}mbit}}}}}}}}", "is too long for a number with a unit"),
        (f"guests: {{a: {{interfaces: {{e: {{delay: {'1' * 400}s}}}}}}}}", "is too long for a number with a unit"),
        (f"guests: {{a: {{cpu: '{'1' * 5000}'}}}}", "is not one of its values"),
        ("guests: {a: {cpu: 8192}}", "8192 is out of range; give an integer from 0 to 8191"),
        (
            f"guests: {{a: {{routes: [default via 10.0.0.1 metric {'1' * 5000}]}}}}",
            "is no number; give an integer from 0 to 4294967295",
        ),
        ("guests: {a: {sysctl: {a.b.: 1}}}", "'a.b.' is no kernel setting"),
        (f"guests: {{a: {{sysctl: {{a.{'b' * 300}: 1}}}}}}", "is no kernel setting"),
        ("guests: {a: {mem: !!set x}}", "is of type set"),
        ("guests: {a: {mem: !!omap x}}", "is of type list"),
        ("guests: {a: {mem: !!binary ä}}", "is not possible as binary"),
        ("guests: {a: {mem: !!python/name:os.system x}}", "is not possible as python/name:os.system"),
        ("guests: {a: {mem: !!timestamp x}}", "is not possible as timestamp"),
        ("guests: {a: {mem: !!int ''}}", "is not possible as int"),
        ("guests: {a: {mem: !!float ''}}", "is not possible as float"),
        ("guests: {a: {mem: 2026-13-45}}", "is not possible as timestamp"),
    ],
)
def test_every_number_and_every_tag_is_a_fault_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        loader.load(text, name="vpn", place="lab.yml")

    assert all(str(fault).startswith("lab.yml:1:") for fault in caught.value.faults)
    assert said in str(caught.value)


@pytest.mark.parametrize("mem", [".", "1__0", "1_", "9" * 5000])
def test_a_number_that_a_template_has_made_and_is_none_is_a_fault(mem: str) -> None:
    with pytest.raises(Invalid, match=r"^config: guests.a.mem: "):
        loader.load({"guests": {"a": {"mem": mem}}}, name="vpn", place="config")


def test_variables_that_contain_themselves_are_a_fault() -> None:
    endless: dict[str, Any] = {}
    endless["x"] = endless

    with pytest.raises(Invalid, match="config: it is nested too deep"):
        loader.load({"guests": {"a": {"vars": endless}}}, name="vpn", place="config")


_TOO_LONG = "x" * 256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("files: {/a: x, /a/b: y}", "2:28: guests.a.files['/a/b']: /a/b lies in /a, which is a file, too"),
        ("files: {/a/b/c: x, /a: y}", "2:23: guests.a.files['/a/b/c']: /a/b/c lies in /a, which is a file, too"),
        ("files: {/proc/x: x}", "2:15: guests.a.files['/proc/x']: a running guest has a /proc of its own"),
        ("files: {/sys: x}", "2:15: guests.a.files['/sys']: a running guest has a /sys of its own"),
        ("files: {/dev/x: x}", "2:15: guests.a.files['/dev/x']: a running guest has a /dev of its own"),
        ("files: {/.dumm/init: x}", "a running guest has a /.dumm of its own"),
        (f"files: {{/{_TOO_LONG}: x}}", "is longer than 255 bytes"),
        ('files: {/a: {content: x, mode: "17777"}}', "'17777' is no octal file mode"),
        ("mem: 1000000000", "2:12: guests.a.mem: guest a: mem: 1000000000 MB is more than any host has"),
        ("disk: 99999999999", "2:13: guests.a.disk: guest a: disk: 99999999999 MB is more than a file can have"),
        ("layers: [/x, /y, /x/]", "2:7: guests.a.layers: guest a: layers: /x is given twice"),
        ("run: ['']", "2:13: guests.a.run[0]: there is no command"),
        ("run: ['  ']", "there is no command"),
        ('run: ["a\\0b"]', "there is a NUL in the command"),
        ('run: [{command: "a\\0b"}]', "there is a NUL in the command"),
        ("run: [{command: a, unless: ''}]", "there is no command"),
        ("vars: {a b: 1}", "2:14: guests.a.vars['a b']: 'a b' is no name of a variable"),
        ("vars: {2x: 1}", "'2x' is no name of a variable"),
        ("vars: {a-b: 1}", "'a-b' is no name of a variable"),
        ("vars: {import: 1}", "'import' is no name of a variable"),
        ("vars: {ä: 1}", "'ä' is no name of a variable"),
        (
            "vars: {dumm_workdir: 1}",
            "2:14: guests.a.vars.dumm_workdir: the variable dumm_workdir is set by the inventory",
        ),
        ("vars: {dumm_lab_host: 1}", "the variable dumm_lab_host is set by the inventory itself"),
        ("vars: {ansible_dumm_guest: 1}", "the variable ansible_dumm_guest is set by the inventory itself"),
        ("restart_services: ['']", "'' is no name of a service"),
        ("restart_services: ['a b']", "'a b' is no name of a service"),
        *(
            (f'cmdline: "debug {word}"', f"2:16: guests.a.cmdline: {word} is what the lab itself tells the kernel")
            for word in (
                "umid=x",
                "uml_dir=/",
                "mem=1",
                "con=fd:0",
                "con0=fd:0",
                "ssl=null",
                "ssl0=fd:0",
                "root=98:0",
                "rootfstype=ext4",
                "rootflags=/",
                "vec0:transport=raw",
                "vec12:x",
                "dumm_name=b",
                "dumm_init=/x",
                "seccomp=off",
                "noreboot",
            )
        ),
    ],
    ids=lambda text: text[:40],
)
def test_what_cannot_be_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        loader.load(f"guests:\n  a: {{{text}}}\n", name="vpn", place="lab.yml")

    assert said in str(caught.value)
    assert str(caught.value).startswith("lab.yml:2:")


def test_a_path_that_is_too_long_is_a_fault() -> None:
    with pytest.raises(Invalid, match="the path is longer than 4095 bytes"):
        loader.load({"guests": {"a": {"files": {"/x" * 2048: "x"}}}}, name="vpn", place="config")


@pytest.mark.parametrize("word", ["init=/bin/sh", "con1=pty", "ssl1=null", "rootdelay=5", "memory=1", "vector=1", "ro"])
def test_other_words_of_a_kernel_are_free(word: str) -> None:
    wanted = loader.load(f"guests: {{a: {{cmdline: {word}}}}}", name="vpn", place="lab.yml")

    assert wanted.guests["a"].cmdline == word


def test_what_a_group_gives_is_told_where_the_group_gives_it() -> None:
    text = """
groups:
  g:
    layers: [/x, /x]
    files: {/a: x}
guests:
  a: {groups: [g], files: {/a/b: y}}
"""
    with pytest.raises(Invalid) as caught:
        loader.load(text, name="vpn", place="lab.yml")

    assert [str(fault).partition(";")[0] for fault in caught.value.faults] == [
        "lab.yml:4:5: groups.g.layers: guest a: layers: /x is given twice",
        "lab.yml:7:34: guests.a.files['/a/b']: /a/b lies in /a, which is a file, too",
    ]


def test_an_interface_that_a_bridge_lists_twice_is_a_fault() -> None:
    text = "guests:\n  a:\nbridges:\n  lan: {interfaces: [a:eth0, a:eth0]}\n"
    with pytest.raises(
        Invalid, match=r"^lab.yml:4:30: bridges.lan.interfaces\[1\]: a:eth0 is already plugged in by bridge lan"
    ):
        loader.load(text, name="vpn", place="lab.yml")


def test_a_bridge_may_list_what_its_guest_says_too() -> None:
    text = "guests:\n  a: {interfaces: {eth0: {bridge: lan}}}\nbridges:\n  lan: {interfaces: [a:eth0]}\n"

    assert loader.load(text, name="vpn", place="lab.yml").guests["a"].interfaces["eth0"].bridge == "lan"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("guests:\n", "lab.yml:1:1: guests"),
        ("bridges: {lan: }\n", "lab.yml:1:1: guests"),
        ("bridges: {lan: }\nguests: null\n", "lab.yml:2:9: guests"),
        ("guests: {}\n", ""),
        ("guests: {a: }\n", ""),
    ],
)
def test_a_file_that_says_nothing_of_guests_is_known(text: str, place: str) -> None:
    assert loader.load(text, name="vpn", place="lab.yml").without_guests == place
