"""The plain baseline: statistics of MFCCs, which need no learning and know only the timbre."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.decoded import spectrogram_of_file

__all__ = [
    "MFCC_VERSION",
    "N_MFCC",
    "cosines",
    "mfcc",
    "mfcc_of_file",
    "mfcc_statistics",
    "standardised",
]

N_MFCC = 20
MFCC_VERSION = 1
"""To be raised with every change of the statistics, so that what was kept is made anew."""


def cosines(n_mels: int, n_mfcc: int = N_MFCC) -> NDArray[np.float32]:
    """The orthonormal DCT-II as a matrix, float32 (n_mfcc, n_mels).

    Row q: ``s_q cos(pi q (m + 1/2) / M)``, ``s_0 = sqrt(1 / M)``, else ``sqrt(2 / M)``.
    """
    angles = np.pi * np.outer(np.arange(n_mfcc), np.arange(n_mels) + 0.5) / n_mels
    basis = np.cos(angles) * np.sqrt(2.0 / n_mels)
    basis[0] /= np.sqrt(2.0)
    matrix: NDArray[np.float32] = basis.astype(np.float32)
    return matrix


def mfcc(log_mel_db: NDArray[np.floating], n_mfcc: int = N_MFCC) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients (Davis and Mermelstein 1980).

    The orthonormal DCT-II (:func:`cosines`) over the mel bands.

    Parameters
    ----------
    log_mel_db : (n_mels, n_frames), decibels.
    n_mfcc : coefficients that are kept, from the 0th (the level) on.

    Returns
    -------
    float32 (n_mfcc, n_frames).

    Raises
    ------
    InvalidArgument : no spectrogram, or more coefficients than bands.
    """
    if log_mel_db.ndim != 2 or not 1 <= n_mfcc <= len(log_mel_db):
        raise InvalidArgument(
            f"{n_mfcc} MFCCs need a spectrogram of at least as many bands, not {log_mel_db.shape}"
        )
    return np.asarray(cosines(len(log_mel_db), n_mfcc) @ log_mel_db.astype(np.float32))


def mfcc_statistics(log_mel_db: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean and deviation of 20 MFCCs and of their change from frame to frame: float32 (80,).

    Parameters
    ----------
    log_mel_db : (n_mels, n_frames), decibels, as ``soundalike.log_mel`` makes it.
    """
    coefficients = mfcc(log_mel_db)
    # One frame has no change: a second one just like it changes by nothing.
    steps = np.diff(coefficients, axis=1, append=coefficients[:, -1:])
    parts = [each for rows in (coefficients, steps) for each in (rows.mean(1), rows.std(1))]
    return np.concatenate(parts).astype(np.float32)


def standardised(statistics: NDArray[np.floating]) -> NDArray[np.float32]:
    """Each column with mean 0 and deviation 1 over the tracks, so that no unit outweighs others.

    Compared by cosine then, as embeddings are. A column that never changes becomes 0.
    """
    deviations = statistics.std(axis=0)
    centred = statistics - statistics.mean(axis=0)
    return np.asarray(centred / np.where(deviations > 1e-9, deviations, np.inf), np.float32)


def mfcc_of_file(
    path: str | os.PathLike[str], _load: Callable[[], object] | None = None
) -> NDArray[np.float32]:
    """:func:`mfcc_statistics` of a file; the signature is that of a call.

    Raises
    ------
    AudioError : the file cannot be decoded.
    """
    return mfcc_statistics(spectrogram_of_file(path).values)
