"""The library by artist and album, as players browse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.library.records import Track
from soundalike.library.view import View
from soundalike.plain import plain

__all__ = ["Album", "Artist", "Catalogue", "album_order", "catalogue_of"]


@dataclass(frozen=True, slots=True)
class Album:
    """Tracks of one album, by tags or by what stands in for them.

    Attributes
    ----------
    album_id : stays the same while name and artist (or folder) do.
    artist, artist_id : of the album; None where they are unknown.
    n_tracks, duration_s : of what a search can find of it.
    year, genre : of its first track.
    last_track_id : the highest of its tracks: what came last into the library has the highest.
    cover_id : the track whose picture stands for it.
    """

    album_id: str
    name: str
    artist: str | None
    artist_id: str | None
    n_tracks: int
    duration_s: float
    year: int | None
    genre: str | None
    last_track_id: int
    cover_id: int


@dataclass(frozen=True, slots=True)
class Artist:
    """Tracks of one artist.

    Attributes
    ----------
    artist_id : stays the same while the name does.
    n_albums, n_tracks : of what a search can find.
    cover_id : the track whose picture stands for it.
    """

    artist_id: str
    name: str
    n_albums: int
    n_tracks: int
    cover_id: int


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All artists and albums of one state of a library, by name.

    Attributes
    ----------
    albums, artists : by id, in the order of their names.
    """

    albums: Mapping[str, Album]
    artists: Mapping[str, Artist]
    _album_codes: NDArray[np.int64] = field(repr=False)
    _artist_codes: NDArray[np.int64] = field(repr=False)

    def rows_of_album(self, album_id: str) -> list[int]:
        """The rows in the index, ascending; none for an unknown album."""
        return _rows(self._album_codes, album_id)

    def rows_of_artist(self, artist_id: str) -> list[int]:
        """The rows in the index, ascending; none for an unknown artist."""
        return _rows(self._artist_codes, artist_id)

    def album_of(self, row: int) -> Album | None:
        """The album of a row; None where it is unknown."""
        return self.albums.get(_id(self._album_codes[row]))

    def artist_of(self, row: int) -> Artist | None:
        """The artist of a row; None where it is unknown."""
        return self.artists.get(_id(self._artist_codes[row]))

    def albums_of(self, artist_id: str) -> list[Album]:
        """The albums that hold tracks of an artist, by year, then name."""
        codes = np.unique(self._album_codes[self.rows_of_artist(artist_id)])
        found = (self.albums.get(_id(code)) for code in codes)
        return sorted(
            (each for each in found if each is not None),
            key=lambda each: (each.year or 0, plain(each.name)),
        )

    def find_albums(self, words: str) -> list[Album]:
        """Albums whose name or artist has words that begin with all of these."""
        return [a for a in self.albums.values() if _has(f"{a.name} {a.artist or ''}", words)]

    def find_artists(self, words: str) -> list[Artist]:
        """Artists whose name has words that begin with all of these."""
        return [a for a in self.artists.values() if _has(a.name, words)]


def catalogue_of(view: View) -> Catalogue:
    """The artists and albums of what a search can find.

    Of each album and artist one track is read; the counts come from the index.
    """
    made: Catalogue = view.index.kept("catalogue", lambda: _made(view))
    return made


def album_order(track: Track) -> tuple[int, int, str]:
    """By disc, then number, then path."""
    return track.tags.disc_number or 0, track.track_number or 0, str(track.path)


def _made(view: View) -> Catalogue:
    index = view.index
    artist_ids = index.artist_codes
    albums: dict[str, Album] = {}
    codes, first, inverse, counts = np.unique(
        index.album_codes, return_index=True, return_inverse=True, return_counts=True
    )
    seconds = np.bincount(inverse, weights=index.durations_s, minlength=len(codes))
    last = np.zeros(len(codes), np.int64)
    np.maximum.at(last, inverse, index.track_ids)
    # Of one artist is an album whose lowest and highest code are the same.
    lowest, highest = artist_ids[first].copy(), artist_ids[first].copy()
    np.minimum.at(lowest, inverse, artist_ids)
    np.maximum.at(highest, inverse, artist_ids)
    for number, track in zip(range(len(codes)), view.tracks(first.tolist()), strict=True):
        if codes[number] == 0 or not track.album:
            continue
        is_one = lowest[number] == highest[number]
        artist = track.album_artist or (track.artist if is_one else None)
        artist_code = artist_ids[first[number]] if is_one else 0
        albums[_id(codes[number])] = Album(
            album_id=_id(codes[number]),
            name=track.album,
            artist=artist or "Various Artists",
            artist_id=_id(artist_code) if artist_code else None,
            n_tracks=int(counts[number]),
            duration_s=float(seconds[number]),
            year=track.year,
            genre=track.genre,
            last_track_id=int(last[number]),
            cover_id=track.track_id,
        )
    return Catalogue(
        albums=dict(sorted(albums.items(), key=lambda each: plain(each[1].name))),
        artists=_artists(view),
        _album_codes=index.album_codes,
        _artist_codes=artist_ids,
    )


def _artists(view: View) -> dict[str, Artist]:
    index = view.index
    codes, first, counts = np.unique(index.artist_codes, return_index=True, return_counts=True)
    pairs = np.unique(np.stack([index.artist_codes, index.album_codes]), axis=1)
    with_album, n_albums = np.unique(pairs[0, pairs[1] != 0], return_counts=True)
    albums_of = dict(zip(with_album.tolist(), n_albums.tolist(), strict=True))
    found: dict[str, Artist] = {}
    for number, track in zip(range(len(codes)), view.tracks(first.tolist()), strict=True):
        code = int(codes[number])
        if code == 0 or not track.artist:
            continue
        found[_id(code)] = Artist(
            artist_id=_id(code),
            name=track.artist,
            n_albums=albums_of.get(code, 0),
            n_tracks=int(counts[number]),
            cover_id=track.track_id,
        )
    return dict(sorted(found.items(), key=lambda each: plain(each[1].name)))


def _id(code: int | np.int64) -> str:
    return f"{int(code) & (2**64 - 1):016x}"


def _rows(codes: NDArray[np.int64], own_id: str) -> list[int]:
    try:
        code = int(own_id, 16)
    except ValueError:
        return []
    if not 0 < code < 2**64:
        return []
    signed = code - 2**64 if code >= 2**63 else code
    rows: list[int] = np.flatnonzero(codes == signed).tolist()
    return rows


def _has(name: str, words: str) -> bool:
    own = plain(name).split()
    return all(any(each.startswith(word) for each in own) for word in _asked(words))


def _asked(words: str) -> Sequence[str]:
    return plain(words).split()
