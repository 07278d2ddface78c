"""What is PostgreSQL's own: the server, its locks, its errors, and what a library has there beside
the common tables.

``database`` knows no more of a kind of database than the methods of :class:`PostgreSQL`. The driver
is loaded when a library is opened by such a URL, and this module is: not for a library in a file.

**One writer at a time.** A transaction that writes begins with an advisory lock of the whole
library, as one of SQLite's does with the lock of its file. All the code above may then read first
and write after: two scanners that find the same content, drop what nobody needs or number a change
never meet, so that nothing has to be tried again, and there is no order of locks that could end in
a deadlock. It costs little: a scan needs a few thousandths of a second to store what took it a
third of a second to analyse.

**The order of changes.** Numbers of a sequence are given out before the commit, so a reader could
see 7 before 6, and never look at 6 again. As the lock is taken before the first number is drawn,
and the server lets go of it after the commit can be seen, changes become visible in their order.

**Who scans what.** A scan holds a lock of each of its folders, and a shared one of all that they
lie in, on a connection of its own: two scans may run in different folders, but not in one, nor in
one inside the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from soundalike.errors import InvalidArgument, LibraryError, MissingExtra
from soundalike.library.storage.backend import WRITES
from soundalike.library.storage.postgresql_bulk import add_rows
from soundalike.library.storage.postgresql_search import make_vectors, make_word_index, settle
from soundalike.library.storage.schema import metadata

__all__ = ["PostgreSQL", "is_own_table", "make_own"]

# Nothing waits longer than this for who writes; a transaction of a scan takes a second at most.
_LOCK_TIMEOUT_S = 60
# What a writer that has lost its network leaves behind is let go of after this.
_IDLE_TIMEOUT_S = 300
_CONNECT_TIMEOUT_S = 10
# More locks than this and the server may have no room for those of others.
_MOST_LOCKS = 200
# Earlier ones have no vectors of 16 bits (0.7), or do not go on with a filtered search (0.8).
_LEAST_PGVECTOR = (0, 8)
_WRITER = int.from_bytes(b"soundal", "big")
_OWN_TABLES = ("library_id", "vectors")
_OWN_INDEXES = ("ix_tracks_own_words",)

_NO_PGVECTOR = (
    "the server lacks the extension pgvector; install it there (Debian: postgresql-NN-pgvector; "
    "where Debian has none, PostgreSQL's own packages for Debian do)"
)
# In the order of the server's own manual, "PostgreSQL Error Codes"; a prefix stands for its class.
_ADVICE = {
    "08": "the connection to the server was lost; what was stored is kept, run the command again",
    "0A000": _NO_PGVECTOR,
    "22021": "the database cannot hold this text; it must be made with ENCODING 'UTF8'",
    "25006": "the database cannot be written; use a user and a server that may write",
    "25P03": "a transaction had to wait too long for this program; run the command again, what was "
    "stored is kept",
    "28": "the server refuses this user; check the name, and the password (~/.pgpass, PGPASSWORD)",
    "3D000": "make the database first, with createdb",
    "3F000": "there is no schema to keep the library in; check the search path",
    "42501": "the database user lacks the right to do this; use one that may write, or have rights "
    "granted",
    "53100": "the server's disk is full; make room and run the command again, nothing is lost",
    "53300": "the server has no connection left; try again later, or raise its max_connections",
    "53": "the server is short of something; try again later",
    "55P03": "another program has been writing for long; try again later",
    # Servers before 15 say that a file is missing where an extension is.
    "58P01": _NO_PGVECTOR,
    "57": "the server ended the connection; what was stored is kept, run the command again",
}
# The driver tells of a connection that could not be made by the server's text alone.
_CONNECT_ADVICE = (
    ("password", _ADVICE["28"]),
    ("pg_hba", _ADVICE["28"]),
    ("role", _ADVICE["28"]),
    ("database", _ADVICE["3D000"]),
    ("too many", _ADVICE["53300"]),
)
_NOT_CONNECTED = (
    "failed to resolve host",
    "connection failed",
    "connection is bad",
    "connection timeout",
    "FATAL",
)
_UNREACHABLE = "the server cannot be reached; check that it runs, and its host and port"


class PostgreSQL:
    """A library in a database of a server.

    Parameters
    ----------
    url : of the database; the driver is chosen here.

    Raises
    ------
    MissingExtra : the driver is not installed.
    InvalidArgument : a driver is named that is not the one.
    """

    is_shared = True
    path = None

    def __init__(self, url: URL) -> None:
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise InvalidArgument(
                f"{without_secrets(url)}: the driver is psycopg: begin the URL with postgresql://"
            )
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra("a library on PostgreSQL", "postgresql") from error
        self._errors = psycopg.Error, psycopg.OperationalError
        self._url = url.set(drivername="postgresql+psycopg")
        self.location = without_secrets(url)
        # Tested again before each transaction of the scan that holds it.
        self._lock: Connection | None = None
        self._lock_mutex = threading.Lock()

    def prepare(self, create: bool, *, with_folder: bool) -> None:
        """Nothing: the server says whether the database is there."""

    def engine(self) -> Engine:
        """Connections whose reading transactions see one state throughout."""
        _tell_schema()
        options = {
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "keepalives_idle": 60,
            "application_name": "soundalike",
            "client_encoding": "utf8",
        }
        named = {key: value for key, value in options.items() if key not in self._url.query}
        try:
            engine = create_engine(
                self._url,
                connect_args=named,
                isolation_level="REPEATABLE READ",
                # A server may have been started anew since the last question.
                pool_pre_ping=True,
                max_overflow=20,
            )
        except ArgumentError as error:
            raise InvalidArgument(f"{self.location}: no database URL") from error

        @event.listens_for(engine, "connect")
        def connect(connection: Any, _record: object) -> None:
            self._check_encoding(connection)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            if not connection.get_execution_options().get(WRITES, False):
                return
            # In one go: each way to the server and back counts.
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'; "
                f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_TIMEOUT_S}s'; "
                f"SELECT pg_advisory_xact_lock({_WRITER})"
            )

        return engine

    @staticmethod
    def write_options() -> dict[str, Any]:
        """Options of connections whose transactions write.

        Each statement sees what was stored before it: the state of a transaction that is one
        throughout would be that from before it waited for its lock.
        """
        return {WRITES: True, "isolation_level": "READ COMMITTED"}

    def _check_encoding(self, connection: Any) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise LibraryError(
                f"{self.location}: the database has the encoding {encoding}, which cannot hold "
                f"all names; make one with createdb --encoding UTF8 --template template0"
            )

    def prepare_tables(self, connection: Connection) -> None:
        """See to it that the database has pgvector, and one that is new enough.

        Raises
        ------
        LibraryError : it is too old.
        sqlalchemy.exc.DBAPIError : the server has none, or this user may not make the extension.
        """
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
        found = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'"
        version = str(connection.exec_driver_sql(found).scalar())
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        if numbers < _LEAST_PGVECTOR:
            least = ".".join(map(str, _LEAST_PGVECTOR))
            raise LibraryError(
                f"{self.location}: the database has pgvector {version}, and {least} is the least "
                f"that will do: install a newer one on the server (PostgreSQL's own packages for "
                f"Debian have it as postgresql-NN-pgvector), then have an administrator run ALTER "
                f"EXTENSION vector UPDATE in this database"
            )

    def table_names(self, connection: Connection) -> set[str]:
        statement = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        return set(connection.exec_driver_sql(statement).scalars())

    def size_bytes(self, connection: Connection) -> int | None:
        """Bytes of all tables of the library, with their indexes."""
        size = (
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_catalog.pg_class c "
            "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
        return connection.exec_driver_sql(size).scalar()

    @staticmethod
    def last_ids(connection: Connection) -> dict[str, int]:
        """The last id that was given out, by table."""
        found = {}
        for table in metadata.tables.values():
            if name := _sequence_of(connection, table.name):
                row = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()
                found[table.name] = row.last_value if row.is_called else 0
        return found

    @staticmethod
    def set_last_ids(connection: Connection, last_ids: Mapping[str, int]) -> None:
        """Give out none of these, nor of those that are there."""
        for table in metadata.tables.values():
            if name := _sequence_of(connection, table.name):
                most = connection.scalar(select(func.max(table.c.id))) or 0
                last = max(most, last_ids.get(table.name, 0))
                if last:
                    connection.execute(
                        text("SELECT setval(CAST(:name AS regclass), :last)"),
                        {"name": name, "last": last},
                    )

    @staticmethod
    def add_rows(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows as they are stored, with a value for each column; JSON is text."""
        add_rows(connection, table, rows)

    @staticmethod
    def settle(engine: Engine) -> None:
        """Have the server take note of what was written at once."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            settle(connection)

    def file_id(self) -> None:
        """None: nobody replaces a database unnoticed."""

    def beside(self, connection: Connection) -> Path | None:
        """What the names of the files begin with that are kept of this library on this machine."""
        from platformdirs import user_cache_path

        (key,) = connection.exec_driver_sql("SELECT id FROM library_id").scalars()
        folder = os.environ.get("SOUNDALIKE_INDEXES") or user_cache_path(
            "soundalike", appauthor=False
        )
        place = Path(folder) / "libraries" / str(key)
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
        return place / "library"

    def keeping(self, beside: Path | None) -> Path | None:
        """The same of what is no cache, though it lies by the same key."""
        from platformdirs import user_data_path

        if beside is None:
            return None
        folder = user_data_path("soundalike", appauthor=False)
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / beside.parent.name

    def advice(self, error: BaseException | None) -> str | None:
        """What to do about an error of the driver; None for one that is our own fault."""
        any_error, operational = self._errors
        if not isinstance(error, any_error):
            return None
        state = getattr(error, "sqlstate", None)
        if state is not None:
            if state == "42501" and "extension" in str(error):
                return "have an administrator run CREATE EXTENSION vector in this database"
            # The longest that fits.
            for prefix in (state, state[:2]):
                if prefix in _ADVICE:
                    return _ADVICE[prefix]
            return None
        if not isinstance(error, operational):
            return None
        said = str(error)
        if any(part in said for part in _NOT_CONNECTED):
            return next((advice for part, advice in _CONNECT_ADVICE if part in said), _UNREACHABLE)
        return _ADVICE["08"]

    @staticmethod
    def said(error: BaseException) -> str:
        """An error of the driver in one line."""
        diag = getattr(error, "diag", None)
        first = getattr(diag, "message_primary", None) or str(error).strip().partition("\n")[0]
        return str(first)

    @staticmethod
    def is_read_only(error: BaseException | None) -> bool:
        """Whether an error of the driver says that the database cannot be written."""
        return getattr(error, "sqlstate", None) in ("25006", "42501")

    @contextmanager
    def scan_lock(self, engine: Engine, folders: Sequence[str] | None) -> Iterator[None]:
        """The locks of some folders; None for all. The server lets go of them with the connection.

        Raises
        ------
        LibraryError : another scan holds one of them.
        """
        wanted = _locks_of(folders)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for key, is_shared, name in wanted:
                shared = "_shared" if is_shared else ""
                taken = connection.execute(
                    text(f"SELECT pg_try_advisory_lock{shared}(:key)"), {"key": key}
                ).scalar()
                if not taken:
                    _let_go(connection)
                    where = f" in {name}" if name else ""
                    raise LibraryError(
                        f"{self.location}: another scan of this library is running{where} (or a "
                        f"`forget`); wait for it to end, or stop it"
                    )
            self._lock = connection
            try:
                yield
            finally:
                self._lock = None
                _let_go(connection)

    def check_lock(self) -> None:
        """Notice that the server has ended the session of a scan, and let go of its locks.

        Raises
        ------
        sqlalchemy.exc.DBAPIError : it has.
        """
        if self._lock is not None:
            with self._lock_mutex:
                self._lock.exec_driver_sql("SELECT 1")


def _let_go(connection: Connection) -> None:
    """Give back the locks of a session, and end it, so that it never goes to others with them."""
    # Of a session that the server has ended, there is nothing to give back.
    with suppress(SQLAlchemyError):
        # The server notices only a moment later that a session has ended.
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
    with suppress(SQLAlchemyError):
        connection.invalidate()


def _sequence_of(connection: Connection, table: str) -> str | None:
    """What gives out the ids of a table; None where nothing does."""
    if "id" not in metadata.tables[table].columns:
        return None
    statement = text("SELECT pg_get_serial_sequence(:table, 'id')")
    found = connection.execute(statement, {"table": table}).scalar()
    return None if found is None else str(found)


def _locks_of(folders: Sequence[str] | None) -> list[tuple[int, bool, str]]:
    """Keys of locks, whether each is to be shared, and the folder that it stands for."""
    whole = [(_key(""), False, "")]
    if folders is None:
        return whole
    own = dict.fromkeys(os.path.realpath(folder) for folder in folders)
    around: dict[str, None] = {"": None}
    for folder in own:
        parent = os.path.dirname(folder)
        while parent != folder:
            around[parent] = None
            folder, parent = parent, os.path.dirname(parent)
    if len(own) + len(around) > _MOST_LOCKS:
        return whole
    shared = [(_key(each), True, each) for each in around if each not in own]
    return shared + [(_key(each), False, each) for each in own]


def _key(folder: str) -> int:
    digest = blake2b(b"soundalike scan " + os.fsencode(folder), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


SECRETS = ("password", "sslpassword", "passfile", "oauth_client_secret")
"""Parameters of a connection that are printed nowhere."""


def without_secrets(url: URL) -> str:
    """A URL as it may be printed: without what opens the door."""
    # URL.set takes None for what is to stay as it is.
    return url._replace(password=None).difference_update_query(SECRETS).render_as_string()


def _tell_schema() -> None:
    """Give the schema what only this kind of database needs to be told."""
    # In ``schema`` it would load SQLAlchemy's PostgreSQL for every library in a file.
    for table in metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            if where is not None:
                index.dialect_options["postgresql"]["where"] = where


def make_own(connection: Connection) -> None:
    """Make what a library on PostgreSQL has beside the common tables: the key by which a machine
    finds its files, an index of words, and vectors to search by."""
    connection.execute(text("CREATE TABLE library_id (id text PRIMARY KEY)"))
    # Drawn anew where the library is copied, since both go their own ways from there.
    connection.execute(text("INSERT INTO library_id VALUES (gen_random_uuid()::text)"))
    make_word_index(connection)
    make_vectors(connection)


def is_own_table(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic is to compare it with the schema: not what ``make_own`` made."""
    return name not in (_OWN_TABLES if kind == "table" else _OWN_INDEXES)
