# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each program that is written down as machine code is what its listing says, and is a file that runs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import keeper
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import courier, programs
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import relay

OURS = pytest.mark.parametrize("module", [courier, keeper, relay], ids=["courier", "keeper", "relay"])


@OURS
def test_each_line_is_where_it_says_and_each_jump_leads_to_a_line(module: ModuleType) -> None:
    lines = programs.listed(module._LISTING)
    offsets = [at for at, _data, _text in lines]
    jumps = [re.match(r"(?:j\w+|call) +(?:0x)?([0-9a-f]+)", text) for _at, _data, text in lines]

    assert offsets == [sum(len(data) for _at, data, _text in lines[:number]) for number in range(len(lines))]
    assert {int(jump[1], 16) for jump in jumps if jump} <= set(offsets)
    assert len(lines) == len(module._LISTING.strip("\n").splitlines())


@pytest.mark.skipif(shutil.which("objdump") is None, reason="there is no objdump")
@OURS
def test_each_instruction_is_what_its_bytes_are(module: ModuleType, tmp_path: Path) -> None:
    program = tmp_path / "code"
    program.write_bytes(programs.code(module._LISTING))
    command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", str(program)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    plain = {at: _plain(re.sub(r" +#.*", "", text)) for at, _data, text in programs.listed(told)}
    listed = {at: _plain(text) for at, _data, text in programs.listed(module._LISTING)}

    assert plain.keys() == listed.keys()
    for at, text in plain.items():
        assert listed[at].startswith(text), (hex(at), listed[at], text)


def _plain(text: str) -> str:
    return re.sub(" +", " ", text.replace("0x", "")).strip()


@OURS
def test_a_file_begins_with_the_first_instruction_and_never_writes_to_its_code(module: ModuleType) -> None:
    file = module.program()
    head = struct.unpack_from("<16sHHIQQQIHHHHHH", file)
    segments = [struct.unpack_from("<IIQQQQQQ", file, 64 + 56 * number) for number in range(head[10])]

    assert head[0].startswith(b"\x7fELF\2\1\1") and head[1:3] == (2, 62)
    assert file[head[4] - programs.CODE :].startswith(programs.code(module._LISTING))
    assert all(flags in (5, 6) for _type, flags, *_rest in segments)
    assert segments[0][5] == len(file)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it is a program of x86-64")
def test_such_a_file_runs(tmp_path: Path) -> None:
    # exit_group(*room + 7), of room that is zero.
    listing = """
   0:\tb8 e7 00 00 00       \tmov    eax,0xe7
   5:\t8b 3c 25 00 00 60 00 \tmov    edi,DWORD PTR ds:0x600000
   c:\t83 c7 07             \tadd    edi,0x7
   f:\t0f 05                \tsyscall
"""
    program = tmp_path / "seven"
    program.write_bytes(programs.elf(programs.code(listing), room=(0x600000, 4096)))
    program.chmod(0o755)

    assert os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(program, ["seven"], {}), 0)[1]) == 7
