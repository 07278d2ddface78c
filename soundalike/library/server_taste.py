"""Stars, ratings and play counts of a music server, noted as opinions and plays.

A server tells how often a song was played, and when last, but not when else. The plays that are not
noted yet are spread evenly from the last one that is, or from the day when the server found the
song, to the last one that it tells. So a run every day dates them to the day, and old ones count
less than new ones, as all plays do.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from soundalike.library.judgements import (
    Piece,
    add_judgement,
    add_pieces,
    add_plays,
    drop_said,
    is_said,
    play_times,
)
from soundalike.library.link_records import ServerSong, SongUse
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import links, servers
from soundalike.library.taste_records import JudgementKind, Music, ServerTaste, Unmatched

__all__ = ["import_server_taste"]

LIKED, DISLIKED = 4, 2
"""A rating from the one on is a like, up to the other a dislike; 3 of 5 says nothing."""

# More of one song say no more, and a count may be anything.
_MOST_PLAYS = 1000
_DAY_S = 86_400.0
# Of an opinion of which nothing is dated.
_LONG_AGO = 1.0


@dataclass
class _Used:
    """What was done with a piece, by all the songs that are it."""

    plays: int = 0
    played_at: float = 0.0
    added_at: float | None = None
    kind: JudgementKind | None = None
    said_at: float = _LONG_AGO

    def add(self, use: SongUse) -> None:
        if use.plays and use.played_at is not None:
            self.plays = min(self.plays + use.plays, _MOST_PLAYS)
            self.played_at = max(self.played_at, use.played_at)
            known = (each for each in (self.added_at, use.added_at) if each is not None)
            self.added_at = min(known, default=None)
        kind = _opinion(use)
        if kind is not None and self.kind != "like":
            self.kind = kind
            # When a rating was given no server tells. The day when the song came is before it, so
            # that what was said here since goes before.
            star = use.starred_at if kind == "like" else None
            self.said_at = star or use.added_at or _LONG_AGO


def import_server_taste(database: Database, name: str, songs: Sequence[ServerSong]) -> ServerTaste:
    """See ``Library.import_server_taste``."""
    source = f"subsonic:{name}"
    used = [song for song in songs if song.use.plays or _opinion(song.use) is not None]
    now = time.time()
    with database.write() as connection:
        linked = _pieces(connection, name)
        matched = [song for song in used if song.item_id in linked]
        ids = add_pieces(
            connection,
            [Piece(*linked[song.item_id], song.name) for song in matched],
        )
        of_pieces: dict[int, _Used] = {}
        for piece_id, song in zip(ids, matched, strict=True):
            of_pieces.setdefault(piece_id, _Used()).add(_dated(song.use, now))
        added_plays = add_plays(connection, _plays(connection, of_pieces, source))
        added_opinions = 0
        said: set[tuple[JudgementKind, int, float]] = set()
        for piece_id, each in of_pieces.items():
            if each.kind is None:
                continue
            said.add((each.kind, piece_id, each.said_at))
            if not is_said(connection, each.kind, piece_id, each.said_at, source):
                add_judgement(connection, each.kind, [piece_id], each.said_at, source)
                added_opinions += 1
        removed = drop_said(connection, source, said)
    return ServerTaste(
        server=name,
        stars=sum(song.use.starred_at is not None for song in used),
        ratings=sum(song.use.rating is not None for song in songs),
        plays=sum(song.use.plays for song in used),
        added_plays=added_plays,
        added_opinions=added_opinions,
        removed_opinions=removed,
        undated_plays=sum(
            song.use.plays for song in matched if _dated(song.use, now).played_at is None
        ),
        unmatched=_unmatched([song for song in used if song.item_id not in linked]),
    )


def _opinion(use: SongUse) -> JudgementKind | None:
    if use.starred_at is not None or (use.rating or 0) >= LIKED:
        return "like"
    return "dislike" if use.rating is not None and use.rating <= DISLIKED else None


def _dated(use: SongUse, now: float) -> SongUse:
    """Without a last play that has not been yet, as of a server whose clock is wrong."""
    if use.played_at is None or use.played_at <= now + _DAY_S:
        return use
    return SongUse(use.starred_at, use.rating, use.plays, None, use.added_at)


def _pieces(connection: Connection, name: str) -> dict[str, tuple[bytes, bytes | None]]:
    """The hashes of the music that each song of a server is linked to."""
    rows = connection.execute(
        select(links.c.item_id, links.c.digest, links.c.audio_digest)
        .join(servers, servers.c.id == links.c.server_id)
        .where(servers.c.name == name)
    )
    return {row.item_id: (row.digest, row.audio_digest) for row in rows}


def _plays(
    connection: Connection, of_pieces: Mapping[int, _Used], source: str
) -> list[dict[str, object]]:
    played = {piece_id: each for piece_id, each in of_pieces.items() if each.plays}
    known = play_times(connection, list(played))
    return [
        {
            "piece_id": piece_id,
            "played_at": played_at,
            "share": None,
            "is_skipped": False,
            "source": source,
        }
        for piece_id, each in played.items()
        for played_at in new_plays(each.plays, each.played_at, each.added_at, known[piece_id])
    ]


def new_plays(
    count: int, last: float, added_at: float | None, known: Sequence[float]
) -> list[float]:
    """When the plays were that are not noted yet, ascending; seconds since 1970.

    Parameters
    ----------
    count, last : how often it was played, and when last.
    added_at : when the server found it; None where it does not say.
    known : the plays that are noted, ascending.
    """
    first = last - count * _DAY_S if added_at is None else min(added_at, last)
    noted = {each for each in known if first <= each <= last}
    n = count - len(noted)
    if n <= 0:
        return []
    since = max((each for each in noted if each < last), default=first)
    places = n + (last in noted)
    times = (math.floor(since + (last - since) * at / places) for at in range(1, places + 1))
    return sorted({float(each) for each in times} - noted)


def _unmatched(songs: Sequence[ServerSong]) -> tuple[Unmatched, ...]:
    plays: Counter[Music] = Counter()
    opinions: Counter[Music] = Counter()
    for song in songs:
        music = Music(song.artist, song.title, song.album, song.recording_ids, song.path)
        plays[music] += song.use.plays
        opinions[music] += _opinion(song.use) is not None
    missing = [Unmatched(music, plays[music], opinions[music]) for music in plays]
    return tuple(sorted(missing, key=lambda each: (-each.plays, -each.opinions)))
