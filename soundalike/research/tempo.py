"""Fitting what the tempo estimator takes from annotated music, and figures of it.

Accuracy 1 is the share of the tracks whose tempo is found within 4 %, accuracy 2 the same where
half, a third, twice and three times the tempo count as well (Gouyon et al.,
IEEE TASLP 14(5), 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.descriptors.tempo import (
    BPM_GRID,
    N_EVIDENCE,
    N_FEATURES,
    TempoCalibration,
    evidence,
)
from soundalike.errors import DataError
from soundalike.research.logistic import fit_logistic

__all__ = ["fit_calibration", "hits"]

Floats = NDArray[np.float64]
FloatArray = NDArray[np.float32]

_TOLERANCE: Final = 0.04
_OCTAVES: Final = (1.0, 2.0, 3.0, 1 / 2, 1 / 3)
# An annotated tempo is not exact either: standard deviation of what is learned from it.
_SPREAD: Final = 0.02
_PENALTY: Final = 0.002
_FOLDS: Final = 10


def hits(found: Sequence[float] | Floats, annotated: Sequence[float] | Floats) -> NDArray[np.bool_]:
    """Which tempi count as right: bool (2, n_tracks), by accuracy 1 and by accuracy 2."""
    ratios = np.asarray(found) / np.asarray(annotated)
    right = np.abs(ratios[None] / np.asarray(_OCTAVES)[:, None] - 1.0) <= _TOLERANCE
    return np.stack([right[0], right.any(axis=0)])


def fit_calibration(
    features: Sequence[FloatArray], bpm: Sequence[float], *, least: float = 0.5, seed: int = 0
) -> TempoCalibration:
    """Fit weights and confidence.

    The weights maximise the probability of the annotated tempi, with a quadratic penalty. The
    confidence is fitted to tracks that the weights were not fitted to, by cross-validation.

    Parameters
    ----------
    features : of each track, as :func:`soundalike.descriptors.tempo.tempo_features` gives them.
    bpm : of each track.
    least : the confidence below which the tempo counts as unknown.
    seed : of the folds.

    Raises
    ------
    DataError : fewer than 20 tracks.
    """
    if len(features) < 2 * _FOLDS:
        raise DataError(f"{len(features)} tracks with a tempo: at least {2 * _FOLDS} are needed")
    tempi = np.asarray(bpm, np.float64)
    means = np.stack([each.mean(axis=0, dtype=np.float64) for each in features])
    order = np.random.default_rng(seed).permutation(len(tempi))
    signs = np.zeros((len(tempi), N_EVIDENCE))
    right = np.zeros(len(tempi), np.bool_)
    for fold in range(_FOLDS):
        held_out = order[fold::_FOLDS]
        fitted_to = np.setdiff1d(order, held_out)
        weights = _fit_weights(means[fitted_to], tempi[fitted_to])
        for track in held_out:
            scores = features[track] @ weights
            signs[track] = evidence(scores)
            found = BPM_GRID[scores.mean(axis=0).argmax()]
            right[track] = hits([found], [tempi[track]])[0, 0]
    return TempoCalibration(
        weights=tuple(np.round(_fit_weights(means, tempi), 4).tolist()),
        confidence=tuple(np.round(fit_logistic(signs, right), 3).tolist()),
        least=least,
    )


def _fit_weights(means: Floats, tempi: Floats) -> Floats:
    from scipy.optimize import minimize

    distance = np.log(BPM_GRID[None] / tempi[:, None])
    target = np.exp(-0.5 * np.square(distance / _SPREAD))
    target /= target.sum(axis=1, keepdims=True)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = means @ weights
        scores -= scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        slope = np.einsum("tg,tgf->f", np.exp(log_p) - target, means) / len(tempi)
        value = -(target * log_p).sum() / len(tempi) + _PENALTY * weights @ weights
        return float(value), slope + 2 * _PENALTY * weights

    found = minimize(loss, np.zeros(N_FEATURES), jac=True, method="L-BFGS-B")
    return np.asarray(found.x)
