"""Onset strength: what it is of known sounds, and what makes no difference to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.audio import Resampler
from soundalike.errors import InvalidArgument
from soundalike.frontends.decimate import Decimator
from soundalike.frontends.dsp import smooth_length
from soundalike.frontends.log_mel import EXCERPT_S
from soundalike.frontends.onset import FRAME_RATE, N_BANDS, OnsetStream
from tests.rhythms import RATE, band, clicks, onset_of

LOWEST = 10_000


def test_an_excerpt_is_a_whole_number_of_frames() -> None:
    assert pytest.approx(768) == EXCERPT_S * FRAME_RATE
    assert FRAME_RATE >= 40


def test_a_click_is_where_it_is() -> None:
    waveform = np.zeros(4 * RATE, np.float32)
    times = (0.5, 1.25, 3.0)
    for time_s in times:
        waveform[round(time_s * RATE)] = 1.0
    strength = onset_of(waveform).mean(axis=0)
    strongest = np.sort(np.argsort(-strength)[: 2 * len(times)]) / FRAME_RATE
    found = strongest[::2]
    np.testing.assert_allclose(found, times, atol=2 / FRAME_RATE)


def test_a_held_tone_has_no_onsets_but_its_first() -> None:
    waveform = np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    waveform[:RATE] = 0.0
    strength = onset_of(waveform).mean(axis=0)
    begin = round(FRAME_RATE)
    assert strength[begin - 5 : begin + 5].max() > 0.3
    assert strength[begin + 10 : -10].max() < 0.01


def test_silence_has_no_onsets() -> None:
    assert not onset_of(np.zeros(2 * RATE)).any()


def test_strokes_show_in_their_band() -> None:
    def at_strokes(low_hz: float, high_hz: float) -> np.ndarray:
        onset = onset_of(band(low_hz, high_hz))
        frames = np.rint(np.arange(0.2, 4, 0.5) * FRAME_RATE).astype(int)
        return np.stack([onset[:, frames + near] for near in range(4)]).max(axis=0).mean(axis=1)

    low, high = at_strokes(60, 200), at_strokes(3_000, 4_500)
    assert low[:2].min() > 2 * low[6:].max()
    assert high[9:11].min() > 2 * high[:4].max()


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 30_000), min_size=1, max_size=8).filter(any),
    rate=st.sampled_from([8_000.0, 11_025.0, 12_000.0, 18_900.5]),
)
def test_blocks_make_no_difference(sizes: list[int], rate: float) -> None:
    waveform = np.random.default_rng(0).normal(size=sum(sizes)).astype(np.float32)
    whole, stream = OnsetStream(rate), OnsetStream(rate)
    whole.push(waveform)
    for part in np.split(waveform, np.cumsum(sizes)[:-1]):
        stream.push(part)
    made = stream.finish()
    np.testing.assert_array_equal(made, whole.finish())
    assert made.dtype == np.float32
    assert made.shape == (N_BANDS, max(1, int(waveform.size / (rate / FRAME_RATE))))
    assert made.min() >= 0


@pytest.mark.parametrize("rate", [22_050, 32_000, 48_000])
def test_the_sample_rate_hardly_matters(rate: int) -> None:
    music = clicks(97, 5, 44_100, tones=True)
    first = onset_of(music, 44_100)
    resampler = Resampler(44_100, rate)
    parts = [resampler.push(music.astype(np.float32)), resampler.finish()]
    other = onset_of(np.concatenate(parts), rate)
    n_frames = min(first.shape[1], other.shape[1]) - 4
    for one, two in zip(first[:10, :n_frames], other[:10, :n_frames], strict=True):
        assert np.corrcoef(one, two)[0, 1] > 0.97


def test_loudness_and_an_equaliser_hardly_matter() -> None:
    music = clicks(110, 5, tones=True)
    first = onset_of(music)
    np.testing.assert_allclose(onset_of(music * 0.01), first, atol=1e-4)
    spectrum = np.fft.rfft(music)
    tilt_db = np.linspace(6.0, -6.0, spectrum.size)
    other = onset_of(np.fft.irfft(spectrum * 10 ** (tilt_db / 20), music.size))
    assert np.corrcoef(first.ravel(), other.ravel())[0, 1] > 0.98


def test_decimated_samples_need_no_whole_rate() -> None:
    decimator = Decimator(37_800, LOWEST)
    stream = OnsetStream(decimator.sample_rate / 1.7)
    stream.push(decimator.push(clicks(100, 4, 37_800)))
    assert np.isfinite(stream.finish()).all()


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(InvalidArgument, match="sample_rate"):
        OnsetStream(rate)


def test_nothing_has_no_onsets() -> None:
    with pytest.raises(InvalidArgument, match="no samples"):
        OnsetStream(11_025.0).finish()


def test_a_smooth_length_has_small_factors_and_is_near() -> None:
    assert smooth_length(4458, 0.0015) == 4455
    assert smooth_length(278.6, 0.03) == 280
    assert smooth_length(4457.2, 0.0) == 4457
