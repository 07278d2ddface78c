"""Errors as problem documents (RFC 9457), in the words of the command line."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from soundalike.errors import (
    AmbiguousTrack,
    AudioError,
    Busy,
    FileAway,
    InvalidArgument,
    LibraryError,
    MissingExtra,
    ModelError,
    OutputError,
    PlaylistError,
    PlaylistNotFound,
    SoundalikeError,
    TrackNotFound,
    UnreadableFile,
    UnsupportedAudio,
    with_place,
)
from soundalike.files import why
from soundalike.server.pages import nothing_here
from soundalike.show.documents import as_text

__all__ = ["PROBLEMS", "Problem", "add_handlers", "document_of", "problem"]

_log = logging.getLogger(__name__)

# Of what is wrong with a request, so much is told.
_MOST_LINES = 10

# The first that fits.
_STATUS: tuple[tuple[type[SoundalikeError], HTTPStatus], ...] = (
    (TrackNotFound, HTTPStatus.NOT_FOUND),
    (AmbiguousTrack, HTTPStatus.CONFLICT),
    (InvalidArgument, HTTPStatus.UNPROCESSABLE_ENTITY),
    (PlaylistNotFound, HTTPStatus.NOT_FOUND),
    (PlaylistError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (FileAway, HTTPStatus.BAD_GATEWAY),
    (UnreadableFile, HTTPStatus.NOT_FOUND),
    (UnsupportedAudio, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (AudioError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE),
    (MissingExtra, HTTPStatus.NOT_IMPLEMENTED),
    (OutputError, HTTPStatus.INSUFFICIENT_STORAGE),
    (ModelError, HTTPStatus.CONFLICT),
    (LibraryError, HTTPStatus.CONFLICT),
)


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = Field(examples=["urn:soundalike:TrackNotFound"])
    title: str = Field(examples=["TrackNotFound"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no track #12 in the library"])
    advice: str | None = Field(None, description="What to do, where that is not in the detail.")


# By its name, so that generated clients have one class of it: the states of jobs bring it in.
_REFERENCE = {"$ref": "#/components/schemas/Problem"}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"schema": _REFERENCE}},
    }
    for status, text in (
        (400, "The request cannot be read."),
        (401, "The token is missing or wrong."),
        (403, "The request comes from another site, or by an unknown host name."),
        (404, "There is no such track, or its file is gone."),
        (409, "The state of the library forbids it: it is empty, locked, or of another model."),
        (408, "The request was sent too slowly."),
        (413, "Too large."),
        (415, "Not a kind of audio that can be read."),
        (422, "A value is out of range, or contradicts another one."),
        (429, "Too many wrong tokens come at once."),
        (501, "An extra is not installed."),
        (507, "The disk of the server is full."),
        (502, "Only a music server has the file, which is away or refuses to send it."),
        (503, "Too much is asked for at once, or the server ends: come again."),
    )
}
"""Responses that any operation may give, for OpenAPI."""


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    advice: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document as a response."""
    return _response(_document(status, title, detail, advice), headers)


def document_of(error: Exception) -> dict[str, Any]:
    """The problem document of an error; one that is not ours is a fault of the program."""
    title = type(error).__name__
    if not isinstance(error, SoundalikeError):
        detail = f"{with_place(error)}: a fault of soundalike or of its dependencies"
        return _document(HTTPStatus.INTERNAL_SERVER_ERROR, title, detail, "please report it")
    status = next((s for kind, s in _STATUS if isinstance(error, kind)), HTTPStatus.CONFLICT)
    advice = error.advice if isinstance(error, AudioError) else None
    return _document(status, title, str(error), advice)


def _document(status: int, title: str, detail: str, advice: str | None) -> dict[str, Any]:
    return {
        "type": f"urn:soundalike:{title}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "advice": advice,
    }


def _response(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        as_text(document),
        status_code=document["status"],
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def _of_error(error: SoundalikeError) -> Response:
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return _response(document_of(error), headers)


def _of_validation(error: RequestValidationError) -> Response:
    found = error.errors()
    lines = []
    for each in found[:_MOST_LINES]:
        place = ".".join(str(part) for part in each["loc"])
        lines.append(f"{place}: {each['msg']}")
    if len(found) > _MOST_LINES:
        lines.append(f"and {len(found) - _MOST_LINES:,} more")
    return problem(422, "InvalidArgument", "; ".join(lines) or "the request cannot be read")


def _of_http(error: HTTPException) -> Response:
    if isinstance(error.__cause__, OSError):
        # A file that is sent is kept while it comes.
        text = (
            f"what was sent cannot be kept: {why(error.__cause__)}; make room, then send it again"
        )
        return _of_error(OutputError(text))
    title = HTTPStatus(error.status_code).phrase.replace(" ", "")
    return problem(error.status_code, title, str(error.detail), headers=error.headers)


def add_handlers(app: FastAPI) -> None:
    """Have the app answer every error with a problem document."""

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, SoundalikeError)
        return _of_error(error)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _of_validation(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        page = nothing_here(request) if error.status_code == HTTPStatus.NOT_FOUND else None
        return page or _of_http(error)

    async def unknown(_: Request, error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return _response(document_of(error))

    app.add_exception_handler(SoundalikeError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unknown)
