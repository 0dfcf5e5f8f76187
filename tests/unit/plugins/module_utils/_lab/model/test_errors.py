# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What errors say, however many there are and whatever they are about."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import (
    DummError,
    GuestError,
    Invalid,
    InvalidInput,
    from_oserror,
    listed,
    plain,
    together,
)


@given(st.text(), st.text(), st.text())
def test_no_message_commands_a_terminal(subject: str, cause: str, remedy: str) -> None:
    said = str(DummError(subject, cause, remedy))

    assert not any(letter < " " and letter not in "\t\n" for letter in said)
    assert not set(said) & {"\x7f", "\x9b", "\u202e", "\u2066", "\u2028"}
    said.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb", "a\\u202eb"),
        (os.fsdecode(b"gr\xfcn"), "gr\\udcfcn"),
        ("two\nlines", "two\nlines"),
        ("Grüße 汉语 😀 \\x1b", "Grüße 汉语 😀 \\x1b"),
    ],
)
def test_what_cannot_be_shown_is_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_of_many_names_ten_are_told() -> None:
    assert listed("abc") == "a, b, c"
    assert listed("abcdefghij") == "a, b, c, d, e, f, g, h, i, j"
    assert listed("abcdefghijklm") == "a, b, c, d, e, f, g, h, i, j, and 3 more"


@pytest.mark.parametrize(
    ("doing", "path", "said"),
    [
        ("start it:", None, "cannot start it: Too many open files"),
        ("start it:", "/a", "cannot start it: /a: Too many open files"),
        ("do what is planned at", None, "cannot do what is planned: Too many open files"),
        ("do what is planned at", "/a", "cannot do what is planned at /a: Too many open files"),
        ("read", None, "cannot read: Too many open files"),
    ],
)
def test_an_error_of_the_host_reads_well_with_and_without_a_path(doing: str, path: str | None, said: str) -> None:
    error = from_oserror("guest a", doing, OSError(errno.EMFILE, "Too many open files", path))

    assert str(error) == f"guest a: {said}; raise the limit of open files (ulimit -n) and run again"


def test_of_many_faults_twenty_are_told() -> None:
    faults = [InvalidInput(f"guest g{number}", "it is wrong", "mend it") for number in range(25)]

    said = str(Invalid(list(faults))).splitlines()

    assert said == [*(f"guest g{number}: it is wrong; mend it" for number in range(20)), "and 5 more"]
    assert len(str(Invalid(list(faults[:20]))).splitlines()) == 20


def test_errors_of_several_objects_are_told_with_what_they_have_in_common_once() -> None:
    errors = [
        GuestError("guest a", "no answer", "look at boot.log"),
        GuestError("guest b", "no answer", "look at boot.log"),
        GuestError("guest c", "no room", "free some space"),
        GuestError("guest d", "no room at all", "free some space"),
        GuestError("guest e", "something else", ""),
    ]

    assert str(together(errors)).splitlines() == [
        "several objects: guest a, guest b: no answer; look at boot.log",
        "guest c: no room",
        "guest d: no room at all",
        "for each of these: free some space",
        "guest e: something else",
    ]


def test_one_error_is_itself() -> None:
    error = GuestError("guest a", "no answer", "look at boot.log")

    assert together([error]) is error
