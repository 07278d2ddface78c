"""The page: the files that it is made of, and the URLs of its views.

All files are read once, when the app is made. So a server that runs goes on with the page that
fits its API while an upgrade replaces the files. A browser asks each time whether what it has is
still right (``no-cache``), which one hash answers: after an upgrade it never mixes old and new.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from soundalike.server.conditional import unchanged

__all__ = ["VIEWS", "nothing_here", "page_routes"]

STATIC = Path(__file__).parent / "static"

VIEWS = (
    "/",
    "/track/{track_id:int}",
    "/upload/{upload_id}",
    "/compare",
    "/compare/{a:int}/{b:int}",
    "/map",
    "/playlist",
    "/playlists",
    "/playlists/{playlist_id}",
    "/radio",
    "/radio/{track_id:int}",
    "/odd-one-out",
    "/taste",
    "/scan",
    "/evaluation",
    "/versions",
    "/models",
    "/sign-in",
)
"""The URLs of views: what each shows is read by the page itself (``static/js/main.js``)."""

# Whoever asks for something below these wants no page.
_NO_VIEWS = ("/api/", "/rest/", "/static/")
# What the page is made of, and nothing else, whatever may lie in the folder.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED = (".css", ".html", ".js", ".svg")


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    compressed: bytes | None
    etag: str
    media_type: str


def page_routes() -> list[BaseRoute]:
    """The routes of the page: its views, and ``/static/``."""
    return [
        *(Route(path, _view, include_in_schema=False) for path in VIEWS),
        Route("/static/{name:path}", _static, include_in_schema=False),
    ]


def nothing_here(request: Request) -> Response | None:
    """The page with status 404, if a browser goes to a URL that no view has; else None.

    The page says so itself, and leads back to the library.
    """
    is_visit = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not is_visit or request.url.path.startswith(_NO_VIEWS):
        return None
    answer = _answer(request, _files()["index.html"], conditional=False)
    answer.status_code = 404
    return answer


async def _view(request: Request) -> Response:
    return _answer(request, _files()["index.html"])


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    found = _files().get(name)
    if found is None:
        raise HTTPException(404, f"the page has no file {name!r}")
    return _answer(request, found)


@cache
def _files() -> dict[str, _File]:
    return {
        path.relative_to(STATIC).as_posix(): _read(path)
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in _TYPES
    }


def _read(path: Path) -> _File:
    body = path.read_bytes()
    compressed = gzip.compress(body, mtime=0) if path.suffix in _COMPRESSED else None
    digest = hashlib.sha256(body).hexdigest()[:24]
    return _File(body, compressed, f'"{digest}"', _TYPES[path.suffix])


def _answer(request: Request, file: _File, *, conditional: bool = True) -> Response:
    # Weak, since the same tag stands for both encodings.
    headers = {"ETag": f"W/{file.etag}", "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    known = unchanged(request, headers) if conditional else None
    if known is not None:
        return known
    body = file.body
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = file.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=file.media_type)
