# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of test results in a real browser, Debian's chromium, in a network namespace of its own that has no way out."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit/plugins/module_utils/_lab/testing"))

from suites import ALL, HOSTILE, hostile

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.page import page

# The background of the style sheet, by what the reader's system prefers.
PAPER = {"light": "fbfbfa", "dark": "15181b"}
_PREFERS = {"dark": 0, "light": 1}


@dataclass
class Browser:
    """A browser that loads a page and ends.

    :ivar place: an empty directory.
    """

    place: Path

    def dom(self, document: str) -> str:
        """What the browser makes of a document, when it has loaded all that the document asks for."""
        return self._run(document, "--dump-dom", "--virtual-time-budget=10000", f"--log-net-log={self.place / 'net'}")

    def asked(self, address: str) -> bool:
        """Whether the last document made it ask something of an address."""
        return address in (self.place / "net").read_text(errors="replace")

    def corner(self, document: str, scheme: str) -> str:
        """The colour of the first pixel of a picture of a document."""
        picture = self.place / "picture.png"
        self._run(document, f"--screenshot={picture}", f"--blink-settings=preferredColorScheme={_PREFERS[scheme]}")
        return first_pixel(picture.read_bytes())

    def _run(self, document: str, *options: str) -> str:
        source = self.place / "page.html"
        source.write_text(document, errors="surrogatepass")
        done = subprocess.run(
            [
                *("unshare", "--net", "chromium", "--headless", "--no-sandbox", "--disable-gpu"),
                f"--user-data-dir={self.place / 'profile'}",
                *options,
                source.as_uri(),
            ],
            capture_output=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="replace")


def first_pixel(png: bytes) -> str:
    """The colour of a picture's first pixel; whatever filter its line has, the first one is as it is (PNG, section 9.2)."""
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    return zlib.decompress(data)[1:4].hex()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser without any past."""
    yield Browser(tmp_path)


def test_the_look_out_for_scripts_and_requests_finds_them(browser: Browser) -> None:
    dom = browser.dom(f"<!DOCTYPE html><title>mine</title><pre>{HOSTILE}")

    assert "<title>owned</title>" in dom
    assert browser.asked("http://192.0.2.1/x")


def test_hostile_text_is_only_text(browser: Browser) -> None:
    dom = browser.dom(page(hostile()))

    assert re.search("<title>The lab is broken in [^<]*</title>", dom)
    assert not re.search("<(script|img)\\b", dom)
    assert "&lt;script&gt;document.title='owned'&lt;/script&gt;" in dom
    assert not browser.asked("192.0.2.1")


def test_the_policy_holds_where_escaping_would_fail(browser: Browser) -> None:
    dom = browser.dom(page(ALL).replace("carol is reached by the other way", HOSTILE))

    assert "<script>" in dom
    assert "<title>owned</title>" not in dom
    assert not browser.asked("http://192.0.2.1/x")


@pytest.mark.parametrize("scheme", PAPER)
def test_the_page_follows_what_the_readers_system_prefers(scheme: str, browser: Browser) -> None:
    assert browser.corner(page(ALL), scheme) == PAPER[scheme]
