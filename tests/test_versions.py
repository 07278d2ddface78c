"""`soundalike versions` on recordings of which it is known what they are, as real files."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from postgresql_server import duplicate

from benchmarks.version_set import composed
from soundalike.cli.app import cli
from soundalike.errors import InvalidArgument
from soundalike.library import Library, Limits, Track, VersionsResult
from soundalike.library.limits import NO_LIMITS
from soundalike.recommend.journey import make_path
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.station import continue_radio, start_radio

PIECES = 6
CHANGED = ("original", "mp3 64", "intro cut", "8 % faster", "cover")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pieces, two of them five times."""
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


def test_similar_hides_copies_and_what_is_known_to_be_a_version(
    place: Path, tmp_path: Path
) -> None:
    original = place / "music" / "0 original.wav"
    # Of versions nothing is known before they are looked for.
    duplicate(place / "library.db", tmp_path / "library.db")
    with Library(tmp_path / "library.db", create=False) as library:
        before = library.similar(original, 20)
        assert {"0 mp3 64"} <= {each.track.path.stem for each in before.copies}
        assert "0 8 % faster" in {match.track.path.stem for match in before.matches}
        (group, _) = library.versions().groups
        after = library.similar(original, 20)
        kinds = {each.track.path.stem: each.kind for each in after.copies}
        assert kinds.items() >= {"0 mp3 64": "near", "0 8 % faster": "version"}.items()
        of_piece = {group.best.path.stem, *(each.track.path.stem for each in group.others)}
        assert set(kinds) == of_piece - {"0 original"}
        names = [match.track.path.stem for match in after.matches]
        assert not any(name.startswith("0") for name in names)
        # Of another piece one stands for all that are known.
        (other,) = (match for match in after.matches if match.copies)
        assert piece_of(other.track) == "1"
        assert "version" in {each.kind for each in other.copies}
        assert {piece_of(each.track) for each in other.copies} == {"1"}
        shown = library.similar(original, 20, limits=Limits(versions=True))
        names = [match.track.path.stem for match in shown.matches]
        assert {"0 mp3 64", "0 intro cut", "0 cover"} <= set(names)


def piece_of(track: Track) -> str:
    return track.path.stem[0]


def test_no_piece_comes_twice_in_what_is_played(library: Library) -> None:
    groups = library.versions().groups
    assert [piece_of(group.best) for group in groups] == ["0", "1"]
    versions = {group.best.track_id for group in groups}
    versions |= {each.track.track_id for group in groups for each in group.others}

    def check(tracks: Sequence[Track]) -> None:
        """Each piece once, as far as the versions of it are known."""
        known = [piece_of(track) for track in tracks if track.track_id in versions]
        assert len(known) == len(set(known)), [track.path.stem for track in tracks]

    made = make_playlist(library, "3 original", tracks=12, limits=NO_LIMITS)
    check([item.track for item in made.items])
    assert made.stopped_by == "library"
    over = [each for item in made.items for each in item.passed_over if each.rule == "version"]
    assert over
    for each in over:
        assert each.of is not None
        assert piece_of(library.track(each.track_id)) == library.track(each.of).path.stem[0]
    ends = ("0 original", "5 original")
    path = make_path(library, ends, tracks=5, limits=NO_LIMITS)
    check([stop.track for stop in path.stops if stop.track])
    part = start_radio(library, "3 original", tracks=3, limits=NO_LIMITS)
    part_2 = continue_radio(library, json.loads(json.dumps(part.state)), tracks=2)
    items = [*part.items, *part_2.items]
    assert {item.round for item in items} == {1}
    check([item.track for item in items])
    shown = make_playlist(library, "3 original", tracks=12, limits=Limits(versions=True))
    assert len(shown.items) == 12


def test_only_what_is_new_is_compared(place: Path, tmp_path: Path) -> None:
    duplicate(place / "library.db", tmp_path / "library.db")
    later = place / "music" / "1 cover.wav"
    n = PIECES + 2 * (len(CHANGED) - 1)
    told: list[tuple[int, int]] = []

    def looked(library: Library) -> VersionsResult:
        told.clear()
        return library.versions(progress=lambda done, total: told.append((done, total)))

    with Library(tmp_path / "library.db", create=False) as library:
        library.forget(later)
        assert looked(library).compared == n - 1
        assert told == [(n - 1, n - 1)]
        library.scan([place / "music"], jobs=1)
        found = looked(library)
        assert told == [(n, n)]
        looked(library)
        assert told == []
        # What is forgotten and found again is the same audio, whatever its number.
        library.forget(later.with_name("1 mp3 64.wav"))
        library.scan([place / "music"], jobs=1)
        again = looked(library)
        assert told == []
    assert [len(group.others) for group in again.groups] == [
        len(group.others) for group in found.groups
    ]


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
