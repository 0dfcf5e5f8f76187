# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network on the host, as far as it needs no kernel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import netlink
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.netlink import Network
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import bridge_owner, iface_owner


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

    monkeypatch.setattr(Network, "_request", request)

    Network.__new__(Network).change_addresses("bridge br0", 2, before, after)

    assert asked == requests


@given(st.text(max_size=40))
def test_a_labs_devices_have_a_link_group_that_is_not_the_default_one(lab: str) -> None:
    assert 0 < netlink.group_of(lab) < 2**31
    assert netlink.group_of(lab) == netlink.group_of(lab)


def test_the_hosts_own_namespace_is_always_there() -> None:
    assert netlink.exists("host")
    assert netlink.path_of("host") is None


def test_a_namespace_is_entered_by_its_file() -> None:
    assert netlink.path_of("dumm-test") == "/run/netns/dumm-test"
    assert not netlink.exists("dumm-no-such-namespace")


def test_owner_marks_of_bridges_and_interfaces_cannot_be_mistaken() -> None:
    assert iface_owner("br0") != bridge_owner("br0")
