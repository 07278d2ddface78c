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

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import UserDefinedType

from soundalike.library.storage.schema import analyses, metadata, own_failure, tracks

__all__ = [
    "count_anew",
    "drop_hnsw",
    "follow",
    "has_hnsw",
    "make_hnsw",
    "make_some",
    "make_vectors",
    "make_word_index",
    "nearest",
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
_ROWS_AT_ONCE = 500
# Of an approximate search: how many vectors it keeps in view, and how many it looks at before it
# gives up to find more that the filters leave.
_LEAST_EF, _MOST_EF, _MOST_SCANNED = 200, 1000, 200_000
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
    Column("embedding", _HalfVector(), nullable=False),
)


def make_vectors(connection: Connection) -> None:
    """Make the table of vectors."""
    connection.exec_driver_sql(
        "CREATE TABLE vectors ("
        "analysis_id integer PRIMARY KEY REFERENCES analyses (id) ON DELETE CASCADE, "
        "model_id integer NOT NULL REFERENCES models (id) ON DELETE CASCADE, "
        "embedding halfvec NOT NULL)"
    )


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
        select(analyses.c.id, analyses.c.model_id, analyses.c.embedding)
        .outerjoin(vectors, vectors.c.analysis_id == analyses.c.id)
        .where(where, vectors.c.analysis_id.is_(None))
    )
    rows = [
        {"analysis_id": row.id, "model_id": row.model_id, "embedding": as_text(numbers)}
        for row in connection.execute(lacking)
        # What is damaged is found, and told, where it is read.
        if (numbers := _decoded(row.embedding)) is not None
    ]
    if rows:
        connection.execute(insert(vectors), rows)


def _decoded(encoded: bytes) -> NDArray[np.float16] | None:
    if not encoded or len(encoded) % 2:
        return None
    numbers = np.frombuffer(encoded, "<f2")
    return numbers if np.isfinite(numbers).all() else None


def nearest(
    connection: Connection,
    model_id: int,
    query: NDArray[np.float32],
    n: int,
    where: Sequence[ColumnElement[bool]],
    *,
    approximate: bool,
) -> list[tuple[int, float]]:
    """See ``vector_search.Nearest``."""
    size = len(query)
    kind = _HalfVector(size)
    wanted = cast(literal(as_text(query), Text), kind)
    # The index is one of this very expression, for this very model.
    column: ColumnElement[Any] = (
        cast(vectors.c.embedding, kind) if approximate else vectors.c.embedding
    )
    far: ColumnElement[float] = column.op("<#>", return_type=Double())(wanted).label("far")
    # As ``schema.searchable_tracks`` has it, in a form of which the planner guesses rightly how
    # many rows are left; else it looks them up one by one.
    failing = exists().where(own_failure(model_id))
    statement = (
        select(tracks.c.id, far)
        .select_from(vectors)
        .join(analyses, analyses.c.id == vectors.c.analysis_id)
        .join(tracks, tracks.c.content_id == analyses.c.content_id)
        .where(vectors.c.model_id == literal_column(str(model_id)))
        .where(tracks.c.missing_at.is_(None), ~failing, *where)
        .order_by(far)
        .limit(n)
    )
    settings: dict[str, str] = {}
    if approximate:
        # As many as are wanted come out of the first look; where filters take some of them, the
        # search goes on from there, in order.
        settings = {
            "hnsw.ef_search": str(min(max(n, _LEAST_EF), _MOST_EF)),
            "hnsw.iterative_scan": "strict_order",
            "hnsw.max_scan_tuples": str(_MOST_SCANNED),
            "enable_sort": "off",
        }
    for name, value in settings.items():
        connection.exec_driver_sql(f"SET LOCAL {name} = {value}")
    found = [(row.id, -row.far) for row in connection.execute(statement)]
    if approximate:
        connection.exec_driver_sql("SET LOCAL enable_sort = on")
    return found


def count_anew(connection: Connection) -> None:
    """Have the server look at what its tables hold, by which it chooses how to join them: of
    itself it does so now and then, and takes a table that was just filled for an empty one."""
    for table in (*metadata.tables, vectors.name):
        connection.exec_driver_sql(f"ANALYZE {table}")


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
    count_anew(connection)
    return connection.scalar(count) or 0


def drop_hnsw(connection: Connection, model_id: int) -> None:
    """Remove it, if there is any."""
    connection.exec_driver_sql(f"DROP INDEX IF EXISTS {_hnsw(model_id)}")


def _hnsw(model_id: int) -> str:
    return f"ix_vectors_hnsw_{model_id}"


def as_text(numbers: NDArray[np.floating]) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(map(repr, numbers.astype(np.float64).tolist())) + "]"
