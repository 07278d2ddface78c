"""Which tracks of a library were played, and what is noted of that."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from soundalike.library.artists import artists_in
from soundalike.library.judgements import Piece, add_judgement, add_pieces, add_plays, is_said
from soundalike.library.listens import Listen, ListenFile, Opinion, read_listens
from soundalike.library.records import Track
from soundalike.library.scan.walk import canonical
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.database import Database
from soundalike.library.taste_records import JudgementKind, ListenImport, Music, Unmatched
from soundalike.plain import plain

__all__ = ["import_listens"]

# Plays of one transaction: a scan that writes at the same time need not wait long.
_AT_ONCE = 2000


class _Tracks:
    """The tracks of a library by what lists of plays call them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_path: dict[str, Track] = {}
        self._by_id: dict[str, list[Track]] = {}
        self._by_name: dict[tuple[str, str], list[Track]] = {}
        for track in _each_track(snapshot):
            if track.content_hash is None:
                continue
            self._by_path[os.fspath(track.path)] = track
            if recording := track.tags.musicbrainz_recording_id:
                self._by_id.setdefault(recording.lower(), []).append(track)
            for key in _names(track):
                self._by_name.setdefault(key, []).append(track)

    def find(self, music: Music) -> Track | None:
        """By path, else by the id of the recording, else by artist and title.

        Of several, one of the same album is meant, then one that is there, then the oldest.
        """
        if music.path and (track := self._by_path.get(canonical(os.path.expanduser(music.path)))):
            return track
        found = [track for each in music.recording_ids for track in self._by_id.get(each, ())]
        if not found and music.artist and music.title:
            for artist in (music.artist, *artists_in(music.artist, lambda _: False)):
                found = self._by_name.get((plain(artist), plain(music.title)), [])
                if found:
                    break
        album = plain(music.album or "")
        return min(
            found,
            key=lambda track: (
                bool(album) and plain(track.album or "") != album,
                track.missing_since is not None,
                track.track_id,
            ),
            default=None,
        )


def _each_track(snapshot: Snapshot) -> Iterator[Track]:
    last: bytes | None = None
    while found := snapshot.tracks_after(last):
        yield from found
        last = os.fsencode(found[-1].path)


def _names(track: Track) -> set[tuple[str, str]]:
    """Artist and title, for each way to name the artist."""
    if not track.title:
        return set()
    artists = {each for each in (track.artist, track.album_artist, *track.tags.artists) if each}
    named = {
        name for artist in artists for name in (artist, artists_in(artist, lambda _: False)[0])
    }
    title = plain(track.title)
    return {(key, title) for name in named if (key := plain(name)) and title}


def import_listens(
    database: Database,
    snapshots: Callable[[], AbstractContextManager[Snapshot]],
    path: str | os.PathLike[str],
) -> ListenImport:
    """See ``Library.import_listens``."""
    found = read_listens(path)
    asked = dict.fromkeys(each.music for each in found.listens)
    asked |= dict.fromkeys(each.music for each in found.opinions)
    with snapshots() as snapshot:
        known = _Tracks(snapshot)
        track_of = {music: known.find(music) for music in asked}
    added_plays = 0
    listens = [each for each in found.listens if track_of[each.music]]
    for start in range(0, len(listens), _AT_ONCE):
        some = listens[start : start + _AT_ONCE]
        with database.write() as connection:
            added_plays += _add_listens(connection, some, track_of, found.source)
    opinions = [each for each in found.opinions if track_of[each.music]]
    added_opinions = 0
    if opinions:
        with database.write() as connection:
            added_opinions = _add_opinions(connection, opinions, track_of, found.source)
    return ListenImport(
        path=Path(path),
        source=found.source,
        plays=len(found.listens),
        opinions=len(found.opinions),
        added_plays=added_plays,
        added_opinions=added_opinions,
        unmatched=_unmatched(found, track_of),
        unreadable=tuple(found.unreadable),
    )


def _add_listens(
    connection: Connection,
    listens: Sequence[Listen],
    track_of: dict[Music, Track | None],
    source: str,
) -> int:
    ids = add_pieces(connection, [_piece(track_of[each.music]) for each in listens])
    rows: list[dict[str, Any]] = [
        {
            "piece_id": piece_id,
            "played_at": each.played_at,
            "share": each.share,
            "is_skipped": each.is_skipped,
            "source": source,
        }
        for piece_id, each in zip(ids, listens, strict=True)
    ]
    return add_plays(connection, rows)


def _add_opinions(
    connection: Connection,
    opinions: Sequence[Opinion],
    track_of: dict[Music, Track | None],
    source: str,
) -> int:
    ids = add_pieces(connection, [_piece(track_of[each.music]) for each in opinions])
    added = 0
    for piece_id, each in zip(ids, opinions, strict=True):
        kind: JudgementKind = "like" if each.is_liked else "dislike"
        if not is_said(connection, kind, piece_id, each.said_at, source):
            add_judgement(connection, kind, [piece_id], each.said_at, source)
            added += 1
    return added


def _piece(track: Track | None) -> Piece:
    assert track is not None  # only what was found is noted
    assert track.content_hash is not None
    audio = track.audio_hash
    return Piece(
        bytes.fromhex(track.content_hash), bytes.fromhex(audio) if audio else None, track.name
    )


def _unmatched(found: ListenFile, track_of: dict[Music, Track | None]) -> tuple[Unmatched, ...]:
    plays = Counter(each.music for each in found.listens if track_of[each.music] is None)
    opinions = Counter(each.music for each in found.opinions if track_of[each.music] is None)
    missing = [Unmatched(music, plays[music], opinions[music]) for music in {**plays, **opinions}]
    return tuple(sorted(missing, key=lambda each: (-each.plays, -each.opinions)))
