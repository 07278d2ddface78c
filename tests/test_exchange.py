"""What leaves a library as a file comes back the same, without the music."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fakes
import numpy as np
import pytest
from fakes import fake_model, open_library, tag_track, write_track
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import (
    DataError,
    InvalidArgument,
    ModelMismatch,
    OutputError,
    SoundalikeError,
)
from soundalike.library import Library
from soundalike.library.exchange.formats import opened

FORMATS = ("npz", "parquet", "jsonl")
FACETED = fake_model(name=fakes.FACETED)
STRAY = os.fsdecode(b"caf\xe9 \xf0.wav")


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(fakes.LOG, str(tmp_path / "log"))
    folder = tmp_path / "music"
    for name in ("one", "two", "three"):
        tag_track(write_track(folder / "some" / f"{name}.wav", name), artist="A", title=f"{name} é")
    write_track(folder / STRAY, "stray")
    shutil.copy(folder / "some" / "one.wav", folder / "copy of one.wav")
    return folder


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with other(tmp_path, "mine") as opened:
        opened.scan([music], jobs=1)
        yield opened


def other(
    tmp_path: Path, name: str = "theirs", *, model: str = fakes.FACETED, version: str = "1"
) -> Library:
    (tmp_path / name).mkdir(exist_ok=True)
    return open_library(tmp_path / name, name=model, version=version)


def analysed(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    lines = log.read_text(encoding="utf-8").split() if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(lines)


def records(path: Path) -> list[dict[str, object]]:
    """What a file holds, by path, without the ids, as Python's own values."""
    with opened(path) as (_, tracks):
        found = [dict(vars(each)) for each in tracks]
    for each in found:
        del each["id"]
        for name, value in each.items():
            if isinstance(value, np.ndarray):
                each[name] = (value.dtype.str, value.shape, value.tobytes())
    return sorted(found, key=lambda each: str(each["path"]))


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_and_imported_is_the_same_number_for_number(
    library: Library, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"a.{form}"
    report = library.export_analyses(path)
    assert report.tracks == 5
    assert report.size_bytes == path.stat().st_size
    with other(tmp_path) as theirs:
        taken = theirs.import_analyses(path)
        assert (taken.records, taken.added, taken.known, taken.not_imported) == (5, 5, 0, ())
        for track in library.tracks():
            mine, its = (
                library.analysis(track.track_id),
                theirs.analysis(theirs.track(track.path).track_id),
            )
            assert mine.embedding.tobytes() == its.embedding.tobytes()
            assert mine.excerpt_embeddings.tobytes() == its.excerpt_embeddings.tobytes()
            assert (mine.words, mine.tempo_bpm, mine.key) == (its.words, its.tempo_bpm, its.key)
        assert {t.path: t.tags for t in theirs.tracks()} == {
            t.path: t.tags for t in library.tracks()
        }
        seed = library.track("two").path
        assert [(m.track.path, m.similarity) for m in theirs.similar(seed).matches] == [
            (m.track.path, m.similarity) for m in library.similar(seed).matches
        ]
        theirs.export_analyses(tmp_path / f"b.{form}")
    assert records(tmp_path / f"b.{form}") == records(path)


def test_all_formats_hold_the_same(library: Library, tmp_path: Path) -> None:
    for form in FORMATS:
        library.export_analyses(tmp_path / form, format=form)
    first, *others = (records(tmp_path / form) for form in FORMATS)
    assert first
    assert all(each == first for each in others)


def test_numpy_alone_reads_an_archive(library: Library, tmp_path: Path) -> None:
    library.export_analyses(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert json.loads(str(found["header"]))["model"] == FACETED.name
        row = list(found["path"]).index(str(library.track("two").path))
        first, end = found["excerpt_first"][row : row + 2]
        excerpts = found["excerpt_embeddings"][first:end] * found["excerpt_scales"][first:end, None]
        mine = library.analysis(library.track("two").track_id)
        np.testing.assert_allclose(found["embedding"][row], mine.embedding, atol=1e-3)
        cosines = np.einsum("ij,ij->i", excerpts, mine.excerpt_embeddings) / np.linalg.norm(
            excerpts, axis=1
        )
        np.testing.assert_allclose(cosines, 1, atol=0.02)


def test_an_import_twice_changes_nothing(library: Library, tmp_path: Path) -> None:
    library.export_analyses(tmp_path / "a.npz")
    with other(tmp_path) as theirs:
        theirs.import_analyses(tmp_path / "a.npz")
        before = theirs.tracks()
        assert theirs.import_analyses(tmp_path / "a.npz").known == 5
        assert theirs.tracks() == before


def test_a_scan_analyses_nothing_that_was_imported(
    library: Library, music: Path, tmp_path: Path
) -> None:
    library.export_analyses(tmp_path / "a.npz", relative_to=music)
    moved = tmp_path / "elsewhere"
    music.rename(moved)
    analysed(tmp_path)
    with other(tmp_path) as theirs:
        with pytest.raises(InvalidArgument, match="--base"):
            theirs.import_analyses(tmp_path / "a.npz")
        assert theirs.import_analyses(tmp_path / "a.npz", base=moved).added == 5
        write_track(moved / "new.wav", "new")
        report = theirs.scan([moved], jobs=1)
        assert (report.analysed, analysed(tmp_path)) == (1, ["new"])
        assert len(theirs.tracks("analysed")) == 6
        # What was imported is read now, and goes missing like all else.
        (moved / "some" / "two.wav").unlink()
        assert theirs.scan(jobs=1).missing == 1


def test_music_that_is_here_gets_the_analysis_and_no_second_track(
    library: Library, music: Path, tmp_path: Path
) -> None:
    library.export_analyses(tmp_path / "a.jsonl")
    mine = tmp_path / "copy"
    shutil.copytree(music, mine)
    with other(tmp_path, model="other") as theirs:
        theirs.scan([mine], jobs=1)
    with other(tmp_path) as theirs:
        report = theirs.import_analyses(tmp_path / "a.jsonl")
        # One of the five is a copy.
        assert (report.added, report.analysed, report.known) == (0, 4, 1)
        assert {track.path.parent.name for track in theirs.tracks("analysed")} == {"copy", "some"}
        assert len(theirs.tracks()) == 5


def test_other_music_at_a_path_is_left_alone(library: Library, music: Path, tmp_path: Path) -> None:
    library.export_analyses(tmp_path / "a.npz")
    write_track(music / "some" / "two.wav", "other music")
    with other(tmp_path) as theirs:
        theirs.scan([music / "some" / "two.wav"], jobs=1)
        report = theirs.import_analyses(tmp_path / "a.npz")
        (refused,) = report.not_imported
        assert refused.path == str(music / "some" / "two.wav")
        assert "other music at this path" in refused.reason
        assert report.added == 4
        assert theirs.analysis(theirs.track("two").track_id) is not None


def test_versions_never_mix(library: Library, tmp_path: Path) -> None:
    library.export_analyses(tmp_path / "a.npz")
    with other(tmp_path, version="2") as theirs:
        with pytest.raises(ModelMismatch, match="faceted@1, this library's by faceted@2"):
            theirs.import_analyses(tmp_path / "a.npz")
        # Nobody can have a library of a model that is not there.
        with pytest.raises(ModelMismatch, match=r"or install that model \(soundalike models\) and"):
            theirs.import_analyses(tmp_path / "a.npz")
        assert theirs.tracks() == []


def test_another_model_of_the_same_name_is_refused(library: Library, tmp_path: Path) -> None:
    library.export_analyses(tmp_path / "a.jsonl")
    text = (tmp_path / "a.jsonl").read_text("ascii").replace('"calm"', '"tame"', 1)
    (tmp_path / "a.jsonl").write_text(text, "ascii")
    with other(tmp_path) as theirs, pytest.raises(ModelMismatch, match="labels"):
        theirs.import_analyses(tmp_path / "a.jsonl")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_cut_off_is_told(library: Library, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    library.export_analyses(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with other(tmp_path) as theirs:
        with pytest.raises(DataError, match="export it again"):
            theirs.import_analyses(path)
        # What came before that place is whole.
        for track in theirs.tracks("analysed"):
            theirs.analysis(track.track_id)


def test_a_file_with_fewer_tracks_than_it_says_is_told(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    library.export_analyses(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    with other(tmp_path) as theirs, pytest.raises(DataError, match="4 of 5 tracks"):
        theirs.import_analyses(path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A file of each format."""
    folder = tmp_path_factory.mktemp("written")
    with open_library(folder, name=fakes.FACETED) as library:
        library.scan([write_track(folder / "music" / "one.wav", "one").parent], jobs=1)
        for form in FORMATS:
            library.export_analyses(folder / f"a.{form}")
    return {form: (folder / f"a.{form}").read_bytes() for form in FORMATS}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=8)
@given(data=st.data())
def test_damage_is_told_and_never_stored(
    written: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    form: str,
    data: st.DataObject,
) -> None:
    damaged = bytearray(written[form])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "a").write_bytes(damaged)
    with open_library(folder, name=fakes.FACETED) as theirs:
        with suppress(SoundalikeError):
            theirs.import_analyses(folder / "a")
        for track in theirs.tracks("analysed"):
            analysis = theirs.analysis(track.track_id)
            assert np.isfinite(analysis.embedding).all()
            assert np.isfinite(analysis.excerpt_embeddings).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("embedding", [1.0]),
        ("embedding", [1e9] * 9),
        ("embedding", [0.0] * 9),
        ("probabilities", [0.2, 0.8]),
        ("excerpt_starts_s", []),
        ("content_hash", "12"),
        ("content_hash", None),
        ("path", ""),
        ("path", "../../etc/passwd"),
        ("path", 7),
        ("genre_set", ["polka"]),
        ("notes", [1]),
        ("tags", {"title": 7}),
        ("tags", {"artists": "no list"}),
        ("tags", {"year": "1999"}),
        ("tempo_bpm", -1),
        ("duration_s", "long"),
        ("fingerprint", "QUJD"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(
    library: Library, tmp_path: Path, field: str, value: object
) -> None:
    path = tmp_path / "a.jsonl"
    library.export_analyses(path)
    lines = path.read_text("ascii").splitlines()
    changed = json.loads(lines[2]) | {field: value}
    path.write_text("\n".join([*lines[:2], json.dumps(changed), *lines[3:], ""]), "ascii")
    with other(tmp_path) as theirs:
        report = theirs.import_analyses(path, base=tmp_path)
        assert len(report.not_imported) == 1
        assert report.added == len(theirs.tracks()) == 4


def test_the_commands_fail_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "note.npz").write_text("hello")
    program = [sys.executable, "-m", "soundalike"]
    library = ["--library", str(tmp_path / "new.db")]
    for command in (["import", "note.npz"], ["import", "none.npz"], ["export", "a.npz"]):
        ran = subprocess.run(
            [*program, *command, *library],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1
        assert ran.stderr.startswith(("DataError: ", "LibraryError: "))
        assert not (tmp_path / "new.db").exists()


def test_bad_targets(library: Library, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="npz, parquet, jsonl"):
        library.export_analyses(tmp_path / "a.txt")
    with pytest.raises(OutputError, match="nowhere"):
        library.export_analyses(tmp_path / "nowhere" / "a.npz")
    with pytest.raises(InvalidArgument, match="below"):
        library.export_analyses(tmp_path / "a.npz", relative_to=tmp_path / "music" / "some")
    with pytest.raises(InvalidArgument, match="no track"):
        library.export_analyses(tmp_path / "a.npz", folder=tmp_path / "nothing")
    assert not (tmp_path / "a.npz").exists()
