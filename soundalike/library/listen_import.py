"""Which tracks of a library were played, and what is noted of that."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from soundalike.library.judgements import Piece, add_judgement, add_pieces, add_plays, is_said
from soundalike.library.listens import Listen, ListenFile, Opinion, read_listens
from soundalike.library.matching import Sought, match_tracks
from soundalike.library.taste_records import JudgementKind, ListenImport, Music, Unmatched

if TYPE_CHECKING:
    from soundalike.library.records import Track
    from soundalike.library.snapshot import Snapshot
    from soundalike.library.storage.database import Database

__all__ = ["import_listens"]

# Plays of one transaction: a scan that writes at the same time need not wait long.
_AT_ONCE = 2000


def _sought(music: Music) -> Sought:
    return Sought(
        path=os.path.expanduser(music.path) if music.path else None,
        title=music.title,
        artist=music.artist,
        album=music.album,
        recording_ids=music.recording_ids,
    )


def import_listens(
    database: Database,
    snapshots: Callable[[], AbstractContextManager[Snapshot]],
    listens: str | os.PathLike[str] | ListenFile,
) -> ListenImport:
    """See ``Library.import_listens``."""
    found = listens if isinstance(listens, ListenFile) else read_listens(listens)
    asked = dict.fromkeys(each.music for each in found.listens)
    asked |= dict.fromkeys(each.music for each in found.opinions)
    with snapshots() as snapshot:
        matches = match_tracks(snapshot, list(map(_sought, asked)), missing=True, guess=True)
    # A track whose file was never read is no piece of music yet.
    track_of = {
        music: each.track if each.track and each.track.content_hash else None
        for music, each in zip(asked, matches, strict=True)
    }
    added_plays = 0
    known = [each for each in found.listens if track_of[each.music]]
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        with database.write() as connection:
            added_plays += _add_listens(connection, some, track_of, found.source)
    opinions = [each for each in found.opinions if track_of[each.music]]
    added_opinions = 0
    if opinions:
        with database.write() as connection:
            added_opinions = _add_opinions(connection, opinions, track_of, found.source)
    return ListenImport(
        path=None if isinstance(listens, ListenFile) else Path(listens),
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
