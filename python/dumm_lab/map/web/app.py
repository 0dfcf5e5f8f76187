# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: addresses of the page, and what answers there."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from .asking import Asking, Refused
from .assets import INDEX, Asset
from .captures import Stream
from .guard import Guard, Keys, address
from .pages import Pages
from .terminals import serve as serve_terminal

_NONCE = b"%NONCE%"
# A style element needs the nonce, an attribute is never taken from HTML; scripts set styles by the object model, which is no inline style.
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'{nonce}; style-src-attr 'none'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PICTURES = {
    "svg": ("svg", "image/svg+xml"),
    "mmd": ("mermaid", "text/plain"),
    "d2": ("d2", "text/plain"),
    "dot": ("dot", "text/plain"),
    "drawio": ("drawio", "application/xml"),
}
_ALWAYS = {
    "Content-Security-Policy": _POLICY.format(nonce=""),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}


def application(assets: Mapping[str, Asset], pages: Pages, asking: Asking, keys: Keys | None) -> ASGIApp:
    """The application, behind its guard.

    :param keys: ``None`` where whoever can connect may ask.
    """

    async def index(_request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = _POLICY.format(nonce=f" 'nonce-{nonce}'")
        data = assets[INDEX].data.replace(_NONCE, nonce.encode())
        return Response(data, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def static(request: Request) -> Response:
        asset = assets.get(request.path_params["path"])
        if asset is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        if request.headers.get("if-none-match") == asset.tag:
            return Response(status_code=304, headers={"ETag": asset.tag})
        return Response(asset.data, headers={"ETag": asset.tag, "Content-Type": asset.kind})

    async def invite(request: Request) -> Response:
        if keys is None:
            return JSONResponse({"address": f"http://{request.headers['host']}/"})
        return JSONResponse({"address": address(f"http://{request.headers['host']}", keys.fresh())})

    async def terminal(socket: WebSocket) -> None:
        await serve_terminal(socket, asking)

    async def capture(request: Request) -> Response:
        told = request.query_params
        wanted: dict[str, Any] = {"at": told.get("at", ""), "filter": told.get("filter")}
        for key in ("seconds", "count"):
            if told.get(key):
                wanted[key] = number(told[key])
        try:
            reply = await asking.ask("capture", wanted)
        except Refused as exc:
            return _refusal(exc)
        return Stream(reply.descriptors[0], _file_name(told.get("at", "")))

    def picture(shape: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        async def drawn(_request: Request) -> Response:
            try:
                reply = await asking.ask("picture", {"format": shape})
            except Refused as exc:
                return _refusal(exc)
            return Response(str(reply.value), media_type=kind)

        return drawn

    routes = [
        Route("/", index),
        Route("/static/{path:path}", static),
        Route("/invite", invite, methods=["POST"]),
        Route("/capture", capture),
        *(Route(f"/picture.{end}", picture(shape, kind)) for end, (shape, kind) in _PICTURES.items()),
        WebSocketRoute("/live", pages.serve),
        WebSocketRoute("/terminal", terminal),
    ]
    return Guard(Starlette(routes=routes), keys, _ALWAYS)


def number(text: str) -> float | None:
    """A number of a query, ``None`` where it is none, which the root part refuses then."""
    try:
        found = float(text)
    except ValueError:
        return -1.0
    return found if math.isfinite(found) else -1.0


def _refusal(exc: Refused) -> Response:
    return Response(f"{exc}\n", 400, media_type="text/plain")


def _file_name(at: str) -> str:
    """``alice-eth0.pcapng``."""
    return f"{re.sub('[^A-Za-z0-9.-]+', '-', at)[:80].strip('-.') or 'capture'}.pcapng"
