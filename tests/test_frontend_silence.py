"""What is silent is told by its level, not by one sample; and what no waveform is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_audio

from soundalike import Analyzer, load_audio, log_mel
from soundalike.errors import InvalidArgument, SilentAudio
from soundalike.frontends.log_mel import LogMelStream
from soundalike.frontends.musicnn import PatchStream
from soundalike.frontends.silence import SoundFinder

RATE = 22_050


def dither(duration_s: float, rms: float) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal(round(duration_s * RATE))
    return (rms * noise / noise.std()).astype(np.float32)


def with_click(samples: np.ndarray, peak: float) -> np.ndarray:
    samples[samples.size // 3] = peak
    return samples


def with_music(samples: np.ndarray, start_s: float, duration_s: float, gain: float) -> np.ndarray:
    start = round(start_s * RATE)
    samples[start : start + round(duration_s * RATE)] += gain * chord(RATE, duration_s)
    return samples


@pytest.mark.parametrize(
    ("samples", "is_silent"),
    [
        (np.zeros(5 * RATE, np.float32), True),
        (np.full(5 * RATE, 0.5, np.float32), True),
        (dither(10, 3e-5), True),  # its peak is above -80 dBFS
        (dither(10, 8e-5), True),
        (dither(10, 2e-4), False),
        (with_click(dither(10, 3e-5), 1.0), True),
        (with_music(dither(60, 3e-5), 40, 2, 0.01), False),
        (with_music(dither(60, 3e-5), 59.4, 0.6, 0.01), False),
        (with_music(dither(60, 3e-5), 20, 2, 1e-4), True),
        (chord(RATE, 0.5) * np.float32(0.01), False),
        (dither(0.5, 3e-5), True),
        (0.5 + dither(5, 3e-5), True),
    ],
)
def test_a_second_of_sound_is_music(samples: np.ndarray, is_silent: bool) -> None:
    for stream in (LogMelStream(RATE), PatchStream(RATE), SoundFinder(RATE)):
        for block in np.array_split(samples, 7):
            stream.push(block)
        assert stream.is_silent == is_silent


def test_a_file_of_dither_is_silent(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "silence.flac", dither(10, 3e-5), RATE, "flac-24")
    assert np.abs(load_audio(path).samples).max() > 1e-4
    with pytest.raises(SilentAudio, match="never reach -80 dBFS"):
        Analyzer().from_file(path)
    with pytest.raises(InvalidArgument, match="silent"):
        Analyzer().from_waveform(dither(10, 3e-5), RATE)


def test_what_becomes_an_array_is_analysed() -> None:
    analyzer, samples = Analyzer(), chord(RATE, 2.0)
    expected = analyzer.from_waveform(samples, RATE).probabilities
    for same in (samples.tolist(), samples.astype(np.float64), samples * 2**15 // 1):
        found = analyzer.from_waveform(same, RATE).probabilities
        np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_array_equal(log_mel(samples.tolist(), RATE), log_mel(samples, RATE))
    spectrogram = log_mel(samples, RATE)
    np.testing.assert_allclose(
        analyzer.from_log_mel(spectrogram.tolist()).probabilities, expected, atol=1e-6
    )


BAD_WAVEFORMS = [
    (["a"] * RATE, "real numbers"),
    ([[0.1], [0.1, 0.2]], "array of numbers"),
    ("music", "real numbers"),
    (None, "real numbers"),
    (0.5, r"not \(\)"),
    ([], r"not \(0,\)"),
    (np.zeros((2, RATE)), r"not \(2, 22050\)"),
    (np.full(RATE, np.nan), "NaN"),
    (np.full(RATE, 1e300), "absurd"),
    (np.full(RATE, 1j), "complex"),
    (np.full(RATE, True), "bool"),
]


@pytest.mark.parametrize(("waveform", "named"), BAD_WAVEFORMS)
def test_what_is_no_waveform_is_said(waveform: object, named: str) -> None:
    for call in (Analyzer().from_waveform, log_mel):
        with pytest.raises(InvalidArgument, match=named):
            call(waveform, RATE)  # type: ignore[operator]


@pytest.mark.parametrize("rate", [0, -1, 44100.5, "44100", float("nan"), True, None])
def test_what_is_no_sample_rate_is_named(rate: object) -> None:
    calls: list[Callable[..., object]] = [Analyzer().from_waveform, log_mel]
    for call in calls:
        with pytest.raises(InvalidArgument, match=f"sample_rate .* not {rate!r}"):
            call([0.1] * RATE, rate)
    for stream in (LogMelStream, PatchStream):
        with pytest.raises(InvalidArgument, match=f"not {rate!r}"):
            stream(rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [["a"], "x", None, np.zeros((3, 4)), np.full((128, 9), np.nan)])
def test_what_is_no_spectrogram_is_said(value: object) -> None:
    with pytest.raises(InvalidArgument, match="log_mel"):
        Analyzer().from_log_mel(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["x", [1], True, "1.5"])
@pytest.mark.parametrize("name", ["start_s", "end_s"])
def test_times_that_are_no_numbers(tmp_path: Path, name: str, value: object) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 1.0), RATE, "wav")
    with pytest.raises(InvalidArgument, match=f"{name} must be a number"):
        load_audio(path, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=f"{name} must be a number"):
        Analyzer().from_file(path, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_clicks", "is_silent"), [(1, True), (10, True), (11, False)])
def test_a_click_is_no_sound_but_a_metronome_is(n_clicks: int, is_silent: bool) -> None:
    rate = 22_050
    finder = SoundFinder(rate)
    waveform = np.zeros(20 * rate, np.float32)
    waveform[np.arange(n_clicks) * rate + 100] = 0.9
    finder.push(waveform)
    assert finder.is_silent is is_silent
