"""The sound of tracks: to be heard, and to be seen."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from soundalike.audio.covers import Cover, embedded_cover, folder_covers, read_cover
from soundalike.audio.playable import STREAMED, browser_type
from soundalike.errors import printable
from soundalike.server.answers import Answer
from soundalike.server.api.tracks import TrackId
from soundalike.server.conditional import CHECKED, unchanged
from soundalike.server.problems import problem
from soundalike.server.requests import Seconds
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked, Service
from soundalike.server.streams import FileAnswer, StreamAnswer
from soundalike.show.outline import MOST_POINTS, Peaks, Theme, draw_mel

__all__ = ["cover_of", "play", "router"]

router = APIRouter(prefix="/api/v1", tags=["tracks"])

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A picture.",
        "content": {
            name: {"schema": {"type": "string", "format": "binary"}}
            for name in ("image/png", "image/jpeg", "image/gif", "image/webp")
        },
    },
    304: {"description": "It is what you have."},
}
_SOUND: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {
            name: {"schema": {"type": "string", "format": "binary"}}
            for name in ("audio/mpeg", "audio/flac", "audio/ogg", "audio/mp4", "audio/wav")
        },
    }
    for status, text in ((200, "The sound."), (206, "A range of the file."))
}
_SOUND[304] = {"description": "It is what you have."}
_SOUND[416] = {"description": "The file has no such range."}


@router.get("/tracks/{track_id}/peaks", response_model=schema_of(Peaks))
def peaks(
    asked: Asked, track_id: TrackId, points: Annotated[int, Query(ge=1, le=MOST_POINTS)] = 1000
) -> Any:
    """The waveform, to be drawn: lowest and highest sample of equal stretches, full scale at 1.

    The file is decoded when it is asked for the first time; then it is kept.
    """
    return Answer(asked.outlines.of(track_id).peaks(points))


@router.get("/tracks/{track_id}/mel.png", response_class=Response, responses=_PICTURE)
def mel(
    asked: Asked,
    request: Request,
    track_id: TrackId,
    width: Annotated[int, Query(ge=16, le=4000, description="Pixels; it is 128 high.")] = 1200,
    theme: Theme = "light",
) -> Any:
    """The mel spectrogram as a PNG: time to the right, low frequencies below, 80 dB of range."""
    picture = draw_mel(asked.outlines.of(track_id), width, theme)
    return _picture(request, Cover(picture, "image/png"))


@router.get(
    "/tracks/{track_id}/cover",
    response_class=Response,
    responses=_PICTURE | {204: {"description": "There is none, and `missing=empty`."}},
)
def cover(
    asked: Asked,
    request: Request,
    track_id: TrackId,
    missing: Annotated[
        Literal["problem", "empty"],
        Query(description="What to answer where there is none: for a page, nothing is no error."),
    ] = "problem",
) -> Any:
    """The cover: in the tags of the file, or `cover.jpg`, `folder.jpg` and the like beside it."""
    found = cover_of(asked, track_id)
    if found is None and missing == "empty":
        return Response(status_code=204, headers={"Cache-Control": CHECKED})
    if found is None:
        track = asked.library.track(track_id)
        detail = f"there is no cover in {printable(track.path)}, or beside it"
        return problem(404, "CoverNotFound", detail)
    return _picture(request, found)


@router.get("/tracks/{track_id}/audio", response_class=Response, responses=_SOUND)
def audio(
    asked: Asked,
    track_id: TrackId,
    format: Annotated[
        Literal["mp3", "opus", "flac"] | None,
        Query(description="Encode it so; by default only what browsers cannot play, as MP3."),
    ] = None,
    start_s: Annotated[
        Seconds | None, Query(description="Encode it from here on, in seconds.")
    ] = None,
) -> Any:
    """The sound of a track, for a player: the file itself, in ranges, if browsers play it.

    Anything else is encoded while it is heard. That has no ranges: to go somewhere else, ask again
    with `start_s`.
    """
    return play(asked, track_id, format, start_s)


def play(
    service: Service, track_id: int, file_format: str | None, start_s: float | None
) -> Response:
    """The answer with the sound of a track.

    Parameters
    ----------
    file_format : one of ``STREAMED``; None for the file itself, if browsers play it.
    start_s : seconds; None for all, from a file that can be asked for ranges.

    Raises
    ------
    TrackNotFound, UnreadableFile : as ``Library.file_to_play``.
    AudioError, InvalidArgument, Busy : it has to be encoded, and cannot be.
    """
    track, path = service.library.file_to_play(track_id)
    own_type = browser_type(path, track.codec)
    if file_format is None and not start_s and own_type is not None:
        return FileAnswer(path, own_type)
    file_format = file_format or "mp3"
    transcoding = service.transcoders.start(path, file_format, start_s or 0.0)
    try:
        first = transcoding.read()
    except BaseException:
        transcoding.close()
        raise
    return StreamAnswer(transcoding, first, STREAMED[file_format])


def cover_of(service: Service, track_id: int) -> Cover | None:
    """The cover of a track; None where there is none.

    Raises
    ------
    TrackNotFound, UnreadableFile : as ``Library.file_to_play``.
    """
    track, path = service.library.file_to_play(track_id)
    found = embedded_cover(path)
    if found is not None:
        return found
    for picture in folder_covers(track.path.parent):
        # A link in the folder may point anywhere.
        if service.library.is_scanned(picture.resolve()):
            found = read_cover(picture)
            if found is not None:
                return found
    return None


def _picture(request: Request, picture: Cover) -> Response:
    etag = f'"{hashlib.blake2b(picture.data, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": CHECKED}
    whole = Response(picture.data, media_type=picture.media_type, headers=headers)
    return unchanged(request, headers) or whole
