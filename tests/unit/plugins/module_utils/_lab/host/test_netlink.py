# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network on the host, as far as it needs no kernel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import bridges, namespaces, netlink
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.netlink import Network
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


class Message(dict[str, Any]):
    """A link as the kernel tells it, with what was asked of it below its attributes."""

    def __init__(self, alias: str) -> None:
        super().__init__(index=7, flags=1, attrs=[("IFLA_IFNAME", "x"), ("IFLA_MTU", 1500), ("IFLA_IFALIAS", alias)])
        self.asked: list[str] = []

    def get_nested(self, *names: str) -> None:
        """What is nested, which is nothing."""
        self.asked.append(names[-1])

    def get_attr(self, name: str) -> None:
        """One attribute, which is not there."""
        self.asked.append(name)


@pytest.mark.parametrize(
    ("alias", "mark", "asked"),
    [
        ("dumm.lab one iface alice:eth0", DeviceKind.TAP.of("alice:eth0"), ["IFLA_TUN_GROUP"]),
        ("dumm.lab one bridge br0", DeviceKind.BRIDGE.of("br0"), ["IFLA_INFO_DATA", "IFLA_INET6_CONF"]),
        ("dumm.lab one netns", DeviceKind.NETNS.of(), []),
        # No TAP for being no bridge.
        ("dumm.lab one vxlan v0", DeviceKind.OTHER.of("vxlan v0"), []),
        ("dumm.lab one netns of a kind", DeviceKind.OTHER.of("netns of a kind"), []),
        ("dumm.lab two iface alice:eth0", None, ["IFLA_PROP_LIST"]),
        ("", None, ["IFLA_PROP_LIST"]),
    ],
)
def test_a_device_is_asked_for_what_its_kind_has(alias: str, mark: Mark | None, asked: list[str]) -> None:
    network = Network.__new__(Network)
    network._ours = f"{netlink.MARK} one "
    message = Message(alias)

    assert network._device(message).mark == mark
    assert message.asked == asked


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
