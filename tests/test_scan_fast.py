"""Scans that hear a few passages of each track, and those that then hear all of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from audio_files import write_wav
from click.testing import CliRunner
from fakes import InlinePool, open_library, open_upgraded, tag_track, write_track

from soundalike.analysis import FAST, Analysis
from soundalike.analyzer import Analyzer
from soundalike.cli import cli
from soundalike.errors import InvalidArgument
from soundalike.frontends import yamnet
from soundalike.frontends.spread import frames_of_spread
from soundalike.library import Library, ScanProgress
from soundalike.recommend.passages import find_passages

RATE, DURATION_S = 8_000, 120.0


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for name in ("a", "b", "c"):
        write_track(folder / f"{name}.wav", name)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        yield opened


def fast_ones(library: Library) -> list[str]:
    """The names of the tracks of which only passages were heard."""
    tracks = [track for track in library.tracks() if track.status == "analysed"]
    return [track.path.stem for track in tracks if library.analysis(track.track_id).is_fast]


# What a scan does with such tracks


def test_they_are_marked_until_a_scan_hears_all_of_them(library: Library, music: Path) -> None:
    first = library.scan([music], fast=True)
    assert (first.analysed, first.fast) == (3, 3)
    assert library.info().fast == 3
    assert library.similar(1).searched == 2
    again = library.scan([music], fast=True)
    assert (again.unchanged, again.analysed, again.reanalysed) == (3, 0, 0)
    whole = library.scan([music])
    assert (whole.unchanged, whole.analysed, whole.reanalysed, whole.fast) == (3, 0, 3, 0)
    assert fast_ones(library) == []
    assert library.info().fast == 0
    last = library.scan([music])
    assert (last.unchanged, last.reanalysed) == (3, 0)


def test_a_fast_scan_leaves_what_is_whole(library: Library, music: Path) -> None:
    library.scan([music])
    write_track(music / "b.wav", "another text")
    write_track(music / "d.wav", "d")
    report = library.scan([music], fast=True, full=True)
    assert (report.analysed, report.fast, report.reanalysed) == (2, 2, 0)
    assert fast_ones(library) == ["b", "d"]


def test_touched_moved_and_retagged_files_are_heard_as_a_whole(
    library: Library, music: Path
) -> None:
    library.scan([music], fast=True)
    os.utime(music / "a.wav", ns=(0, 0))
    (music / "b.wav").rename(music / "new.wav")
    tag_track(music / "c.wav", title="C")
    report = library.scan([music])
    assert (report.moved, report.retagged, report.reanalysed) == (1, 1, 3)
    assert fast_ones(library) == []
    assert library.scan([music]).unchanged == 3


def test_a_copy_under_other_tags_is_heard_as_a_whole(library: Library, music: Path) -> None:
    library.scan([music / "a.wav"], fast=True)
    write_track(music / "copy.wav", "a")
    tag_track(music / "copy.wav", title="Copy")
    library.scan([music])
    assert fast_ones(library) == []


def test_stopped_halfway_it_goes_on(library: Library, music: Path) -> None:
    library.scan([music], fast=True)

    def stop(progress: ScanProgress) -> None:
        if progress.phase == "re-analysing" and progress.done == 1:
            raise KeyboardInterrupt

    assert library.scan([music], progress=stop).interrupted
    assert len(fast_ones(library)) == 2
    assert library.scan([music]).reanalysed == 2
    assert fast_ones(library) == []


def test_what_fails_as_a_whole_is_told(library: Library, music: Path) -> None:
    library.scan([music], fast=True)
    write_track(music / "a.wav", "silent")
    report = library.scan([music])
    assert [failure.path.stem for failure in report.failed] == ["a"]
    assert report.reanalysed == 2


def test_progress_tells(library: Library, music: Path) -> None:
    told: list[ScanProgress] = []
    library.scan([music], fast=True, progress=told.append)
    assert all(each.is_fast for each in told)
    library.scan([music], progress=told.append)
    assert not told[-1].is_fast


def test_a_new_model_may_hear_them_fast_as_well(tmp_path: Path, music: Path) -> None:
    with open_library(tmp_path) as library:
        library.scan([music])
    with open_upgraded(tmp_path, "2", older=["1"]) as library:
        assert library.scan([music], fast=True).reanalysed == 3
        assert library.info().fast == 3
        assert library.scan([music]).reanalysed == 3
        assert library.info().fast == 0


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    write_wav(tmp_path / "music" / "long.wav", piece(), RATE)
    write_wav(tmp_path / "music" / "short.wav", piece()[: 20 * RATE], RATE)
    place = ["--library", str(tmp_path / "library.db")]

    def said(*words: str) -> str:
        result = CliRunner().invoke(cli, [*words, *place])
        assert result.exit_code == 0, result.output
        return result.output

    music = str(tmp_path / "music")
    assert "2 analysed, 1 of them heard in passages only" in said("scan", music, "--fast")
    assert "heard in passages only  1" in said("info")
    assert f"{FAST}6 passages of 9.9 s were heard, 50% of the track" in said("info", "long")
    assert "1 re-analysed" in said("scan")
    assert "passages" not in said("info")
    result = CliRunner().invoke(cli, ["scan", "--upgrade", "--fast", *place])
    assert result.exit_code == 2


# What is heard


@cache
def piece(seed: int = 0) -> np.ndarray:
    """Six parts of 20 s, each of other tones, with a stroke every half second."""
    rng = np.random.default_rng(seed)
    time = np.arange(20 * RATE, dtype=np.float32)
    parts = [
        sum(np.sin(time * np.float32(step)) for step in rng.uniform(0.1, 2.5, 4)) for _ in range(6)
    ]
    sound = np.concatenate(parts)
    fading = np.exp(-(np.arange(RATE // 2) / 200))
    strokes = np.tile(fading * rng.normal(size=fading.size), 240)
    return (0.1 * sound + 0.2 * strokes + 0.005 * rng.normal(size=sound.size)).astype(np.float32)


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("long") / "long.wav", piece(), RATE)


@pytest.fixture(scope="module")
def fast(analyzer: Analyzer, long_file: Path) -> Analysis:
    return analyzer.from_file(long_file, fast=True)


def test_excerpts_are_the_same_as_in_the_whole(
    analyzer: Analyzer, long_file: Path, fast: Analysis
) -> None:
    middles_s = (np.arange(6) + 0.5) * DURATION_S / 6
    assert fast.excerpt_starts_s + fast.excerpt_s / 2 == pytest.approx(middles_s, abs=0.01)
    sound = fast.layout.slices["sound"]
    for start_s, embedding in zip(fast.excerpt_starts_s, fast.excerpt_embeddings, strict=True):
        there = analyzer.from_file(long_file, start_s=start_s, end_s=start_s + fast.excerpt_s)
        one, other = embedding[sound], there.embedding[sound]
        assert one @ other > 0.98 * np.linalg.norm(one) * np.linalg.norm(other)


def test_it_is_comparable_with_a_whole_one(
    analyzer: Analyzer, long_file: Path, fast: Analysis
) -> None:
    whole = analyzer.from_file(long_file)
    assert fast.model == whole.model
    assert fast.embedding @ whole.embedding > 0.9
    assert fast.duration_s == pytest.approx(whole.duration_s)
    assert fast.tempo_bpm == pytest.approx(whole.tempo_bpm, rel=0.04)
    assert fast.is_fast
    assert not whole.is_fast
    assert fast.fingerprint is None


def test_the_timeline_tells_only_what_was_heard(fast: Analysis) -> None:
    stretches = fast.timeline()
    assert len(stretches) == 6
    for stretch, start_s in zip(stretches, fast.excerpt_starts_s, strict=True):
        assert (stretch.start_s, stretch.end_s) == pytest.approx(
            (start_s, start_s + fast.excerpt_s)
        )


def test_short_tracks_and_silent_passages_are_heard_as_a_whole(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    short = write_wav(tmp_path / "short.wav", piece()[: 90 * RATE], RATE)
    rare = np.zeros(round(DURATION_S * RATE), np.float32)
    rare[: 3 * RATE] = piece()[: 3 * RATE]
    rare_file = write_wav(tmp_path / "rare.wav", rare, RATE)
    for path in (short, rare_file):
        found, whole = analyzer.from_file(path, fast=True), analyzer.from_file(path)
        assert not found.is_fast
        assert np.array_equal(found.embedding, whole.embedding)
        assert found.notes == whole.notes


def test_a_passage_is_not_heard_fast(analyzer: Analyzer, long_file: Path) -> None:
    with pytest.raises(InvalidArgument, match="whole tracks only"):
        analyzer.from_file(long_file, start_s=3.0, fast=True)


def test_models_with_other_excerpts(long_file: Path) -> None:
    spread = frames_of_spread(long_file, yamnet.PatchStream, yamnet.PATCH_S)
    assert spread is not None
    cut = yamnet.patches(spread.decoded.values)
    starts_s = spread.in_track(cut.starts_s)
    # The last is shorter by the half of a window.
    assert len(starts_s) in (59, 60)
    for i, start_s in enumerate(spread.starts_s[:-1]):
        there = starts_s[10 * i : 10 * i + 10]
        assert there == pytest.approx(start_s + yamnet.PATCH_S * np.arange(10))


# What is found


def test_passages_are_found_where_something_was_heard(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for number in range(2):
        write_wav(music / f"{number}.wav", piece(number), RATE)
    with Library(tmp_path / "library.db", pool=InlinePool) as library:
        assert library.scan([music], fast=True).fast == 2
        heard_s = library.analysis(1).excerpt_starts_s
        result = find_passages(library, library.track("1").path, start_s=22.0, end_s=42.0)
        assert result.heard_in_part == len(result.matches) == 1
        for match in result.matches:
            # Of two excerpts in a row one was heard, so that half of it is like nothing.
            assert match.similarity <= 0.51
            assert np.abs(heard_s - match.place.start_s).min() < 0.05
        # Two files of one recording, both heard fast, are told to be the same.
        write_wav(music / "copy.wav", piece(0) * np.float32(0.9), RATE)
        library.scan([music], fast=True)
        assert len(library.duplicates()) == 1
        assert library.versions().without_fingerprint == 3
        comparison = library.compare(1, 2)
        assert comparison.excerpt_similarity.shape == (6, 6)
