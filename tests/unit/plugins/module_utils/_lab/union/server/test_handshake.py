# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first request between the kernel and the server of a union."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.union.server.handshake import with_more

CACHE_SYMLINKS, HANDLE_KILLPRIV_V2 = 1 << 23, 1 << 28
OTHERS = 0x1003


def request(offered: int, kind: int = 26) -> bytes:
    """As the kernel sends it: fuse_in_header, fuse_init_in."""
    return struct.pack("=IIQQIIIHHIIII", 56, kind, 2, 0, 0, 0, 0, 0, 0, 7, 38, 131072, offered)


def answer(wanted: int, error: int = 0, rest: bytes = b"rest") -> bytes:
    """As libfuse gives it: fuse_out_header, fuse_init_out."""
    return struct.pack("=IiQIIII", 32 + len(rest), error, 2, 7, 38, 131072, wanted) + rest


def test_what_is_wanted_is_agreed_on_where_the_kernel_offers_it() -> None:
    wanted = CACHE_SYMLINKS | HANDLE_KILLPRIV_V2

    assert with_more(request(OTHERS | wanted), answer(OTHERS), wanted) == answer(OTHERS | wanted)
    assert with_more(request(OTHERS | CACHE_SYMLINKS), answer(OTHERS), wanted) == answer(OTHERS | CACHE_SYMLINKS)


def test_what_is_offered_and_not_wanted_is_left() -> None:
    offered = OTHERS | CACHE_SYMLINKS | HANDLE_KILLPRIV_V2

    assert with_more(request(offered), answer(OTHERS), CACHE_SYMLINKS) == answer(OTHERS | CACHE_SYMLINKS)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        pytest.param(request(OTHERS), answer(OTHERS), id="an-old-kernel"),
        pytest.param(request(CACHE_SYMLINKS, kind=1), answer(OTHERS), id="another-request"),
        pytest.param(request(CACHE_SYMLINKS), answer(OTHERS, error=-71), id="an-error"),
        pytest.param(request(CACHE_SYMLINKS), struct.pack("=IiQ", 16, 0, 2), id="a-short-answer"),
        pytest.param(request(CACHE_SYMLINKS)[:40], answer(OTHERS), id="a-short-request"),
    ],
)
def test_any_other_answer_is_passed_on_as_it_is(asked: bytes, answered: bytes) -> None:
    assert with_more(asked, answered, CACHE_SYMLINKS) == answered
