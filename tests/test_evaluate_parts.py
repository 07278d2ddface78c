"""The parts of an evaluation: labels, duplicates, the baseline, copies, words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_files import chord, write_audio
from fakes import fake_model
from hypothesis import given
from hypothesis import strategies as st

import soundalike
from soundalike.analyzer import Analyzer
from soundalike.audio import effects as changes
from soundalike.audio.tags import Tags
from soundalike.errors import InvalidArgument, LibraryError, UnsupportedAudio
from soundalike.evaluate.duplicates import find_duplicates
from soundalike.evaluate.intervals import share_interval
from soundalike.evaluate.labels import QUESTIONS, album_of, artist_of, genre_of
from soundalike.evaluate.robustness import CHANGES, changed_embeddings, find_again
from soundalike.evaluate.timbre import mfcc, mfcc_of_file, mfcc_statistics, standardised
from soundalike.library.records import Track
from soundalike.similarity.recording import Music
from soundalike.workers.calls import Call, Refused, run_calls
from soundalike.workers.jobs import Setup


def track(number: int, **fields: object) -> Track:
    known = {
        "track_id": number,
        "path": Path(f"/music/{number}.mp3"),
        "duration_s": 100.0 + 10 * number,
        "content_hash": f"{number:064x}",
        "status": "analysed",
        "from_path": Tags(),
    }
    own = {name: fields.pop(name) for name in Track.__slots__ if name in fields}
    tags = Tags(**fields)  # type: ignore[arg-type]
    given = {**dict.fromkeys(Track.__slots__), **known, **own, "tags": tags}
    return Track(**given)  # type: ignore[arg-type]


# Labels


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"artist": "Sigur Rós"}, {"artist": "SIGUR ROS"}),
        ({"genre": "Hip-Hop"}, {"genre": "hip hop; Rap"}),
        (
            {"album": "Best Of", "album_artist": "A", "path": Path("/a/1.mp3")},
            {"album": "best of!", "album_artist": "a", "path": Path("/b/2.mp3")},
        ),
        ({"artist": "!!!"}, {"artist": "!!! "}),
    ],
)
def test_labels_do_not_see_case_accents_and_signs(one, other) -> None:
    for label in (artist_of, genre_of, album_of):
        assert label(track(1, **one)) == label(track(2, **{"path": Path("/music/2"), **other}))


def test_one_album_name_in_two_folders_is_two_albums() -> None:
    tracks = [
        track(i, album="Best Of", path=Path(f"/{folder}/{i}.mp3")) for i, folder in enumerate("aab")
    ]
    labels = [album_of(each) for each in tracks]
    assert labels[0] == labels[1] != labels[2]


@pytest.mark.parametrize("nobody", [None, "", "  ", "Various Artists", "VA", "<unknown>"])
def test_nobody_is_no_artist(nobody: str | None) -> None:
    assert artist_of(track(1, artist=nobody)) is None


def test_a_filter_leaves_out_whom_it_cannot_place() -> None:
    question = next(each for each in QUESTIONS if each.name == "same genre, other artists")
    tracks = [track(1, genre="Rock", artist="A"), track(2, genre="Rock")]
    assert question.labels(tracks) == ["rock", None]
    assert question.groups(tracks) == ["a", None]


# Duplicates


def excerpts(seed: int, n: int = 12) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((n, 32)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def found(tracks: list[Track], parts: list[np.ndarray]) -> list[tuple[int, int, str]]:
    embeddings = np.stack([part.mean(axis=0) for part in parts])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    by_id = {each.track_id: part for each, part in zip(tracks, parts, strict=True)}
    duplicates = find_duplicates(
        tracks,
        embeddings,
        lambda each: Music(each.duration_s or 0.0, by_id[each.track_id]),
    )
    return [(each.track.track_id, each.kept.track_id, each.kind) for each in duplicates]


def nearly(part: np.ndarray, deviation: float, seed: int = 99) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(part.shape) * deviation
    changed = part + noise.astype(np.float32)
    return changed / np.linalg.norm(changed, axis=1, keepdims=True)


def test_copies_and_other_files_of_one_recording_are_found_once() -> None:
    tracks = [track(i) for i in range(1, 9)]
    parts = [excerpts(i) for i in range(1, 9)]
    # 4 is a copy of 2; 6 is 2 from another file; 7 is that file again.
    tracks[3] = replace(tracks[3], content_hash=tracks[1].content_hash)
    parts[3] = parts[1]
    tracks[5] = replace(tracks[5], duration_s=tracks[1].duration_s + 1.2)
    parts[5] = nearly(parts[1], 0.02)
    tracks[6] = replace(
        tracks[6], duration_s=tracks[5].duration_s, content_hash=tracks[5].content_hash
    )
    parts[6] = parts[5]
    assert found(tracks, parts) == [(4, 2, "copy"), (6, 2, "near"), (7, 2, "copy")]


@pytest.mark.parametrize(
    "change",
    [
        "longer",  # the same sound, two seconds longer
        "reversed",  # the same excerpts in another order: the same loops, another piece
        "noisy",  # alike, but not the same
        "loop",  # nothing that changes: any order agrees
        "short",  # too little to be sure, where it is not as long to a tenth of a second
    ],
)
def test_what_is_only_alike_stays(change: str) -> None:
    tracks = [track(i) for i in range(1, 7)]
    parts = [excerpts(i) for i in range(1, 7)]
    tracks[1] = replace(tracks[1], duration_s=tracks[0].duration_s)
    parts[1] = nearly(parts[0], 0.01)
    assert found(tracks, parts) == [(2, 1, "near")]
    if change == "longer":
        tracks[1] = replace(tracks[1], duration_s=tracks[0].duration_s + 2)
    elif change == "reversed":
        parts[1] = parts[1][::-1]
    elif change == "loop":
        loop = np.repeat(parts[0][:1], 12, axis=0)
        parts[0], parts[1] = nearly(loop, 0.05), nearly(loop, 0.05, seed=98)
    elif change == "noisy":
        parts[1] = nearly(parts[0], 0.12)
    else:
        parts[0], parts[1] = parts[0][:2], nearly(parts[0], 0.005)[:2]
        assert found(tracks, parts) == [(2, 1, "near")]
        tracks[1] = replace(tracks[1], duration_s=(tracks[0].duration_s or 0.0) + 0.2)
    assert found(tracks, parts) == []


@pytest.mark.parametrize(("n", "expected"), [(12, [(2, 1, "near")]), (4, [])])
def test_few_excerpts_have_to_agree_better(n: int, expected: list[tuple[int, int, str]]) -> None:
    # Excerpts at the same time are a quarter as far from each other as at different times.
    part = 2 * excerpts(50, 1) + excerpts(1, n)
    part /= np.linalg.norm(part, axis=1, keepdims=True)
    parts = [part, nearly(part, 0.058), *(excerpts(i) for i in range(3, 7))]
    tracks = [track(i) for i in range(1, 7)]
    tracks[1] = replace(tracks[1], duration_s=(tracks[0].duration_s or 0.0) + 0.5)
    assert found(tracks, parts) == expected
    # Two files that are as long to a tenth of a second need less proof.
    tracks[1] = replace(tracks[1], duration_s=tracks[0].duration_s)
    assert found(tracks, parts) == [(2, 1, "near")]


def test_a_model_to_which_all_sounds_alike_makes_no_duplicates() -> None:
    tracks = [track(i, duration_s=200.0) for i in range(1, 8)]
    common = np.ones(32, np.float32) * 3
    parts = [excerpts(i) + common for i in range(1, 8)]
    parts = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
    assert found(tracks, parts) == []


def test_one_track_and_none() -> None:
    assert found([track(1)], [excerpts(1)]) == []


# The baseline


def test_mfccs_are_the_cosine_transform() -> None:
    spectrogram = np.random.default_rng(0).uniform(-80, 0, (16, 5))
    by_hand = [
        [
            math.sqrt((1 if q == 0 else 2) / 16)
            * sum(spectrogram[m, t] * math.cos(math.pi * q * (m + 0.5) / 16) for m in range(16))
            for t in range(5)
        ]
        for q in range(4)
    ]
    assert mfcc(spectrogram, 4) == pytest.approx(np.array(by_hand), rel=1e-4, abs=1e-4)
    # All of them together lose nothing: the transform is orthonormal.
    assert np.linalg.norm(mfcc(spectrogram, 16)) == pytest.approx(np.linalg.norm(spectrogram))


def test_statistics_of_a_sound_that_never_changes() -> None:
    spectrogram = np.repeat(np.linspace(-60, 0, 128)[:, None], 30, axis=1)
    statistics = mfcc_statistics(spectrogram)
    assert statistics.shape == (80,)
    assert statistics[:20] == pytest.approx(mfcc(spectrogram)[:, 0], abs=1e-3)
    assert statistics[20:] == pytest.approx(np.zeros(60), abs=1e-3)
    assert np.isfinite(mfcc_statistics(spectrogram[:, :1])).all()


def test_statistics_of_a_file_are_those_of_its_samples(tmp_path: Path) -> None:
    samples = chord(22_050, 6.0)
    path = write_audio(tmp_path / "a.flac", samples, 22_050, "flac")
    expected = mfcc_statistics(soundalike.log_mel(samples, 22_050))
    assert mfcc_of_file(path) == pytest.approx(expected, abs=0.05)


@given(st.integers(2, 6), st.integers(0, 1000))
def test_standardised_columns_have_mean_0_and_deviation_1(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(50, 20, (n, 3))
    values[:, 1] = 7
    columns = standardised(values).T
    assert columns.mean(axis=1) == pytest.approx(np.zeros(3), abs=1e-5)
    assert columns.std(axis=1) == pytest.approx([1, 0, 1], abs=1e-4)


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="20 MFCCs need"):
        mfcc(np.zeros((10, 5)))


# Changed copies


@pytest.mark.parametrize(("kind", "rate", "channels"), [("flac", 44_100, 2), ("wav", 96_000, 1)])
def test_copies_of_a_file_are_near_it(kind: str, rate: int, channels: int, tmp_path: Path) -> None:
    samples = np.tile(chord(rate, 4.0, channels), 5)
    path = write_audio(tmp_path / f"a.{kind}", samples, rate, kind)
    analyzer = Analyzer()
    copies = changed_embeddings(path, lambda: analyzer, 0)
    assert list(copies) == list(CHANGES)
    own = analyzer.from_file(path).embedding
    assert copies["file"] == pytest.approx(own)
    for name, embedding in copies.items():
        assert float(embedding @ own) > 0.8, name
        assert name == "file" or not np.array_equal(embedding, own)


def test_mp3_takes_two_channels() -> None:
    samples = chord(44_100, 3.0, channels=2)
    changed = changes.through_mp3(samples, 44_100, 96_000)
    assert changed.shape[0] == 2
    assert changed.shape[1] == pytest.approx(samples.shape[1], rel=0.02)
    # The channels stay apart.
    left, right = (np.abs(np.fft.rfft(row[: 2 * 44_100])) for row in changed)
    assert (int(left.argmax()) / 2, int(right.argmax()) / 2) == (200.0, 250.0)


def test_ranks_of_copies_by_hand() -> None:
    embeddings = np.eye(4, dtype=np.float32)
    near_two = np.array([0.8, 0.6, 0, 0], np.float32)
    rows = find_again(
        {0: {"mp3": embeddings[0]}, 1: {"mp3": near_two}, 2: {"mp3": embeddings[3]}}, embeddings, 2
    )
    (row,) = rows
    assert (row.name, row.n_tracks) == ("mp3", 3)
    assert row.first.value == pytest.approx(1 / 3)
    # The third copy is far from all but the wrong one; its own ties with the other two.
    assert row.within_k.value == 1.0
    assert row.median_rank == 2
    assert row.mean_similarity == pytest.approx((1 + 0.6 + 0) / 3)
    assert (row.chance_first, row.chance_within_k) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Wilson's interval, from tables.
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 20, 0.0089, 0.2361)],
)
def test_interval_of_a_share(hits: int, n: int, low: float, high: float) -> None:
    interval = share_interval(hits, n)
    assert interval.value == hits / n
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share(hits: int, n: int) -> None:
    with pytest.raises(InvalidArgument, match="no share"):
        share_interval(hits, n)


# Errands


def double(path: str, load: object, number: int) -> int:
    """An call that fails as its number says."""
    if number == 13:
        raise UnsupportedAudio(path, "unlucky")
    if number == 99:
        import os

        os._exit(70)
    return 2 * number


def test_calls_come_back_in_order_past_errors_and_crashes(tmp_path: Path) -> None:
    for number in (1, 13, 99):
        (tmp_path / str(number)).touch()
    calls = [Call(tmp_path / str(i), "test_evaluate_parts:double", (i,)) for i in (1, 13, 99, 4)]
    told: list[int] = []
    taken: dict[int, Any] = {}
    results = run_calls(
        Setup("fakes:FakeAnalyzer", fake_model()),
        calls,
        jobs=1,
        result=taken.__setitem__,
        progress=told.append,
    )
    assert results[0] == 2
    assert results[1] == Refused(tmp_path / "13", "UnsupportedAudio", "unlucky")
    assert results[3] == Refused(tmp_path / "4", "UnreadableFile", "gone since the scan")
    assert isinstance(results[2], Refused)
    assert results[2].kind == "DecoderCrashed"
    assert told[-1] == 4
    assert taken == dict(enumerate(results))
    with pytest.raises(InvalidArgument, match="jobs must be at least 1"):
        run_calls(Setup("fakes:FakeAnalyzer", fake_model()), calls, jobs=0)


def test_an_empty_library_says_what_to_do(tmp_path: Path) -> None:
    with (
        soundalike.Library(tmp_path / "library.db") as library,
        pytest.raises(LibraryError, match=r"no track is analysed.*soundalike scan FOLDER"),
    ):
        soundalike.evaluate_library(library)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"baseline_tracks": -1}, "baseline_tracks is -1"),
        ({"robustness_tracks": -2}, "robustness_tracks is -2"),
    ],
)
def test_bad_arguments_are_named(arguments, message: str, tmp_path: Path) -> None:
    with (
        soundalike.Library(tmp_path / "library.db") as library,
        pytest.raises(InvalidArgument, match=message),
    ):
        soundalike.evaluate_library(library, **arguments)
