"""Opening a library: its place, its schema, and what can be wrong with either."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fakes import InlinePool, fake_model, open_library, write_track
from sqlalchemy import create_engine, event

from soundalike.errors import InvalidArgument, LibraryError
from soundalike.library import Library
from soundalike.library.location import default_location
from soundalike.library.storage import database, sqlite
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import SCHEMA_VERSION, metadata
from soundalike.library.storage.sqlite import is_own_table, make_word_index


def test_the_migrations_make_what_the_schema_declares(tmp_path: Path) -> None:
    opened = Database(tmp_path / "library.db")
    with opened.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": is_own_table}
        )
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA_VERSION
    opened.close()
    with closing(sqlite3.connect(tmp_path / "library.db")) as plain:
        made = schema_of(plain)
    with closing(sqlite3.connect(":memory:")) as plain:
        engine = create_engine("sqlite://", creator=lambda: plain)
        metadata.create_all(engine)
        with engine.begin() as connection:
            make_word_index(connection)
        declared = schema_of(plain)
        engine.dispose()
    # Autogeneration does not look at checks, cascades and AUTOINCREMENT; SQLite's own text does.
    assert made == declared


def schema_of(connection: sqlite3.Connection) -> dict[str, set[str]]:
    """The parts of each table's definition, in any order."""
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master "
        "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' AND name <> 'alembic_version'"
    )
    # A table that a migration made anew has its name in quotation marks.
    plain = {name: sql.replace('"', "") for name, sql in rows}
    # A column that was added later shares the line of the one before it.
    return {
        name: {part.strip(" \t,()") for part in re.split(r"\n|, ", sql)}
        for name, sql in plain.items()
    }


def test_the_newest_migration_is_the_schema_version() -> None:
    script = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert script.get_heads() == [SCHEMA_VERSION]


def test_a_library_is_opened_again_without_alembic(tmp_path: Path) -> None:
    Database(tmp_path / "library.db").close()
    code = (
        "import sys\n"
        "from soundalike.library.storage.database import Database\n"
        "Database(sys.argv[1]).close()\n"
        "assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "library.db")], check=True)


def test_the_package_itself_does_not_load_the_database() -> None:
    code = "import sys, soundalike.library; assert 'sqlalchemy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_many_can_make_the_same_library_at_once(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def make() -> None:
        try:
            open_library(tmp_path).close()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with open_library(tmp_path) as library:
        assert library.info().schema_version == SCHEMA_VERSION


def test_a_new_library_waits_for_the_one_that_makes_it(tmp_path: Path) -> None:
    """SQLite itself does not wait where two turn to the write-ahead log at once."""
    path = tmp_path / "library.db"
    problems: list[BaseException] = []

    def make() -> None:
        try:
            Database(path).close()
        except BaseException as error:
            problems.append(error)

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=make)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        other.execute("ROLLBACK")
    thread.join()
    assert problems == []


def test_a_new_library_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match=r"library\.db: .*another program is using"):
            Database(path)


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = database._upgrade

    def fail(connection: object) -> None:
        upgrade(connection)  # type: ignore[arg-type]
        raise RuntimeError("power")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_upgrade", fail)
        with pytest.raises(RuntimeError, match="power"):
            open_library(tmp_path)
    with closing(sqlite3.connect(tmp_path / "library.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    open_library(tmp_path).close()


def test_a_newer_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    Database(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LibraryError, match=r"library\.db: made by a newer soundalike.*9999"):
        Database(path)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    with pytest.raises(LibraryError, match=r"other\.db: a database, but not a soundalike library"):
        Database(path)
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [("bookmarks",)]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear library,\n" * 500, encoding="utf-8")
    with pytest.raises(LibraryError, match=r"letter\.txt: .*not a SQLite database"):
        Database(path)
    assert path.read_text(encoding="utf-8").startswith("Dear library")


def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    Database(path).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xa5" * 3996
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=r"library\.db: .*damaged"):
        Database(path)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="a folder; name a file"):
        Database(tmp_path)


def test_only_the_default_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOUNDALIKE_LIBRARY", raising=False)
    monkeypatch.setattr(database, "default_location", lambda: tmp_path / "new/soundalike/x.db")
    with pytest.raises(LibraryError, match=r"x\.db: there is no library; scan a folder"):
        Database(create=False)
    assert list(tmp_path.iterdir()) == []
    Database().close()
    assert (tmp_path / "new/soundalike/x.db").exists()
    with pytest.raises(LibraryError, match=r"y\.db: .*no folder .*other; make that folder first"):
        Database(tmp_path / "other/y.db")
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "other/y.db"))
    with pytest.raises(LibraryError, match=r"y\.db: .*no folder .*other; make that folder first"):
        Database()
    assert not (tmp_path / "other").exists()


def test_a_place_where_no_folder_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOUNDALIKE_LIBRARY", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setattr(database, "default_location", lambda: tmp_path / "file/below/library.db")
    with pytest.raises(LibraryError, match=r"its folder cannot be made"):
        Database()


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not refused to their owner")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Root may write anywhere, but not into /proc, where there is one."""
    if os.geteuid() == 0:
        folder = Path("/proc/self")
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
    with pytest.raises(LibraryError, match=r"library\.db: .*check the permissions"):
        Database(folder / "library.db")


def test_a_database_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_track(tmp_path / "music/1.wav", "one")
    with open_library(tmp_path) as library:
        each_connection(library, "PRAGMA query_only = ON")
        with pytest.raises(LibraryError, match=r"library\.db: .*readonly.*cannot be written"):
            library.scan([tmp_path / "music"])


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(400):
        write_track(tmp_path / f"music/{number}.wav", f"{number}")
    with open_library(tmp_path) as library:
        each_connection(library, "PRAGMA max_page_count = 60")
        with pytest.raises(LibraryError, match=r"library\.db: .*full: .*make room"):
            library.scan([tmp_path / "music"])
    with open_library(tmp_path) as library:
        assert library.scan([tmp_path / "music"]).failed == ()
        assert library.info().analysed == 400


def each_connection(library: Library, pragma: str) -> None:
    """Have every connection from now on begin with a pragma."""
    engine = library._database.engine
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute(pragma).close())


def test_a_database_that_another_program_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    write_track(tmp_path / "music/1.wav", "one")
    with (
        open_library(tmp_path) as library,
        closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert library.tracks() == []  # reading goes on
        with pytest.raises(LibraryError, match=r"library\.db: .*another program is using"):
            library.scan([tmp_path / "music"])
        other.execute("ROLLBACK")
        assert library.scan([tmp_path / "music"]).analysed == 1


def test_without_create_a_library_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="there is no library; scan a folder"):
        Library(tmp_path / "library.db", model=fake_model(), create=False)
    assert list(tmp_path.iterdir()) == []
    open_library(tmp_path).close()
    Library(tmp_path / "library.db", model=fake_model(), create=False).close()


def test_the_place_of_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOUNDALIKE_LIBRARY", raising=False)
    assert default_location().name == "library.db"
    assert default_location().parent.name == "soundalike"
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "of environment.db"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new" / "folder").mkdir(parents=True)
    for location, name in [
        (None, "of environment.db"),
        ("relative.db", "relative.db"),
        ("~/home.db", "home.db"),
        (f"sqlite:///{tmp_path.as_posix()}/url.db", "url.db"),
        (tmp_path / "new" / "folder" / "100%.db", "new/folder/100%.db"),
    ]:
        with Library(location, model=fake_model()) as library:
            assert Path(library.location) == tmp_path / name
        assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("postgresql+pg8000://user:secret@host/music", "the driver is psycopg"),
        ("nonsense://x", "SQLite or PostgreSQL"),
        ("sqlite:///file:x?mode=ro&uri=true", "URIs are not supported"),
        ("://", "not a database URL"),
    ],
)
def test_urls_that_are_not_understood(location: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        Database(location)
    assert "secret" not in str(caught.value)


def test_a_library_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_track(tmp_path / "1.wav", "one")
    with Library(
        "sqlite://", model=fake_model(), analyzer="fakes:FakeAnalyzer", pool=InlinePool
    ) as library:
        assert library.scan([tmp_path]).analysed == 1
        assert library.info().size_bytes is None
        assert [track.status for track in library.tracks()] == ["analysed"]


def test_a_library_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it holds stays, failures among it, and they get a column for their model."""
    place = tmp_path / "library.db"
    engine = create_engine(f"sqlite:///{place}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(database._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO models VALUES (1, 'fake', '1', 8, '[\"calm\", \"wild\", \"odd\"]')",
            "INSERT INTO contents (id, digest) VALUES (1, x'aa')",
            "INSERT INTO tracks (id, path, path_text, content_id, words, added_at) "
            "VALUES (1, '/one.wav', '/one.wav', 1, 'one', 0), (2, '/2.wav', '/2.wav', NULL, '', 0)",
            "INSERT INTO failures VALUES (7, 2, NULL, 'SilentAudio', 'silent', 'leave', 3, 5, 6)",
            "INSERT INTO failures VALUES (8, NULL, '/f', 'UnreadableFile', 'no', 'check', 1, 5, 6)",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    with open_library(tmp_path) as library:
        assert library.info().schema_version == SCHEMA_VERSION
        folder, track = sorted(library.failures(), key=lambda failure: failure.kind, reverse=True)
        assert (folder.track_id, folder.path) == (None, Path("/f"))
        assert (track.track_id, track.reason, track.attempts) == (2, "silent", 3)
        assert {t.track_id: t.status for t in library.tracks()} == {1: "pending", 2: "failed"}
    with closing(sqlite3.connect(place)) as plain:
        assert plain.execute("SELECT id, model_id FROM failures").fetchall() == [
            (7, None),
            (8, None),
        ]
        plain.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError, match="one_subject"):
            plain.execute("UPDATE failures SET track_id = NULL WHERE id = 7")
        plain.execute("DELETE FROM tracks WHERE id = 2")
        assert plain.execute("SELECT id FROM failures").fetchall() == [(8,)]


def test_the_lock_of_a_scan_is_gone_after_it(tmp_path: Path) -> None:
    write_track(tmp_path / "music/1.wav", "one")
    with open_library(tmp_path) as library:
        library.scan([tmp_path / "music"])
        with library._database.scan_lock():
            assert (tmp_path / "library.db.scan-lock").exists()
            with pytest.raises(LibraryError, match="another scan of this library is running"):
                library.scan([tmp_path / "music"])
        # What a killed scan left is no lock.
        (tmp_path / "library.db.scan-lock").touch()
        library.scan([tmp_path / "music"])
    assert sorted(path.name for path in tmp_path.iterdir() if "lock" in path.name) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_one_scan_at_a_time_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/library.db").symlink_to(tmp_path / "library.db")
    with (
        open_library(tmp_path) as library,
        open_library(tmp_path / "other") as linked,
        library._database.scan_lock(),
        pytest.raises(LibraryError, match="another scan of this library is running"),
        linked._database.scan_lock(),
    ):
        pass


LOCK_OFTEN = """
import sys, time
from pathlib import Path
from soundalike.locks import lock_file
lock, inside = Path(sys.argv[1]), Path(sys.argv[2])
sys.stdin.read()
held = refused = 0
while held < 50:
    try:
        with lock_file(lock, timeout_s=0.0):
            inside.mkdir()  # fails where somebody else is inside, too
            inside.rmdir()
            held += 1
    except TimeoutError:
        refused += 1
print(held)
"""


def test_one_of_many_programs_holds_a_lock_that_goes_with_it(tmp_path: Path) -> None:
    """Each deletes the file that others wait for, are opening, or have just locked."""
    lock, inside = tmp_path / "lock", tmp_path / "inside"
    command = [sys.executable, "-c", LOCK_OFTEN, str(lock), str(inside)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for program in running:
        assert program.stdin is not None
        program.stdin.close()
        program.stdin = None
    assert [program.communicate()[0] for program in running] == ["50\n"] * 6
    assert list(tmp_path.iterdir()) == []
