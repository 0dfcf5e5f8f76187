# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets between a terminal of the root part and the web part: a letter, and what belongs to it.  Pure.

Each terminal has a socket of its own that keeps packets apart (SOCK_SEQPACKET).
"""

from __future__ import annotations

import json
from typing import Any

# To the guest: keys, and the window's size.  From it: output, a sentence for the user, and the end.
INPUT, SIZE, OUTPUT, SAYS, ENDED = b"i", b"w", b"o", b"s", b"e"
LARGEST = 1 << 16
_MOST_ROWS = 1000


def size(told: Any) -> tuple[int, int] | None:
    """Rows and columns out of ``{"rows": 24, "columns": 80}``; ``None`` where it is anything else."""
    if not isinstance(told, dict):
        return None
    found = (told.get("rows"), told.get("columns"))
    if not all(isinstance(each, int) and not isinstance(each, bool) and 0 < each <= _MOST_ROWS for each in found):
        return None
    rows, columns = found
    assert isinstance(rows, int) and isinstance(columns, int)
    return rows, columns


def size_packet(rows: int, columns: int) -> bytes:
    """A packet with the window's size."""
    return SIZE + json.dumps({"rows": rows, "columns": columns}).encode()


def parsed_size(packet: bytes) -> tuple[int, int] | None:
    """The size out of such a packet; ``None`` where it is none."""
    try:
        return size(json.loads(packet[1:]))
    except (ValueError, RecursionError):
        return None


def says(sentence: str) -> bytes:
    """A packet with a sentence for the user."""
    return SAYS + sentence.encode()


def ended(code: int | None, error: str | None) -> bytes:
    """The last packet: the program's exit code, or why there is none."""
    return ENDED + json.dumps({"ended": code, "error": error}).encode()
