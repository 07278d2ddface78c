"""Where Subsonic players ask: ``/rest/ENDPOINT``, by GET or with a form."""

from __future__ import annotations

import logging
from dataclasses import dataclass
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
from soundalike.server.subsonic.access import WRONG, check_access
from soundalike.server.subsonic.calls import HANDLERS, Call
from soundalike.server.subsonic.envelope import Failure, answer, failure

__all__ = ["router"]

# They put themselves into HANDLERS.
_MODULES = (alike, browsing, media, playlists)
_NOT_FOUND = (TrackNotFound, UnreadableFile, PlaylistNotFound)
# As many tracks as a playlist of the other API, and what goes with them.
_MOST_FIELDS = 20_020
_PUBLIC = ("getOpenSubsonicExtensions",)

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/rest", include_in_schema=False)


@router.api_route("/{name}", methods=["GET", "POST"])
async def rest(request: Request, name: str) -> Any:
    """Any endpoint of the Subsonic API."""
    body = await request.body() if request.method == "POST" else b""
    service: Service = request.app.state.service
    plain_name = name.removesuffix(".view")
    found = await run_in_threadpool(_answered, service, plain_name, body, request)
    if isinstance(found, _Refused):
        # As a wrong token does, so that a password is not guessed at full speed.
        if not await service.guesses.wait():
            return service.guesses.refusal()
        return found.response
    return found


@dataclass(frozen=True)
class _Refused:
    """The answer to whoever gave a wrong password or key."""

    response: Response


def _given(request: Request, body: bytes) -> dict[str, list[str]]:
    """The parameters by name. Raises Failure for more than anybody needs."""
    pairs = list(request.query_params.multi_items())
    try:
        pairs += parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Failure(0, f"a form has at most {_MOST_FIELDS:,} fields") from None
    given: dict[str, list[str]] = {}
    for key, value in pairs:
        given.setdefault(key, []).append(value)
    return given


def _answered(service: Service, name: str, body: bytes, request: Request) -> Response | _Refused:
    form, callback = "xml", ""
    try:
        given = _given(request, body)
        first = {key: values[0] for key, values in given.items()}
        form, callback = first.get("f", "xml"), first.get("callback", "")
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
        )
        found = handler(call)
    except Failure as error:
        refusal = failure(error, form, callback)
        return _Refused(refusal) if error.code in WRONG else refusal
    except SoundalikeError as error:
        code = 70 if isinstance(error, _NOT_FOUND) else 0
        return failure(Failure(code, str(error)), form, callback)
    except Exception as error:
        _log.error("a request failed", exc_info=error)
        words = f"{with_place(error)}: a fault of soundalike, please report it"
        return failure(Failure(0, words), form, callback)
    return found if isinstance(found, Response) else answer(found, form, callback)
