"""The key: known answers, abstention, and how it is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from chords import MAJOR, cadence, chroma_of, play, triad

from soundalike.descriptors.key import (
    CALIBRATION,
    KeyCalibration,
    estimate_key,
    key_features,
    key_scores,
)
from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.chroma import N_BINS, PITCH_CLASSES
from soundalike.research.key import Example, fit_calibration, key_number, mirex_score


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_a_cadence_has_the_key_of_its_tonic(tonic: int, mode: str) -> None:
    chords = cadence(tonic, minor=mode == "minor")
    key = estimate_key(chroma_of(play(chords, chord_s=1.0, duration_s=12.0)))
    assert key is not None
    assert key.name == f"{PITCH_CLASSES[tonic]} {mode}"
    assert key.is_sure


def test_a_scale_has_its_key() -> None:
    up = [0, 2, 4, 5, 7, 9, 11, 12]
    notes = [[60 + step] for step in [*up, *up[::-1]]] + [triad(0, MAJOR)]
    key = estimate_key(chroma_of(play(notes, chord_s=0.5, duration_s=17.0)))
    assert key is not None
    assert key.name == "C major"


def test_another_tuning_keeps_the_key() -> None:
    key = estimate_key(chroma_of(play(cadence(7), tuning_hz=446.0)))
    assert key is not None
    assert key.name == "G major"


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_sure_key(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=20 * 22_050)
    key = estimate_key(chroma_of(0.1 * noise))
    assert key is not None
    assert not key.is_sure
    assert key.confidence < 0.3


def test_all_pitch_classes_in_turn_have_no_sure_key() -> None:
    notes = [[60 + step] for step in range(12)]
    key = estimate_key(chroma_of(play(notes, chord_s=0.5, duration_s=18.0)))
    assert key is not None
    assert not key.is_sure


def test_silence_has_no_key() -> None:
    assert estimate_key(np.zeros((N_BINS, 50), np.float32)) is None


def test_loudness_makes_no_difference() -> None:
    chroma = chroma_of(play(cadence(2)))
    once, louder = estimate_key(chroma), estimate_key(3 * chroma)
    assert once is not None
    assert louder is not None
    assert once.name == louder.name
    assert once.confidence == pytest.approx(louder.confidence)


def test_scores_turn_with_the_chroma() -> None:
    chroma = np.random.default_rng(0).random((N_BINS, 30), np.float32)
    turned = np.roll(chroma.reshape(2, 12, 30), 3, axis=1).reshape(N_BINS, 30)
    scores = key_scores(key_features(chroma), CALIBRATION).reshape(2, 12)
    moved = key_scores(key_features(turned), CALIBRATION).reshape(2, 12)
    np.testing.assert_allclose(moved, np.roll(scores, 3, axis=1))


def test_a_calibration_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="not 12, 24 and 3"):
        KeyCalibration((0.0,) * 12, (0.0,) * 24, 0.0, (0.0, 1.0, 0.0))


def test_the_score_of_an_estimate() -> None:
    a_minor = key_number("A minor")
    given = {"A minor": 1.0, "E minor": 0.5, "D minor": 0.5, "C major": 0.3, "A major": 0.2}
    for number in range(24):
        name = f"{PITCH_CLASSES[number % 12]} {('major', 'minor')[number // 12]}"
        assert key_number(name) == number
        assert mirex_score(number, a_minor) == given.get(name, 0.0)
    with pytest.raises(InvalidArgument, match="'H major' is no key"):
        key_number("H major")


def examples(n_tracks: int) -> list[Example]:
    """Chroma as the profiles expect it, with noise, more of it in some."""
    rng = np.random.default_rng(0)
    made = []
    for track in range(n_tracks):
        key = int(rng.integers(24))
        mode, tonic = divmod(key, 12)
        profile = np.reshape((CALIBRATION.major, CALIBRATION.minor)[mode], (2, 12))
        level = np.roll(profile, tonic, axis=1).ravel() + 4.0
        level += rng.choice((0.3, 5.0)) * rng.normal(size=N_BINS)
        chroma = np.maximum(level, 0.0).astype(np.float32)[:, None]
        made.append(Example(key_features(chroma), key, str(track)))
    return made


def test_what_is_fitted_finds_keys_and_knows_how_often() -> None:
    tracks = examples(60)
    calibration = fit_calibration(tracks)
    scores = [key_scores(each.features, calibration) for each in tracks]
    right = np.mean(
        [each.argmax() == track.key for each, track in zip(scores, tracks, strict=True)]
    )
    assert 0.6 < right < 1.0
    assert calibration.confidence[1] > 0.0
    assert fit_calibration(tracks) == calibration


def test_too_few_tracks_are_refused() -> None:
    with pytest.raises(DataError, match="3 tracks with a key: at least 20"):
        fit_calibration(examples(3))
