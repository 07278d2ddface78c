"""Chroma: the right pitch classes, whatever the rate, the blocks, the tuning and the loudness."""

from __future__ import annotations

import numpy as np
import pytest
from chords import MAJOR, cadence, chroma_of, play, triad
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.frontends.chroma import FRAME_RATE, N_BINS, ChromaStream
from soundalike.frontends.log_mel import EXCERPT_S


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def test_an_excerpt_is_a_whole_number_of_frames() -> None:
    assert pytest.approx(40) == EXCERPT_S * FRAME_RATE
    assert chroma_of(play(cadence(), duration_s=2 * EXCERPT_S)).shape == (N_BINS, 80)


@pytest.mark.parametrize("root", range(12))
def test_the_strongest_pitch_classes_are_those_of_the_chord(root: int) -> None:
    chroma = chroma_of(play([triad(root)])).mean(axis=1)
    assert set(np.argsort(-chroma[:12])[:3]) == {(root + tone) % 12 for tone in MAJOR}
    assert chroma[12:].argmax() == root


def test_the_bass_is_kept_apart() -> None:
    chroma = chroma_of(play([[40, 72, 76, 79]], n_harmonics=2)).mean(axis=1)  # C major over E
    assert set(np.argsort(-chroma[:12])[:3]) == {0, 4, 7}
    assert chroma[12:].argmax() == 4
    assert chroma[12:].max() > 3 * np.delete(chroma[12:], 4).max()


@pytest.mark.parametrize("second", [0.5, 3.0, 7.7])
def test_a_frame_is_where_its_time_says(second: float) -> None:
    waveform = np.zeros(10 * 22_050, np.float32)
    start = round((second - 0.1) * 22_050)
    waveform[start : start + 4_410] = play([triad(0)], duration_s=0.2)
    loudest = int(chroma_of(waveform).sum(axis=0).argmax())
    assert abs((loudest + 0.5) / FRAME_RATE - second) < 0.75 / FRAME_RATE


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 32_000, 44_100, 48_000, 96_000])
def test_every_sample_rate_gives_the_same_chroma(sample_rate: int) -> None:
    reference = chroma_of(play(cadence()))
    chroma = chroma_of(play(cadence(), sample_rate=sample_rate), sample_rate)
    assert abs(chroma.shape[1] - reference.shape[1]) <= 1
    n = min(chroma.shape[1], reference.shape[1]) - 1  # the last frame may be half a frame longer
    assert cosine(chroma[:, :n], reference[:, :n]) > 0.99


@pytest.mark.parametrize("gain", [1e-3, 0.1, 10.0])
def test_loudness_makes_no_difference(gain: float) -> None:
    waveform = play(cadence())
    np.testing.assert_allclose(chroma_of(gain * waveform), chroma_of(waveform), atol=0.02)


@pytest.mark.parametrize(("tuning_hz", "semitones"), [(415.3, -1), (432.0, 0), (446.0, 0)])
def test_the_tuning_is_found(tuning_hz: float, semitones: int) -> None:
    reference = np.roll(chroma_of(play(cadence())).reshape(2, 12, -1), semitones, axis=1)
    chroma = chroma_of(play(cadence(), tuning_hz=tuning_hz)).reshape(2, 12, -1)
    assert cosine(chroma, reference) > 0.97


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=6))
def test_blocks_make_no_difference(sizes: list[int]) -> None:
    waveform = np.random.default_rng(0).normal(size=sum(sizes) + 100).astype(np.float32)
    whole, parts = ChromaStream(5512.5), ChromaStream(5512.5)
    whole.push(waveform)
    for part in np.split(waveform, np.cumsum(sizes)):
        parts.push(part)
    np.testing.assert_array_equal(parts.finish(), whole.finish())


def test_silence_and_pauses_are_nothing() -> None:
    assert not chroma_of(np.zeros(44_100)).any()
    music = play(cadence())
    hiss = 1e-6 * np.random.default_rng(0).normal(size=music.size)
    chroma = chroma_of(np.concatenate([music, hiss]))
    assert not chroma[:, 43:].any()


@pytest.mark.parametrize("n_samples", [1, 100, 2_000])
def test_the_shortest_sounds_have_a_frame(n_samples: int) -> None:
    stream = ChromaStream(6_000.0)
    stream.push(np.ones(n_samples, np.float32))
    chroma = stream.finish()
    assert chroma.shape[1] == max(1, int(n_samples / (6_000 / FRAME_RATE)))
    assert np.isfinite(chroma).all()


@pytest.mark.parametrize("sample_rate", [100.0, 1_000.0])
def test_low_rates_have_only_low_pitches(sample_rate: float) -> None:
    stream = ChromaStream(sample_rate)
    stream.push(np.random.default_rng(0).normal(size=5_000).astype(np.float32))
    assert np.isfinite(stream.finish()).all()


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(InvalidArgument, match="above 0 Hz, not -1"):
        ChromaStream(-1)
    with pytest.raises(InvalidArgument, match="no samples"):
        ChromaStream(5512.5).finish()
