"""The frontend against librosa, against itself at other rates, and on known signals."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import (
    banded,
    mel_filterbank,
    mel_frequencies,
    mel_power,
    mel_spectrogram,
    power_spectrogram,
    power_to_db,
    real_spectrum,
)
from soundalike.frontends.log_mel import (
    EXCERPT_FRAMES,
    FRAME_S,
    HOP_LENGTH,
    N_MELS,
    SAMPLE_RATE,
    LogMelStream,
    excerpts,
    log_mel,
)

RATES = [16_000, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]


def harmonics(sample_rate: int, duration_s: float = 6.0) -> np.ndarray:
    """Three notes with overtones below 5 kHz, each with an attack and a decay: float32."""
    time_s = np.arange(int(duration_s * sample_rate)) / sample_rate
    waveform = np.zeros_like(time_s)
    for onset_s, pitch_hz in [(0.0, 220.0), (1.7, 329.6), (3.1, 587.3)]:
        since_s = np.maximum(time_s - onset_s, 0.0)
        envelope = (time_s > onset_s) * np.minimum(since_s / 0.05, 1.0) * np.exp(-since_s / 1.5)
        for overtone in range(1, 9):
            waveform += envelope * np.sin(2 * np.pi * pitch_hz * overtone * since_s) / overtone
    return (waveform / np.abs(waveform).max()).astype(np.float32)


def noise(sample_rate: int, duration_s: int = 6) -> np.ndarray:
    """One and the same pink noise up to 10 kHz with a slow swell, at any rate: float32.

    Made from its spectrum, so that the samples at two rates belong to the same sound.
    """
    draw = np.random.default_rng(7)
    n_partials = 10_000 * duration_s
    spectrum = np.zeros(sample_rate * duration_s // 2 + 1, np.complex128)
    partials = draw.standard_normal(n_partials) + 1j * draw.standard_normal(n_partials)
    partials /= np.sqrt(np.arange(1, n_partials + 1))
    top = min(n_partials, spectrum.size - 2)
    spectrum[1 : top + 1] = partials[:top]
    waveform = np.fft.irfft(spectrum * spectrum.size)
    time_s = np.arange(waveform.size) / sample_rate
    waveform *= 1.1 + np.sin(2 * np.pi * 1.5 * time_s)
    return (waveform / np.abs(waveform).max()).astype(np.float32)


def test_the_filterbank_is_librosas() -> None:
    for sample_rate, n_fft in [(22_050, 2048), (44_100, 4096), (48_000, 4455)]:
        expected = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=128, fmax=11_025)
        np.testing.assert_allclose(mel_filterbank(sample_rate, n_fft), expected, atol=1e-7)


@pytest.mark.parametrize("sample_rate", [4_000, 8_000, 22_050, 44_100, 192_000])
@pytest.mark.parametrize("n_mels", [1, 12, 96, 128])
def test_a_filterbank_in_parts_gives_what_the_whole_one_gives(
    sample_rate: int, n_mels: int
) -> None:
    filterbank = mel_filterbank(sample_rate, 1024, n_mels)
    power = np.random.default_rng(0).random((5, 513), dtype=np.float32)
    # At 4 kHz the highest bands are empty: a part without any bin.
    np.testing.assert_allclose(mel_power(power, banded(filterbank)), power @ filterbank.T, 1e-5)


@given(st.integers(1, 300), st.integers(1, 600))
def test_the_spectrum_in_single_precision_is_that_in_double(n: int, n_fft: int) -> None:
    signal = np.random.default_rng(n).standard_normal((2, n)).astype(np.float32)
    expected = np.fft.rfft(signal.astype(np.float64), n_fft)
    found = real_spectrum(signal, n_fft)
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_array_equal(real_spectrum(signal.T, n_fft, axis=0), found.T)


def test_a_tone_is_heard_under_one_a_hundred_decibels_louder() -> None:
    time_s = np.arange(22_050) / 22_050
    spacing_hz = 22_050 / 2048
    loud, soft = (np.sin(2 * np.pi * spacing_hz * bin * time_s) for bin in (100, 400))
    power = power_spectrogram((loud + 1e-5 * soft).astype(np.float32), 22_050)[:, 10]
    assert 10 * np.log10(power[400] / power[100]) == pytest.approx(-100, abs=0.2)


@pytest.mark.filterwarnings("ignore")  # librosa's own, of its dependencies
def test_the_mel_spectrogram_is_librosas_within_a_tenth_of_a_decibel() -> None:
    waveform = harmonics(22_050) + 0.01 * np.random.default_rng(0).standard_normal(
        6 * 22_050
    ).astype(np.float32)
    expected = librosa.power_to_db(
        librosa.feature.melspectrogram(y=waveform, sr=22_050, n_fft=2048, hop_length=512),
        ref=np.max,
    )
    found = power_to_db(mel_spectrogram(waveform, 22_050))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 0.1


@pytest.mark.filterwarnings("ignore")
def test_log_mel_is_librosas_at_the_same_positions() -> None:
    waveform = noise(22_050)
    # librosa without centring begins its first frame at 0; ours begins 1024 before half a hop.
    shifted = np.pad(waveform, (1024 - HOP_LENGTH // 2, 2048))
    expected = librosa.feature.melspectrogram(
        y=shifted, sr=22_050, n_fft=2048, hop_length=HOP_LENGTH, center=False
    )
    found = log_mel(waveform, 22_050)
    expected_db = librosa.power_to_db(expected[:, : found.shape[1]], ref=np.max)
    assert np.abs(found - expected_db).max() < 0.1


@pytest.mark.parametrize("sample_rate", RATES)
def test_other_rates_give_the_same_frames_without_resampling(sample_rate: int) -> None:
    expected = log_mel(noise(SAMPLE_RATE), SAMPLE_RATE)
    found = log_mel(noise(sample_rate), sample_rate)
    assert found.shape == expected.shape
    edges_hz = mel_frequencies(N_MELS, SAMPLE_RATE / 2)
    shared = edges_hz[2:] < min(sample_rate / 2, 10_000) - 100
    rms_db = np.sqrt(np.mean((found - expected)[shared] ** 2))
    assert rms_db < 0.2


def test_twice_the_rate_gives_the_same_frames_even_between_pure_tones() -> None:
    expected = log_mel(harmonics(SAMPLE_RATE), SAMPLE_RATE)
    assert np.abs(log_mel(harmonics(44_100), 44_100) - expected).max() < 0.2


def test_a_sine_lies_in_its_band_at_its_level() -> None:
    bin_hz = 22_050 / 2048
    frequency_hz = 100 * bin_hz
    time_s = np.arange(22_050 * 2) / 22_050
    power = power_spectrogram(0.5 * np.sin(2 * np.pi * frequency_hz * time_s), 22_050)
    middle = power[:, power.shape[1] // 2]
    assert middle.argmax() == 100
    # A sine of amplitude A has the power (A / 2)^2 in its bin.
    assert middle[100] == pytest.approx(0.0625, rel=1e-3)
    decibels = log_mel(np.sin(2 * np.pi * 1000 * time_s), 22_050)
    band = int(decibels[:, 10].argmax())
    edges_hz = mel_frequencies(N_MELS, SAMPLE_RATE / 2)
    assert edges_hz[band] < 1000 < edges_hz[band + 2]
    assert decibels.max() == pytest.approx(0, abs=1e-4)
    assert decibels.min() == pytest.approx(-80, abs=1e-4)


def test_a_click_lies_in_the_frames_around_it() -> None:
    waveform = np.zeros(22_050 * 5, np.float32)
    waveform[int(2.5 * 22_050)] = 1.0
    loud = np.flatnonzero(log_mel(waveform, 22_050).max(axis=0) > -20)
    centers_s = (loud + 0.5) * FRAME_S
    assert loud.size > 0
    assert np.abs(centers_s - 2.5).max() <= 1024 / 22_050


def test_frames_do_not_drift_over_an_hour() -> None:
    sample_rate = 11_025 + 7  # the hop is no whole number of samples
    waveform = np.zeros(3600 * sample_rate, np.float32)
    waveform[[sample_rate, 3599 * sample_rate]] = 1.0
    peaks = log_mel(waveform, sample_rate).max(axis=0)
    loud_s = (np.flatnonzero(peaks > -30) + 0.5) * FRAME_S
    assert np.abs(loud_s[0] - 1.0) < 0.06
    assert np.abs(loud_s[-1] - 3599.0) < 0.06


@settings(max_examples=30)
@given(
    cuts=st.lists(st.integers(1, 60_000), max_size=8),
    n_samples=st.integers(1, 70_000),
    sample_rate=st.sampled_from([8_000, 22_050, 44_100, 48_000]),
)
def test_blocks_of_any_length_give_what_the_whole_gives(
    cuts: list[int], n_samples: int, sample_rate: int
) -> None:
    waveform = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    stream = LogMelStream(sample_rate)
    for block in np.split(waveform, sorted(cut for cut in cuts if cut < n_samples)):
        stream.push(block)
    whole = log_mel(waveform, sample_rate)
    assert whole.shape == (128, max(1, int(n_samples * SAMPLE_RATE / sample_rate / HOP_LENGTH)))
    np.testing.assert_allclose(stream.finish(), whole, atol=1e-3)


@settings(max_examples=20)
@given(gain=st.floats(1e-3, 1e3))
def test_loudness_drops_out(gain: float) -> None:
    waveform = harmonics(22_050, 1.0)
    np.testing.assert_allclose(
        log_mel(waveform * np.float32(gain), 22_050), log_mel(waveform, 22_050), atol=1e-2
    )


def test_excerpts_cover_the_track_and_end_with_it() -> None:
    frames = np.arange(300, dtype=np.float32)[None, :].repeat(128, axis=0) / 300 - 1
    cut = excerpts(frames)
    assert cut.frames.shape == (3, 128, EXCERPT_FRAMES)
    np.testing.assert_allclose(cut.starts_s / FRAME_S, [0, 128, 172])
    np.testing.assert_array_equal(cut.frames[-1], frames[:, -128:])


@pytest.mark.parametrize(("n_frames", "count"), [(384, 3), (387, 3), (400, 3), (401, 4), (128, 1)])
def test_a_short_rest_gets_no_excerpt(n_frames: int, count: int) -> None:
    assert len(excerpts(np.zeros((128, n_frames))).frames) == count


def test_a_short_track_is_repeated() -> None:
    frames = np.random.default_rng(0).random((128, 50)).astype(np.float32) - 1
    cut = excerpts(frames)
    assert cut.frames.shape == (1, 128, 128)
    np.testing.assert_array_equal(cut.frames[0][:, 50:100], frames)
    np.testing.assert_array_equal(cut.frames[0][:, 100:], frames[:, :28])


def test_pauses_are_left_out() -> None:
    frames = np.full((128, 384), -80.0, np.float32)
    frames[40, :128] = 0.0
    frames[40, 256:] = -10.0
    cut = excerpts(frames)
    np.testing.assert_allclose(cut.starts_s / FRAME_S, [0, 256])


def test_power_to_db_knows_its_reference_and_its_range() -> None:
    power = np.array([1e-12, 0.01, 1.0], np.float32)
    np.testing.assert_allclose(power_to_db(power), [-80, -20, 0], atol=1e-4)
    np.testing.assert_allclose(power_to_db(power, reference=0.1), [-70, -10, 10], atol=1e-4)
    np.testing.assert_allclose(power_to_db(power, top_db=None), [-120, -20, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: log_mel(np.zeros((2, 100)), 22_050), r"\(2, 100\)"),
        (lambda: log_mel(np.zeros(0), 22_050), r"\(0,\)"),
        (lambda: log_mel(np.zeros(100), 0), "not 0"),
        (lambda: power_to_db(np.ones(3), top_db=-5), "-5"),
        (lambda: power_to_db(np.ones(3), reference=0), "not 0"),
        (lambda: mel_filterbank(22_050, 2048, 0), "not 0"),
        (lambda: power_spectrogram(np.ones(10), 22_050, 1), "not 1"),
        (lambda: excerpts(np.zeros((128, 0))), r"\(128, 0\)"),
        (lambda: LogMelStream(44_100).finish(), "no samples"),
    ],
)
def test_bad_arguments_are_named(call, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        call()
