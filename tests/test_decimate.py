"""Decimation: what stays, what goes, and that blocks make no difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.frontends.decimate import Decimator


def decimated(waveform: np.ndarray, sample_rate: float, lowest: float) -> tuple[np.ndarray, float]:
    decimator = Decimator(sample_rate, lowest)
    made = [decimator.push(waveform.astype(np.float32)), decimator.finish()]
    return np.concatenate(made), decimator.sample_rate


@pytest.mark.parametrize(
    ("sample_rate", "rate"),
    [(44_100, 11_025), (48_000, 12_000), (22_050, 11_025), (96_000, 12_000), (8_000, 8_000)],
)
def test_the_rate_stays_above_the_lowest(sample_rate: int, rate: float) -> None:
    assert Decimator(sample_rate, 10_000).sample_rate == rate


def test_a_low_tone_keeps_amplitude_and_time() -> None:
    times = np.arange(44_100) / 44_100
    made, rate = decimated(np.sin(2 * np.pi * 1000 * times), 44_100, 10_000)
    # Sample i lies in the middle of the four samples that it stands for.
    at = ((np.arange(len(made)) + 0.5) * 4 - 0.5) / 44_100
    assert rate == 11_025
    inner = slice(10, 11_000)
    np.testing.assert_allclose(made[inner], np.sin(2 * np.pi * 1000 * at[inner]), atol=0.03)


@pytest.mark.parametrize("frequency", [9_000, 10_500])
def test_a_high_tone_folds_back_28_db_down(frequency: int) -> None:
    times = np.arange(44_100) / 44_100
    made, _ = decimated(np.sin(2 * np.pi * frequency * times), 44_100, 10_000)
    assert np.abs(made[10:-10]).max() < 10 ** (-28 / 20)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=8),
    lowest=st.sampled_from([5_000, 10_000]),
)
def test_blocks_make_no_difference(sizes: list[int], lowest: int) -> None:
    waveform = np.random.default_rng(0).normal(size=sum(sizes)).astype(np.float32)
    decimator = Decimator(44_100, lowest)
    parts = [decimator.push(part) for part in np.split(waveform, np.cumsum(sizes)[:-1])]
    whole, _ = decimated(waveform, 44_100, lowest)
    joined = np.concatenate([*parts, decimator.finish()])
    np.testing.assert_array_equal(joined[: len(whole)], whole[: len(joined)])
    assert len(joined) >= len(waveform) // decimator.factor


@pytest.mark.parametrize("factor", [2, 4, 8, 64])
@pytest.mark.parametrize("n_samples", [1, 300, 40_000])
def test_it_is_one_filter_after_the_other(factor: int, n_samples: int) -> None:
    half = np.array([-0.0456, 0.1183, 0.4273, 0.4273, 0.1183, -0.0456])
    waveform = np.random.default_rng(1).normal(size=n_samples)
    expected = np.concatenate([waveform, np.zeros(20 * factor)])
    for _ in range(factor.bit_length() - 1):
        # Zeros before the first sample of each.
        expected = np.correlate(np.concatenate([np.zeros(2), expected]), half)[::2]
    made, rate = decimated(waveform, 10_000.0 * factor, 10_000.0)
    assert rate == 10_000.0
    assert len(made) >= n_samples // factor
    np.testing.assert_allclose(made, expected[: len(made)], atol=2e-6)
