"""A library copied to another place, whatever kind of database each is, and checked by content.

All tables are copied with the ids of their rows, so that what people wrote down stays right; what
a kind of database has beside them (indexes of words, vectors) is made anew. Until the copy is
complete and was read again, the target is marked: whoever opens it is told so.

**A copy that was interrupted** goes on when the same copy is run again. Rows come in the order of
their keys, so what the target has is what the source began with. Whether it still does is found out
by comparing these rows with those of the source as it is now, one by one: where all are the same,
the others are added; else the target is emptied, and all is copied anew. Either way the target has
one state of the source in the end, never two.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeAlias

from sqlalchemy import JSON, Connection, Integer, Table, Text, cast, delete, func, select

from soundalike.errors import InvalidArgument, LibraryError
from soundalike.library.copying_kept import check_nothing_kept, copy_kept
from soundalike.library.storage import vector_search
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import SCHEMA_VERSION, analyses, changes, metadata, tracks

__all__ = ["CopiedTable", "CopyReport", "copy_library"]

# Of excerpts, the largest rows, some twenty megabytes.
_ROWS_AT_ONCE = 1000
_MOST_SUM = 2**256
Progress = Callable[[str, int, int], None]
Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table that was copied.

    Attributes
    ----------
    rows : how many it has, in both.
    digest : of its rows in any order, the same in both: the sum of their SHA-256 hashes, modulo
        2**256, as hexadecimal digits.
    """

    table: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did.

    Attributes
    ----------
    source, target : the places, without passwords.
    tables : all tables of a library.
    playlists : files of playlists that were copied, as the server keeps them.
    sent : notes of playlists that were put on music servers, to be made again there.
    kept_rows : rows that an interrupted copy had brought before, and that stayed.
    """

    source: str
    target: str
    tables: tuple[CopiedTable, ...]
    playlists: int
    sent: int
    kept_rows: int


def copy_library(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy a library to a new place, whatever kind of database either is, and compare them.

    Parameters
    ----------
    source, target : a path, or a URL, as for ``Library``. The target is empty, or is not there.
    progress : told what is being done, how many rows are done, and how many there are.

    Raises
    ------
    InvalidArgument : both are one place.
    LibraryError : the source is not there, the target is not empty or cannot be written, or what
        was copied is not what was read.
    OutputError : something is kept beside the target, such as playlists, or cannot be copied there.
    """
    tell = progress or (lambda *_: None)
    read_from = Database(source, create=False)
    try:
        mark = _mark(read_from.location)
        written = Database(target, unfinished_copy=mark)
        try:
            if read_from.location == written.location:
                raise InvalidArgument(f"{written.location}: source and target are one library")
            with written.scan_lock():
                return _copy(read_from, written, mark, tell)
        finally:
            written.close()
    finally:
        read_from.close()


def _mark(location: str) -> str:
    """What the target has in the place of its schema's version: 32 characters at most."""
    return f"copying {SCHEMA_VERSION} {hashlib.sha256(location.encode()).hexdigest()[:16]}"


def _copy(source: Database, target: Database, mark: str, tell: Progress) -> CopyReport:
    with target.write() as connection:
        if not target.is_unfinished(connection):
            _check_empty(connection, target.location)
            check_nothing_kept(target.keeping)
            target.set_version(connection, mark)
            _clear(connection)
    with source.read() as connection:
        copied = None
        with suppress(_Changed):
            copied = _copy_tables(connection, target, tell)
        if copied is None:
            with target.write() as writing:
                _clear(writing)
            copied = _copy_tables(connection, target, tell)
        done, kept = copied
        last_ids = source.last_ids(connection)
    _make_vectors(target, tell)
    with target.write() as connection:
        target.set_last_ids(connection, last_ids)
    target.settle()
    _compare(target, done, tell)
    kept_files = copy_kept(source.keeping, target.keeping)
    with target.write() as connection:
        target.set_version(connection, SCHEMA_VERSION)
    return CopyReport(
        source.location,
        target.location,
        tuple(done),
        playlists=kept_files["playlists"],
        sent=kept_files["sent"],
        kept_rows=kept,
    )


class _Changed(Exception):
    """What an earlier copy brought is no longer what the source has."""


def _clear(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))


def _copy_tables(
    source: Connection, target: Database, tell: Progress
) -> tuple[list[CopiedTable], int]:
    """Copy what the target lacks.

    Raises
    ------
    _Changed : what it has is not what the source begins with, row by row.
    """
    total = sum(_count(source, table) for table in metadata.sorted_tables)
    found: list[CopiedTable] = []
    so_far = kept = 0
    for table in metadata.sorted_tables:
        digest, n = _Digest(), 0
        with closing(_parts(source, table)) as parts:
            rows = chain.from_iterable(parts)
            with closing(_there(target, table)) as brought:
                for there in brought:
                    own = list(islice(rows, len(there)))
                    if own != there:
                        raise _Changed
                    digest.add(own)
                    n += len(own)
                    tell("comparing with what is there", so_far + n, total)
            kept += n
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                with target.write() as writing:
                    target.add_rows(writing, table, some)
                digest.add(some)
                n += len(some)
                tell("copying", so_far + n, total)
        so_far += n
        found.append(CopiedTable(table.name, n, digest.hex()))
    return found, kept


def _there(target: Database, table: Table) -> Generator[list[Row], None, None]:
    """The rows that an earlier copy has brought, in their order; none of a table without an order
    that both have: that one is emptied."""
    if not _is_ordered(table):
        with target.write() as connection:
            connection.execute(delete(table))
        return
    with target.read() as connection:
        yield from _parts(connection, table)


def _check_empty(connection: Connection, location: str) -> None:
    for table in (tracks, *metadata.sorted_tables):
        rows = _count(connection, table)
        # Every library begins with one change.
        if rows > (table is changes):
            raise LibraryError(
                f"{location}: has {rows:,} rows in {table.name} already; name a place where no "
                f"library is, or delete that one first"
            )


def _make_vectors(target: Database, tell: Progress) -> None:
    with target.read() as connection:
        if not vector_search.has_vectors(connection):
            return
        total = _count(connection, analyses)
    last, done = 0, 0
    while True:
        with target.write() as connection:
            made = vector_search.make_some(connection, last)
        if made is None:
            return
        last, n = made
        done += n
        tell("making vectors", done, total)


def _compare(target: Database, expected: Sequence[CopiedTable], tell: Progress) -> None:
    total, done = sum(each.rows for each in expected), 0
    with target.read() as connection:
        for each in expected:
            table = metadata.tables[each.table]
            digest, rows = _Digest(), 0
            for some in _parts(connection, table):
                digest.add(some)
                rows += len(some)
                done += len(some)
                tell("comparing", done, total)
            if (rows, digest.hex()) != (each.rows, each.digest):
                raise LibraryError(
                    f"{target.location}: {table.name} is not what was copied ({rows:,} rows of "
                    f"{each.rows:,}, or other values); run the copy again, and if it fails again, "
                    f"report it"
                )


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _parts(connection: Connection, table: Table) -> Generator[list[Row], None, None]:
    """All rows, some at a time, as they are stored: JSON is text. In the order of their keys, where
    that is one."""
    statement = select(
        *(cast(each, Text) if isinstance(each.type, JSON) else each for each in table.columns)
    )
    if _is_ordered(table):
        statement = statement.order_by(*table.primary_key.columns)
    options = {"yield_per": _ROWS_AT_ONCE}
    with connection.execute(statement, execution_options=options) as found:
        for rows in found.partitions():
            yield list(map(tuple, rows))


def _is_ordered(table: Table) -> bool:
    """Whether its keys are numbers: two kinds of database sort texts in their own ways."""
    return all(isinstance(column.type, Integer) for column in table.primary_key.columns)


class _Digest:
    """Of the rows of a table, in any order."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            hashed = hashlib.sha256(b"".join(map(_encoded, row)))
            self._sum = (self._sum + int.from_bytes(hashed.digest(), "big")) % _MOST_SUM

    def hex(self) -> str:
        return f"{self._sum:064x}"


def _encoded(value: Any) -> bytes:
    """A value with its type and length, so that no two rows have the same bytes."""
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        kind, data = b"b", value
    elif isinstance(value, str):
        kind, data = b"s", value.encode("utf-8", "surrogatepass")
    elif isinstance(value, float):
        kind, data = b"f", struct.pack("<d", value)
    else:
        kind, data = b"i", str(int(value)).encode()
    return kind + struct.pack("<Q", len(data)) + data
