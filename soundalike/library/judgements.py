"""What a listener said and played, in the database; each function is part of a transaction.

A judgement is never changed: the last of several about the same pieces counts, so that taking it
back brings the one before back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast, get_args

from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from soundalike.errors import TrackNotFound
from soundalike.library.storage.schema import (
    contents,
    judgements,
    pieces,
    plays,
    tastes,
    tracks,
)
from soundalike.library.taste_records import Judged, Judgement, JudgementKind, TasteCounts

if TYPE_CHECKING:
    from soundalike.library.snapshot import Snapshot

__all__ = [
    "Piece",
    "Said",
    "add_judgement",
    "add_pieces",
    "add_plays",
    "contents_of_pieces",
    "count_taste",
    "drop_all",
    "drop_judgement",
    "drop_said",
    "is_said",
    "play_times",
    "read_judgements",
    "read_said",
]

# Rows of one statement, well under the number of parameters that one may have.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music, by the hashes of its content and of its audio alone."""

    digest: bytes
    audio_digest: bytes | None
    name: str


@dataclass(frozen=True, slots=True)
class Said:
    """A judgement of pieces, by their rows; the odd one last."""

    judgement_id: int
    kind: JudgementKind
    piece_ids: tuple[int, ...]
    judged_at: float
    source: str | None

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for judgements of which only the last counts."""
        about = "pair" if self.kind in ("alike", "unlike") else "one"
        return (about, *sorted(self.piece_ids))


def add_pieces(connection: Connection, wanted: Sequence[Piece]) -> list[int]:
    """The rows of some pieces, made where there are none, in the order of the pieces.

    A piece whose file was retagged meanwhile is the same: its audio tells.
    """
    by_digest: dict[bytes, int] = {}
    by_audio: dict[bytes, int] = {}
    kept: dict[int, tuple[bytes | None, str]] = {}
    for column, found, keys in (
        (pieces.c.digest, by_digest, [each.digest for each in wanted]),
        (pieces.c.audio_digest, by_audio, [each.audio_digest for each in wanted]),
    ):
        for some in _batches([key for key in dict.fromkeys(keys) if key is not None]):
            statement = select(pieces, column.label("found_by")).where(column.in_(some))
            for row in connection.execute(statement.order_by(pieces.c.id)):
                found.setdefault(row.found_by, row.id)
                kept[row.id] = (row.audio_digest, row.name)
    made = []
    for each in wanted:
        piece_id = by_digest.get(each.digest)
        if piece_id is None and each.audio_digest is not None:
            piece_id = by_audio.get(each.audio_digest)
        facts = (each.audio_digest, each.name)
        values = {"audio_digest": each.audio_digest, "name": each.name}
        if piece_id is None:
            new = insert(pieces).values(digest=each.digest, **values).returning(pieces.c.id)
            piece_id = int(connection.execute(new).scalar_one())
        elif each.audio_digest is not None and kept[piece_id] != facts:
            # The audio may not have been looked at when it was judged first.
            connection.execute(update(pieces).where(pieces.c.id == piece_id).values(**values))
        kept[piece_id] = facts
        by_digest[each.digest] = piece_id
        if each.audio_digest is not None:
            by_audio[each.audio_digest] = piece_id
        made.append(piece_id)
    return made


def add_judgement(
    connection: Connection,
    kind: JudgementKind,
    piece_ids: Sequence[int],
    judged_at: float,
    source: str | None = None,
) -> int:
    """Note a judgement; its number."""
    first, second, odd = [*piece_ids, None, None][:3]
    values = {
        "kind": kind,
        "first_id": first,
        "second_id": second,
        "odd_id": odd,
        "judged_at": judged_at,
        "source": source,
    }
    made = connection.execute(insert(judgements).values(**values).returning(judgements.c.id))
    return int(made.scalar_one())


def is_said(
    connection: Connection, kind: JudgementKind, piece_id: int, judged_at: float, source: str
) -> bool:
    """Whether an opinion was imported before."""
    statement = select(judgements.c.id).where(
        judgements.c.first_id == piece_id,
        judgements.c.kind == kind,
        judgements.c.judged_at == judged_at,
        judgements.c.source == source,
    )
    return connection.scalar(statement) is not None


def add_plays(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Note plays that are not known yet; how many these are.

    Parameters
    ----------
    rows : by the names of the columns of ``plays``.
    """
    added = 0
    for some in _batches(rows):
        known = select(plays.c.piece_id, plays.c.played_at).where(
            plays.c.piece_id.in_({row["piece_id"] for row in some}),
            plays.c.played_at.between(
                min(row["played_at"] for row in some), max(row["played_at"] for row in some)
            ),
        )
        seen = {tuple(row) for row in connection.execute(known)}
        new: dict[tuple[int, float], Mapping[str, Any]] = {}
        for row in some:
            key = (row["piece_id"], row["played_at"])
            if key not in seen:
                new.setdefault(key, row)
        if new:
            connection.execute(insert(plays), list(new.values()))
        added += len(new)
    return added


def read_said(connection: Connection) -> tuple[list[Said], set[int]]:
    """All judgements in their order, and the numbers of those that were replaced by later ones."""
    found = [
        Said(
            row.id,
            cast("JudgementKind", row.kind),
            tuple(each for each in (row.first_id, row.second_id, row.odd_id) if each is not None),
            row.judged_at,
            row.source,
        )
        for row in connection.execute(select(judgements).order_by(*_IN_ORDER))
    ]
    last = {each.key: each.judgement_id for each in found}
    return found, {each.judgement_id for each in found} - set(last.values())


# What is imported was said when the import says, not when it was imported.
_IN_ORDER = (judgements.c.judged_at, judgements.c.id)


def read_judgements(snapshot: Snapshot) -> tuple[Judgement, ...]:
    """All judgements, the oldest first, with the tracks that they are about now."""
    said, replaced = read_said(snapshot.connection)
    piece_ids = sorted({piece for each in said for piece in each.piece_ids})
    names = _names(snapshot.connection, piece_ids)
    tracks_of = _tracks_of(snapshot, piece_ids)
    return tuple(
        Judgement(
            each.judgement_id,
            each.kind,
            tuple(Judged(names[piece], tracks_of.get(piece)) for piece in each.piece_ids),
            datetime.fromtimestamp(each.judged_at, UTC),
            each.source,
            each.judgement_id in replaced,
        )
        for each in said
    )


def contents_of_pieces(connection: Connection, piece_ids: Sequence[int]) -> dict[int, list[int]]:
    """The contents that are pieces: the same bytes first, then the same audio."""
    found: dict[int, list[int]] = {piece_id: [] for piece_id in piece_ids}
    same_bytes = contents.c.digest == pieces.c.digest
    same_audio = contents.c.audio_digest == pieces.c.audio_digest
    for joined in (same_bytes, same_audio):
        for some in _batches(piece_ids):
            statement = (
                select(pieces.c.id, contents.c.id)
                .join(contents, joined)
                .where(pieces.c.id.in_(some))
                .order_by(contents.c.id)
            )
            for piece_id, content_id in connection.execute(statement):
                if content_id not in found[piece_id]:
                    found[piece_id].append(content_id)
    return found


def _names(connection: Connection, piece_ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in _batches(piece_ids):
        rows = connection.execute(select(pieces.c.id, pieces.c.name).where(pieces.c.id.in_(some)))
        found |= {row.id: row.name for row in rows}
    return found


def _tracks_of(snapshot: Snapshot, piece_ids: Sequence[int]) -> dict[int, Any]:
    """The track of each piece that the library has: one that is there before a missing one."""
    having = contents_of_pieces(snapshot.connection, piece_ids)
    content_ids = sorted({content_id for some in having.values() for content_id in some})
    best: dict[int, tuple[bool, int]] = {}
    for some in _batches(content_ids):
        statement = select(tracks.c.content_id, tracks.c.missing_at, tracks.c.id)
        for row in snapshot.connection.execute(statement.where(tracks.c.content_id.in_(some))):
            own = (row.missing_at is not None, row.id)
            best[row.content_id] = min(own, best.get(row.content_id, own))
    known = snapshot.tracks_by_id([track_id for _, track_id in best.values()])
    found = {}
    for piece_id, some in having.items():
        ways = [best[content_id] for content_id in some if content_id in best]
        if ways:
            found[piece_id] = known[min(ways)[1]]
    return found


def count_taste(connection: Connection) -> TasteCounts:
    """How much there is."""
    said, replaced = read_said(connection)
    kinds = Counter(each.kind for each in said if each.judgement_id not in replaced)
    played = select(func.count(), func.count(plays.c.piece_id.distinct())).select_from(plays)
    row: Sequence[Any] = connection.execute(played).one()
    counts = {kind: kinds[kind] for kind in get_args(JudgementKind)}
    return TasteCounts(counts, row[0], row[1])


def drop_judgement(connection: Connection, judgement_id: int | None) -> None:
    """Take a judgement back: the one with a number, or the last that was made.

    Raises
    ------
    TrackNotFound : there is none.
    """
    if judgement_id is None:
        judgement_id = connection.scalar(select(func.max(judgements.c.id)))
        if judgement_id is None:
            raise TrackNotFound("there is no judgement to take back")
    gone = connection.execute(delete(judgements).where(judgements.c.id == judgement_id))
    if not gone.rowcount:
        raise TrackNotFound(
            f"there is no judgement {judgement_id}; `soundalike taste list` lists them"
        )
    _drop_unused(connection)


def drop_said(
    connection: Connection, source: str, keep: Collection[tuple[JudgementKind, int, float]]
) -> int:
    """Take back the opinions of a source that it no longer has; how many.

    Parameters
    ----------
    keep : kind, piece and time of those that it has.
    """
    found = select(judgements).where(judgements.c.source == source)
    gone = [
        row.id
        for row in connection.execute(found)
        if (row.kind, row.first_id, row.judged_at) not in keep
    ]
    for some in _batches(gone):
        connection.execute(delete(judgements).where(judgements.c.id.in_(some)))
    if gone:
        _drop_unused(connection)
    return len(gone)


def play_times(connection: Connection, piece_ids: Sequence[int]) -> dict[int, list[float]]:
    """When pieces were played, as far as that is noted, from whatever source; ascending."""
    found: dict[int, list[float]] = {piece_id: [] for piece_id in piece_ids}
    for some in _batches(piece_ids):
        statement = select(plays.c.piece_id, plays.c.played_at).where(plays.c.piece_id.in_(some))
        for piece_id, played_at in connection.execute(statement.order_by(plays.c.played_at)):
            found[piece_id].append(played_at)
    return found


def _drop_unused(connection: Connection) -> None:
    """Forget the pieces that nothing is about."""
    used = [
        select(literal(1)).where(column == pieces.c.id).exists()
        for column in (
            judgements.c.first_id,
            judgements.c.second_id,
            judgements.c.odd_id,
            plays.c.piece_id,
        )
    ]
    connection.execute(delete(pieces).where(~or_(*used)))


def drop_all(connection: Connection) -> None:
    """Delete judgements, plays, and what was fitted to them."""
    for table in (judgements, plays, pieces, tastes):
        connection.execute(delete(table))


def _batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
