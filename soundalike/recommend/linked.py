"""What a music server is answered, in its own ids: similar songs, a path, similar artists.

The songs are those that ``Library.link`` has linked; nothing else comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soundalike.arguments import whole_number
from soundalike.errors import TrackNotFound
from soundalike.library.library import Library
from soundalike.library.links import Links, artist_links, song_links
from soundalike.library.naming import short_name
from soundalike.library.records import Track
from soundalike.library.view import View
from soundalike.recommend.artists import Artists, Partners
from soundalike.recommend.journey import make_path
from soundalike.recommend.order import smooth_order
from soundalike.similarity.taste import Taste

__all__ = [
    "LinkedPart",
    "LinkedSong",
    "LinkedTrack",
    "SimilarArtist",
    "artists_like",
    "songs_between",
    "songs_like",
]

# Of two artists that are alike: so many pairs of representatives, and songs of each.
_PARTS, _SONGS = 4, 3
# More songs are not put in another order: that would take seconds.
_MOST_WALKED = 200


@dataclass(frozen=True, slots=True)
class LinkedTrack:
    """A song of a music server.

    Attributes
    ----------
    item_id : its id there.
    title, author, album : as the library has them; without a title the file's name, else "".
    distance : 1 - cosine: of a similar song to the one that was asked for, of one on a path to the
        one before it; 0 for what sounds the same.
    """

    item_id: str
    title: str
    author: str
    album: str
    distance: float


@dataclass(frozen=True, slots=True)
class LinkedSong:
    """A song of a music server, by its id there."""

    item_id: str
    title: str


@dataclass(frozen=True, slots=True)
class LinkedPart:
    """Where two artists are alike.

    Attributes
    ----------
    artist1_representative_songs : of the artist that was asked for, the most typical first.
    artist2_representative_songs : of the one that is like them.
    """

    artist1_representative_songs: tuple[LinkedSong, ...]
    artist2_representative_songs: tuple[LinkedSong, ...]


@dataclass(frozen=True, slots=True)
class SimilarArtist:
    """An artist of a music server.

    Attributes
    ----------
    artist, artist_id : the name and the id there.
    divergence : 1 - similarity, as :mod:`soundalike.recommend.artists` has it.
    component_matches : empty where it was not asked for.
    """

    artist: str
    artist_id: str
    divergence: float
    component_matches: tuple[LinkedPart, ...]


def songs_like(
    library: Library,
    item_id: str,
    k: int = 10,
    *,
    server: str | None = None,
    max_per_artist: int | None = None,
    as_walk: bool = False,
    taste: Taste | None = None,
) -> tuple[LinkedTrack, ...]:
    """The songs that sound most like one, each recording once.

    Parameters
    ----------
    item_id : the song's id at the server.
    server : its name; None where only one has the song.
    max_per_artist : at most this many by one artist.
    as_walk : in an order in which each sounds like the one before, from the song on, rather than
        the most alike first; of more than 200 songs the first 200.
    taste : as for ``Library.similar``.

    Raises
    ------
    TrackNotFound : no server or song of this name is linked, its track is missing or not analysed,
        or no other song is linked.
    AmbiguousTrack : several servers have a song with this id.
    """
    with library.view() as view:
        links = song_links(view, item_id, server)
        track_id = int(view.index.track_ids[links.row(item_id)])
        _check_others(links, track_id)
    found = library.similar(
        track_id, k, limits=replace(links.limits, max_per_artist=max_per_artist), taste=taste
    )
    songs = [
        _linked_track(links.items[match.track.track_id], match.track, 1.0 - match.similarity)
        for match in found.matches
    ]
    if not songs:
        raise TrackNotFound(f"no other song of {links.server} that is linked sounds like {item_id}")
    if as_walk and len(songs) > 1:
        walked = found.matches[:_MOST_WALKED]
        with library.view() as view:
            order = _walk(view, [track_id, *(match.track.track_id for match in walked)])
        songs[: len(walked)] = [songs[at] for at in order]
    return tuple(songs)


def songs_between(
    library: Library,
    start: str,
    end: str,
    *,
    tracks: int = 25,
    server: str | None = None,
    taste: Taste | None = None,
) -> tuple[LinkedTrack, ...]:
    """A path from one song to another in small, even steps; see ``recommend.make_path``.

    Parameters
    ----------
    start, end : their ids at the server; both are part of the path.
    tracks : with both; fewer come where fewer are linked.
    others : as for :func:`songs_like`.

    Raises
    ------
    As :func:`songs_like`, for both songs.
    InvalidArgument : both are one track.
    """
    tracks = whole_number("tracks", tracks, least=2)
    with library.view() as view:
        links = song_links(view, start, server)
        rows = [links.row(start), links.row(end)]
        own = [*rows, *(row for copies in view.recordings.copies_of(rows) for row in copies)]
        allowed = view.barred(links.limits).allowed.copy()
        allowed[own] = False
        ends = view.index.track_ids[rows].tolist()
    found = make_path(
        library,
        ends,
        tracks=min(tracks, 2 + int(np.count_nonzero(allowed))),
        limits=links.limits,
        taste=taste,
    )
    ids = {0: start, len(found.stops) - 1: end}
    path = []
    for at, stop in enumerate(found.stops):
        assert stop.track is not None  # all are tracks of the library
        item_id = ids.get(at) or links.items[stop.track.track_id]
        path.append(_linked_track(item_id, stop.track, stop.step or 0.0))
    return tuple(path)


def artists_like(
    library: Library,
    artist: str,
    k: int = 10,
    *,
    server: str | None = None,
    with_songs: bool = False,
) -> tuple[SimilarArtist, ...]:
    """The artists who sound most like one, the most alike first.

    Parameters
    ----------
    artist : the id at the server, of an artist of songs or of albums, or else the name.
    with_songs : whether to tell by which songs.
    others : as for :func:`songs_like`.

    Raises
    ------
    TrackNotFound : as :func:`songs_like`, or no other artist has songs that are linked.
    """
    k = whole_number("k", k, least=1)
    with library.view() as view:
        links = artist_links(view, artist, server)
        artist = links.artist(artist)
        rows = links.rows_of_artist.get(artist)
        if rows is None:
            rows = links.rows_of_album_artist.get(artist)
        if rows is None:
            raise TrackNotFound(
                f"no song by the artist {artist!r} of {links.server} is linked to a track that is "
                f"analysed: link the server again after a scan"
            )
        artists = view.index.kept(
            ("artists", links), lambda: Artists(view.index.embeddings, links.rows_of_artist)
        )
        matches = artists.like(rows, k, without=artist)
        if not matches:
            raise TrackNotFound(f"{links.server} has no other artist with songs that are linked")
        parts = [
            artists.partners(rows, links.rows_of_artist[each.artist], _PARTS, _SONGS)
            if with_songs
            else []
            for each in matches
        ]
        songs = _songs(view, links, [part for some in parts for part in some])
    return tuple(
        SimilarArtist(
            artist=links.names.get(each.artist, ""),
            artist_id=each.artist,
            divergence=1.0 - each.similarity,
            component_matches=tuple(
                LinkedPart(
                    tuple(songs[row] for row in part.ours), tuple(songs[row] for row in part.theirs)
                )
                for part in some
            ),
        )
        for each, some in zip(matches, parts, strict=True)
    )


def _songs(view: View, links: Links, parts: list[Partners]) -> dict[int, LinkedSong]:
    rows = sorted({row for part in parts for row in (*part.ours, *part.theirs)})
    return {
        row: LinkedSong(links.items[track.track_id], _title(track))
        for row, track in zip(rows, view.tracks(rows), strict=True)
    }


def _check_others(links: Links, track_id: int) -> None:
    if set(links.items) <= {track_id}:
        raise TrackNotFound(
            f"no other song of {links.server} is linked to a track that is analysed"
        )


def _walk(view: View, track_ids: list[int]) -> list[int]:
    """The order of all but the first, which it begins with; what is gone meanwhile comes last."""
    rows = [view.index.row_of(each) for each in track_ids]
    there = [at for at, row in enumerate(rows) if row is not None]
    if there[0] != 0:
        return list(range(len(track_ids) - 1))
    own = [row for row in rows if row is not None]
    found = smooth_order(
        view.index.embeddings[own], start=0, artists=view.artists(own), artist_gap=1
    )
    order = [there[at] for at in found.order.tolist()]
    order += [at for at in range(len(rows)) if rows[at] is None]
    return [at - 1 for at in order[1:]]


def _linked_track(item_id: str, track: Track, distance: float) -> LinkedTrack:
    return LinkedTrack(
        item_id=item_id,
        title=_title(track),
        author=track.artist or "",
        album=track.album or "",
        distance=max(0.0, distance),
    )


def _title(track: Track) -> str:
    return track.title or short_name(track.path)
