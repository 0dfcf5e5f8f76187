# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``dumm map`` says where it cannot begin, and the sockets that it opens."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from dumm_lab.map import listening, main
from dumm_lab.map.main import Options

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError


@pytest.fixture(autouse=True)
def all_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root, the libraries and the files of the page."""
    (tmp_path / "page/vendor").mkdir(parents=True)
    (tmp_path / "page/vendor/cytoscape.min.js").touch()
    monkeypatch.setattr(main, "_PAGE", tmp_path / "page")
    monkeypatch.setattr(main, "_LIBRARIES", ("json",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def said(options: Options) -> str:
    with pytest.raises(DummError) as caught:
        main.run(options)
    return str(caught.value)


def test_all_but_root_are_told_to_be_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert said(Options(str(tmp_path), 0)).endswith("needs root; run it as root, such as by sudo")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(main, "_LIBRARIES", ("json", "no_such_library"))

    assert said(Options(str(tmp_path), 0)).startswith(
        "map: the Python package no_such_library is not installed; install "
    )


def test_a_page_without_what_npm_brings_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(main, "_PAGE", tmp_path / "none")

    assert said(Options(str(tmp_path), 0)) == (
        f"map: files of the page are missing in {tmp_path}/none/vendor;"
        " run 'make setup-map' in the checkout, or install the wheel that 'make build' makes"
    )


def test_a_port_is_one_of_loopback() -> None:
    with listening.on_port(0) as own:
        host, port = own.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(DummError, match=f"port {port}: another program listens there"), listening.on_port(port):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a socket to others")
def test_a_socket_has_its_mode_before_anybody_can_connect_and_goes_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "map.sock"
    seen: list[int] = []
    monkeypatch.setattr(
        socket.socket, "listen", lambda *_: seen.append(stat.S_IMODE(place.stat().st_mode)), raising=False
    )

    with listening.at_path(str(place), None):
        assert place.is_socket()

    assert seen == [0o600]
    assert not place.exists()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "map.sock"
    place.write_text("mine")

    with pytest.raises(DummError, match="something else is in its place"), listening.at_path(str(place), None):
        pass
    assert place.read_text() == "mine"


@pytest.mark.parametrize(
    ("path", "group", "reason"),
    [
        ("/tmp/" + "x" * 200, None, "longer than 107 bytes"),
        ("/nowhere/at/all.sock", None, "cannot"),
        ("map.sock", "no-such-group", "no such group"),
    ],
)
def test_a_socket_that_cannot_be_is_one_clear_error(path: str, group: str | None, reason: str) -> None:
    with pytest.raises(DummError, match=reason), listening.at_path(path, group):
        pass
