"""Opening the database: where it lies, its schema, and errors that say what is wrong."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from soundalike.errors import InvalidArgument, LibraryError, printable
from soundalike.library.storage.schema import SCHEMA_VERSION
from soundalike.locks import try_lock

__all__ = ["Database", "default_location"]

BUSY_TIMEOUT_S = 10.0
_MIGRATIONS = Path(__file__).parent / "migrations"
_WRITES = "soundalike_writes"

_ADVICE = {
    "SQLITE_NOTADB": "the file is no SQLite database; name another one",
    "SQLITE_CORRUPT": "the database is damaged; restore it from a backup, or delete it and scan",
    "SQLITE_READONLY": "the database cannot be written; check the permissions of file and folder",
    "SQLITE_CANTOPEN": "the database cannot be opened; check the permissions of file and folder",
    "SQLITE_PERM": "the database cannot be opened; check the permissions of file and folder",
    "SQLITE_BUSY": "another program holds the database; close it, or try again later",
    "SQLITE_LOCKED": "another program holds the database; close it, or try again later",
    "SQLITE_FULL": "the disk is full; make room and run the command again, nothing is lost",
    "SQLITE_IOERR": "the disk reports an error; check it and its free space",
}


def default_location() -> Path:
    """``library.db`` in the user's data folder, or what ``SOUNDALIKE_LIBRARY`` names instead."""
    from platformdirs import user_data_path

    return user_data_path("soundalike", appauthor=False) / "library.db"


class Database:
    """An open database whose schema is the current one.

    Parameters
    ----------
    location : a path, or a SQLAlchemy URL of SQLite; None for ``SOUNDALIKE_LIBRARY`` or, without
        it, the user's data folder.
    create : make a new database if there is none.

    Raises
    ------
    LibraryError : it cannot be opened, is none of soundalike's, or comes from a newer soundalike.
    InvalidArgument : a URL that is not understood.
    """

    def __init__(
        self, location: str | os.PathLike[str] | None = None, *, create: bool = True
    ) -> None:
        if location is None:
            location = os.environ.get("SOUNDALIKE_LIBRARY") or default_location()
        url = _url_of(location)
        in_memory = url.database in (None, "", ":memory:")
        self.path = None if in_memory else Path(os.path.abspath(url.database or ""))
        self.location = printable(self.path) if self.path else url.render_as_string()
        if self.path is not None:
            self._prepare(self.path, create)
        self.engine = _engine(url, in_memory)
        self._writing = self.engine.execution_options(**{_WRITES: True})
        try:
            self._bring_up_to_date()
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        self.engine.dispose()

    def size_bytes(self) -> int | None:
        """Bytes of the database with its write-ahead log; None in memory."""
        if self.path is None:
            return None
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database throughout."""
        with self._errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is stored as a whole, or not at all."""
        with self._errors(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def scan_lock(self) -> Iterator[None]:
        """Held by the one scan that may run; the system lets go of it when its process dies.

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
                f"{printable(lock_path)}: {error.strerror}; check the permissions of its folder"
            ) from error
        with file:
            if not try_lock(file):
                raise LibraryError(
                    f"{self.location}: another scan of this library is running; "
                    f"wait for it to end, or stop it"
                )
            yield

    @staticmethod
    def _prepare(path: Path, create: bool) -> None:
        if path.is_dir():
            raise LibraryError(f"{printable(path)}: a folder; name a file for the database")
        if path.exists():
            return
        if not create:
            raise LibraryError(f"{printable(path)}: there is no library; scan a folder to make one")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"{printable(path)}: its folder cannot be made: {error.strerror}; "
                f"name another place for the library"
            ) from error

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            version = self._version(connection)
        if version == SCHEMA_VERSION:
            return
        # Another process may do the same right now. The write lock makes one of the two wait,
        # and then find that there is nothing left to do.
        with self.write() as connection:
            if self._version(connection) != SCHEMA_VERSION:
                _upgrade(connection)

    def _version(self, connection: Connection) -> str | None:
        """The database's schema version, None for an empty database."""
        names = set(
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            .scalars()
            .all()
        )
        if not names:
            return None
        version = (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            if {"alembic_version", "tracks"} <= names
            else None
        )
        if version is None:
            raise LibraryError(
                f"{self.location}: a database, but not one of soundalike's; name another one"
            )
        if version > SCHEMA_VERSION:
            raise LibraryError(
                f"{self.location}: made by a newer soundalike (schema {version}, this one knows "
                f"{SCHEMA_VERSION}); upgrade soundalike, or use another library"
            )
        return str(version)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        # An error while a new connection is set up arrives as the driver's own.
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if not isinstance(cause, sqlite3.Error) or isinstance(cause, sqlite3.IntegrityError):
                raise
            # Extended names such as SQLITE_READONLY_DBMOVED begin with the plain one.
            name = getattr(cause, "sqlite_errorname", "")
            for prefix, advice in _ADVICE.items():
                if name.startswith(prefix):
                    raise LibraryError(f"{self.location}: {cause}: {advice}") from error
            raise


def _url_of(location: str | os.PathLike[str]) -> URL:
    if not isinstance(location, str) or "://" not in location:
        path = os.path.expanduser(os.fspath(location))
        return URL.create("sqlite", database=os.path.abspath(path))
    try:
        url = make_url(location)
    except ArgumentError as error:
        raise InvalidArgument(f"{location!r} is no database URL: {error}") from error
    if url.get_backend_name() != "sqlite":
        raise InvalidArgument(
            f"{url.render_as_string()!r}: this version keeps libraries in SQLite only; "
            f"give a path or a URL such as sqlite:////home/me/library.db"
        )
    if (url.database or "").startswith("file:"):
        raise InvalidArgument(f"{location!r}: SQLite's own file: URIs are not supported")
    return url


def _engine(url: URL, in_memory: bool) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
    if in_memory:
        # Every connection would have a database of its own.
        options["poolclass"] = StaticPool
        options["connect_args"]["check_same_thread"] = False
    engine = create_engine(url, **options)

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
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


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


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic's configuration is an ini file at heart, where % begins an interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
