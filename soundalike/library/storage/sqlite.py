"""What is SQLite's own: the file, its pragmas and locks, its errors, and its index of words.

``database`` knows no more of a kind of database than the methods of :class:`SQLite`.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    and_,
    column,
    create_engine,
    event,
    select,
    table,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import ColumnElement

from soundalike.errors import InvalidArgument, LibraryError, LibraryInUse, printable
from soundalike.files import why
from soundalike.library.storage.backend import WRITES
from soundalike.library.storage.schema import metadata, tracks
from soundalike.locks import lock_file

__all__ = [
    "SQLite",
    "can_drop_columns",
    "is_own_table",
    "make_word_index",
    "shared_parts",
    "url_of_path",
    "word_parts",
    "word_starts",
]

BUSY_TIMEOUT_S = 10.0
# Of pages, a connection. A server has dozens, and with SQLite's 2 MB grew for as long as it ran;
# what is not kept here the system keeps once for all of them, and nothing became slower.
_CACHE_KB = 256
_MAKE_WRITABLE = (
    "check the permissions of file and folder, or copy the library to a place that can be written"
)
_ADVICE = {
    "SQLITE_NOTADB": "the file is not a SQLite database; name another one",
    "SQLITE_CORRUPT": "the database is damaged; restore it from a backup, or delete it and scan",
    "SQLITE_READONLY": f"the database cannot be written; {_MAKE_WRITABLE}",
    "SQLITE_CANTOPEN": "the database cannot be opened; check the permissions of file and folder",
    "SQLITE_PERM": "the database cannot be opened; check the permissions of file and folder",
    "SQLITE_BUSY": "another program is using the database; close it, or try again later",
    "SQLITE_LOCKED": "another program is using the database; close it, or try again later",
    "SQLITE_FULL": "the disk is full; make room and run the command again, nothing is lost",
    "SQLITE_IOERR": "disk error; check the disk and its free space",
}

# The beginnings of words, and parts of three letters of their text. Without positions
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

    is_shared = False

    def __init__(self, url: URL) -> None:
        if (url.database or "").startswith("file:"):
            raise InvalidArgument(
                f"{url.render_as_string()!r}: SQLite's own file: URIs are not supported"
            )
        self._url = url
        in_memory = url.database in (None, "", ":memory:")
        self.path = None if in_memory else Path(os.path.abspath(url.database or ""))
        self.location = printable(self.path) if self.path else url.render_as_string()

    def prepare(self, create: bool, *, with_folder: bool) -> None:
        """See to it that a database can be opened, or made.

        Parameters
        ----------
        with_folder : make the folder for a new file, too. A folder that somebody named is there,
            or mistyped, or on a disk that is not mounted.

        Raises
        ------
        LibraryError : a folder, no library though none is to be made, or no folder for it.
        """
        if self.path is None:
            return
        if self.path.is_dir():
            raise LibraryError(f"{self.location}: a folder; name a file for the database")
        if self.path.exists():
            return
        folder = self.path.parent
        if not (with_folder or folder.is_dir()):
            raise LibraryError(
                f"{self.location}: there is no library, and no folder {printable(folder)}; "
                f"make that folder first, or name another place"
            )
        if not create:
            raise LibraryError(f"{self.location}: there is no library; scan a folder to make one")
        try:
            folder.mkdir(parents=True, exist_ok=True)
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
        else:
            # A server asks from many threads at once; a connection is an open file, and no more.
            options["max_overflow"] = -1
        engine = create_engine(self._url, **options)

        @event.listens_for(engine, "do_connect")
        def connect(
            _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
        ) -> sqlite3.Connection:
            return self._connect(arguments, options)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # Taking the write lock at once: a transaction that reads first and finds the database
            # changed when it wants to write cannot wait, it fails.
            writes = connection.get_execution_options().get(WRITES, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _connect(self, arguments: list[Any], options: dict[str, Any]) -> sqlite3.Connection:
        """A connection that can write, or else one that can read."""
        try:
            return _set_up(sqlite3.connect(*arguments, **options), _write_ahead)
        except sqlite3.OperationalError as error:
            if not _is_refused(error) or self.path is None or not self.path.is_file():
                raise
            refusal = error
        for uri, locking in self._ways_to_read(self.path):
            with suppress(sqlite3.OperationalError):
                connection = sqlite3.connect(uri, **{**options, "uri": True})
                return _set_up(connection, partial(_read_only, locking=locking))
        raise refusal

    @staticmethod
    def _ways_to_read(path: Path) -> Iterator[tuple[str, str]]:
        """URIs for a database that cannot be written, the safest first, and their locking mode.

        To read a database with a write-ahead log, SQLite wants a file in shared memory beside it.
        """
        uri = path.as_uri() + "?mode=ro"
        # Where that file is there, as while somebody else scans: with all locks.
        yield uri, "NORMAL"
        if not _beside(path, "-wal").exists():
            # All is in the one file, and nobody is about to change it.
            yield uri + "&immutable=1", "NORMAL"
        elif os.name == "posix":
            # A log that a killed scan left, or that was copied: with the shared memory in this
            # process. SQLite does so for an exclusive lock only, which cannot be had on a file
            # that is open for reading; so without locks, since nobody else has it open.
            yield uri + "&vfs=unix-none", "EXCLUSIVE"

    @staticmethod
    def write_options() -> dict[str, Any]:
        """Options of connections whose transactions write."""
        return {WRITES: True}

    def table_names(self, connection: Connection) -> set[str]:
        statement = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return set(connection.exec_driver_sql(statement).scalars())

    def size_bytes(self, _connection: Connection) -> int | None:
        """Bytes of the database with its write-ahead log; None in memory."""
        if self.path is None:
            return None
        files = (self.path, _beside(self.path, "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    @staticmethod
    def last_ids(connection: Connection) -> dict[str, int]:
        """The last id that was given out, by table, where none is given out twice."""
        rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
        return {row.name: row.seq for row in rows if row.name in metadata.tables}

    @staticmethod
    def set_last_ids(connection: Connection, last_ids: Mapping[str, int]) -> None:
        """Give out none of these, nor of those that are there."""
        for each in metadata.tables.values():
            if each.dialect_options["sqlite"]["autoincrement"]:
                seq = {"name": each.name, "seq": last_ids.get(each.name, 0)}
                put = (
                    "INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 WHERE NOT EXISTS "
                    "(SELECT 1 FROM sqlite_sequence WHERE name = :name)"
                )
                connection.execute(text(put), seq)
                put = "UPDATE sqlite_sequence SET seq = max(seq, :seq) WHERE name = :name"
                connection.execute(text(put), seq)

    def prepare_tables(self, connection: Connection) -> None:
        """Nothing: SQLite comes with all that they need."""

    @staticmethod
    def add_rows(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows as they are stored, with a value for each column; JSON is text."""
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])

    def settle(self, engine: Engine) -> None:
        """Nothing: the indexes are what a file is searched by, and they are there."""

    def file_id(self) -> tuple[int, int] | None:
        """Device and inode of what is at the path; None where nothing is, or in memory."""
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def beside(self, _connection: Connection) -> Path | None:
        """What the names of the files beside the database begin with; None in memory."""
        return self.path

    @staticmethod
    def keeping(beside: Path | None) -> Path | None:
        """The same: nothing beside a database is deleted by those who clear caches."""
        return beside

    def advice(self, error: BaseException | None) -> str | None:
        """What to do about an error of the driver; None for one that is our own fault."""
        if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.IntegrityError):
            return None
        # Extended names such as SQLITE_READONLY_DBMOVED begin with the plain one.
        name = getattr(error, "sqlite_errorname", "")
        return next((advice for prefix, advice in _ADVICE.items() if name.startswith(prefix)), None)

    @staticmethod
    def said(error: BaseException) -> str:
        """An error of the driver in one line."""
        return str(error)

    @staticmethod
    def is_read_only(error: BaseException | None) -> bool:
        """Whether an error of the driver says that the database cannot be written."""
        return getattr(error, "sqlite_errorname", "").startswith("SQLITE_READONLY")

    @contextmanager
    def scan_lock(self, _engine: Engine, _folders: Sequence[str] | None) -> Iterator[None]:
        """The lock of the one running scan; the system releases it if the process dies.

        Raises
        ------
        LibraryInUse : another scan holds it.
        LibraryError : the folder cannot be written.
        """
        if self.path is None:
            yield
            return
        # Only the taking of the lock may fail here, not what is done under it.
        with ExitStack() as stack:
            try:
                lock_path = _beside(self.path, ".scan-lock")
                stack.enter_context(lock_file(lock_path, timeout_s=0.0))
            except TimeoutError:
                raise LibraryInUse(
                    f"{self.location}: another scan of this library is running (or a `forget` or "
                    f"`tag`); wait for it to end, or stop it"
                ) from None
            except OSError as error:
                raise LibraryError(
                    f"{self.location}: its folder cannot be written: {why(error)}; {_MAKE_WRITABLE}"
                ) from error
            yield

    def check_lock(self) -> None:
        """Nothing: the system takes no lock from a process."""


def url_of_path(path: str | os.PathLike[str]) -> URL:
    """The URL of a database file; ``~`` is filled in."""
    return URL.create("sqlite", database=os.path.abspath(os.path.expanduser(os.fspath(path))))


def _beside(path: Path, ending: str) -> Path:
    """A file beside a database, where SQLite has it, too: at the end of links."""
    return Path(os.path.realpath(path) + ending)


def _set_up(
    connection: sqlite3.Connection, begin: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    """A connection as the engine uses it, after its first access to the file."""
    try:
        # The driver begins transactions by itself only before some statements; with None it
        # leaves them to the engine, so that schema changes roll back as well.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON").close()
        begin(connection)
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}").close()
        connection.execute("PRAGMA synchronous = NORMAL").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _read_only(connection: sqlite3.Connection, locking: str) -> None:
    connection.execute(f"PRAGMA locking_mode = {locking}").close()
    connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()


def _is_refused(error: sqlite3.Error) -> bool:
    """Whether it is about a file that cannot be written, or cannot be made beside it."""
    return error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN"))


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


def word_starts(words: Sequence[str], *, is_whole: Sequence[bool]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` has a word for each of these that begins like it.

    Parameters
    ----------
    is_whole : for each, whether it has to be the whole word.
    """
    # Quoted, since "or" and "not" are words of the query language, too.
    terms = [
        f'"{word}"' if whole else f'"{word}"*' for word, whole in zip(words, is_whole, strict=True)
    ]
    return tracks.c.id.in_(_rows("track_prefixes", " AND ".join(terms)))


def word_parts(words: Sequence[str]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` holds all words, if only inside longer ones."""
    each = [tracks.c.words.like(f"%{word}%") for word in words]
    parts = [f'"{part}"' for word in words if len(word) >= _PART for part in _parts(word)]
    if parts:
        # An index without positions finds rows with all parts of three letters, in any order.
        # LIKE on the index itself would look at that, but crashes SQLite 3.40.
        each.insert(0, tracks.c.id.in_(_rows("track_trigrams", " AND ".join(parts))))
    return and_(*each)


def shared_parts(connection: Connection, words: Sequence[str]) -> Counter[int]:
    """How many parts each track shares with some words; see ``word_search.shared_parts``."""
    spaced = (f" {word} " for word in words)
    parts = {text[at : at + _PART] for text in spaced for at in range(len(text) - _PART + 1)}
    shared: Counter[int] = Counter()
    for part in sorted(parts):
        shared.update(connection.scalars(_rows("track_trigrams", f'"{part}"')))
    for start in sorted({word[:2] for word in words}):
        shared.update(connection.scalars(_rows("track_prefixes", f'"{start}"*')))
    return shared


def _rows(name: str, terms: str) -> Select[tuple[int]]:
    index = table(name, column("rowid", Integer), column(name))
    return select(index.c.rowid).where(index.c[name].op("MATCH")(terms))


def _parts(word: str) -> list[str]:
    """Parts of three letters that cover the word."""
    starts = {*range(0, len(word) - _PART, _PART), len(word) - _PART}
    return [word[start : start + _PART] for start in sorted(starts)]
