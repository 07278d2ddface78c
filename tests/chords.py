"""Chords as sound, of which the harmony is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundalike.frontends.chroma import ChromaStream
from soundalike.frontends.decimate import Decimator

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def play(
    chords: Sequence[Sequence[int]],
    *,
    chord_s: float = 2.0,
    duration_s: float = 10.0,
    sample_rate: int = 22_050,
    tuning_hz: float = 440.0,
    n_harmonics: int = 6,
    brightness: float = 1.0,
) -> np.ndarray:
    """Chords one after the other, again and again.

    Parameters
    ----------
    chords : MIDI numbers of each.
    brightness : harmonic k has the amplitude ``k ** -(1 / brightness)``.
    """
    n_chord = round(chord_s * sample_rate)
    time_s = np.arange(n_chord) / sample_rate
    played = []
    for chord in chords:
        sound = np.zeros(n_chord)
        for midi in chord:
            for harmonic in range(1, n_harmonics + 1):
                hz = harmonic * tuning_hz * 2 ** ((midi - 69) / 12)
                if hz < 0.45 * sample_rate:
                    sound += harmonic ** -(1 / brightness) * np.sin(2 * np.pi * hz * time_s + midi)
        played.append(0.05 * sound * np.exp(-time_s / chord_s))
    n_samples = round(duration_s * sample_rate)
    once = np.concatenate(played)
    return np.tile(once, -(-n_samples // once.size))[:n_samples].astype(np.float32)


def triad(root: int, tones: Sequence[int] = MAJOR, *, key: int = 0) -> list[int]:
    """A chord with its root in the bass; ``root`` and ``key`` in semitones above C."""
    root = (root + key) % 12
    return [36 + root, *(60 + (root + tone) % 12 for tone in tones)]


def cadence(key: int = 0, *, minor: bool = False) -> list[list[int]]:
    """I IV V I in a key, with a major V in minor as well."""
    own = MINOR if minor else MAJOR
    chords = [(0, own), (5, own), (7, MAJOR), (0, own)]
    return [triad(root, tones, key=key) for root, tones in chords]


def chroma_of(waveform: np.ndarray, sample_rate: int = 22_050) -> np.ndarray:
    """The chroma of a waveform at any rate."""
    decimator = Decimator(sample_rate, 5_000)
    stream = ChromaStream(decimator.sample_rate)
    stream.push(decimator.push(waveform.astype(np.float32)))
    stream.push(decimator.finish())
    return stream.finish()
