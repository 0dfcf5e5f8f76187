# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the web part answers, without a network: the application is called as a server calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dumm_lab.map.web.app import application
from dumm_lab.map.web.asking import Asking
from dumm_lab.map.web.assets import INDEX, Asset, load
from dumm_lab.map.web.guard import Keys
from dumm_lab.map.web.pages import Pages
from dumm_lab.map.wire import Frame, Kind

HOST = "localhost:8765"
ASSETS = {
    INDEX: Asset(b'<meta name="nonce" content="%NONCE%">', "text/html; charset=utf-8", '"1"'),
    "js/main.js": Asset(b"1", "text/javascript; charset=utf-8", '"2"'),
}


class Root:
    """Answers in the place of the root part; ``asked`` has what came."""

    def __init__(self, asking: Asking, reply: Mapping[str, Any]) -> None:
        self.asked: list[Any] = []
        self._asking, self._reply = asking, reply

    def send(self, kind: Kind, number: int, payload: bytes) -> None:
        self.asked.append(json.loads(payload))
        self._asking.heard(Frame(kind, number, json.dumps(self._reply).encode()))


class Answer:
    """What came back."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self.status = sent[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        self.body = b"".join(each.get("body", b"") for each in sent[1:])


def answered(
    path: str, method: str = "GET", query: str = "", reply: Mapping[str, Any] | None = None, **headers: str
) -> tuple[Answer, Root]:
    """The answer to a request of a browser that is in."""
    keys, asking = Keys("sesame"), Asking()
    root = Root(asking, reply or {})
    asking.wire = root  # type: ignore[assignment]
    cookie = (keys.redeem("sesame") or "").partition(";")[0]
    raw = {
        "host": HOST,
        "cookie": cookie,
        "origin": f"http://{HOST}",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(ASSETS, Pages(), asking, keys)(scope, receive, send))
    return Answer(sent), root


def test_a_file_of_the_page_comes_with_its_kind_and_is_not_sent_twice() -> None:
    answer, _root = answered("/static/js/main.js")
    again, _root = answered("/static/js/main.js", if_none_match='"2"')

    assert (answer.status, answer.body) == (200, b"1")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "../../../etc/passwd",
        "/etc/passwd",
        "js/../../secret",
        "%2e%2e/%2e%2e/etc/passwd",
        "js/main.js/",
        "js",
        "",
        "..",
        "js/main.js\0",
        "\\..\\etc",
    ],
)
def test_no_path_leads_out_of_the_page(path: str) -> None:
    answer, _root = answered(f"/static/{path}")

    assert answer.status == 404
    assert b"root:" not in answer.body


@pytest.mark.parametrize("path", ["/etc/passwd", "/index.html", "/docs", "/openapi.json", "/static", "//"])
def test_there_is_no_other_address(path: str) -> None:
    answer, _root = answered(path)

    assert answer.status in (404, 307)
    assert answer.headers.get("content-security-policy")


def test_the_page_runs_no_script_but_its_own_and_each_answer_has_another_nonce() -> None:
    first, _root = answered("/")
    second, _root = answered("/")

    policy = dict(each.split(" ", 1) for each in first.headers["content-security-policy"].split("; "))
    nonce = first.body.decode().split('content="')[1].split('"')[0]
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == f"'self' 'nonce-{nonce}'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert first.body != second.body
    assert "unsafe" not in first.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("PUT", "/static/js/main.js"), ("GET", "/invite"), ("POST", "/capture")]
)
def test_other_methods_are_refused(method: str, path: str) -> None:
    assert answered(path, method)[0].status == 405


def test_an_invitation_is_an_address_with_a_fresh_token() -> None:
    first, second = (json.loads(answered("/invite", "POST")[0].body)["address"] for _each in range(2))

    assert first.startswith(f"http://{HOST}/?token=")
    assert first != second


def test_a_picture_is_what_the_root_part_draws() -> None:
    answer, root = answered("/picture.svg", reply={"value": "<svg/>"})

    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"<svg/>", "image/svg+xml")
    assert root.asked == [{"verb": "picture", "arguments": {"format": "svg"}}]


def test_a_capture_that_the_root_part_refuses_is_told_in_its_words() -> None:
    answer, root = answered(
        "/capture", query="at=x:eth0&seconds=ten&count=nan", reply={"error": "interface x:eth0: there is none"}
    )

    assert (answer.status, answer.body) == (400, b"interface x:eth0: there is none\n")
    # What is no number is refused there, not taken for none.
    assert root.asked[0]["arguments"] == {"at": "x:eth0", "filter": None, "seconds": -1.0, "count": -1.0}


def test_assets_are_the_files_of_the_page_by_their_path_below_it(tmp_path: Path) -> None:
    for name in ("vendor/cytoscape.min.js", "js/map/map.js", "index.html", "notes.md", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    assert sorted(load(tmp_path)) == ["index.html", "js/map/map.js", "vendor/cytoscape.min.js"]


def test_a_page_without_what_npm_brings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path)
