# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that passes netlink on is what its listing says, and messages are what the kernel takes."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import relay
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside.relay import Message

_LINE = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2}(?: |$))+) *\t?(.*)$", re.MULTILINE)


def _listed() -> list[tuple[int, bytes, str]]:
    """Offset, bytes and instruction of each line."""
    return [(int(at, 16), bytes.fromhex(data), text) for at, data, text in _LINE.findall(relay._LISTING)]


def test_each_line_is_where_it_says_and_each_jump_leads_to_a_line() -> None:
    lines = _listed()
    offsets = [at for at, _data, _text in lines]
    jumps = [re.match(r"j\w+ +([0-9a-f]+)", text) for _at, _data, text in lines]

    assert offsets == [sum(len(data) for _at, data, _text in lines[:number]) for number in range(len(lines))]
    assert {int(jump[1], 16) for jump in jumps if jump} <= set(offsets)
    assert len(relay.code()) == sum(len(data) for _at, data, _text in lines) + 4


@pytest.mark.skipif(shutil.which("objdump") is None, reason="there is no objdump")
def test_each_instruction_is_what_its_bytes_are(tmp_path: Path) -> None:
    program = tmp_path / "code"
    program.write_bytes(relay.code()[:-4])
    command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", str(program)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    plain = [
        (int(at, 16), re.sub(r" +(#.*)?", " ", re.sub("0x", "", text)).strip())
        for at, _data, text in _LINE.findall(told)
    ]
    listed = {at: re.sub(" +", " ", re.sub("0x", "", text)) for at, _data, text in _listed()}

    for at, text in plain:
        assert listed[at].startswith(text), (hex(at), listed[at], text)


def test_the_program_is_an_executable_file() -> None:
    head = struct.unpack_from("<16sHHIQQQIHHHHHH", relay.program())

    assert head[0].startswith(b"\x7fELF\2\1\1") and head[1:3] == (2, 62)
    assert head[4] - 0x400000 == len(relay.program()) - len(relay.code())


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
