"""Libraries as earlier versions left them: each opens, answers as it did, and can be upgraded.

``tests/data/make_library.py`` made them, one for each schema, of the composed music.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import InlinePool, fake_model, write_track

from soundalike.library import Library
from soundalike.library.storage.schema import SCHEMA_VERSION
from soundalike.models.lineage import Lineage

FOLDER = Path(__file__).parent / "data" / "libraries"
LIBRARIES = sorted(FOLDER.glob("*.db"))

# What the versions that made them answered: ids, similarities, percentiles, by track and by model.
ANSWERS = {
    "soundalike@1": {
        2: [(4, 0.93088, 98.72), (5, 0.90847, 97.95), (3, 0.8781, 97.05), (6, 0.831, 95.13)],
        17: [(19, 0.92123, 98.21), (20, 0.91306, 98.08), (21, 0.80596, 94.1), (18, 0.69648, 90.9)],
        41: [(37, 0.847, 96.28), (38, 0.84694, 96.15), (39, 0.82876, 94.87), (40, 0.71883, 91.28)],
    },
    "soundalike@2": {
        2: [(5, 0.83745, 99.74), (6, 0.79212, 98.85), (4, 0.78236, 98.46), (3, 0.77853, 98.33)],
        17: [(19, 0.7663, 97.56), (20, 0.7429, 97.31), (21, 0.62254, 94.36), (18, 0.43632, 88.21)],
        41: [
            (38, 0.77377, 97.95),
            (39, 0.74035, 97.05),
            (37, 0.72395, 96.54),
            (40, 0.68619, 95.51),
        ],
    },
}
# From here on the same model, with convolutions of 8 bits.
ANSWERS_8_BITS = {
    2: [(5, 0.83735, 99.74), (6, 0.79208, 98.85), (4, 0.7822, 98.59), (3, 0.77829, 98.33)],
    17: [(19, 0.76638, 97.56), (20, 0.74335, 97.31), (21, 0.62264, 94.36), (18, 0.43631, 88.21)],
    41: [(38, 0.77383, 97.95), (39, 0.74034, 97.05), (37, 0.72407, 96.54), (40, 0.68644, 95.51)],
}
SIZES = {"soundalike@1": 80, "soundalike@2": 272}


def model_of(place: Path) -> str:
    """The model that was the newest when a library was made."""
    with closing(sqlite3.connect(place)) as database:
        ((model,),) = database.execute("SELECT name || '@' || version FROM models").fetchall()
    return str(model)


def answers_of(place: Path) -> dict[int, list[tuple[int, float, float]]]:
    """What the version that made a library answered."""
    return ANSWERS_8_BITS if place.stem >= "0008" else ANSWERS[model_of(place)]


@pytest.fixture(params=LIBRARIES, ids=lambda path: path.stem)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(request.param, tmp_path / request.param.name))


def test_there_is_one_of_every_schema_from_the_second_on() -> None:
    known = [f"{number:04d}" for number in range(2, int(SCHEMA_VERSION) + 1)]
    assert [path.stem for path in LIBRARIES] == known


def test_it_answers_as_it_did(place: Path) -> None:
    model = model_of(place)
    with Library(place, create=False) as library:
        facts = library.info()
        assert facts.schema_version == SCHEMA_VERSION
        assert (facts.model, facts.analysed, facts.failed) == (model, 40, 1)
        assert facts.duration_s == pytest.approx(1067.572, abs=0.001)
        for track_id, expected in answers_of(place).items():
            found = library.similar(track_id, len(expected)).matches
            assert [match.track.track_id for match in found] == [each[0] for each in expected]
            for match, (_, similarity, percentile) in zip(found, expected, strict=True):
                assert match.similarity == pytest.approx(similarity, abs=2e-5)
                assert match.percentile == pytest.approx(percentile, abs=0.01)


def test_it_knows_its_tracks(place: Path) -> None:
    model = model_of(place)
    with Library(place, create=False) as library:
        assert library.missing() == []
        (failure,) = library.failures()
        assert (failure.track_id, failure.path.name) == (1, "broken.mp3")
        assert failure.kind == "UnsupportedAudio"
        track = library.track("strobe theory basement")
        assert (track.track_id, track.status) == (2, "analysed")
        assert (track.artist, track.title) == ("Basement Division", "Strobe Theory")
        assert track.path == Path(track.path.anchor) / "music" / track.path.relative_to("/music")
        assert track.album is not None
        analysis = library.analysis(2)
        assert analysis.embedding.shape == (SIZES[model],)
        assert np.linalg.norm(analysis.excerpt_embeddings, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert sum(analysis.genres.values()) == pytest.approx(1.0, abs=1e-5)
        alike = {track: similarity for track, similarity, _ in answers_of(place)[2]}
        assert library.compare(2, 3).similarity == pytest.approx(alike[3], abs=1e-3)


def move_music(place: Path, music: Path) -> None:
    """Put a small file where each track lies, below another folder than the library says."""
    with closing(sqlite3.connect(place)) as database:
        rows = database.execute("SELECT id, path FROM tracks").fetchall()
        for track_id, path in rows:
            below = os.path.relpath(os.fsdecode(path), "/music")
            file = write_track(music / below, f"track {track_id}")
            found = file.stat()
            database.execute(
                "UPDATE tracks SET path = ?, size_bytes = ?, mtime_ns = ? WHERE id = ?",
                (os.fsencode(file), found.st_size, found.st_mtime_ns, track_id),
            )
        columns = [row[1] for row in database.execute("PRAGMA table_info (tracks)")]
        if "ctime_ns" in columns:
            # As where it was never looked at: the files here are not those of the library.
            database.execute("UPDATE tracks SET ctime_ns = NULL")
        database.commit()


def test_it_is_upgraded_to_a_new_model(place: Path, tmp_path: Path) -> None:
    model, answers, music = model_of(place), answers_of(place), tmp_path / "music"
    move_music(place, music)
    newer = Lineage(fake_model("99", name="soundalike"))
    with Library(place, model=newer, analyzer="fakes:FakeAnalyzer", pool=InlinePool) as library:
        state = library.upgrade()
        assert state is not None
        assert (state.done, state.remaining, state.query_model) == (0, 40, model)
        assert library.similar(2, 1).matches[0].track.track_id == answers[2][0][0]
        report = library.scan([music])
        assert (report.reanalysed, report.unchanged, report.missing) == (40, 40, 0)
        assert library.upgrade() is None
        answer = library.similar(2, 50)
        assert (answer.model, len(answer.matches)) == ("soundalike@99", 39)
