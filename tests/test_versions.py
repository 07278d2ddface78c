"""`soundalike versions` on recordings of which it is known what they are, as real files."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.version_set import composed
from soundalike.cli.app import cli
from soundalike.errors import InvalidArgument
from soundalike.library import Library, Limits

PIECES = 8
CHANGED = ("original", "mp3 64", "intro cut", "8 % faster", "cover")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pieces, two of them five times."""
    folder = tmp_path_factory.mktemp("versions")
    pieces: list[str] = []
    for recording in composed(PIECES, CHANGED[1:4]):
        if recording.piece not in pieces:
            pieces.append(recording.piece)
        number = pieces.index(recording.piece)
        if recording.name in (CHANGED if number < 2 else CHANGED[:1]):
            waveform, rate = recording.make()
            _write(folder / "music" / f"{number} {recording.name}.wav", waveform, rate)
    with Library(folder / "library.db") as library:
        report = library.scan([folder / "music"], jobs=1)
    assert report.analysed == PIECES + 2 * (len(CHANGED) - 1)
    return folder


def _write(path: Path, waveform: np.ndarray, rate: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes())


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    with Library(place / "library.db", create=False) as opened:
        yield opened


@pytest.mark.parametrize("number", [0, 1])
def test_a_track_has_its_versions_and_no_other_piece(
    library: Library, place: Path, number: int
) -> None:
    result = library.versions(place / "music" / f"{number} original.wav")
    (group,) = result.groups
    found = {each.track.path.stem: each.kind for each in group.others}
    # Of covers, with other instruments in another key, some are missed.
    cover = found.pop(f"{number} cover", "version")
    assert cover == "version"
    assert found == {
        f"{number} mp3 64": "near",
        f"{number} intro cut": "near",
        f"{number} 8 % faster": "version",
    }
    assert (result.compared, result.without_fingerprint) == (PIECES + 8, 0)


def test_of_a_whole_library_pieces_that_are_there_once_are_no_group(library: Library) -> None:
    groups = library.versions().groups
    names = [
        sorted({group.best.path.stem[0], *(each.track.path.stem[0] for each in group.others)})
        for group in groups
    ]
    assert names == [["0"], ["1"]]
    near = library.versions(kinds=["near"]).groups
    assert [{each.kind for each in group.others} for group in near] == [{"near"}] * 2


def test_similar_keeps_versions_and_hides_copies(library: Library, place: Path) -> None:
    original = place / "music" / "0 original.wav"
    hidden = library.similar(original, 20)
    assert "0 mp3 64" in {each.track.path.stem for each in hidden.copies}
    assert "0 cover" in {match.track.path.stem for match in hidden.matches}
    shown = library.similar(original, 20, limits=Limits(versions=True))
    names = [match.track.path.stem for match in shown.matches]
    assert {"0 mp3 64", "0 intro cut", "0 cover"} <= set(names)


def test_the_command_tells_the_same(place: Path) -> None:
    words = ["versions", "0", "original", "--library", str(place / "library.db"), "--json"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    (group,) = json.loads(result.stdout)["groups"]
    kinds = sorted(each["kind"] for each in group["others"])
    assert kinds == ["near", "near", "version", "version"]


def test_what_cannot_be_asked_is_said(library: Library) -> None:
    with pytest.raises(InvalidArgument, match="kind"):
        library.versions(kinds=["remix"])  # type: ignore[list-item]
