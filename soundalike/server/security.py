"""Who may ask: the host name, the site that a request comes from, the token, and how much at once.

Plain ASGI, so that audio and events stream through it.
"""

from __future__ import annotations

import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
# The page itself holds nothing of the library; Subsonic clients say who they are in their own way.
_OPEN = ("/api/v1/session", "/api/v1/health", "/static/", "/rest/")
_GUARDED = ("/api/", "/metrics")
# Of a request that carries no file.
_MOST_BODY = 2_000_000
_UPLOADS = ("/api/v1/uploads",)


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
        self._asked = 0

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
                    found["Cross-Origin-Resource-Policy"] = "cross-origin"
                    found.add_vary_header("Origin")
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded_send)
            return
        self._asked += 1
        try:
            await self._app(scope, _bounded(receive, self._most(scope)), guarded_send)
        finally:
            self._asked -= 1

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
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
        is_page = is_page and not scope["path"].startswith(_GUARDED)
        if headers.get("sec-fetch-site") == "cross-site" and origin is None and not is_page:
            # A link from elsewhere may open the page, and nothing else.
            return problem(403, "OtherSite", "pages of other sites may not ask this server")
        length = headers.get("content-length", "0")
        most = self._most(scope)
        if not length.isdigit() or int(length) > most:
            return problem(413, "TooLarge", f"{length} bytes are sent: at most {most:,} are taken")
        if self._asked >= self._settings.most_asked:
            return problem(
                503,
                "Busy",
                f"{self._asked} requests are being answered: try again in 2 s",
                headers={"Retry-After": "2"},
            )
        token_hash = self._settings.token_hash
        path = scope["path"]
        is_guarded = path.startswith(_GUARDED) and not path.startswith(_OPEN)
        if token_hash is not None and is_guarded and not is_token(given_token(headers), token_hash):
            return problem(
                401,
                "TokenNeeded",
                "this server asks for its token, as `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return None

    def _most(self, scope: Scope) -> int:
        """Bytes that the body of a request may have."""
        is_upload = scope["path"].startswith(_UPLOADS)
        return self._settings.most_upload_bytes if is_upload else _MOST_BODY

    def _is_own_name(self, host: str) -> bool:
        name = (urlsplit(f"//{host}").hostname or "") if _is_host(host) else ""
        return name in self._names or _is_address(name)

    def _is_own_origin(self, origin: str, host: str) -> bool:
        if origin.lower().rstrip("/") in self._origins:
            return True
        apart = urlsplit(origin)
        return apart.scheme in ("http", "https") and apart.netloc.lower() == host.lower()


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


def _is_host(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").port != -1
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bounded(receive: Receive, most: int) -> Receive:
    """As it is, but a body without a stated length is refused where it gets too long."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"more than {most:,} bytes are sent: at most that are taken")
        return message

    return bounded
