# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of a few hundred bytes that are written down as machine code, for x86-64.  Pure.

A host need not have a compiler, and neither need a guest.  Each program is a listing as objdump(1) prints it, with a comment where an
instruction needs one; a unit test compares every instruction with its bytes.
"""

from __future__ import annotations

import re
import struct

# Where the file is loaded.
CODE = 0x400000
_HEADER, _SEGMENT, _PAGE = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ"), 0x1000
_LINE = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2}(?: |$))+) *\t?(.*)$", re.MULTILINE)
# elf(5), and the flags of a segment: executable, writable, readable.
_EXECUTABLE_FILE, _X86_64, _LOADED = 2, 62, 1
_X, _W, _R = 1, 2, 4


def listed(listing: str) -> list[tuple[int, bytes, str]]:
    """The lines of a listing: offset, bytes, and the instruction with its comment."""
    return [(int(at, 16), bytes.fromhex(data), text) for at, data, text in _LINE.findall(listing)]


def code(listing: str) -> bytes:
    """The instructions of a listing."""
    return b"".join(data for _at, data, _text in listed(listing))


def elf(text: bytes, *, room: tuple[int, int] | None = None) -> bytes:
    """An executable file (elf(5)) that runs some instructions from their first.

    :param text: instructions, and behind them what they only read.
    :param room: address and size in bytes of memory that they write to; it is zero at the start.
    """
    count = 1 if room is None else 2
    headers = _HEADER.size + count * _SEGMENT.size
    size = headers + len(text)
    identity = b"\x7fELF\x02\x01\x01"
    kind = (_EXECUTABLE_FILE, _X86_64, 0)
    places = (CODE + headers, _HEADER.size, 0, 0)
    sizes = (_HEADER.size, _SEGMENT.size, count, 0, 0, 0)
    file = _HEADER.pack(identity, *kind, *places, *sizes) + _SEGMENT.pack(
        _LOADED, _R | _X, 0, CODE, CODE, size, size, _PAGE
    )
    if room is not None:
        address, length = room
        file += _SEGMENT.pack(_LOADED, _R | _W, 0, address, address, 0, length, _PAGE)
    return file + text
