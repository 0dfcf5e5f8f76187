# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network on the host, as far as it needs no kernel."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import bridges, namespaces, netlink, rtnetlink
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.netlink import Network
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.rtnetlink import Described
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import DeviceKind, Mark


@pytest.mark.parametrize(
    ("before", "after", "requests"),
    [
        pytest.param([], ["10.0.0.1/24"], ["replace 10.0.0.1/24"], id="add"),
        pytest.param(["10.0.0.1/24"], ["10.0.0.1/24"], [], id="as it should be"),
        pytest.param(["10.0.0.1/24"], [], ["del 10.0.0.1/24"], id="remove"),
        pytest.param(
            ["10.0.0.1/24", "10.0.0.2/24"],
            [],
            ["del 10.0.0.2/24", "del 10.0.0.1/24"],
            id="the first of a prefix goes last, because it takes the others along",
        ),
        pytest.param(
            ["10.0.0.1/24", "10.0.0.2/24"],
            ["10.0.0.2/24"],
            ["del 10.0.0.1/24", "replace 10.0.0.2/24"],
            id="what stays is said again, because it went with the first",
        ),
        pytest.param(
            [],
            ["10.0.0.9/24", "10.0.0.1/24", "fd00::1/64"],
            ["replace 10.0.0.9/24", "replace 10.0.0.1/24", "replace fd00::1/64"],
            id="in the order given",
        ),
    ],
)
def test_a_devices_addresses_are_replaced(
    monkeypatch: pytest.MonkeyPatch, before: list[str], after: list[str], requests: list[str]
) -> None:
    asked: list[str] = []

    def request(_self: Network, _subject: str, _what: str, verb: str, **arguments: object) -> None:
        asked.append(f"{verb} {arguments['address']}/{arguments['prefixlen']}")

    monkeypatch.setattr(Network, "request", request)

    bridges.change_addresses(Network.__new__(Network), "bridge br0", 2, before, after)

    assert asked == requests


@given(st.text(max_size=40))
def test_a_labs_devices_have_a_link_group_that_is_not_the_default_one(lab: str) -> None:
    assert 0 < netlink.group_of(lab) < 2**31
    assert netlink.group_of(lab) == netlink.group_of(lab)


def test_the_hosts_own_namespace_is_always_there() -> None:
    assert namespaces.exists("host")
    assert namespaces.path_of("host") is None


def test_a_namespace_is_entered_by_its_file() -> None:
    assert namespaces.path_of("dumm-test") == "/run/netns/dumm-test"
    assert not namespaces.exists("dumm-no-such-namespace")


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def _told(alias: str, *more: int) -> Described:
    """A device as the kernel tells of it, which has everything that some kind of device has, and no more attributes than these."""
    number = (5).to_bytes(4, "little")
    settings = bytes(4 * 26) + number + bytes(4 * 20)
    info = b"".join(_attribute(*each) for each in ((2, number), (5, number), (9, b"\x10\0"), (23, b"\1"), (25, b"\0")))
    told = {
        3: b"x\0",
        4: (1500).to_bytes(4, "little"),
        20: alias.encode() + b"\0",
        18: _attribute(1, b"any\0") + _attribute(2 | 0x8000, info),
        26: _attribute(socket.AF_INET, b"")
        + _attribute(socket.AF_INET6, _attribute(1, number) + _attribute(2, settings)),
        52: _attribute(53, b"another\0") + _attribute(53, b"more\0"),
    }
    return Described(7, True, {number: value for number, value in told.items() if not more or number in more})


@pytest.mark.parametrize(
    ("alias", "mark", "group", "bridge", "others"),
    [
        ("dumm.lab one iface alice:eth0", DeviceKind.TAP.of("alice:eth0"), 5, False, ()),
        ("dumm.lab one bridge br0", DeviceKind.BRIDGE.of("br0"), None, True, ()),
        ("dumm.lab one netns", DeviceKind.NETNS.of(), None, False, ()),
        # No TAP for being no bridge.
        ("dumm.lab one vxlan v0", DeviceKind.OTHER.of("vxlan v0"), None, False, ()),
        ("dumm.lab one netns of a kind", DeviceKind.OTHER.of("netns of a kind"), None, False, ()),
        ("dumm.lab two iface alice:eth0", None, None, False, ("another", "more")),
        ("", None, None, False, ("another", "more")),
    ],
)
def test_a_device_has_what_its_kind_has(
    alias: str, mark: Mark | None, group: int | None, bridge: bool, others: tuple[str, ...]
) -> None:
    network = Network.__new__(Network)
    network._ours = f"{netlink.MARK} one "

    found = network._device(_told(alias))

    assert (found.mark, found.index, found.name, found.mtu, found.up) == (mark, 7, "x", 1500, True)
    assert (found.group, found.others) == (group, others)
    assert (found.stp, found.group_fwd_mask, found.ipv6) == ((True, 16, False) if bridge else (False, 0, None))
    assert (found.snooping, found.querier) == (True, not bridge)


def test_a_device_that_tells_little_is_understood() -> None:
    network = Network.__new__(Network)
    network._ours = f"{netlink.MARK} one "

    found = network._device(_told("dumm.lab one bridge br0", 3, 20))

    assert (found.name, found.mac, found.master, found.carrier, found.counters) == ("x", "", None, False, {})
    assert (found.stp, found.group_fwd_mask, found.snooping, found.querier, found.ipv6) == (
        False,
        0,
        False,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (DeviceKind.TAP.of("alice:eth0"), "iface alice:eth0"),
        (DeviceKind.BRIDGE.of("br0"), "bridge br0"),
        (DeviceKind.NETNS.of(), "netns"),
    ],
)
def test_marks_on_devices_are_those_of_earlier_versions(mark: Mark, text: str) -> None:
    assert str(mark) == text
    assert Mark.parse(text) == mark


@given(
    st.builds(
        str.__add__,
        st.sampled_from(["", "iface", "bridge", "netns", "iface ", "bridge ", "netns "]),
        st.text(max_size=9),
    )
)
def test_a_mark_of_any_kind_is_told_as_it_is(text: str) -> None:
    assert str(Mark.parse(text)) == text


@pytest.mark.parametrize("message", ["new", "set"])
def test_a_bridge_gets_the_settings_that_are_asked_for(message: str) -> None:
    """As the kernel would tell of it: what is sent is read by what reads the kernel's own messages."""
    settings = {"stp_state": 1, "group_fwd_mask": 0x4008, "mcast_snooping": 1, "mcast_querier": 0}
    if message == "new":
        sent = rtnetlink.new_bridge("dumm~1", 77, **settings, mcast_query_response_intvl=1000)
    else:
        sent = rtnetlink.set_bridge(7, **settings, mcast_mld_version=2)

    found = rtnetlink._described(sent, 0, len(sent))

    assert int.from_bytes(sent[:4], "little") == len(sent)
    assert (found.number, found.name, found.group) == ((0, "dumm~1", 77) if message == "new" else (7, "", 0))
    assert found.bridge == rtnetlink.Bridge(True, 0x4008, True, False, None)


def test_a_device_gets_one_more_name() -> None:
    sent = rtnetlink.another_name(7, "a-name-of-more-than-15-letters")

    found = rtnetlink._described(sent, 0, len(sent))

    assert (found.number, found.others) == (7, ("a-name-of-more-than-15-letters",))
