"""Opening the database: where it lies, its schema, and errors that say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, delete, false, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from soundalike.errors import InvalidArgument, LibraryError
from soundalike.library.location import default_location
from soundalike.library.storage.schema import SCHEMA_VERSION, changes
from soundalike.library.storage.sqlite import SQLite, url_of_path

if TYPE_CHECKING:
    from soundalike.library.storage.backend import Backend

__all__ = ["Database", "backend_of"]

_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """An open database whose schema is the current one.

    One that cannot be written, such as on a read-only disk, can be read.

    Parameters
    ----------
    location : a path, or a SQLAlchemy URL of SQLite or PostgreSQL; None for ``SOUNDALIKE_LIBRARY``
        or, without it, the user's data folder.
    create : make a new database if there is none. Its folder has to be there, unless it is the one
        in the user's data folder.
    unfinished_copy : the mark of a copy: a database that has it in the place of its version is
        opened, as one that holds nothing yet.

    Attributes
    ----------
    location : the file, or the URL without its password, as text.
    path : the file; None where there is none.
    is_shared : whether other machines may use it at the same time, which see other files.
    beside : what the names of the files begin with that are kept of the library on this machine,
        such as its index; None for a library in memory.
    keeping : the same of files that are no caches, such as playlists, and old values of tags.

    Raises
    ------
    LibraryError : it cannot be opened, is none of soundalike's, or comes from a newer soundalike;
        or from an older one, and cannot be written.
    InvalidArgument : a URL that is not understood.
    MissingExtra : what a URL needs is not installed.
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        *,
        create: bool = True,
        unfinished_copy: str | None = None,
    ) -> None:
        if location is None:
            location = os.environ.get("SOUNDALIKE_LIBRARY") or None
        is_named = location is not None
        if location is None:
            location = default_location()
        self._backend = backend_of(location)
        self.location, self.path = self._backend.location, self._backend.path
        self.is_shared = self._backend.is_shared
        self._unfinished_copy = unfinished_copy
        self._file_id: tuple[int, int] | None = None
        self._backend.prepare(create, with_folder=not is_named)
        self.engine = self._backend.engine()
        self._writing = self.engine.execution_options(**self._backend.write_options())
        try:
            self._bring_up_to_date(create)
            with self.read() as connection:
                self.beside = self._backend.beside(connection)
            self.keeping = self._backend.keeping(self.beside)
            self._file_id = self._backend.file_id()
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        self.engine.dispose()

    def size_bytes(self, connection: Connection) -> int | None:
        """Bytes on disk; None in memory."""
        return self._backend.size_bytes(connection)

    def check_in_place(self) -> None:
        """Notice that the file was deleted or replaced: what is open has no name any more; or that
        the server has let go of the lock of a scan.

        Raises
        ------
        LibraryError : it was, or it has.
        """
        with self._errors():
            self._backend.check_lock()
        if not self._is_in_place():
            raise self._not_in_place()

    def _is_in_place(self) -> bool:
        return self._file_id is None or self._backend.file_id() == self._file_id

    def _not_in_place(self) -> LibraryError:
        return LibraryError(
            f"{self.location}: was deleted or replaced while it was in use: nothing more can "
            f"be stored in it; run the command again"
        )

    def is_unfinished(self, connection: Connection) -> bool:
        """Whether it has the mark of the copy that it was opened for."""
        return _stored_version(connection) == self._unfinished_copy

    @staticmethod
    def set_version(connection: Connection, version: str) -> None:
        """Put the version of the schema, or the mark of a copy, in the place of what is there."""
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": version})

    def last_ids(self, connection: Connection) -> dict[str, int]:
        """The last id that was given out, by table: of rows that are gone, too."""
        return self._backend.last_ids(connection)

    def set_last_ids(self, connection: Connection, last_ids: Mapping[str, int]) -> None:
        """Give out none of these, nor of those that are there."""
        self._backend.set_last_ids(connection, last_ids)

    def add_rows(self, connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows as they are stored: a value for each column, JSON as its text."""
        self._backend.add_rows(connection, table, rows)

    def settle(self) -> None:
        """Have the database take note that much was written: it answers quicker then."""
        with self._errors():
            self._backend.settle(self.engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database throughout."""
        with self._errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, when_read_only: str | None = None) -> Iterator[Connection]:
        """A transaction that is stored as a whole, or not at all.

        Parameters
        ----------
        when_read_only : what to do where the database cannot be written; there is a default.
        """
        self.check_in_place()
        with self._errors(when_read_only), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def scan_lock(self, folders: Sequence[str] | None = None) -> Iterator[None]:
        """Held by the one scan that may run, or who must not meet one; gone with its process.

        Parameters
        ----------
        folders : that are scanned, or single files; None for all. Only on a server may others be
            scanned meanwhile.

        Raises
        ------
        LibraryInUse : another scan holds it.
        LibraryError : the database cannot be written.
        """
        with self._locked(folders):
            # A transaction that changes nothing leaves the file as it is, but needs the right to
            # write it: better refused now than after the first hour.
            with self._errors(), self._writing.begin() as connection:
                connection.execute(delete(changes).where(false()))
            yield

    @contextmanager
    def _locked(self, folders: Sequence[str] | None) -> Iterator[None]:
        """The backend's lock; its errors are told as others are, not what is done under it."""
        with ExitStack() as stack:
            with self._errors():
                stack.enter_context(self._backend.scan_lock(self.engine, folders))
            yield

    def _bring_up_to_date(self, create: bool) -> None:
        with self.read() as connection:
            version = self._version(connection)
        if version == SCHEMA_VERSION:
            return
        if version is None and self.is_shared and not create:
            raise LibraryError(f"{self.location}: there is no library; scan a folder to make one")
        # Another process may do the same right now. The write lock makes one of the two wait,
        # and then find that there is nothing left to do.
        advice = (
            f"made by an older soundalike (schema {version}), it has to be brought up to date "
            f"(schema {SCHEMA_VERSION}) before it can be read; copy it to a place that can be "
            f"written, and open it there"
        )
        with self.write(when_read_only=advice if version else None) as connection:
            if self._version(connection) != SCHEMA_VERSION:
                self._backend.prepare_tables(connection)
                _upgrade(connection)

    def _version(self, connection: Connection) -> str | None:
        """The database's schema version, None for an empty database."""
        names = self._backend.table_names(connection)
        if not names:
            return None
        version = _stored_version(connection) if {"alembic_version", "tracks"} <= names else None
        if version is None:
            raise LibraryError(
                f"{self.location}: a database, but not a soundalike library; name another one"
            )
        if version == self._unfinished_copy:
            return SCHEMA_VERSION
        if version.startswith("copying"):
            raise LibraryError(
                f"{self.location}: a library was being copied to this place, and is not complete; "
                f"run the same `soundalike library copy` again, or delete this one"
            )
        if version > SCHEMA_VERSION:
            raise LibraryError(
                f"{self.location}: made by a newer soundalike (schema {version}, this one knows "
                f"{SCHEMA_VERSION}); upgrade soundalike, or use another library"
            )
        return version

    @contextmanager
    def _errors(self, when_read_only: str | None = None) -> Iterator[None]:
        try:
            yield
        # An error while a new connection is set up arrives as the driver's own.
        except Exception as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            advice = self._backend.advice(cause)
            if advice is None:
                if isinstance(error, DBAPIError) and not self._is_in_place():
                    # Some connections see the new file, others the old one.
                    raise self._not_in_place() from error
                raise
            if when_read_only is not None and self._backend.is_read_only(cause):
                advice = when_read_only
            said = self._backend.said(cause or error)
            raise LibraryError(f"{self.location}: {said}: {advice}") from error


def _stored_version(connection: Connection) -> str | None:
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def backend_of(location: str | os.PathLike[str]) -> Backend:
    """What answers at a place: a path, or a URL.

    Raises
    ------
    InvalidArgument : a URL that is not understood, or is no library's. Its text is not repeated:
        it may hold a password.
    MissingExtra : its driver is not installed.
    """
    if not isinstance(location, str) or "://" not in location:
        return SQLite(url_of_path(location))
    scheme = location.partition("://")[0]
    try:
        url = make_url(location)
    # The number of a port is read by int().
    except (ArgumentError, ValueError):
        raise InvalidArgument(
            f"{scheme}://...: not a database URL, such as postgresql://USER@HOST:PORT/DATABASE or "
            f"sqlite:////home/me/library.db; in a name, write @ as %40 and / as %2F"
        ) from None
    kind = url.get_backend_name()
    if kind == "sqlite":
        return SQLite(url)
    if kind in ("postgresql", "postgres"):
        from soundalike.library.storage.postgresql import PostgreSQL

        return PostgreSQL(url)
    raise InvalidArgument(
        f"{scheme}://...: a library is kept in SQLite or PostgreSQL; give a path, or a URL such as "
        f"sqlite:////home/me/library.db or postgresql://USER@HOST/DATABASE"
    )


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic's configuration is an ini file at heart, where % begins an interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
