# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels between lab hosts: what a module is given, and what fits into one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import definition
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.link_kinds import Spanning
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.span import Span

NOTHING: dict[str, Any] = dict.fromkeys(Spanning().argument["options"])


def given(**told: Any) -> Span | None:
    """A span as a module gets it: what the user leaves out is there without a value."""
    value = Spanning().given({**NOTHING, **told})
    assert value is None or isinstance(value, Span)
    return value


def test_all_lab_hosts_can_be_given_the_same_list() -> None:
    hosts = ["192.0.2.3", "192.0.2.1", "192.0.2.2", "192.0.2.1"]

    assert Span.among(7, "192.0.2.1", hosts) == Span(7, "192.0.2.1", ("192.0.2.2", "192.0.2.3"))
    assert given(vni=7, local="192.0.2.2", peers=hosts) == Span(7, "192.0.2.2", ("192.0.2.1", "192.0.2.3"))


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert given(vni=7, local="2001:DB8::0:1", peers=["2001:db8:0::1", "2001:db8:0:0::2"], port=1, mtu=1400) == Span(
        7, "2001:db8::1", ("2001:db8::2",), 1, 1400
    )


def test_an_empty_mapping_is_for_no_other_lab_host() -> None:
    assert given() is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"vni": 1}, "span has no local; give vni, local and peers"),
        ({"local": "192.0.2.1"}, "span has no vni"),
        ({"peers": []}, "span has no vni"),
        ({"vni": 1, "local": "lab1"}, "'lab1' is no IP address"),
        ({"vni": 1, "local": "192.0.2.1/24"}, "'192.0.2.1/24' is no IP address"),
        ({"vni": 1, "local": "192.0.2.1", "peers": ["224.0.0.1"]}, "address 224.0.0.1 is a multicast group"),
        ({"vni": 1, "local": "127.0.0.1"}, "address 127.0.0.1 never leaves a machine"),
        ({"vni": 1, "local": "fe80::1"}, "address fe80::1 is valid on one link only"),
        ({"vni": 1, "local": "fe80::1%eth0"}, "names an interface"),
    ],
)
def test_what_no_tunnel_can_be_made_of_is_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        given(**told)

    assert said in str(caught.value)


@pytest.mark.parametrize(("local", "largest"), [("192.0.2.1", 1450), ("2001:db8::1", 1430)])
def test_a_tunnel_takes_its_headers_from_the_mtu(local: str, largest: int) -> None:
    assert Span(1, local).carries(1500) == largest
    assert Span(1, local).needs(largest) == 1500


def test_a_bridge_without_a_span_is_stored_as_by_earlier_versions() -> None:
    span = Span(7, "192.0.2.1")

    assert "span" not in definition.plain_bridge(Bridge("br0"), None)
    assert "span" not in definition.plain_bridge(Bridge("br0"), definition.plain_bridge(Bridge("br0", span=span), None))


def test_what_a_newer_version_stores_of_a_span_stays() -> None:
    stored = definition.plain_bridge(Bridge("br0", span=Span(7, "192.0.2.1")), None)
    newer = {**stored, "span": {**stored["span"], "cipher": "x"}}

    again = definition.plain_bridge(Bridge("br0", span=Span(8, "192.0.2.1")), newer)

    assert again["span"]["cipher"] == "x" and again["span"]["vni"] == 8
