"""Who may ask: the host name, the site that a request comes from, the token, and how much at once.

Plain ASGI, so that audio and events stream through it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soundalike.server.guesses import Guesses
from soundalike.server.problems import problem
from soundalike.server.settings import Settings
from soundalike.server.tokens import is_token

__all__ = ["COOKIE", "Security", "given_token", "is_local"]

COOKIE = "soundalike_token"

# What a page of ours may load: files of this server, and nothing written into the page itself.
_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HEALTH = "/api/v1/health"
_UPLOADS = "/api/v1/uploads"
# The page itself holds nothing of the library. Subsonic clients, below /rest/, say who they are in
# their own way: that is seen to there.
_GUARDED = ("/api/", "/metrics")
_OPEN = frozenset({"/api/v1/session", _HEALTH})
# What links of other sites may not open.
_NO_PAGES = (*_GUARDED, "/rest/")
# Of a request that carries no file.
_MOST_BODY = 2_000_000
# Whoever sends a body must not pause for longer, and must send so many bytes a second.
_MOST_PAUSE_S = 30.0
_LEAST_RATE = 10_000
# What listens for events, and what anybody may ask without the token, has this share of the places
# each: the rest is for whoever may ask, and asks for something.
_SHARE = 3
# What pages of allowed origins may send and see.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, Last-Event-ID",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "600",
}
_SEEN = "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, Retry-After"


class Security:
    """Refuses what must not be answered, and adds what a browser has to know.

    Parameters
    ----------
    app : what answers.
    settings : of the server.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        own = {"localhost", settings.host, socket.gethostname(), f"{socket.gethostname()}.local"}
        self._names = {name.lower() for name in (*own, *settings.names)}
        self._origins = {origin.lower().rstrip("/") for origin in settings.origins}
        self._asked: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()
        is_allowed_origin = origin in self._origins

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    found.setdefault(name, value)
                if is_allowed_origin:
                    found["Access-Control-Allow-Origin"] = origin
                    found["Access-Control-Expose-Headers"] = _SEEN
                    found["Cross-Origin-Resource-Policy"] = "cross-origin"
                if self._origins:
                    found.add_vary_header("Origin")
            await send(message)

        refusal = self._refusal(scope, headers)
        is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if refusal is None and is_preflight and is_allowed_origin:
            # A browser asks before the page may, and sends no token with it.
            refusal = Response(status_code=204, headers=_PREFLIGHT)
        if refusal is None and self._lacks_token(scope, headers):
            refusal = await self._without_token(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded_send)
            return
        kind = self._kind(scope)
        self._asked[kind] += 1
        try:
            body = _Body(receive, guarded_send, self._most(scope))
            try:
                await self._app(scope, body.receive, body.send)
            except Exception:
                if body.refusal is None:
                    raise
            if body.refusal is not None and not body.has_begun:
                await body.refusal(scope, receive, guarded_send)
        finally:
            self._asked[kind] -= 1

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        if not self._is_own_name(host):
            return problem(
                403,
                "UnknownHost",
                f"{host!r} is no name of this server: start it with --name to allow it",
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_own_origin(origin, host):
            return problem(403, "OtherSite", f"pages of {origin} may not ask this server")
        is_page = headers.get("sec-fetch-mode") == "navigate"
        is_page = is_page and not scope["path"].startswith(_NO_PAGES)
        # Another port of this host is the same site, and may be anybody's.
        is_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if is_elsewhere and origin is None and not is_page:
            # A link from elsewhere may open the page, and nothing else.
            return problem(403, "OtherSite", "pages of other sites may not ask this server")
        length = headers.get("content-length", "0")
        most = self._most(scope)
        if not (length.isascii() and length.isdigit() and len(length) < 19 and int(length) <= most):
            return _too_large(most)
        kind, places = self._kind(scope), self._settings.most_asked
        asked = self._asked.total()
        if kind and self._asked[kind] >= max(1, places // _SHARE):
            asked, places = self._asked[kind], 0
        if asked >= places and scope["path"] != _HEALTH:
            return problem(
                503,
                "Busy",
                f"{asked} requests{kind and f' {kind}'} are being answered: try again in 2 s",
                headers={"Retry-After": "2"},
            )
        return None

    def _kind(self, scope: Scope) -> str:
        """Of requests that have a share of the places, what is said of them; "" for others."""
        path = scope["path"]
        if path.endswith("/events"):
            return "for events"
        has_token = self._settings.token_hash is not None
        return "without the token" if has_token and not self._is_guarded(path) else ""

    def _is_guarded(self, path: str) -> bool:
        return path.startswith(_GUARDED) and path not in _OPEN

    def _lacks_token(self, scope: Scope, headers: Headers) -> bool:
        token_hash = self._settings.token_hash
        if token_hash is None or not self._is_guarded(scope["path"]):
            return False
        return not is_token(given_token(headers), token_hash)

    async def _without_token(self, scope: Scope, headers: Headers) -> Response:
        if given_token(headers):
            guesses: Guesses = scope["app"].state.service.guesses
            if not await guesses.wait():
                return guesses.refusal()
        return problem(
            401,
            "TokenNeeded",
            "this server asks for its token, as `Authorization: Bearer TOKEN`",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _most(self, scope: Scope) -> int:
        """Bytes that the body of a request may have."""
        is_upload = scope["path"] == _UPLOADS
        return self._settings.most_upload_bytes if is_upload else _MOST_BODY

    def _is_own_name(self, host: str) -> bool:
        name = _name_of(host)
        return name in self._names or _is_address(name)

    def _is_own_origin(self, origin: str, host: str) -> bool:
        if origin.lower().rstrip("/") in self._origins:
            return True
        scheme, _, place = origin.lower().partition("://")
        return scheme in ("http", "https") and place == host.lower()


def given_token(headers: Headers) -> str:
    """The token that a request carries, as a header or a cookie; "" for none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie is not None else ""


def is_local(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """The name or address in a Host header; "" where it is none."""
    try:
        apart = urlsplit(f"//{host}")
        is_host = apart.netloc == host and apart.username is None and apart.port != -1
    except ValueError:
        return ""
    return (apart.hostname or "") if is_host else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _too_large(most: int) -> Response:
    return problem(413, "TooLarge", f"at most {most:,} bytes are taken")


@dataclass(eq=False)
class _Body:
    """The body of a request, which ends where it gets too long or does not come.

    Whatever is answered to that is left out, for the sake of the reason.

    Attributes
    ----------
    refusal : the reason; None while all is well.
    has_begun : whether an answer was on its way before.
    """

    _receive: Receive
    _send: Send
    _most: int
    refusal: Response | None = None
    has_begun: bool = False
    _taken: int = 0
    _began: float = field(default_factory=time.monotonic)
    _is_whole: bool = False

    async def receive(self) -> Message:
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._is_whole:
            # What comes now is that the client goes, whenever that is.
            return await self._receive()
        message: Message = {"type": "http.disconnect"}
        so_far_s = time.monotonic() - self._began
        left_s = _MOST_PAUSE_S + self._taken / _LEAST_RATE - so_far_s
        with anyio.move_on_after(min(_MOST_PAUSE_S, left_s)) as pause:
            message = await self._receive()
        if pause.cancelled_caught:
            text = f"too little came in {so_far_s + max(0.0, min(_MOST_PAUSE_S, left_s)):.0f} s"
            self.refusal = problem(408, "TooSlow", text, headers={"Connection": "close"})
            return {"type": "http.disconnect"}
        self._taken += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._taken > self._most:
            self.refusal = _too_large(self._most)
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self.refusal is not None and not self.has_begun:
            return
        self.has_begun = True
        await self._send(message)
