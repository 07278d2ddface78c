"""What sounds alike, and what is liked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soundalike.library.limits import NO_LIMITS, Limits
from soundalike.library.records import Track
from soundalike.recommend.journey import make_path
from soundalike.server.subsonic.calls import Call, as_track_id, endpoint
from soundalike.server.subsonic.entries import Entries
from soundalike.server.subsonic.envelope import Failure

__all__: list[str] = []

Document = Mapping[str, Any]

# A mix of one artist is no mix.
_MIX = Limits(max_per_artist=3)
# Of an album or an artist, so many tracks say what it sounds like.
_MOST_SEEDS = 50


@endpoint("getSonicSimilarTracks")
def get_sonic_similar_tracks(call: Call) -> Document:
    count = call.number("count", 10)
    found = call.service.library.similar(call.track_id(), max(count, 1), taste=call.service.taste())
    pairs = [(match.track, match.similarity) for match in found.matches]
    return {"sonicMatch": _matched(call, pairs[:count])}


@endpoint("findSonicPath")
def find_sonic_path(call: Call) -> Document:
    ends = [call.track_id("startSongId"), call.track_id("endSongId")]
    library = call.service.library
    # At most so many, of whatever there is: a player cannot be asked to allow more.
    count = min(call.number("count", 25, least=2), len(library.index()))
    made = make_path(library, ends, tracks=count, limits=NO_LIMITS, taste=call.service.taste())
    tracks = [stop.track for stop in made.stops if stop.track is not None]
    with library.view() as view:
        rows = [view.index.row_of(track.track_id) for track in tracks]
        # All of them are analysed, or there would be no path.
        embeddings = view.index.embeddings[[row for row in rows if row is not None]]
        similarities = embeddings @ embeddings[0]
    pairs = list(zip(tracks, similarities.tolist(), strict=True))
    return {"sonicMatch": _matched(call, pairs)}


@endpoint("getSimilarSongs")
def get_similar_songs(call: Call) -> Document:
    return {"similarSongs": {"song": _mix(call)}}


@endpoint("getSimilarSongs2")
def get_similar_songs2(call: Call) -> Document:
    return {"similarSongs2": {"song": _mix(call)}}


@endpoint("getTopSongs")
def get_top_songs(call: Call) -> Document:
    return {"topSongs": {}}


def _mix(call: Call) -> list[dict[str, Any]]:
    library, count = call.service.library, call.number("count", 50, least=1)
    with library.view() as view:
        seeds = _seeds(Entries(call.service, view), call.text("id"))
    found = library.similar(seeds, count, limits=_MIX, taste=call.service.taste())
    with library.view() as view:
        return Entries(call.service, view).songs([match.track for match in found.matches])


def _seeds(entries: Entries, own_id: str) -> list[int]:
    kind, _, rest = own_id.partition("-")
    if kind == "ar":
        rows = entries.catalogue.rows_of_artist(rest)
    elif kind == "al":
        rows = entries.catalogue.rows_of_album(rest)
    else:
        return [as_track_id(own_id)]
    if not rows:
        raise Failure(70, f"there is nothing called {own_id!r}")
    # Spread over all of it.
    step = max(1, len(rows) // _MOST_SEEDS)
    return [int(entries.view.index.track_ids[row]) for row in rows[::step][:_MOST_SEEDS]]


def _matched(call: Call, pairs: Sequence[tuple[Track, float]]) -> list[dict[str, Any]]:
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        return [
            {"entry": entries.song(track), "similarity": _normalised(similarity)}
            for track, similarity in pairs
        ]


def _normalised(similarity: float) -> float:
    """From 0 to 1, as the API has it; what is unlike has a cosine below 0."""
    return -1.0 if similarity == -1.0 else round(min(max(similarity, 0.0), 1.0), 4)


@endpoint("star")
def star(call: Call) -> Document:
    """A like. Of a whole album or artist it would say of every track what nobody has said."""
    ids = call.track_ids("id")
    if not ids and (call.texts("albumId") or call.texts("artistId")):
        raise Failure(0, "only songs take a star here: it says that you like how one sounds")
    if ids:
        call.service.library.like(*ids)
    return {}


@endpoint("unstar")
def unstar(call: Call) -> Document:
    library, ids = call.service.library, set(call.track_ids("id"))
    for judgement in library.judgements():
        about = {piece.track.track_id for piece in judgement.pieces if piece.track is not None}
        if judgement.kind == "like" and about & ids:
            library.undo_judgement(judgement.judgement_id)
    return {}


@endpoint("setRating", "scrobble", "savePlayQueue", "reportPlayback")
def noted(call: Call) -> Document:
    """Taken, and not kept: players report these whether they are wanted or not."""
    return {}
