"""Sound and pictures."""

from __future__ import annotations

from starlette.responses import Response

from soundalike.library.catalogue import catalogue_of
from soundalike.server.api.sound import cover_of, play
from soundalike.server.streams import FileAnswer
from soundalike.server.subsonic.calls import Call, endpoint
from soundalike.server.subsonic.entries import content_type_of, cover_track
from soundalike.server.subsonic.envelope import Failure

__all__: list[str] = []

_FORMATS = ("mp3", "opus", "flac")


@endpoint("stream")
def stream(call: Call) -> Response:
    """The file, or what a player asks it to be made: a format, or a start (transcodeOffset)."""
    wanted = call.text("format", "")
    start_s = call.number("timeOffset", 0, most=10**7)
    file_format = wanted if wanted in _FORMATS else None
    if wanted == "raw" and not start_s:
        return _file(call)
    return play(
        call.service,
        call.track_id(),
        file_format,
        float(start_s) or None,
    )


@endpoint("download")
def download(call: Call) -> Response:
    """The file as it is."""
    return _file(call)


def _file(call: Call) -> Response:
    track, path = call.service.library.file_to_play(call.track_id())
    return FileAnswer(path, content_type_of(track.path.suffix[1:].lower()))


@endpoint("getCoverArt")
def get_cover_art(call: Call) -> Response:
    """The picture of a track, an album or an artist, in its own size."""
    with call.service.library.view() as view:
        track_id = cover_track(catalogue_of(view), call.text("id"))
    found = cover_of(call.service, track_id)
    if found is None:
        raise Failure(70, f"there is no picture of {call.text('id')!r}")
    return Response(
        found.data,
        media_type=found.media_type,
        headers={"Cache-Control": "private, max-age=86400"},
    )
