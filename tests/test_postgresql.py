"""A library on a real PostgreSQL server: what it has beside one in a file, and what can go wrong.

That it answers as one in a file does is what the library tests prove on both: make test-postgresql.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from fakes import (
    FACETED,
    InlinePool,
    OnePool,
    contents_of,
    fake_model,
    fresh_index,
    same_index,
    tag_track,
    write_track,
)
from postgresql_server import Server, by_location
from sqlalchemy import text

from soundalike.cli import cli
from soundalike.errors import InvalidArgument, LibraryError, MissingExtra, OutputError
from soundalike.library import Filter, Library, Limits, database_search
from soundalike.library.changes import log_changes, position
from soundalike.library.copying import copy_library
from soundalike.library.scan_records import ScanProgress
from soundalike.library.storage import database, vector_search
from soundalike.library.storage.database import Database
from soundalike.library.storage.postgresql import is_own_table
from soundalike.library.storage.schema import SCHEMA_VERSION, metadata
from soundalike.library.view import View

pytestmark = pytest.mark.postgresql
SECRET = "s3cr3t-pass"


def opened(url: str, *, name: str = "fake", pool: Any = InlinePool, create: bool = True) -> Library:
    model = fake_model("1", name)
    return Library(url, model=model, analyzer="fakes:FakeAnalyzer", pool=pool, create=create)


@pytest.fixture(autouse=True)
def own_indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_INDEXES", str(tmp_path / "indexes"))
    # A file is a file here.
    monkeypatch.setattr(database, "backend_of", by_location)


@pytest.fixture
def url(postgresql: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with an empty library."""
    name = f"own_{abs(hash(request.node.nodeid))}_{os.getpid()}"
    yield postgresql.library(name)
    postgresql.drop(name)


@pytest.fixture
def empty(postgresql: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{abs(hash(request.node.nodeid))}_{os.getpid()}"
    yield postgresql.make(name)
    postgresql.drop(name)


def music_of(folder: Path, n: int = 20, text: str = "text") -> Path:
    for number in range(n):
        write_track(folder / f"{number:03d}.wav", f"{text} {number}")
    return folder


def test_the_migrations_make_what_the_schema_declares(empty: str) -> None:
    opened_there = Database(empty)
    with opened_there.read() as connection:
        options = {"compare_type": True, "include_name": is_own_table}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA_VERSION
        partial = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_tracks_missing_at'"
        assert "WHERE (missing_at IS NOT NULL)" in connection.execute(text(partial)).scalar_one()
    opened_there.close()


def test_nothing_is_made_where_nothing_is_to_be(empty: str, postgresql: Server) -> None:
    with pytest.raises(LibraryError, match="there is no library; scan a folder"):
        opened(empty, create=False)
    (name,) = [row[0] for row in postgresql.run("SELECT current_database()", empty_name(empty))]
    assert not postgresql.run("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", name)


def empty_name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


# Search in the database


def shown(result: Any) -> list[tuple[Any, ...]]:
    return [
        (each.rank, each.track.track_id, each.similarity, each.facets, each.copies)
        for each in result.matches
    ]


@pytest.fixture
def varied(url: str, tmp_path: Path) -> Iterator[Library]:
    """Tracks by a few artists, in two folders, with copies."""
    for number in range(120):
        path = write_track(
            tmp_path / f"music/{number % 2}/{number:03d}.wav", f"text {number % 110}"
        )
        artist = ("Anna", "Bert", "Anna & Bert", "Cleo; Anna", "")[number % 5]
        tag_track(path, artist=artist, title=f"title {number}")
    with opened(url, name=FACETED) as library:
        library.scan([tmp_path / "music"])
        yield library


def test_an_exact_search_is_that_in_memory(varied: Library, tmp_path: Path) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"weights": {"rhythm": 3}},
        {"weights": {"harmony": 1, "sound": 0, "rhythm": 0}},
        {"limits": Limits(max_per_artist=2)},
        {"limits": Limits(only=Filter(folders=[tmp_path / "music/1"]))},
        {"limits": Limits(never=Filter(folders=[tmp_path / "music/1"]), max_per_artist=1)},
        {"limits": Limits(only=Filter(track_ids=range(1, 40)))},
        {"limits": Limits(versions=True)},
        {"limits": Limits(min_length_s=1, max_length_s=100)},
    ]
    for query in (1, 57, tmp_path / "music/0/004.wav"):
        for k in (1, 10, 200):
            for way in ways:
                expected = varied.similar(query, k, **way)
                found = varied.similar_in_database(query, k, **way)
                assert shown(found) == shown(expected), (query, k, way)
                assert found.searched == expected.searched
                assert all(match.percentile is None for match in found.matches)


@pytest.mark.parametrize("most_looked", [10**9, 30])
def test_a_search_that_finds_little_at_first(
    varied: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_looked: int
) -> None:
    """Few candidates to begin with, of which filters, missing files and artists take most: more
    of the nearest are looked at, or the few tracks that are left."""
    for number in range(0, 120, 3):
        os.remove(tmp_path / f"music/{number % 2}/{number:03d}.wav")
    varied.scan([tmp_path / "music"])
    monkeypatch.setattr(database_search, "_EACH", 1)
    monkeypatch.setattr(database_search, "_MORE", 1)
    monkeypatch.setattr(View, "pool_size", staticmethod(lambda k: k + 1))
    monkeypatch.setattr(vector_search, "_FIRST", 1)
    monkeypatch.setattr(vector_search, "_MOST_LOOKED", most_looked)
    for limits in (
        Limits(),
        Limits(max_per_artist=1),
        Limits(only=Filter(folders=[tmp_path / "music/1"])),
        Limits(only=Filter(track_ids=range(100, 115)), max_per_artist=2),
        Limits(never=Filter(track_ids=range(3, 110))),
    ):
        for query in (2, 50, 119):
            for k in (1, 4, 12):
                expected = varied.similar(query, k, limits=limits)
                found = varied.similar_in_database(query, k, limits=limits)
                assert [each[:3] for each in shown(found)] == [
                    each[:3] for each in shown(expected)
                ], (query, k, limits)
                assert found.searched == expected.searched


def test_genres_and_artists_are_those_of_now(varied: Library, tmp_path: Path) -> None:
    """What tags say is read once for each state of the library."""
    jazz = Limits(only=Filter(genres=["jazz"]))
    alone = Limits(max_per_artist=1)

    def change(numbers: range, **tags: str) -> None:
        for number in numbers:
            path = tmp_path / f"music/{number % 2}/{number:03d}.wav"
            tag_track(path, title=f"title {number}", **tags)
        varied.scan([tmp_path / "music"])

    change(range(20), artist="Anna", genre="Jazz")
    for expected_jazz in (20, 40):
        for limits in (jazz, alone, jazz):
            expected = varied.similar(100, 50, limits=limits)
            found = varied.similar_in_database(100, 50, limits=limits)
            assert shown(found) == shown(expected)
        assert len(found.matches) == expected_jazz
        change(range(20, 40), artist="Bert & Dora", genre="Rock; jazz")


def test_a_search_of_a_file_that_is_not_in_the_library(varied: Library, tmp_path: Path) -> None:
    other = write_track(tmp_path / "elsewhere.wav", "something else")
    assert shown(varied.similar_in_database(other)) == shown(varied.similar(other))


def test_what_a_search_in_the_database_refuses(varied: Library, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no index of the vectors"):
        varied.similar_in_database(1, approximate=True)
    with pytest.raises(InvalidArgument, match="is a folder"):
        varied.similar_in_database(tmp_path / "music/1")
    with opened(str(tmp_path / "file.db")) as in_file:
        in_file.scan([music_of(tmp_path / "few", 3)])
        if in_file.path is not None:
            with pytest.raises(InvalidArgument, match="library in a file has no vectors"):
                in_file.similar_in_database(1)


def test_an_approximate_search_finds_nearly_all(varied: Library, tmp_path: Path) -> None:
    assert varied.index_vectors() == 120
    found = wanted = 0
    for query in range(1, 101):
        nearest = {match.track.track_id for match in varied.similar(query).matches}
        near = varied.similar_in_database(query, approximate=True).matches
        found += len(nearest & {match.track.track_id for match in near})
        wanted += len(nearest)
    assert found >= 0.95 * wanted
    only = Limits(only=Filter(folders=[tmp_path / "music/1"]))
    assert len(varied.similar_in_database(2, limits=only, approximate=True).matches) == 10
    # A scan keeps it up to date.
    write_track(tmp_path / "music/new.wav", "text new")
    varied.scan([tmp_path / "music"])
    new = varied.track(tmp_path / "music/new.wav").track_id
    everything = varied.similar_in_database(1, 200, approximate=True).matches
    assert new in {match.track.track_id for match in everything}
    varied.index_vectors(drop=True)
    with pytest.raises(InvalidArgument, match="no index of the vectors"):
        varied.similar_in_database(1, approximate=True)


def test_vectors_are_those_of_the_analyses(varied: Library, url: str, tmp_path: Path) -> None:
    for number in range(0, 120, 3):
        os.remove(tmp_path / f"music/{number % 2}/{number:03d}.wav")
    write_track(tmp_path / "music/0/002.wav", "something new")
    varied.scan([tmp_path / "music"])
    varied.forget(tmp_path / "music/1")
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT a.id, v.analysis_id, a.embedding, v.embedding::text "
            "FROM analyses a FULL JOIN vectors v ON v.analysis_id = a.id"
        ).fetchall()
    assert rows
    for own, its, stored, vector in rows:
        assert own == its
        numbers = np.array(vector.strip("[]").split(","), np.float64).astype("<f2")
        assert numbers.tobytes() == stored


# Several at once

SCAN = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
from fakes import InlinePool, OnePool, fake_model
from soundalike.library import Library
options = {"model": fake_model(), "analyzer": "fakes:FakeAnalyzer", "pool": OnePool}
with Library(sys.argv[2], **options) as library:
    print("open", flush=True)
    sys.stdin.readline()
    report = library.scan(sys.argv[3:])
    print(report.analysed, report.copied, flush=True)
"""


def start_scan(url: str, *folders: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCAN, str(Path(__file__).parent), url, *map(str, folders)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def begin(*scans: subprocess.Popen[str]) -> None:
    for scan in scans:
        assert scan.stdout is not None
        assert scan.stdout.readline() == "open\n"
    for scan in scans:
        assert scan.stdin is not None
        scan.stdin.write("\n")
        scan.stdin.flush()


def test_scanners_side_by_side_lose_and_double_nothing(
    url: str, postgresql: Server, tmp_path: Path
) -> None:
    """Three processes, whose folders share half of their contents; one is killed in between."""
    folders = [tmp_path / f"music/{name}" for name in "abc"]
    for folder in folders:
        music_of(folder / "own", 15, folder.name)
        music_of(folder / "shared", 15, "slow shared")
    scans = [start_scan(url, folder, SOUNDALIKE_TEST_SLOW_S="0.05") for folder in folders]
    begin(*scans)
    with opened(url) as library:
        while library.info().analysed < 20:
            time.sleep(0.05)
            library.index()
        scans[2].kill()
        for scan in scans[:2]:
            out, error = scan.communicate(timeout=120)
            assert scan.returncode == 0, out + error
        scans[2].communicate()
        assert scans[2].returncode == -signal.SIGKILL
        # An index that followed all the while has missed nothing.
        assert same_index(library.index(), fresh_index(library))
        library.scan([folders[2]])
        assert same_index(library.index(), fresh_index(library))
        assert len(library.tracks("analysed")) == 90
        found = contents_of(library)
    assert set(found.values()) == {1}
    with opened(postgresql.library("undisturbed")) as undisturbed:
        for folder in folders:
            undisturbed.scan([folder])
        assert contents_of(undisturbed) == found
    postgresql.drop("undisturbed")


def test_scans_that_would_meet_are_refused(url: str, tmp_path: Path) -> None:
    with opened(url) as one, opened(url) as other, one._database.scan_lock([str(tmp_path / "a/b")]):
        for folder in ("a/b", "a", "a/b/c"):
            with (
                pytest.raises(LibraryError, match=r"another scan of this library .*a"),
                other._database.scan_lock([str(tmp_path / folder)]),
            ):
                pass
        with (
            pytest.raises(LibraryError, match="another scan of this library"),
            other._database.scan_lock(),
        ):
            pass
        for folder in ("c", "a/bc", "a/d"):
            with other._database.scan_lock([str(tmp_path / folder)]):
                pass
    with opened(url) as other, other._database.scan_lock():
        pass


def test_a_track_of_another_machine_is_not_taken_for_one_that_moved(
    url: str, tmp_path: Path
) -> None:
    """Its folder is not here, so neither is its file."""
    there = music_of(tmp_path / "there", 3)
    with opened(url) as library:
        library.scan([there])
        there.rename(tmp_path / "away")
        report = library.scan([music_of(tmp_path / "here", 3)])
        assert (report.moved, report.copied) == (0, 3)
        (tmp_path / "away").rename(there)
        assert library.scan([there]).unchanged == 3
        # Here, it is one that moved.
        (there / "000.wav").rename(tmp_path / "here/new name.wav")
        assert library.scan([tmp_path / "here"]).moved == 1


def test_changes_become_visible_in_their_order(url: str) -> None:
    """A second writer draws no number before the first is done, whoever is quicker."""
    one, other = Database(url), Database(url)
    seen = threading.Event()

    def write() -> None:
        with other.write() as connection:
            log_changes(connection, [2])
        seen.set()

    writer = threading.Thread(target=write)
    with one.write() as connection:
        log_changes(connection, [1])
        first = position(connection).last_id
        writer.start()
        assert not seen.wait(0.5)
        with one.read() as reader:
            assert position(reader).last_id < first
    writer.join()
    with one.read() as reader:
        assert position(reader).last_id == first + 1
    one.close()
    other.close()


def test_a_connection_that_the_server_ends(
    url: str, postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = music_of(tmp_path / "music", 30)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{empty_name(url)}' AND pid <> pg_backend_pid()"
    )
    is_ended = False

    def progress(now: ScanProgress) -> None:
        nonlocal is_ended
        if now.phase == "analysing" and now.done >= 10 and not is_ended:
            is_ended = True
            postgresql.run(end)

    with opened(url, pool=OnePool) as library:
        with pytest.raises(LibraryError, match="what was stored is kept, run the command again"):
            library.scan([music], progress=progress)
        # A question reconnects.
        assert 0 < library.info().analysed < 30
        assert library.scan([music]).failed == ()
        assert len(library.tracks("analysed")) == 30
        assert same_index(library.index(), fresh_index(library))


# Rights, passwords, and what is wrong


@pytest.fixture(scope="module")
def users(postgresql: Server) -> Iterator[Server]:
    """A user with a password, and one who may only read."""
    (data,) = postgresql.run("SHOW hba_file")[0]
    hba = Path(data)
    before = hba.read_text()
    postgresql.run(f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'")
    postgresql.run("CREATE ROLE reading LOGIN")
    hba.write_text("local all guarded scram-sha-256\n" + before)
    postgresql.run("SELECT pg_reload_conf()")
    yield postgresql
    hba.write_text(before)
    postgresql.run("SELECT pg_reload_conf()")


def test_a_user_who_may_only_read(url: str, users: Server, tmp_path: Path) -> None:
    music = music_of(tmp_path / "music", 12)
    with opened(url) as library:
        library.scan([music])
        library.index_vectors()
    name = empty_name(url)
    users.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reading", name)
    with opened(users.url(name, "reading"), create=False) as library:
        assert library.info().analysed == 12
        assert len(library.similar(1).matches) == 10
        assert shown(library.similar_in_database(1)) == shown(library.similar(1))
        assert len(library.similar_in_database(1, approximate=True).matches) == 10
        assert library.track("005").track_id
        with pytest.raises(LibraryError, match=r"permission denied.*lacks the right.*may write"):
            library.scan([music])
        with pytest.raises(LibraryError, match="lacks the right"):
            library.like(1)


def test_passwords_are_told_nobody(
    url: str, users: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By whatever way one comes in, and whatever goes wrong."""
    name = empty_name(url)
    host = users.url(name).partition("?")[2]
    users.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO guarded", name)
    users.run("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO guarded", name)
    said = ""

    def call(*arguments: str, library: str | None = None) -> int:
        nonlocal said
        environment = {"SOUNDALIKE_LIBRARY": library} if library else {}
        result = CliRunner().invoke(cli, arguments, env=environment)
        said += f"{arguments[:1]} {result.exit_code}\n{result.output}\n"
        return result.exit_code

    typed = f"postgresql://guarded:{SECRET}@/{name}?{host}"
    in_query = f"postgresql://guarded@/{name}?{host}&password={SECRET}"
    for place in (typed, in_query, typed.replace(SECRET, f"{SECRET}/@x")):
        assert call("info", "--library", place) == 1
        assert call("library", "copy", place, str(tmp_path / "x.db")) == 1
    assert said.count("there is a password in this URL") == 6
    for right in (typed, in_query):
        assert call("info", library=right) == 0
    for wrong in (
        typed.replace(SECRET, SECRET + "x"),
        typed.replace(name, "nowhere"),
        typed.replace(host, f"host={tmp_path}"),
        f"postgresql://guarded:{SECRET}@localhost:port/{name}",
        f"postgresql://guarded:{SECRET}@[/{name}",
        f"postgresql+other://guarded:{SECRET}@localhost/{name}",
        f"mysql://guarded:{SECRET}@localhost/{name}",
    ):
        assert call("info", library=wrong) == 1
        assert call("scan", str(tmp_path), library=wrong) == 1
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert call("info", "--library", f"postgresql://guarded@/{name}?{host}") == 0
    with Library(typed) as library:
        said += f"{library!r} {library.location} {library.info()} {library.beside}"
    with pytest.raises(LibraryError) as caught:
        Library(typed.replace(SECRET, SECRET + "x"))
    said += f"{caught.value!r}"
    assert SECRET not in said
    assert "guarded" in said


def test_what_is_wrong_is_said(
    postgresql: Server, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = empty_name(empty)
    postgresql.make("latin", template="template0", options="ENCODING 'LATIN1' LOCALE 'C'")
    postgresql.run("CREATE TABLE other (id integer)", name)
    for place, words in (
        (postgresql.url("latin"), "encoding LATIN1, which cannot hold all names"),
        (postgresql.url("nowhere"), "does not exist.*createdb"),
        (postgresql.url(name, "nobody"), "role.*does not exist.*refuses this user"),
        (f"postgresql:///x?host={tmp_path}", "server cannot be reached"),
        ("postgresql://x@127.0.0.1:1/x", "server cannot be reached"),
        (empty, "not a soundalike library"),
    ):
        with pytest.raises(LibraryError, match=words):
            Library(place)
    postgresql.drop("latin")
    postgresql.run("DROP TABLE other", name)
    Library(empty).close()
    postgresql.run("UPDATE alembic_version SET version_num = '9999'", name)
    with pytest.raises(LibraryError, match="made by a newer soundalike"):
        Library(empty)


def test_a_user_who_may_make_no_extension(users: Server, tmp_path: Path) -> None:
    users.run("CREATE ROLE plain LOGIN")
    users.run("CREATE DATABASE plain OWNER plain")
    with pytest.raises(LibraryError, match="administrator run CREATE EXTENSION vector"):
        Library(users.url("plain", "plain"))
    users.run("CREATE EXTENSION vector", "plain")
    with opened(users.url("plain", "plain")) as library:
        library.scan([music_of(tmp_path / "music", 3)])
        assert library.info().analysed == 3
    users.drop("plain")


WITHOUT = """
import sys
sys.modules["psycopg"] = None
from soundalike.library import Library
Library(sys.argv[1])
"""


def test_without_the_driver(url: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, url], capture_output=True, text=True, check=False
    )
    assert MissingExtra.__name__ in ran.stderr
    assert "pip install 'soundalike[postgresql]'" in ran.stderr


def test_a_library_in_a_file_loads_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import sys; from soundalike.library import Library; Library(sys.argv[1]).info(); "
        "print([name for name in sys.modules if 'psycopg' in name or 'postgresql' in name])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.db")]
    # Alembic, which makes a new one, loads all kinds.
    subprocess.run(command, capture_output=True, check=True)
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# Copies


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A library in a file with something in nearly every table, and playlists."""
    music = music_of(tmp_path / "music", 12)
    write_track(music / "bad.wav", "silent")
    tag_track(music / "003.wav", artist="Sigur R\xf3s", title="\xc6ra")
    path = tmp_path / "filled.db"
    model = fake_model("1", FACETED)
    with Library(path, model=model, analyzer="fakes:FakeAnalyzer", pool=InlinePool) as library:
        library.scan([music])
        os.remove(music / "005.wav")
        library.scan([music])
        library.forget(library.track("011").track_id)
        library.like(1)
        library.odd_one(2, 3, 4)
    for name, content in KEPT.items():
        file = Path(f"{path}.{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        # When a playlist was changed is what players show.
        os.utime(file, (1_700_000_000, 1_700_000_000))
    (path.parent / "filled.db.sent/nas/.lock").touch()
    return path


KEPT = {
    "playlists/one.json": '{"title": "One"}',
    "playlists/two.m3u8": "#EXTM3U",
    "playlists/.ids.json": '{"two.m3u8": "abc"}',
    "sent/nas/17.json": '{"title": "On the server"}',
    "mpd": '{"version": 1, "servers": {}}',
}


def kept_beside(keeping: Path) -> dict[str, str]:
    """What is kept of a library, by the names of the files, with what is in them."""
    prefix = f"{keeping}."
    return {
        str(file).removeprefix(prefix): file.read_text()
        for place in keeping.parent.glob(f"{keeping.name}.*")
        if place.name.rpartition(".")[2] in ("playlists", "sent", "mpd")
        for file in ([place] if place.is_file() else place.rglob("*"))
        if file.is_file() and file.name != ".lock"
    }


def test_a_copy_there_and_back(
    filled: Path, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    there = copy_library(filled, empty)
    assert (there.playlists, there.sent) == (2, 1)
    back = copy_library(empty, tmp_path / "back.db")
    again = copy_library(tmp_path / "back.db", tmp_path / "again.db")
    assert there.tables == back.tables == again.tables
    rows = {each.table: each.rows for each in there.tables}
    assert rows["tracks"] == 12
    assert rows["judgements"] == 2
    assert rows["failures"] == 1
    places = [filled, empty, tmp_path / "back.db", tmp_path / "again.db"]
    answers = []
    for place in places:
        with opened(str(place), name=FACETED, create=False) as library:
            answers.append(
                (
                    library.tracks(),
                    library.failures(),
                    library.judgements(),
                    library.folders(),
                    shown(library.similar(4)),
                    library.track("sigur aera").track_id,
                )
            )
            # No id is given out again.
            new = write_track(tmp_path / "music/last.wav", "last")
            library.scan([new])
            assert library.track(new).track_id == 14
            new.unlink()
    assert all(answer == answers[0] for answer in answers)
    with opened(empty, name=FACETED) as library:
        assert shown(library.similar_in_database(4)) == shown(library.similar(4))
        assert library.keeping is not None
        assert kept_beside(library.keeping) == KEPT
    assert kept_beside(tmp_path / "again.db") == KEPT
    one = tmp_path / "again.db.playlists/one.json"
    assert one.stat().st_mtime == 1_700_000_000


@pytest.mark.parametrize("at", [*KEPT, ""])
def test_a_copy_that_dies_before_what_is_kept_goes_on(
    filled: Path, tmp_path: Path, at: str
) -> None:
    """It is no library before all is there; what comes twice, or was dropped since, is right."""
    target = tmp_path / "target.db"
    code = """
import os, signal, sys
from soundalike.library import copying, copying_kept

written = copying_kept.replaced_at_once
def dying(path, **options):
    if str(path).endswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return written(path, **options)

if sys.argv[3]:
    copying_kept.replaced_at_once = dying
else:
    copying.copy_kept = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
copying.copy_library(sys.argv[1], sys.argv[2])
"""
    command = [sys.executable, "-c", code, str(filled), str(target), at and Path(at).name]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with pytest.raises(LibraryError, match="not complete; run the same"):
        opened(str(target))
    (tmp_path / "filled.db.playlists/two.m3u8").unlink()
    (tmp_path / "filled.db.playlists/one.json").write_text('{"title": "Another"}')
    report = copy_library(filled, target)
    assert (report.playlists, report.sent) == (1, 1)
    assert kept_beside(target) == kept_beside(filled) != KEPT


@pytest.mark.parametrize("of", ["filled.db", "target.db"])
def test_what_is_kept_and_cannot_be_read_does_not_count_as_nothing(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    locked = tmp_path / f"{of}.playlists"
    locked.mkdir(exist_ok=True)
    scandir = os.scandir

    def refused(path: Any) -> Any:
        # Whoever runs the tests may be root, who may read all.
        if Path(os.fspath(path)) == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refused)
        with pytest.raises(OutputError, match=r"playlists: cannot be read .permission denied."):
            copy_library(filled, tmp_path / "target.db")
    assert copy_library(filled, tmp_path / "target.db").playlists == 2


@pytest.mark.parametrize("name", ["playlists/mine.m3u8", "sent/nas/4.json", "mpd"])
def test_a_copy_to_where_something_is_kept(filled: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "target.db"
    file = Path(f"{target}.{name}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    with pytest.raises(OutputError, match=r"is of another library.* move it away"):
        copy_library(filled, target)
    assert kept_beside(target) == {name: "mine"}
    file.rename(tmp_path / "moved")
    copy_library(filled, target)
    assert kept_beside(target) == KEPT


def test_a_copy_to_where_something_is(filled: Path, url: str, tmp_path: Path) -> None:
    copy_library(filled, url)
    with pytest.raises(LibraryError, match="has 12 rows in tracks already"):
        copy_library(filled, url)
    with pytest.raises(InvalidArgument, match="are one library"):
        copy_library(filled, filled)
    with pytest.raises(LibraryError, match="there is no library"):
        copy_library(tmp_path / "nowhere.db", tmp_path / "new.db")


@pytest.mark.parametrize("to_server", [True, False])
def test_a_copy_that_is_interrupted(
    filled: Path, empty: str, tmp_path: Path, to_server: bool
) -> None:
    target = empty if to_server else str(tmp_path / "target.db")

    def stop(step: str, done: int, _total: int) -> None:
        if step == "comparing" or done > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_library(filled, target, progress=stop)
    with pytest.raises(LibraryError, match="not complete; run the same `soundalike library copy`"):
        opened(target)
    other = tmp_path / "other.db"
    copy_library(filled, other)
    with pytest.raises(LibraryError, match="not complete"):
        copy_library(other, target)
    report = copy_library(filled, target)
    assert report.tables == copy_library(filled, tmp_path / "whole.db").tables
    with opened(target, name=FACETED) as library:
        assert library.info().analysed == 10


COPY = """
import os, signal, sys
from soundalike.library import copying
copying._ROWS_AT_ONCE = 5
least = int(sys.argv[3])
new = 0

def progress(step, done, total):
    global new
    new += step == "copying"
    if new >= least:
        os.kill(os.getpid(), signal.SIGKILL)

report = copying.copy_library(sys.argv[1], sys.argv[2], progress=progress)
print(report.kept_rows)
"""


def copy_killed(source: Path, target: str, after: int) -> int | None:
    """Rows that a copy found there; None for one that killed itself after so many steps."""
    command = [sys.executable, "-c", COPY, str(source), target, str(after)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode == -signal.SIGKILL:
        return None
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


@pytest.mark.parametrize("to_server", [True, False])
def test_a_copy_that_is_killed_again_and_again_goes_on(
    filled: Path, empty: str, tmp_path: Path, to_server: bool
) -> None:
    """Each dies after five steps of five rows, wherever that is; together they come to the end."""
    target = empty if to_server else str(tmp_path / "target.db")
    deaths = 0
    while (kept := copy_killed(filled, target, 5)) is None:
        deaths += 1
        assert deaths < 30
        with pytest.raises(LibraryError, match="not complete; run the same"):
            opened(target)
    whole = copy_library(filled, tmp_path / "whole.db")
    assert deaths >= 3
    assert 0 < kept <= sum(each.rows for each in whole.tables)
    with opened(target, name=FACETED) as library, opened(str(filled), name=FACETED) as source:
        assert library.tracks() == source.tracks()
        assert library.judgements() == source.judgements()
        assert shown(library.similar(4)) == shown(source.similar(4))
    again = copy_library(target, tmp_path / "again.db")
    assert again.tables == whole.tables


@pytest.mark.parametrize("to_server", [True, False])
def test_a_copy_of_what_has_changed_since_is_never_mixed(
    filled: Path, empty: str, tmp_path: Path, to_server: bool
) -> None:
    target = empty if to_server else str(tmp_path / "target.db")
    assert copy_killed(filled, target, 20) is None
    with opened(str(filled), name=FACETED) as source:
        # What is new comes after what is there.
        source.like(7)
    assert copy_killed(filled, target, 3) is None
    with opened(str(filled), name=FACETED) as source:
        # What is there is another.
        tag_track(tmp_path / "music/003.wav", artist="Somebody else", title="Another")
        os.remove(tmp_path / "music/001.wav")
        source.scan([tmp_path / "music"])
    report = copy_library(filled, target)
    assert report.kept_rows == 0
    assert report.tables == copy_library(filled, tmp_path / "whole.db").tables
    with opened(target, name=FACETED) as library, opened(str(filled), name=FACETED) as source:
        assert library.tracks() == source.tracks()
        assert library.judgements() == source.judgements()
        assert library.track("another").artist == "Somebody else"


def test_the_commands(filled: Path, empty: str) -> None:
    result = CliRunner().invoke(cli, ["library", "copy", str(filled), empty])
    assert result.exit_code == 0, result.output
    assert "tracks" in result.output
    assert "as read again from both" in result.output
