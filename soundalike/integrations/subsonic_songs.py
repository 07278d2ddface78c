"""Songs as Subsonic and OpenSubsonic servers tell them; read leniently, as servers differ in what
they leave out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from soundalike.integrations.answers import objects_in, text_of
from soundalike.library.link_records import ServerArtist, ServerSong, SongUse

__all__ = ["listed", "song_of"]


def listed(answer: Mapping[str, Any], *names: str) -> Sequence[Mapping[str, Any]]:
    """What is at a place in an answer: a list, one alone, or nothing where it is empty."""
    found: Any = answer
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return objects_in([found] if isinstance(found, dict) else found)


def song_of(child: Mapping[str, Any]) -> ServerSong | None:
    """None for what is no music, or has no id."""
    item_id = text_of(child.get("id"))
    if item_id is None or child.get("isDir") is True or child.get("isVideo") is True:
        return None
    if child.get("type") not in (None, "music"):
        return None
    artist, artist_id = text_of(child.get("artist")), text_of(child.get("artistId"))
    artists = _artists(child.get("artists"))
    if not artists and artist_id is not None:
        artists = (ServerArtist(artist_id, artist or ""),)
    if len(artists) > 1:
        # Servers join the names in ways of their own.
        artist = "; ".join(each.name for each in artists)
    duration = child.get("duration")
    recording, isrc = text_of(child.get("musicBrainzId")), child.get("isrc")
    return ServerSong(
        item_id=item_id,
        path=text_of(child.get("path")),
        title=text_of(child.get("title")),
        artist=artist,
        album=text_of(child.get("album")),
        duration_s=float(duration) if isinstance(duration, (int, float)) and duration > 0 else None,
        recording_ids=() if recording is None else (recording,),
        isrc=text_of(next(iter(isrc), None) if isinstance(isrc, list) else isrc),
        artists=artists,
        album_artists=_artists(child.get("albumArtists")),
        size_bytes=_count(child.get("size")) or None,
        suffix=text_of(child.get("suffix")),
        use=SongUse(
            starred_at=_moment(child.get("starred")),
            rating=min(_count(child.get("userRating")), 5) or None,
            plays=_count(child.get("playCount")),
            played_at=_moment(child.get("played")),
            added_at=_moment(child.get("created")),
        ),
    )


def _artists(found: Any) -> tuple[ServerArtist, ...]:
    return tuple(
        ServerArtist(artist_id, text_of(each.get("name")) or "")
        for each in objects_in(found)
        if (artist_id := text_of(each.get("id"))) is not None
    )


def _count(value: Any) -> int:
    """A whole number from 0 on; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if math.isfinite(value) and value > 0 else 0


def _moment(value: Any) -> float | None:
    """Seconds since 1970, whole; None for what is no time after that."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    # Where no zone is said, servers mean UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return float(math.floor(seconds)) if seconds > 0 else None
