"""The rhythm descriptor: it knows patterns again, on other instruments and at other tempi."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.descriptors.rhythm import RHYTHM_SIZE, rhythm_values
from soundalike.frontends.onset import N_BANDS
from tests.rhythms import KITS, PATTERNS, groove, onset_of

EXCERPT_FRAMES = 768
Floats = np.ndarray


def values_of(pattern: str, kit: int, bpm: float) -> Floats:
    onset = onset_of(groove(pattern, kit, bpm))
    return rhythm_values(onset[None, :, :EXCERPT_FRAMES])[0]


@pytest.fixture(scope="module")
def described() -> dict[tuple[str, int, float], Floats]:
    """Standardised values of every pattern on every kit at two tempi."""
    names = list(itertools.product(PATTERNS, range(len(KITS)), (100.0, 117.0)))
    values = np.stack([values_of(*name) for name in names])
    values -= values.mean(axis=0)
    values /= values.std(axis=0) + 1e-6
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return dict(zip(names, values, strict=True))


def test_a_pattern_is_known_on_other_instruments(
    described: dict[tuple[str, int, float], Floats],
) -> None:
    for (pattern, kit, bpm), query in described.items():
        others = {
            name: float(query @ value)
            for name, value in described.items()
            if name[1] != kit and name[2] == bpm
        }
        assert max(others, key=lambda name: others[name])[0] == pattern


def test_a_pattern_is_known_at_another_tempo(
    described: dict[tuple[str, int, float], Floats],
) -> None:
    for (pattern, kit, bpm), query in described.items():
        others = {
            name: float(query @ value)
            for name, value in described.items()
            if name[1] == kit and name[2] != bpm
        }
        assert max(others, key=lambda name: others[name])[0] == pattern


def test_where_the_bar_begins_does_not_matter() -> None:
    onset = onset_of(groove("tresillo", 0, 100, 14))
    first, later = rhythm_values(np.stack([onset[:, :768], onset[:, 100:868]]))
    other = values_of("gallop", 0, 100)
    assert np.linalg.norm(first - later) < 0.5 * np.linalg.norm(first - other)


def test_each_excerpt_is_described_by_itself() -> None:
    rng = np.random.default_rng(0)
    excerpts = rng.exponential(size=(3, N_BANDS, EXCERPT_FRAMES)).astype(np.float32)
    together = rhythm_values(excerpts)
    for excerpt, values in zip(excerpts, together, strict=True):
        np.testing.assert_allclose(rhythm_values(excerpt[None])[0], values, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.0, 1e-8, 1.0, 1e4]),
    share=st.floats(0, 1),
)
def test_values_are_finite_whatever_the_onsets(seed: int, scale: float, share: float) -> None:
    rng = np.random.default_rng(seed)
    onset = scale * rng.exponential(size=(2, N_BANDS, EXCERPT_FRAMES))
    onset *= rng.random(onset.shape) < share
    values = rhythm_values(onset.astype(np.float32))
    assert values.shape == (2, RHYTHM_SIZE)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
