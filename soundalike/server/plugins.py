"""What the similarity plugins of Navidrome, Lyrion and Jellyfin ask, in the ids of their server.

The names, parameters and answers are those of AudioMuse-AI, which the plugins were made for:
https://github.com/NeptuneHub/AudioMuse-AI. What they send besides has no meaning here.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from soundalike.errors import InvalidArgument
from soundalike.recommend.linked import (
    LinkedTrack,
    SimilarArtist,
    artists_like,
    songs_between,
    songs_like,
)
from soundalike.server.answers import Answer
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["music servers"])

ItemId = Annotated[
    str,
    Query(
        min_length=1,
        max_length=256,
        description="The id of a song in the music server.",
        examples=["082f435a363c32c57d5edb6a678a28d4"],
    ),
]
ArtistId = Annotated[str | None, Query(min_length=1, max_length=256)]
Server = Annotated[
    str | None,
    Query(
        max_length=64,
        description="The name that the server was linked by; needed where several have the id.",
        examples=["navidrome"],
    ),
]
Count = Annotated[
    int, Query(ge=0, le=2**31 - 1, description="How many; 0 is 10, and 500 the most that come.")
]

_DEFAULT_COUNT, _MOST, _MOST_STEPS = 10, 500, 100
# Of one artist, where duplicates are to be left out: as many as AudioMuse-AI lets come.
_PER_ARTIST = 3


class _Path(BaseModel):
    """From one song to another."""

    path: list[schema_of(LinkedTrack)]  # type: ignore[valid-type]


@router.get("/similar_tracks", response_model=list[schema_of(LinkedTrack)])  # type: ignore[misc]
def similar_tracks(
    asked: Asked,
    item_id: ItemId,
    n: Count = _DEFAULT_COUNT,
    eliminate_duplicates: Annotated[
        bool, Query(description=f"At most {_PER_ARTIST} songs by one artist.")
    ] = True,
    radius_similarity: Annotated[
        bool,
        Query(
            description="In an order in which each song sounds like the one before, rather than "
            "the most alike first."
        ),
    ] = False,
    server: Server = None,
) -> Any:
    """The songs that sound most like one, each recording once; for the plugins of music servers."""
    found = songs_like(
        asked.library,
        item_id,
        _count(n),
        server=server,
        max_per_artist=_PER_ARTIST if eliminate_duplicates else None,
        as_walk=radius_similarity,
        taste=asked.taste(),
    )
    return Answer(found)


@router.get("/find_path", response_model=_Path)
def find_path(
    asked: Asked,
    start_song_id: ItemId,
    end_song_id: ItemId,
    max_steps: Annotated[
        int,
        Query(
            ge=0, le=2**31 - 1, description=f"How many songs, with both; {_MOST_STEPS} at the most."
        ),
    ] = 25,
    server: Server = None,
) -> Any:
    """A path from one song to another in small steps; for the plugins of music servers."""
    found = songs_between(
        asked.library,
        start_song_id,
        end_song_id,
        tracks=min(max(max_steps, 2), _MOST_STEPS),
        server=server,
        taste=asked.taste(),
    )
    return Answer({"path": found})


@router.get("/similar_artists", response_model=list[schema_of(SimilarArtist)])  # type: ignore[misc]
def similar_artists(
    asked: Asked,
    artist: ArtistId = None,
    artist_id: ArtistId = None,
    n: Count = _DEFAULT_COUNT,
    include_component_matches: Annotated[
        bool, Query(description="Also by which songs they are alike.")
    ] = False,
    server: Server = None,
) -> Any:
    """The artists who sound most like one; for the plugins of music servers.

    The artist is named by the id in the music server, as `artist` or as `artist_id`, or by the
    name, as Lyrion's plugin does it.
    """
    named = artist_id or artist
    if named is None:
        raise InvalidArgument("artist is missing: give the artist's id in the music server")
    found = artists_like(
        asked.library, named, _count(n), server=server, with_songs=include_component_matches
    )
    return Answer(found)


def _count(n: int) -> int:
    return min(n or _DEFAULT_COUNT, _MOST)
