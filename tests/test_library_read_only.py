"""A library that cannot be written, as on a read-only disk: every question is answered."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import fake_model, open_library, write_track
from test_old_libraries import FOLDER as OLD_LIBRARIES

from soundalike.cli import cli
from soundalike.errors import LibraryError
from soundalike.library import Library
from soundalike.library.storage.schema import SCHEMA_VERSION

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="its folders cannot be closed to their owner"
)

NOBODY = 65_534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user reaches: those that pytest makes are their owner's alone."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def no_rights(folder: Path) -> Iterator[None]:
    """Nothing below a folder can be written; root, who may write anywhere, is nobody meanwhile."""
    below = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in below]
    for path in below:
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(PermissionError):
            (folder / "new").touch()
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, mode in zip(below, modes, strict=True):
            path.chmod(mode)


def music_of(folder: Path, count: int = 3) -> Path:
    for number in range(count):
        write_track(folder / "music" / f"{number}.wav", f"{number}")
    return folder / "music"


def make_library(folder: Path, leftover: str) -> Path:
    """A library of three tracks in a folder of its own; of the third, only a leftover log may
    know. Nobody has it open."""
    live = folder / "live"
    live.mkdir()
    music = music_of(folder)
    with open_library(live) as library:
        library.scan([music / "0.wav", music / "1.wav"])
    with open_library(live) as library:
        # As a scan leaves it that is killed: the log is written back only when all let go.
        library.scan([music / "2.wav"])
        place = folder / "kept"
        place.mkdir()
        names = {
            "none": ["library.db"],
            "log": ["library.db", "library.db-wal"],
            "log and memory": ["library.db", "library.db-wal", "library.db-shm"],
        }[leftover]
        if leftover == "none":
            with closing(sqlite3.connect(live / "library.db")) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            assert (live / "library.db-wal").stat().st_size > 0
        for name in names:
            shutil.copy(live / name, place)
    return place


@pytest.mark.parametrize("leftover", ["none", "log", "log and memory"])
def test_every_question_is_answered(open_folder: Path, leftover: str) -> None:
    place = make_library(open_folder, leftover)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with no_rights(place):
        with open_library(place) as library:
            facts = library.info()
            assert (facts.tracks, facts.analysed) == (3, 3)
            assert [track.path.name for track in library.tracks()] == ["0.wav", "1.wav", "2.wav"]
            assert {match.track.track_id for match in library.similar(3).matches} == {1, 2}
            assert library.similar(3).searched == 2
            assert library.compare(1, 3).similarity == pytest.approx(
                float(library.index().embeddings[0] @ library.index().embeddings[2]), abs=1e-6
            )
            assert library.analysis(2).notes == ("text: 1",)
            assert library.track(open_folder / "music/2.wav").track_id == 3
            assert library.failures() == []
            assert library.upgrade() is None
        with open_library(place) as again:
            assert again.info().analysed == 3
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


@pytest.mark.parametrize("leftover", ["none", "log", "log and memory"])
def test_what_writes_says_that_it_cannot(open_folder: Path, leftover: str) -> None:
    place = make_library(open_folder, leftover)
    with (
        no_rights(place),
        open_library(place) as library,
        pytest.raises(LibraryError, match=r"library\.db: .*cannot be written.*copy the library"),
    ):
        library.scan([open_folder / "music"])


def test_a_file_alone_that_cannot_be_written(open_folder: Path) -> None:
    """Its folder can: the lock of a scan is no obstacle, and it is told before any work."""
    place = make_library(open_folder, "none")
    with no_rights(place):
        is_root = os.geteuid() == NOBODY
        if is_root:
            os.seteuid(0)
        place.chmod(0o777)
        if is_root:
            os.seteuid(NOBODY)
        with open_library(place) as library:
            assert library.info().analysed == 3
            with pytest.raises(LibraryError, match=r"library\.db: .*readonly.*cannot be written"):
                library.scan([open_folder / "music"])


def test_while_somebody_else_scans(open_folder: Path) -> None:
    """What is written meanwhile is seen, through a view of the folder that cannot write."""
    music = music_of(open_folder)
    place = open_folder / "kept"
    place.mkdir()
    with open_library(place) as writer:
        writer.scan([music / "0.wav"])
        with no_rights(place), open_library(place) as reader:
            assert reader.info().analysed == 1
            # The writer has its files open already.
            with writer._database.write() as connection:
                connection.exec_driver_sql("DELETE FROM tracks")
            assert reader.info().tracks == 0


@pytest.mark.parametrize("leftover", ["none", "log"])
def test_a_link_to_a_library(open_folder: Path, leftover: str) -> None:
    place = make_library(open_folder, leftover)
    link = open_folder / "link"
    link.mkdir()
    (link / "library.db").symlink_to(place / "library.db")
    with no_rights(open_folder), open_library(link) as library:
        assert library.info().analysed == 3
        with pytest.raises(LibraryError, match="cannot be written"):
            library.scan([open_folder / "music"])


def test_a_log_without_anything(open_folder: Path) -> None:
    place = make_library(open_folder, "none")
    (place / "library.db-wal").touch()
    with no_rights(place), open_library(place) as library:
        assert library.info().analysed == 3


def test_a_folder_with_odd_characters(open_folder: Path) -> None:
    place = make_library(open_folder, "log").rename(open_folder / "50% of a?b#c ü")
    with no_rights(place), open_library(place) as library:
        assert library.info().analysed == 3


@pytest.mark.parametrize("old", sorted(OLD_LIBRARIES.glob("*.db")), ids=lambda path: path.stem)
def test_an_old_library_says_what_to_do(open_folder: Path, old: Path) -> None:
    place = Path(shutil.copy(old, open_folder / "library.db"))
    with no_rights(open_folder):
        if old.stem == SCHEMA_VERSION:
            with Library(place, create=False) as library:
                assert library.info().analysed == 40
            return
        with pytest.raises(LibraryError) as caught:
            Library(place, create=False)
    message = str(caught.value)
    assert f"(schema {old.stem})" in message
    assert "copy it to a place that can be written" in message
    Library(shutil.copy(place, open_folder / "copy.db"), create=False).close()


def test_the_commands(open_folder: Path) -> None:
    """With the model that ships; the old libraries were made with it."""
    newest = max(OLD_LIBRARIES.glob("*.db"))
    place = Path(shutil.copy(newest, open_folder / "library.db"))
    Library(place, create=False).close()
    with no_rights(open_folder):
        for command in (
            "info",
            "info 2",
            "similar 2 --json",
            "compare 2 3",
            "failures",
        ):
            arguments = [*command.split(), "--library", str(place)]
            result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
            assert result.exit_code == 0, (command, result.output)


def test_a_library_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    place = tmp_path / "typo" / "deep" / "x.db"
    for create in (True, False):
        with pytest.raises(LibraryError, match=r"x\.db: there is no library, and no folder .*deep"):
            Library(place, model=fake_model(), create=create)
    music = music_of(tmp_path)
    runner = CliRunner()
    for arguments, variables in (
        (["scan", str(music), "--library", str(place)], {}),
        (["scan", str(music)], {"SOUNDALIKE_LIBRARY": str(place)}),
        (["info"], {"SOUNDALIKE_LIBRARY": str(place)}),
    ):
        result = runner.invoke(cli, arguments, env=variables)
        assert result.exit_code == 1
        assert f"no folder {place.parent}" in result.output
    assert not (tmp_path / "typo").exists()
