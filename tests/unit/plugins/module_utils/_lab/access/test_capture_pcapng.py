# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of packets, written and read again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import pcapng
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.pcapng import (
    Counted,
    Described,
    Direction,
    Packet,
)

AT = 1_800_000_000_123_456_789
HEAD = (
    pcapng.section("a lab, ünd more", "dumm.lab")
    + pcapng.interface(Described("moon:eth0", "on lan, 10.0.0.1/24", "02:00:00:00:00:01"), 262144, "icmp")
    + pcapng.interface(Described("sun:eth0"), 262144, "")
)
PACKETS = [
    Packet("moon:eth0", AT, Direction.OUT, b"\xff" * 60, 60),
    Packet("sun:eth0", AT + 1, Direction.IN, bytes(range(61)), 1500),
    Packet("sun:eth0", AT + 2, Direction.OUT, b"", 14),
]
LABELS = {"moon:eth0": 0, "sun:eth0": 1}
BLOCKS = [
    pcapng.packet(LABELS[each.interface], each.time, each.direction.value, each.data, each.length) for each in PACKETS
]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "packets.pcapng", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_packets_are_read_as_they_were_written(file: int) -> None:
    os.write(file, HEAD + b"".join(BLOCKS) + pcapng.statistics(1, AT, AT + 9, Counted(3, 2)))

    assert [packet for _end, packet in pcapng.packets(file)] == PACKETS
    assert pcapng.counts(file) == {"sun:eth0": Counted(3, 2)}


def test_reading_goes_on_where_it_ended(file: int) -> None:
    os.write(file, HEAD + BLOCKS[0])
    ends = [end for end, _packet in pcapng.packets(file)]
    os.write(file, BLOCKS[1] + BLOCKS[2])

    names = {number: label for label, number in LABELS.items()}
    assert [packet for _end, packet in pcapng.packets(file, ends[-1], names)] == PACKETS[1:]


@given(lost=st.integers(1, len(BLOCKS[2])))
def test_a_file_that_was_cut_has_all_packets_before(lost: int) -> None:
    whole = HEAD + b"".join(BLOCKS)
    file = os.memfd_create("cut")
    try:
        os.write(file, whole[:-lost])

        assert [packet for _end, packet in pcapng.packets(file)] == PACKETS[:2]
        assert pcapng.whole(file) == len(whole) - len(BLOCKS[2])
    finally:
        os.close(file)


@given(st.binary(max_size=200))
def test_whatever_is_no_such_file_is_read_without_an_error(content: bytes) -> None:
    file = os.memfd_create("noise")
    try:
        os.write(file, HEAD[:28] + content)
        assert len(list(pcapng.packets(file))) <= len(content)
    finally:
        os.close(file)


def test_a_packet_tells_whom_it_is_for() -> None:
    group, all_of_them, one = (
        pcapng.packet(0, AT, Direction.IN.value, first + bytes(5), 6) for first in (b"\x01", b"\xff" * 6, b"\x02")
    )
    # The option's value stands before the end of options and the length of the block.
    assert [each[-12] for each in (one, group, all_of_them)] == [1 | 4, 1 | 8, 1 | 12]
