"""The harmony descriptor: the same in every key, another for other chords."""

from __future__ import annotations

import numpy as np
import pytest
from chords import MAJOR, MINOR, chroma_of, play, triad
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soundalike.descriptors.harmony import HARMONY_SIZE, harmony_values
from soundalike.frontends.chroma import N_BINS

N_FRAMES = 40
PROGRESSIONS = {
    "I V vi IV": [(0, MAJOR), (7, MAJOR), (9, MINOR), (5, MAJOR)],
    "i bVII bVI V": [(0, MINOR), (10, MAJOR), (8, MAJOR), (7, MAJOR)],
    "i iv": [(0, MINOR), (5, MINOR)],
    "I bII": [(0, MAJOR), (1, MAJOR)],
    "I III": [(0, MAJOR), (4, MAJOR)],
    "I": [(0, MAJOR)],
    "i": [(0, MINOR)],
    "augmented": [(0, (0, 4, 8)), (2, (0, 4, 8))],
}


def values_of(name: str, *, key: int = 0, **sound: float) -> np.ndarray:
    chords = [triad(root, tones, key=key) for root, tones in PROGRESSIONS[name]]
    chroma = chroma_of(play(chords, **sound))
    return harmony_values(chroma[None, :, :N_FRAMES])[0]


def nearest(query: np.ndarray, others: dict[str, np.ndarray]) -> str:
    centre = np.mean(list(others.values()), axis=0)
    names = list(others)
    rows = np.stack([others[name] for name in names]) - centre
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return names[int((rows @ (query - centre)).argmax())]


def test_their_number() -> None:
    values = harmony_values(np.ones((3, N_BINS, N_FRAMES), np.float32))
    assert values.shape == (3, HARMONY_SIZE)
    assert values.dtype == np.float32


@given(
    chroma=arrays.arrays(np.float32, (2, N_BINS, N_FRAMES), elements=st.floats(0, 50, width=32)),
    semitones=st.integers(1, 11),
)
@settings(max_examples=30, deadline=None)
def test_a_turn_of_the_pitch_classes_changes_nothing(chroma: np.ndarray, semitones: int) -> None:
    turned = np.roll(chroma.reshape(2, 2, 12, N_FRAMES), semitones, axis=2)
    values = harmony_values(chroma)
    np.testing.assert_allclose(harmony_values(turned.reshape(chroma.shape)), values, atol=2e-4)
    assert np.isfinite(values).all()


def test_each_excerpt_stands_for_itself() -> None:
    chroma = np.random.default_rng(0).random((4, N_BINS, N_FRAMES), np.float32)
    one_by_one = np.concatenate([harmony_values(each[None]) for each in chroma])
    np.testing.assert_allclose(harmony_values(chroma), one_by_one, atol=1e-6)


def test_silence_has_a_harmony_of_no_chord() -> None:
    values = harmony_values(np.zeros((1, N_BINS, N_FRAMES), np.float32))
    assert np.isfinite(values).all()
    assert np.ptp(values[0, :180]) < 1e-6


@pytest.mark.parametrize("key", range(1, 12))
def test_the_progression_is_found_in_every_key(key: int) -> None:
    plain = {name: values_of(name) for name in PROGRESSIONS}
    assert [nearest(values_of(name, key=key), plain) for name in PROGRESSIONS] == [*PROGRESSIONS]


@pytest.mark.parametrize(
    "sound",
    [
        {"brightness": 0.4},
        {"brightness": 3.0, "n_harmonics": 10},
        {"chord_s": 1.2},
        {"chord_s": 2.5},
        {"tuning_hz": 415.0},
        {"tuning_hz": 453.0},
    ],
    ids=str,
)
def test_the_progression_is_found_whatever_plays_it(sound: dict[str, float]) -> None:
    plain = {name: values_of(name) for name in PROGRESSIONS}
    found = [nearest(values_of(name, key=5, **sound), plain) for name in PROGRESSIONS]
    assert found == [*PROGRESSIONS]


def test_a_progression_is_another_one_backwards() -> None:
    forwards = [(0, MAJOR), (2, MAJOR), (7, MINOR)]
    changed = []
    for chords in (forwards, forwards[::-1]):
        chroma = chroma_of(play([triad(*chord) for chord in chords], chord_s=1.0))
        changed.append(harmony_values(chroma[None, :, :N_FRAMES])[0])
    assert np.abs(changed[0][180:] - changed[1][180:]).max() > 0.1
