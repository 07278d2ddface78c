"""What PostgreSQL searches by: an index of words, and vectors beside the analyses.

Words are taken apart at blanks alone, as ``library.words`` has made them, into a ``tsvector``; none
of the server's own rules for languages has a say. A word is found by its beginning through a GIN
index. What lies inside a word is found by a look at the words of all tracks.

A vector is the float16 embedding of an analysis as pgvector keeps it. The table follows the log of
changes (:func:`follow`): what an index in memory has to look at again is brought up to date here in
the same transaction. It has no size of its own, since each model has another; an index for
approximate search (HNSW) is one of the vectors of one model.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    CTE,
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import UserDefinedType

from soundalike.library.storage.postgresql_bulk import copy_rows
from soundalike.library.storage.schema import analyses, metadata, own_failure, tracks

__all__ = [
    "Look",
    "drop_hnsw",
    "follow",
    "has_hnsw",
    "make_hnsw",
    "make_some",
    "make_vectors",
    "make_word_index",
    "nearest",
    "nearest_of_some",
    "settle",
    "shared_parts",
    "word_parts",
    "word_starts",
]

# A lexeme holds 2,046 bytes: a longer word is found by what fits. A pattern counts to 255.
_LONGEST = 500
_WORDS = (
    "array_to_tsvector(array_remove(regexp_split_to_array("
    "regexp_replace(tracks.words, '(\\S{250}\\S{250})\\S*', '\\1', 'g'), '\\s+'), ''))"
)
_PART = 3
_ROWS_AT_ONCE = 1000
# Of an approximate search: how many vectors it keeps in view, and how many it looks at before it
# gives up to find more that the filters leave. At 100,000 tracks, 200 in view found 94 % of the ten
# nearest and 400 found 98 %, for some milliseconds.
_LEAST_EF, _MOST_EF, _MOST_SCANNED = 400, 1000, 200_000
# As many of the nearest are told that do not fit: the copies of what is asked for are among them.
_BARRED = 100
_INDEX_MEMORY = "1GB"


def make_word_index(connection: Connection) -> None:
    """Index the words of tracks by their beginnings."""
    expression = _WORDS.replace("tracks.", "")
    connection.exec_driver_sql(
        f"CREATE INDEX ix_tracks_own_words ON tracks USING gin (({expression}))"
    )


def word_starts(words: Sequence[str], *, is_whole: Sequence[bool]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` has a word for each of these that begins like it.

    Parameters
    ----------
    is_whole : for each, whether it has to be the whole word.
    """
    terms = [
        _quoted(word) if whole else f"{_quoted(word)}:*"
        for word, whole in zip(words, is_whole, strict=True)
    ]
    return _has(" & ".join(terms))


def word_parts(words: Sequence[str]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` holds all words, if only inside longer ones."""
    return and_(*(tracks.c.words.like(f"%{word}%") for word in words))


def shared_parts(connection: Connection, words: Sequence[str]) -> Counter[int]:
    """How many parts each track shares with some words; see ``word_search.shared_parts``."""
    spaced = [f" {word} " for word in words]
    parts = {each[at : at + _PART] for each in spaced for at in range(len(each) - _PART + 1)}
    starts = sorted({word[:2] for word in words})
    has: list[ColumnElement[bool]] = [tracks.c.words.like(f"%{part}%") for part in sorted(parts)]
    has += [_has(f"{_quoted(start)}:*") for start in starts]
    count: ColumnElement[int] = sum((each.cast(Integer) for each in has[1:]), has[0].cast(Integer))
    shared = select(tracks.c.id, count.label("n")).subquery()
    rows = connection.execute(select(shared.c.id, shared.c.n).where(shared.c.n > 0))
    return Counter({row.id: row.n for row in rows})


def _has(query: str) -> ColumnElement[bool]:
    words: ColumnElement[str] = literal_column(_WORDS)
    return words.op("@@", is_comparison=True)(cast(query, TSQUERY))


def _quoted(word: str) -> str:
    doubled = word[:_LONGEST].replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


class _HalfVector(UserDefinedType[str]):
    """pgvector's float16 vectors, as text: ``[0.5,-0.25]``."""

    cache_ok = True

    def __init__(self, size: int | None = None) -> None:
        self.size = size

    def get_col_spec(self, **_: object) -> str:
        return "halfvec" if self.size is None else f"halfvec({self.size})"


vectors = Table(
    "vectors",
    MetaData(),
    Column("analysis_id", Integer, primary_key=True, autoincrement=False),
    Column("model_id", Integer, nullable=False),
    # As in ``analyses``, whose rows are long: a search of all need not read them.
    Column("content_id", Integer, nullable=False),
    Column("embedding", _HalfVector(), nullable=False),
)


_COLUMNS = {
    "analysis_id": "int4",
    "model_id": "int4",
    "content_id": "int4",
    "embedding": "bytea",
}


def make_vectors(connection: Connection) -> None:
    """Make the table of vectors."""
    connection.exec_driver_sql(
        "CREATE TABLE vectors ("
        "analysis_id integer PRIMARY KEY REFERENCES analyses (id) ON DELETE CASCADE, "
        "model_id integer NOT NULL REFERENCES models (id) ON DELETE CASCADE, "
        "content_id integer NOT NULL, "
        "embedding halfvec NOT NULL)"
    )
    connection.exec_driver_sql("CREATE INDEX ix_vectors_content_id ON vectors (content_id)")


def follow(connection: Connection, track_ids: Sequence[int]) -> None:
    """Make the vectors of the analyses of some tracks that have none yet; those of analyses that
    are gone went with them."""
    for start in range(0, len(track_ids), _ROWS_AT_ONCE):
        some = (
            select(tracks.c.content_id)
            .where(tracks.c.id.in_(track_ids[start : start + _ROWS_AT_ONCE]))
            .distinct()
        )
        _make_missing(connection, analyses.c.content_id.in_(some))


def make_some(connection: Connection, after: int) -> tuple[int, int] | None:
    """See ``vector_search.make_some``."""
    some = select(analyses.c.id).where(analyses.c.id > after).order_by(analyses.c.id)
    ids = connection.scalars(some.limit(_ROWS_AT_ONCE)).all()
    if not ids:
        return None
    _make_missing(connection, analyses.c.id.in_(ids))
    return ids[-1], len(ids)


def _make_missing(connection: Connection, where: ColumnElement[bool]) -> None:
    lacking = (
        select(analyses.c.id, analyses.c.model_id, analyses.c.content_id, analyses.c.embedding)
        .outerjoin(vectors, vectors.c.analysis_id == analyses.c.id)
        .where(where, vectors.c.analysis_id.is_(None))
    )
    rows = [
        (row.id, row.model_id, row.content_id, _sent(numbers))
        for row in connection.execute(lacking)
        # What is damaged is found, and told, where it is read.
        if (numbers := _decoded(row.embedding)) is not None
    ]
    if rows:
        copy_rows(connection, vectors.name, _COLUMNS, rows)


def _sent(numbers: NDArray[np.float16]) -> bytes:
    """A vector as pgvector sends and takes it: its size, a number without a meaning, its numbers,
    the high bytes first."""
    return struct.pack(">HH", len(numbers), 0) + numbers.astype(">f2").tobytes()


def _decoded(encoded: bytes) -> NDArray[np.float16] | None:
    if not encoded or len(encoded) % 2:
        return None
    numbers = np.frombuffer(encoded, "<f2")
    return numbers if np.isfinite(numbers).all() else None


@dataclass(frozen=True, slots=True)
class Look:
    """The nearest vectors, and which tracks they are of.

    Attributes
    ----------
    found : ids of tracks that may come, and the products of their vectors with the query, the
        nearest first.
    barred : ids of tracks among the very nearest that could be found, but for what is asked.
    least : what was not looked at has no larger product; None where there is no more.
    """

    found: list[tuple[int, float]]
    barred: list[int]
    least: float | None


def nearest(
    connection: Connection,
    model_id: int,
    query: NDArray[np.float32],
    n: int,
    where: Sequence[ColumnElement[bool]],
    *,
    approximate: bool,
) -> Look:
    """The tracks of the nearest n vectors, whatever ``where`` leaves of them: distances first, so
    that only these few are joined with what else is known."""
    kind = _HalfVector(len(query))
    # The index is one of this very expression, for this very model.
    column: ColumnElement[Any] = (
        cast(vectors.c.embedding, kind) if approximate else vectors.c.embedding
    )
    far = _far(column, query)
    nearest_ones = (
        select(vectors.c.content_id, far.label("far"))
        .where(vectors.c.model_id == literal_column(str(model_id)))
        .order_by(far)
        .limit(n)
        .subquery()
    )
    place = func.row_number().over(order_by=nearest_ones.c.far).label("place")
    near = _once(select(nearest_ones, place), "near")
    there = _once(
        select(tracks.c.id, near.c.far, near.c.place, and_(true(), *where).label("fits"))
        .join_from(near, tracks, tracks.c.content_id == near.c.content_id)
        .where(tracks.c.missing_at.is_(None), ~exists().where(own_failure(model_id))),
        "there",
    )
    # Its row is there, whatever the tracks are.
    looked = select(func.count().label("n"), func.max(near.c.far).label("least")).subquery()
    told = select(there).where(or_(there.c.fits, there.c.place <= _BARRED)).subquery()
    statement = select(looked, told.c.id, told.c.far, told.c.fits).outerjoin_from(
        looked, told, true()
    )
    if approximate:
        # As many as are wanted come out of the first look; further ones are looked for from there
        # on, in order. The planner must not take a look at all vectors for quicker.
        connection.exec_driver_sql(
            f"SET LOCAL hnsw.ef_search = {min(max(n, _LEAST_EF), _MOST_EF)}; "
            "SET LOCAL hnsw.iterative_scan = strict_order; "
            f"SET LOCAL hnsw.max_scan_tuples = {_MOST_SCANNED}; "
            "SET LOCAL enable_sort = off"
        )
    rows = connection.execute(statement).all()
    if approximate:
        connection.exec_driver_sql("SET LOCAL enable_sort = on")
    known = sorted((each for each in rows if each.id is not None), key=lambda each: each.far)
    found = [(each.id, -each.far) for each in known if each.fits]
    barred = [each.id for each in known if not each.fits]
    return Look(found, barred, None if rows[0].n < n else -rows[0].least)


def _once(statement: Select[Any], name: str) -> CTE:
    """A part of a statement that the server works out once, and by itself."""
    return statement.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def nearest_of_some(
    connection: Connection,
    model_id: int,
    query: NDArray[np.float32],
    n: int,
    where: Sequence[ColumnElement[bool]],
) -> Look:
    """The n nearest tracks of those that ``where`` leaves: for when these are few."""
    far = _far(vectors.c.embedding, query)
    statement = (
        select(tracks.c.id, far.label("far"))
        .join_from(vectors, tracks, tracks.c.content_id == vectors.c.content_id)
        .where(vectors.c.model_id == literal_column(str(model_id)))
        .where(tracks.c.missing_at.is_(None), ~exists().where(own_failure(model_id)), *where)
        .order_by(far)
        .limit(n)
    )
    found = [(row.id, -row.far) for row in connection.execute(statement)]
    return Look(found, [], found[-1][1] if len(found) == n else None)


def _far(column: ColumnElement[Any], query: NDArray[np.float32]) -> ColumnElement[float]:
    """The product with a query, below zero."""
    # Selected, it is read once: a statement that the server has planned for any query would else
    # read its text again for each row.
    wanted = select(cast(literal(as_text(query), Text), _HalfVector(len(query)))).scalar_subquery()
    return column.op("<#>", return_type=Double())(wanted)


def settle(connection: Connection) -> None:
    """Have the server look at what its tables hold, by which it chooses how to join them, and note
    which of their pages everybody sees: of itself it does so now and then, and takes a table that
    was just filled for an empty one. Of a connection without a transaction."""
    for table in (*metadata.tables, vectors.name):
        connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")


def has_hnsw(connection: Connection, model_id: int) -> bool:
    """Whether the vectors of a model have an index that can be used."""
    made = text(
        "SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE relname = :name AND relnamespace = current_schema()::regnamespace"
    )
    return bool(connection.scalar(made, {"name": _hnsw(model_id)}))


def make_hnsw(connection: Connection, model_id: int, size: int) -> int:
    """Make the index of the vectors of a model, if there is none; how many vectors it has."""
    count = select(func.count()).where(vectors.c.model_id == model_id)
    # Whoever lacks this much memory is told so by the server, in its log; it goes on without.
    connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{_INDEX_MEMORY}'")
    connection.exec_driver_sql(
        f"CREATE INDEX IF NOT EXISTS {_hnsw(model_id)} ON vectors USING hnsw "
        f"((embedding::halfvec({size})) halfvec_ip_ops) "
        f"WITH (m = 16, ef_construction = 128) WHERE model_id = {model_id}"
    )
    connection.exec_driver_sql(f"ANALYZE {vectors.name}")
    return connection.scalar(count) or 0


def drop_hnsw(connection: Connection, model_id: int) -> None:
    """Remove it, if there is any."""
    connection.exec_driver_sql(f"DROP INDEX IF EXISTS {_hnsw(model_id)}")


def _hnsw(model_id: int) -> str:
    return f"ix_vectors_hnsw_{model_id}"


def as_text(numbers: NDArray[np.floating]) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(map(repr, numbers.astype(np.float64).tolist())) + "]"
