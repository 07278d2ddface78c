"""The index of a library: it keeps up, it opens from its file, and it is never believed blindly."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import ask, fresh_index, open_library, open_upgraded, same_index, write_track
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.library import Library
from soundalike.library.index import IndexKeeper
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.index_file import (
    let_go,
    read_arrays,
    read_with_rows,
    write_arrays,
)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(30):
        write_track(tmp_path / "music" / f"{number:02d}.wav", f"text {number}")
    return tmp_path / "music"


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        opened.scan([music])
        yield opened


def file_of(folder: Path, version: str = "1") -> Path:
    with open_library(folder) as library:
        assert library.beside is not None
        return library.beside.with_name(f"{library.beside.name}.fake@{version}.index")


def forbid_reading_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("all embeddings are read from the database")

    monkeypatch.setattr(IndexKeeper, "_from_scratch", refuse)


def test_a_new_process_opens_what_the_scan_left(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = library.similar(3, 5).matches
    assert file_of(tmp_path).exists()
    forbid_reading_all(monkeypatch)
    with open_library(tmp_path) as other:
        assert other.similar(3, 5).matches == expected
        assert same_index(other.index(), library.index())


def test_what_changes_is_caught_up_with(
    library: Library, tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index()
    with open_library(tmp_path) as scanning:
        forbid_reading_all(monkeypatch)
        for step in (
            lambda: write_track(music / "new.wav", "text new"),
            lambda: write_track(music / "05.wav", "other text"),
            lambda: os.remove(music / "07.wav"),
            lambda: write_track(music / "08.wav", "silent"),
            lambda: write_track(music / "07.wav", "text 7"),
            lambda: shutil.move(music / "09.wav", music / "moved.wav"),
            lambda: shutil.copy(music / "10.wav", music / "copy.wav"),
        ):
            step()
            scanning.scan([music])
            caught_up = library.index()
            monkeypatch.undo()
            assert same_index(caught_up, fresh_index(library))
            forbid_reading_all(monkeypatch)


def test_nothing_is_read_when_nothing_changed(library: Library, music: Path) -> None:
    before = library.index()
    assert library.index() is before
    library.scan([music])  # of an unchanged tree
    assert library.index() is before


def test_an_index_stays_as_it_is_while_the_library_grows(library: Library, music: Path) -> None:
    write_track(music / "a.wav", "text a")
    library.scan([music])
    before = library.index()
    kept = {name: column.copy() for name, column in before.columns().items()}
    for name in "bcdef":
        write_track(music / f"{name}.wav", f"text {name}")
        library.scan([music])
        assert len(library.index()) == len(before) + "bcdef".index(name) + 1
    assert all(np.array_equal(kept[name], column) for name, column in before.columns().items())
    with pytest.raises(ValueError, match="read-only"):
        library.index().embeddings[0, 0] = 1


def test_the_distribution_is_measured_again_when_enough_has_changed(
    library: Library, music: Path
) -> None:
    before = library.index().distribution
    write_track(music / "new.wav", "text new")
    library.scan([music])
    # One of thirty is more than one of a hundred.
    assert library.index().distribution.n_tracks == before.n_tracks + 1


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "header", "long", "folder"])
def test_a_file_in_doubt_is_made_anew(library: Library, tmp_path: Path, damage: str) -> None:
    expected = library.similar(3, 5).matches
    path = file_of(tmp_path)
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "cut": content[:-100],
                "flip": content[:-500] + bytes([content[-500] ^ 1]) + content[-499:],
                "empty": b"",
                "text": b"something else\n" * 100,
                "header": content.replace(b'"version": 3', b'"version": 9'),
                "long": content + b"more",
            }[damage]
        )
        assert read_arrays(path) is None
    with open_library(tmp_path) as other:
        assert other.similar(3, 5).matches == expected
    if damage != "folder":
        assert path.read_bytes()[:17] == b"soundalike index\n"
        assert read_arrays(path) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with a name")
def test_a_pipe_in_the_place_of_an_index_file_keeps_nobody_waiting(
    library: Library, tmp_path: Path
) -> None:
    expected = library.similar(3, 5).matches
    path = file_of(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with open_library(tmp_path) as other:
        assert other.similar(3, 5).matches == expected
    assert path.is_fifo()


@settings(max_examples=200)
@given(
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    rows=st.integers(0, 40),
)
def test_any_damaged_bit_of_an_index_file_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, rows: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.index"
    arrays: dict[str, Any] = {
        "ids": np.arange(rows, dtype=np.int64),
        "embeddings": np.ones((rows, 5), np.float32),
        "bytes": np.arange(rows % 7, dtype=np.uint8),
    }
    write_arrays(path, arrays, {"model": "x"})
    content = bytearray(path.read_bytes())
    whole = read_arrays(path)
    assert whole is not None
    for name, array in arrays.items():
        np.testing.assert_array_equal(whole[0][name], array)
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    found = read_arrays(path)
    if found is not None:
        # Only what is no more than padding may differ.
        assert {name: a.tolist() for name, a in found[0].items()} == {
            name: a.tolist() for name, a in arrays.items()
        }


@pytest.mark.file
def test_a_library_from_a_backup_has_another_history(
    library: Library, tmp_path: Path, music: Path
) -> None:
    library.close()
    backup = shutil.copyfile(tmp_path / "library.db", tmp_path / "backup")
    write_track(music / "lost.wav", "text lost")
    with open_library(tmp_path) as after:
        after.scan([music])
        assert len(after.index()) == 31
    for rest in ("library.db-wal", "library.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    os.replace(backup, tmp_path / "library.db")
    os.remove(music / "lost.wav")
    write_track(music / "other.wav", "text other")
    write_track(music / "another.wav", "text another")
    with open_library(tmp_path) as restored:
        # The file beside it is of a future that never came.
        assert len(restored.index()) == 30
        restored.scan([music])
        assert same_index(restored.index(), fresh_index(restored))


@pytest.mark.file
def test_a_folder_that_cannot_be_written_is_no_harm(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_of(tmp_path).unlink()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("soundalike.library.index.write_arrays", full)
    with open_library(tmp_path) as other:
        assert other.similar(3, 5).searched == 29
    assert not file_of(tmp_path).exists()


@pytest.fixture
def every_library_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soundalike.library.index.LEAST_ENCODED", 1)


@pytest.mark.usefixtures("every_library_is_large")
def test_a_large_library_answers_as_a_small_one_does(
    library: Library, tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while it grows and changes: what lies in the file, and what came since."""

    def answers(asked: Library) -> list[object]:
        return [
            (asked.similar(track, k, max_per_artist=most).matches, asked.index().model)
            for track in (3, 17)
            for k, most in ((5, None), (40, None), (9, 1))
        ]

    for step in (
        lambda: None,
        lambda: write_track(music / "new.wav", "text 3 new"),
        lambda: write_track(music / "new2.wav", "text 17 new"),
        lambda: write_track(music / "05.wav", "other text"),
        lambda: os.remove(music / "08.wav"),
        lambda: write_track(music / "last.wav", "text last"),
    ):
        step()
        with open_library(tmp_path) as scanning:
            scanning.scan([music])
        with monkeypatch.context() as small:
            small.setattr("soundalike.library.index.LEAST_ENCODED", 10**9)
            with open_library(tmp_path) as other:
                expected = answers(other)
        assert answers(library) == expected
        with open_library(tmp_path) as other:  # of the file
            assert answers(other) == expected


def test_rows_are_read_from_the_file_and_room_is_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.index"
    rows = np.random.default_rng(1).normal(size=(5000, 33)).astype(np.float32)
    write_arrays(path, {"ids": np.arange(5000), "rows": rows}, {}, room={"rows": 100})
    found = read_with_rows(path, "rows")
    assert found is not None
    arrays, _, pick = found
    assert pick is not None
    wanted = np.array([4999, 0, 17, 17])
    np.testing.assert_array_equal(pick(wanted), rows[wanted])
    assert pick(np.zeros(0, np.intp)).shape == (0, 33)
    with pytest.raises(OSError, match="shorter"):
        pick(np.array([10**9]))
    assert arrays["rows"].shape == (5100, 33)
    arrays["rows"][5000] = 7
    let_go(arrays["rows"], 5000)
    np.testing.assert_array_equal(arrays["rows"][:5000], rows)
    assert (arrays["rows"][5000] == 7).all()
    let_go(rows, 5000)  # of no file: nothing
    path.unlink()
    write_arrays(path, {"rows": np.zeros_like(rows)}, {})
    np.testing.assert_array_equal(pick(wanted), rows[wanted])


def damage_embedding(folder: Path, track_id: int, value: bytes) -> None:
    with open_library(folder) as library:
        ask(
            library,
            "UPDATE analyses SET embedding = :value "
            "WHERE content_id = (SELECT content_id FROM tracks WHERE id = :track_id)",
            value=value,
            track_id=track_id,
        )


@pytest.mark.parametrize(
    "value",
    [b"", b"abc", bytes(14), bytes(16), b"\xff" * 16, bytes(160)],
    ids=["empty", "odd", "short", "zeros", "nan", "long"],
)
def test_a_damaged_embedding_is_skipped_named_and_made_again(
    library: Library, tmp_path: Path, music: Path, value: bytes
) -> None:
    expected = library.analysis(4).embedding
    library.close()
    damage_embedding(tmp_path, 4, value)
    file_of(tmp_path).unlink()
    with open_library(tmp_path) as after:
        answer = after.similar(3, 50)
        assert (answer.searched, 4 in [match.track.track_id for match in answer.matches]) == (
            28,
            False,
        )
        (failure,) = after.failures()
        assert (failure.track_id, failure.kind) == (4, "DamagedAnalysis")
        assert "damaged" in failure.reason
        assert "scan" in failure.advice
        assert after.track(4).status == "failed"
        assert after.similar(3, 50).not_searched == 0
        report = after.scan([music])
        assert (report.analysed, report.unchanged, report.failed) == (1, 29, ())
        assert after.failures() == []
        assert after.similar(3, 50).searched == 29
        np.testing.assert_allclose(after.analysis(4).embedding, expected, atol=1e-6)


def test_damaged_excerpts_are_told_as_such(library: Library, tmp_path: Path) -> None:
    ask(library, "UPDATE excerpts SET embeddings = :value", value=b"abc")
    with pytest.raises(Exception, match=r"#4 .*stored analysis is damaged .*scan its folder again"):
        library.analysis(4)
    assert library.similar(4, 3).searched == 29


def test_each_model_has_an_index_of_its_own(tmp_path: Path, music: Path) -> None:
    with open_upgraded(tmp_path, "1") as library:
        library.scan([music])
    with open_upgraded(tmp_path, "2") as library:
        assert library.index().model == "fake@1"
        library.scan([music])
        assert library.index().model == "fake@2"
    assert file_of(tmp_path, "1").exists()
    assert file_of(tmp_path, "2").exists()


@pytest.mark.file
def test_codes_tell_artists_and_albums_apart(tmp_path: Path) -> None:
    tags = [("Björk", "Post", None), ("BJORK", "Post", None), ("Various Artists", "Hits", "X")]
    for number in range(len(tags)):
        write_track(tmp_path / "music" / f"{number}.wav", f"text {number}")
    with open_library(tmp_path) as library:
        library.scan([tmp_path / "music"])
        with closing(sqlite3.connect(tmp_path / "library.db")) as database:
            for number, (artist, album, whose) in enumerate(tags, start=1):
                database.execute(
                    "UPDATE contents SET tags = json_object('artist', ?, 'album', ?, "
                    "'album_artist', ?) "
                    "WHERE id = (SELECT content_id FROM tracks WHERE id = ?)",
                    (artist, album, whose, number),
                )
            database.commit()
        file_of(tmp_path).unlink()
    with open_library(tmp_path) as library:
        index = library.index()
    assert index.artist_codes[0] == index.artist_codes[1] != 0
    assert index.artist_codes[2] == 0  # nobody in particular
    assert index.album_codes[0] == index.album_codes[1] != index.album_codes[2] != 0


def test_damage_to_what_one_model_said_is_no_failure_for_another(
    tmp_path: Path, music: Path
) -> None:
    for version in ("1", "2"):
        with open_library(tmp_path, version=version) as library:
            library.scan([music])
    with open_library(tmp_path) as opened:
        ask(
            opened,
            "UPDATE analyses SET embedding = :value WHERE model_id = (SELECT id FROM models WHERE "
            "version = '1') AND content_id = (SELECT content_id FROM tracks WHERE id = 4)",
            value=b"abc",
        )
    file_of(tmp_path).unlink()
    with open_library(tmp_path) as library:
        assert library.similar(3, 50).searched == 28
        assert [failure.track_id for failure in library.failures()] == [4]
    with open_library(tmp_path, version="2") as library:
        assert library.track(4).status == "analysed"
        assert library.similar(3, 50).searched == 29


def test_the_version_of_a_model_may_be_anything(tmp_path: Path, music: Path) -> None:
    with open_library(tmp_path, version="2/../é:1") as library:
        library.scan([music])
        expected = library.similar(3, 5).matches
    assert all(file.parent == tmp_path for file in tmp_path.rglob("*.index"))
    with open_library(tmp_path, version="2/../é:1") as library:
        assert library.similar(3, 5).matches == expected


def test_an_index_keeps_the_distribution_of_its_own_time(library: Library, music: Path) -> None:
    for number in range(30, 250):
        write_track(music / f"{number}.wav", f"text {number}")
    library.scan([music])
    before = fresh_index(library)
    write_track(music / "new.wav", "text new")
    library.scan([music])
    keeper = IndexKeeper(None, lambda *_: None)
    keeper._kept = before
    with library._database.read() as connection:
        after = keeper.current(Snapshot(connection, library.model))
    assert after.distribution.n_tracks == len(after) == 251
    assert before.distribution.n_tracks == len(before) == 250
