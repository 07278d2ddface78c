"""What is gone and since when, forgetting it, and the folders that are scanned."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import fresh_index, open_library, same_index, write_track
from sqlalchemy import func, insert, select

from soundalike.errors import InvalidArgument, LibraryError, TrackNotFound, UnreadableFile
from soundalike.library import Forgotten, Library, ScannedFolder
from soundalike.library.storage import schema
from soundalike.library.storage.schema import failures, folders

FILES = {"a/1.wav": "one", "a/2.wav": "two", "a/deep/3.wav": "three", "ab/4.wav": "four"}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write_track(tmp_path / "music" / name, text)
    return tmp_path / "music"


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        opened.scan([music])
        # As a scan states them.
        with opened._database.write() as connection:
            connection.execute(folders.delete())
            for path in (music, music / "a"):
                put_folder(connection, path)
        yield opened


def put_folder(connection, path: Path, **more: object) -> None:  # type: ignore[no-untyped-def]
    values = {"excludes": [], "pattern": None, "tag_encoding": None, "scanned_at": 1000.0, **more}
    connection.execute(insert(folders).values(path=str(path).encode(), **values))


def rows(library: Library, table: str) -> int:
    with library._database.read() as connection:
        statement = select(func.count()).select_from(schema.metadata.tables[table])
        return connection.scalar(statement) or 0


def names(library: Library) -> list[str]:
    return [track.path.name for track in library.tracks()]


def lose(library: Library, music: Path, *gone: str) -> None:
    for name in gone:
        (music / name).unlink()
    library.scan([music])


def test_what_is_missing_and_since_when(library: Library, music: Path) -> None:
    assert library.missing() == []
    before = datetime.now(UTC)
    lose(library, music, "a/2.wav", "ab/4.wav")
    found = library.missing()
    assert [track.path for track in found] == [music / "a/2.wav", music / "ab/4.wav"]
    for track in found:
        assert track.status == "missing"
        assert track.missing_since is not None
        assert before <= track.missing_since <= datetime.now(UTC)
        assert track.missing_since.utcoffset() == timedelta(0)
        assert track.absence == f"missing since {time.strftime('%Y-%m-%d')}"
    present = library.track(music / "a/1.wav")
    assert (present.missing_since, present.absence) == (None, None)
    # It stays the time when it was found out, whatever is scanned since, until the file returns.
    library.scan([music])
    assert library.missing() == found
    write_track(music / "a/2.wav", "two")
    library.scan([music])
    assert [track.path.name for track in library.missing()] == ["4.wav"]
    assert library.track(music / "a/2.wav").missing_since is None


def test_missing_in_a_folder_or_with_words(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(library, music, "a/2.wav", "ab/4.wav", "a/deep/3.wav")
    shutil.rmtree(music / "a/deep")

    def found(query: str | Path) -> list[str]:
        return [track.path.name for track in library.missing(query)]

    assert found(music / "a") == ["2.wav", "3.wav"]
    assert found(str(music / "a")) == ["2.wav", "3.wav"]
    assert found(f"{music}/a/deep/") == ["3.wav"]  # the folder is gone as well
    assert found(music / "ab/4.wav") == ["4.wav"]
    assert found(music / "b") == []
    assert found("/") == ["2.wav", "3.wav", "4.wav"]
    assert found("4") == ["4.wav"]
    assert found("no such words") == []
    monkeypatch.chdir(music)
    assert found("") == []
    assert found("a") == ["2.wav", "3.wav"]
    assert found(".") == ["2.wav", "3.wav", "4.wav"]


def test_asking_for_a_missing_track(library: Library, music: Path) -> None:
    lose(library, music, "a/2.wav")
    (lost,) = library.missing()
    assert library.track(lost.track_id) == lost
    assert library.track(lost.path) == lost
    answer = library.similar(lost.track_id)
    assert answer.query is not None
    assert answer.query.missing_since == lost.missing_since
    assert {match.track.path.name for match in answer.matches} == {"1.wav", "3.wav", "4.wav"}
    words = f"2.wav: {lost.absence}, and it has to be read for this"
    with pytest.raises(UnreadableFile, match=words):
        library.similar(lost.track_id, start_s=1.0)
    # Back, though no scan has seen it yet.
    write_track(lost.path, "two")
    assert library.similar(lost.track_id, start_s=0.01).matches


def test_one_file_is_forgotten_by_its_path_or_id(library: Library, music: Path) -> None:
    one = library.track(music / "a/1.wav")
    three = library.track(music / "a/deep/3.wav")
    expected = Forgotten((one.path,), missing=0, there=1, folders=())
    assert library.forget(one.path, dry_run=True) == expected
    assert len(names(library)) == 4
    assert library.forget(str(one.path)) == expected
    assert names(library) == ["2.wav", "3.wav", "4.wav"]
    assert library.forget(f"#{three.track_id}").paths == (three.path,)
    two = library.track(music / "a/2.wav").track_id
    assert library.forget(two, str(two)).paths == (music / "a/2.wav",)
    for table in ("tracks", "contents", "analyses", "excerpts"):
        assert rows(library, table) == 1
    # Both scanned folders are still scanned: files were named, not they.
    assert len(library.folders()) == 2
    # They are there, so they come back; no id is given out twice.
    report = library.scan([music])
    assert (report.analysed, report.unchanged) == (3, 1)
    assert library.track(music / "a/1.wav").track_id > 4


def test_a_folder_is_forgotten_with_all_below_it(library: Library, music: Path) -> None:
    lose(library, music, "a/2.wav")
    with library._database.write() as connection:
        for path in ("a/locked", "ab/locked"):
            values = {"kind": "UnreadableFile", "reason": "no", "advice": "check"}
            values |= {"folder": str(music / path).encode(), "attempts": 1, "failed_at": 1.0}
            connection.execute(insert(failures).values(**values))
    forgotten = library.forget(music / "a")
    paths = tuple(music / name for name in ("a/1.wav", "a/2.wav", "a/deep/3.wav"))
    assert forgotten == Forgotten(paths, missing=1, there=2, folders=(music / "a",))
    assert names(library) == ["4.wav"]
    assert [folder.path for folder in library.folders()] == [music]
    assert [failure.path for failure in library.failures()] == [music / "ab/locked"]
    # A scanned folder above goes with it, even where no track is left in it.
    assert library.forget(music).folders == (music,)
    assert (names(library), library.folders()) == ([], ())
    with pytest.raises(TrackNotFound, match="no such track, and none in such a folder"):
        library.forget(music)


def test_all_that_is_missing_is_forgotten(library: Library, music: Path) -> None:
    lose(library, music, "a/2.wav", "ab/4.wav")
    shutil.rmtree(music / "ab")
    assert library.forget(music / "a", missing=True).paths == (music / "a/2.wav",)
    assert library.forget(missing=True) == Forgotten((music / "ab/4.wav",), 1, 0, ())
    assert library.forget(missing=True) == Forgotten((), 0, 0, ())
    assert names(library) == ["1.wav", "3.wav"]
    assert library.forget(music / "a/1.wav", missing=True).paths == ()  # it is there
    assert len(library.folders()) == 2


def test_a_failure_goes_with_its_track(library: Library, music: Path) -> None:
    bad = write_track(music / "silent.wav", "silent")
    library.scan([music])
    assert [failure.path for failure in library.failures()] == [bad]
    library.forget(bad)
    assert library.failures() == []
    assert rows(library, "failures") == 0
    assert len(library.scan([music]).failed) == 1


def test_the_analysis_of_a_copy_stays(library: Library, music: Path) -> None:
    shutil.copy(music / "a/1.wav", music / "ab/copy.wav")
    library.scan([music])
    before = library.analysis(library.track(music / "ab/copy.wav").track_id)
    library.forget(music / "a/1.wav")
    copy = library.track(music / "ab/copy.wav")
    assert (copy.status, rows(library, "contents")) == ("analysed", 4)
    assert library.analysis(copy.track_id).notes == before.notes
    library.forget(copy.track_id)
    assert rows(library, "contents") == rows(library, "analyses") == rows(library, "excerpts") == 3


def test_an_index_forgets_too(library: Library, tmp_path: Path, music: Path) -> None:
    """That of this process, the one in the file, and one of another program."""
    held = library.index()
    with open_library(tmp_path) as other:
        assert len(other.index()) == 4
        lost = library.track(music / "a/1.wav").track_id
        library.forget(lost)
        for each in (library, other):
            index = each.index()
            assert index.row_of(lost) is None
            assert index.counts == {"analysed": 3, "failed": 0, "pending": 0, "missing": 0}
            assert len(each.similar(music / "a/2.wav").matches) == 2
    assert len(held) == 4  # what somebody holds stays
    with open_library(tmp_path) as later:  # from the file
        assert same_index(later.index(), fresh_index(library))
        write_track(music / "a/5.wav", "five")
        later.scan([music / "a/5.wav"])
    assert same_index(library.index(), fresh_index(library))
    assert len(library.index()) == 4


def test_many_are_forgotten(tmp_path: Path) -> None:
    """More than fit into one statement; an index that is far behind starts anew."""
    for number in range(660):
        write_track(tmp_path / f"music/{number // 60}/{number}.wav", f"{number}")
    with open_library(tmp_path) as library, open_library(tmp_path) as other:
        library.scan([tmp_path / "music"])
        assert len(other.index()) == 660
        for folder in range(1, 11):
            shutil.rmtree(tmp_path / f"music/{folder}")
        library.scan([tmp_path / "music"])
        forgotten = library.forget(missing=True)
        assert (len(forgotten.paths), forgotten.missing, forgotten.there) == (600, 600, 0)
        assert len(library.index()) == len(other.index()) == rows(library, "contents") == 60


def test_nothing_is_forgotten_by_mistake(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidArgument, match="name what to forget"):
        library.forget()
    for odd in (True, 1.5, None, b"x"):
        with pytest.raises(InvalidArgument, match="is nothing to forget"):
            library.forget(odd)  # type: ignore[arg-type]
    monkeypatch.chdir(music)
    for what in (99, -1, 2**70, "#99", "99", "no/such", music / "aa", "a\0b", "", " "):
        with pytest.raises(TrackNotFound):
            library.forget(music / "a/1.wav", what)
    assert len(names(library)) == 4
    with library._database.scan_lock():
        assert library.forget(1, dry_run=True).paths
        with pytest.raises(LibraryError, match="another scan of this library is running"):
            library.forget(1)
    assert len(names(library)) == 4


def test_a_folder_whose_name_is_a_number(
    library: Library, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id goes first; where no track has it, the folder is meant."""
    write_track(music / "1990/x.wav", "x")
    write_track(music / "2/y.wav", "y")
    library.scan([music])
    monkeypatch.chdir(music)
    assert library.forget("1990").paths == (music / "1990/x.wav",)
    assert library.forget("2", dry_run=True).paths != (music / "2/y.wav",)
    assert library.forget("./2").paths == (music / "2/y.wav",)


def test_the_scanned_folders(library: Library, music: Path) -> None:
    with library._database.write() as connection:
        more = {"excludes": ["*.tmp", "demo"], "pattern": "{artist}/{title}"}
        put_folder(connection, music / "ab", tag_encoding="cp1251", **more)
    lose(library, music, "a/2.wav")
    moment = datetime.fromtimestamp(1000, UTC)
    found = {folder.path: folder for folder in library.folders()}
    assert list(found) == [music, music / "a", music / "ab"]
    assert found[music / "a"] == ScannedFolder(music / "a", 2, (), None, None, moment)
    assert found[music / "ab"] == ScannedFolder(
        music / "ab", 1, ("*.tmp", "demo"), "{artist}/{title}", "cp1251", moment
    )
    assert found[music].tracks == 3
    assert library.info().folders == library.folders()
