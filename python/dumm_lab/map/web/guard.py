# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask the web part for something: every rule of the map's security that HTTP has to do with.  Pure but for the ASGI class.

A page of another site must neither read nor change a lab, although its browser reaches this server.  So the ``Host`` is one of this machine
(against DNS rebinding), the ``Origin`` of a WebSocket and of all that is no GET is this server's own, and nobody gets anything without a
cookie, which is had for a token that holds once.  docs/howto/map.md explains each rule.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# "localhost:8765", whatever the port: an ssh(1) tunnel has another one at its near end.
_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_SAFE = ("GET", "HEAD")
_OWN_SITE = ("none", "same-origin")
_BYTES = 32
# That nobody has used yet; whoever invites too often makes the oldest worthless.
_MOST_TOKENS = 64


class Keys:
    """Tokens that hold once each, and the cookie that they are exchanged for.

    :ivar cookie: name of the cookie; another one for each server, since cookies are the same for all ports.
    """

    def __init__(self, token: str) -> None:
        self._tokens = [token]
        self._secret = secrets.token_urlsafe(_BYTES)
        self.cookie = f"dumm-map-{secrets.token_hex(4)}"

    def fresh(self) -> str:
        """One more token."""
        token = secrets.token_urlsafe(_BYTES)
        self.add(token)
        return token

    def add(self, token: str) -> None:
        """One more token, which somebody else has made."""
        self._tokens = [*self._tokens[1 - _MOST_TOKENS :], token]

    def redeem(self, token: str) -> str | None:
        """The value of the ``Set-Cookie`` header that a token is worth; it holds no more after that."""
        found = [each for each in self._tokens if hmac.compare_digest(each.encode(), token.encode())]
        if not found:
            return None
        self._tokens = [each for each in self._tokens if each not in found]
        return f"{self.cookie}={self._secret}; Path=/; HttpOnly; SameSite=Strict"

    def knows(self, cookies: str) -> bool:
        """Whether a ``Cookie`` header has the right one."""
        try:
            jar: SimpleCookie = SimpleCookie(cookies)
        except CookieError:
            return False
        morsel = jar.get(self.cookie)
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self._secret.encode())


@dataclass(frozen=True)
class Asked:
    """What the rules look at.

    :ivar method: ``WEBSOCKET`` for one.
    :ivar headers: by name in small letters; ``several`` has those that came more than once.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    several: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What becomes of a request that is not let through.

    :ivar status: of HTTP.
    :ivar said: the page's text.
    :ivar headers: more of them.
    """

    status: int
    said: str
    headers: tuple[tuple[str, str], ...] = ()


def verdict(asked: Asked, keys: Keys | None) -> Verdict | None:
    """Whether a request is let through: ``None``, or what is answered instead.

    :param keys: ``None`` where whoever can connect may ask, as with a socket of a group.
    """
    host = asked.headers.get("host", "")
    if "host" in asked.several or not _HOST.fullmatch(host):
        return Verdict(403, "This server answers only as localhost.")
    origin = asked.headers.get("origin")
    if origin is None and asked.method not in _SAFE:
        return Verdict(403, "Request without an origin.")
    if origin is not None and ("origin" in asked.several or origin != f"http://{host}"):
        return Verdict(403, "Request from another site.")
    # Where no cookie tells it, the browser does: an image of another site must not begin a capture.
    if asked.headers.get("sec-fetch-site", "none") not in _OWN_SITE and asked.path != "/":
        return Verdict(403, "Request from another site.")
    if keys is None:
        return None
    if asked.method == "GET" and asked.path == "/" and (token := _token(asked.query)) is not None:
        return _entry(token, asked, keys)
    if not keys.knows(asked.headers.get("cookie", "")):
        return Verdict(403, _NO_ENTRY)
    return None


_NO_ENTRY = (
    "You need a fresh address for this map: each holds once. Press Enter in the terminal where 'dumm map' runs, or click "
    "'Invite' in a page that is open."
)


def _entry(token: str, asked: Asked, keys: Keys) -> Verdict:
    cookie = keys.redeem(token)
    if cookie is not None:
        if asked.headers.get("sec-fetch-site", "none") in _OWN_SITE:
            return Verdict(303, "", (("Location", "/"), ("Set-Cookie", cookie)))
        # After a click in a page of another site, a redirect would still count as that site's, and come without the cookie.
        return Verdict(200, "The map opens.", (("Refresh", "0; url=/"), ("Set-Cookie", cookie)))
    # Somebody who is in already may have followed an old address.
    if keys.knows(asked.headers.get("cookie", "")):
        return Verdict(303, "", (("Location", "/"),))
    return Verdict(403, _NO_ENTRY)


def _token(query: str) -> str | None:
    found = parse_qs(query, max_num_fields=8) if len(query) < 1024 else {}
    return found["token"][0] if "token" in found else None


def address(base: str, token: str) -> str:
    """The address that a token is in."""
    return f"{base}/?{urlencode({'token': token})}"


class Guard:
    """ASGI application that lets through what the rules allow, and adds the headers that hold for all answers.

    :param always: headers for each answer.
    """

    def __init__(self, inner: ASGIApp, keys: Keys | None, always: Mapping[str, str]) -> None:
        self._inner, self._keys = inner, keys
        self._always = [(name.lower().encode(), value.encode()) for name, value in always.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        refused = verdict(_asked(scope), self._keys)
        if refused is None:
            await self._inner(scope, receive, self._adding(send))
        elif scope["type"] == "websocket":
            await receive()
            # Before it is accepted, this is an answer 403.
            await send({"type": "websocket.close", "code": 4403, "reason": refused.said[:120]})
        else:
            await self._refuse(refused, send)

    def _adding(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _value in message.get("headers", ())}
                more = [each for each in self._always if each[0] not in own]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        return sending

    async def _refuse(self, refused: Verdict, send: Send) -> None:
        body = f"{refused.said}\n".encode()
        headers = [(name.lower().encode(), value.encode()) for name, value in refused.headers]
        headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": refused.status, "headers": [*headers, *self._always]})
        await send({"type": "http.response.body", "body": body})


def _asked(scope: Scope) -> Asked:
    headers: dict[str, str] = {}
    several = set()
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in headers:
            several.add(name)
        headers[name] = value.decode("latin-1")
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    return Asked(method, scope["path"], scope["query_string"].decode("latin-1"), headers, frozenset(several))
