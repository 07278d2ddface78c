"""A library copied to another place, whatever kind of database each is, and checked by content.

All tables are copied with the ids of their rows, so that what people wrote down stays right; what
a kind of database has beside them (indexes of words, vectors) is made anew. Until the copy is
complete and was read again, the target is marked: whoever opens it is told so. A copy that was
interrupted is begun again by the same copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from soundalike.errors import InvalidArgument, LibraryError, OutputError, printable
from soundalike.files import why
from soundalike.library.storage import vector_search
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import SCHEMA_VERSION, analyses, changes, metadata, tracks

__all__ = ["CopiedTable", "CopyReport", "copy_library"]

# Of excerpts, the largest rows, some megabytes.
_ROWS_AT_ONCE = 200
_MOST_SUM = 2**256
Progress = Callable[[str, int, int], None]


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
    playlists : files of playlists that were copied.
    """

    source: str
    target: str
    tables: tuple[CopiedTable, ...]
    playlists: int


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
    OutputError : a playlist cannot be copied.
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
                tables = _copy(read_from, written, mark, tell)
                playlists = _copy_playlists(read_from.playlists, written.playlists)
            return CopyReport(read_from.location, written.location, tables, playlists)
        finally:
            written.close()
    finally:
        read_from.close()


def _mark(location: str) -> str:
    """What the target has in the place of its schema's version: 32 characters at most."""
    return f"copying {SCHEMA_VERSION} {hashlib.sha256(location.encode()).hexdigest()[:16]}"


def _copy(source: Database, target: Database, mark: str, tell: Progress) -> tuple[CopiedTable, ...]:
    with target.write() as connection:
        if not target.is_unfinished(connection):
            _check_empty(connection, target.location)
            target.set_version(connection, mark)
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    done: list[CopiedTable] = []
    with source.read() as connection:
        total = sum(_count(connection, table) for table in metadata.sorted_tables)
        so_far = 0
        for table in metadata.sorted_tables:
            digest, rows = _Digest(), 0
            for some in _parts(connection, table):
                with target.write() as writing:
                    writing.execute(insert(table), some)
                digest.add(table, some)
                rows += len(some)
                tell("copying", so_far + rows, total)
            so_far += rows
            done.append(CopiedTable(table.name, rows, digest.hex()))
        last_ids = source.last_ids(connection)
    _make_vectors(target, tell)
    with target.write() as connection:
        target.set_last_ids(connection, last_ids)
    target.settle()
    _compare(target, done, tell)
    with target.write() as connection:
        target.set_version(connection, SCHEMA_VERSION)
    return tuple(done)


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
                digest.add(table, some)
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


def _parts(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """All rows, some at a time, as they are stored."""
    found = connection.execute(select(table), execution_options={"yield_per": _ROWS_AT_ONCE})
    for rows in found.mappings().partitions():
        yield [dict(row) for row in rows]


class _Digest:
    """Of the rows of a table, in any order: two kinds of database sort texts in their own ways."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        names = [column.name for column in table.columns]
        for row in rows:
            hashed = hashlib.sha256(b"".join(_encoded(row[name]) for name in names))
            self._sum = (self._sum + int.from_bytes(hashed.digest(), "big")) % _MOST_SUM

    def hex(self) -> str:
        return f"{self._sum:064x}"


def _encoded(value: Any) -> bytes:
    """A value with its type and length, so that no two rows have the same bytes."""
    if value is None:
        return b"n"
    if isinstance(value, (bool, int)):
        kind, data = b"i", str(int(value)).encode()
    elif isinstance(value, float):
        kind, data = b"f", struct.pack("<d", value)
    elif isinstance(value, bytes):
        kind, data = b"b", value
    elif isinstance(value, str):
        kind, data = b"s", value.encode("utf-8", "surrogatepass")
    else:
        kind, data = b"j", json.dumps(value, sort_keys=True).encode()
    return kind + struct.pack("<Q", len(data)) + data


def _copy_playlists(source: Path | None, target: Path | None) -> int:
    """Copy the files of playlists that the server keeps; how many."""
    if source is None or target is None or source == target or not source.is_dir():
        return 0
    try:
        if target.is_dir() and any(target.iterdir()):
            raise OutputError(
                f"{printable(target)}: there are playlists already; the library itself is copied, "
                f"copy those of {printable(source)} by hand"
            )
        shutil.copytree(source, target, dirs_exist_ok=True)
        return sum(path.is_file() for path in target.rglob("*"))
    except OSError as error:
        raise OutputError(
            f"{printable(target)}: the playlists cannot be copied: {why(error)}; the library "
            f"itself is copied, copy those of {printable(source)} by hand"
        ) from error
