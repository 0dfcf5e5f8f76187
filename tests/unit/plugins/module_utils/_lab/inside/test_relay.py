# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that passes netlink on is what its listing says, and messages are what the kernel takes."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import relay
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside.relay import Message


def test_answers_are_told_apart_and_an_error_has_its_number() -> None:
    answer = Message(16, b"abc", 2, 7).packed()
    failed = struct.pack("=IHHIIi", 20, 2, 0, 8, 0, -3)
    done = struct.pack("=IHHIIi", 20, 3, 2, 7, 0, 0)

    found = [(each.kind, each.payload, each.number) for each in relay.answers(answer + failed + done)]

    assert found == [(16, b"abc", 7), (-3, b"", 8)]
    for cut in (answer[:-2], b"\0" * 15, struct.pack("=IHHII", 4, 16, 0, 0, 0)):
        with pytest.raises(ValueError, match="cut off"):
            list(relay.answers(cut))


def test_attributes_are_kept_as_they_came_but_those_that_are_left_out() -> None:
    data = relay.attribute(3, relay.text("eth0")) + relay.attribute(0x8000 | 5, b"12345") + relay.attribute(6, b"")

    assert relay.attributes(data) == {3: b"eth0\0", 5: b"12345", 6: b""}
    assert relay.without(data, 0, 3) == relay.attribute(0x8000 | 5, b"12345") + relay.attribute(6, b"")
    assert relay.word(relay.attributes(data)[3]) == "eth0"
    with pytest.raises(ValueError, match="cut off"):
        relay.attributes(b"\xff\0\1\0")
