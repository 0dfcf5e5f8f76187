# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The courier does the calls that it is told, in order, and none that it is not."""

from __future__ import annotations

import errno
import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import courier
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.calls import LARGEST, Block, Calls
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.courier import FIRST, Courier

pytestmark = pytest.mark.skipif(not courier.supported(), reason="it is a program of x86-64")


@pytest.fixture
def null() -> Iterator[list[int]]:
    """What a process has as its first three descriptors."""
    fd = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    yield [fd, fd, fd]
    os.close(fd)


def test_what_is_written_down_is_done_and_results_are_handed_on(tmp_path: Path) -> None:
    calls = Calls()
    calls.chdir(str(tmp_path))
    calls.make_directories("a/b")
    calls.make_directories("a/b/c")
    calls.write_file("a/b/c/file", b"told")
    calls.end()

    courier.carry_out(calls, [])

    assert (tmp_path / "a/b/c/file").read_bytes() == b"told"
    assert (tmp_path / "a/b/c").stat().st_mode & 0o777 == 0o755


def test_it_gets_descriptors_by_number(tmp_path: Path) -> None:
    fds = [os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC) for name in ("first", "second")]
    try:
        calls = Calls()
        calls.write(FIRST, b"1", "first")
        calls.write(FIRST + 1, b"2", "second")
        calls.end()

        courier.carry_out(calls, fds)
    finally:
        for fd in fds:
            os.close(fd)

    assert [(tmp_path / name).read_text() for name in ("first", "second")] == ["1", "2"]


def test_the_call_that_fails_is_named_and_none_after_it_is_done(tmp_path: Path) -> None:
    calls = Calls()
    calls.make_directory(str(tmp_path / "before"))
    calls.make_directory(str(tmp_path / "not/there"))
    calls.make_directory(str(tmp_path / "after"))
    calls.end()

    with pytest.raises(FileNotFoundError) as raised:
        courier.carry_out(calls, [])

    assert raised.value.filename == str(tmp_path / "not/there")
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


def test_an_error_that_is_none_leaves_out_what_hangs_on_it(tmp_path: Path) -> None:
    for name in ("there", "missing"):
        calls = Calls()
        (tmp_path / "there").touch()
        found = calls.open(str(tmp_path / name), os.O_WRONLY, unless=errno.ENOENT, skips=2)
        calls.write(found, b"x", "it")
        calls.close(found)
        calls.make_file(str(tmp_path / f"after {name}"))
        calls.end()

        courier.carry_out(calls, [])

    assert (tmp_path / "there").read_bytes() == b"x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after missing", "after there", "there"]


def test_another_error_than_that_is_one(tmp_path: Path) -> None:
    calls = Calls()
    calls.open(str(tmp_path), os.O_WRONLY, unless=errno.ENOENT, skips=0)
    calls.end()

    with pytest.raises(IsADirectoryError):
        courier.carry_out(calls, [])


def test_it_becomes_another_program_with_what_it_was_given(tmp_path: Path) -> None:
    out = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    script = 'echo "$1" "$WORD"; umask; ulimit -Sc; ls /proc/self/fd; trap "echo pipe" PIPE; kill -PIPE $$'
    try:
        with Courier([null, out, out], [null, null], apart=False) as child:
            calls = Calls()
            calls.alone(FIRST + 2, courier.SAYS)
            calls.limit(4, 0, 0)
            calls.close_from(courier.SAYS + 1)
            calls.execute("/bin/sh", ["sh", "-c", script, "sh", "told"], ["WORD=heard"])
            child.carry_out(calls)
            assert child.complaint(calls) is None
            assert os.waitpid(child.pid, 0)[1] == 0
    finally:
        os.close(out)
        os.close(null)
    told = (tmp_path / "out").read_text().split()

    assert told[:4] == ["told", "heard", "0000", "0"]
    # The last is ls(1)'s own.
    assert told[4:-1] == ["0", "1", "2", "3"]
    assert told[-1] == "pipe"


def test_it_is_the_first_of_a_namespace_of_its_own(null: list[int]) -> None:
    before = os.readlink("/proc/thread-self/ns/pid_for_children")
    with Courier(null, [], apart=True) as child:
        apart = os.readlink(f"/proc/{child.pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    os.waitpid(child.pid, 0)

    assert apart or os.geteuid() != 0
    assert os.readlink("/proc/thread-self/ns/pid_for_children") == before


def test_it_does_nothing_where_nobody_tells_it(null: list[int], tmp_path: Path) -> None:
    with Courier(null, [], apart=False) as child:
        pass

    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 127


def test_half_of_a_message_is_none(null: list[int], tmp_path: Path) -> None:
    calls = Calls()
    calls.make_directory(str(tmp_path / "done"))
    calls.end()
    with Courier(null, [], apart=False) as child:
        os.write(child._tell, calls.image()[:-8])

    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 127
    assert not (tmp_path / "done").exists()


def test_many_calls_come_through(tmp_path: Path) -> None:
    calls = Calls()
    for number in range(3000):
        calls.make_file(str(tmp_path / f"{number:0100}"))
    calls.end()
    assert (1 << 16) < len(calls.image()) < LARGEST

    courier.carry_out(calls, [])

    assert len(list(tmp_path.iterdir())) == 3000


def test_one_that_is_killed_has_failed() -> None:
    calls = Calls()
    own = calls.add(39)
    calls.add(62, own, signal.SIGKILL)
    calls.add(34)

    with pytest.raises(ChildProcessError):
        courier.carry_out(calls, [])


def test_capabilities_are_dropped_by_the_same_calls_however_they_are_written_down() -> None:
    ready, added = Calls(), Calls()
    ready.keep_capabilities(0, 1, 3)
    for call in ready.listed:
        added.add(call.number, *call.arguments, about=call.about, unless=call.unless, skips=call.skips)

    assert ready.image() == added.image()
    dropped = {call.arguments[1] for call in ready.listed if call.packed}
    assert dropped == set(range(64)) - {0, 1, 3}


def test_pointers_lead_to_what_they_point_to() -> None:
    calls = Calls()
    calls.add(0, Block(((b"first",), bytes(8))), "text", 5)
    image = calls.image()
    length, _none = struct.unpack_from("=QQ", image)
    _number, block, text, five, *_rest = struct.unpack_from("=q6q", image, 16)

    def at(address: int) -> int:
        return address - 0x600000

    assert length == len(image)
    assert image[at(text) :].startswith(b"text\0") and five == 5
    first, end = struct.unpack_from("=QQ", image, at(block))
    assert image[at(first) :].startswith(b"first\0") and end == 0
