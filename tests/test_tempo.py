"""Tempo: known answers, and sounds that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.descriptors.tempo import (
    BPM_GRID,
    CALIBRATION,
    N_FEATURES,
    TempoCalibration,
    estimate_tempo,
    tempo_features,
)
from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.onset import FRAME_RATE, N_BANDS
from soundalike.research.tempo import fit_calibration, hits
from tests.rhythms import RATE, clicks, groove, onset_of


@pytest.mark.parametrize("bpm", [70, 84, 97, 110, 120, 133, 150])
def test_the_tempo_of_a_click_track(bpm: int) -> None:
    found = estimate_tempo(onset_of(clicks(bpm, 20)))
    assert found is not None
    assert found.bpm == pytest.approx(bpm, rel=0.01)
    assert not found.unsure


@pytest.mark.parametrize("bpm", [48, 190, 210])
def test_an_unusual_tempo_is_found_or_its_octave_with_it_beside(bpm: int) -> None:
    found = estimate_tempo(onset_of(clicks(bpm, 20)))
    assert found is not None
    tempi = [found.bpm, *found.alternatives]
    assert min(abs(tempo / bpm - 1) for tempo in tempi) < 0.02
    assert sum(found.alternative_weights) <= 1


@pytest.mark.parametrize("bpm", [92.0, 126.0])
def test_the_tempo_of_a_groove(bpm: float) -> None:
    found = estimate_tempo(onset_of(groove("even", 0, bpm, 20)))
    assert found is not None
    assert hits([found.bpm], [bpm])[1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_sure_tempo(seed: int) -> None:
    found = estimate_tempo(onset_of(np.random.default_rng(seed).normal(size=20 * RATE)))
    assert found is not None
    assert found.unsure
    assert found.confidence < 0.3


def test_a_held_tone_has_no_sure_tempo() -> None:
    found = estimate_tempo(onset_of(np.sin(2 * np.pi * 220 * np.arange(20 * RATE) / RATE)))
    assert found is None or found.confidence < 0.3


def test_silence_and_what_is_short_have_no_tempo() -> None:
    assert estimate_tempo(np.zeros((N_BANDS, 2_000), np.float32)) is None
    assert estimate_tempo(onset_of(clicks(120, 5))) is None


def test_a_pause_makes_no_difference() -> None:
    music = clicks(104, 24)
    pause = np.zeros(30 * RATE)
    found = estimate_tempo(onset_of(np.concatenate([music, pause])))
    assert found is not None
    assert found.bpm == pytest.approx(104, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_frames=st.integers(1, 3_000),
    scale=st.sampled_from([0.0, 1e-6, 1.0, 1e3]),
)
def test_any_onsets_are_answered_within_bounds(seed: int, n_frames: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    onset = (scale * rng.exponential(size=(N_BANDS, n_frames))).astype(np.float32)
    found = estimate_tempo(onset)
    if found is None:
        assert scale == 0 or n_frames < 6 * FRAME_RATE
        return
    assert 39 < found.bpm < 255
    assert 0 <= found.confidence <= 1
    assert len(found.alternatives) == len(found.alternative_weights) <= 3
    assert list(found.alternative_weights) == sorted(found.alternative_weights, reverse=True)
    assert all(abs(np.log(other / found.bpm)) > 0.04 for other in found.alternatives)


def test_the_calibration_says_what_abstains() -> None:
    onset = onset_of(clicks(120, 12))
    strict = TempoCalibration(CALIBRATION.weights, (-9.0, 0.0, 0.0))
    found = estimate_tempo(onset, strict)
    assert found is not None
    assert found.unsure
    assert found.confidence < 0.001


def test_a_calibration_of_other_sizes_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="not 3 and 3"):
        TempoCalibration((1.0, 2.0, 3.0), (0.0, 1.0, 1.0))


def test_hits_take_octaves_apart() -> None:
    right = hits([120, 124, 126, 60, 40, 240, 360, 80], [120.0] * 8)
    assert right[0].tolist() == [True, True, False, False, False, False, False, False]
    assert right[1].tolist() == [True, True, False, True, True, True, True, False]


def test_fitting_finds_the_tempo_of_tracks_it_was_not_fitted_to() -> None:
    rng = np.random.default_rng(3)
    tempi = rng.uniform(70, 150, 24)
    onsets = [onset_of(clicks(bpm, 12)) for bpm in tempi]
    features = [tempo_features(onset) for onset in onsets]
    known = [each for each in features if each is not None]
    assert known[0].shape[1:] == (BPM_GRID.size, N_FEATURES)
    calibration = fit_calibration(known[:20], tempi[:20].tolist())
    found = [estimate_tempo(onset, calibration) for onset in onsets[20:]]
    assert hits([each.bpm if each else 1.0 for each in found], tempi[20:])[0].all()
    with pytest.raises(DataError, match="at least 20"):
        fit_calibration(known[:5], tempi[:5].tolist())


def test_windows_of_a_long_track_tell_what_they_tell_alone() -> None:
    onset = np.random.default_rng(3).exponential(size=(12, 40_000)).astype(np.float32)
    of_all, of_some = tempo_features(onset), tempo_features(onset[:, :8_000])
    assert of_all is not None
    assert of_some is not None
    assert len(of_all) > 64 > len(of_some)
    np.testing.assert_allclose(of_all[: len(of_some)], of_some, atol=1e-5)
