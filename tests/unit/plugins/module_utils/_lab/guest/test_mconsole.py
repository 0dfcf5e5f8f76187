# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UML's management console, as it goes over the socket."""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import mconsole
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError


def test_a_request_is_laid_out_as_the_kernel_reads_it() -> None:
    assert mconsole.encode("stop") == struct.pack("=III512s", 0xCAFEBABE, 2, 4, b"stop")


@given(st.text(max_size=200).filter(lambda text: len(text.encode("utf-8", "ignore")) <= 511 and text.isascii()))
def test_every_request_has_the_size_that_the_kernel_expects(command: str) -> None:
    assert len(mconsole.encode(command)) == 12 + 512


def test_the_longest_request_still_ends_with_a_zero() -> None:
    assert mconsole.encode("x" * 511)[-1:] == b"\0"


def test_a_longer_one_is_refused_before_it_is_cut() -> None:
    with pytest.raises(ValueError, match="512 bytes"):
        mconsole.encode("x" * 512)


@pytest.mark.parametrize(
    ("failed", "more", "text", "told"),
    [
        (0, 0, b"OK\0", (False, False, "OK")),
        (1, 0, b"ENODEV\0", (True, False, "ENODEV")),
        (0, 1, b"part", (False, True, "part")),
        (0, 0, b"", (False, False, "")),
        (0, 0, b"\xff", (False, False, "�")),
    ],
)
def test_a_reply_is_understood(failed: int, more: int, text: bytes, told: tuple[bool, bool, str]) -> None:
    assert mconsole.decode(struct.pack("=III", failed, more, len(text)) + text) == told


def test_a_reply_ends_where_it_says() -> None:
    assert mconsole.decode(struct.pack("=III", 0, 0, 2) + b"OK and what an earlier one left")[2] == "OK"


@given(st.binary(max_size=600))
def test_decoding_raises_nothing_but_valueerror(datagram: bytes) -> None:
    try:
        failed, more, text = mconsole.decode(datagram)
    except ValueError:
        assert len(datagram) < 12
    else:
        assert isinstance(failed, bool) and isinstance(more, bool) and isinstance(text, str)


@contextmanager
def kernel(run: Path, *replies: bytes, until: threading.Event | None = None) -> Iterator[list[bytes]]:
    """A guest's kernel that answers its first command.

    :param until: what it waits for before it does.
    """
    (run / "alice").mkdir()
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(run / "alice" / "mconsole"))
        listener.settimeout(300)

        def serve() -> None:
            data, sender = listener.recvfrom(4096)
            heard.append(data)
            assert until is None or until.wait(300)
            # Who asked may have had enough.
            with suppress(OSError):
                for reply in replies:
                    listener.sendto(reply, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join()


def reply(text: bytes, failed: int = 0, more: int = 0) -> bytes:
    """A reply's datagram."""
    return struct.pack("=III", failed, more, len(text)) + text


@given(st.lists(st.binary(max_size=40) | st.binary(max_size=8).map(lambda text: reply(text, more=1)), max_size=5))
def test_no_answer_makes_asking_crash_or_wait_beyond_its_time(replies: list[bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="dumm-") as path, kernel(Path(path), *replies), suppress(GuestError):
        mconsole.ask(Path(path), "alice", None, "version", timeout=0.01)


@pytest.fixture
def run() -> Iterator[Path]:
    """A run directory whose path is short enough for this test's own end of the socket."""
    with tempfile.TemporaryDirectory(prefix="dumm-") as path:
        yield Path(path)


def test_a_command_is_answered(run: Path) -> None:
    with kernel(run, reply(b"OK")) as heard:
        assert mconsole.ask(run, "alice", None, "version") == "OK"

    assert heard == [mconsole.encode("version")]


def test_the_parts_of_a_long_answer_are_put_together(run: Path) -> None:
    with kernel(run, reply(b"one ", more=1), reply(b"two ", more=1), reply(b"three")):
        assert mconsole.ask(run, "alice", None, "proc stat") == "one two three"


def test_an_answer_without_an_end_is_not_waited_for(run: Path) -> None:
    endless = [reply(b"x" * 512, more=1)] * 2000
    with kernel(run, *endless), pytest.raises(GuestError, match="console failed: an mconsole reply without an end"):
        mconsole.ask(run, "alice", None, "version")


def test_a_link_to_another_kernels_console_is_not_followed(run: Path) -> None:
    (run / "mallory").symlink_to("alice")
    (run / "eve").mkdir()
    (run / "eve" / "mconsole").symlink_to("../alice/mconsole")

    with kernel(run, reply(b"OK")) as heard:
        for guest in ("mallory", "eve"):
            with pytest.raises(GuestError, match=f"guest {guest}: its management console failed"):
                mconsole.ask(run, guest, None, "halt")
        mconsole.ask(run, "alice", None, "version")

    assert heard == [mconsole.encode("version")]


def test_a_refusal_does_nothing_to_a_terminal(run: Path) -> None:
    with kernel(run, reply(b"\x1b[2Jno", failed=1)), pytest.raises(GuestError) as caught:
        mconsole.ask(run, "alice", None, "stop")

    assert str(caught.value).isprintable()


def test_a_refusal_tells_the_command_and_what_the_kernel_said(run: Path) -> None:
    with (
        kernel(run, reply(b"no such unit", failed=1)),
        pytest.raises(GuestError, match="refused 'remove vec9': no such"),
    ):
        mconsole.ask(run, "alice", None, "remove vec9")


def test_a_silent_kernel_is_not_waited_for(run: Path) -> None:
    with kernel(run), pytest.raises(GuestError, match=r"guest alice: its kernel did not answer 'stop' within 0\.1 s"):
        mconsole.ask(run, "alice", None, "stop", timeout=0.1)


def test_a_kernel_that_sleeps_over_a_command_is_nudged(run: Path) -> None:
    woken = threading.Event()
    with kernel(run, reply(b"OK"), until=woken):
        assert mconsole.ask(run, "alice", None, "version", timeout=300, nudge=woken.set) == "OK"


@pytest.mark.parametrize("command", ["stop", "x" * 512], ids=["no socket", "too long"])
def test_what_cannot_be_asked_is_the_guests_error(run: Path, command: str) -> None:
    with pytest.raises(GuestError, match="guest alice: its management console failed"):
        mconsole.ask(run, "alice", None, command)


def test_a_run_directory_of_any_depth_will_do(run: Path) -> None:
    deep = run.joinpath(*["a-directory-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    (run / "alice").mkdir()
    (deep / "alice").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(run / "alice" / "mconsole"))
        (run / "alice" / "mconsole").rename(deep / "alice" / "mconsole")

        with pytest.raises(GuestError, match="did not answer"):
            mconsole.ask(deep, "alice", None, "stop", timeout=0.05)

        assert listener.recv(4096) == mconsole.encode("stop")


def test_a_link_in_place_of_the_run_directory_is_not_followed(run: Path) -> None:
    (run / "real").mkdir()
    (run / "link").symlink_to("real")

    with kernel(run / "real", reply(b"OK")):
        with pytest.raises(GuestError, match="management console failed"):
            mconsole.ask(run / "link", "alice", None, "stop")
        mconsole.ask(run / "real", "alice", None, "stop")
