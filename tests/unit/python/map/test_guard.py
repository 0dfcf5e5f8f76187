# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule of who may ask the map's web part for something."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dumm_lab.map.web.guard import Asked, Guard, Keys, Verdict, verdict

HOST = "127.0.0.1:8765"
ORIGIN = f"http://{HOST}"
TOKEN = "sesame"


@pytest.fixture
def keys() -> Keys:
    """Of a server with one token."""
    return Keys(TOKEN)


def cookie(keys: Keys) -> str:
    """What a browser sends once it is in."""
    found = keys.redeem(keys.fresh())
    assert found is not None
    return found.partition(";")[0]


def asked(keys: Keys, method: str = "GET", path: str = "/", query: str = "", **headers: str | None) -> Asked:
    """A request that is let through, but for what is given otherwise; ``None`` leaves a header out."""
    usual: dict[str, str | None] = {"host": HOST, "cookie": cookie(keys)}
    if method != "GET":
        usual["origin"] = ORIGIN
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(method, path, query, {name: value for name, value in usual.items() if value is not None})


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/capture"), ("POST", "/invite"), ("WEBSOCKET", "/live")]
)
@pytest.mark.parametrize("host", [HOST, "localhost:8765", "localhost", "[::1]:8765", "127.0.0.1:18765"])
def test_a_browser_of_this_machine_that_is_in_gets_through(method: str, path: str, host: str, keys: Keys) -> None:
    origin = None if method == "GET" else f"http://{host}"

    assert verdict(asked(keys, method, path, host=host, origin=origin), keys) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:8765@evil.example",
        "",
        None,
        "localhost:8765\n",
        "localhost:123456",
        "0.0.0.0:8765",
        "192.0.2.1:8765",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "WEBSOCKET"])
def test_another_host_is_refused(host: str | None, method: str, keys: Keys) -> None:
    refused = verdict(asked(keys, method, "/live", host=host, origin=f"http://{host}"), keys)

    assert refused is not None and refused.status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:8765",
        "http://127.0.0.1:8766",
        "http://localhost:8765",
        "null",
        "",
        "http://127.0.0.1:8765/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "WEBSOCKET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_another_origin_is_refused(origin: str, method: str, keys: Keys) -> None:
    refused = verdict(asked(keys, method, "/live", origin=origin), keys)

    assert refused is not None and refused.status == 403


@pytest.mark.parametrize("method", ["POST", "WEBSOCKET", "PUT", "DELETE", "OPTIONS"])
def test_no_origin_is_refused_where_something_could_change(method: str, keys: Keys) -> None:
    refused = verdict(asked(keys, method, "/live", origin=None), keys)

    assert refused is not None and refused.status == 403


@pytest.mark.parametrize("name", ["host", "origin"])
def test_a_header_that_comes_twice_is_refused(name: str, keys: Keys) -> None:
    usual = asked(keys, "POST", "/invite")
    twice = Asked(usual.method, usual.path, usual.query, usual.headers, frozenset({name}))

    assert verdict(usual, keys) is None
    assert isinstance(verdict(twice, keys), Verdict)


@pytest.mark.parametrize("given", [None, "", "dumm-map=x", "dumm-map-00000000=x", "a=b; c=d", '"', "=", "é=é"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/static/js/main.js"), ("POST", "/invite"), ("WEBSOCKET", "/terminal")]
)
def test_nobody_gets_in_without_the_cookie(given: str | None, method: str, path: str, keys: Keys) -> None:
    refused = verdict(asked(keys, method, path, cookie=given), keys)

    assert refused is not None and refused.status == 403


def test_the_cookie_with_another_value_is_refused(keys: Keys) -> None:
    refused = verdict(asked(keys, cookie=f"{keys.cookie}=guessed"), keys)

    assert refused is not None and refused.status == 403


def test_a_cookie_of_another_server_is_refused(keys: Keys) -> None:
    assert verdict(asked(keys, cookie=cookie(Keys("other"))), keys) is not None


def test_a_token_is_worth_a_cookie_that_scripts_and_other_sites_do_not_get(keys: Keys) -> None:
    entry = verdict(asked(keys, query=f"token={TOKEN}", cookie=None), keys)

    assert entry is not None and entry.status == 303
    headers = dict(entry.headers)
    assert headers["Location"] == "/"
    given, *attributes = headers["Set-Cookie"].split("; ")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]
    assert verdict(asked(keys, cookie=given), keys) is None


def test_a_token_that_was_followed_from_another_site_is_no_redirect(keys: Keys) -> None:
    # A browser would send what it redirects to as the other site's, without the cookie.
    entry = verdict(asked(keys, query=f"token={TOKEN}", cookie=None, sec_fetch_site="cross-site"), keys)

    assert entry is not None and entry.status == 200
    assert {"Refresh", "Set-Cookie"} == dict(entry.headers).keys()


def test_a_token_holds_once(keys: Keys) -> None:
    again = asked(keys, query=f"token={TOKEN}", cookie=None)
    verdict(again, keys)

    refused = verdict(again, keys)

    assert refused is not None and refused.status == 403 and refused.headers == ()


def test_tokens_that_nobody_uses_do_not_pile_up(keys: Keys) -> None:
    made = [keys.fresh() for _each in range(200)]

    assert keys.redeem(made[0]) is None
    assert keys.redeem(TOKEN) is None
    assert keys.redeem(made[-1]) is not None


def test_an_old_address_is_good_for_somebody_who_is_in(keys: Keys) -> None:
    entry = verdict(asked(keys, query="token=old"), keys)

    assert entry == Verdict(303, "", (("Location", "/"),))


@pytest.mark.parametrize(
    "query", ["token=", "token=Sesame", "token=sesame2", f"tokens={TOKEN}", f"token={TOKEN}&" * 200, "token=%ff", "%"]
)
def test_a_wrong_token_is_worth_nothing(query: str, keys: Keys) -> None:
    refused = verdict(asked(keys, query=query, cookie=None), keys)

    assert refused is not None and refused.status == 403
    # And the right one still holds.
    assert keys.redeem(TOKEN) is not None


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("GET", "/static/js/main.js"), ("WEBSOCKET", "/live")])
def test_a_token_is_worth_something_at_the_page_alone(method: str, path: str, keys: Keys) -> None:
    refused = verdict(asked(keys, method, path, f"token={TOKEN}", cookie=None), keys)

    assert refused is not None and refused.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_embeds_is_refused_without_any_cookie(site: str, keys: Keys) -> None:
    request = asked(keys, "GET", "/capture", sec_fetch_site=site)

    assert isinstance(verdict(request, None), Verdict)
    assert isinstance(verdict(request, keys), Verdict)


def test_a_socket_of_a_group_needs_no_cookie_but_the_right_host_and_origin(keys: Keys) -> None:
    assert verdict(asked(keys, "WEBSOCKET", "/live", cookie=None), None) is None
    assert verdict(asked(keys, "WEBSOCKET", "/live", cookie=None, origin="http://evil.example"), None) is not None
    assert verdict(asked(keys, "GET", "/", cookie=None, host="evil.example"), None) is not None


def answered(keys: Keys | None, scope: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """What a guard sends for a request, and whether it let it through."""
    sent: list[dict[str, Any]] = []
    through = []

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        through.append(True)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(inner, keys, {"X-Always": "2", "X-Own": "3"})(scope, receive, send))
    return sent, bool(through)


def scope_of(kind: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": kind, "method": "GET", "path": "/", "query_string": b"", "headers": headers}


def test_each_answer_has_the_headers_that_hold_for_all(keys: Keys) -> None:
    raw = [(b"host", HOST.encode()), (b"cookie", cookie(keys).encode())]

    passed, through = answered(keys, scope_of("http", raw))
    refused, _through = answered(keys, scope_of("http", raw[:1]))

    assert through
    assert passed[0]["headers"] == [(b"x-own", b"1"), (b"x-always", b"2")]
    assert refused[0]["status"] == 403
    assert (b"x-always", b"2") in refused[0]["headers"]


def test_a_websocket_is_refused_before_it_is_accepted(keys: Keys) -> None:
    sent, through = answered(
        keys, scope_of("websocket", [(b"host", HOST.encode()), (b"cookie", cookie(keys).encode())])
    )

    assert not through
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_headers_that_come_twice_are_seen(keys: Keys) -> None:
    raw = [(b"host", HOST.encode()), (b"Host", b"evil.example"), (b"cookie", cookie(keys).encode())]

    assert answered(keys, scope_of("http", raw))[1] is False
