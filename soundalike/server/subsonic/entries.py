"""Tracks, albums and artists as the Subsonic API names them."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from soundalike.errors import printable
from soundalike.library.catalogue import Album, Artist, Catalogue, catalogue_of
from soundalike.library.records import Track
from soundalike.library.view import View
from soundalike.server.service import Service
from soundalike.server.subsonic.envelope import Failure

__all__ = ["Entries", "content_type_of", "cover_track"]

# Players sort by it, and there is none: the library does not record when a track came.
_NO_DATE = datetime(2000, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
_TYPES = {"m4a": "audio/mp4", "opus": "audio/ogg", "wv": "audio/x-wavpack", "ape": "audio/x-ape"}


class Entries:
    """Writes entries for one request.

    Parameters
    ----------
    service : of the request.
    view : of the library.

    Attributes
    ----------
    catalogue : artists and albums of the view.
    """

    def __init__(self, service: Service, view: View) -> None:
        self.view = view
        self.catalogue: Catalogue = catalogue_of(view)
        self._service = service

    @cached_property
    def _liked(self) -> dict[int, str]:
        return _liked(self._service)

    def song(self, track: Track) -> dict[str, Any]:
        """A track, as ``Child``."""
        row = self.view.index.row_of(track.track_id)
        album = None if row is None else self.catalogue.album_of(row)
        artist = None if row is None else self.catalogue.artist_of(row)
        suffix = track.path.suffix[1:].lower()
        genres = track.tags.genres or ((track.genre,) if track.genre else ())
        return {
            "id": str(track.track_id),
            "parent": None if album is None else f"al-{album.album_id}",
            "isDir": False,
            "title": track.title or track.path.stem,
            "album": track.album,
            "artist": track.artist,
            "track": track.track_number,
            "year": track.year,
            "genre": track.genre,
            "coverArt": str(track.track_id),
            "size": track.size_bytes,
            "contentType": content_type_of(suffix),
            "suffix": suffix,
            "duration": None if track.duration_s is None else round(track.duration_s),
            "bitRate": _bit_rate(track),
            "samplingRate": track.sample_rate,
            "channelCount": track.channels,
            "path": printable(track.path),
            "discNumber": track.tags.disc_number,
            "starred": self._liked.get(track.track_id),
            "albumId": None if album is None else f"al-{album.album_id}",
            "artistId": None if artist is None else f"ar-{artist.artist_id}",
            "type": "music",
            "mediaType": "song",
            "isVideo": False,
            "bpm": None if track.tempo_bpm is None else round(track.tempo_bpm),
            "musicBrainzId": track.tags.musicbrainz_recording_id,
            "isrc": [track.tags.isrc] if track.tags.isrc else [],
            "genres": [{"name": genre} for genre in genres],
        }

    def songs(self, tracks: Sequence[Track]) -> list[dict[str, Any]]:
        """Several of them."""
        return [self.song(track) for track in tracks]

    def songs_of(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """The tracks of some rows."""
        return self.songs(self.view.tracks(rows))

    def album(self, album: Album) -> dict[str, Any]:
        """An album, as ``AlbumID3``, with what older calls name otherwise."""
        return {
            "id": f"al-{album.album_id}",
            "name": album.name,
            "title": album.name,
            "album": album.name,
            "isDir": True,
            "parent": None if album.artist_id is None else f"ar-{album.artist_id}",
            "artist": album.artist,
            "artistId": None if album.artist_id is None else f"ar-{album.artist_id}",
            "coverArt": f"al-{album.album_id}",
            "songCount": album.n_tracks,
            "duration": round(album.duration_s),
            "created": _NO_DATE,
            "year": album.year,
            "genre": album.genre,
            "mediaType": "album",
        }

    def artist(self, artist: Artist) -> dict[str, Any]:
        """An artist, as ``ArtistID3``."""
        return {
            "id": f"ar-{artist.artist_id}",
            "name": artist.name,
            "coverArt": f"ar-{artist.artist_id}",
            "albumCount": artist.n_albums,
        }

    def liked_tracks(self) -> list[Track]:
        """What was liked and can be found, what was liked last first."""
        rows = [self.view.index.row_of(track_id) for track_id in self._liked]
        return self.view.tracks([row for row in rows if row is not None])[::-1]


def cover_track(catalogue: Catalogue, own_id: str) -> int:
    """The track whose picture stands for a track, an album or an artist. Raises Failure."""
    kind, _, rest = own_id.partition("-")
    found: Album | Artist | None = None
    if kind == "al":
        found = catalogue.albums.get(rest)
    elif kind == "ar":
        found = catalogue.artists.get(rest)
    elif own_id.isascii() and own_id.isdigit() and len(own_id) <= 18:
        return int(own_id)
    if found is None:
        raise Failure(70, f"there is no picture {own_id!r}")
    return found.cover_id


def _liked(service: Service) -> dict[int, str]:
    """When each liked track was liked, by its id, what was liked first first."""
    return {
        piece.track.track_id: judgement.judged_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for judgement in service.library.judgements()
        if judgement.kind == "like" and not judgement.is_replaced
        for piece in judgement.pieces
        if piece.track is not None
    }


def content_type_of(suffix: str) -> str:
    return _TYPES.get(suffix) or mimetypes.guess_type(f"x.{suffix}")[0] or "audio/mpeg"


def _bit_rate(track: Track) -> int | None:
    """Of the whole file, in kbit/s; tags and pictures count."""
    if not track.duration_s or track.size_bytes is None:
        return None
    return round(track.size_bytes * 8 / track.duration_s / 1000)
