"""The harmony of an excerpt, whatever key it is in: which chords there are, and which follow which.

Each frame is compared with 60 chords: major, minor, diminished, augmented and suspended on each of
the twelve roots. Of the likeness of all chords in all frames, two things are counted, both summed
over the twelve transpositions, so that the key does not matter and need not be known:

* which chords an excerpt has, and how their roots lie to each other, whatever their order: the
  circular cross-correlation, over the roots, of the mean likenesses of every two kinds of chord;
* which major and minor chords follow which, one, two and four seconds later: the same of the
  likenesses in two frames so far apart.

How often a chord is struck does not matter, and how long it lasts little. The idea of invariance by
correlation over pitch classes is that of the two-dimensional Fourier transform of the chroma
(Bertin-Mahieux and Ellis, "Large-scale cover song recognition using the 2D Fourier transform
magnitude", ISMIR 2012), which hears rhythm as well.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.chroma import N_BINS
from soundalike.frontends.dsp import real_spectrum

__all__ = ["HARMONY_SIZE", "harmony_values"]

FloatArray = NDArray[np.float32]

# Semitones above the root. The first two are those whose changes are counted.
_CHORDS: Final = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8), (0, 5, 7))
_N_KINDS: Final = len(_CHORDS)
_N_CHANGING: Final = 2
_LAGS: Final = (4, 8, 16)  # frames, a quarter of a second each
HARMONY_SIZE: Final = 12 * (_N_KINDS * (_N_KINDS + 1) // 2 + len(_LAGS) * _N_CHANGING**2)

_SMOOTHING: Final = 1.5  # frames: a chord is more than the notes of a moment
_SHARPNESS: Final = 16.0  # of the softmax over the 60 chords
_FAINT: Final = 1e-3  # chroma
# Far under the share of a chord that is there; keeps the root of shares of nearly 0 steady.
_RARE: Final = 1e-5


def harmony_values(chroma_excerpts: FloatArray) -> FloatArray:
    """The raw harmony descriptor of each excerpt; a model's graph scales and projects it.

    Parameters
    ----------
    chroma_excerpts : float32 (n_excerpts, N_BINS, n_frames) of
        :class:`soundalike.frontends.chroma.ChromaStream`, more than 16 frames.

    Returns
    -------
    float32 (n_excerpts, HARMONY_SIZE). Finite whatever the chroma is; where nothing sounds, every
    chord is as likely as any other.
    """
    chords = real_spectrum(_chords(chroma_excerpts), 12, axis=2)
    n_excerpts, n_frames = len(chords), chords.shape[-1]
    means = chords.mean(axis=-1)
    pairs = [
        means[:, second] * means[:, first].conj()
        for first in range(_N_KINDS)
        for second in range(first, _N_KINDS)
    ]
    parts = [_over_roots(np.stack(pairs, axis=1))]
    for lag in _LAGS:
        later = chords[:, None, :_N_CHANGING, :, lag:]
        earlier = chords[:, :_N_CHANGING, None, :, : n_frames - lag]
        changes = _over_roots((later * earlier.conj()).mean(axis=-1))
        parts.append(np.sqrt(np.maximum(changes, 0.0) + np.float32(_RARE)))
    return np.concatenate([part.reshape(n_excerpts, -1) for part in parts], axis=1)


def _over_roots(spectrum: NDArray[np.complexfloating]) -> FloatArray:
    """Cross-correlation over the roots from its spectrum: (..., 7) to (..., 12), 0 to 1."""
    correlation: FloatArray = np.fft.irfft(spectrum, 12).astype(np.float32, copy=False)
    return correlation


def _chords(chroma_excerpts: FloatArray) -> FloatArray:
    """How likely each chord is: (n, N_BINS, n_frames) to (n, kinds, 12 roots, n_frames)."""
    n_excerpts, _, n_frames = chroma_excerpts.shape
    classes = chroma_excerpts.reshape(n_excerpts, N_BINS // 12, 12, n_frames).sum(axis=1)
    classes = classes @ _smoother(n_frames)
    classes /= np.sqrt(np.square(classes).sum(axis=1, keepdims=True)) + np.float32(_FAINT)
    cosines = _templates() @ classes
    cosines -= cosines.max(axis=1, keepdims=True)
    likeness = np.exp(_SHARPNESS * cosines)
    likeness /= likeness.sum(axis=1, keepdims=True)
    chords: FloatArray = likeness.reshape(n_excerpts, _N_KINDS, 12, n_frames)
    return chords


@cache
def _templates() -> FloatArray:
    """Pitch classes of every chord, of unit length: (kinds * 12 roots, 12)."""
    rows = np.zeros((_N_KINDS, 12, 12), np.float32)
    for kind, tones in enumerate(_CHORDS):
        for root in range(12):
            rows[kind, root, [(root + tone) % 12 for tone in tones]] = len(tones) ** -0.5
    return rows.reshape(-1, 12)


@cache
def _smoother(n_frames: int) -> FloatArray:
    """A Gaussian around each frame, cut off at the ends: (n_frames, n_frames)."""
    numbers = np.arange(n_frames)
    gaussian = np.exp(-0.5 * ((numbers[:, None] - numbers) / _SMOOTHING) ** 2)
    gaussian[gaussian < 1e-6] = 0.0
    smoother: FloatArray = (gaussian / gaussian.sum(axis=0)).astype(np.float32)
    return smoother
