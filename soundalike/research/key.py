"""Fitting the key estimator to annotated music, and the figure by which it is judged.

The score of an estimate is that of MIREX's contest of key finders: 1 for the key itself, 0.5 a
fifth away in the same mode, 0.3 for the relative key, 0.2 for the parallel one, else 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.descriptors.key import (
    KeyCalibration,
    evidence,
    key_scores,
)
from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.chroma import PITCH_CLASSES
from soundalike.research.logistic import fit_logistic

__all__ = ["Example", "fit_calibration", "key_number", "mirex_score"]

Floats = NDArray[np.float64]

# Albrecht and Shanahan 2013: how often each degree of the scale occurs.
_MAJOR: Final = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR: Final = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
_SHARPNESS: Final = 10.0
_BASS: Final = 0.35
_PENALTY: Final = 1.0
_FOLDS: Final = 10
_SHARPS: Final = {"D#": "Eb", "G#": "Ab", "A#": "Bb", "Db": "C#", "Gb": "F#"}


def key_number(name: str) -> int:
    """0 to 11 for C major to B major, 12 to 23 for C minor to B minor.

    Raises
    ------
    InvalidArgument : no such key.

    >>> key_number("Eb major"), key_number("A# minor")
    (3, 22)
    """
    tonic, _, mode = name.partition(" ")
    tonic = _SHARPS.get(tonic, tonic)
    if tonic not in PITCH_CLASSES or mode not in ("major", "minor"):
        raise InvalidArgument(f"{name!r} is no key: write it such as 'A minor' or 'Eb major'")
    return PITCH_CLASSES.index(tonic) + 12 * (mode == "minor")


def mirex_score(found: int, annotated: int) -> float:
    """How nearly right a key is, both as :func:`key_number` gives them.

    >>> [mirex_score(key_number(each), 0) for each in ("C major", "F major", "A minor", "C minor")]
    [1.0, 0.5, 0.3, 0.2]
    """
    mode, tonic = divmod(found, 12)
    true_mode, true_tonic = divmod(annotated, 12)
    above = (tonic - true_tonic) % 12
    if mode == true_mode:
        return {0: 1.0, 5: 0.5, 7: 0.5}.get(above, 0.0)
    return {0: 0.2, 3 if true_mode else 9: 0.3}.get(above, 0.0)


class Example:
    """An annotated recording.

    Parameters
    ----------
    features : of it, as :func:`soundalike.descriptors.key.key_features` gives them.
    key : its number.
    track : the recording that it is a part of, so that none is on both sides of a fold.
    weight : of it among the others: less for a short passage.
    """

    def __init__(self, features: Floats, key: int, track: str, weight: float = 1.0) -> None:
        self.features, self.key, self.track, self.weight = features, key, track, weight


def fit_calibration(
    examples: Sequence[Example], *, least: float = 0.5, seed: int = 0
) -> KeyCalibration:
    """Fit profiles and confidence.

    The profiles maximise the probability of the annotated keys, with a quadratic penalty on what
    they differ by from the published ones. The confidence is fitted to examples of full weight that
    the profiles were not fitted to, by cross-validation.

    Raises
    ------
    DataError : fewer than 20 tracks.
    """
    tracks = sorted({example.track for example in examples})
    if len(tracks) < 2 * _FOLDS:
        raise DataError(f"{len(tracks)} tracks with a key: at least {2 * _FOLDS} are needed")
    order = np.random.default_rng(seed).permutation(len(tracks))
    signs: list[Floats] = []
    right: list[bool] = []
    for fold in range(_FOLDS):
        held_out = {tracks[i] for i in order[fold::_FOLDS]}
        calibration = _fit_profiles([each for each in examples if each.track not in held_out])
        for example in examples:
            if example.track in held_out and example.weight == 1.0:
                scores = key_scores(example.features, calibration)
                signs.append(evidence(example.features, scores))
                right.append(int(scores.argmax()) == example.key)
    confidence = fit_logistic(np.stack(signs), np.array(right))
    return replace(
        _fit_profiles(examples), confidence=tuple(np.round(confidence, 3).tolist()), least=least
    )


def _fit_profiles(examples: Sequence[Example]) -> KeyCalibration:
    from scipy.optimize import minimize

    start = np.zeros(49)
    for mode, profile in enumerate((_MAJOR, _MINOR)):
        centred = np.asarray(profile) - np.mean(profile)
        unit = _SHARPNESS * centred / np.sqrt(np.square(centred).sum())
        start[24 * mode : 24 * (mode + 1)] = np.concatenate([unit, _BASS * unit])
    weights = np.array([example.weight for example in examples])
    keys = np.array([example.key for example in examples])
    # Column j of a key's rows is what is multiplied by the j-th value of its profile.
    rows = np.stack([_design(example.features) for example in examples])
    numbers = np.arange(len(examples))

    def loss(values: Floats) -> tuple[float, Floats]:
        scores = rows @ values
        scores -= scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        off = np.exp(log_p)
        off[numbers, keys] -= 1.0
        slope = np.einsum("e,ek,ekv->v", weights, off, rows)
        moved = values - start
        value = -(weights * log_p[numbers, keys]).sum() + _PENALTY * moved @ moved
        return float(value), slope + 2 * _PENALTY * moved

    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return _calibration(np.round(found, 2))


def _calibration(values: Floats) -> KeyCalibration:
    numbers = tuple(values.tolist())
    return KeyCalibration(numbers[:24], numbers[24:48], numbers[48], (0.0, 1.0, 0.0))


def _design(features: Floats) -> Floats:
    """The scores of the 24 keys are linear in the 49 values of a calibration: (24, 49)."""
    columns = [key_scores(features, _calibration(unit)) for unit in np.eye(49)]
    return np.stack(columns, axis=1)
