"""The models that ship, as the product runs them."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_audio
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import PEAK_CODE, needs_peaks

from soundalike.analysis import Analysis
from soundalike.analyzer import Analyzer
from soundalike.models import ModelInfo, builtin_models, find_model

RATE = 22_050


@pytest.fixture(scope="module", params=builtin_models(), ids=lambda model: model.id)
def analyzer(request: pytest.FixtureRequest) -> Analyzer:
    model = request.param
    assert isinstance(model, ModelInfo)
    return Analyzer(model)


def music(seed: int = 0) -> np.ndarray:
    """A chord that beats, over noise: 22 s."""
    generator = np.random.default_rng(seed)
    tone = chord(RATE, 22.0)
    beat = np.abs(np.sin(np.arange(len(tone)) * 2 * np.pi / RATE))
    noise = generator.normal(size=len(tone)) * 0.02
    return (0.4 * tone * beat + noise).astype(np.float32)


def test_the_default_ships() -> None:
    assert [model.id for model in builtin_models()] == ["soundalike@2"]
    assert find_model() == find_model("soundalike@2") == builtin_models()[0]


def test_an_analysis_is_what_it_says(analyzer: Analyzer) -> None:
    analysis = analyzer.from_waveform(music(), RATE)
    assert analysis.embedding.shape == (analyzer.model.embedding_dim,)
    assert np.linalg.norm(analysis.embedding) == pytest.approx(1.0, abs=1e-5)
    assert analysis.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert analysis.genre_set[0] == analysis.genre
    # Two whole excerpts and the rest.
    assert analysis.excerpt_starts_s == pytest.approx([0.0, 9.94, 22.0 - 9.94], abs=0.1)


@settings(max_examples=8)
@given(gain=st.floats(0.05, 1.9))
def test_loudness_does_not_matter(gain: float) -> None:
    # Both built-in models by turns would load them for every example.
    default, reference = _default()
    other = default.from_waveform(music() * np.float32(gain), RATE)
    assert other.embedding @ reference.embedding > 0.9999
    assert other.probabilities == pytest.approx(reference.probabilities, abs=1e-3)


def test_the_same_music_at_another_rate_is_nearly_the_same(analyzer: Analyzer) -> None:
    waveform = music()
    # Every sample twice is a hold, whose images lie above the old band: little of it is new.
    held = np.repeat(waveform, 2)
    smooth = np.convolve(held, np.ones(2, np.float32) / 2, mode="same").astype(np.float32)
    one, two = (
        analyzer.from_waveform(waveform, RATE),
        analyzer.from_waveform(smooth, 2 * RATE),
    )
    assert one.embedding @ two.embedding > 0.95


@functools.cache
def _default() -> tuple[Analyzer, Analysis]:
    """The default, and what it says of the music as it is."""
    default = Analyzer()
    return default, default.from_waveform(music(), RATE)


LONG = (
    PEAK_CODE
    + """
import sys
from soundalike import Analyzer
analyzer = Analyzer()
analyzer.from_file(sys.argv[1])
before = peak_bytes()
print(analyzer.from_file(sys.argv[2]).duration_s, peak_bytes() - before)
"""
)


@needs_peaks
@pytest.mark.slow
def test_an_hour_after_a_minute_takes_little_memory(tmp_path: Path) -> None:
    """What the shorter track has freed is used again: else this takes 0.4 GB more."""
    noise = np.random.default_rng(1).normal(size=(2, 60 * 44_100)) * 0.1
    short = write_audio(tmp_path / "minute.mp3", noise.astype(np.float32), 44_100, "mp3-cbr")
    hour = tmp_path / "hour.mp3"
    hour.write_bytes(short.read_bytes() * 60)
    result = subprocess.run(
        [sys.executable, "-c", LONG, str(short), str(hour)],
        capture_output=True,
        text=True,
        check=True,
    )
    duration_s, grown_bytes = map(float, result.stdout.split())
    assert duration_s > 3_600.0
    assert grown_bytes < 200e6
