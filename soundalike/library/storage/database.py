"""Opening the database: where it lies, its schema, and errors that say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, false
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from soundalike.errors import InvalidArgument, LibraryError
from soundalike.library.location import default_location
from soundalike.library.storage.schema import SCHEMA_VERSION, changes
from soundalike.library.storage.sqlite import WRITES, SQLite, url_of_path

__all__ = ["Database"]

_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """An open database whose schema is the current one.

    One that cannot be written, such as on a read-only disk, can be read.

    Parameters
    ----------
    location : a path, or a SQLAlchemy URL of SQLite; None for ``SOUNDALIKE_LIBRARY`` or, without
        it, the user's data folder.
    create : make a new database if there is none. Its folder has to be there, unless it is the one
        in the user's data folder.

    Attributes
    ----------
    location : the file, or the URL without its password, as text.
    path : the file; None where there is none.

    Raises
    ------
    LibraryError : it cannot be opened, is none of soundalike's, or comes from a newer soundalike;
        or from an older one, and cannot be written.
    InvalidArgument : a URL that is not understood.
    """

    def __init__(
        self, location: str | os.PathLike[str] | None = None, *, create: bool = True
    ) -> None:
        if location is None:
            location = os.environ.get("SOUNDALIKE_LIBRARY") or None
        is_named = location is not None
        if location is None:
            location = default_location()
        self._backend = SQLite(_url_of(location))
        self.location, self.path = self._backend.location, self._backend.path
        self._file_id: tuple[int, int] | None = None
        self._backend.prepare(create, with_folder=not is_named)
        self.engine = self._backend.engine()
        self._writing = self.engine.execution_options(**{WRITES: True})
        try:
            self._bring_up_to_date()
            self._file_id = self._backend.file_id()
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        self.engine.dispose()

    def size_bytes(self) -> int | None:
        """Bytes on disk; None in memory."""
        return self._backend.size_bytes()

    def check_in_place(self) -> None:
        """Notice that the file was deleted or replaced: what is open has no name any more.

        Raises
        ------
        LibraryError : it was.
        """
        if not self._is_in_place():
            raise self._not_in_place()

    def _is_in_place(self) -> bool:
        return self._file_id is None or self._backend.file_id() == self._file_id

    def _not_in_place(self) -> LibraryError:
        return LibraryError(
            f"{self.location}: was deleted or replaced while it was in use: nothing more can "
            f"be stored in it; run the command again"
        )

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
    def scan_lock(self) -> Iterator[None]:
        """Held by the one scan that may run, or who must not meet one; gone with its process.

        Raises
        ------
        LibraryInUse : another scan holds it.
        LibraryError : the database cannot be written.
        """
        with self._backend.scan_lock():
            # A transaction that changes nothing leaves the file as it is, but needs the right to
            # write it: better refused now than after the first hour.
            with self._errors(), self._writing.begin() as connection:
                connection.execute(delete(changes).where(false()))
            yield

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            version = self._version(connection)
        if version == SCHEMA_VERSION:
            return
        # Another process may do the same right now. The write lock makes one of the two wait,
        # and then find that there is nothing left to do.
        advice = (
            f"made by an older soundalike (schema {version}), it has to be brought up to date "
            f"(schema {SCHEMA_VERSION}) before it can be read; copy it to a place that can be "
            f"written, and open it there"
        )
        with self.write(when_read_only=advice if version else None) as connection:
            if self._version(connection) != SCHEMA_VERSION:
                _upgrade(connection)

    def _version(self, connection: Connection) -> str | None:
        """The database's schema version, None for an empty database."""
        names = self._backend.table_names(connection)
        if not names:
            return None
        version = (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            if {"alembic_version", "tracks"} <= names
            else None
        )
        if version is None:
            raise LibraryError(
                f"{self.location}: a database, but not a soundalike library; name another one"
            )
        if version > SCHEMA_VERSION:
            raise LibraryError(
                f"{self.location}: made by a newer soundalike (schema {version}, this one knows "
                f"{SCHEMA_VERSION}); upgrade soundalike, or use another library"
            )
        return str(version)

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
            raise LibraryError(f"{self.location}: {cause}: {advice}") from error


def _url_of(location: str | os.PathLike[str]) -> URL:
    if not isinstance(location, str) or "://" not in location:
        return url_of_path(location)
    try:
        url = make_url(location)
    except ArgumentError as error:
        raise InvalidArgument(f"{location!r} is not a database URL: {error}") from error
    if url.get_backend_name() != "sqlite":
        raise InvalidArgument(
            f"{url.render_as_string()!r}: this version keeps libraries in SQLite only; "
            f"give a path or a URL such as sqlite:////home/me/library.db"
        )
    return url


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic's configuration is an ini file at heart, where % begins an interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
