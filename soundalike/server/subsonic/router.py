"""Where Subsonic players ask: ``/rest/ENDPOINT``, by GET or with a form."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from soundalike.errors import (
    PlaylistNotFound,
    SoundalikeError,
    TrackNotFound,
    UnreadableFile,
    with_place,
)
from soundalike.server.service import Service
from soundalike.server.subsonic import alike, browsing, media, playlists
from soundalike.server.subsonic.access import check_access
from soundalike.server.subsonic.calls import HANDLERS, Call
from soundalike.server.subsonic.envelope import Failure, answer, failure

__all__ = ["router"]

# They put themselves into HANDLERS.
_MODULES = (alike, browsing, media, playlists)
_NOT_FOUND = (TrackNotFound, UnreadableFile, PlaylistNotFound)
_PUBLIC = ("getOpenSubsonicExtensions",)

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/rest", include_in_schema=False)


@router.api_route("/{name}", methods=["GET", "POST", "HEAD"])
async def rest(request: Request, name: str) -> Any:
    """Any endpoint of the Subsonic API."""
    given: dict[str, list[str]] = {}
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        body = await request.body()
        pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    for key, value in pairs:
        given.setdefault(key, []).append(value)
    service: Service = request.app.state.service
    return await run_in_threadpool(_answered, service, name.removesuffix(".view"), given, request)


def _answered(
    service: Service, name: str, given: dict[str, list[str]], request: Request
) -> Response:
    first = {key: values[0] for key, values in given.items()}
    form, callback = first.get("f", "xml"), first.get("callback", "")
    try:
        if name not in _PUBLIC:
            check_access(service.settings, first)
        handler = HANDLERS.get(name)
        if handler is None:
            raise Failure(0, f"this server has no endpoint {name!r}")
        call = Call(
            service=service,
            given=given,
            user=first.get("u", "soundalike"),
            headers=dict(request.headers),
            is_head=request.method == "HEAD",
        )
        found = handler(call)
    except Failure as error:
        return failure(error, form, callback)
    except SoundalikeError as error:
        code = 70 if isinstance(error, _NOT_FOUND) else 0
        return failure(Failure(code, str(error)), form, callback)
    except Exception as error:
        _log.error("a request failed", exc_info=error)
        words = f"{with_place(error)}: a fault of soundalike, please report it"
        return failure(Failure(0, words), form, callback)
    return found if isinstance(found, Response) else answer(found, form, callback)
