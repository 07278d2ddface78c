"""Sound in columns, made of blocks of any length: the same as of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import mel_spectrogram, power_spectrogram, power_to_db
from soundalike.show.sound import envelope, fewer_columns, power

RATE = 22_050


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def in_blocks(samples: np.ndarray, n_cuts: int) -> Iterator[np.ndarray]:
    cuts = np.random.default_rng(n_cuts).integers(0, samples.shape[-1] + 1, n_cuts)
    return iter(np.split(samples, np.sort(cuts), axis=-1))


@pytest.mark.parametrize("n_samples", [1, 100, 2047, 2048, 30_000])
@pytest.mark.parametrize(
    ("n_fft", "hop"), [(2048, 512), (2205, 512), (256, 1000), (256, 5000), (2048, 2048)]
)
def test_a_spectrogram_of_blocks_is_that_of_the_whole(n_samples: int, n_fft: int, hop: int) -> None:
    samples = noise(n_samples)
    expected = power_spectrogram(samples, RATE, n_fft, hop)
    for sound in (samples, in_blocks(samples, 1), in_blocks(samples, 40)):
        found = power(sound, RATE, n_fft, hop, most_columns=100_000)
        assert (found.per_column, found.n_samples) == (1, n_samples)
        np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-9)


def test_mel_bands_of_blocks() -> None:
    samples = noise(30_000)
    expected = mel_spectrogram(samples, RATE, n_mels=40)
    found = power(in_blocks(samples, 5), RATE, 2048, 512, n_mels=40)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("most", "per_column"), [(10, 32), (64, 4), (100, 4), (150, 2)])
def test_too_many_columns_become_means(most: int, per_column: int) -> None:
    samples = noise(20_000)
    frames = power_spectrogram(samples, RATE, 256, 100)
    found = power(in_blocks(samples, 9), RATE, 256, 100, most_columns=most)
    assert found.per_column == per_column
    starts = range(0, frames.shape[1], per_column)
    expected = np.stack([frames[:, i : i + per_column].mean(axis=1) for i in starts], axis=1)
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)


@pytest.mark.parametrize("n_samples", [1, 7, 1000, 99_999])
@pytest.mark.parametrize("n_cuts", [0, 3, 30])
def test_an_envelope_of_blocks(n_samples: int, n_cuts: int) -> None:
    samples = noise(2, n_samples)
    found = envelope(in_blocks(samples, n_cuts), 480)
    assert found.n_samples == n_samples
    assert found.is_exact == (n_samples <= 480)
    assert len(found.edges) - 1 <= 480
    for i, (start, end) in enumerate(zip(found.edges[:-1], found.edges[1:], strict=True)):
        part = samples[:, start:end]
        np.testing.assert_array_equal(found.low[:, i], part.min(axis=1))
        np.testing.assert_array_equal(found.high[:, i], part.max(axis=1))
        rms = np.sqrt((part.astype(np.float64) ** 2).mean(axis=1))
        np.testing.assert_allclose(found.rms[:, i], rms, rtol=1e-6)


def test_fewer_columns_of_a_spectrogram_are_means_of_power() -> None:
    levels = np.array([[0.0, -10.0, -20.0, -20.0], [-80.0, -80.0, 0.0, 0.0]], np.float32)
    found = fewer_columns(levels, 2)
    expected = power_to_db(np.array([[0.55, 0.01], [1e-8, 1.0]]), reference=1.0)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert fewer_columns(levels, 4) is levels


def test_nothing_is_no_sound() -> None:
    for make in (lambda s: envelope(s, 100), lambda s: power(s, RATE, 2048, 512)):
        for nothing in (np.zeros(0), iter([]), iter([np.zeros(0)])):
            with pytest.raises(InvalidArgument, match="at least one sample"):
                make(nothing)
    with pytest.raises(InvalidArgument, match="average the channels first"):
        power(noise(2, 100), RATE, 2048, 512)
