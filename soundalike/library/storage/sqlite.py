"""What is SQLite's own: the file, its pragmas and locks, its errors, and its index of words.

``database`` knows no more of a kind of database than the methods of :class:`SQLite`.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, and_, column, create_engine, event, select, table, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import ColumnElement

from soundalike.errors import InvalidArgument, LibraryError, printable
from soundalike.files import why
from soundalike.library.storage.schema import tracks
from soundalike.locks import try_lock

__all__ = [
    "SQLite",
    "can_drop_columns",
    "has_words",
    "is_own_table",
    "make_word_index",
    "url_of_path",
]

BUSY_TIMEOUT_S = 10.0
WRITES = "soundalike_writes"
"""Execution option of a connection whose transactions write."""

_ADVICE = {
    "SQLITE_NOTADB": "the file is not a SQLite database; name another one",
    "SQLITE_CORRUPT": "the database is damaged; restore it from a backup, or delete it and scan",
    "SQLITE_READONLY": "the database cannot be written; check the permissions of file and folder",
    "SQLITE_CANTOPEN": "the database cannot be opened; check the permissions of file and folder",
    "SQLITE_PERM": "the database cannot be opened; check the permissions of file and folder",
    "SQLITE_BUSY": "another program is using the database; close it, or try again later",
    "SQLITE_LOCKED": "another program is using the database; close it, or try again later",
    "SQLITE_FULL": "the disk is full; make room and run the command again, nothing is lost",
    "SQLITE_IOERR": "disk error; check the disk and its free space",
}

# Parts of words from three letters on, and the beginnings of shorter ones. Without positions
# (detail=none) an index takes less than half the room; LIKE looks at the few rows it finds.
_WORD_INDEXES = {
    "track_trigrams": "tokenize='trigram', detail='none'",
    "track_prefixes": "tokenize='unicode61', prefix='1 2', detail='none'",
}
_PART = 3


class SQLite:
    """A library in one file, or in memory.

    Parameters
    ----------
    url : of the database.

    Raises
    ------
    InvalidArgument : a ``file:`` URI, which is not supported.
    """

    def __init__(self, url: URL) -> None:
        if (url.database or "").startswith("file:"):
            raise InvalidArgument(
                f"{url.render_as_string()!r}: SQLite's own file: URIs are not supported"
            )
        self._url = url
        in_memory = url.database in (None, "", ":memory:")
        self.path = None if in_memory else Path(os.path.abspath(url.database or ""))
        self.location = printable(self.path) if self.path else url.render_as_string()

    def prepare(self, create: bool) -> None:
        """Make the folder for a new file.

        Raises
        ------
        LibraryError : a folder, no library though none is to be made, or no folder can be made.
        """
        if self.path is None:
            return
        if self.path.is_dir():
            raise LibraryError(f"{self.location}: a folder; name a file for the database")
        if self.path.exists():
            return
        if not create:
            raise LibraryError(f"{self.location}: there is no library; scan a folder to make one")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"{self.location}: its folder cannot be made: {why(error)}; "
                f"name another place for the library"
            ) from error

    def engine(self) -> Engine:
        """Connections whose transactions are real ones, schema changes included."""
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
        if self.path is None:
            # Every connection would have a database of its own.
            options["poolclass"] = StaticPool
            options["connect_args"]["check_same_thread"] = False
        engine = create_engine(self._url, **options)

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _record: object) -> None:
            # The driver begins transactions by itself only before some statements; with None it
            # leaves them to begin() below, so that schema changes roll back as well.
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys = ON").close()
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL").close()

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # Taking the write lock at once: a transaction that reads first and finds the database
            # changed when it wants to write cannot wait, it fails.
            writes = connection.get_execution_options().get(WRITES, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def table_names(self, connection: Connection) -> set[str]:
        statement = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return set(connection.exec_driver_sql(statement).scalars())

    def size_bytes(self) -> int | None:
        """Bytes of the database with its write-ahead log; None in memory."""
        if self.path is None:
            return None
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def file_id(self) -> tuple[int, int] | None:
        """Device and inode of what is at the path; None where nothing is, or in memory."""
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def advice(self, error: BaseException | None) -> str | None:
        """What to do about an error of the driver; None for one that is our own fault."""
        if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.IntegrityError):
            return None
        # Extended names such as SQLITE_READONLY_DBMOVED begin with the plain one.
        name = getattr(error, "sqlite_errorname", "")
        return next((advice for prefix, advice in _ADVICE.items() if name.startswith(prefix)), None)

    @contextmanager
    def scan_lock(self) -> Iterator[None]:
        """The lock of the running scan; the system releases it if the process dies.

        Raises
        ------
        LibraryError : another scan holds it.
        """
        if self.path is None:
            yield
            return
        lock_path = self.path.with_name(self.path.name + ".scan-lock")
        try:
            file = open(lock_path, "a+b")  # noqa: SIM115 - closed below, on every way out
        except OSError as error:
            raise LibraryError(
                f"{printable(lock_path)}: {why(error)}; check the permissions of its folder"
            ) from error
        with file:
            if not try_lock(file):
                raise LibraryError(
                    f"{self.location}: another scan of this library is running; "
                    f"wait for it to end, or stop it"
                )
            yield


def url_of_path(path: str | os.PathLike[str]) -> URL:
    """The URL of a database file; ``~`` is filled in."""
    return URL.create("sqlite", database=os.path.abspath(os.path.expanduser(os.fspath(path))))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Set the journal mode that lets others read during a write; wait for who holds the file.

    Raises
    ------
    sqlite3.OperationalError : the file is still held after ``BUSY_TIMEOUT_S``.
    """
    # A database changes into this mode by turning a read lock into an exclusive one. Where two
    # try that at once, SQLite refuses one of them without the wait of its timeout, which would
    # be a deadlock.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(random.uniform(0.001, 0.02))


def can_drop_columns() -> bool:
    """Whether this SQLite can drop a column in place."""
    return sqlite3.sqlite_version_info >= (3, 35)


def make_word_index(connection: Connection) -> None:
    """Index ``tracks.words`` by their parts, and keep that up to date by triggers."""
    for name, options in _WORD_INDEXES.items():
        content = "content='tracks', content_rowid='id'"
        connection.execute(
            text(f"CREATE VIRTUAL TABLE {name} USING fts5(words, {content}, {options})")
        )
        connection.execute(text(f"INSERT INTO {name} ({name}) VALUES ('rebuild')"))
    # An index whose text lies in another table must be told the old text to forget it.
    forget = _each_index("INSERT INTO {0} ({0}, rowid, words) VALUES ('delete', old.id, old.words)")
    learn = _each_index("INSERT INTO {0} (rowid, words) VALUES (new.id, new.words)")
    changed = "AFTER UPDATE OF words ON tracks WHEN old.words <> new.words"
    for name, when, statements in (
        ("track_words_added", "AFTER INSERT ON tracks", learn),
        ("track_words_changed", changed, forget + learn),
        ("track_words_removed", "AFTER DELETE ON tracks", forget),
    ):
        connection.execute(text(f"CREATE TRIGGER {name} {when} BEGIN {statements} END"))


def is_own_table(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic is to compare a table with the schema: not what the word index is made of."""
    return kind != "table" or name is None or not name.startswith(tuple(_WORD_INDEXES))


def _each_index(statement: str) -> str:
    return "".join(statement.format(name) + "; " for name in _WORD_INDEXES)


def has_words(words: Sequence[str]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` has all words: as parts of its words, or, where all are shorter
    than three letters, as beginnings of them.

    Parameters
    ----------
    words : as ``library.words.plain`` leaves them; they hold nothing that LIKE or a query
        language takes for more than letters.
    """
    long = [word for word in words if len(word) >= _PART]
    name = "track_trigrams" if long else "track_prefixes"
    # Quoted, since "or" and "not" are words of the query language, too.
    if long:
        # An index without positions finds rows with all parts of three letters, in any order.
        # LIKE on the index itself would look at that, but crashes SQLite 3.40.
        terms = [f'"{part}"' for word in long for part in _parts(word)]
    else:
        terms = [f'"{word}"*' for word in words]
    index = table(name, column("rowid"), column(name))
    found = select(index.c.rowid).where(index.c[name].op("MATCH")(" AND ".join(terms)))
    each = (tracks.c.words.like(f"%{word}%") for word in words)
    return and_(tracks.c.id.in_(found), *each)


def _parts(word: str) -> list[str]:
    """Parts of three letters that cover the word."""
    starts = {*range(0, len(word) - _PART, _PART), len(word) - _PART}
    return [word[start : start + _PART] for start in sorted(starts)]
