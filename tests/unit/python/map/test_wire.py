# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames between the two parts of the map."""

from __future__ import annotations

import array
import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from dumm_lab.map.wire import Frame, Kind, Wire

PATIENCE = 300.0


class End:
    """One end of a pair, and what it has heard."""

    def __init__(self, own: socket.socket, *, takes: bool, largest: int = 1 << 24) -> None:
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.wire = Wire(own, largest=largest, takes=takes, heard=self.frames.put_nowait, ended=self.ended.set)

    async def frame(self) -> Frame:
        return await asyncio.wait_for(self.frames.get(), PATIENCE)


def played(story: Callable[[End, End], Awaitable[None]]) -> None:
    """A story with the part that has descriptors, and the one that gets them."""

    async def play() -> None:
        near, far = socket.socketpair()
        root, web = End(near, takes=False), End(far, takes=True)
        try:
            await story(root, web)
        finally:
            root.wire.close()
            web.wire.close()

    asyncio.run(play())


def test_frames_come_in_order_whatever_their_size() -> None:
    async def story(root: End, web: End) -> None:
        sizes = (0, 1, 3_000_000, 7, 500_000)
        for number, size in enumerate(sizes):
            root.wire.send(Kind.PAGE, number, b"x" * size)

        found = [await web.frame() for _each in sizes]

        assert [(each.number, len(each.payload)) for each in found] == list(enumerate(sizes))
        assert {each.kind for each in found} == {Kind.PAGE}

    played(story)


def test_a_descriptor_comes_with_its_own_frame_and_is_closed_at_the_sender() -> None:
    async def story(root: End, web: End) -> None:
        reads, writes = os.pipe()
        root.wire.send(Kind.PAGES, 0, b"before" * 100_000)
        root.wire.send(Kind.OWN, 1, b"with", (reads,))
        root.wire.send(Kind.PAGES, 0, b"after")

        before, with_it, after = [await web.frame() for _each in range(3)]

        assert (before.descriptors, after.descriptors) == ((), ())
        os.write(writes, b"hello")
        assert os.read(with_it.descriptors[0], 5) == b"hello"
        assert not os.get_inheritable(with_it.descriptors[0])
        os.close(with_it.descriptors[0])
        # Nobody has the other end any more: the sender has closed its own.
        with pytest.raises(BrokenPipeError):
            os.write(writes, b"more")
        os.close(writes)

    played(story)


def test_descriptors_that_nobody_took_are_closed() -> None:
    async def story(root: End, web: End) -> None:
        reads, writes = os.pipe()
        root.wire.close()
        root.wire.send(Kind.OWN, 1, b"", (reads,))

        with pytest.raises(BrokenPipeError):
            os.write(writes, b"x")
        os.close(writes)

    played(story)


def test_a_part_that_must_not_send_descriptors_is_cut_off() -> None:
    async def story(root: End, web: End) -> None:
        reads, writes = os.pipe()
        web.wire.send(Kind.OWN, 1, b"{}", (reads,))

        await asyncio.wait_for(root.ended.wait(), PATIENCE)

        assert root.frames.empty()
        with pytest.raises(BrokenPipeError):
            os.write(writes, b"x")
        os.close(writes)

    played(story)


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("=IBBQ", 1 << 25, 0, 0, 0),
        struct.pack("=IBBQ", 1, 0, 9, 0) + b"x",
        struct.pack("=IBBQ", 1, 1, 0, 0) + b"x",
    ],
    ids=["too large", "of no kind", "without its descriptor"],
)
def test_what_is_no_frame_ends_it(raw: bytes) -> None:
    async def play() -> None:
        near, far = socket.socketpair()
        end = End(near, takes=True)
        far.sendall(raw)
        await asyncio.wait_for(end.ended.wait(), PATIENCE)
        assert end.frames.empty() and end.wire.closed
        far.close()

    asyncio.run(play())


def test_the_end_of_the_other_side_is_told_once() -> None:
    async def story(root: End, web: End) -> None:
        web.wire.close()
        await asyncio.wait_for(root.ended.wait(), PATIENCE)
        root.wire.send(Kind.PAGES, 0, b"to nobody")
        assert not web.ended.is_set()

    played(story)


def test_who_is_held_gets_all_of_it_later() -> None:
    async def story(root: End, web: End) -> None:
        root.wire.hold()
        web.wire.send(Kind.PAGE, 1, b"{}")
        # All that the loop would do has been done.
        for _each in range(5):
            await asyncio.sleep(0)
        assert root.frames.empty()
        root.wire.go_on()
        assert (await root.frame()).number == 1

    played(story)


def test_more_descriptors_than_a_frame_may_have_end_it() -> None:
    async def play() -> None:
        near, far = socket.socketpair()
        end = End(near, takes=True)
        many = [os.dup(0) for _each in range(64)]
        far.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", many))])
        await asyncio.wait_for(end.ended.wait(), PATIENCE)
        for fd in many:
            os.close(fd)
        far.close()

    asyncio.run(play())
